/* error.c - runtime/error: a refusal is one printable line, whoever is quoted in it. */
#include "runtime/error.h"

#include <criterion/criterion.h>

#include <string.h>

static const char *
told(const char *quoted)
{
    static struct orr_error error;
    cr_assert(orr_fail(&error, ORR_BAD_INPUT, "%s", quoted) == ORR_BAD_INPUT);
    cr_assert(error.status == ORR_BAD_INPUT);
    return error.message;
}

Test(error, words_in_any_script_stay_as_they_are)
{
    static const char words[] = "caf\u00e9, \u4f60\u597d, \U0001f600: give a number";
    cr_assert_str_eq(told(words), words);
    cr_assert_str_eq(told("\u00a0\u07ff\u0800\xed\x9f\xbf\uffff"),
                     "\u00a0\u07ff\u0800\xed\x9f\xbf\uffff");
    cr_assert_str_eq(told("\U00010000\U0010ffff"), "\U00010000\U0010ffff");
}

Test(error, what_drives_a_terminal_is_not_repeated)
{
    cr_assert_str_eq(told("a\nb\r\x1b[2J\x7f"), "a?b??[2J?");
    cr_assert_str_eq(told("\xc2\x85\u202e\u2028\u2066\ufffd"), "?????");
}

Test(error, broken_utf8_is_a_mark_per_byte)
{
    static const char *const broken[] = {"\x80",
                                         "\xff",
                                         "\xc3",
                                         "\xc0\x80",
                                         "\xed\xa0\x80",
                                         "\xf0\x80\x80\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xe2\x82"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        cr_assert(strspn(told(broken[i]), "?") == strlen(broken[i]));
        cr_assert(strlen(told(broken[i])) == strlen(broken[i]));
    }
    cr_assert_str_eq(told("\xe2(\xc3\xa9"), "?(\xc3\xa9");
}

Test(error, a_letter_that_is_cut_in_two_is_no_letter)
{
    char words[500] = "";
    for (size_t i = 0; i < 240; i++)
        strcat(words, "\u00e9");
    const char *const message = told(words);
    cr_assert(strlen(message) == 399 && message[398] == '?' && message[397] == '\xa9');
}

Test(error, nobody_has_to_listen)
{
    cr_assert(orr_fail(NULL, ORR_OUT_OF_MEMORY, "nothing") == ORR_OUT_OF_MEMORY);
}

Test(error, of_a_long_path_the_end_is_told)
{
    char path[400];
    memset(path, 'p', sizeof path);
    strcpy(path + 390, "/end");
    cr_assert_str_eq(orr_path_tail("short"), "short");
    cr_assert(strlen(orr_path_tail(path)) == 150);
    cr_assert_str_eq(orr_path_tail(path) + 146, "/end");
}
