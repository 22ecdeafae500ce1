/* workload.h - the contract of a workload: one mutator behaviour, compiled once per strategy.
 *
 * A workload is one file that includes this header, defines everything static, and ends with
 * ORR_DEFINE_WORKLOAD, the only symbol it exports; plus one line in list.def. It contains no #if and no
 * word about strategies or collectors.
 *
 *   prepare   on the first thread, before the clock: builds what the run lives on
 *   work      on every worker thread, inside the clock: operations while orr_worker_goes_on says so
 *   finish    on the first thread, after the clock: drops everything, so that what is left is garbage
 *   digest    after finish: a number that is the same for every strategy, collector, heap and thread
 *             order, for one set of settings, seed and thread count
 *
 * A timed run does an unknown number of operations. The digest therefore covers what every run does: the
 * first ORR_DIGEST_OPERATIONS of each worker, which orr_worker_goes_on grants in any case, or facts that
 * do not depend on the number.
 *
 * An allocation that fails (null) ends the worker's work with ORR_OUT_OF_MEMORY, its locals released; the
 * state must stay such that finish can run.
 */
#ifndef ORR_WORKLOADS_WORKLOAD_H
#define ORR_WORKLOADS_WORKLOAD_H

#include "runtime/mutator.h"
#include "workloads/catalogue.h"
#include "workloads/run.h"

#define ORR_PASTE_(a, b, c, d) a##b##_##c##_##d
#define ORR_PASTE(a, b, c, d) ORR_PASTE_(a, b, c, d)

/* The descriptor's symbol carries the variant, so that all variants fit in one binary:
 * orr_workload_trees_biased_0. */
#define ORR_WORKLOAD_SYMBOL(name) ORR_PASTE(orr_workload_, name, ORR_RC, ORR_ROOTED)

#define ORR_DEFINE_WORKLOAD(name, ...)                                                             \
    extern const struct orr_workload ORR_WORKLOAD_SYMBOL(name);                                    \
    const struct orr_workload ORR_WORKLOAD_SYMBOL(name) = {__VA_ARGS__}

#endif
