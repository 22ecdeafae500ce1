/* stock.c - what scenarios share: a heap, threads, objects whose deaths are counted, oracles.
 *
 * It is part of the world: its static data is put back with everything else. The books of objects are kept by
 * functions that the explorer does not look into, so they are no steps and no races.
 */
#include "collectors/catalogue.h"
#include "runtime/birth.h"
#include "runtime/collector.h"
#include "runtime/verify.h"
#include "tests/explore/explore.h"

#include <stdio.h>

#define UNSEEN __attribute__((no_sanitize("thread"), noinline))

enum { OBJECTS_MAX = 32, ROOTS_MAX = 8, THREADS = EXPLORE_FIBRES_MAX + 1 };
static const uint64_t contents = 0x0b1ec7;

struct stock {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t mark;    /* contents + number */
    uint64_t payload; /* explore_write */
};

static struct born {
    struct orr_object *object;
    unsigned died, finalized;
    bool is_plain; /* it dies unseen */
    void (*also)(struct orr_thread *, struct orr_object *);
} borns[OBJECTS_MAX];
static unsigned born_count, died_count;

static struct orr_thread *threads[THREADS];
static unsigned fibres_attached;
static struct orr_root roots[ROOTS_MAX];
static unsigned roots_used;
static uint16_t stock_index, plain_index, finalized_index;
static bool is_marked;

/* --- heap and threads ----------------------------------------------------------------------------- */

static UNSEEN struct born *
born_find(const struct orr_object *object)
{
    for (unsigned i = born_count; i-- > 0;)
        if (borns[i].object == object)
            return &borns[i];
    explore_fail("an object that explore_new did not make");
}

static UNSEEN void
enter_death(struct orr_object *object)
{
    struct born *born = born_find(object);
    if (born->died++ != 0)
        explore_fail("object %u dies twice", (unsigned)(born - borns));
    died_count++;
}

static void
stock_destroy(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    explore_use(object);
    enter_death(object);
}

static UNSEEN struct born *
enter_finalization(struct orr_object *object)
{
    struct born *born = born_find(object);
    if (born->finalized++ != 0)
        explore_fail("object %u is finalized twice", (unsigned)(born - borns));
    return born;
}

static void
stock_finalize(struct orr_thread *thread, struct orr_object *object)
{
    explore_use(object);
    struct born *born = enter_finalization(object);
    if (born->also)
        born->also(thread, object);
}

static const struct orr_type stock_type = {
    .name = "stock",
    .bytes = sizeof(struct stock),
    .references = 2,
    .destroy = stock_destroy,
    .index = &stock_index,
};

/* Nothing is called when it dies. */
static const struct orr_type plain_type = {
    .name = "plain stock",
    .bytes = sizeof(struct stock),
    .references = 2,
    .index = &plain_index,
};

static const struct orr_type finalized_type = {
    .name = "stock with a finalizer",
    .bytes = sizeof(struct stock),
    .references = 2,
    .finalize = stock_finalize,
    .destroy = stock_destroy,
    .index = &finalized_index,
};

struct orr_heap *
explore_heap_with(const struct orr_heap_options *wanted)
{
    struct orr_error error;
    struct orr_heap *heap = NULL;
    struct orr_heap_options options = *wanted;
    if (!options.collector)
        options.collector = orr_collector_find("none");
    if (!options.kind)
        options.kind = orr_heap_kind_find("libc");
    if (options.trigger.kind == 0 && options.trigger.count == 0)
        options.trigger.kind = ORR_TRIGGER_manual;
    if (orr_heap_create(&options, &heap, &error) != ORR_OK ||
        orr_type_register(&stock_type, &error) != ORR_OK ||
        orr_type_register(&plain_type, &error) != ORR_OK ||
        orr_type_register(&finalized_type, &error) != ORR_OK)
        explore_fail("no heap: %s", error.message);
    explore_name(heap, sizeof *heap, "heap");
    return heap;
}

struct orr_heap *
explore_heap(const struct orr_rc *rc, const char *collector, const char *kind)
{
    struct orr_heap_options options = {
        .rc = rc,
        .collector = orr_collector_find(collector),
        .kind = orr_heap_kind_find(kind),
        .trigger.kind = ORR_TRIGGER_manual,
    };
    if (!options.collector || !options.kind)
        explore_fail("there is no collector %s or no heap %s", collector, kind);
    return explore_heap_with(&options);
}

void
explore_attach_one(struct orr_heap *heap, unsigned fibre)
{
    struct orr_error error;
    char name[32];
    if (orr_thread_attach(heap, &threads[fibre], &error) != ORR_OK)
        explore_fail("no thread: %s", error.message);
    snprintf(name, sizeof name, "thread %u", fibre);
    explore_name(threads[fibre], sizeof *threads[fibre], name);
}

void
explore_attach(struct orr_heap *heap, unsigned fibres)
{
    for (unsigned i = 0; i <= fibres; i++)
        explore_attach_one(heap, i);
    fibres_attached = fibres;
}

struct orr_thread *
explore_thread(unsigned fibre)
{
    return threads[fibre];
}

void
explore_detach(unsigned fibre)
{
    struct orr_thread *thread = threads[fibre];
    threads[fibre] = NULL;
    orr_thread_detach(thread);
}

/* --- objects -------------------------------------------------------------------------------------- */

static UNSEEN unsigned
enter_birth(struct orr_object *object, bool is_plain, void (*also)(struct orr_thread *, struct orr_object *))
{
    char name[32];
    if (born_count == OBJECTS_MAX)
        explore_fail("more than %d objects", OBJECTS_MAX);
    borns[born_count] = (struct born){.object = object, .is_plain = is_plain, .also = also};
    snprintf(name, sizeof name, "object %u", born_count);
    explore_name(object, sizeof(struct stock), name);
    return born_count++;
}

static struct orr_object *
make(struct orr_thread *thread, const struct orr_type *type,
     void (*also)(struct orr_thread *, struct orr_object *))
{
    struct orr_object *object = orr_new(thread, type);
    if (!object)
        explore_fail("no memory for an object");
    ((struct stock *)object)->mark = contents + enter_birth(object, type == &plain_type, also);
    return object;
}

struct orr_object *
explore_new(struct orr_thread *thread)
{
    return make(thread, &stock_type, NULL);
}

struct orr_object *
explore_new_plain(struct orr_thread *thread)
{
    return make(thread, &plain_type, NULL);
}

struct orr_object *
explore_new_finalized(struct orr_thread *thread, void (*also)(struct orr_thread *, struct orr_object *))
{
    return make(thread, &finalized_type, also);
}

/* In the fast build, which does not see plain accesses, a use is an access of its own, so that others can come
 * before it. */
void
explore_use(struct orr_object *object)
{
#ifdef EXPLORE_FULL
    uint64_t mark = ((struct stock *)object)->mark;
#else
    uint64_t mark = orr_load_relaxed((_Atomic(uint64_t) *)&((struct stock *)object)->mark); /* relaxed: any */
#endif
    if (mark - contents >= OBJECTS_MAX)
        explore_fail("an object is used that is no more: it holds %#zx", (size_t)mark);
}

void
explore_write(struct orr_object *object, uint64_t value)
{
    explore_use(object);
    ((struct stock *)object)->payload = value;
}

uint64_t
explore_read(struct orr_object *object)
{
    explore_use(object);
    return ((struct stock *)object)->payload;
}

UNSEEN unsigned
explore_deaths(const struct orr_object *object)
{
    return born_find(object)->died;
}

UNSEEN unsigned
explore_finalized(const struct orr_object *object)
{
    return born_find(object)->finalized;
}

UNSEEN void
explore_mark(void)
{
    is_marked = true;
}

UNSEEN bool
explore_is_marked(void)
{
    return is_marked;
}

UNSEEN unsigned
explore_born(void)
{
    return born_count;
}

UNSEEN unsigned
explore_died(void)
{
    return died_count;
}

struct orr_slot *
explore_root(struct orr_heap *heap)
{
    char name[32];
    if (roots_used == ROOTS_MAX)
        explore_fail("more than %d roots", ROOTS_MAX);
    struct orr_root *root = &roots[roots_used];
    orr_root_add(heap, root);
    snprintf(name, sizeof name, "root %u", roots_used++);
    explore_name(&root->slot, sizeof root->slot, name);
    return &root->slot;
}

/* --- oracles -------------------------------------------------------------------------------------- */

static struct orr_thread *
checker(void)
{
    if (!threads[fibres_attached])
        explore_fail("there is no thread to check with");
    return threads[fibres_attached];
}

/* The fibres have ended: their threads, where still attached, stand still. */
static void
block_all_but(struct orr_thread *one)
{
    for (unsigned i = 0; i < THREADS; i++)
        /* relaxed: nobody runs */
        if (threads[i] && threads[i] != one && orr_load_relaxed(&threads[i]->state) == ORR_THREAD_RUNNING)
            orr_block_enter(threads[i]);
}

static void
verify(struct orr_heap *heap, struct orr_thread *thread,
       bool (*check)(struct orr_heap *, struct orr_thread *, struct orr_error *))
{
    struct orr_error error;
    struct orr_thread *worker = thread ? thread : checker();
    block_all_but(worker);
    orr_world_stop(heap, worker);
    bool sound = check(heap, worker, &error);
    orr_world_resume(heap);
    if (!sound)
        explore_fail("the heap is not sound: %s", error.message);
}

void
explore_verify(struct orr_heap *heap, struct orr_thread *thread)
{
    verify(heap, thread, orr_heap_verify);
}

void
explore_verify_exact(struct orr_heap *heap, struct orr_thread *thread)
{
    verify(heap, thread, orr_heap_verify_exact);
}

void
explore_settle(struct orr_heap *heap)
{
    struct orr_thread *worker = checker();
    block_all_but(worker);
    orr_world_stop(heap, worker);
    orr_counts_settle(worker);
    orr_world_resume(heap);
    orr_cascade_all(worker, 0);
}

void
explore_all_dead(struct orr_heap *heap)
{
    struct orr_heap_totals totals;
    for (unsigned i = 0; i < born_count; i++)
        if (borns[i].died != 1 && !borns[i].is_plain)
            explore_fail("object %u died %u times", i, borns[i].died);
    orr_heap_totals(heap, &totals);
    if (totals.live != 0)
        explore_fail("the books say that %zu objects live", (size_t)totals.live);
}
