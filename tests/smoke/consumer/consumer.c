/* consumer.c - the smallest program of somebody else: one header, one function. */
#include "runtime/error.h"

#include <stdio.h>
#include <string.h>

int
main(void)
{
    struct orr_error error;
    enum orr_status status = orr_fail(&error, ORR_NOT_APPLICABLE, "%d wheels", 3);
    puts(error.message);
    return status == ORR_NOT_APPLICABLE && strcmp(error.message, "3 wheels") == 0 ? 0 : 1;
}
