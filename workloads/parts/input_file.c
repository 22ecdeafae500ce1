/* input_file.c - opens files without trust and words what is wrong with them. */
#define _XOPEN_SOURCE 700

#include "workloads/parts/input_file.h"

#include "runtime/heap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
file_kind(mode_t mode)
{
    if (S_ISDIR(mode)) {
        return "a directory";
    }
    return S_ISFIFO(mode) ? "a pipe" : "a device or socket";
}

static enum orr_status
check_regular(const char *path, int descriptor, uint64_t *size_bytes, struct orr_error *error)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0) {
        return orr_fail(error, ORR_BAD_INPUT, "%s: cannot be read: %s", orr_path_tail(path),
                        strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return orr_fail(error, ORR_BAD_INPUT, "%s: is %s; give a regular file",
                        orr_path_tail(path), file_kind(facts.st_mode));
    }
    if (facts.st_size <= 0) {
        return orr_input_fail(error, ORR_BAD_INPUT, path, 0, "the file is empty");
    }
    *size_bytes = (uint64_t)facts.st_size;
    return ORR_OK;
}

enum orr_status
orr_input_open(const char *path, int *descriptor, uint64_t *size_bytes, struct orr_error *error)
{
    /* O_NONBLOCK: opening a pipe without a writer would wait for one. Regular files ignore it. */
    const int opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (opened < 0) {
        return orr_fail(error, ORR_BAD_INPUT, "%s: cannot be opened: %s", orr_path_tail(path),
                        strerror(errno));
    }
    const enum orr_status status = check_regular(path, opened, size_bytes, error);
    if (status != ORR_OK) {
        close(opened);
        return status;
    }
    *descriptor = opened;
    return ORR_OK;
}

uint64_t
orr_input_memory_limit(uint64_t size_bytes)
{
    return orr_heap_file_memory_limit(size_bytes);
}

enum orr_status
orr_input_fail(struct orr_error *error, enum orr_status status, const char *path, uint64_t offset,
               const char *format, ...)
{
    char reason[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return orr_fail(error, status, "%s: offset %" PRIu64 ": %s", orr_path_tail(path), offset,
                    reason);
}
