/* rule.h - a rule of the control interface, and the heap it is tried on.
 *
 *     RULE(4, "a collection straight after another finds nothing")
 *     {
 *         rule_needs_collector(rule);
 *         rule_crew(rule, drop_a_ring, NULL);
 *         RULE_EQUAL(rule_collect(rule), 2 * rule->threads);
 *         RULE_EQUAL(rule_collect(rule), 0);
 *     }
 *
 * A rule becomes one test per collector, named rule_04::trial, which runs its text with 1 and with 8 threads,
 * each on a heap of its own. The files are compiled once per variant of a strategy. Nothing here or in a rule
 * names a collector: what may be expected follows from what it declares.
 *
 * Results: where the environment variable ORRERY_RULES_TABLE names a directory, each run leaves one line there,
 * in a file of its own: rule, sentence, variant, collector, threads, and "pass", "fail" or "not applicable:
 * reason", separated by tabs. It says "fail" while the rule runs, so a run that dies has failed.
 *
 * Threads: a rule runs on the test's own thread; what rule_crew runs, on several. RULE_CHECK works on any.
 */
#ifndef ORR_TESTS_CONFORMANCE_RULES_RULE_H
#define ORR_TESTS_CONFORMANCE_RULES_RULE_H

#include "collectors/catalogue.h"
#include "runtime/finalize.h"
#include "runtime/finish.h"
#include "runtime/gc.h"
#include "runtime/inspect.h"
#include "runtime/mutator.h"
#include "runtime/raise.h"
#include "runtime/verify.h"
#include "runtime/weak.h"
#include "runtime/weakmap.h"
#include "tests/conformance/variant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RULES = 66, RULE_CREW = 8 };

/* What a listener was told: how often, and the last time. Read it when no other thread runs. */
struct rule_log {
    uint32_t count;
    char where[100];
    char text[400];
};

struct rule {
    const struct rule_text *text;
    const struct orr_collector *collector;
    const struct orr_heap_kind *kind;
    uint32_t threads; /* 1 or RULE_CREW */
    struct orr_heap *heap;
    struct orr_thread *thread;            /* the test's own, attached and running */
    struct orr_root roots[2 * RULE_CREW]; /* registered; for the rule's use; emptied at the end */
    struct rule_log failed;               /* listener.failed */
    struct rule_log reported;             /* listener.report */
    struct orr_mutex log_lock;
    const char *reason; /* why it does not apply; null: it does */
    bool is_inexact;    /* set by a rule that leaves references outside objects, roots and locals */
};

/* --- writing a rule --------------------------------------------------------------------------------- */

struct rule_text {
    uint32_t number;
    const char *sentence;
    void (*body)(struct rule *rule);
    const char *file;
    int line;
};

/* Makes the tests of a rule; before main. */
void rule_enter(const struct rule_text *text);

#define RULE(number_, sentence_)                                                                   \
    static void rule_body_##number_(struct rule *rule);                                            \
    static const struct rule_text rule_text_##number_ = {number_, sentence_, rule_body_##number_,  \
                                                         __FILE__, __LINE__};                      \
    __attribute__((constructor)) static void rule_enter_##number_(void)                            \
    {                                                                                              \
        rule_enter(&rule_text_##number_);                                                          \
    }                                                                                              \
    static void rule_body_##number_(struct rule *rule)

/* Ends the rule (the function it stands in): it does not apply, because (a sentence without a full stop). For
 * what a strategy or a collector cannot do by its nature. What a collector declares in `exceptions` is
 * looked at before a rule begins. */
#define rule_not_applicable(rule, because)                                                         \
    do {                                                                                           \
        (rule)->reason = (because);                                                                \
        return;                                                                                    \
    } while (0)

/* The usual reasons. */
#define rule_needs_collector(rule)                                                                 \
    do {                                                                                           \
        if (!(rule)->collector->collect)                                                           \
            rule_not_applicable(rule, "collects no cycles");                                       \
    } while (0)
#define rule_needs_counts(rule)                                                                    \
    do {                                                                                           \
        if (!ORR_COUNTED)                                                                          \
            rule_not_applicable(rule, "without counts nothing dies by a release");                 \
    } while (0)
#define rule_needs_generations(rule)                                                               \
    do {                                                                                           \
        if (!(rule)->collector->generational)                                                      \
            rule_not_applicable(rule, "keeps no generations apart");                               \
    } while (0)

/* On a failure: says the rule, the variant, the collector, the threads and the place, and ends the test. On any
 * thread, also in finalizers and callbacks. */
#define RULE_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            rule_broken(__FILE__, __LINE__, "%s", #condition);                                     \
    } while (0)
/* Two whole numbers. */
#define RULE_EQUAL(is, should)                                                                     \
    do {                                                                                           \
        const int64_t is_ = (int64_t)(is), should_ = (int64_t)(should);                            \
        if (is_ != should_)                                                                        \
            rule_broken(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64 " (%s)", #is, is_,   \
                        should_, #should);                                                         \
    } while (0)
_Noreturn void rule_broken(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- heaps and threads ------------------------------------------------------------------------------ */

/* What a rule's heap is made with: nothing starts by itself, one helper thread, every collection verified,
 * failures and reports kept in rule->failed and rule->reported. */
struct orr_heap_options rule_options(struct rule *rule);

/* Another heap with other options, in place of the present one. No locals may be linked. */
void rule_reopen(struct rule *rule, const struct orr_heap_options *options);
/* Verifies, detaches and destroys; rule->heap and rule->thread are null until rule_reopen. */
void rule_close(struct rule *rule);

typedef void rule_work(struct orr_thread *thread, uint32_t index, void *argument);
/* Runs body on rule->threads attached threads at once, and returns when all have gone; the rule's own thread
 * waits in a blocking region. With one thread, that is the rule's own. */
void rule_crew(struct rule *rule, rule_work *body, void *argument);

/* --- collecting ------------------------------------------------------------------------------------- */

/* A collection of everything on the rule's thread; nobody else collects. Returns `unreachable`. */
uint64_t rule_collect(struct rule *rule);
/* Collects until all garbage is gone (as the collector promises), counts settled. */
void rule_settle(struct rule *rule);
/* `count` where the collector collects cycles, else 0. */
static inline uint64_t
rule_found(const struct rule *rule, uint64_t count)
{
    return rule->collector->collect ? count : 0;
}
/* Objects allocated and not freed. */
uint64_t rule_live(struct rule *rule);

/* --- objects ---------------------------------------------------------------------------------------- */

/* One layout for all types below but the array. */
struct rule_node {
    struct orr_object header;
    struct orr_slot slots[2];
    uint64_t id;             /* the program's */
    struct orr_root *rescue; /* the type's finalizer stores the object here, if not null */
    void (*last_words)(struct orr_thread *thread,
                       struct orr_object *object); /* then calls this, if not null */
};

/* finalized: by the finalizers of types below; destroyed: by all types that have a destroy. */
struct rule_tolls {
    _Atomic(uint32_t) finalized, destroyed;
};
extern struct rule_tolls rule_tolls; /* zero when a rule begins */

extern const struct orr_type rule_type_node;      /* nothing special; tracked */
extern const struct orr_type rule_type_leaf;      /* green: untracked; its slots stay null */
extern const struct orr_type rule_type_loud;      /* with finalize and destroy */
extern const struct orr_type rule_type_legacy;    /* the same, ORR_TYPE_LEGACY */
extern const struct orr_type rule_type_loud_leaf; /* green, with finalize and destroy */
extern const struct orr_type rule_type_array;     /* of references */

static inline struct rule_node *
rule_node_of(struct orr_object *object)
{
    return (struct rule_node *)object;
}

/* Counted, never null. */
struct orr_object *rule_new(struct orr_thread *thread, const struct orr_type *type);
/* A ring of `count` objects linked by slot 0; the caller holds the first (counted). */
struct orr_object *rule_new_ring(struct orr_thread *thread, const struct orr_type *type,
                                 uint32_t count);
/* Makes such a ring and drops it. */
void rule_drop_ring(struct orr_thread *thread, const struct orr_type *type, uint32_t count);

/* A root's slot is a shared one. Moves `value` in. */
void rule_root_put(struct orr_thread *thread, struct orr_root *root, struct orr_object *value);
/* Counted, or null. */
struct orr_object *rule_root_get(struct orr_thread *thread, struct orr_root *root);

/* How often an object is in a list. */
uint64_t rule_listed(struct orr_object *const *list, uint64_t count,
                     const struct orr_object *object);

/* Waits for a word to leave 0; in a blocking region if `blocks`, else polling. */
void rule_await(_Atomic(uint32_t) *word, struct orr_thread *thread, bool blocks);
void rule_announce(_Atomic(uint32_t) *word);

#endif
