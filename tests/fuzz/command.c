/* command.c - any text as a number on the command line (bench/command.h): a whole one, or one with a point.
 */
#include "bench/command.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
check_number(const char *text, uint64_t least, uint64_t most)
{
    uint64_t number = 0, again = 0;
    char shown[32];
    struct orr_error error = {0};
    const enum orr_status status =
        orr_command_number("--threads", text, least, most, &number, &error);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(status == ORR_BAD_INPUT && number == 0, "refused, and yet stored");
        return;
    }
    orr_require(number >= least && number <= most, "%" PRIu64 " is out of range", number);
    snprintf(shown, sizeof shown, "%" PRIu64, number);
    orr_require(orr_command_number("--threads", shown, least, most, &again, &error) == ORR_OK &&
                    again == number,
                "%s is another number", shown);
}

static void
check_real(const char *text, double least, double most)
{
    double number = -1, again = -1;
    char shown[64];
    struct orr_error error = {0};
    const enum orr_status status =
        orr_command_real("--seconds", text, least, most, &number, &error);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        return;
    }
    orr_require(number >= least && number <= most, "%g is out of range", number);
    snprintf(shown, sizeof shown, "%.17g", number);
    orr_require(orr_command_real("--seconds", shown, least, most, &again, &error) == ORR_OK &&
                    memcmp(&number, &again, sizeof number) == 0,
                "%s is another number", shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = fuzz_text(data, size);
    check_number(text, 1, 1024);
    check_number(text, 0, UINT64_MAX);
    check_real(text, 0.001, 86400);
    free(text);
    return 0;
}
