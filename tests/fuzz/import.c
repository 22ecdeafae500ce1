/* import.c - any bytes as a dump that nobody says the format of (bench/import.c), packed or not.
 *
 * The mutator unpacks what is packed, changes a token of it, and packs it again; or leaves it unpacked, or
 * packs what was not.
 */
#include "tests/fuzz/dump.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

#include <string.h>
#include <zlib.h>

enum { TEXT_BYTES = 1 << 16, GZIP_WINDOW_BITS = 15 + 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(data, size, NULL);
    return 0;
}

/* Unpacks the first member; returns 0 where there is none. */
static size_t
unpack(const uint8_t *data, size_t size, uint8_t *text)
{
    z_stream inflater = {.next_in = (Bytef *)(uintptr_t)data,
                         .avail_in = (uInt)size,
                         .next_out = text,
                         .avail_out = TEXT_BYTES};
    if (inflateInit2(&inflater, GZIP_WINDOW_BITS) != Z_OK)
        return 0;
    const int result = inflate(&inflater, Z_FINISH);
    inflateEnd(&inflater);
    return result == Z_STREAM_END ? TEXT_BYTES - inflater.avail_out : 0;
}

/* Packs a text to `to`; returns 0 where it does not fit. */
static size_t
pack(uint8_t *text, size_t size, uint8_t *to, size_t most)
{
    z_stream deflater = {.next_in = text, .avail_in = (uInt)size};
    if (deflateInit2(&deflater, 6, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    deflater.next_out = to;
    deflater.avail_out = (uInt)most;
    const int result = deflate(&deflater, Z_FINISH);
    deflateEnd(&deflater);
    return result == Z_STREAM_END ? most - deflater.avail_out : 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static uint8_t text[TEXT_BYTES];
    uint32_t random = fuzz_seed(seed + 1);
    const size_t unpacked = unpack(data, size, text);
    if (unpacked == 0 && fuzz_random(&random) % 16)
        return fuzz_mutate_json(data, size, most, seed);
    if (unpacked == 0 && size <= TEXT_BYTES)
        memcpy(text, data, size);
    const unsigned choice = fuzz_random(&random) % 8;
    if (choice == 0 || size > TEXT_BYTES)
        return LLVMFuzzerMutate(data, size, most);
    const size_t changed = fuzz_mutate_json(text, unpacked ? unpacked : size, TEXT_BYTES, seed);
    const size_t packed = choice == 1 ? 0 : pack(text, changed, data, most);
    if (packed > 0 || changed > most)
        return packed > 0 ? packed : size;
    memcpy(data, text, changed);
    return changed;
}
