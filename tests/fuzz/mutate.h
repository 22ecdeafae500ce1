/* mutate.h - what mutators share: random numbers, numbers at which readers break, and JSON by its tokens.
 *
 * Owns: nothing. Threads: any.
 */
#ifndef ORR_TESTS_FUZZ_MUTATE_H
#define ORR_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* A state from a seed, and the next of its numbers. */
uint32_t fuzz_seed(unsigned seed);
uint32_t fuzz_random(uint32_t *state);

/* A number next to a power of two, or a small one. */
uint64_t fuzz_interesting(uint32_t *state);

/* Changes JSON, or what once was JSON, by a token: drops, doubles, swaps, moves, replaces or nests. A
 * string counts as one token, and so does a number. Returns the new size. */
size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t most, unsigned seed);

#endif
