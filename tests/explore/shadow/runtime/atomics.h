/* atomics.h - the runtime's own, but that a breath in a spin loop lets another fibre move. */
#ifndef ORR_TESTS_EXPLORE_SHADOW_ATOMICS_H
#define ORR_TESTS_EXPLORE_SHADOW_ATOMICS_H

#define orr_spin_hint orr_spin_hint_of_a_processor
#include_next "runtime/atomics.h"
#undef orr_spin_hint

void orr_spin_hint(void);

#endif
