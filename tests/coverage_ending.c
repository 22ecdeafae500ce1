/* coverage_ending.c - in the coverage preset, a process that ends by _exit or abort writes down what it executed.
 *
 * gcov writes when a program exits. Children of fork leave by _exit, and what dies of an assertion that a test
 * expects, by abort; without this, all that they did would not have happened. Programs are linked with
 * --wrap=_exit,--wrap=abort. What dies of a fault is not seen.
 */
#include <gcov.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

void
__wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

void
__wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}
