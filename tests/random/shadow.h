/* shadow.h - the shadow of a heap: of every object, slot, hand, root, pin and entry of a weak map, as plain data.
 *
 * It knows what refers to what, and what was born and has died as far as it was told; what may happen, and when, is
 * the judge's affair (judge.h). A thing is known by its id. One that is dead stays in the table, and what its slots
 * name no longer counts as referred to.
 *
 * Silent things (weak references, maps, all of a quiet program) do not tell that they die.
 *
 * Threads: whoever's turn it is.
 */
#ifndef ORR_TESTS_RANDOM_SHADOW_H
#define ORR_TESTS_RANDOM_SHADOW_H

#include "tests/random/program.h"

enum { THINGS = 2 * OBJECTS, SLOTS = 6, ENTRIES = 128, WEAK = SHAPES, MAP, NOTHING = -1 };

struct thing {
    bool is_alive, is_born;
    bool is_published, is_immortal, is_frozen, is_finalized;
    bool is_finalizing; /* its finalizer runs */
    bool is_cleared;    /* weak: it leads nowhere any more */
    bool is_tainted;    /* weak: it may have been cleared; not yet looked at */
    bool is_excused;    /* weak: it once was tainted; its callback may have run, or may never */
    bool has_callback, was_called;
    bool is_owed; /* weak: it lived when its referent died, in this operation, and may die of that too */
    uint8_t shape, slots;
    int16_t slot[SLOTS];
    int16_t referent;    /* weak */
    const void *address; /* null: not known yet */
};

struct entry { /* of a weak map */
    bool is_live, is_tainted;
    int16_t map, key, value;
};

struct shadow {
    struct thing thing[THINGS];
    struct entry entry[ENTRIES];
    unsigned entries, threads;
    bool is_quiet; /* all things are silent */
    int16_t hands[THREADS_MOST][HANDS], roots[ROOTS], saved[OBJECTS], pins[THREADS_MOST][PINS];
};

/* Nothing is born, and nothing is held. */
void shadow_begin(struct shadow *shadow, unsigned threads, bool is_quiet);

void shadow_bear(struct shadow *shadow, int id, unsigned shape, unsigned slots, const void *address);
/* Weak references to it are cleared, and entries of which it is the map or the key are gone. */
void shadow_kill(struct shadow *shadow, int id);
unsigned shadow_alive(const struct shadow *shadow);
bool shadow_is_silent(const struct shadow *shadow, int id);
/* As counting does: kills silent things that nothing refers to, until there are none. */
void shadow_bury_silent(struct shadow *shadow);

/* References to it of holders in from[THINGS], or of all if that is null; those of roots, and one for an immortal
 * thing, are always among them. */
int shadow_references(const struct shadow *shadow, int id, const bool *from);
/* Fills is_referred[THINGS]: what has any reference. */
void shadow_find_referred(const struct shadow *shadow, bool *is_referred);
/* Fills reached[THINGS]. Safe: what certainly can be reached; else what a collector may think so: frozen things count
 * as roots, and entries that may be gone as there. From `start` alone if that is a thing. */
void shadow_reach(const struct shadow *shadow, int start, bool is_safe, bool *reached);
/* By roots, certainly. */
bool shadow_is_reachable(const struct shadow *shadow, int id);

/* It is live, and so are its map and its key. */
bool shadow_is_held_up(const struct shadow *shadow, const struct entry *entry);
/* The live one; null: there is none. */
struct entry *shadow_find_entry(struct shadow *shadow, int map, int key);
/* The live one, or a place for a new one; null: there is no room. */
struct entry *shadow_entry_for(struct shadow *shadow, int map, int key);

#endif
