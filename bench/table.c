/* table.c - measuring, cutting and printing the columns of a table; see table.h. */
#include "bench/table.h"

#include "bench/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    GAP_COLUMNS = 3,  /* between two columns */
    LEAST_COLUMNS = 4 /* a text column is cut down to this, and no further */
};

struct orr_table {
    size_t columns;
    size_t rows;
    size_t room;     /* rows that cells has space for; row 0 is the titles */
    bool *is_number; /* per column */
    char **cells;    /* cells[row * columns + column], clean and owned */
};

struct orr_terminal
orr_terminal_of(FILE *file)
{
    struct orr_terminal terminal = {0, false};
    struct winsize size = {0};
    const char *const kind = getenv("TERM");
    const char *const no_color = getenv("NO_COLOR");
    if (!isatty(fileno(file)))
        return terminal;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
        terminal.columns = size.ws_col;
    terminal.has_color = !(no_color && no_color[0]) && kind && strcmp(kind, "dumb") != 0;
    return terminal;
}

static char *
copy_clean(const char *text)
{
    const size_t size = text ? strlen(text) + 1 : 1;
    char *const copy = malloc(size);
    if (!copy)
        return NULL;
    orr_utf8_clean(copy, size, text ? text : "");
    for (size_t end = strlen(copy); end > 0 && copy[end - 1] == ' ';)
        copy[--end] = '\0'; /* no line may end in a space */
    return copy;
}

static bool
make_room(struct orr_table *table)
{
    if (table->rows < table->room)
        return true;
    const size_t room = table->room ? 2 * table->room : 16;
    /* One column more than needed, since a table without columns must not ask for nothing. */
    char **const cells = realloc(table->cells, room * (table->columns + 1) * sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    table->room = room;
    return true;
}

static enum orr_status
refuse_memory(struct orr_error *error)
{
    return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for a table");
}

enum orr_status
orr_table_add(struct orr_table *table, const char *const *cells, struct orr_error *error)
{
    if (!make_room(table))
        return refuse_memory(error);
    char **const row = &table->cells[table->rows * table->columns];
    for (size_t column = 0; column < table->columns; column++) {
        row[column] = copy_clean(cells[column]);
        if (!row[column]) {
            while (column > 0)
                free(row[--column]);
            return refuse_memory(error);
        }
    }
    table->rows++;
    return ORR_OK;
}

static enum orr_status
add_titles(struct orr_table *table, const struct orr_column *columns, struct orr_error *error)
{
    const char **const titles = calloc(table->columns + 1, sizeof *titles);
    if (!titles)
        return refuse_memory(error);
    for (size_t column = 0; column < table->columns; column++) {
        titles[column] = columns[column].title;
        table->is_number[column] = columns[column].is_number;
    }
    const enum orr_status status = orr_table_add(table, titles, error);
    free(titles);
    return status;
}

enum orr_status
orr_table_create(struct orr_table **result, const struct orr_column *columns, size_t count,
                 struct orr_error *error)
{
    struct orr_table *const table = calloc(1, sizeof *table);
    *result = NULL;
    if (!table)
        return refuse_memory(error);
    table->columns = count;
    table->is_number = calloc(count + 1, sizeof *table->is_number);
    const enum orr_status status =
        table->is_number ? add_titles(table, columns, error) : refuse_memory(error);
    if (status == ORR_OK)
        *result = table;
    else
        orr_table_destroy(table);
    return status;
}

void
orr_table_destroy(struct orr_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table->is_number);
    free(table);
}

static void
measure(const struct orr_table *table, size_t *widths)
{
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        const size_t width = orr_utf8_columns(table->cells[i]);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
}

/* The widest text column that can still give, or the number of columns if none can. */
static size_t
widest_text(const struct orr_table *table, const size_t *widths)
{
    size_t widest = table->columns;
    for (size_t column = 0; column < table->columns; column++)
        if (!table->is_number[column] && widths[column] > LEAST_COLUMNS &&
            (widest == table->columns || widths[column] > widths[widest]))
            widest = column;
    return widest;
}

static void
shrink(const struct orr_table *table, size_t *widths, size_t limit)
{
    size_t total = (table->columns - 1) * GAP_COLUMNS;
    for (size_t column = 0; column < table->columns; column++)
        total += widths[column];
    while (total > limit) {
        const size_t widest = widest_text(table, widths);
        if (widest == table->columns)
            return; /* numbers alone are too wide: the terminal folds the line, nothing is lost */
        widths[widest]--;
        total--;
    }
}

static void
write_repeated(FILE *file, char character, size_t count)
{
    while (count-- > 0)
        fputc(character, file);
}

/* One cell in its width; returns how many columns it filled. */
static size_t
write_text(FILE *file, const char *text, size_t width)
{
    const size_t columns = orr_utf8_columns(text);
    if (columns <= width) {
        fputs(text, file);
        return columns;
    }
    const size_t bytes = orr_utf8_fit(text, width - 1);
    fprintf(file, "%.*s\xe2\x80\xa6", (int)bytes, text); /* the ellipsis, U+2026 */
    size_t filled = 1;
    for (size_t at = 0; at < bytes;) {
        uint32_t code_point;
        at += orr_utf8_next(text + at, bytes - at, &code_point);
        filled += orr_utf8_width(code_point);
    }
    return filled;
}

/* Spaces are owed, not printed, until something follows them: no line ends in one. */
static void
write_row(const struct orr_table *table, FILE *file, const size_t *widths, size_t row)
{
    size_t owed = 0;
    for (size_t column = 0; column < table->columns; column++) {
        const char *const text = table->cells[row * table->columns + column];
        const size_t width = widths[column];
        if (column > 0)
            owed += GAP_COLUMNS;
        if (table->is_number[column])
            owed += width - orr_utf8_columns(text);
        if (text[0]) {
            write_repeated(file, ' ', owed);
            const size_t filled = write_text(file, text, width);
            owed = table->is_number[column] ? 0 : width - filled;
        } else if (!table->is_number[column]) {
            owed += width;
        }
    }
}

static void
write_titles(const struct orr_table *table, FILE *file, const size_t *widths, bool has_color)
{
    fputs(has_color ? "\x1b[1m" : "", file); /* bold */
    write_row(table, file, widths, 0);
    fputs(has_color ? "\x1b[0m\n" : "\n", file);
    for (size_t column = 0; column < table->columns; column++) {
        write_repeated(file, ' ', column ? GAP_COLUMNS : 0);
        write_repeated(file, '-', widths[column]);
    }
    fputc('\n', file);
}

enum orr_status
orr_table_write(const struct orr_table *table, FILE *file, struct orr_terminal terminal,
                struct orr_error *error)
{
    size_t *const widths = calloc(table->columns + 1, sizeof *widths);
    if (!widths)
        return refuse_memory(error);
    measure(table, widths);
    if (terminal.columns > 0 && table->columns > 0)
        shrink(table, widths, terminal.columns);
    write_titles(table, file, widths, terminal.has_color);
    for (size_t row = 1; row < table->rows; row++) {
        write_row(table, file, widths, row);
        fputc('\n', file);
    }
    free(widths);
    if (fflush(file) != 0 || ferror(file))
        return orr_fail(error, ORR_BAD_INPUT, "cannot write a table: %s", strerror(errno));
    return ORR_OK;
}
