/* utf8.c - any bytes as UTF-8 (bench/utf8.h): every one is taken once, and what is cleaned stays clean. */
#include "bench/utf8.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Code points cover the bytes without a gap; one that is not the mark of a fault is encoded by itself. */
static void
check_next(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        const size_t bytes = orr_utf8_next(text + at, length - at, &code_point);
        orr_require(bytes >= 1 && bytes <= 4 && bytes <= length - at, "%zu bytes", bytes);
        orr_require(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff),
                    "no code point: %x", code_point);
        const size_t needs = code_point < 0x80      ? 1
                             : code_point < 0x800   ? 2
                             : code_point < 0x10000 ? 3
                                                    : 4;
        orr_require(needs == bytes || (code_point == ORR_UTF8_REPLACEMENT && bytes == 1),
                    "%x out of %zu bytes", code_point, bytes);
        orr_require(orr_utf8_width(code_point) <= 2, "a very wide character");
        at += bytes;
    }
}

static void
check_clean(const char *text, size_t size)
{
    char *const clean = malloc(size);
    char *const again = malloc(size);
    orr_require(clean && again, "no memory for a text");
    orr_require(orr_utf8_clean(clean, size, text) == clean && strlen(clean) < size, "too long");
    orr_require(fuzz_is_printable(clean, false), "clean, and not printable");
    orr_require(strcmp(orr_utf8_clean(again, size, clean), clean) == 0,
                "cleaned twice, it changes");
    json_t *const judge = json_string(clean);
    orr_require(judge, "jansson calls it broken");
    json_decref(judge);
    free(clean);
    free(again);
}

static void
check_columns(const char *text)
{
    const size_t columns = orr_utf8_columns(text), length = strlen(text);
    orr_require(orr_utf8_fit(text, columns) == length, "it does not fit its own width");
    for (size_t some = 0; some < columns && some < 20; some++) {
        const size_t fits = orr_utf8_fit(text, some);
        char *const begin = fuzz_text((const uint8_t *)text, fits);
        orr_require(fits <= length && orr_utf8_columns(begin) <= some, "wider than asked for");
        free(begin);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = fuzz_text(data, size);
    check_next(text, size);
    check_clean(text, strlen(text) + 1);
    check_clean(text, strlen(text) / 2 + 1);
    check_columns(text);
    free(text);
    return 0;
}
