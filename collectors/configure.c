/* configure.c - reads a heap's options from text, entry by entry; see configure.h.
 *
 * A call works on a copy, which takes the place of the caller's configuration when every entry was good.
 * Settings of all collectors are checked when they are heard and kept, because a later entry may choose
 * another collector.
 *
 * The text may be hostile (it comes from the environment): only printable ASCII is read, so that a refusal
 * is one line whatever it quotes, and an entry's length is bounded.
 */
#include "collectors/configure.h"

#include "collectors/catalogue.h"
#include "runtime/gc.h"
#include "runtime/rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRY_BYTES = 100 + ORR_OPTION_TEXT_BYTES, /* a name, a key, and the longest value there is */
    QUOTED_BYTES = 48,
    LIST_BYTES = 240
};

#define BYTES_MOST (UINT64_C(1) << 46) /* half of what a process can address */
#define COUNT_MOST (UINT64_C(1) << 48)

/* What a trigger looks at when neither the text nor the collector says. */
#define PRESET_COUNT 10000
#define PRESET_BYTES (UINT64_C(16) << 20)
#define PRESET_RATIO 1.0

struct reader {
    const char *source; /* who speaks, for the sentence */
    unsigned number;    /* of the entry, from 1 */
    const char *entry;
    struct orr_configuration *next; /* what the configuration will be */
    struct orr_error *error;
};

/* --- refusals -------------------------------------------------------------------------------------- */

static enum orr_status refuse(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum orr_status
refuse(const struct reader *reader, const char *format, ...)
{
    char reason[sizeof reader->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return orr_fail(reader->error, ORR_BAD_INPUT, "%s: entry %u, '%.*s%s': %s", reader->source,
                    reader->number, QUOTED_BYTES, reader->entry,
                    strlen(reader->entry) > QUOTED_BYTES ? "..." : "", reason);
}

/* Adds a name to "a, b, c"; what does not fit is left out. */
static void
list_add(char list[LIST_BYTES], const char *name)
{
    size_t used = strlen(list);
    if (used + strlen(name) + sizeof ", " <= LIST_BYTES)
        snprintf(list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", name);
}

/* --- values ---------------------------------------------------------------------------------------- */

/* As orr_number_parse, but K, M and G are powers of 1024. */
static bool
parse_bytes(const char *text, uint64_t *bytes)
{
    char copy[40];
    size_t length = strlen(text);
    if (length == 0 || length > sizeof copy - 2)
        return false;
    memcpy(copy, text, length + 1);
    if (strchr("kKMG", copy[length - 1])) {
        copy[length - 1] = copy[length - 1] == 'k' ? 'K' : copy[length - 1];
        copy[length] = 'i';
        copy[length + 1] = '\0';
    }
    return orr_number_parse(copy, bytes);
}

static enum orr_status
read_bytes(struct reader *reader, const char *value, uint64_t least, uint64_t *bytes)
{
    uint64_t number;
    if (!parse_bytes(value, &number) || number < least || number > BYTES_MOST)
        return refuse(reader, "give bytes from %llu to 65536G, such as 64M",
                      (unsigned long long)least);
    *bytes = number;
    return ORR_OK;
}

static enum orr_status
read_count(struct reader *reader, const char *value, uint64_t least, uint64_t most, uint64_t *count)
{
    uint64_t number;
    if (!orr_number_parse(value, &number) || number < least || number > most)
        return refuse(reader, "give a whole number from %llu to %llu", (unsigned long long)least,
                      (unsigned long long)most);
    *count = number;
    return ORR_OK;
}

static enum orr_status
read_ratio(struct reader *reader, const char *value, double *ratio)
{
    char *end;
    double number = strtod(value, &end);
    bool is_plain =
        strspn(value, "0123456789.") == strlen(value); /* strtod knows 0x1p3, inf, nan */
    if (!is_plain || end == value || *end || !(number >= 0.01 && number <= 1000))
        return refuse(reader, "give a number from 0.01 to 1000, such as 0.5");
    *ratio = number;
    return ORR_OK;
}

static enum orr_status
read_switch(struct reader *reader, const char *value, bool *is_on)
{
    if (strcmp(value, "on") == 0 || strcmp(value, "1") == 0)
        *is_on = true;
    else if (strcmp(value, "off") == 0 || strcmp(value, "0") == 0)
        *is_on = false;
    else
        return refuse(reader, "say on or off");
    return ORR_OK;
}

/* --- entries: names -------------------------------------------------------------------------------- */

static enum orr_status
read_strategy(struct reader *reader, const char *value)
{
    char known[LIST_BYTES] = "";
    const struct orr_rc *rc = orr_rc_find(value);
    if (rc) {
        reader->next->options.rc = rc;
        return ORR_OK;
    }
    for (size_t i = 0; orr_rcs[i]; i++)
        list_add(known, orr_rcs[i]->name);
    return refuse(reader, "there is no such strategy; there are %s", known);
}

static enum orr_status
refuse_collector(const struct reader *reader)
{
    char known[LIST_BYTES] = "";
    for (size_t i = 0; orr_collectors[i]; i++)
        list_add(known, orr_collectors[i]->name);
    return refuse(reader, "there is no such collector; there are %s", known);
}

static enum orr_status
read_collector(struct reader *reader, const char *value)
{
    const struct orr_collector *collector = orr_collector_find(value);
    if (!collector)
        return refuse_collector(reader);
    reader->next->options.collector = collector;
    return ORR_OK;
}

static enum orr_status
read_heap(struct reader *reader, const char *value)
{
    char known[LIST_BYTES] = "";
    const struct orr_heap_kind *kind = orr_heap_kind_find(value);
    if (kind) {
        reader->next->options.kind = kind;
        return ORR_OK;
    }
    for (size_t i = 0; orr_heap_kinds[i]; i++)
        list_add(known, orr_heap_kinds[i]->name);
    return refuse(reader, "there is no such heap; there are %s", known);
}

/* --- entries: the trigger -------------------------------------------------------------------------- */

static const char *const trigger_names[] = {
#define TRIGGER(name, summary) #name,
#include "runtime/trigger.def"
#undef TRIGGER
};

static enum orr_status
read_trigger_number(struct reader *reader, const char *value, struct orr_trigger *trigger)
{
    switch (trigger->kind) {
    case ORR_TRIGGER_bytes:
        return read_bytes(reader, value, 1, &trigger->bytes);
    case ORR_TRIGGER_ratio:
        return read_ratio(reader, value, &trigger->ratio);
    case ORR_TRIGGER_count:
    case ORR_TRIGGER_adaptive:
        return read_count(reader, value, 1, UINT32_MAX, &trigger->count);
    default:
        return refuse(reader, "the trigger %s takes no number", trigger_names[trigger->kind]);
    }
}

static enum orr_status
read_trigger(struct reader *reader, const char *value)
{
    char known[LIST_BYTES] = "";
    size_t length = strcspn(value, ":");
    for (unsigned kind = 0; kind < ORR_TRIGGER_KINDS; kind++) {
        list_add(known, trigger_names[kind]);
        if (strlen(trigger_names[kind]) != length || strncmp(trigger_names[kind], value, length))
            continue;
        reader->next->options.trigger = (struct orr_trigger){.kind = (enum orr_trigger_kind)kind};
        reader->next->has_trigger_number = value[length] == ':';
        return value[length]
                   ? read_trigger_number(reader, value + length + 1, &reader->next->options.trigger)
                   : ORR_OK;
    }
    return refuse(reader, "there is no such trigger; there are %s", known);
}

/* A trigger that was named without a number looks at the number of the collector that is now chosen. */
static void
complete_trigger(struct orr_configuration *configuration)
{
    struct orr_trigger *trigger = &configuration->options.trigger;
    const struct orr_trigger *own = &configuration->options.collector->trigger;
    if (trigger->kind == ORR_TRIGGER_KINDS || configuration->has_trigger_number)
        return;
    trigger->count = own->count ? own->count : PRESET_COUNT;
    trigger->bytes = own->bytes ? own->bytes : PRESET_BYTES;
    trigger->ratio = own->ratio > 0 ? own->ratio : PRESET_RATIO;
}

static enum orr_status
read_thresholds(struct reader *reader, const char *value)
{
    uint64_t thresholds[ORR_GENERATIONS];
    for (unsigned i = 0; i < ORR_GENERATIONS; i++) {
        char number[24];
        size_t length = strcspn(value, ":");
        bool is_last = i == ORR_GENERATIONS - 1;
        if (length >= sizeof number || (value[length] == '\0') != is_last)
            return refuse(reader, "give three numbers, such as 2000:10:10");
        memcpy(number, value, length);
        number[length] = '\0';
        if (!orr_number_parse(number, &thresholds[i]) || thresholds[i] > COUNT_MOST)
            return refuse(reader, "give three numbers, such as 2000:10:10");
        value += length + !is_last;
    }
    memcpy(reader->next->options.thresholds, thresholds, sizeof thresholds);
    return ORR_OK;
}

/* --- entries: numbers and switches ----------------------------------------------------------------- */

static enum orr_status
read_limit(struct reader *reader, const char *value)
{
    return read_bytes(reader, value, 0, &reader->next->options.bytes_limit);
}

static enum orr_status
read_bound(struct reader *reader, const char *value)
{
    return read_bytes(reader, value, 0, &reader->next->options.garbage_bound);
}

static enum orr_status
read_slice(struct reader *reader, const char *value)
{
    return read_count(reader, value, 0, COUNT_MOST, &reader->next->options.release_slice);
}

static enum orr_status
read_stress(struct reader *reader, const char *value)
{
    return read_count(reader, value, 0, COUNT_MOST, &reader->next->options.stress_every);
}

static enum orr_status
read_late(struct reader *reader, const char *value)
{
    return read_count(reader, value, 0, UINT32_MAX, &reader->next->options.late_ms);
}

static enum orr_status
read_workers(struct reader *reader, const char *value)
{
    uint64_t workers = ORR_WORKERS_AUTO;
    if (strcmp(value, "auto") != 0 &&
        (!orr_number_parse(value, &workers) || workers > ORR_WORKERS_MAX))
        return refuse(reader, "give a whole number from 0 to %d, or auto", ORR_WORKERS_MAX);
    reader->next->options.workers = (uint32_t)workers;
    return ORR_OK;
}

static enum orr_status
read_verify(struct reader *reader, const char *value)
{
    return read_switch(reader, value, &reader->next->options.verify);
}

static enum orr_status
read_ledger(struct reader *reader, const char *value)
{
    return read_switch(reader, value, &reader->next->options.ledger);
}

static enum orr_status
read_sites(struct reader *reader, const char *value)
{
    return read_switch(reader, value, &reader->next->options.sites);
}

static enum orr_status
read_gc(struct reader *reader, const char *value)
{
    bool is_on = true;
    enum orr_status status = read_switch(reader, value, &is_on);
    if (status == ORR_OK)
        reader->next->options.gc_disabled = !is_on;
    return status;
}

static const struct {
    const char *name;
    uint32_t flag;
} debug_names[] = {
    {"none", 0},
    {"stats", ORR_DEBUG_STATS},
    {"collectable", ORR_DEBUG_COLLECTABLE},
    {"uncollectable", ORR_DEBUG_UNCOLLECTABLE},
    {"saveall", ORR_DEBUG_SAVEALL},
    {"leak", ORR_DEBUG_LEAK},
};

static bool
debug_flag(const char *name, size_t length, uint32_t *flags)
{
    for (size_t i = 0; i < sizeof debug_names / sizeof debug_names[0]; i++)
        if (strlen(debug_names[i].name) == length &&
            strncmp(debug_names[i].name, name, length) == 0) {
            *flags |= debug_names[i].flag;
            return true;
        }
    return false;
}

static enum orr_status
read_debug(struct reader *reader, const char *value)
{
    uint32_t flags = 0;
    for (const char *name = value;; name++) {
        size_t length = strcspn(name, "+");
        if (!debug_flag(name, length, &flags)) {
            char known[LIST_BYTES] = "";
            for (size_t i = 0; i < sizeof debug_names / sizeof debug_names[0]; i++)
                list_add(known, debug_names[i].name);
            return refuse(reader, "there is no such thing to debug; there are, joined by +, %s",
                          known);
        }
        name += length;
        if (*name == '\0')
            break;
    }
    reader->next->options.debug = flags;
    return ORR_OK;
}

static const struct {
    const char *name;
    enum orr_status (*read)(struct reader *reader, const char *value);
} keys[] = {
    {"strategy", read_strategy},
    {"collector", read_collector},
    {"heap", read_heap},
    {"trigger", read_trigger},
    {"limit", read_limit},
    {"bound", read_bound},
    {"slice", read_slice},
    {"workers", read_workers},
    {"stress", read_stress},
    {"verify", read_verify},
    {"ledger", read_ledger},
    {"sites", read_sites},
    {"gc", read_gc},
    {"debug", read_debug},
    {"thresholds", read_thresholds},
    {"late", read_late},
};

/* --- entries: settings of collectors --------------------------------------------------------------- */

/* Tries the setting on a copy of the collector's, so that a wrong one is refused here and by name. */
static enum orr_status
check_setting(const struct reader *reader, const struct orr_collector *collector,
              const char *setting)
{
    struct orr_error reason = {0};
    void *settings = orr_allocate(collector->settings_bytes + 1);
    if (!settings)
        return orr_fail(reader->error, ORR_OUT_OF_MEMORY, "%s: no memory for entry %u",
                        reader->source, reader->number);
    enum orr_status status =
        orr_options_set(collector->options, settings, collector->name, setting, &reason);
    orr_deallocate(settings);
    return status == ORR_OK ? ORR_OK : refuse(reader, "%s", reason.message);
}

/* NAME.KEY=VALUE, with its dot at entry[dot]. There is room (orr_configure). */
static enum orr_status
read_setting(struct reader *reader, size_t dot)
{
    char name[32] = "";
    if (dot < sizeof name)
        memcpy(name, reader->entry, dot);
    const struct orr_collector *collector = orr_collector_find(name);
    if (!collector)
        return refuse_collector(reader);
    enum orr_status status = check_setting(reader, collector, reader->entry + dot + 1);
    if (status != ORR_OK)
        return status;
    size_t bytes = strlen(reader->entry) + 1;
    memcpy(reader->next->text + reader->next->text_bytes, reader->entry, bytes);
    reader->next->text_bytes += bytes;
    return ORR_OK;
}

/* KEY=VALUE of a kept setting if it is one of the collector, else null. */
static const char *
setting_of(const struct orr_collector *collector, const char *kept)
{
    size_t length = strlen(collector->name);
    return strncmp(kept, collector->name, length) == 0 && kept[length] == '.' ? kept + length + 1
                                                                              : NULL;
}

/* Lists the kept settings of the chosen collector. False: no memory. */
static bool
list_settings(struct orr_configuration *configuration)
{
    const struct orr_collector *collector = configuration->options.collector;
    const char *const end = configuration->text + configuration->text_bytes;
    uint32_t count = 0;
    for (const char *kept = configuration->text; kept < end; kept += strlen(kept) + 1)
        count += setting_of(collector, kept) != NULL;
    configuration->settings = orr_allocate((count + 1) * sizeof *configuration->settings);
    if (!configuration->settings)
        return false;
    configuration->setting_count = 0;
    for (const char *kept = configuration->text; kept < end; kept += strlen(kept) + 1)
        if (setting_of(collector, kept))
            configuration->settings[configuration->setting_count++] = setting_of(collector, kept);
    configuration->options.settings = configuration->settings;
    return true;
}

/* --- the text -------------------------------------------------------------------------------------- */

static enum orr_status
refuse_key(const struct reader *reader, bool is_pair)
{
    char known[LIST_BYTES] = "";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        list_add(known, keys[i].name);
    list_add(known, "COLLECTOR.KEY");
    return refuse(
        reader, is_pair ? "there is no such key; there are %s" : "write KEY=VALUE; the keys are %s",
        known);
}

static enum orr_status
read_entry(struct reader *reader)
{
    size_t length = strcspn(reader->entry, "=");
    if (reader->entry[length] == '\0')
        return refuse_key(reader, false);
    size_t dot = strcspn(reader->entry, ".");
    if (dot < length)
        return read_setting(reader, dot);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strlen(keys[i].name) == length && strncmp(keys[i].name, reader->entry, length) == 0)
            return keys[i].read(reader, reader->entry + length + 1);
    return refuse_key(reader, true);
}

static enum orr_status
read_text(struct reader *reader, const char *text)
{
    enum orr_status status = ORR_OK;
    while (status == ORR_OK && *text) {
        char entry[ENTRY_BYTES];
        const size_t length = strcspn(text, ",");
        size_t first = 0, end = length;
        while (first < end && text[first] == ' ')
            first++;
        while (end > first && text[end - 1] == ' ')
            end--;
        size_t bytes = end - first < sizeof entry ? end - first : sizeof entry - 1;
        memcpy(entry, text + first, bytes);
        entry[bytes] = '\0';
        reader->entry = entry;
        reader->number++;
        if (end - first >= sizeof entry)
            status = refuse(reader, "longer than %d bytes", ENTRY_BYTES - 1);
        else if (bytes)
            status = read_entry(reader);
        text += length + (text[length] == ',');
    }
    return status;
}

/* Everything but printable ASCII is refused before it can be quoted. */
static enum orr_status
check_characters(const char *source, const char *text, struct orr_error *error)
{
    for (size_t i = 0; text[i]; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            return orr_fail(error, ORR_BAD_INPUT,
                            "%s: byte %zu is 0x%02x; write KEY=VALUE,KEY=VALUE in plain ASCII",
                            source, i + 1, (unsigned)(unsigned char)text[i]);
    return ORR_OK;
}

static enum orr_status
configure(struct orr_configuration *configuration, const char *source, const char *text,
          struct orr_error *error)
{
    if (!text || !*text)
        return ORR_OK;
    enum orr_status status = check_characters(source, text, error);
    if (status != ORR_OK)
        return status;
    struct orr_configuration next = *configuration;
    struct reader reader = {.source = source, .next = &next, .error = error};
    next.settings = NULL;
    /* An entry that is kept takes no more room than it has in the text, its comma counted. */
    next.text = orr_allocate(configuration->text_bytes + strlen(text) + 1);
    if (!next.text)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "%s: no memory for its settings", source);
    if (configuration->text_bytes)
        memcpy(next.text, configuration->text, configuration->text_bytes);
    status = read_text(&reader, text);
    if (status == ORR_OK && !list_settings(&next))
        status = orr_fail(error, ORR_OUT_OF_MEMORY, "%s: no memory for its settings", source);
    if (status != ORR_OK) {
        orr_deallocate(next.text);
        return status;
    }
    complete_trigger(&next);
    orr_configure_free(configuration);
    *configuration = next;
    return ORR_OK;
}

/* --- the door -------------------------------------------------------------------------------------- */

void
orr_configure_defaults(struct orr_configuration *configuration)
{
    *configuration = (struct orr_configuration){
        .options = {.rc = &orr_rc_biased,
                    .collector = orr_collector_find("generations"),
                    .kind = &orr_heap_blocks,
                    .trigger = {.kind = ORR_TRIGGER_KINDS},
                    .workers = ORR_WORKERS_AUTO},
    };
    orr_require(configuration->options.collector, "list.def has no collector `generations`");
}

enum orr_status
orr_configure(struct orr_configuration *configuration, const char *text, struct orr_error *error)
{
    return configure(configuration, "configuration", text, error);
}

enum orr_status
orr_configure_from_environment(struct orr_configuration *configuration, struct orr_error *error)
{
    return configure(configuration, "ORRERY", getenv("ORRERY"), error);
}

void
orr_configure_free(struct orr_configuration *configuration)
{
    orr_deallocate(configuration->text);
    orr_deallocate(configuration->settings);
    configuration->text = NULL;
    configuration->text_bytes = 0;
    configuration->settings = NULL;
    configuration->setting_count = 0;
    configuration->options.settings = NULL;
}
