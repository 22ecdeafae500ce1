/* usage.c - reading /proc/self and getrusage; see usage.h. */
#include "bench/usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct orr_measure
orr_usage_resident(void)
{
    unsigned long long all, resident;
    FILE *const file = fopen("/proc/self/statm", "re");
    if (!file)
        return (struct orr_measure){0};
    const int fields = fscanf(file, "%llu %llu", &all, &resident);
    fclose(file);
    if (fields != 2)
        return (struct orr_measure){0};
    return orr_measured(resident * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* The number of kibibytes in the line of the file that begins with `key`, in bytes. */
static struct orr_measure
find_kibibytes(const char *path, const char *key)
{
    char line[256];
    struct orr_measure found = {0};
    const size_t length = strlen(key);
    FILE *const file = fopen(path, "re");
    if (!file)
        return found;
    while (!found.is_measured && fgets(line, sizeof line, file)) {
        unsigned long long kibibytes;
        if (strncmp(line, key, length) == 0 && sscanf(line + length, "%llu kB", &kibibytes) == 1)
            found = orr_measured(kibibytes * 1024);
    }
    fclose(file);
    return found;
}

struct orr_measure
orr_usage_resident_peak(void)
{
    return find_kibibytes("/proc/self/status", "VmHWM:");
}

struct orr_measure
orr_usage_private_dirty(void)
{
    return find_kibibytes("/proc/self/smaps_rollup", "Private_Dirty:");
}

bool
orr_usage_reset_peak(void)
{
    FILE *const file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return false;
    const int written = fputs("5\n", file); /* 5: the peak, see proc(5) */
    return fclose(file) == 0 && written >= 0;
}

static uint64_t
ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_usec * 1000;
}

uint64_t
orr_usage_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
}
