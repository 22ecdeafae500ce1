/* judge.h - what a heap is held to while threads take turns, by a shadow of every object, slot, hand and root.
 *
 * The judge does not foretell what a collection does, for partial ones may find much or little. It is told what
 * callbacks saw, in order, and allows or forbids it; and it knows what must have happened by when:
 *
 *   never       an object is finalized, destroyed or called for while a root or hand reaches it; a weak reference to
 *               a live object leads nowhere (unless a collection had found the object dead before a finalizer saved
 *               it), or leads to a dead one; an operation yields another object than the shadow's
 *   at once     under counting, an object without references is dead when the operation ends (unless freeing goes in
 *               slices, or the object's owner is another thread; what a collection inside a finalizer meets may be put
 *               aside until the next poll); callbacks of weak references have run
 *   after a complete collection in which no finalizer ran, and at every quiescent point (OP_SETTLE): what cannot
 *               be reached is dead, where the collector promises it. Documented C: one collection, one more for each
 *               round in which finalizers run, and one where nothing is counted and weak maps die
 *   at quiescent points: objects, slots and counts are those of the shadow (compared by play.c)
 *
 * Silent things (weak references, maps, all of a quiet program) do not tell that they die: under counting they are
 * taken to be dead when nothing refers to them, in garbage when a complete collection has gone by.
 *
 * Threads: whoever's turn it is.
 */
#ifndef ORR_TESTS_RANDOM_JUDGE_H
#define ORR_TESTS_RANDOM_JUDGE_H

#include "tests/random/shadow.h"

enum { NOTES_MOST = 4096 };

struct rules {
    bool counts, is_complete, has_owner, is_generational, wants_candidates;
    bool keeps_budget; /* collections that the program asks for put aside what costs much; settling does not */
    /* Looks at the heap: where a weak reference leads, and what a map has under a key. */
    const void *(*referent_of)(const void *weak);
    const void *(*value_of)(const void *map, const void *key);
    bool (*exists)(const void *address); /* a map there */
    uint64_t (*live)(void);              /* objects */
};

struct judge {
    const struct program *program;
    struct rules rules;
    struct shadow shadow;
    struct {
        uint8_t what, object, other;
        bool is_collecting;
    } note[NOTES_MOST];
    unsigned notes, notes_taken;
    bool has_tainted, has_callbacks; /* ever */
    bool is_fresh[OBJECTS];          /* saved: in the present operation */
    bool is_doomed[THINGS];          /* silent: the present collection has called for it, and not yet freed it */
    unsigned finalized_now; /* in the present operation */
    unsigned finalized;     /* all in all */
    bool is_delayed;        /* deaths by counting may come later */
    bool is_put_aside;      /* ... until the next poll: a collection inside a finalizer has met them (postponed) */
    bool has_foreign;       /* there may be objects of other threads: who is unique may not know it */
    bool is_uncertain;      /* quiet: a collection may have freed what is not known */
    uint64_t digest;
};

void judge_begin(struct judge *judge, const struct program *program, const struct rules *rules);
/* Before OP_GIVE and OP_EXCHANGE: whether moving would take the value's last reference from outside. */
bool judge_loses(struct judge *judge, const struct op *op);
/* From a callback. */
void judge_note(struct judge *judge, enum note what, unsigned object, unsigned other, bool is_collecting);
/* After the operation: its result (an address, or a truth), and all that was noted meanwhile. */
void judge_operation(struct judge *judge, const struct op *op, const void *result);
/* What was noted since, between operations. */
void judge_meanwhile(struct judge *judge);
/* Everything was let go of, and the heap has settled. */
void judge_end(struct judge *judge);

/* Between judge.c and notes.c. */

/* Takes what was noted: all, or, where something was born, what was noted before. An allocation may collect, while the
 * hand that the object goes to still holds what it held. */
void judge_take_notes(struct judge *judge);
void judge_take_notes_before_birth(struct judge *judge);
/* Under counting: silent things that nothing refers to are dead. */
void judge_bury_silent(struct judge *judge);
/* The heap does not do what it must: ends the process with status 1, after the sentence. */
void judge_wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
