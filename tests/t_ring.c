/* The tracking engine: against the reference; its stops, losses and its independence of the arrangement of muons. The
 * full 5,000-turn comparison is tests/long_ring.c, lattice and published figures are tests/t_ring_lattice.c. */
#include "ring_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- accuracy ---- */

/* A tenth of the 5,000 turns; the error does not grow with the run's length. */
static void against_reference(void **state)
{
    (void)state;
    struct ring rings[] = {ring_bench(39.0), ring_quadrupole(RING_13_26, 0.108, false), ring_nim(0),
                           ring_quadrupole(RING_13_26, 0.120, true)};
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
    struct ring ring = ring_nim(2);
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
    struct ring ring = ring_nim(2);
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
    struct ring ring = ring_nim(2);
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
    struct ring ring = ring_nim(2);
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
        cmocka_unit_test(stops_are_exact),
        cmocka_unit_test(arrangement_does_not_matter),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(losses),
        cmocka_unit_test(dipole_alone),
        cmocka_unit_test(bad_setups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
