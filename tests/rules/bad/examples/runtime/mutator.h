/* mutator.h - nothing. */
