/* json_scanner.c - any bytes as JSON (bench/json_scanner.h), judged beside jansson's reading of them.
 *
 * Both must accept the same texts, but for the limits and liberties that json_scanner.h names. What both
 * accept is written by jansson and scanned again: the tokens must be the same.
 */
#include "bench/json_scanner.h"
#include "bench/json.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

struct scan {
    enum orr_status status;
    struct orr_error error;
    uint64_t digest; /* of the tokens */
    uint64_t tokens;
};

static uint64_t
add_to_digest(uint64_t digest, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        digest = (digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return digest;
}

static void
add_token(struct scan *scan, const struct orr_json_scanner *scanner, enum orr_json_token token)
{
    const uint8_t kind = (uint8_t)token;
    scan->tokens++;
    scan->digest = add_to_digest(scan->digest, &kind, 1);
    if (token == ORR_JSON_KEY || token == ORR_JSON_STRING)
        scan->digest = add_to_digest(scan->digest, scanner->text, scanner->text_length);
    if (token == ORR_JSON_INTEGER) {
        const uint8_t is_below =
            scanner->is_negative && scanner->integer > 0; /* jansson has no -0 */
        scan->digest = add_to_digest(scan->digest, &scanner->integer, sizeof scanner->integer);
        scan->digest = add_to_digest(scan->digest, &is_below, 1);
    }
    if (token == ORR_JSON_KEY || token == ORR_JSON_STRING)
        orr_require(strlen(scanner->text) <= scanner->text_length &&
                        scanner->text_length <= ORR_JSON_TEXT_MAX,
                    "a text longer than itself");
}

static struct scan
scan_bytes(const void *data, size_t size, enum orr_json_layout layout)
{
    static struct orr_json_scanner scanner;
    struct scan scan = {.digest = UINT64_C(14695981039346656037)};
    enum orr_json_token token;
    scan.status = orr_json_scanner_open(&scanner, fuzz_file(data, size), layout, &scan.error);
    if (scan.status != ORR_OK)
        return scan;
    while ((token = orr_json_next(&scanner)) != ORR_JSON_ERROR && token != ORR_JSON_END) {
        orr_require(scanner.depth <= ORR_JSON_DEPTH_MAX, "deeper than its limit");
        add_token(&scan, &scanner, token);
    }
    orr_require((token == ORR_JSON_ERROR) == (scanner.status != ORR_OK), "a refusal kept secret");
    orr_require(token != ORR_JSON_ERROR || orr_json_next(&scanner) == ORR_JSON_ERROR,
                "a token after a refusal");
    scan.status = scanner.status;
    orr_json_scanner_close(&scanner);
    return scan;
}

/* Reading over a document must find the faults that reading it does. */
static bool
is_skipped(const void *data, size_t size)
{
    static struct orr_json_scanner scanner;
    struct orr_error error;
    if (orr_json_scanner_open(&scanner, fuzz_file(data, size), ORR_JSON_DOCUMENT, &error) != ORR_OK)
        return false;
    const bool is_read = orr_json_skip(&scanner) && orr_json_next(&scanner) == ORR_JSON_END;
    orr_json_scanner_close(&scanner);
    return is_read;
}

/* What jansson refuses and the scanner is allowed to take. */
static bool
is_liberty(enum json_error_code code, const uint8_t *data, size_t size)
{
    const bool is_escaped = memchr(data, '\\', size) != NULL;
    return code == json_error_invalid_utf8 || code == json_error_numeric_overflow ||
           code == json_error_null_byte_in_key ||
           (code == json_error_invalid_syntax && is_escaped); /* a surrogate that stands alone */
}

static bool
is_limit(const struct orr_error *error)
{
    return strstr(error->message, "nested too deeply") || strstr(error->message, "too long");
}

static void
check_writing(json_t *value, const struct scan *first)
{
    char *text = NULL;
    size_t bytes = 0;
    struct orr_error error = {0};
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    orr_require(orr_json_write(value, file, false, &error) == ORR_OK, "%s", error.message);
    fclose(file);
    const struct scan again = scan_bytes(text, bytes, ORR_JSON_DOCUMENT);
    orr_require(again.status == ORR_OK, "%s", again.error.message);
    orr_require(again.digest == first->digest && again.tokens == first->tokens,
                "what was written reads differently");
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t trouble;
    const struct scan lines = scan_bytes(data, size, ORR_JSON_LINES);
    const struct scan scan = scan_bytes(data, size, ORR_JSON_DOCUMENT);
    const bool is_packed = size > 1 && data[0] == 0x1f && data[1] == 0x8b;
    const uint64_t most = is_packed ? UINT64_MAX : size;
    if (lines.status != ORR_OK)
        fuzz_refused_at(lines.status, &lines.error, most);
    if (scan.status != ORR_OK)
        fuzz_refused_at(scan.status, &scan.error, most);
    else
        orr_require(lines.status == ORR_OK, "a document that is no line: %s", lines.error.message);
    orr_require(is_skipped(data, size) == (scan.status == ORR_OK), "skipping judges otherwise");
    /* jansson takes a zero for the end of a text, wherever it stands. */
    if (is_packed || (size > 0 && memchr(data, '\0', size)))
        return 0;
    json_t *const value =
        json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &trouble);
    if (value && scan.status != ORR_OK)
        orr_require(is_limit(&scan.error), "jansson reads it: %s", scan.error.message);
    if (!value && scan.status == ORR_OK)
        orr_require(is_liberty(json_error_code(&trouble), data, size), "jansson: %s", trouble.text);
    json_decref(value);
    json_t *const strict =
        json_loadb((const char *)data, size,
                   JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &trouble);
    if (strict && scan.status == ORR_OK && (json_is_object(strict) || json_is_array(strict)))
        check_writing(strict, &scan);
    json_decref(strict);
    return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_json(data, size, most, seed);
}
