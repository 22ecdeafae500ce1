/* command.c - what the sub-commands share; see command.h. */
#include "bench/command.h"

#include "runtime/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int
orr_command_refuse(const struct orr_error *error)
{
    fprintf(stderr, "orrery: %s\n", error->message);
    return (int)error->status;
}

int
orr_command_finish(int status)
{
    const bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    if (is_written || status != ORR_OK) /* what went wrong first has been told */
        return status;
    fprintf(stderr, "orrery: cannot write to standard output: %s\n", strerror(errno));
    return ORR_BAD_INPUT;
}

enum orr_status
orr_command_number(const char *name, const char *text, uint64_t least, uint64_t most,
                   uint64_t *value, struct orr_error *error)
{
    uint64_t number;
    if (!orr_number_parse(text, &number) || number < least || number > most)
        return orr_fail(error, ORR_BAD_INPUT,
                        "%s %.40s: give a whole number from %" PRIu64 " to %" PRIu64, name, text,
                        least, most);
    *value = number;
    return ORR_OK;
}

enum orr_status
orr_command_real(const char *name, const char *text, double least, double most, double *value,
                 struct orr_error *error)
{
    char *end;
    const double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= least && number <= most))
        return orr_fail(error, ORR_BAD_INPUT, "%s %.40s: give a number from %g to %g", name, text,
                        least, most);
    *value = number;
    return ORR_OK;
}

enum orr_status
orr_command_writable(const char *name, const char *path, struct orr_error *error)
{
    if (strcmp(path, "-") == 0)
        return ORR_OK;
    FILE *const file = fopen(path, "ae");
    if (!file)
        return orr_fail(error, ORR_BAD_INPUT, "%s: cannot write %.200s: %s", name, path,
                        strerror(errno));
    fclose(file);
    return ORR_OK;
}

enum orr_status
orr_command_write(const char *path, const void *thing,
                  enum orr_status (*write)(const void *, FILE *, struct orr_error *),
                  struct orr_error *error)
{
    struct orr_error reason;
    if (strcmp(path, "-") == 0)
        return write(thing, stdout, error);
    FILE *const file = fopen(path, "we");
    if (!file)
        return orr_fail(error, ORR_BAD_INPUT, "cannot write %.200s: %s", path, strerror(errno));
    const enum orr_status status = write(thing, file, &reason);
    if (fclose(file) != 0 && status == ORR_OK)
        return orr_fail(error, ORR_BAD_INPUT, "cannot write %.200s: %s", path, strerror(errno));
    return status == ORR_OK ? ORR_OK
                            : orr_fail(error, status, "%.200s: %.180s", path, reason.message);
}
