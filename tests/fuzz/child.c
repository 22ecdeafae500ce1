/* child.c - any last words of a run in a process of its own (bench/child.h): how they become a refusal.
 *
 * The first byte says how the process ended, the rest is what it wrote to its standard error last.
 */
#include "bench/child.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_child_result result = {.exit_status = -1};
    struct orr_error error = {0};
    if (size == 0)
        return 0;
    const uint8_t how = data[0];
    result.is_timed_out = how == 'T';
    result.is_flooding = how == 'F';
    if (how >= '0' && how <= '9')
        result.exit_status = how - '0';
    else if (how >= 0x80)
        result.signal = how - 0x7f;
    char *const text = fuzz_text(data + 1, size - 1);
    snprintf(result.message, sizeof result.message, "%s", text);
    const enum orr_status status = orr_child_verdict(&result, &error);
    free(text);
    if (status == ORR_OK)
        orr_require(result.exit_status == 0, "a good end that is none");
    else
        fuzz_refused(status, &error);
    return 0;
}
