/* Module Gain: pulses made with known gains come back as they were; dead, hot and unknown channels; order of rows. */
#include "gain_rig.h"
#include "rng.h"

#include <math.h>

enum { N_TABLES = 6, N_PULSES = 6000 };
static const char *const tables[N_TABLES] = {"energy_scale",   "oof_correction", "stdp_correction",
                                             "ifg_correction", "time_alignment", "channel_status"};
static struct cond_table definition[N_TABLES]; /* as a database has them */
static const struct unit unit = {.run = 7, .subrun = 3};

/* The value of a column of a table for a channel: all different. */
static double constant(int table, int column, int channel)
{
    static const double base[N_TABLES][4] = {
        {1.6, 0.01}, {1.01, 0.001}, {0.03, 0.001, 15.0, 0.5}, {0.03, 0.001, 8.0, 0.1}, {0.5, 0.01}, {0.0, 0.0}};
    static const double spread[N_TABLES][4] = {{0.05}, {0.02}, {0.004, 0.0, 2.0}, {0.005, 0.0, 1.0}, {2.0}, {0.0, 0.0}};
    double x                                = sin(1.0 + 3.7 * channel + 11.0 * table + 0.7 * column);
    return base[table][column] + x * spread[table][column];
}

static int start(void **state)
{
    (void)state;
    gain_rig_tables(N_TABLES, tables, definition);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return mem_live() == 0 ? 0 : -1;
}

/* A table's constants, from `begin` on; n_rows below 1296: the first channels only; bad: a dead channel. */
static void add_table(struct cond_use *use, int k, size_t n_intervals, size_t n_rows, int bad)
{
    static double value[6][2 * COND_CHANNELS];
    struct cond_interval interval[2];
    struct cond_set set = {
        .table = definition[k], .n_intervals = n_intervals, .n_rows = n_intervals * n_rows, .interval = interval};
    int handle;
    for (size_t v = 0; v < n_intervals; v++) {
        interval[v] = (struct cond_interval){(int64_t)v + 1, 0, COND_FOREVER, 1, v * n_rows, n_rows};
        for (size_t i = 0; i < n_rows; i++) {
            size_t calo              = 1 + i / N_CRYSTALS;
            value[0][v * n_rows + i] = (double)calo;
            value[1][v * n_rows + i] = (double)(i % N_CRYSTALS);
            for (int c = 2; c < (int)set.table.n_columns; c++)
                value[c][v * n_rows + i] = constant(k, c - 2, (int)i) + (c == 2 && v == 1 && (int)i == bad ? 1.0 : 0.0);
        }
    }
    if (n_intervals == 2) { /* the second begins with event 5 */
        assert_int_equal(cond_pack(&set.table, (struct cond_time){7, 3, 5}, &interval[1].begin), ERR_OK);
        interval[0].end = interval[1].begin;
    }
    for (size_t c = 0; c < set.table.n_columns; c++) set.value[c] = value[c];
    assert_int_equal(cond_use_add(use, &set, &handle), ERR_OK);
}

static struct truth {
    int channel;
    double t_ns, energy_GeV;
} truth[N_PULSES];

static int by_time(const void *a, const void *b)
{
    const struct truth *p = a, *q = b;
    return p->t_ns < q->t_ns ? -1 : p->t_ns > q->t_ns;
}

/* The factor by which the channel's gain lowers pulse i of the truth: the formulas of sim/digitise_light.c. */
static double gain_of(size_t i)
{
    const struct truth *p = &truth[i];
    double sag            = 0.0;
    for (size_t j = 0; j < i; j++)
        if (truth[j].channel == p->channel)
            sag += constant(2, 0, p->channel) * truth[j].energy_GeV *
                   exp(-(p->t_ns - truth[j].t_ns) / constant(2, 2, p->channel));
    double in_fill = 1.0 - constant(3, 0, p->channel) * exp(-p->t_ns * 1e-3 / constant(3, 2, p->channel));
    return constant(1, 0, p->channel) * (1.0 - sag) * (p->t_ns < 0.0 ? 1.0 : in_fill);
}

/* Random pulses, many of them close together in few channels; rows in another order than time. */
static void make_pulses(struct block *pulse)
{
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 901), 0);
    for (size_t i = 0; i < N_PULSES; i++)
        truth[i] = (struct truth){(int)(rng_uniform(&r) * 40.0) * 32, -2000.0 + 20000.0 * rng_uniform(&r),
                                  0.02 + 2.5 * rng_uniform(&r)};
    qsort(truth, N_PULSES, sizeof *truth, by_time);
    assert_int_equal(block_resize(pulse, N_PULSES), ERR_OK);
    struct pulse_view v = pulse_view(pulse);
    for (size_t i = 0; i < N_PULSES; i++) {
        const struct truth *p = &truth[i];
        size_t row            = (i * 1009) % N_PULSES;
        double adc            = p->energy_GeV * gain_of(i) / (1e-3 * constant(0, 0, p->channel));
        v.island[row]         = (uint32_t)i;
        v.calo[row]           = (uint8_t)(1 + p->channel / N_CRYSTALS);
        v.crystal[row]        = (uint8_t)(p->channel % N_CRYSTALS);
        v.t_fill_ns[row]      = p->t_ns + constant(4, 0, p->channel);
        v.energy_GeV[row]     = 1.6e-3 * adc;
        v.amplitude_adc[row]  = (float)adc;
        v.pedestal_adc[row] = v.chi2_ndf[row] = v.sig_t_ns[row] = 1.0F;
        v.sig_energy_GeV[row]                                   = 2.4e-3F;
        v.cov_t_energy[row]                                     = 1e-5F;
        v.faint_energy_GeV[row]                                 = 0.1F;
        v.n_pulses[row]                                         = 1;
        v.status[row]                                           = 0;
    }
}

static void gains_are_undone(void **state)
{
    (void)state;
    struct gain_rig rig;
    gain_rig_make(&rig, "", &unit);
    for (int k = 0; k < N_TABLES; k++) add_table(rig.job.conditions, k, 1, COND_CHANNELS, -1);
    assert_int_equal(module_gain.begin(&rig.step), ERR_OK);
    assert_int_equal(module_gain.begin_unit(&rig.step), ERR_OK);
    make_pulses(rig.step.in[0]);
    assert_int_equal(module_gain.event(&rig.step), ERR_OK);
    struct pulse_view in = pulse_view(rig.step.in[0]), v = pulse_view(rig.step.out[0]);
    assert_int_equal(v.n, N_PULSES);
    double largest = 0.0;
    for (size_t row = 0; row < v.n; row++) {
        const struct truth *p = &truth[v.island[row]];
        assert_true(fabs(v.t_fill_ns[row] - p->t_ns) < 1e-9);
        largest      = fmax(largest, fabs(v.energy_GeV[row] / p->energy_GeV - 1.0));
        double ratio = v.energy_GeV[row] / in.energy_GeV[row];
        assert_true(fabs((double)v.sig_energy_GeV[row] / 2.4e-3 / ratio - 1.0) < 1e-6);
        assert_true(fabs((double)v.cov_t_energy[row] / 1e-5 / ratio - 1.0) < 1e-6);
        assert_true(v.faint_energy_GeV[row] > 0.09F && v.faint_energy_GeV[row] < 0.11F);
        assert_int_equal(v.status[row], 0);
        assert_true(v.amplitude_adc[row] == in.amplitude_adc[row]);
    }
    if (largest > 2e-6) fail_msg("energies are off by %g", largest); /* heights are floats; reach of 12 decay times */
    gain_rig_free(&rig);
}

/* Each correction can be left out, and then its effect, and no other, is left. */
static void each_is_a_choice(void **state)
{
    (void)state;
    static const char *const off[] = {"energy_scale: false", "oof: false", "stdp: false", "ifg: false",
                                      "time_alignment: false"};
    for (int k = 0; k < 5; k++) {
        struct gain_rig rig;
        double e_min = 9.0, e_max = 0.0, dt_max = 0.0;
        gain_rig_make(&rig, off[k], &unit);
        for (int table = 0; table < N_TABLES; table++)
            if (table != k) add_table(rig.job.conditions, table, 1, COND_CHANNELS, -1);
        assert_int_equal(module_gain.begin(&rig.step), ERR_OK);
        assert_int_equal(module_gain.begin_unit(&rig.step), ERR_OK);
        make_pulses(rig.step.in[0]);
        assert_int_equal(module_gain.event(&rig.step), ERR_OK);
        struct pulse_view v = pulse_view(rig.step.out[0]);
        for (size_t row = 0; row < v.n; row++) {
            const struct truth *p = &truth[v.island[row]];
            double e              = v.energy_GeV[row] / p->energy_GeV;
            e_min                 = fmin(e_min, e);
            e_max                 = fmax(e_max, e);
            dt_max                = fmax(dt_max, fabs(v.t_fill_ns[row] - p->t_ns));
        }
        /* the module's energy scale against 1.6; the gain; the sag of pulses of up to 2.5 GeV; 3 %; up to 2.5 ns, and t = 0 */
        static const double low[] = {0.96, 0.98, 0.5, 0.96, 0.96}, high[] = {1.05, 1.04, 1.0001, 1.0001, 1.04};
        if (e_min < low[k] || e_max > high[k] || e_max - e_min < (k == 4 ? 1e-7 : 0.02))
            fail_msg("%s: energies from %g to %g", off[k], e_min, e_max);
        assert_true(k == 4 ? dt_max > 2.0 && dt_max < 2.51 : dt_max < 1e-9);
        gain_rig_free(&rig);
    }
}

static void bad_channels(const char *how, uint32_t event, size_t n_left, unsigned status)
{
    struct gain_rig rig;
    gain_rig_make(&rig, how, &unit);
    for (int k = 0; k < N_TABLES; k++) add_table(rig.job.conditions, k, k == 5 ? 2 : 1, COND_CHANNELS, 64);
    assert_int_equal(module_gain.begin(&rig.step), ERR_OK);
    assert_int_equal(module_gain.begin_unit(&rig.step), ERR_OK);
    make_pulses(rig.step.in[0]);
    for (uint32_t e = 1; e <= event; e++) {
        rig.step.fill.event = e;
        assert_int_equal(module_gain.event(&rig.step), ERR_OK);
    }
    struct pulse_view v = pulse_view(rig.step.out[0]);
    size_t n_bad        = 0;
    for (size_t i = 0; i < N_PULSES; i++) n_bad += truth[i].channel == 64;
    assert_true(n_bad > 50);
    assert_int_equal(v.n, n_left ? N_PULSES : N_PULSES - n_bad);
    for (size_t row = 0; row < v.n; row++) {
        bool is_bad = truth[v.island[row]].channel == 64;
        assert_int_equal(v.status[row], is_bad ? status : 0);
        assert_true(row == 0 || n_left || v.crystal[row] != 10 || v.calo[row] != 2);
    }
    gain_rig_free(&rig);
}

/* A channel dies at event 5 of the subrun. */
static void bad_channels_are_dropped_or_flagged(void **state)
{
    (void)state;
    bad_channels("", 4, 1, 0);
    bad_channels("", 5, 0, 0);
    bad_channels("channel_status: flag", 4, 1, 0);
    bad_channels("channel_status: flag", 6, 1, 32);
    bad_channels("channel_status: off", 6, 1, 0);
}

static void what_has_no_constants_is_flagged(void **state)
{
    (void)state;
    struct gain_rig rig;
    gain_rig_make(&rig, "missing: flag", &unit);
    for (int k = 0; k < N_TABLES; k++) add_table(rig.job.conditions, k, 1, k == 3 ? 640 : COND_CHANNELS, -1);
    assert_int_equal(module_gain.begin(&rig.step), ERR_OK);
    assert_int_equal(module_gain.begin_unit(&rig.step), ERR_OK);
    make_pulses(rig.step.in[0]);
    assert_int_equal(module_gain.event(&rig.step), ERR_OK);
    struct pulse_view v = pulse_view(rig.step.out[0]);
    size_t n_flagged    = 0;
    for (size_t row = 0; row < v.n; row++) {
        bool has_none = truth[v.island[row]].channel >= 640;
        assert_int_equal(v.status[row], has_none ? 16 : 0);
        n_flagged += has_none;
    }
    assert_true(n_flagged > 1000);
    gain_rig_free(&rig);
}

static void without_a_database_it_says_so(void **state)
{
    (void)state;
    struct gain_rig rig;
    gain_rig_make(&rig, "", &unit);
    assert_int_equal(module_gain.begin(&rig.step), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "\"gain\""));
    assert_non_null(strstr(err_message(), "services.conditions.database"));
    gain_rig_free(&rig);
}

/* In a laser fill the beam has not lowered the gain. */
static void laser_fills_have_no_in_fill_gain(void **state)
{
    (void)state;
    struct gain_rig rig;
    double e[2];
    for (int is_laser = 0; is_laser < 2; is_laser++) {
        gain_rig_make(&rig, "stdp: false oof: false energy_scale: false time_alignment: false channel_status: off",
                      &unit);
        add_table(rig.job.conditions, 3, 1, COND_CHANNELS, -1);
        assert_int_equal(module_gain.begin(&rig.step), ERR_OK);
        assert_int_equal(module_gain.begin_unit(&rig.step), ERR_OK);
        fill_view(rig.step.in[1]).fill_type[0] = is_laser ? BANK_LASER : BANK_MUON;
        make_pulses(rig.step.in[0]);
        assert_int_equal(block_resize(rig.step.in[0], 1), ERR_OK);
        struct pulse_view in = pulse_view(rig.step.in[0]);
        in.t_fill_ns[0]      = 1000.0;
        in.energy_GeV[0]     = 1.0;
        assert_int_equal(module_gain.event(&rig.step), ERR_OK);
        e[is_laser] = pulse_view(rig.step.out[0]).energy_GeV[0];
        gain_rig_free(&rig);
    }
    assert_true(e[0] > 1.02 && e[0] < 1.04);
    assert_true(e[1] > 1.0 - 1e-12 && e[1] < 1.0 + 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_are_undone),
        cmocka_unit_test(each_is_a_choice),
        cmocka_unit_test(bad_channels_are_dropped_or_flagged),
        cmocka_unit_test(what_has_no_constants_is_flagged),
        cmocka_unit_test(without_a_database_it_says_so),
        cmocka_unit_test(laser_fills_have_no_in_fill_gain),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
