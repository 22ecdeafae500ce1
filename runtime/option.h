/* option.h - typed option tables: how a workload or a collector says what can be set.
 *
 * A plug-in declares a table; KEY=VALUE texts are parsed, checked against type and range, and stored in
 * the plug-in's own settings struct. Values are never guessed: a wrong one is a sentence.
 */
#ifndef ORR_RUNTIME_OPTION_H
#define ORR_RUNTIME_OPTION_H

#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum orr_option_type {
    ORR_OPTION_NUMBER, /* uint64_t; k, M, G suffixes of 1000, Ki, Mi, Gi of 1024; 1e6 is fine */
    ORR_OPTION_SHARE,  /* double */
    ORR_OPTION_CHOICE, /* uint64_t: index into choices */
    ORR_OPTION_TEXT    /* char[ORR_OPTION_TEXT_BYTES] */
};

enum { ORR_OPTION_TEXT_BYTES = 1024 };

struct orr_option {
    const char *key;
    enum orr_option_type type;
    size_t offset;      /* of the field in the settings struct */
    const char *unit;   /* "objects", "bytes", "" */
    const char *preset; /* default, as text, parsed like any other */
    double least, most; /* inclusive range of numbers and shares */
    const char *const *choices; /* null-terminated; CHOICE only */
    const char *summary;        /* one sentence */
};

/* Stores every preset. A table ends with a row whose key is null. */
void orr_options_preset(const struct orr_option *table, void *settings);

/* Parses "KEY=VALUE" and stores it. ORR_BAD_INPUT names the known keys or the range. `owner` is the
 * plug-in's name, for the sentence. */
enum orr_status orr_options_set(const struct orr_option *table, void *settings, const char *owner,
                                const char *text, struct orr_error *error);

/* Parses a number as ORR_OPTION_NUMBER does. */
bool orr_number_parse(const char *text, uint64_t *value);

#endif
