/* use_after_free.c - writes to a block that it gave back. */
#include <criterion/criterion.h>

#include <stdlib.h>

Test(use_after_free, writes_to_a_block_that_it_gave_back)
{
    char *volatile block = malloc(100);
    cr_assert(block != NULL);
    free(block);
    block[3] = 1;
}
