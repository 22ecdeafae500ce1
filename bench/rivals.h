/* rivals.h - what our allocation and our trees are measured against: plain allocators, used as C programs
 * use them.
 *
 * Two allocators: malloc, which is jemalloc in a program that links it (orr_rival_malloc_is_jemalloc), and
 * mimalloc. Their objects are ours: as many bytes, a header of two words, the rest zero.
 *
 * Threads: any.
 */
#ifndef ORR_BENCH_RIVALS_H
#define ORR_BENCH_RIVALS_H

#include <stdbool.h>
#include <stdint.h>

struct orr_rival {
    const char *name; /* malloc, mimalloc */
    /* n times: an object is made, a word of it written, and freed. */
    void (*pair)(uint32_t n);
    /* n objects are made and written, then freed in the same order; held has room for n. */
    void (*batch)(void **held, uint32_t n);
};

extern const struct orr_rival orr_rivals[]; /* ended by a null name */
const struct orr_rival *orr_rival_find(const char *name);

/* Whether malloc of this program is jemalloc's: not under sanitizers. */
bool orr_rival_malloc_is_jemalloc(void);

/* The program of the workload `trees` over bare mimalloc: a node is two pointers, a tree is freed by a
 * recursive walk. Returns the nodes that were counted. With objects, a node is as large as ours, and its
 * header is written. */
uint64_t orr_rival_trees(uint32_t depth);
uint64_t orr_rival_trees_of_objects(uint32_t depth);

#endif
