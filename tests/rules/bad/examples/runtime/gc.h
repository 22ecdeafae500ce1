/* gc.h - a statement is missing its end.
 *
 *     int i = 0
 *     use(node);
 */
