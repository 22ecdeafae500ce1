/* environment.c - bench/environment: the facts of a made-up machine, and absence where it has none. */
#include "bench/environment.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/orr_environment_XXXXXX";

static void
put_file(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + sizeof root; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(full, 0700);
    }
    FILE *const file = fopen(full, "w");
    cr_assert(file, "%s", full);
    fputs(text, file);
    fclose(file);
}

static void
remove_root(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    cr_assert_eq(system(command), 0);
}

static void
make_root(void)
{
    cr_assert(mkdtemp(root));
}

TestSuite(environment, .init = make_root, .fini = remove_root);

Test(environment, reads_the_facts_of_a_machine)
{
    struct orr_environment facts;
    put_file("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Wheelwork 9000 @ 3.10GHz\n"
                              "cpu MHz\t\t: 3094.871\nmicrocode\t: 0xd0003a5\n"
                              "microcode version: 7\n"
                              "flags\t\t: fpu vme hypervisor sse\n\n"
                              "processor\t: 1\nmodel name\t: another\n");
    put_file("/proc/loadavg", "0.20 1.18 0.12 1/80 11206\n");
    put_file("/proc/sys/kernel/randomize_va_space", "2\n");
    put_file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    put_file("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_map", "00000000,0000000b\n");
    put_file("/sys/fs/cgroup/memory.max", "1073741824\n");
    put_file("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    orr_environment_collect(&facts, root);
    cr_assert_str_eq(facts.cpu_model, "Wheelwork 9000 @ 3.10GHz");
    cr_assert_eq(facts.cpu_mhz, 3094);
    cr_assert_str_eq(facts.microcode, "0xd0003a5");
    cr_assert_str_eq(facts.virtual_machine, "yes");
    cr_assert_float_eq(facts.load[1].value, 1.18, 1e-9);
    cr_assert_str_eq(facts.address_randomisation, "full");
    cr_assert_str_eq(facts.huge_pages, "madvise");
    cr_assert_str_eq(facts.governor, "powersave");
    cr_assert_str_eq(facts.turbo, "off");
    cr_assert_eq(facts.cache_count, 1);
    cr_assert_str_eq(facts.caches[0].type, "Data");
    cr_assert_eq(facts.caches[0].bytes, 48 * 1024);
    cr_assert_eq(facts.caches[0].sharing, 3);
    cr_assert_eq(facts.memory_limit_bytes, 1073741824);
    cr_assert_str_eq(facts.cpu_limit, "150000 100000");
}

Test(environment, a_machine_that_tells_nothing_has_no_such_facts)
{
    struct orr_environment facts;
    orr_environment_collect(&facts, root);
    json_t *const object = orr_environment_json(&facts);
    const char *const absent[] = {"cpu_model",  "cpu_mhz",       "virtual_machine",
                                  "caches",     "governor",      "turbo",
                                  "huge_pages", "load_1_min",    "cpu_limit",
                                  "microcode",  "clock_cost_ns", "memory_limit_bytes"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cr_assert_null(json_object_get(object, absent[i]), "%s", absent[i]);
    json_decref(object);
}

Test(environment, no_limit_is_not_a_limit)
{
    struct orr_environment facts;
    put_file("/sys/fs/cgroup/memory.max", "max\n");
    put_file("/sys/fs/cgroup/cpu.max", "max 100000\n");
    orr_environment_collect(&facts, root);
    cr_assert_eq(facts.memory_limit_bytes, 0);
    cr_assert_str_eq(facts.cpu_limit, "");
}

Test(environment, survives_files_that_make_no_sense)
{
    struct orr_environment facts;
    char *const text = calloc(1, 100001);
    memset(text, ':', 100000);
    put_file("/proc/cpuinfo", text);
    put_file("/proc/loadavg", text);
    put_file("/sys/kernel/mm/transparent_hugepage/enabled", "]always[");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/type", "\x1b\xff");
    put_file("/sys/devices/system/cpu/cpu0/cache/index0/size", text);
    put_file("/sys/fs/cgroup/cpu.max", "");
    orr_environment_collect(&facts, root);
    cr_assert_str_eq(facts.huge_pages, "");
    cr_assert_str_eq(facts.caches[0].type, "??");
    json_t *const object = orr_environment_json(&facts);
    cr_assert(object);
    json_decref(object);
    free(text);
}

Test(environment, this_machine_and_this_build_have_their_facts)
{
    struct orr_environment facts;
    orr_environment_collect(&facts, "");
    cr_assert(facts.cores >= 1);
    cr_assert(facts.cores_usable >= 1 && facts.cores_usable <= facts.cores);
    cr_assert(facts.page_bytes >= 4096);
    cr_assert(strncmp(facts.kernel, "Linux ", 6) == 0, "%s", facts.kernel);
    cr_assert(facts.compiler[0]);
    cr_assert(facts.libc[0]);
    cr_assert_eq(strlen(facts.date), strlen("2024-06-07T08:09:10Z"));
}

static uint64_t made_up_ns;

static uint64_t
read_made_up_clock(void)
{
    made_up_ns += 25;
    return made_up_ns / 100 * 100; /* costs 25 ns, steps by 100 */
}

static uint64_t
read_stopped_clock(void)
{
    return 7;
}

Test(environment, times_a_clock_by_cost_and_step)
{
    struct orr_environment facts = {0};
    orr_environment_time_clock(&facts, read_made_up_clock);
    cr_assert_float_eq(facts.clock_cost_ns.value, 25.0, 0.1);
    cr_assert_eq(facts.clock_step_ns.value, 100);
}

Test(environment, a_clock_that_stands_still_was_not_measured)
{
    struct orr_environment facts = {0};
    orr_environment_time_clock(&facts, read_stopped_clock);
    cr_assert(!facts.clock_cost_ns.is_measured);
    cr_assert(!facts.clock_step_ns.is_measured);
}
