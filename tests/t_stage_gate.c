/* Gates: intervals and times, when a launch is due though the clock jumps, when a stage is complete. */
#include "stage_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t s; /* -1: refused */
    } intervals[] = {{"", 0},   {"1800", 1800}, {"30m", 1800}, {"6h", 21600}, {"1d", 86400}, {"2w", 1209600},
                     {"0", -1}, {"-1h", -1},    {"6x", -1},    {"h", -1},     {"6hh", -1}},
      times[]     = {{"", 0},
                     {"2026-12-01", 1796083200},
                     {"2026-12-01 06:00", 1796104800},
                     {"2026-12-01T06:00:30Z", 1796104830},
                     {"2026-02-30", -1},
                     {"tomorrow", -1},
                     {"2026-12-01 25:00", -1}};
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        int64_t s;
        enum err rc = stage_gate_interval(intervals[i].text, &s);
        assert_int_equal(rc, intervals[i].s < 0 ? ERR_CONFIG : ERR_OK);
        if (!rc) assert_int_equal(s, intervals[i].s);
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t s;
        enum err rc = stage_gate_time(times[i].text, &s);
        assert_int_equal(rc, times[i].s < 0 ? ERR_CONFIG : ERR_OK);
        if (!rc) assert_int_equal(s, times[i].s);
    }
}

static void test_due(void **state)
{
    (void)state;
    assert_false(stage_gate_is_due(1000, 0, 0, 999));
    assert_true(stage_gate_is_due(1000, 0, 0, 1000));
    assert_true(stage_gate_is_due(0, 100, 0, 5));
    assert_false(stage_gate_is_due(0, 100, 500, 599));
    assert_true(stage_gate_is_due(0, 100, 500, 600));
    assert_true(stage_gate_is_due(0, 100, 500, 10)); /* the clock has jumped back: no wait of years */
}

static void test_complete(void **state)
{
    (void)state;
    struct campaign_stage_cfg all   = {.completion_type = "located", .completion_pct = 100.0},
                              most  = {.completion_type = "located", .completion_pct = 95.0},
                              tried = {.completion_type = "complete", .completion_pct = 100.0};
    struct step_stage s             = {.n_files = 100, .n_done = 99, .n_live = 1};
    assert_false(stage_gate_is_complete(&all, &s));
    assert_true(stage_gate_is_complete(&most, &s));
    assert_false(stage_gate_is_complete(&tried, &s));
    s.n_done = 100; /* products are there before their submission is over */
    assert_false(stage_gate_is_complete(&all, &s));
    assert_true(stage_gate_is_complete(&most, &s));
    assert_false(stage_gate_is_complete(&tried, &s));
    assert_false(stage_gate_is_over(&s));
    s = (struct step_stage){.is_fresh = true, .n_live = 1}; /* nothing is stale any more */
    assert_false(stage_gate_is_complete(&all, &s));
    s.n_live = 0;
    assert_true(stage_gate_is_complete(&all, &s));
    s = (struct step_stage){.n_files = 100, .n_done = 94, .n_parked = 6};
    assert_false(stage_gate_is_complete(&all, &s));
    assert_false(stage_gate_is_complete(&most, &s));
    assert_true(stage_gate_is_complete(&tried, &s));
    assert_true(stage_gate_is_over(&s));
    s = (struct step_stage){.n_files = 100, .n_done = 100};
    assert_true(stage_gate_is_complete(&all, &s));
    s = (struct step_stage){.n_files = 0};
    assert_false(stage_gate_is_complete(&all, &s)); /* no input is not all of it */
    assert_false(stage_gate_is_complete(&most, &s));
    assert_false(stage_gate_is_complete(&tried, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_due),
                                       cmocka_unit_test(test_complete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
