/* Module BeamDynamics: the beam from its start to its end: phase space, oscillations, losses, and what its orbits do to
 * the precession of its spin. */
#include "beam_optics.h"
#include "beam_spin.h"
#include "ring_cfg.h"
#include "ring_cfg_fields.h"

#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>

/* clang-format off */
#define BEAM_CFG(F, S)                                                                                                 \
    F(S, f64, stored_from_us,   30,  0, 100000, "us",  "muons that end later count as stored: phase space, x_e, spin") \
    F(S, f64, sector_phi_deg,   180, 0, 360,    "deg", "azimuth at which the beam is watched in time")                 \
    F(S, f64, sector_width_deg, 30,  0.1, 360,  "deg", "full width of that sector; 30 deg lower an oscillation by 1 %") \
    F(S, f64, rotation_to_us,   100, 1, 700,    "us",  "end of the histogram of passages, in bins of 5 ns")            \
    F(S, f64, anomaly,      0.00116592089, 0.0011, 0.0013, "1", "as RingTracker's")                                    \
    F(S, f64, eta,              0, -0.01, 0.01, "1",   "as RingTracker's")                                             \
    RING_CFG(F, S)                                                                                                     \
    FIELD_CFG(F, S)
/* clang-format on */
CFG_DECLARE(beam_cfg, BEAM_CFG)

enum { IN_MUON, IN_VERTEX };
enum { FATE_ALIVE, FATE_DECAYED };
#define FINE_NS      10.0
#define PASSAGE_NS   5.0
#define MIN_TURNS    50.0 /* for a frequency of revolution */
#define SPIN_MINIMUM 1e-6 /* shorter spins have no phase */

static const struct port in[] = {
    [IN_MUON]   = {&table_muon, NULL, false},
    [IN_VERTEX] = {&table_vertex, NULL, false},
    {0},
};

struct plane {
    struct hist *x_xp, *y_yp, *x_y, *delta;
};
struct beam {
    struct beam_optics optics;
    struct beam_spin spin;
    struct plane start, stored, end;
    struct hist *x_e, *a_x, *a_y, *x_time, *y_time;
    struct hist *end_time, *end_log, *end_phi;
    struct hist *passage, *frequency, *sector_n, *sector_x, *sector_y;
};

/* ---- histograms ---- */

static enum err book_plane(struct hist_set *set, const char *stem, const char *title, struct plane *p)
{
    const struct hist_axis x  = hist_axis(90, -60.0, 120.0, "x = r - R0", "mm");
    const struct hist_axis xp = hist_axis(80, -20.0, 20.0, "x' = p_r / p", "mrad");
    const struct hist_axis y  = hist_axis(60, -60.0, 60.0, "y", "mm");
    const struct hist_axis yp = hist_axis(120, -12.0, 12.0, "y' = p_y / p", "mrad");
    const struct hist_axis d  = hist_axis(600, -0.03, 0.03, "p / p_magic - 1", "1");
    const struct {
        const char *name;
        struct hist_axis x, y;
        struct hist **to;
    } rows[] = {{"x_xp", x, xp, &p->x_xp},
                {"y_yp", y, yp, &p->y_yp},
                {"x_y", x, y, &p->x_y},
                {"delta", d, HIST_NO_AXIS, &p->delta}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "beam/%s_%s", stem, rows[i].name);
        TRY(hist_book(set, name, title, rows[i].x, rows[i].y, 0, rows[i].to));
    }
    return ERR_OK;
}

static enum err book_orbits(struct hist_set *set, struct beam *b)
{
    struct hist_axis x_e  = hist_axis(120, -60.0, 60.0, "x_e", "mm");
    struct hist_axis a_xy = hist_axis(60, 0.0, 60.0, "betatron amplitude", "mm");
    struct hist_axis time = hist_axis(140, 0.0, 700.0, "time in fill", "us");
    struct hist_axis x    = hist_axis(120, -60.0, 60.0, "x = r - R0", "mm");
    struct hist_axis y    = hist_axis(120, -60.0, 60.0, "y", "mm");
    TRY(hist_book(set, "beam/x_e", "equilibrium radius of stored muons", x_e, HIST_NO_AXIS, 0, &b->x_e));
    TRY(hist_book(set, "beam/a_x", "radial amplitude of stored muons", a_xy, HIST_NO_AXIS, 0, &b->a_x));
    TRY(hist_book(set, "beam/a_y", "vertical amplitude of stored muons", a_xy, HIST_NO_AXIS, 0, &b->a_y));
    TRY(hist_book(set, "beam/x_time", "x of decays", time, x, 0, &b->x_time));
    return hist_book(set, "beam/y_time", "y of decays", time, y, 0, &b->y_time);
}

static enum err book_ends(struct hist_set *set, struct beam *b)
{
    struct hist_axis fate = hist_axis(8, -0.5, 7.5, "fate (table vertex)", "1");
    struct hist_axis time = hist_axis(702, -2.0, 700.0, "time in fill", "us");
    struct hist_axis slow = hist_axis(100, -2.0, 3.0, "log10(time since start / us)", "1");
    struct hist_axis phi  = hist_axis(360, 0.0, 360.0, "azimuth", "deg");
    TRY(hist_book(set, "beam/end_time", "ends of muons", time, fate, 0, &b->end_time));
    TRY(hist_book(set, "beam/end_log", "ends of muons", slow, fate, 0, &b->end_log));
    return hist_book(set, "beam/end_phi", "where muons end", phi, fate, 0, &b->end_phi);
}

static enum err book_times(const struct beam_cfg *cfg, struct hist_set *set, struct beam *b)
{
    int64_t n             = (int64_t)ceil(cfg->rotation_to_us * 1e3 / PASSAGE_NS);
    struct hist_axis pass = hist_axis(n, 0.0, (double)n * PASSAGE_NS * 1e-3, "time in fill", "us");
    struct hist_axis f    = hist_axis(200, 6600.0, 6800.0, "frequency of revolution", "kHz");
    struct hist_axis fine = hist_axis(6000, 0.0, 6000 * FINE_NS * 1e-3, "time in fill", "us");
    TRY(hist_book(set, "beam/passage", "last passages of one azimuth before the decay", pass, HIST_NO_AXIS, 0,
                  &b->passage));
    TRY(hist_book(set, "beam/frequency", "frequency of revolution of stored muons", f, HIST_NO_AXIS, 0, &b->frequency));
    char title[64];
    snprintf(title, sizeof title, "decays at azimuth %g +- %g deg", cfg->sector_phi_deg, 0.5 * cfg->sector_width_deg);
    TRY(hist_book(set, "beam/sector_n", title, fine, HIST_NO_AXIS, 0, &b->sector_n));
    TRY(hist_book(set, "beam/sector_x", "sum of x [mm] of decays in the sector", fine, HIST_NO_AXIS, 1, &b->sector_x));
    return hist_book(set, "beam/sector_y", "sum of y [mm] of decays in the sector", fine, HIST_NO_AXIS, 1,
                     &b->sector_y);
}

static enum err make_optics(const struct beam_cfg *cfg, struct beam_optics *out)
{
    const struct field_cfg field_cfg = field_cfg_copy(cfg);
    struct ring_setup setup;
    struct ring_fields *fields;
    struct ring *ring = NULL;
    enum err rc;
    TRY(ring_cfg_setup(cfg, &setup));
    setup.anomaly = cfg->anomaly;
    setup.eta     = cfg->eta;
    TRY(mem_alloc(&fields, 1, sizeof *fields));
    TRY_TO(done, ring_fields_make(&field_cfg, cfg->esq_field, cfg->esq_high_voltage_kV, &setup, fields));
    TRY_TO(done, mem_alloc(&ring, 1, sizeof *ring));
    TRY_TO(done, ring_build(&setup, ring));
    TRY_TO(done, beam_optics_make(ring, out));
done:
    mem_free(ring);
    ring_fields_free(fields);
    mem_free(fields);
    return rc;
}

static enum err begin(struct step *s)
{
    struct beam *b;
    TRY(mem_alloc(&b, 1, sizeof *b));
    s->state = b;
    TRY(make_optics(s->cfg, &b->optics));
    TRY(book_plane(s->hists, "start", "all muons as they start", &b->start));
    TRY(book_plane(s->hists, "stored", "muons that will be stored, as they start", &b->stored));
    TRY(book_plane(s->hists, "end", "stored muons at their end", &b->end));
    TRY(book_orbits(s->hists, b));
    TRY(book_ends(s->hists, b));
    TRY(book_times(s->cfg, s->hists, b));
    return beam_spin_book(s->hists, &b->spin);
}

/* ---- filling ---- */

/* A muon at its start or end, and what follows from it. */
struct place {
    double t_ns, x_mm, y_mm, phi_rad, xp, yp, delta, phase_rad;
};

static struct place place_of(double t, double x, double y, double phi, const double p[3], const double s[3])
{
    double p_all = sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
    return (struct place){.t_ns      = t,
                          .x_mm      = x,
                          .y_mm      = y,
                          .phi_rad   = phi,
                          .xp        = p[0] / p_all,
                          .yp        = p[2] / p_all,
                          .delta     = p_all / MAGIC_P_GeV - 1.0,
                          .phase_rad = beam_optics_phase_rad(p[0], p[1], s[0], s[1])};
}

static struct place start_of(const struct muon_view *m, size_t i)
{
    const double p[3] = {m->p_r_GeV[i], m->p_phi_GeV[i], m->p_y_GeV[i]};
    const double s[3] = {m->s_r[i], m->s_phi[i], m->s_y[i]};
    return place_of(m->t_fill_ns[i], m->x_mm[i], m->y_mm[i], m->phi_rad[i], p, s);
}

static struct place end_of(const struct vertex_view *v, size_t i)
{
    const double p[3] = {v->p_r_GeV[i], v->p_phi_GeV[i], v->p_y_GeV[i]};
    const double s[3] = {v->s_r[i], v->s_phi[i], v->s_y[i]};
    return place_of(v->t_fill_ns[i], v->x_mm[i], v->y_mm[i], v->phi_rad[i], p, s);
}

static void fill_plane(const struct place *at, struct plane *p)
{
    hist_fill(p->x_xp, at->x_mm, 1e3 * at->xp, 1.0);
    hist_fill(p->y_yp, at->y_mm, 1e3 * at->yp, 1.0);
    hist_fill(p->x_y, at->x_mm, at->y_mm, 1.0);
    hist_fill(p->delta, at->delta, 0.0, 1.0);
}

static void fill_decay(const struct beam_cfg *cfg, const struct place *start, const struct place *end, double turns,
                       struct beam *b)
{
    double t_us = 1e-3 * end->t_ns, from_sector = end->phi_rad - cfg->sector_phi_deg * (PI / 180.0);
    hist_fill(b->x_time, t_us, end->x_mm, 1.0);
    hist_fill(b->y_time, t_us, end->y_mm, 1.0);
    double since = from_sector / (2.0 * PI) - floor(from_sector / (2.0 * PI)); /* turns since the last passage */
    if (turns > since) hist_fill(b->passage, t_us - 1e-3 * since * (end->t_ns - start->t_ns) / turns, 0.0, 1.0);
    if (fabs(beam_optics_wrap_rad(from_sector)) > 0.5 * cfg->sector_width_deg * (PI / 180.0)) return;
    hist_fill(b->sector_n, t_us, 0.0, 1.0);
    hist_fill(b->sector_x, t_us, 0.0, end->x_mm);
    hist_fill(b->sector_y, t_us, 0.0, end->y_mm);
}

static void fill_muon(const struct beam_cfg *cfg, const struct muon_view *m, const struct vertex_view *v, size_t i,
                      struct beam *b)
{
    const size_t from        = v->muon[i];
    const struct place start = start_of(m, from), end = end_of(v, i);
    const double dt = end.t_ns - start.t_ns, t_us = 1e-3 * end.t_ns;
    hist_fill(b->end_time, t_us, v->fate[i], 1.0);
    hist_fill(b->end_log, dt > 0.0 ? log10(1e-3 * dt) : -1e9, v->fate[i], 1.0);
    hist_fill(b->end_phi, end.phi_rad * (180.0 / PI), v->fate[i], 1.0);
    if (v->fate[i] == FATE_DECAYED) fill_decay(cfg, &start, &end, v->turns[i], b);
    if (t_us < cfg->stored_from_us || dt <= 0.0) return;
    double a_x2           = beam_optics_a_x2_mm2(&b->optics, end.phi_rad, end.x_mm, end.xp, end.delta);
    struct beam_life life = {.t_start_ns      = start.t_ns,
                             .t_end_ns        = end.t_ns,
                             .phase_start_rad = start.phase_rad,
                             .phase_end_rad   = end.phase_rad,
                             .delta           = end.delta,
                             .x_e_mm          = b->optics.dispersion_mm * end.delta,
                             .a_y2_mm2        = beam_optics_a_y2_mm2(&b->optics, end.phi_rad, end.y_mm, end.yp)};
    life.field            = beam_optics_field(&b->optics, life.x_e_mm, a_x2, life.a_y2_mm2);
    fill_plane(&start, &b->stored);
    fill_plane(&end, &b->end);
    hist_fill(b->x_e, life.x_e_mm, 0.0, 1.0);
    hist_fill(b->a_x, sqrt(a_x2), 0.0, 1.0);
    hist_fill(b->a_y, sqrt(life.a_y2_mm2), 0.0, 1.0);
    if (v->turns[i] > MIN_TURNS) hist_fill(b->frequency, 1e6 * v->turns[i] / dt, 0.0, 1.0);
    if (hypot(v->s_r[i], v->s_phi[i]) > SPIN_MINIMUM) beam_spin_fill(&b->optics, &life, &b->spin);
}

static enum err event(struct step *s)
{
    struct beam *b             = s->state;
    const struct muon_view m   = muon_view(s->in[IN_MUON]);
    const struct vertex_view v = vertex_view(s->in[IN_VERTEX]);
    const struct beam_cfg *cfg = s->cfg;
    for (size_t i = 0; i < m.n; i++) {
        const struct place start = start_of(&m, i);
        fill_plane(&start, &b->start);
    }
    for (size_t i = 0; i < v.n; i++) {
        REQUIRE(v.muon[i] < m.n, ERR_DATA, "BeamDynamics: vertex %zu names muon %u, table muon has %zu rows", i,
                (unsigned)v.muon[i], m.n);
        fill_muon(cfg, &m, &v, i, b);
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

const struct module module_beam_dynamics = {
    .name = "BeamDynamics",
    .kind = MODULE_ANALYZER,
    .doc = "Histograms of the beam: phase space at start and end, equilibrium radius, profiles, losses, fast rotation, "
           "oscillations at one azimuth, phase of the spin against momentum, and C_e and C_p by formula and by tracked "
           "spin. Its ring parameters must be those of RingTracker.",
    .source   = "Courant-Snyder theory; C_e, C_p: Run-1 beam-dynamics paper, arXiv:2104.03240; sim/README.md",
    .fields   = beam_cfg_fields,
    .cfg_size = sizeof(struct beam_cfg),
    .shared   = ring_cfg_shared,
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
