/* byte_source.h - the text of a dump, as it is or out of gzip.
 *
 * Owns the descriptor and the unpacking of one file; one thread. Reads ahead of nobody: the caller
 * asks for blocks. Gzip is recognised by its first two bytes, several members follow one another, and
 * what follows the last one is refused rather than ignored.
 *
 * Invariant: never gives more than orr_input_memory_limit(size of the file) bytes, so that a small
 * file that unpacks without end costs a bounded time.
 */
#ifndef ORR_BENCH_BYTE_SOURCE_H
#define ORR_BENCH_BYTE_SOURCE_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct orr_byte_source {
    const char *path;        /* the caller's; for messages */
    struct orr_error *error; /* the caller's */
    int descriptor;
    uint64_t file_bytes;   /* size when it was opened */
    uint64_t given;        /* bytes of text given so far */
    uint64_t given_max;    /* bytes of text that it may give */
    bool is_packed;        /* gzip */
    bool is_at_end;        /* gzip: the last member is complete */
    uint64_t taken;        /* gzip: bytes read from the file */
    unsigned char *stored; /* gzip: window of the file */
    z_stream inflater;
};

/* Opens a regular file. path and error must outlive the source. */
enum orr_status orr_byte_source_open(struct orr_byte_source *source, const char *path,
                                     struct orr_error *error);

/* Gives the next bytes; *got is 0 only at the end of the text. */
enum orr_status orr_byte_source_read(struct orr_byte_source *source, void *to, size_t capacity,
                                     size_t *got);

/* Frees what an opened source holds. */
void orr_byte_source_close(struct orr_byte_source *source);

#endif
