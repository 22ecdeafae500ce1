/* shadow.c - the shadow graph: who refers to whom, what roots reach, births and deaths.
 *
 * Everything is found by looking through small tables: 128 things with up to six slots. An entry of a weak map that is
 * not live is a free place in its table.
 *
 * Threads: whoever's turn it is.
 */
#include "tests/random/shadow.h"

#include <string.h>

/* --- references -------------------------------------------------------------------------------------- */

bool
shadow_is_held_up(const struct shadow *shadow, const struct entry *entry)
{
    return entry->is_live && shadow->thing[entry->map].is_alive && shadow->thing[entry->key].is_alive;
}

static int
among(const int16_t *list, unsigned count, int id)
{
    int found = 0;
    for (unsigned i = 0; i < count; i++)
        found += list[i] == id;
    return found;
}

static int
roots_to(const struct shadow *shadow, int id)
{
    return among(shadow->hands[0], shadow->threads * HANDS, id) + among(shadow->roots, ROOTS, id) +
           among(shadow->saved, OBJECTS, id) + among(shadow->pins[0], shadow->threads * PINS, id) +
           shadow->thing[id].is_immortal;
}

int
shadow_references(const struct shadow *shadow, int id, const bool *from)
{
    int found = roots_to(shadow, id);
    for (int i = 0; i < THINGS; i++)
        if (shadow->thing[i].is_alive && (!from || from[i]))
            found += among(shadow->thing[i].slot, shadow->thing[i].slots, id);
    for (unsigned i = 0; i < shadow->entries; i++)
        if (shadow->entry[i].value == id && shadow_is_held_up(shadow, &shadow->entry[i]))
            found += !from || from[shadow->entry[i].key];
    return found;
}

static void
count_list(bool *is_referred, const int16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] != NOTHING)
            is_referred[list[i]] = true;
}

void
shadow_find_referred(const struct shadow *shadow, bool *is_referred)
{
    memset(is_referred, 0, THINGS * sizeof *is_referred);
    count_list(is_referred, shadow->hands[0], shadow->threads * HANDS);
    count_list(is_referred, shadow->roots, ROOTS);
    count_list(is_referred, shadow->saved, OBJECTS);
    count_list(is_referred, shadow->pins[0], shadow->threads * PINS);
    for (int i = 0; i < THINGS; i++) {
        is_referred[i] |= shadow->thing[i].is_immortal;
        if (shadow->thing[i].is_alive)
            count_list(is_referred, shadow->thing[i].slot, shadow->thing[i].slots);
    }
    for (unsigned i = 0; i < shadow->entries; i++)
        if (shadow_is_held_up(shadow, &shadow->entry[i]))
            is_referred[shadow->entry[i].value] = true;
}

/* A walk over the shadow. */
struct walk {
    const struct shadow *shadow;
    bool *reached;
    int16_t stack[THINGS];
    unsigned depth;
};

static void
walk_to(struct walk *walk, const int16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] != NOTHING && !walk->reached[list[i]] && walk->shadow->thing[list[i]].is_alive) {
            walk->reached[list[i]] = true;
            walk->stack[walk->depth++] = list[i];
        }
}

static void
walk_from_roots(struct walk *walk, bool is_safe)
{
    const struct shadow *const shadow = walk->shadow;
    walk_to(walk, shadow->hands[0], shadow->threads * HANDS);
    walk_to(walk, shadow->roots, ROOTS);
    walk_to(walk, shadow->saved, OBJECTS);
    walk_to(walk, shadow->pins[0], shadow->threads * PINS);
    for (int16_t i = 0; i < THINGS; i++) {
        const struct thing *const thing = &shadow->thing[i];
        if (thing->is_immortal || thing->is_finalizing || (!is_safe && thing->is_frozen))
            walk_to(walk, &i, 1);
    }
}

/* A value hangs from its key while the map lives, and a map that nobody reaches may be dead. */
static void
walk_entries(struct walk *walk, bool is_safe)
{
    for (unsigned i = 0; i < walk->shadow->entries; i++) {
        const struct entry *const entry = &walk->shadow->entry[i];
        if (walk->reached[entry->key] && shadow_is_held_up(walk->shadow, entry) &&
            (!is_safe || (!entry->is_tainted && walk->reached[entry->map])))
            walk_to(walk, &entry->value, 1);
    }
}

void
shadow_reach(const struct shadow *shadow, int start, bool is_safe, bool *reached)
{
    struct walk walk = {.shadow = shadow, .reached = reached};
    const int16_t first = (int16_t)start;
    memset(reached, 0, THINGS * sizeof *reached);
    if (start == NOTHING)
        walk_from_roots(&walk, is_safe);
    else
        walk_to(&walk, &first, 1);
    do {
        while (walk.depth) {
            const int16_t holder = walk.stack[--walk.depth];
            walk_to(&walk, shadow->thing[holder].slot, shadow->thing[holder].slots);
        }
        walk_entries(&walk, is_safe);
    } while (walk.depth);
}

bool
shadow_is_reachable(const struct shadow *shadow, int id)
{
    bool reached[THINGS];
    shadow_reach(shadow, NOTHING, true, reached);
    return reached[id];
}

unsigned
shadow_alive(const struct shadow *shadow)
{
    unsigned alive = 0;
    for (int i = 0; i < THINGS; i++)
        alive += shadow->thing[i].is_alive;
    return alive;
}

struct entry *
shadow_find_entry(struct shadow *shadow, int map, int key)
{
    for (unsigned i = 0; i < shadow->entries; i++)
        if (shadow->entry[i].is_live && shadow->entry[i].map == map && shadow->entry[i].key == key)
            return &shadow->entry[i];
    return NULL;
}

struct entry *
shadow_entry_for(struct shadow *shadow, int map, int key)
{
    struct entry *entry = shadow_find_entry(shadow, map, key);
    for (unsigned i = 0; !entry && i < shadow->entries; i++)
        if (!shadow->entry[i].is_live)
            entry = &shadow->entry[i];
    if (!entry && shadow->entries < ENTRIES)
        entry = &shadow->entry[shadow->entries++];
    return entry;
}

/* --- births and deaths ------------------------------------------------------------------------------- */

void
shadow_bear(struct shadow *shadow, int id, unsigned shape, unsigned slots, const void *address)
{
    struct thing *const thing = &shadow->thing[id];
    *thing = (struct thing){
        .is_alive = true, .is_born = true, .shape = (uint8_t)shape, .slots = (uint8_t)slots, .referent = NOTHING};
    thing->address = address;
    for (unsigned i = 0; i < SLOTS; i++)
        thing->slot[i] = NOTHING;
}

void
shadow_kill(struct shadow *shadow, int id)
{
    shadow->thing[id].is_alive = false;
    for (int i = 0; i < THINGS; i++)
        if (shadow->thing[i].referent == id && shadow->thing[i].shape == WEAK) {
            shadow->thing[i].is_cleared = true;
            shadow->thing[i].is_owed = shadow->thing[i].is_alive && shadow_is_silent(shadow, id);
        }
    for (unsigned i = 0; i < shadow->entries; i++)
        if (shadow->entry[i].map == id || shadow->entry[i].key == id)
            shadow->entry[i].is_live = false;
}

bool
shadow_is_silent(const struct shadow *shadow, int id)
{
    return shadow->is_quiet || shadow->thing[id].shape >= SHAPES;
}

void
shadow_bury_silent(struct shadow *shadow)
{
    bool again = true, is_referred[THINGS], is_dying[THINGS];
    while (again) {
        again = false;
        shadow_find_referred(shadow, is_referred);
        for (int i = 0; i < THINGS; i++) {
            is_dying[i] = shadow->thing[i].is_alive && shadow_is_silent(shadow, i) && !is_referred[i];
            if (is_dying[i]) {
                shadow->thing[i].is_alive = false; /* all of them, before any is owed a callback */
                again = true;
            }
        }
        for (int i = 0; i < THINGS; i++)
            if (is_dying[i])
                shadow_kill(shadow, i);
    }
}

void
shadow_begin(struct shadow *shadow, unsigned threads, bool is_quiet)
{
    memset(shadow, 0, sizeof *shadow);
    memset(shadow->hands, 0xff, sizeof shadow->hands);
    memset(shadow->roots, 0xff, sizeof shadow->roots);
    memset(shadow->saved, 0xff, sizeof shadow->saved);
    memset(shadow->pins, 0xff, sizeof shadow->pins);
    shadow->threads = threads;
    shadow->is_quiet = is_quiet;
}
