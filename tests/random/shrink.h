/* shrink.h - makes a program that fails small, each trial in a process of its own. */
#ifndef ORR_TESTS_RANDOM_SHRINK_H
#define ORR_TESTS_RANDOM_SHRINK_H

#include "tests/random/play.h"

enum { WHY_BYTES = 400 };

/* Plays the program in a child, `times` times in turn; true: it failed, and `why` (WHY_BYTES) holds the last line it
 * wrote, or the signal. *program holds afterwards what was decided on the way. */
bool trial_fails(const struct performer *performer, struct program *program, unsigned times, char *why);

/* Takes out threads, operations, options and details while the program fails; at most `seconds`. */
void shrink(const struct performer *performer, struct program *program, double seconds, char *why);

#endif
