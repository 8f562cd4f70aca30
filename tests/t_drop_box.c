/* A drop box that is asked whether it may still take: of a submission that is over, nothing is taken. What has changed since it was
 * copied stays, and what cannot go does not keep it busy. */
#include "drop_box.h"
#include "ledger.h"
#include "mem.h"
#include "publish.h"
#include "stage_products.h"
#include "test_db.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The drop box's: a folder that nothing goes from. */
static bool is_locked;
int unlink(const char *path)
{
    if (!is_locked || strncmp(path, "box/", 4) != 0) return unlinkat(AT_FDCWD, path, 0);
    errno = EACCES;
    return -1;
}

static char folder[64], home[64];

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/gm2_drop_box.XXXXXX");
    if (test_db_open(state) || !mkdtemp(folder) || !getcwd(home, sizeof home)) return -1;
    return chdir(folder);
}

static int tear_down(void **state)
{
    char command[100];
    if (chdir("/")) return -1;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) return -1; /* NOLINT: a folder that the test has made */
    return test_db_close(state);
}

/* BOX/NAME and its metadata. */
static void put(const char *box, const char *name, int run)
{
    char path[300], json[320], sum[32], text[600];
    unsigned long long size;
    snprintf(path, sizeof path, "%s/%s", box, name);
    snprintf(json, sizeof json, "%s.json", path);
    assert_int_equal(publish_make_folder(box), ERR_OK);
    assert_int_equal(publish_text(path, name, strlen(name), 1), ERR_OK);
    assert_int_equal(publish_checksum(path, sum, &size), ERR_OK);
    snprintf(text, sizeof text,
             "{\"file_name\": \"%s\", \"file_size\": %llu, \"checksum\": [\"%s\"], \"data_tier\": \"reco\", \"runs\": "
             "[[%d, 0, \"test\"]]}",
             name, size, sum, run);
    assert_int_equal(publish_text(json, text, strlen(text), 1), ERR_OK);
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static int64_t n_declared(void)
{
    int64_t n_files, n_bytes, n_events;
    assert_int_equal(catalogue_count(catalogue, "data_tier reco", &n_files, &n_bytes, &n_events), ERR_OK);
    return n_files;
}

/* Agrees so many times. */
static enum err agree(void *context)
{
    int *left = context;
    REQUIRE((*left)-- > 0, ERR_MISMATCH, "it is over");
    return ERR_OK;
}

static void test_asked_twice(void **state)
{
    (void)state;
    struct ingest_tally tally = {.n = {0}};
    int left;
    const struct catalogue_check check = {agree, &left};
    put("box", "a.h5", 1);
    left = 0; /* before: nothing is even copied */
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", &check, "me", &tally), ERR_MISMATCH);
    assert_false(is_there("store"));
    left = 1; /* it is over while the file is copied */
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", &check, "me", &tally), ERR_MISMATCH);
    assert_int_equal(n_declared(), 0);
    assert_true(is_there("box/a.h5") && is_there("box/a.h5.json"));
    left = 2;
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", &check, "me", &tally), ERR_OK);
    assert_int_equal(n_declared(), 1);
    assert_true(is_there("store/reco/000001/a.h5") && !is_there("box/a.h5"));
}

/* Writes on when it is asked the second time: within the transaction that declares. */
static enum err write_on(void *context)
{
    int *n = context;
    FILE *f;
    if (++*n != 2) return ERR_OK;
    assert_non_null(f = fopen("box/c.h5", "a"));
    fputs("more", f);
    fclose(f);
    return ERR_OK;
}

static void test_stays(void **state)
{
    (void)state;
    struct ingest_tally tally = {.n = {0}};
    int n                     = 0;
    int64_t before            = n_declared();
    put("box", "c.h5", 1);
    const struct catalogue_check check = {write_on, &n};
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", &check, "me", &tally), ERR_OK);
    assert_int_equal(n_declared(), before + 1);
    assert_true(is_there("store/reco/000001/c.h5") && is_there("box/c.h5"));
    put("box", "d.h5", 1);
    is_locked = true; /* beside one that is bad */
    tally     = (struct ingest_tally){.n = {0}};
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", NULL, "me", &tally), ERR_OK);
    is_locked = false;
    assert_int_equal(tally.n[CATALOGUE_DECLARED], 1);
    assert_int_equal(tally.n[CATALOGUE_REFUSED], 1);
    assert_true(is_there("box/d.h5"));
    assert_int_equal(drop_box_ingest(catalogue, "box", "store", NULL, "me", &tally), ERR_OK);
    assert_true(!is_there("box/d.h5") && is_there("box/c.h5"));
}

static enum err all_done(void *context, struct ledger_verdict *v)
{
    (void)context;
    *v = (struct ledger_verdict){.to = LEDGER_LOCATED};
    return ERR_OK;
}

/* Another pass has ended the submission: this one, which has read it before, takes nothing. */
static void test_over(void **state)
{
    (void)state;
    static const int64_t files[] = {1000};
    struct ingest_tally tally    = {.n = {0}};
    struct campaign_stage stage  = {.name = "full", .dataset = (char *)"x", .kind = CAMPAIGN_FILES};
    struct campaign campaign     = {.cfg = {.store = "kept"}};
    struct stage_work w          = {.catalogue = catalogue, .campaign = &campaign, .stage = &stage, .user = "me"};
    struct ledger_submission s, other;
    int64_t campaign_id;
    char products[STAGE_MAX_PATH + 32], folder_of[STAGE_MAX_PATH];
    stage.cfg.to_store = true;
    snprintf(w.folder, sizeof w.folder, "out");
    assert_int_equal(ledger_campaign(catalogue, "c", "/c.fcl", "", "me", &campaign_id), ERR_OK);
    assert_int_equal(ledger_stage(catalogue, campaign_id, "full", "v", &w.stage_id), ERR_OK);
    assert_int_equal(ledger_reserve(catalogue, w.stage_id, "slice0", files, 1, NULL, &s), ERR_OK);
    stage_work_folder(&w, s.name, folder_of);
    snprintf(products, sizeof products, "%s/products", folder_of);
    int64_t before = n_declared();
    put(products, "b.h5", 2);
    other = s;
    assert_int_equal(ledger_end(catalogue, &other, 3, all_done, NULL), ERR_OK);
    for (int to_store = 1; to_store >= 0; to_store--) {
        stage.cfg.to_store = to_store;
        assert_int_equal(stage_products_take(&w, &s, 0, &tally), ERR_MISMATCH);
        assert_int_equal(n_declared(), before);
        assert_false(is_there("kept"));
    }
    snprintf(products, sizeof products, "%s/products/b.h5", folder_of);
    assert_true(is_there(products));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_asked_twice), cmocka_unit_test(test_stays),
                                       cmocka_unit_test(test_over)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
