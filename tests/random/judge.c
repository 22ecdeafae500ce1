/* judge.c - what is expected after an operation, and what each operation does to the shadow.
 *
 * An operation is judged in this order: what was noted before a birth is taken (notes.c); the operation is applied to
 * the shadow, and its result compared; the other notes are taken; what must have happened by now is looked for.
 *
 * Threads: whoever's turn it is.
 */
#include "tests/random/judge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Ends the process at once: other threads wait for their turn. */
void
judge_wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("random: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(stderr);
    _Exit(1);
}

void
judge_bury_silent(struct judge *judge)
{
    if (judge->rules.counts)
        shadow_bury_silent(&judge->shadow);
}

/* --- after an operation ------------------------------------------------------------------------------ */

static void
resolve_weak(struct judge *judge, int id)
{
    struct thing *const thing = &judge->shadow.thing[id];
    const void *const referent = judge->rules.referent_of(thing->address);
    thing->is_tainted = false;
    thing->is_cleared = !referent;
    if (referent && referent != judge->shadow.thing[thing->referent].address)
        judge_wrong("weak reference %d leads elsewhere", id);
}

static void
resolve_entry(struct judge *judge, struct entry *entry)
{
    const void *const value =
        judge->rules.value_of(judge->shadow.thing[entry->map].address, judge->shadow.thing[entry->key].address);
    entry->is_tainted = false;
    entry->is_live = value != NULL;
    if (value && value != judge->shadow.thing[entry->value].address)
        judge_wrong("the entry of map %d for key %d leads elsewhere", entry->map, entry->key);
}

/* Looks what has become of what a collection may have cleared. */
static void
resolve(struct judge *judge)
{
    bool reached[THINGS];
    shadow_reach(&judge->shadow, NOTHING, true, reached);
    for (int i = 0; i < THINGS; i++)
        if (judge->shadow.thing[i].is_alive && judge->shadow.thing[i].is_tainted && reached[i])
            resolve_weak(judge, i);
    for (unsigned i = 0; i < judge->shadow.entries; i++) {
        struct entry *const entry = &judge->shadow.entry[i];
        if (entry->is_tainted && shadow_is_held_up(&judge->shadow, entry) && reached[entry->map] &&
            reached[entry->key])
            resolve_entry(judge, entry);
    }
}

/* That a silent thing is dead is concluded from what refers to it; where deaths are delayed, the heap may come to it
 * later, but not later than settling. */
static bool
may_die_later(const struct judge *judge, int id, bool is_settled)
{
    return !is_settled && (judge->is_delayed || judge->is_put_aside) && shadow_is_silent(&judge->shadow, id);
}

static void
expect_called(struct judge *judge, bool is_settled)
{
    bool reached[THINGS];
    shadow_reach(&judge->shadow, NOTHING, true, reached);
    for (int i = 0; i < THINGS; i++) {
        const struct thing *const thing = &judge->shadow.thing[i];
        if (thing->is_alive && thing->has_callback && reached[i] && !thing->was_called && !thing->is_excused &&
            !judge->shadow.thing[thing->referent].is_alive && !may_die_later(judge, thing->referent, is_settled))
            judge_wrong("object %d is dead, and the callback of weak reference %d has not run", thing->referent, i);
        if (thing->was_called && !thing->is_excused && judge->shadow.thing[thing->referent].is_alive)
            judge_wrong("the callback of weak reference %d has run, and object %d is alive", i, thing->referent);
    }
}

static void
expect_counted(struct judge *judge)
{
    bool is_referred[THINGS];
    shadow_find_referred(&judge->shadow, is_referred);
    for (int i = 0; i < THINGS; i++)
        if (judge->shadow.thing[i].is_alive && !is_referred[i])
            judge_wrong("nothing refers to object %d, and it lives", i);
}

/* What cannot be reached is dead; of silent things that is believed, and with a map its values lose their hold. */
static void
expect_collected(struct judge *judge)
{
    bool reached[THINGS], again = true;
    while (again) {
        again = false;
        shadow_reach(&judge->shadow, NOTHING, false, reached);
        for (int i = 0; i < THINGS; i++)
            if (judge->shadow.thing[i].is_alive && !reached[i]) {
                if (!shadow_is_silent(&judge->shadow, i))
                    judge_wrong("object %d cannot be reached, and has outlived a complete collection", i);
                shadow_kill(&judge->shadow, i);
                again = true;
            }
    }
}

static bool
was_complete(const struct judge *judge, const struct op *op, const void *result)
{
    const bool is_full = op->d % 3 == 2 || !judge->rules.is_generational;
    return op->kind == OP_COLLECT && is_full && result && judge->rules.is_complete &&
           !judge->rules.keeps_budget && !judge->is_delayed && !judge->is_put_aside &&
           judge->finalized_now == 0 && judge->shadow.entries == 0;
}

static void
expect_live(struct judge *judge)
{
    const uint64_t live = judge->rules.live();
    if (live != shadow_alive(&judge->shadow))
        judge_wrong("%llu objects are alive, expected are %u", (unsigned long long)live, shadow_alive(&judge->shadow));
}

static void
mix(struct judge *judge, uint64_t word)
{
    judge->digest = (judge->digest ^ word) * 0x100000001b3u; /* FNV-1a, by words */
}

/* What is alive, what it refers to, what was finalized: the same under every pair. */
static void
digest(struct judge *judge)
{
    for (int i = 0; i < THINGS; i++) {
        const struct thing *const thing = &judge->shadow.thing[i];
        if (!thing->is_born || thing->shape >= SHAPES)
            continue;
        mix(judge, (uint64_t)i << 2 | (uint64_t)thing->is_alive << 1 | thing->is_finalized);
        for (unsigned k = 0; thing->is_alive && k < thing->slots; k++)
            mix(judge, thing->slot[k] != NOTHING && judge->shadow.thing[thing->slot[k]].shape < SHAPES
                           ? (uint64_t)thing->slot[k] + 1
                           : 0);
    }
}

/* Whether the thing is there; another may live where it was. */
static bool
is_there(const struct judge *judge, int id)
{
    const struct thing *const thing = judge->shadow.thing;
    for (int i = 0; i < THINGS; i++)
        if (i != id && thing[i].is_alive && thing[i].address == thing[id].address)
            return false;
    return judge->rules.exists(thing[id].address);
}

/* Maps that hang from their own entries, which a collection may have ended. */
static void
resolve_maps(struct judge *judge)
{
    bool reached[THINGS];
    shadow_reach(&judge->shadow, NOTHING, true, reached);
    for (unsigned i = 0; i < judge->shadow.entries; i++) {
        struct entry *const entry = &judge->shadow.entry[i];
        if (!entry->is_tainted || !shadow_is_held_up(&judge->shadow, entry) || !reached[entry->key] ||
            reached[entry->map])
            continue;
        if (is_there(judge, entry->map))
            resolve_entry(judge, entry);
        else
            shadow_kill(&judge->shadow, entry->map);
    }
}

static void
on_quiescence(struct judge *judge)
{
    if (judge->has_tainted)
        resolve_maps(judge);
    judge_bury_silent(judge);
    if (judge->rules.counts)
        expect_counted(judge);
    if (judge->rules.is_complete)
        expect_collected(judge);
    judge->is_uncertain = false;
    expect_live(judge);
    if (judge->has_callbacks)
        expect_called(judge, true);
    digest(judge);
}

static void
conclude(struct judge *judge)
{
    judge_bury_silent(judge);
    if (judge->has_tainted)
        resolve(judge);
    judge_bury_silent(judge);
    if (judge->has_callbacks)
        expect_called(judge, false);
    if (judge->rules.counts && !judge->is_delayed && !judge->is_put_aside)
        expect_counted(judge);
}

static void
begin(struct judge *judge)
{
    judge->finalized_now = 0;
    for (int i = 0; i < THINGS; i++)
        judge->shadow.thing[i].is_owed = false;
    memset(judge->is_fresh, 0, sizeof judge->is_fresh);
}

void
judge_meanwhile(struct judge *judge)
{
    begin(judge);
    judge_take_notes(judge);
}

/* --- operations -------------------------------------------------------------------------------------- */

static void
expect(struct judge *judge, const struct op *op, int id, const void *result)
{
    static const char *const names[] = {
#define OP(kind, function, operands, weight) #function,
        OPS(OP)
#undef OP
    };
    const void *const address = id == NOTHING ? NULL : judge->shadow.thing[id].address;
    if (id != NOTHING && !address && result)
        judge->shadow.thing[id].address = result; /* of what a finalizer has made */
    else if (address != result)
        judge_wrong("%s yields %p, expected is object %d at %p", names[op->kind], result, id, address);
}

/* The slot that an operation on slot i of a hand means; null: none. */
static int16_t *
slot_in(struct judge *judge, int holder, unsigned i)
{
    struct thing *const thing = holder == NOTHING ? NULL : &judge->shadow.thing[holder];
    if (!thing || thing->shape >= SHAPES || thing->slots == 0)
        return NULL;
    return &thing->slot[i % thing->slots];
}

static void
apply_weak(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    const int referent = hand[op->b];
    if (referent == NOTHING || judge->shadow.thing[referent].shape == WEAK)
        return;
    judge->shadow.thing[referent].is_published = true;
    for (int i = 0; i < THINGS; i++) { /* those without a callback are one */
        const struct thing *const other = &judge->shadow.thing[i];
        if (!(op->d & 1) && other->is_alive && other->shape == WEAK && other->referent == referent &&
            !other->has_callback && !other->is_cleared && other->address == result) {
            hand[op->a] = (int16_t)i;
            return;
        }
    }
    const int context = op->d == 3 ? hand[op->c] : NOTHING;
    shadow_bear(&judge->shadow, op->id, WEAK, 1, result);
    struct thing *const weak = &judge->shadow.thing[op->id];
    weak->referent = (int16_t)referent;
    weak->slot[0] = (int16_t)context;
    weak->has_callback = op->d & 1;
    judge->has_callbacks |= weak->has_callback;
    weak->is_published = true;
    hand[op->a] = op->id;
}

/* A dead object may hang in a worklist or a merge queue, unreachable. */
static void
apply_upgrade(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    const int weak = hand[op->b];
    if (weak == NOTHING || judge->shadow.thing[weak].shape != WEAK)
        return;
    struct thing *const thing = &judge->shadow.thing[weak];
    int referent = thing->is_cleared ? NOTHING : thing->referent;
    if (referent != NOTHING && !result && !shadow_is_reachable(&judge->shadow, referent) &&
        (judge->is_delayed || judge->is_put_aside || shadow_is_silent(&judge->shadow, referent)))
        referent = NOTHING;
    expect(judge, op, referent, result);
    hand[op->a] = (int16_t)referent;
    mix(judge, (uint64_t)(referent + 1));
}

static bool
is_key(const struct judge *judge, int map, int key)
{
    const struct thing *const thing = judge->shadow.thing;
    return map != NOTHING && thing[map].shape == MAP && key != NOTHING && thing[key].shape < SHAPES &&
           thing[key].shape != LEAF;
}

static void
apply_map_set(struct judge *judge, int map, int key, int value)
{
    if (!is_key(judge, map, key) || value == NOTHING)
        return;
    judge->shadow.thing[key].is_published = true;
    struct entry *const entry = shadow_entry_for(&judge->shadow, map, key);
    if (!entry)
        judge_wrong("more entries than the judge has room for");
    *entry = (struct entry){.is_live = true, .map = (int16_t)map, .key = (int16_t)key, .value = (int16_t)value};
}

static void
apply_map_get(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    if (!is_key(judge, hand[op->b], hand[op->c]))
        return;
    const struct entry *const entry = shadow_find_entry(&judge->shadow, hand[op->b], hand[op->c]);
    const int value = entry ? entry->value : NOTHING;
    expect(judge, op, value, result);
    hand[op->a] = (int16_t)value;
}

static void
apply_map_remove(struct judge *judge, int map, int key)
{
    struct entry *const entry = is_key(judge, map, key) ? shadow_find_entry(&judge->shadow, map, key) : NULL;
    if (entry)
        entry->is_live = false;
}

static void
apply_unique(struct judge *judge, int id, bool is_unique)
{
    bool reached[THINGS];
    if (id == NOTHING)
        return;
    shadow_reach(&judge->shadow, NOTHING, true, reached);
    const struct thing *const thing = &judge->shadow.thing[id];
    const int references = shadow_references(&judge->shadow, id, NULL);
    const bool may_be = judge->rules.counts && shadow_references(&judge->shadow, id, reached) == 1 &&
                        !thing->is_published && !thing->is_immortal;
    const bool must_be = may_be && references == 1 && !judge->has_foreign;
    if (is_unique ? !may_be : must_be)
        judge_wrong("object %d, to which %d refer, is %sunique", id, references, is_unique ? "" : "not ");
}

/* Freezing collects first. */
static void
apply_freeze(struct judge *judge)
{
    bool reached[THINGS];
    shadow_reach(&judge->shadow, NOTHING, false, reached);
    for (int i = 0; i < THINGS && judge->rules.is_complete; i++)
        if (judge->shadow.thing[i].is_alive && shadow_is_silent(&judge->shadow, i) && !reached[i])
            shadow_kill(&judge->shadow, i);
    for (int i = 0; i < THINGS; i++) {
        struct thing *const thing = &judge->shadow.thing[i];
        thing->is_frozen = thing->is_alive && thing->shape != LEAF && thing->shape != MAP; /* green ones never are */
    }
}

static void
thaw(struct judge *judge)
{
    for (int i = 0; i < THINGS; i++)
        judge->shadow.thing[i].is_frozen = false;
}

static void
swap(int16_t *one, int16_t *other)
{
    const int16_t held = *one;
    *one = *other;
    *other = held;
}

static void
apply_to_slot(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    const bool gets = op->kind == OP_GET || op->kind == OP_LOAD;
    int16_t *const slot = slot_in(judge, hand[gets ? op->b : op->a],
                                  op->kind == OP_CLEAR || op->kind == OP_PEEK ? op->b : op->c);
    if (!slot)
        return;
    switch ((enum op_kind)op->kind) {
    case OP_GET:
    case OP_LOAD:
        expect(judge, op, *slot, result);
        hand[op->a] = *slot;
        break;
    case OP_PEEK: expect(judge, op, *slot, result); break;
    case OP_CLEAR: *slot = NOTHING; break;
    case OP_ASSIGN: *slot = *slot_in(judge, hand[op->a], op->b); break;
    case OP_SET:
    case OP_STORE: *slot = hand[op->b]; break;
    case OP_GIVE:
        if (op->a != op->b) {
            *slot = hand[op->b];
            hand[op->b] = NOTHING;
        }
        break;
    default:
        if (op->a != op->b)
            swap(slot, &hand[op->b]);
    }
}

/* What comes into hands and roots, and leaves them. */
static void
apply_to_hand(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    static const uint8_t slots[SHAPES] = {[NODE] = 2, [WIDE] = 5, [ACTOR] = 2};
    switch ((enum op_kind)op->kind) {
    case OP_NEW:
        shadow_bear(&judge->shadow, op->id, op->b, op->b == ARRAY ? op->c : slots[op->b], result);
        hand[op->a] = op->id;
        break;
    case OP_MAP:
        shadow_bear(&judge->shadow, op->id, MAP, 0, result);
        hand[op->a] = op->id;
        break;
    case OP_COPY: hand[op->a] = hand[op->b]; break;
    case OP_MOVE:
        if (op->a != op->b) {
            hand[op->a] = hand[op->b];
            hand[op->b] = NOTHING;
        }
        break;
    case OP_DROP: hand[op->a] = NOTHING; break;
    case OP_ROOT_LOAD:
        expect(judge, op, judge->shadow.roots[op->b], result);
        hand[op->a] = judge->shadow.roots[op->b];
        break;
    case OP_ROOT_STORE: judge->shadow.roots[op->a] = hand[op->b]; break;
    case OP_ROOT_EXCHANGE: swap(&judge->shadow.roots[op->a], &hand[op->b]); break;
    case OP_RESCUE:
        expect(judge, op, judge->shadow.saved[op->id], result);
        hand[op->a] = judge->shadow.saved[op->id];
        judge->shadow.saved[op->id] = NOTHING;
        break;
    case OP_TRY:
        if (result)
            hand[op->a] = hand[op->b];
        break;
    default: apply_to_slot(judge, op, hand, result);
    }
}

static void
apply(struct judge *judge, const struct op *op, const void *result)
{
    int16_t *const hand = judge->shadow.hands[op->thread];
    int16_t *const pin = &judge->shadow.pins[op->thread][(op->kind == OP_PIN ? op->b : op->a) % PINS];
    switch ((enum op_kind)op->kind) {
    case OP_WEAK: apply_weak(judge, op, hand, result); break;
    case OP_UPGRADE: apply_upgrade(judge, op, hand, result); break;
    case OP_MAP_SET: apply_map_set(judge, hand[op->a], hand[op->b], hand[op->c]); break;
    case OP_MAP_GET: apply_map_get(judge, op, hand, result); break;
    case OP_MAP_REMOVE: apply_map_remove(judge, hand[op->a], hand[op->b]); break;
    case OP_IMMORTAL:
        if (result)
            judge->shadow.thing[hand[op->a]].is_immortal = true;
        break;
    case OP_PIN:
        if (*pin == NOTHING)
            *pin = hand[op->a];
        break;
    case OP_UNPIN: *pin = NOTHING; break;
    case OP_FREEZE: break; /* after what was noted */
    case OP_UNFREEZE: thaw(judge); break;
    case OP_UNIQUE: apply_unique(judge, hand[op->a], result != NULL); break;
    case OP_COLLECT:
    case OP_STEP:
    case OP_SETTLE:
    case OP_BLOCK:
    case OP_REATTACH:
    case OP_POLL:
    case OP_BARRIER:
    case OP_KINDS: break;
    default: apply_to_hand(judge, op, hand, result);
    }
}

bool
judge_loses(struct judge *judge, const struct op *op)
{
    if (!judge->rules.wants_candidates)
        return false;
    int16_t *const hand = judge->shadow.hands[op->thread], value = hand[op->b];
    int16_t *const slot = slot_in(judge, hand[op->a], op->c);
    if (!slot || value == NOTHING || op->a == op->b)
        return false;
    const int16_t old = *slot;
    *slot = value;
    hand[op->b] = op->kind == OP_EXCHANGE ? old : NOTHING;
    const bool loses = !shadow_is_reachable(&judge->shadow, value);
    hand[op->b] = value;
    *slot = old;
    return loses;
}

void
judge_operation(struct judge *judge, const struct op *op, const void *result)
{
    begin(judge);
    judge_take_notes_before_birth(judge);
    apply(judge, op, result);
    if (op->kind == OP_REATTACH && judge->rules.has_owner)
        judge->has_foreign = true;
    if (op->kind == OP_POLL || op->kind == OP_SETTLE)
        judge->is_put_aside = false;
    judge_take_notes(judge);
    if (op->kind == OP_FREEZE && result)
        apply_freeze(judge);
    conclude(judge);
    if (op->kind == OP_SETTLE)
        on_quiescence(judge);
    else if (was_complete(judge, op, result)) {
        expect_collected(judge);
        judge->is_uncertain = judge->is_uncertain && judge->program->is_quiet;
    } else if (op->kind == OP_COLLECT)
        judge->is_uncertain = true;
    const bool collects = judge->program->stress || judge->program->trigger;
    if (judge->program->is_quiet && judge->rules.counts && !collects && !judge->is_delayed &&
        !judge->is_put_aside && !judge->is_uncertain)
        expect_live(judge);
}

void
judge_end(struct judge *judge)
{
    begin(judge);
    judge_take_notes(judge);
    conclude(judge);
    on_quiescence(judge);
}

void
judge_begin(struct judge *judge, const struct program *program, const struct rules *rules)
{
    memset(judge, 0, sizeof *judge);
    shadow_begin(&judge->shadow, program->threads, program->is_quiet);
    judge->program = program;
    judge->rules = *rules;
    judge->is_delayed = program->slice != 0 || (rules->has_owner && program->threads > 1);
    judge->has_foreign = program->threads > 1;
    judge->digest = 0xcbf29ce484222325u;
}
