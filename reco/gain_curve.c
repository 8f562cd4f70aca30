/* Sags of gain: sums to points, points to parameters. */
#include "gain_curve.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- points -------------------------------------------------------------------------------------------------------------- */
struct sums {
    const struct hist *count, *gain, *time, *energy;
};

static enum err find_sums(const struct hist_set *hists, const char *stem, bool has_energy, struct sums *out)
{
    static const char *const names[] = {"count", "gain", "time", "energy"};
    const struct hist **h[]          = {&out->count, &out->gain, &out->time, &out->energy};
    for (int i = 0; i < (has_energy ? 4 : 3); i++) {
        char name[96];
        snprintf(name, sizeof name, "%s_%s", stem, names[i]);
        *h[i] = hist_find(hists, name);
        REQUIRE(*h[i], ERR_NOTFOUND, "there is no histogram %s", name);
        REQUIRE((*h[i])->y.n == out->count->y.n && (*h[i])->x.n == out->count->x.n, ERR_MISMATCH,
                "histogram %s has another binning than %s_count", name, stem);
    }
    REQUIRE(out->gain->squares, ERR_MISMATCH, "histogram %s_gain has no squares", stem);
    return ERR_OK;
}

/* Sums of one bin: shots, gains, their squares, times, energies; the last two are kept in thousandths. */
static void add_bin(const struct sums *s, int64_t channel, int64_t bin, double sum[5])
{
    const int64_t i = channel * s->count->y.n + bin;
    sum[0] += (double)s->count->content[i];
    sum[1] += (double)s->gain->content[i] * s->gain->quantum;
    sum[2] += (double)s->gain->squares[i] * s->gain->quantum;
    sum[3] += (double)s->time->content[i] * 1e-3;
    sum[4] += s->energy ? (double)s->energy->content[i] * 1e-3 : 0.0;
}

enum err gain_curve_take(const struct hist_set *hists, const char *stem, int64_t channel, bool has_energy,
                         struct gain_curve *out)
{
    struct sums s = {.count = NULL};
    double within = 0.0;
    out->n        = 0;
    out->ndf = out->spread2 = 0.0;
    TRY(find_sums(hists, stem, has_energy, &s));
    REQUIRE(s.count->y.n <= GAIN_CURVE_MAX, ERR_NUMBER, "histogram %s_count has more than %d bins of time", stem,
            GAIN_CURVE_MAX);
    const int64_t first = channel < 0 ? 0 : channel, last = channel < 0 ? s.count->x.n - 1 : channel;
    for (int64_t bin = 0; bin < s.count->y.n; bin++) {
        double all[5] = {0.0};
        for (int64_t k = first; k <= last; k++) {
            double one[5] = {0.0};
            add_bin(&s, k, bin, one);
            for (int i = 0; i < 5; i++) all[i] += one[i];
            if (one[0] < 2.0) continue;
            within +=
                fmax(0.0, one[2] - one[1] * one[1] / one[0]); /* of a channel: channels differ in their constants */
            out->ndf += one[0] - 1.0;
        }
        if (all[0] < 1.0) continue;
        const size_t n = out->n++;
        out->weight[n] = all[0];
        out->gain[n]   = all[1] / all[0];
        out->x[n]      = all[3] / all[0];
        out->energy[n] = has_energy ? all[4] / all[0] : 1.0;
    }
    out->spread2 = out->ndf > 0.0 ? within / out->ndf : 0.0;
    return ERR_OK;
}

/* ---- fit ----------------------------------------------------------------------------------------------------------------- */

/* Normal equations of n and b = n a in g = n - b e exp(-x / tau), weights 1 / variance. */
static double linear(const struct gain_curve *c, double spread2, double tau, double *norm, double *b, double cov[3])
{
    double s1 = 0.0, sf = 0.0, sff = 0.0, sy = 0.0, sfy = 0.0, chi2 = 0.0;
    for (size_t i = 0; i < c->n; i++) {
        const double w = c->weight[i] / spread2, f = -c->energy[i] * exp(-c->x[i] / tau);
        s1 += w;
        sf += w * f;
        sff += w * f * f;
        sy += w * c->gain[i];
        sfy += w * f * c->gain[i];
    }
    const double det = s1 * sff - sf * sf;
    *norm = *b = 0.0;
    if (!(det > 1e-12 * s1 * sff)) return HUGE_VAL;
    *norm  = (sff * sy - sf * sfy) / det;
    *b     = (s1 * sfy - sf * sy) / det;
    cov[0] = sff / det;
    cov[1] = s1 / det;
    cov[2] = -sf / det;
    for (size_t i = 0; i < c->n; i++) {
        const double r = c->gain[i] - *norm + *b * c->energy[i] * exp(-c->x[i] / tau);
        chi2 += c->weight[i] / spread2 * r * r;
    }
    return chi2;
}

static double chi2_at(const struct gain_curve *c, double spread2, double log_tau)
{
    double norm, b, cov[3];
    return linear(c, spread2, exp(log_tau), &norm, &b, cov);
}

/* Golden section between two neighbours of the grid's best place. */
static double refine(const struct gain_curve *c, double spread2, double low, double high)
{
    const double part = 0.6180339887498949;
    double a = high - part * (high - low), b = low + part * (high - low);
    double fa = chi2_at(c, spread2, a), fb = chi2_at(c, spread2, b);
    while (high - low > 1e-7) {
        if (fa < fb) {
            high = b;
            b    = a;
            fb   = fa;
            a    = high - part * (high - low);
            fa   = chi2_at(c, spread2, a);
        } else {
            low = a;
            a   = b;
            fa  = fb;
            b   = low + part * (high - low);
            fb  = chi2_at(c, spread2, b);
        }
    }
    return 0.5 * (low + high);
}

/* Variances of n, a and tau: diagonal of the inverse of J^T W J. */
static bool errors(const struct gain_curve *c, double spread2, struct gain_fit *f)
{
    double h[3][3] = {{0.0}};
    for (size_t i = 0; i < c->n; i++) {
        const double w = c->weight[i] / spread2, g = c->energy[i] * exp(-c->x[i] / f->tau);
        const double j[3] = {1.0 - f->amplitude * g, -f->norm * g,
                             -f->norm * f->amplitude * g * c->x[i] / (f->tau * f->tau)};
        for (int k = 0; k < 3; k++)
            for (int l = 0; l < 3; l++) h[k][l] += w * j[k] * j[l];
    }
    const double m0 = h[1][1] * h[2][2] - h[1][2] * h[1][2], m1 = h[0][0] * h[2][2] - h[0][2] * h[0][2],
                 m2  = h[0][0] * h[1][1] - h[0][1] * h[0][1];
    const double det = h[0][0] * m0 - h[0][1] * (h[0][1] * h[2][2] - h[1][2] * h[0][2]) +
                       h[0][2] * (h[0][1] * h[1][2] - h[1][1] * h[0][2]);
    if (!(det > 1e-14 * h[0][0] * h[1][1] * h[2][2])) return false;
    f->norm_err      = sqrt(m0 / det);
    f->amplitude_err = sqrt(m1 / det);
    f->tau_err       = sqrt(m2 / det);
    return isfinite(f->tau_err);
}

bool gain_fit(const struct gain_curve *c, double spread2, double tau_min, double tau_max, struct gain_fit *out)
{
    enum { GRID = 48 };
    const double low = log(tau_min), step = (log(tau_max) - low) / GRID;
    double best_chi2 = HUGE_VAL, b = 0.0, cov[3];
    int best = 0;
    if (c->n < 4 || !(spread2 > 0.0)) return false;
    for (int i = 0; i <= GRID; i++) {
        const double chi2 = chi2_at(c, spread2, low + i * step);
        if (chi2 >= best_chi2) continue;
        best_chi2 = chi2;
        best      = i;
    }
    if (best == 0 || best == GRID) return false; /* not between the limits, or nowhere */
    out->is_tau_fixed = false;
    out->tau          = exp(refine(c, spread2, low + (best - 1) * step, low + (best + 1) * step));
    out->chi2         = linear(c, spread2, out->tau, &out->norm, &b, cov);
    out->amplitude    = b / out->norm;
    return isfinite(out->chi2) && errors(c, spread2, out);
}

bool gain_fit_fixed(const struct gain_curve *c, double spread2, double tau, struct gain_fit *out)
{
    double b = 0.0, cov[3] = {0.0};
    if (c->n < 3 || !(spread2 > 0.0)) return false;
    *out      = (struct gain_fit){.tau = tau, .tau_err = tau, .is_tau_fixed = true};
    out->chi2 = linear(c, spread2, tau, &out->norm, &b, cov);
    if (!isfinite(out->chi2) || !(out->norm > 0.0)) return false;
    out->amplitude = b / out->norm;
    out->norm_err  = sqrt(cov[0]);
    out->amplitude_err =
        sqrt(fmax(0.0, cov[1] - 2.0 * out->amplitude * cov[2] + out->amplitude * out->amplitude * cov[0])) / out->norm;
    return true;
}

double gain_fit_value(const struct gain_fit *f, double x, double energy)
{
    return f->norm * (1.0 - f->amplitude * energy * exp(-x / f->tau));
}
