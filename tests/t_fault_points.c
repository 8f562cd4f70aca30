/* Nothing lost, nothing doubled, one fault at a time: a manager killed at every point where it writes or asks; a full disk, a
 * database that is gone, a commit whose answer is lost, at every such call. The judge is that of t_faults.
 *   t_fault_points test_killed_everywhere     one of the tests
 *   t_fault_points replay SEED kill N         killed at point N; disk N K, db N K, unheard N: K calls fail from point N on
 * GM2_TEST_PGSQL names an empty database of a server (tests/server/faults.sh); GM2_EVERY: only each n-th point. */
#include "history.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- one fault at every point ------------------------------------------------------------------------------------------ */
static const struct history_plan quiet = {.n_managers = 1, .n_units = 6};

/* A manager works on it to the end, in this process. */
static void work(const struct fault_plan *plan)
{
    history_connect(1);
    fault_plan      = *plan;
    bool is_done    = history_loop(120, false);
    fault_plan.mode = FAULT_NONE;
    if (!is_done) fake_blame("not complete after 120 passes");
}

static void judge_quiet_end(bool is_each_started_once)
{
    int64_t n_lost = history_number(
        "select cast(coalesce(sum(attempts + stops), 0) as bigint) from stage_files where $1 = $2", 1, 1);
    int64_t n = history_number("select count(*) from submissions where $1 = $2", 1, 1);
    if (n_lost) fake_blame("%d attempts are counted, and no job has failed", (int)n_lost);
    if (is_each_started_once && n != fake->n_jobs) fake_blame("%d submissions, %d jobs", (int)n, fake->n_jobs);
}

static bool tell(uint64_t seed, const char *what, int64_t at, int64_t n)
{
    if (!fake->violation[0]) return true;
    print_error("%s at point %lld: %s\n    again: t_fault_points replay %llu %s %lld %lld\n", what, (long long)at,
                fake->violation, (unsigned long long)seed, what, (long long)at, (long long)n);
    return false;
}

/* How many points a history has, undisturbed. */
static int64_t count_points(uint64_t seed, enum fault_mode mode)
{
    struct fault_plan plan = {.mode = mode, .at = INT64_MAX / 2};
    history_begin(seed, &quiet);
    work(&plan);
    int64_t n = fault_plan.count;
    history_finish(20);
    judge_quiet_end(true);
    history_end();
    if (!tell(seed, "nothing", 0, 0)) return -1;
    return n;
}

static bool run_killed(uint64_t seed, int64_t at)
{
    struct fault_plan plan = {.mode = FAULT_KILL, .at = at}, none = {.mode = FAULT_NONE};
    int status = 0;
    history_begin(seed, &quiet);
    pid_t child = fork();
    if (child == 0) {
        work(&plan);
        _Exit(0);
    }
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) fake_blame("it was not killed");
    fake_is_working = false;
    work(&none);
    history_finish(20);
    judge_quiet_end(true);
    history_end();
    return tell(seed, "kill", at, 0);
}

static bool run_failing(uint64_t seed, enum fault_mode mode, const char *what, int64_t at, int64_t n)
{
    struct fault_plan plan = {.mode = mode, .at = at, .n = n};
    history_begin(seed, &quiet);
    history.may_fail = true;
    work(&plan);
    history.may_fail = false;
    history_finish(20);
    judge_quiet_end(mode != FAULT_DB_UNHEARD);
    history_end();
    return tell(seed, what, at, n);
}

static int64_t every(void)
{
    const char *wanted = getenv("GM2_EVERY");
#ifdef TEST_IS_SLOW
    return wanted ? strtol(wanted, NULL, 10) : 11;
#else
    return wanted ? strtol(wanted, NULL, 10) : 1;
#endif
}

static const uint64_t seeds[] = {3, 5}; /* a simulation of two launches, raw files; a stage after each */

static void test_killed_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        int64_t n = count_points(seeds[i], FAULT_COUNT);
        int n_bad = 0;
        for (int64_t at = 0; at < n && n_bad < 5; at += every()) n_bad += !run_killed(seeds[i], at);
        print_message("killed at one in %lld of %lld points\n", (long long)every(), (long long)n);
        assert_int_equal(n_bad, 0);
        assert_true(n > 50);
    }
}

static void test_each_fault(enum fault_mode mode, const char *what)
{
    static const int64_t lengths[] = {1, 3, 40};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        int64_t n = count_points(seeds[i], mode);
        int n_bad = 0;
        for (size_t k = 0; k < (mode == FAULT_DB_UNHEARD ? 1 : 3); k++)
            for (int64_t at = 0; at < n && n_bad < 5; at += (k ? 7 : 1) * every())
                n_bad += !run_failing(seeds[i], mode, what, at, lengths[k]);
        print_message("%s at one in %lld of %lld points\n", what, (long long)every(), (long long)n);
        assert_int_equal(n_bad, 0);
        assert_true(n > 10);
    }
}

static void test_full_disk(void **state)
{
    (void)state;
    test_each_fault(FAULT_DISK, "disk");
}
static void test_database_gone(void **state)
{
    (void)state;
    test_each_fault(FAULT_DB, "db");
}
static void test_answer_of_database_lost(void **state)
{
    (void)state;
    test_each_fault(FAULT_DB_UNHEARD, "unheard");
}

static int replay(char **argv, uint64_t seed, int64_t at, int64_t n)
{
    fault_is_verbose = true;
    if (strcmp(argv[3], "kill") == 0) return !run_killed(seed, at);
    if (strcmp(argv[3], "disk") == 0) return !run_failing(seed, FAULT_DISK, argv[3], at, n);
    if (strcmp(argv[3], "db") == 0) return !run_failing(seed, FAULT_DB, argv[3], at, n);
    return !run_failing(seed, FAULT_DB_UNHEARD, argv[3], at, n);
}

int main(int argc, char **argv)
{
    if (argc > 4 && strcmp(argv[1], "replay") == 0)
        return replay(argv, strtoull(argv[2], NULL, 10), strtoll(argv[4], NULL, 10),
                      argc > 5 ? strtoll(argv[5], NULL, 10) : 1);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_everywhere), cmocka_unit_test(test_full_disk),
                                       cmocka_unit_test(test_database_gone),
                                       cmocka_unit_test(test_answer_of_database_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
