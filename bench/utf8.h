/* utf8.h - reading UTF-8 that may be broken: names come from files, and from the command line.
 *
 * Source:  Unicode's definition of well-formed UTF-8 (no overlong forms, no surrogates, at most
 *          U+10FFFF); widths are those of a terminal, after Unicode's East Asian Width.
 * Owns:    nothing. Threads: any.
 */
#ifndef ORR_BENCH_UTF8_H
#define ORR_BENCH_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define ORR_UTF8_REPLACEMENT UINT32_C(0xFFFD)

/* Reads the code point at text[0..length), length > 0, and returns how many bytes it took. A byte
 * that does not begin a well-formed one counts alone, as the replacement character. */
size_t orr_utf8_next(const char *text, size_t length, uint32_t *code_point);

/* Columns of a code point on a terminal: 0 for combining marks and control characters, 2 for wide
 * ones, else 1. */
unsigned orr_utf8_width(uint32_t code_point);

/* Columns of a text, and the bytes of its longest beginning that takes at most `columns`. */
size_t orr_utf8_columns(const char *text);
size_t orr_utf8_fit(const char *text, size_t columns);

/* Copies text, cut to size at a whole code point, with control characters and broken bytes as '?',
 * so that it can be printed or become JSON whatever it was. Returns to. */
char *orr_utf8_clean(char *to, size_t size, const char *text);

#endif
