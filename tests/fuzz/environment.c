/* environment.c - any files in the places of /proc and /sys (bench/environment.h).
 *
 * A line that begins with '@' and a letter begins the file of that letter; what follows is its content.
 */
#include "bench/environment.h"

#include "bench/json.h"
#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPU "/sys/devices/system/cpu"

static const char *const files[] = {
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/sys/kernel/randomize_va_space",
    CPU "/cpu0/cache/index0/type",
    CPU "/cpu0/cache/index0/level",
    CPU "/cpu0/cache/index0/size",
    CPU "/cpu0/cache/index0/shared_cpu_map",
    CPU "/intel_pstate/no_turbo",
    CPU "/cpufreq/boost",
    CPU "/cpu0/cpufreq/scaling_governor",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/cpu.max",
};
enum { FILES = sizeof files / sizeof files[0] };

static void
make_folders(char *path, size_t root_bytes)
{
    for (char *at = path + root_bytes + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        orr_require(mkdir(path, 0700) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
        *at = '/';
    }
}

static FILE *
open_file(const char *root, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", root, name);
    make_folders(path, strlen(root));
    FILE *const file = fopen(path, "w");
    orr_require(file, "%s: %s", path, strerror(errno));
    return file;
}

static void
remove_files(const char *root)
{
    for (unsigned i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", root, files[i]);
        unlink(path);
    }
}

static void
write_files(const char *root, const uint8_t *data, size_t size)
{
    FILE *file = NULL;
    for (size_t at = 0; at < size;) {
        const uint8_t *const newline = memchr(data + at, '\n', size - at);
        const size_t end = newline ? (size_t)(newline - data) + 1 : size;
        if (data[at] == '@' && end - at >= 2 && data[at + 1] >= 'a' && data[at + 1] < 'a' + FILES) {
            if (file)
                fclose(file);
            file = open_file(root, files[data[at + 1] - 'a']);
        } else if (file) {
            fwrite(data + at, 1, end - at, file);
        }
        at = end;
    }
    if (file)
        fclose(file);
}

static void
check_facts(const struct orr_environment *facts)
{
    const char *const texts[] = {
        facts->cpu_model, facts->microcode,       facts->governor,
        facts->turbo,     facts->huge_pages,      facts->address_randomisation,
        facts->cpu_limit, facts->virtual_machine, facts->kernel};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        orr_require(fuzz_is_printable(texts[i], false), "not printable: %s", texts[i]);
    orr_require(facts->cache_count <= ORR_CACHES_MAX, "%u caches", facts->cache_count);
    for (unsigned i = 0; i < facts->cache_count; i++)
        orr_require(facts->caches[i].sharing <= 4 * 256, "a cache of %u processors",
                    facts->caches[i].sharing);
}

static void
check_json(const struct orr_environment *facts)
{
    struct orr_error error = {0};
    json_error_t trouble;
    char *text = NULL;
    size_t bytes = 0;
    json_t *const object = orr_environment_json(facts);
    orr_require(object, "facts that make no record");
    FILE *const file = open_memstream(&text, &bytes);
    orr_require(file, "no memory for a text");
    orr_require(orr_json_write(object, file, false, &error) == ORR_OK, "%s", error.message);
    fclose(file);
    json_t *const again = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &trouble);
    orr_require(again, "%s", trouble.text);
    orr_require(json_object_size(again) == json_object_size(object), "a record that lost a fact");
    json_decref(again);
    json_decref(object);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char root[256];
    static struct orr_environment facts;
    if (!root[0])
        snprintf(root, sizeof root, "%s", fuzz_path("root"));
    mkdir(root, 0700);
    write_files(root, data, size);
    orr_environment_collect(&facts, root);
    remove_files(root);
    check_facts(&facts);
    check_json(&facts);
    return 0;
}
