/* command_list.c - `orrery list`: what there is, one sentence each, and which pairs apply.
 *
 * Threads: the first one.
 */
#include "bench/axes.h"
#include "bench/command.h"
#include "bench/json.h"
#include "bench/pairs.h"
#include "bench/suggest.h"
#include "bench/table.h"

#include <argp.h>
#include <string.h>

struct list_request {
    const char *title; /* of the one axis that was asked for; null: all */
    bool wants_pairs, wants_json;
};

enum { OPTION_PAIRS = 256, OPTION_JSON };

static const struct argp_option options[] = {
    {"pairs", OPTION_PAIRS, NULL, 0, "Which strategy works with which collector, on which heap", 0},
    {"json", OPTION_JSON, NULL, 0, "The same as one JSON object", 0},
    {0},
};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
    struct list_request *const request = state->input;
    switch (key) {
    case OPTION_PAIRS:
        request->wants_pairs = true;
        return 0;
    case OPTION_JSON:
        request->wants_json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (request->title)
            argp_error(state, "give one list or none: %s or %s", request->title, argument);
        request->title = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_option,
    .args_doc = "[strategies|collectors|heaps|triggers|workloads|papers]",
    .doc = "Says what there is, one sentence each.\v" ORR_COMMAND_STATUS,
};

static enum orr_status
find_axis(const char *title, unsigned *first, unsigned *end, struct orr_error *error)
{
    const char *titles[ORR_AXES];
    *first = 0;
    *end = ORR_AXES;
    if (!title)
        return ORR_OK;
    for (unsigned axis = 0; axis < ORR_AXES; axis++) {
        titles[axis] = orr_axis_title(axis);
        if (strcmp(titles[axis], title) == 0) {
            *first = axis;
            *end = axis + 1;
            return ORR_OK;
        }
    }
    return orr_suggest_unknown("list", title, titles, ORR_AXES, error);
}

/* Names aligned over the whole answer. */
static int
width_of_names(unsigned first, unsigned end)
{
    size_t width = 0;
    for (unsigned axis = first; axis < end; axis++)
        for (size_t i = 0; orr_axis_entry(axis, i).name; i++) {
            const size_t length = strlen(orr_axis_entry(axis, i).name);
            width = length > width ? length : width;
        }
    return (int)width;
}

static void
print_axes(unsigned first, unsigned end)
{
    const int width = width_of_names(first, end);
    for (unsigned axis = first; axis < end; axis++) {
        printf("%s%s\n", axis > first ? "\n" : "", orr_axis_title(axis));
        for (size_t i = 0; orr_axis_entry(axis, i).name; i++)
            printf("  %-*s  %s\n", width, orr_axis_entry(axis, i).name,
                   orr_axis_entry(axis, i).summary);
    }
}

static json_t *
axis_json(struct orr_json_fault *fault, enum orr_axis axis)
{
    json_t *const array = orr_json_array();
    for (size_t i = 0; orr_axis_entry(axis, i).name; i++) {
        json_t *const object = orr_json_object();
        orr_json_put_text(fault, object, "name", orr_axis_entry(axis, i).name);
        orr_json_put_text(fault, object, "summary", orr_axis_entry(axis, i).summary);
        orr_json_append(fault, array, object);
    }
    return array;
}

static enum orr_status
print_json(const struct list_request *request, unsigned first, unsigned end,
           struct orr_error *error)
{
    struct orr_json_fault fault = {ORR_OK, error};
    json_t *object = orr_json_object();
    if (request->wants_pairs)
        orr_json_put(&fault, object, "pairs", orr_pairs_json(&fault));
    for (unsigned axis = first; axis < end; axis++)
        if (!request->wants_pairs || request->title)
            orr_json_put(&fault, object, orr_axis_title(axis), axis_json(&fault, axis));
    enum orr_status status = orr_json_finish(&fault, object, &object);
    if (status != ORR_OK)
        return status;
    status = orr_json_write(object, stdout, true, error);
    json_decref(object);
    return status;
}

int
orr_command_list(int argc, char **argv)
{
    struct list_request request = {0};
    struct orr_error error;
    unsigned first, end;
    argp_parse(&parser, argc, argv, 0, NULL, &request);
    enum orr_status status = find_axis(request.title, &first, &end, &error);
    if (status == ORR_OK && request.wants_json)
        status = print_json(&request, first, end, &error);
    else if (status == ORR_OK && request.wants_pairs)
        status = orr_pairs_write(stdout, &error);
    else if (status == ORR_OK)
        print_axes(first, end);
    return status == ORR_OK ? ORR_OK : orr_command_refuse(&error);
}
