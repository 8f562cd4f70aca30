/* What squeue and sacct print: states, elements of arrays, a job submitted twice, lines cut short, units of memory and time. */
#include "slurm_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_squeue(void **state)
{
    (void)state;
    static const char text[] = "11|N/A|RUNNING|None|1700000000|1700000900|gm2.a.x\n"
                               "12|N/A|PENDING|DependencyNeverSatisfied|N/A|N/A|gm2.a.y\n"
                               "13_0|0|COMPLETED|None|1700000000|1700000010|gm2.a.array\n"
                               "13_10|10|NODE_FAIL|None|1700000000|1700000010|gm2.a.array\n"
                               "13_[11-20]|11-20|PENDING|JobArrayTaskLimit|N/A|N/A|gm2.a.array\n"
                               "14|N/A|OUT_OF_MEMORY|OutOfMemory|1700000000|1700000010|gm2.a.twice\n"
                               "15|N/A|RUNNING|None|1700000020|N/A|gm2.a.twice\n"
                               "16|N/A|RUNNING|None";
    struct slurm_job j;
    assert_true(slurm_query_parse(text, "gm2.a.x", -1, &j));
    assert_string_equal(j.id, "11");
    assert_int_equal(j.begin_s, 1700000000);
    assert_string_equal(j.reason, "");
    assert_true(slurm_query_parse(text, "gm2.a.y", -1, &j));
    assert_string_equal(j.reason, "DependencyNeverSatisfied");
    assert_int_equal(j.begin_s, -1);
    assert_int_equal(slurm_query_answer(j.state), EXECUTOR_WAITING);
    assert_true(slurm_query_parse(text, "gm2.a.array", 10, &j));
    assert_string_equal(j.state, "NODE_FAIL");
    assert_int_equal(slurm_query_answer(j.state), EXECUTOR_ENDED);
    assert_false(slurm_query_parse(text, "gm2.a.array", 1, &j));
    assert_true(slurm_query_parse(text, "gm2.a.twice", -1, &j)); /* the one that lives */
    assert_string_equal(j.id, "15");
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_squeue), cmocka_unit_test(test_sacct)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
