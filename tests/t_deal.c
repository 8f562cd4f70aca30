/* Dealing: order, exactly once, returns, silence, deadline. */
#include "deal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void longest_first_then_by_number(void **state)
{
    (void)state;
    const double cost[] = {1.0, 5.0, 5.0, 2.0};
    struct deal *d;
    assert_int_equal(deal_create(4, cost, 4, 0.0, &d), ERR_OK);
    assert_int_equal(deal_grant(d, 0, 0.0), 1);
    assert_int_equal(deal_grant(d, 0, 0.0), -1); /* it holds one */
    assert_int_equal(deal_grant(d, 1, 0.0), 2);
    assert_int_equal(deal_grant(d, 2, 0.0), 3);
    assert_int_equal(deal_grant(d, 3, 0.0), 0);
    deal_free(d);
}

static void every_unit_is_granted_once(void **state)
{
    (void)state;
    enum { N = 1000, WORKERS = 7 };
    double cost[N];
    int granted[N] = {0};
    for (int i = 0; i < N; i++) cost[i] = (double)(i * 7919 % 13);
    struct deal *d;
    assert_int_equal(deal_create(N, cost, WORKERS, 0.0, &d), ERR_OK);
    deal_skip(d, 17);
    for (size_t round = 0, w = 0; deal_count(d, DEAL_DONE) < N; round++, w = round % WORKERS) {
        int64_t unit = deal_grant(d, w, (double)round);
        assert_in_range(unit, 0, N - 1);
        granted[unit]++;
        if (round % 11 == 0)
            deal_return(d, w, (size_t)unit); /* dropped: must come again */
        else
            assert_int_equal(deal_report(d, w, (size_t)unit, true, (double)round + 0.5), ERR_OK);
        if (round % 11 == 0) granted[unit]--;
    }
    for (int i = 0; i < N; i++) assert_int_equal(granted[i], i == 17 ? 0 : 1);
    assert_int_equal(deal_grant(d, 0, 0.0), -1);
    deal_free(d);
}

static void a_report_of_a_unit_not_held_is_refused(void **state)
{
    (void)state;
    const double cost[] = {1.0, 1.0};
    struct deal *d;
    assert_int_equal(deal_create(2, cost, 2, 0.0, &d), ERR_OK);
    assert_int_equal(deal_grant(d, 0, 0.0), 0);
    assert_int_equal(deal_report(d, 1, 0, true, 1.0), ERR_LOGIC);
    assert_int_equal(deal_report(d, 0, 1, true, 1.0), ERR_LOGIC);
    assert_int_equal(deal_report(d, 0, 0, false, 1.0), ERR_OK);
    assert_int_equal(deal_count(d, DEAL_FAILED), 1);
    deal_free(d);
}

static void silence_is_noticed_and_stopping_stops(void **state)
{
    (void)state;
    const double cost[] = {1.0, 1.0, 1.0};
    struct deal *d;
    assert_int_equal(deal_create(3, cost, 3, 0.0, &d), ERR_OK);
    deal_heard(d, 0, 10.0);
    deal_heard(d, 1, 9.0);
    assert_int_equal(deal_silent(d, 11.0, 10.0), -1);
    assert_int_equal(deal_silent(d, 5.0, 10.0), 2);
    deal_stop(d);
    assert_int_equal(deal_grant(d, 0, 10.0), -1);
    deal_free(d);
}

static void no_unit_that_would_pass_the_deadline(void **state)
{
    (void)state;
    const double cost[] = {10.0, 10.0, 10.0};
    struct deal *d;
    assert_int_equal(deal_create(3, cost, 1, 0.0, &d), ERR_OK);
    deal_deadline(d, 150.0);
    assert_int_equal(deal_grant(d, 0, 0.0), 0); /* speed unknown: begin */
    assert_int_equal(deal_report(d, 0, 0, true, 70.0), ERR_OK);
    assert_int_equal(deal_grant(d, 0, 70.0), 1); /* ends at 140 */
    assert_int_equal(deal_report(d, 0, 1, true, 140.0), ERR_OK);
    assert_int_equal(deal_grant(d, 0, 140.0), -1);
    assert_true(deal_is_stopped(d));
    deal_free(d);
}

static void units_come_while_others_are_dealt(void **state)
{
    (void)state;
    struct deal *d;
    assert_int_equal(deal_create(0, NULL, 2, 0.0, &d), ERR_OK);
    assert_int_equal(deal_grant(d, 0, 0.0), -1);
    for (int64_t i = 0; i < 200; i++) {
        assert_int_equal(deal_add(d, 1.0 + (double)i), ERR_OK); /* in order of coming, not of length */
        assert_int_equal(deal_grant(d, (size_t)(i % 2), 0.0), i);
        assert_int_equal(deal_report(d, (size_t)(i % 2), (size_t)i, true, 1.0), ERR_OK);
    }
    assert_int_equal(deal_count(d, DEAL_DONE), 200);
    assert_int_equal(deal_add(d, 1.0), ERR_OK);
    assert_int_equal(deal_count(d, DEAL_PENDING), 1);
    deal_stop(d);
    assert_int_equal(deal_grant(d, 0, 0.0), -1);
    deal_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_first_then_by_number),
        cmocka_unit_test(every_unit_is_granted_once),
        cmocka_unit_test(a_report_of_a_unit_not_held_is_refused),
        cmocka_unit_test(silence_is_noticed_and_stopping_stops),
        cmocka_unit_test(units_come_while_others_are_dealt),
        cmocka_unit_test(no_unit_that_would_pass_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
