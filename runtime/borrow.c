/* borrow.c - the log of borrows of checked builds.
 *
 * An entry is an object that was borrowed; with bit 0 set, a cell whose object died since and which is
 * kept (flag SHELL, type still set, so that the report can name it).
 */
#include "runtime/borrow.h"

#include "runtime/collector.h"

void
orr_own_thread_or_abort(const struct orr_thread *thread)
{
    orr_require(thread->os_self == orr_os_thread_self(),
                "thread %u, which system thread %u attached, is used by system thread %u: each attaches itself",
                thread->id, thread->os_id, orr_os_thread_id());
}

void
orr_alive_or_abort(struct orr_thread *thread, const struct orr_object *object)
{
    orr_own_thread_or_abort(thread);
    /* relaxed, both: the caller claims to hold the object, so nothing may change under it */
    uint32_t type = orr_load_relaxed(&object->type);
    uint8_t flags = orr_load_relaxed(&object->flags);
    orr_require(type != 0, "thread %u uses object %p, which is dead and gone", thread->id,
                (const void *)object);
    orr_require(!(flags & (ORR_FLAG_DYING | ORR_FLAG_SHELL)) || thread->cascading,
                "thread %u uses object %p of type %s, which is dead: a borrowed reference lives until "
                "its holder is released, its slot is written, or the next safepoint",
                thread->id, (const void *)object, orr_type_table[type]->name);
}

void
orr_borrow_note(struct orr_thread *thread, struct orr_object *object)
{
    orr_alive_or_abort(thread, object);
    orr_or_relaxed(&object->flags, ORR_FLAG_BORROWED); /* relaxed: a mark, read when it dies */
    orr_buffer_push(&thread->borrowed, (uintptr_t)object); /* no memory: this borrow goes unchecked */
}

struct search {
    struct orr_object *object;
    bool found;
};

static void
keep_entry(uintptr_t *entry, void *argument)
{
    struct search *search = argument;
    if (*entry != (uintptr_t)search->object)
        return;
    *entry = search->found ? 0 : *entry | 1; /* one of its entries keeps the cell, the others end */
    search->found = true;
}

bool
orr_borrow_keep(struct orr_thread *thread, struct orr_object *object)
{
    struct search search = {.object = object};
    orr_buffer_each(&thread->borrowed, keep_entry, &search);
    return search.found;
}

static void
end_entry(uintptr_t *entry, void *argument)
{
    struct orr_thread *thread = argument;
    if (*entry & 1)
        orr_cell_release(thread, (struct orr_object *)(*entry & ~(uintptr_t)1));
}

void
orr_borrows_end(struct orr_thread *thread)
{
    if (thread->borrowed.total == 0)
        return;
    orr_buffer_each(&thread->borrowed, end_entry, thread);
    orr_buffer_clear(&thread->borrowed);
}
