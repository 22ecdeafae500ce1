/* object.c - the type table.
 *
 * Indexes are given out once and never taken back, so readers need no lock: whoever holds an object was
 * handed it by a thread that had registered its type.
 */
#include "runtime/object.h"

#include "runtime/cells.h"
#include "runtime/platform.h"

const struct orr_type *orr_type_table[ORR_TYPES_MAX];
struct orr_layout orr_layouts[ORR_TYPES_MAX];

static struct orr_mutex table_lock = {PTHREAD_MUTEX_INITIALIZER};
static uint32_t types_registered; /* under table_lock; index 0 means "no object" */

static struct orr_layout
layout_of(const struct orr_type *type)
{
    bool array = type->flags & ORR_TYPE_ARRAY;
    return (struct orr_layout){
        .references = type->references,
        .class = array ? 0 : (uint8_t)orr_cell_class(type->bytes),
        .flags = (uint8_t)((type->flags & (ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC)) |
                           (type->trace ? ORR_LAYOUT_IRREGULAR : 0) |
                           (type->finalize || type->destroy ? ORR_LAYOUT_LAST : 0)),
        .bytes = type->bytes,
    };
}

void
orr_object_trace_odd(struct orr_object *object, orr_visit_slot *visit, void *argument)
{
    const struct orr_type *type = orr_type_of(object);
    if (type->trace) {
        type->trace(object, visit, argument);
        return;
    }
    struct orr_array *array = (struct orr_array *)object;
    for (uint32_t i = 0; i < array->length; i++)
        visit(&array->elements[i], argument);
}

_Atomic(uint32_t) orr_types_have;

static void
note_what_it_has(const struct orr_type *type)
{
    uint32_t has = (type->finalize ? ORR_TYPES_FINALIZE : 0u) | (type->destroy ? ORR_TYPES_DESTROY : 0u);
    if (type->finalize && (type->flags & ORR_TYPE_LEGACY))
        has |= ORR_TYPES_LEGACY;
    orr_or_relaxed(&orr_types_have, has); /* relaxed: before its first object */
}

void
orr_types_lock(void)
{
    orr_mutex_lock(&table_lock);
}

void
orr_types_unlock(void)
{
    orr_mutex_unlock(&table_lock);
}

enum orr_status
orr_type_register(const struct orr_type *type, struct orr_error *error)
{
    orr_require(type->bytes >= sizeof(struct orr_object) + (size_t)type->references * 8,
                "type %s: its bytes do not hold its references", type->name);
    orr_mutex_lock(&table_lock);
    enum orr_status status = ORR_OK;
    if (*type->index != 0)
        orr_require(orr_type_table[*type->index] == type, "type %s: its index belongs to another",
                    type->name);
    else if (types_registered + 1 == ORR_TYPES_MAX)
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "no room for type %s: %d types exist",
                          type->name, ORR_TYPES_MAX - 1);
    else {
        types_registered++;
        note_what_it_has(type);
        orr_type_table[types_registered] = type;
        orr_layouts[types_registered] = layout_of(type);
        *type->index = (uint16_t)types_registered;
    }
    orr_mutex_unlock(&table_lock);
    return status;
}
