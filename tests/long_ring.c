/* The tracking engine against the long double reference over 5,000 turns, 64 muons with amplitudes to 40 mm (x) and
 * 35 mm (y) and dp/p to +-0.15 %: omega_a of each muon to the stated ppb. Minutes. */
#include "ring_compare.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void compare_for(const char *name, const struct ring *ring, size_t n, int64_t n_turns, int steps,
                        double limit_ppb)
{
    struct ring_error e;
    assert_int_equal(ring_compare(ring, n, PLANE_ALL, n_turns, 100, steps, &e), ERR_OK);
    printf("%s mean %.4f ppb, rms %.4f ppb, max %.4f ppb, orbit %.2g mm, gamma %.1g\n", name, e.mean_ppb, e.rms_ppb,
           e.max_ppb, e.orbit_mm, e.energy);
    (void)fflush(stdout);
    assert_true(e.max_ppb <= limit_ppb);
    assert_true(e.energy < 1e-7);
}

static void compare(const char *name, const struct ring *ring, double limit_ppb)
{
    compare_for(name, ring, 64, 5000, 240, limit_ppb);
}

static void bench_ring_8_kicks(void **state)
{
    (void)state;
    struct ring ring = ring_bench(39.0);
    compare("bench ring, 8 kicks:", &ring, 0.4);
}

static void bench_ring_16_kicks(void **state)
{
    (void)state;
    struct ring ring = ring_bench(19.5);
    compare("bench ring, 16 kicks:", &ring, 0.1);
}

static void real_ring(const char *name, int is_linear, double pair_deg, double limit_ppb)
{
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.n_collimators = 0;
    s.pair_deg      = pair_deg;
    if (is_linear) ring_setup_linear(&s, 0.108);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    compare(name, &ring, limit_ppb);
}

static void real_ring_linear(void **state)
{
    (void)state;
    real_ring("13 + 26 deg, linear, 16 kicks:", 1, 26.0, 0.1);
}
static void real_ring_linear_fine(void **state)
{
    (void)state;
    real_ring("13 + 26 deg, linear, 24 kicks:", 1, 13.0, 0.1);
}
static void real_ring_multipoles(void **state)
{
    (void)state;
    real_ring("13 + 26 deg, multipoles to the 28-pole, 16 kicks:", 0, 26.0, 0.4);
}

/* Fewer muons and turns: the reference takes the dipole's waves at every step, harmonics to 72 need short ones and
 * soft edges shorter ones. */
static void all_multipoles(const char *name, struct ring_setup *s, size_t n, int64_t n_turns, int steps)
{
    struct dipole_map map;
    struct ring ring;
    assert_int_equal(dipole_map_preset("e989", &map), ERR_OK);
    s->n_collimators = 0;
    s->dipole        = &map;
    assert_int_equal(ring_build(s, &ring), ERR_OK);
    compare_for(name, &ring, n, n_turns, steps, 0.4);
    s->dipole = NULL;
    dipole_map_free(&map);
}
static void dipole_and_esq(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    all_multipoles("13 + 26 deg, ESQ multipoles, dipole e989, 16 kicks:", &s, 16, 1000, 480);
}
static void misaligned_and_soft(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    memset(s.normal_V, 0, sizeof s.normal_V);
    for (int i = 0; i < ESQ_SECTIONS; i++) {
        struct esq_setup e = esq_setup_nominal(18.3);
        e.dx_mm            = 0.5 * cos(3.0 * i);
        e.dy_mm            = 0.5 * sin(5.0 * i);
        e.roll_rad         = 2e-3 * sin(1.0 * i);
        assert_int_equal(esq_section(&e, "test", &s.extra[i]), ERR_OK);
    }
    s.edge_steps = 2;
    s.edge_mm    = 125.0;
    all_multipoles("the same, sections misaligned, soft edges:", &s, 8, 300, 2400);
}

/* The map engine on the same muons. */
static void compare_map(const char *name, const struct ring *ring, double max_ppb)
{
    struct ring_maps *map;
    struct ring_error e;
    assert_int_equal(ring_map_make(ring, 12, &map), ERR_OK);
    assert_int_equal(ring_compare_map(ring, map, 64, PLANE_ALL, 5000, 100, 240, &e), ERR_OK);
    mem_free(map);
    printf("%s mean %.4f ppb, rms %.4f ppb, max %.4f ppb, orbit %.2g mm\n", name, e.mean_ppb, e.rms_ppb, e.max_ppb,
           e.orbit_mm);
    (void)fflush(stdout);
    assert_true(e.max_ppb <= max_ppb);
}

static void map_linear(void **state)
{
    (void)state;
    struct ring ring = ring_bench(39.0);
    compare_map("map engine, bench ring:", &ring, 0.15);
}

static void map_multipoles(void **state)
{
    (void)state;
    struct ring ring = ring_nim(0);
    compare_map("map engine, 13 + 26 deg, multipoles to the 28-pole, 12 kicks:", &ring, 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bench_ring_8_kicks),   cmocka_unit_test(bench_ring_16_kicks),
                                       cmocka_unit_test(real_ring_linear),     cmocka_unit_test(real_ring_linear_fine),
                                       cmocka_unit_test(real_ring_multipoles), cmocka_unit_test(dipole_and_esq),
                                       cmocka_unit_test(misaligned_and_soft),  cmocka_unit_test(map_linear),
                                       cmocka_unit_test(map_multipoles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
