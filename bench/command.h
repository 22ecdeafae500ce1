/* command.h - the sub-commands of the program, and what they share: how they refuse and what they
 * say of their exit status.
 *
 * A command gets its own arguments, argv[0] being "orrery NAME", and returns the exit status.
 *
 * Threads: the first one.
 */
#ifndef ORR_BENCH_COMMAND_H
#define ORR_BENCH_COMMAND_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

int orr_command_list(int argc, char **argv);
int orr_command_run(int argc, char **argv);
int orr_command_quickstart(int argc, char **argv);

/* For the end of a --help text. */
#define ORR_COMMAND_STATUS                                                                         \
    "Exit status: 0 done; 1 a check failed; 2 usage or unreadable input; 3 not applicable; "       \
    "4 out of memory or over the heap limit; 5 a run crashed or timed out."

/* Prints "orrery: MESSAGE" to standard error and returns the status, which is not ORR_OK. */
int orr_command_refuse(const struct orr_error *error);

/* Tells whether everything printed to standard output arrived; a full disk is status 2. */
int orr_command_finish(int status);

/* Numbers of the command line. `name` is the option, for the sentence. */
enum orr_status orr_command_number(const char *name, const char *text, uint64_t least,
                                   uint64_t most, uint64_t *value, struct orr_error *error);
enum orr_status orr_command_real(const char *name, const char *text, double least, double most,
                                 double *value, struct orr_error *error);

/* Whether an output option's file can be written, before a run is spent on it: opens it for
 * appending, which harms nothing. "-" is not a file and is taken. */
enum orr_status orr_command_writable(const char *name, const char *path, struct orr_error *error);

/* Writes one thing to a file, or to standard output for "-", and tells whether it arrived. */
enum orr_status orr_command_write(const char *path, const void *thing,
                                  enum orr_status (*write)(const void *thing, FILE *file,
                                                           struct orr_error *error),
                                  struct orr_error *error);

#endif
