/* Submissions that are started together: one that cannot be prepared does not keep the others, in any pass; it is told and parked, or
 * tried again where the machine is at fault. */
#include "ledger.h"
#include "mem.h"
#include "publish.h"
#include "stage_array.h"
#include "test_db.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { N = 5 };
static int64_t campaign_id, file[N];
static char folder[100];
static size_t n_started, n_calls;

/* ---- a batch system that takes all ------------------------------------------------------------------------------------ */
static enum err take_one(const struct executor_job *job, char batch_id[64])
{
    (void)job;
    n_started++;
    snprintf(batch_id, 64, "4711");
    return ERR_OK;
}
static enum err take_many(const struct executor_job *jobs, size_t n, char (*batch_id)[64])
{
    n_calls++;
    for (size_t i = 0; i < n; i++) TRY(take_one(&jobs[i], batch_id[i]));
    return ERR_OK;
}
static enum err not_started(const char *where, const char *name, const char *batch_id, struct executor_report *r)
{
    (void)where;
    (void)name;
    (void)batch_id;
    *r = (struct executor_report){.answer = EXECUTOR_NOT_STARTED, .exit_code = -1};
    return ERR_OK;
}
static const struct executor all = {.name = "all", .start = take_one, .start_many = take_many, .ask = not_started};

/* ---- a stage ------------------------------------------------------------------------------------------------------------ */
static struct campaign campaign;
static struct campaign_stage stage;
static struct stage_work work;

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/gm2_array.XXXXXX");
    if (test_db_open(state) || !mkdtemp(folder)) return -1;
    for (int i = 0; i < N; i++) {
        char text[400], url[200], name[20];
        struct catalogue_file f;
        struct catalogue_result result;
        snprintf(text, sizeof text,
                 "{\"file_name\": \"x%d.mid\", \"file_size\": 1, \"checksum\": [\"adler32:0000000%d\"], \"data_tier\": "
                 "\"raw\", \"runs\": [[1, %d, \"physics\"]]}",
                 i, i, i);
        snprintf(name, sizeof name, "x%d.mid", i);
        snprintf(url, sizeof url, "file:%.90s/x%d.mid", folder, i);
        if (i != 2 && publish_text(url + 5, "x", 1, 1)) return -1; /* the third is not there */
        if (catalogue_parse(text, "here", &f) || catalogue_declare(catalogue, &f, 1, "me", &result)) return -1;
        catalogue_file_free(&f);
        file[i] = i + 1;
        if (catalogue_locate(catalogue, name, url, true, "me")) return -1;
    }
    return ledger_campaign(catalogue, "c", "/c.fcl", "", "me", &campaign_id) ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    cfg_free(campaign_cfg_fields, &campaign.cfg);
    cfg_free(campaign_stage_cfg_fields, &stage.cfg);
    mem_free(stage.made);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return test_db_close(state);
}

static void begin(const char *name)
{
    campaign.stage = &stage;
    if (!campaign.n_stages) {
        assert_int_equal(cfg_read(campaign_cfg_fields, NULL, "campaign", NULL, &campaign.cfg), ERR_OK);
        assert_int_equal(cfg_read(campaign_stage_cfg_fields, NULL, "stage", NULL, &stage.cfg), ERR_OK);
    }
    campaign.n_stages = 1;
    mem_free((void *)(uintptr_t)campaign.cfg.output);
    campaign.cfg.output    = mem_string(folder);
    stage.name             = name;
    stage.cfg.array        = N;
    stage.cfg.max_attempts = 1;
    stage.kind             = CAMPAIGN_FILES;
    stage.dataset          = "data_tier raw";
    stage.version          = (struct version_key){.release = "v1", .git_commit = "c"};
    memset(stage.version.config_id, name[0], 40); /* a version of its own */
    if (!stage.made) stage.made = mem_string("gm2.fcl_hash 1");
    snprintf(campaign.program.path, sizeof campaign.program.path, "/usr/bin/gm2");
    assert_int_equal(stage_work_begin(catalogue, &campaign, campaign_id, 0, "me", &work), ERR_OK);
    work.executor = &all;
    n_started = n_calls = 0;
}

static void reserve_all(void)
{
    struct ledger_submission s;
    for (int i = 0; i < N; i++) {
        char name[20];
        snprintf(name, sizeof name, "slice%d", i);
        assert_int_equal(ledger_reserve(catalogue, work.stage_id, name, &file[i], 1, NULL, &s), ERR_OK);
    }
}

static enum err start_new(size_t *n_new)
{
    struct ledger_submission *live;
    size_t n;
    assert_int_equal(ledger_submissions(catalogue, work.stage_id, true, &live, &n), ERR_OK);
    *n_new = 0;
    for (size_t i = 0; i < n; i++) *n_new += live[i].state == LEDGER_NEW;
    enum err rc = stage_array_start_new(&work, live, n);
    mem_free(live);
    return rc;
}

static void test_bad_input(void **state)
{
    (void)state;
    int64_t n_held, n_parked;
    size_t n_live, n_new;
    begin("reco");
    reserve_all();
    assert_int_equal(start_new(&n_new), ERR_OK);
    assert_true(n_started == N - 1 && n_calls == 1);
    assert_int_equal(ledger_held(catalogue, work.stage_id, &n_held, &n_parked, &n_live), ERR_OK);
    assert_true(n_live == N - 1 && n_parked == 1);
    struct ledger_submission *s;
    size_t n;
    assert_int_equal(ledger_submissions(catalogue, work.stage_id, false, &s, &n), ERR_OK);
    assert_int_equal(s[2].state, LEDGER_LAUNCH_FAILED);
    assert_non_null(strstr(s[2].reason, "x2.mid"));
    mem_free(s);
}

/* The folder of one cannot be made: it stays New, the others go, in this pass and in the next. */
static void test_bad_folder(void **state)
{
    (void)state;
    char path[STAGE_MAX_PATH], name[60];
    struct ledger_submission *s;
    size_t n, n_new;
    begin("other");
    snprintf(path, sizeof path, "%.90s/x2.mid", folder);
    assert_int_equal(publish_text(path, "x", 1, 1), ERR_OK);
    reserve_all();
    assert_int_equal(ledger_submissions(catalogue, work.stage_id, true, &s, &n), ERR_OK);
    snprintf(name, sizeof name, "%.50s", s[1].name);
    stage_work_folder(&work, name, path);
    mem_free(s);
    assert_int_equal(publish_make_folder(work.folder), ERR_OK);
    assert_int_equal(publish_text(path, "", 0, 1), ERR_OK); /* a file is in its way */
    assert_int_equal(start_new(&n_new), ERR_WRITE);
    assert_non_null(strstr(err_message(), name));
    assert_int_equal(n_started, N - 1);
    assert_int_equal(start_new(&n_new), ERR_WRITE);
    assert_true(n_new == 1 && n_started == N - 1);
    assert_int_equal(remove(path), 0);
    work.executor = &all;
    assert_int_equal(start_new(&n_new), ERR_OK);
    assert_int_equal(n_new, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_input), cmocka_unit_test(test_bad_folder)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
