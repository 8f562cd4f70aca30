/* The engine in real fields against the smooth fields of the reference: dipole multipoles, sections of their own, falling
 * voltages, soft edges, kickers, electric dipole moment; monitors and stages. */
#include "ring_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ring ring;

static struct ring_setup real_ring(void)
{
    struct ring_setup s = ring_setup_default();
    s.n_collimators     = 0;
    return s;
}

static struct ring_error compare(const struct ring_setup *setup, int64_t n_turns, int steps)
{
    struct ring_error e;
    if (ring_build(setup, &ring)) fail_msg("%s", err_message());
    assert_int_equal(ring_compare(&ring, 8, PLANE_ALL, n_turns, 20, steps, &e), ERR_OK);
    return e;
}

/* Every section has its own voltages and place. */
static void set_sections(struct ring_setup *s, enum esq_scraping scraping)
{
    memset(s->normal_V, 0, sizeof s->normal_V);
    for (int i = 0; i < ESQ_SECTIONS; i++) {
        struct esq_setup e = esq_setup_nominal(18.3);
        e.dx_mm            = 0.5 * cos(3.0 * i);
        e.dy_mm            = 0.5 * sin(5.0 * i);
        e.roll_rad         = 2e-3 * sin(1.0 * i);
        esq_setup_scrape(&e, scraping, (size_t)i);
        assert_int_equal(esq_section(&e, "test", &s->extra[i]), ERR_OK);
    }
}

static void misaligned_sections(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    set_sections(&s, ESQ_NO_SCRAPING);
    struct ring_error e = compare(&s, 100, 120);
    assert_int_equal(ring.field, RING_GENERAL);
    assert_near(e.max_ppb, 0.0, 0.05);
    assert_near(e.orbit_mm, 0.0, 0.05);
}

/* The size of a falling term is taken once a pair of kicks. */
static void falling_voltages(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    set_sections(&s, ESQ_SCRAPING_E989);
    struct ring_error e = compare(&s, 100, 120);
    assert_int_equal(ring.field, RING_VARYING);
    assert_near(e.max_ppb, 0.0, 0.2);
    assert_near(e.orbit_mm, 0.0, 0.1);
}

static void soft_edges(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    s.edge_mm           = 125.0;
    s.edge_steps        = 2;
    struct ring_error e = compare(&s, 100, 1200);
    assert_near(e.max_ppb, 0.0, 0.1);
    assert_near(e.orbit_mm, 0.0, 0.3);
    assert_near(e.energy, 0.0, 1e-8); /* leaps of the potential as high as the reference's slopes */
    s.edge_mm = 300.0;
    assert_int_equal(ring_build(&s, &ring), ERR_CONFIG);
    err_clear();
}

/* Presets, and single multipoles far above them, whose error falls with the length of the stretches. */
static void dipole_multipoles(void **state)
{
    (void)state;
    struct dipole_map map;
    struct ring_setup s = real_ring();
    s.dipole            = &map;
    assert_int_equal(dipole_map_preset("e821", &map), ERR_OK);
    assert_near(compare(&s, 100, 120).max_ppb, 0.0, 0.2);
    dipole_map_free(&map);
    assert_int_equal(dipole_map_preset("e989", &map), ERR_OK);
    assert_near(compare(&s, 100, 480).max_ppb, 0.0, 0.2);
    dipole_map_free(&map);
    static const struct dipole_wave waves[] = {
        {.order = 1, .cos_ppm = 100.0},
        {.order = 1, .is_skew = true, .cos_ppm = 100.0},
        {.order = 0, .harmonic = 2, .is_skew = true, .sin_ppm = 100.0},
        {.order = 2, .harmonic = 1, .cos_ppm = 100.0},
    };
    for (size_t i = 0; i < 4; i++) {
        map = (struct dipole_map){0};
        assert_int_equal(dipole_map_add(&map, waves[i]), ERR_OK);
        s.bend_deg               = 13.0;
        struct ring_error coarse = compare(&s, 100, 240);
        s.bend_deg               = 3.25;
        struct ring_error fine   = compare(&s, 100, 240);
        assert_near(coarse.max_ppb, 0.0, 8.0);
        assert_true(fine.max_ppb < 0.5 * coarse.max_ppb);
        dipole_map_free(&map);
    }
}

static void kickers(void **state)
{
    (void)state;
    struct kicker_shape shape = kicker_shape_default();
    struct ring_setup s       = real_ring();
    struct kicker_pulse pulse;
    double c[KICKER_PROFILE_TERMS];
    kicker_profile(c);
    assert_int_equal(kicker_shaped(&shape, 1.0, &pulse), ERR_OK);
    s.n_kickers = KICKERS;
    for (int i = 0; i < KICKERS; i++) { /* about ten turns after the start, one per cent of the nominal field */
        s.kicker[i] = (struct ring_kicker){.centre_deg = kicker_centre_rad(i) * 180.0 / PI,
                                           .length_deg = KICKER_LENGTH_MM / RING_R0_MM * 180.0 / PI,
                                           .strength   = 2e-4,
                                           .start_ns   = 1500.0,
                                           .pulse      = pulse};
        for (int k = 0; k < KICKER_PROFILE_TERMS; k++) s.kicker[i].profile[k] = c[k] / pow(APERTURE_MM, 2 * k);
    }
    struct ring_error e = compare(&s, 40, 960);
    assert_near(e.max_ppb, 0.0, 0.1);
    assert_near(e.orbit_mm, 0.0, 0.05);
    kicker_free(&pulse);
}

/* eta of 1e-3, 5000 times today's limit: the reference, and the plane of precession tilts by atan(eta beta / 2 a). */
static void electric_dipole_moment(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    struct ring_batch b;
    s.eta = 1e-3;
    assert_near(compare(&s, 100, 120).max_ppb, 0.0, 3.0);
    s.eta = 1e-5;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    double beta = sqrt(1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA)), tilt = atan(1e-5 * beta / (2.0 * MUON_ANOMALY));
    double highest = 0.0, at_highest = 0.0;
    for (int i = 0; i < 60; i++) {
        assert_int_equal(ring_turns(&ring, &b, 1), ERR_OK);
        if (fabs(b.s_y[0]) > fabs(highest)) highest = b.s_y[0], at_highest = ring_phase(&b, 0);
    }
    assert_near(fabs(highest), sin(tilt), 0.01 * sin(tilt)); /* of 60 turns one is within 0.1 rad of the top: 0.6 % */
    assert_near(cos(at_highest), 0.0, 0.12);                 /* a quarter period away from the precession */
    ring_batch_free(&b);
}

/* An anomaly of its own: the precession follows. */
static void anomaly(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    struct ring_batch b;
    s.anomaly = 1.001 * MUON_ANOMALY;
    assert_int_equal(ring_batch_create(1, &b), ERR_OK);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    double start = ring_phase(&b, 0);
    assert_int_equal(ring_turns(&ring, &b, 20), ERR_OK);
    double turned = remainder(ring_phase(&b, 0) - start - 1.001 * OMEGA_A_RADNS * b.t_ns[0], 2.0 * PI);
    assert_near(turned, 0.0, 1e-6);
    ring_batch_free(&b);
}

/* ---- monitors and stages ---- */

enum { N = 48, N_BINS = 64 };

static void start(struct ring_batch *b)
{
    ring_ensemble(b, N, PLANE_ALL, 1);
    for (size_t i = 0; i < b->n; i++) {
        b->phi_rad[i]  = i % 3 ? 6.2 : 0.0;
        b->t_ns[i]     = 2.0 * (double)(i % 7);
        b->t_end_ns[i] = i < N ? 900.0 + 150.0 * (double)i : 0.0;
    }
}

/* Sums at two planes, one of them inside an ESQ, against the same muons tracked to the plane one turn at a time. */
static void monitors(void **state)
{
    (void)state;
    static int64_t sum[2 * RING_N_SUMS * N_BINS], again[2 * RING_N_SUMS * N_BINS];
    struct ring_monitors m = {sum, N_BINS, 0.0, 1.0 / CYCLOTRON_PERIOD_NS}, m2 = {again, N_BINS, 0.0, m.per_bin_ns};
    struct ring_setup s = real_ring();
    struct ring_batch b, backwards;
    s.monitor_deg[0] = 193.0;
    s.monitor_deg[1] = 40.0;
    s.n_monitors     = 2;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(N, &b), ERR_OK);
    assert_int_equal(ring_batch_create(N, &backwards), ERR_OK);
    start(&b);
    start(&backwards);
    b.monitors         = &m;
    backwards.monitors = &m2;
    double *from[]     = {b.x_mm, b.y_mm, b.phi_rad, b.p_r_GeV, b.p_phi_GeV, b.p_y_GeV, b.t_ns, b.t_end_ns};
    double *to[]       = {backwards.x_mm,      backwards.y_mm,    backwards.phi_rad, backwards.p_r_GeV,
                          backwards.p_phi_GeV, backwards.p_y_GeV, backwards.t_ns,    backwards.t_end_ns};
    for (size_t c = 0; c < 8; c++)
        for (size_t i = 0; i < N; i++) to[c][N - 1 - i] = from[c][i];
    double passes = 0.0;
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    assert_int_equal(ring_track(&ring, &backwards), ERR_OK);
    assert_memory_equal(sum, again, sizeof sum);
    for (size_t i = 0; i < N; i++) passes += floor(b.turns[i] + (i % 3 ? 6.2 / (2.0 * PI) : 0.0) - 193.0 / 360.0) + 1.0;
    for (size_t i = 0; i < N; i++) passes -= i % 3 ? 1.0 : 0.0; /* 193 deg of the turn it began in */
    for (int k = 0; k < N_BINS; k++) passes -= (double)sum[k];
    assert_near(passes, 0.0, 0.0);
    /* the first muon's passes by themselves */
    struct ring_batch one;
    static int64_t first[2 * RING_N_SUMS * N_BINS];
    struct ring_monitors m1 = {first, N_BINS, 0.0, m.per_bin_ns};
    assert_int_equal(ring_batch_create(1, &one), ERR_OK);
    start(&one);
    for (size_t i = 1; i < one.n; i++) one.t_end_ns[i] = 0.0;
    one.monitors = &m1;
    assert_int_equal(ring_track(&ring, &one), ERR_OK);
    start(&b);
    for (size_t i = 0; i < b.n; i++) b.t_end_ns[i] = i == 0 ? 193.0 / 360.0 * CYCLOTRON_PERIOD_NS : 0.0;
    b.monitors = NULL;
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    assert_near((double)first[0], 1.0, 0.0);
    assert_near((double)first[N_BINS] / RING_SUM_UNIT, b.x_mm[0], 0.1); /* 0.2 mrad over the mm between */
    ring_batch_free(&b);
    ring_batch_free(&backwards);
    ring_batch_free(&one);
}

/* Stages of the same ring are that ring: at phi = 0 the state is handed over to rounding. */
static void stages(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    struct ring_batch whole, parts, spare;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(N, &whole), ERR_OK);
    assert_int_equal(ring_batch_create(N, &parts), ERR_OK);
    assert_int_equal(ring_batch_create(N, &spare), ERR_OK);
    start(&whole);
    start(&parts);
    const struct ring_stage stage[] = {{&ring, 2.0}, {&ring, 7.0}, {&ring, HUGE_VAL}};
    assert_int_equal(ring_track(&ring, &whole), ERR_OK);
    assert_int_equal(ring_track_stages(stage, 3, &parts, &spare), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(parts.fate[i] == 1.0 && whole.fate[i] == 1.0);
        assert_near(parts.x_mm[i], whole.x_mm[i], 1e-8);
        assert_near(parts.y_mm[i], whole.y_mm[i], 1e-8);
        assert_near(parts.turns[i], whole.turns[i], 1e-9);
        assert_near(remainder(ring_phase(&parts, i) - ring_phase(&whole, i), 2.0 * PI), 0.0, 1e-10);
    }
    ring_batch_free(&whole);
    ring_batch_free(&parts);
    ring_batch_free(&spare);
}

static void bad_setups(void **state)
{
    (void)state;
    struct ring_setup s = real_ring();
    s.n_kickers         = 1;
    s.kicker[0]         = (struct ring_kicker){.centre_deg = 55.0, .length_deg = 10.0};
    assert_int_equal(ring_build(&s, &ring), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "kicker"));
    s                = real_ring();
    s.n_monitors     = 1;
    s.monitor_deg[0] = 360.0;
    assert_int_equal(ring_build(&s, &ring), ERR_CONFIG);
    err_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misaligned_sections),
        cmocka_unit_test(falling_voltages),
        cmocka_unit_test(soft_edges),
        cmocka_unit_test(dipole_multipoles),
        cmocka_unit_test(kickers),
        cmocka_unit_test(electric_dipole_moment),
        cmocka_unit_test(anomaly),
        cmocka_unit_test(monitors),
        cmocka_unit_test(stages),
        cmocka_unit_test(bad_setups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
