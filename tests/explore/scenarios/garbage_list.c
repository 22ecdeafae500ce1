/* garbage_list.c - one thread takes an object off the garbage list while another reads the list: what is got is
 * held. */
#include "tests/explore/explore.h"

#include "runtime/gc.h"
#include "runtime/mutator.h"

static struct orr_heap *heap;

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "none", "libc");
    explore_attach(heap, 2);
    struct orr_object *object = explore_new(explore_thread(0));
    explore_check(orr_gc_garbage_append(explore_thread(0), object));
    orr_release(explore_thread(0), object);
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0) {
        struct orr_object *object = orr_gc_garbage_get(thread, 0);
        if (object) {
            explore_use(object);
            orr_release(thread, object);
        }
    } else
        explore_check(orr_gc_garbage_remove(thread, 0));
    explore_detach(fibre);
}

static void
check(void)
{
    explore_check(orr_gc_garbage_count(heap) == 0);
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(garbage_list) = {.name = EXPLORE_NAME,
                                  .covers = "A14",
                                  .fibres = 2,
                                  .setup = setup,
                                  .body = body,
                                  .check = check};
