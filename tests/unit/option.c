/* option.c - runtime/option: what a setting may be, and the sentence when it may not. */
#include "runtime/option.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

struct settings {
    uint64_t before, number, choice;
    double share;
    char text[ORR_OPTION_TEXT_BYTES];
    uint64_t after;
};

static const char *const orders[] = {"forwards", "backwards", "shuffled", NULL};

static const struct orr_option table[] = {
    {.key = "number",
     .type = ORR_OPTION_NUMBER,
     .offset = offsetof(struct settings, number),
     .unit = "objects",
     .preset = "10k",
     .least = 1,
     .most = 1e12,
     .summary = "how many"},
    {.key = "share",
     .type = ORR_OPTION_SHARE,
     .offset = offsetof(struct settings, share),
     .unit = "",
     .preset = "0.5",
     .least = 0,
     .most = 1,
     .summary = "how much"},
    {.key = "order",
     .type = ORR_OPTION_CHOICE,
     .offset = offsetof(struct settings, choice),
     .unit = "",
     .preset = "backwards",
     .choices = orders,
     .summary = "which way"},
    {.key = "text",
     .type = ORR_OPTION_TEXT,
     .offset = offsetof(struct settings, text),
     .unit = "",
     .preset = "",
     .summary = "anything"},
    {.key = NULL},
};

static struct settings
preset(void)
{
    struct settings settings = {.before = 111, .after = 222};
    orr_options_preset(table, &settings);
    return settings;
}

/* Tries to set; the sentence, or null when it was accepted. */
static const char *
set(struct settings *settings, const char *text)
{
    static struct orr_error error;
    error = (struct orr_error){0};
    if (orr_options_set(table, settings, "owner", text, &error) == ORR_OK)
        return NULL;
    cr_assert_eq(error.status, ORR_BAD_INPUT, "%s", text);
    cr_assert(!strchr(error.message, '\n'));
    cr_assert(strncmp(error.message, "owner", 5) == 0, "%s", error.message);
    return error.message;
}

static void
refuses(const char *text, const char *says)
{
    struct settings settings = preset(), same = preset();
    const char *const message = set(&settings, text);
    cr_assert(message, "%s is accepted", text);
    cr_assert(strstr(message, says), "%s: \"%s\" does not say \"%s\"", text, message, says);
    cr_assert_eq(memcmp(&settings, &same, sizeof same), 0, "%s changed a setting", text);
}

Test(option, presets_are_parsed_like_any_other_value)
{
    const struct settings settings = preset();
    cr_assert_eq(settings.number, 10000);
    cr_assert_eq(settings.share, 0.5);
    cr_assert_eq(settings.choice, 1);
    cr_assert_str_eq(settings.text, "");
    cr_assert(settings.before == 111 && settings.after == 222);
}

Test(option, sets_each_type)
{
    struct settings settings = preset();
    cr_assert_null(set(&settings, "number=2Mi"));
    cr_assert_null(set(&settings, "share=0.25"));
    cr_assert_null(set(&settings, "order=shuffled"));
    cr_assert_null(set(&settings, "text=a=b c"));
    cr_assert_eq(settings.number, 2u << 20);
    cr_assert_eq(settings.share, 0.25);
    cr_assert_eq(settings.choice, 2);
    cr_assert_str_eq(settings.text, "a=b c");
    cr_assert(settings.before == 111 && settings.after == 222);
}

Test(option, a_range_is_inclusive)
{
    struct settings settings = preset();
    cr_assert_null(set(&settings, "number=1"));
    cr_assert_null(set(&settings, "number=1e12"));
    cr_assert_eq(settings.number, 1000000000000u);
    cr_assert_null(set(&settings, "share=0"));
    cr_assert_null(set(&settings, "share=1"));
    refuses("number=0", "from 1 to 1e+12 objects");
    refuses("number=1000000000001", "from 1 to");
    refuses("share=1.0001", "from 0 to 1");
    refuses("share=-0.1", "from 0 to 1");
}

Test(option, a_wrong_value_is_never_guessed)
{
    const char *const wrong[] = {"number=",      "number=x",    "number=1x",  "number=-1",
                                 "number= 1",    "number=1 ",   "number=nan", "number=inf",
                                 "number=1e400", "number=0x10", "number=1kk", "number=1ki",
                                 "number=.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refuses(wrong[i], "give a number from 1 to");
    refuses("share=", "give a number");
    refuses("share=nan", "give a number");
    refuses("share=0.5x", "give a number");
    refuses("order=sideways", "choose one of forwards, backwards, shuffled");
    refuses("order=", "choose one of");
}

Test(option, an_unknown_key_names_the_known_ones)
{
    refuses("numbre=1", "it has: number, share, order, text");
    refuses("numb=1", "no setting 'numb'");
    refuses("=1", "no setting ''");
    refuses("a-key-that-is-longer-than-any-setting-of-anybody-could-ever-be-and-then-some=1",
            "no setting 'a-key-that-is-longer-than-any-setting-of-anybody-could-ever-'");
    refuses("number", "is not KEY=VALUE");
    refuses("", "is not KEY=VALUE");
}

Test(option, an_owner_without_settings_says_so)
{
    struct orr_error error;
    cr_assert_eq(orr_options_set(NULL, NULL, "none", "a=1", &error), ORR_BAD_INPUT);
    cr_assert_str_eq(error.message, "none has no setting 'a'; it has: none");
}

Test(option, of_a_text_that_was_longer_nothing_is_left)
{
    struct settings once, twice;
    struct orr_error error;
    memset(&once, 0, sizeof once);
    memset(&twice, 0, sizeof twice);
    cr_assert_eq(orr_options_set(table, &once, "unit", "text=", &error), ORR_OK);
    cr_assert_eq(orr_options_set(table, &twice, "unit", "text=longer", &error), ORR_OK);
    cr_assert_eq(orr_options_set(table, &twice, "unit", "text=", &error), ORR_OK);
    cr_assert_arr_eq(once.text, twice.text, sizeof once.text, "equal settings differ as bytes");
}

Test(option, a_text_that_does_not_fit_is_refused)
{
    char text[ORR_OPTION_TEXT_BYTES + 16] = "text=";
    memset(text + 5, 'x', ORR_OPTION_TEXT_BYTES - 1);
    struct settings settings = preset();
    cr_assert_null(set(&settings, text));
    cr_assert_eq(strlen(settings.text), ORR_OPTION_TEXT_BYTES - 1);
    cr_assert_eq(settings.after, 222);
    text[5 + ORR_OPTION_TEXT_BYTES - 1] = 'x';
    refuses(text, "longer than 1023 bytes");
}

Test(option, a_preset_that_breaks_its_own_rule_aborts, .signal = SIGABRT)
{
    const struct orr_option bad[] = {
        {.key = "n", .type = ORR_OPTION_NUMBER, .unit = "", .preset = "7", .least = 1, .most = 5},
        {.key = NULL}};
    uint64_t settings;
    orr_options_preset(bad, &settings);
}

static void
number(const char *text, uint64_t expected)
{
    uint64_t value;
    cr_assert(orr_number_parse(text, &value), "%s", text);
    cr_assert_eq(value, expected, "%s is %llu", text, (unsigned long long)value);
}

Test(option, numbers_know_suffixes_and_exponents)
{
    number("0", 0);
    number("007", 7);
    number("5k", 5000);
    number("5K", 5000);
    number("5Ki", 5120);
    number("1.5M", 1500000);
    number("3G", 3000000000u);
    number("1Gi", 1u << 30);
    number("64KiB", 65536);
    number("12B", 12);
    number("1e6", 1000000);
    number("18446744073709551615", UINT64_MAX);
}

Test(option, numbers_that_are_none)
{
    const char *const wrong[] = {"",
                                 "-1",
                                 "+1",
                                 " 1",
                                 "1 ",
                                 "k",
                                 "1T",
                                 "1e99",
                                 "18446744073709551616",
                                 "99999999999999999999999",
                                 "1e3000",
                                 "0x10",
                                 "0X10",
                                 "nan",
                                 "infinity"};
    uint64_t value = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert(!orr_number_parse(wrong[i], &value), "%s is %llu", wrong[i],
                  (unsigned long long)value);
        cr_assert_eq(value, 42);
    }
}
