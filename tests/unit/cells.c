/* cells.c - runtime/cells: the arithmetic of size classes, for every size there is. */
#include "runtime/cells.h"

#include <criterion/criterion.h>

Test(cells, every_size_fits_the_cell_of_its_class)
{
    for (size_t bytes = 1; bytes <= ORR_CELL_MAX; bytes++) {
        const unsigned class = orr_cell_class(bytes);
        cr_assert(class > 0 && class < ORR_CLASSES, "%zu bytes: class %u", bytes, class);
        cr_assert(orr_cell_class_bytes(class) >= bytes, "%zu bytes in class %u of %zu", bytes,
                  class, orr_cell_class_bytes(class));
    }
}

Test(cells, a_larger_size_never_gets_a_smaller_class)
{
    for (size_t bytes = 2; bytes <= ORR_CELL_MAX; bytes++)
        cr_assert(orr_cell_class(bytes) >= orr_cell_class(bytes - 1), "%zu bytes", bytes);
}

Test(cells, no_smaller_class_would_do)
{
    for (size_t bytes = ORR_CELL_MIN + 1; bytes <= ORR_CELL_MAX; bytes++) {
        const unsigned class = orr_cell_class(bytes);
        cr_assert(orr_cell_class_bytes(class - 1) < bytes, "%zu bytes: class %u is too large",
                  bytes, class);
    }
}

Test(cells, a_class_holds_its_own_bytes_and_the_next_one_more)
{
    for (unsigned class = ORR_CELL_MIN / 16; class < ORR_CLASSES; class ++) {
        const size_t bytes = orr_cell_class_bytes(class);
        cr_assert_eq(orr_cell_class(bytes), class);
        cr_assert_eq(bytes % 16, 0, "class %u: an object is aligned to 16", class);
        if (bytes < ORR_CELL_MAX)
            cr_assert_eq(orr_cell_class(bytes + 1), class + 1);
    }
    cr_assert_eq(orr_cell_class_bytes(ORR_CLASSES - 1), ORR_CELL_MAX,
                 "the table of lists is as long as there are classes");
}

Test(cells, waste_is_bounded)
{
    for (size_t bytes = ORR_CELL_MIN; bytes <= ORR_CELL_MAX; bytes++) {
        const size_t waste = orr_cell_class_bytes(orr_cell_class(bytes)) - bytes;
        cr_assert(bytes <= ORR_CELL_SMALL ? waste < 16 : waste * 4 < bytes, "%zu bytes waste %zu",
                  bytes, waste);
    }
}

Test(cells, beyond_the_largest_cell_there_is_no_class)
{
    for (size_t bytes = ORR_CELL_MAX + 1; bytes <= 20000; bytes++)
        cr_assert_eq(orr_cell_class(bytes), 0, "%zu bytes", bytes);
    cr_assert_eq(orr_cell_class(SIZE_MAX), 0);
    cr_assert_eq(orr_cell_class((size_t)1 << 63), 0);
}
