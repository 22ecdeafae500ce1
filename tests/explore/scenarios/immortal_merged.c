/* immortal_merged.c - an object was merged while its owner's queue still names it. The owner looks into its queue;
 * another, who holds the object, makes it immortal and lets go: it stays immortal, whatever the owner saw before. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;
static struct orr_object *object;

/* Left are a reference of the second and the one of the queue. */
static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    struct orr_thread *owner = explore_thread(0), *other = explore_thread(1);
    object = explore_new(owner);
    orr_retain(owner, object);
    orr_retain(owner, object);
    orr_release(other, object); /* the first of the owner's: queued */
    orr_retain(other, object);
    orr_retain(other, object);
    for (int i = 0; i < 3; i++)
        orr_release(owner, object); /* one of the other's among them */
    explore_check(orr_load_relaxed(&object->owner) == 0);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        orr_poll(thread);
        return;
    }
    explore_check(orr_immortalise(thread, object));
    orr_retain(thread, object);
    orr_release(thread, object);
    orr_release(thread, object);
}

static void
check(void)
{
    explore_settle(heap);
    explore_check(explore_deaths(object) == 0);
    explore_check(orr_is_immortal(object));
    explore_use(object);
}

EXPLORE_SCENARIO(immortal_merged) = {.name = EXPLORE_NAME,
                                     .covers = "A8 B10 B19",
                                     .fibres = 2,
                                     .setup = setup,
                                     .body = body,
                                     .check = check};
