/* json_scanner.c - the grammar of JSON over a moving window.
 *
 * The window always holds LOOKAHEAD bytes beyond the cursor, or the end of the text, when a token
 * begins. So numbers and words are read without asking for the end: the zero byte behind the window
 * stops them. Only strings and white space can be longer, and they refill.
 */
#include "bench/json_scanner.h"

#include "workloads/parts/input_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 256 KiB: the system call per window is then lost in the noise of scanning it. */
#define WINDOW_BYTES (UINT32_C(256) << 10)
#define LOOKAHEAD 64u

_Static_assert(ORR_JSON_NUMBER_MAX < LOOKAHEAD, "a number must fit into the lookahead");
_Static_assert(ORR_JSON_DEPTH_MAX <= 64, "one bit per open bracket");

enum expectation {
    VALUE,
    VALUE_OR_CLOSE, /* just after [ */
    KEY,
    KEY_OR_CLOSE, /* just after { */
    AFTER_VALUE,  /* comma, closing bracket, or the end of a document */
};

/* What peek gives where there is no character. */
enum { END_OF_TEXT = -1, REFUSED = -2 };

enum orr_status
orr_json_scanner_open(struct orr_json_scanner *scanner, const char *path,
                      enum orr_json_layout layout, struct orr_error *error)
{
    memset(scanner, 0, sizeof *scanner);
    const enum orr_status status = orr_byte_source_open(&scanner->source, path, error);
    if (status != ORR_OK) {
        return status;
    }
    scanner->buffer = malloc(WINDOW_BYTES + 1);
    if (scanner->buffer == NULL) {
        orr_byte_source_close(&scanner->source);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "%s: no memory for reading",
                        orr_path_tail(path));
    }
    scanner->layout = layout;
    scanner->error = error;
    scanner->cursor = scanner->end = scanner->buffer;
    scanner->buffer[0] = 0;
    scanner->line = 1;
    scanner->expected = VALUE;
    scanner->is_text_wanted = true;
    return ORR_OK;
}

void
orr_json_scanner_close(struct orr_json_scanner *scanner)
{
    orr_byte_source_close(&scanner->source);
    free(scanner->buffer);
    scanner->buffer = NULL;
}

/* --- refusals --------------------------------------------------------------------------------- */

static uint64_t
cursor_offset(const struct orr_json_scanner *scanner)
{
    return scanner->base + (uint64_t)(scanner->cursor - scanner->buffer);
}

static void
refuse_at(struct orr_json_scanner *scanner, enum orr_status status, uint64_t offset,
          const char *reason)
{
    if (scanner->status != ORR_OK) {
        return;
    }
    scanner->status = status;
    orr_input_fail(scanner->error, status, scanner->source.path, offset,
                   "%s (line %" PRIu64 ", column %" PRIu64 "%s)", reason, scanner->line,
                   offset - scanner->line_start + 1,
                   scanner->source.is_packed ? ", after unpacking" : "");
}

static enum orr_json_token
refuse(struct orr_json_scanner *scanner, const char *reason)
{
    refuse_at(scanner, ORR_BAD_INPUT, cursor_offset(scanner), reason);
    return ORR_JSON_ERROR;
}

enum orr_status
orr_json_fail(struct orr_json_scanner *scanner, enum orr_status status, const char *format, ...)
{
    char reason[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    refuse_at(scanner, status, scanner->token_offset, reason);
    return scanner->status;
}

/* "expected X, found Y", with Y fit to be printed. */
static enum orr_json_token
refuse_found(struct orr_json_scanner *scanner, const char *expected, int found)
{
    char reason[120];
    if (found == REFUSED) {
        return ORR_JSON_ERROR;
    }
    if (found == END_OF_TEXT) {
        snprintf(reason, sizeof reason, "expected %s, but the file ends", expected);
    } else if (found > 0x20 && found < 0x7f) {
        snprintf(reason, sizeof reason, "expected %s, found '%c'", expected, found);
    } else {
        snprintf(reason, sizeof reason, "expected %s, found the byte 0x%02x", expected,
                 (unsigned)found);
    }
    return refuse(scanner, reason);
}

/* --- the window ------------------------------------------------------------------------------- */

/* Moves what is left to the front and fills up behind it. False after a refusal. */
static bool
refill(struct orr_json_scanner *scanner)
{
    const size_t left = (size_t)(scanner->end - scanner->cursor);
    scanner->base = cursor_offset(scanner);
    memmove(scanner->buffer, scanner->cursor, left);
    size_t filled = left;
    while (filled < left + LOOKAHEAD && !scanner->is_last_window) {
        size_t got = 0;
        scanner->status = orr_byte_source_read(&scanner->source, scanner->buffer + filled,
                                               WINDOW_BYTES - filled, &got);
        scanner->is_last_window = scanner->status != ORR_OK || got == 0;
        filled += got;
    }
    scanner->cursor = scanner->buffer;
    scanner->end = scanner->buffer + filled;
    scanner->buffer[filled] = 0;
    return scanner->status == ORR_OK;
}

static bool
is_short_of(const struct orr_json_scanner *scanner, size_t bytes)
{
    return (size_t)(scanner->end - scanner->cursor) < bytes && !scanner->is_last_window;
}

static void
skip_spaces(struct orr_json_scanner *scanner)
{
    for (;; scanner->cursor++) {
        const unsigned char byte = *scanner->cursor;
        if (byte == '\n') {
            scanner->line++;
            scanner->line_start = cursor_offset(scanner) + 1;
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            return;
        }
    }
}

static int
peek_slow(struct orr_json_scanner *scanner)
{
    skip_spaces(scanner);
    while (is_short_of(scanner, LOOKAHEAD)) {
        if (!refill(scanner)) {
            return REFUSED;
        }
        skip_spaces(scanner);
    }
    return scanner->cursor == scanner->end ? END_OF_TEXT : *scanner->cursor;
}

/* The first character of the next token, not taken, with LOOKAHEAD bytes behind it in the window. */
static inline int
peek(struct orr_json_scanner *scanner)
{
    const bool is_near_end = scanner->end - scanner->cursor < (ptrdiff_t)LOOKAHEAD;
    return *scanner->cursor <= ' ' || is_near_end ? peek_slow(scanner) : *scanner->cursor;
}

/* --- strings ---------------------------------------------------------------------------------- */

static void
keep_text(struct orr_json_scanner *scanner, const void *bytes, size_t count)
{
    if (!scanner->is_text_wanted) {
        return;
    }
    const size_t room = ORR_JSON_TEXT_MAX - scanner->text_length;
    scanner->is_text_cut |= count > room;
    const size_t kept = count < room ? count : room;
    memcpy(scanner->text + scanner->text_length, bytes, kept);
    scanner->text_length += kept;
}

static void
keep_code_point(struct orr_json_scanner *scanner, uint32_t point)
{
    unsigned char bytes[4];
    if (point < 0x80) {
        bytes[0] = (unsigned char)point;
        keep_text(scanner, bytes, 1);
    } else if (point < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | point >> 6);
        bytes[1] = (unsigned char)(0x80 | (point & 0x3f));
        keep_text(scanner, bytes, 2);
    } else if (point < 0x10000) {
        bytes[0] = (unsigned char)(0xe0 | point >> 12);
        bytes[1] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (point & 0x3f));
        keep_text(scanner, bytes, 3);
    } else {
        bytes[0] = (unsigned char)(0xf0 | point >> 18);
        bytes[1] = (unsigned char)(0x80 | (point >> 12 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (point >> 6 & 0x3f));
        bytes[3] = (unsigned char)(0x80 | (point & 0x3f));
        keep_text(scanner, bytes, 4);
    }
}

/* The four hexadecimal digits at `at`, or -1. */
static int32_t
hexadecimal(const unsigned char *at)
{
    int32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned char digit = at[i];
        const bool is_decimal = digit >= '0' && digit <= '9';
        const unsigned char lower = digit | 0x20;
        if (!is_decimal && (lower < 'a' || lower > 'f')) {
            return -1;
        }
        value = value << 4 | (is_decimal ? digit - '0' : lower - 'a' + 10);
    }
    return value;
}

/* After \u, with the window reaching over two such escapes. */
static bool
scan_unicode_escape(struct orr_json_scanner *scanner)
{
    const int32_t first = hexadecimal(scanner->cursor);
    if (first < 0) {
        refuse(scanner, "expected four hexadecimal digits after \\u");
        return false;
    }
    scanner->cursor += 4;
    uint32_t point = (uint32_t)first;
    if (first >= 0xd800 && first < 0xdc00 && scanner->cursor[0] == '\\' &&
        scanner->cursor[1] == 'u') {
        const int32_t second = hexadecimal(scanner->cursor + 2);
        if (second >= 0xdc00 && second < 0xe000) {
            point = 0x10000 + (((uint32_t)first & 0x3ff) << 10) + ((uint32_t)second & 0x3ff);
            scanner->cursor += 6;
        }
    }
    keep_code_point(scanner, point >= 0xd800 && point < 0xe000 ? 0xfffd : point);
    return true;
}

static bool
scan_escape(struct orr_json_scanner *scanner)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (is_short_of(scanner, LOOKAHEAD) && !refill(scanner)) {
        return false;
    }
    const unsigned char letter = scanner->cursor[1];
    if (letter == 'u') {
        scanner->cursor += 2;
        return scan_unicode_escape(scanner);
    }
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (found == NULL) {
        refuse(scanner, "unknown escape sequence in a string");
        return false;
    }
    keep_text(scanner, &meanings[found - letters], 1);
    scanner->cursor += 2;
    return true;
}

/* From the opening quote to behind the closing one. */
static bool
scan_string(struct orr_json_scanner *scanner)
{
    scanner->text_length = 0;
    scanner->is_text_cut = false;
    scanner->cursor++;
    for (;;) {
        const unsigned char *start = scanner->cursor, *at = start;
        while (*at >= 0x20 && *at != '"' && *at != '\\') {
            at++;
        }
        keep_text(scanner, start, (size_t)(at - start));
        scanner->cursor = at;
        if (*at == '"') {
            scanner->cursor++;
            scanner->text[scanner->text_length] = '\0';
            return true;
        }
        if (*at == '\\') {
            if (!scan_escape(scanner)) {
                return false;
            }
        } else if (at < scanner->end) {
            refuse(scanner, "control character in a string");
            return false;
        } else if (scanner->is_last_window) {
            refuse(scanner, "the file ends within a string");
            return false;
        } else if (!refill(scanner)) {
            return false;
        }
    }
}

/* --- numbers and words ------------------------------------------------------------------------ */

static const unsigned char *
skip_digits(const unsigned char *at)
{
    while (*at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* After the digits of the whole part: a fraction, an exponent, or more digits than 64 bits hold. */
static enum orr_json_token
scan_other_number(struct orr_json_scanner *scanner, const unsigned char *at)
{
    bool is_complete = true;
    if (*at == '.') {
        const unsigned char *digits = at + 1;
        at = skip_digits(digits);
        is_complete = at > digits;
    }
    if (is_complete && (*at == 'e' || *at == 'E')) {
        const unsigned char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
        at = skip_digits(digits);
        is_complete = at > digits;
    }
    if (at - scanner->cursor > (ptrdiff_t)ORR_JSON_NUMBER_MAX) {
        return refuse(scanner, "a number that is too long");
    }
    if (!is_complete) {
        return refuse(scanner, "a number that is not complete");
    }
    if (!isfinite(strtod((const char *)scanner->cursor, NULL))) {
        return refuse(scanner, "a number that is too large");
    }
    scanner->cursor = at;
    return ORR_JSON_NUMBER;
}

static enum orr_json_token
scan_number(struct orr_json_scanner *scanner)
{
    const unsigned char *at = scanner->cursor;
    scanner->is_negative = *at == '-';
    at += scanner->is_negative;
    const unsigned char *digits = at;
    uint64_t value = 0; /* wraps only where there are too many digits to be an integer */
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == digits) {
        return refuse(scanner, "a minus sign without a number");
    }
    if (*digits == '0' && at - digits > 1) {
        return refuse(scanner, "a number that begins with 0");
    }
    if (at - digits > (ptrdiff_t)ORR_JSON_DIGITS_MAX || *at == '.' || *at == 'e' || *at == 'E') {
        return scan_other_number(scanner, at);
    }
    scanner->integer = value;
    scanner->cursor = at;
    return ORR_JSON_INTEGER;
}

static enum orr_json_token
scan_word(struct orr_json_scanner *scanner, int found)
{
    static const struct {
        const char *word;
        size_t length;
        enum orr_json_token token;
    } words[] = {
        {"true", 4, ORR_JSON_TRUE}, {"false", 5, ORR_JSON_FALSE}, {"null", 4, ORR_JSON_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp((const char *)scanner->cursor, words[i].word, words[i].length) == 0) {
            scanner->cursor += words[i].length;
            return words[i].token;
        }
    }
    return refuse_found(scanner, "a value", found);
}

/* --- the grammar ------------------------------------------------------------------------------ */

static bool
is_in_object(const struct orr_json_scanner *scanner)
{
    return scanner->is_object & 1;
}

static void
end_value(struct orr_json_scanner *scanner)
{
    scanner->expected = AFTER_VALUE;
    scanner->value_line = scanner->line;
}

static enum orr_json_token
open_bracket(struct orr_json_scanner *scanner, bool is_object)
{
    if (scanner->depth == ORR_JSON_DEPTH_MAX) {
        return refuse(scanner, "brackets nested too deeply");
    }
    scanner->cursor++;
    scanner->depth++;
    scanner->is_object = scanner->is_object << 1 | is_object;
    scanner->expected = is_object ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    return is_object ? ORR_JSON_OBJECT_BEGIN : ORR_JSON_ARRAY_BEGIN;
}

static enum orr_json_token
close_bracket(struct orr_json_scanner *scanner)
{
    const bool was_object = is_in_object(scanner);
    scanner->cursor++;
    scanner->depth--;
    scanner->is_object >>= 1;
    end_value(scanner);
    return was_object ? ORR_JSON_OBJECT_END : ORR_JSON_ARRAY_END;
}

static enum orr_json_token
scan_value(struct orr_json_scanner *scanner, int found)
{
    enum orr_json_token token = ORR_JSON_ERROR;
    switch (found) {
    case '{':
        return open_bracket(scanner, true);
    case '[':
        return open_bracket(scanner, false);
    case '"':
        token = scan_string(scanner) ? ORR_JSON_STRING : ORR_JSON_ERROR;
        break;
    case 't':
    case 'f':
    case 'n':
        token = scan_word(scanner, found);
        break;
    default:
        token = found == '-' || (found >= '0' && found <= '9')
                    ? scan_number(scanner)
                    : refuse_found(scanner, "a value", found);
        break;
    }
    end_value(scanner);
    return token;
}

static enum orr_json_token
scan_key(struct orr_json_scanner *scanner, int found)
{
    if (found != '"') {
        return refuse_found(scanner, "a key in quotes", found);
    }
    if (!scan_string(scanner)) {
        return ORR_JSON_ERROR;
    }
    const int colon = peek(scanner);
    if (colon != ':') {
        return refuse_found(scanner, "':' after a key", colon);
    }
    scanner->cursor++;
    scanner->expected = VALUE;
    return ORR_JSON_KEY;
}

/* Between documents: the end, or in lines the next one. */
static enum orr_json_token
scan_between(struct orr_json_scanner *scanner, int found)
{
    if (found == END_OF_TEXT) {
        return ORR_JSON_END;
    }
    if (scanner->layout == ORR_JSON_DOCUMENT) {
        return refuse_found(scanner, "nothing after the last bracket", found);
    }
    if (scanner->line == scanner->value_line) {
        return refuse_found(scanner, "a new line", found);
    }
    return scan_value(scanner, found);
}

enum orr_json_token
orr_json_next(struct orr_json_scanner *scanner)
{
    if (scanner->status != ORR_OK) {
        return ORR_JSON_ERROR;
    }
    int found = peek(scanner);
    scanner->token_offset = cursor_offset(scanner);
    if (scanner->expected == AFTER_VALUE) {
        if (scanner->depth == 0) {
            return scan_between(scanner, found);
        }
        if (found == (is_in_object(scanner) ? '}' : ']')) {
            return close_bracket(scanner);
        }
        if (found != ',') {
            return refuse_found(scanner, is_in_object(scanner) ? "',' or '}'" : "',' or ']'",
                                found);
        }
        scanner->cursor++;
        scanner->expected = is_in_object(scanner) ? KEY : VALUE;
        found = peek(scanner);
        scanner->token_offset = cursor_offset(scanner);
    }
    switch ((enum expectation)scanner->expected) {
    case KEY_OR_CLOSE:
        return found == '}' ? close_bracket(scanner) : scan_key(scanner, found);
    case KEY:
        return scan_key(scanner, found);
    case VALUE_OR_CLOSE:
        return found == ']' ? close_bracket(scanner) : scan_value(scanner, found);
    case VALUE:
    case AFTER_VALUE:
        break;
    }
    return scan_value(scanner, found);
}

bool
orr_json_skip(struct orr_json_scanner *scanner)
{
    const unsigned depth = scanner->depth;
    enum orr_json_token token;
    scanner->is_text_wanted = false;
    do {
        token = orr_json_next(scanner);
    } while (scanner->depth > depth && token != ORR_JSON_ERROR);
    scanner->is_text_wanted = true;
    return token != ORR_JSON_ERROR;
}

bool
orr_json_text_is(const struct orr_json_scanner *scanner, const char *text)
{
    if (scanner->text[0] != text[0]) { /* most keys end here, without a call */
        return false;
    }
    return strcmp(scanner->text, text) == 0 && strlen(text) == scanner->text_length &&
           !scanner->is_text_cut;
}
