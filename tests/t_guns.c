/* InflectorGun and what the guns share: what comes out of a fill. (FileGun: t_file_gun.c, GasGun: t_gun.c.) */
#include "bank.h"
#include "bunch.h"
#include "inflector.h"
#include "phys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gun_step.h"

static const double exit_x_mm = 77.0;

/* Slopes of a row to the tangent. */
static double slope_x(const struct muon_view *m, size_t i) { return m->p_r_GeV[i] / m->p_phi_GeV[i]; }
static double slope_y(const struct muon_view *m, size_t i) { return m->p_y_GeV[i] / m->p_phi_GeV[i]; }
static double delta_of(const struct muon_view *m, size_t i)
{
    return hypot(hypot(m->p_r_GeV[i], m->p_phi_GeV[i]), m->p_y_GeV[i]) / MAGIC_P_GeV - 1.0;
}

struct moments {
    double mean[2], xx, xp, pp; /* of a place and its slope */
};

static struct moments moments_of(const double *x, const double *xp, size_t n)
{
    struct moments s = {{0}, 0, 0, 0};
    for (size_t i = 0; i < n; i++) s.mean[0] += x[i] / (double)n, s.mean[1] += xp[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double a = x[i] - s.mean[0], b = xp[i] - s.mean[1];
        s.xx += a * a / (double)n, s.xp += a * b / (double)n, s.pp += b * b / (double)n;
    }
    return s;
}

/* Sample moments of a Gaussian beam against the truth, within 4.5 standard errors (7e-6 each). */
static void expect_moments(const struct moments *s, double xx, double xp, double pp, size_t n)
{
    double root = 4.5 / sqrt((double)n);
    assert_near(s->xx, xx, root * sqrt(2.0) * xx);
    assert_near(s->pp, pp, root * sqrt(2.0) * pp);
    assert_near(s->xp, xp, root * sqrt(xx * pp + xp * xp));
}

enum { N_MANY = 100000 };
static double place_mm[N_MANY], slope[N_MANY];

static void take_plane(const struct muon_view *m, int is_y)
{
    assert_int_equal(m->n, N_MANY);
    for (size_t i = 0; i < m->n; i++) {
        place_mm[i] = is_y ? m->y_mm[i] : m->x_mm[i] - exit_x_mm;
        slope[i]    = is_y ? slope_y(m, i) : slope_x(m, i);
    }
}

/* Second moments at the exit, with the aperture wide open: M Sigma M^T of the drift on the entrance's Sigma, whose angles
 * scattering widens, as it does once more at the exit. */
static void twiss_at_exit(void **state)
{
    (void)state;
    struct one g;
    static const double beta[2] = {28e3, 3e3}, alpha[2] = {8.5, 2.5}, scatter[2] = {0.0, 1.3e-3};
    const double emittance = 40e-3 / 5.991464547107982, length = 1700.0; /* chi-square of 2: 95 % */
    for (int i = 0; i < 4; i++) {
        const int k              = i % 2;
        const double s2          = scatter[i / 2] * scatter[i / 2];
        const char *const text[] = {"half_width_mm: 1000 half_height_mm: 1000 scatter_mrad: 0",
                                    "half_width_mm: 1000 half_height_mm: 1000"};
        assert_int_equal(open_gun(&g, "InflectorGun", text[i / 2]), ERR_OK);
        assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
        struct muon_view m = muon_view(g.step.out[0]);
        double xx = emittance * beta[k], xp = -emittance * alpha[k],
               pp  = emittance * (1 + alpha[k] * alpha[k]) / beta[k] + s2;
        double xx2 = xx + 2 * length * xp + length * length * pp, xp2 = xp + length * pp;
        take_plane(&m, k);
        struct moments s = moments_of(place_mm, slope, N_MANY);
        expect_moments(&s, xx2, xp2, pp + s2, N_MANY);
        struct inflector_twiss in = {beta[k], alpha[k], emittance}, out = inflector_twiss_at_exit(&in, length);
        if (s2 == 0.0) {
            assert_near(out.beta_mm * emittance, xx2, 1e-9 * xx2);
            assert_near(-out.alpha * emittance, xp2, 1e-9 * xx2);
        }
        assert_near(s.mean[0], 0.0, 4.5 * sqrt(xx2 / N_MANY));
        assert_near(s.mean[1], k ? 0.0 : inflector_aim_slope(exit_x_mm, 89.7 * PI / 180.0),
                    4.5 * sqrt((pp + s2) / N_MANY));
        close_gun(&g);
    }
    assert_near(inflector_rms_emittance(40.0), emittance, 1e-12);
}

/* Momentum: Gauss and flat, dispersion at the exit, time against momentum; offsets. */
static void momentum_and_time(void **state)
{
    (void)state;
    struct one g;
    assert_int_equal(
        open_gun(
            &g, "InflectorGun",
            "scatter_mrad: 0 half_width_mm: 1000 half_height_mm: 1000 emittance_x: 0 emittance_y: 0 momentum: flat "
            "dp_half_width_percent: 1 dp_mean_percent: 0.25 dispersion_m: 2 dispersion_slope: 0.5 time_slope_ns: 20 "
            "profile: none x0_mm: -7.5 xp0_mrad: 1.75 y0_mm: 1 yp0_mrad: -2 exit_slope_mrad: 0.3 "
            "exit_slope_y_mrad: 0.1 exit_y_mm: 3"),
        ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    struct muon_view m = muon_view(g.step.out[0]);
    double aim = inflector_aim_slope(exit_x_mm, 89.7 * PI / 180.0), low = 1, high = -1, mean = 0;
    for (size_t i = 0; i < m.n; i++) {
        double d = delta_of(&m, i);
        assert_near(m.x_mm[i], exit_x_mm - 7.5 + 1.7 * 1.75 + 2000 * d, 1e-9);
        assert_near(slope_x(&m, i), aim + 0.3e-3 + 1.75e-3 + 0.5 * d, 1e-12);
        assert_near(m.y_mm[i], 3 + 1 - 1.7 * 2.0, 1e-9);
        assert_near(slope_y(&m, i), 0.1e-3 - 2e-3, 1e-12);
        assert_near(m.t_fill_ns[i], 2000 * d, 1e-9);
        low = fmin(low, d), high = fmax(high, d), mean += d / (double)m.n;
    }
    assert_true(low > -0.0075 && low < -0.00749 && high < 0.0125 && high > 0.01249); /* 1e-5 of 0.02: e^-50 */
    assert_near(mean, 0.0025, 4.5 * 0.02 / sqrt(12.0 * N_MANY));
    close_gun(&g);
    assert_int_equal(open_gun(&g, "InflectorGun", "half_width_mm: 1000 half_height_mm: 1000"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    m = muon_view(g.step.out[0]);
    for (size_t i = 0; i < m.n; i++) place_mm[i] = delta_of(&m, i), slope[i] = m.t_fill_ns[i];
    struct moments s = moments_of(place_mm, slope, N_MANY);
    assert_near(s.xx, 0.0085 * 0.0085, 4.5 * 0.0085 * 0.0085 * sqrt(2.0 / N_MANY));
    assert_near(s.mean[0], 0.0, 4.5 * 0.0085 / sqrt(N_MANY));
    /* the W: mean and variance of its 2 ns bins */
    struct bunch w = bunch_make();
    double t1 = 0, t2 = 0;
    for (int i = 0; i < BUNCH_N; i++) {
        double p = (w.sum[i + 1] - w.sum[i]) / w.sum[BUNCH_N], t = 2.0 * i - 60.0;
        t1 += p * t, t2 += p * (t * t + 4.0 / 12.0);
    }
    assert_near(s.mean[1], t1, 4.5 * sqrt((t2 - t1 * t1) / N_MANY));
    assert_near(s.pp, t2 - t1 * t1, 4.5 * t2 * sqrt(2.0 / N_MANY));
    close_gun(&g);
}

/* Who passes was inside at both ends; the share lost at the entrance is that of the Gaussian beam. */
static void aperture(void **state)
{
    (void)state;
    struct one g;
    assert_int_equal(open_gun(&g, "InflectorGun", "scatter_mrad: 0 count: entrance"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    struct muon_view m = muon_view(g.step.out[0]);
    double aim         = inflector_aim_slope(exit_x_mm, 89.7 * PI / 180.0);
    for (size_t i = 0; i < m.n; i++) {
        double x = m.x_mm[i] - exit_x_mm;
        assert_true(fabs(x) < 9.0 && fabs(m.y_mm[i]) < 28.0);
        assert_true(fabs(x - 1700.0 * (slope_x(&m, i) - aim)) < 9.0 + 1e-9);
        assert_true(fabs(m.y_mm[i] - 1700.0 * slope_y(&m, i)) < 28.0 + 1e-9);
    }
    const struct hist *h = hist_find(&g.hists, "inflector/fate");
    assert_non_null(h);
    double sigma = sqrt(28e3 * inflector_rms_emittance(40.0)), inside = erf(9.0 / sigma / sqrt(2.0)); /* y: 6 sigma */
    assert_near((double)h->content[1], N_MANY * (1.0 - inside), 4.5 * sqrt(N_MANY * inside * (1.0 - inside)));
    assert_int_equal(h->content[0], m.n);
    assert_int_equal(h->content[0] + h->content[1] + h->content[2], N_MANY);
    assert_int_equal(h->content[2], 0); /* the beam converges: 9 mm become 4.4 mm with 0.8 mm rms */
    close_gun(&g);
    assert_int_equal(open_gun(&g, "InflectorGun", "scatter_mrad: 0 count: entrance xp0_mrad: 5.294117647058823"),
                     ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    const int64_t *fate = hist_find(&g.hists, "inflector/fate")->content;
    /* the centre leaves at +9 mm: by symmetry half of those that entered */
    assert_near((double)fate[2], 0.5 * (double)(fate[0] + fate[2]), 4.5 * 0.5 * sqrt((double)(fate[0] + fate[2])));
    close_gun(&g);
    assert_int_equal(open_gun(&g, "InflectorGun", "muons_per_fill: 1000"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    assert_int_equal(g.step.out[0]->n, 1000);
    assert_int_equal(hist_find(&g.hists, "inflector/fate")->content[0], 1000);
    close_gun(&g);
}

/* A row depends on its number and the fill alone; spins are against the momentum but for the phase. */
static void rows_of_the_inflector(void **state)
{
    (void)state;
    struct one a, b;
    assert_int_equal(open_gun(&a, "InflectorGun", "muons_per_fill: 500"), ERR_OK);
    assert_int_equal(open_gun(&b, "InflectorGun", "muons_per_fill: 2000"), ERR_OK);
    assert_int_equal(fire(&a, 1, 3, 2), ERR_OK);
    assert_int_equal(fire(&b, 1, 3, 1), ERR_OK);
    struct muon_view m = muon_view(a.step.out[0]), other = muon_view(b.step.out[0]);
    assert_true(m.x_mm[0] != other.x_mm[0]);
    assert_int_equal(fire(&b, 1, 3, 2), ERR_OK);
    other = muon_view(b.step.out[0]);
    for (size_t c = 0; c < table_muon.n_columns; c++)
        assert_memory_equal(a.step.out[0]->data[c], b.step.out[0]->data[c], 500 * sizeof(double));
    double polarisation = 0.0;
    for (size_t i = 0; i < other.n; i++) {
        double p = MAGIC_P_GeV * (1.0 + delta_of(&other, i));
        double up =
            -(other.s_r[i] * other.p_r_GeV[i] + other.s_phi[i] * other.p_phi_GeV[i] + other.s_y[i] * other.p_y_GeV[i]) /
            p;
        double across = other.s_r[i] * other.p_phi_GeV[i] - other.s_phi[i] * other.p_r_GeV[i];
        assert_near(across / p / 0.96, sin(-10e-3 * 100.0 * delta_of(&other, i)), 2e-5);
        polarisation += up / (double)other.n;
        assert_near(other.phi_rad[i], 355.0 * PI / 180.0, 1e-12);
        assert_true(other.t_decay_ns[i] > other.t_fill_ns[i]);
    }
    assert_near(polarisation, 0.96, 1e-4);
    close_gun(&a);
    close_gun(&b);
}

/* The axis' circle, drawn on paper, meets the design orbit where it should; first order: x cos + R0 x' sin = 0. */
static void aim(void **state)
{
    (void)state;
    static const double cases[][2] = {{77.0, 89.7}, {77.0, 60.0}, {-30.0, 120.0}, {77.0, 150.0}};
    for (size_t k = 0; k < 4; k++) {
        double x = cases[k][0], angle = cases[k][1] * PI / 180.0, xp = inflector_aim_slope(x, angle);
        double norm = sqrt(1.0 + xp * xp), px = RING_R0_MM + x;
        double cx = px - RING_R0_MM / norm, cy = RING_R0_MM * xp / norm; /* left of the flight (xp, 1) */
        double ex = cos(angle), ey = sin(angle), along = cx * ex + cy * ey;
        double away   = cx * ey - cy * ex; /* distance of the centre from the ray */
        double radius = along + sqrt(RING_R0_MM * RING_R0_MM - away * away);
        assert_near(radius, RING_R0_MM, 1e-8);
        assert_near(xp, -x / RING_R0_MM / tan(angle), 4.0 * x * x / RING_R0_MM / RING_R0_MM / sin(angle));
    }
}

static void impossible_inflectors(void **state)
{
    (void)state;
    struct one g;
    assert_int_equal(open_gun(&g, "InflectorGun", "aim_deg: 300"), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "aim_deg"));
    close_gun(&g);
    assert_int_equal(open_gun(&g, "InflectorGun", "x0_mm: 40 emittance_x: 0.1"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "x0_mm"));
    close_gun(&g);
    err_clear();
}

/* Guns populate muon fills alone. */
static void no_muons_in_other_fills(void **state)
{
    (void)state;
    static const char *const names[] = {"GasGun", "InflectorGun"};
    for (int i = 0; i < 2; i++) {
        struct one g;
        assert_int_equal(open_gun(&g, names[i], "muons_per_fill: 50"), ERR_OK);
        if (g.step.module->begin_unit) assert_int_equal(g.step.module->begin_unit(&g.step), ERR_OK);
        assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
        assert_true(g.step.out[0]->n > 0);
        assert_true(fire_type(&g, BANK_MUON) > 0);
        assert_int_equal(fire_type(&g, BANK_LASER), 0);
        assert_int_equal(fire_type(&g, BANK_PEDESTAL), 0);
        close_gun(&g);
    }
}

static int nothing_is_kept(void **state)
{
    (void)state;
    return mem_live() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twiss_at_exit),
        cmocka_unit_test(momentum_and_time),
        cmocka_unit_test(aperture),
        cmocka_unit_test(rows_of_the_inflector),
        cmocka_unit_test(aim),
        cmocka_unit_test(impossible_inflectors),
        cmocka_unit_test(no_muons_in_other_fills),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_kept);
}
