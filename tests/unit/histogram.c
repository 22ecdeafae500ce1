/* histogram.c - bench/histogram: what is recorded is found again, in memory, as text and in files. */
#include "bench/histogram.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Read by HdrHistogram 2.1.11 for Java and by hdr-histogram-js 3.0.1, which both found the figures
 * that the tests below expect; the Java library writes the same bytes for the same values. */
static const char golden[] =
    "HISTFAAAAEZ4nJNpmSzMwMCgwgABzFCaEch0M9ixgMH+A0SAiYXpAj+D0GH+BsbVAkwsf/kb"
    "Ghhv1jIlP2NZGsl01Ivp8XZGJgCucw/c";

static const uint64_t golden_values[][2] = {
    {0, 1},       {5, 9},        {1, 2},          {2, 1},
    {3, 1000},    {1000, 64},    {2047, 1},       {2048, 1},
    {2049, 1},    {4096, 8192},  {1000000, 300},  {974000, 1},
    {1000001, 7}, {50000000, 1}, {1234567890, 1}, {3600000000000, 1},
};

static struct orr_histogram *
create(void)
{
    struct orr_histogram *histogram;
    cr_assert_eq(orr_histogram_create(&histogram, NULL), ORR_OK);
    return histogram;
}

static struct orr_histogram *
create_golden(void)
{
    struct orr_histogram *const histogram = create();
    for (size_t i = 0; i < sizeof golden_values / sizeof golden_values[0]; i++)
        orr_histogram_record_count(histogram, golden_values[i][0], golden_values[i][1]);
    return histogram;
}

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(histogram, slots_follow_each_other_without_gap_and_stay_within_a_thousandth)
{
    for (unsigned slot = 0; slot < ORR_HISTOGRAM_SLOTS; slot++) {
        const uint64_t lowest = orr_histogram_slot_lowest(slot);
        const uint64_t highest = orr_histogram_slot_highest(slot);
        if (slot > 0)
            cr_assert_eq(lowest, orr_histogram_slot_highest(slot - 1) + 1, "slot %u", slot);
        cr_assert_leq(1000 * (highest - lowest), lowest, "slot %u", slot);
        if (highest <= ORR_HISTOGRAM_HIGHEST_NS) {
            cr_assert_eq(orr_histogram_slot(lowest), slot);
            cr_assert_eq(orr_histogram_slot(highest), slot);
        }
    }
}

Test(histogram, keeps_count_total_and_extremes_exactly)
{
    struct orr_histogram *const histogram = create();
    cr_assert(orr_histogram_is_valid(histogram));
    orr_histogram_record(histogram, 1234567);
    orr_histogram_record_count(histogram, 10, 3);
    orr_histogram_record_count(histogram, 99, 0);
    orr_histogram_record(histogram, 987654321);
    cr_assert_eq(histogram->count, 5);
    cr_assert_eq(histogram->total_ns, 1234567 + 30 + 987654321);
    cr_assert_eq(histogram->min_ns, 10);
    cr_assert_eq(histogram->max_ns, 987654321);
    cr_assert_float_eq(orr_histogram_mean(histogram), (1234567 + 30 + 987654321) / 5.0, 1e-6);
    cr_assert(orr_histogram_is_valid(histogram));
    orr_histogram_clear(histogram);
    cr_assert_eq(histogram->count, 0);
    cr_assert(orr_histogram_is_valid(histogram));
    orr_histogram_destroy(histogram);
}

Test(histogram, percentiles_of_one_to_a_thousand_are_the_ranks)
{
    struct orr_histogram *const histogram = create();
    for (uint64_t value = 1; value <= 1000; value++)
        orr_histogram_record(histogram, value);
    cr_assert_eq(orr_histogram_percentile(histogram, 0), 1);
    cr_assert_eq(orr_histogram_percentile(histogram, 50), 500);
    cr_assert_eq(orr_histogram_percentile(histogram, 50.01), 501);
    cr_assert_eq(orr_histogram_percentile(histogram, 90), 900);
    cr_assert_eq(orr_histogram_percentile(histogram, 99), 990);
    cr_assert_eq(orr_histogram_percentile(histogram, 99.9), 999);
    cr_assert_eq(orr_histogram_percentile(histogram, 99.99), 1000);
    cr_assert_eq(orr_histogram_percentile(histogram, 100), 1000);
    orr_histogram_destroy(histogram);
}

/* In binary 0.07 % of 10000 is a hair above 7. */
Test(histogram, a_percentile_is_meant_as_it_is_written)
{
    struct orr_histogram *const histogram = create();
    for (uint64_t value = 1; value <= 10000; value++)
        orr_histogram_record(histogram, value);
    cr_assert_eq(orr_histogram_percentile(histogram, 0.07), 7);
    cr_assert_eq(orr_histogram_percentile(histogram, 0.14), 14);
    cr_assert_eq(orr_histogram_percentile(histogram, 0.141), 15);
    orr_histogram_destroy(histogram);
}

Test(histogram, no_percentile_exceeds_the_maximum)
{
    struct orr_histogram *const histogram = create();
    orr_histogram_record(histogram, 1000000007);
    cr_assert_eq(orr_histogram_percentile(histogram, 50), 1000000007);
    cr_assert_eq(orr_histogram_percentile(histogram, 100), 1000000007);
    orr_histogram_destroy(histogram);
}

Test(histogram, deviation_of_two_values_is_half_their_distance)
{
    struct orr_histogram *const histogram = create();
    orr_histogram_record_count(histogram, 100, 50);
    orr_histogram_record_count(histogram, 300, 50);
    cr_assert_float_eq(orr_histogram_deviation(histogram), 100.0, 1e-9);
    orr_histogram_destroy(histogram);
}

Test(histogram, a_value_past_the_hour_is_counted_as_clipped_and_stays_the_maximum)
{
    struct orr_histogram *const histogram = create();
    orr_histogram_record(histogram, ORR_HISTOGRAM_HIGHEST_NS);
    cr_assert_eq(histogram->clipped, 0);
    orr_histogram_record(histogram, ORR_HISTOGRAM_HIGHEST_NS + 1);
    orr_histogram_record(histogram, UINT64_MAX);
    cr_assert_eq(histogram->clipped, 2);
    cr_assert_eq(histogram->count, 3);
    cr_assert_eq(histogram->max_ns, UINT64_MAX);
    cr_assert(orr_histogram_is_valid(histogram));
    orr_histogram_destroy(histogram);
}

Test(histogram, counts_and_totals_saturate_and_do_not_wrap)
{
    struct orr_histogram *const histogram = create();
    orr_histogram_record_count(histogram, 1000, UINT64_MAX - 1);
    orr_histogram_record_count(histogram, 1000, 5);
    cr_assert_eq(histogram->count, UINT64_MAX);
    cr_assert_eq(histogram->total_ns, UINT64_MAX);
    orr_histogram_destroy(histogram);
}

Test(histogram, merging_equals_recording_into_one)
{
    struct orr_histogram *const left = create();
    struct orr_histogram *const right = create();
    struct orr_histogram *const both = create();
    uint64_t state = 42;
    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t value = 1 + (next_random(&state) >> (20 + i % 40));
        orr_histogram_record(i % 3 ? left : right, value);
        orr_histogram_record(both, value);
    }
    orr_histogram_merge(left, right);
    cr_assert_eq(memcmp(left, both, sizeof *both), 0);
    orr_histogram_clear(right);
    orr_histogram_merge(left, right); /* merging nothing changes nothing, the minimum included */
    cr_assert_eq(memcmp(left, both, sizeof *both), 0);
    orr_histogram_destroy(both);
    orr_histogram_destroy(right);
    orr_histogram_destroy(left);
}

Test(histogram, is_not_valid_once_a_count_is_wrong)
{
    struct orr_histogram *const histogram = create_golden();
    cr_assert(orr_histogram_is_valid(histogram));
    histogram->slots[7]++;
    cr_assert(!orr_histogram_is_valid(histogram));
    orr_histogram_destroy(histogram);
}

Test(histogram, encodes_to_the_golden_text)
{
    if (strstr(zlibVersion(), "zlib-ng"))
        cr_skip_test("another implementation of zlib compresses to other bytes");
    struct orr_histogram *const histogram = create_golden();
    char *text;
    cr_assert_eq(orr_histogram_encode(histogram, &text, NULL), ORR_OK);
    cr_assert_str_eq(text, golden);
    free(text);
    orr_histogram_destroy(histogram);
}

Test(histogram, decodes_the_golden_text_to_what_independent_readers_found)
{
    struct orr_histogram *histogram;
    cr_assert_eq(orr_histogram_decode(golden, &histogram, NULL), ORR_OK);
    cr_assert_eq(histogram->count, 9583);
    cr_assert_eq(histogram->min_ns, 0);
    cr_assert_eq(orr_histogram_percentile(histogram, 10), 3);
    cr_assert_eq(orr_histogram_percentile(histogram, 50), 4099);
    cr_assert_eq(orr_histogram_percentile(histogram, 90), 4099);
    cr_assert_eq(orr_histogram_percentile(histogram, 99), 1000447);
    cr_assert_eq(orr_histogram_percentile(histogram, 99.9), 1000447);
    cr_assert_float_eq(orr_histogram_mean(histogram), 3.7586170288323075e8, 1e5);
    cr_assert_float_eq(orr_histogram_deviation(histogram), 3.677562172246763e10, 1e7);
    cr_assert(orr_histogram_is_valid(histogram));
    orr_histogram_destroy(histogram);
}

static void
check_round_trip(const struct orr_histogram *histogram)
{
    struct orr_histogram *decoded;
    char *text;
    cr_assert_eq(orr_histogram_encode(histogram, &text, NULL), ORR_OK);
    cr_assert_eq(orr_histogram_decode(text, &decoded, NULL), ORR_OK);
    cr_assert_eq(memcmp(decoded->slots, histogram->slots, sizeof histogram->slots), 0);
    cr_assert_eq(decoded->count, histogram->count);
    cr_assert(orr_histogram_is_valid(decoded));
    orr_histogram_destroy(decoded);
    free(text);
}

Test(histogram, every_shape_survives_encoding_and_decoding)
{
    struct orr_histogram *const histogram = create();
    check_round_trip(histogram); /* empty */
    orr_histogram_record(histogram, 0);
    check_round_trip(histogram);
    orr_histogram_record(histogram, ORR_HISTOGRAM_HIGHEST_NS); /* one long run of empty slots */
    check_round_trip(histogram);
    orr_histogram_record_count(histogram, 500, INT64_MAX - 2); /* the longest number */
    check_round_trip(histogram);
    orr_histogram_clear(histogram);
    for (unsigned slot = 0; slot <= orr_histogram_slot(ORR_HISTOGRAM_HIGHEST_NS); slot++)
        orr_histogram_record_count(histogram, orr_histogram_slot_lowest(slot), 1 + slot % 300);
    check_round_trip(histogram); /* no empty slot at all */
    orr_histogram_destroy(histogram);
}

static void
check_refused(const char *text, const char *reason)
{
    struct orr_error error = {ORR_OK, ""};
    struct orr_histogram *histogram;
    cr_assert_eq(orr_histogram_decode(text, &histogram, &error), ORR_BAD_INPUT, "%s", text);
    cr_assert_null(histogram);
    cr_assert(strstr(error.message, reason), "%s: %s", text, error.message);
}

Test(histogram, refuses_text_that_is_no_histogram)
{
    check_refused("", "base64");
    check_refused("HIS", "base64");
    check_refused("HIST====", "base64");
    check_refused("HI=TFAAA", "base64");
    check_refused("AB==", "base64"); /* bits behind the last byte */
    check_refused("AAB=", "base64");
    check_refused("HIST FAA", "base64");
    check_refused("AAAA", "does not begin");
    check_refused("AAAAAAAAAAAAAAAA", "does not begin");
    check_refused("HISTFAAAAAEA", "compressed part");
    check_refused("HISTFP////8A", "length");
}

Test(histogram, refuses_the_golden_text_cut_at_any_length)
{
    char text[sizeof golden];
    for (size_t length = 0; length + 1 < sizeof golden; length++) {
        memcpy(text, golden, length);
        text[length] = '\0';
        check_refused(text, "cannot read a histogram");
    }
}

/* zlib's checksum sees any change of one character. */
Test(histogram, refuses_the_golden_text_with_any_one_character_changed)
{
    for (size_t at = 0; at + 1 < sizeof golden; at++) {
        char text[sizeof golden];
        memcpy(text, golden, sizeof golden);
        text[at] = text[at] == 'A' ? 'B' : 'A';
        check_refused(text, "cannot read a histogram");
    }
}

static void
encode_base64(const unsigned char *bytes, size_t length, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        unsigned group = 0;
        for (size_t j = i; j < i + 3; j++)
            group = group << 8 | (j < length ? bytes[j] : 0);
        for (unsigned k = 0; k < 4; k++)
            *text++ = i + k > length ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    *text = '\0';
}

enum { HEADER_BYTES = 40, COUNT_BYTES_MAX = 200 };

/* A correct wrapping of a header (with one byte changed, unless at is negative) and these counts, so
 * that what zlib lets through is refused for what it means. */
static void
wrap(int at, unsigned char byte, const unsigned char *counts, unsigned char length, char *text)
{
    unsigned char payload[HEADER_BYTES + COUNT_BYTES_MAX] = {
        0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 0,    0,    0,    0,    0, 0,    0,    0, 3, 0, 0, 0, 0,
        0,    0,    0,    1,    0, 0, 3, 0x46, 0x30, 0xb8, 0xa0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0};
    unsigned char packed[512] = {0x1c, 0x84, 0x93, 0x14};
    uLongf packed_length = sizeof packed - 8;
    payload[7] = length;
    memcpy(payload + HEADER_BYTES, counts, length);
    if (at >= 0)
        payload[at] = byte;
    cr_assert_eq(compress(packed + 8, &packed_length, payload, HEADER_BYTES + length), Z_OK);
    packed[6] = (unsigned char)(packed_length >> 8);
    packed[7] = (unsigned char)packed_length;
    encode_base64(packed, packed_length + 8, text);
}

static void
check_counts_refused(const unsigned char *counts, unsigned char length, const char *reason)
{
    char text[1024];
    wrap(-1, 0, counts, length, text);
    check_refused(text, reason);
}

Test(histogram, refuses_counts_that_lie)
{
    /* zigzag: an even byte is half of it, an odd one is negative */
    const unsigned char cut[] = {2, 0x80};
    const unsigned char beyond[] = {0xff, 0xff, 0x7f};
    const unsigned char endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const unsigned char huge_twice[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    check_counts_refused(cut, sizeof cut, "cut off");
    check_counts_refused(beyond, sizeof beyond, "longer than an hour");
    check_counts_refused(endless, sizeof endless, "longer than an hour");
    check_counts_refused(huge_twice, sizeof huge_twice, "63 bits");
}

/* A run of empty slots and one count after it: the last slot of the range holds one, the next none. */
Test(histogram, refuses_the_first_slot_past_the_range)
{
    const unsigned last = orr_histogram_slot(ORR_HISTOGRAM_HIGHEST_NS);
    for (unsigned zeros = last; zeros <= last + 1; zeros++) {
        const uint32_t zigzag = 2 * zeros - 1;
        const unsigned char counts[] = {(unsigned char)(zigzag | 0x80),
                                        (unsigned char)(zigzag >> 7 | 0x80),
                                        (unsigned char)(zigzag >> 14), 2};
        struct orr_histogram *histogram;
        char text[1024];
        wrap(-1, 0, counts, sizeof counts, text);
        if (zeros == last + 1) {
            check_refused(text, "longer than an hour");
            continue;
        }
        cr_assert_eq(orr_histogram_decode(text, &histogram, NULL), ORR_OK);
        cr_assert_eq(histogram->slots[last], 1);
        orr_histogram_destroy(histogram);
    }
    const uint32_t zigzag = 2 * (last + 2) - 1; /* one empty slot too many */
    const unsigned char counts[] = {(unsigned char)(zigzag | 0x80),
                                    (unsigned char)(zigzag >> 7 | 0x80),
                                    (unsigned char)(zigzag >> 14)};
    check_counts_refused(counts, sizeof counts, "longer than an hour");
}

Test(histogram, refuses_bytes_after_the_end)
{
    unsigned char packed[64] = {0x1c, 0x84, 0x93, 0x14};
    uLongf packed_length = sizeof packed - 8;
    char text[128];
    cr_assert_eq(compress(packed + 8, &packed_length, (const unsigned char *)"x", 1), Z_OK);
    packed[7] = (unsigned char)packed_length;
    encode_base64(packed, packed_length + 8, text);
    check_refused(text, "inner part"); /* whole, but no histogram */
    packed[7]++;
    encode_base64(packed, packed_length + 9, text);
    check_refused(text, "compressed part");
}

Test(histogram, refuses_a_header_with_any_other_value)
{
    const unsigned char counts[] = {2, 4, 6};
    struct orr_histogram *histogram;
    char text[1024];
    wrap(-1, 0, counts, sizeof counts, text);
    cr_assert_eq(orr_histogram_decode(text, &histogram, NULL), ORR_OK);
    cr_assert_eq(histogram->count, 6);
    orr_histogram_destroy(histogram);
    for (int at = 0; at < HEADER_BYTES; at++) {
        wrap(at, 0x55, counts, sizeof counts, text);
        check_refused(text, at < 4 ? "mark" : at < 8 ? "length" : "range");
    }
}

Test(histogram, refuses_more_than_fits_when_unpacked)
{
    /* Ten million zeros pack into ten kilobytes; they must not be unpacked into memory. */
    const size_t length = 10000000;
    unsigned char *const zeros = calloc(1, length);
    uLongf packed_length = compressBound(length);
    unsigned char *const packed = malloc(8 + packed_length);
    char *const text = malloc((8 + packed_length) / 3 * 4 + 8);
    cr_assert(zeros && packed && text);
    cr_assert_eq(compress(packed + 8, &packed_length, zeros, length), Z_OK);
    const unsigned char wrapper[8] = {0x1c,
                                      0x84,
                                      0x93,
                                      0x14,
                                      0,
                                      0,
                                      (unsigned char)(packed_length >> 8),
                                      (unsigned char)packed_length};
    memcpy(packed, wrapper, sizeof wrapper);
    encode_base64(packed, packed_length + 8, text);
    check_refused(text, "compressed part");
    free(text);
    free(packed);
    free(zeros);
}

/* The rows, and the footer, that the Java library prints for the same values. */
Test(histogram, writes_the_percentile_distribution_of_other_writers)
{
    static const char expected[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                                   "     100.000 0.000000000000          1           1.00\n"
                                   "     100.000 0.100000000000          1           1.11\n"
                                   "     200.000 0.200000000000          2           1.25\n"
                                   "     300.000 0.300000000000          3           1.43\n"
                                   "     400.000 0.400000000000          4           1.67\n"
                                   "     500.000 0.500000000000          5           2.00\n"
                                   "     600.000 0.550000000000          6           2.22\n"
                                   "     600.000 0.600000000000          6           2.50\n"
                                   "     700.000 0.650000000000          7           2.86\n"
                                   "     700.000 0.700000000000          7           3.33\n"
                                   "     800.000 0.750000000000          8           4.00\n"
                                   "     800.000 0.775000000000          8           4.44\n"
                                   "     800.000 0.800000000000          8           5.00\n"
                                   "     900.000 0.825000000000          9           5.71\n"
                                   "     900.000 0.850000000000          9           6.67\n"
                                   "     900.000 0.875000000000          9           8.00\n"
                                   "     900.000 0.887500000000          9           8.89\n"
                                   "     900.000 0.900000000000          9          10.00\n"
                                   "    1000.000 0.912500000000         10          11.43\n"
                                   "    1000.000 1.000000000000         10\n"
                                   "#[Mean    =      550.000, StdDeviation   =      287.228]\n"
                                   "#[Max     =     1000.000, Total count    =           10]\n"
                                   "#[Buckets =           32, SubBuckets     =         2048]\n";
    struct orr_histogram *const histogram = create();
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    for (uint64_t value = 100; value <= 1000; value += 100)
        orr_histogram_record(histogram, value);
    cr_assert_eq(orr_histogram_write_hgrm(histogram, file, 1.0, NULL), ORR_OK);
    fclose(file);
    cr_assert_str_eq(text, expected);
    free(text);
    orr_histogram_destroy(histogram);
}

Test(histogram, writes_log_lines_with_and_without_a_tag)
{
    struct orr_histogram *const histogram = create_golden();
    char *encoded;
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    cr_assert_eq(orr_histogram_encode(histogram, &encoded, NULL), ORR_OK);
    cr_assert_eq(orr_histogram_begin_hlog(file, 1441812279.474, NULL), ORR_OK);
    cr_assert_eq(orr_histogram_write_hlog(histogram, file, NULL, 0.0, 1.5, NULL), ORR_OK);
    cr_assert_eq(orr_histogram_write_hlog(histogram, file, "stop", 0.25, 2.0, NULL), ORR_OK);
    fclose(file);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "#[Histogram log format version 1.3]\n"
             "#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09 15:24:39 UTC 2015]\n"
             "#[BaseTime: 1441812279.474 (seconds since epoch)]\n"
             "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
             "\"Interval_Compressed_Histogram\"\n"
             "0.000,1.500,3600000.000,%s\n"
             "Tag=stop,0.250,2.000,3600000.000,%s\n",
             encoded, encoded);
    cr_assert(strncmp(text, "#[", 2) == 0);
    cr_assert_str_eq(strchr(text, '\n') + 1, expected);
    free(text);
    free(encoded);
    orr_histogram_destroy(histogram);
}

Test(histogram, refuses_a_tag_that_would_break_the_line)
{
    struct orr_histogram *const histogram = create();
    struct orr_error error;
    cr_assert_eq(orr_histogram_write_hlog(histogram, stderr, "a,b", 0, 1, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "'a,b'"));
    cr_assert_eq(orr_histogram_write_hlog(histogram, stderr, "", 0, 1, NULL), ORR_BAD_INPUT);
    cr_assert_eq(orr_histogram_write_hlog(histogram, stderr, "a b", 0, 1, NULL), ORR_BAD_INPUT);
    orr_histogram_destroy(histogram);
}

Test(histogram, tells_when_the_disk_is_full)
{
    struct orr_histogram *const histogram = create_golden();
    struct orr_error error;
    FILE *const full = fopen("/dev/full", "w");
    cr_assert(full);
    cr_assert_eq(orr_histogram_write_hgrm(histogram, full, 1.0, &error), ORR_BAD_INPUT);
    cr_assert(strstr(error.message, "No space left"), "%s", error.message);
    fclose(full);
    orr_histogram_destroy(histogram);
}
