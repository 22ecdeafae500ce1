/* judge.c - the shadow, and what it allows.
 *
 * Everything is found by looking through small tables: 128 things with up to six slots.
 */
#include "tests/random/judge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
wrong(const char *format, ...)
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

/* --- references -------------------------------------------------------------------------------------- */

static bool
is_held_up(const struct judge *judge, const struct entry *entry)
{
    return entry->is_live && judge->thing[entry->map].is_alive && judge->thing[entry->key].is_alive;
}

static int
among(const int16_t *list, unsigned count, int id)
{
    int found = 0;
    for (unsigned i = 0; i < count; i++)
        found += list[i] == id;
    return found;
}

static int
roots_to(const struct judge *judge, int id)
{
    return among(judge->hands[0], judge->program->threads * HANDS, id) + among(judge->roots, ROOTS, id) +
           among(judge->saved, OBJECTS, id) + among(judge->pins[0], judge->program->threads * PINS, id) +
           judge->thing[id].is_immortal;
}

/* Of holders in `from`, or of all. */
static int
references_from(const struct judge *judge, int id, const bool *from)
{
    int found = roots_to(judge, id);
    for (int i = 0; i < THINGS; i++)
        if (judge->thing[i].is_alive && (!from || from[i]))
            found += among(judge->thing[i].slot, judge->thing[i].slots, id);
    for (unsigned i = 0; i < judge->entries; i++)
        if (judge->entry[i].value == id && is_held_up(judge, &judge->entry[i]))
            found += !from || from[judge->entry[i].key];
    return found;
}

static void
count_list(bool *is_referred, const int16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] != NOTHING)
            is_referred[list[i]] = true;
}

/* Fills is_referred[THINGS]: what has any reference. */
static void
find_referred(const struct judge *judge, bool *is_referred)
{
    memset(is_referred, 0, THINGS * sizeof *is_referred);
    count_list(is_referred, judge->hands[0], judge->program->threads * HANDS);
    count_list(is_referred, judge->roots, ROOTS);
    count_list(is_referred, judge->saved, OBJECTS);
    count_list(is_referred, judge->pins[0], judge->program->threads * PINS);
    for (int i = 0; i < THINGS; i++) {
        is_referred[i] |= judge->thing[i].is_immortal;
        if (judge->thing[i].is_alive)
            count_list(is_referred, judge->thing[i].slot, judge->thing[i].slots);
    }
    for (unsigned i = 0; i < judge->entries; i++)
        if (is_held_up(judge, &judge->entry[i]))
            is_referred[judge->entry[i].value] = true;
}

int
judge_references(const struct judge *judge, int id)
{
    return references_from(judge, id, NULL);
}

/* A walk over the shadow. */
struct walk {
    const struct judge *judge;
    bool *reached;
    int16_t stack[THINGS];
    unsigned depth;
};

static void
walk_to(struct walk *walk, const int16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] != NOTHING && !walk->reached[list[i]] && walk->judge->thing[list[i]].is_alive) {
            walk->reached[list[i]] = true;
            walk->stack[walk->depth++] = list[i];
        }
}

static void
walk_from_roots(struct walk *walk, bool is_safe)
{
    const struct judge *const judge = walk->judge;
    walk_to(walk, judge->hands[0], judge->program->threads * HANDS);
    walk_to(walk, judge->roots, ROOTS);
    walk_to(walk, judge->saved, OBJECTS);
    walk_to(walk, judge->pins[0], judge->program->threads * PINS);
    for (int16_t i = 0; i < THINGS; i++) {
        const struct thing *const thing = &judge->thing[i];
        if (thing->is_immortal || thing->is_finalizing || (!is_safe && thing->is_frozen))
            walk_to(walk, &i, 1);
    }
}

/* A value hangs from its key while the map lives, and a map that nobody reaches may be dead. */
static void
walk_entries(struct walk *walk, bool is_safe)
{
    for (unsigned i = 0; i < walk->judge->entries; i++) {
        const struct entry *const entry = &walk->judge->entry[i];
        if (walk->reached[entry->key] && is_held_up(walk->judge, entry) &&
            (!is_safe || (!entry->is_tainted && walk->reached[entry->map])))
            walk_to(walk, &entry->value, 1);
    }
}

/* Fills reached[THINGS]. Safe: what certainly can be reached; else what a collector may think so: frozen things count
 * as roots, and entries that may be gone as there. From `start` alone if that is a thing. */
static void
reach(const struct judge *judge, int start, bool is_safe, bool *reached)
{
    struct walk walk = {.judge = judge, .reached = reached};
    const int16_t first = (int16_t)start;
    memset(reached, 0, THINGS * sizeof *reached);
    if (start == NOTHING)
        walk_from_roots(&walk, is_safe);
    else
        walk_to(&walk, &first, 1);
    do {
        while (walk.depth) {
            const int16_t holder = walk.stack[--walk.depth];
            walk_to(&walk, judge->thing[holder].slot, judge->thing[holder].slots);
        }
        walk_entries(&walk, is_safe);
    } while (walk.depth);
}

static bool
is_reachable(const struct judge *judge, int id)
{
    bool reached[THINGS];
    reach(judge, NOTHING, true, reached);
    return reached[id];
}

unsigned
judge_alive(const struct judge *judge)
{
    unsigned alive = 0;
    for (int i = 0; i < THINGS; i++)
        alive += judge->thing[i].is_alive;
    return alive;
}

/* --- births and deaths ------------------------------------------------------------------------------- */

static void
bear(struct judge *judge, int id, unsigned shape, unsigned slots, const void *address)
{
    struct thing *const thing = &judge->thing[id];
    *thing = (struct thing){
        .is_alive = true, .is_born = true, .shape = (uint8_t)shape, .slots = (uint8_t)slots, .referent = NOTHING};
    thing->address = address;
    for (unsigned i = 0; i < SLOTS; i++)
        thing->slot[i] = NOTHING;
}

static void
kill(struct judge *judge, int id)
{
    judge->thing[id].is_alive = false;
    for (int i = 0; i < THINGS; i++)
        if (judge->thing[i].referent == id && judge->thing[i].shape == WEAK)
            judge->thing[i].is_cleared = true;
    for (unsigned i = 0; i < judge->entries; i++)
        if (judge->entry[i].map == id || judge->entry[i].key == id)
            judge->entry[i].is_live = false;
}

static bool
is_silent(const struct judge *judge, int id)
{
    return judge->program->is_quiet || judge->thing[id].shape >= SHAPES;
}

/* Counting: silent things that nothing refers to. */
static void
bury_silent(struct judge *judge)
{
    bool again = judge->rules.counts, is_referred[THINGS];
    while (again) {
        again = false;
        find_referred(judge, is_referred);
        for (int i = 0; i < THINGS; i++)
            if (judge->thing[i].is_alive && is_silent(judge, i) && !is_referred[i]) {
                kill(judge, i);
                again = true;
            }
    }
}

/* --- what was noted ---------------------------------------------------------------------------------- */

void
judge_note(struct judge *judge, enum note what, unsigned object, unsigned other, bool is_collecting)
{
    if (judge->notes == NOTES_MOST)
        wrong("more callbacks than a program can have");
    judge->note[judge->notes].what = (uint8_t)what;
    judge->note[judge->notes].object = (uint8_t)object;
    judge->note[judge->notes].other = (uint8_t)other;
    judge->note[judge->notes++].is_collecting = is_collecting;
}

/* A collection had found all that it reaches dead: weak references and entries may be gone. */
static void
taint(struct judge *judge, int id)
{
    bool reached[THINGS];
    judge->has_tainted = true;
    reach(judge, id, false, reached);
    for (int i = 0; i < THINGS; i++) {
        struct thing *const thing = &judge->thing[i];
        if (thing->shape == WEAK && thing->is_alive && !thing->is_cleared &&
            (reached[i] || (thing->referent != NOTHING && reached[thing->referent])))
            thing->is_tainted = thing->is_excused = true;
    }
    for (unsigned i = 0; i < judge->entries; i++)
        if (judge->entry[i].is_live && reached[judge->entry[i].key])
            judge->entry[i].is_tainted = true;
}

/* But for what finalizers have saved in this operation: all of a garbage set are finalized, also those that another of
 * them has just made reachable. */
static bool
was_reachable(struct judge *judge, int id)
{
    int16_t saved[OBJECTS];
    memcpy(saved, judge->saved, sizeof saved);
    for (unsigned i = 0; i < OBJECTS; i++)
        if (judge->is_fresh[i])
            judge->saved[i] = NOTHING;
    const bool was = is_reachable(judge, id);
    memcpy(judge->saved, saved, sizeof saved);
    return was;
}

static void
on_finalize(struct judge *judge, int id, bool collects, bool is_collecting)
{
    struct thing *const thing = &judge->thing[id];
    if (!thing->is_alive || thing->is_finalized)
        wrong("object %d is finalized, which is dead or has been finalized", id);
    if (is_collecting ? was_reachable(judge, id) : is_reachable(judge, id))
        wrong("object %d is finalized, which can be reached", id);
    if (!is_collecting && (!judge->rules.counts || judge_references(judge, id) != 0))
        wrong("object %d is finalized outside a collection, with %d references", id, judge_references(judge, id));
    thing->is_finalized = thing->is_finalizing = true;
    judge->is_put_aside |= collects || judge->program->stress || judge->program->trigger;
    judge->finalized_now++;
    judge->finalized++;
    if (is_collecting)
        taint(judge, id);
}

static void
on_destroy(struct judge *judge, int id)
{
    struct thing *const thing = &judge->thing[id];
    if (!thing->is_alive)
        wrong("object %d is destroyed, which is dead", id);
    if (is_reachable(judge, id))
        wrong("object %d is destroyed, which can be reached", id);
    kill(judge, id);
}

static void
on_call(struct judge *judge, int id)
{
    struct thing *const thing = &judge->thing[id];
    if (!thing->has_callback || (!thing->is_alive && !judge->is_delayed))
        wrong("the callback of weak reference %d runs, which %s", id,
              thing->has_callback ? "is dead" : "has none");
    thing->was_called = true;
    if (is_silent(judge, thing->referent) && !is_reachable(judge, thing->referent))
        kill(judge, thing->referent);
}

static void
take_notes_until(struct judge *judge, unsigned end)
{
    bury_silent(judge);
    for (unsigned i = judge->notes_taken; i < end; i++) {
        const int id = judge->note[i].object;
        struct thing *const thing = &judge->thing[id];
        switch ((enum note)judge->note[i].what) {
        case NOTE_FINALIZE: on_finalize(judge, id, judge->note[i].other, judge->note[i].is_collecting); break;
        case NOTE_FINALIZED: thing->is_finalizing = false; break;
        case NOTE_SEEN:
            if (!judge->rules.counts || judge_references(judge, id) != 0)
                wrong("the finalizer of object %d, which a collection runs, finds a weak reference that leads to it",
                      id);
            break;
        case NOTE_SPAWN:
            bear(judge, judge->note[i].other, NODE, 2, NULL);
            thing->slot[0] = judge->note[i].other;
            break;
        case NOTE_CLEAR: thing->slot[judge->note[i].other] = NOTHING; break;
        case NOTE_BORN: break;
        case NOTE_LET_GO: judge->saved[id] = NOTHING; break;
        case NOTE_SAVE:
            judge->saved[id] = judge->note[i].other;
            judge->is_fresh[id] = true;
            break;
        case NOTE_DESTROY: on_destroy(judge, id); break;
        case NOTE_CALL: on_call(judge, id); break;
        }
        bury_silent(judge);
    }
    judge->notes_taken = end;
}

static void
take_notes(struct judge *judge)
{
    take_notes_until(judge, judge->notes);
    judge->notes = judge->notes_taken = 0;
}

/* An allocation may collect, while the hand that the object goes to still holds what it held. */
static void
take_notes_before_birth(struct judge *judge)
{
    for (unsigned i = 0; i < judge->notes; i++)
        if (judge->note[i].what == NOTE_BORN) {
            take_notes_until(judge, i);
            return;
        }
}

/* --- after an operation ------------------------------------------------------------------------------ */

static void
resolve_weak(struct judge *judge, int id)
{
    struct thing *const thing = &judge->thing[id];
    const void *const referent = judge->rules.referent_of(thing->address);
    thing->is_tainted = false;
    thing->is_cleared = !referent;
    if (referent && referent != judge->thing[thing->referent].address)
        wrong("weak reference %d leads elsewhere", id);
}

static void
resolve_entry(struct judge *judge, struct entry *entry)
{
    const void *const value =
        judge->rules.value_of(judge->thing[entry->map].address, judge->thing[entry->key].address);
    entry->is_tainted = false;
    entry->is_live = value != NULL;
    if (value && value != judge->thing[entry->value].address)
        wrong("the entry of map %d for key %d leads elsewhere", entry->map, entry->key);
}

/* Looks what has become of what a collection may have cleared. */
static void
resolve(struct judge *judge)
{
    bool reached[THINGS];
    reach(judge, NOTHING, true, reached);
    for (int i = 0; i < THINGS; i++)
        if (judge->thing[i].is_alive && judge->thing[i].is_tainted && reached[i])
            resolve_weak(judge, i);
    for (unsigned i = 0; i < judge->entries; i++) {
        struct entry *const entry = &judge->entry[i];
        if (entry->is_tainted && is_held_up(judge, entry) && reached[entry->map] && reached[entry->key])
            resolve_entry(judge, entry);
    }
}

static void
expect_called(struct judge *judge)
{
    bool reached[THINGS];
    reach(judge, NOTHING, true, reached);
    for (int i = 0; i < THINGS; i++) {
        const struct thing *const thing = &judge->thing[i];
        if (thing->is_alive && thing->has_callback && reached[i] && !thing->was_called && !thing->is_excused &&
            !judge->thing[thing->referent].is_alive)
            wrong("object %d is dead, and the callback of weak reference %d has not run", thing->referent, i);
        if (thing->was_called && !thing->is_excused && judge->thing[thing->referent].is_alive)
            wrong("the callback of weak reference %d has run, and object %d is alive", i, thing->referent);
    }
}

static void
expect_counted(struct judge *judge)
{
    bool is_referred[THINGS];
    find_referred(judge, is_referred);
    for (int i = 0; i < THINGS; i++)
        if (judge->thing[i].is_alive && !is_referred[i])
            wrong("nothing refers to object %d, and it lives", i);
}

/* What cannot be reached is dead; of silent things that is believed, and with a map its values lose their hold. */
static void
expect_collected(struct judge *judge)
{
    bool reached[THINGS], again = true;
    while (again) {
        again = false;
        reach(judge, NOTHING, false, reached);
        for (int i = 0; i < THINGS; i++)
            if (judge->thing[i].is_alive && !reached[i]) {
                if (!is_silent(judge, i))
                    wrong("object %d cannot be reached, and has outlived a complete collection", i);
                kill(judge, i);
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
           judge->finalized_now == 0 && judge->entries == 0;
}

static void
expect_live(struct judge *judge)
{
    const uint64_t live = judge->rules.live();
    if (live != judge_alive(judge))
        wrong("%llu objects are alive, expected are %u", (unsigned long long)live, judge_alive(judge));
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
        const struct thing *const thing = &judge->thing[i];
        if (!thing->is_born || thing->shape >= SHAPES)
            continue;
        mix(judge, (uint64_t)i << 2 | (uint64_t)thing->is_alive << 1 | thing->is_finalized);
        for (unsigned k = 0; thing->is_alive && k < thing->slots; k++)
            mix(judge, thing->slot[k] != NOTHING && judge->thing[thing->slot[k]].shape < SHAPES
                           ? (uint64_t)thing->slot[k] + 1
                           : 0);
    }
}

/* Whether the thing is there; another may live where it was. */
static bool
is_there(const struct judge *judge, int id)
{
    for (int i = 0; i < THINGS; i++)
        if (i != id && judge->thing[i].is_alive && judge->thing[i].address == judge->thing[id].address)
            return false;
    return judge->rules.exists(judge->thing[id].address);
}

/* Maps that hang from their own entries, which a collection may have ended. */
static void
resolve_maps(struct judge *judge)
{
    bool reached[THINGS];
    reach(judge, NOTHING, true, reached);
    for (unsigned i = 0; i < judge->entries; i++) {
        struct entry *const entry = &judge->entry[i];
        if (!entry->is_tainted || !is_held_up(judge, entry) || !reached[entry->key] || reached[entry->map])
            continue;
        if (is_there(judge, entry->map))
            resolve_entry(judge, entry);
        else
            kill(judge, entry->map);
    }
}

static void
on_quiescence(struct judge *judge)
{
    if (judge->has_tainted)
        resolve_maps(judge);
    bury_silent(judge);
    if (judge->rules.counts)
        expect_counted(judge);
    if (judge->rules.is_complete)
        expect_collected(judge);
    judge->is_uncertain = false;
    expect_live(judge);
    digest(judge);
}

static void
conclude(struct judge *judge)
{
    bury_silent(judge);
    if (judge->has_tainted)
        resolve(judge);
    bury_silent(judge);
    if (judge->has_callbacks)
        expect_called(judge);
    if (judge->rules.counts && !judge->is_delayed && !judge->is_put_aside)
        expect_counted(judge);
}

static void
begin(struct judge *judge)
{
    judge->finalized_now = 0;
    memset(judge->is_fresh, 0, sizeof judge->is_fresh);
}

void
judge_meanwhile(struct judge *judge)
{
    begin(judge);
    take_notes(judge);
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
    const void *const address = id == NOTHING ? NULL : judge->thing[id].address;
    if (id != NOTHING && !address && result)
        judge->thing[id].address = result; /* of what a finalizer has made */
    else if (address != result)
        wrong("%s yields %p, expected is object %d at %p", names[op->kind], result, id, address);
}

/* The slot that an operation on slot i of a hand means; null: none. */
static int16_t *
slot_in(struct judge *judge, int holder, unsigned i)
{
    struct thing *const thing = holder == NOTHING ? NULL : &judge->thing[holder];
    if (!thing || thing->shape >= SHAPES || thing->slots == 0)
        return NULL;
    return &thing->slot[i % thing->slots];
}

static void
apply_weak(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    const int referent = hand[op->b];
    if (referent == NOTHING || judge->thing[referent].shape == WEAK)
        return;
    judge->thing[referent].is_published = true;
    for (int i = 0; i < THINGS; i++) { /* those without a callback are one */
        const struct thing *const other = &judge->thing[i];
        if (!(op->d & 1) && other->is_alive && other->shape == WEAK && other->referent == referent &&
            !other->has_callback && !other->is_cleared && other->address == result) {
            hand[op->a] = (int16_t)i;
            return;
        }
    }
    const int context = op->d == 3 ? hand[op->c] : NOTHING;
    bear(judge, op->id, WEAK, 1, result);
    struct thing *const weak = &judge->thing[op->id];
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
    if (weak == NOTHING || judge->thing[weak].shape != WEAK)
        return;
    struct thing *const thing = &judge->thing[weak];
    int referent = thing->is_cleared ? NOTHING : thing->referent;
    if (referent != NOTHING && !result && !is_reachable(judge, referent) &&
        (judge->is_delayed || judge->is_put_aside || is_silent(judge, referent)))
        referent = NOTHING;
    expect(judge, op, referent, result);
    hand[op->a] = (int16_t)referent;
    mix(judge, (uint64_t)(referent + 1));
}

static struct entry *
find_entry(struct judge *judge, int map, int key)
{
    for (unsigned i = 0; i < judge->entries; i++)
        if (judge->entry[i].is_live && judge->entry[i].map == map && judge->entry[i].key == key)
            return &judge->entry[i];
    return NULL;
}

static bool
is_key(const struct judge *judge, int map, int key)
{
    return map != NOTHING && judge->thing[map].shape == MAP && key != NOTHING && judge->thing[key].shape < SHAPES &&
           judge->thing[key].shape != LEAF;
}

static void
apply_map_set(struct judge *judge, int map, int key, int value)
{
    if (!is_key(judge, map, key) || value == NOTHING)
        return;
    judge->thing[key].is_published = true;
    struct entry *entry = find_entry(judge, map, key);
    for (unsigned i = 0; !entry && i < judge->entries; i++)
        if (!judge->entry[i].is_live)
            entry = &judge->entry[i];
    if (!entry && judge->entries == ENTRIES)
        wrong("more entries than the judge has room for");
    if (!entry)
        entry = &judge->entry[judge->entries++];
    *entry = (struct entry){.is_live = true, .map = (int16_t)map, .key = (int16_t)key, .value = (int16_t)value};
}

static void
apply_map_get(struct judge *judge, const struct op *op, int16_t *hand, const void *result)
{
    if (!is_key(judge, hand[op->b], hand[op->c]))
        return;
    const struct entry *const entry = find_entry(judge, hand[op->b], hand[op->c]);
    const int value = entry ? entry->value : NOTHING;
    expect(judge, op, value, result);
    hand[op->a] = (int16_t)value;
}

static void
apply_unique(struct judge *judge, int id, bool is_unique)
{
    bool reached[THINGS];
    if (id == NOTHING)
        return;
    reach(judge, NOTHING, true, reached);
    const struct thing *const thing = &judge->thing[id];
    const bool may_be = judge->rules.counts && references_from(judge, id, reached) == 1 && !thing->is_published &&
                        !thing->is_immortal;
    const bool must_be = may_be && judge_references(judge, id) == 1 && !judge->has_foreign;
    if (is_unique ? !may_be : must_be)
        wrong("object %d, to which %d refer, is %sunique", id, judge_references(judge, id), is_unique ? "" : "not ");
}

/* Freezing collects first. */
static void
apply_freeze(struct judge *judge)
{
    bool reached[THINGS];
    reach(judge, NOTHING, false, reached);
    for (int i = 0; i < THINGS && judge->rules.is_complete; i++)
        if (judge->thing[i].is_alive && is_silent(judge, i) && !reached[i])
            kill(judge, i);
    for (int i = 0; i < THINGS; i++) {
        struct thing *const thing = &judge->thing[i];
        thing->is_frozen = thing->is_alive && thing->shape != LEAF && thing->shape != MAP; /* green ones never are */
    }
}

static void
thaw(struct judge *judge)
{
    for (int i = 0; i < THINGS; i++)
        judge->thing[i].is_frozen = false;
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

static void
apply(struct judge *judge, const struct op *op, const void *result)
{
    int16_t *const hand = judge->hands[op->thread];
    static const uint8_t slots[SHAPES] = {[NODE] = 2, [WIDE] = 5, [ACTOR] = 2};
    int16_t *const pin = &judge->pins[op->thread][(op->kind == OP_PIN ? op->b : op->a) % PINS];
    switch ((enum op_kind)op->kind) {
    case OP_NEW:
        bear(judge, op->id, op->b, op->b == ARRAY ? op->c : slots[op->b], result);
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
        expect(judge, op, judge->roots[op->b], result);
        hand[op->a] = judge->roots[op->b];
        break;
    case OP_ROOT_STORE: judge->roots[op->a] = hand[op->b]; break;
    case OP_ROOT_EXCHANGE: swap(&judge->roots[op->a], &hand[op->b]); break;
    case OP_WEAK: apply_weak(judge, op, hand, result); break;
    case OP_UPGRADE: apply_upgrade(judge, op, hand, result); break;
    case OP_MAP:
        bear(judge, op->id, MAP, 0, result);
        hand[op->a] = op->id;
        break;
    case OP_MAP_SET: apply_map_set(judge, hand[op->a], hand[op->b], hand[op->c]); break;
    case OP_MAP_GET: apply_map_get(judge, op, hand, result); break;
    case OP_MAP_REMOVE:
        if (is_key(judge, hand[op->a], hand[op->b]) && find_entry(judge, hand[op->a], hand[op->b]))
            find_entry(judge, hand[op->a], hand[op->b])->is_live = false;
        break;
    case OP_RESCUE:
        expect(judge, op, judge->saved[op->id], result);
        hand[op->a] = judge->saved[op->id];
        judge->saved[op->id] = NOTHING;
        break;
    case OP_IMMORTAL:
        if (result)
            judge->thing[hand[op->a]].is_immortal = true;
        break;
    case OP_PIN:
        if (*pin == NOTHING)
            *pin = hand[op->a];
        break;
    case OP_UNPIN: *pin = NOTHING; break;
    case OP_FREEZE: break; /* after what was noted */
    case OP_UNFREEZE: thaw(judge); break;
    case OP_TRY:
        if (result)
            hand[op->a] = hand[op->b];
        break;
    case OP_UNIQUE: apply_unique(judge, hand[op->a], result != NULL); break;
    case OP_COLLECT:
    case OP_STEP:
    case OP_SETTLE:
    case OP_BLOCK:
    case OP_REATTACH:
    case OP_POLL:
    case OP_BARRIER:
    case OP_KINDS: break;
    default: apply_to_slot(judge, op, hand, result);
    }
}

bool
judge_loses(struct judge *judge, const struct op *op)
{
    if (!judge->rules.wants_candidates)
        return false;
    int16_t *const hand = judge->hands[op->thread], value = hand[op->b];
    int16_t *const slot = slot_in(judge, hand[op->a], op->c);
    if (!slot || value == NOTHING || op->a == op->b)
        return false;
    const int16_t old = *slot;
    *slot = value;
    hand[op->b] = op->kind == OP_EXCHANGE ? old : NOTHING;
    const bool loses = !is_reachable(judge, value);
    hand[op->b] = value;
    *slot = old;
    return loses;
}

void
judge_operation(struct judge *judge, const struct op *op, const void *result)
{
    begin(judge);
    take_notes_before_birth(judge);
    apply(judge, op, result);
    if (op->kind == OP_REATTACH && judge->rules.has_owner)
        judge->has_foreign = true;
    if (op->kind == OP_POLL || op->kind == OP_SETTLE)
        judge->is_put_aside = false;
    take_notes(judge);
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
    take_notes(judge);
    conclude(judge);
    on_quiescence(judge);
}

void
judge_begin(struct judge *judge, const struct program *program, const struct rules *rules)
{
    memset(judge, 0, sizeof *judge);
    memset(judge->hands, 0xff, sizeof judge->hands);
    memset(judge->roots, 0xff, sizeof judge->roots);
    memset(judge->saved, 0xff, sizeof judge->saved);
    memset(judge->pins, 0xff, sizeof judge->pins);
    judge->program = program;
    judge->rules = *rules;
    judge->is_delayed = program->slice != 0 || (rules->has_owner && program->threads > 1);
    judge->has_foreign = program->threads > 1;
    judge->digest = 0xcbf29ce484222325u;
}
