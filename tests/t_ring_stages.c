/* Stages of a fill against one ring with everything on, all the time; any arrangement; nothing but numbers comes out. */
#include "injection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

CFG_DECLARE(test_cfg, FIELD_CFG)

#define BUNCH_NS 1000.0
#define REAL                                                                                                           \
    "kicker: shape kicker_G: [290] esq_scraping: e989 esq_fault_missing: [0.1, 0.2] esq_fault_tau_us: [5, 4] "         \
    "esq_dy_mm: [0.5]"

enum { N = 512, N_COLUMNS = 13 };
static struct test_cfg cfg;
static struct ring_setup setup;
static struct ring_fields owned;
static struct ring_stages stages;

static void make(const char *text, bool is_injected)
{
    struct fhicl *table;
    cfg = (struct test_cfg){0};
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &table), ERR_OK);
    assert_int_equal(cfg_read(test_cfg_fields, table, "ring", NULL, &cfg), ERR_OK);
    fhicl_free(table);
    setup               = ring_setup_default();
    struct field_cfg fc = field_cfg_copy(&cfg);
    assert_int_equal(ring_fields_make(&fc, "nim", 18.3, &setup, &owned), ERR_OK);
    assert_int_equal(ring_stages_make(&setup, is_injected, BUNCH_NS, &stages), ERR_OK);
}

static void done(void)
{
    ring_stages_free(&stages);
    ring_fields_free(&owned);
    cfg_free(test_cfg_fields, &cfg);
}

static void columns(struct ring_batch *b, double *c[N_COLUMNS])
{
    double *const all[N_COLUMNS] = {b->x_mm,  b->y_mm, b->phi_rad, b->p_r_GeV,  b->p_phi_GeV, b->p_y_GeV, b->s_r,
                                    b->s_phi, b->s_y,  b->t_ns,    b->t_end_ns, b->turns,     b->fate};
    memcpy(c, all, sizeof all);
}

/* Muons of the inflector, of which the kick stores a part; times of start from -990 to 990 ns. */
static void start(struct ring_batch *b)
{
    struct one_module gun;
    if (one_module_open("InflectorGun", "muons_per_fill: 512 dp_sigma_percent: 0.2 profile: gauss", &gun) ||
        gun.step.module->event(&gun.step)) {
        fail_msg("%s", err_message());
        return;
    }
    const struct muon_view m = muon_view(gun.step.out[0]);
    assert_int_equal(m.n, N);
    for (size_t i = 0; i < N; i++) {
        ring_batch_reset(b, i);
        b->x_mm[i]      = m.x_mm[i];
        b->y_mm[i]      = m.y_mm[i];
        b->phi_rad[i]   = m.phi_rad[i];
        b->p_r_GeV[i]   = m.p_r_GeV[i];
        b->p_phi_GeV[i] = m.p_phi_GeV[i];
        b->p_y_GeV[i]   = m.p_y_GeV[i];
        b->s_r[i]       = m.s_r[i];
        b->s_phi[i]     = m.s_phi[i];
        b->s_y[i]       = m.s_y[i];
        b->t_ns[i]      = i % 16 == 0 ? 990.0 - 1980.0 * (double)i / (double)(N - 16) : m.t_fill_ns[i];
        b->t_end_ns[i]  = 1e3 + 250.0 * (double)i;
    }
    one_module_close(&gun);
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

/* What is forgotten was nothing: after the way in, one ring with kickers and falling voltages to the end gives the same. A
 * term is forgotten 10 time constants after 7 us, when 4.5e-5 of it is left: 1e-4 mm of closed orbit. Without dipole
 * multipoles, whose kicks stand elsewhere in a ring without kickers. */
static void against_one_ring(void **state)
{
    (void)state;
    make(REAL, true);
    static struct ring whole;
    assert_int_equal(ring_build(&setup, &whole), ERR_OK);
    assert_int_equal(whole.field, RING_VARYING);
    assert_int_equal(stages.n, 4);
    assert_int_equal(stages.ring[3].field, RING_GENERAL);
    const struct ring_stage two[] = {stages.stage[0], {&whole, (double)INFINITY}};
    struct pair p                 = open_pair(N);
    size_t n_fate[4] = {0}, n_late = 0;
    start(&p.a);
    start(&p.b);
    assert_int_equal(ring_track_stages(stages.stage, stages.n, &p.a, &p.spare), ERR_OK);
    assert_int_equal(ring_track_stages(two, 2, &p.b, &p.spare), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        double within = p.a.t_ns[i] < 50e3 ? 1e-6 : 2e-3;
        assert_int_equal(p.a.fate[i], p.b.fate[i]);
        assert_near(p.a.turns[i], p.b.turns[i], 5e-8);
        assert_near(p.a.x_mm[i], p.b.x_mm[i], within);
        assert_near(p.a.y_mm[i], p.b.y_mm[i], within);
        assert_near(p.a.s_r[i], p.b.s_r[i], 1e-6);
        assert_near(p.a.s_y[i], p.b.s_y[i], 1e-6);
        n_fate[(int)p.a.fate[i]]++;
        n_late += p.a.fate[i] == 1.0 && p.a.t_ns[i] > 90e3;
    }
    assert_int_equal(n_fate[0], 0);
    assert_true(n_fate[1] > 50 && n_fate[2] > 20 && n_fate[3] > 50 && n_late > 10);
    close_pair(&p);
    done();
}

/* Backwards, with other neighbours and other padding: the same bits. */
static void any_arrangement(void **state)
{
    (void)state;
    make(REAL, true);
    struct pair p = open_pair(N + 40);
    double *a[N_COLUMNS], *b[N_COLUMNS];
    start(&p.a);
    start(&p.b);
    columns(&p.a, a);
    columns(&p.b, b);
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t i = 0; i < N; i++) b[c][N + 33 - i] = a[c][i];
    for (size_t i = 0; i < 34; i++) ring_batch_reset(&p.b, i);
    for (size_t i = 0; i < N; i++) p.a.t_end_ns[i] = p.b.t_end_ns[N + 33 - i] = 1e3 + 40.0 * (double)i;
    assert_int_equal(ring_track_stages(stages.stage, stages.n, &p.a, &p.spare), ERR_OK);
    assert_int_equal(ring_track_stages(stages.stage, stages.n, &p.b, &p.spare), ERR_OK);
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t i = 0; i < N; i++) assert_memory_equal(&b[c][N + 33 - i], &a[c][i], sizeof(double));
    close_pair(&p);
    done();
}

/* Whatever flies in, a number and a fate come out; kicks far beyond the real ones included. */
static void always_an_end(void **state)
{
    (void)state;
    make("kicker: lcr kicker_G: [1000] kicker_eddy_G: 1 esq_scraping: e821 esq_edge_steps: 2", true);
    assert_int_equal(stages.n, 3); /* eddy currents: kickers stay to the end */
    struct pair p = open_pair(2048);
    double *a[N_COLUMNS];
    for (size_t i = 0; i < p.a.n; i++) {
        struct rng r    = rng_start(rng_key(3, 1, 0, 1, 11), (uint32_t)i);
        double momentum = MAGIC_P_GeV * (1.0 + 0.19 * (rng_uniform(&r) - 0.5));
        ring_batch_reset(&p.a, i);
        p.a.x_mm[i]      = 219.0 * (rng_uniform(&r) - 0.5);
        p.a.y_mm[i]      = 119.0 * (rng_uniform(&r) - 0.5);
        p.a.phi_rad[i]   = 2.0 * PI * rng_uniform(&r);
        p.a.p_r_GeV[i]   = momentum * 0.09 * (rng_uniform(&r) - 0.5);
        p.a.p_y_GeV[i]   = momentum * 0.09 * (rng_uniform(&r) - 0.5);
        p.a.p_phi_GeV[i] = momentum;
        p.a.t_ns[i]      = 1998.0 * (rng_uniform(&r) - 0.5);
        p.a.t_end_ns[i]  = 20e3 * rng_uniform(&r);
    }
    assert_int_equal(ring_track_stages(stages.stage, stages.n, &p.a, &p.spare), ERR_OK);
    columns(&p.a, a);
    for (size_t i = 0; i < p.a.n; i++) {
        assert_true(p.a.fate[i] >= 1.0 && p.a.fate[i] <= 3.0);
        for (size_t c = 0; c < N_COLUMNS; c++) assert_true(isfinite(a[c][i]));
        assert_true(p.a.phi_rad[i] >= 0.0 && p.a.phi_rad[i] < 2.0 * PI && p.a.turns[i] >= 0.0);
        double spin = p.a.s_r[i] * p.a.s_r[i] + p.a.s_phi[i] * p.a.s_phi[i] + p.a.s_y[i] * p.a.s_y[i];
        assert_near(spin, 1.0, 1e-6);
    }
    close_pair(&p);
    done();
}

/* A ring does what its time needs and no more. */
static void rings_of_the_stages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_injected;
        size_t n;
        enum ring_field_kind first, last;
    } cases[] = {
        {"", false, 1, RING_EVEN, RING_EVEN},
        {"", true, 2, RING_EVEN, RING_EVEN},
        {"kicker: shape", true, 3, RING_EVEN, RING_EVEN},
        {"esq_scraping: e989", false, 2, RING_VARYING, RING_EVEN},
        {"kicker: shape esq_scraping: e989", true, 4, RING_VARYING, RING_EVEN},
        {"kicker: shape esq_dx_mm: [0.5]", true, 3, RING_GENERAL, RING_GENERAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(cases[i].text, cases[i].is_injected);
        assert_int_equal(stages.n, cases[i].n);
        assert_int_equal(stages.ring[0].field, cases[i].first);
        assert_int_equal(stages.ring[stages.n - 1].field, cases[i].last);
        assert_true(isinf(stages.stage[stages.n - 1].last_crossing));
        assert_true((stages.ring[0].open_rad > 0.0) == cases[i].is_injected &&
                    stages.ring[stages.n - 1].open_rad == 0.0);
        done();
    }
}

/* A field that cannot store is refused when the module begins. */
static void unstable_fields(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"esq_high_voltage_kV: 0", "esq_high_voltage_kV"},
        {"esq_field: custom esq_normal_V: [0, 2e4]", "esq_normal_V"},
        {"esq_plates_kV: [-18.3, -18.3, 18.3, 18.3]", "esq_plates_kV"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct one_module ring;
        assert_int_equal(one_module_open("RingTracker", cases[i][0], &ring), ERR_CONFIG);
        assert_non_null(strstr(err_message(), cases[i][1]));
        one_module_close(&ring);
        err_clear();
    }
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_one_ring),    cmocka_unit_test(any_arrangement), cmocka_unit_test(always_an_end),
        cmocka_unit_test(rings_of_the_stages), cmocka_unit_test(unstable_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
