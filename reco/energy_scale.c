/* Fit of the spectrum's edge. */
#include "energy_scale.h"

#include "phys.h"

#include <math.h>

enum { N_LINEAR = 2, MIN_COUNTS = 30 };
static const double reach = 0.12, least_counts = 1e-3; /* of E0 about its start; model counts in a bin */

static void basis(double E0, double sigma, double energy, double f[N_LINEAR])
{
    double z = (E0 - energy) / sigma, cumulative = 0.5 * erfc(-z * sqrt(0.5));
    double density = exp(-0.5 * z * z) / sqrt(2.0 * PI);
    double first   = sigma * (z * cumulative + density);
    double second  = sigma * sigma * ((z * z + 1.0) * cumulative + z * density);
    f[0]           = first + 0.5 * second / E0;
    f[1]           = 1.0;
}

double energy_scale_model(const struct energy_scale_edge *edge, double energy_GeV)
{
    double f[N_LINEAR], sum = 0.0;
    basis(edge->E0_GeV, edge->resolution * edge->E0_GeV, energy_GeV, f);
    for (int i = 0; i < N_LINEAR; i++) sum += edge->linear[i] * f[i];
    return sum;
}

/* Two equations; singular ones leave zeros. */
static void solve_linear(double m[N_LINEAR][N_LINEAR + 1], double x[N_LINEAR])
{
    double determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    x[0]               = determinant > 0.0 ? (m[0][2] * m[1][1] - m[1][2] * m[0][1]) / determinant : 0.0;
    x[1]               = determinant > 0.0 ? (m[1][2] * m[0][0] - m[0][2] * m[1][0]) / determinant : 0.0;
}

struct range {
    const struct energy_scale_spectrum *spectrum;
    size_t begin, end;
};

/* One round of least squares with weights of the model before (or of the counts, in the first). */
static void improve(const struct range *r, struct energy_scale_edge *e, bool is_first)
{
    const struct energy_scale_spectrum *s = r->spectrum;
    double m[N_LINEAR][N_LINEAR + 1]      = {{0.0}}, f[N_LINEAR];
    for (size_t i = r->begin; i < r->end; i++) {
        double expected = energy_scale_model(e, s->energy[i]) * s->width[i];
        double variance = is_first ? s->count[i] + 1.0 : fmax(expected, least_counts);
        basis(e->E0_GeV, e->resolution * e->E0_GeV, s->energy[i], f);
        for (int k = 0; k < N_LINEAR; k++) {
            double w = f[k] * s->width[i] / variance;
            for (int j = 0; j < N_LINEAR; j++) m[k][j] += w * f[j] * s->width[i];
            m[k][N_LINEAR] += w * s->count[i];
        }
    }
    solve_linear(m, e->linear);
}

static double deviance(const struct range *r, const struct energy_scale_edge *e)
{
    const struct energy_scale_spectrum *s = r->spectrum;
    double sum                            = 0.0;
    for (size_t i = r->begin; i < r->end; i++) {
        double mu = fmax(energy_scale_model(e, s->energy[i]) * s->width[i], least_counts), n = s->count[i];
        sum += 2.0 * (mu - n + (n > 0.0 ? n * log(n / mu) : 0.0));
    }
    return sum;
}

static double try_at(const struct range *r, double E0, double resolution, struct energy_scale_edge *e)
{
    enum { ROUNDS = 6 };
    e->E0_GeV     = E0;
    e->resolution = resolution;
    for (int i = 0; i < N_LINEAR; i++) e->linear[i] = 0.0;
    for (int round = 0; round < ROUNDS; round++) improve(r, e, round == 0);
    return deviance(r, e);
}

/* Golden section; f(x) for an E0 or, with E0 found anew, for a resolution. */
static double best_E0(const struct range *r, double start, double resolution, struct energy_scale_edge *e)
{
    enum { STEPS = 24 };
    const double golden = 0.5 * (sqrt(5.0) - 1.0);
    double least = HUGE_VAL, low = start * (1.0 - reach), high = start * (1.0 + reach), step = (high - low) / STEPS;
    double centre = start;
    for (int i = 0; i <= STEPS; i++) { /* the deviance may have more than one dip: the deepest is looked into */
        double d = try_at(r, low + i * step, resolution, e);
        if (!(d < least)) continue;
        least  = d;
        centre = low + i * step;
    }
    low  = centre - step;
    high = centre + step;
    while (high - low > 1e-6 * start) {
        double a = high - golden * (high - low), b = low + golden * (high - low);
        if (try_at(r, a, resolution, e) < try_at(r, b, resolution, e))
            high = b;
        else
            low = a;
    }
    return try_at(r, 0.5 * (low + high), resolution, e);
}

static double best_resolution(const struct range *r, double start, struct energy_scale_edge *e)
{
    const double golden = 0.5 * (sqrt(5.0) - 1.0);
    double low = 0.005, high = 0.1;
    while (high - low > 1e-4) {
        double a = high - golden * (high - low), b = low + golden * (high - low);
        if (best_E0(r, start, a, e) < best_E0(r, start, b, e))
            high = b;
        else
            low = a;
    }
    return 0.5 * (low + high);
}

enum err energy_scale_edge(const struct energy_scale_spectrum *spectrum, double low_GeV, double high_GeV,
                           double start_GeV, double resolution, struct energy_scale_edge *out)
{
    struct range r = {spectrum, 0, 0};
    struct energy_scale_edge other;
    *out = (struct energy_scale_edge){.n = 0.0};
    while (r.begin < spectrum->n && spectrum->energy[r.begin] < low_GeV) r.begin++;
    for (r.end = r.begin; r.end < spectrum->n && spectrum->energy[r.end] < high_GeV; r.end++)
        out->n += spectrum->count[r.end];
    REQUIRE(out->n >= MIN_COUNTS, ERR_NOTFOUND, "%.0f positrons between %g and %g GeV are too few for an edge", out->n,
            low_GeV, high_GeV);
    if (!(resolution > 0.0)) resolution = best_resolution(&r, start_GeV, out);
    out->deviance = best_E0(&r, start_GeV, resolution, out);
    out->ndf      = (int)(r.end - r.begin) - N_LINEAR - 1;
    REQUIRE(fabs(out->E0_GeV / start_GeV - 1.0) < 0.95 * reach, ERR_NOTFOUND,
            "the edge is not within %.0f %% of %g GeV", 95.0 * reach, start_GeV);
    const double h   = 0.004 * start_GeV; /* curvature: the error is where the deviance has grown by 1 */
    double curvature = (try_at(&r, out->E0_GeV + h, resolution, &other) +
                        try_at(&r, out->E0_GeV - h, resolution, &other) - 2.0 * out->deviance) /
                       (h * h);
    REQUIRE(curvature > 0.0, ERR_NOTFOUND, "the spectrum has no edge near %g GeV", start_GeV);
    out->error_GeV = sqrt(2.0 / curvature);
    return ERR_OK;
}
