/* rule.c - makes Criterion tests of rules and collectors, opens their heaps, and writes down what came out.
 *
 * Criterion finds tests as pointers in a section of the program. The ones here are filled in before main, in the
 * parent and again in the process of each test, so that one text can be a test for each collector.
 */
#include "tests/conformance/rules/rule.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum {
#define COLLECTOR(name, summary) NUMBER_OF_##name,
#include "collectors/list.def"
#undef COLLECTOR
    COLLECTORS
};

/* Seconds after which a run of a rule hangs: far more than the slowest takes on a busy machine. */
enum { CASE_SECONDS = UNDER_SANITIZER ? 240 : 60 };

/* --- cases ------------------------------------------------------------------------------------------ */

struct rule_case {
    struct criterion_test test;
    struct criterion_test_extra_data data;
    const struct rule_text *text;
    const struct orr_collector *collector;
    char suite[16], identifier[64];
};

static struct rule_case cases[RULES][COLLECTORS];
static const struct rule_text *texts[RULES];

/* Criterion passes over what is null. */
__attribute__((used, section("cr_tst"))) static struct criterion_test *entries[RULES * COLLECTORS];

static void run_case(void);

static void
run_fixture(void)
{
    criterion_internal_test_setup();
    criterion_internal_test_main(run_case);
    criterion_internal_test_teardown();
}

static void
enter_case(const struct rule_text *text, uint32_t i)
{
    struct rule_case *const made = &cases[text->number - 1][i];
    made->text = text;
    made->collector = orr_collectors[i];
    snprintf(made->suite, sizeof made->suite, "rule_%02u", text->number);
    snprintf(made->identifier, sizeof made->identifier, "rule_%02u/%s", text->number,
             made->collector->name);
    made->data = (struct criterion_test_extra_data){.compiler_ = CR_COMPILER_,
                                                    .lang_ = CR_LANG,
                                                    .kind_ = CR_TEST_NORMAL,
                                                    .identifier_ = made->identifier,
                                                    .file_ = text->file,
                                                    .line_ = (unsigned)text->line,
                                                    .description = text->sentence,
                                                    .timeout = 2 * CASE_SECONDS};
    made->test =
        (struct criterion_test){made->collector->name, made->suite, run_fixture, &made->data};
    entries[(text->number - 1) * COLLECTORS + i] = &made->test;
}

void
rule_enter(const struct rule_text *text)
{
    orr_require(text->number >= 1 && text->number <= RULES, "there is no rule %u", text->number);
    orr_require(!texts[text->number - 1], "rule %u has two texts", text->number);
    texts[text->number - 1] = text;
    for (uint32_t i = 0; i < COLLECTORS; i++)
        enter_case(text, i);
}

Test(rules, each_has_a_text)
{
    for (uint32_t i = 0; i < RULES; i++)
        cr_expect(texts[i], "there is no test of rule %u", i + 1);
}

/* --- what came out ---------------------------------------------------------------------------------- */

/* The rule under way in this process. */
static struct rule *current;

static const char *
place_of(const struct rule *rule)
{
    static char place[400];
    snprintf(place, sizeof place, "rule %u (%s), %s %s, %u thread%s", rule->text->number,
             rule->text->sentence, VARIANT_NAME, rule->collector->name, rule->threads,
             rule->threads == 1 ? "" : "s");
    return place;
}

/* Writes the line of a run, in place of what its file held. */
static void
note(const struct rule *rule, const char *outcome, const char *reason)
{
    const char *const directory = getenv("ORRERY_RULES_TABLE");
    char path[4000];
    if (!directory)
        return;
    snprintf(path, sizeof path, "%s/%02u-%s-%s-%u", directory, rule->text->number, VARIANT_NAME,
             rule->collector->name, rule->threads);
    FILE *const file = fopen(path, "w");
    cr_assert(file, "cannot write %s, which ORRERY_RULES_TABLE asks for", path);
    fprintf(file, "%u\t%s\t%s\t%s\t%u\t%s%s\n", rule->text->number, rule->text->sentence,
            VARIANT_NAME, rule->collector->name, rule->threads, outcome, reason);
    cr_assert_eq(fclose(file), 0, "cannot write %s", path);
}

/* A run that dies says which one it was; the rest is Criterion's business. */
static void
tell(int signal_number)
{
    const char *const place = place_of(current);
    ssize_t ignored = write(STDERR_FILENO, place, strlen(place));
    ignored = write(STDERR_FILENO, signal_number == SIGALRM ? ": hangs\n" : ": dies\n",
                    signal_number == SIGALRM ? 8 : 7);
    (void)ignored;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void
watch(void)
{
    signal(SIGABRT, tell);
    signal(SIGSEGV, tell);
    signal(SIGBUS, tell);
    signal(SIGALRM, tell);
    alarm(CASE_SECONDS);
}

static void
unwatch(void)
{
    alarm(0);
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
}

/* The test's process ends here, whatever thread this is. */
_Noreturn void
rule_broken(const char *file, int line, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s: does not hold: %s\n", file, line, place_of(current), text);
    unwatch();
    abort();
}

/* --- heaps ------------------------------------------------------------------------------------------ */

static void
log_line(struct rule *rule, struct rule_log *log, const char *where, const char *text)
{
    orr_mutex_lock(&rule->log_lock);
    log->count++;
    snprintf(log->where, sizeof log->where, "%s", where);
    snprintf(log->text, sizeof log->text, "%s", text);
    orr_mutex_unlock(&rule->log_lock);
}

static void
hear_failure(void *context, const char *where, const char *message)
{
    struct rule *const rule = context;
    log_line(rule, &rule->failed, where, message);
}

static void
hear_report(void *context, const char *sentence)
{
    struct rule *const rule = context;
    log_line(rule, &rule->reported, "", sentence);
}

struct orr_heap_options
rule_options(struct rule *rule)
{
    return (struct orr_heap_options){
        .rc = STRATEGY_UNDER_TEST,
        .collector = rule->collector,
        .kind = rule->kind,
        .trigger = {.kind = ORR_TRIGGER_manual},
        .workers = 1,
        .verify = rule->kind->is_walkable,
        .listener = {.context = rule, .failed = hear_failure, .report = hear_report}};
}

static void
open_heap(struct rule *rule, const struct orr_heap_options *options)
{
    struct orr_error error = {0};
    if (orr_heap_create(options, &rule->heap, &error) != ORR_OK ||
        orr_thread_attach(rule->heap, &rule->thread, &error) != ORR_OK)
        rule_broken(__FILE__, __LINE__, "%s", error.message);
    for (uint32_t i = 0; i < 2 * RULE_CREW; i++)
        orr_root_add(rule->heap, &rule->roots[i]);
}

static void
verify(struct rule *rule)
{
    struct orr_error error = {0};
    if (!rule->kind->is_walkable)
        return;
    orr_world_stop(rule->heap, rule->thread);
    orr_counts_settle(rule->thread);
    const bool is_sound = (rule->is_inexact ? orr_heap_verify : orr_heap_verify_exact)(
        rule->heap, rule->thread, &error);
    orr_world_resume(rule->heap);
    if (!is_sound)
        rule_broken(__FILE__, __LINE__, "%s", error.message);
}

void
rule_close(struct rule *rule)
{
    for (uint32_t i = 0; i < 2 * RULE_CREW; i++)
        rule_root_put(rule->thread, &rule->roots[i], NULL);
    verify(rule);
    for (uint32_t i = 0; i < 2 * RULE_CREW; i++)
        orr_root_remove(rule->heap, &rule->roots[i]);
    orr_thread_detach(rule->thread);
    if (orr_load_relaxed(&rule->heap->verification_failed)) /* relaxed: nobody is left */
        rule_broken(__FILE__, __LINE__, "a collection broke the heap");
    orr_heap_destroy(rule->heap);
    rule->heap = NULL;
    rule->thread = NULL;
}

void
rule_reopen(struct rule *rule, const struct orr_heap_options *options)
{
    if (rule->heap)
        rule_close(rule);
    open_heap(rule, options);
}

/* --- running ---------------------------------------------------------------------------------------- */

static bool
fits(const struct rule *rule, struct orr_error *error)
{
    if ((rule->collector->needs & ORR_NEEDS_ROOTS) && !ORR_ROOTED) {
        orr_fail(error, ORR_NOT_APPLICABLE, "%s enumerates roots, and this variant links no locals",
                 rule->collector->name);
        return false;
    }
    return orr_pair_applies(STRATEGY_UNDER_TEST, rule->collector, rule->kind, rule->threads, error);
}

/* What follows "N: " in the collector's exceptions, up to the semicolon; null: the rule is not among them. */
static const char *
exception(const struct rule *rule)
{
    static char because[300];
    const char *text = rule->collector->exceptions;
    while (text && *text) {
        char *end;
        const unsigned long number = strtoul(text, &end, 10);
        orr_require(end > text && *end == ':', "%s: exceptions are written \"N: because; ...\"",
                    rule->collector->name);
        const size_t length = strcspn(end + 1, ";");
        if (number == rule->text->number) {
            const size_t blanks = strspn(end + 1, " ");
            snprintf(because, sizeof because, "%.*s", (int)(length - blanks), end + 1 + blanks);
            return because;
        }
        text = end + 1 + length;
        text += strspn(text, "; ");
    }
    return NULL;
}

static void
run(const struct rule_case *own, uint32_t threads)
{
    struct rule rule = {.text = own->text,
                        .collector = own->collector,
                        .kind = &orr_heap_blocks,
                        .threads = threads};
    struct orr_error error = {0};
    current = &rule;
    orr_mutex_init(&rule.log_lock);
    note(&rule, "fail", "");
    if (!fits(&rule, &error))
        rule.reason = error.message;
    else
        rule.reason = exception(&rule);
    if (!rule.reason) {
        watch();
        orr_store_relaxed(&rule_tolls.finalized, 0); /* relaxed, both: one thread */
        orr_store_relaxed(&rule_tolls.destroyed, 0);
        const struct orr_heap_options options = rule_options(&rule);
        open_heap(&rule, &options);
        own->text->body(&rule);
        if (rule.heap)
            rule_close(&rule);
        unwatch();
    }
    if (rule.reason)
        note(&rule, "not applicable: ", rule.reason);
    else
        note(&rule, "pass", "");
    orr_mutex_fini(&rule.log_lock);
    current = NULL;
}

static const struct rule_case *
find_case(void)
{
    for (uint32_t k = 0; k < RULES; k++)
        for (uint32_t i = 0; texts[k] && i < COLLECTORS; i++)
            if (strcmp(cases[k][i].suite, criterion_current_test->category) == 0 &&
                strcmp(cases[k][i].collector->name, criterion_current_test->name) == 0)
                return &cases[k][i];
    orr_unreachable();
    return NULL;
}

static void
run_case(void)
{
    const struct rule_case *const own = find_case();
    run(own, 1);
    run(own, RULE_CREW);
}

/* --- threads ---------------------------------------------------------------------------------------- */

struct member {
    struct orr_os_thread thread;
    struct rule *rule;
    rule_work *body;
    void *argument;
    uint32_t index;
};

static _Atomic(uint32_t) arrived;

/* All begin together, or the first would be done before the last exists. */
static void
meet(const struct rule *rule, struct orr_thread *thread)
{
    orr_block_enter(thread);
    orr_add_relaxed(&arrived, 1); /* relaxed: a meeting publishes nothing */
    while (orr_load_relaxed(&arrived) < rule->threads)
        orr_yield();
    orr_block_leave(thread);
}

static void *
serve(void *argument)
{
    struct member *const member = argument;
    struct orr_thread *thread;
    struct orr_error error = {0};
    if (orr_thread_attach(member->rule->heap, &thread, &error) != ORR_OK)
        rule_broken(__FILE__, __LINE__, "%s", error.message);
    meet(member->rule, thread);
    member->body(thread, member->index, member->argument);
    orr_thread_detach(thread);
    return NULL;
}

void
rule_crew(struct rule *rule, rule_work *body, void *argument)
{
    struct member crew[RULE_CREW];
    if (rule->threads == 1) {
        body(rule->thread, 0, argument);
        return;
    }
    orr_store_relaxed(&arrived, 0); /* relaxed: starting a thread orders it */
    for (uint32_t i = 0; i < rule->threads; i++) {
        crew[i] = (struct member){.rule = rule, .body = body, .argument = argument, .index = i};
        if (!orr_os_thread_start(&crew[i].thread, serve, &crew[i], 0))
            rule_broken(__FILE__, __LINE__, "the system refuses thread %u", i);
    }
    orr_block_enter(rule->thread);
    for (uint32_t i = 0; i < rule->threads; i++)
        orr_os_thread_join(&crew[i].thread);
    orr_block_leave(rule->thread);
}

void
rule_await(_Atomic(uint32_t) *word, struct orr_thread *thread, bool blocks)
{
    if (blocks)
        orr_block_enter(thread);
    while (orr_load_acquire(word) == 0) {
        if (blocks)
            orr_park(word, 0, 10000000);
        else
            orr_poll(thread);
    }
    if (blocks)
        orr_block_leave(thread);
}

void
rule_announce(_Atomic(uint32_t) *word)
{
    orr_store_release(word, 1);
    orr_wake_all(word);
}

/* --- collecting ------------------------------------------------------------------------------------- */

uint64_t
rule_collect(struct rule *rule)
{
    struct orr_gc_result result;
    struct orr_error error = {0};
    if (orr_gc_collect(rule->thread, ORR_GENERATION_OLDEST, &result, &error) != ORR_OK)
        rule_broken(__FILE__, __LINE__, "%s", error.message);
    return result.unreachable;
}

void
rule_settle(struct rule *rule)
{
    orr_settle(rule->thread);
    orr_world_stop(rule->heap, rule->thread);
    orr_counts_settle(rule->thread);
    orr_world_resume(rule->heap);
}

uint64_t
rule_live(struct rule *rule)
{
    struct orr_heap_totals totals;
    orr_heap_totals(rule->heap, &totals);
    return totals.live;
}

/* --- objects ---------------------------------------------------------------------------------------- */

struct rule_tolls rule_tolls;

static void
speak(struct orr_thread *thread, struct orr_object *object)
{
    const struct rule_node *const node = rule_node_of(object);
    orr_add_relaxed(&rule_tolls.finalized, 1); /* relaxed: a count */
    if (node->rescue) {
        orr_retain(thread, object);
        rule_root_put(thread, node->rescue, object);
    }
    if (node->last_words)
        node->last_words(thread, object);
}

static void
vanish(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
    orr_add_relaxed(&rule_tolls.destroyed, 1); /* relaxed: a count */
}

static uint16_t index_node, index_leaf, index_loud, index_legacy, index_loud_leaf, index_array;

#define NODE .bytes = sizeof(struct rule_node)

const struct orr_type rule_type_node = {
    .name = "node", NODE, .references = 2, .index = &index_node};
const struct orr_type rule_type_leaf = {
    .name = "leaf", NODE, .references = 2, .flags = ORR_TYPE_ACYCLIC, .index = &index_leaf};
const struct orr_type rule_type_loud = {.name = "loud",
                                        NODE,
                                        .references = 2,
                                        .finalize = speak,
                                        .destroy = vanish,
                                        .index = &index_loud};
const struct orr_type rule_type_legacy = {.name = "legacy",
                                          NODE,
                                          .references = 2,
                                          .flags = ORR_TYPE_LEGACY,
                                          .finalize = speak,
                                          .destroy = vanish,
                                          .index = &index_legacy};
const struct orr_type rule_type_loud_leaf = {.name = "loud leaf",
                                             NODE,
                                             .references = 2,
                                             .flags = ORR_TYPE_ACYCLIC,
                                             .finalize = speak,
                                             .destroy = vanish,
                                             .index = &index_loud_leaf};
const struct orr_type rule_type_array = {.name = "array",
                                         .bytes = sizeof(struct orr_array),
                                         .flags = ORR_TYPE_ARRAY,
                                         .index = &index_array};

__attribute__((constructor)) static void
register_types(void)
{
    const struct orr_type *const types[] = {&rule_type_node,  &rule_type_leaf,
                                            &rule_type_loud,  &rule_type_legacy,
                                            &rule_type_array, &rule_type_loud_leaf};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        orr_require(orr_type_register(types[i], NULL) == ORR_OK, "no memory for a type");
}

struct orr_object *
rule_new(struct orr_thread *thread, const struct orr_type *type)
{
    struct orr_object *const object = orr_new(thread, type);
    if (!object)
        rule_broken(__FILE__, __LINE__, "no memory for an object");
    return object;
}

struct orr_object *
rule_new_ring(struct orr_thread *thread, const struct orr_type *type, uint32_t count)
{
    ORR_OWN(thread, first, rule_new(thread, type));
    ORR_OWN(thread, last, NULL);
    orr_retain(thread, first.ref);
    last.ref = first.ref;
    for (uint32_t i = 1; i < count; i++) {
        ORR_OWN(thread, next, rule_new(thread, type));
        rule_node_of(next.ref)->id = i;
        orr_set(thread, last.ref, 0, next.ref);
        orr_own_set(&last, orr_take(&next));
    }
    orr_set(thread, last.ref, 0, first.ref);
    return orr_take(&first);
}

void
rule_drop_ring(struct orr_thread *thread, const struct orr_type *type, uint32_t count)
{
    ORR_OWN(thread, ring, rule_new_ring(thread, type, count));
}

void
rule_root_put(struct orr_thread *thread, struct orr_root *root, struct orr_object *value)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &root->slot, value));
}

uint64_t
rule_listed(struct orr_object *const *list, uint64_t count, const struct orr_object *object)
{
    uint64_t times = 0;
    for (uint64_t i = 0; i < count; i++)
        times += list[i] == object;
    return times;
}

struct orr_object *
rule_root_get(struct orr_thread *thread, struct orr_root *root)
{
    return orr_load_slot(thread, &root->slot);
}
