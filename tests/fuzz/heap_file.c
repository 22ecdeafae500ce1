/* heap_file.c - any bytes as a native heap file (workloads/parts/heap_file.h), and what is planned from it.
 *
 * The mutator takes a file apart into its header and the raw bytes of its sections, changes one thing, and
 * puts it together with the lengths, the places and the checksums that then belong to it, so that the
 * change is what is read, and not the checksum before it.
 */
#include "workloads/parts/heap_file.h"
#include "runtime/assert.h"
#include "runtime/heap_file_layout.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"
#include "workloads/parts/heap_plan.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A plan takes some tens of bytes per object; what is left of the memory for a small file is its room. */
enum { PLANNED_NODES = 20000, SECTION_BYTES = 1 << 16 };

static void
plan_graph(const struct orr_heap_graph *graph)
{
    struct orr_heap_plan plan;
    struct orr_error error = {0};
    const enum orr_status status = orr_heap_plan_make(graph, 16, 8, &plan, &error);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(graph->root_count == 0, "no plan: %s", error.message);
        return;
    }
    orr_require(plan.kept_count <= graph->node_count && plan.mobile_count <= plan.kept_count &&
                    plan.cyclic_count <= plan.mobile_count,
                "a plan of more objects than there are");
    orr_require(plan.cluster_start[plan.cluster_count] == plan.mobile_count,
                "clusters that do not hold every mobile object");
    orr_heap_plan_fini(&plan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_heap_graph graph;
    struct orr_error error = {0};
    const char *const path = fuzz_file(data, size);
    fuzz_memory_mark();
    const uint64_t before = fuzz_memory_now();
    const enum orr_status status = orr_heap_graph_read(path, &graph, &error);
    orr_require(fuzz_memory_peak() - before <= orr_heap_file_memory_limit(size),
                "%llu bytes of memory for a file of %zu",
                (unsigned long long)(fuzz_memory_peak() - before), size);
    if (status != ORR_OK) {
        fuzz_refused_at(status, &error, size);
        orr_require(!graph.type_names && graph.node_count == 0, "a refused graph is not empty");
        return 0;
    }
    fuzz_graph_comes_back(&graph);
    if (graph.node_count <= PLANNED_NODES)
        plan_graph(&graph);
    orr_heap_graph_fini(&graph);
    return 0;
}

/* --- mutation ------------------------------------------------------------------------------------- */

struct section {
    size_t bytes;
    uint8_t raw[SECTION_BYTES];
};

static uint64_t
load(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static void
store(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint8_t *
row_of(uint8_t *header, unsigned section)
{
    return header + HEAP_TABLE_OFFSET + section * HEAP_TABLE_ROW_BYTES;
}

/* Takes a file apart; false if its table leads nowhere. */
static bool
take_apart(const uint8_t *data, size_t size, uint8_t *header, struct section *sections)
{
    if (size < HEAP_HEADER_BYTES)
        return false;
    memcpy(header, data, HEAP_HEADER_BYTES);
    for (unsigned i = 0; i < HEAP_SECTIONS; i++) {
        const uint8_t *const row = row_of(header, i);
        const uint64_t offset = load(row + 8, 8), stored = load(row + 16, 8);
        if (offset > size || stored > size - offset || stored > SECTION_BYTES)
            return false;
        uLongf bytes = SECTION_BYTES;
        if (load(row + 4, 4) == HEAP_AS_IT_IS)
            memcpy(sections[i].raw, data + offset, bytes = stored);
        else if (uncompress(sections[i].raw, &bytes, data + offset, stored) != Z_OK)
            return false;
        sections[i].bytes = bytes;
    }
    return true;
}

static uint32_t
count_numbers(const struct section *section)
{
    uint32_t count = 0;
    for (size_t i = 0; i < section->bytes; i++)
        count += section->raw[i] < 0x80;
    return count;
}

static uint32_t
count_names(const struct section *section)
{
    uint32_t count = 0;
    for (size_t i = 0; i < section->bytes; i += (size_t)section->raw[i] + 1)
        count++;
    return count;
}

/* Makes the counts of the header those of the sections. */
static void
agree_on_counts(uint8_t *header, const struct section *sections)
{
    store(header + 16, count_numbers(&sections[NTYP]), 4);
    store(header + 20, count_names(&sections[TYPE]), 4);
    store(header + 24, count_numbers(&sections[EDGE]), 8);
    store(header + 32, count_numbers(&sections[ROOT]), 4);
}

/* Replaces one number of a section by a neighbour, or by any other one. */
static void
change_number(struct section *section, uint32_t *random)
{
    size_t begin = section->bytes ? fuzz_random(random) % section->bytes : 0, end;
    while (begin > 0 && section->raw[begin - 1] >= 0x80)
        begin--;
    for (end = begin; end < section->bytes && section->raw[end] >= 0x80; end++)
        continue;
    end += end < section->bytes;
    uint8_t number[10];
    unsigned bytes = 0;
    uint64_t value = 0;
    for (size_t at = end; at > begin; at--)
        value = value << 7 | (section->raw[at - 1] & 0x7f);
    value =
        fuzz_random(random) % 2 ? value + fuzz_random(random) % 9 - 4 : fuzz_interesting(random);
    for (; value >= 0x80; value >>= 7)
        number[bytes++] = (uint8_t)(value | 0x80);
    number[bytes++] = (uint8_t)value;
    if (section->bytes - (end - begin) + bytes > SECTION_BYTES)
        return;
    memmove(section->raw + begin + bytes, section->raw + end, section->bytes - end);
    memcpy(section->raw + begin, number, bytes);
    section->bytes = section->bytes - (end - begin) + bytes;
}

/* Puts a file together at `to`; false if it has no room. */
static bool
put_together(uint8_t *header, const struct section *sections, uint8_t *to, size_t most,
             size_t *size)
{
    size_t at = HEAP_HEADER_BYTES;
    if (most < HEAP_HEADER_BYTES)
        return false;
    for (unsigned i = 0; i < HEAP_SECTIONS; i++) {
        uint8_t *const row = row_of(header, i);
        uLongf stored = most - at;
        if (load(row + 4, 4) == HEAP_ZLIB) {
            if (compress(to + at, &stored, sections[i].raw, sections[i].bytes) != Z_OK)
                return false;
        } else if (sections[i].bytes > most - at) {
            return false;
        } else {
            memcpy(to + at, sections[i].raw, stored = sections[i].bytes);
        }
        memcpy(row, orr_heap_section_tags[i], 4);
        store(row + 8, at, 8);
        store(row + 16, stored, 8);
        store(row + 24, sections[i].bytes, 8);
        store(row + 32, crc32(0, to + at, (uInt)stored), 4);
        store(row + 36, 0, 4);
        at += stored;
    }
    *size = at;
    return true;
}

static void
seal(uint8_t *header, uint8_t *to)
{
    store(header + HEAP_CRC_OFFSET, crc32(0, header, HEAP_CRC_OFFSET), 4);
    memcpy(to, header, HEAP_HEADER_BYTES);
}

/* A field of the header becomes another number, under a checksum that agrees. */
static void
change_header(uint8_t *header, uint32_t *random)
{
    static const struct {
        unsigned offset, bytes;
    } counts[] = {{8, 4}, {12, 4}, {16, 4}, {20, 4}, {24, 8}, {32, 4}, {36, 4}},
      fields[] = {{0, 4}, {4, 4}, {8, 8}, {16, 8}, {24, 8}, {32, 4}, {36, 4}};
    const unsigned i = fuzz_random(random) % 7;
    uint8_t *const row = row_of(header, fuzz_random(random) % HEAP_SECTIONS);
    uint8_t *const at =
        fuzz_random(random) % 2 ? header + counts[i].offset : row + fields[i].offset;
    const unsigned bytes = at >= header + HEAP_TABLE_OFFSET ? fields[i].bytes : counts[i].bytes;
    const uint64_t was = load(at, bytes);
    store(at,
          fuzz_random(random) % 2 ? was + fuzz_random(random) % 5 - 2 : fuzz_interesting(random),
          bytes);
}

static void
change_section(struct section *section, uint32_t *random)
{
    if (fuzz_random(random) % 2)
        change_number(section, random);
    else
        section->bytes = LLVMFuzzerMutate(section->raw, section->bytes, SECTION_BYTES);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static struct section sections[HEAP_SECTIONS];
    uint8_t header[HEAP_HEADER_BYTES];
    uint32_t random = fuzz_seed(seed);
    const unsigned choice = fuzz_random(&random) % 16;
    size_t made;
    if (choice == 0 || !take_apart(data, size, header, sections))
        return LLVMFuzzerMutate(data, size, most);
    const unsigned which = fuzz_random(&random) % HEAP_SECTIONS;
    if (choice >= 4)
        change_section(&sections[which], &random);
    if (choice == 4)
        change_section(&sections[(which + 1) % HEAP_SECTIONS], &random);
    if (choice == 5)
        store(row_of(header, which) + 4, load(row_of(header, which) + 4, 4) ^ HEAP_ZLIB, 4);
    if (choice >= 6)
        agree_on_counts(header, sections);
    if (!put_together(header, sections, data, most, &made))
        return LLVMFuzzerMutate(data, size, most);
    if (choice < 4)
        change_header(header, &random);
    seal(header, data);
    return made;
}
