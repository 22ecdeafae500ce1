/* assert.h - four strengths of "this cannot happen".
 *
 *   orr_require(c, ...)  in all builds: misuse at a door, a broken invariant whose continuation would lie
 *   orr_assert(c)        in checked builds (ORR_CHECKED): what the code below relies on
 *   orr_unreachable()    a place that no input can reach
 *   ORR_NEVER(c)         a condition that holds in no correct program, kept as a defence: in checked builds an
 *                        assertion, and what would follow is not compiled; in others the condition.
 *                        tests/coverage.sh counts and lists them: no test can take such a branch
 *
 * A failure prints the expression, the place and the thread, and aborts.
 */
#ifndef ORR_RUNTIME_ASSERT_H
#define ORR_RUNTIME_ASSERT_H

#include <assert.h> /* static_assert */
#include <stdbool.h>

_Noreturn void orr_assertion_failed(const char *file, int line, const char *expression,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The last argument is a printf-like sentence for the reader of the crash. */
#define orr_require(condition, ...)                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            orr_assertion_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                     \
    } while (0)

#ifdef ORR_CHECKED
enum { ORR_IS_CHECKED = 1 };
#else
enum { ORR_IS_CHECKED = 0 };
#endif

/* The expression is compiled in every build, so that it cannot rot; it is evaluated in checked ones. */
#define orr_assert(condition)                                                                      \
    do {                                                                                           \
        if (ORR_IS_CHECKED)                                                                        \
            orr_require(condition, "the invariant does not hold");                                 \
    } while (0)

/* A function, so that at the place itself there is no branch to take. */
static inline void
orr_never_happens(bool condition, const char *file, int line, const char *expression)
{
    if (__builtin_expect(condition, 0))
        orr_assertion_failed(file, line, expression, "this was never to happen");
}

#ifdef ORR_CHECKED
#define ORR_NEVER(condition) (orr_never_happens((condition), __FILE__, __LINE__, #condition), false)
#else
#define ORR_NEVER(condition) __builtin_expect(!!(condition), 0)
#endif

#define orr_unreachable() orr_require(false, "a branch that no input can take was taken")

#endif
