/* gbench.cc - the C++ half of the C harness: each function is one call of Google Benchmark 1.7.
 *
 * The opaque C structs are Google Benchmark's own objects under another name, never allocated here.
 * Nothing here lets an exception out: what can throw does so for want of memory only, and runs under
 * or_die. Debian builds Google Benchmark without NDEBUG, so its report calls the library "debug"; the
 * context lines written here say how our own code was built.
 */
#include "bench/micro/gbench.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace
{

using benchmark::State;
using benchmark::internal::Benchmark;

/* Some row ended in an error. Any thread sets it; read after all threads were joined. */
std::atomic<bool> has_error{false};

State *
state_of(orr_gbench_state *state)
{
    return reinterpret_cast<State *>(state);
}

const State *
state_of(const orr_gbench_state *state)
{
    return reinterpret_cast<const State *>(state);
}

/* Calls what may throw; without memory there is no benchmark, and the program says so and ends. */
template <class Call>
auto
or_die(Call call) noexcept -> decltype(call())
{
    try {
        return call();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "orrery: the benchmark harness cannot go on: %s\n", error.what());
        std::exit(4);
    }
}

/* Applies a setting, and returns the benchmark for the next one. */
template <class Call>
orr_gbench *
set(orr_gbench *bench, Call call) noexcept
{
    or_die([&] { call(reinterpret_cast<Benchmark *>(bench)); });
    return bench;
}

benchmark::Counter::Flags
flags_of(unsigned flags)
{
    using benchmark::Counter;
    static const struct {
        unsigned ours;
        Counter::Flags theirs;
    } rows[] = {
        {ORR_GBENCH_RATE, Counter::kIsRate},
        {ORR_GBENCH_PER_THREAD, Counter::kAvgThreads},
        {ORR_GBENCH_PER_ITERATION, Counter::kAvgIterations},
        {ORR_GBENCH_EACH_ITERATION, Counter::kIsIterationInvariant},
        {ORR_GBENCH_INVERSE, Counter::kInvert},
    };
    unsigned out = 0;
    for (const auto &row : rows)
        if (flags & row.ours)
            out |= static_cast<unsigned>(row.theirs);
    return static_cast<Counter::Flags>(out);
}

} // namespace

orr_gbench *
orr_gbench_register(const char *name, orr_gbench_run *run, void *argument)
{
    return or_die([&] {
        auto call = [run, argument](State &state) {
            run(reinterpret_cast<orr_gbench_state *>(&state), argument);
        };
        return reinterpret_cast<orr_gbench *>(benchmark::RegisterBenchmark(name, call));
    });
}

orr_gbench *
orr_gbench_values(orr_gbench *bench, const int64_t *values, size_t count)
{
    return set(bench, [&](Benchmark *b) { b->Args(std::vector<int64_t>(values, values + count)); });
}

orr_gbench *
orr_gbench_value_names(orr_gbench *bench, const char *const *names, size_t count)
{
    return set(bench,
               [&](Benchmark *b) { b->ArgNames(std::vector<std::string>(names, names + count)); });
}

orr_gbench *
orr_gbench_threads(orr_gbench *bench, int threads)
{
    return set(bench, [&](Benchmark *b) { b->Threads(threads); });
}

orr_gbench *
orr_gbench_repetitions(orr_gbench *bench, int repetitions)
{
    return set(bench, [&](Benchmark *b) { b->Repetitions(repetitions); });
}

orr_gbench *
orr_gbench_seconds_min(orr_gbench *bench, double seconds)
{
    return set(bench, [&](Benchmark *b) { b->MinTime(seconds); });
}

orr_gbench *
orr_gbench_iterations(orr_gbench *bench, int64_t iterations)
{
    return set(bench, [&](Benchmark *b) { b->Iterations(iterations); });
}

orr_gbench *
orr_gbench_clock(orr_gbench *bench, enum orr_gbench_clock clock)
{
    return set(bench, [&](Benchmark *b) {
        if (clock == ORR_GBENCH_WALL)
            b->UseRealTime();
        else if (clock == ORR_GBENCH_MANUAL)
            b->UseManualTime();
    });
}

bool
orr_gbench_next(orr_gbench_state *state)
{
    return state_of(state)->KeepRunning();
}

bool
orr_gbench_next_batch(orr_gbench_state *state, int64_t iterations)
{
    return state_of(state)->KeepRunningBatch(iterations);
}

int64_t
orr_gbench_value(const orr_gbench_state *state, size_t index)
{
    return state_of(state)->range(index);
}

int
orr_gbench_thread(const orr_gbench_state *state)
{
    return state_of(state)->thread_index();
}

int
orr_gbench_thread_count(const orr_gbench_state *state)
{
    return state_of(state)->threads();
}

int64_t
orr_gbench_done(const orr_gbench_state *state)
{
    return state_of(state)->iterations();
}

void
orr_gbench_pause(orr_gbench_state *state)
{
    state_of(state)->PauseTiming();
}

void
orr_gbench_resume(orr_gbench_state *state)
{
    state_of(state)->ResumeTiming();
}

void
orr_gbench_spent(orr_gbench_state *state, double seconds)
{
    state_of(state)->SetIterationTime(seconds);
}

void
orr_gbench_counter(orr_gbench_state *state, const char *name, double value, unsigned flags)
{
    or_die([&] { state_of(state)->counters[name] = benchmark::Counter(value, flags_of(flags)); });
}

void
orr_gbench_items(orr_gbench_state *state, int64_t items)
{
    or_die([&] { state_of(state)->SetItemsProcessed(items); });
}

void
orr_gbench_bytes(orr_gbench_state *state, int64_t bytes)
{
    or_die([&] { state_of(state)->SetBytesProcessed(bytes); });
}

void
orr_gbench_label(orr_gbench_state *state, const char *label)
{
    or_die([&] { state_of(state)->SetLabel(label); });
}

void
orr_gbench_error(orr_gbench_state *state, const char *message)
{
    has_error.store(true, std::memory_order_relaxed); /* read after the joins */
    or_die([&] { state_of(state)->SkipWithError(message); });
}

void
orr_gbench_context(const char *key, const char *value)
{
    or_die([&] { benchmark::AddCustomContext(key, value); });
}

int
orr_gbench_main(int argc, char **argv)
{
    return or_die([&] {
        orr_gbench_context("orrery_build", ORR_GBENCH_BUILD);
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv))
            return 2;
        if (benchmark::RunSpecifiedBenchmarks() == 0) {
            std::fprintf(stderr, "orrery: no benchmark matches the filter; "
                                 "--benchmark_list_tests=true lists their names\n");
            return 2;
        }
        benchmark::Shutdown();
        return has_error.load(std::memory_order_relaxed) ? 1 : 0;
    });
}
