/* The kicker: pulses against closed forms and published figures, the profile against its table, timing. */
#include "kicker.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.12g, want %.12g +- %g", what, got, want, tolerance);
}

#define REFUSED(call, words)                                                                                           \
    assert_int_equal(call, ERR_CONFIG);                                                                                \
    if (!strstr(err_message(), words)) fail_msg("no \"%s\" in \"%s\"", words, err_message());                          \
    err_clear()

/* ---- LCR ---- */

/* E821's three magnets at 95 kV: peak after 131-136 ns, 4.80-4.88 kA = 168-171 G, FWHM 247-251 ns, zero after 430-433 ns. */
static void lcr_has_the_published_figures(void **state)
{
    (void)state;
    static const double lrc[KICKERS][3] = {{1.164, 11.35, 11.240}, {1.114, 11.43, 11.300}, {1.187, 11.33, 11.050}};
    for (int i = 0; i < KICKERS; i++) {
        struct kicker_pulse p;
        double peak_A, peak_ns;
        assert_int_equal(kicker_lcr_peak(lrc[i][0], lrc[i][1], lrc[i][2], 95.0, &peak_A, &peak_ns), ERR_OK);
        assert_int_equal(kicker_lcr(lrc[i][0], lrc[i][1], lrc[i][2], 2000.0, 1.0, &p), ERR_OK);
        near(peak_ns, 133.5, 3.0, "peak time");
        near(peak_A, 4840.0, 45.0, "peak current");
        near(kicker_current_G(peak_A), 169.5, 2.0, "field");
        near(kicker_fwhm_ns(&p), 249.0, 2.5, "FWHM");
        near(kicker_value(&p, 0.0), 1.0, 1e-4, "peak");
        double zero = 200.0;
        while (kicker_value(&p, zero) > 0.0) zero += 0.1;
        near(zero + peak_ns, 431.5, 2.0, "first zero");
        kicker_free(&p);
    }
}

/* The pulse obeys L I'' + R I' + I / C = 0, by an independent integration (Runge-Kutta of the circuit). */
static void lcr_solves_the_circuit(void **state)
{
    (void)state;
    const double L = 1.164e-6, R = 11.35, C = 11.24e-9, h = 0.5e-9;
    struct kicker_pulse p;
    double peak_A, peak_ns, current = 0.0, voltage = 95e3; /* capacitor's */
    assert_int_equal(kicker_lcr_peak(1.164, 11.35, 11.24, 95.0, &peak_A, &peak_ns), ERR_OK);
    assert_int_equal(kicker_lcr(1.164, 11.35, 11.24, 1500.0, 0.25, &p), ERR_OK);
    for (int i = 0; i < 2000; i++) {
        near(kicker_value(&p, i * h * 1e9 - peak_ns) * peak_A, current, 0.05, "current");
        double ki[4], kv[4], ci = current, cv = voltage;
        for (int k = 0; k < 4; k++) {
            ki[k]          = (cv - R * ci) / L;
            kv[k]          = -ci / C;
            const double f = k < 2 ? 0.5 * h : h;
            ci             = current + f * ki[k];
            cv             = voltage + f * kv[k];
        }
        current += h / 6.0 * (ki[0] + 2.0 * ki[1] + 2.0 * ki[2] + ki[3]);
        voltage += h / 6.0 * (kv[0] + 2.0 * kv[1] + 2.0 * kv[2] + kv[3]);
    }
    kicker_free(&p);
}

static void impossible_circuits_are_refused(void **state)
{
    (void)state;
    struct kicker_pulse p;
    REFUSED(kicker_lcr(1.0, 30.0, 11.0, 1000.0, 1.0, &p), "do not oscillate");
    REFUSED(kicker_lcr(1.0, -1.0, 11.0, 1000.0, 1.0, &p), "must be positive");
    REFUSED(kicker_lcr(1.0, 11.0, (double)NAN, 1000.0, 1.0, &p), "must be positive");
    REFUSED(kicker_lcr(1.0, 11.0, 11.0, 1000.0, 0.0, &p), "is empty");
    REFUSED(kicker_lcr(1.0, 11.0, 11.0, 1e9, 0.1, &p), "samples");
    assert_int_equal(mem_live(), 0);
}

/* ---- tables ---- */

static void a_table_is_taken_as_it_is(void **state)
{
    (void)state;
    const double t[] = {-100.0, -50.0, 0.0, 35.0, 200.0}, v[] = {0.0, 0.5, 1.0, 0.9, -0.1};
    struct kicker_pulse p;
    assert_int_equal(kicker_table(t, v, 5, -100.0, 200.0, 2.5, &p), ERR_OK);
    for (size_t i = 0; i < 5; i++) near(kicker_value(&p, t[i]), v[i], 1e-12, "at a point");
    near(kicker_value(&p, -75.0), 0.25, 1e-12, "between points");
    near(kicker_value(&p, -100.1), 0.0, 0.0, "before");
    near(kicker_value(&p, 200.1), 0.0, 0.0, "after");
    assert_int_equal(kicker_eddy(&p, 200.0, 0.02, 50e3), ERR_OK);
    near(kicker_value(&p, 200.0 + 50e3), 1e-4 * exp(-1.0), 1e-12, "eddy currents");
    kicker_free(&p);
}

static void a_table_is_put_in_the_middle_of_its_peak(void **state)
{
    (void)state;
    const double t[] = {1000.0, 1100.0, 1150.0, 1250.0, 3000.0}, v[] = {0.0, 240.0, 240.0, 0.0, 0.0};
    struct kicker_pulse p;
    assert_int_equal(kicker_table(t, v, 5, 1000.0, 3000.0, 1.0, &p), ERR_OK);
    near(kicker_fwhm_ns(&p), 150.0, 0.01, "FWHM");
    assert_int_equal(kicker_centre(&p), ERR_OK);
    near(kicker_value(&p, 0.0), 1.0, 1e-12, "peak");
    near(p.first_ns, 1000.0 - 1125.0, 1e-6, "begin"); /* 95 % at 1095 and 1155 */
    kicker_free(&p);
}

static void bad_tables_are_refused(void **state)
{
    (void)state;
    const double t[] = {0.0, 10.0, 20.0}, back[] = {0.0, 10.0, 10.0}, v[] = {0.0, 1.0, 0.0};
    const double bad[] = {0.0, (double)NAN, 0.0}, low[] = {-1.0, 0.0, -1.0}, rising[] = {0.0, 0.5, 1.0};
    struct kicker_pulse p;
    REFUSED(kicker_table(t, v, 1, 0.0, 20.0, 1.0, &p), "at least 2");
    REFUSED(kicker_table(back, v, 3, 0.0, 10.0, 1.0, &p), "does not follow");
    REFUSED(kicker_table(t, bad, 3, 0.0, 20.0, 1.0, &p), "point 2");
    REFUSED(kicker_table(t, v, 3, -5.0, 20.0, 1.0, &p), "covers 0 to 20 ns, but -5 to 20 ns");
    REFUSED(kicker_table(t, v, 3, 0.0, 20.1, 1.0, &p), "covers");
    REFUSED(kicker_table(t, v, 3, (double)NAN, 20.0, 1.0, &p), "covers");
    assert_int_equal(mem_live(), 0);
    assert_int_equal(kicker_table(t, low, 3, 0.0, 20.0, 1.0, &p), ERR_OK);
    REFUSED(kicker_centre(&p), "no positive value");
    kicker_free(&p);
    assert_int_equal(kicker_table(t, rising, 3, 0.0, 20.0, 1.0, &p), ERR_OK);
    REFUSED(kicker_centre(&p), "inside its peak");
    assert_true(isnan(kicker_fwhm_ns(&p)));
    REFUSED(kicker_eddy(&p, 0.0, 1.0, 1.0), "must be positive");
    REFUSED(kicker_eddy(&p, 200.0, 0.01, 0.0), "must be positive");
    kicker_free(&p);
}

/* ---- shape ---- */

static void the_default_pulse_is_like_e989(void **state)
{
    (void)state;
    const struct kicker_shape s = kicker_shape_default();
    struct kicker_pulse p;
    assert_int_equal(kicker_shaped(&s, 0.5, &p), ERR_OK);
    near(kicker_value(&p, 0.0), 1.0, 1e-12, "flat top");
    near(kicker_fwhm_ns(&p), s.flat_ns + 0.5 * (s.rise_ns + s.fall_ns), 0.1, "FWHM");
    near(kicker_fwhm_ns(&p), 130.0, 1.0, "FWHM");
    near(kicker_value(&p, CYCLOTRON_PERIOD_NS), 0.0, 0.03, "one turn later");
    near(kicker_value(&p, s.echo_delay_ns), 0.10, 1e-6, "first echo");
    near(kicker_value(&p, 2.0 * s.echo_delay_ns), -0.05, 1e-6, "second echo");
    near(kicker_value(&p, 3.0 * s.echo_delay_ns), 0.025, 1e-6, "third echo");
    near(kicker_value(&p, 1e4), 0.0, 0.0, "long after");
    kicker_free(&p);
    struct kicker_shape bad = s;
    bad.flat_ns             = -1.0;
    REFUSED(kicker_shaped(&bad, 0.5, &p), "must not be negative");
    bad      = s;
    bad.echo = (double)NAN;
    REFUSED(kicker_shaped(&bad, 0.5, &p), "echoes");
    bad = (struct kicker_shape){0};
    REFUSED(kicker_shaped(&bad, 0.5, &p), "nor all 0");
    assert_int_equal(mem_live(), 0);
}

/* ---- profile ---- */

static void the_profile_fits_its_table(void **state)
{
    (void)state;
    static const double table[] = {1.000, 0.993, 0.971, 0.934, 0.884, 0.820, 0.744, 0.657, 0.562, 0.461};
    double by, bx, c[KICKER_PROFILE_TERMS];
    for (int i = 0; i < 10; i++) {
        kicker_profile_at(0.0, 5.0 * i, &by, &bx);
        near(by, table[i], 0.005 * table[i], "B(y)");
        near(bx, 0.0, 1e-15, "B_x on the middle line");
        kicker_profile_at(0.0, -5.0 * i, &by, &bx);
        near(by, table[i], 0.005 * table[i], "B(-y)");
    }
    kicker_profile(c);
    near(c[0], 1.0, 0.0, "centre");
}

/* Both components: no divergence, no curl. */
static void the_profile_obeys_maxwell(void **state)
{
    (void)state;
    const double h = 1e-3;
    for (int i = 0; i < 20; i++) {
        const double x = 40.0 * sin(1.3 * i), y = 40.0 * cos(2.1 * i);
        double r[2], l[2], u[2], d[2];
        kicker_profile_at(x + h, y, &r[0], &r[1]);
        kicker_profile_at(x - h, y, &l[0], &l[1]);
        kicker_profile_at(x, y + h, &u[0], &u[1]);
        kicker_profile_at(x, y - h, &d[0], &d[1]);
        near((u[0] - d[0] + r[1] - l[1]) / h, 0.0, 1e-9, "divergence");
        near((r[0] - l[0] - (u[1] - d[1])) / h, 0.0, 1e-9, "curl");
    }
}

/* ---- where, when, how strong ---- */

static void the_bunch_meets_the_peak(void **state)
{
    (void)state;
    near(kicker_arrival_ns(355.0 * PI / 180.0), 0.0, 1e-9, "injection plane");
    near(kicker_arrival_ns(354.99 * PI / 180.0), CYCLOTRON_PERIOD_NS, 0.02, "just before it");
    near(kicker_arrival_ns(kicker_centre_rad(1)), 89.7 / 360.0 * CYCLOTRON_PERIOD_NS, 0.01, "middle kicker");
    for (int i = 0; i < KICKERS; i++) {
        const double half = 0.5 * KICKER_LENGTH_MM / RING_R0_MM * 180.0 / PI, at = kicker_centre_rad(i) * 180.0 / PI;
        assert_true(at - half > 59.323 && at + half < 106.323); /* between Q1 and Q2 */
    }
}

static void kicks_have_the_published_size(void **state)
{
    (void)state;
    near(kicker_angle_G(77.0 / RING_R0_MM), 293.0, 1.0, "77 mm");
    near(kicker_current_G(5600.0), 196.0, 1e-9, "5600 A");
    near(kicker_voltage_G(130.0), 210.0, 10.0, "Run-1");
}

/* Eddy currents of the published order: over the ring, weighted with N A^2 ~ exp(-t / 64.4 us) from 30 us, tens of ppb. */
static void eddy_currents_give_the_published_shift(void **state)
{
    (void)state;
    const struct kicker_shape s = kicker_shape_default();
    struct kicker_pulse p;
    double sum = 0.0, weight = 0.0;
    assert_int_equal(kicker_shaped(&s, 0.5, &p), ERR_OK);
    assert_int_equal(kicker_eddy(&p, 210.0, KICKER_EDDY_G, KICKER_EDDY_TAU_NS), ERR_OK);
    for (int i = 0; i < 5700; i++) {
        const double t = 30e3 + 100.0 * i;
        sum += exp(-t / 64.4e3) * kicker_value(&p, t) * 210.0;
        weight += exp(-t / 64.4e3);
    }
    const double ring = KICKERS * KICKER_LENGTH_MM / (2.0 * PI * RING_R0_MM);
    near(1e9 * ring * sum / weight / (RING_B0_T * 1e4), 27.0, 3.0, "B_k in ppb");
    kicker_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lcr_has_the_published_figures),
        cmocka_unit_test(lcr_solves_the_circuit),
        cmocka_unit_test(impossible_circuits_are_refused),
        cmocka_unit_test(a_table_is_taken_as_it_is),
        cmocka_unit_test(a_table_is_put_in_the_middle_of_its_peak),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(the_default_pulse_is_like_e989),
        cmocka_unit_test(the_profile_fits_its_table),
        cmocka_unit_test(the_profile_obeys_maxwell),
        cmocka_unit_test(the_bunch_meets_the_peak),
        cmocka_unit_test(kicks_have_the_published_size),
        cmocka_unit_test(eddy_currents_give_the_published_shift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
