/* object_map.c - the table of all objects: open addressing, at most half full, doubled when it would be more. */
#include "runtime/object_map.h"

enum { PLACES_FIRST = 1024 };

static bool
grow(struct orr_object_map *map)
{
    struct orr_object_map bigger = {.places = map->places ? map->places * 2 : PLACES_FIRST,
                                    .used = map->used};
    bigger.objects = orr_allocate(bigger.places * sizeof(struct orr_object *));
    if (!bigger.objects)
        return false;
    for (uint64_t i = 0; i < map->places; i++)
        if (map->objects[i])
            bigger.objects[orr_object_map_place(&bigger, map->objects[i])] = map->objects[i];
    orr_deallocate(map->objects);
    *map = bigger;
    return true;
}

static void
enter(struct orr_object *object, void *argument)
{
    struct orr_object_map *map = argument;
    if (map->no_memory)
        return;
    if (map->used * 2 >= map->places && !grow(map)) {
        map->no_memory = true;
        return;
    }
    map->objects[orr_object_map_place(map, object)] = object;
    map->used++;
}

bool
orr_object_map_build(struct orr_object_map *map, struct orr_heap *heap)
{
    *map = (struct orr_object_map){0};
    map->no_memory = !grow(map);
    if (!map->no_memory)
        heap->kind->walk(heap, 0, 1, enter, map);
    if (!map->no_memory)
        return true;
    orr_object_map_free(map);
    return false;
}

void
orr_object_map_free(struct orr_object_map *map)
{
    orr_deallocate(map->objects);
    map->objects = NULL;
}
