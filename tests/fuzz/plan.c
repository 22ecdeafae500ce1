/* plan.c - any texts as a run that is asked for (bench/plan.h): one option per line, its name and its text.
 *
 * An accepted plan shows its settings; asked for with these, it must be the same plan.
 */
#include "bench/plan.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
set_option(struct orr_run_request *request, char *line)
{
    const struct {
        const char *name;
        const char **place;
    } places[] = {
        {"workload", &request->workload},
        {"strategy", &request->strategy},
        {"collector", &request->collector},
        {"heap", &request->heap},
        {"trigger", &request->trigger},
        {"threads", &request->threads},
        {"seconds", &request->seconds},
        {"operations", &request->operations},
        {"warmup", &request->warmup},
        {"heap-limit", &request->heap_limit},
        {"release-slice", &request->release_slice},
        {"seed", &request->seed},
        {"workers", &request->workers},
        {"stress", &request->stress},
    };
    char *const space = strchr(line, ' ');
    if (!space)
        return;
    *space = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(line, places[i].name) == 0)
            *places[i].place = space + 1;
    if (strcmp(line, "set") == 0 && request->setting_count < ORR_SETTINGS_MAX)
        request->settings[request->setting_count++] = space + 1;
}

static void
read_request(struct orr_run_request *request, char *text)
{
    for (char *line = text; line;) {
        char *const end = strchr(line, '\n');
        if (end)
            *end = '\0';
        set_option(request, line);
        line = end ? end + 1 : NULL;
    }
}

static void
check_plan(const struct orr_plan *plan)
{
    orr_require(plan->workload && plan->heap.rc && plan->heap.collector && plan->heap.kind,
                "an axis without a name");
    orr_require(plan->threads >= 1 && plan->seed >= 1, "%u threads, seed %u", plan->threads,
                plan->seed);
    orr_require((plan->operations > 0) != (plan->measured_ns > 0), "no end, or two");
    orr_require(orr_plan_trigger_name(plan) != NULL, "a trigger without a name");
}

/* The request with every setting as the plan shows it. */
static void
check_shown(const struct orr_run_request *request, const struct orr_plan *plan)
{
    static char settings[ORR_SETTINGS_MAX][2 * ORR_OPTION_TEXT_BYTES];
    struct orr_run_request again = *request;
    struct orr_plan other;
    struct orr_error error = {0};
    again.setting_count =
        plan->shown_count < ORR_SETTINGS_MAX ? plan->shown_count : ORR_SETTINGS_MAX;
    for (size_t i = 0; i < again.setting_count; i++) {
        snprintf(settings[i], sizeof settings[i], "%s%s=%s", plan->shown[i].prefix,
                 plan->shown[i].name, plan->shown[i].value);
        /* What is for the collector is read when the heap is made. */
        if (strlen(plan->shown[i].value) >= ORR_OPTION_TEXT_BYTES)
            return;
        again.settings[i] = settings[i];
    }
    orr_require(orr_plan_resolve(&again, &other, &error) == ORR_OK, "as shown: %s", error.message);
    orr_require(memcmp(plan->settings, other.settings, plan->workload->settings_bytes) == 0,
                "as shown it is another plan");
    orr_plan_fini(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_run_request request = {0};
    struct orr_plan plan;
    struct orr_error error = {0};
    char *const text = fuzz_text(data, size);
    read_request(&request, text);
    request.workload = request.workload ? request.workload : "churn";
    const enum orr_status status = orr_plan_resolve(&request, &plan, &error);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(!plan.settings, "a refused plan holds memory");
    } else {
        check_plan(&plan);
        check_shown(&request, &plan);
        orr_plan_fini(&plan);
    }
    free(text);
    return 0;
}
