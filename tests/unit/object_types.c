/* object_types.c - runtime/object's table of types: registered once however often it is asked, until it is full. */
#include "runtime/object.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <stdlib.h>

static struct orr_type
type_with(uint16_t *index)
{
    return (struct orr_type){
        .name = "one of many", .bytes = sizeof(struct orr_object), .index = index};
}

Test(object_types, a_type_is_registered_once_however_often_it_is_asked_for)
{
    uint16_t index = 0;
    const struct orr_type type = type_with(&index);
    cr_assert_eq(orr_type_register(&type, NULL), ORR_OK);
    const uint16_t first = index;
    cr_assert(first != 0);
    cr_assert_eq(orr_type_register(&type, NULL), ORR_OK);
    cr_assert_eq(index, first);
    cr_assert_eq(orr_type_table[index], &type);
}

Test(object_types, a_full_table_refuses_a_type_and_keeps_those_it_has)
{
    struct orr_error error;
    struct orr_type *const types = calloc(ORR_TYPES_MAX, sizeof *types);
    uint16_t *const indices = calloc(ORR_TYPES_MAX, sizeof *indices);
    cr_assert(types && indices);
    int registered = 0;
    for (; registered < ORR_TYPES_MAX; registered++) {
        types[registered] = type_with(&indices[registered]);
        if (orr_type_register(&types[registered], &error) != ORR_OK)
            break;
    }
    cr_assert(registered > ORR_TYPES_MAX - 100, "%d: the runtime has only a few of its own",
              registered);
    cr_assert(registered < ORR_TYPES_MAX);
    cr_assert_eq(error.status, ORR_OUT_OF_MEMORY);
    cr_assert_str_eq(error.message, "no room for type one of many: 65535 types exist");
    cr_assert_eq(indices[registered], 0);
    cr_assert_eq(orr_type_register(&types[0], &error), ORR_OK, "what is there is there");
    for (int i = 0; i < registered; i++)
        cr_assert_eq(orr_type_table[indices[i]], &types[i]);
    free(types); /* the table of this process is not used again */
    free(indices);
}

Test(object_types, a_type_too_small_for_its_references_aborts, .signal = SIGABRT)
{
    uint16_t index = 0;
    struct orr_type type = type_with(&index);
    type.references = 1;
    orr_type_register(&type, NULL);
}
