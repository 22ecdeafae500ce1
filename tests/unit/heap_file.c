/* heap_file.c - runtime/heap_file and workloads/parts/heap_file: what is written is read back, and nothing else is. */
#include "workloads/parts/heap_file.h"
#include "tests/unit/scratch.h"
#include "workloads/parts/input_file.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

enum { HEADER_BYTES = 284, TABLE = 40, ROW = 40, SECTIONS = 6 };

/* Sanitizers reserve terabytes of addresses, which no limit may forbid. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

TestSuite(heap_file, .init = scratch_make, .fini = scratch_remove);

/* A graph of two types: 0 -> 1, 1; 1 -> 1; 2 -> 0, 3; 3 -> 2; roots 0 and 3. */
static char list[] = "list", naive[] = "na\xc3\xafve";
static char *names[] = {list, naive};
static uint16_t node_type[] = {0, 1, 0, 1};
static uint32_t node_bytes[] = {0, 300, UINT32_MAX, 7};
static uint64_t first_edge[] = {0, 2, 3, 5, 6};
static uint32_t edges[] = {1, 1, 1, 0, 3, 2};
static uint32_t roots[] = {0, 3};
static const struct orr_heap_graph small = {.node_count = 4,
                                            .edge_count = 6,
                                            .root_count = 2,
                                            .type_count = 2,
                                            .type_names = names,
                                            .node_type = node_type,
                                            .node_bytes = node_bytes,
                                            .first_edge = first_edge,
                                            .edges = edges,
                                            .roots = roots};

static void
assert_same(const struct orr_heap_graph *a, const struct orr_heap_graph *b)
{
    cr_assert(a->node_count == b->node_count && a->edge_count == b->edge_count);
    cr_assert(a->root_count == b->root_count && a->type_count == b->type_count);
    for (uint32_t i = 0; i < a->type_count; i++)
        cr_assert_str_eq(a->type_names[i], b->type_names[i]);
    const size_t nodes = a->node_count;
    cr_assert(memcmp(a->node_type, b->node_type, nodes * sizeof *a->node_type) == 0);
    cr_assert(memcmp(a->node_bytes, b->node_bytes, nodes * sizeof *a->node_bytes) == 0);
    cr_assert(memcmp(a->first_edge, b->first_edge, (nodes + 1) * sizeof *a->first_edge) == 0);
    for (uint64_t i = 0; i < a->edge_count; i++)
        cr_assert(a->edges[i] == b->edges[i]);
    for (uint32_t i = 0; i < a->root_count; i++)
        cr_assert(a->roots[i] == b->roots[i]);
}

static void
assert_round_trip(const struct orr_heap_graph *graph)
{
    struct orr_error error = {0};
    struct orr_heap_graph back;
    const char *path = scratch_path("round.heap");
    cr_assert(orr_heap_graph_write(path, graph, &error) == ORR_OK, "%s", error.message);
    cr_assert(orr_heap_graph_read(path, &back, &error) == ORR_OK, "%s", error.message);
    cr_assert(orr_heap_graph_is_valid(&back));
    assert_same(graph, &back);
    orr_heap_graph_fini(&back);
    cr_assert(back.node_count == 0 && back.edges == NULL);
    orr_heap_graph_fini(&back);
}

Test(heap_file, a_graph_comes_back_as_it_was)
{
    assert_round_trip(&small);
    cr_assert(scratch_files(0) == 1, "a temporary file was left");
}

/* xorshift64: the graphs are the same in every run. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
fill_at_random(struct orr_heap_graph *graph, uint64_t *state)
{
    graph->edge_count = 0;
    graph->root_count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const uint64_t degree = next_random(state) % 4 ? next_random(state) % 3 : 20;
        graph->node_type[i] = (uint16_t)(next_random(state) % graph->type_count);
        graph->node_bytes[i] = (uint32_t)(next_random(state) >> (next_random(state) % 64));
        graph->first_edge[i] = graph->edge_count;
        for (uint64_t k = 0; k < degree; k++)
            graph->edges[graph->edge_count++] = (uint32_t)(next_random(state) % graph->node_count);
        if (next_random(state) % 3 == 0)
            graph->roots[graph->root_count++] = i;
    }
    graph->first_edge[graph->node_count] = graph->edge_count;
}

Test(heap_file, random_graphs_come_back_as_they_were)
{
    uint64_t state = 88172645463325252u;
    enum { NODES_MAX = 5000 };
    struct orr_heap_graph graph = {.type_count = 2,
                                   .type_names = names,
                                   .node_type = calloc(NODES_MAX, sizeof(uint16_t)),
                                   .node_bytes = calloc(NODES_MAX, sizeof(uint32_t)),
                                   .first_edge = calloc(NODES_MAX + 1, sizeof(uint64_t)),
                                   .edges = calloc(NODES_MAX * 20, sizeof(uint32_t)),
                                   .roots = calloc(NODES_MAX, sizeof(uint32_t))};
    for (unsigned round = 0; round < 60; round++) {
        graph.node_count = 1 + (uint32_t)(next_random(&state) % (round % 10 ? 30 : NODES_MAX));
        fill_at_random(&graph, &state);
        assert_round_trip(&graph);
    }
    graph.type_names = NULL;
    orr_heap_graph_fini(&graph);
}

Test(heap_file, a_graph_too_regular_to_be_told_from_a_bomb_is_stored_unpacked)
{
    enum { NODES = 8000000 };
    struct orr_heap_graph graph = small;
    graph.node_count = NODES;
    graph.edge_count = graph.root_count = 0;
    graph.node_type = calloc(NODES, sizeof(uint16_t));
    graph.node_bytes = calloc(NODES, sizeof(uint32_t));
    graph.first_edge = calloc(NODES + 1, sizeof(uint64_t));
    assert_round_trip(&graph);
    size_t count = 0;
    char *bytes = scratch_read("round.heap", &count);
    cr_assert(count > 3 * (size_t)NODES);
    free(bytes);
    free(graph.node_type);
    free(graph.node_bytes);
    free(graph.first_edge);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
assert_not_written(const struct orr_heap_graph *graph)
{
    struct orr_error error = {0};
    cr_assert(!orr_heap_graph_is_valid(graph));
    cr_assert(orr_heap_graph_write(scratch_path("bad.heap"), graph, &error) == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "not valid"), "%s", error.message);
    cr_assert(scratch_files(0) == 0);
}

Test(heap_file, an_invalid_graph_is_not_written)
{
    struct orr_heap_graph graph = small;
    graph.node_count = 0;
    assert_not_written(&graph);
    graph = small;
    graph.type_count = 0;
    assert_not_written(&graph);
    graph.type_count = 1; /* nodes have type 1 */
    assert_not_written(&graph);
    graph = small;
    graph.edge_count = 5; /* first_edge says 6 */
    assert_not_written(&graph);
    graph = small;
    uint32_t wild_edges[] = {1, 1, 1, 0, 4, 2};
    graph.edges = wild_edges;
    assert_not_written(&graph);
    graph = small;
    uint32_t repeated_roots[] = {3, 3};
    graph.roots = repeated_roots;
    assert_not_written(&graph);
    graph = small;
    uint64_t falling[] = {0, 3, 2, 5, 6};
    graph.first_edge = falling;
    assert_not_written(&graph);
    graph = small;
    char escape[] = "\x1b[2J";
    char *escapes[] = {list, escape};
    graph.type_names = escapes;
    assert_not_written(&graph);
}

static void
assert_refused_to_write(const char *path, const char *words)
{
    struct orr_error error = {0};
    cr_assert(orr_heap_graph_write(path, &small, &error) == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, words), "%s", error.message);
}

Test(heap_file, what_is_no_file_is_not_replaced)
{
    struct stat facts;
    assert_refused_to_write("/dev/null", "not a regular file");
    cr_assert(stat("/dev/null", &facts) == 0 && S_ISCHR(facts.st_mode));
    assert_refused_to_write(scratch_folder, "not a regular file");
    assert_refused_to_write(scratch_path("no/such/folder.heap"), "No such file or directory");
    cr_assert(scratch_files(0) == 0);
}

Test(heap_file, a_link_stays_and_its_file_is_replaced)
{
    struct stat facts;
    struct orr_error error = {0};
    scratch_write("target.heap", "old", 3);
    cr_assert(symlink("target.heap", scratch_path("link.heap")) == 0);
    cr_assert(orr_heap_graph_write(scratch_path("link.heap"), &small, &error) == ORR_OK);
    cr_assert(lstat(scratch_path("link.heap"), &facts) == 0 && S_ISLNK(facts.st_mode));
    cr_assert(stat(scratch_path("target.heap"), &facts) == 0 && facts.st_size > 3);
    cr_assert(scratch_files(0) == 2);
}

Test(heap_file, a_full_disk_leaves_the_old_file_and_nothing_else)
{
    struct orr_error error = {0};
    struct rlimit old, tiny;
    size_t count = 0;
    scratch_write("kept.heap", "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(getrlimit(RLIMIT_FSIZE, &old) == 0);
    for (rlim_t bytes = 0; bytes < 340; bytes += 20) {
        tiny = old;
        tiny.rlim_cur = bytes;
        cr_assert(setrlimit(RLIMIT_FSIZE, &tiny) == 0);
        const enum orr_status status =
            orr_heap_graph_write(scratch_path("kept.heap"), &small, &error);
        cr_assert(setrlimit(RLIMIT_FSIZE, &old) == 0);
        cr_assert(status == ORR_BAD_INPUT);
        cr_assert(strstr(error.message, "free some space"), "%s", error.message);
    }
    char *bytes = scratch_read("kept.heap", &count);
    cr_assert(count == 3 && memcmp(bytes, "old", 3) == 0 && scratch_files(0) == 1);
    free(bytes);
}

/* --- reading what is damaged ------------------------------------------------------------------ */

/* Reads bytes as a file, which must be refused with these words. */
static void
assert_refused(const unsigned char *bytes, size_t count, const char *words)
{
    struct orr_error error = {0};
    struct orr_heap_graph graph;
    const char *path = scratch_write("bad.heap", bytes, count);
    cr_assert(orr_heap_graph_read(path, &graph, &error) == ORR_BAD_INPUT);
    cr_assert(error.status == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "offset "), "%s", error.message);
    cr_assert(strstr(error.message, words), "%s, not: %s", error.message, words);
    cr_assert(graph.node_count == 0 && graph.edges == NULL && graph.type_names == NULL);
}

static unsigned char *
small_file(size_t *count)
{
    struct orr_error error = {0};
    cr_assert(orr_heap_graph_write(scratch_path("small.heap"), &small, &error) == ORR_OK);
    return (unsigned char *)scratch_read("small.heap", count);
}

Test(heap_file, every_prefix_is_refused)
{
    size_t count = 0;
    unsigned char *bytes = small_file(&count);
    for (size_t length = 0; length < count; length++)
        assert_refused(bytes, length, "");
    bytes = realloc(bytes, count + 1);
    bytes[count] = 0;
    assert_refused(bytes, count + 1, "goes on after its last section");
    free(bytes);
}

Test(heap_file, every_change_of_a_byte_is_refused)
{
    size_t count = 0;
    unsigned char *bytes = small_file(&count);
    for (size_t i = 0; i < count; i++)
        for (unsigned change = 1; change < 256; change += i < HEADER_BYTES ? 1 : 5) {
            bytes[i] ^= (unsigned char)change;
            assert_refused(bytes, count, "");
            bytes[i] ^= (unsigned char)change;
        }
    free(bytes);
}

static void
store(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void
seal(unsigned char *file)
{
    store(file + HEADER_BYTES - 4, crc32(0, file, HEADER_BYTES - 4), 4);
}

/* Changes a field of the header and seals it again: a lie that the checksum does not tell. */
static void
assert_lie_refused(size_t at, uint64_t value, unsigned size, const char *words)
{
    size_t count = 0;
    unsigned char *bytes = small_file(&count);
    store(bytes + at, value, size);
    seal(bytes);
    assert_refused(bytes, count, words);
    free(bytes);
}

Test(heap_file, a_header_that_lies_is_refused_before_memory_is_asked_for)
{
    const struct rlimit tight = {256u << 20, 256u << 20};
    if (!IS_SANITIZED)
        cr_assert(setrlimit(RLIMIT_AS, &tight) == 0);
    assert_lie_refused(8, 2, 4, "version 2");
    assert_lie_refused(12, 7, 4, "not that of version");
    assert_lie_refused(36, 1, 4, "not that of version");
    assert_lie_refused(16, 4000000000u, 4, "too much for a file");
    assert_lie_refused(16, UINT32_MAX, 4, "impossible counts");
    assert_lie_refused(16, 0, 4, "impossible counts");
    assert_lie_refused(20, 65537, 4, "impossible counts");
    assert_lie_refused(20, 0, 4, "impossible counts");
    assert_lie_refused(24, UINT64_MAX, 8, "too much for a file");
    assert_lie_refused(24, UINT64_MAX / 4 + 1, 8, "too much for a file");
    assert_lie_refused(24, 10000000, 8, "cannot have");
    assert_lie_refused(32, 5, 4, "impossible counts");
    for (unsigned row = 0; row < SECTIONS; row++) {
        const size_t at = TABLE + row * ROW;
        assert_lie_refused(at, 0x20202020, 4, "expected the section");
        assert_lie_refused(at + 4, 2, 4, "expected the section");
        assert_lie_refused(at + 8, 0, 8, "does not lie where it must");
        assert_lie_refused(at + 8, UINT64_MAX, 8, "does not lie where it must");
        assert_lie_refused(at + 16, UINT64_MAX, 8, "beyond the end");
        assert_lie_refused(at + 16, 0, 8, "");
        assert_lie_refused(at + 24, UINT64_MAX, 8, "cannot have");
        assert_lie_refused(at + 24, 0, 8, "cannot have");
        assert_lie_refused(at + 32, 0, 4, "checksum differs");
        assert_lie_refused(at + 36, 1, 4, "expected the section");
    }
}

/* The sections of the small graph as they are, unpacked; each test changes one. */
struct recipe {
    struct {
        unsigned char bytes[64];
        size_t count;
        int is_packed;
    } sections[SECTIONS];
};

static const struct recipe small_recipe = {{
    {{4, 'l', 'i', 's', 't', 6, 'n', 'a', 0xc3, 0xaf, 'v', 'e'}, 12, 0},
    {{0, 1, 0, 1}, 4, 0},
    {{0, 0xac, 2, 0xff, 0xff, 0xff, 0xff, 0xf, 7}, 9, 0},
    {{2, 1, 2, 1}, 4, 0},
    {{2, 0, 0, 3, 6, 1}, 6, 0},
    {{0, 2}, 2, 0},
}};

enum { TYPE, NTYP, SIZE, DEGR, EDGE, ROOT };

static size_t
cook(const struct recipe *recipe, const uint64_t *raw_counts, unsigned char *file)
{
    static const char tags[SECTIONS][5] = {"TYPE", "NTYP", "SIZE", "DEGR", "EDGE", "ROOT"};
    size_t end = HEADER_BYTES;
    memset(file, 0, HEADER_BYTES);
    memcpy(file, "\x89ORH\r\n\x1a\n", 8);
    store(file + 8, 1, 4);
    store(file + 12, SECTIONS, 4);
    store(file + 16, small.node_count, 4);
    store(file + 20, small.type_count, 4);
    store(file + 24, small.edge_count, 8);
    store(file + 32, small.root_count, 4);
    for (unsigned i = 0; i < SECTIONS; i++) {
        unsigned char *row = file + TABLE + i * ROW;
        uLongf stored = 256;
        if (recipe->sections[i].is_packed) {
            cr_assert(compress(file + end, &stored, recipe->sections[i].bytes,
                               recipe->sections[i].count) == Z_OK);
        } else {
            stored = recipe->sections[i].count;
            memcpy(file + end, recipe->sections[i].bytes, stored);
        }
        memcpy(row, tags[i], 4);
        store(row + 4, recipe->sections[i].is_packed, 4);
        store(row + 8, end, 8);
        store(row + 16, stored, 8);
        store(row + 24, raw_counts ? raw_counts[i] : recipe->sections[i].count, 8);
        store(row + 32, crc32(0, file + end, (uInt)stored), 4);
        end += stored;
    }
    seal(file);
    return end;
}

Test(heap_file, a_file_made_by_hand_is_read)
{
    struct orr_error error = {0};
    struct orr_heap_graph graph;
    struct recipe recipe = small_recipe;
    unsigned char file[2048];
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        for (unsigned i = 0; i < SECTIONS; i++)
            recipe.sections[i].is_packed = is_packed;
        const char *path = scratch_write("hand.heap", file, cook(&recipe, NULL, file));
        cr_assert(orr_heap_graph_read(path, &graph, &error) == ORR_OK, "%s", error.message);
        assert_same(&small, &graph);
        orr_heap_graph_fini(&graph);
    }
}

/* Replaces the bytes of one section; all checksums are right. */
static void
assert_section_refused(unsigned section, const char *bytes, size_t count, const char *words)
{
    unsigned char file[2048];
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        struct recipe recipe = small_recipe;
        memcpy(recipe.sections[section].bytes, bytes, count);
        recipe.sections[section].count = count;
        recipe.sections[section].is_packed = is_packed;
        assert_refused(file, cook(&recipe, NULL, file), words);
    }
}

Test(heap_file, contents_that_lie_are_refused)
{
    assert_section_refused(TYPE, "\x04list\x06na\xc3\xafv\n", 12, "control characters");
    assert_section_refused(TYPE, "\x04list\x06na\0ive", 12, "control characters");
    assert_section_refused(TYPE, "\x04list\x07naiive", 12, "ends too early");
    assert_section_refused(TYPE, "\x04list\x05naiive", 12, "goes on");
    assert_section_refused(TYPE, "\x04list\x80\x02naiv", 12, "too long");
    assert_section_refused(NTYP, "\0\1\0\2", 4, "a type beyond the last one");
    assert_section_refused(NTYP, "\0\1\0\x81\0", 5, "a type beyond the last one"); /* overlong */
    assert_section_refused(NTYP, "\0\1\0\x81", 4, "ends too early");
    assert_section_refused(NTYP, "\0\1\0\1\1", 5, "goes on");
    assert_section_refused(SIZE, "\0\xac\2\xff\xff\xff\xff\x1f\7", 9, "an impossible size");
    assert_section_refused(SIZE, "\0\xac\2\xff\xff\xff\xff\xff\7", 9, "an impossible size");
    assert_section_refused(DEGR, "\2\1\2\2", 4, "more references");
    assert_section_refused(DEGR, "\2\1\2\0", 4, "fewer references");
    assert_section_refused(EDGE, "\2\0\0\3\x08\1", 6, "a reference beyond the last object");
    assert_section_refused(EDGE, "\1\0\0\3\6\1", 6, "a reference beyond the last object");
    assert_section_refused(EDGE, "\2\0\0\3\xff\xff\xff\xff\x3f\1", 10, "an impossible difference");
    assert_section_refused(ROOT, "\0\3", 2, "a root beyond the last object");
    assert_section_refused(ROOT, "\4\0", 2, "a root beyond the last object");
}

Test(heap_file, a_section_that_unpacks_to_more_or_less_than_told_is_refused)
{
    unsigned char file[2048];
    struct recipe recipe = small_recipe;
    uint64_t raw_counts[SECTIONS];
    for (unsigned i = 0; i < SECTIONS; i++) {
        recipe.sections[i].is_packed = 1;
        raw_counts[i] = recipe.sections[i].count;
    }
    raw_counts[SIZE]--;
    assert_refused(file, cook(&recipe, raw_counts, file), "unpacks to more");
    raw_counts[SIZE] += 2;
    assert_refused(file, cook(&recipe, raw_counts, file), "lengths");
}

static void
assert_unreadable(const char *path, const char *words)
{
    struct orr_error error = {0};
    struct orr_heap_graph graph;
    cr_assert(orr_heap_graph_read(path, &graph, &error) == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, words), "%s", error.message);
}

Test(heap_file, what_is_no_file_is_refused_without_waiting, .timeout = 10)
{
    char long_path[5000];
    assert_unreadable(scratch_path("missing.heap"), "No such file");
    assert_unreadable(scratch_folder, "is a directory");
    assert_unreadable("/dev/zero", "is a device");
    cr_assert(mkfifo(scratch_path("pipe"), 0600) == 0);
    assert_unreadable(scratch_path("pipe"), "is a pipe");
    assert_unreadable(scratch_write("empty.heap", "", 0), "offset 0: the file is empty");
    assert_unreadable(scratch_write("text.heap", "{}", 2), "not a native heap file");
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_unreadable(long_path, "File name too long");
}

Test(heap_file, the_memory_limit_follows_the_size_of_the_file)
{
    cr_assert(orr_input_memory_limit(1) == 64u << 20);
    cr_assert(orr_input_memory_limit(UINT64_C(2) << 20) == UINT64_C(128) << 20);
    cr_assert(orr_input_memory_limit(UINT64_MAX) == UINT64_C(1) << 48);
}
