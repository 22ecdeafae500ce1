/* machine.h - what the explorer's own files share: fibres, points, decisions, the world that is put back.
 *
 *   access.c    the entry points that the compiler calls at each atomic (and plain) access
 *   point.c     who goes on: fibres' states, decisions, verdicts
 *   fibre.c     stacks and the switch
 *   world.c     memory: the arena, what is put back, names
 *   memory.c    TSO, PSO and stale reads (full build)
 *   race.c      happens-before (full build)
 *   platform.c  runtime/platform.h over fibres
 *   search.c    the strategies, which decide
 *   string.c    replay strings
 *   report.c    the table of steps of a failure
 *
 * Threads: one thread of the system; the fibres take turns on it.
 */
#ifndef ORR_TESTS_EXPLORE_MACHINE_H
#define ORR_TESTS_EXPLORE_MACHINE_H

#include "tests/explore/explore.h"

#include <setjmp.h>

#ifdef EXPLORE_FULL
enum { EXPLORE_IS_FULL = 1 }; /* plain accesses are seen: modes other than SC, and races */
#else
enum { EXPLORE_IS_FULL = 0 };
#endif
#ifdef EXPLORE_BARE
enum { EXPLORE_IS_BARE = 1 }; /* full, but without assertions, and always with races */
#else
enum { EXPLORE_IS_BARE = 0 };
#endif

enum {
    FIBRES = EXPLORE_FIBRES_MAX,
    OUTSIDE = EXPLORE_FIBRES_MAX, /* setup, check, verify */
    STEPS_MAX = 10000,
    STACK_BYTES = 256 << 10,
    OPTIONS_MAX = 32,
    NOTES_MAX = 20000 /* of a recorded run */
};

/* --- memory that is put back (world.c) --------------------------------------------------------------- */

/* Everything between two addresses: static data of the files under test, and the arena. Per byte: */
enum {
    FLAG_POINT = 1, /* two fibres touch it and one writes: a scheduling point */
    FLAG_DEAD = 2   /* freed */
};

/* The upper half of an arena's address reads as the shared half of a merged object with one reference: where a link of
 * the dead is taken for a count, somebody believes it. */
#define ARENA_START ((uintptr_t)0xb00000000)
#define ARENA_BYTES ((size_t)32 << 20)
#define REGION_SPAN ((size_t)ARENA_START + ARENA_BYTES)
/* The two tables have fixed places, so that an access needs no load to find them. Most of them is never touched. */
#define FLAGS ((uint8_t *)0x2000000000)
#define TOUCHED ((uint8_t *)0x4000000000) /* bits 0-3: the fibres that read; 4-7: that wrote; in any schedule */

void world_open(void);
/* After setup: from now on, memory is put back to what it is now. */
void world_freeze(void);
/* Puts all of it back. True: something had changed that world_restore_known would not have put back, and will from
 * now on; then machine.learned is set. */
bool world_restore(void);
/* Puts back what has ever been found changed. */
void world_restore_known(void);
void *world_allocate(size_t bytes, size_t alignment);
/* The range is dead from now on; a verdict if it is already. */
void world_kill(void *start, size_t bytes);
void world_revive(void *start, size_t bytes);
size_t world_block_bytes(const void *block);
/* Whether some other fibre than `fibre` has ever touched the range. */
bool world_is_shared(const void *start, size_t bytes, unsigned fibre);
/* Writes a name of the address, such as "object 1 +8". */
void world_name(const void *pointer, size_t bytes, const char *name);
/* Prints all words that are points, and who uses them: a bit per fibre. */
void world_print_points(void);
void world_describe(uintptr_t address, char *text, size_t room);

static inline bool
world_has(uintptr_t address)
{
    return address < REGION_SPAN;
}

/* --- fibres (fibre.c) --------------------------------------------------------------------------------- */

void fibre_open(void);
/* Prepares the fibre to begin with `entry` when it is switched to. */
void fibre_prepare(unsigned fibre, void (*entry)(void));
void fibre_switch(unsigned from, unsigned to);
/* Never comes back to the one that calls it in this schedule. */
_Noreturn void fibre_leave(unsigned to);
bool fibre_is_stack(uintptr_t address);

/* --- what happens -------------------------------------------------------------------------------------- */

enum kind {
    KIND_LOAD,
    KIND_STORE,
    KIND_CHANGE, /* a read-modify-write that wrote */
    KIND_FAILED, /* a compare-and-swap that did not */
    KIND_READ,   /* plain */
    KIND_WRITE,  /* plain */
    KIND_LOCK,
    KIND_UNLOCK,
    KIND_PARK,
    KIND_WAKE,
    KIND_FREE,
    KIND_YIELD,
    KIND_FLUSH,
    KIND_OPERATION, /* of a script */
    KIND_END,
    KINDS
};

/* One line of a recorded run. */
struct note {
    uint8_t fibre, kind, size;
    int order;
    bool switched; /* another fibre ran before this */
    uintptr_t address;
    uint64_t value;
    const void *place; /* in the code */
};

enum fibre_state { FIBRE_READY, FIBRE_LOCKING, FIBRE_PARKED, FIBRE_JOINING, FIBRE_DONE };

struct fibre {
    enum fibre_state state;
    const void *waits_for;  /* the mutex, the word, the thread */
    uint64_t until_ns;      /* parked, on a word that was as expected */
    const uint32_t *word;
    uint32_t expected;
    uintptr_t pending;      /* address of the access it stands before */
    bool pending_writes;
    bool is_fresh;   /* has come to no point yet */
    bool is_service; /* started by the runtime: a schedule may end without it */
    uint32_t accesses; /* so far: the time of decisions in replay strings */
    void *(*start)(void *);
    void *argument;
};

enum memory_mode { MODE_SC, MODE_TSO, MODE_PSO, MODE_STALE, MODES };
extern const char *const mode_names[MODES];

enum option_kind { OPTION_RUN, OPTION_FLUSH, OPTION_VALUE, OPTION_WAKE };

struct choice {
    uint8_t kind, fibre, which;
};

/* Of a depth-first search. */
struct decision {
    uint8_t chosen, count, free, used; /* options below `free` cost nothing */
};

struct machine {
    unsigned self;
    uint32_t ready;    /* bit per fibre */
    uint32_t yielded;  /* stand back until somebody writes */
    uint32_t live;     /* scenario fibres that have not returned */
    uint32_t parked;
    uint32_t buffered; /* fibres with stores under way (memory.c) */
    bool recording;
    bool all_points; /* replay: every access is one */
    bool wide;       /* decisions want to see their options */
    bool self_changes; /* what is found changed is a schedule's doing, not a verification's */
    uint32_t restores;
    bool learned;    /* a location became a point in this search */
    bool races;
    enum memory_mode mode;
    /* The decisions that a depth-first search repeats, where nobody looks on. */
    struct decision *plan;
    unsigned planned, depth;
    unsigned fibres; /* now: of the scenario, and services */
    uint32_t steps;
    uint32_t timeouts; /* parks that their time has ended */
    uint64_t clock_ns;
    uint64_t hash;
    struct fibre fibre[FIBRES + 1];

    const struct explore_scenario *scenario;
    /* The verdict of the schedule. */
    bool failed;
    char verdict[1024];
    jmp_buf outside;
    bool judges; /* check or verify is running, and ends at `outside` if it faults */

    struct note *notes;
    unsigned note_count;
    bool hashing;

    /* The script of a generated scenario. */
    struct {
        uint8_t operation, argument;
        bool deleted;
    } script[FIBRES][EXPLORE_SCRIPT_MAX];
};

extern struct machine machine;

/* --- points (point.c) ---------------------------------------------------------------------------------- */

/* Before an operation that others can see: decides who goes first. */
void point(uintptr_t address, bool writes);
/* The current fibre cannot go on: somebody else. */
void point_blocked(void);
/* The current fibre stands back. */
void point_yield(void);
/* A fibre that waited for a lock, a wake or a thread can go on. */
static inline void
point_wake(unsigned fibre)
{
    machine.fibre[fibre].state = FIBRE_READY;
    machine.ready |= 1u << fibre;
    machine.parked &= ~(1u << fibre);
}
/* The current fibre waits from now on; returns when it is woken. */
static inline void
point_wait(enum fibre_state state, const void *waits_for)
{
    struct fibre *fibre = &machine.fibre[machine.self];
    fibre->state = state;
    fibre->waits_for = waits_for;
    machine.ready &= ~(1u << machine.self);
    if (state == FIBRE_PARKED)
        machine.parked |= 1u << machine.self;
    point_blocked();
}
/* Somebody wrote: who stood back may look again. */
static inline void
point_moved(void)
{
    if (__builtin_expect(machine.yielded, 0))
        machine.yielded &= 1u << machine.self;
}

_Noreturn void verdict(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A thread that was started in a schedule: from now on it is one of those who can go on. */
void point_begin(unsigned fibre);

/* Runs one schedule of the frozen world. False: a verdict, in machine.verdict. */
bool run_schedule(bool verifies);

void note(enum kind kind, uintptr_t address, unsigned size, uint64_t value, int order,
          const void *place);

static inline void
note_if(enum kind kind, uintptr_t address, unsigned size, uint64_t value, int order,
        const void *place)
{
    if (__builtin_expect(machine.recording, 0))
        note(kind, address, size, value, order, place);
}

/* A location is used by a second fibre and one of them writes. Also for locks and parks. */
void touch_slow(uintptr_t address, unsigned size, bool writes);

/* --- decisions (search.c) ------------------------------------------------------------------------------ */

/* Which of `count` options; option 0 is the default. stays: that is the current fibre, so another one is a
 * pre-emption. `options` may be null for plain choices among fibres in the canonical order. */
unsigned decide(unsigned count, bool stays, const struct choice *options);

/* --- memory modes (memory.c) and races (race.c), full build ---------------------------------------------- */

unsigned memory_options(struct choice *options, unsigned count);
void memory_flush(unsigned fibre, unsigned which);
void memory_drain(void);
/* Before a read-modify-write: makes visible what it may not overtake. */
void memory_drain_for(uintptr_t address, size_t bytes, int order);
void memory_reset(void);
uint64_t memory_read(uintptr_t address, unsigned size);
bool memory_load(uintptr_t address, unsigned size, int order, uint64_t *value);
bool memory_store(uintptr_t address, unsigned size, int order, uint64_t value, const void *place);
void memory_change(uintptr_t address, unsigned size, int order, bool wrote, uint64_t value);
void memory_plain(uintptr_t address, size_t bytes, bool writes);

bool stale_load(uintptr_t address, unsigned size, int order, uint64_t *value);
/* True: a compare-and-swap has failed by an old value. */
bool stale_failure(uintptr_t address, unsigned size, int order, uint64_t expected, uint64_t *value);
void stale_store(uintptr_t address, unsigned size, int order, uint64_t value);
void stale_change(uintptr_t address, unsigned size, int order, bool wrote, uint64_t value);
void stale_plain(uintptr_t address, size_t bytes);

void race_reset(void);
void race_plain(uintptr_t address, size_t bytes, bool writes, const void *place);
void race_atomic(uintptr_t address, unsigned size, bool reads, bool writes, int order, const void *place);
void race_acquire(const void *lock);
void race_release(const void *lock);
void race_free(uintptr_t address, size_t bytes, const void *place);
void race_begin(unsigned fibre);
void race_join(unsigned fibre);
void race_end(void);

#endif
