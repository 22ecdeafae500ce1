/* why.c - why an object is alive: a shortest path to it from what is held from outside.
 *
 * Breadth first from all that is held, in the order of the holds (roots, locals, immortals,
 * counts); then, if that did not find it, from the frozen. Arrays of the census's numbers, no
 * recursion; a search ends where it arrives.
 *
 * Threads: the caller's, world stopped.
 */
#include "runtime/inspect.h"

#include "runtime/bundle.h"
#include "runtime/census.h"

struct step {
    uint32_t parent; /* ORR_CENSUS_NONE: held from outside */
    uint32_t field;  /* of the parent */
};

struct search {
    struct orr_census census;
    uint32_t target;
    struct step *steps; /* by number, of those found */
    uint32_t *queue;
    bool *is_found;
    uint32_t found, done; /* in queue; looked into */
    uint32_t parent;      /* being looked into */
};

static void
find(struct search *search, uint32_t number, uint32_t parent, uint32_t field)
{
    if (number == ORR_CENSUS_NONE || search->is_found[number])
        return;
    search->is_found[number] = true;
    search->steps[number] = (struct step){.parent = parent, .field = field};
    search->queue[search->found++] = number;
}

static void
find_child(struct orr_object *child, uint32_t field, void *argument)
{
    struct search *search = argument;
    find(search, orr_census_number(&search->census, child), search->parent, field);
}

/* Goes on until the target or everything that can be is found. */
static void
spread(struct search *search)
{
    while (search->done < search->found && !search->is_found[search->target]) {
        search->parent = search->queue[search->done++];
        orr_edges_visit(search->census.objects[search->parent], find_child, search);
    }
}

static void
begin_from(struct search *search, enum orr_hold hold)
{
    for (uint32_t i = 0; i < search->census.count; i++)
        if (search->census.hold[i] == hold)
            find(search, i, ORR_CENSUS_NONE, 0);
}

/* True: there is a path to the target. */
static bool
search_all(struct search *search)
{
    static const enum orr_hold order[] = {ORR_HOLD_ROOT, ORR_HOLD_LOCAL, ORR_HOLD_IMMORTAL,
                                          ORR_HOLD_OUTSIDE};
    struct orr_census *census = &search->census;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        begin_from(search, order[i]);
    spread(search);
    for (uint32_t i = 0; i < census->count; i++)
        if (!search->is_found[i] && orr_is_frozen(census->objects[i]))
            census->hold[i] = ORR_HOLD_FROZEN;
    if (!search->is_found[search->target]) {
        begin_from(search, ORR_HOLD_FROZEN);
        spread(search);
    }
    return search->is_found[search->target];
}

static bool
make_room(struct search *search)
{
    size_t count = search->census.count;
    search->steps = orr_allocate((count + 1) * sizeof *search->steps);
    search->queue = orr_allocate((count + 1) * sizeof *search->queue);
    search->is_found = orr_allocate((count + 1) * sizeof *search->is_found);
    return search->steps && search->queue && search->is_found;
}

/* The steps from what is held to the target, as a bundle. False: no memory. */
static bool
make_path(struct orr_thread *thread, const struct search *search, enum orr_hold *hold,
          struct orr_path_step **steps, uint64_t *count)
{
    uint64_t length = 0;
    uint32_t head = search->target;
    for (uint32_t i = head; i != ORR_CENSUS_NONE; i = search->steps[i].parent, length++)
        head = i;
    struct orr_path_step *path = orr_bundle_new(thread->heap, length, sizeof *path);
    if (!path)
        return false;
    uint64_t place = length;
    for (uint32_t i = search->target; i != ORR_CENSUS_NONE; i = search->steps[i].parent) {
        struct step step = search->steps[i];
        bool is_element =
            step.parent != ORR_CENSUS_NONE && step.field != ORR_FIELD_WEAK_MAP &&
            (orr_layout_of(search->census.objects[step.parent]).flags & ORR_LAYOUT_ARRAY);
        orr_bundle_put(thread, path, --place, search->census.objects[i]);
        path[place].field = is_element ? ORR_FIELD_ELEMENT : step.field;
        path[place].element = is_element ? step.field : 0;
    }
    *hold = (enum orr_hold)search->census.hold[head];
    *steps = path;
    *count = length;
    return true;
}

static bool
search_stopped(const struct orr_look *look, struct orr_object *object, enum orr_hold *hold,
               struct orr_path_step **steps, uint64_t *count)
{
    struct search search = {0};
    bool has_memory = orr_census_take(&search.census, look) && make_room(&search);
    bool has_path = false;
    if (has_memory) {
        orr_census_find_holds(&search.census, object);
        search.target = orr_census_number(&search.census, object);
        has_path = search.target != ORR_CENSUS_NONE && search_all(&search);
    }
    if (has_path)
        has_memory = make_path(look->thread, &search, hold, steps, count);
    else if (has_memory) {
        *steps = NULL;
        *count = 0;
    }
    orr_census_end(&search.census);
    orr_deallocate(search.steps);
    orr_deallocate(search.queue);
    orr_deallocate(search.is_found);
    return has_memory;
}

enum orr_status
orr_why_alive(struct orr_thread *thread, struct orr_object *object, enum orr_hold *hold,
              struct orr_path_step **steps, uint64_t *count, struct orr_error *error)
{
    enum orr_status status = orr_look_check(thread->heap, "paths cannot be found", error);
    if (status != ORR_OK)
        return status;
    struct orr_look look = orr_look_begin(thread);
    bool has_memory = search_stopped(&look, object, hold, steps, count);
    orr_look_end(&look);
    return has_memory ? ORR_OK : orr_fail(error, ORR_OUT_OF_MEMORY, "no memory to find a path");
}

void
orr_path_free(struct orr_thread *thread, struct orr_path_step *steps, uint64_t count)
{
    orr_bundle_free(thread, steps, count);
}
