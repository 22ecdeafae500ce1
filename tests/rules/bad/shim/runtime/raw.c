/* raw.c - goes around the shim: a comment may say malloc(), atomic_load(p) and pthread_create(). */
#include <stdatomic.h>
#include <stdlib.h>

struct names {
    void (*free)(void *); /* a member of that name is nobody's business */
};

void
around(struct names *names, int *p)
{
    int *copy = malloc(sizeof *copy); // and free(copy) in a comment
    atomic_thread_fence(memory_order_seq_cst);
    __atomic_store_n(p, 1, __ATOMIC_RELEASE);
    names->free(copy);
    puts("pthread_join is only a word here, and so is calloc(1, 2)");
    pthread_mutex_lock(0);
}
