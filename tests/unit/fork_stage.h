/* fork_stage.h - a heap, an actor who waits where a test wants him to, and a child process that is asked how it is.
 *
 * Included after runtime/mutator.h, which wants a strategy chosen.
 *
 * Not under ThreadSanitizer: a child of a process with several threads is outside of what it can follow.
 */
#ifndef ORR_TESTS_UNIT_FORK_STAGE_H
#define ORR_TESTS_UNIT_FORK_STAGE_H

#include "runtime/fork.h"
#include "runtime/gc.h"
#include "tests/unit/small_heap.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHILD_DONE = 42,    /* not 0: a failed assertion in a child must not end as a success */
    CHILD_SECONDS = 60, /* a child that hangs dies of it */
    RING = 3
};

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN false
#endif

static struct orr_heap *heap;
static struct orr_thread *thread; /* of the test */
static bool is_child;

/* As cr_assert; a child says it itself: Criterion does not know it, and must not be told even of what holds. */
#define expect(condition, ...)                                                                     \
    do {                                                                                           \
        const bool holds = (condition);                                                            \
        if (!is_child)                                                                             \
            cr_assert(holds, __VA_ARGS__);                                                         \
        else if (!holds) {                                                                         \
            fprintf(stderr, "%s:%d: in a child: %s is false\n", __FILE__, __LINE__, #condition);   \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
#define expect_eq(left, right) expect((left) == (right), "%s", #left)

/* --- steps and waiting --------------------------------------------------------------------------------- */

enum step { FINALIZE, DESTROY, CALLBACK, OUTSIDE, STEPS };

static _Atomic(uint32_t) taken[STEPS];
static enum step wait_at;
static uint32_t wait_turn; /* which of them waits; 0: none */
static _Atomic(uint32_t) is_waiting, may_go;

static inline void
take_step(struct orr_thread *actor, enum step step)
{
    const uint32_t turn = orr_add_acq_rel(&taken[step], 1) + 1;
    if (step != wait_at || turn != wait_turn)
        return;
    orr_store_release(&is_waiting, 1);
    orr_wake_all(&is_waiting);
    while (!orr_load_acquire(&may_go))
        orr_poll(actor);
}

static inline void
let_go(void)
{
    orr_store_release(&may_go, 1);
    orr_wake_all(&may_go);
}

static inline void
await(_Atomic(uint32_t) *word)
{
    orr_block_enter(thread);
    while (!orr_load_acquire(word))
        orr_park(word, 0, 1000000);
    orr_block_leave(thread);
}

/* Nothing starts by itself, and the verifier looks before and after each collection. */
static inline void
stage_open(const char *collector)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.ledger = options.verify = true;
    heap = small_heap_open(&options);
    thread = small_attach(heap);
    for (int step = 0; step < STEPS; step++)
        orr_store_relaxed(&taken[step], 0);
    orr_store_relaxed(&is_waiting, 0);
    orr_store_relaxed(&may_go, 0);
    wait_turn = 0;
}

static inline void
verify_exact(void)
{
    struct orr_error error;
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    const bool sound = orr_heap_verify_exact(heap, thread, &error);
    orr_world_resume(heap);
    expect(sound, "%s", error.message);
}

static inline void
expect_child(struct orr_thread *forker, pid_t child)
{
    int status;
    expect(child > 0, "it forks");
    orr_block_enter(forker);
    expect_eq(waitpid(child, &status, 0), child);
    orr_block_leave(forker);
    expect(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE, "status %x", (unsigned)status);
}

/* The child does `body`, if that is not null. */
static inline void
fork_once(struct orr_thread *forker, void (*body)(void))
{
    orr_fork_prepare(forker);
    const pid_t child = fork();
    if (child == 0) {
        is_child = true;
        alarm(CHILD_SECONDS);
        orr_fork_child(forker);
        if (body)
            body();
        _exit(CHILD_DONE);
    }
    orr_fork_parent(forker);
    expect_child(forker, child);
}

/* All that is left dies. */
static inline void
stage_close(void)
{
    orr_settle(thread);
    verify_exact();
    expect_eq(small_live(heap), 0);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static inline void
spin_until(_Atomic(uint32_t) *word)
{
    while (!orr_load_acquire(word))
        orr_yield();
}

/* Runs `act` on a thread of its own until it waits at a step; forks; then child, and parent, go on to `check`.
 * The heap stays open. */
static inline void
fork_beside(void *(*act)(void *), enum step step, uint32_t turn, void (*check)(void))
{
    struct orr_os_thread actor;
    wait_at = step;
    wait_turn = turn;
    cr_assert(orr_os_thread_start(&actor, act, NULL, 0));
    await(&is_waiting);
    fork_once(thread, check);
    let_go();
    orr_block_enter(thread);
    orr_os_thread_join(&actor);
    orr_block_leave(thread);
    check();
}

#endif
