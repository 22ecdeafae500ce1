/* quantity.c - bench/quantity: three digits, the right unit, and the roundings between units. */
#include "bench/quantity.h"

#include <criterion/criterion.h>

#include <math.h>

struct example {
    double number;
    const char *expected;
};

static void
check(char *(*format)(char *, double), const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[ORR_QUANTITY_BYTES];
        cr_assert_str_eq(format(text, examples[i].number), examples[i].expected, "%g: %s",
                         examples[i].number, text);
    }
}

Test(quantity, durations)
{
    static const struct example examples[] = {
        {0, "0 ns"},        {7, "7 ns"},           {7.25, "7.25 ns"},
        {999, "999 ns"},    {999.7, "1.00 us"},    {1000, "1.00 us"},
        {12345, "12.3 us"}, {999960, "1.00 ms"},   {12.3e6, "12.3 ms"},
        {974000, "974 us"}, {9.996e6, "10.0 ms"},  {99.96e6, "100 ms"},
        {1.5e9, "1.50 s"},  {59.94e9, "59.9 s"},   {59.96e9, "1.00 min"},
        {3.6e12, "1.00 h"}, {-12.3e6, "-12.3 ms"}, {3.6e19, "1e+07 h"},
        {NAN, "-"},         {INFINITY, "-"},
    };
    check(orr_quantity_duration, examples, sizeof examples / sizeof examples[0]);
}

Test(quantity, counts)
{
    static const struct example examples[] = {
        {0, "0"},          {12, "12"},          {999, "999"},     {1000, "1.00 k"},
        {4.5e6, "4.50 M"}, {999.6e6, "1.00 G"}, {2e12, "2.00 T"}, {0.5, "0.50"},
    };
    check(orr_quantity_count, examples, sizeof examples / sizeof examples[0]);
}

Test(quantity, bytes)
{
    static const struct example examples[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.00 KiB"},
        {1536, "1.50 KiB"},
        {16777216, "16.0 MiB"},
        {1073741823, "1.00 GiB"},
        {5.5 * 1099511627776, "5.50 TiB"},
    };
    check(orr_quantity_bytes, examples, sizeof examples / sizeof examples[0]);
}

Test(quantity, percents)
{
    static const struct example examples[] = {
        {0, "0.00 %"}, {0.0123, "1.23 %"}, {0.934, "93.4 %"}, {1, "100.0 %"}, {NAN, "-"}};
    check(orr_quantity_percent, examples, sizeof examples / sizeof examples[0]);
}
