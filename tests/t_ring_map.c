/* The map engine: against the reference, against the element engine with ends and losses, in any arrangement; what it
 * refuses; that its check sees a wrong map. */
#include "ring_compare.h"

#include "injection.h"
#include "mem.h"
#include "ring_stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

CFG_DECLARE(test_cfg, FIELD_CFG)

enum { N_COLUMNS = 13 };

static struct ring_maps *maps_of(const struct ring *ring, int kicks)
{
    struct ring_maps *m;
    if (ring_map_make(ring, kicks, &m)) fail_msg("%s", err_message());
    return m;
}

/* ---- power series ---- */

static struct tpsa_space space;

static void assert_series(struct tpsa got, struct tpsa want)
{
    for (int i = 0; i < TPSA_TERMS; i++) assert_near(got.c[i], want.c[i], 1e-13);
}

static void series(void **state)
{
    (void)state;
    struct tpsa v[TPSA_VARIABLES], a = tpsa_constant(1.3), one = tpsa_constant(1.0);
    tpsa_space_make(&space);
    for (int k = 0; k < TPSA_VARIABLES; k++) v[k] = tpsa_variable(&space, k, 0.0, 1.0);
    for (int k = 0; k < TPSA_VARIABLES; k++) {
        a = tpsa_add(a, tpsa_scale(v[k], 0.1 * (k + 1)));
        a = tpsa_add(a, tpsa_scale(tpsa_mul(&space, v[k], v[4 - k]), 0.2));
    }
    struct tpsa root = tpsa_root(&space, a);
    assert_series(tpsa_mul(&space, a, tpsa_inverse(&space, a)), one);
    assert_series(tpsa_mul(&space, root, root), a);
    assert_series(tpsa_compose(&space, &a, v), a);
    const struct tpsa at[] = {v[1], v[0], root, v[2], v[3]}; /* x2 x0 at these: root x1 */
    struct tpsa product    = tpsa_mul(&space, v[2], v[0]);
    assert_series(tpsa_compose(&space, &product, at), tpsa_mul(&space, root, v[1]));
    const double z[TPSA_VARIABLES] = {0.1, 0.2, 0.3, 0.4, 0.5};
    assert_near(tpsa_value(&space, &product, z), 0.03, 1e-15);
}

/* n nodes integrate polynomials of degree 2 n - 1 over the ESQ of a quarter. */
static void nodes(void **state)
{
    (void)state;
    const struct ring_section *section;
    struct ring ring = ring_nim(0);
    (void)ring_sections(RING_13_26, &section);
    for (int n = 1; n <= RING_MAP_NODES; n++) {
        struct ring_nodes got;
        assert_int_equal(ring_map_nodes(&ring, n, &got), ERR_OK);
        for (int k = 0; k < 2 * n; k++) {
            double sum = 0.0, want = 0.0;
            for (int j = 0; j < n; j++) sum += got.weight_rad[j] * pow(got.phi_rad[j], k);
            for (int i = 0; i < 2; i++)
                want += (pow(section[i].end_deg * PI / 180.0, k + 1) - pow(section[i].begin_deg * PI / 180.0, k + 1)) /
                        (k + 1);
            assert_near(sum, want, 1e-9 * want);
        }
    }
}

/* ---- against the reference ---- */

static void against_reference(const struct ring *ring, size_t n, double max_ppb, double orbit_mm)
{
    struct ring_maps *m = maps_of(ring, 12);
    struct ring_error e;
    assert_int_equal(ring_compare_map(ring, m, n, PLANE_ALL, 1000, 40, 120, &e), ERR_OK);
    mem_free(m);
    assert_true(e.max_ppb <= max_ppb);
    assert_true(e.orbit_mm <= orbit_mm);
    assert_true(e.energy < 1e-13); /* rounding of the columns */
}

static void linear_ring(void **state)
{
    (void)state;
    struct ring ring = ring_bench(39.0);
    against_reference(&ring, 8, 0.15, 0.05);
}

static void multipoles(void **state)
{
    (void)state;
    struct ring ring = ring_nim(0);
    against_reference(&ring, 12, 0.3, 0.5);
}

static void other_fields(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.n_collimators = 0;
    ring_setup_linear(&s, 0.13);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    against_reference(&ring, 4, 0.15, 0.05);
    ring_setup_nim(&s, 18.3);
    s.layout = RING_39;
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    against_reference(&ring, 4, 0.3, 0.5);
}

/* ---- against the element engine, to each muon's end ---- */

static void columns(struct ring_batch *b, double *c[N_COLUMNS])
{
    double *const all[N_COLUMNS] = {b->x_mm,  b->y_mm, b->phi_rad, b->p_r_GeV,  b->p_phi_GeV, b->p_y_GeV, b->s_r,
                                    b->s_phi, b->s_y,  b->t_ns,    b->t_end_ns, b->turns,     b->fate};
    memcpy(c, all, sizeof all);
}

/* Some reach the collimators. Ends as those of muons, the first at once. */
static void start(struct ring_batch *b, size_t n)
{
    ring_ensemble(b, n, PLANE_ALL, 0);
    for (size_t i = 0; i < n; i++) {
        b->phi_rad[i]  = i % 8 == 0 ? 0.0 : 2.0 * PI * (double)(i % 64) / 64.0;
        b->t_end_ns[i] = -MAGIC_GAMMA * MUON_LIFETIME_NS * log(1.0 - (double)i / (double)n);
    }
}

struct pair {
    struct ring_batch a, b, spare;
};
static struct pair open_pair(size_t n)
{
    struct pair p;
    assert_int_equal(ring_batch_create(n, &p.a), ERR_OK);
    assert_int_equal(ring_batch_create(n, &p.b), ERR_OK);
    assert_int_equal(ring_batch_create(n, &p.spare), ERR_OK);
    return p;
}
static void close_pair(struct pair *p)
{
    ring_batch_free(&p->a);
    ring_batch_free(&p->b);
    ring_batch_free(&p->spare);
}

/* Same fates, same turns, same ends: a muon that is lost was left to the element engine, which begins again from phi = 0
 * with rounded numbers. Betatron phases of the others drift apart by some 1e-6 of a turn each. */
static void same_ends(const struct ring_batch *a, const struct ring_batch *b, size_t n, double orbit_mm,
                      size_t n_fate[4])
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a->fate[i], b->fate[i]);
        n_fate[(int)a->fate[i]]++;
        double d = ring_phase(a, i) - ring_phase(b, i);
        d -= 2.0 * PI * round(d / (2.0 * PI));
        assert_near(a->turns[i], b->turns[i], 1e-4);
        assert_near(a->t_ns[i], b->t_ns[i], 1e-3);
        assert_near(a->x_mm[i], b->x_mm[i], orbit_mm);
        assert_near(a->y_mm[i], b->y_mm[i], orbit_mm);
        assert_near(d, 0.0, 1e-6);
        assert_near(ring_momentum(a, i) / ring_momentum(b, i), 1.0, 1e-6);
    }
}

static void ends_of(const struct ring *ring, double orbit_mm, size_t n_fate[4])
{
    enum { N = 1024 };
    const struct ring_stage stage = {ring, HUGE_VAL};
    struct ring_maps *m           = maps_of(ring, 12);
    struct pair p                 = open_pair(N);
    start(&p.a, N);
    start(&p.b, N);
    assert_int_equal(ring_track_mapped(&stage, 1, m, &p.a, &p.spare), ERR_OK);
    assert_int_equal(ring_track(ring, &p.b), ERR_OK);
    same_ends(&p.a, &p.b, N, orbit_mm, n_fate);
    close_pair(&p);
    mem_free(m);
}

static void ends(void **state)
{
    (void)state;
    size_t n_fate[4] = {0};
    struct ring with = ring_nim(2), free = ring_nim(0);
    struct ring_setup s = ring_setup_default();
    ring_setup_linear(&s, 0.108);
    ends_of(&with, 2.0, n_fate);
    assert_true(n_fate[0] == 0 && n_fate[1] > 600 && n_fate[2] > 50);
    ends_of(&free, 2.0, n_fate);
    assert_true(n_fate[3] > 10);
    assert_int_equal(ring_build(&s, &with), ERR_OK);
    ends_of(&with, 0.5, n_fate);
}

/* Scraping first, maps when the voltages have come back. */
static void after_stages(void **state)
{
    (void)state;
    enum { N = 256 };
    const char *text        = "esq_scraping: e989";
    struct ring_setup setup = ring_setup_default();
    struct ring_fields owned;
    struct ring_stages stages;
    struct test_cfg cfg = {0};
    struct fhicl *table;
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &table), ERR_OK);
    assert_int_equal(cfg_read(test_cfg_fields, table, "ring", NULL, &cfg), ERR_OK);
    fhicl_free(table);
    const struct field_cfg fields = field_cfg_copy(&cfg);
    assert_int_equal(ring_fields_make(&fields, "nim", 18.3, &setup, &owned), ERR_OK);
    assert_int_equal(ring_stages_make(&setup, false, 1000.0, &stages), ERR_OK);
    assert_int_equal(stages.n, 2);
    struct ring_maps *m = maps_of(&stages.ring[1], 12);
    struct pair p       = open_pair(N);
    size_t n_fate[4]    = {0};
    start(&p.a, N);
    start(&p.b, N);
    assert_int_equal(ring_track_mapped(stages.stage, 2, m, &p.a, &p.spare), ERR_OK);
    assert_int_equal(ring_track_stages(stages.stage, 2, &p.b, &p.spare), ERR_OK);
    same_ends(&p.a, &p.b, N, 2.0, n_fate);
    assert_true(n_fate[1] > 100 && n_fate[2] > 20);
    close_pair(&p);
    mem_free(m);
    ring_stages_free(&stages);
    ring_fields_free(&owned);
    cfg_free(test_cfg_fields, &cfg);
}

/* Backwards, with other neighbours and other padding: the same bits. */
static void any_arrangement(void **state)
{
    (void)state;
    enum { N = 256, SHIFT = 35 };
    struct ring ring              = ring_nim(2);
    const struct ring_stage stage = {&ring, HUGE_VAL};
    struct ring_maps *m           = maps_of(&ring, 12);
    struct pair p                 = open_pair(N + SHIFT);
    double *a[N_COLUMNS], *b[N_COLUMNS];
    start(&p.a, N);
    columns(&p.a, a);
    columns(&p.b, b);
    for (size_t i = 0; i < p.b.n; i++) ring_batch_reset(&p.b, i);
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t i = 0; i < N; i++) b[c][N + SHIFT - 1 - i] = a[c][i];
    assert_int_equal(ring_track_mapped(&stage, 1, m, &p.a, &p.spare), ERR_OK);
    assert_int_equal(ring_track_mapped(&stage, 1, m, &p.b, &p.spare), ERR_OK);
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t i = 0; i < N; i++) assert_memory_equal(&b[c][N + SHIFT - 1 - i], &a[c][i], sizeof(double));
    close_pair(&p);
    mem_free(m);
}

/* ---- the check ---- */

static void check_of_maps(void **state)
{
    (void)state;
    struct ring ring    = ring_nim(2);
    struct ring_maps *m = maps_of(&ring, 12), *few = maps_of(&ring, 4);
    double ppb;
    assert_int_equal(ring_map_check(m, &ring, &ppb), ERR_OK);
    assert_true(ppb > 1e-4 && ppb < 0.15);
    m->turn.even[10][4][0] += 1e-8; /* the spin's turn with y^2 */
    assert_int_equal(ring_map_check(m, &ring, &ppb), ERR_NUMBER);
    assert_true(ppb > RING_MAP_LIMIT_PPB);
    assert_int_equal(ring_map_check(few, &ring, &ppb), ERR_NUMBER);
    assert_non_null(strstr(err_message(), "map_kicks"));
    mem_free(m);
    mem_free(few);
}

/* ---- what is refused ---- */

static void refused(const struct ring_setup *s, const char *why)
{
    static struct ring ring;
    struct ring_maps *m;
    assert_int_equal(ring_build(s, &ring), ERR_OK);
    assert_int_equal(ring_map_make(&ring, 12, &m), ERR_CONFIG);
    if (!strstr(err_message(), why)) fail_msg("%s, not: %s", why, err_message());
    assert_null(m);
}

static void refusals(void **state)
{
    (void)state;
    static struct dipole_map dipole;
    static double value[2]       = {1.0, 0.0};
    const struct ring_setup good = ring_setup_default();
    struct ring_setup s;
    assert_int_equal(dipole_map_preset("e989", &dipole), ERR_OK);
    s = good, s.extra[3].final.normal_V[4] = 1.0, refused(&s, "sections differ");
    s = good, s.skew_V[2] = 1.0, refused(&s, "skew");
    s = good, s.normal_V[3] = 1.0, refused(&s, "odd order");
    s = good, s.extra[2].n_terms = 1, s.extra[2].term[0].time.tau_ns = 5e3, refused(&s, "fall");
    s = good, s.edge_steps = 2, s.edge_mm = 125.0, refused(&s, "soft");
    s = good, s.dipole = &dipole, refused(&s, "dipole");
    s = good, s.eta = 1e-6, refused(&s, "electric dipole");
    s = good, s.n_monitors = 1, refused(&s, "monitors");
    s = good, s.open_deg = 105.0, refused(&s, "way in");
    s = good, ring_setup_linear(&s, 0.108), s.is_curved = true, refused(&s, "curved");
    s = good, s.layout = RING_CONTINUOUS, s.n_collimators = 0, refused(&s, "continuous");
    s           = good;
    s.n_kickers = 1;
    s.kicker[0] = (struct ring_kicker){.centre_deg = 80.0, .length_deg = 10.0, .strength = 1e-2, .profile = {1.0}};
    s.kicker[0].pulse = (struct kicker_pulse){.n = 2, .step_ns = 1.0, .value = value};
    refused(&s, "kickers");
    struct ring ring = ring_nim(0);
    struct ring_maps *m;
    const int kicks[] = {0, 6, 36, -4};
    for (size_t i = 0; i < 4; i++) assert_int_equal(ring_map_make(&ring, kicks[i], &m), ERR_CONFIG);
}

/* ---- as a module ---- */

static void module(void **state)
{
    (void)state;
    struct injection in;
    struct one_module ring;
    assert_int_equal(injection_run("muons_per_fill: 64", "engine: map", &in), ERR_OK);
    struct hist *h             = hist_find(&in.ring.hists, "beam/map_ppb");
    const struct module *found = module_find("RingTracker")->module;
    assert_non_null(h);
    assert_int_equal(found->begin_unit(&in.ring.step), ERR_OK);
    assert_int_equal(h->n_entries, 1);
    assert_true(h->quantum * (double)h->content[0] > 1e-4 && h->quantum * (double)h->content[0] < RING_MAP_LIMIT_PPB);
    injection_close(&in);
    assert_int_equal(one_module_open("RingTracker", "engine: map monitors_deg: [180]", &ring), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "monitors"));
    one_module_close(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series),       cmocka_unit_test(nodes),           cmocka_unit_test(linear_ring),
        cmocka_unit_test(multipoles),   cmocka_unit_test(other_fields),    cmocka_unit_test(ends),
        cmocka_unit_test(after_stages), cmocka_unit_test(any_arrangement), cmocka_unit_test(check_of_maps),
        cmocka_unit_test(refusals),     cmocka_unit_test(module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
