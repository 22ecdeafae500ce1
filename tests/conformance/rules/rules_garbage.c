/* rules_garbage.c - rules 18 to 22: the garbage list, legacy finalizers, what is left at the end, and counts that
 * somebody else has broken. */
#define _GNU_SOURCE
#include "tests/conformance/rules/rule.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- 18 --------------------------------------------------------------------------------------------- */

static void
drop_loud_loop(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)argument;
    ORR_OWN(thread, loop, rule_new_ring(thread, &rule_type_loud, 1));
    rule_node_of(loop.ref)->id = index;
}

RULE(18, "with SAVEALL each unreachable object goes to the garbage list, once, finalized and "
         "whole, instead of being freed")
{
    rule_needs_collector(rule);
    struct orr_thread *const thread = rule->thread;
    uint32_t seen = 0;
    orr_gc_debug_set(rule->heap, ORR_DEBUG_SAVEALL);
    rule_crew(rule, drop_loud_loop, NULL);
    RULE_EQUAL(rule_collect(rule), rule->threads);
    RULE_EQUAL(orr_gc_garbage_count(rule->heap), rule->threads);
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(thread, saved, orr_gc_garbage_get(thread, i));
        RULE_CHECK(saved.ref && orr_is_finalized(saved.ref));
        RULE_CHECK(orr_peek(thread, saved.ref, 0) == saved.ref);
        seen |= 1u << rule_node_of(saved.ref)->id;
    }
    RULE_EQUAL(seen, (1u << rule->threads) - 1);
    RULE_CHECK(orr_gc_garbage_get(thread, rule->threads) == NULL);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized),
               rule->threads); /* relaxed, all: all have gone */
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.destroyed), 0);
    RULE_EQUAL(rule_collect(rule), 0); /* the list holds them */

    orr_gc_debug_set(rule->heap, 0);
    orr_gc_garbage_clear(thread);
    RULE_EQUAL(rule_collect(rule), rule->threads);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), rule->threads);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.destroyed), rule->threads);
    RULE_EQUAL(rule_live(rule), 0);
}

/* --- 19, 20 ----------------------------------------------------------------------------------------- */

enum { LEGACY = 1, PARTNER, TAIL, STRANGER };

/* legacy <-> partner -> tail; and beside it a pair of strangers, of which one refers to the partner. */
static void
drop_legacy_cycle(struct orr_thread *thread, uint32_t index, void *argument)
{
    (void)index;
    (void)argument;
    ORR_OWN(thread, legacy, rule_new(thread, &rule_type_legacy));
    ORR_OWN(thread, partner, rule_new(thread, &rule_type_loud));
    ORR_OWN(thread, tail, rule_new(thread, &rule_type_node));
    ORR_OWN(thread, stranger, rule_new_ring(thread, &rule_type_node, 2));
    rule_node_of(legacy.ref)->id = LEGACY;
    rule_node_of(partner.ref)->id = PARTNER;
    rule_node_of(tail.ref)->id = TAIL;
    rule_node_of(stranger.ref)->id = STRANGER;
    orr_set(thread, legacy.ref, 0, partner.ref);
    orr_set(thread, partner.ref, 0, legacy.ref);
    orr_set(thread, partner.ref, 1, tail.ref);
    orr_set(thread, stranger.ref, 1, partner.ref);
}

static void
collect_legacy_cycles(struct rule *rule)
{
    struct orr_gc_result result;
    rule_crew(rule, drop_legacy_cycle, NULL);
    RULE_EQUAL(orr_gc_collect(rule->thread, ORR_GENERATION_OLDEST, &result, NULL), ORR_OK);
    RULE_EQUAL(result.uncollectable, 3 * rule->threads);
    RULE_EQUAL(result.collected, 2 * rule->threads);
    RULE_EQUAL(result.unreachable, 5 * rule->threads);
    RULE_EQUAL(orr_gc_garbage_count(rule->heap), rule->threads);
}

static void
clear_garbage_by_breaking(struct rule *rule)
{
    struct orr_thread *const thread = rule->thread;
    while (orr_gc_garbage_count(rule->heap) > 0) {
        ORR_OWN(thread, legacy, orr_gc_garbage_get(thread, 0));
        orr_set(thread, legacy.ref, 0, NULL);
        RULE_CHECK(orr_gc_garbage_remove(thread, 0));
    }
}

RULE(19, "a dead cycle with a legacy finalizer is kept with all it reaches, and its legacy members "
         "are listed; other garbage of the same collection is freed")
{
    rule_needs_collector(rule);
    struct orr_thread *const thread = rule->thread;
    collect_legacy_cycles(rule);
    for (uint32_t i = 0; i < rule->threads; i++) {
        ORR_OWN(thread, legacy, orr_gc_garbage_get(thread, i));
        ORR_OWN(thread, partner, orr_get(thread, legacy.ref, 0));
        ORR_OWN(thread, tail, orr_get(thread, partner.ref, 1));
        RULE_EQUAL(rule_node_of(legacy.ref)->id, LEGACY);
        RULE_EQUAL(rule_node_of(partner.ref)->id, PARTNER);
        RULE_EQUAL(rule_node_of(tail.ref)->id, TAIL);
        RULE_CHECK(orr_peek(thread, partner.ref, 0) == legacy.ref);
        RULE_CHECK(!orr_is_finalized(legacy.ref) && !orr_is_finalized(partner.ref));
    }
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized), 0); /* relaxed: all have gone */
    RULE_EQUAL(rule_live(rule), 3 * rule->threads);
    RULE_EQUAL(rule_collect(rule), 0);
    clear_garbage_by_breaking(rule);
}

RULE(20, "once a kept cycle is broken by hand and taken off the list, it is freed as usual, and "
         "its finalizers run")
{
    rule_needs_collector(rule);
    if (!ORR_COUNTED)
        rule_not_applicable(rule,
                            "without counts a collection finds all that is dead, and cannot tell "
                            "a legacy finalizer beside a cycle from one on it");
    collect_legacy_cycles(rule);
    clear_garbage_by_breaking(rule);
    rule_settle(rule);
    RULE_EQUAL(rule_live(rule), 0);
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.finalized),
               2 * rule->threads); /* relaxed, both: all have gone */
    RULE_EQUAL(orr_load_relaxed(&rule_tolls.destroyed), 2 * rule->threads);
    RULE_EQUAL(orr_gc_garbage_count(rule->heap), 0);
}

/* --- 21 --------------------------------------------------------------------------------------------- */

/* A number that no other sentence would show by chance. */
enum { LEFT = 137 };

static void
list_some(struct orr_thread *thread, uint32_t index, void *argument)
{
    const struct rule *const rule = argument;
    for (uint32_t i = index; i < LEFT; i += rule->threads) {
        ORR_OWN(thread, node, rule_new(thread, &rule_type_node));
        RULE_CHECK(orr_gc_garbage_append(thread, node.ref));
    }
}

/* Finishes a heap of its own whose list holds LEFT objects; returns what it reported. */
static struct rule_log
finish_with(struct rule *rule, uint32_t debug)
{
    struct orr_heap_options options = rule_options(rule);
    struct orr_leaks leaks;
    options.debug = debug;
    rule_reopen(rule, &options);
    rule->reported = (struct rule_log){0};
    rule_crew(rule, list_some, rule);
    RULE_EQUAL(orr_heap_finish(rule->thread, &leaks), ORR_OK);
    RULE_EQUAL(leaks.garbage, LEFT);
    orr_leaks_free(&leaks);
    const struct rule_log reported = rule->reported;
    orr_gc_garbage_clear(rule->thread);
    return reported;
}

RULE(21, "a garbage list that is not empty at the end is told with its length, its objects only "
         "with UNCOLLECTABLE, nothing with SAVEALL")
{
    struct rule_log log = finish_with(rule, 0);
    RULE_EQUAL(log.count, 1);
    RULE_CHECK(strstr(log.text, "137"));
    log = finish_with(rule, ORR_DEBUG_UNCOLLECTABLE);
    RULE_EQUAL(log.count, 1 + LEFT);
    RULE_CHECK(strstr(log.text, rule_type_node.name));
    log = finish_with(rule, ORR_DEBUG_SAVEALL);
    RULE_EQUAL(log.count, 0);
    log = finish_with(rule, ORR_DEBUG_SAVEALL | ORR_DEBUG_UNCOLLECTABLE);
    RULE_EQUAL(log.count, 0);
}

/* --- 22 --------------------------------------------------------------------------------------------- */

/* In a process of its own: a pair of which one refers twice to the other, and one of the two counts is lost. */
_Noreturn static void
lose_a_count(struct rule *rule)
{
    struct orr_heap_options options = rule_options(rule);
    options.workers = 0; /* ThreadSanitizer allows no threads after a fork */
    rule_reopen(rule, &options);
    struct orr_thread *const thread = rule->thread;
    {
        ORR_OWN(thread, first, rule_new_ring(thread, &rule_type_node, 2));
        ORR_OWN(thread, second, orr_get(thread, first.ref, 0));
        orr_set(thread, first.ref, 1, second.ref);
        printf("%p\n", (void *)second.ref);
        fflush(stdout);
        orr_sub_relaxed(&second.ref->count, 1); /* relaxed: nobody else runs */
    }
    orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    _exit(0);
}

/* Reads all that the child writes, and returns how it ended. */
static int
read_child(pid_t child, int from, char *text, size_t room)
{
    size_t length = 0;
    ssize_t got;
    int status;
    while (length + 1 < room && (got = read(from, text + length, room - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
    close(from);
    RULE_EQUAL(waitpid(child, &status, 0), child);
    return status;
}

RULE(22,
     "in a checked build a collection that finds fewer references counted than there are aborts, "
     "and names the object's address, its counts and its type")
{
    rule_needs_counts(rule);
    if (!ORR_IS_CHECKED)
        rule_not_applicable(rule, "only checked builds look for it");
    int ends[2];
    char text[4096], *rest;
    rule_close(rule); /* the child has no thread but its own, and so a heap of its own */
    RULE_EQUAL(pipe(ends), 0);
    const pid_t child = fork();
    RULE_CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        lose_a_count(rule);
    }
    close(ends[1]);
    const int status = read_child(child, ends[0], text, sizeof text);
    rest = strchr(text, '\n');
    RULE_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    RULE_CHECK(rest);
    *rest++ = 0; /* the address that the child told; then what the abort said */
    RULE_CHECK(strstr(rest, text));
    RULE_CHECK(strstr(rest, rule_type_node.name));
    RULE_CHECK(strstr(rest, "1") && strstr(rest, "2"));
}
