/* What squeue and sacct print: states, elements of arrays, a job submitted twice, lines cut short, units of memory and time.
 * A controller that does not answer, and one that lists what has ended. */
#include "slurm_query.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void test_squeue(void **state)
{
    (void)state;
    static const char text[]        = "11|N/A|RUNNING|None|1700000000|1700000900|gm2.a.x\n"
                                      "12|N/A|PENDING|DependencyNeverSatisfied|N/A|N/A|gm2.a.y\n"
                                      "13_0|0|COMPLETED|None|1700000000|1700000010|gm2.a.array\n"
                                      "13_10|10|NODE_FAIL|None|1700000000|1700000010|gm2.a.array\n"
                                      "13_[11-20]|11-20|PENDING|JobArrayTaskLimit|N/A|N/A|gm2.a.array\n"
                                      "14|N/A|OUT_OF_MEMORY|OutOfMemory|1700000000|1700000010|gm2.a.twice\n"
                                      "15|N/A|RUNNING|None|1700000020|N/A|gm2.a.twice\n"
                                      "16|N/A|PENDING|JobHeldAdmin|N/A|N/A|gm2.a.admin\n"
                                      "17|N/A|PENDING|launch failed requeued held|N/A|N/A|gm2.a.launch\n"
                                      "18|N/A|REQUEUE_HOLD|None|N/A|N/A|gm2.a.requeue\n"
                                      "19|N/A|RUNNING|None";
    static const char *const held[] = {"gm2.a.admin", "gm2.a.launch", "gm2.a.requeue"};
    struct slurm_job j;
    assert_true(slurm_query_parse(text, "gm2.a.x", -1, &j));
    assert_string_equal(j.id, "11");
    assert_int_equal(j.begin_s, 1700000000);
    assert_string_equal(j.reason, "");
    assert_true(slurm_query_parse(text, "gm2.a.y", -1, &j));
    assert_string_equal(j.reason, "DependencyNeverSatisfied");
    assert_int_equal(j.begin_s, -1);
    assert_int_equal(slurm_query_answer(&j), EXECUTOR_WAITING);
    assert_true(slurm_query_parse(text, "gm2.a.array", 10, &j));
    assert_string_equal(j.state, "NODE_FAIL");
    assert_int_equal(slurm_query_answer(&j), EXECUTOR_ENDED);
    assert_false(slurm_query_parse(text, "gm2.a.array", 1, &j));
    assert_true(slurm_query_parse(text, "gm2.a.twice", -1, &j)); /* the one that lives */
    assert_string_equal(j.id, "15");
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        assert_true(slurm_query_parse(text, held[i], -1, &j));
        assert_int_equal(slurm_query_answer(&j), EXECUTOR_HELD);
    }
    assert_false(slurm_query_parse(text, "gm2.a", -1, &j));
    assert_false(slurm_query_parse(text, "", -1, &j));
    assert_false(slurm_query_parse("", "gm2.a.x", -1, &j));
}

static void test_sacct(void **state)
{
    (void)state;
    static const char text[] = "7|CANCELLED by 1000|1700000000|1700000100|100|1-02:03:04.500||None\n"
                               "7.batch|CANCELLED|1700000000|1700000100|100|00:01.000|512K|\n"
                               "7.0|CANCELLED|1700000000|1700000100|100|26:03:03.5|1.5G|\n";
    struct executor_report r = EXECUTOR_REPORT_NONE;
    assert_true(slurm_account_parse(text, &r));
    assert_string_equal(r.state, "CANCELLED");
    assert_string_equal(r.reason, "");
    assert_int_equal(r.end_s, 1700000100);
    assert_true(r.wall_s == 100.0);
    assert_true(r.cpu_s == 86400.0 + 2 * 3600.0 + 3 * 60.0 + 4.5);
    assert_int_equal(r.max_rss_kb, 1572864);
    struct executor_report none = EXECUTOR_REPORT_NONE;
    assert_false(slurm_account_parse("", &none));
    assert_false(slurm_account_parse("7|RUNNING", &none));
    assert_true(none.cpu_s == -1.0 && none.max_rss_kb == -1);
}

static void put_squeue(const char *body)
{
    FILE *f = fopen("squeue.new", "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\necho >>asked\n%s\n", body);
    fclose(f);
    assert_int_equal(chmod("squeue.new", 0755), 0);
    assert_int_equal(rename("squeue.new", "squeue"), 0);
}

/* ---- a job that has ended, listed as running ------------------------------------------------------------------------------ */
static void put_job(FILE *list, const char *folder, int id, int begun_s_ago, int ended_s_ago)
{
    char name[EXECUTOR_MAX_NAME], path[300];
    time_t now = time(NULL);
    assert_int_equal(mkdir(folder, 0755), 0);
    executor_job_name(folder, "", folder, name);
    fprintf(list, "%d|N/A|RUNNING|None|%lld|N/A|%s\n", id, (long long)now - begun_s_ago, name);
    if (ended_s_ago < 0) return;
    snprintf(path, sizeof path, "%s/exit", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "3\nbegin_s %lld\n", (long long)now - begun_s_ago);
    fclose(f);
    struct timespec t[2] = {{.tv_sec = now - ended_s_ago}, {.tv_sec = now - ended_s_ago}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void test_listed_still(void **state)
{
    (void)state;
    static const char *const folder[] = {"runs", "ends_now", "earlier_life", "over"};
    static const int begun_s_ago[] = {500, 500, 100, 500}, ended_s_ago[] = {-1, 5, 200, 200};
    FILE *list = fopen("list", "w");
    assert_non_null(list);
    for (int i = 0; i < 4; i++) put_job(list, folder[i], 20 + i, begun_s_ago[i], ended_s_ago[i]);
    fclose(list);
    put_squeue("cat list");
    for (int i = 0; i < 4; i++) {
        struct executor_report r;
        assert_int_equal(executor_slurm.ask(folder[i], folder[i], "", &r), ERR_OK);
        assert_int_equal(r.answer, i == 3 ? EXECUTOR_ENDED : EXECUTOR_RUNNING);
        assert_int_equal(r.exit_code, i == 3 ? 3 : -1);
        assert_string_equal(r.state, i == 3 ? "FAILED" : "RUNNING");
    }
}

/* ---- a controller that is away ---------------------------------------------------------------------------------------- */
static long n_asked(void)
{
    struct stat st;
    return stat("asked", &st) == 0 ? (long)st.st_size : 0;
}

/* Many submissions, one question; and it is asked again when the controller is back. */
static void test_away(void **state)
{
    (void)state;
    struct slurm_job j;
    bool is_known = true;
    put_squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(slurm_query("gm2.a.x", -1, i % 2, &is_known, &j), ERR_AGAIN);
        assert_non_null(strstr(err_message(), "Unable to contact"));
        err_clear();
        assert_false(is_known);
    }
    assert_true(n_asked() >= 1 && n_asked() <= 20); /* 1, or more on a machine that takes seconds for it */
    put_squeue("echo '11|N/A|RUNNING|None|1700000000|1700000900|gm2.a.x'");
    for (int i = 0; i < 600 && !is_known; i++) {
        if (slurm_query("gm2.a.x", -1, false, &is_known, &j)) err_clear();
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    assert_true(is_known);
    assert_string_equal(j.id, "11");
}

int main(void)
{
    static char folder[] = "/tmp/t_slurm_query.XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
    char path[4096];
    snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", path, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_squeue), cmocka_unit_test(test_sacct),
                                       cmocka_unit_test(test_listed_still), cmocka_unit_test(test_away)};
    int n_failed                    = cmocka_run_group_tests(tests, NULL, NULL);
    const char *const leavings[]    = {"squeue", "asked", "list", "ends_now/exit", "earlier_life/exit", "over/exit"};
    const char *const made[]        = {"runs", "ends_now", "earlier_life", "over", folder};
    for (size_t i = 0; i < sizeof leavings / sizeof leavings[0]; i++) unlink(leavings[i]);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) rmdir(made[i]);
    return n_failed;
}
