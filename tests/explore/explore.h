/* explore.h - what a scenario of the schedule explorer is made of, and what it may call.
 *
 * A scenario is a small concurrent program over the real runtime: up to four fibres, each of which stands for
 * a thread, a set-up before them and an oracle after them. The explorer runs it again and again, each time with
 * another schedule: before every atomic access to a word that two fibres use (and one of them writes), before
 * every lock, unlock, park, wake and free it decides who goes on.
 *
 *     #include "tests/explore/explore.h"
 *     #include "runtime/mutator.h"
 *
 *     static struct orr_heap *heap;
 *     static struct orr_object *object;
 *
 *     static void
 *     setup(void)
 *     {
 *         heap = explore_heap(&EXPLORE_RC, "none", "libc");
 *         explore_attach(heap, 2); // explore_thread(0), explore_thread(1)
 *         object = explore_new(explore_thread(0));
 *         orr_retain(explore_thread(0), object); // a second reference, which fibre 1 will drop
 *     }
 *
 *     static void
 *     body(unsigned fibre)
 *     {
 *         struct orr_thread *thread = explore_thread(fibre);
 *         explore_use(object);
 *         orr_release(thread, object);
 *         explore_detach(fibre);
 *     }
 *
 *     static void
 *     check(void)
 *     {
 *         explore_all_dead(heap); // oracle: each died, and once
 *     }
 *
 *     EXPLORE_SCENARIO(two_releases) = {
 *         .name = EXPLORE_NAME, .covers = "A1 A2 A3 B1 B4", .fibres = 2, .setup = setup, .body = body, .check = check};
 *
 * That is scenarios/two_releases.c; the other half is one line in scenarios.def, which also says for which
 * strategies it is compiled.
 *
 * The rules for scenarios
 *   - State lies in static variables, in memory of the runtime, or on the fibre's stack (256 KiB). Static
 *     variables of the file and everything the runtime allocated are put back before each schedule to what they
 *     were after `setup`, which runs once. Nothing else is: no malloc, no files, no _Thread_local.
 *   - No system calls and no locks but those of runtime/platform.h, no printing.
 *   - What several fibres share is atomic and accessed through runtime/atomics.h, as in the runtime, or is
 *     ordered by what is; the race detector looks at scenarios too. What only one fibre uses
 *     (references that it holds: its ghost state) is plain, in an array indexed by the fibre.
 *   - A wait is a loop with orr_yield() or orr_spin_hint() in it (the fibre then stands back until another one
 *     has moved), or a park, which needs a wake after each change of its word, or a blocking region. Ten
 *     thousand steps without an end are a livelock.
 *   - Few steps: each operation more makes exhaustion ten times dearer. Two or three operations per fibre for a
 *     written scenario; leave variety to generated ones.
 *   - setup, check and verify run outside the schedule: alone, on one stack; what they do is no step.
 *
 * Threads: none. Everything here runs on one thread of the system.
 */
#ifndef ORR_TESTS_EXPLORE_H
#define ORR_TESTS_EXPLORE_H

#include "runtime/heap.h"

enum {
    EXPLORE_FIBRES_MAX = 4,
    EXPLORE_SCRIPT_MAX = 16 /* operations per fibre */
};

/* One kind of operation of a generated scenario. Scripts are drawn before they run, so `run` decides by the
 * fibre's own ghost state whether it is possible now (a fibre that holds nothing releases nothing), and returns
 * at once where it is not. `argument` is random, 0 to 255: which slot, which object. */
struct explore_operation {
    const char *name;
    void (*run)(unsigned fibre, unsigned argument);
    unsigned weight; /* how often, beside the others; 0 is 1 */
};

struct explore_scenario {
    const char *name; /* EXPLORE_NAME: the file's name and the variant, by the build */
    /* The faults that it looks for, by their ids in tests/faults.md; said by --list. The rule `faults` looks that each
     * has a row there. */
    const char *covers;
    unsigned fibres; /* 1 to EXPLORE_FIBRES_MAX */
    void (*setup)(void);
    void (*body)(unsigned fibre);
    /* The oracle after each schedule in which every fibre has returned; cheap. Calls explore_check. May be null. */
    void (*check)(void);
    /* A dear one, such as explore_verify(heap): after every 256th schedule, in the full build and in replays after
     * each. Runs after `check`. May be null. */
    void (*verify)(void);
    /* Generated scenarios: a table that ends with a null name, and how many operations a fibre gets. The body
     * calls explore_script(fibre), which runs them. Null: a written scenario. */
    const struct explore_operation *operations;
    unsigned script_length;
    /* The verdict that must be found, for the explorer's own tests: a word the verdict begins with ("race",
     * "deadlock", ...), or null: none must. With `modes`, only in these memory modes (EXPLORE_SC | ...). */
    const char *expects;
    unsigned expects_modes;
    unsigned skips_modes; /* modes in which it is not run */
};

enum { EXPLORE_SC = 1, EXPLORE_TSO = 2, EXPLORE_PSO = 4, EXPLORE_STALE = 8 };

/* Defines the scenario of a file; `id` is the file's name. EXPLORE_VARIANT is set by the build: the variant of
 * the strategy ("atomic", "biased_rooted", ...), or `any` for files that do not depend on one. */
#define EXPLORE_JOIN_(a, b, c) a##b##_##c
#define EXPLORE_JOIN(a, b, c) EXPLORE_JOIN_(a, b, c)
#define EXPLORE_SCENARIO(id) EXPLORE_SCENARIO_(EXPLORE_JOIN(explore_scenario_, id, EXPLORE_VARIANT))
#define EXPLORE_SCENARIO_(symbol)                                                                  \
    extern const struct explore_scenario symbol;                                                   \
    const struct explore_scenario symbol

/* The strategy that the file is being compiled for: a struct orr_rc. */
#define EXPLORE_RC EXPLORE_JOIN(orr_, rc, ORR_RC)

/* --- the world: in setup -------------------------------------------------------------------------- */

/* A heap. collector and kind by name; kind "libc" makes every object a block of its own, whose use after free
 * is found at the access; "blocks" is the default heap, whose cells are reused at once. No trigger goes off.
 * Fails the run if the three do not go together. */
struct orr_heap *explore_heap(const struct orr_rc *rc, const char *collector, const char *kind);
/* The same, with every option in the caller's hand; rc, collector and kind are filled in where null. */
struct orr_heap *explore_heap_with(const struct orr_heap_options *options);

/* Attaches a thread for each of the fibres 0 to fibres - 1, and one more, with which check and verify may work:
 * explore_thread(fibres). */
void explore_attach(struct orr_heap *heap, unsigned fibres);
/* In setup: attaches that one thread for the fibre. In a body: orr_thread_attach as a part of the schedule. */
void explore_attach_one(struct orr_heap *heap, unsigned fibre);
struct orr_thread *explore_thread(unsigned fibre);
/* Detaches the fibre's thread; explore_thread is null afterwards. In a body, or in check. */
void explore_detach(unsigned fibre);

/* --- objects with a ledger ------------------------------------------------------------------------- */

/* A fresh object of a stock type: two slots, a payload, a destroy that enters its death into the ledger. Named
 * "object 0", "object 1", ... in step tables. In setup or in a body, any thread. At most 32 in a run. */
struct orr_object *explore_new(struct orr_thread *thread);
/* The same without a destroy: it dies the way of most objects, which calls nothing, so the heap's books alone say
 * that it is dead, and explore_deaths does not know. */
struct orr_object *explore_new_plain(struct orr_thread *thread);
/* The same with a finalizer, which is counted (explore_finalized) and then calls `also`, if that is not null. */
struct orr_object *explore_new_finalized(struct orr_thread *thread,
                                         void (*also)(struct orr_thread *, struct orr_object *));
/* Reads and checks the object's contents: what a holder may do at any time. */
void explore_use(struct orr_object *object);
/* Writes a word of them, and reads it: what a holder may do that excludes other users, or writers, by other means. */
void explore_write(struct orr_object *object, uint64_t value);
uint64_t explore_read(struct orr_object *object);
/* How often the object was destroyed, finalized. The object may be gone: it is known by its address, newest first. */
unsigned explore_deaths(const struct orr_object *object);
unsigned explore_finalized(const struct orr_object *object);
/* How many objects of explore_new there were so far, and how many of them have died. */
unsigned explore_born(void);
unsigned explore_died(void);

/* --- shared places ---------------------------------------------------------------------------------- */

/* A slot that belongs to the scenario and that several fibres load and exchange: a registered root that starts
 * null. In setup. Use orr_load_slot, orr_exchange_slot, orr_store_slot on it; at most 8. */
struct orr_slot *explore_root(struct orr_heap *heap);

/* Gives memory a name for step tables: pointer to pointer + bytes. */
void explore_name(const void *pointer, size_t bytes, const char *name);

/* --- in a body -------------------------------------------------------------------------------------- */

/* Runs the fibre's part of the script, operation by operation. */
void explore_script(unsigned fibre);
/* The fibre that runs; EXPLORE_FIBRES_MAX in setup, check and verify. */
unsigned explore_self(void);
/* A scheduling point for nothing: others may go first. */
void explore_step(void);
/* A mark that all fibres see at once and that orders nothing: for scenarios in which one fibre has to have come so
 * far, but whoever looks may owe the order of what was done to the runtime alone. */
void explore_mark(void);
bool explore_is_marked(void);
/* How many parks of this schedule were ended by their time, which passes only when nobody else can go on: 0 where
 * whoever waits is woken. In a body or in check. */
unsigned explore_timeouts(void);

/* --- oracles ---------------------------------------------------------------------------------------- */

/* Ends the schedule with a verdict "oracle" and the sentence. From anywhere, does not return. */
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define explore_check(condition)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            explore_fail("%s:%d: %s is false", __FILE__, __LINE__, #condition);                    \
    } while (0)

/* In check or verify: stops the world with the thread of explore_attach (or `thread`, if that is not null) and
 * runs the heap verifier; the exact form compares counts with the references in objects, roots and locals. */
void explore_verify(struct orr_heap *heap, struct orr_thread *thread);
void explore_verify_exact(struct orr_heap *heap, struct orr_thread *thread);
/* In check: every object of explore_new has died exactly once, and the heap's books say that nothing lives. */
void explore_all_dead(struct orr_heap *heap);
/* In check: drains queues and worklists of what is still attached (a stop, counts settled, and the world again). */
void explore_settle(struct orr_heap *heap);

#endif
