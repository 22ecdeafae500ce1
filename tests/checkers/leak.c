/* leak.c - forgets a block; Criterion has passed the test when LeakSanitizer finds out. */
#include <criterion/criterion.h>

#include <stdlib.h>

static void *volatile kept;

Test(leak, forgets_a_block)
{
    kept = malloc(100);
    cr_assert(kept != NULL);
    kept = NULL;
}
