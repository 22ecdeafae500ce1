/* finish.c - runtime/finish: the last collection runs the last finalizers, and what is left is told by type,
 * number and place.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/finalize.h"
#include "runtime/finish.h"
#include "runtime/gc.h"
#include "runtime/ledger.h"
#include "tests/unit/small_heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- types ------------------------------------------------------------------------------------------- */

static unsigned finalized;

static void
count_finalizer(struct orr_thread *caller, struct orr_object *object)
{
    (void)caller;
    (void)object;
    finalized++;
}

static uint16_t last_index, legacy_index, leaf_index;
static const struct orr_type last_type = {.name = "last",
                                          .bytes = sizeof(struct small_pair),
                                          .references = 2,
                                          .finalize = count_finalizer,
                                          .index = &last_index};
static const struct orr_type legacy_type = {.name = "legacy",
                                            .bytes = sizeof(struct small_pair),
                                            .references = 2,
                                            .flags = ORR_TYPE_LEGACY,
                                            .finalize = count_finalizer,
                                            .index = &legacy_index};
static const struct orr_type leaf_type = {
    .name = "leaf", .bytes = 200, .flags = ORR_TYPE_ACYCLIC, .index = &leaf_index};

/* --- a heap ------------------------------------------------------------------------------------------ */

static struct orr_heap *heap;
static struct orr_thread *thread;
static char sentences[4096];

static void
keep_sentence(void *context, const char *sentence)
{
    (void)context;
    size_t used = strlen(sentences);
    snprintf(sentences + used, sizeof sentences - used, "%s\n", sentence);
}

static struct orr_heap_options
options_for(const char *collector)
{
    struct orr_heap_options options = small_options(&orr_rc_biased, collector, &orr_heap_blocks);
    options.listener.report = keep_sentence;
    return options;
}

static void
open_heap(const struct orr_heap_options *options)
{
    struct orr_error error;
    heap = small_heap_open(options);
    thread = small_attach(heap);
    cr_assert_eq(orr_type_register(&last_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&legacy_type, &error), ORR_OK);
    cr_assert_eq(orr_type_register(&leaf_type, &error), ORR_OK);
    sentences[0] = 0;
    finalized = 0;
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static struct orr_leaks
finish(void)
{
    struct orr_leaks leaks;
    cr_assert_eq(orr_heap_finish(thread, &leaks), ORR_OK);
    return leaks;
}

/* A ring of one, let go. */
static void
drop_ring(const struct orr_type *type)
{
    struct orr_object *const ring = orr_new(thread, type);
    orr_set(thread, ring, 0, ring);
    orr_release(thread, ring);
}

/* The report as text; the caller frees it. */
static char *
print(const struct orr_leaks *leaks)
{
    char *text;
    size_t bytes;
    FILE *const file = open_memstream(&text, &bytes);
    orr_leaks_print(leaks, file);
    fclose(file);
    return text;
}

static void
expect_text(const struct orr_leaks *leaks, const char *part)
{
    char *const text = print(leaks);
    cr_assert(strstr(text, part), "\"%s\" is not in:\n%s", part, text);
    free(text);
}

/* --- tests ------------------------------------------------------------------------------------------- */

Test(finish, of_a_clean_heap_nothing_is_left)
{
    const struct orr_heap_options options = options_for("trial");
    open_heap(&options);
    orr_release(thread, orr_new(thread, &small_pair));
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 0);
    cr_assert_eq(leaks.bytes, 0);
    cr_assert_eq(leaks.kind_count, 0);
    expect_text(&leaks, "nothing is left\n");
    orr_leaks_free(&leaks);
    close_heap();
}

static void
lose(unsigned pairs, unsigned leaves)
{
    for (unsigned i = 0; i < pairs; i++)
        (void)orr_new(thread, &small_pair);
    for (unsigned i = 0; i < leaves; i++)
        (void)orr_new(thread, &leaf_type);
}

static void
expect_lost(const struct orr_heap_options *options)
{
    open_heap(options);
    lose(3, 2);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 5);
    cr_assert_eq(leaks.bytes, 3 * sizeof(struct small_pair) + 2 * 200);
    cr_assert_eq(leaks.kind_count, 2);
    cr_assert_eq(leaks.kinds[0].type, &leaf_type, "most bytes first");
    cr_assert_eq(leaks.kinds[0].objects, 2);
    cr_assert_eq(leaks.kinds[0].bytes, 400);
    cr_assert_eq(leaks.kinds[1].type, &small_pair);
    cr_assert_eq(leaks.kinds[1].objects, 3);
    expect_text(&leaks, "5 objects are left, 520 bytes\n");
    expect_text(&leaks, "           2            400  leaf\n");
    orr_leaks_free(&leaks);
    cr_assert_null(leaks.kinds);
    close_heap();
}

Test(finish, what_is_left_is_told_by_type)
{
    struct orr_heap_options options = options_for("subtract");
    expect_lost(&options);
    options.kind = &orr_heap_jemalloc;
    expect_lost(&options);
    options.kind = &orr_heap_libc;
    expect_lost(&options);
    options.ledger = true;
    expect_lost(&options);
}

Test(finish, a_heap_that_cannot_be_walked_asks_its_ledger)
{
    struct orr_heap_options options = options_for("trial");
    options.kind = &orr_heap_mimalloc;
    options.ledger = true;
    expect_lost(&options);
}

Test(finish, without_a_walk_and_a_ledger_the_number_is_all)
{
    struct orr_heap_options options = options_for("trial");
    options.kind = &orr_heap_mimalloc;
    open_heap(&options);
    lose(3, 2);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 5);
    cr_assert_null(leaks.kinds);
    char *const text = print(&leaks);
    cr_assert_str_eq(text, "5 objects are left\n");
    free(text);
    orr_leaks_free(&leaks);
    close_heap();
}

/* --- sites ------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void
make_here(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)orr_new(thread, &small_pair);
    __asm__ volatile(""); /* not the same text as the next */
}

static __attribute__((noinline)) void
make_there(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)orr_new(thread, &small_pair);
    __asm__ volatile("nop");
}

static bool
lies_behind(const void *site, void (*function)(unsigned))
{
    enum { FUNCTION_BYTES_MOST = 4096 };
    const uintptr_t start = (uintptr_t)function;
    return (uintptr_t)site > start && (uintptr_t)site < start + FUNCTION_BYTES_MOST;
}

static void
expect_sites(const struct orr_heap_kind *kind)
{
    struct orr_heap_options options = options_for("trial");
    options.kind = kind;
    options.sites = true;
    open_heap(&options);
    make_here(5);
    make_there(3);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.kind_count, 2, "one type, two places");
    cr_assert_eq(leaks.kinds[0].objects, 5);
    cr_assert_eq(leaks.kinds[1].objects, 3);
    cr_assert(lies_behind(leaks.kinds[0].site, make_here), "%p", leaks.kinds[0].site);
    cr_assert(lies_behind(leaks.kinds[1].site, make_there), "%p", leaks.kinds[1].site);
    expect_text(&leaks, "made at");
    expect_text(&leaks, "+0x");
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, with_sites_it_is_told_where_they_were_made)
{
    expect_sites(&orr_heap_blocks);
    expect_sites(&orr_heap_mimalloc);
}

Test(finish, many_places_are_kept_apart)
{
    enum { PLACES = 500 };
    struct orr_heap_options options = options_for("none");
    options.sites = true;
    open_heap(&options);
    static struct orr_object strangers[PLACES];
    for (uintptr_t i = 0; i < PLACES; i++) {
        orr_store_relaxed(&strangers[i].type, small_pair_index);
        orr_ledger_born_at(heap->ledger, &strangers[i], (void *)(i + 1));
    }
    struct orr_leaks leaks;
    cr_assert_eq(orr_heap_finish(thread, &leaks), ORR_OK);
    cr_assert_eq(leaks.kind_count, PLACES);
    for (uintptr_t i = 0; i < PLACES; i++)
        cr_assert_eq(leaks.kinds[i].site, (void *)(i + 1),
                     "equals are in the order of their sites");
    orr_leaks_free(&leaks);
    close_heap();
}

/* --- the table ---------------------------------------------------------------------------------------- */

static const struct orr_type wide_type = {.name = "wide", .bytes = 400},
                             thin_type = {.name = "thin", .bytes = 100};

/* As a report that somebody made; sites are told as well as they are known. */
Test(finish, a_place_is_told_by_symbol_by_file_by_address_or_not_at_all)
{
    struct orr_leak kinds[] = {
        {.type = &wide_type,
         .site = (const char *)(uintptr_t)setenv + 1,
         .objects = 3,
         .bytes = 1200},
        {.type = &wide_type, .site = (const void *)16, .objects = 2, .bytes = 800},
        {.type = &thin_type, .objects = 1, .bytes = 100},
    };
    const struct orr_leaks leaks = {
        .objects = 6, .bytes = 2100, .garbage = 4, .kinds = kinds, .kind_count = 3};
    expect_text(&leaks, "6 objects are left, 2100 bytes; 4 on the garbage list\n");
    expect_text(&leaks, "setenv+0x1 ");
    expect_text(&leaks, "libc.so.6+0x");
    expect_text(&leaks, "wide                  0x10\n");
    expect_text(&leaks, "thin                  (not known)\n");
}

Test(finish, one_object_is_told_in_the_singular)
{
    struct orr_leak kinds[] = {{.type = &thin_type, .objects = 1, .bytes = 100}};
    const struct orr_leaks leaks = {.objects = 1, .bytes = 100, .kinds = kinds, .kind_count = 1};
    expect_text(&leaks, "1 object is left, 100 bytes\n");
}

static uint16_t half_index, same_index;
static const struct orr_type
    half_type = {.name = "half", .bytes = 100, .flags = ORR_TYPE_ACYCLIC, .index = &half_index},
    same_type = {.name = "alike", .bytes = 200, .flags = ORR_TYPE_ACYCLIC, .index = &same_index};

/* 4 halves, 2 leaves and 2 of a type like leaf are 400 bytes each. */
Test(finish, of_equal_bytes_the_many_come_first_and_of_equal_numbers_the_names_decide)
{
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    cr_assert_eq(orr_type_register(&half_type, NULL), ORR_OK);
    cr_assert_eq(orr_type_register(&same_type, NULL), ORR_OK);
    lose(1, 2);
    for (int i = 0; i < 4; i++) {
        (void)orr_new(thread, &half_type);
        if (i % 2)
            (void)orr_new(thread, &same_type);
    }
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.kind_count, 4);
    cr_assert_eq(leaks.kinds[0].type, &half_type);
    cr_assert_eq(leaks.kinds[1].type, &same_type);
    cr_assert_eq(leaks.kinds[2].type, &leaf_type);
    cr_assert_eq(leaks.kinds[3].type, &small_pair);
    orr_leaks_free(&leaks);
    close_heap();
}

static void
expect_immortal_is_no_leak(struct orr_heap_options options, const struct orr_heap_kind *kind)
{
    options.kind = kind;
    open_heap(&options);
    struct orr_object *const immortal = orr_new(thread, &small_pair);
    cr_assert(orr_immortalise(thread, immortal));
    orr_set(thread, immortal, 0, immortal);
    lose(1, 0);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 1, "on %s: %llu", kind->name, (unsigned long long)leaks.objects);
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, what_is_immortal_is_no_leak)
{
    struct orr_heap_options options = options_for("none");
    expect_immortal_is_no_leak(options, &orr_heap_blocks);
    expect_immortal_is_no_leak(options, &orr_heap_mimalloc);
    options.ledger = true;
    expect_immortal_is_no_leak(options, &orr_heap_mimalloc);
}

/* --- the last collection ------------------------------------------------------------------------------ */

static void
expect_rings_finalized(const char *collector)
{
    const struct orr_heap_options options = options_for(collector);
    open_heap(&options);
    drop_ring(&last_type);
    drop_ring(&last_type);
    cr_assert_eq(finalized, 0);
    struct orr_leaks leaks = finish();
    cr_assert_eq(finalized, 2, "%s", collector);
    cr_assert_eq(leaks.objects, 0, "%s", collector);
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, the_last_collection_runs_the_finalizers_of_what_lies_in_cycles)
{
    expect_rings_finalized("trial");
    expect_rings_finalized("subtract");
    expect_rings_finalized("generations");
    expect_rings_finalized("mark");
}

Test(finish, a_disabled_collector_still_has_its_last_turn)
{
    struct orr_heap_options options = options_for("subtract");
    options.gc_disabled = true;
    open_heap(&options);
    drop_ring(&last_type);
    struct orr_leaks leaks = finish();
    cr_assert_eq(finalized, 1);
    orr_leaks_free(&leaks);
    close_heap();
}

static unsigned rings_left;

static void
drop_another(struct orr_thread *caller, struct orr_object *object)
{
    (void)caller;
    (void)object;
    if (rings_left-- > 1)
        drop_ring(orr_type_of(object));
}

static uint16_t chain_index;
static const struct orr_type chain_type = {.name = "chain",
                                           .bytes = sizeof(struct small_pair),
                                           .references = 2,
                                           .finalize = drop_another,
                                           .index = &chain_index};

Test(finish, garbage_that_finalizers_make_is_collected_too)
{
    struct orr_error error;
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    cr_assert_eq(orr_type_register(&chain_type, &error), ORR_OK);
    rings_left = 5;
    drop_ring(&chain_type);
    struct orr_leaks leaks = finish();
    cr_assert_eq(rings_left, 0);
    cr_assert_eq(leaks.objects, 0);
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, a_finalizer_without_an_end_does_not_hold_it_up, .timeout = 60)
{
    struct orr_error error;
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    cr_assert_eq(orr_type_register(&chain_type, &error), ORR_OK);
    rings_left = 1000000;
    drop_ring(&chain_type);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 1, "the newest ring");
    orr_leaks_free(&leaks);
    close_heap();
}

static void
count_call(struct orr_thread *caller, void *argument)
{
    (void)caller;
    ++*(unsigned *)argument;
}

Test(finish, registered_functions_are_called_and_leave_nothing)
{
    const struct orr_heap_options options = options_for("trial");
    open_heap(&options);
    unsigned calls = 0, late_calls = 0;
    struct orr_object *const object = orr_new(thread, &small_pair);
    cr_assert(orr_finalize_add(thread, object, count_call, &calls));
    struct orr_finalize *const late = orr_finalize_add(thread, object, count_call, &late_calls);
    orr_finalize_at_exit(late, false);
    struct orr_leaks leaks = finish();
    cr_assert_eq(calls, 1);
    cr_assert_eq(leaks.finalizers_run, 1);
    cr_assert_eq(late_calls, 0);
    cr_assert_not(orr_finalize_is_alive(late));
    cr_assert_eq(leaks.objects, 1, "the object; the registry's weak references are gone");
    cr_assert_eq(leaks.kinds[0].type, &small_pair);
    orr_leaks_free(&leaks);
    orr_release(thread, object);
    cr_assert_eq(late_calls, 0);
    close_heap();
}

Test(finish, frozen_rings_are_found)
{
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    struct orr_object *const ring = orr_new(thread, &last_type);
    orr_set(thread, ring, 0, ring);
    cr_assert(orr_gc_freeze(thread));
    orr_release(thread, ring);
    orr_settle(thread);
    cr_assert_eq(finalized, 0);
    struct orr_leaks leaks = finish();
    cr_assert_eq(finalized, 1);
    cr_assert_eq(leaks.objects, 0);
    orr_leaks_free(&leaks);
    close_heap();
}

/* --- garbage ----------------------------------------------------------------------------------------- */

static void
finish_with_garbage(uint32_t debug)
{
    struct orr_heap_options options = options_for("subtract");
    options.debug = debug;
    open_heap(&options);
    drop_ring(&legacy_type);
    drop_ring(&legacy_type);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.garbage, 2);
    cr_assert_eq(leaks.objects, 2, "what the list holds is left");
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, garbage_is_warned_of_with_its_number)
{
    finish_with_garbage(0);
    cr_assert_str_eq(sentences,
                     "2 uncollectable objects at shutdown; ORR_DEBUG_UNCOLLECTABLE lists them\n");
}

Test(finish, garbage_is_listed_when_asked_for)
{
    finish_with_garbage(ORR_DEBUG_UNCOLLECTABLE);
    cr_assert(strstr(sentences, "2 uncollectable objects at shutdown\n"), "%s", sentences);
    const char *const first = strstr(sentences, "uncollectable at shutdown: legacy at 0x");
    cr_assert(first, "%s", sentences);
    cr_assert(strstr(first + 1, "uncollectable at shutdown: legacy at 0x"), "%s", sentences);
}

Test(finish, garbage_that_was_saved_for_inspection_is_no_reason_to_warn)
{
    finish_with_garbage(ORR_DEBUG_SAVEALL);
    cr_assert_null(strstr(sentences, "shutdown"), "%s", sentences);
}

Test(finish, one_garbage_object_is_warned_of_in_the_singular_on_standard_error_without_a_listener)
{
    struct orr_heap_options options = options_for("subtract");
    options.listener.report = NULL;
    open_heap(&options);
    drop_ring(&legacy_type);
    FILE *const caught = tmpfile();
    const int saved = dup(STDERR_FILENO);
    cr_assert(caught && saved >= 0);
    dup2(fileno(caught), STDERR_FILENO);
    const enum orr_status status = orr_heap_finish(thread, NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(caught);
    char text[256];
    text[fread(text, 1, sizeof text - 1, caught)] = '\0';
    fclose(caught);
    cr_assert_eq(status, ORR_OK);
    cr_assert_str_eq(
        text, "orrery: 1 uncollectable object at shutdown; ORR_DEBUG_UNCOLLECTABLE lists them\n");
    close_heap();
}

/* --- without memory, without a report ------------------------------------------------------------------ */

Test(finish, without_memory_for_the_report_everything_else_is_done)
{
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    drop_ring(&last_type);
    lose(3, 2);
    struct orr_leaks leaks;
    orr_fail_allocation(1, true);
    cr_assert_eq(orr_heap_finish(thread, &leaks), ORR_OUT_OF_MEMORY);
    orr_fail_allocation(0, false);
    cr_assert_eq(finalized, 1);
    cr_assert_eq(leaks.objects, 5);
    cr_assert_eq(leaks.bytes, 520);
    cr_assert_null(leaks.kinds);
    cr_assert_eq(leaks.kind_count, 0);
    orr_leaks_free(&leaks);
    close_heap();
}

Test(finish, a_report_is_not_needed)
{
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    drop_ring(&last_type);
    cr_assert_eq(orr_heap_finish(thread, NULL), ORR_OK);
    cr_assert_eq(finalized, 1);
    close_heap();
}

Test(finish, threads_that_are_blocked_do_not_matter)
{
    const struct orr_heap_options options = options_for("subtract");
    open_heap(&options);
    struct orr_thread *const other = small_attach(heap);
    orr_block_enter(other);
    lose(1, 0);
    struct orr_leaks leaks = finish();
    cr_assert_eq(leaks.objects, 1);
    orr_leaks_free(&leaks);
    orr_block_leave(other);
    orr_thread_detach(other);
    close_heap();
}
