/* safepoints.pml - stopping the world: requests, polls, parking, blocking regions, attach, detach, token, tickets.
 *
 * MUTATORS threads come, do OPS things each and go: touch the heap, block, stop the world, ask a question, put work
 * into another's queue. One step is one access to shared memory. What a teller says waits in a store buffer until
 * its next read-modify-write or unlock, or until the process `memory` lets it out; one word is shared by all other
 * parties, so for the rest order is the order of that word.
 *
 * Abstracts: runtime/safepoint.c orr_world_stop orr_world_resume wait_for park token_take token_try token_release
 *   honour_tickets orr_ticket_take orr_ticket_return orr_poll_slow attention_clear orr_attention_set
 *   orr_handshake answer wait_for_answer
 * Abstracts: runtime/thread.c orr_thread_attach register_locked orr_thread_detach unregister_locked enter
 *   orr_block_enter orr_block_leave orr_thread_hold orr_thread_hold_or_tell orr_thread_unhold
 * Abstracts: runtime/owner.c orr_owner_register orr_owner_unregister orr_owner_take_queue
 *
 * Leaves out: wakes (every park ends by itself and looks again, ORR_PARK_NS), spinning, pauses, the listener,
 * what a poll does besides (cascades, collections), fork. Tickets are counted as those not returned, and as those
 * that the present stop still waits for.
 *
 * Always (asserted): while the world is stopped nobody else touches the heap, comes or goes; a question is answered
 * once for everybody, and he touches nothing meanwhile; who stands in a blocking region has no work waiting; no
 * deadlock. With weak fairness (LTL): who waits to attach, to come back, to detach or to stop the world gets there,
 * though another thread stops it for ever, one stop on the heels of the other. Two that both stop for ever are not
 * promised to take turns: the token is not handed on in order.
 *
 * Run: ci safety -DMUTATORS=2 -DOPS=1
 * Run: ci attached -DMUTATORS=1 -DOPS=0 -DSTOPPERS=1
 * Run: ci returned -DMUTATORS=1 -DOPS=1 -DSTOPPERS=1
 * Run: ci detached -DMUTATORS=1 -DOPS=0 -DSTOPPERS=1
 * Run: ci stops -DMUTATORS=2 -DOPS=1
 * Run: nightly safety -DMUTATORS=2 -DOPS=3
 * Run: nightly safety -DMUTATORS=3 -DOPS=1
 * Unreached: -end- of memory - a memory has no end
 * Unreached: -end- of stopper - it never tires
 * Mutants: safety -DMUTATORS=2 -DOPS=1
 * Mutant 1: leaving a blocking region does not look whether somebody holds it
 * Mutant 2: holding looks first and writes afterwards
 * Mutant 3: a stop asks and waits without the registry's lock
 * Mutant 4: a thread that detaches waits for the registry as a running one
 * Mutant 5: who waits for the token is not in a blocking region
 * Mutant 6: a stop does not honour tickets [attached -DMUTATORS=1 -DOPS=0 -DSTOPPERS=1]
 * Mutant 7: who attaches takes no ticket [attached -DMUTATORS=1 -DOPS=0 -DSTOPPERS=1]
 * Mutant 8: who comes back takes no ticket [returned -DMUTATORS=1 -DOPS=1 -DSTOPPERS=1]
 * Mutant 9: who detaches takes no ticket [detached -DMUTATORS=1 -DOPS=0 -DSTOPPERS=1]
 * Mutant 10: the teller's word and its look at the state are not ordered (no read-modify-write between them)
 * Mutant 11: the step into a blocking region is a plain store: it waits in a buffer while attention is read
 * Mutant 12: a stop does not wait for those who are in blocking regions to be held
 * Mutant 13: a question is answered without a look whether somebody has
 * Mutant 14: a thread that has entered its region does not look whether it was told
 * Mutant 15: of two that hold a thread, the first to be done lets it go [safety -DMUTATORS=3 -DOPS=1]
 * Mutant 16: the token is looked at, and then taken
 * Mutant 17: resume lets a thread go before the request is cleared
 * Mutant 19: whom another holds cannot be held: its work waits [safety -DMUTATORS=3 -DOPS=1]
 * Mutant 18: a ticket is taken back before its holder is back [returned -DMUTATORS=1 -DOPS=1 -DSTOPPERS=1]
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef STOPPERS
#define STOPPERS 0 /* 1: a thread that is not attached stops the world for ever */
#endif

#define RUNNING 0 /* enum orr_thread_state */
#define BLOCKED 1
#define HELD 2
#define PARKED 3

#define SEATS 4 /* threads are 1..MUTATORS; 0 is the caller that is not attached */

bool token = false;
bool registry_locked = false;
byte tickets = 0; /* taken and not returned */
byte honoured = 0; /* of them, those the present stop waits for */

byte state[SEATS];
byte holders[SEATS];    /* of a HELD one, in the same word */
bool attached[SEATS];   /* in heap->threads */
bool asked_stop[SEATS]; /* bits of attention */
bool asked_answer[SEATS];
bool told[SEATS];
byte unanswered[SEATS]; /* handshake_pending */
bool work[SEATS];       /* the slot's queue is not empty; under its lock */
bool present[SEATS];    /* the slot has its thread; under its lock */
bool slot_locked[SEATS];
byte says[SEATS];       /* the store buffer: whom this thread has told */
#if MUTANT == 11
bool enters[SEATS];     /* and that it has blocked */
#endif

/* What the model knows and the code does not. */
bool touching[SEATS]; /* between two looks at the heap */
bool region[SEATS];   /* inside the blocking region, having looked */
byte answers[SEATS];
byte done = 0;
bool coming, returning, going, stopping; /* what thread 1 waits for */

#define SET(it, value) if :: self == 1 -> it = value :: else fi

inline flush() { if :: says[self] != 0 -> told[says[self]] = true; says[self] = 0 :: else fi }
inline lock_registry() { atomic { !registry_locked -> registry_locked = true } }
inline unlock_slot(s)
{
    atomic {
#if MUTANT == 10
        flush(); /* else the write to the state has done it */
#endif
        assert(says[self] == 0);
        assert(!work[s] || !region[s]); slot_locked[s] = false
    }
}
inline take_ticket() { tickets++ }
inline return_ticket() { atomic { tickets--; if :: honoured > 0 -> honoured-- :: else fi } }

/* True: the thread was blocked, or held by others too, and is held. */
inline hold(it, holds)
{
#if MUTANT == 2
    holds = (state[it] == BLOCKED);
    if
    :: holds -> state[it] = HELD; holders[it] = 1
    :: else
    fi
#elif MUTANT == 19
    atomic { holds = (state[it] == BLOCKED); if :: holds -> state[it] = HELD; holders[it] = 1 :: else fi }
#else
    atomic { holds = (state[it] == BLOCKED || state[it] == HELD);
             if :: holds -> state[it] = HELD; holders[it]++ :: else fi }
#endif
}
inline unhold(it)
{
#if MUTANT == 15
    atomic { state[it] = BLOCKED; holders[it] = 0; holds = false }
#else
    atomic { holders[it]--; state[it] = (holders[it] == 0 -> BLOCKED : HELD); holds = false }
#endif
}

/* A question's run for a thread: by itself, or by who holds it. */
inline answer(it)
{
    atomic {
#if MUTANT == 13
        true -> answering = true;
#else
        answering = (unanswered[it] == 1);
        if :: answering -> unanswered[it] = 2 :: else fi
#endif
    };
    if
    :: answering -> atomic { assert(!touching[it]); answers[it]++; assert(answers[it] == 1); answering = false };
       unanswered[it] = 0
    :: else
    fi
}

/* The caller has the token. */
inline stop_world()
{
#if MUTANT != 6
    honoured = tickets;
    honoured == 0;
#endif
#if MUTANT != 3
    lock_registry();
#endif
    q = 1;
    do
    :: q <= MUTATORS -> atomic { if :: q != self && attached[q] -> asked_stop[q] = true :: else fi; q++ }
    :: else -> break
    od;
    q = 1;
    do
    :: atomic { q <= MUTATORS && (q == self || !attached[q]) -> q++ }
    :: atomic { q <= MUTATORS && q != self && attached[q] -> skip };
       do
       :: atomic { state[q] == PARKED -> break }
#if MUTANT == 12
       :: atomic { state[q] == BLOCKED -> break }
#else
       :: atomic { state[q] == BLOCKED || state[q] == HELD -> skip }; /* looks again with the cas */
          hold(q, holds);
          if
          :: holds -> holds = false; break
          :: else
          fi
#endif
       od;
       q++
    :: atomic { q > MUTATORS -> q = 0; break }
    od;
    /* Stopped: everything may be looked at. */
    assert(touching[1] + touching[2] + touching[3] == 0);
    q = 1;
    do
    :: atomic { q <= MUTATORS && (q == self || !attached[q]) -> q++ }
    :: atomic { q <= MUTATORS && q != self && attached[q] -> assert(!touching[q]) };
#if MUTANT != 17
       asked_stop[q] = false;
#endif
       if
       :: atomic { state[q] == PARKED -> state[q] = RUNNING }
       :: atomic { state[q] != PARKED -> skip }; unhold(q)
       fi;
#if MUTANT == 17
       asked_stop[q] = false;
#endif
       q++
    :: atomic { q > MUTATORS -> q = 0; break }
    od;
#if MUTANT != 3
    registry_locked = false;
#endif
    token = false
}

/* orr_handshake; the caller has the token. */
inline ask()
{
    lock_registry();
    q = 1;
    do
    :: atomic { q <= MUTATORS && (q == self || !attached[q]) -> q++ }
    :: atomic { q <= MUTATORS && q != self && attached[q] -> answers[q] = 0; unanswered[q] = 1 };
       asked_answer[q] = true;
       q++
    :: atomic { q > MUTATORS -> q = 1; break }
    od;
    do
    :: atomic { q <= MUTATORS && (q == self || !attached[q]) -> q++ }
    :: atomic { q <= MUTATORS && q != self && attached[q] -> skip };
       do
       :: atomic { unanswered[q] == 0 -> assert(answers[q] == 1); break }
       :: atomic { unanswered[q] != 0 && (state[q] == BLOCKED || state[q] == HELD) -> skip };
          hold(q, holds);
          if
          :: holds -> answer(q); unhold(q)
          :: else
          fi
       od;
       q++
    :: atomic { q > MUTATORS -> q = 0; break }
    od;
    registry_locked = false;
    token = false
}

#define IDLE 0     /* what a thread is about */
#define REGION 1
#define STOP 2
#define QUESTION 3
#define DETACH 4

proctype thread(byte self)
{
    byte ops = OPS, q = 0, about = IDLE;
    bool holds = false, answering = false, entering = false, inside = false, leaving = false, got = false;
    bool must_park = false, must_answer = false, must_merge = false;

    /* orr_thread_attach */
    atomic { !slot_locked[self] -> slot_locked[self] = true };
    atomic { present[self] = true; slot_locked[self] = false };
#if MUTANT != 7
    atomic { SET(coming, true); take_ticket() };
#else
    SET(coming, true);
#endif
    lock_registry();
    attached[self] = true;
    registry_locked = false;
    atomic { SET(coming, false) };
#if MUTANT != 7
    return_ticket();
#endif

    do
    /* What a running thread does between two polls. */
    :: atomic { about == IDLE && ops > 0 -> ops--; assert(state[self] == RUNNING); touching[self] = true };
       atomic { assert(state[self] == RUNNING); touching[self] = false }
    :: atomic { about == IDLE && ops > 0 -> ops--; about = REGION; entering = true }
    :: atomic { about == IDLE && ops > 0 -> ops--; SET(stopping, true);
                if :: about = STOP :: about = QUESTION fi }

    /* Work for another, under the lock of its slot. */
    :: atomic { about == IDLE && ops > 0 && MUTATORS > 1 ->
                if :: self != 1 -> q = 1 :: self != 2 -> q = 2 fi; ops-- };
       atomic { !slot_locked[q] -> slot_locked[q] = true };
       if
       :: present[q] ->
          work[q] = true;
          says[self] = q;
#if MUTANT != 10
          atomic { flush() }; /* the write to the state */
#endif
          hold(q, holds);
          if
          :: holds -> work[q] = false; unhold(q)
          :: else
          fi
       :: !present[q] /* it does the work itself */
       fi;
       unlock_slot(q);
       q = 0

    /* orr_poll_slow: at a loop's edge, and on the way into a blocking region. */
    :: atomic { about == IDLE && (asked_stop[self] || asked_answer[self] || told[self]) ||
                entering && !inside && !leaving && about != DETACH && !got ->
                must_park = asked_stop[self]; must_answer = asked_answer[self]; must_merge = told[self];
                got = entering };
       if
       :: must_park -> atomic { state[self] = PARKED; must_park = false };
          state[self] != PARKED
       :: else
       fi;
       if
       :: must_answer -> atomic { asked_answer[self] = false; must_answer = false }; answer(self)
       :: else
       fi;
       if
       :: must_merge -> told[self] = false; must_merge = false;
          atomic { !slot_locked[self] -> slot_locked[self] = true };
          atomic { work[self] = false; slot_locked[self] = false }
       :: else
       fi

    /* enter, once it has polled */
    :: atomic { entering && !inside && !leaving && (got || about == DETACH) -> got = false;
                assert(state[self] == RUNNING);
#if MUTANT == 11
                enters[self] = true
#elif MUTANT == 4
                if :: about == DETACH -> skip :: else -> state[self] = BLOCKED fi
#else
                state[self] = BLOCKED
#endif
              };
       if
#if MUTANT == 14
       :: atomic { about != DETACH ->
#else
       :: atomic { about != DETACH && !told[self] ->
#endif
                   assert(!work[self] || slot_locked[self]);
                   region[self] = true; inside = true }
       :: atomic { about != DETACH && told[self] -> leaving = true }
       :: atomic { about == DETACH -> inside = true }
       fi

    /* Inside; who waits for the token wakes up when it likes. */
    :: atomic { inside && about != DETACH && !leaving -> leaving = true; region[self] = false }

    /* orr_block_leave */
    :: leaving ->
#if MUTANT == 11
       atomic { if :: enters[self] -> state[self] = BLOCKED; enters[self] = false :: else fi };
#endif
#if MUTANT == 1
       state[self] = RUNNING;
       got = true;
#else
       atomic { got = (state[self] == BLOCKED); if :: got -> state[self] = RUNNING :: else fi };
#endif
       if
       :: got
       :: else ->
          atomic { SET(returning, true);
#if MUTANT != 8
                   take_ticket()
#endif
          };
#if MUTANT == 18
          return_ticket();
#endif
          atomic { state[self] == BLOCKED -> state[self] = RUNNING; SET(returning, false) };
#if MUTANT != 8 && MUTANT != 18
          return_ticket()
#endif
       fi;
       atomic { got = false; leaving = false;
                entering = !inside; /* it was told: once more */
                if :: inside && about == REGION -> about = IDLE :: else fi;
                inside = false }

    /* The token, and what it is for. */
    :: atomic { (about == STOP || about == QUESTION) && !entering && !inside && !leaving ->
#if MUTANT == 5
                true }; /* not in a blocking region, and no poll */
       atomic { !token -> token = true; got = true };
#elif MUTANT == 16
                got = !token };
       atomic { if :: got -> token = true :: else -> entering = true fi };
#else
                got = !token; if :: got -> token = true :: else -> entering = true fi };
#endif
       if
       :: atomic { got -> got = false };
          if
          :: about == STOP -> stop_world()
          :: about == QUESTION -> ask()
          fi;
          atomic { about = IDLE; SET(stopping, false) }
       :: else
       fi

    /* orr_thread_detach: the queue is empty under the lock under which the thread leaves its slot. */
    :: atomic { about == IDLE && !asked_stop[self] && !asked_answer[self] && !told[self] ->
                about = DETACH; SET(going, true) };
       do
       :: atomic { !slot_locked[self] -> slot_locked[self] = true };
          atomic { got = !work[self]; if :: got -> present[self] = false :: else -> work[self] = false fi;
                   slot_locked[self] = false };
          if
          :: got -> break
          :: else
          fi
       od;
       atomic { got = false; entering = true }
    :: atomic { about == DETACH && inside -> skip };
#if MUTANT != 9
       take_ticket();
#endif
       lock_registry();
       attached[self] = false;
       atomic { registry_locked = false; SET(going, false) };
#if MUTANT != 9
       return_ticket();
#endif
       break
    od;
    done++
}

#if STOPPERS
/* Not attached; it never tires. */
proctype stopper(byte self)
{
    byte q = 0;
    bool holds = false;
    do
    :: atomic { !token -> token = true };
       stop_world()
    od
}
#endif

proctype memory()
{
    byte self = 1;
end:
    do
    :: atomic { says[1] != 0 -> told[says[1]] = true; says[1] = 0 }
    :: atomic { says[2] != 0 -> told[says[2]] = true; says[2] = 0 }
#if MUTATORS > 2
    :: atomic { says[3] != 0 -> told[says[3]] = true; says[3] = 0 }
#endif
#if MUTANT == 11
    :: atomic { enters[1] -> state[1] = BLOCKED; enters[1] = false }
    :: atomic { enters[2] -> state[2] = BLOCKED; enters[2] = false }
#endif
    od
}

init
{
    byte i = 1;
    atomic {
#if STOPPERS
        run stopper(0);
#endif
        run memory();
        do
        :: i <= MUTATORS -> run thread(i); i++
        :: else -> break
        od
    };
    atomic { done == MUTATORS -> assert(tickets == 0 && !work[1] && !work[2] && !work[3]) }
}

ltl attached { [] (coming -> <> !coming) }
ltl returned { [] (returning -> <> !returning) }
ltl detached { [] (going -> <> !going) }
ltl stops { [] (stopping -> <> !stopping) }
