/* stand.c - opening and closing a stand; see stand.h. */
#include "bench/stand.h"

#include "collectors/catalogue.h"
#include "runtime/collector.h"

enum orr_status
orr_stand_open(struct orr_stand *stand, const char *strategy, const char *collector,
               const char *heap, struct orr_error *error)
{
    const struct orr_rc *const rc = orr_rc_find(strategy);
    const struct orr_heap_kind *const kind = orr_heap_kind_find(heap);
    if (!collector && rc)
        collector = rc->counts ? "none" : "mark";
    const struct orr_collector *const chosen = collector ? orr_collector_find(collector) : NULL;
    if (!rc || !kind || !chosen)
        return orr_fail(error, ORR_BAD_INPUT, "there is no %s, no %s or no %s", strategy,
                        collector ? collector : "collector", heap);
    const struct orr_heap_options options = {
        .rc = rc,
        .collector = chosen,
        .kind = kind,
        .trigger = {.kind = ORR_TRIGGER_manual},
    };
    enum orr_status status = orr_heap_create(&options, &stand->heap, error);
    if (status != ORR_OK)
        return status;
    status = orr_thread_attach(stand->heap, &stand->thread, error);
    if (status != ORR_OK)
        orr_heap_destroy(stand->heap);
    return status;
}

void
orr_stand_close(struct orr_stand *stand)
{
    orr_thread_detach(stand->thread);
    orr_heap_destroy(stand->heap);
}
