/* catalogue.h - nothing. */
