/* program.h - a random program as plain data: operations of up to four threads on at most 64 objects.
 *
 * Every operation is total: one that finds no object in a hand it needs, or an object of the wrong kind, does
 * nothing. So any operation can be taken out and what is left is still a program, which is all that shrinking asks for.
 *
 * A thread has hands (linked locals), which hold references; all threads share roots. Objects are named by the
 * operation that makes them; what the finalizer of object i allocates is object OBJECTS + i.
 *
 * The list's order is the order of execution where threads take turns; where they run freely, each runs its own part
 * of the list, and OP_BARRIER, which belongs to nobody, holds all of them up.
 *
 * Threads: none.
 */
#ifndef ORR_TESTS_RANDOM_PROGRAM_H
#define ORR_TESTS_RANDOM_PROGRAM_H

#include "tests/random/things.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { THREADS_MOST = 4, OPS_MOST = 1024 };

/* OP(kind, function of acts.h, operands that are printed, weight in the generator). Operands: a, b, c are hands
 * (roots, slots where the comment says so), d a small number, id the object that is made. */
#define OPS(OP)                                                                                    \
    OP(NEW, new, 5, 16)            /* hand a; b shape; c length; d action; */                      \
    OP(COPY, copy, 2, 4)           /* hand a = another reference to what b holds */                \
    OP(MOVE, move, 2, 3)           /* hand a takes what b holds */                                 \
    OP(DROP, drop, 1, 7)                                                                           \
    OP(GET, get, 3, 4)             /* hand a = slot c of b, a private slot */                      \
    OP(SET, set, 3, 10)            /* slot c of a = b, private */                                  \
    OP(GIVE, give, 4, 3)           /* slot c of a takes what b holds; d: keeps nothing back */     \
    OP(CLEAR, clear, 2, 3)         /* slot b of a */                                               \
    OP(ASSIGN, assign, 3, 8)       /* slot c of a = slot b of a, borrowed; perhaps the same */     \
    OP(PEEK, peek, 2, 2)           /* slot b of a, borrowed */                                     \
    OP(LOAD, load, 3, 4)           /* as get, set, give, for slots that several threads write */   \
    OP(STORE, store, 3, 8)                                                                         \
    OP(EXCHANGE, exchange, 4, 4)   /* hand b and slot c of a swap */                               \
    OP(ROOT_LOAD, root_load, 2, 4) /* hand a = root b */                                           \
    OP(ROOT_STORE, root_store, 2, 4)                                                               \
    OP(ROOT_EXCHANGE, root_exchange, 2, 3)                                                         \
    OP(WEAK, weak, 5, 6)           /* hand a = weak reference to b; d 1: callback, 2: context c */ \
    OP(UPGRADE, upgrade, 2, 6)     /* hand a = what the weak reference in b refers to */           \
    OP(MAP, map, 2, 2)             /* hand a = a map with weak keys */                             \
    OP(MAP_SET, map_set, 3, 5)     /* map in a: key b, value c */                                  \
    OP(MAP_GET, map_get, 3, 3)     /* hand a = the value under key c of map b */                   \
    OP(MAP_REMOVE, map_remove, 2, 1)                                                               \
    OP(RESCUE, rescue, 2, 4)       /* hand a takes what the finalizer of object id saved */        \
    OP(IMMORTAL, immortal, 1, 0)   /* by a chance of its own */                                    \
    OP(PIN, pin, 2, 2)             /* pin b on what hand a holds */                                \
    OP(UNPIN, unpin, 1, 2)                                                                         \
    OP(FREEZE, freeze, 0, 1)                                                                       \
    OP(UNFREEZE, unfreeze, 0, 1)                                                                   \
    OP(TRY, try, 2, 2)             /* hand a = another reference to b, as if b were not held */    \
    OP(UNIQUE, unique, 1, 2)                                                                       \
    OP(COLLECT, collect, 1, 3)     /* generation d */                                              \
    OP(STEP, step, 0, 1)                                                                           \
    OP(SETTLE, settle, 0, 2)       /* a quiescent point: everything is compared */                 \
    OP(BLOCK, block, 0, 1)                                                                         \
    OP(REATTACH, reattach, 0, 1)                                                                   \
    OP(POLL, poll, 0, 1)                                                                           \
    OP(BARRIER, barrier, 0, 0)     /* all threads; d: settled; compared */

enum op_kind {
#define OP(kind, function, operands, weight) OP_##kind,
    OPS(OP)
#undef OP
        OP_KINDS
};

struct op {
    uint8_t kind, thread, a, b, c, d, id;
};

struct program {
    uint64_t seed;
    uint8_t threads;
    bool is_free;      /* threads run as they like; else by turns */
    uint8_t laps;      /* freely: how often each does its part between two barriers; objects are made in the first */
    bool is_quiet;     /* no ledger, no callbacks of the dead: the short ways of freeing */
    bool is_timeless;  /* the same under every pair: nothing in it depends on when a collection runs */
    uint8_t stress;    /* collect every so many allocations; 0: off */
    uint8_t slice;     /* objects freed per release; 0: all */
    uint8_t trigger;   /* of net allocations or candidates; 0: manual */
    bool is_tiny;      /* buffers of three entries, least budgets */
    bool verifies;     /* around each collection */
    uint8_t heap;      /* index into orr_heap_kinds */
    uint8_t collector; /* index into orr_collectors */
    uint8_t plant;     /* a bug for the machine to find: see acts.h; 0: none */
    uint32_t ops;
    struct op op[OPS_MOST];
};

struct wish { /* what the caller of the generator asks for */
    uint32_t ops;     /* at least so many */
    uint8_t threads;  /* 0: by chance, 1, 2 or 4 */
    bool is_timeless;
};

/* Whether the operation makes object op.id. */
bool program_makes(const struct op *op);

/* Fills the program but for heap, collector and plant. The same for the same seed and wish. */
void program_generate(struct program *program, uint64_t seed, const struct wish *wish);

uint64_t program_draw(uint64_t *state);
uint32_t program_below(uint64_t *state, uint32_t limit);

/* Writes a complete C program that does the same, for the variant (strategy, rooted); `why` goes into its comment. */
void program_print(const struct program *program, const char *strategy, bool rooted, const char *why, FILE *file);

#endif
