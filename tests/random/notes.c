/* notes.c - what callbacks have told the judge, taken in the order in which it happened, and allowed or forbidden.
 *
 * Notes are put down while an operation runs and taken after it: the shadow is that of before the operation, or of
 * after it, as judge.c says. One that is taken has done to the shadow what it tells of.
 *
 * Threads: whoever's turn it is.
 */
#include "tests/random/judge.h"

#include <string.h>

void
judge_note(struct judge *judge, enum note what, unsigned object, unsigned other, bool is_collecting)
{
    if (judge->notes == NOTES_MOST)
        judge_wrong("more callbacks than a program can have");
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
    shadow_reach(&judge->shadow, id, false, reached);
    for (int i = 0; i < THINGS; i++) {
        struct thing *const thing = &judge->shadow.thing[i];
        if (thing->shape == WEAK && thing->is_alive && !thing->is_cleared &&
            (reached[i] || (thing->referent != NOTHING && reached[thing->referent])))
            thing->is_tainted = thing->is_excused = true;
    }
    for (unsigned i = 0; i < judge->shadow.entries; i++)
        if (judge->shadow.entry[i].is_live && reached[judge->shadow.entry[i].key])
            judge->shadow.entry[i].is_tainted = true;
}

/* But for what finalizers have saved in this operation: all of a garbage set are finalized, also those that another of
 * them has just made reachable. */
static bool
was_reachable(struct judge *judge, int id)
{
    int16_t saved[OBJECTS];
    memcpy(saved, judge->shadow.saved, sizeof saved);
    for (unsigned i = 0; i < OBJECTS; i++)
        if (judge->is_fresh[i])
            judge->shadow.saved[i] = NOTHING;
    const bool was = shadow_is_reachable(&judge->shadow, id);
    memcpy(judge->shadow.saved, saved, sizeof saved);
    return was;
}

static void
on_finalize(struct judge *judge, int id, bool collects, bool is_collecting)
{
    struct thing *const thing = &judge->shadow.thing[id];
    const int references = shadow_references(&judge->shadow, id, NULL);
    if (!thing->is_alive || thing->is_finalized)
        judge_wrong("object %d is finalized, which is dead or has been finalized", id);
    if (is_collecting ? was_reachable(judge, id) : shadow_is_reachable(&judge->shadow, id))
        judge_wrong("object %d is finalized, which can be reached", id);
    if (!is_collecting && (!judge->rules.counts || references != 0))
        judge_wrong("object %d is finalized outside a collection, with %d references", id, references);
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
    struct thing *const thing = &judge->shadow.thing[id];
    if (!thing->is_alive)
        judge_wrong("object %d is destroyed, which is dead", id);
    if (shadow_is_reachable(&judge->shadow, id))
        judge_wrong("object %d is destroyed, which can be reached", id);
    shadow_kill(&judge->shadow, id);
}

/* What a collection had found dead when it called for it is dead, unless a finalizer has saved it since. */
static void
bury_doomed(struct judge *judge)
{
    for (int i = 0; i < THINGS; i++) {
        if (judge->is_doomed[i] && judge->shadow.thing[i].is_alive && !shadow_is_reachable(&judge->shadow, i))
            shadow_kill(&judge->shadow, i);
        judge->is_doomed[i] = false;
    }
}

/* Callbacks of a collection run before its finalizers. */
static void
on_call(struct judge *judge, int id, bool is_collecting)
{
    struct thing *const thing = &judge->shadow.thing[id];
    if (!thing->has_callback || (!thing->is_alive && !thing->is_owed && !judge->is_delayed))
        judge_wrong("the callback of weak reference %d runs, which %s", id,
                    thing->has_callback ? "is dead" : "has none");
    if (thing->was_called)
        judge_wrong("the callback of weak reference %d runs twice", id);
    thing->was_called = true;
    if (!shadow_is_silent(&judge->shadow, thing->referent) || shadow_is_reachable(&judge->shadow, thing->referent))
        return;
    if (is_collecting)
        judge->is_doomed[thing->referent] = true;
    else
        shadow_kill(&judge->shadow, thing->referent);
}

static void
take_notes_until(struct judge *judge, unsigned end)
{
    judge_bury_silent(judge);
    for (unsigned i = judge->notes_taken; i < end; i++) {
        const int id = judge->note[i].object;
        struct thing *const thing = &judge->shadow.thing[id];
        if (!judge->note[i].is_collecting)
            bury_doomed(judge);
        switch ((enum note)judge->note[i].what) {
        case NOTE_FINALIZE: on_finalize(judge, id, judge->note[i].other, judge->note[i].is_collecting); break;
        case NOTE_FINALIZED: thing->is_finalizing = false; break;
        case NOTE_SEEN:
            if (!judge->rules.counts || shadow_references(&judge->shadow, id, NULL) != 0)
                judge_wrong("the finalizer of object %d, which a collection runs, finds a weak reference that leads "
                            "to it", id);
            break;
        case NOTE_SPAWN:
            shadow_bear(&judge->shadow, judge->note[i].other, NODE, 2, NULL);
            thing->slot[0] = judge->note[i].other;
            break;
        case NOTE_CLEAR: thing->slot[judge->note[i].other] = NOTHING; break;
        case NOTE_BORN: break;
        case NOTE_LET_GO: judge->shadow.saved[id] = NOTHING; break;
        case NOTE_SAVE:
            judge->shadow.saved[id] = judge->note[i].other;
            judge->is_fresh[id] = true;
            break;
        case NOTE_DESTROY: on_destroy(judge, id); break;
        case NOTE_CALL: on_call(judge, id, judge->note[i].is_collecting); break;
        }
        judge_bury_silent(judge);
    }
    bury_doomed(judge);
    judge_bury_silent(judge);
    judge->notes_taken = end;
}

void
judge_take_notes(struct judge *judge)
{
    take_notes_until(judge, judge->notes);
    judge->notes = judge->notes_taken = 0;
}

void
judge_take_notes_before_birth(struct judge *judge)
{
    for (unsigned i = 0; i < judge->notes; i++)
        if (judge->note[i].what == NOTE_BORN) {
            take_notes_until(judge, i);
            return;
        }
}
