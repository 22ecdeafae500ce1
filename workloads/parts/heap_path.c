/* heap_path.c - looks for a shipped heap in the places where an installation or a build keeps them. */
#define _XOPEN_SOURCE 700

#include "workloads/parts/heap_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

/* The prefix this program was installed to: the folder above that of the executable. */
static bool
find_prefix(char prefix[PATH_BYTES])
{
    const ssize_t length = readlink("/proc/self/exe", prefix, PATH_BYTES - 1);
    if (length <= 0)
        return false;
    prefix[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(prefix, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
    return true;
}

static bool
is_there(const char *folder, const char *name, char *path, size_t path_bytes)
{
    const int length = snprintf(path, path_bytes, "%s/%s", folder, name);
    return length > 0 && (size_t)length < path_bytes && access(path, R_OK) == 0;
}

enum orr_status
orr_heap_path_find(const char *name, char *path, size_t path_bytes, struct orr_error *error)
{
    char prefix[PATH_BYTES], beside[PATH_BYTES + sizeof "/" ORR_HEAPS_RELATIVE] = "";
    if (find_prefix(prefix))
        snprintf(beside, sizeof beside, "%s/" ORR_HEAPS_RELATIVE, prefix);
    if (is_there(beside, name, path, path_bytes) ||
        is_there(ORR_HEAPS_INSTALLED, name, path, path_bytes) ||
        is_there(ORR_HEAPS_SOURCE, name, path, path_bytes))
        return ORR_OK;
    return orr_fail(
        error, ORR_BAD_INPUT,
        "the heap %s that comes with the program is neither in %s nor in %s; give the path "
        "of one",
        name, ORR_HEAPS_INSTALLED, ORR_HEAPS_SOURCE);
}
