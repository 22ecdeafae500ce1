/* heap_file_write.c - writes a native heap file, whole or not at all.
 *
 * Owns the temporary file while it writes. One thread per file.
 */
#define _XOPEN_SOURCE 700

#include "runtime/heap_file.h"

#include "runtime/heap_file_layout.h"
#include "runtime/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* One section on its way from numbers to the file. */
struct section_writer {
    FILE *file;
    struct heap_section_row row; /* grows with what was written */
    size_t filled;               /* raw bytes in the window */
    int failure;                 /* errno of the first failure, or 0 */
    z_stream deflater;           /* in use when the row says zlib */
    unsigned char raw[HEAP_WINDOW_BYTES];
    unsigned char stored[HEAP_WINDOW_BYTES];
};

/* errno of a call that failed: never 0, which would mean success. */
static int
last_failure(void)
{
    return errno ? errno : EIO;
}

static void
put_stored(struct section_writer *section, const unsigned char *bytes, size_t count)
{
    section->row.crc = (uint32_t)crc32(section->row.crc, bytes, (uInt)count);
    section->row.stored_bytes += count;
    if (!section->failure && fwrite(bytes, 1, count, section->file) != count) {
        section->failure = last_failure();
    }
}

static void
flush_window(struct section_writer *section, int flush)
{
    section->row.raw_bytes += section->filled;
    if (section->row.encoding == HEAP_AS_IT_IS) {
        put_stored(section, section->raw, section->filled);
        section->filled = 0;
        return;
    }
    z_stream *deflater = &section->deflater;
    deflater->next_in = section->raw;
    deflater->avail_in = (uInt)section->filled;
    do {
        deflater->next_out = section->stored;
        deflater->avail_out = HEAP_WINDOW_BYTES;
        deflate(deflater, flush);
        put_stored(section, section->stored, HEAP_WINDOW_BYTES - deflater->avail_out);
    } while (deflater->avail_out == 0);
    section->filled = 0;
}

static void
put_byte(struct section_writer *section, unsigned char byte)
{
    if (section->filled == HEAP_WINDOW_BYTES) {
        flush_window(section, Z_NO_FLUSH);
    }
    section->raw[section->filled++] = byte;
}

static void
put_number(struct section_writer *section, uint64_t number)
{
    while (number >= 0x80) {
        put_byte(section, (unsigned char)(number | 0x80));
        number >>= 7;
    }
    put_byte(section, (unsigned char)number);
}

static uint64_t
zigzag(int64_t number)
{
    return ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
}

static void
put_type_names(struct section_writer *section, const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->type_count; i++) {
        const char *name = graph->type_names[i];
        put_number(section, strlen(name));
        for (; *name; name++) {
            put_byte(section, (unsigned char)*name);
        }
    }
}

static void
put_node_types(struct section_writer *section, const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        put_number(section, graph->node_type[i]);
    }
}

static void
put_node_bytes(struct section_writer *section, const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        put_number(section, graph->node_bytes[i]);
    }
}

static void
put_degrees(struct section_writer *section, const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        put_number(section, graph->first_edge[i + 1] - graph->first_edge[i]);
    }
}

static void
put_edges(struct section_writer *section, const struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++) {
        int64_t previous = i;
        for (uint64_t k = graph->first_edge[i]; k < graph->first_edge[i + 1]; k++) {
            put_number(section, zigzag((int64_t)graph->edges[k] - previous));
            previous = graph->edges[k];
        }
    }
}

static void
put_roots(struct section_writer *section, const struct orr_heap_graph *graph)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < graph->root_count; i++) {
        put_number(section, graph->roots[i] - next);
        next = graph->roots[i] + 1;
    }
}

/* --- the file --------------------------------------------------------------------------------- */

static void
store_u32(unsigned char *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

static void
store_u64(unsigned char *at, uint64_t value)
{
    store_u32(at, (uint32_t)value);
    store_u32(at + 4, (uint32_t)(value >> 32));
}

static void
fill_header(unsigned char *header, const struct orr_heap_graph *graph,
            const struct heap_section_row *rows)
{
    memcpy(header, HEAP_MAGIC, HEAP_MAGIC_BYTES);
    store_u32(header + 8, HEAP_VERSION);
    store_u32(header + 12, HEAP_SECTIONS);
    store_u32(header + 16, graph->node_count);
    store_u32(header + 20, graph->type_count);
    store_u64(header + 24, graph->edge_count);
    store_u32(header + 32, graph->root_count);
    store_u32(header + 36, 0);
    for (unsigned i = 0; i < HEAP_SECTIONS; i++) {
        unsigned char *row = header + HEAP_TABLE_OFFSET + i * HEAP_TABLE_ROW_BYTES;
        memcpy(row, orr_heap_section_tags[i], 4);
        store_u32(row + 4, rows[i].encoding);
        store_u64(row + 8, rows[i].offset);
        store_u64(row + 16, rows[i].stored_bytes);
        store_u64(row + 24, rows[i].raw_bytes);
        store_u32(row + 32, rows[i].crc);
        store_u32(row + 36, 0);
    }
    store_u32(header + HEAP_CRC_OFFSET, (uint32_t)crc32(0, header, HEAP_CRC_OFFSET));
}

/* Writes one section at the file's position. Returns 0, or the errno of the failure. */
static int
write_section(struct section_writer *section, const struct orr_heap_graph *graph, unsigned which)
{
    static void (*const put_section[HEAP_SECTIONS])(struct section_writer *,
                                                    const struct orr_heap_graph *) = {
        [TYPE] = put_type_names, [NTYP] = put_node_types, [SIZE] = put_node_bytes,
        [DEGR] = put_degrees,    [EDGE] = put_edges,      [ROOT] = put_roots,
    };
    const bool is_packed = section->row.encoding == HEAP_ZLIB;
    memset(&section->deflater, 0, sizeof section->deflater);
    if (is_packed && deflateInit(&section->deflater, Z_DEFAULT_COMPRESSION) != Z_OK) {
        return ENOMEM;
    }
    put_section[which](section, graph);
    flush_window(section, Z_FINISH);
    if (is_packed) {
        deflateEnd(&section->deflater);
    }
    return section->failure;
}

/* Writes all of the file; *file_bytes is its size then. Returns 0, or the errno of the failure. */
static int
write_contents(FILE *file, const struct orr_heap_graph *graph, enum heap_encoding encoding,
               uint64_t *file_bytes)
{
    unsigned char header[HEAP_HEADER_BYTES] = {0};
    struct heap_section_row rows[HEAP_SECTIONS];
    struct section_writer *section = orr_allocate(sizeof *section);
    int failure = section ? 0 : ENOMEM;
    *file_bytes = HEAP_HEADER_BYTES;
    rewind(file);
    if (!failure && fwrite(header, 1, sizeof header, file) != sizeof header) {
        failure = last_failure();
    }
    for (unsigned i = 0; !failure && i < HEAP_SECTIONS; i++) {
        section->file = file;
        section->row = (struct heap_section_row){.encoding = encoding, .offset = *file_bytes};
        section->filled = 0;
        section->failure = 0;
        failure = write_section(section, graph, i);
        rows[i] = section->row;
        *file_bytes += section->row.stored_bytes;
    }
    orr_deallocate(section);
    if (failure) {
        return failure;
    }
    fill_header(header, graph, rows);
    rewind(file);
    const bool is_written = fwrite(header, 1, sizeof header, file) == sizeof header &&
                            fflush(file) == 0 && ftruncate(fileno(file), (off_t)*file_bytes) == 0 &&
                            fsync(fileno(file)) == 0;
    return is_written ? 0 : last_failure();
}

static int
write_packed_or_plain(FILE *file, const struct orr_heap_graph *graph)
{
    uint64_t file_bytes = 0;
    int failure = write_contents(file, graph, HEAP_ZLIB, &file_bytes);
    if (!failure && orr_heap_graph_memory(graph) > orr_heap_file_memory_limit(file_bytes)) {
        failure = write_contents(file, graph, HEAP_AS_IT_IS, &file_bytes);
    }
    return failure;
}

/* Creates a file of an unused name in the folder; `name` is that name then. Not mkstemp, whose files
 * are for the owner's eyes only. Returns the descriptor, or -1. */
static int
create_temporary(const char *folder, char *name, size_t name_bytes)
{
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        snprintf(name, name_bytes, "%s/.orrery-%ld-%u", folder, (long)getpid(), attempt);
        const int descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST) {
            return descriptor;
        }
    }
    return -1;
}

/* Fills the temporary file, which this closes. Returns 0, or the errno of the failure. */
static int
fill_file(int descriptor, const struct orr_heap_graph *graph)
{
    FILE *file = fdopen(descriptor, "w+b");
    if (file == NULL) {
        const int failure = last_failure();
        close(descriptor);
        return failure;
    }
    int failure = write_packed_or_plain(file, graph);
    if (fclose(file) != 0 && !failure) {
        failure = last_failure();
    }
    return failure;
}

/* Makes the new name itself durable. A file system that cannot has no better to offer. */
static void
synchronise_folder(const char *folder)
{
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
}

/* Writes in the folder of `path` and renames. Returns 0, or the errno of the failure. */
static int
replace_file(const char *path, const char *folder, const struct orr_heap_graph *graph)
{
    const size_t name_bytes = strlen(folder) + 64;
    char *name = orr_allocate(name_bytes);
    if (name == NULL) {
        return ENOMEM;
    }
    const int descriptor = create_temporary(folder, name, name_bytes);
    int failure = descriptor >= 0 ? fill_file(descriptor, graph) : last_failure();
    if (!failure && rename(name, path) != 0) {
        failure = last_failure();
    }
    if (!failure) {
        synchronise_folder(folder);
    } else if (descriptor >= 0) {
        unlink(name);
    }
    orr_deallocate(name);
    return failure;
}

static enum orr_status
refuse_to_write(const char *path, int failure, struct orr_error *error)
{
    const bool is_full = failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
    return orr_fail(error, failure == ENOMEM ? ORR_OUT_OF_MEMORY : ORR_BAD_INPUT,
                    "%s: cannot be written: %s%s; nothing was changed", orr_path_tail(path),
                    strerror(failure),
                    is_full ? " (free some space or choose another folder)" : "");
}

enum orr_status
orr_heap_graph_write(const char *path, const struct orr_heap_graph *graph, struct orr_error *error)
{
    struct stat facts;
    if (!orr_heap_graph_is_valid(graph)) {
        return orr_fail(error, ORR_BAD_INPUT, "%s: not written: the graph in memory is not valid",
                        orr_path_tail(path));
    }
    /* A rename would put a file in the place of a device or a pipe. */
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        return orr_fail(error, ORR_BAD_INPUT, "%s: is not a regular file; choose another name",
                        orr_path_tail(path));
    }
    char *target = realpath(path, NULL); /* through a link, to what it names; null: a new file */
    const char *name = target ? target : path;
    const size_t name_bytes = strlen(name) + 1;
    char *folder = orr_allocate(name_bytes);
    const int failure =
        folder ? replace_file(name, dirname(memcpy(folder, name, name_bytes)), graph) : ENOMEM;
    orr_deallocate(folder);
    orr_deallocate(target); /* malloc's, as ours is */
    return failure ? refuse_to_write(path, failure, error) : ORR_OK;
}
