/* stage.c - types, objects, refusals, the partner, and the list of scenarios. */
#include "tests/failing/stage.h"

#include "tests/failing/watch.h"

#include <pthread.h>
#include <sched.h>

struct stage stage;

const struct scenario scenarios[] = {
    {"life", play_life, OWN_HEAP | SHORT, 1, NULL},
    {"life_private", play_life, OWN_HEAP, 1, prepare_private},
    {"threads", play_threads, SHORT, 2, NULL},
    {"sizes", play_sizes, 0, 1, NULL},
    {"crowd", play_crowd, BLOCKS, 1, NULL},
    {"candidates", play_candidates, CYCLES | SHORT, 1, NULL},
    {"merging_blocked", play_merging_blocked, COUNTS | SHORT, 2, NULL},
    {"merging_running", play_merging_running, COUNTS, 2, NULL},
    {"cascade", play_cascade, COUNTS, 1, NULL},
    {"burial", play_burial, COUNTS, 2, NULL},
    {"weak", play_weak, SHORT, 1, NULL},
    {"weak_first", play_weak, BLOCKS | FRESH, 1, NULL},
    {"maps", play_maps, 0, 1, NULL},
    {"finalizers", play_finalizers, SHORT, 1, NULL},
    {"garbage", play_garbage, CYCLES | SHORT, 1, NULL},
    {"garbage_verified", play_garbage, CYCLES | WALKS, 1, prepare_verify},
    {"uncollectable", play_uncollectable, CYCLES | SHORT, 1, NULL},
    {"stress", play_stress, 0, 1, prepare_stress},
    {"freeze", play_freeze, WALKS, 1, NULL},
    {"lists", play_lists, WALKS, 1, NULL},
    {"cycles", play_cycles, WALKS | CYCLES, 1, NULL},
    {"why", play_why, WALKS, 1, NULL},
    {"dump", play_dump, WALKS, 1, NULL},
    {"diagnose", play_diagnose, WALKS | COUNTS, 1, NULL},
    {"control", play_control, CYCLES, 1, NULL},
    {"limit", play_limit, CYCLES | BLOCKS | WAITS, 2, prepare_limit},
    {"forking", play_forking, 0, 1, NULL},
    {"configure", play_configure, OWN_HEAP | SHORT, 1, NULL},
    {"finish", play_finish, WALKS, 1, prepare_sites},
    {"workers", play_workers, OWN_HEAP | WORKERS | CYCLES, 1, prepare_workers},
    {NULL, NULL, 0, 0, NULL},
};

/* --- types ------------------------------------------------------------------------------------------ */

static void finalize(struct orr_thread *thread, struct orr_object *object);
static void destroy(struct orr_thread *thread, struct orr_object *object);

static uint16_t actor_index, green_index, person_index, legacy_index, array_index;

const struct orr_type actor_type = {.name = "actor",
                                    .bytes = sizeof(struct actor),
                                    .references = ACTOR_SLOTS,
                                    .index = &actor_index};
const struct orr_type green_type = {.name = "green",
                                    .bytes = sizeof(struct actor),
                                    .flags = ORR_TYPE_ACYCLIC,
                                    .index = &green_index};
const struct orr_type person_type = {.name = "person",
                                     .bytes = sizeof(struct actor),
                                     .references = ACTOR_SLOTS,
                                     .finalize = finalize,
                                     .destroy = destroy,
                                     .index = &person_index};
const struct orr_type legacy_type = {.name = "legacy",
                                     .bytes = sizeof(struct actor),
                                     .references = ACTOR_SLOTS,
                                     .flags = ORR_TYPE_LEGACY,
                                     .finalize = finalize,
                                     .index = &legacy_index};
const struct orr_type array_type = {.name = "array",
                                    .bytes = sizeof(struct orr_array),
                                    .flags = ORR_TYPE_ARRAY,
                                    .index = &array_index};

static void
finalize(struct orr_thread *thread, struct orr_object *object)
{
    orr_add_relaxed(&stage.finalized, 1); /* relaxed, all: read when all is over */
    if (((struct actor *)object)->number % 4 == 1)
        orr_raise(thread, ORR_BAD_INPUT, "person %lu has a complaint",
                  (unsigned long)((struct actor *)object)->number);
    if (orr_load_relaxed(&stage.rescues)) {
        orr_retain(thread, object);
        stage_root_set(thread, STAGE_ROOTS - 1, object);
    }
}

static void
destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
    orr_add_relaxed(&stage.destroyed, 1);
}

/* --- what came of it -------------------------------------------------------------------------------- */

static uint64_t refusals_before;

bool
stage_given(bool given)
{
    if (given)
        return true;
    orr_store_relaxed(&stage.refused, true); /* relaxed: read when the partner is gone */
    if (watch_refusals() == refusals_before)
        complain("something was refused, but nothing had failed");
    return false;
}

bool
stage_ok(enum orr_status status)
{
    if (status != ORR_OK && status != ORR_OUT_OF_MEMORY)
        complain("status %d is not what is documented: %s", (int)status, stage.error.message);
    if (status != ORR_OK && (stage.error.status != status || !stage.error.message[0]))
        complain("a refusal without a sentence");
    return stage_given(status == ORR_OK);
}

void
stage_note(uint64_t number)
{
    stage.digest = (stage.digest ^ number) * 0x9e3779b97f4a7c15u + 1;
}

uint64_t
stage_live(void)
{
    struct orr_heap_totals totals;
    orr_heap_totals(stage.heap, &totals);
    return totals.live;
}

bool
stage_collects(void)
{
    return stage.options.collector->completeness != 0;
}

/* --- life ------------------------------------------------------------------------------------------- */

static void
count_failed(void *context, const char *where, const char *message)
{
    (void)context;
    if (!where || !message || !message[0])
        complain("an error without a sentence");
    orr_add_relaxed(&stage.failed, 1);
}

static void
ignore_report(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;
}

/* Once in a process; scenarios with a heap of their own need it too. */
void
stage_prepare(const struct orr_heap_options *options)
{
    static const struct orr_type *const types[] = {&actor_type, &green_type, &person_type,
                                                   &legacy_type, &array_type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        orr_type_register(types[i], NULL);
    stage.options = *options;
    stage.options.listener =
        (struct orr_listener){.failed = count_failed, .report = ignore_report};
}

void
stage_open(void)
{
    if (orr_heap_create(&stage.options, &stage.heap, &stage.error) != ORR_OK ||
        orr_thread_attach(stage.heap, &stage.thread, &stage.error) != ORR_OK)
        complain("no heap: %s", stage.error.message);
    for (uint32_t i = 0; i < STAGE_ROOTS; i++)
        orr_root_add(stage.heap, &stage.roots[i]);
}

void
stage_close(void)
{
    for (uint32_t i = 0; i < STAGE_ROOTS; i++)
        orr_root_remove(stage.heap, &stage.roots[i]);
    orr_thread_detach(stage.thread);
    orr_heap_destroy(stage.heap);
    stage.heap = NULL;
    stage.thread = NULL;
}

/* Before each play. relaxed, all: one thread */
void
stage_begin(void)
{
    refusals_before = watch_refusals();
    orr_store_relaxed(&stage.refused, false);
    orr_store_relaxed(&stage.rescues, false);
    orr_store_relaxed(&stage.finalized, 0);
    orr_store_relaxed(&stage.destroyed, 0);
    orr_store_relaxed(&stage.called, 0);
    orr_store_relaxed(&stage.failed, 0);
    stage.soft = false;
    stage.digest = 1;
    stage.error = (struct orr_error){.message = ""};
}

/* --- objects ---------------------------------------------------------------------------------------- */

struct orr_object *
stage_new(struct orr_thread *thread, const struct orr_type *type, uint64_t number)
{
    struct orr_object *object = orr_new(thread, type);
    if (stage_given(object != NULL))
        ((struct actor *)object)->number = number;
    return object;
}

struct orr_object *
stage_array(struct orr_thread *thread, uint32_t length, uint32_t raw_bytes)
{
    struct orr_object *array = orr_new_array(thread, &array_type, length, raw_bytes);
    stage_given(array != NULL);
    return array;
}

struct orr_object *
stage_chain(struct orr_thread *thread, const struct orr_type *type, uint32_t length, bool is_ring)
{
    ORR_OWN(thread, last, stage_new(thread, type, 0));
    ORR_OWN(thread, first, NULL);
    if (!last.ref)
        return NULL;
    orr_retain(thread, last.ref);
    orr_own_set(&first, last.ref);
    for (uint32_t i = 1; i < length; i++) {
        ORR_OWN(thread, next, stage_new(thread, type, i));
        if (!next.ref)
            return NULL;
        orr_set(thread, last.ref, 0, next.ref);
        orr_retain(thread, next.ref);
        orr_own_set(&last, next.ref);
    }
    if (is_ring)
        orr_set(thread, last.ref, 0, first.ref);
    orr_own_set(&last, NULL);
    return orr_take(&first);
}

bool
stage_crowd(uint32_t i, const struct orr_type *type, uint32_t count)
{
    struct orr_thread *const thread = stage.thread;
    ORR_OWN(thread, crowd, stage_array(thread, count, 0));
    if (!crowd.ref)
        return false;
    for (uint32_t k = 0; k < count; k++) {
        ORR_OWN(thread, member, stage_new(thread, type, k));
        if (!member.ref)
            return false;
        orr_store_slot(thread, crowd.ref, orr_element(crowd.ref, k), member.ref);
    }
    stage_root_set(thread, i, orr_take(&crowd));
    return true;
}

void
stage_root_set(struct orr_thread *thread, uint32_t i, struct orr_object *object)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &stage.roots[i].slot, object));
}

struct orr_object *
stage_root_get(struct orr_thread *thread, uint32_t i)
{
    return orr_load_slot(thread, &stage.roots[i].slot);
}

/* --- another thread --------------------------------------------------------------------------------- */

static void *
be_partner(void *body)
{
    struct orr_error error = {.message = ""};
    struct orr_thread *thread;
    enum orr_status status = orr_thread_attach(stage.heap, &thread, &error);
    if (status == ORR_OK) {
        (*(void (**)(struct orr_thread *))body)(thread);
        orr_thread_detach(thread);
    } else if (status != ORR_OUT_OF_MEMORY || !error.message[0])
        complain("attach: %d %s", (int)status, error.message);
    else
        stage_given(false);
    orr_store_release(&stage.partner_is_done, true);
    return NULL;
}

void
stage_partner(void (*body)(struct orr_thread *thread),
              void (*meanwhile)(struct orr_thread *thread))
{
    pthread_t partner;
    orr_store_relaxed(&stage.partner_is_done, false); /* relaxed: before it exists */
    if (pthread_create(&partner, NULL, be_partner, &body) != 0)
        complain("no thread");
    while (meanwhile && !orr_load_acquire(&stage.partner_is_done)) {
        meanwhile(stage.thread);
        sched_yield();
    }
    orr_block_enter(stage.thread);
    pthread_join(partner, NULL);
    orr_block_leave(stage.thread);
}

/* --- preparations ----------------------------------------------------------------------------------- */

void
prepare_limit(struct orr_heap_options *options)
{
    options->bytes_limit = 4 << 20;
}

void
prepare_verify(struct orr_heap_options *options)
{
    options->verify = true;
}

void
prepare_stress(struct orr_heap_options *options)
{
    options->stress_every = 3;
}

void
prepare_sites(struct orr_heap_options *options)
{
    options->sites = true;
}

/* A collector with state in each thread: none of ours has. */
void
prepare_private(struct orr_heap_options *options)
{
    static struct orr_collector collector;
    collector = *options->collector;
    collector.thread_bytes = 64;
    options->collector = &collector;
}

void
prepare_workers(struct orr_heap_options *options)
{
    options->workers = 3;
}
