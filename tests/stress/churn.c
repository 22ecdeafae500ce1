/* churn.c - cells that one thread allocates and another gives back, on every heap kind and in all sizes.
 *
 * Pairs of a maker and a dropper, joined by a ring of roots. Memory that only ever moves from one to the other
 * must come round: the heap's books stay within what the rings can hold and threads keep ready, and are at
 * zero when everybody has gone. Contents are checked at both ends, so a cell that two objects share shows.
 */
#include "tests/stress/stress.h"

#include "runtime/mutator.h"

enum {
    PAIRS = 2,
    TEAM = 2 * PAIRS,
    RING = 128,
    SMALL = 600,  /* raw bytes of most arrays, at most */
    LARGE = 12000 /* of the others: beyond every size class now and then */
};

struct pair {
    struct orr_heap *heap;
    struct orr_root ring[RING];
    uint64_t deadline_ns, chance;
    uint64_t made, dropped;          /* by the maker, by the dropper */
    _Atomic(uint32_t) maker_is_done; /* everything it made is in the ring or gone */
};

static uint16_t piece_index;
static const struct orr_type type_piece = {.name = "piece",
                                           .bytes = sizeof(struct orr_array),
                                           .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
                                           .index = &piece_index};

static uint8_t *
raw_of(struct orr_object *object)
{
    return (uint8_t *)((struct orr_array *)object)->elements;
}

/* First and last bytes tell whose object this is; a sharer of the cell would have overwritten them. */
static uint64_t
mark_of(const struct orr_object *object, uint32_t bytes)
{
    return ((uintptr_t)object ^ bytes) * 0x9e3779b97f4a7c15u;
}

static struct orr_object *
make_piece(struct pair *pair, struct orr_thread *thread)
{
    const uint32_t limit = stress_below(&pair->chance, 16) == 0 ? LARGE : SMALL;
    const uint32_t bytes = 16 + stress_below(&pair->chance, limit);
    struct orr_object *const object = orr_new_array(thread, &type_piece, 0, bytes);
    stress_check(object, "no memory for %u bytes", bytes);
    const uint64_t mark = mark_of(object, bytes);
    memcpy(raw_of(object), &mark, sizeof mark);
    memcpy(raw_of(object) + bytes - sizeof mark, &mark, sizeof mark);
    return object;
}

static void
check_piece(struct orr_object *object)
{
    const uint32_t bytes = ((struct orr_array *)object)->raw_bytes;
    const uint64_t mark = mark_of(object, bytes);
    stress_check(memcmp(raw_of(object), &mark, sizeof mark) == 0 &&
                     memcmp(raw_of(object) + bytes - sizeof mark, &mark, sizeof mark) == 0,
                 "a piece of %u bytes was written to", bytes);
}

/* --- the team -------------------------------------------------------------------------------------- */

static void *
make_pieces(void *argument)
{
    struct pair *const pair = argument;
    struct orr_thread *const thread = stress_attach(pair->heap);
    uint32_t at = 0;
    while (orr_clock_ns() < pair->deadline_ns) {
        orr_poll(thread);
        struct orr_root *const root = &pair->ring[at];
        if (orr_slot_peek(&root->slot) !=
            NULL) { /* the ring is full; only the dropper empties it */
            orr_yield();
            continue;
        }
        struct orr_object *const before =
            orr_exchange_slot(thread, NULL, &root->slot, make_piece(pair, thread));
        stress_check(before == NULL, "the ring had two makers");
        pair->made++;
        at = (at + 1) % RING;
    }
    orr_thread_detach(thread); /* what it made lives on without an owner */
    orr_store_release(&pair->maker_is_done, 1);
    return NULL;
}

static void *
drop_pieces(void *argument)
{
    struct pair *const pair = argument;
    struct orr_thread *const thread = stress_attach(pair->heap);
    for (uint32_t at = 0;;) {
        orr_poll(thread);
        const bool is_last = orr_load_acquire(&pair->maker_is_done) != 0;
        struct orr_object *const piece =
            orr_exchange_slot(thread, NULL, &pair->ring[at].slot, NULL);
        if (piece) {
            check_piece(piece);
            orr_release(thread, piece);
            pair->dropped++;
            at = (at + 1) % RING;
        } else if (is_last)
            break;
        else
            orr_yield();
    }
    orr_thread_detach(thread);
    return NULL;
}

/* --- the run --------------------------------------------------------------------------------------- */

static void
run_pairs(struct orr_heap *heap, struct orr_thread *self, double share)
{
    static struct pair pairs[PAIRS]; /* too large for a stack */
    struct orr_os_thread team[TEAM];
    uint64_t made = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){
            .heap = heap, .deadline_ns = stress_deadline_ns(share), .chance = stress.seed + i};
        for (uint32_t k = 0; k < RING; k++)
            orr_root_add(heap, &pairs[i].ring[k]);
        stress_start(&team[2 * i], make_pieces, &pairs[i]);
        stress_start(&team[2 * i + 1], drop_pieces, &pairs[i]);
    }
    stress_join(team, TEAM, self);
    for (uint32_t i = 0; i < PAIRS; i++) {
        stress_check(pairs[i].made == pairs[i].dropped, "%llu made, %llu dropped",
                     (unsigned long long)pairs[i].made, (unsigned long long)pairs[i].dropped);
        made += pairs[i].made;
        for (uint32_t k = 0; k < RING; k++)
            orr_root_remove(heap, &pairs[i].ring[k]);
    }
    /* relaxed: all have been joined */
    fprintf(stderr, "%s: %llu pieces, %llu bytes at most\n", heap->kind->name,
            (unsigned long long)made, (unsigned long long)orr_load_relaxed(&heap->bytes_peak));
}

/* What the books may show at most: the rings full of the largest, and two batches of cells of each class
 * that a thread keeps ready. */
static uint64_t
most_bytes(void)
{
    uint64_t ready = 0;
    for (unsigned class = ORR_CELL_MIN / 16; class < ORR_CLASSES; class ++)
        ready += orr_cell_class_bytes(class) * 2 * orr_cell_batch(class);
    return (uint64_t)PAIRS * RING * (LARGE + 4096) + (TEAM + 1) * ready;
}

static void
churn(const struct orr_heap_options *options, double share)
{
    struct orr_heap *const heap = stress_heap(options);
    stress_check(heap, "there is no heap");
    struct orr_thread *const self = stress_attach(heap);
    run_pairs(heap, self, share);
    stress_settle(heap, self, true);
    stress_expect_empty(heap);
    orr_thread_detach(self);
    const uint64_t used = orr_load_relaxed(&heap->bytes_used); /* relaxed, both: no threads */
    const uint64_t peak = orr_load_relaxed(&heap->bytes_peak);
    stress_check(used == 0, "%s: %llu bytes are in use, and nothing lives", heap->kind->name,
                 (unsigned long long)used);
    stress_check(peak <= most_bytes(), "%s: %llu bytes were in use: cells do not come round",
                 heap->kind->name, (unsigned long long)peak);
    orr_heap_destroy(heap);
}

int
main(int count, char **arguments)
{
    uint32_t kinds = 0;
    stress_begin(count, arguments);
    stress_register(&type_piece);
    while (orr_heap_kinds[kinds])
        kinds++;
    for (uint32_t i = 0; i < kinds; i++) {
        const struct orr_heap_options options = {.rc = STRATEGY_UNDER_TEST,
                                                 .collector = orr_collector_find("none"),
                                                 .kind = orr_heap_kinds[i],
                                                 .trigger = {.kind = ORR_TRIGGER_manual},
                                                 .ledger = true};
        struct orr_error error;
        if (!orr_pair_applies(options.rc, options.collector, options.kind, TEAM + 1, &error)) {
            fprintf(stderr, "%s\n", error.message);
            return 3;
        }
        churn(&options, 1.0 / kinds);
    }
    return 0;
}
