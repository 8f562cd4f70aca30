/* Maps of the storage field: waves and tables against closed forms and brute sums; Maxwell; bad input. */
#include "dipole_map.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEG (PI / 180.0)

static void near(double got, double want, double tolerance, const char *what, int n)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s %d: %.12g, want %.12g +- %g", what, n, got, want, tolerance);
}

#define REFUSED(call, words)                                                                                           \
    assert_int_equal(call, ERR_CONFIG);                                                                                \
    if (!strstr(err_message(), words)) fail_msg("no \"%s\" in \"%s\"", words, err_message());                          \
    err_clear()

/* Average by many points. */
static void brute_mean(const struct dipole_map *map, double begin, double end, double normal[DIPOLE_ORDERS],
                       double skew[DIPOLE_ORDERS])
{
    enum { N = 200000 };
    memset(normal, 0, DIPOLE_ORDERS * sizeof *normal);
    memset(skew, 0, DIPOLE_ORDERS * sizeof *skew);
    for (int i = 0; i < N; i++) {
        double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS];
        dipole_map_at(map, begin + (end - begin) * (i + 0.5) / N, n, s);
        for (int k = 0; k < DIPOLE_ORDERS; k++) {
            normal[k] += n[k] / N;
            skew[k] += s[k] / N;
        }
    }
}

static void e821_has_the_published_multipoles(void **state)
{
    (void)state;
    static const double normal[DIPOLE_ORDERS] = {0.0, 0.24, -0.53, -0.10, 0.82},
                        skew[DIPOLE_ORDERS]   = {0.0, 0.29, -1.06, -0.15, 0.54};
    struct dipole_map map;
    double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS];
    assert_int_equal(dipole_map_preset("e821", &map), ERR_OK);
    dipole_map_at(&map, 1.234, n, s);
    for (int k = 0; k < DIPOLE_ORDERS; k++) {
        near(n[k], 1e-6 * normal[k], 1e-18, "normal", k);
        near(s[k], 1e-6 * skew[k], 1e-18, "skew", k);
    }
    /* the trolley's formula, term by term */
    const double r = 30.0, theta = 0.7;
    double want = 0.0, by, bx;
    for (int k = 0; k < DIPOLE_ORDERS; k++)
        want += 1e-6 * pow(r / 45.0, k) * (normal[k] * cos(k * theta) + skew[k] * sin(k * theta));
    dipole_map_field(n, s, r * cos(theta), r * sin(theta), &by, &bx);
    near(by, want, 1e-18, "B_y", 0);
    assert_int_equal(dipole_map_preset("none", &map), ERR_OK);
    assert_int_equal(map.n_waves, 0);
    REFUSED(dipole_map_preset("e999", &map), "none, e821, e989");
}

static void e989_has_14_ppm_along_the_ring(void **state)
{
    (void)state;
    struct dipole_map map;
    double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS], sum = 0.0, sum2 = 0.0;
    assert_int_equal(dipole_map_preset("e989", &map), ERR_OK);
    for (int i = 0; i < 3600; i++) {
        dipole_map_at(&map, i * 0.1 * DEG, n, s);
        sum += n[0] / 3600.0;
        sum2 += n[0] * n[0] / 3600.0;
    }
    near(sum, 0.0, 1e-12, "mean", 0);
    near(sqrt(sum2), 14e-6, 0.05e-6, "rms", 0);
}

static void multipoles_obey_maxwell(void **state)
{
    (void)state;
    const double n[DIPOLE_ORDERS] = {1e-5, 2e-6, -3e-6, 4e-6, 5e-6, -6e-6},
                 s[DIPOLE_ORDERS] = {7e-6, -1e-6, 2e-6, 3e-6, -4e-6, 5e-6};
    const double h                = 0.01;
    for (int i = 0; i < 20; i++) {
        const double x = 40.0 * sin(1.3 * i), y = 40.0 * cos(2.1 * i);
        double r[2], l[2], u[2], d[2];
        dipole_map_field(n, s, x + h, y, &r[0], &r[1]);
        dipole_map_field(n, s, x - h, y, &l[0], &l[1]);
        dipole_map_field(n, s, x, y + h, &u[0], &u[1]);
        dipole_map_field(n, s, x, y - h, &d[0], &d[1]);
        near((u[0] - d[0] + r[1] - l[1]) / h, 0.0, 1e-12, "divergence", i);
        near((r[0] - l[0] - (u[1] - d[1])) / h, 0.0, 1e-12, "curl", i);
    }
    double by, bx;
    dipole_map_field(n, s, 0.0, 0.0, &by, &bx);
    near(by, 1e-5, 1e-20, "B_y", 0);
    near(bx, -7e-6, 1e-20, "B_x", 0);
}

/* A table of a field linear between rows, at odd places. */
static void make_table(struct dipole_map *map)
{
    static const double azimuth[]             = {7.0, 20.0, 95.0, 100.0, 180.0, 250.0, 251.0, 300.0, 358.0};
    static const double c0[]                  = {1.0, -3.0, 10.0, 2.0, 0.0, -7.0, 4.0, 1.0, 25.0};
    static const double s2[]                  = {0.5, 1.0, -1.0, 2.0, 3.0, -2.0, 4.0, 1.0, 0.0};
    const double *const normal[DIPOLE_ORDERS] = {[0] = c0}, *const skew[DIPOLE_ORDERS] = {[2] = s2};
    assert_int_equal(dipole_map_table(map, azimuth, 9, normal, skew, 90.0), ERR_OK);
}

static void a_table_is_linear_and_periodic(void **state)
{
    (void)state;
    struct dipole_map map = {0};
    double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS];
    make_table(&map);
    static const double deg[] = {7.0, 13.5, 95.0, 358.0, 2.5, 0.0, -110.0, 727.0, 360.0 + 97.5};
    static const double c0[]  = {1.0, -1.0, 10.0, 25.0, 13.0, 25.0 - 24.0 * 2.0 / 9.0, -7.0, 1.0, 6.0};
    for (int i = 0; i < 9; i++) {
        dipole_map_at(&map, deg[i] * DEG, n, s);
        near(n[0], 1e-6 * c0[i], 1e-16, "at place", i);
        near(n[3], 0.0, 0.0, "column not given", i);
    }
    dipole_map_at(&map, 13.5 * DEG, n, s);
    near(s[2], 0.75e-6, 1e-16, "skew", 2);
    dipole_map_free(&map);
    assert_int_equal(mem_live(), 0);
}

/* Waves and table together: averages by points, whole turns, parts that add up. */
static void means_are_exact(void **state)
{
    (void)state;
    static const double stretch[][2] = {{16.323, 29.323}, {90.0, 91.0},  {350.0, 370.0}, {-20.0, 5.0}, {0.0, 360.0},
                                        {359.0, 365.0},   {95.0, 100.0}, {270.0, 630.0}, {7.0, 7.001}};
    struct dipole_map map;
    assert_int_equal(dipole_map_preset("e989", &map), ERR_OK);
    make_table(&map);
    for (int i = 0; i < 9; i++) {
        double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS], n2[DIPOLE_ORDERS], s2[DIPOLE_ORDERS];
        dipole_map_mean(&map, stretch[i][0] * DEG, stretch[i][1] * DEG, n, s);
        brute_mean(&map, stretch[i][0] * DEG, stretch[i][1] * DEG, n2, s2);
        for (int k = 0; k < DIPOLE_ORDERS; k++) {
            near(n[k], n2[k], 1e-12, "normal, stretch", i);
            near(s[k], s2[k], 1e-12, "skew, stretch", i);
        }
    }
    double part[DIPOLE_ORDERS], s[DIPOLE_ORDERS], all[DIPOLE_ORDERS], sum = 0.0;
    for (int i = 0; i < 24; i++) {
        dipole_map_mean(&map, (15.0 * i + 4.0) * DEG, (15.0 * i + 19.0) * DEG, part, s);
        sum += part[0] / 24.0;
    }
    dipole_map_mean(&map, 0.0, 2.0 * PI, all, s);
    near(sum, all[0], 1e-19, "sum of parts", 0);
    dipole_map_free(&map);
}

static void bad_maps_are_refused(void **state)
{
    (void)state;
    struct dipole_map map = {0};
    const double good[] = {0.0, 100.0, 200.0, 300.0}, ppm[] = {1.0, 2.0, 3.0, 4.0},
                 nan_ppm[]  = {1.0, 2.0, (double)NAN, 4.0};
    const double unsorted[] = {0.0, 200.0, 100.0, 300.0}, beyond[] = {0.0, 100.0, 200.0, 360.0};
    const double half[] = {0.0, 50.0, 100.0, 150.0}, nan_azimuth[] = {0.0, (double)NAN, 200.0, 300.0};
    const double *const c[DIPOLE_ORDERS] = {[1] = ppm}, *const none[DIPOLE_ORDERS] = {NULL};
    const double *const bad[DIPOLE_ORDERS] = {[4] = nan_ppm};
    REFUSED(dipole_map_table(&map, good, 1, c, none, 100.0), "at least 2");
    REFUSED(dipole_map_table(&map, good, 4, c, none, 10.0), "gap of 100 deg");
    REFUSED(dipole_map_table(&map, half, 4, c, none, 100.0), "gap of 210 deg");
    REFUSED(dipole_map_table(&map, unsorted, 4, c, none, 250.0), "does not follow");
    REFUSED(dipole_map_table(&map, beyond, 4, c, none, 100.0), "below 360");
    REFUSED(dipole_map_table(&map, nan_azimuth, 4, c, none, 100.0), "row 2");
    REFUSED(dipole_map_table(&map, good, 4, none, bad, 100.0), "row 3: skew multipole of order 4");
    REFUSED(dipole_map_add(&map, (struct dipole_wave){6, 1, false, 1.0, 0.0}), "order 6");
    REFUSED(dipole_map_add(&map, (struct dipole_wave){0, -1, false, 1.0, 0.0}), "harmonic -1");
    REFUSED(dipole_map_add(&map, (struct dipole_wave){0, 1, false, (double)NAN, 0.0}), "up to 1e5");
    assert_int_equal(mem_live(), 0);
    for (int i = 0; i < DIPOLE_MAX_WAVES; i++)
        assert_int_equal(dipole_map_add(&map, (struct dipole_wave){0, i, false, 1.0, 0.0}), ERR_OK);
    REFUSED(dipole_map_add(&map, (struct dipole_wave){0, 1, false, 1.0, 0.0}), "more than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(e821_has_the_published_multipoles),
        cmocka_unit_test(e989_has_14_ppm_along_the_ring),
        cmocka_unit_test(multipoles_obey_maxwell),
        cmocka_unit_test(a_table_is_linear_and_periodic),
        cmocka_unit_test(means_are_exact),
        cmocka_unit_test(bad_maps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
