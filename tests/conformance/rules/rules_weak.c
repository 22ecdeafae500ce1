/* rules_weak.c - rules 44 to 50: what a weak reference leads to, and when its callback runs. */
#include "tests/conformance/rules/scene.h"

/* --- 44 --------------------------------------------------------------------------------------------- */

/* A referent that knows whether it has been destroyed. */
struct coin {
    struct orr_object header;
    struct orr_slot slots[1];
    uint64_t state;
};

enum { MINTED = 0x600d, MELTED = 0xdead };
enum { STALLS = 3, ROUNDS = UNDER_SANITIZER ? 150 : 2000 };

struct market {
    struct orr_root stalls[STALLS]; /* weak references, which everybody replaces */
    _Atomic(uint32_t) minted, melted, got, missed;
};

static struct market market;

static void
melt(struct orr_thread *thread, struct orr_object *object)
{
    struct coin *const coin = (struct coin *)object;
    (void)thread;
    RULE_EQUAL(coin->state, MINTED);
    coin->state = MELTED;
    orr_add_relaxed(&market.melted, 1); /* relaxed, all of this file: counts */
}

static uint16_t index_coin;
static const struct orr_type coin_type = {.name = "coin",
                                          .bytes = sizeof(struct coin),
                                          .references = 1,
                                          .destroy = melt,
                                          .index = &index_coin};

static void
look(struct orr_thread *thread, struct orr_root *stall)
{
    ORR_OWN(thread, weak, rule_root_get(thread, stall));
    if (!weak.ref)
        return;
    ORR_OWN(thread, coin, orr_weak_get(thread, weak.ref));
    orr_add_relaxed(coin.ref ? &market.got : &market.missed, 1);
    for (uint32_t i = 0; coin.ref && i < 3; i++) {
        RULE_EQUAL(((struct coin *)coin.ref)->state, MINTED);
        orr_poll(thread);
    }
}

/* A coin of one's own, every other time in a cycle with itself, offered to all. */
static struct orr_object *
mint(struct orr_thread *thread, struct orr_root *stall, bool in_a_cycle)
{
    ORR_OWN(thread, coin, rule_new(thread, &coin_type));
    ((struct coin *)coin.ref)->state = MINTED;
    orr_add_relaxed(&market.minted, 1);
    if (in_a_cycle)
        orr_set(thread, coin.ref, 0, coin.ref);
    struct orr_object *const weak = orr_weak_new(thread, coin.ref, NULL, NULL, NULL);
    RULE_CHECK(weak);
    rule_root_put(thread, stall, weak);
    return orr_take(&coin);
}

static void
trade(struct orr_thread *thread, uint32_t index, void *argument)
{
    const bool collects = thread->heap->collector->collect != NULL;
    ORR_OWN(thread, own, NULL);
    (void)argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct orr_root *const stall = &market.stalls[(i + index) % STALLS];
        look(thread, stall);
        if (i % 4 == index % 4)
            orr_own_set(&own, mint(thread, stall, collects && i % 8 >= 4));
        else if (i % 4 == (index + 2) % 4)
            orr_own_set(&own, NULL); /* while others look */
        look(thread, stall);
        if (collects && i % (ROUNDS / 5) == 0)
            orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    }
}

static void
expect_dead_in_destroy(struct orr_thread *thread, struct actor *actor)
{
    RULE_CHECK(scene_weak_is_null(thread, actor->scene, (uint32_t)actor->role));
}

static void
look_at_own(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_destroy = expect_dead_in_destroy;
    {
        ORR_OWN(thread, object, actor_new(thread, scene, &actor_still_type, 0));
        scene_weak(thread, scene, 0, object.ref, false);
        for (uint32_t i = 0; i < 3; i++) {
            ORR_OWN(thread, same, scene_weak_get(thread, scene, 0));
            RULE_CHECK(same.ref == object.ref);
        }
    }
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 1);
    RULE_CHECK(scene_weak_is_null(thread, scene, 0));
    if (thread->heap->collector->collect) {
        {
            ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_still_type, 1, 2));
            ORR_OWN(thread, next, orr_get(thread, ring.ref, 0));
            scene_weak(thread, scene, 1, ring.ref, false);
            scene_weak(thread, scene, 2, next.ref, false);
        }
        scene_sweep(thread);
        RULE_EQUAL(scene_count(scene, DESTROYED), 3);
        RULE_CHECK(scene_weak_is_null(thread, scene, 1) && scene_weak_is_null(thread, scene, 2));
    }
    scene_close(thread, scene);
}

RULE(44, "a weak reference leads to a living object or to nothing, never to one that is dying")
{
    RULE_EQUAL(orr_type_register(&coin_type, NULL), ORR_OK);
    market = (struct market){0};
    for (uint32_t i = 0; i < STALLS; i++)
        orr_root_add(rule->heap, &market.stalls[i]);
    rule_crew(rule, look_at_own, NULL);
    rule_crew(rule, trade, NULL);
    for (uint32_t i = 0; i < STALLS; i++) {
        rule_root_put(rule->thread, &market.stalls[i], NULL);
        orr_root_remove(rule->heap, &market.stalls[i]);
    }
    rule_settle(rule);
    RULE_CHECK(orr_load_relaxed(&market.got) != 0 && orr_load_relaxed(&market.missed) != 0);
    RULE_EQUAL(orr_load_relaxed(&market.melted), orr_load_relaxed(&market.minted));
    RULE_EQUAL(rule_live(rule), 0);
}

/* --- 45 --------------------------------------------------------------------------------------------- */

static void
expect_all_cleared(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak;
    for (uint32_t i = 0; i < cue->scene->number; i++)
        RULE_CHECK(scene_weak_is_null(thread, cue->scene, i));
}

/* `each` weak references to each of `count` actors, all with callbacks but the first of each. */
static void
die_with_weaks(struct orr_thread *thread, uint32_t count, uint32_t each)
{
    struct scene *const scene = scene_open(thread);
    scene->on_call = expect_all_cleared;
    scene->number = count * each;
    {
        ORR_OWN(thread, at, NULL);
        if (count == 1)
            orr_own_set(&at, actor_new(thread, scene, &actor_type, 0));
        else
            orr_own_set(&at, scene_new_ring(thread, scene, &actor_type, 0, count));
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t k = 0; k < each; k++)
                scene_weak(thread, scene, i * each + k, at.ref, k != 0);
            if (count > 1)
                orr_own_set(&at, orr_get(thread, at.ref, 0));
        }
    }
    if (count == 1)
        scene_let_die(thread);
    else
        scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), count);
    for (uint32_t i = 0; i < count * each; i++)
        RULE_EQUAL(scene_times(scene, CALLED, i), i % each != 0);
    scene_close(thread, scene);
}

static void
die_alone_and_together(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index, (void)argument;
    die_with_weaks(thread, 1, 6);
    if (thread->heap->collector->collect)
        die_with_weaks(thread, 4, 4);
}

RULE(45, "all weak references to the dying are cleared before the first of their callbacks runs")
{
    rule_crew(rule, die_alone_and_together, NULL);
}

/* --- 46 --------------------------------------------------------------------------------------------- */

static void
expect_own(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    ORR_OWN(thread, own, rule_root_get(thread, &cue->scene->weaks[cue->role]));
    RULE_CHECK(own.ref == weak);
    RULE_CHECK(orr_is_weak(weak));
}

static void
call_once(struct orr_thread *thread, uint32_t index, void *argument)
{
    const bool collects = thread->heap->collector->collect != NULL;
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_call = expect_own;
    scene->number = collects ? 3 : 1;
    {
        ORR_OWN(thread, lone, actor_new(thread, scene, &actor_type, 0));
        scene_weak(thread, scene, 0, lone.ref, true);
        if (collects) {
            ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 1, 2));
            ORR_OWN(thread, next, orr_get(thread, ring.ref, 0));
            scene_weak(thread, scene, 1, ring.ref, true);
            scene_weak(thread, scene, 2, next.ref, true);
        }
        RULE_EQUAL(scene_count(scene, CALLED), 0);
    }
    for (uint32_t round = 0; round < 2; round++) { /* nothing more happens the second time */
        if (collects)
            scene_sweep(thread);
        for (uint32_t i = 0; i < scene->number; i++) {
            RULE_EQUAL(scene_times(scene, CALLED, i), 1);
            RULE_CHECK(scene_weak_is_null(thread, scene, i));
            ORR_OWN(thread, weak, rule_root_get(thread, &scene->weaks[i]));
            RULE_CHECK(!((const struct orr_weak *)weak.ref)->callback);
        }
    }
    const uint32_t number = scene->number;
    for (uint32_t i = 0; i < number; i++)
        rule_root_put(thread, &scene->weaks[i], NULL);
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, CALLED), number);
    scene_close(thread, scene);
}

RULE(46, "a callback gets its own weak reference, already cleared, and runs once")
{
    rule_crew(rule, call_once, NULL);
}

/* --- 47 --------------------------------------------------------------------------------------------- */

enum { TO_ME = 10 }; /* cues of weak references that are garbage themselves */

/* Weak references to one another's neighbours inside a ring, one to somebody outside, and one in a root. */
static void
collect_with_weaks_inside(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    ORR_OWN(thread, outside, actor_new(thread, scene, &actor_type, 5));
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 0, 2));
        ORR_OWN(thread, next, orr_get(thread, ring.ref, 0));
        orr_give(thread, ring.ref, 1,
                 orr_weak_new(thread, next.ref, scene_called, &scene->cues[TO_ME], NULL));
        orr_give(thread, next.ref, 1,
                 orr_weak_new(thread, next.ref, scene_called, &scene->cues[TO_ME + 1], NULL));
        orr_give(thread, next.ref, 2,
                 orr_weak_new(thread, outside.ref, scene_called, &scene->cues[TO_ME + 2], NULL));
        scene_weak(thread, scene, 0, next.ref, true);
        RULE_EQUAL(orr_weak_count(thread, next.ref), 3);
        RULE_EQUAL(orr_weak_count(thread, outside.ref), 1);
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 2);
    RULE_EQUAL(scene_times(scene, CALLED, 0), 1);
    RULE_EQUAL(scene_count(scene, CALLED), 1);
    RULE_EQUAL(orr_weak_count(thread, outside.ref), 0);
    orr_own_set(&outside, NULL);
    scene_let_die(thread);
    RULE_EQUAL(scene_count(scene, DESTROYED), 3);
    RULE_EQUAL(scene_count(scene, CALLED), 1);
    scene_close(thread, scene);
}

RULE(47, "the callback of a weak reference that is garbage itself does not run")
{
    rule_needs_collector(rule);
    rule_crew(rule, collect_with_weaks_inside, NULL);
}

/* --- 48 --------------------------------------------------------------------------------------------- */

/* The one inside the garbage is cleared too; and nobody has been finalized yet. */
static void
expect_no_finalizer_yet(struct orr_thread *thread, struct orr_object *weak, struct cue *cue)
{
    (void)weak;
    RULE_EQUAL(scene_count(cue->scene, FINALIZED), 0);
    for (uint32_t i = 0; i < cue->scene->number; i++)
        RULE_CHECK(scene_weak_is_null(thread, cue->scene, i));
}

static void
expect_own_weak_cleared(struct orr_thread *thread, struct actor *actor)
{
    struct orr_object *const weak = actor_peek(actor, 1);
    RULE_CHECK(weak && orr_is_weak(weak));
    ORR_OWN(thread, referent, orr_weak_get(thread, weak));
    RULE_CHECK(!referent.ref);
}

static void
call_before_finalizers(struct orr_thread *thread, uint32_t index, void *argument)
{
    enum { RING = 4 };
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_call = expect_no_finalizer_yet;
    scene->on_finalize = expect_own_weak_cleared;
    scene->number = RING;
    {
        ORR_OWN(thread, at, scene_new_ring(thread, scene, &actor_type, 0, RING));
        for (uint32_t i = 0; i < RING; i++) {
            ORR_OWN(thread, next, orr_get(thread, at.ref, 0));
            scene_weak(thread, scene, i, at.ref, true);
            orr_give(thread, next.ref, 1,
                     orr_weak_new(thread, at.ref, scene_called, &scene->cues[TO_ME], NULL));
            orr_own_set(&at, orr_take(&next));
        }
    }
    scene_sweep(thread);
    RULE_EQUAL(scene_count(scene, CALLED), RING);
    RULE_EQUAL(scene_count(scene, FINALIZED), RING);
    RULE_EQUAL(scene_times(scene, CALLED, TO_ME), 0);
    RULE_CHECK(scene_last(scene, CALLED) < scene_first(scene, FINALIZED));
    scene_close(thread, scene);
}

RULE(
    48,
    "callbacks to garbage run after all its weak references are cleared, and before its finalizers")
{
    rule_needs_collector(rule);
    rule_crew(rule, call_before_finalizers, NULL);
}

/* --- 49 --------------------------------------------------------------------------------------------- */

/* Role 0 is the only one to know of role 2, through a root: no collector can tell that it hangs from garbage. */
static void
let_the_hidden_go(struct orr_thread *thread, struct actor *actor)
{
    if (actor->role == 0)
        rule_root_put(thread, &actor->scene->roots[0], NULL);
}

static void
collect_with_a_hidden_referent(struct orr_thread *thread, uint32_t index, void *argument)
{
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    scene->on_destroy = let_the_hidden_go;
    {
        ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 0, 2));
        ORR_OWN(thread, next, orr_get(thread, ring.ref, 0));
        ORR_OWN(thread, hidden, actor_new(thread, scene, &actor_type, 2));
        orr_give(thread, next.ref, 1,
                 orr_weak_new(thread, hidden.ref, scene_called, &scene->cues[TO_ME], NULL));
        orr_give(thread, ring.ref, 1,
                 orr_weak_new(thread, hidden.ref, scene_called, &scene->cues[TO_ME + 1], NULL));
        scene_weak(thread, scene, 2, hidden.ref, true);
        rule_root_put(thread, &scene->roots[0], orr_take(&hidden));
    }
    scene_sweep(thread);
    scene_let_die(thread);
    for (uint32_t i = 0; i < 3; i++)
        RULE_EQUAL(scene_times(scene, DESTROYED, i), 1);
    RULE_EQUAL(scene_times(scene, CALLED, 2), 1); /* the one that lives */
    RULE_EQUAL(scene_count(scene, CALLED), 1);
    scene_close(thread, scene);
}

RULE(49,
     "a weak reference that is garbage does not fire, though only destroying it kills its referent")
{
    rule_needs_collector(rule);
    rule_crew(rule, collect_with_a_hidden_referent, NULL);
}

/* --- 50 --------------------------------------------------------------------------------------------- */

static void
drop_weak_first(struct orr_thread *thread, uint32_t index, void *argument)
{
    const bool collects = thread->heap->collector->collect != NULL;
    struct scene *const scene = scene_open(thread);
    (void)index, (void)argument;
    {
        ORR_OWN(thread, object, actor_new(thread, scene, &actor_type, 0));
        scene_weak(thread, scene, 0, object.ref, true);
        scene_weak(thread, scene, 1, object.ref, true);
        rule_root_put(thread, &scene->weaks[0], NULL);
        scene_let_die(thread);
        RULE_EQUAL(orr_weak_count(thread, object.ref), 1);
        if (collects) { /* a third dies in a cycle */
            {
                ORR_OWN(thread, ring, scene_new_ring(thread, scene, &actor_type, 1, 2));
                orr_give(thread, ring.ref, 1,
                         orr_weak_new(thread, object.ref, scene_called, &scene->cues[2], NULL));
                RULE_EQUAL(orr_weak_count(thread, object.ref), 2);
            }
            scene_sweep(thread);
            RULE_EQUAL(scene_count(scene, DESTROYED), 2);
            RULE_EQUAL(orr_weak_count(thread, object.ref), 1);
        }
        RULE_EQUAL(scene_count(scene, CALLED), 0);
    }
    scene_let_die(thread);
    RULE_EQUAL(scene_times(scene, DESTROYED, 0), 1);
    RULE_EQUAL(scene_times(scene, CALLED, 1), 1);
    RULE_EQUAL(scene_count(scene, CALLED), 1);
    scene_close(thread, scene);
}

RULE(50, "a weak reference that dies before its referent never fires")
{
    rule_crew(rule, drop_weak_first, NULL);
}
