/* finalize.h - fine.
 *
 *     use(node);
 */
