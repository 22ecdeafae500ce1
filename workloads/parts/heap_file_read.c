/* heap_file_read.c - reads a native heap file that anybody may have made or damaged.
 *
 * Owns the descriptor while it reads. One thread per file.
 *
 * Nothing is allocated before the header's checksum, its counts and the memory that they mean have
 * been checked against the size of the file; sections are decoded through a window, never whole, so
 * that what is held is the graph and two windows, whatever a section claims to unpack to.
 */
#define _XOPEN_SOURCE 700

#include "workloads/parts/heap_file.h"

#include "runtime/heap_file_layout.h"
#include "workloads/parts/input_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct heap_reader {
    const char *path;
    int descriptor;
    uint64_t file_bytes;
    struct heap_section_row rows[HEAP_SECTIONS];
    struct orr_heap_graph *graph;
    struct orr_error *error;
};

/* One section on its way from the file to numbers. */
struct section_reader {
    struct heap_reader *file;
    const struct heap_section_row *row;
    const char *tag;
    const unsigned char *cursor; /* next raw byte */
    const unsigned char *end;    /* of the raw bytes in the window */
    uint64_t stored_taken;       /* bytes read from the file */
    uint64_t raw_given;          /* bytes that went through the window */
    uint32_t crc;                /* of the stored bytes read so far */
    enum orr_status status;      /* the first refusal, kept */
    z_stream inflater;           /* in use when the row says zlib */
    bool has_inflater;
    unsigned char stored[HEAP_WINDOW_BYTES];
    unsigned char raw[HEAP_WINDOW_BYTES];
};

static uint32_t
load_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t
load_u64(const unsigned char *at)
{
    return load_u32(at) | (uint64_t)load_u32(at + 4) << 32;
}

static enum orr_status
read_at(struct heap_reader *reader, void *to, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t got =
            pread(reader->descriptor, (char *)to + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, offset + done,
                                  "cannot be read: %s",
                                  got < 0 ? strerror(errno) : "the file ends here");
        }
        done += (size_t)got;
    }
    return ORR_OK;
}

/* --- header ----------------------------------------------------------------------------------- */

static enum orr_status
check_magic(const struct heap_reader *reader, const unsigned char *header)
{
    if (memcmp(header, HEAP_MAGIC, HEAP_MAGIC_BYTES) != 0) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, 0,
                              "this is not a native heap file; make one with `orrery import`");
    }
    if (load_u32(header + 8) != HEAP_VERSION) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, 8,
                              "the file has version %" PRIu32 "; version %u is what is read here",
                              load_u32(header + 8), HEAP_VERSION);
    }
    if (load_u32(header + HEAP_CRC_OFFSET) != crc32(0, header, HEAP_CRC_OFFSET)) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, HEAP_CRC_OFFSET,
                              "the checksum of the header differs: the file is damaged");
    }
    return ORR_OK;
}

static enum orr_status
check_counts(const struct heap_reader *reader, const unsigned char *header)
{
    const struct orr_heap_graph *graph = reader->graph;
    if (load_u32(header + 12) != HEAP_SECTIONS || load_u32(header + 36) != 0) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, 12,
                              "the header is not that of version %u", HEAP_VERSION);
    }
    if (graph->node_count == 0 || graph->node_count > ORR_HEAP_NODES_MAX ||
        graph->type_count == 0 || graph->type_count > ORR_HEAP_TYPES_MAX ||
        graph->root_count > graph->node_count) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, 16,
                              "impossible counts: %" PRIu32 " objects, %" PRIu32 " types, %" PRIu32
                              " roots",
                              graph->node_count, graph->type_count, graph->root_count);
    }
    const uint64_t limit = orr_heap_file_memory_limit(reader->file_bytes);
    if (orr_heap_graph_memory(graph) > limit) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, 16,
                              "%" PRIu32 " objects and %" PRIu64 " references would take more than "
                              "%" PRIu64 " bytes of memory, too much for a file of %" PRIu64
                              " bytes",
                              graph->node_count, graph->edge_count, limit, reader->file_bytes);
    }
    return ORR_OK;
}

/* The fewest and the most raw bytes that a section can have. */
static void
bound_raw_bytes(const struct orr_heap_graph *graph, unsigned section, uint64_t *least,
                uint64_t *most)
{
    const uint64_t items[HEAP_SECTIONS] = {graph->type_count, graph->node_count, graph->node_count,
                                           graph->node_count, graph->edge_count, graph->root_count};
    const uint64_t item_bytes_max =
        section == TYPE ? 2 + ORR_HEAP_TYPE_NAME_MAX : HEAP_NUMBER_BYTES_MAX;
    *least = items[section];
    *most = items[section] * item_bytes_max; /* no overflow: the graph fits into memory */
}

static enum orr_status
read_row(struct heap_reader *reader, const unsigned char *header, unsigned section,
         uint64_t *expected_offset)
{
    const uint64_t at = HEAP_TABLE_OFFSET + section * HEAP_TABLE_ROW_BYTES;
    const unsigned char *bytes = header + at;
    const char *tag = orr_heap_section_tags[section];
    struct heap_section_row *row = &reader->rows[section];
    *row = (struct heap_section_row){.encoding = load_u32(bytes + 4),
                                     .offset = load_u64(bytes + 8),
                                     .stored_bytes = load_u64(bytes + 16),
                                     .raw_bytes = load_u64(bytes + 24),
                                     .crc = load_u32(bytes + 32)};
    uint64_t least = 0, most = 0;
    bound_raw_bytes(reader->graph, section, &least, &most);
    if (memcmp(bytes, tag, 4) != 0 || load_u32(bytes + 36) != 0 || row->encoding > HEAP_ZLIB) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, at,
                              "expected the section %s, as it is or by zlib", tag);
    }
    if (row->offset != *expected_offset || row->stored_bytes > reader->file_bytes - row->offset) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, at + 8,
                              "the section %s does not lie where it must, or beyond the end", tag);
    }
    if (row->raw_bytes < least || row->raw_bytes > most ||
        (row->encoding == HEAP_AS_IT_IS && row->raw_bytes != row->stored_bytes)) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, at + 16,
                              "the section %s cannot have %" PRIu64 " bytes", tag, row->raw_bytes);
    }
    *expected_offset += row->stored_bytes;
    return ORR_OK;
}

static enum orr_status
read_header(struct heap_reader *reader)
{
    unsigned char header[HEAP_HEADER_BYTES] = {0};
    const uint64_t have = reader->file_bytes < sizeof header ? reader->file_bytes : sizeof header;
    enum orr_status status = read_at(reader, header, (size_t)have, 0);
    if (status == ORR_OK && have < sizeof header &&
        memcmp(header, HEAP_MAGIC, have < HEAP_MAGIC_BYTES ? (size_t)have : HEAP_MAGIC_BYTES) ==
            0) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, have,
                              "the file ends within its header");
    }
    if (status == ORR_OK) {
        status = check_magic(reader, header);
    }
    if (status != ORR_OK) {
        return status;
    }
    reader->graph->node_count = load_u32(header + 16);
    reader->graph->type_count = load_u32(header + 20);
    reader->graph->edge_count = load_u64(header + 24);
    reader->graph->root_count = load_u32(header + 32);
    status = check_counts(reader, header);
    uint64_t end = HEAP_HEADER_BYTES;
    for (unsigned i = 0; status == ORR_OK && i < HEAP_SECTIONS; i++) {
        status = read_row(reader, header, i, &end);
    }
    if (status == ORR_OK && end != reader->file_bytes) {
        return orr_input_fail(reader->error, ORR_BAD_INPUT, reader->path, end,
                              "the file goes on after its last section");
    }
    return status;
}

/* --- sections --------------------------------------------------------------------------------- */

static uint64_t
section_offset(const struct section_reader *section)
{
    const uint64_t pending = section->has_inflater ? section->inflater.avail_in
                                                   : (uint64_t)(section->end - section->cursor);
    return section->row->offset + section->stored_taken - pending;
}

/* Keeps the first refusal; later ones are its echoes. */
static void
refuse(struct section_reader *section, const char *reason)
{
    if (section->status == ORR_OK) {
        section->status =
            orr_input_fail(section->file->error, ORR_BAD_INPUT, section->file->path,
                           section_offset(section), "section %s: %s", section->tag, reason);
    }
    section->cursor = section->end;
}

static size_t
take_stored(struct section_reader *section)
{
    const uint64_t left = section->row->stored_bytes - section->stored_taken;
    const size_t bytes = left < HEAP_WINDOW_BYTES ? (size_t)left : HEAP_WINDOW_BYTES;
    section->status = read_at(section->file, section->stored, bytes,
                              section->row->offset + section->stored_taken);
    if (section->status != ORR_OK || bytes == 0) {
        return 0;
    }
    section->crc = (uint32_t)crc32(section->crc, section->stored, (uInt)bytes);
    section->stored_taken += bytes;
    return bytes;
}

static size_t
inflate_window(struct section_reader *section)
{
    z_stream *inflater = &section->inflater;
    inflater->next_out = section->raw;
    inflater->avail_out = HEAP_WINDOW_BYTES;
    while (inflater->avail_out == HEAP_WINDOW_BYTES) {
        if (inflater->avail_in == 0) {
            inflater->next_in = section->stored;
            inflater->avail_in = (uInt)take_stored(section);
        }
        const int result = inflate(inflater, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            break;
        }
        if (result == Z_MEM_ERROR) {
            section->status = ORR_OUT_OF_MEMORY; /* read_sections finds the words */
            return 0;
        }
        if (result != Z_OK) {
            refuse(section, "the compressed data is damaged or cut short");
            return 0;
        }
    }
    return HEAP_WINDOW_BYTES - inflater->avail_out;
}

static bool
refill(struct section_reader *section)
{
    if (section->status != ORR_OK) {
        return false;
    }
    const bool is_plain = !section->has_inflater;
    const size_t bytes = is_plain ? take_stored(section) : inflate_window(section);
    section->cursor = is_plain ? section->stored : section->raw;
    section->end = section->cursor + bytes;
    section->raw_given += bytes;
    if (section->raw_given > section->row->raw_bytes) {
        refuse(section, "it unpacks to more than the header says");
        return false;
    }
    return bytes > 0;
}

static unsigned char
next_byte(struct section_reader *section)
{
    if (section->cursor == section->end && !refill(section)) {
        refuse(section, "it ends too early");
        return 0;
    }
    return *section->cursor++;
}

/* The next number, which must be at most `most`. After a refusal: 0. */
static uint64_t
next_number(struct section_reader *section, uint64_t most, const char *what)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 7 * HEAP_NUMBER_BYTES_MAX; shift += 7) {
        const unsigned char byte = next_byte(section);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) {
            continue;
        }
        if ((byte == 0 && shift > 0) || number > most) {
            break;
        }
        return number;
    }
    refuse(section, what);
    return 0;
}

static enum orr_status
open_section(struct section_reader *section, struct heap_reader *reader, enum heap_section which)
{
    section->file = reader;
    section->row = &reader->rows[which];
    section->tag = orr_heap_section_tags[which];
    section->cursor = section->end = section->stored;
    section->stored_taken = section->raw_given = 0;
    section->crc = 0;
    section->status = ORR_OK;
    section->has_inflater = section->row->encoding == HEAP_ZLIB;
    memset(&section->inflater, 0, sizeof section->inflater);
    if (section->has_inflater && inflateInit(&section->inflater) != Z_OK) {
        section->has_inflater = false;
        return section->status =
                   orr_fail(reader->error, ORR_OUT_OF_MEMORY, "%s: no memory for unpacking",
                            orr_path_tail(reader->path));
    }
    return ORR_OK;
}

/* Ends a section: all its bytes must have been used, and their checksum must be right. */
static enum orr_status
close_section(struct section_reader *section)
{
    if (section->status == ORR_OK && (section->cursor != section->end || refill(section))) {
        refuse(section, "it goes on after its last number");
    }
    if (section->status == ORR_OK &&
        (section->raw_given != section->row->raw_bytes || section->inflater.avail_in != 0 ||
         section->stored_taken != section->row->stored_bytes)) {
        refuse(section, "its lengths are not those of the header");
    }
    if (section->status == ORR_OK && section->crc != section->row->crc) {
        refuse(section, "its checksum differs: the file is damaged");
    }
    if (section->has_inflater) {
        inflateEnd(&section->inflater);
    }
    return section->status;
}

/* --- contents --------------------------------------------------------------------------------- */

static void
read_type_names(struct section_reader *section, struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->type_count && section->status == ORR_OK; i++) {
        char name[ORR_HEAP_TYPE_NAME_MAX];
        const size_t length =
            (size_t)next_number(section, ORR_HEAP_TYPE_NAME_MAX, "a type name is too long");
        for (size_t k = 0; k < length; k++) {
            name[k] = (char)next_byte(section);
        }
        if (section->status == ORR_OK && !orr_heap_type_name_is_valid(name, length)) {
            refuse(section, "a type name holds control characters");
        }
        graph->type_names[i] = calloc(length + 1, 1);
        if (graph->type_names[i] == NULL) {
            section->status = ORR_OUT_OF_MEMORY;
            return;
        }
        memcpy(graph->type_names[i], name, length);
    }
}

static void
read_node_types(struct section_reader *section, struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count && section->status == ORR_OK; i++) {
        graph->node_type[i] =
            (uint16_t)next_number(section, graph->type_count - 1, "a type beyond the last one");
    }
}

static void
read_node_bytes(struct section_reader *section, struct orr_heap_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count && section->status == ORR_OK; i++) {
        graph->node_bytes[i] = (uint32_t)next_number(section, UINT32_MAX, "an impossible size");
    }
}

static void
read_degrees(struct section_reader *section, struct orr_heap_graph *graph)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < graph->node_count && section->status == ORR_OK; i++) {
        const uint64_t left = graph->edge_count - sum;
        graph->first_edge[i] = sum;
        sum += next_number(section, left < UINT32_MAX ? left : UINT32_MAX,
                           "more references than the header says");
    }
    graph->first_edge[graph->node_count] = sum;
    if (sum != graph->edge_count) {
        refuse(section, "fewer references than the header says");
    }
}

static int64_t
unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

static void
read_edges(struct section_reader *section, struct orr_heap_graph *graph)
{
    /* A difference of two indices is below 2^32, so its zigzag form is below 2^33. */
    const uint64_t most = UINT64_C(0x1ffffffff);
    for (uint32_t i = 0; i < graph->node_count && section->status == ORR_OK; i++) {
        int64_t target = i;
        for (uint64_t k = graph->first_edge[i]; k < graph->first_edge[i + 1]; k++) {
            target += unzigzag(next_number(section, most, "an impossible difference"));
            if (target < 0 || target >= (int64_t)graph->node_count) {
                refuse(section, "a reference beyond the last object");
                return;
            }
            graph->edges[k] = (uint32_t)target;
        }
    }
}

static void
read_roots(struct section_reader *section, struct orr_heap_graph *graph)
{
    uint64_t next = 0; /* the smallest node that may follow */
    for (uint32_t i = 0; i < graph->root_count && section->status == ORR_OK; i++) {
        next += next_number(section, UINT32_MAX, "an impossible difference");
        if (next >= graph->node_count) {
            refuse(section, "a root beyond the last object");
            return;
        }
        graph->roots[i] = (uint32_t)next++;
    }
}

static bool
allocate_graph(struct orr_heap_graph *graph)
{
    const size_t nodes = graph->node_count;
    /* One more item where there may be none: a null pointer means no memory, and nothing else. */
    graph->type_names = calloc(graph->type_count, sizeof *graph->type_names);
    graph->node_type = malloc(nodes * sizeof *graph->node_type);
    graph->node_bytes = malloc(nodes * sizeof *graph->node_bytes);
    graph->first_edge = malloc((nodes + 1) * sizeof *graph->first_edge);
    graph->edges = malloc(((size_t)graph->edge_count + 1) * sizeof *graph->edges);
    graph->roots = malloc(((size_t)graph->root_count + 1) * sizeof *graph->roots);
    return graph->type_names && graph->node_type && graph->node_bytes && graph->first_edge &&
           graph->edges && graph->roots;
}

static enum orr_status
read_sections(struct heap_reader *reader)
{
    static void (*const read_section[HEAP_SECTIONS])(struct section_reader *,
                                                     struct orr_heap_graph *) = {
        [TYPE] = read_type_names, [NTYP] = read_node_types, [SIZE] = read_node_bytes,
        [DEGR] = read_degrees,    [EDGE] = read_edges,      [ROOT] = read_roots,
    };
    struct section_reader *section = malloc(sizeof *section);
    enum orr_status status = section && allocate_graph(reader->graph) ? ORR_OK : ORR_OUT_OF_MEMORY;
    for (unsigned i = 0; status == ORR_OK && i < HEAP_SECTIONS; i++) {
        status = open_section(section, reader, (enum heap_section)i);
        if (status == ORR_OK) {
            read_section[i](section, reader->graph);
            status = close_section(section);
        }
    }
    free(section);
    if (status == ORR_OUT_OF_MEMORY) {
        return orr_fail(reader->error, status,
                        "%s: no memory for %" PRIu32 " objects and %" PRIu64 " references",
                        orr_path_tail(reader->path), reader->graph->node_count,
                        reader->graph->edge_count);
    }
    return status;
}

enum orr_status
orr_heap_graph_read(const char *path, struct orr_heap_graph *graph, struct orr_error *error)
{
    *graph = (struct orr_heap_graph){0};
    struct heap_reader reader = {.path = path, .graph = graph, .error = error};
    enum orr_status status = orr_input_open(path, &reader.descriptor, &reader.file_bytes, error);
    if (status != ORR_OK) {
        return status;
    }
    status = read_header(&reader);
    if (status == ORR_OK) {
        status = read_sections(&reader);
    }
    close(reader.descriptor);
    if (status != ORR_OK) {
        orr_heap_graph_fini(graph);
    }
    return status;
}
