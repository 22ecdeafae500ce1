/* configure.c - any text as a heap's options, said by a program and by the environment variable ORRERY
 * (collectors/configure.h).
 */
#include "collectors/configure.h"

#include "runtime/assert.h"
#include "runtime/gc.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool
is_same_text(const struct orr_configuration *one, const struct orr_configuration *other)
{
    return one->text_bytes == other->text_bytes &&
           (one->text_bytes == 0 || memcmp(one->text, other->text, one->text_bytes) == 0);
}

static bool
is_same(const struct orr_configuration *one, const struct orr_configuration *other)
{
    const struct orr_heap_options *const a = &one->options, *const b = &other->options;
    if (one->setting_count != other->setting_count)
        return false;
    for (uint32_t i = 0; i < one->setting_count; i++)
        if (strcmp(one->settings[i], other->settings[i]) != 0)
            return false;
    return a->rc == b->rc && a->collector == b->collector && a->kind == b->kind &&
           a->trigger.kind == b->trigger.kind && a->trigger.count == b->trigger.count &&
           a->trigger.bytes == b->trigger.bytes && !(a->trigger.ratio < b->trigger.ratio) &&
           !(a->trigger.ratio > b->trigger.ratio) && a->bytes_limit == b->bytes_limit &&
           a->garbage_bound == b->garbage_bound && a->release_slice == b->release_slice &&
           a->workers == b->workers && a->stress_every == b->stress_every &&
           a->verify == b->verify && a->ledger == b->ledger && a->sites == b->sites &&
           a->gc_disabled == b->gc_disabled && a->debug == b->debug &&
           memcmp(a->thresholds, b->thresholds, sizeof a->thresholds) == 0 &&
           one->has_trigger_number == other->has_trigger_number;
}

static void
check_accepted(const struct orr_configuration *configuration)
{
    const struct orr_heap_options *const options = &configuration->options;
    orr_require(options->rc && options->collector && options->kind, "an axis without a name");
    /* One past the last is the collector's own. */
    orr_require(options->trigger.kind <= ORR_TRIGGER_KINDS, "no such trigger");
    orr_require(options->workers <= ORR_WORKERS_MAX || options->workers == ORR_WORKERS_AUTO,
                "%u workers", options->workers);
    orr_require(!options->settings || !options->settings[configuration->setting_count],
                "settings without an end");
}

/* The environment's word is the program's word, and said twice is said once. */
static void
check_environment(const struct orr_configuration *configuration, const char *text)
{
    struct orr_configuration other;
    struct orr_error error = {0};
    orr_configure_defaults(&other);
    orr_require(setenv("ORRERY", text, 1) == 0, "no memory for the environment");
    const enum orr_status status = orr_configure_from_environment(&other, &error);
    orr_require(status == ORR_OK, "the environment is heard otherwise: %s", error.message);
    orr_require(is_same(configuration, &other) && is_same_text(configuration, &other),
                "the environment is heard otherwise");
    orr_require(orr_configure(&other, text, &error) == ORR_OK, "%s", error.message);
    orr_require(other.options.collector == configuration->options.collector &&
                    other.options.trigger.kind == configuration->options.trigger.kind,
                "said twice it is something else");
    orr_configure_free(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_configuration configuration, before;
    struct orr_error error = {0};
    char *const text = fuzz_text(data, size);
    fuzz_memory_mark();
    orr_configure_defaults(&configuration);
    orr_require(orr_configure(&configuration, "trial.budget=1000,limit=1G", &error) == ORR_OK, "%s",
                error.message);
    before = configuration;
    const uint64_t bytes_before = fuzz_memory_now();
    const enum orr_status status = orr_configure(&configuration, text, &error);
    orr_require(fuzz_memory_peak() - bytes_before <= 65536 + 16 * (uint64_t)size,
                "%llu bytes of memory for a text of %zu",
                (unsigned long long)(fuzz_memory_peak() - bytes_before), size);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(is_same(&before, &configuration) && before.text == configuration.text,
                    "refused, and yet changed");
    } else if (text[0]) {
        check_accepted(&configuration);
        struct orr_configuration fresh;
        orr_configure_defaults(&fresh);
        orr_require(orr_configure(&fresh, text, &error) == ORR_OK, "%s", error.message);
        check_environment(&fresh, text);
        orr_configure_free(&fresh);
    }
    orr_configure_free(&configuration);
    free(text);
    return 0;
}
