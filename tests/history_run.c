/* Histories from a seed to the verdict. */
#include "history.h"

#include <stdio.h>

static int64_t n_seen[FAKE_N_FAULTS], n_passes, n_submissions, n_jobs, n_rogues, n_changes, n_given_up;

bool history_run(uint64_t seed)
{
    uint64_t dice            = seed;
    struct history_plan plan = {.has_faults = true, .has_jumps = true, .n_managers = 1 + fake_roll(&dice, 3)};
    plan.has_change          = fake_chance(&dice, 40);
    history_begin(seed, &plan);
    history.is_judged = true;
    history_connect(plan.n_managers);
    (void)history_loop(15 + fake_roll(&dice, 25), plan.has_jumps);
    history_finish(400);
    n_submissions += history_number("select count(*) from submissions where $1 = $2", 1, 1);
    int64_t n_unstarted =
        history_number("select count(*) from submissions where reason like 'never started%' and $1 = $2", 1, 1);
    history_end();
    for (int i = 0; i < FAKE_N_FAULTS; i++) n_seen[i] += fake->n_seen[i];
    n_passes += history.n_passes;
    n_jobs += fake->n_jobs;
    n_rogues += fake->n_rogues;
    n_changes += history.change_at >= 0;
    n_given_up += n_unstarted;
    if (!fake->violation[0]) return true;
    fprintf(stderr, "history %llu: %s\n    again, with its log: t_faults replay %llu\n", (unsigned long long)seed,
            fake->violation, (unsigned long long)seed);
    return false;
}

int history_run_many(uint64_t first, long n)
{
    int n_bad = 0;
    for (long i = 0; i < n && n_bad < 10; i++) n_bad += !history_run(first + (uint64_t)i);
    printf("%ld histories: %lld passes, %lld submissions, %lld jobs, %lld products of other bytes\n", n,
           (long long)n_passes, (long long)n_submissions, (long long)n_jobs, (long long)n_rogues);
    printf("  %-14s %lld, %lld submissions given up\n", "new version", (long long)n_changes, (long long)n_given_up);
    if (n >= 100 && (!n_changes || !n_given_up)) n_bad++;
    for (int i = 0; i < FAKE_N_FAULTS; i++) {
        printf("  %-14s %lld\n", fake_fault_names[i], (long long)n_seen[i]);
        if (n_seen[i] == 0 && n >= 100) n_bad++; /* a fault that never came has not been met */
    }
    return n_bad;
}
