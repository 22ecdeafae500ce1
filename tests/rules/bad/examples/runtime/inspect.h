/* inspect.h - fine.
 *
 *     use(node);
 */
