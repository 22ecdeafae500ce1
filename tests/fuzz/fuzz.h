/* fuzz.h - what every fuzz target stands on: bytes as a file, and the demands beyond "it did not crash".
 *
 * A target is one file named after the reader it feeds: LLVMFuzzerTestOneInput takes any bytes and aborts
 * when the reader breaks a promise; LLVMFuzzerCustomMutator, where the format has checksums, lengths or a
 * grammar, changes an input so that it stays worth reading. libFuzzer calls both in the preset `fuzz`,
 * replay.c everywhere else, there under the names of replay.c's list.
 *
 * What every reader owes whoever gives it bytes:
 *   a refusal has a status and one printable line, which says where, if the reader counts bytes
 *   memory stays below the limit that the reader names; nothing is left over
 *   what was accepted is valid, and comes back equal from the writer, where there is one
 *
 * Threads: one.
 */
#ifndef ORR_TESTS_FUZZ_FUZZ_H
#define ORR_TESTS_FUZZ_FUZZ_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct orr_heap_graph;

/* libFuzzer's names. `seed` decides everything a mutator does; `most` is the room at data. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* The path of a file in memory that holds these bytes, until the next call. */
const char *fuzz_file(const void *bytes, size_t size);

/* A path below a folder of this process, which is removed at its end. Until the next call. */
const char *fuzz_path(const char *name);

/* The bytes up to the first zero as a text; the caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Of a refusal: its status is one of refusals, and the same in the error; its message is one line, is not
 * empty, and a terminal can show it. */
void fuzz_refused(enum orr_status status, const struct orr_error *error);

/* Of a refused file as well: it is ORR_BAD_INPUT, and the message names an offset of at most `most`. */
void fuzz_refused_at(enum orr_status status, const struct orr_error *error, uint64_t most);

/* Whether a text could do harm to a terminal or a JSON reader: control characters, overrides of direction,
 * broken UTF-8. Newlines are harmless where has_lines. */
bool fuzz_is_printable(const char *text, bool has_lines);

/* The graph is valid, is written, is read back, and is the same. */
void fuzz_graph_comes_back(const struct orr_heap_graph *graph);

/* Memory allocated and not yet freed, now and at most since the last mark, as AddressSanitizer tells (memory.c). */
void fuzz_memory_mark(void);
uint64_t fuzz_memory_now(void);
uint64_t fuzz_memory_peak(void);

#endif
