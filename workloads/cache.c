/* cache.c - a cache shared by threads: reads without a lock, writes under one, cycles that die in runs.
 *
 * A table in shards. An entry hangs in the chain of its bucket and in its shard's list of recent use, linked
 * both ways; it holds a value of `value` bytes that can be checked against the key. Keys are Zipf ranks.
 *
 *   read    walks bucket, chain and value through shared loads alone and marks the entry as used. When
 *           the key is missing, the value is made and put in, as from a slow source.
 *   write   replaces the value of an entry through its shared slot, or puts a new entry in.
 *   evict   when a shard is over its share of `capacity`: the last `evict` entries of the list are looked
 *           at, those used since are spared and moved to the front (second chance, Corbato 1968), then
 *           `evict` entries are taken out of their chains and cut off the list in one run. A run is linked
 *           to and fro: a cycle that counting does not find. Its entries may still refer into chains of
 *           entries that live, for readers that stand on them.
 *
 * Locks: a shard's lock guards the shape of its chains and its list. Nothing under it is a safepoint, so
 * who holds it never waits for a collection; who waits for it waits in a blocking region.
 *
 * Notes    hit_share: reads that found their key.
 * Latency  the gap between two readings of the clock, one after each operation.
 * Digest   the keys of each worker's first operations and what their values said; whether chains and lists
 *          agree at the end. A value that does not fit its key fails the run.
 */
#include "workloads/workload.h"

#include "workloads/parts/zipf.h"

#include <stdlib.h>

enum { MAP, HEAD, TAIL, SHARD_REFERENCES };
enum { CHAIN, VALUE, NEXT, PREVIOUS, ENTRY_REFERENCES };

struct entry {
    struct orr_object header;
    struct orr_slot
        links[ENTRY_REFERENCES]; /* CHAIN, VALUE: shared; NEXT, PREVIOUS: under the lock */
    uint64_t key;
    _Atomic(uint32_t) is_used; /* readers set it, eviction clears it; relaxed: a hint */
};

static uint16_t array_index, shard_index, entry_index, value_index;
static const struct orr_type array_type = {
    .name = "cache_array",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY,
    .index = &array_index,
};
static const struct orr_type shard_type = {
    .name = "cache_shard",
    .bytes = sizeof(struct orr_object) + SHARD_REFERENCES * sizeof(struct orr_slot),
    .references = SHARD_REFERENCES,
    .index = &shard_index,
};
static const struct orr_type entry_type = {
    .name = "cache_entry",
    .bytes = sizeof(struct entry),
    .references = ENTRY_REFERENCES,
    .index = &entry_index,
};
static const struct orr_type value_type = {
    .name = "cache_value",
    .bytes = sizeof(struct orr_array),
    .flags = ORR_TYPE_ARRAY | ORR_TYPE_ACYCLIC,
    .index = &value_index,
};

struct settings {
    uint64_t keys, capacity, value, shards, evict;
    double skew, reads;
};

/* What of a shard is no object. A line of its own. */
struct shard {
    _Alignas(64) struct orr_mutex lock;
    uint64_t entries; /* under the lock */
};

/* One per worker, who alone writes it. */
struct result {
    uint64_t digest, reads, hits;
};

struct state {
    struct orr_root table; /* an array of shard objects */
    bool has_root;
    struct shard *shards; /* null outside prepare .. finish, as results */
    struct result *results;
    uint64_t buckets;       /* per shard, a power of two */
    uint64_t shard_entries; /* at most, per shard */
    struct orr_zipf zipf;
    uint64_t digest;
};

/* What an operation works with. */
struct player {
    struct orr_thread *thread;
    struct orr_object *table; /* held by work */
    const struct settings *settings;
    struct state *state;
    struct result *result;
    uint32_t random; /* which keys, and what is done with them */
    uint64_t nonce;  /* apart from random, whose course must not depend on what other threads do */
};

/* A key and where it belongs. */
struct place {
    uint64_t key;
    uint32_t shard, bucket;
};

static struct place
place_of(const struct player *player, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return (struct place){.key = key,
                          .shard = (uint32_t)((hash >> 32) % player->settings->shards),
                          .bucket = (uint32_t)(hash & (player->state->buckets - 1))};
}

/* The shard object: borrowed, and so until the next safepoint. */
static inline struct orr_object *
shard_object(const struct player *player, uint32_t shard)
{
    return orr_peek_slot(player->thread, orr_element(player->table, shard));
}

/* --- values --------------------------------------------------------------------------------------- */

static inline uint64_t *
value_words(struct orr_object *value, uint64_t *count)
{
    *count = ((struct orr_array *)value)->raw_bytes / sizeof(uint64_t);
    return (uint64_t *)((struct orr_array *)value)->elements;
}

/* A value of that key, counted; every one is different. Null without memory. */
static struct orr_object *
make_value(struct player *player, uint64_t key)
{
    const uint64_t nonce = player->nonce += 0x9e3779b97f4a7c15u;
    struct orr_object *value =
        orr_new_array(player->thread, &value_type, 0,
                      (uint32_t)(player->settings->value / sizeof(uint64_t) * sizeof(uint64_t)));
    if (!value)
        return NULL;
    uint64_t count;
    uint64_t *words = value_words(value, &count);
    words[0] = nonce;
    for (uint64_t i = 1; i < count; i++)
        words[i] = (key ^ nonce) + i;
    return value;
}

static bool
value_fits(struct orr_object *value, uint64_t key)
{
    uint64_t count, wrong = 0;
    const uint64_t *words = value_words(value, &count);
    for (uint64_t i = 1; i < count; i++)
        wrong |= words[i] ^ ((key ^ words[0]) + i);
    return wrong == 0;
}

/* --- chains --------------------------------------------------------------------------------------- */

/* The entry of the key, counted, or null. With or without the lock; without it, an entry that is being put
 * in or moved may be missed. */
static struct orr_object *
find(struct orr_thread *thread, struct orr_object *map, const struct place *place)
{
    ORR_OWN(thread, entry, orr_load_slot(thread, orr_element(map, place->bucket)));
    while (entry.ref && ((struct entry *)entry.ref)->key != place->key)
        orr_own_set(&entry, orr_load(thread, entry.ref, CHAIN));
    return orr_take(&entry);
}

/* Takes an entry out of its chain. Its own CHAIN stays, for readers that stand on it. Under the lock. */
static void
unchain_locked(struct orr_thread *thread, struct orr_object *map, uint32_t bucket,
               struct orr_object *entry)
{
    struct orr_slot *slot = orr_element(map, bucket);
    ORR_OWN(thread, holder, NULL); /* null: the map */
    for (;;) {
        ORR_OWN(thread, at, orr_load_slot(thread, slot));
        orr_require(at.ref, "cache: an entry is in no chain");
        if (at.ref == entry)
            break;
        orr_own_set(&holder, orr_take(&at));
        slot = orr_field(holder.ref, CHAIN);
    }
    struct orr_object *next = orr_load(thread, entry, CHAIN);
    orr_release(thread, orr_exchange_slot(thread, holder.ref ? holder.ref : map, slot, next));
}

/* Puts a fresh entry into its chain, first. Under the lock. */
static void
chain_locked(struct orr_thread *thread, struct orr_object *map, uint32_t bucket,
             struct orr_object *entry)
{
    struct orr_slot *slot = orr_element(map, bucket);
    orr_init(thread, entry, CHAIN, orr_load_slot(thread, slot));
    orr_store_slot(thread, map, slot, entry);
}

/* --- the list of recent use, under the lock --------------------------------------------------------- */

static void
push_front_locked(struct orr_thread *thread, struct orr_object *shard, struct orr_object *entry)
{
    ORR_OWN(thread, head, orr_get(thread, shard, HEAD));
    orr_set(thread, entry, NEXT, head.ref);
    if (head.ref)
        orr_set(thread, head.ref, PREVIOUS, entry);
    else
        orr_set(thread, shard, TAIL, entry);
    orr_set(thread, shard, HEAD, entry);
}

/* The caller holds the entry. */
static void
unlink_locked(struct orr_thread *thread, struct orr_object *shard, struct orr_object *entry)
{
    ORR_OWN(thread, next, orr_get(thread, entry, NEXT));
    ORR_OWN(thread, previous, orr_get(thread, entry, PREVIOUS));
    if (previous.ref)
        orr_set(thread, previous.ref, NEXT, next.ref);
    else
        orr_set(thread, shard, HEAD, next.ref);
    if (next.ref)
        orr_set(thread, next.ref, PREVIOUS, previous.ref);
    else
        orr_set(thread, shard, TAIL, previous.ref);
    orr_give(thread, entry, NEXT, NULL);
    orr_give(thread, entry, PREVIOUS, NULL);
}

/* Of the last n entries, those used since the last look go to the front. */
static void
spare_used_locked(struct orr_thread *thread, struct orr_object *shard, uint64_t n)
{
    ORR_OWN(thread, at, orr_get(thread, shard, TAIL));
    for (uint64_t i = 0; i < n && at.ref; i++) {
        ORR_OWN(thread, before, orr_get(thread, at.ref, PREVIOUS));
        _Atomic(uint32_t) *is_used = &((struct entry *)at.ref)->is_used;
        if (orr_load_relaxed(is_used)) { /* relaxed: a hint */
            orr_store_relaxed(is_used, 0);
            unlink_locked(thread, shard, at.ref);
            push_front_locked(thread, shard, at.ref);
        }
        orr_own_set(&at, orr_take(&before));
    }
}

/* Takes the last n entries out, but never the first one; returns how many. *run becomes the first of
 * them, which holds the others, and they it. */
static uint64_t
cut_run_locked(const struct player *player, struct orr_object *shard, uint64_t n,
               struct orr_own *run)
{
    struct orr_thread *thread = player->thread;
    struct orr_object *map = orr_peek(thread, shard, MAP);
    ORR_OWN(thread, at, orr_get(thread, shard, TAIL));
    uint64_t evicted = 0;
    while (evicted < n && orr_peek(thread, at.ref, PREVIOUS)) {
        struct place place = place_of(player, ((struct entry *)at.ref)->key);
        unchain_locked(thread, map, place.bucket, at.ref);
        orr_own_set(&at, orr_get(thread, at.ref, PREVIOUS));
        evicted++;
    }
    if (evicted == 0)
        return 0;
    orr_own_set(run, orr_get(thread, at.ref, NEXT));
    orr_give(thread, run->ref, PREVIOUS, NULL);
    orr_give(thread, at.ref, NEXT, NULL);
    orr_set(thread, shard, TAIL, at.ref);
    return evicted;
}

/* --- operations ----------------------------------------------------------------------------------- */

static void
lock_shard(struct orr_thread *thread, struct shard *shard)
{
    if (orr_mutex_try_lock(&shard->lock))
        return;
    orr_block_enter(thread);
    orr_mutex_lock(&shard->lock);
    orr_block_leave(thread);
}

/* Puts a fresh entry in, or its value into the entry that was there first; then evicts. */
static void
put_entry(const struct player *player, const struct place *place, struct orr_object *entry,
          struct orr_object *value)
{
    struct orr_thread *thread = player->thread;
    struct shard *shard = &player->state->shards[place->shard];
    ORR_OWN(thread, run, NULL); /* let go of when the lock is free again */
    lock_shard(thread, shard);
    struct orr_object *object = shard_object(player, place->shard);
    struct orr_object *map = orr_peek(thread, object, MAP);
    ORR_OWN(thread, present, find(thread, map, place));
    if (present.ref)
        orr_store(thread, present.ref, VALUE, value);
    else {
        chain_locked(thread, map, place->bucket, entry);
        push_front_locked(thread, object, entry);
        shard->entries++;
    }
    if (shard->entries > player->state->shard_entries) {
        spare_used_locked(thread, object, player->settings->evict);
        shard->entries -= cut_run_locked(player, object, player->settings->evict, &run);
    }
    orr_mutex_unlock(&shard->lock);
}

/* Makes the entry of a key that is missing; false without memory. */
static bool
add(struct player *player, const struct place *place, struct orr_object *value)
{
    struct orr_thread *thread = player->thread;
    ORR_OWN(thread, entry, orr_new(thread, &entry_type));
    if (!entry.ref)
        return false;
    ((struct entry *)entry.ref)->key = place->key;
    orr_retain(thread, value);
    orr_init(thread, entry.ref, VALUE, value);
    put_entry(player, place, entry.ref, value);
    return true;
}

/* Puts a new value under the key; false without memory. */
static bool
write_key(struct player *player, const struct place *place)
{
    struct orr_thread *thread = player->thread;
    ORR_OWN(thread, value, make_value(player, place->key));
    if (!value.ref)
        return false;
    struct orr_object *map = orr_peek(thread, shard_object(player, place->shard), MAP);
    ORR_OWN(thread, entry, find(thread, map, place));
    if (!entry.ref)
        return add(player, place, value.ref);
    orr_store(thread, entry.ref, VALUE, value.ref);
    return true;
}

/* Reads the key, and puts it in where it is missing. */
static enum orr_status
read_key(struct player *player, const struct place *place, bool *fits)
{
    struct orr_thread *thread = player->thread;
    struct orr_object *map = orr_peek(thread, shard_object(player, place->shard), MAP);
    ORR_OWN(thread, entry, find(thread, map, place));
    player->result->reads++;
    if (!entry.ref)
        return write_key(player, place) ? ORR_OK : ORR_OUT_OF_MEMORY;
    player->result->hits++;
    _Atomic(uint32_t) *is_used = &((struct entry *)entry.ref)->is_used;
    if (!orr_load_relaxed(is_used)) /* relaxed: a hint; looked at first, to leave the line clean */
        orr_store_relaxed(is_used, 1);
    ORR_OWN(thread, value, orr_load(thread, entry.ref, VALUE));
    *fits = value_fits(value.ref, place->key);
    return *fits ? ORR_OK : ORR_CHECK_FAILED;
}

/* One operation; what it says of itself goes into *told. */
static enum orr_status
operate(struct player *player, uint64_t *told)
{
    const uint32_t reads = (uint32_t)(player->settings->reads * 4294967295.0);
    bool is_read = orr_random(&player->random) <= reads;
    struct place place = place_of(player, orr_zipf_draw(&player->state->zipf, &player->random));
    bool fits = true;
    orr_poll(player->thread);
    enum orr_status status = ORR_OK;
    if (is_read)
        status = read_key(player, &place, &fits);
    else if (!write_key(player, &place))
        status = ORR_OUT_OF_MEMORY;
    *told = place.key * 4 + (is_read ? 2 : 0) + (fits ? 1 : 0);
    return status;
}

static enum orr_status
play(struct orr_worker *worker, struct player *player, struct orr_error *error)
{
    uint64_t last_ns = orr_clock_ns();
    for (uint64_t done = 0; orr_worker_goes_on(worker); done++) {
        uint64_t told;
        enum orr_status status = operate(player, &told);
        if (status == ORR_CHECK_FAILED)
            return orr_fail(error, status, "cache: the value of key %llu is not its own",
                            (unsigned long long)(told / 4));
        if (status != ORR_OK)
            return orr_fail(error, status,
                            "cache: no memory for another entry; allow more, or set a smaller "
                            "capacity or value");
        if (done < ORR_DIGEST_OPERATIONS)
            player->result->digest = orr_mix(player->result->digest, told);
        uint64_t now_ns = orr_clock_ns();
        orr_worker_took(worker, now_ns - last_ns);
        last_ns = now_ns;
        orr_worker_did(worker);
    }
    return ORR_OK;
}

/* --- the workload --------------------------------------------------------------------------------- */

/* The table of shards, counted; null without memory. */
static struct orr_object *
build_table(struct orr_thread *thread, uint64_t shards, uint64_t buckets)
{
    ORR_OWN(thread, table, orr_new_array(thread, &array_type, (uint32_t)shards, 0));
    for (uint64_t i = 0; table.ref && i < shards; i++) {
        struct orr_object *shard = orr_new(thread, &shard_type);
        if (!shard)
            return NULL;
        orr_init_slot(thread, table.ref, orr_element(table.ref, (uint32_t)i), shard);
        struct orr_object *map = orr_new_array(thread, &array_type, (uint32_t)buckets, 0);
        if (!map)
            return NULL;
        orr_init(thread, shard, MAP, map);
    }
    return orr_take(&table);
}

static void
free_books(struct orr_run *run)
{
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    for (uint64_t i = 0; state->shards && i < settings->shards; i++)
        orr_mutex_fini(&state->shards[i].lock);
    free(state->shards);
    free(state->results);
    state->shards = NULL;
    state->results = NULL;
}

static bool
make_books(struct orr_run *run)
{
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    state->shard_entries = settings->capacity / settings->shards;
    if (state->shard_entries == 0)
        state->shard_entries = 1;
    for (state->buckets = 1; state->buckets < state->shard_entries;)
        state->buckets *= 2;
    orr_zipf_init(&state->zipf, (uint32_t)settings->keys, settings->skew);
    state->shards = aligned_alloc(_Alignof(struct shard), settings->shards * sizeof(struct shard));
    for (uint64_t i = 0; state->shards && i < settings->shards; i++) {
        orr_mutex_init(&state->shards[i].lock);
        state->shards[i].entries = 0;
    }
    state->results = calloc(run->threads, sizeof *state->results);
    return state->shards && state->results;
}

static enum orr_status
prepare(struct orr_worker *worker, struct orr_error *error)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    const struct orr_type *const types[] = {&array_type, &shard_type, &entry_type, &value_type};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        enum orr_status status = orr_type_register(types[i], error);
        if (status != ORR_OK)
            return status;
    }
    struct orr_object *table =
        make_books(run) ? build_table(worker->thread, settings->shards, state->buckets) : NULL;
    if (!table) {
        free_books(run);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "cache: no memory for the table");
    }
    orr_root_add(run->heap, &state->table);
    state->has_root = true;
    orr_exchange_slot(worker->thread, NULL, &state->table.slot, table);
    return ORR_OK;
}

static enum orr_status
work(struct orr_worker *worker, struct orr_error *error)
{
    struct state *state = worker->run->state;
    ORR_OWN(worker->thread, table, orr_load_slot(worker->thread, &state->table.slot));
    struct player player = {.thread = worker->thread,
                            .table = table.ref,
                            .settings = worker->run->settings,
                            .state = state,
                            .result = &state->results[worker->index],
                            .random = worker->seed,
                            .nonce = worker->seed};
    return play(worker, &player, error);
}

/* How many entries of a shard's list are linked both ways and found by their key. */
static uint64_t
count_sound(const struct player *player, uint32_t i)
{
    struct orr_thread *thread = player->thread;
    ORR_OWN(thread, shard, orr_get_slot(thread, orr_element(player->table, i)));
    ORR_OWN(thread, map, orr_get(thread, shard.ref, MAP));
    ORR_OWN(thread, at, orr_get(thread, shard.ref, HEAD));
    uint64_t sound = 0;
    while (at.ref) {
        orr_poll(thread);
        struct place place = place_of(player, ((struct entry *)at.ref)->key);
        ORR_OWN(thread, found, find(thread, map.ref, &place));
        ORR_OWN(thread, next, orr_get(thread, at.ref, NEXT));
        struct orr_object *back =
            next.ref ? orr_peek(thread, next.ref, PREVIOUS) : orr_peek(thread, shard.ref, TAIL);
        sound += place.shard == i && found.ref == at.ref && back == at.ref;
        orr_own_set(&at, orr_take(&next));
    }
    return sound;
}

/* Drops the table; returns whether all of it was as it should be. */
static bool
drop_table(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    const struct settings *settings = run->settings;
    struct state *state = run->state;
    bool is_sound = true;
    ORR_OWN(worker->thread, table,
            orr_exchange_slot(worker->thread, NULL, &state->table.slot, NULL));
    const struct player player = {
        .thread = worker->thread, .table = table.ref, .settings = settings, .state = state};
    for (uint32_t i = 0; i < settings->shards; i++)
        is_sound = count_sound(&player, i) == state->shards[i].entries && is_sound;
    return is_sound;
}

static void
finish(struct orr_worker *worker)
{
    struct orr_run *run = worker->run;
    struct state *state = run->state;
    uint64_t reads = 0, hits = 0;
    for (uint32_t i = 0; state->results && i < run->threads; i++) {
        reads += state->results[i].reads;
        hits += state->results[i].hits;
        state->digest = orr_mix(state->digest, state->results[i].digest);
    }
    if (reads)
        run->note(run, "hit_share", (double)hits / (double)reads);
    if (state->has_root) {
        state->digest = orr_mix(state->digest, drop_table(worker));
        orr_root_remove(run->heap, &state->table);
        state->has_root = false;
    }
    free_books(run);
}

static uint64_t
digest(struct orr_run *run)
{
    return ((struct state *)run->state)->digest;
}

static const struct orr_option options[] = {
    {"keys", ORR_OPTION_NUMBER, offsetof(struct settings, keys), "keys", "200000", 1, 4e9, NULL,
     "keys that are asked for"},
    {"skew", ORR_OPTION_SHARE, offsetof(struct settings, skew), "", "0.99", 0, 10, NULL,
     "Zipf exponent: how much more the first keys are asked for than the last; 0: not at all"},
    {"reads", ORR_OPTION_SHARE, offsetof(struct settings, reads), "", "0.9", 0, 1, NULL,
     "share of operations that read; the others write"},
    {"capacity", ORR_OPTION_NUMBER, offsetof(struct settings, capacity), "entries", "50000", 1, 1e9,
     NULL, "entries that are kept"},
    {"value", ORR_OPTION_NUMBER, offsetof(struct settings, value), "bytes", "128", 16, 1 << 20,
     NULL, "payload of a value"},
    {"shards", ORR_OPTION_NUMBER, offsetof(struct settings, shards), "shards", "16", 1, 65536, NULL,
     "parts of the table with a lock each"},
    {"evict", ORR_OPTION_NUMBER, offsetof(struct settings, evict), "entries", "16", 1, 65536, NULL,
     "entries cut off at once; 1 leaves no cycles"},
    {.key = NULL},
};

ORR_DEFINE_WORKLOAD(cache, .name = "cache",
                    .summary = "threads share a cache: reads without a lock, evicted cycles",
                    .options = options, .settings_bytes = sizeof(struct settings),
                    .state_bytes = sizeof(struct state), .prepare = prepare, .work = work,
                    .finish = finish, .digest = digest);
