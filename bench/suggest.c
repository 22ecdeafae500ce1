/* suggest.c - edit distance and the sentence built from it; see suggest.h. */
#include "bench/suggest.h"

#include "bench/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Names are compared up to here; a longer one is not a slip for any of ours. */
enum { NAME_MAX_BYTES = 48 };

static unsigned
smaller(unsigned left, unsigned right)
{
    return left < right ? left : right;
}

static bool
is_same_letter(char left, char right)
{
    return tolower((unsigned char)left) == tolower((unsigned char)right);
}

static bool
is_swap(const char *left, const char *right)
{
    return is_same_letter(left[-1], right[0]) && is_same_letter(left[0], right[-1]);
}

/* rows[i % 3][j] is the distance of the first i letters of left from the first j of right. */
static unsigned
edit_distance(const char *left, size_t left_length, const char *right, size_t right_length)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];
    for (unsigned j = 0; j <= right_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_length; i++) {
        unsigned *const now = rows[i % 3];
        const unsigned *const before = rows[(i + 2) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= right_length; j++) {
            const unsigned replace = is_same_letter(left[i - 1], right[j - 1]) ? 0 : 1;
            now[j] = smaller(before[j - 1] + replace, smaller(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && is_swap(&left[i - 1], &right[j - 1]))
                now[j] = smaller(now[j], rows[(i + 1) % 3][j - 2] + 1);
        }
    }
    return rows[left_length % 3][right_length];
}

static bool
begins_with(const char *text, const char *beginning)
{
    while (*beginning)
        if (!is_same_letter(*text++, *beginning++))
            return false;
    return true;
}

const char *
orr_suggest_nearest(const char *given, const char *const *known, size_t count)
{
    const size_t length = strlen(given);
    const char *nearest = NULL;
    unsigned best = (unsigned)(length + 2) / 3; /* a third of the letters, rounded up */
    if (length == 0 || length > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const size_t known_length = strlen(known[i]);
        if (known_length > NAME_MAX_BYTES)
            continue;
        const unsigned distance = edit_distance(given, length, known[i], known_length);
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = known[i];
        }
    }
    for (size_t i = 0; i < count && !nearest; i++)
        if (length >= 2 && begins_with(known[i], given))
            nearest = known[i];
    return nearest;
}

/* Adds to the text in list, or returns false without adding if it does not fit. */
static bool
append(char *list, size_t size, const char *separator, const char *name)
{
    const size_t used = strlen(list);
    const int needs = snprintf(NULL, 0, "%s%s", separator, name);
    if (needs < 0 || used + (size_t)needs >= size)
        return false;
    snprintf(list + used, size - used, "%s%s", separator, name);
    return true;
}

static void
list_names(char *list, size_t size, const char *const *known, size_t count)
{
    const size_t room_for_dots = 5; /* ", ..." and its end, when the list is cut */
    list[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (!append(list, size - (i + 1 < count ? room_for_dots : 0), i ? ", " : "", known[i])) {
            append(list, size, i ? ", " : "", "...");
            return;
        }
}

enum orr_status
orr_suggest_unknown(const char *kind, const char *given, const char *const *known, size_t count,
                    struct orr_error *error)
{
    char clean[NAME_MAX_BYTES + 1];
    char list[240];
    const char *const nearest = orr_suggest_nearest(given, known, count);
    orr_utf8_clean(clean, sizeof clean, given);
    list_names(list, sizeof list, known, count);
    if (count == 0)
        return orr_fail(error, ORR_BAD_INPUT, "unknown %.40s '%s'; there are none", kind, clean);
    if (!nearest)
        return orr_fail(error, ORR_BAD_INPUT, "unknown %.40s '%s'; known: %s", kind, clean, list);
    return orr_fail(error, ORR_BAD_INPUT, "unknown %.40s '%s'; known: %s; did you mean '%s'?", kind,
                    clean, list, nearest);
}
