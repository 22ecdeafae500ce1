/* import_v8.c - any bytes as a V8 heap snapshot (bench/import_v8.c). */
#include "tests/fuzz/dump.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(data, size, "v8");
    return 0;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_json(data, size, most, seed);
}
