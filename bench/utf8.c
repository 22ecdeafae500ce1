/* utf8.c - decoding and measuring UTF-8; see utf8.h. */
#include "bench/utf8.h"

#include <stdbool.h>
#include <string.h>

/* How many bytes follow a first byte, and the smallest code point that needs so many. */
static unsigned
bytes_after(unsigned char first, uint32_t *smallest)
{
    if (first >= 0xc2 && first < 0xe0) {
        *smallest = 0x80;
        return 1;
    }
    if (first >= 0xe0 && first < 0xf0) {
        *smallest = 0x800;
        return 2;
    }
    if (first >= 0xf0 && first < 0xf5) {
        *smallest = 0x10000;
        return 3;
    }
    return 0;
}

size_t
orr_utf8_next(const char *text, size_t length, uint32_t *code_point)
{
    const unsigned char first = (unsigned char)text[0];
    uint32_t smallest = 0;
    const unsigned after = bytes_after(first, &smallest);
    *code_point = first < 0x80 ? first : ORR_UTF8_REPLACEMENT;
    if (after == 0 || after >= length)
        return 1;
    uint32_t value = first & (0x3fu >> after);
    for (unsigned i = 1; i <= after; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (byte & 0x3f);
    }
    if (value < smallest || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 1;
    *code_point = value;
    return after + 1;
}

struct range {
    uint32_t first;
    uint32_t last;
};

/* The blocks of combining marks and joiners, and of wide characters, that occur in names of people
 * and of programs; rarer scripts are taken as one column, which misaligns a row and loses nothing. */
static const struct range marks[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x2064}, {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};

static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
};

static bool
is_within(uint32_t code_point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

static bool
is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

unsigned
orr_utf8_width(uint32_t code_point)
{
    if (code_point < 0x300)
        return is_control(code_point) ? 0 : 1;
    if (is_within(code_point, marks, sizeof marks / sizeof marks[0]))
        return 0;
    return is_within(code_point, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

size_t
orr_utf8_columns(const char *text)
{
    size_t columns = 0;
    for (size_t left = strlen(text); left > 0;) {
        uint32_t code_point;
        const size_t bytes = orr_utf8_next(text, left, &code_point);
        columns += orr_utf8_width(code_point);
        text += bytes;
        left -= bytes;
    }
    return columns;
}

size_t
orr_utf8_fit(const char *text, size_t columns)
{
    const size_t length = strlen(text);
    size_t at = 0;
    while (at < length) {
        uint32_t code_point;
        const size_t bytes = orr_utf8_next(text + at, length - at, &code_point);
        const unsigned width = orr_utf8_width(code_point);
        if (width > columns)
            break;
        columns -= width;
        at += bytes;
    }
    return at;
}

/* Direction overrides and line separators act on a terminal like control characters. */
static bool
is_printable(uint32_t code_point)
{
    return !is_control(code_point) && !(code_point >= 0x2028 && code_point <= 0x202e) &&
           !(code_point >= 0x2066 && code_point <= 0x2069) && code_point != ORR_UTF8_REPLACEMENT;
}

char *
orr_utf8_clean(char *to, size_t size, const char *text)
{
    size_t used = 0;
    for (size_t left = strlen(text); left > 0;) {
        uint32_t code_point;
        const size_t bytes = orr_utf8_next(text, left, &code_point);
        const bool keeps = is_printable(code_point);
        const size_t needs = keeps ? bytes : 1;
        if (used + needs >= size)
            break;
        memcpy(to + used, keeps ? text : "?", needs);
        used += needs;
        text += bytes;
        left -= bytes;
    }
    if (size > 0)
        to[used] = '\0';
    return to;
}
