/* Conditions in a job: what is read for its units, what is refused, what is recorded; the identity of a job. */
#include "chain.h"
#include "cond_use.h"
#include "mem.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct cond_note note = {"t", "test"};
static char path[64];

/* One interval from run:subrun on, all channels: oofcorrection = value + channel / 1e4. `n_rows` below 1296: a part. */
static void load(const char *table_name, int64_t run, int64_t subrun, double value, size_t n_rows)
{
    static double keys[4][COND_CHANNELS];
    struct cond *cond;
    struct cond_set set           = {.n_intervals = 1, .n_rows = n_rows};
    struct cond_interval interval = {.end = COND_FOREVER, .n_rows = n_rows};
    struct cond_loaded done;
    assert_int_equal(cond_init(path, &note, &cond), ERR_OK);
    assert_int_equal(cond_table(cond, table_name, &set.table), ERR_OK);
    for (size_t i = 0; i < n_rows; i++) {
        size_t calo = 1 + i / N_CRYSTALS;
        keys[0][i]  = (double)calo;
        keys[1][i]  = (double)(i % N_CRYSTALS);
        keys[2][i]  = value + 1e-4 * (double)i;
        keys[3][i]  = 0.001;
    }
    for (int c = 0; c < 4; c++) set.value[c] = keys[c];
    set.interval = &interval;
    assert_int_equal(cond_pack(&set.table, (struct cond_time){run, subrun, 0}, &interval.begin), ERR_OK);
    assert_int_equal(cond_load(cond, &set, "head", &note, n_rows < COND_CHANNELS, &done), ERR_OK);
    cond_close(cond);
}

static enum err open_use(const char *database, const char *more, struct cond_use **use)
{
    char text[512];
    struct fhicl *document;
    snprintf(text, sizeof text, "services: { conditions: { database: \"%s\" %s } }\n", database, more);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &document), ERR_OK);
    assert_int_equal(cfg_fill_defaults(conditions_cfg_fields, document, "services.conditions"), ERR_OK);
    enum err rc = cond_use_create(document, use);
    fhicl_free(document);
    return rc;
}

static const struct unit units[] = {{.run = 5, .subrun = 1}, {.run = 5, .subrun = 2}, {.run = 9, .subrun = 0}};

static int start(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/t_cond_use_%d.db", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    unlink(path);
    load("oof_correction", 5, 0, 0.90, COND_CHANNELS);
    load("oof_correction", 5, 2, 0.80, COND_CHANNELS);
    load("oof_correction", 7, 0, 0.70, COND_CHANNELS);
    load("oof_correction", 9, 0, 0.60, COND_CHANNELS);
    load("channel_status", 5, 1, 0.0, 10);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void reads_what_the_units_need(void **state)
{
    (void)state;
    struct cond_use *use;
    const struct cond_interval *v;
    static double gain[COND_CHANNELS];
    int handle, again;
    assert_int_equal(open_use(path, "", &use), ERR_OK);
    assert_string_equal(cond_use_tag(use), "");
    assert_int_equal(cond_use_want(use, "oof_correction", true, "a", &handle), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", false, "b", &again), ERR_OK);
    assert_int_equal(handle, again);
    assert_int_equal(cond_use_load(use, units, 3), ERR_OK);
    assert_string_equal(cond_use_tag(use), "head");
    assert_int_equal(cond_use_set(use, handle)->n_intervals, 3); /* that of run 7 is no unit's */
    static const double base[] = {0.90, 0.80, 0.60};
    for (int u = 0; u < 3; u++) {
        assert_int_equal(cond_use_at(use, handle, units[u].run, units[u].subrun, 17, &v), ERR_OK);
        assert_non_null(v);
        assert_int_equal(cond_use_channels(use, handle, v, "oofcorrection", gain), ERR_OK);
        for (int k = 0; k < COND_CHANNELS; k++) assert_true(fabs(gain[k] - base[u] - 1e-4 * k) < 1e-12);
    }
    assert_int_equal(cond_use_channels(use, handle, v, "gain", gain), ERR_NOTFOUND);
    assert_int_equal(cond_use_at(use, handle, 4, 9999, 0, &v), ERR_OK);
    assert_null(v);
    assert_int_equal(cond_use_channels(use, handle, NULL, "oofcorrection", gain), ERR_OK);
    for (int k = 0; k < COND_CHANNELS; k++) assert_true(isnan(gain[k]));
    cond_use_free(use);
    /* a range of runs where the units are not known */
    assert_int_equal(open_use(path, "first_run: 5 last_run: 8", &use), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", true, "a", &handle), ERR_OK);
    assert_int_equal(cond_use_load(use, NULL, 0), ERR_OK);
    assert_int_equal(cond_use_set(use, handle)->n_intervals, 3);
    cond_use_free(use);
    assert_int_equal(mem_live(), 0);
}

static void what_is_read_is_recorded(void **state)
{
    (void)state;
    struct cond_use *use;
    struct block *block;
    int handle;
    assert_int_equal(open_use(path, "", &use), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", true, "a", &handle), ERR_OK);
    assert_int_equal(cond_use_want(use, "channel_status", false, "a", &handle), ERR_OK);
    assert_int_equal(cond_use_load(use, units, 3), ERR_OK);
    assert_int_equal(block_create(&table_conditions, &block), ERR_OK);
    assert_int_equal(cond_use_record(use, 5, 2, block), ERR_OK);
    struct conditions_view v = conditions_view(block);
    assert_int_equal(v.n, 2);
    assert_string_equal((char *)v.table_name, "oof_correction");
    assert_string_equal((char *)v.table_name + COND_NAME, "channel_status");
    assert_int_equal(v.iov_id[0], 2);
    assert_int_equal(v.begin_time[0], 50002);
    assert_int_equal(v.iov_id[1], 1);
    assert_int_equal(strspn((char *)v.content_sha1, "0123456789abcdef"), 80);
    assert_true(memcmp(v.content_sha1, v.content_sha1 + 40, 40) != 0);
    block_free(block);
    cond_use_free(use);
    assert_int_equal(mem_live(), 0);
}

static void refused(const char *database, const char *more, enum err code, const char *word)
{
    struct cond_use *use;
    enum err rc = open_use(database, more, &use);
    if (rc != code || !strstr(err_message(), word)) fail_msg("%s %s gave %d \"%s\"", database, more, rc, err_message());
    assert_null(strstr(err_message(), "geheim"));
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    static const struct unit early[] = {{.run = 5, .subrun = 1}, {.run = 4, .subrun = 3}, {.run = 4, .subrun = 4}};
    struct cond_use *use;
    int handle;
    refused("postgresql://me:geheim@host/db", "", ERR_OPTION, "password");
    refused("postgresql://host/db?password=geheim", "", ERR_OPTION, "password");
    refused(path, "tag: \"a b\"", ERR_OPTION, "a b");
    refused(path, "first_run: 3", ERR_CONFIG, "first_run");
    assert_int_equal(open_use("", "", &use), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", true, "gain", &handle), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "services.conditions.database"));
    assert_int_equal(cond_use_want(NULL, "oof_correction", true, "gain", &handle), ERR_CONFIG);
    cond_use_free(use);
    static const struct {
        const char *table, *word;
        const struct unit *units;
        enum err code;
        bool is_required;
    } cases[] = {
        {"oof_correction", "run 4 subrun 3", early, ERR_NOTFOUND, true},
        {"oof_correction", "2 of 3 subruns", early, ERR_NOTFOUND, true},
        {"oof_correction", "\"gain\"", early, ERR_NOTFOUND, true},
        {"oof_correction", "", early, ERR_OK, false},
        {"channel_status", "10 rows of 1296", units, ERR_NOTFOUND, true},
        {"ifg_correction", "3 of 3 subruns", units, ERR_NOTFOUND, true},
        {"ifg_corection", "ifg_correction", units, ERR_NOTFOUND, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(open_use(path, "", &use), ERR_OK);
        assert_int_equal(cond_use_want(use, cases[i].table, cases[i].is_required, "gain", &handle), ERR_OK);
        enum err rc = cond_use_load(use, cases[i].units, 3);
        if (rc != cases[i].code || !strstr(err_message(), cases[i].word))
            fail_msg("case %zu gave %d \"%s\"", i, rc, err_message());
        cond_use_free(use);
        err_clear();
    }
    static const struct unit far[] = {{.run = 5, .subrun = 10000}};
    assert_int_equal(open_use(path, "", &use), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", false, "gain", &handle), ERR_OK);
    assert_int_equal(cond_use_load(use, far, 1), ERR_NUMBER);
    cond_use_free(use);
    assert_int_equal(open_use("/nowhere/c.db", "", &use), ERR_OK);
    assert_int_equal(cond_use_want(use, "oof_correction", true, "gain", &handle), ERR_OK);
    assert_int_equal(cond_use_load(use, units, 3), ERR_OPEN);
    cond_use_free(use);
    assert_int_equal(mem_live(), 0);
}

static void identity_of(const char *conditions, char id[41])
{
    char text[512];
    struct fhicl *document, *copy;
    snprintf(text, sizeof text, "process_name: t source: { module_type: EmptyFill } physics: {} services: { %s }\n",
             conditions);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &document), ERR_OK);
    assert_int_equal(chain_complete(document), ERR_OK);
    assert_int_equal(chain_results_only(document, &copy), ERR_OK);
    assert_int_equal(fhicl_id(copy, id), ERR_OK);
    fhicl_free(copy);
    fhicl_free(document);
}

/* Where the database lies is not part of a job's identity, the tag is; without a database nothing is. */
static void identity_has_the_tag(void **state)
{
    (void)state;
    char a[41], b[41];
    identity_of("conditions: { database: \"a.db\" tag: x first_run: -1 }", a);
    identity_of("conditions: { database: \"postgresql://h/d\" tag: x first_run: 2 }", b);
    assert_string_equal(a, b);
    identity_of("conditions: { database: \"a.db\" tag: y }", b);
    assert_string_not_equal(a, b);
    identity_of("", a);
    identity_of("conditions: { database: \"\" tag: y }", b);
    assert_string_equal(a, b);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_units_need),
        cmocka_unit_test(what_is_read_is_recorded),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(identity_has_the_tag),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
