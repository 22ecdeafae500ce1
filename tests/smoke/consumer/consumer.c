/* consumer.c - the smallest program of somebody else: two objects, one holds the other, both die. */
#include "collectors/catalogue.h"
#include "runtime/mutator.h"

#include <stdio.h>

static int died;

static void
count_death(struct orr_thread *thread, struct orr_object *object)
{
    (void)thread;
    (void)object;
    died++;
}

static uint16_t pair_index;
static const struct orr_type pair_type = {
    .name = "pair",
    .bytes = sizeof(struct orr_object) + 2 * sizeof(struct orr_slot),
    .references = 2,
    .destroy = count_death,
    .index = &pair_index,
};

int
main(void)
{
    struct orr_error error;
    struct orr_heap *heap;
    struct orr_thread *thread;
    const struct orr_heap_options options = {
        .rc = orr_rc_find("atomic"),
        .collector = orr_collector_find("none"),
        .kind = orr_heap_kind_find("blocks"),
        .trigger.kind = ORR_TRIGGER_KINDS,
    };
    if (orr_type_register(&pair_type, &error) != ORR_OK ||
        orr_heap_create(&options, &heap, &error) != ORR_OK ||
        orr_thread_attach(heap, &thread, &error) != ORR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return error.status;
    }
    struct orr_object *holder = orr_new(thread, &pair_type);
    struct orr_object *held = orr_new(thread, &pair_type);
    if (!holder || !held)
        return ORR_OUT_OF_MEMORY;
    orr_init(thread, holder, 0, held);
    orr_release(thread, holder);
    orr_thread_detach(thread);
    orr_heap_destroy(heap);
    printf("%d died\n", died);
    return died == 2 ? ORR_OK : ORR_CHECK_FAILED;
}
