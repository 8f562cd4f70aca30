/* What submissions were started with: noted once, for one place, of what lives; read back word for word. */
#include "ledger_version.h"
#include "mem.h"
#include "test_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int64_t campaign, stage;

static int set_up(void **state)
{
    if (test_db_open(state) || ledger_campaign(catalogue, "c", "/c.fcl", "", "me", &campaign)) return -1;
    return ledger_stage(catalogue, campaign, "reco", "v1 c 0", &stage) ? -1 : 0;
}

static struct ledger_version version_in(const char *folder, const char *executor)
{
    return (struct ledger_version){.program        = "/gm2",
                                   .release        = "v1",
                                   .git_commit     = "c",
                                   .config_id      = "0",
                                   .conditions_tag = "",
                                   .fcl_commit     = "",
                                   .rules          = "development",
                                   .terms          = {.executor     = executor,
                                                      .folder       = folder,
                                                      .outputs      = "%a%\n%b%\n",
                                                      .only         = "",
                                                      .store        = "/store",
                                                      .kind         = 1,
                                                      .fills        = 0,
                                                      .launches     = 1,
                                                      .max_attempts = 3}};
}

static enum err judge(void *context, struct ledger_verdict *v)
{
    (void)context;
    v->to = LEDGER_LOCATED;
    return ERR_OK;
}

static void test_terms(void **state)
{
    (void)state;
    static const int64_t file[] = {7};
    struct ledger_submission s;
    struct ledger_terms terms;
    bool is_noted;
    struct ledger_version here = version_in("/out", "local"), there = version_in("/other", "local"),
                          slurm = version_in("/out", "slurm");
    assert_int_equal(ledger_reserve(catalogue, stage, "slice", file, 1, NULL, &s), ERR_OK);
    assert_int_equal(ledger_terms(catalogue, s.id, &terms, &is_noted), ERR_OK);
    assert_false(is_noted);
    assert_int_equal(ledger_note_version(catalogue, &s, &here), ERR_OK);
    assert_int_equal(ledger_note_version(catalogue, &s, &here), ERR_OK); /* started once more, in its place */
    assert_int_equal(ledger_note_version(catalogue, &s, &there), ERR_MISMATCH);
    assert_int_equal(ledger_note_version(catalogue, &s, &slurm), ERR_MISMATCH);
    assert_int_equal(ledger_terms(catalogue, s.id, &terms, &is_noted), ERR_OK);
    assert_true(is_noted);
    assert_string_equal(terms.folder, "/out");
    assert_string_equal(terms.executor, "local");
    assert_string_equal(terms.outputs, "%a%\n%b%\n");
    assert_string_equal(terms.store, "/store");
    assert_true(terms.kind == 1 && terms.launches == 1 && terms.max_attempts == 3);
    ledger_terms_free(&terms);
    struct ledger_stage_row *row;
    size_t n;
    assert_int_equal(ledger_live_stages(catalogue, campaign, &row, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_true(row[0].id == stage && row[0].n_live == 1 && strcmp(row[0].version_key, "v1 c 0") == 0);
    mem_free(row);
    assert_int_equal(ledger_end(catalogue, &s, 3, judge, NULL), ERR_OK);
    assert_int_equal(ledger_note_version(catalogue, &s, &here), ERR_MISMATCH); /* over: it is not started */
    assert_int_equal(ledger_live_stages(catalogue, campaign, &row, &n), ERR_OK);
    assert_int_equal(n, 0);
    mem_free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terms)};
    return cmocka_run_group_tests(tests, set_up, test_db_close);
}
