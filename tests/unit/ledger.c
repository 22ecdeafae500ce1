/* ledger.c - runtime/ledger: who lives, told exactly; a second birth or death at one address aborts. */
#include "runtime/ledger.h"
#include "runtime/object.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <stdlib.h>

enum { OBJECTS = 5000 };

static struct orr_object objects[OBJECTS];

static struct orr_ledger *
ledger_with(size_t births)
{
    struct orr_ledger *const ledger = orr_ledger_create();
    cr_assert(ledger);
    for (size_t i = 0; i < births; i++)
        orr_ledger_born(ledger, &objects[i]);
    return ledger;
}

struct roll {
    uint64_t serials[OBJECTS]; /* 0: not seen */
    size_t count;
};

static void
enter(struct orr_object *object, uint64_t serial, void *argument)
{
    struct roll *const roll = argument;
    const size_t i = (size_t)(object - objects);
    cr_assert(i < OBJECTS);
    cr_assert_eq(roll->serials[i], 0, "object %zu is told twice", i);
    roll->serials[i] = serial;
    roll->count++;
}

static void
expect_totals(struct orr_ledger *ledger, uint64_t births, uint64_t deaths)
{
    uint64_t born, died;
    orr_ledger_totals(ledger, &born, &died);
    cr_assert_eq(born, births);
    cr_assert_eq(died, deaths);
}

Test(ledger, serials_are_given_in_the_order_of_birth)
{
    struct orr_ledger *const ledger = ledger_with(OBJECTS);
    static struct roll roll;
    orr_ledger_each(ledger, enter, &roll);
    cr_assert_eq(roll.count, OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert_eq(roll.serials[i], i + 1);
    expect_totals(ledger, OBJECTS, 0);
    orr_ledger_destroy(ledger);
}

Test(ledger, where_an_object_was_made_is_known_while_it_lives)
{
    struct orr_ledger *const ledger = ledger_with(2);
    const void *const place = &place;
    orr_ledger_born_at(ledger, &objects[2], place);
    cr_assert_eq(orr_ledger_site(ledger, &objects[2]), place);
    cr_assert_null(orr_ledger_site(ledger, &objects[1]), "nobody said");
    cr_assert_null(orr_ledger_site(ledger, &objects[3]), "it was never born");
    orr_ledger_died(ledger, &objects[2]);
    cr_assert_null(orr_ledger_site(ledger, &objects[2]));
    orr_ledger_destroy(ledger);
}

Test(ledger, the_living_are_found_whatever_died_between_them)
{
    /* Deaths in a pseudo-random order close gaps in every constellation of the table. */
    struct orr_ledger *const ledger = ledger_with(OBJECTS);
    static bool dead[OBJECTS];
    uint32_t state = 7;
    size_t deaths = 0;
    while (deaths < OBJECTS * 3 / 4) {
        state = state * 1664525u + 1013904223u;
        const size_t i = state % OBJECTS;
        if (dead[i])
            continue;
        dead[i] = true;
        deaths++;
        orr_ledger_died(ledger, &objects[i]);
    }
    static struct roll roll;
    orr_ledger_each(ledger, enter, &roll);
    cr_assert_eq(roll.count, OBJECTS - deaths);
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert_eq(roll.serials[i], dead[i] ? 0 : i + 1);
    expect_totals(ledger, OBJECTS, deaths);
    for (size_t i = 0; i < OBJECTS; i++)
        if (!dead[i])
            orr_ledger_died(ledger, &objects[i]);
    expect_totals(ledger, OBJECTS, OBJECTS);
    orr_ledger_destroy(ledger);
}

Test(ledger, an_address_may_live_again)
{
    struct orr_ledger *const ledger = ledger_with(1);
    orr_ledger_died(ledger, &objects[0]);
    orr_ledger_born(ledger, &objects[0]);
    static struct roll roll;
    orr_ledger_each(ledger, enter, &roll);
    cr_assert_eq(roll.serials[0], 2, "a new life has a new serial");
    orr_ledger_destroy(ledger);
}

Test(ledger, a_second_death_aborts, .signal = SIGABRT)
{
    struct orr_ledger *const ledger = ledger_with(3);
    orr_ledger_died(ledger, &objects[1]);
    orr_ledger_died(ledger, &objects[1]);
}

Test(ledger, the_death_of_a_stranger_aborts, .signal = SIGABRT)
{
    orr_ledger_died(ledger_with(3), &objects[4]);
}

Test(ledger, a_birth_on_top_of_the_living_aborts, .signal = SIGABRT)
{
    orr_ledger_born(ledger_with(3), &objects[2]);
}
