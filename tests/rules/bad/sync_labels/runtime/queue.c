/* queue.c - two complete protocols, one half, and one row that nothing uses.
 *
 * sync    publishes                    observes                    then visible
 * push    push: cas, release           take: exchange, acquire     the node
 *         (a second line of the row)
 * shut    shut: exchange, release      push: failed cas, acquire   the queue is shut
 * lonely  store_flag: store, release   nobody says                 nothing
 * unused  was: store, release          was: load, acquire          nothing
 *
 * Progress: not a row, though it starts like one.
 */
void
push(void)
{
    /* sync:push  release: the node is written. */
    /* sync:shut  failure acquire: the queue may be shut. */
}

void
take(void)
{
    /* sync:push  acquire: the node may be read. */
    /* sync:lonely  release. */
}
