/* stop.h - the runtime's own, but that who waits for a thread sleeps after its first look: a schedule is too short for
 * two hundred or two thousand, and what can go wrong is in the sleep. */
#ifndef ORR_TESTS_EXPLORE_SHADOW_STOP_H
#define ORR_TESTS_EXPLORE_SHADOW_STOP_H

#define ORR_WAIT_SPINS orr_wait_spins_of_a_processor
#define ORR_WAIT_YIELDS orr_wait_yields_of_a_processor
#define ORR_TEAM_SPINS orr_team_spins_of_a_processor
#include_next "runtime/stop.h"
#undef ORR_WAIT_SPINS
#undef ORR_WAIT_YIELDS
#undef ORR_TEAM_SPINS

enum { ORR_WAIT_SPINS = 1, ORR_WAIT_YIELDS = 0, ORR_TEAM_SPINS = 1 };

#endif
