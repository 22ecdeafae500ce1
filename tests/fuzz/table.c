/* table.c - any texts as the cells of a table (bench/table.h), whole and cut to a terminal's width. */
#include "bench/table.h"

#include "bench/utf8.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const struct orr_column columns[] = {{"name", false}, {"amount", true}, {"remark", false}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static struct orr_table *
fill_table(char *text)
{
    struct orr_table *table;
    struct orr_error error = {0};
    orr_require(orr_table_create(&table, columns, COLUMNS, &error) == ORR_OK, "%s", error.message);
    for (char *line = text; line;) {
        const char *cells[COLUMNS] = {0};
        char *const end = strchr(line, '\n');
        if (end)
            *end = '\0';
        for (size_t i = 0; i < COLUMNS && line; i++) {
            cells[i] = line;
            line = strchr(line, '\t');
            if (line)
                *line++ = '\0';
        }
        orr_require(orr_table_add(table, cells, &error) == ORR_OK, "%s", error.message);
        line = end ? end + 1 : NULL;
    }
    return table;
}

static void
check_width(const struct orr_table *table, size_t width)
{
    char *text = NULL;
    size_t bytes = 0;
    struct orr_error error = {0};
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    const struct orr_terminal terminal = {.columns = width};
    orr_require(orr_table_write(table, file, terminal, &error) == ORR_OK, "%s", error.message);
    fclose(file);
    orr_require(strlen(text) == bytes && fuzz_is_printable(text, true),
                "no terminal should see: %s", text);
    orr_require(!strstr(text, " \n"), "spaces at the end of a line: %s", text);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = fuzz_text(data, size);
    struct orr_table *const table = fill_table(text);
    check_width(table, 0);
    check_width(table, 40);
    check_width(table, 1);
    orr_table_destroy(table);
    free(text);
    return 0;
}
