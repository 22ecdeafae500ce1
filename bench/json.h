/* json.h - building JSON objects field by field, with one place to ask whether all went well.
 *
 * What is absent stays absent: a number not measured, a text that is null or empty, an object
 * without fields. Failure is sticky, so builders read as lists of fields.
 *
 * Owns:    nothing; every json_t given to a put is taken over, on failure too.
 * Threads: any, each with its own fault.
 */
#ifndef ORR_BENCH_JSON_H
#define ORR_BENCH_JSON_H

#include "bench/measure.h"
#include "runtime/error.h"

#include <jansson.h>
#include <stdio.h>

/* The first thing that went wrong. Begin with {ORR_OK, error}. */
struct orr_json_fault {
    enum orr_status status;
    struct orr_error *error; /* may be null */
};

/* An empty object or array, null only if there is no memory; the next put then tells. */
json_t *orr_json_object(void);
json_t *orr_json_array(void);

void orr_json_put(struct orr_json_fault *fault, json_t *object, const char *key, json_t *value);
void orr_json_append(struct orr_json_fault *fault, json_t *array, json_t *value);

/* Broken UTF-8 is put with '?' in its place. */
void orr_json_put_text(struct orr_json_fault *fault, json_t *object, const char *key,
                       const char *text);
void orr_json_append_text(struct orr_json_fault *fault, json_t *array, const char *text);

/* JSON readers hold integers of 63 bits and a sign: a greater one is refused, by its key. */
void orr_json_put_number(struct orr_json_fault *fault, json_t *object, const char *key,
                         uint64_t number);
void orr_json_put_measure(struct orr_json_fault *fault, json_t *object, const char *key,
                          struct orr_measure measure);

/* JSON has no infinity and no not-a-number: a real that is either was not measured. */
void orr_json_put_real(struct orr_json_fault *fault, json_t *object, const char *key,
                       struct orr_real real);

/* Puts the object unless it is empty. */
void orr_json_put_fields(struct orr_json_fault *fault, json_t *object, const char *key,
                         json_t *fields);

/* Ends a build: hands the object over if all went well, else drops it. */
enum orr_status orr_json_finish(struct orr_json_fault *fault, json_t *object, json_t **result);

/* Writes the object and a newline: on one line, or indented for people. */
enum orr_status orr_json_write(const json_t *object, FILE *file, bool is_indented,
                               struct orr_error *error);

#endif
