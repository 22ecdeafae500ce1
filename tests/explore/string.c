/* string.c - replay strings: a failure as text, written and read.
 *
 *   scenario@mode@build@script@decisions, without blanks
 *   build      fast: the program explore; full: explore_full; race: the same, and it looks for races; bare: the program
 *              explore_bare
 *   script     for each fibre, between slashes, operation.argument with commas between; - where there is none
 *   decisions  fibre.access>kind target[.which], with commas between; kind: r runs, b flushes, w wakes, v reads old
 *
 * What is read is what would be written: anything else is refused.
 */
#include "tests/explore/search.h"

#include <string.h>

static const char kind_letters[] = {'r', 'b', 'v', 'w'};

void
failure_print(const struct failure *failure, FILE *out)
{
    fprintf(out, "%s@%s@%s@", machine.scenario->name, mode_names[machine.mode],
            EXPLORE_IS_BARE ? "bare" : !EXPLORE_IS_FULL ? "fast" : machine.races ? "race" : "full");
    if (machine.scenario->operations)
        for (unsigned f = 0; f < machine.scenario->fibres; f++) {
            if (f)
                fputc('/', out);
            for (unsigned i = 0, first = 1; i < EXPLORE_SCRIPT_MAX; i++)
                if (!machine.script[f][i].deleted) {
                    fprintf(out, "%s%u.%u", first ? "" : ",", machine.script[f][i].operation,
                            machine.script[f][i].argument);
                    first = 0;
                }
        }
    else
        fputc('-', out);
    fputc('@', out);
    for (unsigned i = 0; i < failure->event_count; i++) {
        const struct event *event = &failure->events[i];
        fprintf(out, "%s%u.%u>%c%u", i ? "," : "", event->fibre, event->access,
                kind_letters[event->option.kind], event->option.fibre);
        if (event->option.which)
            fprintf(out, ".%u", event->option.which);
    }
}

/* Reads digits. Null: there are none, or they say more than `most`. */
static const char *
parse_number(const char *text, uint32_t most, uint32_t *value)
{
    uint64_t number = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9' && number <= most; digit++)
        number = number * 10 + (uint64_t)(*digit - '0');
    *value = (uint32_t)number;
    return digit == text || number > most ? NULL : digit;
}

/* operation.argument of a fibre; `count` operations there are. */
static const char *
parse_operation(const char *text, unsigned count, unsigned fibre, unsigned place)
{
    uint32_t operation, argument;
    if (fibre >= machine.scenario->fibres || place >= EXPLORE_SCRIPT_MAX)
        return NULL;
    text = parse_number(text, count - 1, &operation);
    if (!text || *text++ != '.')
        return NULL;
    text = parse_number(text, UINT8_MAX, &argument);
    machine.script[fibre][place].operation = (uint8_t)operation;
    machine.script[fibre][place].argument = (uint8_t)argument;
    machine.script[fibre][place].deleted = !text;
    return text;
}

static const char *
parse_script(const char *text)
{
    for (unsigned f = 0; f < FIBRES; f++)
        for (unsigned i = 0; i < EXPLORE_SCRIPT_MAX; i++)
            machine.script[f][i].deleted = true;
    unsigned count = 0;
    while (machine.scenario->operations && machine.scenario->operations[count].name)
        count++;
    if (count == 0)
        return strncmp(text, "-@", 2) == 0 ? text + 2 : NULL;
    for (unsigned f = 0, i = 0; text && *text && *text != '@';)
        if (*text == '/') {
            f++;
            i = 0;
            text++;
        } else if (i == 0)
            text = parse_operation(text, count, f, i++);
        else
            text = *text == ',' ? parse_operation(text + 1, count, f, i++) : NULL;
    return text && *text == '@' ? text + 1 : NULL;
}

static const char *
parse_event(const char *text, struct event *event)
{
    uint32_t fibre, access, target, which = 0;
    text = parse_number(text, OUTSIDE, &fibre);
    if (!text || *text++ != '.')
        return NULL;
    text = parse_number(text, UINT32_MAX, &access);
    if (!text || *text++ != '>')
        return NULL;
    const char *letter = *text ? memchr(kind_letters, *text, sizeof kind_letters) : NULL;
    if (!letter)
        return NULL;
    text = parse_number(text + 1, FIBRES - 1, &target);
    if (text && *text == '.')
        text = parse_number(text + 1, UINT8_MAX, &which);
    *event = (struct event){.fibre = (uint8_t)fibre,
                            .access = access,
                            .option = {(uint8_t)(letter - kind_letters), (uint8_t)target, (uint8_t)which}};
    return text;
}

bool
failure_parse(struct failure *failure, const char *text)
{
    text = parse_script(text);
    failure->event_count = 0;
    if (!text || !*text)
        return text;
    for (;;) {
        if (failure->event_count == EVENTS_MAX)
            return false;
        text = parse_event(text, &failure->events[failure->event_count++]);
        if (!text || (*text && *text != ','))
            return false;
        if (!*text++)
            return true;
    }
}
