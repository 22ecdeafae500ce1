/* team.c - a team of workers does two jobs, one after the other: each member does each of them once, sees what came
 * before and is seen by who called; nobody sleeps until its time is over. */
#include "tests/explore/explore.h"

#include "collectors/parts/workers.h"

enum { MEMBERS = 3, JOBS = 2 };

static struct orr_workers team;
static unsigned done[JOBS][MEMBERS]; /* plain, all: the race detector judges */
static unsigned sums[JOBS], number;

static void
job(uint32_t member, void *argument)
{
    explore_check(argument == &sums[number] && done[number][member] == 0);
    done[number][member] = 1;
    for (unsigned other = 0; number > 0 && other < MEMBERS; other++)
        explore_check(done[number - 1][other] == 1);
}

static void
setup(void)
{
    orr_workers_start(&team, MEMBERS - 1);
    explore_check(team.count == MEMBERS);
    explore_name(&team, sizeof team, "team");
}

static void
body(unsigned fibre)
{
    (void)fibre;
    for (number = 0; number < JOBS; number++) {
        orr_workers_run(&team, job, &sums[number]);
        for (unsigned member = 0; member < MEMBERS; member++)
            sums[number] += done[number][member];
        explore_check(sums[number] == MEMBERS);
    }
}

static void
check(void)
{
    explore_check(explore_timeouts() == 0);
}

EXPLORE_SCENARIO(team) = {
    .name = EXPLORE_NAME, .covers = "I21", .fibres = 1, .setup = setup, .body = body, .check = check};
