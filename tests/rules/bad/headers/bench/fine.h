/* fine.h - what the C library offers beyond C11 is there in the bench. */
#ifndef FINE_H
#define FINE_H
#include <stdio.h>
ssize_t fine(FILE *file);
#endif
