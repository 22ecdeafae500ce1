/* suggest.h - what to say about a name that does not exist: the known ones, and the likely meant one.
 *
 * Source:  the distance is Damerau's and Levenshtein's in its restricted form (insert, delete,
 *          replace, swap two neighbours cost one each), since `trail` for `trial` is one slip.
 * Owns:    nothing. Threads: any.
 */
#ifndef ORR_BENCH_SUGGEST_H
#define ORR_BENCH_SUGGEST_H

#include "runtime/error.h"

#include <stddef.h>

/* The known name nearest to `given`, letter case aside, or null if none is near: more than a third
 * of the letters differ, and it does not merely continue what was given. The first of equals wins. */
const char *orr_suggest_nearest(const char *given, const char *const *known, size_t count);

/* Fills *error with
 *   unknown collector 'trail'; known: none, trial, mark; did you mean 'trial'?
 * and returns ORR_BAD_INPUT. A list too long for the message is cut, never the suggestion. */
enum orr_status orr_suggest_unknown(const char *kind, const char *given, const char *const *known,
                                    size_t count, struct orr_error *error);

#endif
