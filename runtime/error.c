/* error.c - formats the sentence of a refusal. */
#include "runtime/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SHOWN_MAX = 150 }; /* leaves more than half of a message to the reason */

enum orr_status
orr_fail(struct orr_error *error, enum orr_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        error->status = status;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

const char *
orr_path_tail(const char *path)
{
    size_t length = strlen(path);
    return length > PATH_SHOWN_MAX ? path + (length - PATH_SHOWN_MAX) : path;
}
