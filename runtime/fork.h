/* fork.h - a heap through fork(): only the calling thread exists in the child.
 *
 *     orr_gc_freeze(thread);                 optional: keeps pages shared (gc.h)
 *     orr_fork_prepare(thread);
 *     pid_t child = fork();
 *     if (child == 0)
 *         orr_fork_child(thread);
 *     else
 *         orr_fork_parent(thread);
 *
 * prepare stops the world and takes every lock of the heap, so that the child's copy is whole. In the child
 * every other thread is gone: the caller adopts what they left (worklists of the dead, merge queues, candidate
 * buffers, counters, cells) and detaches them; objects they owned have nobody as owner and are merged by whoever
 * drops them (rc_biased.c). References that lived in the vanished threads' locals stay counted: nobody can drop
 * them, so what they held lives on in the child (as in CPython). Their linked locals are roots no more.
 * A process with several heaps prepares each, in one order everywhere.
 *
 * Threads: the calling thread is attached and running. A collection under way on another thread stands at a
 * safepoint of its finalizers, or has ended: fork during the former leaves the child without that
 * collection; what it had claimed is given back to the living in the child and found by the next one.
 * Worker threads of a collector are started again in the child when they are needed.
 */
#ifndef ORR_RUNTIME_FORK_H
#define ORR_RUNTIME_FORK_H

#include "runtime/heap.h"

void orr_fork_prepare(struct orr_thread *thread);
void orr_fork_parent(struct orr_thread *thread);
void orr_fork_child(struct orr_thread *thread);

#endif
