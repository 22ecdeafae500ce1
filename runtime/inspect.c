/* inspect.c - lists of objects, and what is there by type.
 *
 * A list is gathered in a buffer while the world stands, and becomes a bundle before it goes on;
 * references are taken last, when nothing can fail any more.
 */
#include "runtime/inspect.h"

#include "runtime/bundle.h"
#include "runtime/census.h"
#include "runtime/collector.h"
#include "runtime/gc.h"
#include "runtime/weak.h"

#include <stdlib.h>
#include <string.h>

/* --- one object ------------------------------------------------------------------------------- */

bool
orr_is_tracked(const struct orr_object *object)
{
    return !orr_is_green(object);
}

bool
orr_is_finalized(const struct orr_object *object)
{
    /* relaxed: set once, by the thread that runs the finalizer */
    return orr_type_of(object)->finalize &&
           (orr_load_relaxed(&object->flags) & ORR_FLAG_FINALIZED) != 0;
}

bool
orr_is_frozen(const struct orr_object *object)
{
    return orr_load_relaxed(&object->colour) == ORR_COLOUR_FROZEN; /* relaxed: changed at stops */
}

/* --- gathering -------------------------------------------------------------------------------- */

struct gathering {
    struct orr_look look;
    struct orr_buffer found;
    bool no_memory;
    int colour;                 /* objects: of these alone; negative: of all */
    struct orr_object *subject; /* referrers, referents: of which */
    bool refers;                /* referrers: the object at hand does */
    bool shows_garbage;         /* referents */
};

static void
gather(struct gathering *gathering, struct orr_object *object)
{
    if (!gathering->no_memory && !orr_buffer_push(&gathering->found, (uintptr_t)object))
        gathering->no_memory = true;
}

struct filling {
    struct orr_thread *thread;
    void *list;
    uint64_t filled;
};

static void
fill(uintptr_t *entry, void *argument)
{
    struct filling *filling = argument;
    orr_bundle_put(filling->thread, filling->list, filling->filled++, (struct orr_object *)*entry);
}

/* Makes what was gathered a list for the program, and the world run. */
static enum orr_status
hand_over(struct gathering *gathering, struct orr_object ***list, uint64_t *count,
          struct orr_error *error)
{
    struct filling filling = {.thread = gathering->look.thread};
    uint64_t total = gathering->found.total;
    bool has_memory = !gathering->no_memory;
    if (has_memory && total > 0) {
        filling.list = orr_bundle_new(filling.thread->heap, total, sizeof **list);
        has_memory = filling.list != NULL;
    }
    if (has_memory) {
        orr_buffer_each(&gathering->found, fill, &filling);
        *list = filling.list;
        *count = total;
    }
    orr_buffer_clear(&gathering->found);
    orr_look_end(&gathering->look);
    return has_memory ? ORR_OK
                      : orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a list of objects");
}

/* --- objects ---------------------------------------------------------------------------------- */

static void
gather_tracked(struct orr_object *object, void *argument)
{
    struct gathering *gathering = argument;
    int colour = orr_load_relaxed(&object->colour); /* relaxed: stopped */
    if (!orr_is_hidden(&gathering->look, object) && orr_is_tracked(object) &&
        (gathering->colour < 0 || colour == gathering->colour) && !orr_weak_is_unborn(object))
        gather(gathering, object);
}

enum orr_status
orr_objects(struct orr_thread *thread, int generation, struct orr_object ***list, uint64_t *count,
            struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    if (generation < ORR_GENERATION_ANY || generation > ORR_GENERATION_OLDEST)
        return orr_fail(error, ORR_BAD_INPUT,
                        "there is no generation %d: 0 (youngest) to %d, or %d for all", generation,
                        ORR_GENERATION_OLDEST, ORR_GENERATION_ANY);
    enum orr_status status = orr_look_check(heap, "they cannot be listed", error);
    if (status != ORR_OK)
        return status;
    struct gathering gathering = {.colour = heap->collector->generational ? generation : -1};
    gathering.look = orr_look_begin(thread);
    heap->kind->walk(heap, 0, 1, gather_tracked, &gathering);
    return hand_over(&gathering, list, count, error);
}

void
orr_objects_free(struct orr_thread *thread, struct orr_object **list, uint64_t count)
{
    orr_bundle_free(thread, list, count);
}

/* --- references ------------------------------------------------------------------------------- */

static void
compare_slot(struct orr_slot *slot, void *argument)
{
    struct gathering *gathering = argument;
    if (orr_slot_peek(slot) == gathering->subject)
        gathering->refers = true;
}

static void
gather_referrer(struct orr_object *object, void *argument)
{
    struct gathering *gathering = argument;
    if (orr_is_hidden(&gathering->look, object))
        return;
    gathering->refers = false;
    orr_object_trace(object, orr_layout_of(object), compare_slot, gathering);
    if (gathering->refers)
        gather(gathering, object);
}

enum orr_status
orr_referrers(struct orr_thread *thread, struct orr_object *object, struct orr_object ***list,
              uint64_t *count, struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    enum orr_status status = orr_look_check(heap, "who refers to one cannot be found", error);
    if (status != ORR_OK)
        return status;
    struct gathering gathering = {.subject = object};
    gathering.look = orr_look_begin(thread);
    heap->kind->walk(heap, 0, 1, gather_referrer, &gathering);
    return hand_over(&gathering, list, count, error);
}

static void
gather_referent(struct orr_slot *slot, void *argument)
{
    struct gathering *gathering = argument;
    struct orr_object *child = orr_slot_peek(slot);
    if (child && (!orr_is_claimed(child) || (gathering->shows_garbage && !orr_is_corpse(child))))
        gather(gathering, child);
}

enum orr_status
orr_referents(struct orr_thread *thread, struct orr_object *object, struct orr_object ***list,
              uint64_t *count, struct orr_error *error)
{
    struct gathering gathering = {.subject = object};
    gathering.look = orr_look_begin(thread);
    /* Of garbage that is no corpse the caller can only be a finalizer: what it makes reachable is
     * proved alive by the second proof, so its neighbours can be handed out. */
    gathering.shows_garbage = orr_is_claimed(object) && !orr_is_corpse(object);
    if (orr_is_tracked(object))
        orr_object_trace(object, orr_layout_of(object), gather_referent, &gathering);
    return hand_over(&gathering, list, count, error);
}

/* --- everything ------------------------------------------------------------------------------- */

struct tour {
    struct orr_look look;
    bool (*visit)(struct orr_object *object, void *argument);
    void *argument;
    bool is_over;
};

static void
show(struct orr_object *object, void *argument)
{
    struct tour *tour = argument;
    if (!tour->is_over && !orr_is_hidden(&tour->look, object) && !orr_weak_is_unborn(object))
        tour->is_over = !tour->visit(object, tour->argument);
}

enum orr_status
orr_visit_all(struct orr_thread *thread, bool (*visit)(struct orr_object *object, void *argument),
              void *argument, struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    struct tour tour = {.visit = visit, .argument = argument};
    enum orr_status status = orr_look_check(heap, "they cannot be visited", error);
    if (status != ORR_OK)
        return status;
    tour.look = orr_look_begin(thread);
    heap->kind->walk(heap, 0, 1, show, &tour);
    orr_look_end(&tour.look);
    return ORR_OK;
}

/* --- by type ---------------------------------------------------------------------------------- */

struct type_table {
    struct orr_look look;
    struct orr_type_row *rows; /* by type index */
};

static void
count_type(struct orr_object *object, void *argument)
{
    struct type_table *table = argument;
    struct orr_type_row *row = &table->rows[orr_load_relaxed(&object->type)]; /* relaxed: stopped */
    if (orr_is_hidden(&table->look, object))
        return;
    row->type = orr_type_of(object);
    row->objects++;
    row->bytes += orr_object_bytes(object);
}

static int
compare_rows(const void *left, const void *right)
{
    const struct orr_type_row *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return strcmp(a->type->name, b->type->name);
}

enum orr_status
orr_type_histogram(struct orr_thread *thread, struct orr_type_row **rows, uint64_t *count,
                   struct orr_error *error)
{
    struct orr_heap *heap = thread->heap;
    enum orr_status status = orr_look_check(heap, "they cannot be counted", error);
    if (status != ORR_OK)
        return status;
    struct type_table table = {.rows = orr_allocate(ORR_TYPES_MAX * sizeof *table.rows)};
    if (!table.rows)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a table of types");
    table.look = orr_look_begin(thread);
    heap->kind->walk(heap, 0, 1, count_type, &table);
    orr_look_end(&table.look);
    *rows = table.rows;
    *count = 0;
    for (uint32_t i = 0; i < ORR_TYPES_MAX; i++)
        if (table.rows[i].type)
            table.rows[(*count)++] = table.rows[i];
    qsort(table.rows, *count, sizeof *table.rows, compare_rows);
    return ORR_OK;
}

void
orr_rows_free(void *rows)
{
    orr_deallocate(rows);
}
