/* roster.c - hash chains, and places in order of arrival; see roster.h. */
#include "runtime/roster.h"

#include "runtime/assert.h"
#include "runtime/platform.h"

enum { ROOM_LEAST = 8, SPARSE = 8 /* memory is given back when one place in so many is in use */ };

static struct orr_rostered **
chain_of(const struct orr_roster *roster, uint64_t number)
{
    /* Fibonacci hashing: numbers may be addresses, which have their differences in the middle. */
    return &roster->chains[(number * 0x9e3779b97f4a7c15u >> 32) & roster->mask];
}

static void
link_entry(struct orr_roster *roster, struct orr_rostered *entry)
{
    struct orr_rostered **chain = chain_of(roster, entry->number);
    entry->next = *chain;
    *chain = entry;
}

static void
unlink_entry(struct orr_roster *roster, struct orr_rostered *entry)
{
    struct orr_rostered **link = chain_of(roster, entry->number);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
}

/* --- memory ------------------------------------------------------------------------------------------ */

/* Moves the entries to the front of `places`, in order. */
static void
close_ranks(struct orr_roster *roster, struct orr_roster_place *places)
{
    size_t used = 0;
    for (size_t i = 0; i < roster->used; i++) {
        struct orr_roster_place place = roster->places[i];
        if (!place.entry)
            continue;
        place.entry->place = used;
        places[used++] = place;
    }
    roster->places = places;
    roster->used = used;
}

/* Both arrays anew, for so many. False: no memory, nothing done. */
static bool
resize(struct orr_roster *roster, size_t room)
{
    struct orr_roster_place *places = orr_allocate(room * sizeof *places), *old = roster->places;
    struct orr_rostered **chains = orr_allocate(room * sizeof(struct orr_rostered *));
    if (!places || !chains) {
        orr_deallocate(places);
        orr_deallocate(chains);
        return false;
    }
    close_ranks(roster, places);
    orr_deallocate(old);
    orr_deallocate(roster->chains);
    roster->chains = chains;
    roster->room = room;
    roster->mask = room - 1;
    for (size_t i = 0; i < roster->used; i++)
        link_entry(roster, roster->places[i].entry);
    return true;
}

bool
orr_roster_reserve(struct orr_roster *roster)
{
    if (roster->room > ROOM_LEAST && roster->count < roster->room / SPARSE &&
        resize(roster, roster->room / 4))
        return true;
    if (roster->used < roster->room)
        return true;
    if (roster->count <= roster->room / 2 && roster->room) {
        close_ranks(roster, roster->places);
        return true;
    }
    return resize(roster, roster->room ? roster->room * 2 : ROOM_LEAST);
}

void
orr_roster_clear(struct orr_roster *roster)
{
    orr_deallocate(roster->places);
    orr_deallocate(roster->chains);
    *roster = (struct orr_roster){0};
}

/* --- entries ----------------------------------------------------------------------------------------- */

void
orr_roster_enter(struct orr_roster *roster, struct orr_rostered *entry, uint64_t number)
{
    orr_assert(roster->used < roster->room);
    entry->number = number;
    entry->place = roster->used++;
    roster->places[entry->place] =
        (struct orr_roster_place){.serial = roster->serial++, .entry = entry};
    link_entry(roster, entry);
    roster->count++;
}

void
orr_roster_leave(struct orr_roster *roster, struct orr_rostered *entry)
{
    orr_assert(roster->places[entry->place].entry == entry);
    unlink_entry(roster, entry);
    roster->places[entry->place].entry = NULL;
    roster->count--;
}

void
orr_roster_replace(struct orr_roster *roster, struct orr_rostered *old, struct orr_rostered *entry)
{
    orr_assert(roster->places[old->place].entry == old);
    unlink_entry(roster, old);
    entry->number = old->number;
    entry->place = old->place;
    roster->places[entry->place].entry = entry;
    link_entry(roster, entry);
}

struct orr_rostered *
orr_roster_find(const struct orr_roster *roster, uint64_t number)
{
    if (!roster->count)
        return NULL;
    struct orr_rostered *entry = *chain_of(roster, number);
    while (entry && entry->number != number)
        entry = entry->next;
    return entry;
}

/* The first place whose serial is at least the cursor's. */
static size_t
place_of(const struct orr_roster *roster, uint64_t cursor)
{
    size_t first = 0, end = roster->used;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (roster->places[middle].serial < cursor)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

struct orr_rostered *
orr_roster_next(const struct orr_roster *roster, uint64_t *cursor)
{
    for (size_t i = place_of(roster, *cursor); i < roster->used; i++) {
        *cursor = roster->places[i].serial + 1;
        if (roster->places[i].entry)
            return roster->places[i].entry;
    }
    return NULL;
}

bool
orr_roster_is_valid(const struct orr_roster *roster)
{
    size_t count = 0;
    if (roster->used > roster->room || (roster->room && roster->room > roster->mask + 1))
        return false;
    for (size_t i = 0; i < roster->used; i++) {
        const struct orr_rostered *entry = roster->places[i].entry;
        if (i && roster->places[i].serial <= roster->places[i - 1].serial)
            return false;
        if (!entry)
            continue;
        if (entry->place != i || orr_roster_find(roster, entry->number) != entry)
            return false;
        count++;
    }
    return count == roster->count;
}
