/* raise.h - fine.
 *
 *     use(node);
 */
