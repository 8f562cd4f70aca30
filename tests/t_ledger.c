/* The ledger: a file is held by one live submission, attempts are counted, states change once. SQLite here, PostgreSQL by
 * GM2_TEST_PGSQL (tests/server/units.sh). */
#include "ledger.h"
#include "mem.h"
#include "test_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t campaign, stage;

static void test_names(void **state)
{
    (void)state;
    int64_t again, other;
    bool is_held;
    char file[1024];
    assert_int_equal(ledger_init(catalogue), ERR_OK); /* twice is once */
    assert_int_equal(ledger_campaign(catalogue, "run3", "/x/c.fcl", "a: 1", "me", &campaign), ERR_OK);
    assert_int_equal(ledger_campaign(catalogue, "run3", "/x/c.fcl", "a: 2", "me", &again), ERR_OK);
    assert_int_equal(again, campaign);
    assert_int_equal(ledger_campaign_find(catalogue, "run4", &again, &is_held, file), ERR_NOTFOUND);
    assert_int_equal(ledger_hold(catalogue, "run3", true, "me"), ERR_OK);
    assert_int_equal(ledger_campaign_find(catalogue, "run3", &again, &is_held, file), ERR_OK);
    assert_true(is_held);
    assert_string_equal(file, "/x/c.fcl");
    assert_int_equal(ledger_stage(catalogue, campaign, "full", "v1", &stage), ERR_OK);
    assert_int_equal(ledger_stage(catalogue, campaign, "full", "v1", &again), ERR_OK);
    assert_int_equal(again, stage);
    assert_int_equal(ledger_stage(catalogue, campaign, "full", "v2", &other), ERR_OK);
    assert_int_not_equal(other, stage); /* another version does all anew */
}

/* As the executor and the catalogue would say: n files of `left` have no product. */
struct said {
    enum ledger_state to;
    const int64_t *left;
    size_t n;
};

static enum err judge(void *context, struct ledger_verdict *v)
{
    const struct said *said = context;
    *v                      = (struct ledger_verdict){.to = said->to, .n_not_done = said->n};
    TRY(mem_alloc(&v->not_done, said->n + 1, sizeof *v->not_done));
    if (said->n) memcpy(v->not_done, said->left, said->n * sizeof *said->left);
    return ERR_OK;
}

static enum err end(struct ledger_submission *s, enum ledger_state to, const int64_t *left, size_t n)
{
    struct said said = {to, left, n};
    return ledger_end(catalogue, s, 2, judge, &said);
}

static enum err refuse(void *context)
{
    (void)context;
    FAIL(ERR_MISMATCH, "not now");
}

static size_t count_taken(size_t *n_parked)
{
    int64_t *ids;
    size_t n;
    assert_int_equal(ledger_taken(catalogue, stage, &ids, &n, n_parked), ERR_OK);
    mem_free(ids);
    return n;
}

static void test_holding(void **state)
{
    (void)state;
    static const int64_t first[] = {10, 11, 12}, overlap[] = {13, 12}, left[] = {12};
    struct ledger_submission a, b;
    size_t n_parked;
    assert_int_equal(ledger_reserve(catalogue, stage, "slice0", first, 3, NULL, &a), ERR_OK);
    assert_int_equal(a.state, LEDGER_NEW);
    assert_int_equal(ledger_reserve(catalogue, stage, "slice1", overlap, 2, NULL, &b), ERR_MISMATCH);
    assert_int_equal(count_taken(&n_parked), 3); /* nothing of the refused one */
    /* of two that change it, one does */
    struct ledger_submission twin = a;
    assert_int_equal(ledger_change(catalogue, &a, LEDGER_RUNNING, "4711", ""), ERR_OK);
    assert_int_equal(ledger_change(catalogue, &twin, LEDGER_RUNNING, "4712", ""), ERR_MISMATCH);
    assert_string_equal(a.batch_id, "4711");
    /* 12 has no product: one attempt of two */
    assert_int_equal(end(&a, LEDGER_FAILED, left, 1), ERR_OK);
    assert_int_equal(count_taken(&n_parked), 0);
    assert_int_equal(end(&twin, LEDGER_FAILED, left, 1), ERR_MISMATCH);
    /* stopped by a signal: no attempt */
    assert_int_equal(ledger_reserve(catalogue, stage, "slice1", left, 1, NULL, &b), ERR_OK);
    assert_int_equal(end(&b, LEDGER_CANCELLED, left, 1), ERR_OK);
    assert_int_equal(count_taken(&n_parked), 0);
    /* the second attempt: parked */
    assert_int_equal(ledger_reserve(catalogue, stage, "slice2", left, 1, NULL, &b), ERR_OK);
    assert_int_equal(end(&b, LEDGER_FAILED, left, 1), ERR_OK);
    assert_int_equal(count_taken(&n_parked), 1);
    assert_int_equal(n_parked, 1);
    assert_int_equal(ledger_reserve(catalogue, stage, "slice3", left, 1, NULL, &b), ERR_MISMATCH);
    assert_int_equal(ledger_unpark(catalogue, stage, "me"), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, stage, "slice3", left, 1, NULL, &b), ERR_OK);
    struct ledger_submission *all;
    size_t n;
    assert_int_equal(ledger_submissions(catalogue, stage, true, &all, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(all[0].id, b.id);
    mem_free(all);
    int64_t *files, n_all;
    assert_int_equal(ledger_files(catalogue, a.id, &files, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(files[2], 12);
    mem_free(files);
    assert_int_equal(ledger_count(catalogue, stage, &n_all), ERR_OK);
    assert_int_equal(n_all, 4);
}

static struct executor_report read_seen(int64_t id)
{
    struct executor_report seen = EXECUTOR_REPORT_NONE;
    struct ledger_submission *all;
    size_t n;
    assert_int_equal(ledger_submissions(catalogue, stage, false, &all, &n), ERR_OK);
    for (size_t i = 0; i < n; i++)
        if (all[i].id == id) seen = all[i].seen;
    mem_free(all);
    return seen;
}

static void test_seeing(void **state)
{
    (void)state;
    static const int64_t file[]    = {40};
    struct executor_report running = EXECUTOR_REPORT_NONE, ended = EXECUTOR_REPORT_NONE, seen;
    struct ledger_submission s;
    assert_int_equal(ledger_reserve(catalogue, stage, "seen", file, 1, NULL, &s), ERR_OK);
    seen = read_seen(s.id);
    assert_true(seen.begin_s == -1 && seen.cpu_s == -1.0 && seen.exit_code == -1 && !*seen.state);
    running.begin_s = 1700000000;
    snprintf(running.state, sizeof running.state, "RUNNING");
    assert_int_equal(ledger_see(catalogue, &s, &running), ERR_OK);
    ended.end_s      = 1700000100;
    ended.cpu_s      = 80.5;
    ended.wall_s     = 100.0;
    ended.max_rss_kb = 123456;
    ended.exit_code  = 0;
    snprintf(ended.state, sizeof ended.state, "OUT_OF_MEMORY");
    snprintf(ended.reason, sizeof ended.reason, "OutOfMemory");
    assert_int_equal(ledger_see(catalogue, &s, &ended), ERR_OK);
    seen = read_seen(s.id);
    assert_true(seen.begin_s == 1700000000 && seen.end_s == 1700000100);
    assert_true(seen.cpu_s == 80.5 && seen.wall_s == 100.0 && seen.max_rss_kb == 123456 && seen.exit_code == 0);
    assert_string_equal(seen.state, "OUT_OF_MEMORY");
    assert_string_equal(seen.reason, "OutOfMemory");
    /* a late and poorer answer takes nothing away */
    struct executor_report none = EXECUTOR_REPORT_NONE;
    assert_int_equal(ledger_see(catalogue, &s, &none), ERR_OK);
    seen = read_seen(s.id);
    assert_string_equal(seen.state, "OUT_OF_MEMORY");
    assert_int_equal(seen.max_rss_kb, 123456);
}

/* A check speaks within the transaction: what it refuses is not done. */
static void test_checks(void **state)
{
    (void)state;
    static const int64_t file[]            = {4000};
    static const struct catalogue_check no = {refuse, NULL};
    static const char text[] = "{\"file_name\": \"x.h5\", \"file_size\": 1, \"checksum\": [\"adler32:00000001\"], "
                               "\"data_tier\": \"raw\", \"runs\": [[1, 1, \"physics\"]]}";
    struct ledger_submission s;
    struct catalogue_file f;
    struct catalogue_result result;
    int64_t id;
    assert_int_equal(ledger_reserve(catalogue, stage, "checked", file, 1, &no, &s), ERR_MISMATCH);
    assert_int_equal(catalogue_parse(text, "here", &f), ERR_OK);
    assert_int_equal(catalogue_declare_if(catalogue, &no, &f, 1, "me", &result), ERR_MISMATCH);
    assert_int_equal(catalogue_count(catalogue, "file_name x.h5 with availability any", &id, &id, &id), ERR_OK);
    assert_int_equal(id, 0);
    catalogue_file_free(&f);
    /* refreshed: its state is that of now; over is over */
    assert_int_equal(ledger_reserve(catalogue, stage, "checked", file, 1, NULL, &s), ERR_OK);
    struct ledger_submission other = s;
    assert_int_equal(ledger_change(catalogue, &s, LEDGER_RUNNING, "4713", ""), ERR_OK);
    assert_int_equal(ledger_refresh(catalogue, &other), ERR_OK);
    assert_int_equal(other.state, LEDGER_RUNNING);
    assert_string_equal(other.batch_id, "4713");
    assert_int_equal(end(&s, LEDGER_LOCATED, NULL, 0), ERR_OK);
    assert_int_equal(ledger_refresh(catalogue, &other), ERR_MISMATCH);
}

/* Two stages that make the same of a file: one at a time. Another version, and launches of a simulation, are no matter. */
static void test_two_stages(void **state)
{
    (void)state;
    static const int64_t both[] = {7001}, launch[] = {-3};
    struct ledger_submission a, b;
    int64_t one, two, other, *ids;
    size_t n, n_parked;
    assert_int_equal(ledger_stage(catalogue, campaign, "item.a", "same", &one), ERR_OK);
    assert_int_equal(ledger_stage(catalogue, campaign, "item.b", "same", &two), ERR_OK);
    assert_int_equal(ledger_stage(catalogue, campaign, "item.b", "another", &other), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, one, "x", both, 1, NULL, &a), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, two, "x", both, 1, NULL, &b), ERR_MISMATCH);
    assert_int_equal(ledger_taken(catalogue, two, &ids, &n, &n_parked), ERR_OK);
    assert_true(n == 1 && ids[0] == 7001 && n_parked == 0);
    mem_free(ids);
    assert_int_equal(ledger_taken(catalogue, other, &ids, &n, &n_parked), ERR_OK);
    assert_int_equal(n, 0);
    mem_free(ids);
    assert_int_equal(ledger_reserve(catalogue, other, "x", both, 1, NULL, &b), ERR_OK);
    assert_int_equal(end(&a, LEDGER_LOCATED, NULL, 0), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, two, "x", both, 1, NULL, &b), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, one, "x", launch, 1, NULL, &a), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, two, "x", launch, 1, NULL, &b), ERR_OK);
}

/* A job that is stopped again and again without a product is no endless loop. */
static void test_stops(void **state)
{
    (void)state;
    static const int64_t file[] = {5000};
    struct ledger_submission s;
    size_t n_parked, n_tries = 0;
    while (ledger_reserve(catalogue, stage, "stopped", file, 1, NULL, &s) == ERR_OK) {
        assert_int_equal(end(&s, LEDGER_CANCELLED, file, 1), ERR_OK);
        n_tries++;
    }
    assert_int_equal(n_tries, 2 * LEDGER_STOPS_AN_ATTEMPT);
    count_taken(&n_parked);
    assert_int_equal(n_parked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),      cmocka_unit_test(test_holding),
                                       cmocka_unit_test(test_checks),     cmocka_unit_test(test_stops),
                                       cmocka_unit_test(test_two_stages), cmocka_unit_test(test_seeing)};
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
