/* weakmap.h - maps that do not keep their keys, or their values, alive.
 *
 * A map is an object of this heap. Two kinds:
 *
 *   weak keys (ephemerons)  an entry's value lives as long as its key and the map. The value may refer to the
 *                           key: that does not keep the key alive, under any collector. To a collector the
 *                           value hangs from the key, as if it were one more field of it (orr_object_trace), so
 *                           trial, subtraction and marking alike see a cycle through the entry as a cycle of
 *                           the key's. An entry ends when its key or its map dies. (A map that is reachable
 *                           only through its own value lives as long as that entry's key. Where nothing is
 *                           counted, a value that outlives its map dies in the collection after the map's.)
 *   weak values             an entry's key is a number of the program's (a hash, an id); the value is held
 *                           weakly. The entry ends when its value dies, unless the key has got another value
 *                           meanwhile (rule 60).
 *
 * Entries end when weak references to the object would be cleared: after its finalizer if it dies by its last
 * release, before it if it dies in a cycle. An object that its finalizer then makes reachable again has lost its
 * entries for good, like its weak references.
 *
 * Sizes never exceed what was inserted; a cursor tolerates removals, deaths and collections on its way: it
 * shows each entry that lives throughout exactly once (rule 59). An entry that gets another value stays the
 * same entry.
 *
 *     struct orr_object *notes = orr_weak_keys_new(thread);
 *     orr_weak_keys_set(thread, notes, node, note);
 *     struct orr_object *found = orr_weak_keys_get(thread, notes, node); // counted, or null
 *
 * Keys are compared by identity. What a map knows weakly is no weak reference itself, and belongs to the map's
 * heap (required). A green key (object.h) that its value leads back to breaks the promise of its type: under
 * collectors that count, such an entry lives until it is removed.
 *
 * Source: Hayes, "Ephemerons: a new finalization mechanism" (OOPSLA 1997); the inverted representation as in
 * JavaScript engines; Python's weakref for the rules.
 * Threads: any attached, running threads, several at once on one map; they hold map, key and value. One lock per
 * map; what adds or ends an entry takes that of weak.h too. All are safepoints.
 */
#ifndef ORR_RUNTIME_WEAKMAP_H
#define ORR_RUNTIME_WEAKMAP_H

#include "runtime/thread.h"

extern const struct orr_type orr_weak_keys_type, orr_weak_values_type;

/* Counted; null: no memory. */
struct orr_object *orr_weak_keys_new(struct orr_thread *thread);
struct orr_object *orr_weak_values_new(struct orr_thread *thread);

/* Stores another reference to value under the key, in place of what was there. False: no memory, and nothing has
 * changed. */
bool orr_weak_keys_set(struct orr_thread *thread, struct orr_object *map, struct orr_object *key,
                       struct orr_object *value);
/* Counted, or null. */
struct orr_object *orr_weak_keys_get(struct orr_thread *thread, struct orr_object *map,
                                     struct orr_object *key);
/* Ends the entry; false: there was none. */
bool orr_weak_keys_remove(struct orr_thread *thread, struct orr_object *map,
                          struct orr_object *key);
/* Entries whose keys live. */
uint64_t orr_weak_keys_size(struct orr_thread *thread, struct orr_object *map);

/* The same, by number; the value is held by others. */
bool orr_weak_values_set(struct orr_thread *thread, struct orr_object *map, uint64_t key,
                         struct orr_object *value);
struct orr_object *orr_weak_values_get(struct orr_thread *thread, struct orr_object *map,
                                       uint64_t key);
bool orr_weak_values_remove(struct orr_thread *thread, struct orr_object *map, uint64_t key);
uint64_t orr_weak_values_size(struct orr_thread *thread, struct orr_object *map);

/* A walk over a map of either kind. *cursor starts at 0. False at the end; otherwise *key and *value are counted
 * references (*key null in a map of weak values) and *number is the key of one (else 0). */
bool orr_weak_map_next(struct orr_thread *thread, struct orr_object *map, uint64_t *cursor,
                       struct orr_object **key, uint64_t *number, struct orr_object **value);

#endif
