/* play.h - plays a program on a heap, under one variant of a strategy. */
#ifndef ORR_TESTS_RANDOM_PLAY_H
#define ORR_TESTS_RANDOM_PLAY_H

#include "runtime/error.h"
#include "tests/random/program.h"

struct orr_collector;
struct orr_heap_kind;
struct orr_rc;

struct performer {
    const char *name, *strategy;
    const struct orr_rc *rc;
    bool rooted;
    /* Whether the program's heap can be made under this variant; else why not. */
    bool (*applies)(const struct program *program, struct orr_error *error);
    /* Plays and judges it; ends the process with status 1, after a sentence, when something is wrong. Marks in op[].d
     * what was decided on the way (COPIES). Returns the digest of the quiescent points. */
    uint64_t (*play)(struct program *program);
};

/* In op[].d of give and exchange: by copying, see act_give. */
enum { COPIES = 0x80 };

/* All that this program was linked with; ends with a null. */
extern const struct performer *const performers[];

#endif
