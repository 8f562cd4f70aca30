/* C_e and C_p from sums over muons. */
#include "beam_corrections.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>

enum { N, X_E, C, Q, W, R, W_R, W_C, W_Q, W_C_C, W_C_Q, W_Q_Q, R_C, R_Q, D, U, S, S_U, N_SUMS };
static const char *const names[N_SUMS] = {"n",     "x_e",   "c",     "q",   "w",   "r", "w_r", "w_c", "w_q",
                                          "w_c_c", "w_c_q", "w_q_q", "r_c", "r_q", "d", "u",   "s",   "s_u"};

struct sums {
    double of[N_SUMS], squares[N_SUMS];
};

static enum err read_sums(const struct hist_set *hists, struct sums *s)
{
    for (int i = 0; i < N_SUMS; i++) {
        char name[64];
        snprintf(name, sizeof name, "beam/sum/%s", names[i]);
        const struct hist *h = hist_find(hists, name);
        REQUIRE(h && h->squares, ERR_NOTFOUND, "the files hold no %s; module BeamDynamics books it", name);
        s->of[i]      = (double)h->content[0] * h->quantum;
        s->squares[i] = (double)h->squares[0] * h->quantum;
    }
    REQUIRE(s->of[N] >= 3.0, ERR_NOTFOUND, "%.0f stored muons are too few for C_e and C_p", s->of[N]);
    return ERR_OK;
}

/* Sums are in ppm, results in ppb. */
static struct beam_value mean_of(double n, double sum, double squares)
{
    double mean = sum / n;
    return (struct beam_value){1e3 * mean, 1e3 * sqrt(fmax(0.0, squares / n - mean * mean) / n)};
}

static void formulas(const struct sums *s, struct beam_corrections *out)
{
    const double n = s->of[N], w = s->of[W], beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA);
    out->n_muons     = n;
    out->x_e_mean_mm = s->of[X_E] / n;
    out->x_e_rms_mm  = sqrt(fmax(0.0, s->squares[X_E] / n - out->x_e_mean_mm * out->x_e_mean_mm));
    double k         = 1e-6 * s->of[C] / s->squares[X_E] * RING_R0_MM * RING_R0_MM / beta2; /* 2 n (1 - n) */
    out->field_index = 0.5 * (1.0 - sqrt(fmax(0.0, 1.0 - 2.0 * k)));
    out->formula_e   = mean_of(n, s->of[C], s->squares[C]);
    out->formula_p   = mean_of(n, s->of[Q], s->squares[Q]);
    out->formula     = (struct beam_value){out->formula_e.value + out->formula_p.value,
                                           hypot(out->formula_e.error, out->formula_p.error)};
    out->weighted_e  = 1e3 * s->of[W_C] / w;
    out->weighted_p  = 1e3 * s->of[W_Q] / w;
    out->weighted    = out->weighted_e + out->weighted_p;
}

static void by_spin(const struct sums *s, struct beam_corrections *out)
{
    const double w = s->of[W], mean = s->of[R] / w;
    double spread   = s->squares[R] - 2.0 * mean * s->of[W_R] + mean * mean * s->squares[W];
    out->spin       = (struct beam_value){1e3 * mean, 1e3 * sqrt(fmax(0.0, spread)) / w};
    out->difference = (struct beam_value){1e3 * s->of[D] / w, 1e3 * sqrt(s->squares[D]) / w};
    /* r = w (a c + b q): normal equations, with the scatter of the shifts about the formulas */
    const double cc = s->of[W_C_C], cq = s->of[W_C_Q], qq = s->of[W_Q_Q], det = cc * qq - cq * cq;
    const double noise = s->squares[D] / w, a = (qq * s->of[R_C] - cq * s->of[R_Q]) / det,
                 b = (cc * s->of[R_Q] - cq * s->of[R_C]) / det;
    out->spin_e    = (struct beam_value){a * out->weighted_e, out->weighted_e * sqrt(noise * qq / det)};
    out->spin_p    = (struct beam_value){b * out->weighted_p, out->weighted_p * sqrt(noise * cc / det)};
}

/* r = start + slope w, with a scatter that grows with w: a line through s = r / w against u = 1 / w. */
static void by_slope(const struct sums *s, struct beam_corrections *out)
{
    const double n = s->of[N], u = s->of[U], sum = s->of[S], uu = s->squares[U] - u * u / n;
    const double su = s->of[S_U] - sum * u / n, start = su / uu, slope = (sum - start * u) / n;
    const double noise   = fmax(0.0, s->squares[S] - sum * sum / n - start * su) / (n - 2.0);
    const double to_mrad = -1e-3 * OMEGA_A_RADNS * MAGIC_GAMMA * MUON_LIFETIME_NS;
    out->slope           = (struct beam_value){1e3 * slope, 1e3 * sqrt(noise * s->squares[U] / (n * uu))};
    out->start_mrad      = (struct beam_value){start * to_mrad, -to_mrad * sqrt(noise / uu)};
}

enum err beam_corrections(const struct hist_set *hists, struct beam_corrections *out)
{
    struct sums s;
    TRY(read_sums(hists, &s));
    formulas(&s, out);
    by_spin(&s, out);
    by_slope(&s, out);
    return ERR_OK;
}
