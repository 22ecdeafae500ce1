/* roster.c - runtime/roster: entries are found by number, and walks neither skip nor repeat what stays. */
#include "runtime/roster.h"

#include "runtime/platform.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

enum { MOST = 5000 };

static struct orr_roster roster;
static struct orr_rostered entries[MOST];

static void
finish(void)
{
    orr_roster_clear(&roster);
}

TestSuite(roster, .fini = finish);

static void
enter(uint64_t i)
{
    cr_assert(orr_roster_reserve(&roster));
    orr_roster_enter(&roster, &entries[i], i * 16); /* as addresses are */
}

static void
enter_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        enter(i);
}

Test(roster, is_empty_when_it_is_all_zero)
{
    uint64_t cursor = 0;
    cr_assert_null(orr_roster_find(&roster, 0));
    cr_assert_null(orr_roster_next(&roster, &cursor));
    cr_assert(orr_roster_is_valid(&roster));
}

/* Each of the things that are always so, broken and mended. */
Test(roster, is_not_valid_when_it_is_broken)
{
    enum { COUNT = 100 };
    enter_many(COUNT);
    orr_roster_leave(&roster, &entries[3]);
#define EXPECT_BROKEN(change, mend)                                                                \
    do {                                                                                           \
        change;                                                                                    \
        cr_assert(!orr_roster_is_valid(&roster), #change);                                         \
        mend;                                                                                      \
        cr_assert(orr_roster_is_valid(&roster), #mend);                                            \
    } while (0)
    const struct orr_roster whole = roster;
    EXPECT_BROKEN(roster.count--, roster.count++);
    EXPECT_BROKEN(roster.room = roster.used - 1, roster.room = whole.room);
    EXPECT_BROKEN(roster.room = roster.mask + 2, roster.room = whole.room);
    EXPECT_BROKEN(roster.places[9].serial -= 2, roster.places[9].serial += 2);
    EXPECT_BROKEN(entries[50].place = 51, entries[50].place = 50);
    EXPECT_BROKEN(entries[50].number++, entries[50].number--);
#undef EXPECT_BROKEN
}

Test(roster, finds_by_number_what_has_entered_and_not_left)
{
    enter_many(MOST);
    for (uint64_t i = 0; i < MOST; i += 3)
        orr_roster_leave(&roster, &entries[i]);
    for (uint64_t i = 0; i < MOST; i++)
        cr_assert_eq(orr_roster_find(&roster, i * 16), i % 3 ? &entries[i] : NULL);
    cr_assert_null(orr_roster_find(&roster, 7));
    cr_assert_eq(roster.count, MOST - (MOST + 2) / 3);
    cr_assert(orr_roster_is_valid(&roster));
}

Test(roster, walks_in_order_of_arrival)
{
    uint64_t cursor = 0;
    enter_many(100);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(orr_roster_next(&roster, &cursor), &entries[i]);
    cr_assert_null(orr_roster_next(&roster, &cursor));
    enter(100);
    cr_assert_eq(orr_roster_next(&roster, &cursor), &entries[100],
                 "what comes later is shown later");
}

Test(roster, a_replacement_takes_number_and_place)
{
    uint64_t cursor = 0;
    enter_many(3);
    orr_roster_replace(&roster, &entries[1], &entries[9]);
    cr_assert_eq(orr_roster_find(&roster, 16), &entries[9]);
    cr_assert_eq(orr_roster_next(&roster, &cursor), &entries[0]);
    cr_assert_eq(orr_roster_next(&roster, &cursor), &entries[9]);
    cr_assert_eq(orr_roster_next(&roster, &cursor), &entries[2]);
    cr_assert_eq(roster.count, 3);
    cr_assert(orr_roster_is_valid(&roster));
}

/* A walk while entries come and go at random: those that stay throughout are shown once, no other twice. */
static void
walk_in_turmoil(uint64_t seed)
{
    static unsigned shown[MOST];
    static bool is_in[MOST], stayed[MOST];
    uint64_t cursor = 0;
    struct orr_rostered *entry;
    memset(shown, 0, sizeof shown);
    for (uint64_t i = 0; i < MOST; i++) {
        is_in[i] = stayed[i] = i < 500;
        if (is_in[i])
            enter(i);
    }
    uint64_t fresh = 500;
    while ((entry = orr_roster_next(&roster, &cursor))) {
        shown[entry - entries]++;
        for (int turn = 0; turn < 4; turn++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            const uint64_t i = seed % fresh;
            if (is_in[i]) {
                orr_roster_leave(&roster, &entries[i]);
                is_in[i] = stayed[i] = false;
            }
            if (turn == 0 && fresh < MOST) {
                enter(fresh);
                is_in[fresh] = stayed[fresh] = true;
                fresh++;
            }
        }
        cr_assert(orr_roster_is_valid(&roster));
    }
    for (uint64_t i = 0; i < fresh; i++) {
        cr_assert(shown[i] <= 1, "entry %u is shown %u times", (unsigned)i, shown[i]);
        cr_assert(shown[i] == 1 || !stayed[i], "entry %u is skipped", (unsigned)i);
    }
    orr_roster_clear(&roster);
}

Test(roster, a_walk_in_turmoil_shows_once_what_stays)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        walk_in_turmoil(seed * 0x9e3779b97f4a7c15u);
}

Test(roster, gives_memory_back_when_most_have_left)
{
    enter_many(4000);
    const size_t most = roster.room;
    for (uint64_t i = 0; i < 3990; i++)
        orr_roster_leave(&roster, &entries[i]);
    for (int i = 0; i < 10; i++)
        cr_assert(orr_roster_reserve(&roster));
    cr_assert(roster.room < most / 8, "room for %zu of 10", roster.room);
    cr_assert(orr_roster_is_valid(&roster));
}

Test(roster, what_comes_and_goes_takes_no_more_room)
{
    for (uint64_t i = 0; i < MOST; i++) {
        enter(i);
        if (i >= 4)
            orr_roster_leave(&roster, &entries[i - 4]);
    }
    cr_assert(roster.room <= 16, "%zu", roster.room);
}

Test(roster, without_memory_nothing_changes)
{
    enter_many(8);
    for (uint64_t n = 1; n <= 2; n++) {
        orr_fail_allocation(n, false);
        cr_assert_not(orr_roster_reserve(&roster));
        orr_fail_allocation(0, false);
        cr_assert(orr_roster_is_valid(&roster));
        cr_assert_eq(roster.count, 8);
    }
    for (uint64_t i = 0; i < 7; i++)
        orr_roster_leave(&roster, &entries[i]);
    orr_fail_allocation(1, true);
    cr_assert(orr_roster_reserve(&roster), "there is room without memory");
    orr_fail_allocation(0, false);
}
