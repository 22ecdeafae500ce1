/* configure.c - collectors/configure: a heap's options as text, and the sentence where the text makes none. */
#include "collectors/configure.h"

#include "collectors/catalogue.h"
#include "runtime/gc.h"
#include "runtime/rc.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct orr_configuration configuration;

static void
start(void)
{
    orr_configure_defaults(&configuration);
}

static void
finish(void)
{
    orr_configure_free(&configuration);
    cr_assert_null(configuration.options.settings);
}

TestSuite(configure, .init = start, .fini = finish);

static struct orr_heap_options *
says(const char *text)
{
    struct orr_error error = {.message = ""};
    const enum orr_status status = orr_configure(&configuration, text, &error);
    cr_assert_eq(status, ORR_OK, "\"%s\" is refused: %s", text, error.message);
    return &configuration.options;
}

/* The text is refused, nothing changes, and the sentence quotes what must be quoted. */
static void
refuses(const char *text, const char *const *quotes)
{
    const struct orr_configuration before = configuration;
    struct orr_error error = {.message = ""};
    cr_assert_eq(orr_configure(&configuration, text, &error), ORR_BAD_INPUT, "\"%s\"", text);
    cr_assert_eq(error.status, ORR_BAD_INPUT);
    cr_assert_eq(memcmp(&before, &configuration, sizeof before), 0, "\"%s\" left something", text);
    cr_assert(error.message[0] && strlen(error.message) < sizeof error.message - 1, "\"%s\" is cut",
              error.message);
    for (const char *c = error.message; *c; c++)
        cr_assert(*c >= ' ' && *c <= '~', "%s: a sentence with byte %d", text, *c);
    for (; *quotes; quotes++)
        cr_assert(strstr(error.message, *quotes), "%s: \"%s\" does not say \"%s\"", text,
                  error.message, *quotes);
}

#define REFUSES(text, ...) refuses((text), (const char *const[]){__VA_ARGS__, NULL})

/* --- what is said ------------------------------------------------------------------------------------ */

Test(configure, starts_from_the_defaults_of_its_header)
{
    const struct orr_heap_options *const options = &configuration.options;
    cr_assert_eq(options->rc, &orr_rc_biased);
    cr_assert_str_eq(options->collector->name, "generations");
    cr_assert_eq(options->kind, &orr_heap_blocks);
    cr_assert_eq(options->trigger.kind, ORR_TRIGGER_KINDS);
    cr_assert_eq(options->workers, ORR_WORKERS_AUTO);
    cr_assert_eq(options->bytes_limit, 0);
    cr_assert_not(options->gc_disabled);
}

Test(configure, nothing_said_changes_nothing)
{
    const struct orr_configuration before = configuration;
    says(NULL);
    says("");
    cr_assert_eq(memcmp(&before, &configuration, sizeof before), 0);
}

Test(configure, reads_every_strategy_collector_and_heap_that_there_is)
{
    char text[100];
    for (size_t i = 0; orr_rcs[i]; i++) {
        snprintf(text, sizeof text, "strategy=%s", orr_rcs[i]->name);
        cr_assert_eq(says(text)->rc, orr_rcs[i]);
    }
    for (size_t i = 0; orr_collectors[i]; i++) {
        snprintf(text, sizeof text, "collector=%s", orr_collectors[i]->name);
        cr_assert_eq(says(text)->collector, orr_collectors[i]);
    }
    for (size_t i = 0; orr_heap_kinds[i]; i++) {
        snprintf(text, sizeof text, "heap=%s", orr_heap_kinds[i]->name);
        cr_assert_eq(says(text)->kind, orr_heap_kinds[i]);
    }
}

Test(configure, reads_the_line_of_its_header)
{
    const struct orr_heap_options *const options =
        says("strategy=atomic,collector=trial,heap=libc,trigger=count:2000,limit=1G,bound=64M");
    cr_assert_eq(options->rc, &orr_rc_atomic);
    cr_assert_str_eq(options->collector->name, "trial");
    cr_assert_eq(options->kind, &orr_heap_libc);
    cr_assert_eq(options->trigger.kind, ORR_TRIGGER_count);
    cr_assert_eq(options->trigger.count, 2000);
    cr_assert_eq(options->bytes_limit, (uint64_t)1 << 30);
    cr_assert_eq(options->garbage_bound, (uint64_t)64 << 20);
}

Test(configure, bytes_come_in_powers_of_1024)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"limit=0", 0},          {"limit=1", 1},
        {"limit=3k", 3072},      {"limit=3K", 3072},
        {"limit=1.5M", 3 << 19}, {"limit=2Gi", (uint64_t)2 << 30},
        {"limit=1e6", 1000000},  {"limit=65536G", (uint64_t)1 << 46},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(says(rows[i].text)->bytes_limit, rows[i].bytes, "%s", rows[i].text);
}

Test(configure, reads_numbers_and_switches)
{
    const struct orr_heap_options *const options =
        says("slice=100,workers=3,stress=7,verify=1,ledger=on,sites=1,gc=off,thresholds=2000:0:10");
    cr_assert_eq(options->release_slice, 100);
    cr_assert_eq(options->workers, 3);
    cr_assert_eq(options->stress_every, 7);
    cr_assert(options->verify && options->ledger && options->sites && options->gc_disabled);
    cr_assert_eq(options->thresholds[0], 2000);
    cr_assert_eq(options->thresholds[1], 0);
    cr_assert_eq(options->thresholds[2], 10);
    says("verify=0,ledger=off,sites=off,gc=on,workers=auto");
    cr_assert_not(options->verify || options->ledger || options->sites || options->gc_disabled);
    cr_assert_eq(options->workers, ORR_WORKERS_AUTO);
    cr_assert_eq(options->release_slice, 100, "what was not said again stays");
}

Test(configure, debug_is_a_sum_of_names)
{
    cr_assert_eq(says("debug=stats+uncollectable")->debug,
                 ORR_DEBUG_STATS | ORR_DEBUG_UNCOLLECTABLE);
    cr_assert_eq(says("debug=leak")->debug, ORR_DEBUG_LEAK);
    cr_assert_eq(says("debug=none")->debug, 0);
}

Test(configure, a_trigger_has_a_number_of_its_own_or_the_collectors)
{
    cr_assert_eq(says("trigger=bytes:32M")->trigger.bytes, 32 << 20);
    cr_assert_float_eq(says("trigger=ratio:0.25")->trigger.ratio, 0.25, 1e-12);
    cr_assert_eq(says("trigger=adaptive:500")->trigger.count, 500);
    cr_assert_eq(says("trigger=manual")->trigger.kind, ORR_TRIGGER_manual);
    says("trigger=count,collector=trial");
    cr_assert_eq(configuration.options.trigger.kind, ORR_TRIGGER_count);
    cr_assert_eq(configuration.options.trigger.count, orr_collector_find("trial")->trigger.count);
    says("collector=none,trigger=count");
    cr_assert_neq(configuration.options.trigger.count, 0, "a collector without a number");
    says("trigger=count:77");
    says("collector=trial");
    cr_assert_eq(configuration.options.trigger.count, 77, "a given number outlasts the collector");
}

Test(configure, later_entries_win)
{
    cr_assert_eq(says("limit=1M,limit=2M")->bytes_limit, 2 << 20);
    cr_assert_eq(says("limit=3M")->bytes_limit, 3 << 20);
}

Test(configure, empty_entries_and_spaces_around_one_mean_nothing)
{
    cr_assert_eq(says(",,limit=1M, ,, slice=2 ,")->bytes_limit, 1 << 20);
    cr_assert_eq(configuration.options.release_slice, 2);
    says(",");
}

Test(configure, settings_reach_the_collector_that_is_chosen_in_the_end)
{
    const struct orr_heap_options *options = says("trial.budget=1000");
    cr_assert_null(options->settings[0], "generations is chosen");
    options = says("collector=trial,trial.budget=2k");
    cr_assert_eq(configuration.setting_count, 2);
    cr_assert_str_eq(options->settings[0], "budget=1000");
    cr_assert_str_eq(options->settings[1], "budget=2k");
    cr_assert_null(options->settings[2]);
    options = says("collector=subtract");
    cr_assert_null(options->settings[0], "kept, but not for this one");
    options = says("collector=trial");
    cr_assert_str_eq(options->settings[1], "budget=2k", "heard long before");
}

Test(configure, what_it_makes_makes_a_heap)
{
    struct orr_heap *heap;
    struct orr_error error = {.message = ""};
    says("strategy=atomic,collector=trial,heap=libc,limit=1M,trial.budget=1000,verify=1");
    cr_assert_eq(orr_heap_create(&configuration.options, &heap, &error), ORR_OK, "%s",
                 error.message);
    cr_assert_eq(heap->options.bytes_limit, 1 << 20);
    orr_heap_destroy(heap);
}

Test(configure, hears_the_environment)
{
    struct orr_error error = {.message = ""};
    unsetenv("ORRERY");
    cr_assert_eq(orr_configure_from_environment(&configuration, &error), ORR_OK);
    setenv("ORRERY", "limit=5M", 1);
    cr_assert_eq(orr_configure_from_environment(&configuration, &error), ORR_OK);
    cr_assert_eq(configuration.options.bytes_limit, 5 << 20);
    setenv("ORRERY", "limit=5M,limits=6M", 1);
    cr_assert_eq(orr_configure_from_environment(&configuration, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "ORRERY: entry 2, 'limits=6M'"), "%s", error.message);
}

/* --- what is refused --------------------------------------------------------------------------------- */

Test(configure, a_name_that_does_not_exist_is_told_those_that_do)
{
    REFUSES("strategy=bised", "entry 1", "'strategy=bised'", "biased", "tracing");
    REFUSES("limit=1M,collector=trail", "entry 2", "'collector=trail'", "trial", "subtract");
    REFUSES("heap=", "'heap='", "blocks", "mimalloc");
    REFUSES("trigger=often", "count", "adaptive");
    REFUSES("trigger=:5", "count", "adaptive");
    REFUSES("trigger=counts:5", "count", "adaptive");
    REFUSES("collectors=trial", "'collectors=trial'", "collector", "thresholds", "COLLECTOR.KEY");
    REFUSES("debug=stats+everything", "collectable", "saveall");
    REFUSES("debug=", "stats");
    REFUSES("debug=stats+", "stats");
}

Test(configure, an_entry_without_a_value_is_refused)
{
    REFUSES("trial", "'trial'", "KEY=VALUE", "strategy");
    REFUSES("=", "'='", "strategy");
    REFUSES("=trial", "'=trial'", "strategy");
    REFUSES(".", "'.'", "KEY=VALUE");
    REFUSES("limit=1M;slice=3", "'limit=1M;slice=3'", "bytes");
}

Test(configure, numbers_out_of_range_are_refused)
{
    static const char *const texts[] = {
        "limit=-1",
        "limit=1e400",
        "limit=99999999999999999999",
        "limit=65537G",
        "limit=",
        "limit=K",
        "limit=1KB",
        "limit=1 M",
        "limit=0x10",
        "limit=nan",
        "limit=M1",
        "bound=1T",
        "slice=1e30",
        "slice=x",
        "workers=65",
        "workers=",
        "workers=-1",
        "stress=inf",
        "thresholds=1:2",
        "thresholds=1:2:3:4",
        "thresholds=::",
        "thresholds=1:x:3",
        "thresholds=",
        "thresholds=1:2:3:",
        "trigger=count:",
        "trigger=count:0",
        "trigger=count:1e12",
        "trigger=bytes:0",
        "trigger=bytes:",
        "trigger=ratio:",
        "trigger=ratio:0",
        "trigger=ratio:1e3",
        "trigger=ratio:nan",
        "trigger=ratio:0x1p3",
        "trigger=ratio:1.2.3",
        "trigger=ratio:1001",
        "thresholds=111111111111111111111111111111:1:1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        REFUSES(texts[i], texts[i], "give ");
    REFUSES("trigger=manual:3", "takes no number");
    REFUSES("verify=2", "on or off");
    REFUSES("gc=", "on or off");
}

Test(configure, a_setting_is_refused_whether_its_collector_is_chosen_or_not)
{
    REFUSES("trial.budgets=3", "'trial.budgets=3'", "budget");
    REFUSES("trial.budget=many", "trial.budget=many", "number from");
    REFUSES("trail.budget=3", "no such collector", "trial");
    REFUSES(".budget=3", "no such collector");
    REFUSES("none.budget=3", "none has no setting 'budget'");
    REFUSES("a.very.long.name.of.a.collector.that.nobody.has.written.k=3", "no such collector");
    says("collector=trial");
    REFUSES("trial.budget=many", "number from");
}

Test(configure, a_refusal_leaves_what_was_said_before)
{
    says("collector=trial,trial.budget=5,limit=1M");
    REFUSES("limit=2M,trial.budget=6,slice=wrong", "entry 3");
    cr_assert_eq(configuration.options.bytes_limit, 1 << 20);
    cr_assert_eq(configuration.setting_count, 1);
    cr_assert_str_eq(configuration.options.settings[0], "budget=5");
}

Test(configure, bytes_that_are_no_plain_text_are_refused_with_their_place)
{
    REFUSES("limit=1M\n", "byte 9", "0x0a");
    REFUSES("\x1b[31mlimit=1M", "byte 1", "0x1b");
    REFUSES("limit=\xc3\xa4", "byte 7", "0xc3");
    REFUSES("limit=1M\x7f", "0x7f");
}

Test(configure, an_entry_of_any_length_is_one_short_sentence)
{
    enum { LONG = 1 << 20 };
    static char text[LONG + 1];
    memset(text, 'x', LONG);
    REFUSES(text, "entry 1", "xxx...", "longer than");
    memcpy(text, "limit=1,", 8);
    REFUSES(text, "entry 2", "longer than");
    memcpy(text, "trial.budget=", 13);
    REFUSES(text, "longer than");
    text[1000] = '\0';
    REFUSES(text, "trial.budget");
    memset(text, ',', LONG);
    says(text);
    memset(text, '=', LONG);
    REFUSES(text, "longer than");
}

Test(configure, random_text_is_refused_or_understood_and_nothing_else)
{
    static const char *const pieces[] = {"strategy", "collector", "trigger", "count", "trial",
                                         "budget",   "=",         ",",       ":",     ".",
                                         "+",        "1",         "K",       " ",     "thresholds",
                                         "debug",    "leak",      "-",       "e",     "limit"};
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 20000; round++) {
        char text[200] = "";
        for (unsigned i = 0; i < 12; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            strcat(text, pieces[seed % (sizeof pieces / sizeof pieces[0])]);
        }
        struct orr_error error = {.message = ""};
        const enum orr_status status = orr_configure(&configuration, text, &error);
        cr_assert(status == ORR_OK || (status == ORR_BAD_INPUT && error.message[0]), "%s", text);
    }
}

Test(configure, without_memory_it_says_so_and_nothing_has_changed)
{
    says("collector=trial,trial.budget=5");
    const struct orr_configuration before = configuration;
    for (uint64_t n = 1;; n++) {
        struct orr_error error = {.message = ""};
        orr_fail_allocation(n, false);
        const enum orr_status status =
            orr_configure(&configuration, "limit=2M,trial.budget=6", &error);
        orr_fail_allocation(0, false);
        if (status == ORR_OK) {
            cr_assert(n > 2, "%u allocations", (unsigned)n);
            break;
        }
        cr_assert_eq(status, ORR_OUT_OF_MEMORY);
        cr_assert(strstr(error.message, "no memory"), "%s", error.message);
        cr_assert_eq(memcmp(&before, &configuration, sizeof before), 0);
    }
    cr_assert_eq(configuration.setting_count, 2);
}
