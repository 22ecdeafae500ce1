/* cycle_script.c - generated: three threads take, drop and hand over two objects, tie them to each other and cut
 * the ties, collect, upgrade weak references, block and leave: what somebody holds or what hangs from it lives,
 * and the rest is garbage that a collection at the end finds. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"
#include "runtime/weak.h"

enum { FIBRES = 3, OBJECTS = 2, HELD_MOST = 3 };

static struct orr_heap *heap;
static struct orr_object *objects[OBJECTS], *weaks[OBJECTS];

/* What each fibre holds of each object, and whether it has left. */
static struct ghost {
    unsigned held[OBJECTS];
    bool left;
    char apart[48]; /* so that neighbours share no line: lines are what the explorer puts back */
} ghosts[FIBRES];
static _Atomic(uint32_t) ended;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "trial", "libc");
    explore_attach(heap, FIBRES);
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct orr_thread *owner = explore_thread(i);
        objects[i] = explore_new(owner);
        weaks[i] = orr_weak_new(explore_thread(FIBRES), objects[i], NULL, NULL, NULL);
        ghosts[i].held[i] = 1;
        orr_retain(owner, objects[i]);
        ghosts[i + 1].held[i]++;
    }
    orr_set(explore_thread(0), objects[0], 0, objects[0]);
    orr_block_enter(explore_thread(FIBRES)); /* until all have ended: nobody waits for it */
}

static bool
has(unsigned fibre, unsigned i)
{
    return !ghosts[fibre].left && ghosts[fibre].held[i];
}

static void
take(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (!has(fibre, i) || ghosts[fibre].held[i] == HELD_MOST)
        return;
    orr_retain(explore_thread(fibre), objects[i]);
    ghosts[fibre].held[i]++;
}

static void
drop(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (!has(fibre, i))
        return;
    ghosts[fibre].held[i]--;
    orr_release(explore_thread(fibre), objects[i]);
}

static void
tie(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS, j = argument / OBJECTS % OBJECTS;
    if (has(fibre, i) && has(fibre, j))
        orr_store(explore_thread(fibre), objects[i], argument / 4 % 2, objects[j]);
}

static void
cut(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (has(fibre, i))
        orr_store(explore_thread(fibre), objects[i], argument / 4 % 2, NULL);
}

static void
found(unsigned fibre, struct orr_object *object)
{
    if (!object)
        return;
    explore_use(object);
    unsigned i = object == objects[1];
    if (ghosts[fibre].held[i] == HELD_MOST)
        orr_release(explore_thread(fibre), object);
    else
        ghosts[fibre].held[i]++;
}

static void
follow(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (has(fibre, i))
        found(fibre, orr_load(explore_thread(fibre), objects[i], argument / 4 % 2));
}

static void
upgrade(unsigned fibre, unsigned argument)
{
    unsigned i = argument % OBJECTS;
    if (ghosts[fibre].left)
        return;
    struct orr_object *object = orr_weak_get(explore_thread(fibre), weaks[i]);
    explore_check(object || ghosts[fibre].held[i] == 0);
    found(fibre, object);
}

static void
collect(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (!ghosts[fibre].left)
        orr_collect(explore_thread(fibre), "scenario");
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
let_go(unsigned fibre)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        while (has(fibre, i))
            drop(fibre, i);
}

static void
leave(unsigned fibre, unsigned argument)
{
    (void)argument;
    if (ghosts[fibre].left)
        return;
    let_go(fibre);
    ghosts[fibre].left = true;
    explore_detach(fibre);
}

/* When all have let go: what is left is garbage, and a collection finds it. */
static void
clean_up(void)
{
    struct orr_thread *last = explore_thread(FIBRES);
    orr_block_leave(last);
    for (unsigned i = 0; i < OBJECTS; i++)
        orr_release(last, weaks[i]);
    orr_collect(last, "scenario");
}

static void
body(unsigned fibre)
{
    explore_script(fibre);
    if (!ghosts[fibre].left) {
        let_go(fibre);
        orr_block_enter(
            explore_thread(fibre)); /* for good: collections of others do not wait for it */
    }
    if (orr_add_acq_rel(&ended, 1) == FIBRES - 1)
        clean_up();
}

static void
check(void)
{
    explore_all_dead(heap);
}

static const struct explore_operation operations[] = {
    {"take", take, 1},       {"drop", drop, 3},
    {"tie", tie, 2},         {"cut", cut, 1},
    {"follow", follow, 2},   {"block", block, 1},
    {"leave", leave, 1},     {"upgrade", upgrade, 2},
    {"collect", collect, 1}, {0},
};

EXPLORE_SCENARIO(cycle_script) = {
    .name = EXPLORE_NAME,
    .covers = "A12 A14 B1 B8 B11 B12 D1 D7 H11 H12 I4 I10",
    .fibres = FIBRES,
    .setup = setup,
    .body = body,
    .check = check,
    .operations = operations,
    .script_length = 4,
};
