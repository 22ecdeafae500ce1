/* fork.h - fine.
 *
 *     use(node);
 */
