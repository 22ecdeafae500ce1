/* json.c - building and writing JSON on jansson; see json.h. */
#include "bench/json.h"

#include "bench/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Seventeen digits would print 0.1 as 0.10000000000000001; no clock of ours knows the sixteenth. */
enum { REAL_DIGITS = 15 };

static void
fail(struct orr_json_fault *fault, const char *key)
{
    if (fault->status == ORR_OK)
        fault->status =
            orr_fail(fault->error, ORR_OUT_OF_MEMORY, "no memory for the JSON field %.60s", key);
}

json_t *
orr_json_object(void)
{
    return json_object();
}

json_t *
orr_json_array(void)
{
    return json_array();
}

void
orr_json_put(struct orr_json_fault *fault, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        fail(fault, key);
}

void
orr_json_append(struct orr_json_fault *fault, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        fail(fault, "of a list");
}

/* Null only if there is no memory. */
static json_t *
text_json(const char *text)
{
    json_t *value = json_string(text); /* null for broken UTF-8 as well */
    if (value)
        return value;
    const size_t size = strlen(text) + 1;
    char *const clean = malloc(size);
    if (clean)
        value = json_string(orr_utf8_clean(clean, size, text));
    free(clean);
    return value;
}

void
orr_json_put_text(struct orr_json_fault *fault, json_t *object, const char *key, const char *text)
{
    if (text && text[0])
        orr_json_put(fault, object, key, text_json(text));
}

void
orr_json_append_text(struct orr_json_fault *fault, json_t *array, const char *text)
{
    orr_json_append(fault, array, text_json(text));
}

void
orr_json_put_number(struct orr_json_fault *fault, json_t *object, const char *key, uint64_t number)
{
    if (number <= INT64_MAX)
        orr_json_put(fault, object, key, json_integer((json_int_t)number));
    else if (fault->status == ORR_OK)
        fault->status =
            orr_fail(fault->error, ORR_BAD_INPUT,
                     "%.60s is %llu, which does not fit JSON's integers; the greatest is 2^63 - 1",
                     key, (unsigned long long)number);
}

void
orr_json_put_measure(struct orr_json_fault *fault, json_t *object, const char *key,
                     struct orr_measure measure)
{
    if (measure.is_measured)
        orr_json_put_number(fault, object, key, measure.value);
}

void
orr_json_put_real(struct orr_json_fault *fault, json_t *object, const char *key,
                  struct orr_real real)
{
    if (real.is_measured && isfinite(real.value))
        orr_json_put(fault, object, key, json_real(real.value));
}

void
orr_json_put_fields(struct orr_json_fault *fault, json_t *object, const char *key, json_t *fields)
{
    if (fields && json_object_size(fields) == 0)
        json_decref(fields);
    else
        orr_json_put(fault, object, key, fields);
}

enum orr_status
orr_json_finish(struct orr_json_fault *fault, json_t *object, json_t **result)
{
    if (!object)
        fail(fault, "of a record");
    *result = fault->status == ORR_OK ? object : NULL;
    if (fault->status != ORR_OK)
        json_decref(object);
    return fault->status;
}

enum orr_status
orr_json_write(const json_t *object, FILE *file, bool is_indented, struct orr_error *error)
{
    const size_t form = is_indented ? JSON_INDENT(2) : JSON_COMPACT;
    if (json_dumpf(object, file, form | JSON_REAL_PRECISION(REAL_DIGITS)) != 0 ||
        fputc('\n', file) == EOF || fflush(file) != 0)
        return orr_fail(error, ORR_BAD_INPUT, "cannot write JSON: %s", strerror(errno));
    return ORR_OK;
}
