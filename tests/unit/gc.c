/* gc.c - runtime/gc: settings are read back, callbacks go by their pair, sentences find a reader.
 *
 * What collections do when they are asked for is in conformance/rules.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "runtime/gc.h"
#include "runtime/raise.h"
#include "tests/unit/small_heap.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct orr_heap *heap;
static struct orr_thread *thread;

static void
open_heap(void)
{
    const struct orr_heap_options options =
        small_options(&orr_rc_atomic, "subtract", &orr_heap_blocks);
    heap = small_heap_open(&options);
    thread = small_attach(heap);
}

static void
close_heap(void)
{
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

TestSuite(gc, .init = open_heap, .fini = close_heap);

static void
drop_ring(void)
{
    ORR_OWN(thread, pair, orr_new(thread, &small_pair));
    cr_assert(pair.ref);
    orr_set(thread, pair.ref, 0, pair.ref);
}

static struct orr_gc_result
collect(void)
{
    struct orr_gc_result result;
    cr_assert_eq(orr_gc_collect(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    return result;
}

/* --- settings ---------------------------------------------------------------------------------------- */

Test(gc, settings_are_read_back)
{
    const struct orr_trigger chosen = {
        .kind = ORR_TRIGGER_adaptive, .count = 7, .bytes = 8, .ratio = 0.5};
    struct orr_trigger trigger;
    orr_gc_bound_set(heap, 12345);
    cr_assert_eq(orr_gc_bound(heap), 12345);
    orr_gc_debug_set(heap, ORR_DEBUG_LEAK);
    cr_assert_eq(orr_gc_debug(heap), (uint32_t)ORR_DEBUG_LEAK);
    orr_gc_trigger_set(heap, &chosen);
    orr_gc_trigger(heap, &trigger);
    cr_assert_eq(trigger.kind, chosen.kind);
    cr_assert_eq(trigger.count, chosen.count);
    cr_assert_eq(trigger.bytes, chosen.bytes);
    cr_assert_eq(trigger.ratio, chosen.ratio);
}

Test(gc, options_may_set_the_older_thresholds_alone)
{
    struct orr_heap_options options =
        small_options(&orr_rc_atomic, "generations", &orr_heap_blocks);
    uint64_t thresholds[ORR_GENERATIONS];
    for (int i = 1; i < ORR_GENERATIONS; i++) {
        memset(options.thresholds, 0, sizeof options.thresholds);
        options.thresholds[i] = 77;
        struct orr_heap *other = small_heap_open(&options);
        orr_gc_threshold(other, thresholds);
        for (int j = 0; j < ORR_GENERATIONS; j++)
            cr_assert_eq(thresholds[j], options.thresholds[j], "threshold %d", j);
        orr_heap_destroy(other);
    }
}

Test(gc, a_disabled_collector_that_is_asked_politely_does_nothing)
{
    struct orr_gc_result result;
    drop_ring();
    orr_gc_disable(heap);
    cr_assert_eq(orr_gc_collect_if_enabled(thread, ORR_GENERATION_OLDEST, NULL, NULL), ORR_OK);
    cr_assert_eq(small_live(heap), 1);
    cr_assert_eq(orr_gc_collect_if_enabled(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.number, 0);
    struct orr_error error;
    cr_assert_eq(orr_gc_collect_if_enabled(thread, 3, NULL, &error), ORR_BAD_INPUT);
    cr_assert_str_eq(error.message, "there is no generation 3; there are 0 to 2");
    orr_gc_enable(heap);
    cr_assert_eq(orr_gc_collect_if_enabled(thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    cr_assert_eq(result.collected, 1);
}

/* --- callbacks --------------------------------------------------------------------------------------- */

static void
count_call(struct orr_thread *caller, const struct orr_gc_event *event, void *context)
{
    (void)caller;
    *(uint64_t *)context += event->phase == ORR_GC_STOP;
}

static void
count_start(struct orr_thread *caller, const struct orr_gc_event *event, void *context)
{
    (void)caller;
    *(uint64_t *)context += event->phase == ORR_GC_START;
}

Test(gc, a_callback_is_removed_by_function_and_context)
{
    uint64_t first = 0, second = 0;
    cr_assert(orr_gc_callback_add(heap, count_call, &first));
    cr_assert(orr_gc_callback_add(heap, count_call, &second));
    cr_assert(!orr_gc_callback_remove(heap, count_start, &first), "another function");
    cr_assert(!orr_gc_callback_remove(heap, count_call, &heap), "another context");
    collect();
    cr_assert(orr_gc_callback_remove(heap, count_call, &second));
    cr_assert(!orr_gc_callback_remove(heap, count_call, &second), "it was there once");
    collect();
    cr_assert_eq(first, 2);
    cr_assert_eq(second, 1);
}

static void
remove_both(struct orr_thread *caller, const struct orr_gc_event *event, void *context)
{
    (void)event;
    orr_gc_callback_remove(caller->heap, count_start, context);
    orr_gc_callback_remove(caller->heap, remove_both, context);
}

Test(gc, a_callback_that_another_has_removed_is_not_called_any_more)
{
    uint64_t calls = 0;
    cr_assert(orr_gc_callback_add(heap, remove_both, &calls));
    cr_assert(orr_gc_callback_add(heap, count_start, &calls));
    cr_assert(orr_gc_callback_add(heap, count_call, &calls));
    collect();
    cr_assert_eq(calls, 1, "the third alone");
    collect();
    cr_assert_eq(calls, 2);
}

/* --- sentences --------------------------------------------------------------------------------------- */

static int saved_stderr;
static FILE *caught;

static void
catch_stderr(void)
{
    fflush(stderr);
    cr_assert(caught = tmpfile());
    saved_stderr = dup(STDERR_FILENO);
    cr_assert(saved_stderr >= 0);
    cr_assert(dup2(fileno(caught), STDERR_FILENO) >= 0);
}

/* What was written there meanwhile, up to `room` bytes of it. */
static void
release_stderr(char *text, size_t room)
{
    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(caught);
    text[fread(text, 1, room - 1, caught)] = '\0';
    fclose(caught);
}

Test(gc, without_a_listener_sentences_go_to_standard_error)
{
    char text[1024];
    orr_gc_debug_set(heap, ORR_DEBUG_STATS | ORR_DEBUG_COLLECTABLE);
    drop_ring();
    catch_stderr();
    collect();
    release_stderr(text, sizeof text);
    cr_assert_eq(strncmp(text, "orrery: collectable: pair at 0x", 31), 0, "%s", text);
    cr_assert(strstr(text, "\norrery: collection 1 (request) of generation 2: "), "%s", text);
    cr_assert(strstr(text, " 1 collected, 0 uncollectable, "), "%s", text);
}

static void
leave_error(struct orr_thread *caller, const struct orr_gc_event *event, void *context)
{
    (void)context;
    if (event->phase == ORR_GC_STOP)
        orr_raise(caller, ORR_BAD_INPUT, "number %d", 42);
}

Test(gc, without_a_listener_an_error_that_a_callback_leaves_goes_to_standard_error)
{
    char text[1024];
    cr_assert(orr_gc_callback_add(heap, leave_error, NULL));
    catch_stderr();
    collect();
    release_stderr(text, sizeof text);
    cr_assert_str_eq(text, "orrery: error ignored in a callback of the collector: number 42\n");
    cr_assert_null(orr_raised(thread));
}

/* --- what is pending ------------------------------------------------------------------------------------ */

static struct orr_object *last;

static void
say_goodbye(struct orr_thread *caller, struct orr_object *object)
{
    (void)caller, (void)object;
}

static void
let_last_die(struct orr_thread *caller, const struct orr_gc_event *event, void *unused)
{
    (void)unused;
    if (event->phase != ORR_GC_STOP)
        return;
    orr_release(caller, last);
    last = NULL;
}

Test(gc, nothing_is_pending_when_a_collection_has_ended)
{
    static uint16_t index;
    static const struct orr_type type = {.name = "last",
                                         .bytes = sizeof(struct small_pair),
                                         .references = 2,
                                         .finalize = say_goodbye,
                                         .index = &index};
    struct orr_gc_result result;
    cr_assert_eq(orr_type_register(&type, NULL), ORR_OK);
    cr_assert(last = orr_new(thread, &type));
    cr_assert(orr_gc_callback_add(heap, let_last_die, NULL));
    result = collect();
    cr_assert_eq(last, NULL);
    cr_assert_eq(result.finalizers_pending, 0);
    cr_assert(orr_gc_callback_remove(heap, let_last_die, NULL));
}
