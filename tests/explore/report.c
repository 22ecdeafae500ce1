/* report.c - what happened in the schedule that failed, step by step. */
#define _GNU_SOURCE
#include "tests/explore/search.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_FIRST = 150, LINES_LAST = 50 };

static const char *const kind_names[KINDS] = {"load",  "store", "change", "failed cas", "read",
                                              "write", "lock",  "unlock", "park",       "wake",
                                              "free",  "yield", "flush",  "operation",  "end"};
static const char *const order_names[] = {"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};

/* Of all that happened, what others could see. */
static bool
is_told(const struct note *note)
{
    switch ((enum kind)note->kind) {
    case KIND_LOAD:
    case KIND_STORE:
    case KIND_CHANGE:
    case KIND_FAILED:
        return world_has(note->address) && (FLAGS[note->address] & FLAG_POINT);
    case KIND_LOCK:
    case KIND_UNLOCK:
        return world_has(note->address) && (FLAGS[note->address] & FLAG_POINT);
    case KIND_YIELD:
        return false;
    default:
        return true;
    }
}

/* File and line of places in the code, from the debugger's data in this program; one call for all. */
struct places {
    FILE *answers;
    char list[64];
};

static void
places_open(struct places *places)
{
    strcpy(places->list, "/tmp/explore-places-XXXXXX");
    int file = mkstemp(places->list);
    FILE *out = file < 0 ? NULL : fdopen(file, "w");
    places->answers = NULL;
    if (!out)
        return;
    for (unsigned i = 0; i < machine.note_count; i++)
        if (is_told(&machine.notes[i]))
            fprintf(out, "%#zx\n", machine.notes[i].place ? (size_t)machine.notes[i].place - 1 : (size_t)0);
    fclose(out);
    char command[512], self[256];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    snprintf(command, sizeof command, "addr2line -s -e '%s' < %s 2>/dev/null", self, places->list);
    places->answers = popen(command, "r");
}

static void
places_next(struct places *places, char *line, int room)
{
    line[0] = 0;
    if (places->answers && fgets(line, room, places->answers))
        line[strcspn(line, "\n (")] = 0;
}

static void
places_close(struct places *places)
{
    if (places->answers)
        pclose(places->answers);
    unlink(places->list);
}

void
report_steps(FILE *out)
{
    struct places places;
    int last = -1;
    unsigned told = 0, lines = 0;
    for (unsigned i = 0; i < machine.note_count; i++)
        told += is_told(&machine.notes[i]);
    places_open(&places);
    fprintf(out, "  %4s %-8s %-10s %-8s %-20s %-18s %s\n", "step", "fibre", "does", "order", "to", "value", "at");
    for (unsigned i = 0; i < machine.note_count; i++) {
        const struct note *note = &machine.notes[i];
        if (!is_told(note))
            continue;
        char where[96], place[160];
        bool ordered = note->kind <= KIND_FAILED;
        world_describe(note->address, where, sizeof where);
        places_next(&places, place, sizeof place);
        if (lines++ >= LINES_FIRST && lines + LINES_LAST <= told) {
            if (lines == LINES_FIRST + 1)
                fprintf(out, "  ...\n");
            continue;
        }
        if (note->kind == KIND_OPERATION)
            snprintf(where, sizeof where, "%s(%u)",
                     machine.scenario->operations[note->value & 0xff].name, (unsigned)(note->value >> 8));
        fprintf(out, "  %4u %*s%u%*s %-10s %-8s %-20s ", i, note->fibre * 2, "", note->fibre,
                7 - note->fibre * 2, note->fibre == last ? "" : "<", kind_names[note->kind],
                ordered ? order_names[note->order] : "", note->address || note->kind == KIND_OPERATION ? where : "");
        if (ordered || note->kind == KIND_FLUSH)
            fprintf(out, "%-#18zx ", (size_t)note->value);
        else
            fprintf(out, "%-18s ", "");
        fprintf(out, "%s\n", note->place ? place : "");
        last = note->fibre;
    }
    places_close(&places);
}
