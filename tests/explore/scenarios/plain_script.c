/* plain_script.c - an object whose death calls nothing, and parents that hold it and die, of an owner and two others,
 * generated: take, drop, hand over through a shared slot, write if it is held alone, block, leave. So objects die in
 * production, by the shortest ways there are. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

enum { FIBRES = 3, HELD_MOST = 4 };

static struct orr_heap *heap;
static struct orr_object *object;
static struct orr_slot *slot;

/* What each fibre holds: references to the object, its parents, and whether it is still attached. */
static struct ghost {
    unsigned held, parents_held;
    struct orr_object *parents[HELD_MOST]; /* each holds the object */
    bool left;
    char apart[16]; /* so that neighbours share no line: lines are what the explorer puts back */
} ghosts[FIBRES];

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, FIBRES);
    object = explore_new_plain(explore_thread(0));
    slot = explore_root(heap);
    for (unsigned i = 0; i < FIBRES; i++) {
        if (i > 0)
            orr_retain(explore_thread(0), object);
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

/* A parent takes over one of the references. */
static void
adopt(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    struct orr_thread *thread = explore_thread(fibre);
    if (ghost->left || ghost->held == 0 || ghost->parents_held == HELD_MOST)
        return;
    struct orr_object *parent = explore_new_plain(thread);
    orr_exchange_slot(thread, parent, orr_field(parent, 0), object);
    ghost->held--;
    ghost->parents[ghost->parents_held++] = parent;
}

static void
orphan(unsigned fibre, unsigned argument)
{
    (void)argument;
    struct ghost *ghost = &ghosts[fibre];
    if (!ghost->left && ghost->parents_held)
        orr_release(explore_thread(fibre), ghost->parents[--ghost->parents_held]);
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
    explore_read(found);
    ghost->held++;
}

/* What the others read, before they let go of it, comes before. */
static void
write_alone(unsigned fibre, unsigned argument)
{
    struct ghost *ghost = &ghosts[fibre];
    if (!ghost->left && ghost->held == 1 && orr_is_unique(explore_thread(fibre), object))
        explore_write(object, argument);
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
    struct ghost *ghost = &ghosts[fibre];
    if (ghost->left)
        return;
    while (ghost->held)
        drop(fibre, argument);
    while (ghost->parents_held)
        orphan(fibre, argument);
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
    struct orr_heap_totals totals;
    unsigned parents = 0, held = orr_slot_peek(slot) != NULL;
    for (unsigned i = 0; i < FIBRES; i++) {
        held += ghosts[i].held + ghosts[i].parents_held;
        parents += ghosts[i].parents_held;
    }
    explore_settle(heap);
    orr_heap_totals(heap, &totals);
    explore_check(totals.live == parents + (held != 0));
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
    {.name = "drop", .run = drop, .weight = 2},
    {.name = "adopt", .run = adopt, .weight = 2},
    {.name = "orphan", .run = orphan, .weight = 2},
    {.name = "put", .run = put, .weight = 2},
    {.name = "get", .run = get, .weight = 2},
    {.name = "write", .run = write_alone, .weight = 2},
    {.name = "block", .run = block},
    {.name = "leave", .run = leave},
    {0},
};

EXPLORE_SCENARIO(plain_script) = {
    .name = EXPLORE_NAME,
    .covers = "A1 A2 A8 A12 B1 B2 B4 B5",
    .fibres = FIBRES,
    .setup = setup,
    .body = body,
    .check = check,
    .verify = verify,
    .operations = operations,
    .script_length = 4,
};
