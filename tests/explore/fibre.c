/* fibre.c - stacks at fixed addresses, and the switch between them.
 *
 * A switch saves what the calling convention says a call may not lose, on the stack that is left. A fibre
 * that a verdict cuts short is simply never switched to again: its stack is written over by the next schedule.
 * Where nobody has written the switch for a processor, ucontext does it, slowly.
 */
#define _GNU_SOURCE
#include "tests/explore/machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STACKS_START ((uintptr_t)0x400000000)
enum { STACK_GAP = 64 << 10 };

bool
fibre_is_stack(uintptr_t address)
{
    return address - STACKS_START < (uintptr_t)FIBRES * (STACK_BYTES + STACK_GAP);
}

static char *
stack_of(unsigned fibre)
{
    return (char *)STACKS_START + (size_t)fibre * (STACK_BYTES + STACK_GAP) + STACK_GAP;
}

void
fibre_open(void)
{
    for (unsigned i = 0; i < FIBRES; i++)
        if (mmap(stack_of(i), STACK_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != stack_of(i)) {
            perror("explore: no memory for stacks");
            exit(2);
        }
}

#if defined(__x86_64__) || defined(__aarch64__)

static void *saved[FIBRES + 1];

void explore_switch(void **save, void *load);

#if defined(__x86_64__)
__asm__(".text\n.globl explore_switch\n.type explore_switch, @function\nexplore_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
        ".size explore_switch, . - explore_switch\n");
enum { SAVED_WORDS = 6 };
#else
__asm__(".text\n.globl explore_switch\n.type explore_switch, %function\nexplore_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n  add sp, sp, #160\n  ret\n"
        ".size explore_switch, . - explore_switch\n");
enum { SAVED_WORDS = 20, LINK_WORD = 11 };
#endif

void
fibre_prepare(unsigned fibre, void (*entry)(void))
{
    uint64_t *top = (void *)(stack_of(fibre) + STACK_BYTES);
#if defined(__x86_64__)
    top[-1] = 0; /* where entry would return to */
    top[-2] = (uint64_t)entry;
    uint64_t *frame = top - 2 - SAVED_WORDS;
    for (unsigned i = 0; i < SAVED_WORDS; i++)
        frame[i] = 0;
#else
    uint64_t *frame = top - SAVED_WORDS;
    for (unsigned i = 0; i < SAVED_WORDS; i++)
        frame[i] = 0;
    frame[LINK_WORD] = (uint64_t)entry;
#endif
    saved[fibre] = frame;
}

void
fibre_switch(unsigned from, unsigned to)
{
    explore_switch(&saved[from], saved[to]);
}

_Noreturn void
fibre_leave(unsigned to)
{
    void *nowhere;
    explore_switch(&nowhere, saved[to]);
    __builtin_unreachable();
}

#else

#include <ucontext.h>

static ucontext_t contexts[FIBRES + 1];

void
fibre_prepare(unsigned fibre, void (*entry)(void))
{
    getcontext(&contexts[fibre]);
    contexts[fibre].uc_stack.ss_sp = stack_of(fibre);
    contexts[fibre].uc_stack.ss_size = STACK_BYTES;
    makecontext(&contexts[fibre], entry, 0);
}

void
fibre_switch(unsigned from, unsigned to)
{
    swapcontext(&contexts[from], &contexts[to]);
}

_Noreturn void
fibre_leave(unsigned to)
{
    setcontext(&contexts[to]);
    abort();
}

#endif
