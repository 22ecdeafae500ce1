/* things.h - what there is in a random program: how many of each, shapes of objects, what finalizers do, and what is
 * told to whoever watches. Part of every printed program.
 *
 * Threads: none.
 */
#ifndef ORR_TESTS_RANDOM_THINGS_H
#define ORR_TESTS_RANDOM_THINGS_H

enum { OBJECTS = 64, HANDS = 6, ROOTS = 6, PINS = 3 };

/* 2 slots; 5; as many as are asked for; none; 2, and a finalizer. */
enum shape { NODE, WIDE, ARRAY, LEAF, ACTOR, SHAPES };

/* What an actor's finalizer does, in this order; bits. */
enum {
    ACT_SPAWN = 1,    /* slot 0 = a new node */
    ACT_DROP = 2,     /* slot 1 = nothing */
    ACT_CHILD = 4,    /* what slot 0 refers to is saved in a root */
    ACT_RESCUE = 8,   /* the actor itself is */
    ACT_COLLECT = 16, /* a collection */
    ACTIONS = 32
};

/* What callbacks tell. Object OBJECTS + i is what the finalizer of object i has made. */
enum note {
    NOTE_FINALIZE,  /* object: its finalizer begins; `other` is not 0: it will collect */
    NOTE_FINALIZED, /* object: it ends */
    NOTE_SEEN,      /* object: in its finalizer, a weak reference still leads to it */
    NOTE_SPAWN,     /* object: slot 0 is about to hold object OBJECTS + object */
    NOTE_CLEAR,     /* object: slot 1 is about to be cleared */
    NOTE_SAVE,      /* object: its root is about to hold object `other` */
    NOTE_LET_GO,    /* object: its root is about to be cleared, at the end */
    NOTE_BORN,      /* what the operation makes is there, and not yet in its hand */
    NOTE_DESTROY,   /* object */
    NOTE_CALL       /* weak reference `object`: its callback */
};

#endif
