/* diagnose.h - whose `trace` lies: the type and the field that law 1 is broken by.
 *
 * The verifier says that counts and edges disagree; this says where. It compares, in a stopped heap, what each
 * object's trace reports with the words of the object that look like references, and with the counts:
 *
 *   missed    a word of the object is the address of a living object that is counted more often than anything
 *             traced, rooted or linked explains, and trace does not report the word
 *   repeated  trace reports one slot twice
 *   invented  trace reports a slot that lies outside the object, or holds no living object of this heap, or that
 *             makes an object have more references than are counted
 *
 * Where several words could explain one object's counts (raw data may look like an address), all objects of a
 * type are heard: a trace that lies about a field lies about it in each of them. So the more objects show a fault,
 * the surer the field; with one object alone the type may be right and the field another of the same content.
 *
 * The caller vouches that every reference held outside objects lies in a registered root or a linked local, as
 * for orr_heap_verify_exact.
 */
#ifndef ORR_RUNTIME_DIAGNOSE_H
#define ORR_RUNTIME_DIAGNOSE_H

#include "runtime/heap.h"

enum orr_fault_kind { ORR_FAULT_MISSED, ORR_FAULT_REPEATED, ORR_FAULT_INVENTED };

struct orr_fault {
    enum orr_fault_kind kind;
    const struct orr_type *type;      /* whose trace is wrong */
    const struct orr_object *object;  /* one object that shows it */
    const struct orr_object *referent; /* what the edge leads to; null: nothing that lives, or not looked at */
    uint32_t offset;   /* of the word in the object, in bytes; of a word outside it, ORR_FAULT_OUTSIDE */
    uint32_t expected, seen; /* times the word should be and was reported */
    uint64_t objects;  /* of this type that show the same */
};

#define ORR_FAULT_OUTSIDE 0xffffffffu

/* World running; the calling thread, attached, stops it. Fills up to `most` faults, one per type, kind and
 * offset, those shown by most objects first; *count tells how many there are in all. ORR_OK: none.
 * ORR_CHECK_FAILED: some, and *error describes the first in a sentence: type, field, object, edges. The objects
 * that faults name were alive while the world stood. ORR_NOT_APPLICABLE: the heap cannot be walked, or
 * nothing is counted. ORR_OUT_OF_MEMORY. */
enum orr_status orr_heap_diagnose(struct orr_thread *thread, struct orr_fault *faults, uint32_t most,
                                  uint32_t *count, struct orr_error *error);

#endif
