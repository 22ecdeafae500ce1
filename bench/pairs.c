/* pairs.c - the table of pairs and its reasons; see pairs.h. */
#include "bench/pairs.h"

#include "bench/table.h"
#include "collectors/catalogue.h"

#include <string.h>

enum {
    HEAPS_MAX = 16,    /* columns of the table */
    REASONS_MAX = 256, /* different sentences; more are told without a number */
    CELL_BYTES = 16
};

/* The sentences given so far; their number is what a cell shows. */
struct reasons {
    char sentences[REASONS_MAX][sizeof((struct orr_error *)NULL)->message];
    size_t count;
};

static size_t
number_reason(struct reasons *reasons, const char *sentence)
{
    for (size_t i = 0; i < reasons->count; i++)
        if (strcmp(reasons->sentences[i], sentence) == 0)
            return i + 1;
    if (reasons->count == REASONS_MAX)
        return 0;
    strcpy(reasons->sentences[reasons->count], sentence);
    return ++reasons->count;
}

static enum orr_status
add_pair(struct orr_table *table, const struct orr_rc *rc, const struct orr_collector *collector,
         struct reasons *reasons, struct orr_error *error)
{
    char texts[HEAPS_MAX][CELL_BYTES];
    const char *cells[2 + HEAPS_MAX] = {rc->name, collector->name};
    for (size_t heap = 0; heap < HEAPS_MAX && orr_heap_kinds[heap]; heap++) {
        struct orr_error reason;
        if (orr_pair_applies(rc, collector, orr_heap_kinds[heap], 0, &reason))
            strcpy(texts[heap], "yes");
        else
            snprintf(texts[heap], sizeof texts[heap], "no (%zu)",
                     number_reason(reasons, reason.message));
        cells[2 + heap] = texts[heap];
    }
    return orr_table_add(table, cells, error);
}

static enum orr_status
fill_table(struct orr_table *table, struct reasons *reasons, struct orr_error *error)
{
    for (size_t i = 0; orr_rcs[i]; i++)
        for (size_t k = 0; orr_collectors[k]; k++) {
            enum orr_status status = add_pair(table, orr_rcs[i], orr_collectors[k], reasons, error);
            if (status != ORR_OK)
                return status;
        }
    return ORR_OK;
}

enum orr_status
orr_pairs_write(FILE *file, struct orr_error *error)
{
    static struct reasons reasons; /* 100 KB: too much for a stack, and it is asked for once */
    struct orr_column columns[2 + HEAPS_MAX] = {{"strategy", false}, {"collector", false}};
    struct orr_table *table;
    size_t count = 2;
    for (; count < 2 + HEAPS_MAX && orr_heap_kinds[count - 2]; count++)
        columns[count] = (struct orr_column){orr_heap_kinds[count - 2]->name, false};
    enum orr_status status = orr_table_create(&table, columns, count, error);
    if (status != ORR_OK)
        return status;
    reasons.count = 0;
    status = fill_table(table, &reasons, error);
    if (status == ORR_OK)
        status = orr_table_write(table, file, orr_terminal_of(file), error);
    orr_table_destroy(table);
    for (size_t i = 0; status == ORR_OK && i < reasons.count; i++)
        fprintf(file, "%s(%zu) %s\n", i ? "" : "\n", i + 1, reasons.sentences[i]);
    return status;
}

static json_t *
pair_json(struct orr_json_fault *fault, const struct orr_rc *rc,
          const struct orr_collector *collector, const struct orr_heap_kind *kind)
{
    struct orr_error reason;
    const bool applies = orr_pair_applies(rc, collector, kind, 0, &reason);
    json_t *const object = orr_json_object();
    orr_json_put_text(fault, object, "strategy", rc->name);
    orr_json_put_text(fault, object, "collector", collector->name);
    orr_json_put_text(fault, object, "heap", kind->name);
    orr_json_put(fault, object, "applies", json_boolean(applies));
    if (!applies)
        orr_json_put_text(fault, object, "reason", reason.message);
    return object;
}

json_t *
orr_pairs_json(struct orr_json_fault *fault)
{
    json_t *const array = orr_json_array();
    for (size_t i = 0; orr_rcs[i]; i++)
        for (size_t k = 0; orr_collectors[k]; k++)
            for (size_t h = 0; orr_heap_kinds[h]; h++)
                orr_json_append(fault, array,
                                pair_json(fault, orr_rcs[i], orr_collectors[k], orr_heap_kinds[h]));
    return array;
}
