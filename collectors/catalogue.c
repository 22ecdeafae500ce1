/* catalogue.c - turns list.def into the table of collectors. */
#include "collectors/catalogue.h"

#include <string.h>

#define COLLECTOR(name, summary) extern const struct orr_collector orr_collector_##name;
#include "collectors/list.def"
#undef COLLECTOR

const struct orr_collector *const orr_collectors[] = {
#define COLLECTOR(name, summary) &orr_collector_##name,
#include "collectors/list.def"
#undef COLLECTOR
    NULL,
};

const struct orr_collector *
orr_collector_find(const char *name)
{
    for (size_t i = 0; orr_collectors[i]; i++)
        if (strcmp(orr_collectors[i]->name, name) == 0)
            return orr_collectors[i];
    return NULL;
}
