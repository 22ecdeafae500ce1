/* axes.c - any text as a name on an axis (bench/axes.h), and the name that was likely meant
 * (bench/suggest.h).
 */
#include "bench/axes.h"

#include "bench/suggest.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check_name(enum orr_axis axis, const char *name)
{
    const char *names[ORR_AXIS_NAMES_MAX];
    size_t position = 0;
    struct orr_error error = {0};
    const size_t count = orr_axis_names(axis, names);
    const enum orr_status status = orr_axis_find(axis, name, &position, &error);
    if (status == ORR_OK) {
        orr_require(position < count && strcmp(names[position], name) == 0, "another name");
        return;
    }
    fuzz_refused(status, &error);
    orr_require(strstr(error.message, orr_axis_kind(axis)), "of what? %s", error.message);
    const char *const nearest = orr_suggest_nearest(name, names, count);
    orr_require(!nearest || strstr(error.message, nearest), "%s is not suggested", nearest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = fuzz_text(data, size);
    for (int axis = 0; axis < ORR_AXES; axis++)
        check_name((enum orr_axis)axis, text);
    free(text);
    return 0;
}
