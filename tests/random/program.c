/* program.c - making random programs.
 *
 * The mix: each operation has a weight (program.h), which each program bends to a taste of its own: to a quarter, to
 * three times as much, or not (weigh). A quarter of the programs makes objects immortal, one operation in sixty; not
 * those that must be the same under every pair. Of those that run freely, half fight for one root, and do hardly
 * anything but make, copy, drop, load, store and exchange.
 */
#include "tests/random/program.h"

#include <string.h>

uint64_t
program_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64: Steele, Lea, Flood 2014 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t
program_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(program_draw(state) % limit);
}

struct maker {
    struct program *program;
    uint64_t chance;
    uint32_t weights[OP_KINDS], sum;
    uint32_t born;
    bool is_hot;
    bool is_calm; /* no immortals: nothing is left at the end, and nobody needs to own what he makes immortal */
};

static const uint8_t weights[OP_KINDS] = {
#define OP(kind, function, operands, weight) weight,
    OPS(OP)
#undef OP
};

static bool
one_in(struct maker *maker, uint32_t n)
{
    return program_below(&maker->chance, n) == 0;
}

/* What a quiet program leaves out: it cannot tell what has died. What a timeless one leaves out: freezing saves
 * garbage from collections but not from counting. */
static bool
is_allowed(const struct program *program, unsigned kind)
{
    if (program->is_quiet &&
        ((kind >= OP_WEAK && kind <= OP_RESCUE) || kind == OP_TRY || kind == OP_FREEZE || kind == OP_STEP))
        return false;
    return !program->is_timeless || (kind != OP_FREEZE && kind != OP_UNFREEZE);
}

/* Freely, half of the programs fight for one root. */
static const uint8_t hot_kinds[] = {OP_NEW, OP_COPY, OP_ROOT_LOAD, OP_ROOT_STORE, OP_ROOT_EXCHANGE, OP_DROP};

static bool
is_hot(unsigned kind)
{
    return memchr(hot_kinds, (int)kind, sizeof hot_kinds) != NULL;
}

static void
weigh(struct maker *maker)
{
    for (unsigned kind = 0; kind < OP_KINDS; kind++) {
        uint32_t weight = weights[kind] * 4u;
        /* Each program has its own taste. */
        switch (program_below(&maker->chance, 4)) {
        case 0: weight /= 4; break;
        case 1: weight *= 3; break;
        default: break;
        }
        if (maker->is_hot)
            weight = is_hot(kind) ? 10 : 0;
        maker->weights[kind] = is_allowed(maker->program, kind) ? weight : 0;
        maker->sum += maker->weights[kind];
    }
}

static struct op *
add(struct maker *maker, unsigned kind, unsigned thread)
{
    struct program *program = maker->program;
    struct op *op = &program->op[program->ops++];
    *op = (struct op){.kind = (uint8_t)kind, .thread = (uint8_t)thread};
    op->a = (uint8_t)program_below(&maker->chance, HANDS);
    op->b = (uint8_t)program_below(&maker->chance, HANDS);
    op->c = (uint8_t)program_below(&maker->chance, HANDS);
    op->d = (uint8_t)program_below(&maker->chance, 4);
    return op;
}

static unsigned
any_kind(struct maker *maker)
{
    uint32_t rest = program_below(&maker->chance, maker->sum);
    unsigned kind = 0;
    while (rest >= maker->weights[kind])
        rest -= maker->weights[kind++];
    return kind;
}

static bool
makes_object(unsigned kind)
{
    return kind == OP_NEW || kind == OP_WEAK || kind == OP_MAP;
}

bool
program_makes(const struct op *op)
{
    return makes_object(op->kind);
}

static bool
depends_on_time(unsigned kind)
{
    return kind == OP_UPGRADE || kind == OP_RESCUE;
}

static void
fill_new(struct maker *maker, struct op *op)
{
    op->b = (uint8_t)program_below(&maker->chance, maker->program->is_quiet ? ACTOR : SHAPES);
    op->d = (uint8_t)program_below(&maker->chance, ACTIONS);
    if (!one_in(maker, 4))
        op->d &= (uint8_t)~ACT_COLLECT;
    if (maker->program->is_timeless) /* who dies by counting is saved in another way than who dies in a cycle */
        op->d &= (uint8_t)~(ACT_RESCUE | ACT_CHILD);
}

static void
add_any(struct maker *maker)
{
    struct program *program = maker->program;
    unsigned kind = any_kind(maker), thread = program_below(&maker->chance, program->threads);
    if (!maker->is_calm && one_in(maker, 60))
        kind = OP_IMMORTAL;
    if (makes_object(kind) && maker->born == OBJECTS)
        kind = OP_DROP;
    if (kind == OP_SETTLE && program->is_free)
        kind = OP_BARRIER;
    if (program->is_timeless && depends_on_time(kind))
        add(maker, OP_SETTLE, thread);
    struct op *op = add(maker, kind, thread);
    if (makes_object(kind))
        op->id = (uint8_t)maker->born++;
    if (maker->is_hot && (kind == OP_ROOT_STORE || kind == OP_ROOT_EXCHANGE))
        op->a = 0;
    if (maker->is_hot && kind == OP_ROOT_LOAD)
        op->b = 0;
    if (kind == OP_NEW)
        fill_new(maker, op);
    if (kind == OP_RESCUE)
        op->id = (uint8_t)program_below(&maker->chance, OBJECTS);
    if (kind == OP_COLLECT)
        op->d = (uint8_t)(one_in(maker, 2) ? 2 : program_below(&maker->chance, 3));
}

static uint8_t
choose(struct maker *maker, const uint8_t *from, uint32_t count)
{
    return from[program_below(&maker->chance, count)];
}

static void
choose_options(struct maker *maker, const struct wish *wish)
{
    static const uint8_t stresses[] = {0, 0, 0, 1, 2, 7, 3, 5}, threads[] = {1, 1, 2, 4};
    struct program *program = maker->program;
    program->threads = wish->threads ? wish->threads : choose(maker, threads, 4);
    program->is_free = program->threads > 1 && !wish->is_timeless && one_in(maker, 2);
    program->laps = (uint8_t)(program->is_free && !one_in(maker, 3) ? 2 + program_below(&maker->chance, 30) : 1);
    program->is_quiet = !program->is_free && one_in(maker, 6);
    program->is_timeless = wish->is_timeless;
    program->stress = choose(maker, stresses, 8);
    program->slice = (uint8_t)(one_in(maker, 4) ? 1 + program_below(&maker->chance, 3) : 0);
    program->trigger = (uint8_t)(one_in(maker, 3) ? 1 + program_below(&maker->chance, 8) : 0);
    maker->is_hot = program->is_free && one_in(maker, 2);
    program->is_tiny = one_in(maker, 2);
    program->verifies = one_in(maker, 2);
    maker->is_calm = wish->is_timeless || !one_in(maker, 4);
}

void
program_generate(struct program *program, uint64_t seed, const struct wish *wish)
{
    struct maker maker = {.program = program, .chance = seed * 0x2545f4914f6cdd1du + 1};
    memset(program, 0, sizeof *program);
    program->seed = seed;
    choose_options(&maker, wish);
    weigh(&maker);
    uint32_t ops = wish->ops + program_below(&maker.chance, wish->ops / 2 + 1);
    if (ops > OPS_MOST - 2)
        ops = OPS_MOST - 2;
    while (program->ops < ops)
        add_any(&maker);
}
