/* stage.h - what a scenario plays on: a heap of some strategy, collector and kind, and how it says what came of it.
 *
 * A scenario does what a program does and takes every refusal as a program would: it gives back what it has, and
 * ends. It may end early; it must leave no reference of its own behind. What it learns goes into a digest, which is
 * the same for each undisturbed run; and so it is for a disturbed one in which nothing was refused, because then
 * the failure has made no difference (`soft`: but for what is documented to be lost in silence).
 *
 * Compiled once per variant of a strategy.
 */
#ifndef ORR_TESTS_FAILING_STAGE_H
#define ORR_TESTS_FAILING_STAGE_H

#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/orrery.h"

enum { STAGE_ROOTS = 4, ACTOR_SLOTS = 3 };

struct actor {
    struct orr_object header;
    struct orr_slot slots[ACTOR_SLOTS];
    uint64_t number;
};

extern const struct orr_type actor_type;  /* plain */
extern const struct orr_type green_type;  /* no references */
extern const struct orr_type person_type; /* finalize and destroy, which count; finalize may rescue */
extern const struct orr_type legacy_type; /* a finalizer that must not run in a cycle */
extern const struct orr_type array_type;

struct stage {
    struct orr_heap_options options;
    char name[100]; /* of the pair */
    struct orr_heap *heap;
    struct orr_thread *thread;
    struct orr_error error;
    struct orr_root roots[STAGE_ROOTS]; /* null between plays */
    _Atomic(bool) refused;              /* the scenario was told that something failed */
    bool soft;
    uint64_t digest;
    _Atomic(uint32_t) finalized, destroyed, called, failed;
    _Atomic(bool) rescues; /* finalizers put their object into the last root */
    _Atomic(bool) partner_is_done;
};

extern struct stage stage; /* the process's */

/* Says what is wrong, with how to see it again, and ends the process. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* --- life, for the loop ----------------------------------------------------------------------------- */

void stage_prepare(const struct orr_heap_options *options);
void stage_open(void);
void stage_close(void);
void stage_begin(void); /* before each play */

/* --- what came of it ------------------------------------------------------------------------------- */

/* False: refused, which only an injected failure excuses. */
bool stage_given(bool given);
/* The same of a status and stage.error, which must be a sentence. */
bool stage_ok(enum orr_status status);
void stage_note(uint64_t number);

/* --- objects; every reference is counted ----------------------------------------------------------- */

struct orr_object *stage_new(struct orr_thread *thread, const struct orr_type *type, uint64_t number);
struct orr_object *stage_array(struct orr_thread *thread, uint32_t length, uint32_t raw_bytes);
/* `length` of them, linked by slot 0; closed or not. Null: refused, and nothing is left of it but garbage. */
struct orr_object *stage_chain(struct orr_thread *thread, const struct orr_type *type,
                               uint32_t length, bool is_ring);
/* An array of `count` in root `i`; false: refused, and the root is null. */
bool stage_crowd(uint32_t i, const struct orr_type *type, uint32_t count);
void stage_root_set(struct orr_thread *thread, uint32_t i, struct orr_object *object);
struct orr_object *stage_root_get(struct orr_thread *thread, uint32_t i);

/* Alive by the books. */
uint64_t stage_live(void);
/* Whether garbage in cycles is found. */
bool stage_collects(void);

/* --- another thread -------------------------------------------------------------------------------- */

/* Attaches another thread, runs body on it, detaches it and joins it. The calling thread is in a blocking region
 * meanwhile; or it runs, calling `meanwhile` over and over. */
void stage_partner(void (*body)(struct orr_thread *thread),
                   void (*meanwhile)(struct orr_thread *thread));

/* --- scenarios ------------------------------------------------------------------------------------- */

enum {
    OWN_HEAP = 1,  /* opens and closes one itself */
    CYCLES = 2,    /* wants a collector that finds them */
    WALKS = 4,     /* wants a heap that can be walked */
    BLOCKS = 8,    /* for that kind alone: elsewhere each object is a point */
    FRESH = 16,    /* each point in a process of its own: something happens once in a process */
    COUNTS = 32,   /* wants counts */
    WORKERS = 64,  /* and threads of the collector's own, whose starts fail too */
    WAITS = 256,   /* for real time: one collector is enough, but at night */
    SHORT = 128    /* of those that run under a sanitizer */
};

struct scenario {
    const char *name;
    void (*play)(void);
    unsigned flags;
    uint32_t threads;
    void (*prepare)(struct orr_heap_options *options); /* may be null */
};

extern const struct scenario scenarios[]; /* ended by one without a name */

/* In scenes_*.c. */
void play_life(void);
void play_threads(void);
void play_sizes(void);
void play_crowd(void);
void play_candidates(void);
void play_merging_blocked(void);
void play_merging_running(void);
void play_cascade(void);
void play_burial(void);
void play_weak(void);
void play_maps(void);
void play_finalizers(void);
void play_garbage(void);
void play_uncollectable(void);
void play_stress(void);
void play_freeze(void);
void play_lists(void);
void play_cycles(void);
void play_why(void);
void play_dump(void);
void play_diagnose(void);
void play_control(void);
void play_limit(void);
void play_forking(void);
void play_configure(void);
void play_finish(void);
void play_workers(void);

void play_planted(void);

void prepare_limit(struct orr_heap_options *options);
void prepare_verify(struct orr_heap_options *options);
void prepare_stress(struct orr_heap_options *options);
void prepare_sites(struct orr_heap_options *options);
void prepare_private(struct orr_heap_options *options);
void prepare_workers(struct orr_heap_options *options);

#endif
