/* error.h - how a refusal of the world is told to a caller.
 *
 * Bugs abort (assert.h); what the world can refuse (memory, threads, files, options) comes back as a
 * status, whose numbers are the exit statuses of the program, with one sentence beside it.
 *
 * Threads: an orr_error belongs to its caller; nothing here is shared.
 */
#ifndef ORR_RUNTIME_ERROR_H
#define ORR_RUNTIME_ERROR_H

enum orr_status {
    ORR_OK = 0,             /* done */
    ORR_CHECK_FAILED = 1,   /* a digest, the verifier or an expectation said no */
    ORR_BAD_INPUT = 2,      /* usage, or a file that cannot be read */
    ORR_NOT_APPLICABLE = 3, /* this pair cannot work; the message says why */
    ORR_OUT_OF_MEMORY = 4,  /* no memory, or over the heap limit */
    ORR_CRASHED = 5         /* a run died or timed out */
};

struct orr_error {
    enum orr_status status;
    char message[400]; /* one sentence: what, where, what to do; one printable line of UTF-8 */
};

/* Fills *error (which may be null) and returns status, so that a refusal is one return statement.
 * A message that does not fit is cut, and what no terminal should see of it becomes '?'. */
enum orr_status orr_fail(struct orr_error *error, enum orr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The end of a path that a message has room for, with more than half of it left to the reason. */
const char *orr_path_tail(const char *path);

#endif
