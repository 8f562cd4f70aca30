/* The tracking engine against the long double reference over 5,000 turns, 64 muons with amplitudes to 40 mm (x) and
 * 35 mm (y) and dp/p to +-0.15 %: omega_a to 0.4 ppb for each. Minutes. */
#include "ring_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void compare(const char *name, const struct ring *ring)
{
    struct ring_error e;
    assert_int_equal(ring_compare(ring, 64, PLANE_ALL, 5000, 100, 240, &e), ERR_OK);
    printf("%s mean %.4f ppb, rms %.4f ppb, max %.4f ppb, orbit %.2g mm, gamma %.1g\n", name, e.mean_ppb, e.rms_ppb,
           e.max_ppb, e.orbit_mm, e.energy);
    (void)fflush(stdout);
    assert_true(e.max_ppb <= 0.4);
    assert_true(e.energy < 1e-7);
}

static void bench_ring_8_kicks(void **state)
{
    (void)state;
    struct ring ring = ring_bench(39.0);
    compare("bench ring, 8 kicks:", &ring);
}

static void bench_ring_16_kicks(void **state)
{
    (void)state;
    struct ring ring = ring_bench(19.5);
    compare("bench ring, 16 kicks:", &ring);
}

static void real_ring(void **state, int is_linear)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.n_collimators = 0;
    if (is_linear) ring_setup_linear(&s, 0.108);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    compare(is_linear ? "13 + 26 deg, linear, 16 kicks:" : "13 + 26 deg, multipoles to the 28-pole, 16 kicks:", &ring);
}

static void real_ring_linear(void **state) { real_ring(state, 1); }
static void real_ring_multipoles(void **state) { real_ring(state, 0); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bench_ring_8_kicks), cmocka_unit_test(bench_ring_16_kicks),
                                       cmocka_unit_test(real_ring_linear), cmocka_unit_test(real_ring_multipoles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
