/* loops.c - the loops of one variant; see bench/loops.h. Compiled once per variant of a strategy.
 *
 * Every loop's work goes through atomics, so no compiler leaves a step of it out.
 */
#include "bench/loops.h"

#include "runtime/mutator.h"

struct cell {
    struct orr_object header;
    uint64_t word;
    uint64_t rest[3];
};
static_assert(sizeof(struct cell) == ORR_LOOP_CELL_BYTES, "the object that the rivals make too");

enum { A, B, NODE_REFERENCES = 3, NODE_BYTES = 48, NEXT = 0, LINK_BYTES = 24, RING = 100 };

static void
do_nothing(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread, (void)object;
}

static uint16_t cell_index, node_index, link_index, ring_index, finalized_index;
static const struct orr_type cell_type = {.name = "loop_cell",
                                          .bytes = sizeof(struct cell),
                                          .flags = ORR_TYPE_ACYCLIC,
                                          .index = &cell_index};
static const struct orr_type node_type = {
    .name = "loop_node", .bytes = NODE_BYTES, .references = NODE_REFERENCES, .index = &node_index};
static const struct orr_type link_type = {
    .name = "loop_link", .bytes = LINK_BYTES, .references = 1, .index = &link_index};
static const struct orr_type ring_type = {
    .name = "loop_ring", .bytes = NODE_BYTES, .references = 1, .index = &ring_index};
static const struct orr_type finalized_type = {.name = "loop_finalized",
                                               .bytes = NODE_BYTES,
                                               .references = 1,
                                               .finalize = do_nothing,
                                               .index = &finalized_index};

/* --- objects ---------------------------------------------------------------------------------------- */

static enum orr_status
prepare(struct orr_error *error)
{
    static const struct orr_type *const types[] = {&cell_type, &node_type, &link_type, &ring_type};
    enum orr_status status = ORR_OK;
    for (size_t i = 0; i < sizeof types / sizeof types[0] && status == ORR_OK; i++)
        status = orr_type_register(types[i], error);
    return status;
}

static struct orr_object *
make_cell(struct orr_thread *thread)
{
    return orr_new(thread, &cell_type);
}

static struct orr_object *
make_node(struct orr_thread *thread)
{
    return orr_new(thread, &node_type);
}

static struct orr_object *
make_list(struct orr_thread *thread, uint64_t nodes)
{
    ORR_OWN(thread, head, orr_new(thread, &link_type));
    struct orr_object *last = head.ref; /* held by its predecessor, which nobody writes meanwhile */
    for (uint64_t i = 1; last && i < nodes; i++) {
        struct orr_object *next = orr_new(thread, &link_type);
        if (!next)
            return NULL;
        orr_init(thread, last, NEXT, next);
        last = next;
    }
    return orr_take(&head);
}

static void
release(struct orr_thread *thread, struct orr_object *object)
{
    orr_release(thread, object);
}

/* --- counts ----------------------------------------------------------------------------------------- */

static void
retain_release(struct orr_thread *thread, struct orr_object *object, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        orr_retain(thread, object);
        orr_release(thread, object);
    }
}

static void
sweep(struct orr_thread *thread, struct orr_object *const *objects, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_retain(thread, objects[i]);
    for (uint32_t i = 0; i < n; i++)
        orr_release(thread, objects[i]);
}

static void
try_retain(struct orr_thread *thread, struct orr_object *object, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (thread->heap->rc->try_retain(thread, object))
            orr_release(thread, object);
}

static void
local(struct orr_thread *thread, struct orr_object *object, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        orr_retain(thread, object);
        ORR_OWN(thread, own, object);
        __asm__ volatile("" : : "r"(own.ref) : "memory"); /* somebody might look at it */
    }
}

/* --- weak references and rings ---------------------------------------------------------------------- */

static struct orr_object *
make_weak(struct orr_thread *thread, struct orr_object *object)
{
    return orr_weak_new(thread, object, NULL, NULL, NULL);
}

static void
upgrade(struct orr_thread *thread, struct orr_object *weak, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_release(thread, orr_weak_get(thread, weak));
}

static bool
drop_ring(struct orr_thread *thread, const struct orr_type *type, uint64_t objects)
{
    ORR_OWN(thread, first, orr_new(thread, type));
    struct orr_object *last = first.ref; /* held by its predecessor, which nobody writes meanwhile */
    for (uint64_t i = 1; last && i < objects; i++) {
        struct orr_object *next = orr_new(thread, type);
        if (next)
            orr_init(thread, last, NEXT, next);
        last = next;
    }
    if (last)
        orr_set(thread, last, NEXT, first.ref);
    return last != NULL;
}

static bool
drop_rings(struct orr_thread *thread, uint64_t objects, bool finalized)
{
    /* Here, so that no type has a finalizer where none is measured. */
    if (finalized && orr_type_register(&finalized_type, NULL) != ORR_OK)
        return false;
    for (uint64_t made = 0; made < objects; made += RING)
        if (!drop_ring(thread, finalized ? &finalized_type : &ring_type,
                       objects - made < RING ? objects - made : RING))
            return false;
    return true;
}

/* --- slots ------------------------------------------------------------------------------------------ */

static void
set(struct orr_thread *thread, struct orr_object *node, struct orr_object *const values[2],
    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_set(thread, node, A, values[i & 1]);
}

/* Takes the reference out of a private slot, uncounted. */
static inline struct orr_object *
take_out(struct orr_object *node, uint32_t slot)
{
    struct orr_object *value = orr_slot_peek_private(orr_field(node, slot));
    orr_slot_put(orr_field(node, slot), NULL);
    return value;
}

static void
give(struct orr_thread *thread, struct orr_object *node, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_give(thread, node, i & 1 ? A : B, take_out(node, i & 1 ? B : A));
}

static void
init(struct orr_thread *thread, struct orr_object *node, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_init(thread, node, i & 1 ? A : B, take_out(node, i & 1 ? B : A));
}

static void
store(struct orr_thread *thread, struct orr_object *node, struct orr_object *const values[2],
      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_store(thread, node, A, values[i & 1]);
}

static void
load(struct orr_thread *thread, struct orr_object *node, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_release(thread, orr_load(thread, node, A));
}

/* --- the rest --------------------------------------------------------------------------------------- */

static void
poll(struct orr_thread *thread, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        orr_poll(thread);
}

static inline struct orr_object *
new_cell(struct orr_thread *thread, uint64_t word)
{
    struct orr_object *object = orr_new(thread, &cell_type);
    if (object)
        ((volatile struct cell *)object)->word = word; /* volatile: it goes through memory */
    return object;
}

/* flatten: births are inlined, as they are in the workloads, which make fewer kinds in one file. */
static __attribute__((flatten)) uint32_t
pair(struct orr_thread *thread, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct orr_object *object = new_cell(thread, i);
        if (!object)
            return i;
        orr_release(thread, object);
    }
    return n;
}

static __attribute__((flatten)) uint32_t
batch(struct orr_thread *thread, struct orr_object **held, uint32_t n)
{
    uint32_t made = 0;
    while (made < n && (held[made] = new_cell(thread, made)))
        made++;
    for (uint32_t i = 0; i < made; i++)
        orr_release(thread, held[i]);
    return made;
}

static void
count_reference(struct orr_slot *slot, void *argument)
{
    *(uint64_t *)argument += orr_slot_peek(slot) != NULL;
}

static uint64_t
trace(struct orr_object *const *nodes, uint32_t n)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        orr_object_trace(nodes[i], orr_layout_of(nodes[i]), count_reference, &found);
    return found;
}

#define ORR_PASTE_(a, b, c) a##b##_##c
#define ORR_PASTE(a, b, c) ORR_PASTE_(a, b, c)
#define ORR_NAME_(rc) #rc
#define ORR_NAME(rc) ORR_NAME_(rc)

extern const struct orr_loops ORR_PASTE(orr_loops_, ORR_RC, ORR_ROOTED);
const struct orr_loops ORR_PASTE(orr_loops_, ORR_RC, ORR_ROOTED) = {
    .strategy = ORR_NAME(ORR_RC),
    .is_rooted = ORR_ROOTED,
    .prepare = prepare,
    .make_cell = make_cell,
    .make_node = make_node,
    .make_list = make_list,
    .release = release,
    .retain_release = retain_release,
    .sweep = sweep,
    .try_retain = try_retain,
    .local = local,
    .make_weak = make_weak,
    .upgrade = upgrade,
    .drop_rings = drop_rings,
    .set = set,
    .give = give,
    .init = init,
    .store = store,
    .load = load,
    .poll = poll,
    .pair = pair,
    .batch = batch,
    .trace = trace,
};
