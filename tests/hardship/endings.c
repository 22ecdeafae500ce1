/* endings.c - processes and threads that end at the wrong moment, or use what is not theirs; each in a process of
 * its own, whose end is looked at.
 *
 *   exit() from a mutator while a collection runs, on its thread or another's    the process ends, with that status
 *   abort() there                                                                it dies of SIGABRT
 *   main() ends its thread first, the others go on                               they do
 *   a thread ends and is attached                                                a sentence, and abort
 *   a thread detaches in a destructor of its own data                            fine
 *   a thread uses another's attachment (checked builds)                          a sentence, and abort
 */
#include "tests/stress/storm.h"

#include "tests/hardship/hardship.h"

#include <pthread.h>

enum { STATUS = 7, LIMIT_S = 60, TRIES = 6 };

static struct storm storm;
static struct hardship_child child;
static uint64_t chance;

static void
open_storm(const char *collector)
{
    const struct storm_plan plan = {.collector = orr_collector_find(collector),
                                    .kind = orr_heap_kind_find("blocks"),
                                    .threads = 3,
                                    .doings = STORM_MIXED};
    stress_check(storm_open(&storm, &plan), "the pair does not work");
}

/* --- the process ends ------------------------------------------------------------------------------------ */

static _Atomic(uint32_t) is_collecting, collections_until, says_abort;

static void
leave(void)
{
    if (orr_load_relaxed(&says_abort))
        abort();
    exit(STATUS);
}

/* A collection is under way: this one ends the process, or tells another to. */
static void
hear(struct orr_thread *thread, const struct orr_gc_event *event, void *here)
{
    (void)thread;
    if (event->phase != ORR_GC_START || orr_add_acq_rel(&collections_until, 1) != 5)
        return;
    orr_store_release(&is_collecting, 1);
    if (here)
        leave();
    orr_sleep_ns(5000000); /* so that it is the other that ends it */
}

static void *
leave_when_told(void *heap)
{
    struct orr_thread *const thread = stress_attach(heap);
    while (orr_load_acquire(&is_collecting) == 0)
        orr_poll(thread);
    leave();
    return NULL;
}

static int
leave_on_the_collecting_thread(void)
{
    open_storm("generations");
    orr_gc_callback_add(storm.heap, hear, &child);
    storm_start(&storm);
    storm_join(&storm, false);
    return 0;
}

static int
leave_beside_a_collection(void)
{
    struct orr_os_thread other;
    open_storm("trial");
    orr_gc_callback_add(storm.heap, hear, NULL);
    stress_start(&other, leave_when_told, storm.heap);
    storm_start(&storm);
    storm_join(&storm, false);
    return 0;
}

static int
leave_at_any_moment(void)
{
    open_storm(stress_below(&chance, 2) ? "mark" : "generations");
    storm_start(&storm);
    orr_sleep_ns(stress_below(&chance, 20000000));
    leave();
    return 0;
}

static int
abort_beside_a_collection(void)
{
    orr_store_relaxed(&says_abort, 1);
    return leave_beside_a_collection();
}

static int
main_thread_first(void)
{
    open_storm("generations");
    storm.plan.rounds = 300;
    storm_start(&storm);
    pthread_exit(NULL);
}

/* --- a thread ends ---------------------------------------------------------------------------------------- */

static struct orr_heap *
small_heap(void)
{
    const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                             .collector = orr_collector_find("none"),
                                             .kind = orr_heap_kind_find("libc"),
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    return stress_heap(&options);
}

static void *
attach_and_end(void *heap)
{
    stress_attach(heap);
    return NULL;
}

static int
end_attached(void)
{
    struct orr_os_thread other;
    stress_start(&other, attach_and_end, small_heap());
    orr_os_thread_join(&other);
    return 0;
}

static pthread_key_t key;

static void
detach(void *thread)
{
    orr_thread_detach(thread);
}

static void *
attach_with_destructor(void *heap)
{
    pthread_setspecific(key, stress_attach(heap));
    return NULL;
}

/* Whether its destructor or ours comes first is the system's choice: both orders of creation are tried. */
static int
detach_at_the_end(void)
{
    struct orr_heap *const heap = small_heap();
    for (int i = 0; i < 2; i++) {
        struct orr_os_thread other;
        stress_check(pthread_key_create(&key, detach) == 0, "no key");
        stress_start(&other, attach_with_destructor, heap);
        orr_os_thread_join(&other);
    }
    struct orr_thread *const self = stress_attach(heap); /* and the world can be stopped */
    orr_world_stop(heap, self);
    orr_world_resume(heap);
    orr_thread_detach(self);
    orr_heap_destroy(heap);
    return 0;
}

/* --- what is not theirs ----------------------------------------------------------------------------------- */

static void *
allocate_for(void *thread)
{
    orr_release(thread, orr_new((struct orr_thread *)thread, &storm_node));
    return NULL;
}

static void *
come_back_for(void *thread)
{
    orr_block_leave(thread);
    return NULL;
}

static int
use(void *(*body)(void *), bool blocks)
{
    struct orr_os_thread other;
    struct orr_thread *const thread = stress_attach(small_heap());
    if (blocks)
        orr_block_enter(thread);
    stress_start(&other, body, thread);
    orr_os_thread_join(&other);
    return 0;
}

static int
allocate_with_anothers(void)
{
    return use(allocate_for, false);
}

static int
come_back_with_anothers(void)
{
    return use(come_back_for, true);
}

/* --- the judge --------------------------------------------------------------------------------------------- */

static void
expect_exit(const char *what, int (*body)(void), int expected)
{
    hardship_fork(&child, body);
    const int status = hardship_wait(&child, LIMIT_S);
    stress_check(WIFEXITED(status) && WEXITSTATUS(status) == expected, "%s: status %x: %s", what, status, child.text);
}

static void
expect_abort(const char *what, int (*body)(void), const char *sentence)
{
    hardship_fork(&child, body);
    const int status = hardship_wait(&child, LIMIT_S);
    stress_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: status %x: %s", what, status, child.text);
    stress_check(strstr(child.text, sentence), "%s: it said: %s", what, child.text);
    fprintf(stderr, "%s: %s\n", what, child.text[0] ? child.text : "aborted");
}

int
main(int count, char **arguments)
{
    stress_begin(count, arguments);
    storm_register();
    expect_exit("exit on the collecting thread", leave_on_the_collecting_thread, STATUS);
    expect_exit("exit beside a collection", leave_beside_a_collection, STATUS);
    const int tries = stress.seconds > 2 ? (int)(TRIES * stress.seconds) : TRIES;
    for (int i = 0; i < tries; i++) {
        chance = stress.seed + (uint64_t)i;
        expect_exit("exit at any moment", leave_at_any_moment, STATUS);
    }
    expect_abort("abort beside a collection", abort_beside_a_collection, "");
    expect_exit("the main thread ends first", main_thread_first, 0);
    expect_abort("a thread ends attached", end_attached, "orr_thread_detach is missing");
    expect_exit("a thread detaches in a destructor", detach_at_the_end, 0);
    if (ORR_IS_CHECKED) {
        expect_abort("another's attachment", allocate_with_anothers, "each attaches itself");
        expect_abort("another's blocking region", come_back_with_anothers, "each attaches itself");
    }
    hardship_figure("processes that ended in the middle of a collection", tries + 3, "sum", "-");
    return 0;
}
