/* events.c - the names of pause causes. */
#include "runtime/events.h"

const char *const orr_pause_names[ORR_PAUSE_CAUSE_COUNT] = {
#define X(upper, lower) [ORR_PAUSE_##upper] = #lower,
    ORR_PAUSE_CAUSES(X)
#undef X
};
