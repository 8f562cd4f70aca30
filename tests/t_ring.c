/* The tracking engine: against the reference, against published tracking figures and lattice theory; its stops, losses
 * and its independence of the arrangement of muons. The full 5,000-turn comparison is tests/long_ring.c. */
#include "ring_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(got, want, within)                                                                                 \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!(fabs(got_ - want_) <= (within)))                                                                         \
            fail_msg("%s is %.10g, want %.10g +- %g", #got, got_, want_, (double)(within));                            \
    } while (0)

static struct ring nim_ring(size_t n_collimators)
{
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.n_collimators = n_collimators;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    return ring;
}

static struct ring quadrupole_ring(enum ring_layout layout, double n, bool is_curved)
{
    struct ring_setup s = {.layout = layout, .pair_deg = 26.0, .aperture_mm = APERTURE_MM, .is_curved = is_curved};
    struct ring ring;
    ring_setup_linear(&s, n);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    return ring;
}

static struct ring linear_ring(enum ring_layout layout, double n) { return quadrupole_ring(layout, n, false); }

/* ---- accuracy ---- */

/* A tenth of the 5,000 turns; the error does not grow with the run's length. */
static void against_reference(void **state)
{
    (void)state;
    struct ring rings[] = {ring_bench(39.0), linear_ring(RING_13_26, 0.108), nim_ring(0),
                           quadrupole_ring(RING_13_26, 0.120, true)};
    for (size_t i = 0; i < 4; i++) {
        struct ring_error e;
        assert_int_equal(ring_compare(&rings[i], 8, PLANE_ALL, 300, 30, 120, &e), ERR_OK);
        assert_near(e.max_ppb, 0.0, 0.4);
        assert_near(e.orbit_mm, 0.0, 2.0);
        assert_near(e.energy, 0.0, 3e-8);
    }
}

/* Each plane by itself: a mean bias shows here first (wrong force gradient in the clock: -1 ppb in y). */
static void planes_have_no_bias(void **state)
{
    (void)state;
    struct ring ring = ring_bench(39.0);
    for (unsigned plane = PLANE_X; plane <= PLANE_P; plane *= 2) {
        struct ring_error e;
        assert_int_equal(ring_compare(&ring, 4, plane, 200, 40, 120, &e), ERR_OK);
        assert_near(e.mean_ppb, 0.0, 0.05);
        assert_near(e.max_ppb, 0.0, 0.15);
    }
}

/* Twice as many kicks: the error of the orbit falls by about 2^4. */
static void orbit_is_fourth_order(void **state)
{
    (void)state;
    struct ring_error coarse, fine;
    struct ring a = ring_bench(39.0), b = ring_bench(19.5);
    assert_int_equal(ring_compare(&a, 4, PLANE_ALL, 100, 10, 120, &coarse), ERR_OK);
    assert_int_equal(ring_compare(&b, 4, PLANE_ALL, 100, 10, 120, &fine), ERR_OK);
    assert_true(fine.orbit_mm < coarse.orbit_mm / 8.0);
}

/* ---- published figures ---- */

struct row {
    enum ring_layout layout;
    double n, x_e_mm, x_mm, y_mm, want_ppb;
};

/* Shift of omega_a from tracking: slope of the phase with a sin^4 window over 100 us. */
static double shift_ppb(const struct row *row)
{
    enum { N_TURNS = 670 };
    struct ring ring = quadrupole_ring(row->layout, row->n, true);
    struct ring_batch b;
    struct ring_line line = {0};
    double turns = 0.0, last = PI;
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    b.p_phi_GeV[0] = MAGIC_P_GeV * (1.0 + (1.0 - row->n) * row->x_e_mm / RING_R0_MM);
    b.x_mm[0]      = row->x_mm;
    b.y_mm[0]      = row->y_mm;
    for (int i = 0; i < N_TURNS; i++) {
        assert_int_equal(ring_turns(&ring, &b, 1), ERR_OK);
        double phase = ring_phase(&b, 0);
        if (phase < last - PI) turns += 1.0;
        last     = phase;
        double s = sin(PI * (i + 1.0) / N_TURNS), t = b.t_ns[0];
        ring_line_add(&line, t, phase + 2.0 * PI * turns - OMEGA_A_RADNS * t, s * s * s * s);
    }
    ring_batch_free(&b);
    /* the constants' omega_a is a (e/m) B0 to 10 digits; the ring's own is exact */
    return 1e9 * (ring_line_slope(&line) / OMEGA_A_RADNS - (ring.a * ring.omega_B / OMEGA_A_RADNS - 1.0));
}

/* Source: exact Thomas-BMT by Runge-Kutta in Cartesian coordinates, another program; field of kind RING_CURVED. The last row's ring starts 16 deg
 * before a short ESQ. */
static void published_shifts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {RING_CONTINUOUS, 0.108, 0.0, 0.0, 0.0, 0.0},        {RING_CONTINUOUS, 0.108, 10.0, 10.0, 0.0, -379.5},
        {RING_CONTINUOUS, 0.108, -10.0, -10.0, 0.0, -381.4}, {RING_CONTINUOUS, 0.108, 20.0, 20.0, 0.0, -1514.3},
        {RING_CONTINUOUS, 0.108, 0.0, 10.0, 0.0, 0.0},       {RING_CONTINUOUS, 0.108, 0.0, 0.0, 10.0, -53.4},
        {RING_CONTINUOUS, 0.108, 0.0, 0.0, 20.0, -213.5},    {RING_CONTINUOUS, 0.108, 10.0, 10.0, 20.0, -592.9},
        {RING_CONTINUOUS, 0.108, 6.1, 16.1, 13.0, -231.5},   {RING_CONTINUOUS, 0.120, 10.0, 10.0, 0.0, -416.1},
        {RING_CONTINUOUS, 0.120, 0.0, 0.0, 20.0, -237.3},    {RING_13_26, 0.108, 10.0, 10.0, 0.0, -376.6},
        {RING_13_26, 0.108, 0.0, 0.0, 20.0, -219.8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double got = shift_ppb(&rows[i]);
        if (fabs(got - rows[i].want_ppb) > 1.0) fail_msg("row %zu: %.2f ppb, want %.1f", i, got, rows[i].want_ppb);
    }
}

/* ---- lattice ---- */

/* Half the trace of a quarter turn, written out: 39 deg of ESQ in 90 deg, with an optional gap of 4 deg in it. */
static double half_trace(double k_esq, double k_gap, const double *lengths_deg, size_t n)
{
    double a = 1.0, b = 0.0, c = 0.0, d = 1.0; /* (a b; c d), angle in radians */
    for (size_t i = 0; i < n; i++) {
        double k = i % 2 ? k_esq : k_gap, l = lengths_deg[i] * PI / 180.0, w = sqrt(fabs(k));
        double co = k > 0.0 ? cos(w * l) : 1.0, si = k > 0.0 ? sin(w * l) / w : l, mi = k > 0.0 ? -w * sin(w * l) : 0.0;
        double a2 = co * a + si * c, b2 = co * b + si * d;
        c = mi * a + co * c, d = mi * b + co * d;
        a = a2, b = b2;
    }
    return 0.5 * (a + d);
}

/* Tune from x(n+1) + x(n-1) = 2 cos(2 pi nu) x(n) of a small oscillation. */
static double tracked_tune(const struct ring *ring, int vertical, double near)
{
    enum { N = 200 };
    struct ring_batch b;
    double x[N], top = 0.0, bottom = 0.0;
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    (vertical ? b.y_mm : b.x_mm)[0] = 0.1;
    for (int i = 0; i < N; i++) {
        x[i] = (vertical ? b.y_mm : b.x_mm)[0];
        assert_int_equal(ring_turns(ring, &b, 1), ERR_OK);
    }
    ring_batch_free(&b);
    for (int i = 1; i + 1 < N; i++) top += x[i] * (x[i - 1] + x[i + 1]), bottom += 2.0 * x[i] * x[i];
    double nu = acos(top / bottom) / (2.0 * PI);
    return near > 0.5 ? 1.0 - nu : nu;
}

static void tunes(void **state)
{
    (void)state;
    static const double real[] = {47.0, 13.0, 4.0, 26.0}, bench[] = {51.0, 39.0};
    struct ring rings[] = {linear_ring(RING_13_26, 0.108), ring_bench(39.0), linear_ring(RING_13_26, 0.120)};
    for (size_t i = 0; i < 3; i++) {
        double n_esq = (i == 2 ? 0.120 : 0.108) * 360.0 / 156.0;
        size_t n     = i == 1 ? 2 : 4;
        double nu_x  = 4.0 * acos(half_trace(1.0 - n_esq, 1.0, i == 1 ? bench : real, n)) / (2.0 * PI);
        double nu_y  = 4.0 * acos(half_trace(n_esq, 0.0, i == 1 ? bench : real, n)) / (2.0 * PI);
        struct ring_optics o;
        assert_int_equal(ring_optics(&rings[i], 1.0, &o), ERR_OK);
        assert_near(o.nu_x, nu_x, 1e-9);
        assert_near(o.nu_y, nu_y, 1e-9);
        assert_near(tracked_tune(&rings[i], 0, nu_x), nu_x, 1e-4);
        assert_near(tracked_tune(&rings[i], 1, nu_y), nu_y, 1e-4);
    }
    struct ring_optics o; /* literature: 0.94488, 0.32960; the nominal voltage's index */
    assert_int_equal(ring_optics(&rings[0], 0.0, &o), ERR_OK);
    assert_near(o.nu_x, 0.94488, 1e-5);
    assert_near(o.nu_y, 0.32960, 1e-5);
    assert_near(nim_ring(2).n_mean, 0.14124 * 18.3 / 24.0, 1e-5);
}

/* A muon on the dispersive orbit of the matrices stays there: p_r and x repeat after a turn. */
static void closed_orbit(void **state)
{
    (void)state;
    struct ring ring = linear_ring(RING_13_26, 0.108);
    struct ring_optics o;
    struct ring_batch b;
    const double delta = 1e-4;
    assert_int_equal(ring_optics(&ring, 0.0, &o), ERR_OK);
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    b.x_mm[0]      = o.dispersion_mm * delta;
    b.p_phi_GeV[0] = MAGIC_P_GeV * (1.0 + delta);
    b.p_r_GeV[0]   = b.p_phi_GeV[0] * o.dispersion_slope * delta;
    double x = b.x_mm[0], p_r = b.p_r_GeV[0];
    assert_int_equal(ring_turns(&ring, &b, 1), ERR_OK);
    assert_near(b.x_mm[0], x, 2e-4);
    assert_near(b.p_r_GeV[0] / MAGIC_P_GeV, p_r / MAGIC_P_GeV, 3e-8);
    ring_batch_free(&b);
}

/* ---- field ---- */

/* eps is the gradient of U, and the engine's own recurrences agree with the plain series (through a short walk). */
static void field_is_a_gradient(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.normal_V[3] = -28.0;
    s.skew_V[2]   = 50.0;
    s.skew_V[5]   = -8.0;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring.field, RING_GENERAL);
    const double h = 1e-3;
    for (int i = 0; i < 20; i++) {
        double x = 40.0 * cos(2.4 * i), y = 35.0 * sin(1.7 * i), ex, ey;
        ring_field(&ring, x, y, &ex, &ey);
        double gx = -(ring_potential(&ring, x + h, y) - ring_potential(&ring, x - h, y)) / (2.0 * h);
        double gy = -(ring_potential(&ring, x, y + h) - ring_potential(&ring, x, y - h)) / (2.0 * h);
        assert_near(ex, gx, 1e-8 * fabs(ring.linear) * 45.0);
        assert_near(ey, gy, 1e-8 * fabs(ring.linear) * 45.0);
    }
}

/* The three forms of the field in the engine give the same orbit for the same ring. */
static void field_forms_agree(void **state)
{
    (void)state;
    struct ring rings[4] = {linear_ring(RING_13_26, 0.108), linear_ring(RING_13_26, 0.108), nim_ring(0), nim_ring(0)};
    rings[1].field       = RING_GENERAL;
    rings[3].field       = RING_GENERAL;
    for (size_t k = 0; k < 4; k += 2) {
        struct ring_batch a, b;
        assert_int_equal(ring_batch_create(8, &a), ERR_OK);
        assert_int_equal(ring_batch_create(8, &b), ERR_OK);
        ring_ensemble(&a, 8, PLANE_ALL, 1);
        ring_ensemble(&b, 8, PLANE_ALL, 1);
        assert_int_equal(ring_turns(&rings[k], &a, 20), ERR_OK);
        assert_int_equal(ring_turns(&rings[k + 1], &b, 20), ERR_OK);
        for (size_t i = 0; i < 8; i++) {
            assert_near(a.x_mm[i], b.x_mm[i], 1e-8);
            assert_near(a.y_mm[i], b.y_mm[i], 1e-8);
            assert_near(a.t_ns[i], b.t_ns[i], 1e-8);
            assert_near(ring_phase(&a, i), ring_phase(&b, i), 1e-11);
        }
        ring_batch_free(&a);
        ring_batch_free(&b);
    }
}

/* ---- stops and losses ---- */

static void fill(struct ring_batch *b, size_t n)
{
    ring_ensemble(b, n, PLANE_ALL, 1);
    for (size_t i = 0; i < n; i++) {
        struct rng r   = rng_start(rng_key(3, 1, 0, 1, 11), (uint32_t)i);
        b->phi_rad[i]  = 2.0 * PI * rng_uniform(&r);
        b->t_ns[i]     = 50.0 * rng_normal(&r);
        b->t_end_ns[i] = b->t_ns[i] - 3000.0 * log(rng_uniform(&r));
    }
}

/* Stopping and going on from there is the same as going through, wherever the stop is: to the error of one pair of
 * kicks, which is cut in two where the stop falls into it. */
static void stops_are_exact(void **state)
{
    (void)state;
    enum { N = 64 };
    struct ring ring = nim_ring(2);
    struct ring_batch whole, parts;
    assert_int_equal(ring_batch_create(N, &whole), ERR_OK);
    assert_int_equal(ring_batch_create(N, &parts), ERR_OK);
    fill(&whole, N);
    fill(&parts, N);
    for (size_t i = 0; i < N; i++) parts.t_end_ns[i] = 0.37 * parts.t_end_ns[i] + 0.63 * parts.t_ns[i];
    assert_int_equal(ring_track(&ring, &parts), ERR_OK);
    for (size_t i = 0; i < N; i++) assert_near(parts.t_ns[i], parts.t_end_ns[i], 1e-8);
    for (size_t i = 0; i < N; i++) parts.t_end_ns[i] = whole.t_end_ns[i];
    assert_int_equal(ring_track(&ring, &parts), ERR_OK);
    assert_int_equal(ring_track(&ring, &whole), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(whole.fate[i] == 1.0 && parts.fate[i] == 1.0);
        assert_near(whole.t_ns[i], whole.t_end_ns[i], 1e-8);
        assert_near(remainder(whole.phi_rad[i] - parts.phi_rad[i], 2.0 * PI), 0.0, 1e-6);
        assert_near(whole.x_mm[i], parts.x_mm[i], 5e-3);
        assert_near(whole.y_mm[i], parts.y_mm[i], 5e-3);
        assert_near(ring_phase(&whole, i), ring_phase(&parts, i), 1e-8);
    }
    ring_batch_free(&whole);
    ring_batch_free(&parts);
}

/* Bit for bit the same in any order and with any neighbours. */
static void arrangement_does_not_matter(void **state)
{
    (void)state;
    enum { N = 96 };
    struct ring ring = nim_ring(2);
    struct ring_batch a, b;
    assert_int_equal(ring_batch_create(N, &a), ERR_OK);
    assert_int_equal(ring_batch_create(N, &b), ERR_OK);
    fill(&a, N);
    fill(&b, N);
    for (size_t i = 0; i < N; i++) a.x_mm[i] *= 1.1; /* some are lost */
    double *ca[] = {a.x_mm,  a.y_mm, a.phi_rad, a.p_r_GeV,  a.p_phi_GeV, a.p_y_GeV, a.s_r,
                    a.s_phi, a.s_y,  a.t_ns,    a.t_end_ns, a.turns,     a.fate};
    double *cb[] = {b.x_mm,  b.y_mm, b.phi_rad, b.p_r_GeV,  b.p_phi_GeV, b.p_y_GeV, b.s_r,
                    b.s_phi, b.s_y,  b.t_ns,    b.t_end_ns, b.turns,     b.fate};
    for (size_t c = 0; c < 13; c++)
        for (size_t i = 0; i < N; i++) cb[c][(i * 35 + 7) % N] = ca[c][i];
    assert_int_equal(ring_track(&ring, &a), ERR_OK);
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    for (size_t c = 0; c < 13; c++)
        for (size_t i = 0; i < N; i++) assert_memory_equal(&cb[c][(i * 35 + 7) % N], &ca[c][i], sizeof(double));
    ring_batch_free(&a);
    ring_batch_free(&b);
}

/* Instruction sets differ by rounding alone. */
static void instruction_sets_agree(void **state)
{
    (void)state;
    enum { N = 32 };
    struct ring ring = nim_ring(2);
    struct ring_batch a, b;
    assert_int_equal(ring_batch_create(N, &a), ERR_OK);
    assert_int_equal(ring_batch_create(N, &b), ERR_OK);
    fill(&a, N);
    fill(&b, N);
    assert_int_equal(ring_track(&ring, &a), ERR_OK);
    assert_int_equal(isa_force("baseline"), 0);
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    assert_int_equal(isa_force("best"), 0);
    for (size_t i = 0; i < N; i++) {
        assert_near(a.x_mm[i], b.x_mm[i], 1e-6);
        assert_near(a.y_mm[i], b.y_mm[i], 1e-6);
        assert_near(a.phi_rad[i], b.phi_rad[i], 1e-9);
        assert_near(ring_phase(&a, i), ring_phase(&b, i), 1e-9);
    }
    ring_batch_free(&a);
    ring_batch_free(&b);
}

static void losses(void **state)
{
    (void)state;
    struct ring ring = nim_ring(2);
    struct ring_batch b;
    assert_int_equal(ring_batch_create(16, &b), ERR_OK);
    for (size_t i = 0; i < 16; i++) {
        b.x_mm[i]     = i < 8 ? 48.0 : 40.0;
        b.phi_rad[i]  = 0.2 * (double)i;
        b.t_end_ns[i] = 50e3;
    }
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    for (size_t i = 0; i < 8; i++) {
        double deg = b.phi_rad[i] * 180.0 / PI;
        assert_true(b.fate[i] == 2.0);
        assert_true(fabs(deg - 241.0) < 1e-9 || fabs(deg - 301.0) < 1e-9);
        assert_true(hypot(b.x_mm[i], b.y_mm[i]) > 45.0 && b.t_ns[i] < 50e3);
        double turns = b.turns[i] + 0.2 * (double)i / (2.0 * PI);
        assert_near(remainder(turns - deg / 360.0, 1.0), 0.0, 1e-9);
        assert_near(b.t_ns[i] / b.turns[i], CYCLOTRON_PERIOD_NS, 2.5);
    }
    for (size_t i = 8; i < 16; i++) assert_true(b.fate[i] == 1.0);
    ring_batch_free(&b);
}

/* Without ESQ the spin turns by a gamma per turn exactly, and the orbit closes. */
static void dipole_alone(void **state)
{
    (void)state;
    struct ring_setup s = {.layout = RING_13_26, .pair_deg = 26.0, .aperture_mm = APERTURE_MM};
    struct ring ring;
    struct ring_batch b;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    b.p_r_GeV[0] = 4e-3 * MAGIC_P_GeV;
    b.x_mm[0]    = 20.0;
    double gamma = sqrt(1.0 + pow(ring_momentum(&b, 0) / MUON_MASS_GeV, 2)), start = ring_phase(&b, 0);
    assert_int_equal(ring_turns(&ring, &b, 1000), ERR_OK);
    assert_near(b.x_mm[0], 20.0, 1e-8);
    assert_near(remainder(ring_phase(&b, 0) - start - ring.a * gamma * 2.0 * PI * 1000.0, 2.0 * PI), 0.0, 2e-10);
    assert_near(b.t_ns[0] * ring.omega_B / (2.0 * PI * 1000.0 * gamma), 1.0, 1e-12);
    ring_batch_free(&b);
}

static void bad_setups(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    struct ring_batch b;
    s.collimator_deg[0] = 25.0;
    assert_int_equal(ring_build(&s, &ring), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "25"));
    s          = ring_setup_default();
    s.pair_deg = 0.0;
    assert_int_equal(ring_build(&s, &ring), ERR_CONFIG);
    s.pair_deg = 26.0;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(3, &b), ERR_OK);
    b.p_phi_GeV[2] = 2.0;
    assert_int_equal(ring_track(&ring, &b), ERR_NUMBER);
    assert_non_null(strstr(err_message(), "muon 2"));
    ring_batch_free(&b);
    err_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_reference),
        cmocka_unit_test(planes_have_no_bias),
        cmocka_unit_test(orbit_is_fourth_order),
        cmocka_unit_test(published_shifts),
        cmocka_unit_test(tunes),
        cmocka_unit_test(closed_orbit),
        cmocka_unit_test(field_is_a_gradient),
        cmocka_unit_test(field_forms_agree),
        cmocka_unit_test(stops_are_exact),
        cmocka_unit_test(arrangement_does_not_matter),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(losses),
        cmocka_unit_test(dipole_alone),
        cmocka_unit_test(bad_setups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
