/* variant.h - which variant of a strategy this compilation is for, and whether a sanitizer watches. */
#ifndef ORR_TESTS_CONFORMANCE_VARIANT_H
#define ORR_TESTS_CONFORMANCE_VARIANT_H

#include "runtime/rc.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if !defined(UNDER_SANITIZER) && defined(ORR_HAS_ASAN)
#define UNDER_SANITIZER 1
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define STRATEGY_UNDER_TEST (&PASTE(orr_rc_, ORR_RC))

/* "biased_rooted" */
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define VARIANT_NAME (ORR_ROOTED ? TEXT(ORR_RC) "_rooted" : TEXT(ORR_RC))

#endif
