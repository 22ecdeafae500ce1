/* generations.c - collectors/generations: who is looked at, who moves up, what holds whom, and when.
 *
 * What every collector must do is tested in conformance/; here is what this one does differently.
 */
#include "tests/unit/generations_heap.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 20000 };

static uint16_t stubborn_index;

/* --- moving up ------------------------------------------------------------------------------------ */

Test(generations, an_object_moves_up_when_its_generation_is_collected)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *object = make(fixture.thread);
    cr_assert_eq(generation_of(object), 0);
    collect(&fixture, 0);
    cr_assert_eq(generation_of(object), 1);
    collect(&fixture, 0);
    cr_assert_eq(generation_of(object), 1, "generation 1 was not collected");
    collect(&fixture, 1);
    cr_assert_eq(generation_of(object), 2);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        collect(&fixture, generation);
        cr_assert_eq(generation_of(object), 2);
    }
    orr_release(fixture.thread, object);
    close_empty(&fixture);
}

Test(generations, what_survives_a_collection_of_generation_n_is_in_the_next)
{
    struct fixture fixture;
    open(&fixture);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        struct orr_object *object = make(fixture.thread);
        collect(&fixture, generation);
        cr_assert_eq(generation_of(object), generation == 0 ? 1 : 2);
        orr_release(fixture.thread, object);
    }
    close_empty(&fixture);
}

Test(generations, a_young_cycle_dies_young)
{
    struct fixture fixture;
    open(&fixture);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        orr_release(fixture.thread, make_cycle(fixture.thread));
        cr_assert_eq(small_live(fixture.heap), 2);
        cr_assert_eq(collect(&fixture, generation), 2);
        cr_assert_eq(small_live(fixture.heap), 0);
        cr_assert_eq(collect(&fixture, generation), 0);
    }
    close_empty(&fixture);
}

/* --- across generations ------------------------------------------------------------------------------ */

Test(generations, an_old_object_holds_the_young_that_it_refers_to)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *old = make_old(&fixture), *cycle = make_cycle(fixture.thread);
    orr_give(fixture.thread, old, 0, cycle);
    cr_assert_eq(collect(&fixture, 0), 0);
    cr_assert_eq(generation_of(cycle), 1);
    orr_set(fixture.thread, old, 0, NULL);
    cr_assert_eq(collect(&fixture, 0), 0, "it is in generation 1 now");
    cr_assert_eq(collect(&fixture, 1), 2);
    orr_release(fixture.thread, old);
    close_empty(&fixture);
}

Test(generations, a_cycle_across_generations_waits_for_the_oldest_of_them)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *old = make_old(&fixture), *young = make(fixture.thread);
    orr_set(fixture.thread, old, 0, young);
    orr_set(fixture.thread, young, 0, old);
    orr_release(fixture.thread, young);
    orr_release(fixture.thread, old);
    cr_assert_eq(collect(&fixture, 0), 0);
    cr_assert_eq(collect(&fixture, 1), 0);
    cr_assert_eq(small_live(fixture.heap), 2);
    cr_assert_eq(collect(&fixture, 2), 2);
    close_empty(&fixture);
}

Test(generations, a_dead_middle_aged_cycle_holds_a_young_one_until_its_own_turn)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *middle = make_cycle(fixture.thread);
    collect(&fixture, 0);
    cr_assert_eq(generation_of(middle), 1);
    orr_give(fixture.thread, middle, 1, make_cycle(fixture.thread));
    orr_release(fixture.thread, middle);
    cr_assert_eq(collect(&fixture, 0), 0);
    cr_assert_eq(collect(&fixture, 1), 4);
    close_empty(&fixture);
}

Test(generations, garbage_gives_back_what_it_held_of_the_old)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *old = make_old(&fixture), *cycle = make_cycle(fixture.thread);
    struct orr_object *middle = make(fixture.thread);
    orr_give(fixture.thread, cycle, 1, old); /* its only reference */
    orr_give(fixture.thread, old, 1, middle);
    collect(&fixture, 0);
    orr_give(fixture.thread, cycle, 1,
             orr_take(&(struct orr_own){.ref = make_cycle(fixture.thread)}));
    cr_assert_eq(small_live(fixture.heap), 4, "what was old died by counting");
    orr_release(fixture.thread, cycle);
    cr_assert_eq(collect(&fixture, 1), 4);
    close_empty(&fixture);
}

/* --- cost ------------------------------------------------------------------------------------------ */

/* A list of `count` objects that is all old; the caller's. */
static struct orr_object *
make_old_list(struct fixture *fixture, uint32_t count)
{
    struct orr_object *list = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct orr_object *object = make(fixture->thread);
        if (list)
            orr_give(fixture->thread, object, 0, list);
        list = object;
    }
    collect(fixture, ORR_GENERATION_OLDEST);
    return list;
}

Test(generations, a_young_collection_does_not_look_at_the_old)
{
    for (int is_large = 0; is_large < 2; is_large++) {
        struct fixture fixture;
        open(&fixture);
        struct orr_object *list = make_old_list(&fixture, is_large ? MANY : 1);
        struct orr_object *cycle = make_cycle(fixture.thread);
        orr_set(fixture.thread, cycle, 1, list);
        for (int generation = 0; generation < 2; generation++) {
            cr_assert_eq(collect(&fixture, generation), 0);
            cr_assert_eq(fixture.observed.last.nodes_visited, 2);
            cr_assert_eq(fixture.observed.last.edges_visited, 3);
            cr_assert_eq(fixture.observed.last.candidates, 2);
        }
        cr_assert_eq(collect(&fixture, 0), 0);
        cr_assert_eq(fixture.observed.last.nodes_visited, 0, "nothing is young");
        cr_assert_eq(collect(&fixture, 2), 0);
        cr_assert_eq(fixture.observed.last.nodes_visited, is_large ? MANY + 2 : 3);
        orr_release(fixture.thread, cycle);
        orr_release(fixture.thread, list);
        close_empty(&fixture);
    }
}

/* --- when ------------------------------------------------------------------------------------------- */

static int
due_with(struct orr_heap *heap, uint64_t young, uint64_t middle)
{
    orr_store_relaxed(&heap->gc.counts[1], young);
    orr_store_relaxed(&heap->gc.counts[2], middle);
    return heap->collector->due(heap);
}

Test(generations, the_oldest_generation_that_passed_its_threshold_is_due)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_heap *heap = fixture.heap;
    const uint64_t thresholds[] = {100, 10, 5};
    orr_gc_threshold_set(heap, thresholds);
    heap->gc.long_lived = 1000;
    heap->gc.long_lived_pending = 251;
    cr_assert_eq(due_with(heap, 0, 0), 0);
    cr_assert_eq(due_with(heap, 10, 5), 0);
    cr_assert_eq(due_with(heap, 11, 5), 1);
    cr_assert_eq(due_with(heap, 11, 6), 2);
    cr_assert_eq(due_with(heap, 0, 6), 2);
    heap->gc.long_lived_pending = 250;
    cr_assert_eq(due_with(heap, 0, 6), 0, "not more than a quarter has come");
    cr_assert_eq(due_with(heap, 11, 6), 1);
    heap->gc.long_lived = heap->gc.long_lived_pending = 0;
    cr_assert_eq(due_with(heap, 11, 6), 1, "there is nothing old");
    due_with(heap, 0, 0);
    close_empty(&fixture);
}

Test(generations, the_long_lived_are_counted_as_they_move_up)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_gc *gc = &fixture.heap->gc;
    struct orr_object *list = make_old_list(&fixture, 100);
    cr_assert_eq(gc->long_lived, 100);
    struct orr_object *cycle = make_cycle(fixture.thread);
    collect(&fixture, 0);
    cr_assert_eq(gc->long_lived_pending, 0);
    collect(&fixture, 1);
    cr_assert_eq(gc->long_lived_pending, 2);
    orr_release(fixture.thread, cycle);
    cr_assert_eq(collect(&fixture, 2), 2);
    cr_assert_eq(gc->long_lived, 100);
    cr_assert_eq(gc->long_lived_pending, 0);
    orr_release(fixture.thread, list);
    close_empty(&fixture);
}

Test(generations, a_heap_that_only_grows_is_walked_more_and_more_seldom)
{
    struct fixture fixture = {.heap = NULL};
    struct orr_heap_options options = options_of("generations", &fixture.observed);
    options.verify = false;
    options.trigger = (struct orr_trigger){.kind = ORR_TRIGGER_count, .count = 50};
    options.thresholds[0] = 50;
    options.thresholds[1] = options.thresholds[2] = 1;
    open_with(&fixture, &options);
    ORR_OWN(fixture.thread, list, NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        struct orr_object *object = make(fixture.thread);
        orr_set(fixture.thread, object, 0, list.ref);
        orr_own_set(&list, object);
    }
    const struct observed *observed = &fixture.observed;
    cr_assert(observed->collections > MANY / 50 / 4 && observed->collections < MANY / 50 * 2,
              "%llu collections", (unsigned long long)observed->collections);
    cr_assert(observed->by_generation[1] > observed->collections / 4);
    /* The thresholds alone ask for more than fifty; log(20000 / 200) / log(1.25) is 21. */
    cr_assert(observed->by_generation[2] >= 5 && observed->by_generation[2] <= 30,
              "%llu of the oldest", (unsigned long long)observed->by_generation[2]);
    cr_assert(observed->growth_least > 1.2, "%f", observed->growth_least);
    orr_own_set(&list, NULL);
    close_empty(&fixture);
}

/* --- the permanent set ------------------------------------------------------------------------------- */

Test(generations, the_frozen_are_not_looked_at_and_hold)
{
    struct fixture fixture;
    open(&fixture);
    struct orr_object *keeper = make(fixture.thread), *other = make(fixture.thread);
    cr_assert(orr_gc_freeze(fixture.thread));
    cr_assert_eq(generation_of(keeper), ORR_COLOUR_FROZEN);
    struct orr_object *cycle = make_cycle(fixture.thread);
    orr_set(fixture.thread, cycle, 1, keeper);
    orr_give(fixture.thread, keeper, 0, cycle);
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        cr_assert_eq(collect(&fixture, generation), 0);
        cr_assert_eq(fixture.observed.last.nodes_visited, 2);
        cr_assert_eq(generation_of(keeper), ORR_COLOUR_FROZEN);
    }
    orr_release(fixture.thread, other); /* dies by counting, frozen as it is */
    cr_assert_eq(small_live(fixture.heap), 3);
    orr_release(fixture.thread, keeper);
    cr_assert_eq(collect(&fixture, 2), 0, "its references still hold");
    orr_gc_unfreeze(fixture.thread);
    cr_assert_eq(generation_of(keeper), 2);
    cr_assert_eq(collect(&fixture, 1), 0);
    cr_assert_eq(collect(&fixture, 2), 3);
    close_empty(&fixture);
}

/* --- finalizers ---------------------------------------------------------------------------------------- */

static struct orr_object *saved;

static void
save_myself(struct orr_thread *thread, struct orr_object *object)
{
    orr_retain(thread, object);
    saved = object;
}

static const struct orr_type stubborn_type = {.name = "stubborn",
                                              .bytes = sizeof(struct small_pair),
                                              .references = 2,
                                              .finalize = save_myself,
                                              .index = &stubborn_index};

Test(generations, what_a_finalizer_saves_is_old)
{
    struct fixture fixture;
    struct orr_error error;
    open(&fixture);
    cr_assert_eq(orr_type_register(&stubborn_type, &error), ORR_OK);
    struct orr_object *object = orr_new(fixture.thread, &stubborn_type);
    struct orr_object *follower = make_cycle(fixture.thread);
    orr_set(fixture.thread, object, 0, object);
    orr_give(fixture.thread, object, 1, follower);
    orr_release(fixture.thread, object);
    orr_release(fixture.thread, make_cycle(fixture.thread));
    cr_assert_eq(collect(&fixture, 0), 2, "three are saved, two are not");
    cr_assert_eq(saved, object);
    cr_assert_eq(generation_of(object), 2);
    cr_assert_eq(generation_of(follower), 2);
    cr_assert_eq(small_live(fixture.heap), 3);
    verify(&fixture);
    orr_release(fixture.thread, saved);
    cr_assert_eq(collect(&fixture, 1), 0);
    cr_assert_eq(collect(&fixture, 2), 3);
    close_empty(&fixture);
}

/* Dead when its entry is taken, but its finalizer, which cannot run in a stop, brings it back afterwards. */
Test(generations, what_a_finalizer_saves_that_was_put_off_by_a_collection_is_old)
{
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        struct fixture fixture = {.heap = NULL};
        struct orr_error error;
        struct orr_heap_options options = options_of("generations", &fixture.observed);
        options.release_slice = 1;
        open_with(&fixture, &options);
        cr_assert_eq(orr_type_register(&stubborn_type, &error), ORR_OK);
        struct orr_object *holder = make(fixture.thread);
        orr_give(fixture.thread, holder, 0, orr_new(fixture.thread, &stubborn_type));
        saved = NULL;
        orr_release(fixture.thread, holder);
        cr_assert(!saved && fixture.thread->dead, "the slice has left it for later");
        collect(&fixture, generation);
        cr_assert(saved);
        cr_assert_eq(generation_of(saved), 2);
        verify(&fixture);
        orr_release(fixture.thread, saved);
        orr_poll(fixture.thread);
        cr_assert_eq(small_live(fixture.heap), 0);
        close_empty(&fixture);
    }
}

/* --- against another collector --------------------------------------------------------------------------- */

static uint64_t
next_chance(uint64_t *chance)
{
    *chance = *chance * 6364136223846793005u + 1442695040888963407u;
    return *chance >> 33;
}

/* Rewires a graph below a scaffold for a while; what is alive after each complete collection is noted. */
static void
wander(struct fixture *fixture, uint64_t chance, uint64_t *living, size_t rounds)
{
    const int last = ORR_GENERATION_OLDEST;
    ORR_OWN(fixture->thread, array, orr_new_array(fixture->thread, &array_type, SCAFFOLD, 0));
    for (size_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            struct orr_slot *to =
                orr_element(array.ref, (uint32_t)(next_chance(&chance) % SCAFFOLD));
            struct orr_slot *from =
                orr_element(array.ref, (uint32_t)(next_chance(&chance) % SCAFFOLD));
            uint64_t what = next_chance(&chance) % 10;
            ORR_OWN(fixture->thread, target, orr_get_slot(fixture->thread, to));
            ORR_OWN(fixture->thread, source, orr_get_slot(fixture->thread, from));
            if (what < 4)
                orr_own_set(&target, make(fixture->thread));
            if (what < 2 && source.ref)
                orr_set(fixture->thread, target.ref, 1, source.ref);
            if (source.ref)
                orr_set(fixture->thread, source.ref, (uint32_t)(what & 1), target.ref);
            orr_set_slot(fixture->thread, array.ref, to, what == 9 ? NULL : target.ref);
        }
        for (uint64_t i = next_chance(&chance) % 4; i > 0; i--)
            collect(fixture, (int)(next_chance(&chance) % (uint64_t)last));
        collect(fixture, last);
        living[round] = small_live(fixture->heap);
    }
}

Test(generations, agree_with_subtract_on_what_lives)
{
    enum { ROUNDS = 12 };
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t living[2][ROUNDS];
        for (int which = 0; which < 2; which++) {
            struct fixture fixture = {.heap = NULL};
            const struct orr_heap_options options =
                options_of(which ? "subtract" : "generations", &fixture.observed);
            open_with(&fixture, &options);
            wander(&fixture, seed, living[which], ROUNDS);
            close_empty(&fixture);
        }
        for (size_t i = 0; i < ROUNDS; i++)
            cr_assert_eq(living[0][i], living[1][i], "seed %llu, round %zu: %llu, not %llu",
                         (unsigned long long)seed, i, (unsigned long long)living[0][i],
                         (unsigned long long)living[1][i]);
    }
}

/* --- counts that cannot be -------------------------------------------------------------------------------- */

/* Takes away a reference that a field still holds, and collects; never returns in checked builds. */
static void
collect_after_a_lost_retain(int generation)
{
    struct fixture fixture = {.heap = NULL};
    struct orr_heap_options options = options_of("generations", &fixture.observed);
    options.ledger = options.verify = false;
    open_with(&fixture, &options);
    struct orr_object *one = make(fixture.thread), *other = make(fixture.thread);
    orr_set(fixture.thread, one, 0, other);
    orr_set(fixture.thread, one, 1, other);
    orr_release(fixture.thread, other);
    orr_sub_relaxed(&other->count, 1);
    collect(&fixture, generation);
}

/* What a child process that does so writes to standard error. */
static void
hear_death(int generation, char *text, size_t room, int *status)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        collect_after_a_lost_retain(generation);
        _exit(0);
    }
    cr_assert(child > 0);
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; (got = read(ends[0], text + used, room - 1 - used)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, status, 0), child);
}

Test(generations, a_count_below_what_was_found_aborts_and_says_whose)
{
    if (!ORR_IS_CHECKED)
        cr_skip("counts are compared in checked builds");
    for (int generation = 0; generation < ORR_GENERATIONS; generation++) {
        static char text[4096];
        int status;
        hear_death(generation, text, sizeof text, &status);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x: %s", status,
                  text);
        cr_assert(strstr(text, "of type pair") && strstr(text, "has 1 references by its count") &&
                      strstr(text, "2 were found"),
                  "%s", text);
    }
}

/* --- the bound ---------------------------------------------------------------------------------------- */

/* The old may have died meanwhile: what counts against the bound is what was taken since all were looked at. */
Test(generations, only_a_collection_of_the_oldest_begins_the_bound_anew)
{
    struct fixture fixture;
    open(&fixture);
    orr_release(fixture.thread, make(fixture.thread));
    const uint64_t before = orr_load_relaxed(&fixture.heap->gc.taken_at_complete);
    for (int generation = 0; generation < ORR_GENERATION_OLDEST; generation++) {
        collect(&fixture, generation);
        cr_assert_eq(orr_load_relaxed(&fixture.heap->gc.taken_at_complete), before);
    }
    collect(&fixture, ORR_GENERATION_OLDEST);
    cr_assert(orr_load_relaxed(&fixture.heap->gc.taken_at_complete) > before);
    close_empty(&fixture);
}

/* Deaths of what a collection has left count against no births of afterwards. */
Test(generations, who_dies_by_counting_after_a_collection_hides_no_newborn)
{
    enum { OLD = 100, YOUNG = 10 };
    struct fixture fixture;
    struct orr_object *objects[OLD];
    uint64_t counts[ORR_GENERATIONS];
    open(&fixture);
    for (int i = 0; i < OLD; i++)
        objects[i] = make(fixture.thread);
    collect(&fixture, ORR_GENERATION_OLDEST);
    for (int i = 0; i < OLD; i++)
        orr_release(fixture.thread, objects[i]);
    orr_gc_count(fixture.heap, fixture.thread, counts);
    cr_assert_eq(counts[0], 0);
    for (int i = 0; i < YOUNG; i++)
        objects[i] = make(fixture.thread);
    orr_gc_count(fixture.heap, fixture.thread, counts);
    cr_assert_eq(counts[0], YOUNG);
    for (int i = 0; i < YOUNG; i++)
        orr_release(fixture.thread, objects[i]);
    close_empty(&fixture);
}
