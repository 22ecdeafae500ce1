/* object.h - what an object is: header, slots, types, and the enumeration of its references.
 *
 *   16 bytes of header, then the references, then raw bytes. One layout for every strategy.
 *
 *     0        4      6     7      8         12        16
 *     | owner  | type |flags|colour| count   | shared  | slots ... | raw bytes ... |
 *
 *   owner   biased counting: the id of the thread that may use `count` without atomics; 0 = merged.
 *           ORR_OWNER_IMMORTAL: never freed, never counted.
 *   type    index into the type table; 0 = no object lives in this cell.
 *   flags   ORR_FLAG_*: what survives death (the count words become the worklist's link).
 *   colour  one byte of the collector in charge.
 *   count   bits 0-30: references (all of them, or under biased counting the owner's).
 *           bit 31, UNCLAIMED: the object could head a dead cycle, its heap's collector wants to hear of
 *           such objects, and it is in no candidate buffer. So, read as a signed number, `count` is
 *           positive exactly when a decrement has nothing more to do; zero (death) and negative (first
 *           candidate) take the slow path on one compare.
 *           High values are left for a version stamp: see collectors/README.md.
 *   shared  biased counting: references counted by other threads, in ORR_SHARED_UNIT steps, above
 *           three bits of state. Zero under the other strategies.
 *
 * A dead object is linked through the eight bytes of count and shared. A free cell too, with type 0.
 *
 * Law 1: `trace` reports every counted reference of an object exactly once.
 * Law 10: one layout for all strategies. The static assertions below hold it.
 *
 * Threads: each field says who writes it. Types are registered under a lock and never removed.
 */
#ifndef ORR_RUNTIME_OBJECT_H
#define ORR_RUNTIME_OBJECT_H

#include "runtime/assert.h"
#include "runtime/atomics.h"
#include "runtime/error.h"

#include <stddef.h>

struct orr_thread;

struct orr_object {
    union {
        struct {
            _Atomic(uint32_t) owner;  /* biased: owner thread, or merger; set at birth */
            _Atomic(uint16_t) type;   /* set at birth, zeroed when the cell is freed */
            _Atomic(uint8_t) flags;   /* ORR_FLAG_*; any thread, by read-modify-write while shared */
            _Atomic(uint8_t) colour;  /* the collector */
        };
        _Atomic(uint64_t) birth; /* the eight bytes at once, written at birth */
    };
    union {
        struct {
            _Atomic(uint32_t) count; /* owner alone (plain, biased) or any thread (atomic) */
            _Atomic(uint32_t) shared; /* any thread but the owner (biased) */
        };
        _Atomic(uint64_t) counts; /* both at once: birth, and the link of the dead */
    };
};

static_assert(sizeof(struct orr_object) == 16, "law 10: a header of 16 bytes");
static_assert(offsetof(struct orr_object, type) == 4 && offsetof(struct orr_object, flags) == 6 &&
                  offsetof(struct orr_object, count) == 8 &&
                  offsetof(struct orr_object, shared) == 12,
              "the picture above");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "birth and counts are written whole");

#define ORR_UNCLAIMED 0x80000000u      /* in count, see above */
#define ORR_COUNT_MASK 0x7fffffffu
#define ORR_OWNER_IMMORTAL 0xffffffffu /* no thread ever has this id */
/* Where plain and atomic keep the count of an immortal: far from both ends. */
#define ORR_IMMORTAL_COUNT 0x40000000u

enum {
    ORR_FLAG_HELD_LOCAL = 1,  /* dead, but named by a candidate buffer (claim in count) */
    ORR_FLAG_HELD_SHARED = 2, /* dead, but named by a candidate buffer (claim in shared) */
    ORR_FLAG_SHELL = 4,       /* dead and empty: only its cell waits for the buffers above */
    ORR_FLAG_BORROWED = 8,    /* checked builds: in some thread's borrow log */
    ORR_FLAG_SERIAL = 16,     /* in the death ledger */
    ORR_FLAG_DYING = 32,      /* being destroyed; in checked builds, on a worklist of the dead */
    ORR_FLAG_FINALIZED = 64,  /* its type's finalize has run; never set on green objects */
    ORR_FLAG_PUBLISHED = 128  /* readers that hold nothing may try to retain it (weak.h); one-way */
};

/* colour: the collector's own values, but for these, which mean the same to all. */
enum {
    ORR_COLOUR_FROZEN = 0xfe, /* in the permanent set (gc.h): no collector looks at it */
    ORR_COLOUR_GARBAGE = 0xff /* proved dead; between the proof and the freeing */
};

/* shared, under biased counting */
enum {
    ORR_SHARED_DEFAULT = 0,   /* nobody but the owner ever counted */
    ORR_SHARED_PUBLISHED = 1, /* readers that hold nothing may try to retain */
    ORR_SHARED_QUEUED = 2,    /* in the owner's merge queue, which holds one reference */
    ORR_SHARED_MERGED = 3,    /* shared is the whole count, for ever */
    ORR_SHARED_STATE = 3,
    ORR_SHARED_UNCLAIMED = 4, /* as ORR_UNCLAIMED, for threads that are not the owner */
    ORR_SHARED_UNIT = 8,
    ORR_SHARED_CEILING = 1 << 27 /* foreign references, or as many below zero: from there on it lives for ever */
};

/* --- slots -------------------------------------------------------------------------------------- */

/* A place that holds a reference. Bit 0 is the lock of a slot that several threads write
 * (runtime/slot.h); no other bit is ever set. */
struct orr_slot {
    _Atomic(uintptr_t) word;
};

#define ORR_SLOT_LOCK ((uintptr_t)1)

/* What the slot refers to. Relaxed: the caller holds the object that has the slot and is its only writer,
 * or the world is stopped. */
static inline struct orr_object *
orr_slot_peek(const struct orr_slot *slot)
{
    return (struct orr_object *)(orr_load_relaxed(&slot->word) & ~ORR_SLOT_LOCK);
}

/* As orr_slot_peek, where bit 0 cannot be set: a slot that one thread writes. */
static inline struct orr_object *
orr_slot_peek_private(const struct orr_slot *slot)
{
    return (struct orr_object *)orr_load_relaxed(&slot->word);
}

static inline void
orr_slot_put(struct orr_slot *slot, struct orr_object *value)
{
    orr_store_relaxed(&slot->word, (uintptr_t)value);
}

/* --- types -------------------------------------------------------------------------------------- */

typedef void orr_visit_slot(struct orr_slot *slot, void *argument);

enum {
    ORR_TYPE_ARRAY = 1,   /* struct orr_array: length and raw bytes are the object's own */
    ORR_TYPE_ACYCLIC = 2, /* green: no object of this type can be on a cycle of references; not tracked */
    ORR_TYPE_LEGACY = 4,  /* finalize must not be called on a member of a cycle: such cycles are kept and
                           * listed as uncollectable (gc.h) */
    ORR_TYPE_CLASS = 8    /* its objects describe others, like a class: weak references to them without a
                           * callback are cleared only after the finalizers of the same garbage */
};

/* Describes all objects of one kind. The program owns it; it must outlive its registration, which is for
 * ever. Give it static const storage: then allocation folds sizes at compile time. */
struct orr_type {
    const char *name;
    uint32_t bytes;      /* whole object with header; of an array, sizeof(struct orr_array) */
    uint16_t references; /* slots directly behind the header; 0 for arrays and irregular types */
    uint16_t flags;      /* ORR_TYPE_* */
    /* Irregular types: calls visit on every slot, each exactly once (law 1). Null: regular layout.
     * Runs with the world stopped or on an object nobody else can reach; must not call the runtime. */
    void (*trace)(struct orr_object *object, orr_visit_slot *visit, void *argument);
    /* The finalizer, after PEP 442; may be null. Called when the object has become unreachable, by its last
     * release or by a collection, while it and all it refers to are whole, and at most once in its life
     * (green objects: once per death). It may do what a program may: allocate, release, store, collect,
     * block, and make the object reachable again; then the object lives on. World running, on an attached
     * thread, which holds the object meanwhile. Errors: raise them (raise.h). */
    void (*finalize)(struct orr_thread *thread, struct orr_object *object);
    /* The last thing that happens to an object, once, when it is certain to be freed: for memory, files and
     * the like that it owns outside the heap. Its references are still there. It may allocate and release;
     * it must not make the object reachable, not by a weak reference either, nor retain and release it, nor wait for a
     * thread that may wait for the collection which calls it: what has to wait is a matter for finalize. May be
     * null. */
    void (*destroy)(struct orr_thread *thread, struct orr_object *object);
    uint16_t *index;  /* where registration puts the index */
    int16_t priority; /* of finalize, among those of one collection: higher ones first */
};

/* An array of references with a tail of raw bytes; its element k is slot k. */
struct orr_array {
    struct orr_object header;
    uint32_t length;    /* references */
    uint32_t raw_bytes; /* bytes behind them */
    struct orr_slot elements[];
};

enum { ORR_TYPES_MAX = 65536 };
extern const struct orr_type *orr_type_table[ORR_TYPES_MAX];

enum {
    ORR_LAYOUT_ARRAY = ORR_TYPE_ARRAY,
    ORR_LAYOUT_ACYCLIC = ORR_TYPE_ACYCLIC,
    ORR_LAYOUT_IRREGULAR = 4, /* has a trace */
    ORR_LAYOUT_LAST = 8,      /* has a finalize or a destroy */
    ORR_LAYOUT_ODD = ORR_LAYOUT_ARRAY | ORR_LAYOUT_IRREGULAR /* slots are not just behind the header */
};

/* What loops over many objects need of a type, in eight bytes beside one another: one load. */
struct orr_layout {
    uint16_t references;
    uint8_t class; /* of its cells (cells.h); arrays: 0, see orr_object_bytes */
    uint8_t flags; /* ORR_LAYOUT_* */
    uint32_t bytes;
};

extern struct orr_layout orr_layouts[ORR_TYPES_MAX]; /* written by registration, then constant */

/* Gives the type its index (the same one when called again). ORR_OUT_OF_MEMORY when 65,535 exist. */
enum orr_status orr_type_register(const struct orr_type *type, struct orr_error *error);

/* Brackets a fork (fork.h): nobody registers meanwhile. */
void orr_types_lock(void);
void orr_types_unlock(void);

/* What any registered type has: spares collectors a look at each object. */
enum { ORR_TYPES_FINALIZE = 1, ORR_TYPES_DESTROY = 2, ORR_TYPES_LEGACY = 4 };
extern _Atomic(uint32_t) orr_types_have;

static inline const struct orr_type *
orr_type_of(const struct orr_object *object)
{
    return orr_type_table[orr_load_relaxed(&object->type)]; /* relaxed: constant while it lives */
}

static inline struct orr_layout
orr_layout_of(const struct orr_object *object)
{
    return orr_layouts[orr_load_relaxed(&object->type)]; /* relaxed: constant while it lives */
}

static inline bool
orr_is_green(const struct orr_object *object)
{
    return (orr_layout_of(object).flags & ORR_LAYOUT_ACYCLIC) != 0;
}

static inline bool
orr_type_is_green(const struct orr_type *type)
{
    return (type->flags & ORR_TYPE_ACYCLIC) != 0;
}

static inline size_t
orr_array_bytes(uint32_t length, uint32_t raw_bytes)
{
    return sizeof(struct orr_array) + (size_t)length * sizeof(struct orr_slot) + raw_bytes;
}

/* Bytes of the object, header included, not rounded. */
static inline size_t
orr_object_bytes(const struct orr_object *object)
{
    const struct orr_type *type = orr_type_of(object);
    if (type->flags & ORR_TYPE_ARRAY) {
        const struct orr_array *array = (const struct orr_array *)object;
        return orr_array_bytes(array->length, array->raw_bytes);
    }
    return type->bytes;
}

/* The slots of an irregular type or an array, out of line. */
void orr_object_trace_odd(struct orr_object *object, orr_visit_slot *visit, void *argument);

/* The slots of values that live with a published object: entries of weak maps whose key it is (weakmap.h). */
void orr_ephemerons_trace(struct orr_object *object, orr_visit_slot *visit, void *argument);

/* Calls visit on every slot. Inlined with a constant visit, objects whose references lie behind the header
 * cost no indirect call; `layout` is the object's own. */
static inline __attribute__((always_inline)) void
orr_object_trace(struct orr_object *object, struct orr_layout layout, orr_visit_slot *visit,
                 void *argument)
{
    /* relaxed: constant while the world is stopped, or the object nobody else's */
    if (__builtin_expect(orr_load_relaxed(&object->flags) & ORR_FLAG_PUBLISHED, 0))
        orr_ephemerons_trace(object, visit, argument);
    if (__builtin_expect(layout.flags & ORR_LAYOUT_ODD, 0)) {
        orr_object_trace_odd(object, visit, argument);
        return;
    }
    struct orr_slot *slots = (struct orr_slot *)(object + 1);
    for (uint32_t i = 0; i < layout.references; i++)
        visit(&slots[i], argument);
}

/* Dead, but still in its cell: being destroyed, or a shell that candidate buffers name. World stopped, counts
 * settled. */
static inline bool
orr_is_corpse(const struct orr_object *object)
{
    return orr_load_relaxed(&object->flags) & (ORR_FLAG_SHELL | ORR_FLAG_DYING); /* relaxed: stopped */
}

/* --- counts, world stopped ---------------------------------------------------------------------- */

/* References counted on the object: exact when the world is stopped and the merge queues are drained.
 * The same words for every counting strategy: where there is no second half, it is zero. */
static inline int64_t
orr_count_stopped(const struct orr_object *object)
{
    uint32_t count = orr_load_relaxed(&object->count); /* relaxed: the world is stopped */
    int32_t shared = (int32_t)orr_load_relaxed(&object->shared);
    return (int64_t)(count & ORR_COUNT_MASK) + (shared >> 3);
}

/* So many foreign references came or went that they are counted no longer (rc_biased.c). */
static inline bool
orr_is_saturated(uint32_t shared)
{
    int32_t count = (int32_t)shared >> 3;
    return count >= ORR_SHARED_CEILING || count <= -ORR_SHARED_CEILING;
}

static inline bool
orr_is_immortal(const struct orr_object *object)
{
    return orr_load_relaxed(&object->owner) == ORR_OWNER_IMMORTAL; /* relaxed: one-way */
}

#endif
