/* QUnpack: banks of the GPU become tables, word for word; fills of a Q histogram; damaged crates give nothing. */
#include "bank.h"
#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

extern const struct module module_q_unpack;

enum { N_BINS = 11, N_SUMS = 17, N_CRATES = 3, HIST, COUNT, FIT, SUM, SUM_COUNT };

struct job {
    struct step step;
    struct unit unit;
    struct hist_set hists;
    struct block *raw, *odb, *out[5];
    void *cfg;
    struct midas_build build;
};

static void open_job(struct job *j, const char *text, int flush)
{
    const struct module *m       = &module_q_unpack;
    const struct table *tables[] = {&table_q_hist, &table_q_count, &table_gpu_fit, &table_calo_sum, &table_sum_count};
    struct fhicl *table;
    struct odb *odb;
    char *xml;
    size_t n;
    *j = (struct job){.unit = {.run = 20000}};
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &table), ERR_OK);
    assert_int_equal(mem_alloc(&j->cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, table, "QUnpack", NULL, j->cfg), ERR_OK);
    fhicl_free(table);
    assert_int_equal(block_create(&table_raw, &j->raw), ERR_OK);
    assert_int_equal(block_create(&table_odb, &j->odb), ERR_OK);
    j->step = (struct step){.module = m, .label = "q", .cfg = j->cfg, .unit = &j->unit, .hists = &j->hists};
    for (int i = 0; i < 5; i++) assert_int_equal(block_create(tables[i], &j->step.out[i]), ERR_OK);
    j->step.in[0] = j->raw;
    j->step.in[1] = j->odb;
    assert_int_equal(odb_create(&odb), ERR_OK);
    for (int i = 1; i <= N_CRATES; i++) {
        struct odb_crate c = {.crate = i, .n_samples = 8000, .polarity = -1, .sum_decimation = 32, .q_decimation = 60};
        char path[96];
        c.threshold_adc = -60.0;
        odb_channel_map(c.channel_map);
        assert_int_equal(odb_put_crate(odb, &c), ERR_OK);
        snprintf(path, sizeof path, "/Equipment/AMC13%02d/Settings/Q histogram flush", i);
        if (flush) assert_int_equal(odb_set_i32(odb, path, flush), ERR_OK);
    }
    assert_int_equal(odb_xml(odb, &xml, &n), ERR_OK);
    assert_int_equal(block_resize(j->odb, n), ERR_OK);
    memcpy(odb_view(j->odb).byte, xml, n);
    mem_free(xml);
    odb_free(odb);
    assert_int_equal(m->begin(&j->step), ERR_OK);
    assert_int_equal(m->begin_unit(&j->step), ERR_OK);
}

static void close_job(struct job *j)
{
    module_q_unpack.end(&j->step);
    for (int i = 0; i < 5; i++) block_free(j->step.out[i]);
    block_free(j->raw);
    block_free(j->odb);
    cfg_free(module_q_unpack.fields, j->cfg);
    mem_free(j->cfg);
    hist_set_free(&j->hists);
    midas_build_free(&j->build);
}

static int32_t count_of(int crate, int k) { return crate * 100000 - k * 37; }

static void add_crate(struct job *j, int crate, bool has_q, uint32_t multiplier, uint32_t trigger)
{
    const struct bank_daq_header header = {
        .trigger_number = trigger, .n_samples = 8000, .n_channels = 54, .fill_type = BANK_MUON};
    const struct bank_cq cq    = {.n            = 54 * N_BINS,
                                  .first_sample = 100,
                                  .last_sample  = 100 + N_BINS * 60 - 1,
                                  .decimation   = 60,
                                  .n_intervals  = multiplier > 1 ? 2 : 1,
                                  .multiplier   = multiplier,
                                  .n_segments   = 54};
    struct bank_pulse pulse[2] = {{1.5F, 0.25F, 300.0F, -1700.0F, 4.0F, 77, -1500},
                                  {0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0, 0}};
    struct bank_ct_build ct;
    float pedestals[54] = {0};
    int32_t *room;
    assert_int_equal(bank_daq_add(&j->build, crate, &header), ERR_OK);
    assert_int_equal(bank_ct_begin(&j->build, crate, false, 54, &ct), ERR_OK);
    assert_int_equal(bank_ct_end(&ct, 0), ERR_OK);
    assert_int_equal(bank_cp_add(&j->build, crate, 54, pedestals), ERR_OK);
    assert_int_equal(bank_cs_begin(&j->build, crate, N_SUMS, &room), ERR_OK);
    for (int i = 0; i < N_SUMS; i++) room[i] = count_of(crate, i);
    assert_int_equal(midas_build_bank_end(&j->build), ERR_OK);
    assert_int_equal(bank_cf_begin(&j->build, crate, 54), ERR_OK);
    pulse[1].peak_index = crate;
    for (uint32_t s = 0; s < 54; s++) assert_int_equal(bank_cf_add(&j->build, s % 3, pulse), ERR_OK);
    assert_int_equal(midas_build_bank_end(&j->build), ERR_OK);
    if (!has_q) return;
    assert_int_equal(bank_cq_begin(&j->build, crate, &cq, &room), ERR_OK);
    for (int i = 0; i < 54 * N_BINS; i++) room[i] = count_of(crate, i);
    assert_int_equal(midas_build_bank_end(&j->build), ERR_OK);
}

/* Crate `odd_one` has another trigger number than the others. */
static void run_fill(struct job *j, bool has_q, uint32_t multiplier, int odd_one)
{
    for (int i = 0; i < 5; i++) assert_int_equal(block_resize(j->step.out[i], 0), ERR_OK);
    assert_int_equal(midas_build_begin(&j->build, MIDAS_ID_FILL, 0, 1, 1524400000), ERR_OK);
    for (int i = 1; i <= N_CRATES; i++) add_crate(j, i, has_q, multiplier, i == odd_one ? 6 : 5);
    assert_int_equal(midas_build_end(&j->build), ERR_OK);
    assert_int_equal(block_resize(j->raw, j->build.n), ERR_OK);
    memcpy(raw_view(j->raw).byte, j->build.bytes, j->build.n);
    assert_int_equal(module_q_unpack.event(&j->step), ERR_OK);
}

static void test_tables(void **state)
{
    (void)state;
    struct job j;
    open_job(&j, "", 0);
    for (int i = 0; i < 4; i++) run_fill(&j, i == 3, 1, 0);
    struct q_hist_view q     = q_hist_view(j.step.out[0]);
    struct q_count_view c    = q_count_view(j.step.out[1]);
    struct gpu_fit_view f    = gpu_fit_view(j.step.out[2]);
    struct calo_sum_view s   = calo_sum_view(j.step.out[3]);
    struct sum_count_view sc = sum_count_view(j.step.out[4]);
    assert_int_equal(q.n, N_CRATES * 54);
    for (size_t i = 0; i < q.n; i++) {
        assert_int_equal(q.calo[i], 1 + i / 54);
        assert_int_equal(q.crystal[i], i % 54);
        assert_int_equal(q.n_fills[i], 4); /* counted */
        assert_int_equal(q.first_sample[i], 100);
        assert_int_equal(q.decimation[i], 60);
        assert_int_equal(q.polarity[i], -1);
        assert_int_equal(q.n_bins[i], N_BINS);
        for (uint32_t k = 0; k < N_BINS; k++)
            assert_int_equal(c.adc[q.first_count[i] + k], count_of(q.calo[i], (int)(i % 54 * N_BINS + k)));
    }
    assert_int_equal(f.n, N_CRATES * 54);
    for (size_t i = 0; i < f.n; i++) {
        bool is_second = i % 3 == 2;
        assert_int_equal(f.calo[i], 1 + i / 54);
        assert_int_equal(f.crystal[i] % 3, i % 3 ? 2 : 1);
        assert_int_equal(f.peak_sample[i], is_second ? f.calo[i] : 77);
        if (is_second) continue;
        assert_int_equal(f.peak_adc[i], -1500);
        assert_true(f.time_ct[i] == 1.5F && f.phase_ct[i] == 0.25F && f.energy_adc[i] == 300.0F);
        assert_true(f.pedestal_adc[i] == -1700.0F && f.chi2_adc2[i] == 4.0F);
    }
    assert_int_equal(s.n, N_CRATES);
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(s.n_bins[i], N_SUMS);
        assert_int_equal(s.decimation[i], 32);
        for (uint32_t k = 0; k < N_SUMS; k++)
            assert_int_equal(sc.adc[s.first_count[i] + k], count_of(s.calo[i], (int)k));
    }
    run_fill(&j, false, 1, 0);
    assert_int_equal(j.step.out[0]->n, 0);
    run_fill(&j, true, 1, 0);
    assert_int_equal(q_hist_view(j.step.out[0]).n_fills[0], 2);
    close_job(&j);
}

static void test_settings(void **state)
{
    (void)state;
    struct job j;
    open_job(&j, "polarity: 1 gpu_fit: false calo_sum: false", 100);
    run_fill(&j, true, 1, 2);
    struct q_hist_view q = q_hist_view(j.step.out[0]);
    assert_int_equal(q.n, 2 * 54);
    assert_int_equal(q.n_fills[0], 100); /* as the ODB says */
    assert_int_equal(q.polarity[0], 1);
    assert_int_equal(q.calo[54], 3);
    assert_int_equal(j.step.out[2]->n, 0);
    assert_int_equal(j.step.out[3]->n, 0);
    run_fill(&j, true, 4, 0);
    assert_int_equal(j.step.out[0]->n, 0);
    const struct hist *h = hist_find(&j.hists, "raw/gpu_banks");
    assert_int_equal(h->content[0], 2);
    assert_int_equal(h->content[1], 2);
    assert_int_equal(h->content[2], 3);
    close_job(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables), cmocka_unit_test(test_settings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
