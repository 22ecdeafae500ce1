/* scenes_views.c - inspection, control over collections, fork, options as text, the end, workers. */
#include "tests/failing/stage.h"

#include "collectors/configure.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the permanent set ------------------------------------------------------------------------------ */

void
play_freeze(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &actor_type, 10))
        return;
    stage_note(orr_gc_freeze(thread));
    stage_note(orr_gc_freeze_count(thread));
    ORR_OWN(thread, later, stage_chain(thread, &actor_type, 5, false));
    orr_collect(thread, "test");
    orr_gc_unfreeze(thread);
    stage_note(orr_gc_freeze_count(thread));
    stage_root_set(thread, 0, NULL);
}

/* --- lists ------------------------------------------------------------------------------------------ */

static void
list(enum orr_status status, struct orr_object **objects, uint64_t count)
{
    if (!stage_ok(status))
        return;
    stage_note(count);
    orr_objects_free(stage.thread, objects, count);
}

static bool
count_object(struct orr_object *object, void *count)
{
    (void)object;
    return ++*(uint64_t *)count < 1000;
}

void
play_lists(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_object **objects = NULL;
    struct orr_type_row *rows;
    uint64_t count = 0;
    ORR_OWN(thread, chain, stage_chain(thread, &actor_type, 12, false));
    if (!chain.ref)
        return;
    ORR_OWN(thread, next, orr_get(thread, chain.ref, 0));
    enum orr_status status = orr_objects(thread, ORR_GENERATION_ANY, &objects, &count, &stage.error);
    list(status, objects, count);
    status = orr_referrers(thread, next.ref, &objects, &count, &stage.error);
    list(status, objects, count);
    status = orr_referents(thread, chain.ref, &objects, &count, &stage.error);
    list(status, objects, count);
    if (stage_ok(orr_type_histogram(thread, &rows, &count, &stage.error))) {
        stage_note(rows[0].objects);
        orr_rows_free(rows);
    }
    count = 0;
    if (stage_ok(orr_visit_all(thread, count_object, &count, &stage.error)))
        stage_note(count);
}

/* --- cycles ----------------------------------------------------------------------------------------- */

enum { RINGS = 12 };

/* Held until all are there: a refusal collects before it is told. */
static bool
make_kinds(void)
{
    struct orr_thread *const thread = stage.thread;
    const struct orr_type *const types[] = {&actor_type, &person_type, &legacy_type};
    ORR_OWN(thread, all, stage_array(thread, RINGS, 0));
    for (uint32_t i = 0; all.ref && i < RINGS; i++) {
        ORR_OWN(thread, ring, stage_chain(thread, types[i % 2], 2 + i % 5, true));
        ORR_OWN(thread, other, stage_new(thread, types[i % 3 == 2 ? 0 : i % 3], i));
        if (!ring.ref || !other.ref)
            return false;
        orr_set(thread, ring.ref, 1 + i % 2, other.ref);
        orr_set(thread, other.ref, i % 3, ring.ref);
        orr_set_slot(thread, all.ref, orr_element(all.ref, i), ring.ref);
    }
    return all.ref != NULL;
}

void
play_cycles(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_cycle_row *rows = NULL;
    uint64_t count = 0;
    if (!make_kinds())
        return;
    if (stage_ok(orr_cycle_report(thread, &rows, &count, &stage.error))) {
        uint64_t sum = count; /* rows of equal weight come in any order */
        for (uint64_t i = 0; i < count; i++)
            sum += rows[i].objects * rows[i].components + rows[i].edge_count * 10000;
        stage_note(sum);
        orr_rows_free(rows);
    }
    FILE *file = fopen("/dev/null", "w");
    if (!file)
        complain("/dev/null");
    stage_ok(orr_cycle_print(thread, file, &stage.error));
    fclose(file);
}

/* --- why -------------------------------------------------------------------------------------------- */

void
play_why(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_path_step *steps;
    enum orr_hold hold = ORR_HOLD_ROOT;
    uint64_t count;
    {
        ORR_OWN(thread, chain, stage_chain(thread, &actor_type, 10, false));
        if (!chain.ref)
            return;
        stage_root_set(thread, 0, orr_take(&chain));
    }
    {
        ORR_OWN(thread, chain, stage_root_get(thread, 0));
        ORR_OWN(thread, second, orr_get(thread, chain.ref, 0));
        ORR_OWN(thread, third, orr_get(thread, second.ref, 0));
        orr_own_set(&second, NULL);
        orr_own_set(&chain, NULL);
        if (stage_ok(orr_why_alive(thread, third.ref, &hold, &steps, &count, &stage.error))) {
            stage_note(count);
            stage_note(hold);
            orr_path_free(thread, steps, count);
        }
    }
    stage_root_set(thread, 0, NULL);
}

/* --- dumps ------------------------------------------------------------------------------------------ */

static void
dump(void)
{
    char path[] = "/tmp/failing_dump_XXXXXX";
    const int descriptor = mkstemp(path);
    if (descriptor < 0)
        complain("no temporary file");
    stage_ok(orr_heap_dump(stage.thread, path, &stage.error));
    close(descriptor);
    unlink(path);
}

void
play_dump(void)
{
    struct orr_thread *const thread = stage.thread;
    if (!stage_crowd(0, &actor_type, 10))
        return;
    {
        ORR_OWN(thread, green, stage_new(thread, &green_type, 5));
        ORR_OWN(thread, array, stage_array(thread, 3, 50));
        dump();
    }
    stage_root_set(thread, 0, NULL);
}

/* --- diagnosis -------------------------------------------------------------------------------------- */

/* Three references, of which its trace forgets one, tells one twice, and makes one up, while it lies. */
struct liar {
    struct orr_object header;
    struct orr_slot slots[4];
};

static struct orr_slot invented;
static _Atomic(bool) lies;

static void
trace_liar(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    struct liar *liar = (struct liar *)object;
    visit(&liar->slots[1], argument);
    visit(&liar->slots[2], argument);
    if (!orr_load_relaxed(&lies)) { /* relaxed: read with the world stopped */
        visit(&liar->slots[0], argument);
        return;
    }
    visit(&liar->slots[1], argument);
    visit(&liar->slots[3], argument);
    visit(&invented, argument);
}

static uint16_t liar_index;
static const struct orr_type liar_type = {
    .name = "liar", .bytes = sizeof(struct liar), .trace = trace_liar, .index = &liar_index};

enum { LIARS = 12 };

static bool
make_liars(struct orr_object *all)
{
    struct orr_thread *const thread = stage.thread;
    for (uint32_t i = 0; i < LIARS; i++) {
        struct liar *liar = (struct liar *)orr_new(thread, &liar_type);
        if (!stage_given(liar != NULL))
            return false;
        orr_give_slot(thread, all, orr_element(all, i), &liar->header);
        for (uint32_t k = 0; k < 3; k++) {
            struct orr_object *referent = stage_new(thread, &green_type, k);
            if (!referent)
                return false;
            orr_give_slot(thread, &liar->header, &liar->slots[k], referent);
        }
    }
    return true;
}

void
play_diagnose(void)
{
    enum { MOST = 4 };
    struct orr_fault faults[MOST];
    uint32_t count = 0;
    orr_type_register(&liar_type, NULL);
    ORR_OWN(stage.thread, all, stage_array(stage.thread, LIARS, 0));
    if (!all.ref || !make_liars(all.ref))
        return;
    orr_store_relaxed(&lies, true); /* relaxed, both: one thread */
    const enum orr_status status =
        orr_heap_diagnose(stage.thread, faults, MOST, &count, &stage.error);
    orr_store_relaxed(&lies, false);
    if (status != ORR_CHECK_FAILED)
        stage_ok(status);
    stage_note(status);
    stage_note(count);
}

/* --- control ---------------------------------------------------------------------------------------- */

static void
hear(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)context;
    orr_add_relaxed(&stage.called, 1);
    ORR_OWN(thread, scrap, orr_new(thread, &green_type)); /* may be refused, as in a program */
    if (event->phase == ORR_GC_STOP && event->generation == 1)
        orr_raise(thread, ORR_BAD_INPUT, "the callback complains");
}

static void
try_steps(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_gc_result result;
    struct orr_gc_stats stats;
    for (int i = 0; i < 3; i++) {
        ORR_OWN(thread, ring, stage_chain(thread, &actor_type, 6, true));
        orr_own_set(&ring, NULL);
        stage_ok(orr_gc_step(thread, UINT64_MAX / 2, &result));
        stage_ok(orr_gc_collect_wait(thread, i, &result, &stage.error));
        stage_ok(orr_gc_collect_if_enabled(thread, i, &result, &stage.error));
        stage_ok(orr_gc_stats(stage.heap, i, &stats, &stage.error));
    }
    if (orr_gc_collect(thread, ORR_GENERATIONS, &result, &stage.error) != ORR_BAD_INPUT)
        complain("a generation that does not exist was collected");
}

/* Collections that start by themselves, by each trigger, and by the bound. */
static void
let_it_collect(void)
{
    struct orr_thread *const thread = stage.thread;
    static const struct orr_trigger triggers[] = {
        {.kind = ORR_TRIGGER_count, .count = 5},
        {.kind = ORR_TRIGGER_bytes, .bytes = 1000},
        {.kind = ORR_TRIGGER_adaptive, .count = 5},
    };
    for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++) {
        orr_gc_trigger_set(stage.heap, &triggers[i]);
        ORR_OWN(thread, ring, stage_chain(thread, &actor_type, 12, true));
        orr_poll(thread);
    }
    orr_gc_bound_set(stage.heap, 100000);
    for (int i = 0; i < 4; i++) {
        ORR_OWN(thread, large, stage_array(thread, 1, 40000));
        if (large.ref)
            orr_set_slot(thread, large.ref, orr_element(large.ref, 0), large.ref);
    }
    orr_gc_bound_set(stage.heap, 0);
    orr_gc_trigger_set(stage.heap, &(struct orr_trigger){.kind = ORR_TRIGGER_manual});
}

void
play_control(void)
{
    static int contexts[3];
    struct orr_gc_result result;
    bool added[3];
    for (int i = 0; i < 3; i++)
        added[i] = stage_given(orr_gc_callback_add(stage.heap, hear, &contexts[i]));
    try_steps();
    let_it_collect();
    for (int i = 0; i < 3; i++)
        if (orr_gc_callback_remove(stage.heap, hear, &contexts[i]) != added[i])
            complain("callback %d is not where it was", i);
    orr_gc_collect(stage.thread, ORR_GENERATION_OLDEST, &result, NULL);
    stage_note(stage_collects());
}

/* --- the limit -------------------------------------------------------------------------------------- */

/* One thread collects, and a callback of that wants a lock. The other has it, and comes to the limit: what the
 * collection frees it can only wait for a little. */
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(bool) is_locked, is_wanted;

static void
want_door(struct orr_thread *thread, const struct orr_gc_event *event, void *context)
{
    (void)context;
    if (event->phase != ORR_GC_START)
        return;
    orr_store_release(&is_wanted, true);
    orr_block_enter(thread);
    pthread_mutex_lock(&door);
    pthread_mutex_unlock(&door);
    orr_block_leave(thread);
}

static void
reach_limit(struct orr_thread *thread)
{
    pthread_mutex_lock(&door);
    orr_store_release(&is_locked, true);
    while (!orr_load_acquire(&is_wanted))
        orr_poll(thread);
    ORR_OWN(thread, small, stage_new(thread, &actor_type, 1));
    struct orr_object *large = orr_new_array(thread, &array_type, 0, 8 << 20);
    if (large)
        complain("an object beyond the limit");
    pthread_mutex_unlock(&door);
}

static void
collect_once(struct orr_thread *thread)
{
    orr_poll(thread);
    if (orr_load_acquire(&is_locked) && !orr_load_acquire(&is_wanted))
        orr_collect(thread, "test");
}

void
play_limit(void)
{
    orr_store_relaxed(&is_locked, false); /* relaxed, both: one thread */
    orr_store_relaxed(&is_wanted, false);
    if (!stage_given(orr_gc_callback_add(stage.heap, want_door, NULL)))
        return;
    stage_partner(reach_limit, collect_once);
    stage_note(orr_gc_callback_remove(stage.heap, want_door, NULL));
}

/* --- fork ------------------------------------------------------------------------------------------- */

static void
live_in_child(void)
{
    struct orr_thread *const thread = stage.thread;
    orr_fork_child(thread);
    ORR_OWN(thread, chain, stage_chain(thread, &actor_type, 5, false));
    stage_root_set(thread, 0, NULL);
    orr_settle(thread);
}

void
play_forking(void)
{
    enum { CHILD_DONE = 42 };
    int status;
    if (!stage_crowd(0, &person_type, 8))
        return;
    orr_fork_prepare(stage.thread);
    const pid_t child = fork();
    if (child == 0) {
        live_in_child();
        _exit(CHILD_DONE);
    }
    orr_fork_parent(stage.thread);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != CHILD_DONE)
        complain("the child did not end well");
    stage_root_set(stage.thread, 0, NULL);
    orr_settle(stage.thread);
    stage_note(orr_load_relaxed(&stage.destroyed));
}

/* --- options as text -------------------------------------------------------------------------------- */

void
play_configure(void)
{
    struct orr_configuration configuration;
    char text[200];
    orr_configure_defaults(&configuration);
    snprintf(text, sizeof text, "strategy=%s,collector=%s,heap=%s,trial.budget=1000,ledger=on",
             stage.options.rc->name, stage.options.collector->name, stage.options.kind->name);
    if (stage_ok(orr_configure(&configuration, text, &stage.error)) &&
        stage_ok(orr_configure(&configuration, "trial.budget=7,limit=1G,slice=100", &stage.error)) &&
        stage_ok(orr_heap_create(&configuration.options, &stage.heap, &stage.error))) {
        stage_note(configuration.setting_count);
        orr_heap_destroy(stage.heap);
    }
    orr_configure_free(&configuration);
}

/* --- the end ---------------------------------------------------------------------------------------- */

void
play_finish(void)
{
    struct orr_thread *const thread = stage.thread;
    struct orr_leaks leaks = {0};
    if (!stage_crowd(0, &person_type, 10))
        return;
    stage.error = (struct orr_error){.status = ORR_OUT_OF_MEMORY, .message = "the report has no kinds"};
    const enum orr_status status = orr_heap_finish(thread, &leaks);
    stage_ok(status);
    stage_note(leaks.objects);
    if (status == ORR_OK)
        stage_note(leaks.kind_count > 0);
    FILE *file = fopen("/dev/null", "w");
    if (!file)
        complain("/dev/null");
    orr_leaks_print(&leaks, file);
    fclose(file);
    orr_leaks_free(&leaks);
    stage_root_set(thread, 0, NULL);
}

/* --- workers ---------------------------------------------------------------------------------------- */

/* A collector that gets no threads, or fewer, does the same alone. */
void
play_workers(void)
{
    struct orr_thread *thread;
    if (!stage_ok(orr_heap_create(&stage.options, &stage.heap, &stage.error)))
        return;
    if (stage_ok(orr_thread_attach(stage.heap, &stage.thread, &stage.error))) {
        thread = stage.thread;
        {
            ORR_OWN(thread, ring, stage_chain(thread, &actor_type, 20, true));
            stage_note(ring.ref != NULL);
        }
        orr_settle(thread);
        stage_note(stage_live());
        orr_thread_detach(thread);
    }
    orr_heap_destroy(stage.heap);
}
