/* census.h - the census: every object that the heap has, how many references lead to it, and whether one is reached.
 *
 * Found by the heap's own walk, or by the ledger, and never by what counts or the shadow say, so that those can be
 * compared with it. Each object has a number, by which it is found again from its address. Who holds the census may
 * look at it when the world runs again, as long as nobody has changed the heap.
 *
 * Included once by the player (play.c). Where locals are not linked, hands are roots besides.
 *
 * Threads: taken by one, while the world is stopped and counts are settled.
 */
#ifndef ORR_TESTS_RANDOM_CENSUS_H
#define ORR_TESTS_RANDOM_CENSUS_H

#include "runtime/collector.h"
#include "tests/random/stage.h"

enum { CENSUS_MOST = 512, CENSUS_PLACES = 2048 };

static struct {
    struct orr_object *object[CENSUS_MOST];
    int64_t references[CENSUS_MOST];
    bool is_reached[CENSUS_MOST], is_root[CENSUS_MOST];
    unsigned count;
    uint16_t place[CENSUS_PLACES]; /* 1 + number, by address */
    unsigned waiting;              /* the dead whose callbacks are put off until the world runs (orr_postpone) */
    bool to_roots;                 /* what is counted now are references of roots */
    unsigned stack[CENSUS_MOST], depth;
} census;

static unsigned
place_of(const struct orr_object *object)
{
    unsigned place = (unsigned)(((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 40) % CENSUS_PLACES;
    while (census.place[place] && census.object[census.place[place] - 1] != object)
        place = (place + 1) % CENSUS_PLACES;
    return place;
}

/* -1: the heap has no such object. */
static int
number_of(const struct orr_object *object)
{
    return (int)census.place[place_of(object)] - 1;
}

static void
enter(struct orr_object *object, void *argument)
{
    (void)argument;
    if (orr_is_corpse(object)) {
        census.waiting += !(orr_load_relaxed(&object->flags) & ORR_FLAG_SHELL); /* relaxed: stopped */
        return;
    }
    if (census.count == CENSUS_MOST)
        wrong("more objects than a program can make");
    census.object[census.count] = object;
    census.place[place_of(object)] = (uint16_t)++census.count;
}

static void
enter_of_ledger(struct orr_object *object, uint64_t serial, void *argument)
{
    (void)serial;
    enter(object, argument);
}

static void
count_slot(struct orr_slot *slot, void *argument)
{
    struct orr_object *const object = orr_slot_peek(slot);
    (void)argument;
    if (!object)
        return;
    const int number = number_of(object);
    if (number < 0)
        wrong("a slot refers to %p, where no object is", (void *)object);
    census.references[number]++;
    census.is_root[number] |= census.to_roots;
}

static void
reach_slot(struct orr_slot *slot, void *argument)
{
    struct orr_object *const object = orr_slot_peek(slot);
    const int number = object ? number_of(object) : -1;
    (void)argument;
    if (number >= 0 && !census.is_reached[number]) {
        census.is_reached[number] = true;
        census.stack[census.depth++] = (unsigned)number;
    }
}

static void
reach_all(void)
{
    for (unsigned i = 0; i < census.count; i++) {
        const uint8_t colour = orr_load_relaxed(&census.object[i]->colour); /* relaxed: stopped */
        if (census.is_root[i] || colour == ORR_COLOUR_FROZEN) {
            census.is_reached[i] = true;
            census.stack[census.depth++] = i;
        }
    }
    while (census.depth) {
        struct orr_object *const object = census.object[census.stack[--census.depth]];
        orr_object_trace(object, orr_layout_of(object), reach_slot, NULL);
    }
}

static void
count_all(struct player *players, unsigned count)
{
    for (unsigned i = 0; i < census.count; i++)
        orr_object_trace(census.object[i], orr_layout_of(census.object[i]), count_slot, NULL);
    census.to_roots = true;
    orr_roots_visit(stage.heap, count_slot, NULL);
    for (unsigned i = 0; !ORR_ROOTED && i < count; i++)
        for (unsigned hand = 0; players[i].thread && hand < HANDS; hand++)
            count_slot(&players[i].hands[hand].slot, NULL);
}

/* World stopped, counts settled. False: this heap cannot say what it has. */
static bool
take_census(struct player *players, unsigned count)
{
    memset(&census, 0, sizeof census);
    if (stage.heap->kind->is_walkable)
        stage.heap->kind->walk(stage.heap, 0, 1, enter, NULL);
    else if (stage.heap->ledger)
        orr_ledger_each(stage.heap->ledger, enter_of_ledger, NULL);
    else
        return false;
    count_all(players, count);
    reach_all();
    return true;
}

#endif
