/* Medians, Slurm's time limits, and how many jobs a split makes. */
#include "estimate.h"
#include "mem.h"
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_median(void **state)
{
    (void)state;
    double odd[] = {9.0, 1.0, 5.0}, even[] = {4.0, 1.0, 3.0, 2.0};
    assert_true(estimate_median(odd, 3) == 5.0);
    assert_true(estimate_median(even, 4) == 2.5);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double s;
    } all[] = {
        {"30", 1800.0},        {"90:30", 5430.0}, {"12:00:00", 43200.0}, {"1-12", 129600.0}, {"2-1:30", 178200.0},
        {"1-0:0:10", 86410.0}, {"", -1.0},        {"12h", -1.0},         {"1:2:3:4", -1.0},  {"x-1", -1.0}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) assert_true(plan_time_limit_s(all[i].text) == all[i].s);
}

static void count(const char *split, double wanted)
{
    struct split s;
    struct split_file files[10];
    double n;
    for (int i = 0; i < 10; i++)
        files[i] = (struct split_file){i + 1, 100 + i / 4, 1000 + i, true}; /* runs of 4, 4, 2 */
    assert_int_equal(split_parse(split, &s), ERR_OK);
    assert_int_equal(plan_count_jobs(&s, files, 10, &n), ERR_OK);
    assert_true(n == wanted);
    assert_int_equal(plan_count_jobs(&s, files, 0, &n), ERR_OK);
    assert_true(n == 0.0);
}

static void test_jobs(void **state)
{
    (void)state;
    count("nfiles(3)", 4.0);
    count("drainingn(10)", 1.0);
    count("draining", 1.0);
    count("byexistingruns", 3.0);
    count("byrun(low=101,high=103)", 2.0);
    count("mod(3)", 3.0);
    count("new(window=5s,fts=0,firsttime=1000)", 2.0);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_median), cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_jobs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
