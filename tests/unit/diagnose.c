/* diagnose.c - runtime/diagnose: a thousand random graphs, in each of which one type's trace lies about one
 * field, all found, and ten thousand without a lie, none suspected.
 *
 * The types' traces consult a switch: the lie is told during the diagnosis alone, so the heap itself stays sound.
 * Raw words of all objects hold numbers, addresses of living objects that count nothing, addresses inside
 * objects, and addresses where objects died. Graph i is made from seed i; a failure names it.
 */
#define ORR_RC biased
#define ORR_RC_HEADER "runtime/rc_biased.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "collectors/catalogue.h"
#include "runtime/diagnose.h"
#include "runtime/verify.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#if defined(ORR_HAS_ASAN)
enum { SLOWER = 5 }; /* AddressSanitizer: a fifth of the graphs */
#else
enum { SLOWER = 1 };
#endif
enum {
    FAULTY = 1000 / SLOWER,
    CLEAN = 10000 / SLOWER,
    PER_HEAP = 50, /* graphs, one after the other */
    OBJECTS_MOST = 60,
    SLOTS_MOST = 16,
    SHOWN_LEAST = 3, /* objects: from one alone nobody could tell which word it was */
    WORD = 8
};

/* --- types ---------------------------------------------------------------------------------------- */

enum { PAIR, WIDE, LEAF, LIST, SIEVE, GAPS, MIRROR, BAG, VARIANT, KINDS };

enum { WORDS = 9 }; /* behind the header of a type that is no array */

static void trace(struct orr_object *object, orr_visit_slot *visit, void *argument);

static uint16_t indexes[KINDS];
#define FIXED(upper, lower, ...)                                                                   \
    [upper] = {.name = lower, .bytes = 16 + WORDS * WORD, .index = &indexes[upper], __VA_ARGS__}
#define ARRAY(upper, lower, ...)                                                                   \
    [upper] = {.name = lower,                                                                      \
               .bytes = sizeof(struct orr_array),                                                  \
               .flags = ORR_TYPE_ARRAY,                                                            \
               .index = &indexes[upper],                                                           \
               __VA_ARGS__}
static const struct orr_type types[KINDS] = {
    FIXED(PAIR, "pair", .references = 2),           /* the rest is raw */
    FIXED(WIDE, "wide", .references = 5),           /* likewise */
    FIXED(LEAF, "leaf", .flags = ORR_TYPE_ACYCLIC), /* all raw */
    ARRAY(LIST, "list", .trace = NULL),             /* references, and a raw tail */
    ARRAY(SIEVE, "sieve", .trace = trace),   /* of its elements only the even ones are references */
    FIXED(GAPS, "gaps", .trace = trace),     /* words 0, 2, 5 */
    FIXED(MIRROR, "mirror", .trace = trace), /* words 8, 6, 3, 1, in this order */
    FIXED(BAG, "bag", .trace = trace),       /* word 0: how many references follow */
    FIXED(VARIANT, "variant", .trace = trace), /* word 4: whether those before or behind it are */
};

static int
kind_of(const struct orr_object *object)
{
    return (int)(orr_type_of(object) - types);
}

static uint64_t
word_of(const struct orr_object *object, uint32_t offset)
{
    uint64_t word;
    memcpy(&word, (const char *)object + offset, WORD);
    return word;
}

static struct orr_slot *
slot_at(struct orr_object *object, uint32_t offset)
{
    return (struct orr_slot *)(void *)((char *)object + offset);
}

/* The offsets of the object's references; returns how many. */
static uint32_t
slots_of(const struct orr_object *object, uint32_t offsets[SLOTS_MOST])
{
    static const uint32_t gaps[] = {0, 2, 5}, mirror[] = {8, 6, 3, 1};
    uint32_t count = 0, first = 16 / WORD;
    const uint32_t behind = sizeof(struct orr_array) / WORD;
    const uint64_t word_0 = word_of(object, 16);
    switch (kind_of(object)) {
    case PAIR:
    case WIDE:
        for (; count < orr_type_of(object)->references; count++)
            offsets[count] = (first + count) * WORD;
        break;
    case LIST:
        for (; count < ((const struct orr_array *)object)->length; count++)
            offsets[count] = (behind + count) * WORD;
        break;
    case SIEVE:
        for (uint32_t i = 0; i < ((const struct orr_array *)object)->length; i += 2)
            offsets[count++] = (behind + i) * WORD;
        break;
    case GAPS:
        for (; count < sizeof gaps / sizeof gaps[0]; count++)
            offsets[count] = (first + gaps[count]) * WORD;
        break;
    case MIRROR:
        for (; count < sizeof mirror / sizeof mirror[0]; count++)
            offsets[count] = (first + mirror[count]) * WORD;
        break;
    case BAG:
        for (; count < word_0; count++)
            offsets[count] = (first + 1 + count) * WORD;
        break;
    case VARIANT:
        first += word_of(object, 16 + 4 * WORD) ? 5 : 0;
        for (; count < 4; count++)
            offsets[count] = (first + count) * WORD;
        break;
    default:
        break;
    }
    return count;
}

static bool
is_slot(const struct orr_object *object, uint32_t offset)
{
    uint32_t offsets[SLOTS_MOST];
    const uint32_t count = slots_of(object, offsets);
    for (uint32_t i = 0; i < count; i++)
        if (offsets[i] == offset)
            return true;
    return false;
}

/* Words whose content says what the others are: never overwritten. */
static bool
is_tag(const struct orr_object *object, uint32_t offset)
{
    const int kind = kind_of(object);
    return (kind == BAG && offset == 16) || (kind == VARIANT && offset == 16 + 4 * WORD);
}

static uint32_t
bytes_of(const struct orr_object *object)
{
    return (uint32_t)orr_object_bytes(object) / WORD * WORD;
}

static uint32_t
first_word(const struct orr_object *object)
{
    return (orr_type_of(object)->flags & ORR_TYPE_ARRAY) ? sizeof(struct orr_array)
                                                         : sizeof(struct orr_object);
}

/* --- lies ----------------------------------------------------------------------------------------- */

enum lie { TRUTH, SKIPS, REPEATS, READS_RAW, READS_BORROWED, READS_HEADER, STRAYS, LIES };

static struct {
    enum lie lie;
    const struct orr_type *type;
    uint32_t offset;
    struct orr_slot *stray;
} told;

static struct orr_slot elsewhere; /* in no object */

static void
trace(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    uint32_t offsets[SLOTS_MOST];
    const uint32_t count = slots_of(object, offsets);
    const bool lies = told.lie != TRUTH && orr_type_of(object) == told.type;
    for (uint32_t i = 0; i < count; i++) {
        const bool here = lies && offsets[i] == told.offset;
        if (here && told.lie == SKIPS)
            continue;
        visit(slot_at(object, offsets[i]), argument);
        if (here && told.lie == REPEATS)
            visit(slot_at(object, offsets[i]), argument);
    }
    if (lies && (told.lie == READS_RAW || told.lie == READS_BORROWED) &&
        told.offset < bytes_of(object) && !is_slot(object, told.offset))
        visit(slot_at(object, told.offset), argument);
    if (lies && told.lie == READS_HEADER)
        visit(slot_at(object, told.offset), argument);
    if (lies && told.lie == STRAYS)
        visit(told.stray ? told.stray : slot_at(object, bytes_of(object)), argument);
}

/* --- a heap of graphs ----------------------------------------------------------------------------- */

static struct orr_heap *heap;
static struct orr_thread *thread;
static struct orr_root root; /* an array of what is held */
static uint64_t state;       /* of the random numbers */
static uint64_t stale[64];   /* where objects died, or live again */

static uint32_t
draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static const char *const collectors[] = {"trial", "subtract", "mark"};
static const struct orr_heap_kind *const kinds[] = {&orr_heap_blocks, &orr_heap_libc,
                                                    &orr_heap_jemalloc};

/* Sanitizers leave too little room for the side tables of some: the libc heap goes always. */
static void
open_heap(uint32_t which)
{
    struct orr_heap_options options = {.rc = &orr_rc_biased,
                                       .collector = orr_collector_find(collectors[which % 3]),
                                       .kind = kinds[which / 3 % 3],
                                       .trigger = {.kind = ORR_TRIGGER_manual},
                                       .workers = 1};
    struct orr_error error = {0};
    if (orr_heap_create(&options, &heap, &error) != ORR_OK) {
        options.kind = &orr_heap_libc;
        cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK, "%s", error.message);
    }
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK, "%s", error.message);
    for (uint32_t i = 0; i < KINDS; i++)
        cr_assert_eq(orr_type_register(&types[i], &error), ORR_OK, "%s", error.message);
    orr_root_add(heap, &root);
}

static void
close_heap(void)
{
    orr_root_remove(heap, &root);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

static struct orr_object *
new_object(int kind)
{
    struct orr_object *object;
    if (types[kind].flags & ORR_TYPE_ARRAY) {
        const uint32_t length = draw(SLOTS_MOST), words = draw(6), rest = draw(8);
        object = orr_new_array(thread, &types[kind], length, words * WORD + rest);
    } else
        object = orr_new(thread, &types[kind]);
    cr_assert(object);
    uint64_t tag = kind == BAG ? draw(WORDS) : draw(2);
    if (kind == BAG)
        memcpy(slot_at(object, 16), &tag, WORD);
    if (kind == VARIANT)
        memcpy(slot_at(object, 16 + 4 * WORD), &tag, WORD);
    return object;
}

static struct orr_object *
any_of(struct orr_object *all)
{
    return orr_slot_peek(orr_element(all, draw(((struct orr_array *)all)->length)));
}

/* What raw data may look like. (One draw to a statement: every compiler makes the same graphs.) */
static uint64_t
raw_word(struct orr_object *all)
{
    uint64_t word;
    switch (draw(8)) {
    case 0:
        return 0;
    case 1:
        return draw(100);
    case 2:
        word = (uint64_t)any_of(all);
        return word + draw(4) * 8;
    case 3:
        return stale[draw(64)];
    case 4:
        word = (uint64_t)draw(UINT32_MAX) << 32;
        return word | draw(UINT32_MAX);
    case 5:
        return (uint64_t)(draw(2) ? (void *)&elsewhere : (void *)&state);
    default:
        return (uint64_t)any_of(all);
    }
}

/* The last raw word of mirrors, and one of bags, is a borrowed pointer in each object that has one. */
static bool
is_borrowed(const struct orr_object *object, uint32_t offset)
{
    return (kind_of(object) == MIRROR || kind_of(object) == GAPS) && offset == 16 + 7 * WORD;
}

static void
fill_object(struct orr_object *all, struct orr_object *object)
{
    uint32_t offsets[SLOTS_MOST];
    const uint32_t count = slots_of(object, offsets);
    for (uint32_t i = 0; i < count; i++)
        if (draw(5) != 0)
            orr_set_slot(thread, object, slot_at(object, offsets[i]), any_of(all));
    for (uint32_t offset = first_word(object); offset < bytes_of(object); offset += WORD) {
        if (is_tag(object, offset) || is_slot(object, offset))
            continue;
        const uint64_t word =
            is_borrowed(object, offset) ? (draw(4) ? (uint64_t)any_of(all) : 0) : raw_word(all);
        memcpy(slot_at(object, offset), &word, WORD);
    }
}

/* A graph of up to `most` objects, of which the root's array holds some. What is not reachable dies, or
 * lies about as a garbage cycle. */
static void
plant(uint32_t least, uint32_t most)
{
    const uint32_t count = least + draw(most - least + 1);
    ORR_OWN(thread, all, orr_new_array(thread, &types[LIST], count, 0));
    ORR_OWN(thread, held, orr_new_array(thread, &types[LIST], count < 15 ? count : 15, 0));
    for (uint32_t i = 0; i < count; i++)
        orr_init_slot(thread, all.ref, orr_element(all.ref, i), new_object((int)draw(KINDS)));
    for (uint32_t i = 0; i < count; i++)
        fill_object(all.ref, orr_slot_peek(orr_element(all.ref, i)));
    const uint32_t share = draw(3); /* none, a part, or all of what fits is held from outside */
    for (uint32_t i = 0; i < ((struct orr_array *)held.ref)->length; i++)
        if (draw(2) < share)
            orr_set_slot(thread, held.ref, orr_element(held.ref, i), any_of(all.ref));
    for (uint32_t i = 0; i < 64; i++) /* those that now die */
        if (draw(3) == 0)
            stale[i] = (uint64_t)any_of(all.ref);
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, orr_take(&held)));
    if (draw(2)) { /* everything is held */
        ORR_OWN(thread, both, orr_new_array(thread, &types[LIST], 2, 0));
        orr_set_slot(thread, both.ref, orr_element(both.ref, 0), all.ref);
        orr_give_slot(thread, both.ref, orr_element(both.ref, 1),
                      orr_exchange_slot(thread, NULL, &root.slot, NULL));
        orr_exchange_slot(thread, NULL, &root.slot, orr_take(&both));
    }
}

static void
uproot(void)
{
    orr_release(thread, orr_exchange_slot(thread, NULL, &root.slot, NULL));
    orr_settle(thread);
    struct orr_heap_totals totals;
    orr_heap_totals(heap, &totals);
    cr_assert_eq(totals.live, 0, "%lu objects are left", (unsigned long)totals.live);
}

/* --- what can be shown ---------------------------------------------------------------------------- */

struct living {
    struct orr_object *objects[OBJECTS_MOST * 2];
    uint32_t count;
};

static void
enlist(struct orr_object *object, void *argument)
{
    struct living *const living = argument;
    if (orr_is_corpse(object))
        return;
    cr_assert(living->count < OBJECTS_MOST * 2);
    living->objects[living->count++] = object;
}

static void
list_living(struct living *living)
{
    living->count = 0;
    orr_world_stop(heap, thread);
    orr_counts_settle(thread);
    heap->kind->walk(heap, 0, 1, enlist, living);
    orr_world_resume(heap);
}

/* Whether the lie, told about this field, can be seen in the object. */
static bool
is_shown(const struct orr_object *object, enum lie lie, uint32_t offset)
{
    if (lie == READS_HEADER)
        return offset == WORD;
    if (lie == STRAYS)
        return offset == first_word(object);
    if (offset < first_word(object) || offset >= bytes_of(object) || is_tag(object, offset))
        return false;
    const bool slot = is_slot(object, offset);
    const uint64_t word = word_of(object, offset);
    if (lie == SKIPS)
        return slot && word != 0;
    if (lie == REPEATS)
        return slot;
    if (lie == READS_BORROWED)
        return is_borrowed(object, offset) && word != 0; /* of the living or the dead */
    return !slot && word != 0 && !is_borrowed(object, offset);
}

static uint32_t
count_shown(const struct living *living, const struct orr_type *type, enum lie lie, uint32_t offset)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < living->count; i++)
        count +=
            orr_type_of(living->objects[i]) == type && is_shown(living->objects[i], lie, offset);
    return count;
}

/* A lie of the given kind that enough objects show; false: there is none in this graph. */
static bool
find_lie(const struct living *living, enum lie lie, struct orr_fault *expected)
{
    uint32_t found = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (uint32_t offset = WORD; types[kind].trace && offset < 16 + 24 * WORD; offset += WORD) {
            const uint32_t shown = count_shown(living, &types[kind], lie, offset);
            if (shown < SHOWN_LEAST || draw(++found) != 0)
                continue;
            *expected = (struct orr_fault){.kind = lie == SKIPS     ? ORR_FAULT_MISSED
                                                   : lie == REPEATS ? ORR_FAULT_REPEATED
                                                                    : ORR_FAULT_INVENTED,
                                           .type = &types[kind],
                                           .offset = lie == STRAYS ? ORR_FAULT_OUTSIDE : offset,
                                           .expected = lie == SKIPS || lie == REPEATS,
                                           .seen = lie == SKIPS     ? 0
                                                   : lie == REPEATS ? 2
                                                                    : 1,
                                           .objects = shown};
        }
    return found != 0;
}

static const char *
sentence(const struct orr_fault *fault)
{
    static char text[2][200];
    static unsigned turn;
    static const char *const words[] = {"missed", "repeated", "invented"};
    turn ^= 1;
    snprintf(text[turn], sizeof text[turn], "%s, type %s, byte %u, %u instead of %u, %lu objects",
             words[fault->kind], fault->type->name, fault->offset, fault->seen, fault->expected,
             (unsigned long)fault->objects);
    return text[turn];
}

/* --- the two promises ----------------------------------------------------------------------------- */

static uint32_t told_by_kind[LIES];

static void
lie_once(uint64_t seed, enum lie lie)
{
    struct living living;
    struct orr_fault expected = {.type = NULL}, faults[4];
    struct orr_error error = {.message = ""};
    uint32_t count = 0;
    for (uint32_t i = 0; !expected.type; i++) { /* another graph, until one can show it */
        cr_assert(i < 200, "seed %lu: no graph shows lie %d", (unsigned long)seed, lie);
        uproot();
        plant(20, OBJECTS_MOST);
        list_living(&living);
        find_lie(&living, lie, &expected);
    }
    cr_assert_eq(orr_heap_diagnose(thread, faults, 4, &count, &error), ORR_OK, "seed %lu: %s",
                 (unsigned long)seed, error.message);
    struct orr_slot *const strays[] = {NULL, &elsewhere, slot_at(living.objects[0], 24)};
    told.type = expected.type;
    told.offset = expected.offset;
    told.stray = strays[draw(orr_type_of(living.objects[0]) == told.type ? 2 : 3)];
    told.lie = lie;
    const enum orr_status status = orr_heap_diagnose(thread, faults, 4, &count, &error);
    told.lie = TRUTH;
    cr_assert_eq(status, ORR_CHECK_FAILED, "seed %lu: not found: %s", (unsigned long)seed,
                 sentence(&expected));
    const struct orr_fault *const fault = &faults[0];
    cr_assert(fault->kind == expected.kind && fault->type == expected.type &&
                  fault->offset == expected.offset && fault->expected == expected.expected &&
                  fault->seen == expected.seen && fault->objects == expected.objects,
              "seed %lu: told: %s; found: %s", (unsigned long)seed, sentence(&expected),
              sentence(fault));
    cr_assert_eq(orr_type_of(fault->object), fault->type);
    cr_assert_eq(count, 1, "seed %lu: told: %s; found too: %s", (unsigned long)seed,
                 sentence(&expected), sentence(&faults[1]));
    told_by_kind[lie]++;
}

Test(diagnose, finds_each_of_a_thousand_faults)
{
    if (SLOWER > 1)
        fprintf(stderr, "under AddressSanitizer: %d faults\n", FAULTY);
    for (uint64_t seed = 0; seed < FAULTY; seed++) {
        if (seed % PER_HEAP == 0)
            open_heap((uint32_t)(seed / PER_HEAP));
        state = seed;
        lie_once(seed, (enum lie)(1 + seed % (LIES - 1)));
        if (seed % PER_HEAP == PER_HEAP - 1) {
            uproot();
            close_heap();
        }
    }
    for (int lie = 1; lie < LIES; lie++)
        cr_assert(told_by_kind[lie] >= FAULTY / LIES - 1);
}

Test(diagnose, raises_no_alarm_for_ten_thousand_clean_graphs)
{
    if (SLOWER > 1)
        fprintf(stderr, "under AddressSanitizer: %d graphs\n", CLEAN);
    for (uint64_t seed = 0; seed < CLEAN; seed++) {
        struct orr_fault faults[1];
        struct orr_error error = {.message = ""};
        uint32_t count;
        if (seed % PER_HEAP == 0)
            open_heap((uint32_t)(seed / PER_HEAP));
        state = seed;
        plant(5, OBJECTS_MOST);
        cr_assert_eq(orr_heap_diagnose(thread, faults, 1, &count, &error), ORR_OK, "seed %lu: %s",
                     (unsigned long)seed, error.message);
        cr_assert_eq(count, 0);
        uproot();
        if (seed % PER_HEAP == PER_HEAP - 1)
            close_heap();
    }
}

/* --- single ones ---------------------------------------------------------------------------------- */

static void
open_one(void)
{
    open_heap(0);
}

static void
close_one(void)
{
    told.lie = TRUTH;
    uproot();
    close_heap();
}

/* Three gaps that refer to one leaf each, by word 2; the root holds them all. */
static void
plant_gaps(void)
{
    ORR_OWN(thread, list, orr_new_array(thread, &types[LIST], 3, 0));
    for (uint32_t i = 0; i < 3; i++) {
        ORR_OWN(thread, object, orr_new(thread, &types[GAPS]));
        orr_give_slot(thread, object.ref, slot_at(object.ref, 32), orr_new(thread, &types[LEAF]));
        orr_set_slot(thread, list.ref, orr_element(list.ref, i), object.ref);
    }
    orr_exchange_slot(thread, NULL, &root.slot, orr_take(&list));
}

static void
expect_sentence(enum lie lie, const struct orr_type *type, uint32_t offset,
                const char *const *words)
{
    struct orr_fault faults[2];
    struct orr_error error = {.message = ""};
    uint32_t count;
    char address[32];
    told.lie = lie;
    told.type = type;
    told.offset = offset;
    cr_assert_eq(orr_heap_diagnose(thread, faults, 2, &count, &error), ORR_CHECK_FAILED);
    cr_assert_eq(error.status, ORR_CHECK_FAILED);
    snprintf(address, sizeof address, "%p", (const void *)faults[0].object);
    cr_assert(strstr(error.message, address), "%s", error.message);
    for (; *words; words++)
        cr_assert(strstr(error.message, *words), "\"%s\" is not in: %s", *words, error.message);
}

TestSuite(diagnose_one, .init = open_one, .fini = close_one);

Test(diagnose_one, says_what_is_missed)
{
    plant_gaps();
    expect_sentence(SKIPS, &types[GAPS], 32,
                    (const char *const[]){"type gaps", "misses", "byte 32", "3 objects",
                                          "of type leaf", "1 references are counted and 0 found",
                                          NULL});
}

Test(diagnose_one, says_what_is_repeated)
{
    plant_gaps();
    expect_sentence(
        REPEATS, &types[GAPS], 32,
        (const char *const[]){"type gaps", "byte 32 2 times", "3 objects", "once", NULL});
}

Test(diagnose_one, says_what_is_invented)
{
    const uint64_t raw = 12345;
    plant_gaps();
    struct orr_object *const list = orr_slot_peek(&root.slot);
    memcpy(slot_at(orr_slot_peek(orr_element(list, 1)), 24), &raw, WORD);
    expect_sentence(READS_RAW, &types[GAPS], 24,
                    (const char *const[]){"type gaps", "byte 24 1 times", "1 objects",
                                          "no living object", NULL});
}

Test(diagnose_one, says_what_lies_outside)
{
    plant_gaps();
    expect_sentence(
        STRAYS, &types[GAPS], 0,
        (const char *const[]){"type gaps", "outside the object", "of 88 bytes", "3 objects", NULL});
}

/* Two fields of two types at once, and room for one fault alone: the one that more objects show comes first. */
Test(diagnose_one, counts_all_and_fills_what_there_is_room_for)
{
    struct orr_fault faults[1];
    struct orr_error error = {.message = ""};
    uint32_t count;
    plant_gaps();
    struct orr_object *const list = orr_slot_peek(&root.slot);
    struct orr_object *const gaps = orr_slot_peek(orr_element(list, 2));
    memcpy(slot_at(gaps, 24), &gaps, WORD); /* raw: as if it referred to itself */
    told.lie = SKIPS;
    told.type = &types[GAPS];
    told.offset = 32;
    /* a slot is locked while nobody runs: the word is no address of an object */
    struct orr_slot *const slot = orr_element(list, 0);
    orr_store_relaxed(&slot->word, orr_load_relaxed(&slot->word) | ORR_SLOT_LOCK);
    cr_assert_eq(orr_heap_diagnose(thread, faults, 1, &count, &error), ORR_CHECK_FAILED);
    orr_store_relaxed(&slot->word, orr_load_relaxed(&slot->word) & ~ORR_SLOT_LOCK);
    cr_assert_eq(count, 2, "%u", count);
    cr_assert_eq(faults[0].kind, ORR_FAULT_MISSED);
    cr_assert_eq(faults[0].objects, 3);
}

Test(diagnose_one, without_memory)
{
    struct orr_fault faults[1];
    uint32_t count;
    plant_gaps();
    told.lie = SKIPS;
    told.type = &types[GAPS];
    told.offset = 32;
    uint32_t points = 0;
    for (enum orr_status status = ORR_OUT_OF_MEMORY; status == ORR_OUT_OF_MEMORY; points++) {
        struct orr_error error = {0};
        orr_fail_allocation(points + 1, false);
        status = orr_heap_diagnose(thread, faults, 1, &count, &error);
        orr_fail_allocation(0, false);
        cr_assert_eq(error.status, status);
        cr_assert_eq(count, status == ORR_CHECK_FAILED);
        cr_assert(points < 100);
    }
    cr_assert(points >= 6, "%u allocations could be refused", points);
}

Test(diagnose_refused, without_a_walk)
{
    const struct orr_heap_options options = {.rc = &orr_rc_biased,
                                             .collector = orr_collector_find("none"),
                                             .kind = &orr_heap_mimalloc,
                                             .trigger = {.kind = ORR_TRIGGER_manual}};
    struct orr_error error = {0};
    struct orr_fault faults[1];
    uint32_t count;
    cr_assert_eq(orr_heap_create(&options, &heap, &error), ORR_OK);
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
    cr_assert_eq(orr_heap_diagnose(thread, faults, 1, &count, &error), ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, "mimalloc cannot be walked"), "%s", error.message);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}

Test(diagnose_refused, without_counts)
{
    const struct orr_heap_options options = {.rc = &orr_rc_tracing,
                                             .collector = orr_collector_find("mark"),
                                             .kind = &orr_heap_blocks,
                                             .trigger = {.kind = ORR_TRIGGER_manual},
                                             .workers = 1};
    struct orr_error error = {0};
    struct orr_fault faults[1];
    uint32_t count;
    if (orr_heap_create(&options, &heap, &error) != ORR_OK)
        cr_skip_test("%s", error.message); /* a sanitizer leaves no room for the side table */
    cr_assert_eq(orr_thread_attach(heap, &thread, &error), ORR_OK);
    cr_assert_eq(orr_heap_diagnose(thread, faults, 1, &count, &error), ORR_NOT_APPLICABLE);
    cr_assert(strstr(error.message, "tracing counts nothing"), "%s", error.message);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
}
