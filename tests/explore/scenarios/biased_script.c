/* biased_script.c - one object of an owner and two others, generated: take, drop, hand over through a shared slot,
 * upgrade a weak reference, block, leave. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

enum { FIBRES = 3, HELD_MOST = 4 };

static struct orr_heap *heap;
static struct orr_object *object, *weak;
static struct orr_slot *slot;

/* What each fibre holds: references to the object, and whether it is still attached. */
static struct ghost {
    unsigned held;
    bool left;
    char apart[56]; /* so that neighbours share no line: lines are what the explorer puts back */
} ghosts[FIBRES];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, FIBRES);
    struct orr_thread *owner = explore_thread(0);
    object = explore_new(owner);
    weak = orr_weak_new(owner, object, NULL, NULL, NULL);
    slot = explore_root(heap);
    ghosts[0].held = 1;
    for (unsigned i = 1; i < FIBRES; i++) {
        orr_retain(owner, object);
        ghosts[i].held = 1;
    }
}

static void
take(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left || ghost->held == 0 || ghost->held == HELD_MOST)
        return;
    orr_retain(explore_thread(fibre), object);
    ghost->held++;
}

static void
drop(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left || ghost->held == 0)
        return;
    ghost->held--;
    orr_release(explore_thread(fibre), object);
}

static void
put(unsigned fibre, unsigned argument)
{
    struct ghost *ghost = &ghosts[fibre];
    struct orr_object *old, *value = NULL;
    if (ghost->left)
        return;
    if (ghost->held && argument & 1) {
        value = object; /* moves */
        ghost->held--;
    }
    old = orr_exchange_slot(explore_thread(fibre), NULL, slot, value);
    ghost->held += old != NULL;
}

static void
get(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left || ghost->held == HELD_MOST)
        return;
    struct orr_object *found = orr_load_slot(explore_thread(fibre), slot);
    if (!found)
        return;
    explore_use(found);
    ghost->held++;
}

static void
upgrade(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left || ghost->held == HELD_MOST)
        return;
    struct orr_object *found = orr_weak_get(explore_thread(fibre), weak);
    if (!found) {
        explore_check(ghost->held == 0);
        return;
    }
    explore_use(found);
    ghost->held++;
}

static void
block(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (ghosts[fibre].left)
        return;
    orr_block_enter(explore_thread(fibre));
    orr_block_leave(explore_thread(fibre));
}

static void
leave(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left)
        return;
    for (; ghost->held; ghost->held--)
        orr_release(explore_thread(fibre), object);
    ghost->left = true;
    explore_detach(fibre);
}

static void
body(unsigned fibre)
{
    explore_script(fibre);
}

static void
check(void)
{
    unsigned held = orr_slot_peek(slot) != NULL;
    for (unsigned i = 0; i < FIBRES; i++)
        held += ghosts[i].held;
    explore_settle(heap);
    explore_check(explore_deaths(object) == (held == 0));
    /* A half that the owner counts may be in its queue no more: all is settled, so the count is exact. */
    explore_check(held == 0 || orr_count_stopped(object) == (int64_t)held);
}

static void
verify(void)
{
    explore_verify(heap, NULL);
}

static const struct explore_operation operations[] = {
    {.name = "take", .run = take},
    {.name = "drop", .run = drop, .weight = 3},
    {.name = "put", .run = put, .weight = 2},
    {.name = "get", .run = get},
    {.name = "upgrade", .run = upgrade, .weight = 2},
    {.name = "block", .run = block},
    {.name = "leave", .run = leave},
    {0},
};

EXPLORE_SCENARIO(biased_script) = {
    .name = EXPLORE_NAME,
    .covers = "A1 A8 A12 A14 B1 B2 B4 B5 B6 B8 B14 B22 D1",
    .fibres = FIBRES,
    .setup = setup,
    .body = body,
    .check = check,
    .verify = verify,
    .operations = operations,
    .script_length = 4,
};
