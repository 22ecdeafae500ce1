/* member_queued.c - the destroy of a dead cycle's member lets go, twice, of another, whose owner runs: that one is in
 * its owner's queue when the collection frees it. The queue must not name the object that is born in its cell. */
#include "tests/explore/explore.h"

#include "runtime/mutator.h"

static struct orr_heap *heap;

enum { POLLS = 4 };

static void
let_go(struct orr_thread *thread, struct orr_object *object)
{
    orr_give(thread, object, 0, NULL);
    orr_give(thread, object, 1, NULL);
}

/* Both as large as what explore_new makes. */
enum { BYTES = sizeof(struct orr_object) + 32 };
static uint16_t holder_index, member_index;
static const struct orr_type holder_type = {
    .name = "holder", .bytes = BYTES, .references = 2, .destroy = let_go, .index = &holder_index};
static const struct orr_type member_type = {
    .name = "member", .bytes = BYTES, .references = 2, .index = &member_index};

static void
setup(void)
{
    heap = explore_heap(&EXPLORE_RC, "subtract", "blocks");
    explore_attach_one(heap, 0);
    explore_attach_one(heap, 1);
    explore_check(orr_type_register(&holder_type, NULL) == ORR_OK &&
                  orr_type_register(&member_type, NULL) == ORR_OK);
    struct orr_thread *owner = explore_thread(0), *collecting = explore_thread(1);
    struct orr_object *member = orr_new(owner, &member_type), *holder = orr_new(collecting, &holder_type);
    explore_name(member, BYTES, "member");
    explore_name(holder, BYTES, "holder");
    orr_retain(owner, member);
    orr_init(collecting, holder, 0, member);
    orr_init(collecting, holder, 1, member);
    orr_set(collecting, member, 0, holder);
    orr_release(collecting, holder);
}

static void
poll_often(struct orr_thread *thread)
{
    for (int i = 0; i < POLLS; i++) {
        explore_step();
        orr_poll(thread);
    }
}

/* Two objects that nobody else knows, where those of the cycle were. */
static void
use_the_cells(struct orr_thread *thread)
{
    struct orr_object *object[2] = {explore_new(thread), explore_new(thread)};
    poll_often(thread);
    for (int i = 0; i < 2; i++) {
        explore_check(explore_deaths(object[i]) == 0);
        explore_check(orr_load_relaxed(&object[i]->owner) == thread->id);
        explore_use(object[i]);
        orr_release(thread, object[i]);
    }
}

static void
body(unsigned fibre)
{
    struct orr_thread *thread = explore_thread(fibre);
    if (fibre == 0)
        poll_often(thread);
    else {
        orr_collect(thread, "scenario");
        use_the_cells(thread);
    }
    orr_block_enter(thread);
}

static void
check(void)
{
    explore_all_dead(heap);
}

EXPLORE_SCENARIO(member_queued) = {.name = EXPLORE_NAME,
                                   .covers = "B21",
                                   .fibres = 2,
                                   .setup = setup,
                                   .body = body,
                                   .check = check};
