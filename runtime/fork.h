/* fork.h - a heap through fork(): only the calling thread exists in the child.
 *
 *     orr_gc_freeze(thread); // optional: keeps pages shared (gc.h)
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
 * prepare may be called in a finalizer or a callback; then what the caller was doing goes on in both processes.
 *
 * Threads: the calling thread is attached and running; its other attachments, if it has any, count as vanished. A
 * collection under way on another thread stands at a safepoint, of its callbacks, say. In the child it is ended: what
 * it had claimed becomes objects again, which the next one finds; or, where finalizers had run and death was proved
 * again, it is completed. No finalizer, callback or destroy that had begun runs again (but those of acyclic
 * objects that come back, which run once per death), and none that waited is lost.
 * Worker threads of a collector are started again in the child when they are needed. In the child, orr_fork_child may
 * run finalizers and callbacks that vanished threads had before them.
 * Not told to the child: locks of the program that vanished threads held.
 * Progress: blocking: waits for other threads that fork, and for a stop.
 */
#ifndef ORR_RUNTIME_FORK_H
#define ORR_RUNTIME_FORK_H

#include "runtime/heap.h"

void orr_fork_prepare(struct orr_thread *thread);
void orr_fork_parent(struct orr_thread *thread);
void orr_fork_child(struct orr_thread *thread);

#endif
