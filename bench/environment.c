/* environment.c - reading the facts from /proc, /sys, libc and the compiler; see environment.h. */
#define _GNU_SOURCE /* sched_getaffinity, gnu_get_libc_version */
#include "bench/environment.h"

#include "bench/json.h"
#include "bench/utf8.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

/* The allocators, if they are linked in; their headers are not needed to ask for a version. */
extern int mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length)
    __attribute__((weak));
extern int mi_version(void) __attribute__((weak));

enum {
    LINE_BYTES = 256,   /* the files read here hold one short line; more is not wanted */
    PATH_BYTES = 512,   /* of a file below root */
    CLOCK_READS = 10000 /* some 200 us: long enough for a mean, short enough for every run */
};

/* --- reading files ------------------------------------------------------------------------------ */

static FILE *
open_file(const char *root, const char *path)
{
    char full[PATH_BYTES];
    const int length = snprintf(full, sizeof full, "%s%s", root, path);
    return length > 0 && (size_t)length < sizeof full ? fopen(full, "re") : NULL;
}

/* The first line of a file, clean and without its newline; "" if there is none. */
static void
read_line(const char *root, const char *path, char *line, size_t size)
{
    char raw[LINE_BYTES] = "";
    FILE *const file = open_file(root, path);
    if (file) {
        if (!fgets(raw, sizeof raw, file))
            raw[0] = '\0';
        fclose(file);
    }
    raw[strcspn(raw, "\n")] = '\0';
    orr_utf8_clean(line, size, raw);
}

/* The number a file begins with, or 0. */
static uint64_t
read_number(const char *root, const char *path)
{
    char line[LINE_BYTES];
    read_line(root, path, line, sizeof line);
    return strtoull(line, NULL, 10);
}

/* The word in brackets of "always [madvise] never". */
static void
read_choice(const char *root, const char *path, char *choice, size_t size)
{
    char line[LINE_BYTES];
    read_line(root, path, line, sizeof line);
    char *const open = strchr(line, '[');
    char *const close = open ? strchr(open, ']') : NULL;
    if (close) {
        *close = '\0';
        orr_utf8_clean(choice, size, open + 1);
    }
}

/* --- the machine -------------------------------------------------------------------------------- */

/* The value of "key : value", or null if the line has another key. */
static const char *
value_of(const char *line, const char *key)
{
    const size_t length = strlen(key);
    if (strncmp(line, key, length) != 0)
        return NULL;
    const char *const colon = line + length + strspn(line + length, " \t");
    return *colon == ':' ? colon + 1 + strspn(colon + 1, " \t") : NULL;
}

static void
read_cpu_line(struct orr_environment *environment, char *line)
{
    const char *value;
    line[strcspn(line, "\n")] = '\0';
    if ((value = value_of(line, "model name")))
        orr_utf8_clean(environment->cpu_model, sizeof environment->cpu_model, value);
    else if ((value = value_of(line, "cpu MHz")))
        environment->cpu_mhz = (unsigned)strtoul(value, NULL, 10);
    else if ((value = value_of(line, "microcode")))
        orr_utf8_clean(environment->microcode, sizeof environment->microcode, value);
    else if ((value = value_of(line, "flags")))
        snprintf(environment->virtual_machine, sizeof environment->virtual_machine, "%s",
                 strstr(value, " hypervisor") ? "yes" : "no");
}

/* The first processor's paragraph; all are alike where these figures matter. */
static void
read_cpu(struct orr_environment *environment, const char *root)
{
    char *line = NULL;
    size_t size = 0;
    FILE *const file = open_file(root, "/proc/cpuinfo");
    if (!file)
        return;
    while (getline(&line, &size, file) > 0 && line[0] != '\n')
        read_cpu_line(environment, line);
    free(line);
    fclose(file);
}

static void
read_cores(struct orr_environment *environment)
{
    cpu_set_t usable;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    environment->cores = online > 0 ? (unsigned)online : 0;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0)
        environment->cores_usable = (unsigned)CPU_COUNT(&usable);
}

/* How many processors a mask such as "00000000,00000003" names. */
static unsigned
count_mask(const char *mask)
{
    unsigned count = 0;
    for (; *mask; mask++) {
        const char digit[2] = {*mask, '\0'};
        count += (unsigned)__builtin_popcount((unsigned)strtoul(digit, NULL, 16));
    }
    return count;
}

static uint64_t
parse_size(const char *text)
{
    char *unit;
    const uint64_t number = strtoull(text, &unit, 10);
    return number << (*unit == 'K' ? 10 : *unit == 'M' ? 20 : 0);
}

static void
read_caches(struct orr_environment *environment, const char *root)
{
    for (unsigned i = 0; i < ORR_CACHES_MAX; i++) {
        struct orr_cache *const cache = &environment->caches[i];
        char path[PATH_BYTES / 2];
        char line[LINE_BYTES];
        const char *const folder = "/sys/devices/system/cpu/cpu0/cache/index";
        snprintf(path, sizeof path, "%s%u/type", folder, i);
        read_line(root, path, cache->type, sizeof cache->type);
        if (!cache->type[0])
            return;
        snprintf(path, sizeof path, "%s%u/level", folder, i);
        cache->level = (unsigned)read_number(root, path);
        snprintf(path, sizeof path, "%s%u/size", folder, i);
        read_line(root, path, line, sizeof line);
        cache->bytes = parse_size(line);
        snprintf(path, sizeof path, "%s%u/shared_cpu_map", folder, i);
        read_line(root, path, line, sizeof line);
        cache->sharing = count_mask(line);
        environment->cache_count = i + 1;
    }
}

static void
read_turbo(struct orr_environment *environment, const char *root)
{
    char line[LINE_BYTES];
    const char *turbo = "";
    read_line(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", line, sizeof line);
    if (line[0]) {
        turbo = line[0] == '0' ? "on" : "off";
    } else {
        read_line(root, "/sys/devices/system/cpu/cpufreq/boost", line, sizeof line);
        if (line[0])
            turbo = line[0] == '1' ? "on" : "off";
    }
    snprintf(environment->turbo, sizeof environment->turbo, "%s", turbo);
}

static void
read_load(struct orr_environment *environment, const char *root)
{
    char line[LINE_BYTES];
    read_line(root, "/proc/loadavg", line, sizeof line);
    const char *at = line;
    for (unsigned i = 0; i < 3; i++) {
        char *end;
        const double load = strtod(at, &end);
        if (end == at)
            return;
        environment->load[i] = orr_measured_real(load);
        at = end;
    }
}

/* --- the system --------------------------------------------------------------------------------- */

static void
read_kernel(struct orr_environment *environment, const char *root)
{
    static const char *const randomisation[] = {"off", "partial", "full"};
    struct utsname names;
    char line[LINE_BYTES];
    if (uname(&names) == 0) {
        snprintf(line, sizeof line, "%.60s %.100s %.60s", names.sysname, names.release,
                 names.machine);
        orr_utf8_clean(environment->kernel, sizeof environment->kernel, line);
        orr_utf8_clean(environment->host, sizeof environment->host, names.nodename);
    }
    read_line(root, "/proc/sys/kernel/randomize_va_space", line, sizeof line);
    if (line[0] >= '0' && line[0] <= '2')
        snprintf(environment->address_randomisation, sizeof environment->address_randomisation,
                 "%s", randomisation[line[0] - '0']);
    read_choice(root, "/sys/kernel/mm/transparent_hugepage/enabled", environment->huge_pages,
                sizeof environment->huge_pages);
    read_line(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", environment->governor,
              sizeof environment->governor);
}

static void
read_memory(struct orr_environment *environment, const char *root)
{
    const long page = sysconf(_SC_PAGESIZE);
    const long pages = sysconf(_SC_PHYS_PAGES);
    environment->page_bytes = page > 0 ? (uint64_t)page : 0;
    environment->memory_bytes = page > 0 && pages > 0 ? (uint64_t)page * (uint64_t)pages : 0;
    environment->memory_limit_bytes = read_number(root, "/sys/fs/cgroup/memory.max");
    read_line(root, "/sys/fs/cgroup/cpu.max", environment->cpu_limit,
              sizeof environment->cpu_limit);
    if (strncmp(environment->cpu_limit, "max", 3) == 0)
        environment->cpu_limit[0] = '\0'; /* no limit is not a limit */
}

static void
read_date(struct orr_environment *environment)
{
    const time_t now = time(NULL);
    struct tm calendar;
    if (gmtime_r(&now, &calendar))
        strftime(environment->date, sizeof environment->date, "%Y-%m-%dT%H:%M:%SZ", &calendar);
}

/* --- the build and the libraries ---------------------------------------------------------------- */

/* What the build says, else what the compiler says: gcc tells with a macro, clang with a feature,
 * and neither of them tells of -fsanitize=undefined. */
#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

static void
read_sanitizers(struct orr_environment *environment)
{
    const char *sanitizers = "";
#ifdef ORR_SANITIZE
    sanitizers = ORR_SANITIZE;
#elif defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
    sanitizers = "address";
#elif defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
    sanitizers = "thread";
#endif
    orr_utf8_clean(environment->sanitizers, sizeof environment->sanitizers, sanitizers);
}

static void
read_build(struct orr_environment *environment)
{
#ifdef __clang__
    snprintf(environment->compiler, sizeof environment->compiler, "clang %d.%d.%d", __clang_major__,
             __clang_minor__, __clang_patchlevel__);
#else
    snprintf(environment->compiler, sizeof environment->compiler, "gcc %d.%d.%d", __GNUC__,
             __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
#ifdef ORR_BUILD_TYPE
    orr_utf8_clean(environment->build, sizeof environment->build, ORR_BUILD_TYPE);
#endif
#ifdef ORR_BUILD_FLAGS
    orr_utf8_clean(environment->flags, sizeof environment->flags, ORR_BUILD_FLAGS);
#endif
#ifdef ORR_COMMIT
    orr_utf8_clean(environment->commit, sizeof environment->commit, ORR_COMMIT);
#endif
#ifdef __OPTIMIZE__
    environment->is_optimized = true;
#endif
#ifdef ORR_CHECKED
    environment->is_checked = true;
#endif
    read_sanitizers(environment);
}

static void
read_libraries(struct orr_environment *environment)
{
#ifdef __GLIBC__
    snprintf(environment->libc, sizeof environment->libc, "glibc %s", gnu_get_libc_version());
#endif
    const char *version = NULL;
    size_t length = sizeof version;
    if (mallctl && mallctl("version", &version, &length, NULL, 0) == 0 && version)
        orr_utf8_clean(environment->jemalloc, sizeof environment->jemalloc, version);
    if (mi_version) {
        const int number = mi_version(); /* 209 is 2.0.9 */
        snprintf(environment->mimalloc, sizeof environment->mimalloc, "%d.%d.%d", number / 100,
                 number / 10 % 10, number % 10);
    }
}

void
orr_environment_collect(struct orr_environment *environment, const char *root)
{
    memset(environment, 0, sizeof *environment);
    read_date(environment);
    read_cpu(environment, root);
    read_cores(environment);
    read_caches(environment, root);
    read_turbo(environment, root);
    read_load(environment, root);
    read_kernel(environment, root);
    read_memory(environment, root);
    read_build(environment);
    read_libraries(environment);
}

void
orr_environment_time_clock(struct orr_environment *environment, uint64_t (*clock_ns)(void))
{
    uint64_t step = UINT64_MAX;
    const uint64_t start = clock_ns();
    uint64_t last = start;
    for (unsigned i = 0; i < CLOCK_READS; i++) {
        const uint64_t now = clock_ns();
        if (now > last && now - last < step)
            step = now - last;
        last = now;
    }
    if (step == UINT64_MAX || last <= start)
        return; /* it did not move: nothing was measured */
    environment->clock_cost_ns = orr_measured_real((double)(last - start) / CLOCK_READS);
    environment->clock_step_ns = orr_measured(step);
}

/* --- as JSON ------------------------------------------------------------------------------------ */

/* What does not fit JSON's integers is no fact of a machine: a limit of 2^63 bytes is none. */
static void
put_count(struct orr_json_fault *fault, json_t *object, const char *key, uint64_t count)
{
    if (count > 0 && count <= INT64_MAX)
        orr_json_put_number(fault, object, key, count);
}

static json_t *
caches_json(struct orr_json_fault *fault, const struct orr_environment *environment)
{
    json_t *const caches = orr_json_array();
    for (unsigned i = 0; i < environment->cache_count; i++) {
        const struct orr_cache *const cache = &environment->caches[i];
        json_t *const object = orr_json_object();
        orr_json_put_text(fault, object, "type", cache->type);
        put_count(fault, object, "level", cache->level);
        put_count(fault, object, "bytes", cache->bytes);
        put_count(fault, object, "sharing", cache->sharing);
        orr_json_append(fault, caches, object);
    }
    return caches;
}

static void
put_machine(struct orr_json_fault *fault, json_t *object, const struct orr_environment *facts)
{
    orr_json_put_text(fault, object, "date", facts->date);
    orr_json_put_text(fault, object, "host", facts->host);
    orr_json_put_text(fault, object, "cpu_model", facts->cpu_model);
    put_count(fault, object, "cpu_mhz", facts->cpu_mhz);
    orr_json_put_text(fault, object, "virtual_machine", facts->virtual_machine);
    put_count(fault, object, "cores", facts->cores);
    put_count(fault, object, "cores_usable", facts->cores_usable);
    if (facts->cache_count > 0)
        orr_json_put(fault, object, "caches", caches_json(fault, facts));
    put_count(fault, object, "memory_bytes", facts->memory_bytes);
    put_count(fault, object, "page_bytes", facts->page_bytes);
}

static void
put_system(struct orr_json_fault *fault, json_t *object, const struct orr_environment *facts)
{
    orr_json_put_text(fault, object, "kernel", facts->kernel);
    orr_json_put_text(fault, object, "microcode", facts->microcode);
    orr_json_put_text(fault, object, "governor", facts->governor);
    orr_json_put_text(fault, object, "turbo", facts->turbo);
    orr_json_put_text(fault, object, "huge_pages", facts->huge_pages);
    orr_json_put_text(fault, object, "address_randomisation", facts->address_randomisation);
    orr_json_put_text(fault, object, "cpu_limit", facts->cpu_limit);
    put_count(fault, object, "memory_limit_bytes", facts->memory_limit_bytes);
    orr_json_put_real(fault, object, "load_1_min", facts->load[0]);
    orr_json_put_real(fault, object, "load_5_min", facts->load[1]);
    orr_json_put_real(fault, object, "load_15_min", facts->load[2]);
    orr_json_put_real(fault, object, "clock_cost_ns", facts->clock_cost_ns);
    orr_json_put_measure(fault, object, "clock_step_ns", facts->clock_step_ns);
}

static void
put_build(struct orr_json_fault *fault, json_t *object, const struct orr_environment *facts)
{
    orr_json_put_text(fault, object, "compiler", facts->compiler);
    orr_json_put_text(fault, object, "build", facts->build);
    orr_json_put_text(fault, object, "flags", facts->flags);
    orr_json_put_text(fault, object, "commit", facts->commit);
    orr_json_put_text(fault, object, "sanitizers", facts->sanitizers);
    orr_json_put(fault, object, "is_optimized", json_boolean(facts->is_optimized));
    orr_json_put(fault, object, "is_checked", json_boolean(facts->is_checked));
    orr_json_put_text(fault, object, "libc", facts->libc);
    orr_json_put_text(fault, object, "jemalloc", facts->jemalloc);
    orr_json_put_text(fault, object, "mimalloc", facts->mimalloc);
}

json_t *
orr_environment_json(const struct orr_environment *environment)
{
    struct orr_json_fault fault = {ORR_OK, NULL};
    json_t *const object = orr_json_object();
    json_t *result;
    put_machine(&fault, object, environment);
    put_system(&fault, object, environment);
    put_build(&fault, object, environment);
    orr_json_finish(&fault, object, &result);
    return result;
}
