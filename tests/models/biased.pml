/* biased.pml - biased counting: two halves, the owner's queue, a blocked owner, exit, a weak reference.
 *
 * One object's memory, which a second object may take after the first one's death, and THREADS threads that do
 * OPS things each and leave. One step is one access to shared memory, under sequential consistency. A cas loop
 * is one step, for what it writes depends on the word it found alone. What nobody but the acting thread can see
 * goes along with the step before.
 *
 * Abstracts: runtime/rc_biased.c merge merge_entry drain enqueue drop_shared publish owner_zero dies_untouched
 *   mark_merged_dying die_merged bury_merged try_retain detach
 * Abstracts: runtime/rc_biased.h orr_rc_retain orr_rc_release orr_rc_upgrade orr_rc_biased_is_mine
 * Abstracts: runtime/rc_biased.c orr_rc_biased_retain_shared orr_rc_biased_release_shared
 * Abstracts: runtime/owner.c orr_owner_take_queue orr_owner_unregister
 * Abstracts: runtime/thread.c orr_block_enter orr_block_leave orr_thread_hold orr_thread_hold_or_tell
 *   orr_thread_unhold
 * Abstracts: runtime/weak.c obtain orr_weak_upgrade set_referent orr_weak_suspend orr_weak_disown clear_cell
 * Abstracts: runtime/cascade.h link_dead
 *
 * Leaves out: candidates and their claims, immortality, merge_stopped (no memory for the queue), a stopped
 * world's drain, finalizers and resurrection (finalizers.pml), the weak reference's own life (its cell stays),
 * weak maps, slots (a reference changes hands in one step).
 *
 * Always (asserted): nobody touches freed memory or the next object in it; a free happens when no reference is
 * left and no queue names the object; no upgrade revives the dead; while an owner stands in a blocking region
 * and nobody has its slot locked, nothing is queued for it; at the end everything has died, once; no deadlock.
 *
 * Run: ci safety -DTHREADS=2 -DOPS=3
 * Run: ci safety -DTHREADS=2 -DOPS=2 -DREUSE=1
 * Run: nightly safety -DTHREADS=2 -DOPS=5 -DREUSE=1
 * Run: nightly safety -DTHREADS=3 -DOPS=3
 * Unreached in ci: assert((state>=2)) - takes a third thread, whose count lets the owner merge while a
 *   second hands over
 * Unreached in ci: shared = (shared-1) of thread - the statement after it
 * Unreached in ci: dead = ((state==3)&&(shared==0)) of thread - and the next
 * Mutants: safety -DTHREADS=2 -DOPS=3
 * Mutant 1: merge shows the merged shared word before the owner's half is cleared
 * Mutant 2: merge writes the shared word without a cas
 * Mutant 3: exit does not look into the queue again under the lock under which it leaves
 * Mutant 4: a queued reference whose owner is gone is subtracted and nothing merged
 * Mutant 5: the owner's last release looks at the count of the shared half and not at its state
 * Mutant 6: an upgrade succeeds on a merged count of zero
 * Mutant 7: handing a reference over subtracts it as well
 * Mutant 8: an object that is queued is queued again
 * Mutant 9: the owner counts in its half after it has left [safety -DTHREADS=2 -DOPS=3]
 * Mutant 10: hold_or_tell holds first and tells afterwards
 * Mutant 11: a thread that has entered a blocking region does not look whether it was told
 * Mutant 12: the weak cell is not suspended before the count words become a link
 * Mutant 13: suspending the weak cell does not wait for an upgrade under way
 * Mutant 14: a merge leaves the owner's name in the weak cell
 * Mutant 15: an upgrade does not lock the cell while it retains
 * Mutant 16: a queue is merged for an owner that runs
 * Mutant 17: a thread leaves its blocking region without regard to who holds it
 * Mutant 18: the referent is not published before its cell names it
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef OTHERS
#define OTHERS OPS /* things that threads other than the first do */
#endif
#ifndef REUSE
#define REUSE 0 /* whether freed memory becomes another object */
#endif

#define DEFAULT 0 /* states of the shared word, in the order of rc_biased.c */
#define PUBLISHED 1
#define QUEUED 2
#define MERGED 3

#define RUNNING 0 /* states of a thread */
#define BLOCKED 1
#define HELD 2

#define NONE 0 /* the weak cell's referent */
#define NAMED 1
#define DYING 2
#define CLEARED 3

#define LAST 4  /* a thread that comes when the others have left, for what is in slots */
#define SLOTS 5 /* thread ids are 1..LAST; 0 is nobody */

/* The object's header. */
byte owner = 1;
short count = 1;
short shared = 0;
byte state = DEFAULT;
bool published = false; /* ORR_FLAG_PUBLISHED */

/* The weak cell of the first object. */
byte referent = NONE;
bool referent_locked = false;
byte cell_owner = 0;
bool table_locked = false;

/* Owner slots and their threads. */
byte queue = 0; /* in whose queue the object is; the entry is a reference */
bool slot_locked[SLOTS];
bool registered[SLOTS];
byte standing[SLOTS]; /* RUNNING, BLOCKED, HELD */
bool told[SLOTS];     /* ORR_ATTENTION_MERGE */
bool region[SLOTS];   /* inside the blocking region, having looked */

/* What the model knows and the code does not. */
bool alive = true;
byte life = 0;        /* which object the memory is */
byte held[SLOTS];     /* references that a thread can use */
byte mail = 0;        /* references in shared slots */
byte done = 0;

#define TOUCH(its) assert(alive && life == (its))

inline lock_slot(s) { atomic { !slot_locked[s] -> slot_locked[s] = true } }
inline lock_table() { atomic { !table_locked -> table_locked = true } }
inline unlock_table() { table_locked = false }

/* The caller may merge. Sets dead if nothing is left. Uses local_count. */
inline merge(extra)
{
    atomic { TOUCH(its); local_count = count };
#if MUTANT == 1
    atomic { TOUCH(its); shared = shared + local_count + extra; state = MERGED; dead = (shared == 0) };
#endif
    atomic { TOUCH(its); count = 0 };
    atomic { TOUCH(its); owner = 0 };
#if MUTANT != 14
    if
    :: published -> lock_table();
       atomic { if :: referent != NONE -> cell_owner = 0 :: else fi; unlock_table() }
    :: else
    fi;
#endif
#if MUTANT == 2
    atomic { TOUCH(its); local_shared = shared };
    atomic { TOUCH(its); shared = local_shared + local_count + extra; state = MERGED; dead = (shared == 0);
             local_shared = 0 };
#elif MUTANT != 1
    atomic { TOUCH(its); shared = shared + local_count + extra; state = MERGED; dead = (shared == 0) };
#endif
    local_count = 0
}

/* A reference goes by the shared word. Sets hands_over, or dead. */
inline drop_shared()
{
    atomic {
        TOUCH(its);
#if MUTANT == 8
        hands_over = state < MERGED && shared == 0;
#else
        hands_over = state < QUEUED && shared == 0;
#endif
        if
        :: hands_over -> state = QUEUED;
#if MUTANT == 7
           shared--
#endif
        :: else -> shared--; dead = (state == MERGED && shared == 0)
        fi
    }
}

inline enqueue()
{
    atomic { TOUCH(its); id = owner };
    if
    :: id == 0 -> /* merged meanwhile, or about to be: orr_rc_biased_release_shared does not hand over again */
       atomic { assert(state >= QUEUED); TOUCH(its); shared--; dead = (state == MERGED && shared == 0) }
    :: else ->
       lock_slot(id);
       if
       :: !registered[id] ->
#if MUTANT == 4
          atomic { TOUCH(its); shared-- }
#else
          merge(-1)
#endif
       :: else ->
          atomic { assert(queue == 0); queue = id };
#if MUTANT == 10
          atomic { holds = standing[id] == BLOCKED; if :: holds -> standing[id] = HELD :: else fi };
          told[id] = true;
#else
          told[id] = true;
          /* the write to the state, and the cas after it */
          atomic { holds = standing[id] == BLOCKED; if :: holds -> standing[id] = HELD :: else fi };
#endif
          if
#if MUTANT == 16
          :: true ->
#else
          :: holds ->
#endif
             queue = 0; merge(-1); /* what is named under the lock meanwhile, nobody reads */
             atomic { if :: holds -> standing[id] = BLOCKED :: else fi }
          :: else
          fi;
          holds = false
       fi;
       atomic { assert(queue != id || !region[id]); slot_locked[id] = false }
    fi;
    atomic { hands_over = false; id = 0 }
}

/* The owner's half has become zero. */
inline owner_zero()
{
    atomic { TOUCH(its);
#if MUTANT == 5
             dead = shared == 0
#else
             dead = shared == 0 && state == DEFAULT
#endif
    };
    if
    :: dead
    :: else -> merge(0)
    fi
}

/* What has died is buried: the worklist's link lies over the counts. */
inline bury()
{
#if MUTANT != 12
    if
    :: published -> lock_table();
       if
       :: referent == NONE
#if MUTANT == 13
       :: referent != NONE -> referent = DYING
#else
       :: referent != NONE -> atomic { !referent_locked -> referent = DYING }
#endif
       fi;
       unlock_table()
    :: else
    fi;
#endif
    atomic { TOUCH(its); count = 7; shared = 7; state = PUBLISHED };
    if
    :: published -> lock_table();
       if
       :: referent == NONE
       :: referent != NONE -> atomic { !referent_locked -> referent = CLEARED; cell_owner = 0 }
       fi;
       unlock_table()
    :: else
    fi;
    atomic {
        TOUCH(its);
        assert(held[1] + held[2] + held[3] + held[LAST] + mail == 0);
        assert(queue == 0);
        alive = false; dead = false;
        owner = 0; count = 0; shared = 0; state = DEFAULT; published = false
    }
}

proctype thread(byte self)
{
    byte ops = (self == 1 -> OPS : OTHERS); /* still to be done */
    byte its = 0, id = 0;
    short local_count = 0;
#if MUTANT == 2
    short local_shared = 0;
#endif
    bool dead = false, hands_over = false, holds = false, taken = false;
    bool entering = false;               /* a blocking region */
    bool leaving = (self == LAST);       /* detach has begun */
    bool drained = false;                /* and the queue has been looked into */

    do
    /* A reference more, and one less. */
    :: atomic { ops > 0 && held[self] > 0 && !entering && !leaving -> ops--; its = life; TOUCH(its);
                id = owner; held[self]++ };
       if
       :: id == self -> atomic { TOUCH(its); count++ }
       :: else -> atomic { TOUCH(its); shared++ }
       fi;
       id = 0
    :: atomic { held[self] > 0 && !entering && (leaving || ops > 0) ->
                if :: leaving :: else -> ops-- fi;
                its = life; held[self]--; TOUCH(its); id = owner };
       if
       :: id == self ->
          atomic { TOUCH(its); count--; id = 0; taken = count == 0 };
          if
          :: taken -> taken = false; owner_zero()
          :: else
          fi
       :: else -> id = 0; drop_shared();
          if
          :: hands_over -> enqueue()
          :: else
          fi
       fi;
       if
       :: dead -> bury()
       :: else
       fi

    /* From hand to hand. */
    :: atomic { ops > 0 && held[self] > 0 && mail < 2 && !entering && !leaving ->
                ops--; held[self]--; mail++ }
    :: atomic { ops > 0 && mail > 0 && !entering && !leaving -> ops--; mail--; held[self]++ }

    /* A weak reference is made. */
    :: atomic { ops > 0 && held[self] > 0 && life == 0 && !entering && !leaving -> ops--; its = life;
                TOUCH(its); published = true };
#if MUTANT != 18
       atomic { TOUCH(its); if :: state == DEFAULT -> state = PUBLISHED :: else fi };
#endif
       lock_table();
       atomic { TOUCH(its); if :: referent == NONE -> referent = NAMED :: else fi; taken = (owner == self) };
       if
       :: taken -> cell_owner = self; taken = false
       :: else
       fi;
       unlock_table()

    /* It is upgraded. */
    :: atomic { ops > 0 && referent != NONE && !entering && !leaving -> ops--; its = 0;
                taken = (cell_owner == self) };
       if
       :: taken -> atomic { TOUCH(its); assert(referent == NAMED); count++; held[self]++; taken = false }
       :: else ->
#if MUTANT == 15
          atomic { taken = (referent == NAMED) };
#else
          atomic { !referent_locked || referent == CLEARED ->
                   taken = (referent == NAMED); referent_locked = (referent != CLEARED) };
#endif
          if
          :: taken -> atomic { TOUCH(its); id = owner };
             if
             :: id == self -> atomic { TOUCH(its); assert(count > 0); count++; held[self]++ }
             :: else -> atomic { TOUCH(its); assert(state != DEFAULT);
#if MUTANT != 6
                                 if
                                 :: state == MERGED && shared == 0
                                 :: else -> shared++; held[self]++
                                 fi
#else
                                 shared++; held[self]++
#endif
                               }
             fi;
             id = 0; taken = false
          :: else
          fi;
#if MUTANT != 15
          referent_locked = false
#endif
       fi

    /* A safepoint, the way into a blocking region, and out of it. */
    :: atomic { ops > 0 && !entering && !leaving -> ops--; entering = true }
    :: atomic { entering && told[self] || leaving && held[self] == 0 && !drained ->
                told[self] = false; drained = leaving };
       lock_slot(self);
       atomic { taken = (queue == self); if :: taken -> queue = 0; its = life :: else fi;
                slot_locked[self] = false };
       if
       :: taken -> taken = false; merge(-1);
          if
          :: dead -> bury()
          :: else
          fi
       :: else
       fi
    :: atomic { entering && !told[self] -> skip };
       atomic { assert(standing[self] == RUNNING); standing[self] = BLOCKED };
       if
#if MUTANT == 11
       :: atomic { true ->
#else
       :: atomic { !told[self] ->
#endif
                   assert(queue != self || slot_locked[self]); region[self] = true }
       :: told[self]
       fi;
#if MUTANT == 17
       atomic { true ->
#else
       atomic { standing[self] == BLOCKED ->
#endif
                standing[self] = RUNNING; entering = !region[self]; region[self] = false }

    /* The memory of the dead is somebody else's object. */
#if REUSE
    :: atomic { ops > 0 && !alive && life == 0 && !entering && !leaving ->
                ops--; life = 1; alive = true; owner = self; count = 1; held[self]++ }
#endif

    /* The end: what is held goes first. */
    :: atomic { !entering && !leaving -> leaving = true }
    :: atomic { leaving && held[self] == 0 && drained -> skip };
       lock_slot(self);
#if MUTANT == 3
       atomic { registered[self] = false; slot_locked[self] = false };
       break
#else
       atomic { drained = (queue != self); if :: drained -> registered[self] = false :: else fi;
                slot_locked[self] = false };
       if
       :: drained -> break
       :: else
       fi
#endif
    od;
#if MUTANT == 9
    if
    :: atomic { mail > 0 && owner == self -> mail--; its = life; TOUCH(its); count--; taken = count == 0 };
       if :: taken -> owner_zero(); if :: dead -> bury() :: else fi :: else fi
    :: else
    fi;
#endif
    done++
}

init
{
    byte i = 1;
    atomic {
        held[1] = 1;
        do
        :: i <= THREADS -> registered[i] = true; run thread(i); i++
        :: else -> break
        od
    };
    atomic { done == THREADS -> held[LAST] = mail; mail = 0; registered[LAST] = true; run thread(LAST) };
    atomic { done == THREADS + 1 -> assert(!alive && queue == 0) }
}
