/* weakmap.h - fine.
 *
 *     use(node);
 */
