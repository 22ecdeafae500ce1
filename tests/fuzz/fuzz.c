/* fuzz.c - files in memory, and what a refusal and a graph must be; see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include "bench/utf8.h"
#include "runtime/assert.h"
#include "workloads/parts/heap_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- files ---------------------------------------------------------------------------------------- */

const char *
fuzz_file(const void *bytes, size_t size)
{
    static int descriptor = -1;
    static char path[40];
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        orr_require(descriptor >= 0, "no file in memory: %s", strerror(errno));
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    const bool is_written = ftruncate(descriptor, (off_t)size) == 0 &&
                            pwrite(descriptor, bytes, size, 0) == (ssize_t)size;
    orr_require(is_written, "a file in memory: %s", strerror(errno));
    return path;
}

static char folder[64];

static void
remove_folder(void)
{
    char command[sizeof folder + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    orr_require(system(command) == 0, "cannot remove %s", folder);
}

const char *
fuzz_path(const char *name)
{
    static char path[512];
    if (!folder[0]) {
        /* In memory where there is such a place: the writer of heaps synchronises every file. */
        const char *const wanted = getenv("TMPDIR");
        const char *const found = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        const char *const place = wanted && strlen(wanted) < 32 ? wanted : found;
        snprintf(folder, sizeof folder, "%s/orrery-fuzz-XXXXXX", place);
        orr_require(mkdtemp(folder), "%s: %s", folder, strerror(errno));
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
    char *const text = malloc(size + 1);
    orr_require(text, "no memory for an input");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* --- refusals ------------------------------------------------------------------------------------- */

bool
fuzz_is_printable(const char *text, bool has_lines)
{
    const size_t length = strlen(text);
    char *const clean = malloc(length + 1);
    bool is_printable = true;
    orr_require(clean, "no memory for a text");
    orr_utf8_clean(clean, length + 1, text);
    /* The copy has a '?' for each byte that harms, so the two are equally long where it matters. */
    for (size_t from = 0, to = 0; from < length && is_printable; from++, to++)
        is_printable = text[from] == clean[to] || (has_lines && text[from] == '\n');
    free(clean);
    return is_printable;
}

void
fuzz_refused(enum orr_status status, const struct orr_error *error)
{
    orr_require(status > ORR_OK && status <= ORR_CRASHED, "status %d", (int)status);
    orr_require(error->status == status, "status %d, and %d in the error: %s", (int)status,
                (int)error->status, error->message);
    orr_require(error->message[0], "a refusal without a word");
    orr_require(memchr(error->message, '\0', sizeof error->message), "a message without an end");
    orr_require(fuzz_is_printable(error->message, false), "not a printable line: %s",
                error->message);
}

void
fuzz_refused_at(enum orr_status status, const struct orr_error *error, uint64_t most)
{
    fuzz_refused(status, error);
    orr_require(status == ORR_BAD_INPUT, "status %d: %s", (int)status, error->message);
    const char *const word = strstr(error->message, ": offset ");
    orr_require(word, "a refusal that does not say where: %s", error->message);
    char *end;
    const uint64_t offset = strtoull(word + strlen(": offset "), &end, 10);
    orr_require(*end == ':' && end[1] && end[2], "a refusal that does not say what: %s",
                error->message);
    orr_require(offset <= most, "a place beyond the file, which ends at %llu: %s",
                (unsigned long long)most, error->message);
}

/* --- graphs --------------------------------------------------------------------------------------- */

static bool
are_equal(const void *one, const void *other, size_t items, size_t item_bytes)
{
    return items == 0 || memcmp(one, other, items * item_bytes) == 0;
}

static bool
is_same_graph(const struct orr_heap_graph *one, const struct orr_heap_graph *other)
{
    const size_t nodes = one->node_count;
    if (nodes != other->node_count || one->edge_count != other->edge_count ||
        one->root_count != other->root_count || one->type_count != other->type_count)
        return false;
    for (uint32_t i = 0; i < one->type_count; i++)
        if (strcmp(one->type_names[i], other->type_names[i]) != 0)
            return false;
    return are_equal(one->node_type, other->node_type, nodes, sizeof *one->node_type) &&
           are_equal(one->node_bytes, other->node_bytes, nodes, sizeof *one->node_bytes) &&
           are_equal(one->first_edge, other->first_edge, nodes + 1, sizeof *one->first_edge) &&
           are_equal(one->edges, other->edges, one->edge_count, sizeof *one->edges) &&
           are_equal(one->roots, other->roots, one->root_count, sizeof *one->roots);
}

void
fuzz_graph_comes_back(const struct orr_heap_graph *graph)
{
    struct orr_error error = {0};
    struct orr_heap_graph again;
    const char *const path = fuzz_path("graph.heap");
    orr_require(orr_heap_graph_is_valid(graph), "an accepted graph that is not valid");
    orr_require(orr_heap_graph_write(path, graph, &error) == ORR_OK, "%s", error.message);
    orr_require(orr_heap_graph_read(path, &again, &error) == ORR_OK, "%s", error.message);
    orr_require(is_same_graph(graph, &again), "a graph that came back another one");
    orr_heap_graph_fini(&again);
}
