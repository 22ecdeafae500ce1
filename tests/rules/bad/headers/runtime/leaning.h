/* leaning.h - leans on whoever includes it for uint32_t. */
#ifndef LEANING_H
#define LEANING_H
uint32_t leaning(void);
#endif
