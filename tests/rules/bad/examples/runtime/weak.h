/* weak.h - its example calls what was renamed.
 *
 *     use(node);
 *
 * and
 *
 *     used(node, 1);
 */
