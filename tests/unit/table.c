/* table.c - bench/table: aligned, cut to the terminal and only there, and safe to print. */
#include "bench/table.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

static const struct orr_column columns[] = {
    {"collector", false}, {"pauses", true}, {"p99", true}, {"note", false}};

enum { COLUMNS = sizeof columns / sizeof columns[0] };

static struct orr_table *
create(void)
{
    struct orr_table *table;
    cr_assert_eq(orr_table_create(&table, columns, COLUMNS, NULL), ORR_OK);
    return table;
}

static void
add(struct orr_table *table, const char *a, const char *b, const char *c, const char *d)
{
    const char *const cells[COLUMNS] = {a, b, c, d};
    cr_assert_eq(orr_table_add(table, cells, NULL), ORR_OK);
}

static void
check(struct orr_table *table, struct orr_terminal terminal, const char *expected)
{
    char *text;
    size_t size;
    FILE *const file = open_memstream(&text, &size);
    cr_assert_eq(orr_table_write(table, file, terminal, NULL), ORR_OK);
    fclose(file);
    cr_assert_str_eq(text, expected, "\n%s", text);
    free(text);
    orr_table_destroy(table);
}

static const struct orr_terminal plain = {0, false};

Test(table, aligns_text_left_and_numbers_right)
{
    struct orr_table *const table = create();
    add(table, "trial", "12", "1.24 ms", "first");
    add(table, "generations", "1.20 k", "974 us", NULL);
    add(table, "none", NULL, NULL, NULL);
    add(table, NULL, NULL, "1 ns", "last");
    check(table, plain,
          "collector     pauses       p99   note\n"
          "-----------   ------   -------   -----\n"
          "trial             12   1.24 ms   first\n"
          "generations   1.20 k    974 us\n"
          "none\n"
          "                          1 ns   last\n");
}

Test(table, without_rows_has_its_titles)
{
    check(create(), plain,
          "collector   pauses   p99   note\n"
          "---------   ------   ---   ----\n");
}

Test(table, aligns_by_columns_not_by_bytes)
{
    struct orr_table *const table = create();
    add(table, "\xc3\xa9t\xc3\xa9", "1", "2", "3");
    add(table, "\xe6\x97\xa5\xe6\x9c\xac", "1 \xc2\xb5s", "2", "3");
    check(table, plain,
          "collector   pauses   p99   note\n"
          "---------   ------   ---   ----\n"
          "\xc3\xa9t\xc3\xa9              1     2   3\n"
          "\xe6\x97\xa5\xe6\x9c\xac          1 \xc2\xb5s     2   3\n");
}

Test(table, cuts_the_widest_text_to_the_terminal_and_never_a_number)
{
    struct orr_table *const table = create();
    add(table, "quarantine", "123456789", "1 ns", "a long remark about nothing at all");
    check(table, (struct orr_terminal){50, false},
          "collector       pauses    p99   note\n"
          "----------   ---------   ----   ------------------\n"
          "quarantine   123456789   1 ns   a long remark abo\xe2\x80\xa6\n");
}

Test(table, cuts_between_wide_characters)
{
    struct orr_table *const table = create();
    add(table, "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac", "1", "2",
        "3");
    check(table, (struct orr_terminal){28, false},
          "colle\xe2\x80\xa6   pauses   p99   note\n"
          "------   ------   ---   ----\n"
          "\xe6\x97\xa5\xe6\x9c\xac\xe2\x80\xa6         1     2   3\n");
}

Test(table, on_a_terminal_too_narrow_keeps_all_numbers)
{
    struct orr_table *const table = create();
    add(table, "trial", "12", "1.24 ms", "first");
    check(table, (struct orr_terminal){10, false},
          "col\xe2\x80\xa6   pauses       p99   note\n"
          "----   ------   -------   ----\n"
          "tri\xe2\x80\xa6       12   1.24 ms   fir\xe2\x80\xa6\n");
}

Test(table, has_bold_titles_only_with_colour)
{
    check(create(), (struct orr_terminal){0, true},
          "\x1b[1mcollector   pauses   p99   note\x1b[0m\n"
          "---------   ------   ---   ----\n");
}

Test(table, prints_hostile_cells_harmlessly)
{
    struct orr_table *const table = create();
    add(table, "\x1b[2Jx", "1", "2", "\xff\n\t");
    check(table, plain,
          "collector   pauses   p99   note\n"
          "---------   ------   ---   ----\n"
          "?[2Jx            1     2   ???\n");
}

Test(table, a_file_is_no_terminal)
{
    FILE *const file = tmpfile();
    const struct orr_terminal terminal = orr_terminal_of(file);
    cr_assert_eq(terminal.columns, 0);
    cr_assert(!terminal.has_color);
    fclose(file);
}

Test(table, tells_when_the_disk_is_full)
{
    struct orr_table *const table = create();
    FILE *const full = fopen("/dev/full", "w");
    cr_assert_eq(orr_table_write(table, full, plain, NULL), ORR_BAD_INPUT);
    fclose(full);
    orr_table_destroy(table);
}
