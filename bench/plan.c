/* plan.c - resolving what was asked for, axis by axis; see plan.h. */
#include "bench/plan.h"

#include "bench/axes.h"
#include "bench/command.h"
#include "collectors/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a run is when nothing is said: the pair that needs no threads to be promised and no roots,
 * and the seed that runs of other runtimes use. */
#define PRESET_STRATEGY "biased"
#define PRESET_COLLECTOR "trial"
#define PRESET_HEAP "blocks"
enum { PRESET_SECONDS = 2, PRESET_COUNT = 10000 };
#define PRESET_SEED 2463534242u
#define PRESET_BYTES (UINT64_C(16) << 20)

#define SECONDS_MAX 86400.0
#define THREADS_MAX 1024u /* a heap has 4096 owners, and a warm-up may come and go */
#define BYTES_MOST (UINT64_C(1) << 46)
#define NS_PER_SECOND 1e9

static const char *
text_or(const char *given, const char *preset)
{
    return given ? given : preset;
}

/* --- names --------------------------------------------------------------------------------------- */

static enum orr_status
resolve_names(const struct orr_run_request *request, struct orr_plan *plan, struct orr_error *error)
{
    size_t strategy, collector, heap, workload;
    enum orr_status status;
    status = orr_axis_find(ORR_AXIS_WORKLOADS, request->workload, &workload, error);
    if (status == ORR_OK)
        status = orr_axis_find(ORR_AXIS_STRATEGIES, text_or(request->strategy, PRESET_STRATEGY),
                               &strategy, error);
    if (status == ORR_OK)
        status = orr_axis_find(ORR_AXIS_COLLECTORS, text_or(request->collector, PRESET_COLLECTOR),
                               &collector, error);
    if (status == ORR_OK)
        status = orr_axis_find(ORR_AXIS_HEAPS, text_or(request->heap, PRESET_HEAP), &heap, error);
    if (status != ORR_OK)
        return status;
    plan->heap.rc = orr_rcs[strategy];
    plan->heap.collector = orr_collectors[collector];
    plan->heap.kind = orr_heap_kinds[heap];
    plan->is_rooted =
        (plan->heap.collector->needs & ORR_NEEDS_ROOTS) != 0 || !plan->heap.rc->counts;
    plan->workload = orr_workload_find(orr_workload_entries[workload].name, plan->heap.rc->name,
                                       plan->is_rooted);
    return ORR_OK;
}

/* --- the trigger --------------------------------------------------------------------------------- */

static enum orr_status
resolve_trigger_value(enum orr_trigger_kind kind, const char *value, struct orr_trigger *trigger,
                      struct orr_error *error)
{
    switch (kind) {
    case ORR_TRIGGER_bytes:
        return orr_command_number("--trigger bytes", value, 1, BYTES_MOST, &trigger->bytes, error);
    case ORR_TRIGGER_ratio:
        return orr_command_real("--trigger ratio", value, 0.01, 1000, &trigger->ratio, error);
    case ORR_TRIGGER_count:
    case ORR_TRIGGER_adaptive:
        return orr_command_number("--trigger count", value, 1, UINT32_MAX, &trigger->count, error);
    default:
        return orr_fail(error, ORR_BAD_INPUT, "--trigger %s takes no value",
                        orr_axis_entry(ORR_AXIS_TRIGGERS, kind).name);
    }
}

static enum orr_status
resolve_trigger(const char *text, struct orr_plan *plan, struct orr_error *error)
{
    struct orr_trigger *const trigger = &plan->heap.trigger;
    char name[32];
    size_t kind;
    *trigger = plan->heap.collector->trigger;
    if (!text)
        return ORR_OK;
    const size_t length = strcspn(text, ":");
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             text);
    enum orr_status status = orr_axis_find(ORR_AXIS_TRIGGERS, name, &kind, error);
    if (status != ORR_OK)
        return status;
    trigger->kind = (enum orr_trigger_kind)kind;
    trigger->count = trigger->count ? trigger->count : PRESET_COUNT;
    trigger->bytes = trigger->bytes ? trigger->bytes : PRESET_BYTES;
    trigger->ratio = trigger->ratio > 0 ? trigger->ratio : 1.0;
    return text[length] ? resolve_trigger_value(trigger->kind, text + length + 1, trigger, error)
                        : ORR_OK;
}

const char *
orr_plan_trigger_name(const struct orr_plan *plan)
{
    return orr_axis_entry(ORR_AXIS_TRIGGERS, plan->heap.trigger.kind).name;
}

/* --- numbers ------------------------------------------------------------------------------------- */

static enum orr_status
resolve_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *value,
               struct orr_error *error)
{
    return text ? orr_command_number(name, text, least, most, value, error) : ORR_OK;
}

static enum orr_status
resolve_seconds(const char *name, const char *text, double least, uint64_t *ns,
                struct orr_error *error)
{
    double seconds;
    if (!text)
        return ORR_OK;
    const enum orr_status status =
        orr_command_real(name, text, least, SECONDS_MAX, &seconds, error);
    if (status == ORR_OK)
        *ns = (uint64_t)(seconds * NS_PER_SECOND);
    return status;
}

static enum orr_status
resolve_length(const struct orr_run_request *request, struct orr_plan *plan,
               struct orr_error *error)
{
    if (request->operations && request->seconds)
        return orr_fail(error, ORR_BAD_INPUT,
                        "a run ends by --seconds or by --operations: give one of them");
    if (request->operations && request->warmup)
        return orr_fail(error, ORR_BAD_INPUT,
                        "--warmup is a part of the time of a run: give --seconds, not "
                        "--operations");
    if (request->operations)
        return orr_command_number("--operations", request->operations, 1, UINT64_C(1) << 62,
                                  &plan->operations, error);
    plan->measured_ns = (uint64_t)(PRESET_SECONDS * NS_PER_SECOND);
    enum orr_status status =
        resolve_seconds("--seconds", request->seconds, 0.001, &plan->measured_ns, error);
    if (status != ORR_OK)
        return status;
    /* A quarter of the window, but never more than a second: caches and size classes are warm. */
    plan->warmup_ns = plan->measured_ns / 4;
    if (plan->warmup_ns > (uint64_t)NS_PER_SECOND)
        plan->warmup_ns = (uint64_t)NS_PER_SECOND;
    return resolve_seconds("--warmup", request->warmup, 0, &plan->warmup_ns, error);
}

static enum orr_status
resolve_numbers(const struct orr_run_request *request, struct orr_plan *plan,
                struct orr_error *error)
{
    uint64_t threads = 1, seed = PRESET_SEED, workers = ORR_WORKERS_AUTO;
    enum orr_status status =
        resolve_number("--threads", request->threads, 1, THREADS_MAX, &threads, error);
    if (status == ORR_OK)
        status = resolve_number("--seed", request->seed, 1, UINT32_MAX, &seed, error);
    if (status == ORR_OK)
        status = resolve_number("--workers", request->workers, 0, ORR_WORKERS_MAX, &workers, error);
    if (status == ORR_OK)
        status = resolve_number("--heap-limit", request->heap_limit, 1, BYTES_MOST,
                                &plan->heap.bytes_limit, error);
    if (status == ORR_OK)
        status = resolve_number("--release-slice", request->release_slice, 0, UINT32_MAX,
                                &plan->heap.release_slice, error);
    if (status == ORR_OK)
        status = resolve_number("--stress", request->stress, 1, UINT32_MAX,
                                &plan->heap.stress_every, error);
    plan->threads = (uint32_t)threads;
    plan->seed = (uint32_t)seed;
    plan->heap.workers = (uint32_t)workers;
    return status == ORR_OK ? resolve_length(request, plan, error) : status;
}

/* --- settings ------------------------------------------------------------------------------------ */

static const char collector_prefix[] = "collector.";

static bool
is_for_collector(const char *setting)
{
    return strncmp(setting, collector_prefix, sizeof collector_prefix - 1) == 0;
}

/* The value of KEY=VALUE if that is its key. */
static const char *
value_of(const char *setting, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(setting, key, length) == 0 && setting[length] == '=' ? setting + length + 1
                                                                        : NULL;
}

/* Adds the rows of a table to what the record shows: the last value given, or the preset. */
static void
show_settings(struct orr_plan *plan, const struct orr_option *table,
              const struct orr_run_request *request, const char *prefix)
{
    for (const struct orr_option *option = table; option && option->key; option++) {
        struct orr_plan_setting shown = {prefix, option->key, option->preset};
        for (size_t i = 0; i < request->setting_count; i++) {
            const char *const text = request->settings[i];
            if (is_for_collector(text) != (prefix[0] != '\0'))
                continue;
            const char *const value = value_of(text + strlen(prefix), option->key);
            shown.value = value ? value : shown.value;
        }
        if (plan->shown_count < sizeof plan->shown / sizeof plan->shown[0])
            plan->shown[plan->shown_count++] = shown;
    }
}

static enum orr_status
resolve_settings(const struct orr_run_request *request, struct orr_plan *plan,
                 struct orr_error *error)
{
    const struct orr_workload *const workload = plan->workload;
    size_t for_collector = 0;
    plan->settings = calloc(1, workload->settings_bytes + 1);
    if (!plan->settings)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the settings of %s",
                        workload->name);
    orr_options_preset(workload->options, plan->settings);
    for (size_t i = 0; i < request->setting_count; i++) {
        const char *const text = request->settings[i];
        if (is_for_collector(text)) {
            plan->collector_settings[for_collector++] = text + sizeof collector_prefix - 1;
            continue;
        }
        const enum orr_status status =
            orr_options_set(workload->options, plan->settings, workload->name, text, error);
        if (status != ORR_OK)
            return status;
    }
    plan->heap.settings = plan->collector_settings;
    show_settings(plan, workload->options, request, "");
    show_settings(plan, plan->heap.collector->options, request, collector_prefix);
    return ORR_OK;
}

/* --- the whole ----------------------------------------------------------------------------------- */

static enum orr_status
check_pair(const struct orr_plan *plan, struct orr_error *error)
{
    const struct orr_workload *const workload = plan->workload;
    if (workload->threads_max != 0 && plan->threads > workload->threads_max)
        return orr_fail(error, ORR_NOT_APPLICABLE, "%s runs on %u threads at most, not on %u",
                        workload->name, workload->threads_max, plan->threads);
    if (!orr_pair_applies(plan->heap.rc, plan->heap.collector, plan->heap.kind, plan->threads,
                          error))
        return ORR_NOT_APPLICABLE;
    return ORR_OK;
}

enum orr_status
orr_plan_resolve(const struct orr_run_request *request, struct orr_plan *plan,
                 struct orr_error *error)
{
    *plan = (struct orr_plan){0};
    plan->heap.verify = request->verify;
    plan->heap.ledger = request->ledger;
    enum orr_status status = resolve_names(request, plan, error);
    if (status == ORR_OK)
        status = resolve_trigger(request->trigger, plan, error);
    if (status == ORR_OK)
        status = resolve_numbers(request, plan, error);
    if (status == ORR_OK)
        status = resolve_settings(request, plan, error);
    if (status == ORR_OK)
        status = check_pair(plan, error);
    if (status != ORR_OK)
        orr_plan_fini(plan);
    return status;
}

void
orr_plan_fini(struct orr_plan *plan)
{
    free(plan->settings);
    plan->settings = NULL;
}
