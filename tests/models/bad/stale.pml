/* stale.pml - a model of a function that there never was; functions.cmake must say so.
 *
 * Abstracts: runtime/owner.c orr_owner_register orr_owner_adopt
 */
