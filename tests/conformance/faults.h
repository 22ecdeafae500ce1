/* faults.h - a stage for misbehaviour: objects whose finalizers and destroys do what a story says, and what has
 * become of each of them.
 *
 * A story is told on every heap that applies, alone and beside three threads that allocate, drop, make weak
 * references and collect; and for both ways to die: by the last release, and in a cycle that a collection
 * finds. At the end everything must be gone, each creature finalized at most once and destroyed once, and
 * the heap sound.
 *
 * Cases are named as in the catalogue of faults: d for weak references, e for depth, f for finalizers, g for
 * types.
 */
#ifndef ORR_TESTS_CONFORMANCE_FAULTS_H
#define ORR_TESTS_CONFORMANCE_FAULTS_H

#include "runtime/gc.h"
#include "runtime/raise.h"
#include "runtime/weak.h"
#include "tests/conformance/world.h"

enum way { BY_RELEASE, BY_COLLECTION, WAYS };

enum { KEEPS = 4, EXTRAS = 3 };

struct creature {
    struct orr_object header;
    struct orr_slot slots[3];
    struct payload payload;
    _Atomic(uint32_t) finalized, destroyed; /* times */
};

typedef void creature_act(struct orr_thread *thread, struct creature *creature);

struct stage {
    struct world world;
    enum way way;
    uint32_t threads;          /* of the program: 1 or 1 + EXTRAS */
    creature_act *on_finalize; /* null: nothing */
    creature_act *on_destroy;
    struct orr_root
        keep[KEEPS]; /* shared slots: what finalizers rescue or let go of; null at the end */
    struct orr_root weaks[KEEPS];
    uint64_t numbers[KEEPS];        /* the story's */
    uint64_t immortals;             /* objects that are left at the end, by the story's will */
    _Atomic(uint32_t) flags[KEEPS]; /* words to wait for, likewise; 0 at first */
    _Atomic(uint32_t) born, finalized, destroyed, called;
    _Atomic(uint32_t) failed;  /* errors that reached the sink */
    _Atomic(uint32_t) is_over; /* the extras go home */
};

extern struct stage stage; /* of the test; tests are processes of their own */

extern const struct orr_type creature_type;       /* three references; finalize and destroy */
extern const struct orr_type creature_first_type; /* the same, of higher priority */
extern const struct orr_type creature_green_type; /* no references; finalize and destroy */
extern const struct orr_type mourner_type;        /* three references; destroy alone */

/* Changes the options of the heaps to come; null at first. */
extern void (*stage_prepare)(struct orr_heap_options *options);
/* What the extras do until stage.is_over, attached; at first: allocate, drop, make weak references, collect. */
extern void (*stage_extra)(struct orr_thread *thread);

/* Tells the story on every heap, in the ways and with the number of threads (0: both numbers) that it is for. */
void stage_each(const struct orr_collector *collector, void (*story)(void), bool by_release,
                bool by_collection, uint32_t threads);

enum { BOTH = 0, ALONE = 1, CROWDED = 1 + EXTRAS };
/* A test of one story under one collector. */
#define CASE(name, collector, story, by_release, by_collection, threads)                           \
    Test(name, collector)                                                                          \
    {                                                                                              \
        stage_each(orr_collector_find(#collector), story, by_release, by_collection, threads);     \
    }

/* --- creatures ------------------------------------------------------------------------------------ */

/* Counted. */
struct orr_object *creature_new(struct orr_thread *thread, const struct orr_type *type,
                                uint64_t id);
/* `count` creatures with ids from `first` on, linked by slot 0, and to a ring where the way is by collection. The
 * first of them, counted. */
struct orr_object *creature_chain(struct orr_thread *thread, const struct orr_type *type,
                                  uint64_t first, uint32_t count);
/* Whether the whole of such a garbage chain is found at once: by a collection. */
static inline bool
stage_finds_all(void)
{
    return !ORR_COUNTED || stage.way == BY_COLLECTION;
}

static inline struct creature *
creature_of(struct orr_object *object)
{
    return (struct creature *)object;
}
/* Asserts that the creature has not been destroyed, and that it and what it refers to are whole. */
void creature_check(struct creature *creature);

/* A weak reference to the object in stage.weaks[i], whose callback counts in stage.called; or without one. */
void stage_weak(struct orr_thread *thread, uint32_t i, struct orr_object *referent,
                bool with_callback);
/* What it leads to; counted. */
struct orr_object *stage_weak_get(struct orr_thread *thread, uint32_t i);
bool stage_weak_is_null(struct orr_thread *thread, uint32_t i);

/* --- time ----------------------------------------------------------------------------------------- */

/* The object (moves) dies in the way of the story; waits until `finalized` finalizers have run in all. */
void stage_let_die(struct orr_object *object, uint32_t finalized);
/* Waits until the word is at least `least`; aborts the test after 30 s. */
void stage_await(struct orr_thread *thread, _Atomic(uint32_t) *word, uint32_t least);
/* The same in a blocking region. */
void stage_await_blocked(struct orr_thread *thread, _Atomic(uint32_t) *word, uint32_t least);
/* Sets the word, and wakes who waits for it. */
void stage_announce(_Atomic(uint32_t) *word);
/* Everything that is garbage goes; then `destroyed` creatures have been. */
void stage_settle(uint32_t destroyed);

/* A thread that attaches, runs body, and detaches. */
struct helper {
    struct orr_os_thread os;
    void (*body)(struct orr_thread *thread);
};
void helper_start(struct helper *helper, void (*body)(struct orr_thread *thread));
/* Blocks the calling thread meanwhile. */
void helper_join(struct helper *helper, struct orr_thread *thread);

#endif
