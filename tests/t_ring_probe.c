/* Probing a ring by tracking, against lattice theory and published figures. */
#include "ring_compare.h"
#include "ring_probe.h"
#include "ring_spectrum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Two lines and a mean: the stronger is found to 1e-8, its amplitude to 1e-6. */
static void spectrum(void **state)
{
    (void)state;
    enum { N = 1024 };
    double re[N], im[N], nu, amplitude;
    for (int k = 0; k < N; k++) {
        re[k] = 3.0 + 2.0 * cos(2.0 * PI * 0.9448812345 * k + 0.3) + 0.1 * cos(2.0 * PI * 0.11 * k);
        im[k] = 2.0 * sin(2.0 * PI * 0.9448812345 * k + 0.3) - 0.1 * sin(2.0 * PI * 0.11 * k);
    }
    assert_int_equal(ring_spectrum_peak(re, im, N, &nu, &amplitude), ERR_OK);
    assert_near(nu, 0.9448812345, 1e-8);
    assert_near(amplitude, 2.0, 1e-6);
    assert_int_equal(ring_spectrum_peak(re, im, 1000, &nu, &amplitude), ERR_OPTION);
    err_clear();
}

/* delta and zeta there and back; to first order delta is dp. */
static void coordinates(void **state)
{
    (void)state;
    assert_near(ring_probe_dp(ring_probe_delta(3e-3)), 3e-3, 1e-15);
    assert_near(ring_probe_delta(1e-6), 1e-6, 1e-11);
    assert_near(ring_probe_time_ns(ring_probe_zeta(149.0)), 149.0, 1e-12);
    assert_true(ring_probe_zeta(1.0) < 0.0);
}

/* Published hard-edge lattice, 4 x (13 + 26) degrees: tunes from the turn-by-turn motion and from the tracked matrix. */
static void tunes(void **state)
{
    (void)state;
    static const double rows[][3] = {
        {0.107, 0.94540, 0.32807}, {0.108, 0.94488, 0.32960}, {0.120, 0.93860, 0.34755}, {0.137, 0.92966, 0.37153}};
    for (size_t i = 0; i < 4; i++) {
        struct ring ring = ring_quadrupole(RING_13_26, rows[i][0], false);
        const double a_x = 0.1, a_y = 0.1;
        double closed[RAY_N], nu_x, nu_y;
        struct ring_map turn;
        struct ring_point at;
        assert_int_equal(ring_probe_closed(&ring, 0.0, closed, &turn), ERR_OK);
        assert_int_equal(ring_probe_point(&turn, 0.0, &at), ERR_OK);
        assert_int_equal(ring_probe_tunes(&ring, closed, &at, 1, &a_x, &a_y, 1024, &nu_x, &nu_y), ERR_OK);
        assert_near(nu_x, rows[i][1], 1e-5);
        assert_near(nu_y, rows[i][2], 1e-5);
        assert_near(at.nu_x, nu_x, 1e-7);
        assert_near(at.nu_y, nu_y, 1e-7);
        assert_near(at.coupling, 0.0, 1e-9);
    }
}

/* Lattice functions by tracking against products of matrices, edges of the ESQs included. */
static void around(void **state)
{
    (void)state;
    enum { N = 7 };
    const double phi[N] = {0.0, 0.2, 16.323 * PI / 180.0, 0.7, 59.323 * PI / 180.0, 3.0, 6.2};
    struct ring ring    = ring_quadrupole(RING_13_26, 0.108, false);
    double closed[RAY_N];
    struct ring_map turn;
    struct ring_point at[N];
    assert_int_equal(ring_probe_closed(&ring, 0.0, closed, &turn), ERR_OK);
    assert_int_equal(ring_probe_around(&ring, closed, &turn, N, phi, at), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        struct ring_optics o;
        assert_int_equal(ring_optics(&ring, phi[i], &o), ERR_OK);
        assert_near(at[i].beta_x_mm / o.beta_x_mm, 1.0, 2e-5);
        assert_near(at[i].beta_y_mm / o.beta_y_mm, 1.0, 2e-5);
        assert_near(at[i].alpha_x, o.alpha_x, 1e-5);
        assert_near(at[i].alpha_y, o.alpha_y, 1e-5);
        assert_near(at[i].dispersion_mm / o.dispersion_mm, 1.0, 2e-6);
        assert_near(at[i].orbit[RAY_X], 0.0, 1e-6);
    }
}

/* The closed orbit of a momentum offset is dispersion times dp/p to first order, and repeats. */
static void off_momentum(void **state)
{
    (void)state;
    struct ring ring = ring_quadrupole(RING_13_26, 0.108, true);
    const double dp = 1e-4, whole[1] = {2.0 * PI * 50};
    struct ring_optics o;
    double u[1][RAY_N], out[1][RAY_N];
    assert_int_equal(ring_optics(&ring, 0.0, &o), ERR_OK);
    assert_int_equal(ring_probe_closed(&ring, ring_probe_delta(dp), u[0], NULL), ERR_OK);
    assert_near(u[0][RAY_X], o.dispersion_mm * dp, 2e-4);
    assert_int_equal(ring_probe_carry(&ring, 0.0, 1, (const double(*)[RAY_N])u, whole, out, NULL), ERR_OK);
    assert_near(out[0][RAY_X], u[0][RAY_X], 1e-8);
    assert_near(out[0][RAY_PX], u[0][RAY_PX], 1e-12);
    assert_near(out[0][RAY_DELTA], u[0][RAY_DELTA], 1e-12);
    assert_int_equal(ring_probe_closed(&ring, ring_probe_delta(0.009), u[0], NULL), ERR_CONFIG);
    err_clear();
}

/* A stretch and the rest of the turn are the turn, also when the stretch ends inside an ESQ. */
static void stretches_join(void **state)
{
    (void)state;
    struct ring ring         = ring_nim(0);
    const double u[1][RAY_N] = {{12.0, 8e-4, -9.0, 3e-4, -5.0, 1e-3}}, half[1] = {0.7}, whole[1] = {2.0 * PI};
    double a[1][RAY_N], b[1][RAY_N], c[1][RAY_N];
    assert_int_equal(ring_probe_carry(&ring, 0.0, 1, u, half, a, NULL), ERR_OK);
    assert_int_equal(ring_probe_carry(&ring, half[0], 1, (const double(*)[RAY_N])a, whole, b, NULL), ERR_OK);
    assert_int_equal(ring_probe_carry(&ring, 0.0, 1, u, whole, c, NULL), ERR_OK);
    /* the stretches cut an ESQ differently: the splitting's own error */
    assert_near(b[0][RAY_X], c[0][RAY_X], 1e-4);
    assert_near(b[0][RAY_Y], c[0][RAY_Y], 1e-4);
    assert_near(b[0][RAY_ZETA], c[0][RAY_ZETA], 1e-4);
    assert_near(b[0][RAY_DELTA], c[0][RAY_DELTA], 1e-10);
}

/* On the closed orbit the map of a turn and of a stretch is symplectic to the rounding of the differences. */
static void symplectic(void **state)
{
    (void)state;
    const struct ring rings[] = {ring_quadrupole(RING_13_26, 0.108, false), ring_quadrupole(RING_13_26, 0.108, true),
                                 ring_nim(0), ring_quadrupole(RING_CONTINUOUS, 0.108, true)};
    const double to[3]        = {2.0 * PI, 0.7, 1.0};
    for (size_t i = 0; i < 4; i++) {
        double closed[RAY_N];
        assert_int_equal(ring_probe_closed(&rings[i], 0.0, closed, NULL), ERR_OK);
        for (size_t k = 0; k < 3; k++) {
            struct ring_map m;
            assert_int_equal(ring_probe_maps(&rings[i], 0.0, closed, 1, &to[k], &m), ERR_OK);
            assert_near(ring_probe_symplectic_error(&m), 0.0, 1e-8);
        }
    }
}

/* Off the plane the kicks are symplectic to second order in their length: 16 a turn are good to 1e-6 at 0.3 mrad. */
static void symplectic_off_the_plane(void **state)
{
    (void)state;
    const double u[RAY_N] = {12.0, 8e-4, -9.0, 3e-4, -5.0, 1e-3}, to = 2.0 * PI;
    for (int i = 0; i < 2; i++) {
        struct ring_setup s = ring_setup_default();
        struct ring ring;
        struct ring_map m;
        s.pair_deg = i ? 6.5 : 26.0;
        assert_int_equal(ring_build(&s, &ring), ERR_OK);
        assert_int_equal(ring_probe_maps(&ring, 0.0, u, 1, &to, &m), ERR_OK);
        assert_near(ring_probe_symplectic_error(&m), 0.0, i ? 1e-7 : 1e-6);
    }
}

/* Published shifts of omega_a (see t_ring_lattice.c), to the 0.5 ppb asked of them. */
static void spin(void **state)
{
    (void)state;
    struct ring ring         = ring_quadrupole(RING_CONTINUOUS, 0.108, true);
    const double u[4][RAY_N] = {{0.0},
                                {10.0, 0.0, 0.0, 0.0, 0.0, ring_probe_delta(0.892 * 10.0 / RING_R0_MM)},
                                {0.0, 0.0, 20.0},
                                {49.0, 0.0, 49.0}};
    const double want[3]     = {0.0, -379.5, -213.5};
    struct ring_spin spin[4];
    assert_int_equal(ring_probe_spin(&ring, 4, u, 670, spin), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_near(spin[i].omega_a_ppb, want[i], 0.5);
        assert_near(spin[i].energy_change, 0.0, 1e-11);
    }
    assert_near(spin[0].period_ns, CYCLOTRON_PERIOD_NS, 1e-4);
    assert_near(spin[0].spin_tune, MUON_ANOMALY * MAGIC_GAMMA, 1e-9);
    ring = ring_nim(0); /* beyond the aperture the 20-pole throws it out */
    assert_int_equal(ring_probe_spin(&ring, 1, &u[3], 100, spin), ERR_OK);
    assert_true(isnan(spin[0].omega_a_ppb));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spectrum),     cmocka_unit_test(coordinates),
                                       cmocka_unit_test(tunes),        cmocka_unit_test(around),
                                       cmocka_unit_test(off_momentum), cmocka_unit_test(stretches_join),
                                       cmocka_unit_test(symplectic),   cmocka_unit_test(symplectic_off_the_plane),
                                       cmocka_unit_test(spin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
