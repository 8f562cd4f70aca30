/* omega_a with gains that change in the fill, before and after module Gain. Expectation histograms, no statistical noise:
 * positrons of N(y) [1 + A(y) cos(omega_a t + phi(y))] with the toy acceptance and the phase by drift time (both by the
 * collaboration's fast simulation), their energies scaled by the gain of the time, above threshold or weighted; 5 parameters.
 * Residual gains come out of the module itself, given constants with errors. The table is in reco/README.md. */
#include "gain_rig.h"
#include "rng.h"
#include "wiggle.h"
#include "wiggle_fit.h"

#include <math.h>

static const double R_ppm = -95.46, tau_us = 64.4, bin_us = 0.1492;
static const double muons_a_fill = 5000.0, n_crystals = 1296.0;
static const double crowding =
    1.5; /* rate in the crystal of a hit over the mean rate; 1.3 for all pulses of mdc1.fcl */
enum { N_BINS = 4357, N_GAINS = 401, N_DT = 8, N_E1 = 8, N_OOF = 9 };
static const double gain_low = 0.8, gain_step = 0.001;
enum method { T_METHOD, A_METHOD, N_METHODS };

/* ---- spectra as functions of the gain -------------------------------------------------------------------------------- */
/* Constant, cosine and sine part of the rate, and of the sum of squared weights. */
struct parts {
    double rate[3], square[3];
};
static struct parts table[N_METHODS][N_GAINS];

static double acceptance(double e_GeV) { return e_GeV < 2.35 ? 0.75 * e_GeV / 2.35 : 0.75; }

static double phase_rad(double y)
{
    static const double c[] = {-0.255134, 65.3034, -705.492, 5267.21,  -23986.5,
                               68348.1,   -121761, 131393,   -78343.0, 19774.1};
    double sum              = 0.0;
    for (int i = 9; i >= 0; i--) sum = sum * y + c[i];
    return 2.09 + 1e-3 * sum;
}

static void rate_of(double e_GeV, double part[3])
{
    double y = e_GeV / WIGGLE_E_MAX_GeV, n = (1.0 - y) * (5.0 + (5.0 - 4.0 * y) * y) * acceptance(e_GeV);
    double a = 0.96 * wiggle_asymmetry(e_GeV), phi = phase_rad(y);
    part[0] = n;
    part[1] = n * a * cos(phi);
    part[2] = -n * a * sin(phi);
}

/* Simpson's rule over true energies from a to b. */
static void integrate(enum method m, double gain, double a, double b, struct parts *sum)
{
    enum { N = 200 };
    double h = (b - a) / N;
    for (int i = 0; i <= N && b > a; i++) {
        double e = a + i * h, w = m == T_METHOD ? 1.0 : wiggle_asymmetry(gain * e), part[3];
        double share = h / 3.0 * (i == 0 || i == N ? 1.0 : i % 2 ? 4.0 : 2.0);
        rate_of(e, part);
        for (int k = 0; k < 3; k++) {
            sum->rate[k] += share * w * part[k];
            sum->square[k] += share * w * w * part[k];
        }
    }
}

static void make_tables(void)
{
    for (int m = 0; m < N_METHODS; m++)
        for (int i = 0; i < N_GAINS; i++) {
            double g = gain_low + i * gain_step, kink = 2.35;
            double low  = (m == T_METHOD ? 1.7 : 1.0) / g;
            double high = m == T_METHOD ? WIGGLE_E_MAX_GeV : fmin(WIGGLE_E_MAX_GeV, WIGGLE_E_MAX_GeV / g);
            memset(&table[m][i], 0, sizeof table[m][i]);
            integrate((enum method)m, g, low, kink, &table[m][i]);
            integrate((enum method)m, g, kink, high, &table[m][i]);
        }
}

static double omega(void) { return 2.0 * PI * F_REFERENCE_MHz * (1.0 + 1e-6 * R_ppm); }

/* Adds weight x rate at a time for a gain: cubic interpolation in the table. */
static void add(enum method m, double gain, double t_us, double weight, double *rate, double *square)
{
    double x = (gain - gain_low) / gain_step, decay = weight * exp(-t_us / tau_us);
    int i = (int)x;
    assert_true(i >= 1 && i < N_GAINS - 2);
    double u = x - i, c = cos(omega() * t_us), s = sin(omega() * t_us);
    double l[4] = {-u * (u - 1.0) * (u - 2.0) / 6.0, (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0,
                   -(u + 1.0) * u * (u - 2.0) / 2.0, (u + 1.0) * u * (u - 1.0) / 6.0};
    for (int k = 0; k < 4; k++) {
        const struct parts *p = &table[m][i - 1 + k];
        *rate += decay * l[k] * (p->rate[0] + p->rate[1] * c + p->rate[2] * s);
        *square += decay * l[k] * (p->square[0] + p->square[1] * c + p->square[2] * s);
    }
}

/* ---- constants, true and recovered ------------------------------------------------------------------------------------ */
struct constants {
    double ifg_amplitude[N_CRYSTALS], ifg_tau_us[N_CRYSTALS];
    double stdp_amplitude[N_CRYSTALS], stdp_tau_ns[N_CRYSTALS];
    double oof[N_OOF][N_CRYSTALS]; /* by hour */
};

static void inject(struct constants *c)
{
    struct rng r = rng_start(rng_key(5, 1, 0, 1, 902), 0);
    for (int k = 0; k < N_CRYSTALS; k++) {
        c->ifg_amplitude[k]  = 0.03 * (1.0 + 0.1 * rng_normal(&r));
        c->ifg_tau_us[k]     = 8.0 * (1.0 + 0.1 * rng_normal(&r));
        c->stdp_amplitude[k] = 0.03 * (1.0 + 0.1 * rng_normal(&r));
        c->stdp_tau_ns[k]    = 15.0 * (1.0 + 0.1 * rng_normal(&r));
        for (int h = 0; h < N_OOF; h++) c->oof[h][k] = 1.0 + 0.01 * (h - 0.5 * (N_OOF - 1)) + 0.002 * rng_normal(&r);
    }
}

/* As calibrations give them: relative errors, one of each channel and one that all have in common. */
static void recover(const struct constants *truth, double error, double common, struct constants *c)
{
    struct rng r = rng_start(rng_key(6, 1, 0, 1, 903), 0);
    for (int k = 0; k < N_CRYSTALS; k++) {
        c->ifg_amplitude[k]  = truth->ifg_amplitude[k] * (1.0 + common + error * rng_normal(&r));
        c->ifg_tau_us[k]     = truth->ifg_tau_us[k] * (1.0 + common + error * rng_normal(&r));
        c->stdp_amplitude[k] = truth->stdp_amplitude[k] * (1.0 + common + error * rng_normal(&r));
        c->stdp_tau_ns[k]    = truth->stdp_tau_ns[k] * (1.0 + common + error * rng_normal(&r));
        for (int h = 0; h < N_OOF; h++) c->oof[h][k] = truth->oof[h][k] + 0.001 * rng_normal(&r);
    }
}

/* ---- the module ---------------------------------------------------------------------------------------------------------- */
static struct cond_table definition[3]; /* oof, stdp, ifg: as a database has them */
static const struct unit unit = {.run = 1, .subrun = 0};

static int start(void **state)
{
    static const char *const names[] = {"oof_correction", "stdp_correction", "ifg_correction"};
    (void)state;
    gain_rig_tables(3, names, definition);
    make_tables();
    return 0;
}

static void put_table(struct cond_use *use, int k, const double *amplitude, const double *tau)
{
    static double value[6][N_CRYSTALS];
    struct cond_interval interval = {1, 0, COND_FOREVER, 1, 0, N_CRYSTALS};
    struct cond_set set = {.table = definition[k], .n_intervals = 1, .n_rows = N_CRYSTALS, .interval = &interval};
    int handle;
    memset(value, 0, sizeof value);
    for (int i = 0; i < N_CRYSTALS; i++) {
        value[0][i] = 1.0; /* calorimeter 1 stands for all */
        value[1][i] = i;
        value[2][i] = amplitude[i];
        if (tau) value[4][i] = tau[i];
    }
    for (size_t c = 0; c < set.table.n_columns; c++) set.value[c] = value[c];
    assert_int_equal(cond_use_add(use, &set, &handle), ERR_OK);
}

/* oof, stdp, ifg: which corrections are made. */
static void rig_begin(struct gain_rig *rig, const struct constants *c, int hour, const char *settings)
{
    gain_rig_make(rig, settings, &unit);
    put_table(rig->job.conditions, 0, c->oof[hour], NULL);
    put_table(rig->job.conditions, 1, c->stdp_amplitude, c->stdp_tau_ns);
    put_table(rig->job.conditions, 2, c->ifg_amplitude, c->ifg_tau_us);
    assert_int_equal(module_gain.begin(&rig->step), ERR_OK);
    assert_int_equal(module_gain.begin_unit(&rig->step), ERR_OK);
}

/* Pulses of one crystal, recorded energies in, corrected ones out. */
static void run_module(struct gain_rig *rig, int crystal, size_t n, const double *t_ns, double *energy_GeV)
{
    assert_int_equal(block_resize(rig->step.in[0], n), ERR_OK);
    struct pulse_view v = pulse_view(rig->step.in[0]);
    for (size_t i = 0; i < n; i++) {
        v.calo[i]           = 1;
        v.crystal[i]        = (uint8_t)crystal;
        v.t_fill_ns[i]      = t_ns[i];
        v.energy_GeV[i]     = energy_GeV[i];
        v.sig_energy_GeV[i] = v.cov_t_energy[i] = v.faint_energy_GeV[i] = 0.0F;
        v.status[i]                                                     = 0;
    }
    assert_int_equal(module_gain.event(&rig->step), ERR_OK);
    struct pulse_view out = pulse_view(rig->step.out[0]);
    assert_int_equal(out.n, n);
    for (size_t i = 0; i < n; i++) energy_GeV[i] = out.energy_GeV[i];
}

/* ---- scenarios ----------------------------------------------------------------------------------------------------------- */
struct scenario {
    bool oof, stdp, ifg; /* injected */
};
/* What is left of the gain: single[h][k][b] by hour, crystal, bin; twice[i][j]: a second pulse, mean over crystals. */
struct residual {
    double (*single)[N_CRYSTALS][N_BINS];
    double twice[N_DT][N_E1];
};

static double bin_centre_us(int b) { return (b + 0.5) * bin_us; }
static double dt_of(int i) { return 2.5 + (90.0 - 2.5) * pow((i + 0.5) / N_DT, 2.0); } /* ns, midpoints in sqrt */
static double dt_width(int i) { return (90.0 - 2.5) * (pow((i + 1.0) / N_DT, 2.0) - pow((double)i / N_DT, 2.0)); }
static double e1_of(int j) { return (j + 0.5) * WIGGLE_E_MAX_GeV / N_E1; }

static void find_single(const struct scenario *s, const struct constants *truth, const struct constants *given,
                        int hour, struct residual *out)
{
    static double t_ns[N_BINS], energy[N_BINS];
    struct gain_rig rig;
    char settings[200];
    snprintf(settings, sizeof settings,
             "energy_scale: false time_alignment: false channel_status: off stdp: false oof: %s ifg: %s missing: flag",
             s->oof ? "true" : "false", s->ifg ? "true" : "false");
    if (given) rig_begin(&rig, given, hour, settings);
    for (int k = 0; k < N_CRYSTALS; k++) {
        for (int b = 0; b < N_BINS; b++) {
            t_ns[b]   = 1e3 * bin_centre_us(b);
            energy[b] = 1.0;
            if (s->ifg) energy[b] *= 1.0 - truth->ifg_amplitude[k] * exp(-bin_centre_us(b) / truth->ifg_tau_us[k]);
            if (s->oof) energy[b] *= truth->oof[hour][k];
        }
        if (given) run_module(&rig, k, N_BINS, t_ns, energy);
        memcpy(out->single[hour][k], energy, sizeof energy);
    }
    if (given) gain_rig_free(&rig);
}

static void find_twice(const struct scenario *s, const struct constants *truth, const struct constants *given,
                       struct residual *out)
{
    struct gain_rig rig;
    if (given)
        rig_begin(&rig, given, 0,
                  "energy_scale: false time_alignment: false channel_status: off oof: false ifg: false missing: flag");
    for (int i = 0; i < N_DT; i++)
        for (int j = 0; j < N_E1; j++) {
            double sum = 0.0;
            for (int k = 0; k < N_CRYSTALS; k++) {
                double sag  = truth->stdp_amplitude[k] * e1_of(j) * exp(-dt_of(i) / truth->stdp_tau_ns[k]);
                double t[2] = {20000.0, 20000.0 + dt_of(i)}, e[2] = {e1_of(j), s->stdp ? 1.0 - sag : 1.0};
                if (given) run_module(&rig, k, 2, t, e);
                sum += e[1] / N_CRYSTALS;
            }
            out->twice[i][j] = sum;
        }
    if (given) gain_rig_free(&rig);
}

/* Rate of hits of one e1 bin in a hit's crystal [1/ns]. */
static double hit_rate(int j, double t_us)
{
    static double all;
    double part[3], width = WIGGLE_E_MAX_GeV / N_E1;
    for (int i = 0; i < 1000 && all <= 0.0; i++)
        for (int k = 0; k < 1000; k++) { /* decays, detected or not */
            double y = (k + 0.5) / 1000.0;
            all += 1e-3 * WIGGLE_E_MAX_GeV * (1.0 - y) * (5.0 + (5.0 - 4.0 * y) * y);
        }
    rate_of(e1_of(j), part);
    double wave = part[0] + part[1] * cos(omega() * t_us) + part[2] * sin(omega() * t_us);
    return crowding * muons_a_fill / n_crystals / (1e3 * tau_us) * exp(-t_us / tau_us) * width * wave / all;
}

/* What second hits add to a bin: the same positrons with the sag of the first. */
static void add_second_hits(enum method m, const struct residual *res, double gain, double t_us, double *rate,
                            double *square)
{
    for (int i = 0; i < N_DT; i++)
        for (int j = 0; j < N_E1; j++) {
            double share = hit_rate(j, t_us - 1e-3 * dt_of(i)) * dt_width(i);
            add(m, gain * res->twice[i][j], t_us, share, rate, square);
            add(m, gain, t_us, -share, rate, square);
        }
}

/* The expectation of one scenario. */
struct expectation {
    double t_us[N_BINS], content[N_BINS], variance[N_BINS];
};

static void make_expectation(enum method m, const struct scenario *s, const struct residual *res,
                             struct expectation *out)
{
    int n_hours        = s->oof ? N_OOF : 1;
    const double scale = 1e10, share = 1.0 / (n_hours * N_CRYSTALS);
    for (int b = 0; b < N_BINS; b++) {
        double mean = 0.0, rate = 0.0, square = 0.0, t = bin_centre_us(b);
        for (int h = 0; h < n_hours; h++)
            for (int k = 0; k < N_CRYSTALS; k++) {
                add(m, res->single[h][k][b], t, share, &rate, &square);
                mean += share * res->single[h][k][b];
            }
        if (s->stdp) add_second_hits(m, res, mean, t, &rate, &square);
        out->t_us[b]     = t;
        out->content[b]  = scale * rate;
        out->variance[b] = scale * square;
    }
}

/* R of a fit minus what was put in [ppb]. */
static double shift_ppb(enum method m, struct expectation *e, double from_us)
{
    size_t first            = (size_t)ceil(from_us / bin_us);
    struct wiggle_data data = {.n = N_BINS - first, .bin_us = bin_us, .t_us = e->t_us + first};
    struct wiggle_model model;
    struct wiggle_fit fit;
    data.content = e->content + first;
    if (m == A_METHOD) data.variance = e->variance + first;
    assert_int_equal(wiggle_model("5", &model), ERR_OK);
    assert_int_equal(wiggle_fit(&data, &model, WIGGLE_LIKELIHOOD, &fit), ERR_OK);
    return 1e3 * (fit.value[WIGGLE_R] - R_ppm);
}

/* Fits from 30 us and from 10 us. The shift swings with the start of the fit: also the largest of starts over one period. */
struct shift {
    double at[2], largest[2];
};
static const double starts_us[2] = {30.2876, 10.0};

/* given NULL: not corrected. */
static void shifts(const struct scenario *s, const struct constants *truth, const struct constants *given,
                   struct shift out[N_METHODS])
{
    enum { N_STARTS = 6 };
    static struct expectation e;
    struct residual res;
    assert_int_equal(mem_alloc(&res.single, N_OOF, sizeof *res.single), ERR_OK);
    for (int h = 0; h < (s->oof ? N_OOF : 1); h++) find_single(s, truth, given, h, &res);
    find_twice(s, truth, given, &res);
    for (int m = 0; m < N_METHODS; m++) {
        make_expectation((enum method)m, s, &res, &e);
        memset(&out[m], 0, sizeof out[m]);
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < N_STARTS; k++) {
                double shift = shift_ppb((enum method)m, &e, starts_us[i] + k * 4.365 / N_STARTS);
                if (k == 0) out[m].at[i] = shift;
                out[m].largest[i] = fmax(out[m].largest[i], fabs(shift));
            }
    }
    mem_free(res.single);
}

static void gains_shift_omega_a_and_are_cured(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct scenario s;
        double error, common;
        double most; /* of the shift that may be left; the demand is 0.1 */
    } rows[] = {
        {"OOF", {true, false, false}, 0.03, 0.003, 0.0}, {"STDP", {false, true, false}, 0.03, 0.003, 0.1},
        {"IFG", {false, false, true}, 0.03, 0.003, 0.1}, {"all", {true, true, true}, 0.0, 0.0, 0.001},
        {"all", {true, true, true}, 0.03, 0.003, 0.1},   {"all", {true, true, true}, 0.10, 0.01, 0.1},
    };
    static struct constants truth, given;
    inject(&truth);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct shift before[N_METHODS], after[N_METHODS];
        recover(&truth, rows[i].error, rows[i].common, &given);
        shifts(&rows[i].s, &truth, NULL, before);
        shifts(&rows[i].s, &truth, &given, after);
        for (int m = 0; m < N_METHODS; m++)
            for (int k = 0; k < 2; k++) {
                const struct shift *b = &before[m], *a = &after[m];
                print_message("%-5s errors %2.0f %% + %.1f %%, %c-method from %2.0f us: shift of R %9.3f -> %8.3f ppb, "
                              "largest %9.3f -> %8.3f\n",
                              rows[i].name, 100 * rows[i].error, 100 * rows[i].common, "TA"[m], starts_us[k],
                              b -> at[k], a -> at[k], b -> largest[k], a -> largest[k]);
                if (rows[i].s.oof && !rows[i].s.ifg)
                    assert_true(b->largest[k] < 0.01 && a->largest[k] < 0.01); /* constant within a fill */
                else if (a->largest[k] > rows[i].most * b->largest[k])
                    fail_msg("more than %g of the shift is left", rows[i].most);
            }
        if (rows[i].s.ifg) assert_true(before[T_METHOD].largest[1] > 10.0 * before[T_METHOD].largest[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_shift_omega_a_and_are_cured),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
