/* record.h - what one run reports, as one JSON object: the row that a store keeps.
 *
 * The struct is what was measured; the object is its only written form. `schema_version` comes
 * first; a number that was not measured is absent, never zero. What can be derived is derived here,
 * once: throughput from operations and seconds, percentiles from histograms.
 *
 * Schema (absent parts left out):
 *   schema_version workload strategy collector heap trigger settings{name: text} threads seed
 *   digest (16 hexadecimal digits) operations seconds throughput_ops_per_s
 *   pause_ns{all, cause...}: distributions; `all` is every cause together, nested ones too
 *   time_to_safepoint_ns latency_ns metered_latency_ns reclaim_delay_ns: distributions
 *   mmu{any_thread, worst_thread}{1ms 10ms ...}: shares, 0..1
 *   cpu_ns{mutator collector} rss_bytes_peak heap_bytes{live peak limit}
 *   objects{allocated freed live} uncollected{objects_peak bytes_peak}
 *   collections[]{start_ns duration_ns cause phases{name: ns} candidates nodes_visited
 *   edges_visited freed ns_per_object} rc_ops{local shared queued skipped} environment{} notes[]
 * A distribution is {count total p50 p90 p99 p999 p9999 max clipped}, the last if not zero; one of
 * nothing is {count: 0, total: 0}.
 *
 * Owns:    nothing; everything pointed to is the caller's and only read.
 * Threads: one, after the run.
 */
#ifndef ORR_BENCH_RECORD_H
#define ORR_BENCH_RECORD_H

#include "bench/environment.h"
#include "bench/measure.h"
#include "bench/pauses.h"
#include "runtime/error.h"

#include <jansson.h>
#include <stdio.h>

/* Raised when a field changes its meaning or goes; a new field does not raise it. */
enum { ORR_RECORD_SCHEMA = 1 };

struct orr_record_setting {
    const char *name;
    const char *value;
};

struct orr_record_phase {
    const char *name; /* phases of the same name are added up */
    uint64_t duration_ns;
};

struct orr_record_collection {
    uint64_t start_ns;              /* since the start of the run */
    struct orr_measure duration_ns; /* from first to last phase */
    const char *cause;              /* why it ran */
    const struct orr_record_phase *phases;
    size_t phase_count;
    struct orr_measure candidates;    /* objects it began from */
    struct orr_measure nodes_visited; /* distinct objects looked at */
    struct orr_measure edges_visited; /* references looked at */
    struct orr_measure freed;         /* objects it found dead and destroyed */
    struct orr_real ns_per_object;    /* its time over nodes_visited */
};

struct orr_record {
    /* what was run */
    const char *workload;
    const char *strategy;
    const char *collector;
    const char *heap;
    const char *trigger;
    const struct orr_record_setting *settings; /* what else was chosen, defaults included */
    size_t setting_count;
    struct orr_measure threads;
    struct orr_measure seed; /* below 2^63 */

    /* what came out */
    struct orr_measure digest;
    struct orr_measure operations;
    struct orr_real seconds; /* wall time that the operations took */

    /* what the program waited for; null if it was not measured */
    const struct orr_pauses *pauses;
    const struct orr_histogram *time_to_safepoint;
    const struct orr_histogram *latency;
    const struct orr_histogram *metered_latency;
    const struct orr_histogram *reclaim_delay;
    const struct orr_mmu *mmu;
    size_t mmu_count;

    /* what it cost */
    struct orr_measure cpu_ns_mutator;
    struct orr_measure cpu_ns_collector;
    struct orr_measure rss_bytes_peak;
    struct orr_measure heap_bytes_live;
    struct orr_measure heap_bytes_peak;
    struct orr_measure heap_bytes_limit;
    struct orr_measure objects_allocated;
    struct orr_measure objects_freed;
    struct orr_measure objects_live;
    struct orr_measure uncollected_objects_peak; /* garbage not yet reclaimed */
    struct orr_measure uncollected_bytes_peak;
    struct orr_measure rc_ops_local;
    struct orr_measure rc_ops_shared;
    struct orr_measure rc_ops_queued;
    struct orr_measure rc_ops_skipped;

    /* what the collector did; null if it was not measured, none is a list of none */
    const struct orr_record_collection *collections;
    size_t collection_count;

    const struct orr_environment *environment; /* null if it was not collected */
    const char *const *notes;                  /* sentences: what is missing, and why */
    size_t note_count;
};

/* The object of a run; the caller drops it with json_decref. */
enum orr_status orr_record_build(const struct orr_record *record, json_t **result,
                                 struct orr_error *error);

/* The object on one line. */
enum orr_status orr_record_write(const struct orr_record *record, FILE *file,
                                 struct orr_error *error);

/* One or more runs in Google Benchmark's JSON schema, so that its compare.py reads them; runs of
 * one name become repetitions (record_google.c). A run without operations, seconds and processor
 * time has nothing to compare and is refused as not applicable. */
enum orr_status orr_record_write_google_benchmark(const struct orr_record *records, size_t count,
                                                  FILE *file, struct orr_error *error);

#endif
