/* point.c - who goes on: the state of each fibre, decisions at scheduling points, the end of a schedule.
 *
 *   READY ---lock held---> LOCKING ---unlock---> READY
 *   READY ---park-------> PARKED ---wake, or its time when nobody else can go on---> READY
 *   READY ---join-------> JOINING ---the thread's end---> READY
 *   READY ---body returns---> DONE
 *
 * A fibre that waits in a loop stands back (yielded): it is no option until another fibre has written
 * something. When all who could go on stand back, all may look again; a loop that nothing ends runs into
 * STEPS_MAX and is a livelock. Who is parked last of all, on a word that is no more what it was, has lost its wake.
 *
 * Options at a point, in this order: the current fibre if it can go on; the others that can, in a circle from it;
 * stores under way that could become visible (memory.c); parked fibres, whose wait may end for no reason. The first
 * is the default. All others are a step off the straight path, and cost one of a search's bound, if the current
 * fibre could have gone on.
 */
#include "tests/explore/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* All of the world is compared this often, and in the first schedules. */
enum { COMPARE_EVERY = 1024, COMPARE_FIRST = 300 };

struct machine machine;
const char *const mode_names[MODES] = {"sc", "tso", "pso", "stale"};

/* --- verdicts ------------------------------------------------------------------------------------- */

static _Noreturn void
give_up(void)
{
    if (machine.self == OUTSIDE)
        longjmp(machine.outside, 1);
    machine.self = OUTSIDE;
    fibre_leave(OUTSIDE);
}

_Noreturn void
verdict(const char *kind, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(machine.verdict, sizeof machine.verdict, "%s: ", kind);
    va_start(arguments, format);
    vsnprintf(machine.verdict + used, sizeof machine.verdict - (size_t)used, format, arguments);
    va_end(arguments);
    machine.failed = true;
    give_up();
}

_Noreturn void
explore_fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    verdict("oracle", "%s", text);
}

_Noreturn void
orr_assertion_failed(const char *file, int line, const char *expression, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    verdict("assertion", "%s:%d: (%s) is false: %s", file, line, expression, text);
}

static size_t
describe_wait(const struct fibre *fibre, unsigned i, char *text, size_t room)
{
    char what[64];
    static const char *const doing[] = {"can go on", "waits for the lock", "sleeps on", "joins", "is done"};
    world_describe((uintptr_t)fibre->waits_for, what, sizeof what);
    int used = snprintf(text, room, "%s%u %s", i ? "; " : "", i, doing[fibre->state]);
    if (fibre->state == FIBRE_LOCKING)
        used += snprintf(text + used, room - (size_t)used, " %s, held by %d", what,
                         (int)*(const uint32_t *)fibre->waits_for - 1);
    else if (fibre->state == FIBRE_PARKED)
        used += snprintf(text + used, room - (size_t)used, " %s", what);
    return (size_t)used;
}

static _Noreturn void
deadlock(void)
{
    char text[512];
    size_t used = 0;
    for (unsigned i = 0; i < machine.fibres && used + 128 < sizeof text; i++)
        used += describe_wait(&machine.fibre[i], i, text + used, sizeof text - used);
    verdict("deadlock", "%s", text);
}

/* --- notes ---------------------------------------------------------------------------------------- */

static uint64_t
mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15u ^ (hash >> 29);
}

void
note(enum kind kind, uintptr_t address, unsigned size, uint64_t value, int order, const void *place)
{
    if (machine.hashing) {
        machine.hash = mix(machine.hash, machine.self | (uint64_t)kind << 8 | (uint64_t)size << 16);
        machine.hash = mix(machine.hash, fibre_is_stack(address) ? 0 : address);
        machine.hash = mix(machine.hash, fibre_is_stack(value) ? 0 : value);
    }
    if (!machine.notes || machine.note_count == NOTES_MAX)
        return;
    machine.notes[machine.note_count++] = (struct note){
        .fibre = (uint8_t)machine.self,
        .kind = (uint8_t)kind,
        .size = (uint8_t)size,
        .order = order,
        .address = address,
        .value = value,
        .place = place,
    };
}

/* --- what is a point ------------------------------------------------------------------------------ */

void
touch_slow(uintptr_t address, unsigned size, bool writes)
{
    uint8_t mine = (uint8_t)((writes ? 0x10u : 0x01u) << machine.self);
    bool shared = false;
    if (FLAGS[address] & FLAG_POINT)
        return;
    for (unsigned i = 0; i < size; i++) {
        uint8_t *touched = &TOUCHED[address + i];
        *touched |= mine;
        uint8_t writers = *touched >> 4, all = (*touched | writers) & 0xf;
        shared |= writers && (all & (all - 1));
    }
    if (!shared)
        return;
    for (unsigned i = 0; i < size; i++)
        FLAGS[address + i] |= FLAG_POINT;
    machine.learned = true;
}

/* --- decisions ------------------------------------------------------------------------------------ */

static unsigned
add_runnable(struct choice *options, uint32_t eligible)
{
    unsigned count = 0, self = machine.self;
    if (self != OUTSIDE && (eligible >> self & 1))
        options[count++] = (struct choice){OPTION_RUN, (uint8_t)self, 0};
    for (unsigned i = 1; i <= FIBRES; i++) {
        unsigned other = (self + i) % (FIBRES + 1);
        if (other < FIBRES && other != self && (eligible >> other & 1))
            options[count++] = (struct choice){OPTION_RUN, (uint8_t)other, 0};
    }
    return count;
}

static unsigned
add_sleepers(struct choice *options, unsigned count)
{
    for (unsigned i = 0; i < machine.fibres; i++)
        if (machine.fibre[i].state == FIBRE_PARKED && i != machine.self && count < OPTIONS_MAX)
            options[count++] = (struct choice){OPTION_WAKE, (uint8_t)i, 0};
    return count;
}

/* The time of the sleeper that wakes first comes. */
static bool
let_time_pass(void)
{
    unsigned first = FIBRES;
    for (unsigned i = 0; i < machine.fibres; i++)
        if (machine.fibre[i].state == FIBRE_PARKED &&
            (first == FIBRES || machine.fibre[i].until_ns < machine.fibre[first].until_ns))
            first = i;
    if (first == FIBRES)
        return false;
    const struct fibre *sleeper = &machine.fibre[first];
    /* Where stores wait, the wake may have come before its store; no kernel's does. */
    if (machine.live == 1u << first && machine.mode != MODE_TSO && machine.mode != MODE_PSO &&
        *sleeper->word != sleeper->expected)
        verdict("lost wake-up", "%u waits for a word to change that has changed, until its time is over", first);
    if (machine.clock_ns < machine.fibre[first].until_ns)
        machine.clock_ns = machine.fibre[first].until_ns;
    machine.timeouts++;
    point_wake(first);
    return true;
}

static uint32_t
eligible_now(void)
{
    for (;;) {
        uint32_t eligible = machine.ready & ~machine.yielded;
        if (eligible)
            return eligible;
        if (EXPLORE_IS_FULL && machine.buffered) { /* no store waits for ever */
            memory_flush((unsigned)__builtin_ctz(machine.buffered), 0);
            continue;
        }
        if (machine.ready) {
            machine.yielded = 0;
            continue;
        }
        if (!machine.live)
            return 0;
        if (!let_time_pass())
            deadlock();
    }
}

static void
go_to(unsigned next)
{
    unsigned self = machine.self;
    if (next == self)
        return;
    machine.self = next;
    if (self != OUTSIDE && machine.fibre[self].state == FIBRE_DONE)
        fibre_leave(next);
    fibre_switch(self, next);
}

/* Chooses among all there is until that is a fibre, and goes there. */
static __attribute__((noinline)) void
choose_widely(void)
{
    for (;;) {
        struct choice options[OPTIONS_MAX];
        uint32_t eligible = eligible_now();
        if (!eligible && !machine.live)
            go_to(OUTSIDE);
        unsigned self = machine.self;
        bool stays = self != OUTSIDE && (eligible >> self & 1);
        unsigned count = add_runnable(options, eligible);
        if (EXPLORE_IS_FULL && machine.buffered)
            count = memory_options(options, count);
        if (machine.parked)
            count = add_sleepers(options, count);
        unsigned chosen = decide(count, stays, options);
        struct choice *option = &options[chosen];
        switch ((enum option_kind)option->kind) {
        case OPTION_FLUSH:
            if (EXPLORE_IS_FULL)
                memory_flush(option->fibre, option->which);
            continue;
        case OPTION_WAKE:
            point_wake(option->fibre);
            continue;
        case OPTION_VALUE:
        case OPTION_RUN:
            go_to(option->fibre);
            return;
        }
    }
}

/* The k-th of the eligible fibres in the circle that begins behind self, which is none of them. */
static inline unsigned
kth_other(uint32_t eligible, unsigned self, unsigned k)
{
    unsigned first = self + 1; /* of the FIBRES + 1 places, the last being outside */
    uint32_t circle = eligible >> first | eligible << (FIBRES + 1 - first);
    for (circle &= (1u << (FIBRES + 1)) - 1; k > 0; k--)
        circle &= circle - 1;
    unsigned place = (unsigned)__builtin_ctz(circle) + first;
    return place > FIBRES ? place - (FIBRES + 1) : place;
}

/* decide, where a depth-first search repeats what it did. */
static inline unsigned
decide_quickly(unsigned count, bool stays)
{
    if (__builtin_expect(machine.plan && machine.depth < machine.planned, 1) &&
        __builtin_expect(machine.plan[machine.depth].count == count, 1))
        return machine.plan[machine.depth++].chosen;
    return decide(count, stays, NULL);
}

static const uint8_t bits_of[1 << FIBRES] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

static inline void
choose(void)
{
    unsigned self = machine.self;
    uint32_t eligible = machine.ready & ~machine.yielded;
    uint32_t sleepers = machine.parked | machine.buffered;
    if (__builtin_expect(sleepers || !eligible || machine.wide, 0)) {
        choose_widely();
        return;
    }
    bool stays = self != OUTSIDE && (eligible >> self & 1);
    unsigned count = bits_of[eligible];
    unsigned chosen = count > 1 ? decide_quickly(count, stays) : 0;
    if (stays && chosen == 0)
        return;
    go_to(kth_other(eligible & ~(self == OUTSIDE ? 0 : 1u << self), self, chosen - stays));
}

void
point(uintptr_t address, bool writes)
{
    struct fibre *fibre = &machine.fibre[machine.self];
    if (__builtin_expect(++machine.steps > STEPS_MAX, 0))
        verdict("livelock", "%d steps, and no end", STEPS_MAX);
    machine.clock_ns += 100;
    fibre->pending = address;
    fibre->pending_writes = writes;
    if (fibre->is_fresh) { /* nothing has happened since the decision that let it begin */
        fibre->is_fresh = false;
        if (!machine.all_points)
            return;
    }
    choose();
}

void
point_blocked(void)
{
    if (++machine.steps > STEPS_MAX)
        verdict("livelock", "%d steps, and no end", STEPS_MAX);
    choose();
}

void
point_yield(void)
{
    machine.yielded |= 1u << machine.self;
    note_if(KIND_YIELD, 0, 0, 0, 0, __builtin_return_address(0));
    machine.fibre[machine.self].pending = 0;
    point_blocked();
    machine.yielded &= ~(1u << machine.self);
}

/* --- a schedule ----------------------------------------------------------------------------------- */

static void
fibre_main(void)
{
    unsigned self = machine.self;
    struct fibre *fibre = &machine.fibre[self];
    if (fibre->start)
        fibre->start(fibre->argument);
    else
        machine.scenario->body(self);
    note_if(KIND_END, 0, 0, 0, 0, NULL);
    fibre->state = FIBRE_DONE;
    machine.ready &= ~(1u << self);
    machine.live &= ~(1u << self);
    machine.yielded = 0;
    for (unsigned i = 0; i < machine.fibres; i++)
        if (machine.fibre[i].state == FIBRE_JOINING && machine.fibre[i].waits_for == fibre)
            point_wake(i);
    if (EXPLORE_IS_FULL)
        race_end();
    fibre->pending = 0;
    if (!machine.live && !machine.ready && !machine.buffered) {
        machine.self = OUTSIDE;
        fibre_leave(OUTSIDE);
    }
    choose();
    __builtin_unreachable();
}

void
point_begin(unsigned i)
{
    struct fibre *fibre = &machine.fibre[i];
    fibre->state = FIBRE_READY;
    fibre->accesses = 0;
    fibre->pending = 0;
    fibre->is_fresh = true;
    fibre_prepare(i, fibre_main);
    machine.ready |= 1u << i;
    if (EXPLORE_IS_FULL && machine.self != OUTSIDE)
        race_begin(i);
}

static void
begin(void)
{
    unsigned own = machine.scenario->fibres;
    machine.ready = 0;
    for (unsigned i = 0; i < machine.fibres; i++)
        point_begin(i);
    for (unsigned i = machine.fibres; i < FIBRES; i++)
        machine.fibre[i].state = FIBRE_DONE;
    machine.live = (1u << own) - 1;
    machine.yielded = machine.buffered = machine.parked = 0;
    machine.steps = 0;
    machine.timeouts = 0;
    machine.clock_ns = 1000000000;
    machine.failed = false;
    machine.note_count = 0;
    machine.hash = 0;
}

static void
judge(bool verifies)
{
    const struct explore_scenario *scenario = machine.scenario;
    machine.judges = true;
    if (setjmp(machine.outside) == 0) {
        if (scenario->check)
            scenario->check();
        if (verifies && scenario->verify)
            scenario->verify();
    }
    machine.judges = false;
}

bool
run_schedule(bool verifies)
{
    unsigned services = machine.fibres;
    /* Another script writes where none before it did: there, everything is compared each time. */
    if (machine.failed || !machine.self_changes || machine.scenario->operations ||
        machine.restores++ % COMPARE_EVERY == 0 || machine.restores < COMPARE_FIRST)
        world_restore();
    else
        world_restore_known();
    machine.self_changes = true;
    if (EXPLORE_IS_FULL) {
        memory_reset();
        race_reset();
    }
    begin();
    choose();
    if (!machine.failed && (machine.scenario->check || verifies)) {
        if (verifies)
            machine.self_changes = false;
        judge(verifies);
    }
    machine.fibres = services; /* those that began in the schedule are gone */
    return !machine.failed;
}
