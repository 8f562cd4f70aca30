/* Calibrations of the gain's sags: in the fill (in-fill laser shots) and after a pulse (double pulses). Sums: histograms
 * laser/ifg_* and laser/stdp_* of module LaserCalib. */
#include "calib.h"
#include "gain_curve.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the two differ in. */
struct sag {
    const char *stem, *condition, *unit, *x_label;
    bool has_energy;
    double tau_min, tau_max, shown; /* shown: right end of the picture */
};
static const struct sag ifg  = {"laser/ifg", "ifg_correction", "us", "time after injection (us)", false, 0.5, 100.0,
                                100.0};
static const struct sag stdp = {
    "laser/stdp", "stdp_correction", "ns", "delay of the second pulse (ns)", true, 2.0, 200.0, 100.0};

enum { MIN_NDF = 30, CHANNELS_MEASURED = CALIB_CHANNELS / 2 };
static const double worst_tau = 0.5; /* a recovery time with a larger relative error is that of all channels */

static bool fit_channel(const struct sag *sag, const struct gain_curve *c, double spread2, const struct gain_fit *all,
                        struct gain_fit *out)
{
    if (c->ndf >= MIN_NDF) spread2 = c->spread2;
    if (gain_fit(c, spread2, sag->tau_min, sag->tau_max, out) && out->tau_err < worst_tau * out->tau) return true;
    return gain_fit_fixed(c, spread2, all->tau, out);
}

/* All channels together: the variance of a shot and the common recovery time. */
static enum err fit_all(const struct calib_input *in, const struct sag *sag, struct gain_curve *c, struct gain_fit *out)
{
    TRY(gain_curve_take(&in->hists, sag->stem, -1, sag->has_energy, c));
    REQUIRE(c->ndf >= MIN_NDF && c->spread2 > 0.0, ERR_NOTFOUND,
            "histogram %s: too few laser shots: %.0f repeat one of the same channel and bin, at least %d must; "
            "take more laser fills",
            sag->stem, c->ndf, MIN_NDF);
    REQUIRE(gain_fit(c, c->spread2, sag->tau_min, sag->tau_max, out), ERR_NOTFOUND,
            "the shots of all channels together (%zu bins) tell no recovery time between %g and %g %s", c->n,
            sag->tau_min, sag->tau_max, sag->unit);
    return ERR_OK;
}

static enum err add_channel(const struct sag *sag, int k, const struct gain_curve *c, double spread2,
                            const struct gain_fit *all, size_t *n_fixed, struct calib_result *out)
{
    const double neutral[4] = {0.0, 0.0, all->tau, 0.0};
    struct gain_fit f;
    if (!fit_channel(sag, c, spread2, all, &f))
        return calib_add_missing(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, neutral);
    const double value[4] = {f.amplitude, f.amplitude_err, f.tau, f.tau_err};
    *n_fixed += f.is_tau_fixed;
    return calib_add(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, value, neutral);
}

static enum err extract_with(const struct calib_input *in, const struct sag *sag, struct gain_curve *c,
                             struct calib_result *out)
{
    struct gain_fit all;
    size_t n_fixed = 0, n_measured = 0;
    TRY(calib_begin(sag->condition, out));
    REQUIRE(in->n_units > 0, ERR_NOTFOUND, "there are no subruns");
    TRY(fit_all(in, sag, c, &all));
    const double spread2 = c->spread2;
    TRY(calib_interval_run(out, in->unit[0].run, in->unit[in->n_units - 1].run));
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        TRY(gain_curve_take(&in->hists, sag->stem, k, sag->has_energy, c));
        TRY(add_channel(sag, k, c, spread2, &all, &n_fixed, out));
    }
    for (size_t i = 0; i < out->set.n_rows; i++) n_measured += out->is_measured[i];
    REQUIRE(n_measured >= CHANNELS_MEASURED, ERR_NOTFOUND, "%zu of %d channels have enough laser shots", n_measured,
            CALIB_CHANNELS);
    snprintf(
        out->note, sizeof out->note,
        "All channels together: amplitude %.5f +- %.5f%s, recovery %.3f +- %.3f %s, level %.5f +- %.5f, spread of one "
        "shot %.2f %%. In %zu channels the recovery time is not determined by itself: that of all is taken, with an "
        "error as large as itself.",
        all.amplitude, all.amplitude_err, sag->has_energy ? " per GeV" : "", all.tau, all.tau_err, sag->unit, all.norm,
        all.norm_err, 100.0 * sqrt(spread2), n_fixed);
    return ERR_OK;
}

static enum err extract(const struct calib_input *in, const struct sag *sag, struct calib_result *out)
{
    struct gain_curve *c;
    TRY(mem_alloc(&c, 1, sizeof *c));
    enum err rc = extract_with(in, sag, c, out);
    mem_free(c);
    return rc;
}

static enum err extract_ifg(const struct calib_input *in, struct calib_result *out) { return extract(in, &ifg, out); }
static enum err extract_stdp(const struct calib_input *in, struct calib_result *out) { return extract(in, &stdp, out); }

static bool truth(const struct calib_input *in, int calo, int crystal, const char *amplitude, const char *tau,
                  double *value)
{
    value[1] = value[3] = 0.0;
    return calib_truth(in, in->unit[0], calo, crystal, amplitude, &value[0]) &&
           calib_truth(in, in->unit[0], calo, crystal, tau, &value[2]);
}

static bool truth_ifg(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    (void)begin;
    return truth(in, calo, crystal, "ifg_amplitude", "ifg_tau_us", value);
}

static bool truth_stdp(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    (void)begin;
    return truth(in, calo, crystal, "stdp_amplitude", "stdp_tau_ns", value);
}

/* ---- picture ---------------------------------------------------------------------------------------------------------------- */
static void put_curve(const struct gain_curve *c, double spread2, const char *name, struct sheet *s)
{
    double sigma[GAIN_CURVE_MAX];
    for (size_t i = 0; i < c->n; i++) sigma[i] = sqrt(spread2 / c->weight[i]);
    const struct sheet_column columns[] = {
        {"x", "1", c->x}, {"gain", "1", c->gain}, {"error", "1", sigma}, {"energy", "GeV", c->energy}};
    sheet_table(s, name, c->n, columns, 4);
}

static void put_panel(const struct sag *sag, const struct gain_fit *f, const char *name, const char *title,
                      double energy, struct sheet *s)
{
    fprintf(s->script,
            "set xlabel '%s'\nset ylabel 'gain'\nset xrange [0:%g]\nset key bottom right\nset samples 400\n"
            "plot $%s using 1:2:3 with yerrorbars pt 7 ps 0.4 lt 1 title '%s', "
            "%.8g * (1 - %.8g * %.8g * exp(-x / %.8g)) with lines lt 2 title 'a %.5f +- %.5f, tau %.2f +- %.2f %s'\n",
            sag->x_label, sag->shown, name, title, f->norm, f->amplitude, energy, f->tau, f->amplitude,
            f->amplitude_err, f->tau, f->tau_err, sag->unit);
}

/* Mean energy of the first pulses, for the drawn curve. */
static double mean_energy(const struct gain_curve *c)
{
    double sum = 0.0, n = 0.0;
    for (size_t i = 0; i < c->n; i++) {
        sum += c->weight[i] * c->energy[i];
        n += c->weight[i];
    }
    return n > 0.0 ? sum / n : 1.0;
}

static enum err draw_with(const struct calib_input *in, const struct sag *sag, struct gain_curve *c, struct sheet *s)
{
    enum { EXAMPLE = 22 }; /* in the middle of calorimeter 1 */
    struct gain_fit all, one;
    TRY(fit_all(in, sag, c, &all));
    const double spread2 = c->spread2;
    fprintf(s->script, "unset title\nset multiplot layout 1,2 title page_title font ',16'\n");
    put_curve(c, spread2, "all", s);
    put_panel(sag, &all, "all", "all channels", mean_energy(c), s);
    TRY(gain_curve_take(&in->hists, sag->stem, EXAMPLE, sag->has_energy, c));
    if (fit_channel(sag, c, spread2, &all, &one)) {
        put_curve(c, c->ndf >= MIN_NDF ? c->spread2 : spread2, "one", s);
        put_panel(sag, &one, "one", "calorimeter 1, crystal 22", mean_energy(c), s);
    }
    fprintf(s->script, "unset multiplot\n");
    return ERR_OK;
}

static enum err draw(const struct calib_input *in, const struct sag *sag, struct sheet *s)
{
    struct gain_curve *c;
    TRY(mem_alloc(&c, 1, sizeof *c));
    enum err rc = draw_with(in, sag, c, s);
    mem_free(c);
    return rc;
}

static enum err draw_ifg(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    (void)r;
    return draw(in, &ifg, s);
}

static enum err draw_stdp(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    (void)r;
    return draw(in, &stdp, s);
}

static const struct calib_picture ifg_pictures[] = {
    {"curve", "gain against time after injection",
     "Response to in-fill shots over that outside the fill, and the fit of level, amplitude and recovery time.", 1100,
     450, draw_ifg},
    {.name = NULL},
};
static const struct calib_picture stdp_pictures[] = {
    {"curve", "gain against the delay after a first pulse",
     "Response to second pulses over that outside the fill; the line is for the mean energy of the first pulses.", 1100,
     450, draw_stdp},
    {.name = NULL},
};

const struct calibration calibration_ifg = {
    .name      = "ifg",
    .condition = "ifg_correction",
    .title     = "In-fill gain",
    .doc       = "Sag of each crystal's gain after injection, from in-fill laser shots.",
    .hists     = {"laser/ifg_count", "laser/ifg_gain", "laser/ifg_time"},
    .made_by   = "LaserCalib",
    .extract   = extract_ifg,
    .truth     = truth_ifg,
    .pictures  = ifg_pictures,
};

const struct calibration calibration_stdp = {
    .name      = "stdp",
    .condition = "stdp_correction",
    .title     = "Short-term gain after a pulse",
    .doc       = "Sag of each crystal's gain after an earlier pulse, per its energy, from double pulses of the laser.",
    .hists     = {"laser/stdp_count", "laser/stdp_gain", "laser/stdp_time", "laser/stdp_energy"},
    .made_by   = "LaserCalib",
    .extract   = extract_stdp,
    .truth     = truth_stdp,
    .pictures  = stdp_pictures,
};
