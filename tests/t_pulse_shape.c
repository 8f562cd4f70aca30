/* The pulse shapes against the published template: peak, width, area, undershoot, smoothness. */
#include "pulse_shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void peak_is_one_at_zero(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_PULSE_KINDS; kind++) {
        const struct pulse_shape *s = pulse_shape((enum pulse_kind)kind);
        double d1, d2, peak = pulse_shape_value(s, 0.0, &d1, &d2);
        assert_true(fabs(peak - 1.0) < 1e-6);
        assert_true(fabs(d1) < 1e-6);
        assert_true(d2 < -0.1);
        for (int i = -800; i < 9000; i++)
            if (abs(i) > 2) assert_true(pulse_shape_value(s, 0.01 * i, NULL, NULL) < peak);
    }
}

static double width(const struct pulse_shape *s)
{
    double low = 0.0, high = 0.0;
    while (pulse_shape_value(s, low, NULL, NULL) > 0.5) low -= 1e-3;
    while (pulse_shape_value(s, high, NULL, NULL) > 0.5) high += 1e-3;
    return high - low;
}

static void widths_are_the_published_ones(void **state)
{
    (void)state;
    assert_true(fabs(width(pulse_shape(PULSE_BEAM)) - 4.0) < 0.06);
    assert_true(fabs(width(pulse_shape(PULSE_LASER)) - 3.35) < 0.03);
    assert_true(fabs(width(pulse_shape(PULSE_PMT)) - 1.2 * 2.35482) < 0.01);
}

/* The template is normalised to area 1 and peaks at .2793 (laser .3536), so at peak 1 the area is the inverse. */
static void areas_match_the_normalisation(void **state)
{
    (void)state;
    const double published_peak[] = {0.2793, 0.3536};
    for (int kind = PULSE_BEAM; kind <= PULSE_LASER; kind++) {
        const struct pulse_shape *s = pulse_shape((enum pulse_kind)kind);
        double sum                  = 0.0;
        for (int i = -6 * 64; i < 90 * 64; i++) sum += pulse_shape_value(s, i / 64.0, NULL, NULL) / 64;
        assert_true(fabs(sum - s->area) < 1e-3);
        assert_true(fabs(s->area * published_peak[kind] - 1.0) < 0.01);
    }
}

static void tail_has_its_undershoot(void **state)
{
    (void)state;
    const struct pulse_shape *s = pulse_shape(PULSE_BEAM);
    assert_true(fabs(pulse_shape_value(s, 24.0, NULL, NULL) + 0.058) < 0.002);
    assert_true(fabs(pulse_shape_value(s, 34.0 - s->shift, NULL, NULL) - 0.0052 / 0.2796) < 1e-4);
    assert_true(fabs(pulse_shape_value(s, 76.0 - s->shift, NULL, NULL) + 0.0016 / 0.2796) < 1e-4);
}

/* Every published point of the core, at its place relative to the peak. */
static void passes_through_the_points(void **state)
{
    (void)state;
    const struct pulse_shape *s = pulse_shape(PULSE_BEAM);
    const double top            = pulse_shape_value(s, -s->shift, NULL, NULL);
    const double want[]         = {.0100, .1157, .2371, .2793, .2319, .1494, .0826, .0453};
    for (int i = 0; i < 8; i++)
        assert_true(fabs(pulse_shape_value(s, i - 3 - s->shift, NULL, NULL) / top - want[i] / .2793) < 1e-5);
}

static void is_smooth_and_ends_at_zero(void **state)
{
    (void)state;
    for (int kind = PULSE_BEAM; kind <= PULSE_LASER; kind++) {
        const struct pulse_shape *s = pulse_shape((enum pulse_kind)kind);
        for (int i = 2 * PULSE_FIRST - 2; i <= 2 * PULSE_LAST + 2; i++) {
            double a1, a2, b1, b2, y = 0.5 * i, x = y - s->shift, e = 1e-9;
            double a = pulse_shape_value(s, x - e, &a1, &a2), b = pulse_shape_value(s, x + e, &b1, &b2);
            assert_true(fabs(a - b) < 1e-6);
            assert_true(fabs(a1 - b1) < 1e-6);
            if (y > PULSE_FIRST && y < 79.0) assert_true(fabs(a2 - b2) < 1e-5); /* curvature starts at the ends */
        }
        assert_true(pulse_shape_value(s, -6.0, NULL, NULL) == 0.0);
        assert_true(pulse_shape_value(s, 86.0, NULL, NULL) == 0.0);
        for (int i = -500; i < -350; i++) assert_true(fabs(pulse_shape_value(s, 0.01 * i, NULL, NULL)) < 0.005);
    }
}

static void derivatives_are_derivatives(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_PULSE_KINDS; kind++) {
        const struct pulse_shape *s = pulse_shape((enum pulse_kind)kind);
        for (int i = 0; i < 2467; i++) {
            double d1, d2, l1, r1, x = -5.5 + 0.0371 * i, e = 1e-4;
            pulse_shape_value(s, x, &d1, &d2);
            double left = pulse_shape_value(s, x - e, &l1, NULL), right = pulse_shape_value(s, x + e, &r1, NULL);
            assert_true(fabs((right - left) / (2 * e) - d1) < 1e-3);
            assert_true(fabs((r1 - l1) / (2 * e) - d2) < 5e-3);
        }
    }
}

/* Rows agree with single values wherever the pulse lies, also far outside the row. */
static void rows_are_the_same_function(void **state)
{
    (void)state;
    enum { N = 150 };
    float v[N], d1[N], d2[N], sum[N];
    const double times[] = {-300.0, -86.3, -20.25, -0.5, 0.0, 9.123, 60.5, 149.9, 155.2, 1000.0, 559999.75, -1e7};
    const struct pulse_shape *s = pulse_shape(PULSE_BEAM);
    for (size_t j = 0; j < sizeof times / sizeof times[0]; j++) {
        pulse_shape_row(s, times[j], N, v, d1, d2);
        for (int i = 0; i < N; i++) sum[i] = 1.0f;
        pulse_shape_add(s, times[j], 100.0f, N, sum);
        for (int i = 0; i < N; i++) {
            double w1, w2, w = pulse_shape_value(s, i - times[j], &w1, &w2);
            assert_true(fabs((double)v[i] - w) < 1e-6);
            assert_true(fabs((double)d1[i] - w1) < 1e-6);
            assert_true(fabs((double)d2[i] - w2) < 3e-6);
            assert_true(fabs((double)sum[i] - 1.0 - 100.0 * w) < 1e-4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peak_is_one_at_zero),           cmocka_unit_test(widths_are_the_published_ones),
        cmocka_unit_test(areas_match_the_normalisation), cmocka_unit_test(tail_has_its_undershoot),
        cmocka_unit_test(passes_through_the_points),     cmocka_unit_test(is_smooth_and_ends_at_zero),
        cmocka_unit_test(derivatives_are_derivatives),   cmocka_unit_test(rows_are_the_same_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
