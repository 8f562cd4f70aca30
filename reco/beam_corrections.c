/* C_e and C_p from sums over muons. */
#include "beam_corrections.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>

/* clang-format off */
#define SUMS(F)                                                                                                        \
    F(n) F(x_e) F(c) F(q) F(w) F(r) F(w_r) F(w_c) F(w_q) F(w_c_c) F(w_c_q) F(w_q_q) F(r_c) F(r_q) F(c_q) F(ww_c_q)     \
    F(wr_c) F(wr_q) F(u) F(s) F(s_u) F(f)
/* clang-format on */
#define SUM_ENUM(name) S_##name,
#define SUM_NAME(name) #name,
enum { SUMS(SUM_ENUM) N_SUMS };
static const char *const names[N_SUMS] = {SUMS(SUM_NAME)};
enum { N_FIT = 5, MIN_MUONS = 10 };

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
    REQUIRE(s->of[S_n] >= MIN_MUONS, ERR_NOTFOUND, "%.0f stored muons are too few for C_e and C_p", s->of[S_n]);
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
    const double n = s->of[S_n], w = s->of[S_w], beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA);
    out->n_muons     = n;
    out->field_ppm   = s->of[S_f] / n;
    out->x_e_mean_mm = s->of[S_x_e] / n;
    out->x_e_rms_mm  = sqrt(fmax(0.0, s->squares[S_x_e] / n - out->x_e_mean_mm * out->x_e_mean_mm));
    double k         = 1e-6 * s->of[S_c] / s->squares[S_x_e] * RING_R0_MM * RING_R0_MM / beta2; /* 2 n (1 - n) */
    out->field_index = 0.5 * (1.0 - sqrt(fmax(0.0, 1.0 - 2.0 * k)));
    out->formula_e   = mean_of(n, s->of[S_c], s->squares[S_c]);
    out->formula_p   = mean_of(n, s->of[S_q], s->squares[S_q]);
    out->formula     = (struct beam_value){out->formula_e.value + out->formula_p.value,
                                           hypot(out->formula_e.error, out->formula_p.error)};
    out->weighted_e  = 1e3 * s->of[S_w_c] / w;
    out->weighted_p  = 1e3 * s->of[S_w_q] / w;
    out->weighted    = out->weighted_e + out->weighted_p;
}

/* Inverse of a symmetric matrix by elimination without pivoting; false if it is not clearly positive. */
static bool invert(double a[N_FIT][N_FIT], double out[N_FIT][N_FIT])
{
    double first[N_FIT];
    for (int i = 0; i < N_FIT; i++) {
        first[i] = a[i][i];
        for (int k = 0; k < N_FIT; k++) out[i][k] = i == k;
    }
    for (int i = 0; i < N_FIT; i++) {
        if (!(a[i][i] > 1e-9 * first[i])) return false;
        double scale = 1.0 / a[i][i];
        for (int k = 0; k < N_FIT; k++) a[i][k] *= scale, out[i][k] *= scale;
        for (int row = 0; row < N_FIT; row++) {
            double factor = a[row][i];
            if (row == i) continue;
            for (int k = 0; k < N_FIT; k++) a[row][k] -= factor * a[i][k], out[row][k] -= factor * out[i][k];
        }
    }
    return true;
}

/* r = s_0 + s_1 c + s_2 q + a w c + b w q: the scatter of a kick does not depend on w. */
static void by_fit(const struct sums *s, struct beam_corrections *out)
{
    const double *m = s->of, cc = s->squares[S_c], qq = s->squares[S_q];
    const double wcc = m[S_w_c_c], wcq = m[S_w_c_q], wqq = m[S_w_q_q], none = (double)NAN;
    double a[N_FIT][N_FIT]    = {{m[S_n], m[S_c], m[S_q], m[S_w_c], m[S_w_q]},
                                 {m[S_c], cc, m[S_c_q], wcc, wcq},
                                 {m[S_q], m[S_c_q], qq, wcq, wqq},
                                 {m[S_w_c], wcc, wcq, s->squares[S_w_c], m[S_ww_c_q]},
                                 {m[S_w_q], wcq, wqq, m[S_ww_c_q], s->squares[S_w_q]}};
    const double right[N_FIT] = {m[S_r], m[S_r_c], m[S_r_q], m[S_wr_c], m[S_wr_q]};
    double inverse[N_FIT][N_FIT], x[N_FIT] = {0}, noise = s->squares[S_r];
    const double e = out->weighted_e, p = out->weighted_p;
    out->spin_e = out->spin_p = out->spin = out->difference = (struct beam_value){none, none};
    out->has_fit                                            = invert(a, inverse);
    if (!out->has_fit) return;
    for (int i = 0; i < N_FIT; i++) {
        for (int k = 0; k < N_FIT; k++) x[i] += inverse[i][k] * right[k];
        noise -= x[i] * right[i];
    }
    noise           = fmax(0.0, noise) / (m[S_n] - N_FIT);
    double sum2     = e * e * inverse[3][3] + 2.0 * e * p * inverse[3][4] + p * p * inverse[4][4];
    out->spin_e     = (struct beam_value){x[3] * e, e * sqrt(noise * inverse[3][3])};
    out->spin_p     = (struct beam_value){x[4] * p, p * sqrt(noise * inverse[4][4])};
    out->spin       = (struct beam_value){x[3] * e + x[4] * p, sqrt(noise * sum2)};
    out->difference = (struct beam_value){out->spin.value - e - p, out->spin.error};
}

static void by_mean(const struct sums *s, struct beam_corrections *out)
{
    const double w = s->of[S_w], mean = s->of[S_r] / w;
    double spread = s->squares[S_r] - 2.0 * mean * s->of[S_w_r] + mean * mean * s->squares[S_w];
    out->mean     = (struct beam_value){1e3 * mean, 1e3 * sqrt(fmax(0.0, spread)) / w};
}

/* r = start + slope w, with a scatter that grows with w: a line through s = r / w against u = 1 / w. */
static void by_slope(const struct sums *s, struct beam_corrections *out)
{
    const double n = s->of[S_n], u = s->of[S_u], sum = s->of[S_s], uu = s->squares[S_u] - u * u / n;
    const double su = s->of[S_s_u] - sum * u / n, start = su / uu, slope = (sum - start * u) / n;
    const double noise   = fmax(0.0, s->squares[S_s] - sum * sum / n - start * su) / (n - 2.0);
    const double to_mrad = -1e-3 * OMEGA_A_RADNS * MAGIC_GAMMA * MUON_LIFETIME_NS;
    out->slope           = (struct beam_value){1e3 * slope, 1e3 * sqrt(noise * s->squares[S_u] / (n * uu))};
    out->start_mrad      = (struct beam_value){start * to_mrad, -to_mrad * sqrt(noise / uu)};
}

enum err beam_corrections(const struct hist_set *hists, struct beam_corrections *out)
{
    struct sums s;
    TRY(read_sums(hists, &s));
    formulas(&s, out);
    by_fit(&s, out);
    by_mean(&s, out);
    by_slope(&s, out);
    return ERR_OK;
}
