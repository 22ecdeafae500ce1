/* quantity.c - choosing the unit and the digits of a number; see quantity.h. */
#include "bench/quantity.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

struct unit {
    const char *name; /* with the space before it */
    double factor;    /* how many of the first unit */
    double next;      /* how many of these the next unit is */
};

static const struct unit durations[] = {
    {" ns", 1, 1000}, {" us", 1e3, 1000}, {" ms", 1e6, 1000},
    {" s", 1e9, 60},  {" min", 6e10, 60}, {" h", 3.6e12, INFINITY},
};

static const struct unit counts[] = {
    {"", 1, 1000}, {" k", 1e3, 1000}, {" M", 1e6, 1000}, {" G", 1e9, 1000}, {" T", 1e12, INFINITY},
};

static const struct unit bytes_units[] = {
    {" B", 1, 1024},
    {" KiB", 1024, 1024},
    {" MiB", 1048576, 1024},
    {" GiB", 1073741824, 1024},
    {" TiB", 1099511627776, INFINITY},
};

static int
decimals_of(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

/* A whole number of the first unit has no decimals to show: 7 B, not 7.00 B. */
static char *
format(char *text, double value, const struct unit *unit)
{
    if (!isfinite(value)) {
        snprintf(text, ORR_QUANTITY_BYTES, "-");
        return text;
    }
    const char *const sign = value < 0 ? "-" : "";
    const double size = fabs(value);
    const struct unit *const first = unit;
    while (size / unit->factor >= unit->next - (unit->next > 100 ? 0.5 : 0.05))
        unit++;
    const double scaled = size / unit->factor;
    if (scaled >= 1e6)
        snprintf(text, ORR_QUANTITY_BYTES, "%s%.3g%s", sign, scaled, unit->name);
    else
        snprintf(text, ORR_QUANTITY_BYTES, "%s%.*f%s", sign,
                 unit == first && size == floor(size) ? 0 : decimals_of(scaled), scaled,
                 unit->name);
    return text;
}

char *
orr_quantity_duration(char *text, double ns)
{
    return format(text, ns, durations);
}

char *
orr_quantity_count(char *text, double count)
{
    return format(text, count, counts);
}

char *
orr_quantity_bytes(char *text, double bytes)
{
    return format(text, bytes, bytes_units);
}

char *
orr_quantity_percent(char *text, double share)
{
    if (isfinite(share))
        snprintf(text, ORR_QUANTITY_BYTES, "%.*f %%", fabs(share) < 0.09995 ? 2 : 1, 100.0 * share);
    else
        snprintf(text, ORR_QUANTITY_BYTES, "-");
    return text;
}
