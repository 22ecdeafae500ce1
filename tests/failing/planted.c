/* planted.c - a scenario with the faults that the loop is there to find: it looks at neither a null nor a status. The
 * pair that is played decides which one: `none` uses an object that it has not got, the others lose one. */
#include "tests/failing/stage.h"

/* Gives up half-way and keeps what it has. */
static void
lose(struct orr_thread *thread)
{
    struct orr_object *first = orr_new(thread, &actor_type);
    struct orr_object *other = first ? orr_new_array(thread, &array_type, 2, 40000) : NULL;
    if (!stage_given(other != NULL))
        return;
    orr_release(thread, first);
    orr_release(thread, other);
}

static void
trust(struct orr_thread *thread)
{
    struct orr_object *object = orr_new(thread, &actor_type);
    ((struct actor *)object)->number = 1;
    orr_release(thread, object);
}

/* Says nothing of a refusal, and what it learns is another thing. */
static void
be_silent(struct orr_thread *thread)
{
    ORR_OWN(thread, object, orr_new(thread, &actor_type));
    stage_note(object.ref != NULL);
}

void
play_planted(void)
{
    const char *const name = stage.options.collector->name;
    if (name[0] == 'n')
        trust(stage.thread);
    else if (name[0] == 's')
        be_silent(stage.thread);
    else
        lose(stage.thread);
}
