/* table.h - plain text tables for people: columns aligned, cut to the terminal, coloured only there.
 *
 *   collector   pauses       p99   max heap
 *   ---------   ------   -------   --------
 *   trial           12   1.24 ms   16.0 MiB
 *
 * Text columns are aligned left and numbers right. Where lines are too long for the terminal, the
 * widest text columns are cut, ending in an ellipsis; numbers are never cut within a cell. Away
 * from a terminal nothing is cut and nothing is coloured, so that a table in a file is whole.
 * Cells may come from files: control characters and broken UTF-8 are printed as '?'.
 *
 * Owns:    copies of its cells. Threads: one at a time.
 */
#ifndef ORR_BENCH_TABLE_H
#define ORR_BENCH_TABLE_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct orr_table;

struct orr_column {
    const char *title;
    bool is_number; /* aligned right, and never cut */
};

/* What a stream can show. */
struct orr_terminal {
    size_t columns; /* 0: no limit */
    bool has_color;
};

/* A terminal's own width, and colour unless NO_COLOR is set or TERM is dumb; else no limit, none. */
struct orr_terminal orr_terminal_of(FILE *file);

enum orr_status orr_table_create(struct orr_table **result, const struct orr_column *columns,
                                 size_t count, struct orr_error *error);
void orr_table_destroy(struct orr_table *table);

/* Adds a row of as many cells as there are columns; null is an empty cell. */
enum orr_status orr_table_add(struct orr_table *table, const char *const *cells,
                              struct orr_error *error);

/* Prints title line, rule and rows. Trailing spaces are never printed. */
enum orr_status orr_table_write(const struct orr_table *table, FILE *file,
                                struct orr_terminal terminal, struct orr_error *error);

#endif
