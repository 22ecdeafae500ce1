/* quantity.c - any number for people (bench/quantity.h): a short word that begins like a number. */
#include "bench/quantity.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#define SHARE_MOST 1e12 /* shares are 0 to 1; ratios that are called so are not much more */

static void
check_text(const char *text, double value)
{
    orr_require(memchr(text, '\0', ORR_QUANTITY_BYTES) && text[0], "%g has no words", value);
    orr_require(fuzz_is_printable(text, false), "%g is %s", value, text);
    orr_require(isfinite(value) == (strpbrk(text, "0123456789") != NULL), "%g is %s", value, text);
    orr_require(!isfinite(value) || strlen(text) < ORR_QUANTITY_BYTES - 1, "%g is cut: %s", value,
                text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[ORR_QUANTITY_BYTES];
    double value = 0;
    memcpy(&value, data, size < sizeof value ? size : sizeof value);
    check_text(orr_quantity_duration(text, value), value);
    check_text(orr_quantity_count(text, value), value);
    check_text(orr_quantity_bytes(text, value), value);
    if (!isfinite(value) || fabs(value) < SHARE_MOST)
        check_text(orr_quantity_percent(text, value), value);
    return 0;
}
