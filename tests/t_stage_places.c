/* Inputs that come and go while a stage is cut into slices: what cannot be read is never handed out, what can be is, once, and nothing
 * is lost. SQLite here, PostgreSQL by GM2_TEST_PGSQL (tests/server/units.sh). */
#include "ledger.h"
#include "mem.h"
#include "publish.h"
#include "stage_next.h"
#include "stage_places.h"
#include "test_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N_FILES = 60 };

static char folder[64];
static int64_t campaign_id, id_of[N_FILES];

static void path_of(int k, char out[200]) { snprintf(out, 200, "%s/f%03d.mid", folder, k); }

static void put(int k)
{
    char path[200], text[8];
    path_of(k, path);
    snprintf(text, sizeof text, "%03d", k);
    assert_int_equal(publish_text(path, text, 3, 1), ERR_OK);
}

/* dCache's word for a file; NULL: none */
static void say(int k, const char *word)
{
    char path[200];
    snprintf(path, sizeof path, "%s/.(get)(f%03d.mid)(locality)", folder, k);
    if (word)
        assert_int_equal(publish_text(path, word, strlen(word), 1), ERR_OK);
    else
        unlink(path);
}

static void take_away(int k)
{
    char path[200];
    path_of(k, path);
    unlink(path);
}

static enum err take_id(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)context = row[0].i;
    return ERR_OK;
}

static void declare(int k)
{
    char text[400], path[200], url[220];
    struct catalogue_file f;
    struct catalogue_result r;
    put(k);
    path_of(k, path);
    snprintf(text, sizeof text,
             "{\"file_name\": \"f%03d.mid\", \"file_size\": 3, \"checksum\": [\"adler32:000000%02x\"], \"data_tier\": "
             "\"raw\", \"runs\": [[%d, 0, \"test\"]]}",
             k, k, k / 7);
    assert_int_equal(catalogue_parse(text, "test", &f), ERR_OK);
    assert_int_equal(place_of_path(path, url, sizeof url), ERR_OK);
    f.location = mem_string(url);
    assert_int_equal(catalogue_declare(catalogue, &f, 1, "me", &r), ERR_OK);
    catalogue_file_free(&f);
    snprintf(text, sizeof text, "file_name f%03d.mid", k);
    assert_int_equal(catalogue_list(catalogue, text, "f.id", 0, take_id, &id_of[k]), ERR_OK);
}

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/gm2_stage_places.XXXXXX");
    if (test_db_open(state) || !mkdtemp(folder) || ledger_campaign(catalogue, "c", "/c.fcl", "", "me", &campaign_id))
        return -1;
    for (int k = 0; k < N_FILES; k++) declare(k);
    return 0;
}

static int tear_down(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) return -1; /* NOLINT(cert-env33-c): a folder of this test's own */
    return test_db_close(state);
}

static void begin(const char *name, const char *split, enum campaign_kind kind, struct campaign_stage *stage,
                  struct stage_work *w)
{
    *stage = (struct campaign_stage){
        .name = name, .dataset = (char *)"data_tier raw", .made = (char *)"data_tier reco", .kind = kind};
    *w = (struct stage_work){.catalogue = catalogue, .stage = stage, .user = "me"};
    assert_int_equal(split_parse(split, &stage->split), ERR_OK);
    assert_int_equal(ledger_stage(catalogue, campaign_id, name, "v", &w->stage_id), ERR_OK);
}

static void read_all(const struct stage_work *w, const bool *is_done, struct stage_dataset *d)
{
    *d = (struct stage_dataset){.n_done = 0};
    assert_int_equal(stage_work_list(w, "data_tier raw", &d->files), ERR_OK);
    assert_int_equal(mem_alloc(&d->taken, (size_t)N_FILES + 1, sizeof *d->taken), ERR_OK);
    for (int k = 0; k < N_FILES; k++)
        if (is_done[k]) d->taken[d->n_taken++] = id_of[k];
}

static int number_of(int64_t id)
{
    for (int k = 0; k < N_FILES; k++)
        if (id_of[k] == id) return k;
    return -1;
}

static uint32_t next_random(uint32_t *x) { return *x = *x * 1664525U + 1013904223U, *x >> 8; }

/* One pass: all slices; what each hands out is done at once. *most: files of the largest slice. */
static void pass(const struct stage_work *w, bool *is_done, const bool *is_there, size_t *most)
{
    struct stage_dataset d;
    struct split_past past = {0};
    read_all(w, is_done, &d);
    for (;;) {
        struct split_slice s;
        char why[200];
        past.taken   = d.taken;
        past.n_taken = d.n_taken;
        assert_int_equal(stage_next(w, &d, &past, 1000000, &s, why), ERR_OK);
        if (s.is_over) {
            split_free(&s);
            break;
        }
        assert_true(s.n > 0);
        if (s.n > *most) *most = s.n;
        for (size_t i = 0; i < s.n; i++) {
            int k = number_of(s.id[i]);
            assert_true(k >= 0 && !is_done[k] && is_there[k]); /* disjoint; nothing that is not there */
            is_done[k] = true;
        }
        assert_int_equal(stage_work_take(&d, s.id, s.n), ERR_OK);
        split_free(&s);
        past.n_slices++;
    }
    stage_work_free(&d);
}

/* Files go, are put on tape, come back; at the end all are there and all are done. */
static void test_coming_and_going(void **state)
{
    (void)state;
    static const char *const splits[] = {"stagedfiles(4)", "nfiles(7)", "draining", "byexistingruns", "mod(5)"};
    uint32_t seed                     = 21;
    for (size_t t = 0; t < sizeof splits / sizeof splits[0]; t++) {
        struct campaign_stage stage;
        struct stage_work w;
        bool is_done[N_FILES] = {false}, is_there[N_FILES];
        size_t most           = 0, n_staging, n_gone;
        begin(splits[t], splits[t], CAMPAIGN_FILES, &stage, &w);
        for (int round = 0; round < 6; round++) {
            size_t staging = 0, gone = 0;
            for (int k = 0; k < N_FILES; k++) {
                uint32_t dice = round < 5 ? next_random(&seed) % 4 : 0;
                put(k);
                say(k, dice == 1 ? "NEARLINE" : dice == 2 ? "ONLINE_AND_NEARLINE" : NULL);
                if (dice == 3) take_away(k);
                is_there[k] = dice == 0 || dice == 2;
                staging += !is_done[k] && dice == 1;
                gone += !is_done[k] && dice == 3;
            }
            pass(&w, is_done, is_there, &most);
            for (int k = 0; k < N_FILES; k++) assert_true(is_done[k] || !is_there[k]); /* complete */
            assert_int_equal(stage_places_count(catalogue, w.stage_id, &n_staging, &n_gone), ERR_OK);
            assert_int_equal(n_staging, staging);
            assert_int_equal(n_gone, gone);
        }
        for (int k = 0; k < N_FILES; k++) assert_true(is_done[k]);
        if (t == 0) assert_int_equal(most, 4); /* n at a time, full as long as there are so many */
        if (t == 1) assert_true(most <= 7);
    }
}

/* A merging job takes the group, or nothing of it. */
static void test_groups(void **state)
{
    (void)state;
    struct campaign_stage stage;
    struct stage_work w;
    struct stage_dataset d;
    struct split_past past = {0};
    struct split_slice s;
    char why[200];
    bool is_done[N_FILES] = {false};
    size_t n_staging, n_gone;
    begin("merge", "none", CAMPAIGN_MERGE, &stage, &w);
    take_away(10);
    for (int is_back = 0; is_back < 2; is_back++) {
        if (is_back) put(10);
        read_all(&w, is_done, &d);
        past.taken   = d.taken;
        past.n_taken = d.n_taken;
        assert_int_equal(stage_next(&w, &d, &past, 0, &s, why), ERR_OK);
        assert_int_equal(s.is_over, !is_back);
        assert_int_equal(s.n, is_back ? N_FILES : 0);
        assert_int_equal(stage_places_count(catalogue, w.stage_id, &n_staging, &n_gone), ERR_OK);
        assert_int_equal(n_gone, !is_back);
        split_free(&s);
        stage_work_free(&d);
    }
}

/* Only looked at: nothing is noted. */
static void test_looking(void **state)
{
    (void)state;
    struct campaign_stage stage;
    struct stage_work w;
    bool is_done[N_FILES] = {false}, is_there[N_FILES];
    size_t most           = 0, n_staging, n_gone;
    begin("look", "nfiles(50)", CAMPAIGN_FILES, &stage, &w);
    w.is_held = true;
    for (int k = 0; k < N_FILES; k++) is_there[k] = k != 3;
    take_away(3);
    pass(&w, is_done, is_there, &most);
    assert_int_equal(stage_places_count(catalogue, w.stage_id, &n_staging, &n_gone), ERR_OK);
    assert_int_equal(n_staging + n_gone, 0);
    put(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_coming_and_going), cmocka_unit_test(test_groups),
                                       cmocka_unit_test(test_looking)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
