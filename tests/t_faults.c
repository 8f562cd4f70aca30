/* Nothing lost, nothing doubled: histories of campaigns on a batch system that goes wrong in twenty ways (fake_scheduler.h), with up
 * to three managers at a time and clocks that jump.
 *   t_faults                 1,000 histories
 *   t_faults replay SEED     one of them, with its log
 *   t_faults N FIRST         N of them */
#include "history.h"

#include "mem.h"
#include "stage_products.h"
#include "step_settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef TEST_IS_SLOW /* sanitizers */
static long n_histories = 100;
#else
static long n_histories = 1000;
#endif
static uint64_t first = 1;

static const struct history_plan quiet = {.n_managers = 1, .n_units = 6};

/* Where files have no locks, two passes may end one submission: the second, that looked before, takes nothing. */
static void test_products_of_the_past(void **state)
{
    (void)state;
    struct stage_work w;
    struct ledger_submission *live, ended;
    struct ingest_tally tally = {.n = {0}};
    size_t n;
    history_begin(5, &quiet); /* raw files */
    history_connect(1);
    struct catalogue *c = history.manager[0];
    history_pass(0);
    fake_advance(1000); /* all have ended */
    assert_int_equal(stage_work_begin(c, &history.campaign, history.campaign_id, 0, "test", &w), ERR_OK);
    assert_int_equal(ledger_submissions(c, w.stage_id, true, &live, &n), ERR_OK);
    assert_true(n > 0);
    ended = live[0];
    assert_int_equal(ledger_change(c, &ended, LEDGER_FAILED, NULL, "by another pass"), ERR_OK);
    assert_int_equal(stage_products_take(&w, &live[0], 0, &tally), ERR_MISMATCH);
    assert_int_equal(history_number("select count(*) from files where data_tier = 'reco' and $1 = $2", 1, 1), 0);
    assert_int_equal(ledger_change(c, &ended, LEDGER_RUNNING, NULL, ""), ERR_OK);
    assert_int_equal(stage_products_take(&w, &live[0], 0, &tally), ERR_OK);
    assert_true(tally.n[CATALOGUE_DECLARED] > 0);
    mem_free(live);
    history_end();
}

/* What a job made counts, though its input is not wanted any more. */
static void test_input_retired_meanwhile(void **state)
{
    (void)state;
    history_begin(5, &quiet);
    history_connect(1);
    history_pass(0);
    fake_advance(1000);
    assert_int_equal(catalogue_retire(history.manager[0], "daq_00000.mid", "not wanted", "test"), ERR_OK);
    history_pass(0);
    assert_string_equal(fake->violation, "");
    assert_int_equal(history_number("select count(*) from submissions where state = 6000 and $1 = $2", 1, 1), 0);
    history_end();
}

/* Its job may be there all the same, and begin: it finds that it is too late. */
static void test_refused_start_is_closed(void **state)
{
    (void)state;
    struct stage_work w;
    struct ledger_submission *live;
    char folder[STAGE_MAX_PATH], closed[STAGE_MAX_PATH + 16];
    size_t n;
    history_begin(5, &quiet);
    history_connect(1);
    history_pass(0);
    assert_int_equal(stage_work_begin(history.manager[0], &history.campaign, history.campaign_id, 0, "test", &w),
                     ERR_OK);
    assert_int_equal(ledger_submissions(w.catalogue, w.stage_id, true, &live, &n), ERR_OK);
    assert_true(n > 0);
    stage_work_folder(&w, live[0].name, folder);
    snprintf(closed, sizeof closed, "%s/closed", folder);
    assert_int_not_equal(access(closed, F_OK), 0);
    assert_int_equal(err_fail(ERR_CONFIG, __FILE__, __LINE__, "no such option"), ERR_CONFIG);
    assert_int_equal(step_refuse(&w, &live[0]), ERR_OK);
    assert_int_equal(live[0].state, LEDGER_LAUNCH_FAILED);
    assert_int_equal(access(closed, F_OK), 0);
    mem_free(live);
    history_end();
}

static void test_histories(void **state)
{
    (void)state;
    assert_int_equal(history_run_many(first, n_histories), 0);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "replay") == 0) {
        fault_is_verbose = true;
        return !history_run(strtoull(argv[2], NULL, 10));
    }
    if (argc > 1) n_histories = strtol(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_the_past), cmocka_unit_test(test_input_retired_meanwhile),
        cmocka_unit_test(test_refused_start_is_closed), cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
