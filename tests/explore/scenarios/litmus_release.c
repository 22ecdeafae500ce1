/* litmus_release.c - message passing with release and acquire, through a third who passes it on by a read-modify-write
 * without orders (a release sequence): whoever sees the end sees the word. */
#include "tests/explore/explore.h"

static uint64_t word;
static _Atomic(uint32_t) flag;

static void
setup(void)
{
    explore_name(&word, sizeof word, "word");
    explore_name(&flag, sizeof flag, "flag");
}

static void
body(unsigned fibre)
{
    if (fibre == 0) {
        word = 1;
        orr_store_release(&flag, 1); /* pairs with the load of 2 */
    } else if (fibre == 1)
        orr_or_relaxed(&flag, 2u); /* relaxed: the litmus */
    else if (orr_load_acquire(&flag) & 1) /* pairs with the store of 0 */
        explore_check(word == 1);
}

EXPLORE_SCENARIO(litmus_release) = {
    .name = EXPLORE_NAME, .covers = "A2 (litmus)", .fibres = 3, .setup = setup, .body = body};
