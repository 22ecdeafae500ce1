/* workers.c - collectors/parts/workers: a team gives every member the job once, whatever its size. */
#include "collectors/parts/workers.h"

#include "runtime/atomics.h"

#include <criterion/criterion.h>

static struct orr_workers team;
static _Atomic(uint32_t) turns[ORR_WORKERS_MAX];

static void
take_turn(uint32_t member, void *argument)
{
    cr_assert_eq(argument, &team);
    cr_assert(member < ORR_WORKERS_MAX);
    orr_add_relaxed(&turns[member], 1); /* relaxed: the end of the job orders */
}

/* Three jobs for a team that should have so many members. */
static void
work_with(uint32_t helpers, uint32_t members)
{
    team = (struct orr_workers){0};
    for (uint32_t i = 0; i < ORR_WORKERS_MAX; i++)
        orr_store_relaxed(&turns[i], 0); /* relaxed: nobody is there */
    orr_workers_start(&team, helpers);
    cr_assert_eq(team.count, members, "%u members, not %u", team.count, members);
    for (uint32_t job = 1; job <= 3; job++) {
        orr_workers_run(&team, take_turn, &team);
        for (uint32_t i = 0; i < ORR_WORKERS_MAX; i++)
            cr_assert_eq(orr_load_relaxed(&turns[i]), i < members ? job : 0, "member %u", i);
    }
    orr_workers_stop(&team);
}

Test(workers, each_member_does_each_job_once, .timeout = 60)
{
    work_with(0, 1);
    work_with(1, 2);
    work_with(3, 4);
}

Test(workers, a_team_has_an_upper_bound, .timeout = 60)
{
    work_with(1000, ORR_WORKERS_MAX);
}

Test(workers, where_the_system_refuses_threads_fewer_do_the_work, .timeout = 60)
{
    orr_fail_thread_start(1, true);
    work_with(7, 1);
    orr_fail_thread_start(4, true);
    work_with(7, 4);
    orr_fail_thread_start(0, false);
}
