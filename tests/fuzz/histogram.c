/* histogram.c - any text as an encoded histogram (bench/histogram_code.c), and what its writers make of it.
 *
 * The mutator unpacks base64 and zlib, changes the header or a count, and packs them again, with the
 * lengths that belong to them.
 */
#include "bench/histogram.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PAYLOAD_BYTES = 1 << 15, WRAPPER_BYTES = 8, HEADER_BYTES = 40 };

/* Text, payload, and the histogram itself, whose slots are many. */
#define MEMORY_MOST (UINT64_C(2) << 20)

static void
check_writers(const struct orr_histogram *histogram)
{
    char *text = NULL;
    size_t bytes = 0;
    struct orr_error error = {0};
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    orr_require(orr_histogram_write_hgrm(histogram, file, 1e6, &error) == ORR_OK &&
                    orr_histogram_write_hlog(histogram, file, "a", 0, 1, &error) == ORR_OK,
                "%s", error.message);
    fclose(file);
    orr_require(fuzz_is_printable(text, true) && strlen(text) == bytes, "not a text");
    free(text);
}

static void
check_encoding(const struct orr_histogram *histogram)
{
    char *text;
    struct orr_histogram *again;
    struct orr_error error = {0};
    orr_require(orr_histogram_encode(histogram, &text, &error) == ORR_OK, "%s", error.message);
    orr_require(orr_histogram_decode(text, &again, &error) == ORR_OK, "%s", error.message);
    orr_require(memcmp(histogram->slots, again->slots, sizeof again->slots) == 0 &&
                    histogram->count == again->count && histogram->max_ns == again->max_ns &&
                    histogram->min_ns == again->min_ns,
                "a histogram that came back another one");
    orr_histogram_destroy(again);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct orr_error error = {0};
    struct orr_histogram *histogram;
    char *const text = fuzz_text(data, size);
    fuzz_memory_mark();
    const uint64_t before = fuzz_memory_now();
    const enum orr_status status = orr_histogram_decode(text, &histogram, &error);
    orr_require(fuzz_memory_peak() - before <= MEMORY_MOST + size, "%llu bytes for a text of %zu",
                (unsigned long long)(fuzz_memory_peak() - before), size);
    free(text);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(!histogram && status == ORR_BAD_INPUT, "status %d", (int)status);
        return 0;
    }
    orr_require(orr_histogram_is_valid(histogram), "an accepted histogram that is not valid");
    orr_require(orr_histogram_percentile(histogram, 100) <= histogram->max_ns, "past the maximum");
    check_encoding(histogram);
    check_writers(histogram);
    orr_histogram_destroy(histogram);
    return 0;
}

/* --- mutation ------------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t
unpack_base64(const uint8_t *text, size_t size, uint8_t *to)
{
    size_t count = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < size && text[i] != '='; i++) {
        const char *const digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return 0;
        group = group << 6 | (uint32_t)(digit - digits);
        if (i % 4 > 0)
            to[count++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    return count;
}

static size_t
pack_base64(const uint8_t *bytes, size_t count, uint8_t *text, size_t most)
{
    size_t size = 0;
    if ((count + 2) / 3 * 4 > most)
        return 0;
    for (size_t i = 0; i < count; i += 3) {
        const uint32_t second = i + 1 < count ? bytes[i + 1] : 0;
        const uint32_t third = i + 2 < count ? bytes[i + 2] : 0;
        const uint32_t group = (uint32_t)bytes[i] << 16 | second << 8 | third;
        text[size++] = (uint8_t)digits[group >> 18];
        text[size++] = (uint8_t)digits[group >> 12 & 63];
        text[size++] = i + 1 < count ? (uint8_t)digits[group >> 6 & 63] : '=';
        text[size++] = i + 2 < count ? (uint8_t)digits[group & 63] : '=';
    }
    return size;
}

static void
store(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* One count becomes another number, or the counts some other bytes. */
static size_t
change_counts(uint8_t *counts, size_t bytes, size_t most, uint32_t *random)
{
    if (bytes == 0 || fuzz_random(random) % 2)
        return LLVMFuzzerMutate(counts, bytes, most);
    uint64_t value = fuzz_interesting(random);
    for (size_t at = fuzz_random(random) % bytes; at < bytes; at++, value >>= 7) {
        counts[at] = (uint8_t)(value >= 0x80 ? value | 0x80 : value);
        if (value < 0x80)
            break;
    }
    return bytes;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static uint8_t packed[PAYLOAD_BYTES * 2], payload[PAYLOAD_BYTES];
    uint32_t random = fuzz_seed(seed);
    uLongf bytes = sizeof payload;
    const size_t whole = size < sizeof packed ? unpack_base64(data, size, packed) : 0;
    if (whole <= WRAPPER_BYTES || fuzz_random(&random) % 8 == 0 ||
        uncompress(payload, &bytes, packed + WRAPPER_BYTES, whole - WRAPPER_BYTES) != Z_OK ||
        bytes < HEADER_BYTES)
        return LLVMFuzzerMutate(data, size, most);
    if (fuzz_random(&random) % 8 == 0)
        LLVMFuzzerMutate(payload, HEADER_BYTES, HEADER_BYTES);
    else
        bytes = HEADER_BYTES + change_counts(payload + HEADER_BYTES, bytes - HEADER_BYTES,
                                             sizeof payload - HEADER_BYTES, &random);
    if (fuzz_random(&random) % 16)
        store(payload + 4, bytes - HEADER_BYTES);
    uLongf stored = sizeof packed - WRAPPER_BYTES;
    if (compress(packed + WRAPPER_BYTES, &stored, payload, bytes) != Z_OK)
        return LLVMFuzzerMutate(data, size, most);
    store(packed + 4, stored);
    const size_t made = pack_base64(packed, WRAPPER_BYTES + stored, data, most);
    return made > 0 ? made : LLVMFuzzerMutate(data, size, most);
}
