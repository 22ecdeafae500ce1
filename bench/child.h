/* child.h - one command in a process of its own, with its output caught, its time limited, and
 * nothing of it left behind.
 *
 * The child leads a process group of its own, which is killed as a whole when the time is up, when
 * it writes more than it may, and after its own end (grandchildren). It dies with its parent. Its
 * standard input is empty; it leaves no core file.
 *
 * Threads: one; SIGCHLD must not be ignored.
 */
#ifndef ORR_BENCH_CHILD_H
#define ORR_BENCH_CHILD_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORR_CHILD_MESSAGE_BYTES = 512 };

struct orr_child_result {
    bool is_timed_out;
    bool is_flooding; /* it wrote more than it may, and was killed */
    int exit_status;  /* -1: it did not exit by itself */
    int signal;       /* that ended it; 0: none */
    char *output;     /* all of standard output, with a null at the end; owned */
    size_t output_bytes;
    /* The last line of standard error that is not empty, without its newline. */
    char message[ORR_CHILD_MESSAGE_BYTES];
};

/* Runs argv (null-terminated, argv[0] a path) to its end, at most timeout_ns. ORR_OK: it ran, and
 * the result says how it ended. ORR_OUT_OF_MEMORY: the system has no process or memory for it. */
enum orr_status orr_child_run(const char *const *argv, uint64_t timeout_ns, size_t output_bytes_max,
                              struct orr_child_result *result, struct orr_error *error);
void orr_child_result_fini(struct orr_child_result *result);

/* Turns any end but a clean exit 0 into a status and a sentence: what the child said, or what
 * became of it. ORR_OK for exit 0. */
enum orr_status orr_child_verdict(const struct orr_child_result *result, struct orr_error *error);

#endif
