/* roster.h - entries by number: found by it, and walked in order of arrival by cursors that outlive any change.
 *
 * The entries are the caller's, who begins them with a struct orr_rostered. Finding goes by hash chains. Walking
 * goes by an array of places in order of arrival; each place has a serial number that never comes back, and a
 * cursor is the least serial still to be shown. So a walk neither skips nor repeats an entry that stays,
 * whatever comes, goes or grows meanwhile; what comes meanwhile is shown at the end.
 *
 * Memory is asked for in orr_roster_reserve alone: entering and leaving cannot fail.
 *
 * Always   serials of places[0..used) ascend; `count` places have an entry, which is in its number's chain
 *          count <= used <= room <= mask + 1
 * Threads: none; the caller's lock.
 */
#ifndef ORR_RUNTIME_ROSTER_H
#define ORR_RUNTIME_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orr_rostered {
    uint64_t number;
    struct orr_rostered *next; /* in its chain */
    size_t place;
};

struct orr_roster_place {
    uint64_t serial;
    struct orr_rostered *entry; /* null: it has left */
};

/* All zero: empty. */
struct orr_roster {
    struct orr_roster_place *places;
    size_t used, room, count;
    struct orr_rostered **chains; /* mask + 1 of them */
    size_t mask;
    uint64_t serial; /* the next place's */
};

/* Makes sure that one more can enter. Gives memory back that many have left. False: no memory. */
bool orr_roster_reserve(struct orr_roster *roster);
/* After orr_roster_reserve. The number must be new. */
void orr_roster_enter(struct orr_roster *roster, struct orr_rostered *entry, uint64_t number);
void orr_roster_leave(struct orr_roster *roster, struct orr_rostered *entry);
/* `entry` takes the number and the place in the order of `old`, which leaves. */
void orr_roster_replace(struct orr_roster *roster, struct orr_rostered *old,
                        struct orr_rostered *entry);
/* Null: there is none. */
struct orr_rostered *orr_roster_find(const struct orr_roster *roster, uint64_t number);
/* The next entry of a walk, which starts with *cursor 0; null at the end. */
struct orr_rostered *orr_roster_next(const struct orr_roster *roster, uint64_t *cursor);
/* Frees the arrays; entries are not looked at. */
void orr_roster_clear(struct orr_roster *roster);
/* Whether what is always so is so. */
bool orr_roster_is_valid(const struct orr_roster *roster);

#endif
