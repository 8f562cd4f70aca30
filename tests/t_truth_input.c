/* Source TruthInput and the reader below it: what was written comes back fill by fill; files that are not what they should be. */
#include "fhicl.h"
#include "file_fills.h"
#include "file_h5.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ok(call)                                                                                                       \
    do {                                                                                                               \
        if (call) fail_msg("%s", err_message());                                                                       \
    } while (0)

enum { FILL, MUON, VERTEX, POSITRON, CALO_HIT, MIP_HIT, CRYSTAL_HIT, N_PORTS };
enum { RUN = 3, SUBRUN = 4, N_FILLS = 5 };
static const char path[] = "truth_input_test.h5";

/* What is done to the file that is written: rows that do not fit, tables that are left out. */
struct flaw {
    const char *without; /* a table that is not written */
    uint32_t light_of;   /* added to the rows of calo_hit that light points to */
    uint8_t particle, fill_type;
    uint32_t skipped; /* this fill is missing in crystal_hit */
};

static double value_of(uint32_t event, size_t row, size_t column)
{
    return 1000.0 * event + (double)row + 0.01 * (double)column;
}

/* Rows of a fill: as many as the event's number, and none in the second. */
static void fill_block(struct block *b, uint32_t event)
{
    ok(block_resize(b, event == 2 ? 0 : event));
    for (size_t c = 0; c < b->table->n_columns; c++)
        for (size_t i = 0; i < b->n; i++)
            if (b->table->columns[c].type == COL_f64)
                ((double *)b->data[c])[i] = value_of(event, i, c);
            else if (b->table->columns[c].type == COL_u32)
                ((uint32_t *)b->data[c])[i] = 0;
            else
                ((uint8_t *)b->data[c])[i] = 0;
}

static void append(struct unit_file *f, const struct table *table, const struct flaw *flaw, uint32_t event)
{
    struct block *b;
    const struct fill fill = {.run = RUN, .subrun = SUBRUN, .event = event};
    if (flaw->without && strcmp(flaw->without, table->name) == 0) return;
    if (flaw->skipped == event && table == &table_crystal_hit) return;
    ok(block_create(table, &b));
    if (table == &table_fill_truth) {
        ok(block_resize(b, 1));
        struct fill_truth_view v = fill_truth_view(b);
        v.unix_time_s[0]         = 1500000000 + event;
        v.fill_type[0]           = flaw->fill_type ? flaw->fill_type : (uint8_t)(1 + event % 3);
        v.nth[0]                 = 70 + event;
    } else {
        fill_block(b, event);
    }
    if (table == &table_crystal_hit) {
        struct crystal_hit_view v = crystal_hit_view(b);
        for (size_t i = 0; i < b->n; i++) {
            v.particle[i] = flaw->particle;
            v.calo_hit[i] = (uint32_t)(b->n - 1 - i) + flaw->light_of;
        }
    }
    ok(unit_file_append(f, table->name, b, &fill));
    block_free(b);
}

static void write_file(const struct flaw *flaw)
{
    static const struct table *const tables[] = {&table_fill_truth, &table_calo_hit, &table_crystal_hit, &table_muon};
    const struct provenance p                 = {.process_name  = "t",
                                                 .release       = "0",
                                                 .git_commit    = "0",
                                                 .config_text   = "a: 1\n",
                                                 .config_id     = "0",
                                                 .isa           = "baseline",
                                                 .constants_set = "x",
                                                 .parents       = "",
                                                 .seed          = 1};
    const struct unit unit                    = {.run = RUN, .subrun = SUBRUN, .n_fills = N_FILLS};
    struct hist_set hists                     = {0};
    struct unit_file *f;
    unlink(path);
    ok(unit_file_create(path, &p, &unit, &f));
    for (uint32_t event = 1; event <= N_FILLS; event++)
        for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) append(f, tables[t], flaw, event);
    ok(unit_file_finish(f, &hists, N_FILLS));
    ok(unit_file_publish(f));
}

/* ---- the source ------------------------------------------------------------------------------------------------------- */
struct rig {
    struct step step;
    struct unit unit;
    void *cfg;
};

static void rig_open(struct rig *r, const char *wanted)
{
    struct fhicl *none;
    const struct module *m = module_find("TruthInput")->module;
    *r                     = (struct rig){.step = {.module = m, .unit = &r->unit}};
    r->unit                = (struct unit){.run = RUN, .subrun = SUBRUN, .n_fills = N_FILLS, .source = path};
    ok(mem_alloc(&r->cfg, 1, m->cfg_size));
    ok(fhicl_parse("", 0, "test", &none));
    ok(cfg_read(m->fields, none, "test", NULL, r->cfg));
    fhicl_free(none);
    r->step.cfg  = r->cfg;
    r->step.fill = (struct fill){.seed = 1, .run = RUN, .subrun = SUBRUN};
    for (int i = 0; i < N_PORTS; i++) {
        ok(block_create(m->out[i].table, &r->step.out[i]));
        r->step.is_wanted[i] = strstr(wanted, m->out[i].table->name) != NULL;
    }
    ok(m->begin(&r->step));
}

static void rig_close(struct rig *r)
{
    r->step.module->end(&r->step);
    for (int i = 0; i < N_PORTS; i++) block_free(r->step.out[i]);
    cfg_free(r->step.module->fields, r->cfg);
    mem_free(r->cfg);
}

static enum err read_all(struct rig *r, size_t *n)
{
    *n = 0;
    TRY(r->step.module->begin_unit(&r->step));
    for (;;) {
        r->step.pass = true;
        for (int i = 0; i < N_PORTS; i++) TRY(block_resize(r->step.out[i], 0));
        TRY(r->step.module->event(&r->step));
        if (!r->step.pass) return ERR_OK;
        ++*n;
    }
}

static void check_fill(const struct rig *r, uint32_t event)
{
    const struct fill *f = &r->step.fill;
    struct block *wanted;
    assert_int_equal(f->event, event);
    assert_int_equal(f->type, 1 + event % 3);
    assert_int_equal(f->nth, 70 + event);
    assert_int_equal(f->unix_time_s, 1500000000 + event);
    ok(block_create(&table_calo_hit, &wanted));
    fill_block(wanted, event);
    const struct block *got = r->step.out[CALO_HIT];
    assert_int_equal(got->n, wanted->n);
    for (size_t c = 0; c < table_calo_hit.n_columns && got->n; c++)
        assert_memory_equal(got->data[c], wanted->data[c],
                            got->n * column_size(table_calo_hit.columns[c].type) * table_calo_hit.columns[c].width);
    assert_int_equal(r->step.out[CRYSTAL_HIT]->n, wanted->n);
    assert_int_equal(r->step.out[MUON]->n, 0); /* nobody wants it */
    block_free(wanted);
}

static void fills_come_back(void **state)
{
    (void)state;
    struct rig r;
    const struct flaw none = {0};
    write_file(&none);
    rig_open(&r, "calo_hit crystal_hit mip_hit");
    for (int pass = 0; pass < 2; pass++) { /* the second from the file that is still open */
        ok(r.step.module->begin_unit(&r.step));
        for (uint32_t event = 1; event <= N_FILLS; event++) {
            r.step.pass = true;
            ok(r.step.module->event(&r.step));
            assert_true(r.step.pass);
            check_fill(&r, event);
        }
        ok(r.step.module->event(&r.step));
        assert_false(r.step.pass);
    }
    size_t n;
    r.unit.n_skip  = 1;
    r.unit.n_fills = 3;
    ok(read_all(&r, &n));
    assert_int_equal(n, 3);
    assert_int_equal(r.step.fill.event, 4);
    rig_close(&r);
}

/* Rows written with `flaw`, read with what is wanted: one of the words of the message, and the error. */
static void bad_files(void **state)
{
    (void)state;
    static const struct {
        struct flaw flaw;
        const char *wanted;
        enum err code;
        const char *words[2];
    } cases[] = {
        {{.without = "fill_truth"}, "crystal_hit", ERR_DATA, {"no table fill_truth", "outputs.out.keep"}},
        {{.without = "calo_hit"}, "crystal_hit calo_hit", ERR_DATA, {"no table calo_hit", path}},
        {{.without = "calo_hit"}, "crystal_hit", ERR_OK, {"", ""}},
        {{.without = "calo_hit"}, "vertex", ERR_DATA, {"no table vertex", path}},
        {{.light_of = 1}, "crystal_hit calo_hit", ERR_DATA, {"row 1 of table calo_hit", "event 1"}},
        {{.light_of = 1}, "crystal_hit", ERR_OK, {"", ""}},
        {{.particle = 1}, "crystal_hit mip_hit", ERR_DATA, {"of table mip_hit, which has 0", path}},
        {{.particle = 2}, "crystal_hit", ERR_DATA, {"particle 2", path}},
        {{.fill_type = 4}, "crystal_hit", ERR_DATA, {"type 4", "fill_truth"}},
        {{.skipped = 3}, "crystal_hit", ERR_DATA, {"table crystal_hit", "fill_truth"}},
        {{.skipped = N_FILLS}, "crystal_hit", ERR_DATA, {"table crystal_hit", "index"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;
        size_t n;
        write_file(&cases[i].flaw);
        rig_open(&r, cases[i].wanted);
        enum err rc = read_all(&r, &n);
        if (rc != cases[i].code) fail_msg("case %zu: %d, %s", i, rc, err_message());
        for (int w = 0; rc && w < 2; w++)
            if (!strstr(err_message(), cases[i].words[w]))
                fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].words[w], err_message());
        err_clear();
        rig_close(&r);
    }
}

static void other_units(void **state)
{
    (void)state;
    struct rig r;
    size_t n;
    const struct flaw none = {0};
    write_file(&none);
    rig_open(&r, "crystal_hit");
    r.unit.subrun = SUBRUN + 1;
    assert_int_equal(read_all(&r, &n), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "run 3 subrun 5"));
    r.unit.subrun  = SUBRUN;
    r.unit.n_fills = N_FILLS + 1;
    assert_int_equal(read_all(&r, &n), ERR_DATA);
    assert_non_null(strstr(err_message(), "has changed"));
    r.unit.n_fills = N_FILLS;
    ok(read_all(&r, &n));
    assert_int_equal(n, N_FILLS);
    err_clear();
    rig_close(&r);
}

/* An index, or a version, that only a program gone wrong would write. */
static void set_number(const char *dataset, const char *attribute, int64_t value)
{
    hid_t access = file_h5_access(), file = H5Fopen(path, H5F_ACC_RDWR, access);
    assert_true(file >= 0);
    if (dataset) {
        hid_t d = H5Dopen2(file, dataset, H5P_DEFAULT);
        ok(file_h5_write_rows(d, COL_i64, 2, 1, &value));
        H5Dclose(d);
    } else {
        hid_t a = H5Aopen(file, attribute, H5P_DEFAULT);
        assert_true(H5Awrite(a, H5T_NATIVE_INT64, &value) >= 0);
        H5Aclose(a);
    }
    H5Fclose(file);
    H5Pclose(access);
}

static void wrong_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *dataset, *attribute;
        int64_t value;
        const char *words;
    } cases[] = {
        {"crystal_hit/index/first", NULL, 1000, "points beyond its 13 rows"},
        {"crystal_hit/index/first", NULL, -1, "points beyond"},
        {"crystal_hit/index/count", NULL, INT64_MAX, "points beyond"},
        {"fill_truth/index/count", NULL, 2, "2 rows"},
        {NULL, "format_version", 2, "format version 2"},
        {NULL, "is_complete", 0, "not finished"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;
        size_t n;
        const struct flaw none = {0};
        write_file(&none);
        set_number(cases[i].dataset, cases[i].attribute, cases[i].value);
        rig_open(&r, "crystal_hit");
        if (read_all(&r, &n) != ERR_DATA) fail_msg("case %zu: %s", i, err_message());
        if (!strstr(err_message(), cases[i].words) || !strstr(err_message(), path))
            fail_msg("case %zu: %s", i, err_message());
        err_clear();
        rig_close(&r);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_come_back),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(other_units),
        cmocka_unit_test(wrong_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
