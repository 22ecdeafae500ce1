/* utf8.c - bench/utf8: well-formed text is read, anything else is survived. */
#include "bench/utf8.h"

#include <criterion/criterion.h>

#include <string.h>

static void
check_next(const char *text, size_t bytes, uint32_t expected)
{
    uint32_t code_point;
    cr_assert_eq(orr_utf8_next(text, strlen(text), &code_point), bytes, "%s", text);
    cr_assert_eq(code_point, expected, "%s: %x", text, code_point);
}

Test(utf8, reads_code_points_of_one_to_four_bytes)
{
    check_next("a", 1, 'a');
    check_next("\x7f", 1, 0x7f);
    check_next("\xc2\x80", 2, 0x80);
    check_next("\xdf\xbf", 2, 0x7ff);
    check_next("\xe0\xa0\x80", 3, 0x800);
    check_next("\xef\xbf\xbf", 3, 0xffff);
    check_next("\xf0\x90\x80\x80", 4, 0x10000);
    check_next("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
}

Test(utf8, takes_one_byte_of_what_is_not_well_formed)
{
    check_next("\x80", 1, ORR_UTF8_REPLACEMENT);
    check_next("\xc0\x80", 1, ORR_UTF8_REPLACEMENT);         /* overlong */
    check_next("\xe0\x80\x80", 1, ORR_UTF8_REPLACEMENT);     /* overlong */
    check_next("\xf0\x80\x80\x80", 1, ORR_UTF8_REPLACEMENT); /* overlong */
    check_next("\xed\xa0\x80", 1, ORR_UTF8_REPLACEMENT);     /* half of a surrogate pair */
    check_next("\xf4\x90\x80\x80", 1, ORR_UTF8_REPLACEMENT); /* past the last code point */
    check_next("\xff", 1, ORR_UTF8_REPLACEMENT);
    check_next("\xe2\x82", 1, ORR_UTF8_REPLACEMENT); /* cut off */
    check_next("\xe2\x82x", 1, ORR_UTF8_REPLACEMENT);
}

Test(utf8, reads_nothing_past_the_length)
{
    uint32_t code_point;
    cr_assert_eq(orr_utf8_next("\xe2\x82\xac", 2, &code_point), 1);
    cr_assert_eq(code_point, ORR_UTF8_REPLACEMENT);
    cr_assert_eq(orr_utf8_next("\xe2\x82\xac", 3, &code_point), 3);
    cr_assert_eq(code_point, 0x20ac);
}

Test(utf8, measures_columns)
{
    cr_assert_eq(orr_utf8_columns(""), 0);
    cr_assert_eq(orr_utf8_columns("trial"), 5);
    cr_assert_eq(orr_utf8_columns("\xc3\xa9t\xc3\xa9"), 3);        /* two accented letters */
    cr_assert_eq(orr_utf8_columns("e\xcc\x81"), 1);                /* letter, combining accent */
    cr_assert_eq(orr_utf8_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two ideographs */
    cr_assert_eq(orr_utf8_columns("\xf0\x9f\x98\x80"), 2);         /* a face */
    cr_assert_eq(orr_utf8_columns("a\tb"), 2);                     /* control: none of its own */
}

Test(utf8, fits_whole_code_points_only)
{
    cr_assert_eq(orr_utf8_fit("trial", 3), 3);
    cr_assert_eq(orr_utf8_fit("trial", 9), 5);
    cr_assert_eq(orr_utf8_fit("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
    cr_assert_eq(orr_utf8_fit("e\xcc\x81x", 1), 3); /* the mark belongs to its letter */
}

static void
check_clean(const char *text, size_t size, const char *expected)
{
    char clean[32];
    memset(clean, 'x', sizeof clean);
    cr_assert_str_eq(orr_utf8_clean(clean, size, text), expected);
}

Test(utf8, cleans_what_could_drive_a_terminal)
{
    check_clean("plain \xc3\xa9", 32, "plain \xc3\xa9");
    check_clean("\x1b[31mred\n", 32, "?[31mred?");
    check_clean("a\xff\xc3", 32, "a??");
    check_clean("\xc2\x9b"
                "31m",
                32, "?31m"); /* the eight-bit form of escape */
    check_clean("a\xe2\x80\xae"
                "b",
                32, "a?b");               /* right-to-left override */
    check_clean("abc\xc3\xa9", 5, "abc"); /* cut before a code point that does not fit */
    check_clean("abc\xc3\xa9", 6, "abc\xc3\xa9");
    check_clean("abc", 1, "");
}
