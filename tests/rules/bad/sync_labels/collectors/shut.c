/* shut.c - the other end may stand in another file, but a row stands once.
 *
 * sync    publishes                    observes                    then visible
 * shut    shut: exchange, release      push: failed cas, acquire   the queue is shut
 */
void
shut(void)
{
    /* sync:shut  release. */
    /* sync:secret  release. */
    /* sync:secret  acquire. */
}
