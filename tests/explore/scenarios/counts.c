/* counts.c - generated: three threads retain, release, use, hand over through a shared slot, and leave, whoever
 * owns the two objects. A fibre's ghost state is how many references to each object it holds. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

enum { FIBRES = 3, OBJECTS = 2, HELD_MOST = 3 };

static struct orr_heap *heap;
static struct orr_object *objects[OBJECTS];
static struct orr_slot *slot;
static unsigned held[FIBRES][OBJECTS];
static bool gone[FIBRES];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, FIBRES);
    slot = explore_root(heap);
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = explore_new(explore_thread(i)); /* the owners are fibres 0 and 1 */
        held[i][i] = 1;
        for (unsigned fibre = 0; fibre < FIBRES; fibre++)
            if (fibre != i) { /* counted by the owner, dropped by the other */
                orr_retain(explore_thread(i), objects[i]);
                held[fibre][i]++;
            }
    }
}

static void
retain(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (gone[fibre] || held[fibre][i] == 0 || held[fibre][i] == HELD_MOST)
        return;
    orr_retain(explore_thread(fibre), objects[i]);
    held[fibre][i]++;
}

static void
release(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (gone[fibre] || held[fibre][i] == 0)
        return;
    held[fibre][i]--;
    orr_release(explore_thread(fibre), objects[i]);
}

static void
use(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (!gone[fibre] && held[fibre][i])
        explore_use(objects[i]);
}

/* Which of the objects it is that a slot gave us. */
static void
take(unsigned fibre, const struct orr_object *object)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        if (object == objects[i])
            held[fibre][i]++;
}

static void
store(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (gone[fibre] || held[fibre][i] == 0)
        return;
    held[fibre][i]--; /* moves in */
    take(fibre, orr_exchange_slot(explore_thread(fibre), NULL, slot, objects[i]));
}

static void
clear(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (!gone[fibre])
        take(fibre, orr_exchange_slot(explore_thread(fibre), NULL, slot, NULL));
}

static void
load(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (gone[fibre])
        return;
    struct orr_object *object = orr_load_slot(explore_thread(fibre), slot);
    if (!object)
        return;
    explore_use(object);
    take(fibre, object);
}

static void
poll(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (!gone[fibre])
        orr_poll(explore_thread(fibre));
}

static void
let_go(unsigned fibre)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        while (held[fibre][i])
            release(fibre, i);
}

static void
leave(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (gone[fibre])
        return;
    let_go(fibre);
    explore_detach(fibre);
    gone[fibre] = true;
}

static void
block(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (gone[fibre])
        return;
    orr_block_enter(explore_thread(fibre));
    explore_step();
    orr_block_leave(explore_thread(fibre));
}

static void
body(unsigned fibre)
{
    explore_script(fibre);
    if (!gone[fibre])
        let_go(fibre);
}

static void
check(void)
{
    explore_settle(heap);
    struct orr_thread *last = explore_thread(FIBRES);
    orr_release(last, orr_exchange_slot(last, NULL, slot, NULL));
    explore_settle(heap);
    explore_all_dead(heap);
}

static const struct explore_operation operations[] = {
    {"retain", retain, 3}, {"release", release, 4}, {"use", use, 1},   {"store", store, 2}, {"clear", clear, 1},
    {"load", load, 3},     {"poll", poll, 1},       {"leave", leave, 1}, {"block", block, 1}, {0}};

EXPLORE_SCENARIO(counts) = {.name = EXPLORE_NAME,
                            .covers = "A1 A3 A12 A14 B1 B2 B5 B6 B8 B14",
                            .fibres = FIBRES,
                            .setup = setup,
                            .body = body,
                            .check = check,
                            .operations = operations,
                            .script_length = 6};
