/* What condor_q prints: running, held with a reason, numbers that are not there, other jobs' lines, lines cut short. */
#include "condor_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "gm2.a 12 2 1700000000 undefined 1.5 undefined 2000 undefined\n"
                               "gm2.b 13 5 undefined 0 0.0 0.0 0 Error from slot1: no such file\n"
                               "gm2.c 14 3 1700000000 1700000010 1 10 1 via condor_rm (by user me)\n";
    struct condor_ad ad;
    bool is_known;
    assert_int_equal(condor_query_parse(text, "gm2.a", &is_known, &ad), ERR_OK);
    assert_true(is_known && ad.status == CONDOR_RUNNING && ad.begin_s == 1700000000 && ad.end_s == -1);
    assert_true(ad.cpu_s == 1.5 && ad.wall_s == -1.0 && ad.rss_kb == 2000);
    assert_string_equal(ad.why, "");
    assert_int_equal(condor_query_parse(text, "gm2.b", &is_known, &ad), ERR_OK);
    assert_true(is_known && ad.status == CONDOR_HELD && ad.begin_s == -1);
    assert_string_equal(ad.why, "Error from slot1: no such file");
    assert_int_equal(condor_query_parse(text, "gm2.c", &is_known, &ad), ERR_OK);
    assert_true(is_known && ad.status == CONDOR_REMOVED);
    assert_int_equal(condor_query_parse(text, "gm2", &is_known, &ad), ERR_OK);
    assert_false(is_known);
    assert_int_equal(condor_query_parse("", "gm2.a", &is_known, &ad), ERR_OK);
    assert_false(is_known);
    assert_int_equal(condor_query_parse("gm2.a 12", "gm2.a", &is_known, &ad), ERR_AGAIN);
    assert_int_equal(condor_query_parse("gm2.a 12 9 0 0 0 0 0 x\n", "gm2.a", &is_known, &ad), ERR_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
