/* world.c - the memory that each schedule finds as setup left it.
 *
 * The world is one range of addresses: the static data of the files under test (reset.h) and an arena, from
 * which orr_allocate and the heaps take memory upwards. After setup all of it is write-protected; the first write
 * to a page, in whatever schedule, copies the page away and opens it, and from then on the page is put back before
 * each schedule. Addresses are fixed, so that a schedule is the same in each run.
 *
 * A freed block is never used again within a schedule: its bytes are flagged dead and, at its start, filled with
 * POISON, so that a use is a verdict or at least seen. Memory above the arena's top is zero.
 */
#define _GNU_SOURCE
#include "tests/explore/machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    POISON = 0xdd,
    POISON_BYTES = 128, /* of a freed block: no more, because it is done in each schedule */
    LINE = 64,
    PAGES_MAX = 8192,
    KNOWN_MAX = 4096,
    KILLS_MAX = 1024,
    NAMES_MAX = 256
};

extern char __start_orr_data[], __stop_orr_data[], __start_orr_bss[], __stop_orr_bss[];

/* Before each block. */
struct block {
    uint64_t bytes;
    uint64_t unused;
};

static struct range {
    char *start;
    size_t bytes;
    char *copy;
} opened[PAGES_MAX]; /* pages that are put back */
static unsigned opened_count;
static bool is_frozen;

/* Lines of them that a schedule (not its verification) has been found to change: what is put back each time. All
 * of the pages are compared now and then, and after what is out of the ordinary. */
static struct range known[KNOWN_MAX];
static unsigned known_count;

static uintptr_t top = ARENA_START, frozen_top;

static struct range kills[KILLS_MAX]; /* of this schedule */
static unsigned kill_count, frozen_kills;

static struct name {
    const char *start;
    size_t bytes;
    char text[32];
} names[NAMES_MAX];
static unsigned name_count, frozen_names;

/* --- what is put back ----------------------------------------------------------------------------- */

static char *
page_of(const void *address)
{
    return (char *)((uintptr_t)address & ~(uintptr_t)(PAGE - 1));
}

/* The part of the page that belongs to the world: static data begins and ends within pages. */
static struct range
part_of(char *page)
{
    char *start = page, *end = page + PAGE;
    if ((uintptr_t)page < ARENA_START) {
        char *first = page + PAGE > __start_orr_bss ? __start_orr_bss : __start_orr_data;
        char *last = first == __start_orr_bss ? __stop_orr_bss : __stop_orr_data;
        start = start < first ? first : start;
        end = end > last ? last : end;
    }
    return (struct range){.start = start, .bytes = end > start ? (size_t)(end - start) : 0};
}

static void
open_page(char *page)
{
    struct range part = part_of(page);
    if (opened_count == PAGES_MAX) {
        static const char message[] = "explore: the scenario writes to too many pages\n";
        (void)!write(2, message, sizeof message - 1);
        _exit(2);
    }
    part.copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(part.copy, part.start, part.bytes);
    opened[opened_count++] = part;
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void
protect(char *start, char *end)
{
    /* Pages that hold something else too are put back from the beginning. */
    char *first = page_of(start + PAGE - 1), *last = page_of(end);
    if (first != start)
        open_page(page_of(start));
    if (last != end && last >= first)
        open_page(last);
    if (last > first)
        mprotect(first, (size_t)(last - first), PROT_READ);
}

void
world_freeze(void)
{
    is_frozen = true;
    frozen_top = top;
    frozen_names = name_count;
    frozen_kills = kill_count;
    protect(__start_orr_data, __stop_orr_data);
    protect(__start_orr_bss, __stop_orr_bss);
    protect((char *)ARENA_START, (char *)ARENA_START + ARENA_BYTES);
}

static void
flags_clear(uintptr_t start, size_t bytes, uint8_t flag)
{
    for (size_t i = 0; i < bytes; i++)
        FLAGS[start + i] &= (uint8_t)~flag;
}

/* The dead of the schedule, and its names. */
static void
forget(void)
{
    while (kill_count > frozen_kills) {
        struct range *kill = &kills[--kill_count];
        flags_clear((uintptr_t)kill->start, kill->bytes, FLAG_DEAD);
    }
    top = frozen_top;
    name_count = frozen_names;
}

/* Adds a line to the known ones, in order, joined with its neighbour. */
static void
know(char *start, char *copy, size_t bytes)
{
    unsigned at = 0;
    while (at < known_count && known[at].start < start)
        at++;
    if (at > 0 && known[at - 1].start + known[at - 1].bytes == start &&
        known[at - 1].copy + known[at - 1].bytes == copy) {
        known[at - 1].bytes += bytes;
        return;
    }
    if (known_count == KNOWN_MAX) {
        fprintf(stderr, "explore: the scenario writes to too many places\n");
        exit(2);
    }
    for (unsigned i = known_count++; i > at; i--)
        known[i] = known[i - 1];
    known[at] = (struct range){.start = start, .bytes = bytes, .copy = copy};
}

static bool
is_known(const char *start)
{
    for (unsigned i = 0; i < known_count; i++)
        if ((uintptr_t)start - (uintptr_t)known[i].start < known[i].bytes)
            return true;
    return false;
}

bool
world_restore(void)
{
    bool learned = false;
    for (unsigned i = 0; i < opened_count; i++)
        for (size_t at = 0; at < opened[i].bytes; at += LINE) {
            char *line = opened[i].start + at, *copy = opened[i].copy + at;
            size_t bytes = opened[i].bytes - at < LINE ? opened[i].bytes - at : LINE;
            if (memcmp(line, copy, bytes) == 0)
                continue;
            memcpy(line, copy, bytes);
            if (machine.self_changes && !is_known(line)) {
                know(line, copy, bytes);
                learned = machine.learned = true;
            }
        }
    forget();
    return learned;
}

void
world_restore_known(void)
{
    for (unsigned i = 0; i < known_count; i++) {
        const struct range *range = &known[i];
        size_t at = 0;
        for (; at + LINE <= range->bytes; at += LINE)
            __builtin_memcpy(range->start + at, range->copy + at, LINE);
        if (at < range->bytes)
            __builtin_memcpy(range->start + at, range->copy + at, range->bytes - at);
    }
    forget();
}

/* --- faults --------------------------------------------------------------------------------------- */

static uintptr_t fault_address;

static void
fault_landing(void)
{
    char text[64];
    world_describe(fault_address, text, sizeof text);
    verdict("fault", "an access to %s, which is no memory", text);
}

static void
on_fault(int signal, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    char *page = page_of(info->si_addr);
    bool is_static = ((char *)page + PAGE > __start_orr_data && page < __stop_orr_data) ||
                     ((char *)page + PAGE > __start_orr_bss && page < __stop_orr_bss);
    if (is_frozen && (address - ARENA_START < ARENA_BYTES || is_static)) {
        for (unsigned i = 0; i < opened_count; i++)
            if (page_of(opened[i].start) == page)
                goto genuine;
        unsigned self = machine.self;
        machine.self = OUTSIDE; /* what is copied here, no fibre reads */
        open_page(page);
        machine.self = self;
        return;
    }
genuine:
    fault_address = address;
    ucontext_t *state = context;
    (void)signal;
#if defined(__x86_64__)
    if (machine.self != OUTSIDE || machine.judges) {
        state->uc_mcontext.gregs[REG_RSP] =
            (state->uc_mcontext.gregs[REG_RSP] & ~(greg_t)15) - 4096 - 8;
        state->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)fault_landing;
        return;
    }
#elif defined(__aarch64__)
    if (machine.self != OUTSIDE || machine.judges) {
        state->uc_mcontext.pc = (uintptr_t)fault_landing;
        return;
    }
#else
    (void)state;
    (void)fault_landing;
#endif
    fprintf(stderr, "explore: a fault at %#zx outside of a schedule\n", (size_t)address);
    _exit(2);
}

static void *
map(uintptr_t start, size_t bytes)
{
    void *memory = mmap((void *)start, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory != (void *)start) {
        perror("explore: no memory where the world should be");
        exit(2);
    }
    return memory;
}

void
world_open(void)
{
    map(ARENA_START, ARENA_BYTES);
    map((uintptr_t)FLAGS, REGION_SPAN);
    map((uintptr_t)TOUCHED, REGION_SPAN);
    if (!world_has((uintptr_t)__stop_orr_bss) || (uintptr_t)__stop_orr_bss > ARENA_START) {
        fprintf(stderr, "explore: static data is not where it should be: link without PIE\n");
        exit(2);
    }
    stack_t stack = {.ss_sp = malloc(64 << 10), .ss_size = 64 << 10};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* --- the arena ------------------------------------------------------------------------------------ */

void *
world_allocate(size_t bytes, size_t alignment)
{
    if (alignment < 16)
        alignment = 16;
    uintptr_t start = (top + sizeof(struct block) + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (bytes > ARENA_BYTES || start + bytes > ARENA_START + ARENA_BYTES)
        return NULL;
    ((struct block *)start)[-1].bytes = bytes;
    top = start + bytes;
    return (void *)start;
}

size_t
world_block_bytes(const void *block)
{
    return ((const struct block *)block)[-1].bytes;
}

void
world_kill(void *memory, size_t bytes)
{
    uintptr_t start = (uintptr_t)memory;
    if (bytes && (FLAGS[start] & FLAG_DEAD)) {
        char text[64];
        world_describe(start, text, sizeof text);
        verdict("double free", "of %s", text);
    }
    if (!EXPLORE_IS_FULL && bytes > 512)
        bytes = 512; /* the rest is looked at in the full build */
    for (size_t i = 0; i < bytes; i++)
        FLAGS[start + i] |= FLAG_DEAD;
    if (kill_count == KILLS_MAX)
        verdict("limit", "more than %d blocks are freed in a schedule", KILLS_MAX);
    kills[kill_count++] = (struct range){.start = memory, .bytes = bytes};
}

void
world_revive(void *start, size_t bytes)
{
    flags_clear((uintptr_t)start, bytes, FLAG_DEAD);
}

bool
world_is_shared(const void *memory, size_t bytes, unsigned fibre)
{
    uint64_t mine = 0x1111111111111111u << fibre, others = 0;
    const uint64_t *touched = (const void *)(TOUCHED + (uintptr_t)memory); /* blocks are aligned to 16 */
    if (bytes > 512)
        bytes = 512;
    for (size_t i = 0; i < bytes / 8; i++)
        others |= touched[i] & ~mine;
    return others != 0;
}

/* --- names ---------------------------------------------------------------------------------------- */

void
world_name(const void *pointer, size_t bytes, const char *text)
{
    if (name_count == NAMES_MAX)
        return;
    struct name *entry = &names[name_count++];
    entry->start = pointer;
    entry->bytes = bytes;
    strncpy(entry->text, text, sizeof entry->text - 1);
}

void
explore_name(const void *pointer, size_t bytes, const char *name)
{
    world_name(pointer, bytes, name);
}

void
world_describe(uintptr_t address, char *text, size_t room)
{
    for (unsigned i = name_count; i-- > 0;) {
        uintptr_t offset = address - (uintptr_t)names[i].start;
        if (offset < names[i].bytes) {
            snprintf(text, room, offset ? "%s +%zu" : "%s", names[i].text, (size_t)offset);
            return;
        }
    }
    if (address - ARENA_START < ARENA_BYTES)
        snprintf(text, room, "arena +%#zx", (size_t)(address - ARENA_START));
    else if (address < ARENA_START)
        snprintf(text, room, "static %#zx", (size_t)address);
    else
        snprintf(text, room, "%#zx", (size_t)address);
}

void
world_print_points(void)
{
    for (uintptr_t address = 0; address < top; address++) {
        if (address % PAGE == 0 && address >= (uintptr_t)__stop_orr_bss && address < ARENA_START)
            address = ARENA_START;
        if (!(FLAGS[address] & FLAG_POINT) || (address && (FLAGS[address - 1] & FLAG_POINT) &&
                                               TOUCHED[address] == TOUCHED[address - 1] && address % 8))
            continue;
        char text[64];
        world_describe(address, text, sizeof text);
        printf("  point %-24s read by %#x, written by %#x\n", text, TOUCHED[address] & 0xfu,
               TOUCHED[address] >> 4);
    }
}
