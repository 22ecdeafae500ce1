/* option.c - parses KEY=VALUE against a typed table. */
#include "runtime/option.h"

#include "runtime/assert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
suffix_factor(const char *suffix, double *factor)
{
    static const struct {
        const char *suffix;
        double factor;
    } known[] = {{"", 1},           {"k", 1e3},        {"K", 1e3},          {"M", 1e6},
                 {"G", 1e9},        {"Ki", 1024.0},    {"KiB", 1024.0},     {"Mi", 1048576.0},
                 {"MiB", 1048576.0}, {"Gi", 1073741824.0}, {"GiB", 1073741824.0}, {"B", 1}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(suffix, known[i].suffix) == 0) {
            *factor = known[i].factor;
            return true;
        }
    return false;
}

bool
orr_number_parse(const char *text, uint64_t *value)
{
    char *end;
    double factor;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    uint64_t whole = strtoull(text, &end, 10);
    if (errno == 0 && *end == '\0') {
        *value = whole;
        return true;
    }
    if (*end == 'x' || *end == 'X') /* strtod reads hexadecimal too; nobody means that here */
        return false;
    double number = strtod(text, &end);
    if (!isfinite(number) || !suffix_factor(end, &factor))
        return false;
    number *= factor;
    if (number >= 18446744073709549568.0)
        return false;
    *value = (uint64_t)number;
    return true;
}

static enum orr_status
refuse(const struct orr_option *option, const char *owner, const char *value,
       struct orr_error *error)
{
    char choices[200] = "";
    if (option->type == ORR_OPTION_CHOICE) {
        for (size_t i = 0; option->choices[i]; i++) {
            size_t used = strlen(choices);
            snprintf(choices + used, sizeof choices - used, "%s%s", i ? ", " : "",
                     option->choices[i]);
        }
        return orr_fail(error, ORR_BAD_INPUT, "%s: %s=%.60s: choose one of %s", owner, option->key,
                        value, choices);
    }
    if (option->type == ORR_OPTION_TEXT)
        return orr_fail(error, ORR_BAD_INPUT, "%s: %s: longer than %d bytes", owner, option->key,
                        ORR_OPTION_TEXT_BYTES - 1);
    return orr_fail(error, ORR_BAD_INPUT, "%s: %s=%.60s: give a number from %g to %g %s", owner,
                    option->key, value, option->least, option->most, option->unit);
}

static enum orr_status
store(const struct orr_option *option, void *settings, const char *owner, const char *value,
      struct orr_error *error)
{
    void *field = (char *)settings + option->offset;
    char *end;
    switch (option->type) {
    case ORR_OPTION_NUMBER: {
        uint64_t number;
        if (!orr_number_parse(value, &number) || (double)number < option->least ||
            (double)number > option->most)
            return refuse(option, owner, value, error);
        *(uint64_t *)field = number;
        return ORR_OK;
    }
    case ORR_OPTION_SHARE: {
        double share = strtod(value, &end);
        if (end == value || *end || !(share >= option->least && share <= option->most))
            return refuse(option, owner, value, error);
        *(double *)field = share;
        return ORR_OK;
    }
    case ORR_OPTION_CHOICE:
        for (size_t i = 0; option->choices[i]; i++)
            if (strcmp(value, option->choices[i]) == 0) {
                *(uint64_t *)field = i;
                return ORR_OK;
            }
        return refuse(option, owner, value, error);
    case ORR_OPTION_TEXT:
        if (strlen(value) >= ORR_OPTION_TEXT_BYTES)
            return refuse(option, owner, value, error);
        memset(field, 0, ORR_OPTION_TEXT_BYTES); /* the same text is the same bytes */
        strcpy(field, value);
        return ORR_OK;
    }
    orr_unreachable();
    return ORR_BAD_INPUT;
}

void
orr_options_preset(const struct orr_option *table, void *settings)
{
    for (const struct orr_option *option = table; option && option->key; option++) {
        struct orr_error error;
        enum orr_status status = store(option, settings, "preset", option->preset, &error);
        orr_require(status == ORR_OK, "%s", error.message);
    }
}

enum orr_status
orr_options_set(const struct orr_option *table, void *settings, const char *owner, const char *text,
                struct orr_error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return orr_fail(error, ORR_BAD_INPUT, "%s: '%s' is not KEY=VALUE", owner, text);
    size_t length = (size_t)(equals - text);
    char known[300] = "";
    for (const struct orr_option *option = table; option && option->key; option++) {
        if (strlen(option->key) == length && strncmp(option->key, text, length) == 0)
            return store(option, settings, owner, equals + 1, error);
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", option->key);
    }
    return orr_fail(error, ORR_BAD_INPUT, "%s has no setting '%.*s'; it has: %s", owner,
                    (int)(length > 60 ? 60 : length), text, known[0] ? known : "none");
}
