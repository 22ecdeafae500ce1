/* finish.h - its example has been lost.
 *
 *   use(node);
 */
