/* object_map.h - which addresses are objects of a heap: a table built by one walk of the stopped heap.
 *
 * For those who check a heap and believe nothing, not even that a reference leads to an object. Every object
 * has a place; what a user wants to know of each it keeps in an array of its own, `places` long.
 *
 *     struct subject *subjects = orr_allocate(map.places * sizeof *subjects);
 *     subjects[orr_object_map_place(&map, object)].references++;
 *
 * Threads: the stopper's.
 */
#ifndef ORR_RUNTIME_OBJECT_MAP_H
#define ORR_RUNTIME_OBJECT_MAP_H

#include "runtime/heap.h"

struct orr_object_map {
    struct orr_object *
        *objects;    /* by place; null: nothing there. Corpses (orr_is_corpse) are in it too */
    uint64_t places; /* a power of two */
    uint64_t used;
    bool no_memory;
};

/* World stopped; the heap can be walked. False: no memory, and there is nothing to free. */
bool orr_object_map_build(struct orr_object_map *map, struct orr_heap *heap);
void orr_object_map_free(struct orr_object_map *map);

/* The place of an object, or a place where nothing is if the address is no object's. */
static inline uint64_t
orr_object_map_place(const struct orr_object_map *map, const void *address)
{
    uint64_t mask = map->places - 1;
    uint64_t place = (((uintptr_t)address >> 4) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (map->objects[place] && map->objects[place] != address)
        place = (place + 1) & mask;
    return place;
}

#endif
