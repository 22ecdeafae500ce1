/* histogram_code.c - a histogram as one line of text and back: HdrHistogram's V2 encoding.
 *
 *   base64( cookie 0x1c849314 | length | zlib( cookie 0x1c849313 | payload length | offset 0 |
 *           digits | lowest (8 bytes) | highest (8 bytes) | ratio 1.0 (8 bytes) | counts ) )
 *
 * Numbers are big-endian. The counts run from slot 0 to the slot of the maximum, each a zigzag
 * LEB128 of at most nine bytes (the ninth carries eight bits); a negative number -n, n > 1, stands
 * for n empty slots.
 *
 * The decoder reads text that others may have written: every length is checked against what is
 * there before it is used, and nothing is allocated by the text's word.
 */
#include "bench/histogram.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    COOKIE_COUNTS = 0x1c849313,
    COOKIE_ZLIB = 0x1c849314,
    HEADER_BYTES = 40,
    WRAPPER_BYTES = 8,
    COUNT_BYTES = 9, /* the longest LEB128 of 64 bits in this format */
    PAYLOAD_BYTES = HEADER_BYTES + ORR_HISTOGRAM_SLOTS * COUNT_BYTES
};

static const char base64_digits[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static unsigned char *
put_big_endian(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    return at + bytes;
}

static uint64_t
get_big_endian(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static uint64_t
double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static unsigned char *
put_count(unsigned char *at, int64_t value)
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    for (unsigned i = 1; i < COUNT_BYTES && zigzag >= 0x80; i++) {
        *at++ = (unsigned char)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *at++ = (unsigned char)zigzag;
    return at;
}

/* The number at `at`, or null if the text ends within it. */
static const unsigned char *
get_count(const unsigned char *at, const unsigned char *end, int64_t *value)
{
    uint64_t zigzag = 0;
    for (unsigned i = 0; at < end; i++) {
        const uint64_t byte = *at++;
        const bool is_last = i == COUNT_BYTES - 1 || byte < 0x80;
        zigzag |= (is_last ? byte : byte & 0x7f) << (7 * i);
        if (is_last) {
            *value = (int64_t)(zigzag >> 1 ^ (zigzag & 1 ? UINT64_MAX : 0));
            return at;
        }
    }
    return NULL;
}

static unsigned char *
put_counts(const struct orr_histogram *histogram, unsigned char *at)
{
    const unsigned limit = (histogram->count ? orr_histogram_slot(histogram->max_ns) : 0) + 1;
    for (unsigned slot = 0; slot < limit;) {
        const uint64_t count = histogram->slots[slot++];
        int64_t number = count > INT64_MAX ? INT64_MAX : (int64_t)count;
        if (count == 0) {
            int64_t zeros = 1;
            for (; slot < limit && histogram->slots[slot] == 0; slot++)
                zeros++;
            number = zeros > 1 ? -zeros : 0;
        }
        at = put_count(at, number);
    }
    return at;
}

/* Writes header and counts; returns how many bytes. */
static size_t
put_payload(const struct orr_histogram *histogram, unsigned char *payload)
{
    unsigned char *const end = put_counts(histogram, payload + HEADER_BYTES);
    unsigned char *at = put_big_endian(payload, COOKIE_COUNTS, 4);
    at = put_big_endian(at, (uint64_t)(end - payload) - HEADER_BYTES, 4);
    at = put_big_endian(at, 0, 4); /* the index of value 0: the slots are not rotated */
    at = put_big_endian(at, ORR_HISTOGRAM_DIGITS, 4);
    at = put_big_endian(at, ORR_HISTOGRAM_LOWEST_NS, 8);
    at = put_big_endian(at, ORR_HISTOGRAM_HIGHEST_NS, 8);
    put_big_endian(at, double_bits(1.0), 8);
    return (size_t)(end - payload);
}

static void
put_base64(const unsigned char *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i;
        const uint32_t group = (uint32_t)bytes[i] << 16 |
                               (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        *text++ = base64_digits[group >> 18];
        *text++ = base64_digits[group >> 12 & 63];
        *text++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        *text++ = left > 2 ? base64_digits[group & 63] : '=';
    }
    *text = '\0';
}

enum orr_status
orr_histogram_encode(const struct orr_histogram *histogram, char **text, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    unsigned char *const payload = malloc(PAYLOAD_BYTES);
    uLongf packed_length = compressBound(PAYLOAD_BYTES);
    unsigned char *const packed = malloc(WRAPPER_BYTES + packed_length);
    *text = NULL;
    if (!payload || !packed) {
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to encode a histogram");
        goto done;
    }
    const size_t payload_length = put_payload(histogram, payload);
    if (compress(packed + WRAPPER_BYTES, &packed_length, payload, payload_length) != Z_OK) {
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "zlib had no memory to encode a histogram");
        goto done;
    }
    put_big_endian(put_big_endian(packed, COOKIE_ZLIB, 4), packed_length, 4);
    const size_t length = WRAPPER_BYTES + packed_length;
    *text = malloc((length + 2) / 3 * 4 + 1);
    if (*text)
        put_base64(packed, length, *text);
    else
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to encode a histogram");
done:
    free(packed);
    free(payload);
    return status;
}

static int
base64_value(char digit)
{
    const char *const found = digit ? strchr(base64_digits, digit) : NULL;
    return found ? (int)(found - base64_digits) : -1;
}

/* Decodes into bytes, which has room for length / 4 * 3; returns how many, or 0 if it is no base64.
 * Padding may only end the text, and the bits that padding leaves over must be zero, so that one
 * histogram has one text. */
static size_t
get_base64(const char *text, size_t length, unsigned char *bytes)
{
    if (length == 0 || length % 4 != 0)
        return 0;
    const size_t padding = text[length - 1] != '=' ? 0 : text[length - 2] != '=' ? 1 : 2;
    unsigned char *at = bytes;
    uint32_t group = 0;
    for (size_t i = 0; i < length; i++) {
        const bool is_padding = i >= length - padding;
        const int value = is_padding ? 0 : base64_value(text[i]);
        if (value < 0)
            return 0;
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            at = put_big_endian(at, group & 0xffffff, 3);
            group = 0;
        }
    }
    for (size_t i = 1; i <= padding; i++)
        if (at[-(ptrdiff_t)i] != 0)
            return 0;
    return (size_t)(at - bytes) - padding;
}

/* Unpacks the wrapper into payload (PAYLOAD_BYTES long); returns its length, or 0 with *why set. */
static size_t
unpack(const unsigned char *packed, size_t length, unsigned char *payload, const char **why)
{
    *why = "it does not begin with the mark of a compressed V2 histogram";
    if (length < WRAPPER_BYTES || get_big_endian(packed, 4) != COOKIE_ZLIB)
        return 0;
    *why = "its length field does not agree with its length";
    if (get_big_endian(packed + 4, 4) != length - WRAPPER_BYTES)
        return 0;
    *why = "its compressed part is damaged";
    uLongf payload_length = PAYLOAD_BYTES;
    uLong packed_length = length - WRAPPER_BYTES;
    if (uncompress2(payload, &payload_length, packed + WRAPPER_BYTES, &packed_length) != Z_OK ||
        packed_length != length - WRAPPER_BYTES)
        return 0;
    return payload_length;
}

/* Null if the header is one that put_payload writes, else what is wrong with it. */
static const char *
header_fault(const unsigned char *payload, size_t length)
{
    if (length < HEADER_BYTES || get_big_endian(payload, 4) != COOKIE_COUNTS)
        return "its inner part does not begin with the mark of V2 counts";
    if (get_big_endian(payload + 4, 4) != length - HEADER_BYTES)
        return "its counts do not have the length that its header gives";
    if (get_big_endian(payload + 8, 4) != 0 ||
        get_big_endian(payload + 12, 4) != ORR_HISTOGRAM_DIGITS ||
        get_big_endian(payload + 16, 8) != ORR_HISTOGRAM_LOWEST_NS ||
        get_big_endian(payload + 24, 8) != ORR_HISTOGRAM_HIGHEST_NS ||
        get_big_endian(payload + 32, 8) != double_bits(1.0))
        return "its range is not 1 ns to 1 hour with three digits";
    return NULL;
}

/* A decoded histogram knows its extremes and its total only as well as its slots do. */
static void
restore_slot(struct orr_histogram *histogram, unsigned slot, uint64_t count)
{
    const uint64_t lowest = orr_histogram_slot_lowest(slot);
    const uint64_t highest = orr_histogram_slot_highest(slot);
    const bool is_first = histogram->count == 0;
    /* The topmost slot reaches past the range; its values did not, or were clipped to its end. */
    const uint64_t largest =
        highest < ORR_HISTOGRAM_HIGHEST_NS ? highest : ORR_HISTOGRAM_HIGHEST_NS;
    orr_histogram_record_count(histogram, lowest + (largest - lowest + 1) / 2, count);
    if (is_first)
        histogram->min_ns = lowest;
    histogram->max_ns = largest;
}

static const char *
restore_counts(struct orr_histogram *histogram, const unsigned char *at, const unsigned char *end)
{
    const unsigned slots = orr_histogram_slot(ORR_HISTOGRAM_HIGHEST_NS) + 1;
    unsigned slot = 0;
    while (at < end) {
        int64_t number;
        at = get_count(at, end, &number);
        if (!at)
            return "its last count is cut off";
        const uint64_t length = number < 0 ? -(uint64_t)number : 1;
        if (length > slots - slot)
            return "it counts values longer than an hour";
        if (number > 0 && (uint64_t)number > (uint64_t)INT64_MAX - histogram->count)
            return "its counts do not fit 63 bits";
        if (number > 0)
            restore_slot(histogram, slot, (uint64_t)number);
        slot += (unsigned)length;
    }
    return NULL;
}

enum orr_status
orr_histogram_decode(const char *text, struct orr_histogram **histogram, struct orr_error *error)
{
    enum orr_status status = ORR_OK;
    const size_t text_length = strlen(text);
    unsigned char *const packed = malloc(text_length / 4 * 3 + 1);
    unsigned char *const payload = malloc(PAYLOAD_BYTES);
    *histogram = NULL;
    if (!packed || !payload)
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to decode a histogram");
    else
        status = orr_histogram_create(histogram, error);
    if (status != ORR_OK)
        goto done;
    const char *why = "it is not base64";
    const size_t packed_length = get_base64(text, text_length, packed);
    const size_t length = packed_length ? unpack(packed, packed_length, payload, &why) : 0;
    if (length > 0)
        why = header_fault(payload, length);
    if (!why)
        why = restore_counts(*histogram, payload + HEADER_BYTES, payload + length);
    if (why) {
        status = orr_fail(error, ORR_BAD_INPUT, "cannot read a histogram: %s", why);
        orr_histogram_destroy(*histogram);
        *histogram = NULL;
    }
done:
    free(payload);
    free(packed);
    return status;
}
