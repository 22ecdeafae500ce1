/* rivals.c - loops over malloc and mimalloc, and the trees of workloads/trees.c over bare mimalloc.
 *
 * The loops exist once per allocator, so that each calls its own directly. Memory is small and never
 * refused in practice; when it is, a rival has no figure, and the program ends.
 */
#include "bench/rivals.h"

#include "bench/loops.h"

#include <jemalloc/jemalloc.h>
#include <mimalloc.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    uint64_t header[2];
    uint64_t word;
    uint64_t rest[3];
};
static_assert(sizeof(struct cell) == ORR_LOOP_CELL_BYTES, "the object that our loops make");

/* What a birth writes: owner, type and flags in one word, counts in the other; then zeroes. */
static inline void
fill(struct cell *cell, uint64_t word)
{
    orr_require(cell, "a rival has no memory");
    cell->header[0] = UINT64_C(1) << 32;
    cell->header[1] = 1;
    memset((char *)cell + sizeof cell->header, 0, sizeof *cell - sizeof cell->header);
    ((volatile struct cell *)cell)->word = word; /* volatile: it goes through memory */
}

#define DEFINE_LOOPS(allocate, release)                                                            \
    static void allocate##_pair(uint32_t n)                                                        \
    {                                                                                              \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            struct cell *cell = allocate(sizeof *cell);                                            \
            fill(cell, i);                                                                         \
            release(cell);                                                                         \
        }                                                                                          \
    }                                                                                              \
    static void allocate##_batch(void **held, uint32_t n)                                          \
    {                                                                                              \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            held[i] = allocate(sizeof(struct cell));                                               \
            fill(held[i], i);                                                                      \
        }                                                                                          \
        for (uint32_t i = 0; i < n; i++)                                                           \
            release(held[i]);                                                                      \
    }

DEFINE_LOOPS(malloc, free)
DEFINE_LOOPS(mi_malloc, mi_free)

const struct orr_rival orr_rivals[] = {
    {"malloc", malloc_pair, malloc_batch},
    {"mimalloc", mi_malloc_pair, mi_malloc_batch},
    {NULL, NULL, NULL},
};

const struct orr_rival *
orr_rival_find(const char *name)
{
    for (const struct orr_rival *rival = orr_rivals; rival->name; rival++)
        if (strcmp(rival->name, name) == 0)
            return rival;
    return NULL;
}

bool
orr_rival_malloc_is_jemalloc(void)
{
    /* Its own counter of what this thread has allocated moves only if malloc is its. */
    uint64_t before = 0, after = 0;
    size_t size = sizeof before;
    if (mallctl("thread.allocated", &before, &size, NULL, 0) != 0)
        return false;
    void *volatile block = malloc(64);
    bool is_read = mallctl("thread.allocated", &after, &size, NULL, 0) == 0;
    free(block);
    return is_read && after > before;
}

/* --- trees ------------------------------------------------------------------------------------------ */

struct bare_tree {
    struct bare_tree *left, *right;
};

struct object_tree {
    uint64_t header[2];
    struct object_tree *left, *right;
};

static inline void
fill_bare(struct bare_tree *tree)
{
    (void)tree;
}

static inline void
fill_object(struct object_tree *tree)
{
    tree->header[0] = UINT64_C(1) << 32;
    tree->header[1] = 1;
}

/* The program once for each node. */
#define DEFINE_TREES(kind)                                                                         \
    static struct kind##_tree *build_##kind(uint32_t depth)                                        \
    {                                                                                              \
        struct kind##_tree *tree = mi_malloc(sizeof *tree);                                        \
        orr_require(tree, "a rival has no memory");                                                \
        fill_##kind(tree);                                                                         \
        tree->left = depth > 0 ? build_##kind(depth - 1) : NULL;                                   \
        tree->right = depth > 0 ? build_##kind(depth - 1) : NULL;                                  \
        return tree;                                                                               \
    }                                                                                              \
    static uint64_t count_##kind(const struct kind##_tree *tree)                                   \
    {                                                                                              \
        return tree->left ? 1 + count_##kind(tree->left) + count_##kind(tree->right) : 1;          \
    }                                                                                              \
    static void drop_##kind(struct kind##_tree *tree)                                              \
    {                                                                                              \
        if (tree->left) {                                                                          \
            drop_##kind(tree->left);                                                               \
            drop_##kind(tree->right);                                                              \
        }                                                                                          \
        mi_free(tree);                                                                             \
    }                                                                                              \
    static uint64_t run_##kind(uint32_t depth)                                                     \
    {                                                                                              \
        struct kind##_tree *tree = build_##kind(depth);                                            \
        uint64_t nodes = count_##kind(tree);                                                       \
        drop_##kind(tree);                                                                         \
        return nodes;                                                                              \
    }                                                                                              \
    static uint64_t run_all_##kind(uint32_t depth_most)                                            \
    {                                                                                              \
        uint64_t nodes = run_##kind(depth_most + 1);                                               \
        struct kind##_tree *keep = build_##kind(depth_most);                                       \
        for (uint32_t depth = 4; depth <= depth_most; depth += 2)                                  \
            for (uint64_t i = UINT64_C(1) << (depth_most - depth + 4); i > 0; i--)                 \
                nodes += run_##kind(depth);                                                        \
        nodes += count_##kind(keep);                                                               \
        drop_##kind(keep);                                                                         \
        return nodes;                                                                              \
    }

DEFINE_TREES(bare)
DEFINE_TREES(object)

uint64_t
orr_rival_trees(uint32_t depth)
{
    return run_all_bare(depth);
}

uint64_t
orr_rival_trees_of_objects(uint32_t depth)
{
    return run_all_object(depth);
}
