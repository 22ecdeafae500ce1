/* json_scanner.c - bench/json_scanner: the tokens of good text, and the place of what is bad. */
#include "bench/json_scanner.h"
#include "tests/unit/scratch.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <zlib.h>

TestSuite(json_scanner, .init = scratch_make, .fini = scratch_remove);

enum { WINDOW = 256 << 10 }; /* of the scanner: where it has to refill */

/* Writes what the scanner says in few letters: "{ k:a i:1 } $". */
static void
trace_tokens(struct orr_json_scanner *scanner, char *trace, size_t room)
{
    static const char *const marks[] = {
        [ORR_JSON_ERROR] = "!",       [ORR_JSON_END] = "$",         [ORR_JSON_OBJECT_BEGIN] = "{",
        [ORR_JSON_OBJECT_END] = "}",  [ORR_JSON_ARRAY_BEGIN] = "[", [ORR_JSON_ARRAY_END] = "]",
        [ORR_JSON_KEY] = "k:",        [ORR_JSON_STRING] = "s:",     [ORR_JSON_INTEGER] = "i:",
        [ORR_JSON_NUMBER] = "number", [ORR_JSON_TRUE] = "true",     [ORR_JSON_FALSE] = "false",
        [ORR_JSON_NULL] = "null"};
    enum orr_json_token token;
    size_t used = 0;
    trace[0] = '\0';
    do {
        token = orr_json_next(scanner);
        used += (size_t)snprintf(trace + used, room - used, "%s%s", used ? " " : "", marks[token]);
        if (token == ORR_JSON_KEY || token == ORR_JSON_STRING)
            used += (size_t)snprintf(trace + used, room - used, "%s", scanner->text);
        if (token == ORR_JSON_INTEGER)
            used += (size_t)snprintf(trace + used, room - used, "%s%" PRIu64,
                                     scanner->is_negative ? "-" : "", scanner->integer);
        cr_assert(used < room);
    } while (token != ORR_JSON_END && token != ORR_JSON_ERROR);
}

/* The trace of a file of these bytes; *error tells a refusal. */
static void
trace_bytes(const void *bytes, size_t count, enum orr_json_layout layout, char *trace, size_t room,
            struct orr_error *error)
{
    struct orr_json_scanner scanner;
    const char *path = scratch_write("text.json", bytes, count);
    *error = (struct orr_error){0};
    cr_assert(orr_json_scanner_open(&scanner, path, layout, error) == ORR_OK, "%s", error->message);
    trace_tokens(&scanner, trace, room);
    cr_assert(orr_json_next(&scanner) == (error->status ? ORR_JSON_ERROR : ORR_JSON_END));
    cr_assert(scanner.status == error->status);
    orr_json_scanner_close(&scanner);
}

static void
assert_tokens(const char *text, enum orr_json_layout layout, const char *expected)
{
    struct orr_error error;
    char trace[2000];
    trace_bytes(text, strlen(text), layout, trace, sizeof trace, &error);
    cr_assert_str_eq(trace, expected, "%s: %s, not %s (%s)", text, trace, expected, error.message);
}

static void
assert_refused(const char *bytes, size_t count, uint64_t offset, const char *words)
{
    struct orr_error error;
    char trace[2000], place[40];
    trace_bytes(bytes, count, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
    snprintf(place, sizeof place, ": offset %" PRIu64 ": ", offset);
    cr_assert(trace[strlen(trace) - 1] == '!', "%s was read as %s", bytes, trace);
    cr_assert(error.status == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, place), "%s: %s, not%s", bytes, error.message, place);
    cr_assert(strstr(error.message, words), "%s: %s, not: %s", bytes, error.message, words);
}

Test(json_scanner, good_text_becomes_tokens)
{
    assert_tokens("{}", ORR_JSON_DOCUMENT, "{ } $");
    assert_tokens(" [ ] ", ORR_JSON_DOCUMENT, "[ ] $");
    assert_tokens("0", ORR_JSON_DOCUMENT, "i:0 $");
    assert_tokens("{\"a\":[1,-2,{\"b\":{}}],\"\":null}\n", ORR_JSON_DOCUMENT,
                  "{ k:a [ i:1 i:-2 { k:b { } } ] k: null } $");
    assert_tokens("[true,false,\"x\"]", ORR_JSON_DOCUMENT, "[ true false s:x ] $");
    assert_tokens("\r\n\t[1 ,\n2]", ORR_JSON_DOCUMENT, "[ i:1 i:2 ] $");
}

Test(json_scanner, numbers_are_integers_when_they_can_be)
{
    assert_tokens("[9999999999999999999,-0,10]", ORR_JSON_DOCUMENT,
                  "[ i:9999999999999999999 i:-0 i:10 ] $");
    assert_tokens("[10000000000000000000,1.5,1e3,-2E+2,0.1e-3,1e-400]", ORR_JSON_DOCUMENT,
                  "[ number number number number number number ] $");
}

Test(json_scanner, strings_are_decoded)
{
    assert_tokens("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", ORR_JSON_DOCUMENT, "[ s:\"\\/\b\f\n\r\t ] $");
    assert_tokens("[\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"]", ORR_JSON_DOCUMENT,
                  "[ s:A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ] $");
    assert_tokens("[\"\\ud800x\\udc00\\ud800\\u0041\"]", ORR_JSON_DOCUMENT,
                  "[ s:\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
                  "A ] $");
    assert_tokens("[\"a\\u0000b\"]", ORR_JSON_DOCUMENT, "[ s:a ] $"); /* the trace ends at zero */
}

Test(json_scanner, lines_are_values_of_their_own)
{
    assert_tokens("{\"a\":1}\n{}\n\n[2]", ORR_JSON_LINES, "{ k:a i:1 } { } [ i:2 ] $");
    assert_tokens("1\r\n2\r\n", ORR_JSON_LINES, "i:1 i:2 $");
    assert_tokens("{} {}", ORR_JSON_LINES, "{ } !");
    assert_tokens("{}\n{}", ORR_JSON_DOCUMENT, "{ } !");
}

Test(json_scanner, bad_text_is_refused_with_its_place)
{
    static const struct {
        const char *text;
        uint64_t offset;
        const char *words;
    } cases[] = {
        {" ", 1, "expected a value, but the file ends"},
        {"\xef\xbb\xbf{}", 0, "found the byte 0xef"},
        {"{", 1, "expected a key in quotes, but the file ends"},
        {"{\"a\"", 4, "expected ':' after a key, but the file ends"},
        {"{\"a\" 1}", 5, "expected ':' after a key, found '1'"},
        {"{\"a\":}", 5, "expected a value, found '}'"},
        {"{\"a\":1,}", 7, "expected a key in quotes, found '}'"},
        {"{1:2}", 1, "expected a key in quotes, found '1'"},
        {"{\"a\":1]", 6, "expected ',' or '}', found ']'"},
        {"[1}", 2, "expected ',' or ']', found '}'"},
        {"[1,]", 3, "expected a value, found ']'"},
        {"[,1]", 1, "expected a value, found ','"},
        {"[1 2]", 3, "expected ',' or ']', found '2'"},
        {"[1", 2, "expected ',' or ']', but the file ends"},
        {"]", 0, "expected a value, found ']'"},
        {"[01]", 1, "begins with 0"},
        {"[-]", 1, "a minus sign without a number"},
        {"[+1]", 1, "expected a value, found '+'"},
        {"[.5]", 1, "expected a value, found '.'"},
        {"[1.]", 1, "not complete"},
        {"[1e]", 1, "not complete"},
        {"[1e+]", 1, "not complete"},
        {"[1e400]", 1, "too large"},
        {"[-1e400]", 1, "too large"},
        {"[0x10]", 2, "expected ',' or ']', found 'x'"},
        {"[NaN]", 1, "expected a value, found 'N'"},
        {"[Infinity]", 1, "expected a value, found 'I'"},
        {"[nul]", 1, "expected a value, found 'n'"},
        {"[truely]", 5, "expected ',' or ']', found 'l'"},
        {"['a']", 1, "expected a value, found '''"},
        {"[\"a]", 4, "the file ends within a string"},
        {"[\"a\nb\"]", 3, "control character"},
        {"[\"\\x\"]", 2, "unknown escape"},
        {"[\"\\", 2, "unknown escape"},
        {"[\"\\u12g4\"]", 4, "four hexadecimal digits"},
        {"[\"\\u12", 4, "four hexadecimal digits"},
        {"// a\n[]", 0, "expected a value, found '/'"},
        {"[] x", 3, "expected nothing after the last bracket, found 'x'"},
        {"{}{}", 2, "expected nothing after the last bracket, found '{'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].offset, cases[i].words);
    assert_refused("[1\0]", 4, 2, "found the byte 0x00");
    assert_refused("[\"\0\"]", 5, 2, "control character");
    assert_refused("[]\0", 3, 2, "found the byte 0x00");
    char digits[200] = "[";
    memset(digits + 1, '7', 150);
    assert_refused(digits, strlen(digits), 1, "too long");
}

Test(json_scanner, a_refusal_names_line_and_column)
{
    assert_refused("[1,\n\n  2,\n  x]", 14, 12, "(line 4, column 3)");
    assert_refused("[1 x", 4, 3, "(line 1, column 4)");
}

Test(json_scanner, depth_has_a_limit)
{
    enum { DEEP = 1000000 };
    struct orr_error error;
    char trace[2000], *text = malloc(DEEP);
    memset(text, '[', DEEP);
    for (unsigned depth = ORR_JSON_DEPTH_MAX; depth <= ORR_JSON_DEPTH_MAX + 1; depth++) {
        memset(text + depth, ']', depth);
        trace_bytes(text, 2 * depth, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
        cr_assert((error.status == ORR_OK) == (depth == ORR_JSON_DEPTH_MAX));
        memset(text, '[', DEEP);
    }
    assert_refused(text, DEEP, ORR_JSON_DEPTH_MAX, "nested too deeply");
    free(text);
}

Test(json_scanner, tokens_may_lie_across_the_windows)
{
    static const char value[] =
        "{\"key\\u20ac\\n\":[12345678901234,\"text\\\\\",-1.25e3,true,null]}";
    char expected[200], *text = malloc(WINDOW + sizeof value);
    struct orr_error error;
    trace_bytes(value, sizeof value - 1, ORR_JSON_DOCUMENT, expected, sizeof expected, &error);
    for (size_t before = 0; before < sizeof value + 70; before++) {
        char trace[200];
        memset(text, before % 2 ? ' ' : '\n', WINDOW);
        memcpy(text + WINDOW - before, value, sizeof value - 1);
        const size_t after = before > sizeof value ? 0 : sizeof value - 1 - before;
        trace_bytes(text, WINDOW + (before > sizeof value ? 0 : after), ORR_JSON_DOCUMENT, trace,
                    sizeof trace, &error);
        cr_assert_str_eq(trace, expected, "%zu before the border: %s", before, error.message);
    }
    free(text);
}

Test(json_scanner, a_long_string_is_cut_and_read_to_its_end)
{
    enum { LONG = 3 << 20 };
    struct orr_json_scanner scanner;
    struct orr_error error = {0};
    char *text = malloc(LONG);
    memset(text, 'a', LONG);
    memcpy(text, "[\"", 2);
    memcpy(text + LONG - 6, "\",\"a\"]", 6);
    const char *path = scratch_write("long.json", text, LONG);
    cr_assert(orr_json_scanner_open(&scanner, path, ORR_JSON_DOCUMENT, &error) == ORR_OK);
    cr_assert(orr_json_next(&scanner) == ORR_JSON_ARRAY_BEGIN);
    cr_assert(orr_json_next(&scanner) == ORR_JSON_STRING);
    cr_assert(scanner.is_text_cut && scanner.text_length == ORR_JSON_TEXT_MAX);
    cr_assert(!orr_json_text_is(&scanner, scanner.text));
    cr_assert(orr_json_next(&scanner) == ORR_JSON_STRING);
    cr_assert(!scanner.is_text_cut && orr_json_text_is(&scanner, "a"));
    cr_assert(!orr_json_text_is(&scanner, "") && !orr_json_text_is(&scanner, "ab"));
    orr_json_scanner_close(&scanner);
    free(text);
}

Test(json_scanner, values_can_be_skipped)
{
    static const char text[] = "{\"a\":[1,{\"b\":[\"x\"]}],\"c\":\"y\",\"d\":2,\"e\":[1}";
    struct orr_json_scanner scanner;
    struct orr_error error = {0};
    const char *path = scratch_write("skip.json", text, sizeof text - 1);
    cr_assert(orr_json_scanner_open(&scanner, path, ORR_JSON_DOCUMENT, &error) == ORR_OK);
    cr_assert(orr_json_next(&scanner) == ORR_JSON_OBJECT_BEGIN);
    for (unsigned i = 0; i < 3; i++)
        cr_assert(orr_json_next(&scanner) == ORR_JSON_KEY && orr_json_skip(&scanner));
    cr_assert(orr_json_next(&scanner) == ORR_JSON_KEY && orr_json_text_is(&scanner, "e"));
    cr_assert(!orr_json_skip(&scanner) && scanner.status == ORR_BAD_INPUT);
    cr_assert(orr_json_fail(&scanner, ORR_OUT_OF_MEMORY, "later") == ORR_BAD_INPUT);
    cr_assert(!strstr(error.message, "later"));
    orr_json_scanner_close(&scanner);
}

/* --- gzip ------------------------------------------------------------------------------------- */

/* Packs text as one gzip member behind what is there. */
static size_t
pack(const void *text, size_t count, unsigned char *packed, size_t room)
{
    z_stream deflater = {0};
    cr_assert(deflateInit2(&deflater, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    deflater.next_in = (unsigned char *)text;
    deflater.avail_in = (uInt)count;
    deflater.next_out = packed;
    deflater.avail_out = (uInt)room;
    cr_assert(deflate(&deflater, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&deflater);
    return room - deflater.avail_out;
}

static const char packed_text[] = "[\"some text\",1,2,3]";

Test(json_scanner, gzip_is_unpacked_member_by_member)
{
    struct orr_error error;
    unsigned char packed[200];
    char trace[200];
    size_t count = pack(packed_text, 9, packed, sizeof packed);
    count += pack(packed_text + 9, sizeof packed_text - 10, packed + count, sizeof packed - count);
    trace_bytes(packed, count, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
    cr_assert_str_eq(trace, "[ s:some text i:1 i:2 i:3 ] $", "%s", error.message);
}

Test(json_scanner, damaged_gzip_is_refused)
{
    struct orr_error error;
    unsigned char packed[200];
    char trace[200];
    const size_t count = pack(packed_text, sizeof packed_text - 1, packed, sizeof packed - 1);
    for (size_t length = 2; length < count; length++) {
        trace_bytes(packed, length, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
        cr_assert(error.status == ORR_BAD_INPUT, "%zu bytes were read as %s", length, trace);
        cr_assert(strstr(error.message, "gzip data ends too early"), "%s", error.message);
    }
    packed[count] = 'x';
    trace_bytes(packed, count + 1, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
    cr_assert(strstr(error.message, "something follows"), "%s", error.message);
    for (size_t i = 10; i < count; i++) { /* behind the header, whose name and time may change */
        packed[i] ^= 0x10;
        trace_bytes(packed, count, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
        cr_assert(error.status == ORR_BAD_INPUT ||
                      i == count - 9, /* whose last bits mean nothing */
                  "the change at %zu was not seen", i);
        packed[i] ^= 0x10;
    }
}

Test(json_scanner, a_bomb_is_stopped)
{
    enum { TEXT = 80 << 20, ROOM = 1 << 20 };
    struct orr_error error;
    char trace[200], *text = malloc(TEXT);
    unsigned char *packed = malloc(ROOM);
    memset(text, ' ', TEXT);
    const size_t count = pack(text, TEXT, packed, ROOM);
    trace_bytes(packed, count, ORR_JSON_DOCUMENT, trace, sizeof trace, &error);
    cr_assert(error.status == ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "unpacks to more than 67108864 bytes"), "%s", error.message);
    free(text);
    free(packed);
}
