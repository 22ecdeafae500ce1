/* race.c - what happened before what: vector clocks, data races, and reads of stores that are not the last.
 *
 * A fibre's clock is one number per fibre: how much of it, it has seen. Its own number grows at each release. A word
 * carries the clock that its last store released (a read-modify-write adds to it: a release sequence), and an acquire
 * load takes it over; locks likewise. What setup did came before everything.
 *
 * Races: each byte remembers, for each fibre, when it was last read and written, plainly and atomically. Two accesses
 * race if one writes, one is plain, and neither happened before the other. Freeing is writing.
 *
 * Stale reads: a word keeps its last stores. A relaxed or acquire load may return any that is not older than one
 * which the fibre has seen, has written, or knows that someone has seen or written. So may a compare-and-swap that
 * fails by it, for then it is a load. Other read-modify-writes read the last one, as C says; so do seq_cst loads, which
 * is less than C allows: what is found is real, what is not found may be. Load buffering is not looked for.
 */
#include "tests/explore/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { HISTORY = 6, PLACES = 4, WORDS = 512, ACQUIRE = 2, RELEASE = 3, SEQ_CST = 5 };

struct clock {
    uint16_t at[FIBRES];
};

/* Eight bytes of the world. */
struct word {
    uint32_t run; /* the schedule that this is about */
    uint8_t place_count;
    struct clock released[8]; /* by the first byte of what was stored */
    struct touches {
        struct clock plain_writes, plain_reads, atomic_writes, atomic_reads;
    } bytes[8];
    struct place { /* stale reads */
        uint8_t offset, size, count;
        struct version {
            uint64_t value;
            uint16_t epoch;
            uint8_t writer; /* OUTSIDE: it was there before */
            struct clock released, readers; /* readers: when each first read it; 0: never */
        } versions[HISTORY];
    } places[PLACES];
};

static struct word *pages[REGION_SPAN / (WORDS * 8)];
static uint32_t run;
static struct clock clocks[FIBRES];
static uintptr_t guilty; /* the address of the last race, to be told of in a recorded run */

static bool
is_on(void)
{
    return machine.mode == MODE_SC || machine.mode == MODE_STALE;
}

static struct word *
word_of(uintptr_t address)
{
    struct word **page = &pages[address / (WORDS * 8)];
    if (!*page)
        *page = mmap(NULL, WORDS * sizeof **page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct word *word = *page + address / 8 % WORDS;
    if (word->run != run) {
        __builtin_memset(word->released, 0, sizeof word->released);
        __builtin_memset(word->bytes, 0, sizeof word->bytes);
        word->place_count = 0;
        word->run = run;
    }
    return word;
}

/* --- clocks --------------------------------------------------------------------------------------- */

static void
join(struct clock *clock, const struct clock *other)
{
    for (unsigned i = 0; i < FIBRES; i++)
        if (other->at[i] > clock->at[i])
            clock->at[i] = other->at[i];
}

static void
grow(unsigned fibre)
{
    clocks[fibre].at[fibre]++;
}

static bool
is_acquire(int order)
{
    return order == 1 || order == ACQUIRE || order > RELEASE;
}

static bool
is_release(int order)
{
    return order >= RELEASE;
}

void
race_reset(void)
{
    run++;
    __builtin_memset(clocks, 0, sizeof clocks);
    for (unsigned i = 0; i < FIBRES; i++)
        clocks[i].at[i] = 1;
}

void
race_begin(unsigned fibre)
{
    join(&clocks[fibre], &clocks[machine.self]);
    grow(machine.self);
}

void
race_join(unsigned fibre)
{
    join(&clocks[machine.self], &clocks[fibre]);
}

void
race_end(void)
{
}

void
race_acquire(const void *lock)
{
    if (is_on() && world_has((uintptr_t)lock))
        join(&clocks[machine.self], &word_of((uintptr_t)lock)->released[(uintptr_t)lock & 7]);
}

void
race_release(const void *lock)
{
    if (!is_on() || !world_has((uintptr_t)lock))
        return;
    word_of((uintptr_t)lock)->released[(uintptr_t)lock & 7] = clocks[machine.self];
    grow(machine.self);
}

/* --- races ---------------------------------------------------------------------------------------- */

static int
unseen(const struct clock *touched)
{
    const struct clock *mine = &clocks[machine.self];
    for (unsigned i = 0; i < FIBRES; i++)
        if (i != machine.self && touched->at[i] > mine->at[i])
            return (int)i;
    return -1;
}

static _Noreturn void
race(uintptr_t address, const char *mine, unsigned other, const char *theirs, const void *place)
{
    char text[64];
    guilty = address;
    world_describe(address, text, sizeof text);
    note_if(mine[0] == 'r' ? KIND_READ : KIND_WRITE, address, 1, 0, 0, place);
    verdict("race", "%u %s %s, and %u %s it, in no order", machine.self, mine, text, other, theirs);
}

static void
touch(uintptr_t address, bool writes, bool plain, const char *doing, const void *place)
{
    struct touches *touches = &word_of(address)->bytes[address & 7];
    int other = unseen(&touches->plain_writes);
    if (other >= 0)
        race(address, doing, (unsigned)other, "writes", place);
    if (writes && (other = unseen(&touches->plain_reads)) >= 0)
        race(address, doing, (unsigned)other, "reads", place);
    if (plain && (other = unseen(&touches->atomic_writes)) >= 0)
        race(address, doing, (unsigned)other, "writes (atomically)", place);
    if (plain && writes && (other = unseen(&touches->atomic_reads)) >= 0)
        race(address, doing, (unsigned)other, "reads (atomically)", place);
    struct clock *clock = plain ? writes ? &touches->plain_writes : &touches->plain_reads
                          : writes ? &touches->atomic_writes
                                   : &touches->atomic_reads;
    clock->at[machine.self] = clocks[machine.self].at[machine.self];
}

void
race_plain(uintptr_t address, size_t bytes, bool writes, const void *place)
{
    if (guilty && guilty - address < bytes)
        note_if(writes ? KIND_WRITE : KIND_READ, guilty, (unsigned)bytes, 0, 0, place);
    for (size_t i = 0; i < bytes; i++)
        touch(address + i, writes, true, writes ? "writes" : "reads", place);
}

void
race_free(uintptr_t address, size_t bytes, const void *place)
{
    if (!machine.races)
        return;
    for (size_t i = 0; i < bytes && i < 512; i++)
        touch(address + i, true, true, "frees", place);
}

void
race_atomic(uintptr_t address, unsigned size, bool reads, bool writes, int order, const void *place)
{
    if (!is_on())
        return;
    if (machine.races)
        for (unsigned i = 0; i < size; i++)
            touch(address + i, writes, false, writes ? "writes (atomically)" : "reads (atomically)", place);
    if (machine.mode != MODE_SC)
        return; /* below, version by version */
    struct word *word = word_of(address);
    struct clock *mine = &clocks[machine.self];
    for (unsigned part = 0; part < size; part += 4) {
        struct clock *released = &word->released[(address + part) & 7];
        if (reads && is_acquire(order))
            join(mine, released);
    }
    for (unsigned part = 0; writes && part < size; part += 4) {
        struct clock *released = &word->released[(address + part) & 7];
        if (!reads)
            *released = (struct clock){{0}};
        if (is_release(order))
            join(released, mine);
    }
    if (writes && is_release(order))
        grow(machine.self);
}

/* --- stale reads ---------------------------------------------------------------------------------- */

/* The place with exactly these bytes; others that meet it keep nothing but their last store. */
static struct place *
place_of(uintptr_t address, unsigned size)
{
    struct word *word = word_of(address);
    unsigned offset = address & 7, kept = 0;
    for (unsigned i = 0; i < word->place_count; i++) {
        struct place *place = &word->places[i];
        if (place->offset == offset && place->size == size)
            return place;
    }
    for (unsigned i = 0; i < word->place_count; i++)
        if (word->places[i].offset >= offset + size || word->places[i].offset + word->places[i].size <= offset)
            word->places[kept++] = word->places[i];
    word->place_count = (uint8_t)(kept == PLACES ? 0 : kept);
    struct place *place = &word->places[word->place_count++];
    *place = (struct place){.offset = (uint8_t)offset, .size = (uint8_t)size, .count = 1};
    place->versions[0].writer = OUTSIDE;
    place->versions[0].value = memory_read(address, size);
    return place;
}

static bool
is_known(const struct version *version)
{
    const struct clock *mine = &clocks[machine.self];
    if (version->writer == OUTSIDE || version->epoch <= mine->at[version->writer])
        return true;
    for (unsigned i = 0; i < FIBRES; i++)
        if (version->readers.at[i] && version->readers.at[i] <= mine->at[i])
            return true;
    return false;
}

static void
have_read(struct version *version, int order)
{
    struct clock *mine = &clocks[machine.self];
    if (!version->readers.at[machine.self])
        version->readers.at[machine.self] = mine->at[machine.self];
    if (is_acquire(order))
        join(mine, &version->released);
}

/* Which store a load reads: its distance from the last. With `other_than`, that value is not read from an old one. */
static unsigned
choose_version(const struct place *place, int order, const uint64_t *other_than)
{
    struct choice options[HISTORY];
    unsigned last = place->count - 1u, count = 0;
    for (unsigned back = 0; back <= last; back++) {
        const struct version *version = &place->versions[last - back];
        if (back == 0 || !other_than || version->value != *other_than)
            options[count++] = (struct choice){OPTION_VALUE, 0, (uint8_t)back};
        if (order == SEQ_CST || is_known(version))
            break;
    }
    return count > 1 ? options[decide(count, true, options)].which : 0;
}

static uint64_t
read_version(struct place *place, unsigned back, int order)
{
    struct version *version = &place->versions[place->count - 1u - back];
    have_read(version, order);
    return version->value;
}

bool
stale_load(uintptr_t address, unsigned size, int order, uint64_t *value)
{
    struct place *place = place_of(address, size);
    *value = read_version(place, choose_version(place, order, NULL), order);
    return true;
}

bool
stale_failure(uintptr_t address, unsigned size, int order, uint64_t expected, uint64_t *value)
{
    struct place *place = place_of(address, size);
    unsigned back = choose_version(place, order, &expected);
    if (back == 0)
        return false;
    *value = read_version(place, back, order);
    return true;
}

static void
add_version(struct place *place, int order, uint64_t value, const struct clock *sequence)
{
    if (place->count == HISTORY) {
        for (unsigned i = 1; i < HISTORY; i++)
            place->versions[i - 1] = place->versions[i];
        place->count--;
    }
    struct version *version = &place->versions[place->count++];
    unsigned self = machine.self;
    *version = (struct version){.value = value, .writer = (uint8_t)self, .epoch = clocks[self].at[self]};
    if (sequence)
        version->released = *sequence;
    if (is_release(order)) {
        join(&version->released, &clocks[self]);
        grow(self);
    }
}

void
stale_store(uintptr_t address, unsigned size, int order, uint64_t value)
{
    add_version(place_of(address, size), order, value, NULL);
}

void
stale_change(uintptr_t address, unsigned size, int order, bool wrote, uint64_t value)
{
    struct place *place = place_of(address, size);
    struct version *last = &place->versions[place->count - 1];
    have_read(last, order);
    if (wrote) {
        struct clock sequence = last->released;
        add_version(place, order, value, &sequence);
    }
}

void
stale_plain(uintptr_t address, size_t bytes)
{
    for (uintptr_t at = address & ~(uintptr_t)7; at < address + bytes; at += 8)
        word_of(at)->place_count = 0;
}
