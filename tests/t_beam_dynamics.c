/* Beam diagnostics: muons with known orbits and spins, and the tracker's own against the formulas of C_e and C_p. */
#include "beam_corrections.h"
#include "beam_optics.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(got, want, within)                                                                                 \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!(fabs(got_ - want_) <= (within)))                                                                         \
            fail_msg("%s is %.10g, want %.10g +- %g", #got, got_, want_, (double)(within));                            \
    } while (0)

#define N_INDEX 0.108
#define HARD    "esq_field: linear collimators_deg: []"
#define SMOOTH  "esq_layout: continuous esq_field: curved collimators_deg: []"

struct rig {
    struct step beam;
    void *cfg;
    struct hist_set hists;
    struct fhicl *document;
    struct block *muon, *vertex;
};

static void open_rig(struct rig *g, const char *text)
{
    const struct module_entry *entry = module_find("BeamDynamics");
    *g                               = (struct rig){0};
    assert_non_null(entry);
    assert_int_equal(entry->stream, 14);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &g->document), ERR_OK);
    assert_int_equal(mem_alloc(&g->cfg, 1, entry->module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(entry->module->fields, fhicl_get(g->document, "beam"), "beam", NULL, g->cfg), ERR_OK);
    assert_int_equal(block_create(&table_muon, &g->muon), ERR_OK);
    assert_int_equal(block_create(&table_vertex, &g->vertex), ERR_OK);
    g->beam       = (struct step){.module = entry->module, .label = "beam", .cfg = g->cfg, .hists = &g->hists};
    g->beam.in[0] = g->muon;
    g->beam.in[1] = g->vertex;
    assert_int_equal(entry->module->begin(&g->beam), ERR_OK);
}

static void close_rig(struct rig *g)
{
    g->beam.module->end(&g->beam);
    block_free(g->muon);
    block_free(g->vertex);
    cfg_free(g->beam.module->fields, g->cfg);
    mem_free(g->cfg);
    hist_set_free(&g->hists);
    fhicl_free(g->document);
}

static const struct hist *hist_of(const struct rig *g, const char *name)
{
    const struct hist *h = hist_find(&g->hists, name);
    if (!h) fail_msg("no histogram %s", name);
    return h;
}

static double total(const struct rig *g, const char *name)
{
    const struct hist *h = hist_of(g, name);
    int64_t sum          = 0;
    for (int64_t i = 0; i < h->x.n * h->y.n; i++) sum += h->content[i];
    return (double)sum * h->quantum;
}

static double sum_of(const struct rig *g, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "beam/sum/%s", name);
    return total(g, path);
}

/* Content of the bin that holds (x, y). */
static double content_at(const struct rig *g, const char *name, double x, double y)
{
    const struct hist *h = hist_of(g, name);
    int64_t ix           = (int64_t)floor((x - h->x.low) / (h->x.high - h->x.low) * (double)h->x.n);
    int64_t iy           = h->y.n == 1 ? 0 : (int64_t)floor((y - h->y.low) / (h->y.high - h->y.low) * (double)h->y.n);
    return (double)h->content[ix * h->y.n + iy] * h->quantum;
}

/* One muon: orbit at its end, and a spin that turns by phase between start and end. */
struct made {
    double t0_ns, t_ns, phi_rad, x_e_mm, x_mm, y_mm, yp, phase_rad;
    int fate;
};

static void set_muon(struct rig *g, size_t i, const struct made *k)
{
    struct muon_view m   = muon_view(g->muon);
    struct vertex_view v = vertex_view(g->vertex);
    double delta = (1.0 - N_INDEX) * k->x_e_mm / RING_R0_MM, p = MAGIC_P_GeV * (1.0 + delta), xp = 1e-3;
    double along = sqrt(1.0 - xp * xp - k->yp * k->yp), turn = atan2(xp, along);
    m.t_fill_ns[i] = k->t0_ns, m.x_mm[i] = k->x_mm, m.y_mm[i] = k->y_mm, m.phi_rad[i] = 6.0;
    m.p_r_GeV[i] = 0.0, m.p_phi_GeV[i] = p, m.p_y_GeV[i] = 0.0;
    m.s_r[i] = 0.0, m.s_phi[i] = -0.96, m.s_y[i] = 0.0;
    m.t_decay_ns[i] = k->t_ns;
    v.muon[i] = (uint32_t)i, v.fate[i] = (uint8_t)k->fate, v.turns[i] = (k->t_ns - k->t0_ns) / CYCLOTRON_PERIOD_NS;
    v.t_fill_ns[i] = k->t_ns, v.x_mm[i] = k->x_mm, v.y_mm[i] = k->y_mm, v.phi_rad[i] = k->phi_rad;
    v.p_r_GeV[i] = p * xp, v.p_phi_GeV[i] = p * along, v.p_y_GeV[i] = p * k->yp;
    /* the phase grows from the momentum's direction inwards */
    v.s_r[i]   = -0.96 * sin(turn - k->phase_rad);
    v.s_phi[i] = -0.96 * cos(turn - k->phase_rad);
    v.s_y[i]   = 0.0;
}

static struct beam_optics smooth_optics(void)
{
    struct ring_setup s = {.layout = RING_CONTINUOUS, .pair_deg = 26.0, .aperture_mm = APERTURE_MM, .is_curved = true};
    static struct ring ring;
    struct beam_optics o;
    ring_setup_linear(&s, N_INDEX);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(beam_optics_make(&ring, &o), ERR_OK);
    return o;
}

/* The smooth ring in closed form: D = R0/(1-n), beta_y = R0/sqrt(n), A_y^2 = y^2 + beta_y^2 y'^2. */
static void smooth_ring(void **state)
{
    (void)state;
    struct beam_optics o = smooth_optics();
    const double beta_y = RING_R0_MM / sqrt(N_INDEX), beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA);
    assert_near(o.n, N_INDEX, 1e-9);
    assert_near(o.dispersion_mm, RING_R0_MM / (1.0 - N_INDEX), 1e-6);
    assert_near(beam_optics_x_e_mm(&o, MAGIC_P_GeV * (1.0 + (1.0 - N_INDEX) * 10.0 / RING_R0_MM)), 10.0, 1e-8);
    assert_near(beam_optics_a_y2_mm2(&o, 1.234, 3.0, 1e-3), 9.0 + 1e-6 * beta_y * beta_y, 1e-6);
    assert_near(beam_optics_a_y2_mm2(&o, 2.0 * PI, 3.0, 0.0), 9.0, 1e-6);
    assert_near(beam_optics_c_e(&o, 10.0), 2 * N_INDEX * (1 - N_INDEX) * beta2 * 100 / (RING_R0_MM * RING_R0_MM),
                1e-15);
    assert_near(1e9 * beam_optics_c_e(&o, 10.0), 380.5, 0.1); /* published to 0.1 ppb */
    assert_near(1e9 * beam_optics_c_p(&o, 400.0), 213.5, 0.1);
    assert_near(o.omega_a_RADns / OMEGA_A_RADNS, 1.0, 1e-9);
    assert_near(beam_optics_phase_rad(0.0, 1.0, -1.0, 0.0), 0.5 * PI, 1e-12); /* inwards: ahead */
}

/* The amplitude of a hard-edge ring does not depend on where it is taken: along one tracked matrix orbit, the optics at
 * two azimuths give the same A_y^2. A drift of the ring's free stretch (no vertical force) is y += R0 dphi y'. */
static void amplitude_is_invariant(void **state)
{
    (void)state;
    struct ring_setup s = ring_setup_default();
    static struct ring ring;
    struct beam_optics o;
    s.n_collimators = 0;
    ring_setup_linear(&s, N_INDEX);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(beam_optics_make(&ring, &o), ERR_OK);
    const double from = 331.0 * PI / 180.0, to = 355.0 * PI / 180.0, yp = 0.8e-3;
    double a = beam_optics_a_y2_mm2(&o, from, 12.0, yp);
    double b = beam_optics_a_y2_mm2(&o, to, 12.0 + RING_R0_MM * (to - from) * yp, yp);
    assert_near(b / a, 1.0, 1e-5);
}

/* Spins that turn by omega_a (1 - C_e - C_p + 100 ppb): sums to rounding, formula and tracked side by side. */
static void known_shifts(void **state)
{
    (void)state;
    enum { N = 40 };
    struct rig g;
    struct beam_optics o = smooth_optics();
    double c_e = 0.0, c_p = 0.0, weight = 0.0, slow = 0.0, inverse = 0.0, per = 0.0;
    open_rig(&g, "beam: { " SMOOTH " }");
    assert_int_equal(block_resize(g.muon, N), ERR_OK);
    assert_int_equal(block_resize(g.vertex, N), ERR_OK);
    for (int i = 0; i < N; i++) {
        struct made k = {.t0_ns = -50.0 + 2.5 * i, .t_ns = 31e3 + 1e4 * i, .phi_rad = 0.157 * i, .fate = 1};
        k.x_e_mm = -20.0 + i, k.y_mm = 0.5 * i, k.yp = 2e-5 * i, k.x_mm = 3.0;
        double c     = beam_optics_c_e(&o, k.x_e_mm);
        double q     = beam_optics_c_p(&o, beam_optics_a_y2_mm2(&o, k.phi_rad, k.y_mm, k.yp));
        double shift = 100e-9 - c - q, dt = k.t_ns - k.t0_ns, w = dt / (MAGIC_GAMMA * MUON_LIFETIME_NS);
        k.phase_rad = o.omega_a_RADns * dt * (1.0 + shift);
        set_muon(&g, (size_t)i, &k);
        c_e += 1e6 * c, c_p += 1e6 * q, weight += w, slow -= 1e6 * w * shift;
        inverse += 1.0 / w, per -= 1e6 * shift / w;
    }
    assert_int_equal(g.beam.module->event(&g.beam), ERR_OK);
    assert_near(sum_of(&g, "n"), N, 0.0);
    assert_near(sum_of(&g, "x_e"), -20.0 * N + 0.5 * N * (N - 1), 1e-4);
    assert_near(sum_of(&g, "c"), c_e, 1e-4);
    assert_near(sum_of(&g, "q"), c_p, 1e-4);
    assert_near(sum_of(&g, "w"), weight, 1e-4);
    assert_near(sum_of(&g, "r"), slow, 1e-4);
    assert_near(sum_of(&g, "u"), inverse, 1e-4);
    assert_near(sum_of(&g, "s"), c_e + c_p - 0.1 * N, 1e-4);
    assert_near(sum_of(&g, "s_u"), per, 1e-4);
    assert_near(total(&g, "beam/line_x_e2/u"), inverse, 1e-4);
    assert_near(total(&g, "beam/line_x_e2/s"), c_e - 0.1 * N, 1e-4);
    assert_near(total(&g, "beam/line_a_y2/s"), c_p - 0.1 * N, 1e-4);
    assert_near(total(&g, "beam/line_a_y2/n"), N, 0.0);
    assert_near((sum_of(&g, "r") - sum_of(&g, "w_c") - sum_of(&g, "w_q")) / weight, -0.1, 1e-6);
    assert_near(content_at(&g, "beam/shift_difference", 100.0001, 0.0) +
                    content_at(&g, "beam/shift_difference", 99.99, 0.0),
                N, 0.0);
    close_rig(&g);
}

/* Ends by fate, passages of the watched azimuth, what counts as stored. */
static void ends_and_passages(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, "beam: { " SMOOTH " sector_phi_deg: 90 sector_width_deg: 20 }");
    const struct made made[] = {
        {.t0_ns = 10.0, .t_ns = 40e3, .phi_rad = 0.5 * PI + 0.1, .fate = 1, .x_mm = 7.0, .y_mm = -2.0},
        {.t0_ns = 10.0, .t_ns = 20e3, .phi_rad = 0.5 * PI - 0.1, .fate = 1, .x_mm = 1.0},
        {.t0_ns = -100.0, .t_ns = -40.0, .phi_rad = 4.2, .fate = 3, .x_mm = 44.0},
        {.t0_ns = 0.0, .t_ns = 1e3, .phi_rad = 4.2, .fate = 2, .x_mm = 44.0},
        {.t0_ns = 0.0, .t_ns = 650e3, .phi_rad = 1.0, .fate = 0, .x_mm = 2.0},
    };
    assert_int_equal(block_resize(g.muon, 5), ERR_OK);
    assert_int_equal(block_resize(g.vertex, 5), ERR_OK);
    for (size_t i = 0; i < 5; i++) set_muon(&g, i, &made[i]);
    assert_int_equal(g.beam.module->event(&g.beam), ERR_OK);
    assert_near(sum_of(&g, "n"), 2.0, 0.0);
    assert_near(total(&g, "beam/start_x_y"), 5.0, 0.0);
    assert_near(total(&g, "beam/stored_x_y"), 2.0, 0.0);
    assert_near(total(&g, "beam/end_x_y"), 2.0, 0.0);
    assert_near(content_at(&g, "beam/end_time", 1.0, 2.0), 1.0, 0.0);
    assert_near(content_at(&g, "beam/end_time", -0.04, 3.0), 1.0, 0.0); /* before t = 0: bunches have a front */
    assert_int_equal(hist_of(&g, "beam/end_time")->n_outside, 0);
    assert_near(content_at(&g, "beam/end_log", 0.005, 2.0), 1.0, 0.0);
    assert_near(content_at(&g, "beam/end_phi", 4.2 * 180.0 / PI, 2.0), 1.0, 0.0);
    assert_near(content_at(&g, "beam/end_time", 650.0, 0.0), 1.0, 0.0);
    double period = CYCLOTRON_PERIOD_NS;
    assert_near(content_at(&g, "beam/passage", 1e-3 * (40e3 - 0.1 / (2.0 * PI) * period), 0.0), 1.0, 0.0);
    assert_near(content_at(&g, "beam/passage", 1e-3 * (20e3 - (1.0 - 0.1 / (2.0 * PI)) * period), 0.0), 1.0, 0.0);
    assert_near(total(&g, "beam/passage"), 2.0, 0.0);
    assert_near(content_at(&g, "beam/sector_n", 40.0, 0.0), 1.0, 0.0);
    assert_near(content_at(&g, "beam/sector_x", 40.0, 0.0), 7.0, 1e-5);
    assert_near(content_at(&g, "beam/sector_y", 40.0, 0.0), -2.0, 1e-5);
    assert_near(content_at(&g, "beam/frequency", 1e6 / period, 0.0), 2.0, 0.0);
    vertex_view(g.vertex).muon[2] = 5;
    assert_int_equal(g.beam.module->event(&g.beam), ERR_DATA);
    close_rig(&g);
}

/* ---- the tracker's own muons ---- */

static void run_producer(const char *name, const struct fhicl *table, struct block *in, struct block *out)
{
    const struct module_entry *entry = module_find(name);
    void *cfg;
    assert_non_null(entry);
    assert_int_equal(mem_alloc(&cfg, 1, entry->module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(entry->module->fields, table, name, NULL, cfg), ERR_OK);
    struct step s = {.module = entry->module, .label = name, .cfg = cfg};
    s.rng         = rng_key(7, 1, 0, 1, entry->stream);
    s.in[0]       = in;
    s.out[0]      = out;
    assert_int_equal(entry->module->begin(&s), ERR_OK);
    assert_int_equal(entry->module->event(&s), ERR_OK);
    entry->module->end(&s);
    cfg_free(entry->module->fields, cfg);
    mem_free(cfg);
}

static struct beam_corrections tracked(const char *ring, const char *field, int muons)
{
    char text[1024];
    struct rig g;
    snprintf(text, sizeof text,
             "beam: { %s %s } ring: { %s %s } gun: { %s muons_per_fill: %d x_e_mean_mm: 0 cut: x start: uniform }",
             ring, field, ring, field, ring, muons);
    open_rig(&g, text);
    run_producer("GasGun", fhicl_get(g.document, "gun"), NULL, g.muon);
    run_producer("RingTracker", fhicl_get(g.document, "ring"), g.muon, g.vertex);
    assert_int_equal(g.beam.module->event(&g.beam), ERR_OK);
    struct beam_corrections out;
    assert_int_equal(beam_corrections(&g.hists, &out), ERR_OK);
    assert_true(out.has_fit);
    close_rig(&g);
    return out;
}

/* Tracked over formula, 1,600 muons, x_e symmetric about 0. Published tracking of single muons: 1.000 and 1.000 in the smooth
 * ring; with hard edges 0.991 and 1.012, where x_e was (1/(1-n)) R0 dp/p: with the lattice's own dispersion 0.9945.
 * Within 1 ppb: seven times the fit's error for e, three times the true one for p, whose noise grows with A_y^2. */
static void tracked_corrections(void **state)
{
    (void)state;
    struct beam_corrections smooth = tracked(SMOOTH, "", 1600), edges = tracked(HARD, "", 1600);
    assert_near(smooth.mean.value, smooth.weighted, 0.5);
    assert_near(smooth.spin_e.value, smooth.weighted_e, 1.0);
    assert_near(smooth.spin_p.value, smooth.weighted_p, 1.0);
    assert_true(smooth.spin_e.error < 1.0 && smooth.spin_p.error < 1.0);
    assert_near(smooth.start_mrad.value, 0.0, 4.0 * smooth.start_mrad.error);
    assert_near(edges.mean.value, edges.weighted, 2.0);
    assert_near(edges.spin_e.value, 0.9945 * edges.weighted_e, 1.0);
    assert_near(edges.spin_p.value, 1.0120 * edges.weighted_p, 1.0);
    assert_near(edges.difference.value, edges.mean.value - edges.weighted, 1.0);
}

/* Multipoles of the dipole move omega_a by what the orbits see of them; that is taken away muon by muon: the rest agrees
 * with the formulas as without them, to 1 % of what multipoles ten times the measured ones do beside the mean. */
static void field_is_taken_away(void **state)
{
    (void)state;
    struct beam_corrections none = tracked(HARD, "", 400);
    struct beam_corrections c =
        tracked(HARD, "dipole_normal_ppm: [1.5, 4.0, -6.0, 2.0] dipole_skew_ppm: [0, 1.0]", 400);
    assert_true(fabs(c.field_ppm) > 0.3);
    assert_near(c.mean.value - c.weighted, none.mean.value - none.weighted, 6.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(smooth_ring),         cmocka_unit_test(amplitude_is_invariant),
                                       cmocka_unit_test(known_shifts),        cmocka_unit_test(ends_and_passages),
                                       cmocka_unit_test(tracked_corrections), cmocka_unit_test(field_is_taken_away)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
