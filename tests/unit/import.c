/* import.c - bench/import: what dumps become, and what is refused.
 *
 * The dumps are small and written by hand, so that every number can be checked by eye.
 */
#include "bench/import.h"
#include "tests/unit/scratch.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <jansson.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

TestSuite(import, .init = scratch_make, .fini = scratch_remove);

/* Nodes 0 and 1 are synthetic: 0 -> 1, 0 -> A, 1 -> s. A -> s, A -> s, A ~> X (weak). X -> Y, Y -> X:
 * an island. */
#define V8_META                                                                                    \
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\","            \
    "\"edge_count\"],\"node_types\":[[\"hidden\",\"object\",\"synthetic\",\"string\"],\"string\"," \
    "\"number\",\"number\",\"number\"],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"  \
    "\"edge_types\":[[\"property\",\"element\",\"weak\"],\"string_or_number\",\"node\"]},"         \
    "\"node_count\":6,\"edge_count\":8},\n"
#define V8_NODES                                                                                   \
    "\"nodes\":[2,0,1,0,2\n,2,0,3,0,1\n,1,0,5,100,3\n,3,0,7,24,0\n,1,0,9,40,1\n,1,0,11,40,1],\n"
#define V8_EDGES                                                                                   \
    "\"edges\":[1,0,5\n,1,0,10\n,1,0,15\n,0,1,15\n,0,2,15\n,2,3,20\n,0,1,25\n,0,1,20],\n"
#define V8_TAIL "\"locations\":[],\"strings\":[\"\",\"caf\\u00e9\"]}"

static const char v8_dump[] = V8_META V8_NODES V8_EDGES V8_TAIL;

/* 0 is held twice from outside, 1 by 0, 2 and 3 by each other, 4 is immortal and held by 0. */
static const char lines_dump[] =
    "{\"format\":\"pygraph\",\"version\":1,\"python\":\"3.11.2\",\"nodes\":5}\n"
    "{\"id\":0,\"type\":\"dict\",\"size\":64,\"gc\":true,\"rc\":2,\"refs\":[1,4,1]}\n"
    "{\"id\":1,\"type\":\"list\",\"size\":56,\"gc\":true,\"rc\":2,\"refs\":[]}\n"
    "{\"id\":2,\"type\":\"node\",\"size\":48,\"gc\":true,\"rc\":1,\"refs\":[3]}\n"
    "{\"id\":3,\"type\":\"node\",\"size\":48,\"gc\":true,\"rc\":1,\"refs\":[2]}\n"
    "{\"id\":4,\"type\":\"int\",\"size\":28,\"gc\":false,\"rc\":4294967295,\"refs\":[]}\n";

static uint64_t
note(const struct orr_import *import, const char *key)
{
    for (unsigned i = 0; i < import->note_count; i++)
        if (strcmp(import->notes[i].key, key) == 0)
            return import->notes[i].count;
    cr_assert(0, "the report has no %s", key);
    return 0;
}

/* Imports bytes, which must be accepted. */
static void
read_dump(struct orr_import *import, const void *bytes, size_t count)
{
    static struct orr_error error;
    const char *path = scratch_write("dump", bytes, count);
    const enum orr_status status = orr_import_read(import, path, NULL, &error);
    cr_assert(status == ORR_OK, "%s", error.message);
    cr_assert(orr_heap_graph_is_valid(&import->graph));
}

static void
assert_targets(const struct orr_heap_graph *graph, uint32_t node, unsigned count,
               const uint32_t *targets)
{
    cr_assert(graph->first_edge[node + 1] - graph->first_edge[node] == count);
    for (unsigned i = 0; i < count; i++)
        cr_assert(graph->edges[graph->first_edge[node] + i] == targets[i], "%u -> %u", node,
                  graph->edges[graph->first_edge[node] + i]);
}

static void
assert_roots(const struct orr_heap_graph *graph, unsigned count, const uint32_t *roots)
{
    cr_assert(graph->root_count == count, "%u roots", graph->root_count);
    for (unsigned i = 0; i < count; i++)
        cr_assert(graph->roots[i] == roots[i]);
}

/* --- V8 --------------------------------------------------------------------------------------- */

static void
assert_is_v8_dump(const struct orr_import *import)
{
    const struct orr_heap_graph *graph = &import->graph;
    cr_assert(import->nodes_read == 6 && import->edges_read == 8 && import->bytes_read == 204);
    cr_assert(graph->node_count == 4 && graph->edge_count == 4 && graph->type_count == 2);
    assert_targets(graph, 0, 2, (uint32_t[]){1, 1});
    assert_targets(graph, 1, 0, NULL);
    assert_targets(graph, 2, 1, (uint32_t[]){3});
    assert_targets(graph, 3, 1, (uint32_t[]){2});
    assert_roots(graph, 3, (uint32_t[]){0, 1, 2});
    cr_assert_str_eq(graph->type_names[graph->node_type[0]], "object");
    cr_assert_str_eq(graph->type_names[graph->node_type[1]], "string");
    cr_assert(graph->node_bytes[0] == 100 - 16 - 2 * 8 && graph->node_bytes[1] == 24 - 16);
    cr_assert(note(import, "weak_edges") == 1 && note(import, "synthetic_nodes") == 2);
    cr_assert(note(import, "root_edges") == 2 && note(import, "synthetic_edges") == 1);
    cr_assert(note(import, "told") == 2 && note(import, "chosen") == 1);
}

Test(import, a_v8_snapshot_becomes_a_graph)
{
    struct orr_import import;
    read_dump(&import, v8_dump, sizeof v8_dump - 1);
    cr_assert_str_eq(import.format, "v8");
    assert_is_v8_dump(&import);
    orr_import_fini(&import, NULL);
}

Test(import, the_layout_of_a_v8_snapshot_is_its_own_word)
{
    static const char dump[] =
        "{\"snapshot\":{\"node_count\":6,\"title\":\"x\",\"meta\":{\"sample_fields\":[\"a\"],"
        "\"edge_types\":[\"node\",[\"weak\",\"element\"]],\"edge_fields\":[\"to_node\",\"type\"],"
        "\"node_types\":[\"number\",\"number\",\"number\",[\"string\",\"object\",\"synthetic\"]],"
        "\"node_fields\":[\"edge_count\",\"detachedness\",\"self_size\",\"type\"]}},"
        "\"nodes\":[2,0,0,2, 1,-1,0,2, 3,0,100,1, 0,0,24,0, 1,0,40,1, 1,0,40,1],"
        "\"edges\":[4,1, 8,1, 12,1, 12,1, 12,1, 16,0, 20,1, 16,1]}\n";
    struct orr_import import;
    read_dump(&import, dump, sizeof dump - 1);
    assert_is_v8_dump(&import);
    orr_import_fini(&import, NULL);
}

/* Refused as one document or another; with an offset in the message, and nothing left behind. */
static void
assert_refused(const void *bytes, size_t count, const char *words)
{
    struct orr_import import;
    struct orr_error error = {0};
    const char *path = scratch_write("bad", bytes, count);
    cr_assert(orr_import_read(&import, path, NULL, &error) == ORR_BAD_INPUT, "%.*s", (int)count,
              (const char *)bytes);
    cr_assert(strstr(error.message, "bad: offset "), "%s", error.message);
    cr_assert(strstr(error.message, words), "%s, not: %s", error.message, words);
    orr_import_fini(&import, NULL);
}

/* The text with its first `old` replaced. */
static char *
replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    cr_assert(at, "%s", old);
    char *result = malloc(strlen(text) + strlen(new) + 1);
    sprintf(result, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return result;
}

static void
assert_change_refused(const char *text, const char *old, const char *new, const char *words)
{
    char *changed = replaced(text, old, new);
    assert_refused(changed, strlen(changed), words);
    free(changed);
}

Test(import, v8_snapshots_that_contradict_themselves_are_refused)
{
    static const struct {
        const char *old, *new, *words;
    } cases[] = {
        {"\"node_count\":6", "\"node_count\":7", "number of nodes"},
        {"\"node_count\":6", "\"node_count\":-6", "negative"},
        {"\"node_count\":6", "\"node_count\":6e0", "expected a count"},
        {"\"edge_count\":8", "\"edge_count\":9", "not as many as declared"},
        {"\"self_size\"", "\"size\"", "does not say where the nodes"},
        {"\"to_node\"", "\"to\"", "does not say where the edges"},
        {"\"to_node\"", "\"type\"", "declared twice"},
        {"[\"hidden\",\"object\",\"synthetic\",\"string\"]", "\"x\"", "types of nodes"},
        {"[\"property\",\"element\",\"weak\"]", "\"x\"", "types of edges"},
        {"\"string\",\"number\"", "[\"x\"],\"number\"", "more than one field is enumerated"},
        {"\"node_fields\":[", "\"node_fields\":[1,", "expected the name of a field"},
        {"\"node_fields\":[", "\"node_fields\":[[],", "expected the name of a field"},
        {"\"node_types\":[[", "\"node_types\":[[[", "expected the name of a type"},
        {"\"node_types\":[[", "\"node_types\":[1,[", "expected the type of a field"},
        {"\"meta\":{", "\"meta\":[", "expected the object snapshot.meta"},
        {"\"meta\":{", "\"meta\":{\"node_fields\":[\"a\"],", "declared twice"},
        {"\"snapshot\":{", "\"snapshot\":[", "expected the object snapshot"},
        {"\"nodes\":[2,", "\"nodes\":[4,", "a type that snapshot.meta does not name"},
        {"\"nodes\":[2,", "\"nodes\":[-2,", "a type that snapshot.meta does not name"},
        {"\"nodes\":[2,", "\"nodes\":[2.0,", "expected an integer"},
        {"\"nodes\":[2,", "\"nodes\":[1e400,", "too large"},
        {"\"nodes\":[2,", "\"nodes\":[\"2\",", "expected an integer"},
        {"\"nodes\":[2,", "\"nodes\":[2,2,", "ends within a row"},
        {"\"nodes\":[", "\"nodes\":{", "expected the array of nodes"},
        {"1,40,1],", "1,40],", "ends within a row"},
        {"1,0,5,100,3", "1,0,5,-1,3", "impossible size"},
        {"1,0,5,100,3", "1,0,5,9223372036854775808,3", "impossible size"},
        {"1,0,5,100,3", "1,0,5,100,4294967296", "number of edges"},
        {"1,0,5,100,3", "1,0,5,100,2", "more edges than the nodes own"},
        {"1,0,5,100,3", "1,0,5,100,4", "fewer edges than the nodes own"},
        {"\"edges\":[1,0,5", "\"edges\":[1,0,6", "where no node begins"},
        {"\"edges\":[1,0,5", "\"edges\":[1,0,30", "where no node begins"},
        {"\"edges\":[1,0,5", "\"edges\":[1,0,-5", "where no node begins"},
        {"\"edges\":[1,0,5", "\"edges\":[1,0,18446744073709551615", "expected an integer"},
        {"\"edges\":[1,0,5", "\"edges\":[3,0,5", "an edge of a type"},
        {"0,1,20]", "0,1]", "ends within a row"},
        {"\"edges\"", "\"edge\"", "no edges"},
        {"\"nodes\"", "\"node\"", "the edges come before the nodes"},
        {"\"locations\":[]", "\"nodes\":[]", "a second array of nodes"},
        {"\"locations\":[]", "\"edges\":[]", "a second array of edges"},
        {"\"locations\":[]", "\"snapshot\":{}", "a second snapshot"},
        {"\"locations\":[]", "\"locations\":[}", "found '}'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_change_refused(v8_dump, cases[i].old, cases[i].new, cases[i].words);
    static const char twice[] = V8_META V8_NODES V8_EDGES V8_TAIL "\n{}";
    assert_refused(twice, sizeof twice - 1, "nothing after the last bracket");
    static const char early[] = V8_META V8_EDGES V8_NODES V8_TAIL;
    assert_refused(early, sizeof early - 1, "the edges come before the nodes");
    static const char rootless[] = V8_META "\"nodes\":[],\"edges\":[]}";
    assert_refused(rootless, sizeof rootless - 1, "holds no objects");
}

Test(import, every_prefix_of_a_v8_snapshot_is_refused)
{
    for (size_t length = 0; length < sizeof v8_dump - 1; length++)
        assert_refused(v8_dump, length, "");
}

/* --- JSON lines ------------------------------------------------------------------------------- */

static void
assert_is_lines_dump(const struct orr_import *import)
{
    const struct orr_heap_graph *graph = &import->graph;
    cr_assert(import->nodes_read == 5 && import->edges_read == 5 && import->bytes_read == 244);
    cr_assert(graph->node_count == 5 && graph->edge_count == 5 && graph->type_count == 4);
    assert_targets(graph, 0, 3, (uint32_t[]){1, 4, 1});
    assert_targets(graph, 1, 0, NULL);
    assert_targets(graph, 2, 1, (uint32_t[]){3});
    assert_targets(graph, 3, 1, (uint32_t[]){2});
    assert_targets(graph, 4, 0, NULL);
    assert_roots(graph, 2, (uint32_t[]){0, 2});
    cr_assert_str_eq(graph->type_names[graph->node_type[3]], "node");
    cr_assert_str_eq(graph->type_names[graph->node_type[4]], "int");
    cr_assert(graph->node_bytes[0] == 64 - 16 - 3 * 8 && graph->node_bytes[4] == 28 - 16);
    cr_assert(note(import, "tracked") == 4 && note(import, "immortal") == 1);
    cr_assert(note(import, "held_from_outside") == 1 && note(import, "chosen") == 1);
}

Test(import, an_object_graph_becomes_a_graph)
{
    struct orr_import import;
    read_dump(&import, lines_dump, sizeof lines_dump - 1);
    cr_assert_str_eq(import.format, "pygraph");
    cr_assert(note(&import, "recorder_share") == 0);
    assert_is_lines_dump(&import);
    orr_import_fini(&import, NULL);
}

Test(import, objects_may_come_in_any_order)
{
    static const char dump[] =
        "{\"nodes\":5,\"version\":1,\"format\":\"pygraph\"}\n"
        "{\"refs\":[2],\"type\":\"node\",\"size\":48,\"gc\":true,\"rc\":1,\"id\":3}\n"
        "\n"
        "{\"id\":4,\"type\":\"int\",\"size\":28,\"gc\":false,\"rc\":4294967295,\"refs\":[]}\r\n"
        "{\"id\":0,\"type\":\"dict\",\"size\":64,\"gc\":true,\"rc\":2,\"refs\":[1,4,1],\"x\":[{}]}"
        "\n"
        "{\"id\":2,\"type\":\"node\",\"size\":48,\"gc\":true,\"rc\":1,\"refs\":[3]}\n"
        "{\"id\":1,\"type\":\"list\",\"size\":56,\"gc\":true,\"rc\":2,\"refs\":[]}";
    struct orr_import import;
    read_dump(&import, dump, sizeof dump - 1);
    assert_is_lines_dump(&import);
    orr_import_fini(&import, NULL);
}

Test(import, what_the_recorder_held_makes_no_root)
{
    char dump[2000];
    const char *from = lines_dump;
    size_t used = 0;
    for (const char *at; (at = strstr(from, "\"rc\":")); from = at + 5) {
        used += (size_t)sprintf(dump + used, "%.*s\"rc\":", (int)(at - from), from);
        uint64_t count = strtoull(at + 5, (char **)&at, 10);
        used += (size_t)sprintf(dump + used, "%" PRIu64, count + 4);
        from = at;
        at -= 5;
    }
    used += (size_t)sprintf(dump + used, "%s", from);
    struct orr_import import;
    read_dump(&import, dump, used);
    cr_assert(note(&import, "recorder_share") == 4);
    assert_is_lines_dump(&import);
    orr_import_fini(&import, NULL);
}

Test(import, counts_and_tracking_may_be_absent)
{
    static const char dump[] =
        "{\"format\":\"pygraph\",\"version\":1,\"nodes\":2}\n"
        "{\"id\":0,\"type\":\"a\",\"size\":1,\"refs\":[1]}\n"
        "{\"id\":1,\"type\":\"\\u001b[2Jb\\n\",\"size\":5000000000,\"refs\":[1]}\n";
    struct orr_import import;
    read_dump(&import, dump, sizeof dump - 1);
    assert_roots(&import.graph, 1, (uint32_t[]){0});
    cr_assert(import.graph.node_bytes[0] == 0 && import.graph.node_bytes[1] == UINT32_MAX - 24);
    cr_assert(note(&import, "sizes_cut") == 1);
    cr_assert_str_eq(import.graph.type_names[1], "?[2Jb?");
    orr_import_fini(&import, NULL);
}

Test(import, object_graphs_that_contradict_themselves_are_refused)
{
    static const struct {
        const char *old, *new, *words;
    } cases[] = {
        {"pygraph", "rubygraph", "the format is not"},
        {"\"version\":1", "\"version\":2", "not known"},
        {"\"version\":1,", "", "the first line must tell"},
        {",\"nodes\":5", "", "the first line must tell"},
        {"\"nodes\":5", "\"nodes\":0", "the first line must tell"},
        {"\"nodes\":5", "\"nodes\":-5", "expected the number of objects"},
        {"\"nodes\":5", "\"nodes\":99999999999", "expected the number of objects"},
        {"\"nodes\":5", "\"nodes\":6", "ends after 5 of 6 objects"},
        {"\"nodes\":5", "\"nodes\":4", "a reference to an id"},
        {"\"id\":1,", "\"id\":0,", "an earlier object has"},
        {"\"id\":1,", "\"id\":5,", "expected an id"},
        {"\"id\":1,", "\"id\":-1,", "expected an id"},
        {"\"id\":1,", "\"id\":1e0,", "expected an id"},
        {"\"id\":1,", "\"id\":\"1\",", "expected an id"},
        {"\"id\":1,", "\"id\":99999999999999999999,", "expected an id"},
        {"\"id\":1,", "\"id\":1,\"id\":1,", "given twice"},
        {"\"id\":1,", "", "needs id, type, size and refs"},
        {"\"type\":\"list\",", "", "needs id, type, size and refs"},
        {"\"type\":\"list\",", "\"type\":7,", "expected the name of a type"},
        {"\"size\":56", "\"size\":-56", "expected a size"},
        {"\"size\":56", "\"size\":1e400", "too large"},
        {"\"size\":56", "\"size\":NaN", "found 'N'"},
        {"\"size\":56", "\"size\":56,\"x\":1e400", "too large"},
        {"\"gc\":true", "\"gc\":1", "expected true or false"},
        {"\"rc\":2", "\"rc\":null", "expected a reference count"},
        {"\"refs\":[3]", "\"refs\":[5]", "a reference to an id"},
        {"\"refs\":[3]", "\"refs\":[-3]", "a reference to an id"},
        {"\"refs\":[3]", "\"refs\":[3,[]]", "expected the id"},
        {"\"refs\":[3]", "\"refs\":3", "expected an array of ids"},
        {"\"refs\":[3]}", "\"refs\":[3]}}", "expected a new line, found '}'"},
        {"\"refs\":[3]}", "\"refs\":[3]} x", "expected a new line, found 'x'"},
        {"\"refs\":[3]}\n", "\"refs\":[3]}", "expected a new line, found '{'"},
        {"\"refs\":[3]}", "\"refs\":[3]}\n[]", "expected an object"},
        {"{\"id\":2", "{\"x\":{},\"id\"\":2", "found '\"'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_change_refused(lines_dump, cases[i].old, cases[i].new, cases[i].words);
}

Test(import, every_prefix_of_an_object_graph_is_refused)
{
    for (size_t length = 0; length < sizeof lines_dump - 2; length++) /* the last newline may go */
        assert_refused(lines_dump, length, "");
}

Test(import, an_id_that_the_file_is_too_small_for_is_refused)
{
    static const char dump[] = "{\"format\":\"pygraph\",\"version\":1,\"nodes\":4294967294}\n"
                               "{\"id\":4294967293,\"type\":\"a\",\"size\":1,\"refs\":[]}\n";
    assert_refused(dump, sizeof dump - 1, "too much for a file");
}

Test(import, more_types_than_a_graph_can_tell_apart_are_refused)
{
    enum { TYPES = 65537 };
    char *dump = malloc(TYPES * 70);
    size_t used =
        (size_t)sprintf(dump, "{\"format\":\"pygraph\",\"version\":1,\"nodes\":%d}\n", TYPES);
    for (unsigned i = 0; i < TYPES; i++)
        used += (size_t)sprintf(dump + used,
                                "{\"id\":%u,\"type\":\"t%u\",\"size\":1,\"refs\":[]}\n", i, i);
    assert_refused(dump, used, "more than 65536 types");
    free(dump);
}

/* --- roots ------------------------------------------------------------------------------------ */

/* A list as long as `nodes`; its end refers to its beginning when it is a ring. */
static void
read_list(struct orr_import *import, unsigned nodes, unsigned is_ring)
{
    char *dump = malloc(nodes * (size_t)70 + 100);
    size_t used =
        (size_t)sprintf(dump, "{\"format\":\"pygraph\",\"version\":1,\"nodes\":%u}\n", nodes);
    for (unsigned i = 0; i < nodes; i++) {
        const char *next = i + 1 < nodes || is_ring ? "[%u]}\n" : "[]}\n";
        used += (size_t)sprintf(dump + used, "{\"id\":%u,\"type\":\"t\",\"size\":32,\"refs\":",
                                nodes - 1 - i); /* backwards: the hard order */
        used += (size_t)sprintf(dump + used, next, (2 * nodes - 2 - i) % nodes);
    }
    read_dump(import, dump, used);
    free(dump);
}

Test(import, a_list_of_any_length_needs_one_root_and_no_stack)
{
    struct orr_import import;
    const struct rlimit stack = {256 << 10, 256 << 10};
    cr_assert(setrlimit(RLIMIT_STACK, &stack) == 0);
    for (unsigned is_ring = 0; is_ring < 2; is_ring++) {
        read_list(&import, 200000, is_ring);
        cr_assert(import.graph.node_count == 200000 && import.graph.root_count == 1);
        cr_assert(is_ring || import.graph.roots[0] == 199999);
        orr_import_fini(&import, NULL);
    }
}

/* Whether the roots reach every node, by repeating until nothing changes. */
static unsigned
unreached(const struct orr_heap_graph *graph, const unsigned char *without)
{
    unsigned char reached[64] = {0};
    for (uint32_t i = 0; i < graph->root_count; i++)
        reached[graph->roots[i]] = !without || !without[i];
    for (unsigned changed = 1; changed;) {
        changed = 0;
        for (uint32_t i = 0; i < graph->node_count; i++)
            for (uint64_t k = graph->first_edge[i]; reached[i] && k < graph->first_edge[i + 1]; k++)
                if (!reached[graph->edges[k]])
                    changed = reached[graph->edges[k]] = 1;
    }
    unsigned count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++)
        count += !reached[i];
    return count;
}

Test(import, roots_reach_everything_and_none_can_be_spared)
{
    uint64_t state = 88172645463325252u;
    for (unsigned round = 0; round < 400; round++) {
        char dump[8000];
        unsigned char without[64] = {0};
        const unsigned nodes = 1 + round % 40;
        struct orr_import import;
        size_t used =
            (size_t)sprintf(dump, "{\"format\":\"pygraph\",\"version\":1,\"nodes\":%u}\n", nodes);
        for (unsigned i = 0; i < nodes; i++) {
            used +=
                (size_t)sprintf(dump + used, "{\"id\":%u,\"type\":\"t\",\"size\":32,\"refs\":[", i);
            for (unsigned k = 0; k < 2; k++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                if (state >> 62 == 0)
                    used += (size_t)sprintf(dump + used, "%s%u", dump[used - 1] == '[' ? "" : ",",
                                            (unsigned)(state >> 33) % nodes);
            }
            used += (size_t)sprintf(dump + used, "]}\n");
        }
        read_dump(&import, dump, used);
        cr_assert(unreached(&import.graph, NULL) == 0);
        for (uint32_t i = 0; i < import.graph.root_count; i++) {
            without[i] = 1;
            cr_assert(unreached(&import.graph, without) > 0, "root %u can be spared", i);
            without[i] = 0;
        }
        orr_import_fini(&import, NULL);
    }
}

/* --- recognition and the command -------------------------------------------------------------- */

Test(import, strangers_are_named)
{
    static const char hprof[] = "JAVA PROFILE 1.0.2\0\0\0\0\10";
    assert_refused("\xef\xbb\xbf{}", 5, "byte order mark");
    assert_refused("\xff\xfe{\0}\0", 6, "UTF-16");
    assert_refused(hprof, sizeof hprof, "Java heap dump");
    assert_refused("\x89ORH\r\n\x1a\n", 8, "native heap file already");
    assert_refused("{\"a\":1}", 7, "neither a V8 heap snapshot nor");
    assert_refused("{\"a\":1", 6, "the file ends");
    assert_refused("[]", 2, "begins with '{'");
    assert_refused("\0\0\0\0", 4, "found the byte 0x00");
    assert_refused("\n \n", 3, "the file ends");
    assert_refused("", 0, "offset 0: the file is empty");
    assert_refused("\x1f\x8b", 2, "gzip data ends too early");
}

Test(import, deep_nesting_is_refused)
{
    enum { DEEP = 1000000 };
    char *dump = malloc(DEEP);
    memset(dump, '[', DEEP);
    memcpy(dump, "{\"a\":", 5);
    assert_refused(dump, DEEP, "nested too deeply");
    memset(dump, '[', DEEP);
    memcpy(dump, v8_dump, sizeof V8_META - 1);
    memcpy(dump + sizeof V8_META - 1, "\"x\":", 4);
    assert_refused(dump, DEEP, "nested too deeply");
    free(dump);
}

/* Runs the command as the program does; its output goes to the file "out". */
static int
run_command(const char *input, const char *output, const char *option)
{
    char *arguments[] = {(char *)"orrery import", (char *)input,  (char *)"-o",
                         (char *)output,          (char *)option, NULL};
    cr_assert(freopen(scratch_path("out"), "w", stdout));
    const int status = orr_command_import(option ? 5 : 4, arguments);
    fflush(stdout);
    return status;
}

static void
assert_command_refuses(const char *path)
{
    struct stat facts;
    cr_assert(run_command(path, scratch_path("new.heap"), NULL) == 2);
    cr_assert(stat(scratch_path("new.heap"), &facts) != 0);
    cr_assert(stat(scratch_path("out"), &facts) == 0 && facts.st_size == 0);
}

Test(import, the_command_refuses_what_is_no_dump_and_writes_nothing, .timeout = 20)
{
    cr_assert(freopen("/dev/null", "w", stderr));
    assert_command_refuses(scratch_folder);
    assert_command_refuses("/dev/zero");
    assert_command_refuses("/nonexistent");
    cr_assert(mkfifo(scratch_path("pipe"), 0600) == 0);
    assert_command_refuses(scratch_path("pipe"));
    assert_command_refuses(scratch_write("half", v8_dump, sizeof v8_dump / 2));
}

Test(import, the_command_writes_the_heap_and_reports_it)
{
    struct orr_heap_graph graph;
    struct orr_error error = {0};
    size_t count = 0;
    scratch_write("dump", v8_dump, sizeof v8_dump - 1);
    cr_assert(run_command(scratch_path("dump"), scratch_path("new.heap"), NULL) == 0);
    char *text = scratch_read("out", &count);
    cr_assert(strstr(text, "nodes    6\n") && strstr(text, "edges    8\n"), "%s", text);
    cr_assert(strstr(text, "skipped  1 weak edges"), "%s", text);
    cr_assert(strstr(text, "heap     4 nodes, 4 edges, 3 roots"), "%s", text);
    free(text);
    cr_assert(orr_heap_graph_read(scratch_path("new.heap"), &graph, &error) == ORR_OK);
    cr_assert(graph.node_count == 4 && graph.edge_count == 4 && graph.root_count == 3);
    orr_heap_graph_fini(&graph);
}

Test(import, the_report_is_json_when_asked_for)
{
    size_t count = 0;
    unsigned char packed[2000];
    z_stream deflater = {.next_in = (unsigned char *)lines_dump,
                         .avail_in = sizeof lines_dump - 1,
                         .next_out = packed,
                         .avail_out = sizeof packed};
    cr_assert(deflateInit2(&deflater, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    cr_assert(deflate(&deflater, Z_FINISH) == Z_STREAM_END);
    scratch_write("dump", packed, deflater.total_out);
    deflateEnd(&deflater);
    cr_assert(run_command(scratch_path("dump"), scratch_path("new.heap"), "--json") == 0);
    char *text = scratch_read("out", &count);
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(report, "%s", text);
    const char *format = NULL, *packing = NULL;
    int nodes = 0, edges = 0, roots = 0, share = -1;
    cr_assert(json_unpack(report, "{s:s,s:s,s:i,s:i,s:{s:i},s:{s:i}}", "format", &format, "packing",
                          &packing, "nodes", &nodes, "edges", &edges, "heap", "roots", &roots,
                          "noted", "recorder_share", &share) == 0,
              "%s", text);
    cr_assert_str_eq(format, "pygraph");
    cr_assert_str_eq(packing, "gzip");
    cr_assert(nodes == 5 && edges == 5 && roots == 2 && share == 0);
    cr_assert(json_object_get(report, "skipped") == NULL, "nothing was skipped: the key is absent");
    json_decref(report);
    free(text);
}

Test(import, the_command_takes_a_format)
{
    cr_assert(freopen("/dev/null", "w", stderr));
    scratch_write("dump", v8_dump, sizeof v8_dump - 1);
    cr_assert(run_command(scratch_path("dump"), scratch_path("new.heap"), "--format=v8") == 0);
    cr_assert(run_command(scratch_path("dump"), scratch_path("new.heap"), "--format=auto") == 0);
    cr_assert(run_command(scratch_path("dump"), scratch_path("b.heap"), "--format=pygraph") == 2);
}

Test(import, an_unknown_format_is_misuse, .exit_code = 2)
{
    cr_assert(freopen("/dev/null", "w", stderr));
    run_command("dump", "new.heap", "--format=elf");
}

Test(import, a_missing_output_is_misuse, .exit_code = 2)
{
    char *arguments[] = {(char *)"orrery import", (char *)"dump", NULL};
    cr_assert(freopen("/dev/null", "w", stderr));
    orr_command_import(2, arguments);
}
