/* none.c - counting only: cycles leak. The floor, and the template that one copies.
 *
 * A collector is this file: an opening comment (what it is, its paper, what always holds, its threads),
 * its state, its hooks, its phases top to bottom, and the descriptor last; and one line in list.def.
 * This one has no state, no hooks and no phases.
 */
#include "runtime/collector.h"

extern const struct orr_collector orr_collector_none;
const struct orr_collector orr_collector_none = {
    .name = "none",
    .summary = "counting only; cycles leak: the floor, and the template",
    .paper = "none",
    .trigger = {.kind = ORR_TRIGGER_manual},
};
