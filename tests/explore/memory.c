/* memory.c - stores that others do not see yet: TSO and PSO.
 *
 * Under TSO each fibre has a queue of stores; the oldest becomes visible at any later time, as a decision. A
 * read-modify-write, a seq_cst store, a lock and a park wait until the own queue is empty. Under PSO stores to
 * different words overtake one another, but nothing of before overtakes a release store: it waits until it is the
 * oldest. A read-modify-write that does not release waits for the stores to its own word alone and overtakes the
 * others, as a store-conditional may on ARM and POWER. The fibre itself reads its own stores. Words that no other
 * fibre uses are written at once: nobody can tell.
 *
 * Plain accesses are not delayed; where they meet the fibre's own store, that becomes visible first. Who sees the
 * difference has a race, and those are found in the other modes.
 *
 * Stale reads are race.c's, which knows what happened before what.
 */
#include "tests/explore/machine.h"

#include <string.h>

enum { STORES_MAX = 64, RELEASE = 3, SEQ_CST = 5 };

static struct queue {
    struct store {
        uintptr_t address;
        uint64_t value;
        uint8_t size;
        bool is_release;
        const void *place;
    } stores[STORES_MAX];
    unsigned count;
} queues[FIBRES];

void
memory_reset(void)
{
    for (unsigned i = 0; i < FIBRES; i++)
        queues[i].count = 0;
}

static bool
delays(void)
{
    return machine.mode == MODE_TSO || machine.mode == MODE_PSO;
}

void
memory_flush(unsigned fibre, unsigned which)
{
    struct queue *queue = &queues[fibre];
    struct store store = queue->stores[which];
    queue->count--;
    for (unsigned i = which; i < queue->count; i++)
        queue->stores[i] = queue->stores[i + 1];
    if (queue->count == 0)
        machine.buffered &= ~(1u << fibre);
    note_if(KIND_FLUSH, store.address, store.size, store.value, 0, store.place);
    if (FLAGS[store.address] & FLAG_DEAD) {
        char text[64];
        world_describe(store.address, text, sizeof text);
        verdict("use after free", "a store of %u becomes visible in %s", fibre, text);
    }
    switch (store.size) { /* little end first, as object.h wants it */
    case 1:
        *(uint8_t *)store.address = (uint8_t)store.value;
        break;
    case 2:
        *(uint16_t *)store.address = (uint16_t)store.value;
        break;
    case 4:
        *(uint32_t *)store.address = (uint32_t)store.value;
        break;
    default:
        *(uint64_t *)store.address = store.value;
        break;
    }
    machine.yielded = 0;
}

static bool
meets(const struct store *store, uintptr_t address, size_t bytes)
{
    return store->address < address + bytes && address < store->address + store->size;
}

static bool
may_flush(const struct queue *queue, unsigned which)
{
    const struct store *store = &queue->stores[which];
    if (which == 0)
        return true;
    if (machine.mode == MODE_TSO || store->is_release)
        return false;
    for (unsigned i = 0; i < which; i++)
        if (meets(&queue->stores[i], store->address, store->size))
            return false;
    return true;
}

unsigned
memory_options(struct choice *options, unsigned count)
{
    for (unsigned f = 0; f < FIBRES; f++)
        for (unsigned i = 0; i < queues[f].count && count < OPTIONS_MAX - FIBRES; i++)
            if (may_flush(&queues[f], i))
                options[count++] = (struct choice){OPTION_FLUSH, (uint8_t)f, (uint8_t)i};
    return count;
}

void
memory_drain(void)
{
    if (!delays())
        return;
    unsigned self = machine.self;
    while (queues[self].count) {
        memory_flush(self, 0);
        if (queues[self].count)
            point(queues[self].stores[0].address, true);
    }
}

static void
drain_at_once(unsigned fibre)
{
    while (queues[fibre].count)
        memory_flush(fibre, 0);
}

static bool
has_store_to(const struct queue *queue, uintptr_t address, size_t bytes)
{
    for (unsigned i = 0; i < queue->count; i++)
        if (meets(&queue->stores[i], address, bytes))
            return true;
    return false;
}

void
memory_drain_for(uintptr_t address, size_t bytes, int order)
{
    if (machine.mode != MODE_PSO || order >= RELEASE) {
        memory_drain();
        return;
    }
    const struct queue *queue = &queues[machine.self];
    while (has_store_to(queue, address, bytes)) {
        memory_flush(machine.self, 0);
        if (has_store_to(queue, address, bytes))
            point(queue->stores[0].address, true);
    }
}

uint64_t
memory_read(uintptr_t address, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)address;
    case 2:
        return *(const uint16_t *)address;
    case 4:
        return *(const uint32_t *)address;
    default:
        return *(const uint64_t *)address;
    }
}

bool
memory_load(uintptr_t address, unsigned size, int order, uint64_t *value)
{
    if (machine.mode == MODE_STALE)
        return stale_load(address, size, order, value);
    struct queue *queue = &queues[machine.self];
    for (unsigned i = queue->count; i-- > 0;) {
        const struct store *store = &queue->stores[i];
        if (!meets(store, address, size))
            continue;
        if (store->address == address && store->size == size) {
            *value = store->value;
            return true;
        }
        drain_at_once(machine.self);
        break;
    }
    *value = memory_read(address, size); /* others may have written since the point */
    return true;
}

/* True: the store is taken care of, and memory is not to be written. */
bool
memory_store(uintptr_t address, unsigned size, int order, uint64_t value, const void *place)
{
    if (machine.mode == MODE_STALE)
        stale_store(address, size, order, value);
    if (!delays())
        return false;
    if (order == SEQ_CST) {
        memory_drain();
        return false;
    }
    struct queue *queue = &queues[machine.self];
    if (!(FLAGS[address] & FLAG_POINT)) {
        for (unsigned i = 0; i < queue->count; i++)
            if (meets(&queue->stores[i], address, size)) {
                drain_at_once(machine.self);
                break;
            }
        return false;
    }
    if (queue->count == STORES_MAX)
        memory_flush(machine.self, 0);
    queue->stores[queue->count++] = (struct store){.address = address,
                                                   .value = value,
                                                   .size = (uint8_t)size,
                                                   .is_release = order >= RELEASE,
                                                   .place = place};
    machine.buffered |= 1u << machine.self;
    return true;
}

void
memory_change(uintptr_t address, unsigned size, int order, bool wrote, uint64_t value)
{
    if (machine.mode == MODE_STALE)
        stale_change(address, size, order, wrote, value);
}

void
memory_plain(uintptr_t address, size_t bytes, bool writes)
{
    if (machine.mode == MODE_STALE && writes)
        stale_plain(address, bytes);
    if (!machine.buffered || machine.self == OUTSIDE)
        return;
    struct queue *queue = &queues[machine.self];
    for (unsigned i = 0; i < queue->count; i++)
        if (meets(&queue->stores[i], address, bytes)) {
            drain_at_once(machine.self);
            return;
        }
}
