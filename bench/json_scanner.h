/* json_scanner.h - JSON as a stream of tokens, for files larger than memory.
 *
 * The caller pulls; nothing is kept but one token and a bit per open bracket. Owns its source; one
 * thread. Own code, because a library that builds a tree takes nine times the size of the file, and
 * because a refusal has to name the byte.
 *
 * Strict where RFC 8259 is (no comments, no trailing commas, no byte order mark, no NaN, no control
 * characters in strings), with these limits: ORR_JSON_DEPTH_MAX open brackets, numbers of at most
 * ORR_JSON_NUMBER_MAX characters that a double can hold. Bytes of strings are not checked to be UTF-8;
 * who keeps one, cleans it. Surrogates that stand alone become U+FFFD.
 *
 * Invariant: after a refusal every token is ORR_JSON_ERROR, and the error tells the first one.
 */
#ifndef ORR_BENCH_JSON_SCANNER_H
#define ORR_BENCH_JSON_SCANNER_H

#include "bench/byte_source.h"
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORR_JSON_DEPTH_MAX 64u
#define ORR_JSON_NUMBER_MAX 60u
#define ORR_JSON_DIGITS_MAX 19u /* of an integer: what 64 bits hold in any case */
#define ORR_JSON_TEXT_MAX 1023u /* bytes of a string that are kept; the rest is read and dropped */

enum orr_json_token {
    ORR_JSON_ERROR,
    ORR_JSON_END, /* of the document, or of the last one */
    ORR_JSON_OBJECT_BEGIN,
    ORR_JSON_OBJECT_END,
    ORR_JSON_ARRAY_BEGIN,
    ORR_JSON_ARRAY_END,
    ORR_JSON_KEY,     /* text */
    ORR_JSON_STRING,  /* text */
    ORR_JSON_INTEGER, /* integer, is_negative */
    ORR_JSON_NUMBER,  /* any other number: with a fraction, an exponent or too many digits */
    ORR_JSON_TRUE,
    ORR_JSON_FALSE,
    ORR_JSON_NULL,
};

enum orr_json_layout {
    ORR_JSON_DOCUMENT, /* one value */
    ORR_JSON_LINES,    /* any number of values, each on its own line */
};

struct orr_json_scanner {
    struct orr_byte_source source;
    enum orr_json_layout layout;
    struct orr_error *error; /* the caller's */
    enum orr_status status;  /* the first refusal's, kept */

    /* The window onto the text: [cursor, end) of buffer, then one zero byte as a fence. */
    unsigned char *buffer;
    const unsigned char *cursor;
    const unsigned char *end;
    bool is_last_window; /* the text ends at `end` */
    uint64_t base;       /* offset of buffer[0] in the text */
    uint64_t line;       /* 1 for the first */
    uint64_t line_start; /* offset of its first byte */

    /* Where in the grammar we are. */
    unsigned expected;   /* private to json_scanner.c */
    unsigned depth;      /* open brackets */
    uint64_t is_object;  /* one bit per open bracket, the innermost lowest */
    uint64_t value_line; /* the line on which the last value ended */

    /* The current token. */
    uint64_t token_offset;
    uint64_t integer; /* the absolute value */
    bool is_negative;
    bool is_text_wanted; /* false while values are skipped */
    bool is_text_cut;    /* the string was longer than text */
    size_t text_length;
    char text[ORR_JSON_TEXT_MAX + 1]; /* decoded; a zero byte after it, and maybe within */
};

/* Opens path. path and error must outlive the scanner. */
enum orr_status orr_json_scanner_open(struct orr_json_scanner *scanner, const char *path,
                                      enum orr_json_layout layout, struct orr_error *error);

/* Frees what an opened scanner holds. */
void orr_json_scanner_close(struct orr_json_scanner *scanner);

/* The next token. Commas and colons are checked and not reported. */
enum orr_json_token orr_json_next(struct orr_json_scanner *scanner);

/* Reads over the next value, whatever it holds. False after a refusal. */
bool orr_json_skip(struct orr_json_scanner *scanner);

/* Whether the current key or string is this one. */
bool orr_json_text_is(const struct orr_json_scanner *scanner, const char *text);

/* Refuses the file at the current token, in the words of the scanner's own refusals. Of several
 * refusals the first stays: returns its status. */
enum orr_status orr_json_fail(struct orr_json_scanner *scanner, enum orr_status status,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
