/* suggest.c - bench/suggest: slips are recognised, strangers are not. */
#include "bench/suggest.h"

#include <criterion/criterion.h>

#include <string.h>

static const char *const collectors[] = {"none",        "quarantine", "trial",    "subtract",
                                         "generations", "mark",       "recycler", "stamp"};

enum { COLLECTORS = sizeof collectors / sizeof collectors[0] };

static void
check(const char *given, const char *expected)
{
    const char *const nearest = orr_suggest_nearest(given, collectors, COLLECTORS);
    if (expected)
        cr_assert_str_eq(nearest ? nearest : "nothing", expected, "%s", given);
    else
        cr_assert_null(nearest, "%s: %s", given, nearest);
}

Test(suggest, finds_the_name_one_slip_away)
{
    check("trail", "trial");       /* swapped */
    check("tria", "trial");        /* lost */
    check("triall", "trial");      /* doubled */
    check("triak", "trial");       /* replaced */
    check("Trial", "trial");       /* capital */
    check("recylcer", "recycler"); /* swapped in the middle */
    check("generation", "generations");
}

Test(suggest, two_neighbours_swapped_are_one_slip)
{
    const char *const known[] = {"lru"};
    cr_assert_str_eq(orr_suggest_nearest("lur", known, 1), "lru");
    cr_assert_null(orr_suggest_nearest("url", known, 1));
}

Test(suggest, finds_the_name_that_was_begun)
{
    check("gen", "generations");
    check("qua", "quarantine");
}

Test(suggest, is_silent_when_nothing_is_near)
{
    check("zebra", NULL);
    check("", NULL);
    check("z", NULL);
    check("a name far longer than any of the names that this program gives to anything", NULL);
}

Test(suggest, says_it_in_one_sentence)
{
    struct orr_error error;
    const char *const known[] = {"none", "trial", "mark"};
    cr_assert_eq(orr_suggest_unknown("collector", "trail", known, 3, &error), ORR_BAD_INPUT);
    cr_assert_str_eq(error.message, "unknown collector 'trail'; known: none, trial, mark; "
                                    "did you mean 'trial'?");
    cr_assert_eq(orr_suggest_unknown("collector", "zebra", known, 3, &error), ORR_BAD_INPUT);
    cr_assert_str_eq(error.message, "unknown collector 'zebra'; known: none, trial, mark");
    cr_assert_eq(orr_suggest_unknown("knob", "x", known, 0, &error), ORR_BAD_INPUT);
    cr_assert_str_eq(error.message, "unknown knob 'x'; there are none");
}

Test(suggest, keeps_the_suggestion_when_the_list_is_too_long)
{
    static const char letters[] = "sssssssssssssssssssssssssssssssssssssssssssssssss";
    for (size_t length = 10; length < sizeof letters - 1; length++) {
        struct orr_error error;
        const char *many[100];
        for (unsigned i = 0; i < 100; i++)
            many[i] = i == 90 ? "trial" : letters + sizeof letters - 1 - length;
        cr_assert_eq(orr_suggest_unknown("collector", "trail", many, 100, &error), ORR_BAD_INPUT);
        cr_assert(strstr(error.message, "s, ...; did you mean 'trial'?"), "%s", error.message);
    }
}

Test(suggest, repeats_hostile_names_cut_and_clean)
{
    struct orr_error error;
    char given[5000];
    memset(given, 'x', sizeof given);
    given[sizeof given - 1] = '\0';
    given[0] = '\x1b';
    orr_suggest_unknown("collector", given, collectors, COLLECTORS, &error);
    cr_assert(strstr(error.message, "'?xxx"), "%s", error.message);
    cr_assert(strstr(error.message, "; known: none"), "%s", error.message);
}
