/* byte_source.c - reads a file, through gzip where it is packed. */
#define _XOPEN_SOURCE 700

#include "bench/byte_source.h"

#include "workloads/parts/input_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORED_BYTES 65536u

/* What inflateInit2 wants: the largest window, and a gzip header. */
#define GZIP_WINDOW_BITS (15 + 16)

static enum orr_status
read_file(struct orr_byte_source *source, void *to, size_t capacity, size_t *got)
{
    for (;;) {
        const ssize_t result = read(source->descriptor, to, capacity);
        if (result >= 0) {
            *got = (size_t)result;
            return ORR_OK;
        }
        if (errno != EINTR) {
            return orr_input_fail(source->error, ORR_BAD_INPUT, source->path,
                                  source->is_packed ? source->taken : source->given,
                                  "cannot be read: %s", strerror(errno));
        }
    }
}

static enum orr_status
start_unpacking(struct orr_byte_source *source)
{
    source->stored = malloc(STORED_BYTES);
    if (source->stored == NULL || inflateInit2(&source->inflater, GZIP_WINDOW_BITS) != Z_OK) {
        free(source->stored);
        source->stored = NULL;
        return orr_fail(source->error, ORR_OUT_OF_MEMORY, "%s: no memory for unpacking",
                        orr_path_tail(source->path));
    }
    source->is_packed = true;
    return ORR_OK;
}

enum orr_status
orr_byte_source_open(struct orr_byte_source *source, const char *path, struct orr_error *error)
{
    *source = (struct orr_byte_source){.path = path, .error = error, .descriptor = -1};
    enum orr_status status = orr_input_open(path, &source->descriptor, &source->file_bytes, error);
    if (status != ORR_OK) {
        return status;
    }
    source->given_max = orr_input_memory_limit(source->file_bytes);
    unsigned char magic[2] = {0};
    if (pread(source->descriptor, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
        magic[0] == 0x1f && magic[1] == 0x8b) {
        status = start_unpacking(source);
    }
    if (status != ORR_OK) {
        orr_byte_source_close(source);
    }
    return status;
}

void
orr_byte_source_close(struct orr_byte_source *source)
{
    if (source->is_packed) {
        inflateEnd(&source->inflater);
        free(source->stored);
    }
    if (source->descriptor >= 0) {
        close(source->descriptor);
    }
    *source = (struct orr_byte_source){.descriptor = -1};
}

/* Makes sure that there is packed input, unless the file is at its end. */
static enum orr_status
fill_stored(struct orr_byte_source *source)
{
    size_t got = 0;
    if (source->inflater.avail_in > 0) {
        return ORR_OK;
    }
    const enum orr_status status = read_file(source, source->stored, STORED_BYTES, &got);
    source->taken += got;
    source->inflater.next_in = source->stored;
    source->inflater.avail_in = (uInt)got;
    return status;
}

static enum orr_status
refuse_packed(struct orr_byte_source *source, const char *reason)
{
    return orr_input_fail(source->error, ORR_BAD_INPUT, source->path,
                          source->taken - source->inflater.avail_in, "%s", reason);
}

/* After a member: either the file ends, or the next member begins. */
static enum orr_status
begin_next_member(struct orr_byte_source *source)
{
    const enum orr_status status = fill_stored(source);
    if (status != ORR_OK) {
        return status;
    }
    if (source->inflater.avail_in == 0) {
        source->is_at_end = true;
        return ORR_OK;
    }
    if (source->inflater.next_in[0] != 0x1f) {
        return refuse_packed(source, "something follows the end of the gzip data");
    }
    inflateReset(&source->inflater);
    return ORR_OK;
}

static enum orr_status
inflate_some(struct orr_byte_source *source, void *to, size_t capacity, size_t *got)
{
    z_stream *inflater = &source->inflater;
    inflater->next_out = to;
    inflater->avail_out = (uInt)capacity;
    enum orr_status status = ORR_OK;
    while (status == ORR_OK && inflater->avail_out == capacity && !source->is_at_end) {
        status = fill_stored(source);
        if (status != ORR_OK) {
            break;
        }
        if (inflater->avail_in == 0) {
            return refuse_packed(source, "the gzip data ends too early");
        }
        const int result = inflate(inflater, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            status = begin_next_member(source);
        } else if (result == Z_MEM_ERROR) {
            status = orr_fail(source->error, ORR_OUT_OF_MEMORY, "%s: no memory for unpacking",
                              orr_path_tail(source->path));
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            status = refuse_packed(source, "the gzip data is damaged");
        }
    }
    *got = capacity - inflater->avail_out;
    return status;
}

enum orr_status
orr_byte_source_read(struct orr_byte_source *source, void *to, size_t capacity, size_t *got)
{
    *got = 0;
    const enum orr_status status = source->is_packed ? inflate_some(source, to, capacity, got)
                                                     : read_file(source, to, capacity, got);
    source->given += *got;
    if (status == ORR_OK && source->given > source->given_max) {
        return orr_input_fail(source->error, ORR_BAD_INPUT, source->path, source->taken,
                              "unpacks to more than %" PRIu64 " bytes from a file of %" PRIu64
                              "; if you trust it, unpack it first",
                              source->given_max, source->file_bytes);
    }
    return status;
}
