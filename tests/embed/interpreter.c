/* interpreter.c - the object world of a small language: texts, lists, dicts, and functions that know the dict
 * they were made in, so that what the script makes lies in cycles.
 *
 * Shows: a heap configured by its user, types, immortal and unique objects, control of collections, their
 * callbacks, the garbage list, and a look into the heap. One thread; every allocation is checked.
 */
#include "collectors/catalogue.h"
#include "collectors/configure.h"
#include "runtime/mutator.h"
#include "runtime/orrery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const script[] = {
    /* Values are copied when they are written to and somebody else has them. */
    "list odd", "text three 3", "push odd three", "name primes odd", "text five 5",
    "push primes five", "show odd", "show primes",
    /* A function and its dict hold each other. */
    "dict scope", "function next scope", "drop scope", "call next", "call next", "why next",
    "drop next", "collect",
    /* What is in the permanent set is found when it has left it. */
    "dict config", "function reader config", "freeze", "drop config", "drop reader", "collect",
    "thaw", "collect",
    /* Garbage may be kept for a look. */
    "dict lost", "function finder lost", "drop lost", "drop finder", "save", "cycles", "collect",
    "garbage",
    /* Nothing is looked for while that is switched off. */
    "dict idle", "function loop idle", "drop idle", "drop loop", "disable", "maybe", "enable",
    "maybe", "stats"};

/* --- objects ---------------------------------------------------------------------------------------- */

enum { SCOPE = 0, ROOM = 32 }; /* places of a list or dict; of a dict, names in the even ones */

static uint16_t text_index, list_index, dict_index, function_index;
static const struct orr_type text_type = {.name = "text",
                                          .bytes = sizeof(struct orr_array),
                                          .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
                                          .index = &text_index};
static const struct orr_type list_type = {.name = "list",
                                          .bytes = sizeof(struct orr_array),
                                          .flags = ORR_TYPE_ARRAY,
                                          .index = &list_index};
static const struct orr_type dict_type = {.name = "dict",
                                          .bytes = sizeof(struct orr_array),
                                          .flags = ORR_TYPE_ARRAY,
                                          .index = &dict_index};
static const struct orr_type function_type = {
    .name = "function", .bytes = 32, .references = 1, .index = &function_index};
static const struct orr_type *const types[] = {&text_type, &list_type, &dict_type, &function_type};

static struct orr_thread *thread;
static struct orr_root globals;
static struct orr_object *nothing; /* the value of a name that was dropped; immortal */

/* A program this small gives up without memory; the heap would survive it. */
static struct orr_object *
made(struct orr_object *object)
{
    if (object)
        return object;
    fputs("interpreter: no memory\n", stderr);
    exit(ORR_OUT_OF_MEMORY);
}

static char *
text_of(struct orr_object *text)
{
    return (char *)((struct orr_array *)text)->elements;
}

static struct orr_object *
make_text(const char *content)
{
    uint32_t bytes = (uint32_t)strlen(content) + 1;
    struct orr_object *text = made(orr_new_array(thread, &text_type, 0, bytes));
    memcpy(text_of(text), content, bytes);
    return text;
}

static struct orr_object *
at(struct orr_object *list, uint32_t i)
{
    return orr_peek_slot(thread, orr_element(list, i));
}

static void
put_at(struct orr_object *list, uint32_t i, struct orr_object *value)
{
    orr_set_slot(thread, list, orr_element(list, i), value);
}

static uint32_t
length(struct orr_object *list)
{
    uint32_t i = 0;
    while (i < ROOM && at(list, i))
        i++;
    return i;
}

/* Where the name is in the dict, or could be. */
static uint32_t
place(struct orr_object *dict, const char *name)
{
    uint32_t i = 0;
    while (i < length(dict) && strcmp(text_of(at(dict, i)), name) != 0)
        i += 2;
    return i;
}

static void
put(struct orr_object *dict, const char *name, struct orr_object *value)
{
    uint32_t i = place(dict, name);
    if (!at(dict, i))
        orr_give_slot(thread, dict, orr_element(dict, i), make_text(name));
    put_at(dict, i + 1, value);
}

/* --- statements ------------------------------------------------------------------------------------- */

/* Borrowed: the globals hold it. */
static struct orr_object *
value_of(const char *name)
{
    return at(orr_slot_peek(&globals.slot), place(orr_slot_peek(&globals.slot), name) + 1);
}

static void
define(const char *name, struct orr_object *value)
{
    ORR_OWN(thread, own, made(value));
    put(orr_slot_peek(&globals.slot), name, own.ref);
}

/* A list that has two names becomes two lists. */
static void
push(const char *name, const char *other)
{
    if (!orr_is_unique(thread, value_of(name))) {
        ORR_OWN(thread, copy, made(orr_new_array(thread, &list_type, ROOM, 0)));
        for (uint32_t i = 0; i < length(value_of(name)); i++)
            put_at(copy.ref, i, at(value_of(name), i));
        put(orr_slot_peek(&globals.slot), name, copy.ref);
    }
    put_at(value_of(name), length(value_of(name)), value_of(other));
}

static void
define_function(const char *name, const char *scope)
{
    define(name, orr_new(thread, &function_type));
    orr_set(thread, value_of(name), SCOPE, value_of(scope));
    put(value_of(scope), "self", value_of(name));
    ORR_OWN(thread, zero, make_text("0"));
    put(value_of(scope), "calls", zero.ref);
}

static void
call(const char *name)
{
    char number[16];
    struct orr_object *scope = orr_peek(thread, value_of(name), SCOPE);
    snprintf(number, sizeof number, "%d", atoi(text_of(at(scope, place(scope, "calls") + 1))) + 1);
    ORR_OWN(thread, text, make_text(number));
    put(orr_peek(thread, value_of(name), SCOPE), "calls", text.ref);
    printf("  %s was called %s times\n", name, number);
}

/* --- the heap, as statements -------------------------------------------------------------------------- */

static void
say_collected(struct orr_thread *collector, const struct orr_gc_event *event, void *context)
{
    (void)collector, (void)context;
    if (event->phase == ORR_GC_STOP)
        puts(event->collected > 0 ? "  found garbage" : "  found nothing");
}

static void
count_sentence(void *count, const char *sentence)
{
    (void)sentence; /* "collectable: TYPE at ADDRESS" */
    ++*(int *)count;
}

/* Breaks the saved cycles, and lets go of them. */
static void
clear_garbage(void)
{
    for (uint64_t i = 0; i < orr_gc_garbage_count(thread->heap); i++) {
        ORR_OWN(thread, object, orr_gc_garbage_get(thread, i));
        if (orr_type_of(object.ref) != &function_type)
            continue;
        puts("  saved: a function");
        orr_set(thread, object.ref, SCOPE, NULL);
    }
    orr_gc_debug_set(thread->heap, 0);
    orr_gc_garbage_clear(thread);
}

static void
show_why(struct orr_object *object)
{
    enum orr_hold hold;
    struct orr_path_step *steps;
    uint64_t count;
    if (orr_why_alive(thread, object, &hold, &steps, &count, NULL) != ORR_OK)
        return;
    printf("  %s", hold == ORR_HOLD_ROOT ? "root" : "elsewhere");
    for (uint64_t i = 0; i < count; i++)
        printf(" > %s", orr_type_of(steps[i].object)->name);
    putchar('\n');
    orr_path_free(thread, steps, count);
}

static void
show_cycles(void)
{
    struct orr_cycle_row *rows;
    uint64_t count;
    if (orr_cycle_report(thread, &rows, &count, NULL) != ORR_OK)
        return;
    for (uint64_t i = 0; i < count; i++)
        printf("  %" PRIu64 " in a cycle, %" PRIu64 " hang from it\n", rows[i].objects,
               rows[i].hanging_objects);
    orr_rows_free(rows);
}

static void
show(struct orr_object *list)
{
    for (uint32_t i = 0; i < length(list); i++)
        printf("  %s\n", text_of(at(list, i)));
}

static void
execute(const char *statement)
{
    char verb[16] = "", name[16] = "", other[16] = "";
    struct orr_heap *heap = thread->heap;
    struct orr_gc_stats stats;
    sscanf(statement, "%15s %15s %15s", verb, name, other);
#define IS(word) (strcmp(verb, word) == 0)
    if (IS("list") || IS("dict"))
        define(name, orr_new_array(thread, IS("list") ? &list_type : &dict_type, ROOM, 0));
    else if (IS("text"))
        define(name, make_text(other));
    else if (IS("name"))
        put(orr_slot_peek(&globals.slot), name, value_of(other));
    else if (IS("push"))
        push(name, other);
    else if (IS("function"))
        define_function(name, other);
    else if (IS("call"))
        call(name);
    else if (IS("drop"))
        put(orr_slot_peek(&globals.slot), name, nothing);
    else if (IS("show"))
        show(value_of(name));
    else if (IS("why"))
        show_why(orr_peek(thread, value_of(name), SCOPE));
    else if (IS("collect"))
        orr_gc_collect(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    else if (IS("maybe"))
        orr_gc_collect_if_enabled(thread, ORR_GENERATION_OLDEST, NULL, NULL);
    else if (IS("freeze"))
        orr_gc_freeze(thread);
    else if (IS("thaw"))
        orr_gc_unfreeze(thread);
    else if (IS("save"))
        orr_gc_debug_set(heap, ORR_DEBUG_SAVEALL | ORR_DEBUG_COLLECTABLE);
    else if (IS("garbage"))
        clear_garbage();
    else if (IS("disable"))
        orr_gc_disable(heap);
    else if (IS("enable"))
        orr_gc_enable(heap);
    else if (IS("cycles"))
        show_cycles();
    else if (IS("stats") && orr_gc_stats(heap, ORR_GENERATION_OLDEST, &stats, NULL) == ORR_OK)
        printf("  %" PRIu64 " collections\n", stats.collections);
}

/* --- the program -------------------------------------------------------------------------------------- */

static enum orr_status
begin(struct orr_heap **heap, int *sentences, struct orr_error *error)
{
    struct orr_configuration configuration;
    enum orr_status status = ORR_OK;
    for (size_t i = 0; i < sizeof types / sizeof types[0] && status == ORR_OK; i++)
        status = orr_type_register(types[i], error);
    if (status != ORR_OK)
        return status;
    orr_configure_defaults(&configuration);
    status = orr_configure_from_environment(&configuration, error);
    configuration.options.listener =
        (struct orr_listener){.context = sentences, .report = count_sentence};
    if (status == ORR_OK)
        status = orr_heap_create(&configuration.options, heap, error);
    orr_configure_free(&configuration);
    return status == ORR_OK ? orr_thread_attach(*heap, &thread, error) : status;
}

int
main(void)
{
    struct orr_error error;
    struct orr_heap *heap;
    struct orr_leaks leaks;
    int sentences = 0;
    enum orr_status status = begin(&heap, &sentences, &error);
    if (status != ORR_OK) {
        fprintf(stderr, "interpreter: %s\n", error.message);
        return (int)status;
    }
    orr_root_add(heap, &globals);
    orr_slot_put(&globals.slot, made(orr_new_array(thread, &dict_type, ROOM, 0)));
    nothing = make_text("nothing");
    if (!orr_immortalise(thread, nothing) || !orr_gc_callback_add(heap, say_collected, NULL))
        return ORR_OUT_OF_MEMORY;
    for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
        puts(script[i]);
        execute(script[i]);
    }
    orr_gc_callback_remove(heap, say_collected, NULL);
    orr_release(thread, orr_exchange_slot(thread, NULL, &globals.slot, NULL));
    orr_root_remove(heap, &globals);
    status = orr_heap_finish(thread, &leaks);
    printf("%s; ", sentences > 0 ? "the collections spoke" : "silence");
    orr_leaks_print(&leaks, stdout);
    orr_leaks_free(&leaks);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
    return (int)status;
}
