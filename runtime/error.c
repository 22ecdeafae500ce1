/* error.c - formats the sentence of a refusal.
 *
 * A sentence may quote what strangers wrote: names, paths, the last words of a process. Whatever of it could
 * act on a terminal or would be no UTF-8, a letter cut in two included, becomes '?'.
 */
#include "runtime/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SHOWN_MAX = 150 }; /* leaves more than half of a message to the reason */

#define BROKEN UINT32_MAX

/* The bytes of the code point at `at`, of a text that ends with a zero; a byte that begins none counts
 * alone, as BROKEN. */
static unsigned
read_code_point(const unsigned char *at, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned after = *at < 0xc2 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : *at < 0xf5 ? 3 : 0;
    uint32_t value = *at & (0x3fu >> after);
    *code_point = *at < 0x80 ? *at : BROKEN;
    for (unsigned i = 1; i <= after; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (at[i] & 0x3f);
    }
    if (after == 0 || value < smallest[after] || value > 0x10ffff || value >> 11 == 0xd800 >> 11)
        return 1;
    *code_point = value;
    return after + 1;
}

/* Control characters, ends of lines, overrides of direction, the mark of something broken. */
static bool
does_harm(uint32_t code_point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x2028, 0x202e},
                  {0x2066, 0x2069}, {0xfffd, 0xfffd}, {BROKEN, BROKEN}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

static void
make_printable(char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;
    while (*from) {
        uint32_t code_point;
        const unsigned bytes = read_code_point(from, &code_point);
        if (does_harm(code_point)) {
            *to++ = '?';
        } else {
            memmove(to, from, bytes);
            to += bytes;
        }
        from += bytes;
    }
    *to = '\0';
}

enum orr_status
orr_fail(struct orr_error *error, enum orr_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        error->status = status;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        make_printable(error->message);
    }
    return status;
}

const char *
orr_path_tail(const char *path)
{
    size_t length = strlen(path);
    return length > PATH_SHOWN_MAX ? path + (length - PATH_SHOWN_MAX) : path;
}
