/* finalizers.pml - how objects end: finalizers, resurrection, weak references; by a last release and in a collection.
 *
 * Three objects of two fields each, one root slot, MUTATORS threads of OPS things each, and a collector that comes
 * COLLECTIONS times and then until nothing is left. Counts are whole (the atomic strategy): biased.pml has the
 * halves. One step is one access to shared memory; what a thread does to an object that is its alone goes along.
 * The world stands only where code comes to safepoints: between two things, and in finalizers.
 *
 * Abstracts: runtime/rc.c orr_finalize orr_finalize_dead orr_last_rites orr_emptied_slow orr_garbage_release orr_drop
 * Abstracts: runtime/cascade.h bury_odd drop_slot link_dead empty_worklist
 * Abstracts: runtime/rc_atomic.c try_retain revive
 * Abstracts: runtime/weak.c orr_weak_new orr_weak_upgrade orr_weak_suspend orr_weak_resume orr_weak_clear
 * Abstracts: collectors/parts/garbage.c orr_garbage_close orr_garbage_free clear_weak_references hold_and_rank
 *   finalize_members prove_by_counts save_all_of let_living_go drop_all_outside release_members wants_finalize
 * Abstracts: collectors/subtract.c count_edge
 *
 * Leaves out: legacy finalizers, priorities, destroy, classes' late weak references, weak maps, callbacks of weak
 * references (that they run is noted where they would), SAVEALL, forks, settling worklists in a stop (an object that
 * lies in one holds what it refers to), allocation failures.
 *
 * Always (asserted): a finalizer runs at most once; in a collection no weak reference to a member is upgraded from
 * the first stop until the member is resurrected; after its clearing no upgrade ever; when an object is freed no
 * thread, root or object that lives on refers to it, and so what is resurrected has whole children; nothing is freed
 * twice; who dies by counting still has its weak references if its finalizer saves it; at the end all are freed.
 *
 * Run: ci safety -DMUTATORS=1 -DOPS=3 -DSECOND=1
 * Run: nightly safety -DMUTATORS=1 -DOPS=4 -DSECOND=1 -DREUSE=1
 * Run: nightly safety -DMUTATORS=2 -DOPS=1
 * Unreached: -end- of gravedigger - it waits for the next dead
 * Mutants: safety -DMUTATORS=1 -DOPS=3 -DSECOND=1
 * Mutant 1: in a collection, weak references are cleared after the finalizers
 * Mutant 2: that an object was finalized is not noted
 * Mutant 3: there is no second proof
 * Mutant 4: the second proof saves what is resurrected without what it reaches
 * Mutant 5: the members are not held while finalizers run
 * Mutant 6: weak references that finalizers have made to the dead are not cleared
 * Mutant 7: the survivors keep the count that held them
 * Mutant 8: the second proof takes the collector's own hold for somebody else's
 * Mutant 9: who called a dead object's finalizer keeps its reference
 * Mutant 10: who dies by counting loses its weak references before its finalizer
 * Mutant 11: references from the dead to others are not dropped
 * Mutant 12: references among the dead are dropped too
 * Mutant 13: what is revived stays suspended
 * Mutant 14: an upgrade retains from zero [safety -DMUTATORS=2 -DOPS=1]
 * Mutant 15: an upgrade does not lock the cell [safety -DMUTATORS=2 -DOPS=1]
 * Mutant 16: a dead object whose finalizer has stored it is buried all the same
 * Mutant 17: the first proof takes a reference from a thread for one from an object
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef SECOND
#define SECOND 0 /* whether the third object has a finalizer too */
#endif
#ifndef REUSE
#define REUSE 0 /* whether the memory of the dead becomes another object */
#endif

#define A 1 /* the objects; A and B refer to each other, one of them to C */
#define B 2
#define C 3
#define SEATS 4

#define NONE 0 /* the weak cell's referent */
#define NAMED 1
#define DYING 2
#define CLEARED 3

#define COLLECTOR 3 /* the collecting thread; mutators are 1..MUTATORS */

/* Objects. */
byte rc[SEATS];
byte left[SEATS];
byte right[SEATS];
bool finalized[SEATS]; /* ORR_FLAG_FINALIZED */
bool garbage[SEATS];   /* ORR_COLOUR_GARBAGE */
bool dying[SEATS];     /* in somebody's worklist: a corpse */
byte cell[SEATS];
bool cell_locked[SEATS];

byte root = 0;         /* a slot outside */
byte held[SEATS];      /* the reference that a thread has in hand */
bool stop = false;
byte running = 0;      /* mutators between two safepoints */
byte dead[SEATS];      /* worklists, one bit per object */
byte call[SEATS];      /* whose finalizer the collector wants */
bool digging[SEATS];

/* What the model knows and the code does not. */
bool alive[SEATS];
bool new_cell[SEATS];  /* made by a finalizer or later, after the clearing */
bool final[SEATS];     /* proved dead for the second time */
byte runs[SEATS];
byte done = 0;

#define BIT(it) (1 << (it))
#define HAS_FINALIZER(it) ((it) == A || (SECOND && (it) == C))
#define WANTS(it) (HAS_FINALIZER(it) && !finalized[it])

/* Drops a reference; the dead are suspended and join the worklist. */
inline drop(it, who)
{
    atomic { assert(alive[it] && rc[it] > 0); rc[it]--; dies = (rc[it] == 0) };
    if
    :: dies -> dies = false;
       if
       :: atomic { cell[it] == NAMED && !cell_locked[it] -> cell[it] = DYING }
       :: cell[it] != NAMED
       fi;
       atomic { dying[it] = true; dead[who] = dead[who] | BIT(it) };
       atomic { dead[who] == 0 && !digging[who] -> skip }
    :: else
    fi
}

/* As above, by the gravedigger itself: its worklist grows. */
inline drop_below(it)
{
    atomic { assert(alive[it] && rc[it] > 0); rc[it]--; dies = (rc[it] == 0) };
    if
    :: dies -> dies = false;
       if
       :: atomic { cell[it] == NAMED && !cell_locked[it] -> cell[it] = DYING }
       :: cell[it] != NAMED
       fi;
       atomic { dying[it] = true; dead[who] = dead[who] | BIT(it) }
    :: else
    fi
}

#define REFERS(from, to) (alive[from] && !final[from] && (left[from] == to || right[from] == to))

inline release_memory(it)
{
    atomic {
        assert(alive[it]);
        assert(root != it && held[1] != it && held[2] != it);
        assert(!REFERS(A, it) && !REFERS(B, it) && !REFERS(C, it) || final[it] ||
               dying[it] && !REFERS(1 + it % 3, it) && !REFERS(1 + (it + 1) % 3, it));
        assert(cell[it] != NAMED);
        alive[it] = false; rc[it] = 0; left[it] = 0; right[it] = 0; finalized[it] = false; garbage[it] = false;
        dying[it] = false; final[it] = false; cell[it] = NONE; new_cell[it] = false; runs[it] = 0
    }
}

/* Does for a thread what it does itself in a drop or a call: buries its dead, runs finalizers. The thread waits. */
proctype gravedigger(byte who)
{
    byte object = 0, child = 0;
    bool dies = false, called = false, had_cell = false, ends = false;
end:
    do
    :: atomic { dead[who] != 0 || call[who] != 0 -> digging[who] = true;
                if
                :: dead[who] & BIT(A) -> object = A
                :: dead[who] & BIT(B) -> object = B
                :: dead[who] & BIT(C) -> object = C
                :: dead[who] == 0 -> object = call[who]; called = true
                fi;
                dead[who] = dead[who] & (255 - BIT(object)) };
       ends = !called;
       if
       :: called || WANTS(object) ->
          if
          :: called
          :: !called -> /* revive, resume */
             atomic { had_cell = (cell[object] == DYING); rc[object] = 1; dying[object] = false };
#if MUTANT == 10
             atomic { if :: cell[object] == DYING -> cell[object] = CLEARED :: else fi };
#elif MUTANT != 13
             atomic { if :: cell[object] == DYING -> cell[object] = NAMED :: else fi };
#endif
          fi;
          /* orr_finalize: a safepoint, then what it likes */
          atomic { if :: who != COLLECTOR -> running-- :: else fi };
          atomic { !stop || who == COLLECTOR -> if :: who != COLLECTOR -> running++ :: else fi;
                   assert(alive[object]); runs[object]++; assert(runs[object] == 1);
#if MUTANT != 2
                   finalized[object] = true
#endif
                 };
          if
          :: atomic { root == 0 -> root = object; rc[object]++ }
          :: atomic { root == 0 && left[object] != 0 -> root = left[object]; assert(alive[root]); rc[root]++ }
          :: atomic { cell[object] == NONE || cell[object] == CLEARED -> cell[object] = NAMED; new_cell[object] = true }
          :: atomic { left[object] != 0 -> child = left[object]; left[object] = 0 };
             drop_below(child);
             child = 0
          :: true
          fi;
          if
          :: called -> atomic { called = false; call[who] = 0 }
          :: else ->
             assert(!had_cell || cell[object] == NAMED);
             atomic { had_cell = false;
                      assert(alive[object] && rc[object] > 0);
#if MUTANT != 9
                      rc[object]--;
#endif
                      ends = (rc[object] == 0);
#if MUTANT == 16
                      ends = true;
#endif
                    };
             if
             :: ends ->
                if
                :: atomic { cell[object] == NAMED && !cell_locked[object] -> cell[object] = DYING }
                :: cell[object] != NAMED
                fi;
                dying[object] = true
             :: else
             fi
          fi
       :: else
       fi;
       if
       :: ends -> /* last rites, what it held, its memory */
          ends = false;
          atomic { if :: cell[object] == DYING -> cell[object] = CLEARED :: else fi };
          if
          :: left[object] != 0 -> atomic { child = left[object]; left[object] = 0 };
             drop_below(child); child = 0
          :: else
          fi;
          if
          :: right[object] != 0 -> atomic { child = right[object]; right[object] = 0 };
             drop_below(child); child = 0
          :: else
          fi;
          release_memory(object)
       :: else
       fi;
       atomic { object = 0; digging[who] = false }
    od
}

#define BEGIN(what) atomic { !stop && ops > 0 && what -> running++; ops--

proctype mutator(byte self)
{
    byte ops = OPS, it = 0;
    bool dies = false, taken = false;
    do
    /* The hand: emptied, filled from a slot, moved along a reference. */
    :: BEGIN(held[self] != 0); it = held[self]; held[self] = 0 };
       drop(it, self);
       atomic { it = 0; running-- }
    :: BEGIN(held[self] != 0 && root == 0); root = held[self]; held[self] = 0; running-- }
    :: BEGIN(held[self] == 0 && root != 0); held[self] = root; root = 0; running-- }
    :: BEGIN(held[self] != 0 && (left[held[self]] != 0 || right[held[self]] != 0)); it = held[self];
             if
             :: left[it] != 0 -> held[self] = left[it]
             :: right[it] != 0 -> held[self] = right[it]
             fi;
             assert(alive[held[self]]); rc[held[self]]++ };
       drop(it, self);
       atomic { it = 0; running-- }
    /* A reference in an object is cut. */
    :: BEGIN(held[self] != 0 && left[held[self]] != 0); it = left[held[self]]; left[held[self]] = 0 };
       drop(it, self);
       atomic { it = 0; running-- }
    /* Weak references: made, and upgraded. */
    :: BEGIN(held[self] != 0 && (cell[held[self]] == NONE || cell[held[self]] == CLEARED)); cell[held[self]] = NAMED;
             new_cell[held[self]] = true; running-- }
    :: BEGIN(held[self] == 0); if :: it = A :: it = B :: it = C fi };
#if MUTANT == 15
       taken = (cell[it] == NAMED);
#else
       atomic { cell[it] != NAMED || !cell_locked[it] -> taken = (cell[it] == NAMED);
                if :: taken -> cell_locked[it] = true :: else fi };
#endif
       if
       :: taken ->
          atomic { assert(alive[it]); taken = false;
                   if
#if MUTANT == 14
                   :: true ->
#else
                   :: rc[it] > 0 ->
#endif
                      rc[it]++; held[self] = it; assert(!garbage[it] || new_cell[it])
                   :: else
                   fi };
          cell_locked[it] = false
       :: else
       fi;
       atomic { it = 0; running-- }
#if REUSE
    :: BEGIN(held[self] == 0 && !alive[C]); alive[C] = true; rc[C] = 1; held[self] = C; running-- }
#endif
    :: atomic { !stop -> running++ };
       break
    od;
    atomic { it = held[self]; held[self] = 0 };
    if
    :: it != 0 -> drop(it, self); it = 0
    :: else
    fi;
    atomic { running--; done++ }
}

/* References to an object from the others' fields, of those for which `those` holds. */
#define FROM(those, it) ((those[A] -> (left[A] == it) + (right[A] == it) : 0) + \
                         (those[B] -> (left[B] == it) + (right[B] == it) : 0) + \
                         (those[C] -> (left[C] == it) + (right[C] == it) : 0))
#define WALKED(it) (alive[it] && !dying[it])

/* One step along references of what is alive, out of the garbage; REACH as often as it takes. */
#define TAKES(from, to) (in[from] && (left[from] == to || right[from] == to))
#define SAVE(it) in[it] = in[it] || garbage[it] && (TAKES(A, it) || TAKES(B, it) || TAKES(C, it)); \
    garbage[it] = garbage[it] && !in[it]
#define REACH SAVE(A); SAVE(B); SAVE(C); SAVE(A); SAVE(B)

/* The truth: whether a member is referred to from outside. */
#define SEES(from, to) (alive[from] && !garbage[from] && (left[from] == to || right[from] == to))
#define SEEN(it) (root == it || held[1] == it || held[2] == it || SEES(A, it) || SEES(B, it) || SEES(C, it))

/* World stopped: no upgrade is under way. */
#define CLEAR_ONE(it) cell[it] = (garbage[it] && cell[it] == NAMED -> CLEARED : cell[it]); \
    new_cell[it] = new_cell[it] && !garbage[it]
#define CLEAR_WEAK atomic { CLEAR_ONE(A); CLEAR_ONE(B); CLEAR_ONE(C) }

#if MUTANT == 12
#define OUTSIDE(it) (it != 0)
#else
#define OUTSIDE(it) (it != 0 && !garbage[it])
#endif

proctype collector()
{
    byte it = 0, child = 0, turn = 0;
    bool dies = false, finalizes = false, last = false;
    bool in[SEATS];    /* reached; then: still to be freed */
    bool saved[SEATS]; /* members that live again */
    do
    :: atomic { last -> break }
    :: atomic { !last && (turn == 0 || done == MUTATORS) -> turn++; last = (turn == 6) };
       /* At the end the root is emptied. */
       if
       :: atomic { done == MUTATORS && root != 0 && turn > 1 -> it = root; root = 0 };
          drop(it, COLLECTOR);
          it = 0
       :: else
       fi;
       /* The first stop: what has more references than objects hold on it is alive, with all it reaches. */
       stop = true;
       running == 0;
       atomic {
           in[A] = WALKED(A); in[B] = WALKED(B); in[C] = WALKED(C);
           assert(!in[A] || rc[A] >= FROM(in, A));
           assert(!in[B] || rc[B] >= FROM(in, B));
           assert(!in[C] || rc[C] >= FROM(in, C));
#if MUTANT == 17
           garbage[A] = in[A] && rc[A] <= FROM(in, A) + 1;
           garbage[B] = in[B] && rc[B] <= FROM(in, B) + 1;
           garbage[C] = in[C] && rc[C] <= FROM(in, C) + 1;
#else
           garbage[A] = in[A] && rc[A] == FROM(in, A);
           garbage[B] = in[B] && rc[B] == FROM(in, B);
           garbage[C] = in[C] && rc[C] == FROM(in, C);
#endif
           in[A] = in[A] && !garbage[A]; in[B] = in[B] && !garbage[B]; in[C] = in[C] && !garbage[C];
           REACH;
           finalizes = garbage[A] && WANTS(A) || garbage[B] && WANTS(B) || garbage[C] && WANTS(C);
           in[A] = 0; in[B] = 0; in[C] = 0
       };
#if MUTANT == 1
       if :: finalizes :: !finalizes -> CLEAR_WEAK fi;
#else
       CLEAR_WEAK;
#endif
       stop = false;
       if
       :: finalizes ->
#if MUTANT != 5
          it = A;
          do
          :: atomic { it <= C -> if :: garbage[it] -> assert(alive[it]); rc[it]++ :: else fi; it++ }
          :: atomic { it > C -> it = 0; break }
          od;
#endif
          it = A;
          do
          :: atomic { it <= C && !(garbage[it] && WANTS(it)) -> it++ }
          :: atomic { it <= C && garbage[it] && WANTS(it) -> call[COLLECTOR] = it };
             atomic { call[COLLECTOR] == 0 && dead[COLLECTOR] == 0 && !digging[COLLECTOR] -> it++ }
          :: atomic { it > C -> it = 0; break }
          od;
          stop = true;
          running == 0;
#if MUTANT != 3
          atomic {
#if MUTANT == 8 || MUTANT == 5
              in[A] = garbage[A] && rc[A] != FROM(garbage, A);
              in[B] = garbage[B] && rc[B] != FROM(garbage, B);
              in[C] = garbage[C] && rc[C] != FROM(garbage, C);
#else
              in[A] = garbage[A] && rc[A] - 1 != FROM(garbage, A);
              in[B] = garbage[B] && rc[B] - 1 != FROM(garbage, B);
              in[C] = garbage[C] && rc[C] - 1 != FROM(garbage, C);
#endif
              assert(!in[A] || SEEN(A)); assert(!in[B] || SEEN(B)); assert(!in[C] || SEEN(C));
              saved[A] = garbage[A]; saved[B] = garbage[B]; saved[C] = garbage[C];
              garbage[A] = garbage[A] && !in[A]; garbage[B] = garbage[B] && !in[B]; garbage[C] = garbage[C] && !in[C];
#if MUTANT != 4
              REACH;
#endif
              saved[A] = saved[A] && !garbage[A];
              saved[B] = saved[B] && !garbage[B];
              saved[C] = saved[C] && !garbage[C];
              in[A] = 0; in[B] = 0; in[C] = 0
          };
#endif
#if MUTANT != 6
          CLEAR_WEAK;
#endif
          stop = false;
#if MUTANT != 7 && MUTANT != 5
          it = A;
          do
          :: atomic { it <= C && !saved[it] -> it++ }
          :: atomic { it <= C && saved[it] -> saved[it] = false; child = it }; /* orr_drop */
             drop(child, COLLECTOR);
             child = 0
          :: atomic { it > C -> it = 0; break }
          od
#else
          atomic { saved[A] = 0; saved[B] = 0; saved[C] = 0 }
#endif
       :: else
       fi;
       /* Who is left has no way back. */
       atomic { final[A] = garbage[A]; final[B] = garbage[B]; final[C] = garbage[C]; finalizes = false; it = A;
                in[A] = garbage[A]; in[B] = garbage[B]; in[C] = garbage[C] }; /* the list of members */
       do
       :: atomic { it <= C && !(in[it] && (OUTSIDE(left[it]) || OUTSIDE(right[it]))) -> it++ }
       :: atomic { it <= C && in[it] && (OUTSIDE(left[it]) || OUTSIDE(right[it])) ->
                   if
                   :: OUTSIDE(left[it]) -> child = left[it]; left[it] = 0
                   :: OUTSIDE(right[it]) -> child = right[it]; right[it] = 0
                   fi };
#if MUTANT != 11
          drop(child, COLLECTOR);
#endif
          child = 0
       :: atomic { it > C -> it = A; break }
       od;
       do
       :: atomic { it <= C && !in[it] -> it++ }
       :: atomic { it <= C && in[it] -> in[it] = false }; release_memory(it)
       :: atomic { it > C -> it = 0; break }
       od
    od;
    assert(done == MUTATORS && root == 0 && !alive[A] && !alive[B] && !alive[C])
}

init
{
    atomic {
        alive[A] = true; alive[B] = true; alive[C] = true;
        left[A] = B; left[B] = A; rc[A] = 2; rc[B] = 1; rc[C] = 1; held[1] = A;
        cell[A] = NAMED; cell[C] = NAMED;
        if
        :: right[A] = C /* it hangs from the cycle */
        :: right[B] = C; root = C; rc[C] = 2 /* and somebody else has it */
        :: right[A] = C; left[B] = 0; rc[A] = 1 /* there is no cycle */
        fi;
        run mutator(1);
        run gravedigger(1);
#if MUTATORS > 1
        run mutator(2);
        run gravedigger(2);
#endif
        run gravedigger(COLLECTOR);
        run collector()
    }
}
