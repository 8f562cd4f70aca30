/* Closed orbit, lattice functions, tunes and spin from tracked rays. */
#include "ring_probe.h"

#include "mem.h"
#include "phys.h"
#include "ring_spectrum.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

static const double whole_turn = 2.0 * PI;

/* ---- small matrices ---- */

/* x of (1 - M) x = b for the four transverse coordinates. */
static bool solve_fixed(const struct ring_map *map, const double b[4], double x[4])
{
    double a[16], right[4];
    size_t order[4];
    int sign;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) a[4 * i + k] = (i == k) - map->matrix[i][k];
        right[i] = b[i];
    }
    gsl_matrix_view A = gsl_matrix_view_array(a, 4, 4);
    gsl_vector_view B = gsl_vector_view_array(right, 4), X = gsl_vector_view_array(x, 4);
    gsl_permutation p = {4, order};
    int rc            = gsl_linalg_LU_decomp(&A.matrix, &p, &sign);
    if (!rc) rc = gsl_linalg_LU_solve(&A.matrix, &p, &B.vector, &X.vector);
    return rc == 0;
}

static void product(double (*a)[RAY_N], double (*b)[RAY_N], double (*c)[RAY_N])
{
    for (int i = 0; i < RAY_N; i++)
        for (int k = 0; k < RAY_N; k++) {
            c[i][k] = 0.0;
            for (int j = 0; j < RAY_N; j++) c[i][k] += a[i][j] * b[j][k];
        }
}

/* M^-1 = -J M^T J of a symplectic matrix. */
static void inverse(double (*m)[RAY_N], double (*out)[RAY_N])
{
    for (int i = 0; i < RAY_N; i++)
        for (int k = 0; k < RAY_N; k++) out[i][k] = ((i + k) % 2 ? -1.0 : 1.0) * m[k ^ 1][i ^ 1];
}

/* ---- closed orbit ---- */

enum err ring_probe_closed(const struct ring *ring, double delta, double ray[RAY_N], struct ring_map *map)
{
    struct ring_optics o;
    struct ring_map turn;
    double u[RAY_N] = {[RAY_DELTA] = delta}, miss[4], step[4], size = 0.0;
    if (ring_optics(ring, 0.0, &o) == ERR_OK) {
        u[RAY_X]  = o.dispersion_mm * delta;
        u[RAY_PX] = o.dispersion_slope * delta;
    } else {
        err_clear();
    }
    for (int k = 0; k < 20; k++) {
        REQUIRE(fabs(u[RAY_X]) < RING_PLATES_MM && fabs(u[RAY_Y]) < RING_PLATES_MM, ERR_CONFIG,
                "ring: at dp/p = %.3g %% there is no closed orbit within the plates (+-%g mm)",
                100.0 * ring_probe_dp(delta), RING_PLATES_MM);
        TRY(ring_probe_maps(ring, 0.0, u, 1, &whole_turn, &turn));
        for (int i = 0; i < 4; i++) miss[i] = turn.out[i] - u[i];
        REQUIRE(solve_fixed(&turn, miss, step), ERR_CONFIG, "ring: a tune is an integer: there is no closed orbit");
        for (int i = 0; i < 4; i++) u[i] += step[i];
        size = fabs(step[0]) + fabs(step[2]) + RING_R0_MM * (fabs(step[1]) + fabs(step[3]));
        if (size < 1e-9) break;
    }
    REQUIRE(size < 1e-6, ERR_CONFIG, "ring: the search for the closed orbit at dp/p = %.3g %% does not settle",
            100.0 * ring_probe_dp(delta));
    memcpy(ray, u, sizeof u);
    return map ? ring_probe_maps(ring, 0.0, u, 1, &whole_turn, map) : ERR_OK;
}

/* ---- lattice functions ---- */

static enum err plane(const struct ring_map *m, int i, const char *name, double *nu, double *beta, double *alpha)
{
    const double a = m->matrix[i][i], b = m->matrix[i][i + 1], d = m->matrix[i + 1][i + 1];
    REQUIRE(fabs(0.5 * (a + d)) < 1.0, ERR_CONFIG, "ring: the motion in %s is not stable (half the trace is %.6f)",
            name, 0.5 * (a + d));
    double mu = acos(0.5 * (a + d));
    if (b < 0.0) mu = 2.0 * PI - mu;
    *nu    = mu / (2.0 * PI);
    *beta  = b / sin(mu);
    *alpha = 0.5 * (a - d) / sin(mu);
    return ERR_OK;
}

enum err ring_probe_point(const struct ring_map *turn, double phi_rad, struct ring_point *out)
{
    const double(*m)[RAY_N] = turn->matrix;
    const double right[4]   = {m[0][RAY_DELTA], m[1][RAY_DELTA], m[2][RAY_DELTA], m[3][RAY_DELTA]};
    double eta[4];
    struct ring_point p = {.phi_rad = phi_rad};
    memcpy(p.orbit, turn->out, sizeof p.orbit);
    TRY(plane(turn, RAY_X, "x", &p.nu_x, &p.beta_x_mm, &p.alpha_x));
    TRY(plane(turn, RAY_Y, "y", &p.nu_y, &p.beta_y_mm, &p.alpha_y));
    REQUIRE(solve_fixed(turn, right, eta), ERR_CONFIG, "ring: a tune is an integer: there is no dispersion");
    p.dispersion_mm    = eta[0];
    p.dispersion_slope = eta[1];
    p.dispersion_y_mm  = eta[2];
    for (int i = 0; i < 2; i++)
        for (int k = 2; k < 4; k++) {
            double unit = (i ? RING_R0_MM : 1.0) / (k == 3 ? RING_R0_MM : 1.0);
            p.coupling  = fmax(p.coupling, fmax(fabs(m[i][k]) * unit, fabs(m[k][i]) / unit));
        }
    *out = p;
    return ERR_OK;
}

/* M(phi) = T M T^-1 with T from 0 to phi. */
static enum err point_at(const struct ring_map *turn, struct ring_map *there, double phi_rad, struct ring_point *out)
{
    struct ring_map moved;
    double back[RAY_N][RAY_N], half[RAY_N][RAY_N], first[RAY_N][RAY_N];
    memcpy(first, turn->matrix, sizeof first);
    inverse(there->matrix, back);
    product(first, back, half);
    product(there->matrix, half, moved.matrix);
    memcpy(moved.out, there->out, sizeof moved.out);
    return ring_probe_point(&moved, phi_rad, out);
}

enum err ring_probe_around(const struct ring *ring, const double closed[RAY_N], const struct ring_map *turn, size_t n,
                           const double *phi_rad, struct ring_point *out)
{
    struct ring_map *maps;
    enum err rc = ERR_OK;
    TRY(mem_alloc(&maps, n, sizeof *maps));
    for (size_t i = 0; i < n; i++) /* at phi = 0 the way there is a whole turn */
        TRY_TO(done, ring_probe_maps(ring, 0.0, closed, 1, phi_rad[i] > 0.0 ? &phi_rad[i] : &whole_turn, &maps[i]));
    for (size_t i = 0; i < n; i++) TRY_TO(done, point_at(turn, &maps[i], phi_rad[i], &out[i]));
done:
    mem_free(maps);
    return rc;
}

/* ---- tunes ---- */

/* Normalised coordinates of one plane: (x - i (alpha x + beta x')) goes round by exp(2 pi i nu) a turn. */
static void normalised(const struct ring_batch *b, size_t i, const double closed[RAY_N], const struct ring_point *at,
                       bool is_y, double *re, double *im)
{
    double x  = (is_y ? b->y_mm[i] : b->x_mm[i]) - closed[is_y ? RAY_Y : RAY_X];
    double px = (is_y ? b->p_y_GeV[i] : b->p_r_GeV[i]) / MAGIC_P_GeV - closed[is_y ? RAY_PY : RAY_PX];
    *re       = x;
    *im       = -((is_y ? at->alpha_y : at->alpha_x) * x + (is_y ? at->beta_y_mm : at->beta_x_mm) * px);
}

static enum err start_amplitudes(const double closed[RAY_N], const struct ring_point *at, size_t n,
                                 const double *a_x_mm, const double *a_y_mm, double (*u)[RAY_N])
{
    for (size_t i = 0; i < n; i++) {
        memcpy(u[i], closed, sizeof *u);
        u[i][RAY_X] += a_x_mm[i], u[i][RAY_PX] -= at->alpha_x / at->beta_x_mm * a_x_mm[i];
        u[i][RAY_Y] += a_y_mm[i], u[i][RAY_PY] -= at->alpha_y / at->beta_y_mm * a_y_mm[i];
        REQUIRE(fabs(u[i][RAY_X]) < RING_PLATES_MM && fabs(u[i][RAY_Y]) < RING_PLATES_MM, ERR_NUMBER,
                "ring: a start at x = %.3g mm, y = %.3g mm is not between the plates (+-%g mm)", u[i][RAY_X],
                u[i][RAY_Y], RING_PLATES_MM);
    }
    return ERR_OK;
}

static enum err peaks(const double *re, const double *im, size_t n, size_t n_turns, double *nu)
{
    double amplitude;
    for (size_t i = 0; i < n; i++)
        TRY(ring_spectrum_peak(re + i * n_turns, im + i * n_turns, n_turns, &nu[i], &amplitude));
    return ERR_OK;
}

/* Signals [4][n][n_turns]: x and y, real and imaginary. */
static enum err record(const struct ring *ring, const double closed[RAY_N], const struct ring_point *at, size_t n,
                       size_t n_turns, struct ring_batch *b, double *signal)
{
    for (size_t k = 0; k < n_turns; k++) {
        for (size_t i = 0; i < n; i++)
            for (int y = 0; y < 2; y++) {
                double *re = signal + (2 * (size_t)y * n + i) * n_turns + k;
                normalised(b, i, closed, at, y, re, re + n * n_turns);
            }
        TRY(ring_probe_turn(ring, b));
    }
    return ERR_OK;
}

enum err ring_probe_tunes(const struct ring *ring, const double closed[RAY_N], const struct ring_point *at, size_t n,
                          const double *a_x_mm, const double *a_y_mm, size_t n_turns, double *nu_x, double *nu_y)
{
    struct ring_batch b = {0};
    double(*u)[RAY_N], *signal = NULL;
    enum err rc;
    TRY(mem_alloc(&u, n, sizeof *u));
    TRY_TO(done, mem_alloc(&signal, 4 * n * n_turns, sizeof *signal));
    TRY_TO(done, ring_batch_create(n, &b));
    TRY_TO(done, start_amplitudes(closed, at, n, a_x_mm, a_y_mm, u));
    for (size_t i = 0; i < n; i++) TRY_TO(done, ring_probe_load(ring, 0.0, u[i], &b, i));
    TRY_TO(done, record(ring, closed, at, n, n_turns, &b, signal));
    TRY_TO(done, peaks(signal, signal + n * n_turns, n, n_turns, nu_x));
    TRY_TO(done, peaks(signal + 2 * n * n_turns, signal + 3 * n * n_turns, n, n_turns, nu_y));
    for (size_t i = 0; i < n; i++)
        if (b.fate[i] != 0.0) nu_x[i] = nu_y[i] = (double)NAN;
done:
    ring_batch_free(&b);
    mem_free(signal);
    mem_free(u);
    return rc;
}

/* ---- spin ---- */

/* Sums of a weighted straight line through (t, phase - omega_a t), and what else is followed. */
struct slope {
    double w, t, tt, p, tp, last, turns, energy;
};

static double delta_of(const struct ring *ring, const struct ring_batch *b, size_t i)
{
    double u[RAY_N];
    ring_probe_store(ring, 0.0, b, i, u);
    return u[RAY_DELTA];
}

static void follow(const struct ring *ring, const struct ring_batch *b, size_t i, double weight, double delta,
                   struct slope *s, struct ring_spin *out)
{
    const double omega_a = ring->a * ring->omega_B, phase = ring_probe_phase(b, i), t = b->t_ns[i];
    if (phase < s->last - PI) s->turns += 1.0;
    if (phase > s->last + PI) s->turns -= 1.0;
    s->last        = phase;
    const double p = phase + 2.0 * PI * s->turns - omega_a * t;
    s->w += weight, s->t += weight * t, s->tt += weight * t * t, s->p += weight * p, s->tp += weight * t * p;
    out->energy_change = fmax(out->energy_change, fabs(delta_of(ring, b, i) - delta));
}

enum err ring_probe_spin(const struct ring *ring, size_t n, const double (*start)[RAY_N], size_t n_turns,
                         struct ring_spin *out)
{
    struct ring_batch b = {0};
    struct slope *s;
    enum err rc;
    TRY(mem_alloc(&s, n, sizeof *s));
    TRY_TO(done, ring_batch_create(n, &b));
    for (size_t i = 0; i < n; i++) TRY_TO(done, ring_probe_load(ring, 0.0, start[i], &b, i));
    for (size_t i = 0; i < n; i++) out[i] = (struct ring_spin){0};
    for (size_t k = 1; k <= n_turns; k++) {
        double h = sin(PI * (double)k / (double)n_turns);
        TRY_TO(done, ring_probe_turn(ring, &b));
        for (size_t i = 0; i < n; i++) follow(ring, &b, i, h * h * h * h, start[i][RAY_DELTA], &s[i], &out[i]);
    }
    for (size_t i = 0; i < n; i++) {
        double omega_a   = ring->a * ring->omega_B;
        double slope     = (s[i].w * s[i].tp - s[i].t * s[i].p) / (s[i].w * s[i].tt - s[i].t * s[i].t);
        double t0        = ring_probe_time_ns(start[i][RAY_ZETA]);
        out[i].period_ns = (b.t_ns[i] - t0) / (double)n_turns;
        if (b.fate[i] != 0.0) slope = (double)NAN, out[i].period_ns = out[i].energy_change = (double)NAN;
        out[i].omega_a_ppb = 1e9 * slope / omega_a;
        out[i].spin_tune   = omega_a * (1.0 + slope / omega_a) * out[i].period_ns / (2.0 * PI);
    }
done:
    ring_batch_free(&b);
    mem_free(s);
    return rc;
}
