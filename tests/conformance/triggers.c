/* triggers.c - collections that start by themselves: garbage that counting misses does not pile up, whoever
 * makes it, and each trigger names itself as the cause.
 */
#include "tests/conformance/world.h"

#include <string.h>

enum {
    PAIRS = UNDER_SANITIZER ? 3000 : 20000, /* cycles that are made */
    COUNT = 500,                            /* of the triggers that count */
    BYTES = 64 << 10,
    LIVES = UNDER_SANITIZER
                ? 250
                : 500, /* threads that come and go; a thread may hold two steps of 64 KiB */
    PAIRS_PER_LIFE = 20
};

struct log {
    uint64_t collections;
    const char *cause; /* of the last one */
    bool mixed;        /* not all the same */
};

static void
note_collection(void *context, const struct orr_collection *collection)
{
    struct log *const log = context;
    log->collections++;
    log->mixed = log->mixed || (log->cause && strcmp(log->cause, collection->cause) != 0);
    log->cause = collection->cause;
}

static void
make_pair(struct orr_thread *thread)
{
    ORR_OWN(thread, one, orr_new(thread, &type_node));
    ORR_OWN(thread, other, orr_new(thread, &type_node));
    cr_assert(one.ref && other.ref);
    orr_set(thread, one.ref, 0, other.ref);
    orr_set(thread, other.ref, 0, one.ref);
}

static struct orr_heap_options
with_trigger(const struct orr_heap_options *chosen, enum orr_trigger_kind kind, struct log *log)
{
    struct orr_heap_options options = *chosen;
    options.trigger = (struct orr_trigger){
        .kind = kind, .count = COUNT, .bytes = BYTES, .ratio = 0.01 /* of 4 MiB at least */};
    options.verify = false;
    options.listener = (struct orr_listener){.context = log, .collection = note_collection};
    return options;
}

static void
try_trigger(const struct orr_heap_options *chosen, enum orr_trigger_kind kind, const char *name)
{
    if (!is_complete(chosen->collector))
        return;
    struct log log = {0};
    const struct orr_heap_options options = with_trigger(chosen, kind, &log);
    struct world world = world_open(&options);
    uint64_t most = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        make_pair(world.thread);
        const uint64_t live = world_live(&world);
        most = live > most ? live : most;
    }
    if (kind == ORR_TRIGGER_manual)
        cr_assert_eq(log.collections, 0, "%s: nobody asked", world_name(&world));
    else {
        cr_assert(log.collections > 0 && !log.mixed && strcmp(log.cause, name) == 0,
                  "%s, trigger %s: %lu collections, the last by %s", world_name(&world), name,
                  (unsigned long)log.collections, log.cause ? log.cause : "nobody");
        cr_assert(most < PAIRS, "%s, trigger %s: %lu objects piled up", world_name(&world), name,
                  (unsigned long)most);
    }
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0);
    world_close(&world);
}

static void
try_triggers(const struct orr_heap_options *options)
{
#define TRIGGER(name, summary) try_trigger(options, ORR_TRIGGER_##name, #name);
#include "runtime/trigger.def"
#undef TRIGGER
}

/* Few objects, many bytes: cycles of one large array each. */
static void
try_large(const struct orr_heap_options *chosen)
{
    enum { ARRAYS = 200, LENGTH = 2 << 10 };
    if (!is_complete(chosen->collector))
        return;
    struct log log = {0};
    const struct orr_heap_options options = with_trigger(chosen, ORR_TRIGGER_bytes, &log);
    struct world world = world_open(&options);
    uint64_t most = 0;
    for (uint32_t i = 0; i < ARRAYS; i++) {
        ORR_OWN(world.thread, array, orr_new_array(world.thread, &type_plain, LENGTH, 0));
        cr_assert(array.ref);
        orr_set_slot(world.thread, array.ref, orr_element(array.ref, 0), array.ref);
        const uint64_t live = world_live(&world);
        most = live > most ? live : most;
    }
    cr_assert(most <= 8, "%s: %lu arrays of 16 KiB piled up, and %d bytes are the threshold",
              world_name(&world), (unsigned long)most, BYTES);
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0);
    world_close(&world);
}

/* Threads that make too little each to reach a threshold, one after the other. */
static void
try_churn_with(const struct orr_heap_options *chosen, enum orr_trigger_kind kind, const char *name)
{
    struct log log = {0};
    const struct orr_heap_options options = with_trigger(chosen, kind, &log);
    struct world world = world_open(&options);
    struct orr_error error;
    uint64_t most = 0;
    orr_thread_detach(world.thread);
    for (uint32_t life = 0; life < LIVES; life++) {
        cr_assert_eq(orr_thread_attach(world.heap, &world.thread, &error), ORR_OK);
        for (uint32_t i = 0; i < PAIRS_PER_LIFE; i++)
            make_pair(world.thread);
        orr_thread_detach(world.thread);
        const uint64_t live = world_live(&world);
        most = live > most ? live : most;
    }
    cr_assert_eq(orr_thread_attach(world.heap, &world.thread, &error), ORR_OK);
    cr_assert(most < (uint64_t)LIVES * PAIRS_PER_LIFE,
              "%s, trigger %s: %lu objects of threads that have gone piled up", world_name(&world),
              name, (unsigned long)most);
    world_settle(&world);
    cr_assert_eq(world_live(&world), 0);
    world_close(&world);
}

static void
try_churn(const struct orr_heap_options *options)
{
    if (!is_complete(options->collector))
        return;
    try_churn_with(options, ORR_TRIGGER_count, "count");
    try_churn_with(options, ORR_TRIGGER_adaptive, "adaptive");
    try_churn_with(options, ORR_TRIGGER_bytes, "bytes");
    try_churn_with(options, ORR_TRIGGER_ratio, "ratio");
}

#define COLLECTOR(collector, summary)                                                              \
    Test(triggers, collector)                                                                      \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_triggers);                            \
    }                                                                                              \
    Test(triggers_large, collector)                                                                \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_large);                               \
    }                                                                                              \
    Test(triggers_churn, collector)                                                                \
    {                                                                                              \
        for_each_heap(orr_collector_find(#collector), 1, try_churn);                               \
    }
#include "collectors/list.def"
#undef COLLECTOR
