/* Quality histograms: the beam, losses, acceptance, and reconstruction against truth. */
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define QUALITY_CFG(F, S)                                                                                      \
    F(S, f64, stored_from_us, 30,  0, 700, "us",  "beam profiles and acceptance use later decays")             \
    F(S, f64, cbo_phi_deg,    180, 0, 360, "deg", "azimuth at which the beam's mean radius is followed in time") \
    F(S, f64, cbo_width_deg,  30,  0, 360, "deg", "full width of that window; 30 deg lower the amplitude by 1 %")
/* clang-format on */
CFG_DECLARE(quality_cfg, QUALITY_CFG)

enum { IN_CLUSTER, IN_TRUTH, IN_VERTEX, IN_POSITRON, IN_CALO_HIT };
enum { OF_POSITRON = 0 }; /* cluster_truth.particle */
enum { FATE_DECAYED = 1, FATE_COLLIMATOR = 2, FATE_VACUUM = 3 };

static const struct port in[] = {
    [IN_CLUSTER]  = {&table_cluster, "calo t_fill_ns energy_GeV x_mm y_mm", false},
    [IN_TRUTH]    = {&table_cluster_truth, NULL, true},
    [IN_VERTEX]   = {&table_vertex, "fate t_fill_ns x_mm y_mm phi_rad p_r_GeV p_phi_GeV p_y_GeV", true},
    [IN_POSITRON] = {&table_positron, "t_fill_ns p_r_GeV p_phi_GeV p_y_GeV", true},
    [IN_CALO_HIT] = {&table_calo_hit, "positron", true},
    {0},
};

struct state {
    struct hist *dt, *de, *energy_truth, *dx, *dy, *n_hits, *cluster_xy;
    struct hist *beam_xy, *momentum, *cbo_x, *cbo_n, *decay_time, *losses, *losses_phi;
    struct hist *born, *entered, *found;
};

static enum err book_clusters(struct hist_set *set, struct state *q)
{
    double half_x = 0.5 * CALO_COLUMNS * CRYSTAL_PITCH_MM, half_y = 0.5 * CALO_ROWS * CRYSTAL_PITCH_MM;
    struct hist_axis x = hist_axis(54, -half_x, half_x, "local x, outward", "mm");
    struct hist_axis y = hist_axis(36, -half_y, half_y, "local y, up", "mm");
    return hist_book(set, "quality/cluster_xy", "cluster positions", x, y, 0, &q->cluster_xy);
}

static enum err book_truth(struct hist_set *set, struct state *q)
{
    struct hist_axis slice  = hist_axis(14, 0.0, 3.5, "true energy", "GeV");
    struct hist_axis energy = hist_axis(80, 0.0, 4.0, "true energy", "GeV");
    struct hist_axis found  = hist_axis(80, 0.0, 4.0, "cluster energy", "GeV");
    struct hist_axis dt     = hist_axis(200, -1.0, 1.0, "time residual", "ns");
    struct hist_axis de     = hist_axis(200, -0.4, 0.4, "relative energy residual", "1");
    struct hist_axis dx     = hist_axis(120, -60.0, 60.0, "x residual", "mm");
    struct hist_axis dy     = hist_axis(120, -60.0, 60.0, "y residual", "mm");
    struct hist_axis n_hits = hist_axis(8, 0.5, 8.5, "positrons", "1");
    TRY(hist_book(set, "quality/dt", "cluster time minus true time", slice, dt, 0, &q->dt));
    TRY(hist_book(set, "quality/de", "cluster energy over true energy, minus 1", slice, de, 0, &q->de));
    TRY(hist_book(set, "quality/energy_truth", "cluster energy against true energy", energy, found, 0,
                  &q->energy_truth));
    TRY(hist_book(set, "quality/dx", "cluster x minus true x", slice, dx, 0, &q->dx));
    TRY(hist_book(set, "quality/dy", "cluster y minus true y", slice, dy, 0, &q->dy));
    return hist_book(set, "quality/n_hits", "true positrons in a cluster", n_hits, HIST_NO_AXIS, 0, &q->n_hits);
}

static enum err book_beam(struct hist_set *set, struct state *q)
{
    struct hist_axis x    = hist_axis(60, -60.0, 60.0, "x = r - R0", "mm");
    struct hist_axis y    = hist_axis(60, -60.0, 60.0, "y", "mm");
    struct hist_axis time = hist_axis(140, 0.0, 700.0, "time in fill", "us");
    struct hist_axis fine = hist_axis(500, 0.0, 100.0, "time in fill", "us");
    struct hist_axis phi  = hist_axis(72, 0.0, 2.0 * PI, "azimuth", "rad");
    struct hist_axis fate = hist_axis(2, 1.5, 3.5, "2 collimator, 3 out of the vacuum", "1");
    struct hist_axis p    = hist_axis(160, -0.008, 0.008, "p / p_magic - 1", "1");
    TRY(hist_book(set, "quality/beam_xy", "stored muons at their decay", x, y, 0, &q->beam_xy));
    TRY(hist_book(set, "quality/momentum", "momentum of stored muons at their decay", p, HIST_NO_AXIS, 0,
                  &q->momentum));
    TRY(hist_book(set, "quality/cbo_x", "sum of x of decays near one azimuth", fine, HIST_NO_AXIS, 1, &q->cbo_x));
    TRY(hist_book(set, "quality/cbo_n", "decays near one azimuth", fine, HIST_NO_AXIS, 0, &q->cbo_n));
    TRY(hist_book(set, "quality/decay_time", "muon decays", time, HIST_NO_AXIS, 0, &q->decay_time));
    TRY(hist_book(set, "quality/losses", "lost muons", time, fate, 0, &q->losses));
    return hist_book(set, "quality/losses_phi", "where muons are lost", phi, fate, 0, &q->losses_phi);
}

static enum err book_acceptance(struct hist_set *set, struct state *q)
{
    struct hist_axis energy = hist_axis(64, 0.0, 3.2, "positron energy at birth", "GeV");
    TRY(hist_book(set, "quality/born", "positrons born", energy, HIST_NO_AXIS, 0, &q->born));
    TRY(hist_book(set, "quality/entered", "positrons that enter a calorimeter", energy, HIST_NO_AXIS, 0, &q->entered));
    return hist_book(set, "quality/found", "positrons that lead a cluster", energy, HIST_NO_AXIS, 0, &q->found);
}

static enum err begin(struct step *s)
{
    struct state *q;
    TRY(mem_alloc(&q, 1, sizeof *q));
    s->state = q;
    TRY(book_clusters(s->hists, q));
    if (s->in[IN_TRUTH]) TRY(book_truth(s->hists, q));
    if (s->in[IN_VERTEX]) TRY(book_beam(s->hists, q));
    return s->in[IN_POSITRON] ? book_acceptance(s->hists, q) : ERR_OK;
}

static double momentum(double p_r, double p_phi, double p_y) { return sqrt(p_r * p_r + p_phi * p_phi + p_y * p_y); }

static void fill_stored(const struct quality_cfg *cfg, const struct vertex_view *v, size_t i, struct state *q)
{
    double t_us   = v->t_fill_ns[i] * 1e-3;
    double offset = fabs(remainder(v->phi_rad[i] - cfg->cbo_phi_deg * (PI / 180.0), 2.0 * PI));
    hist_fill(q->decay_time, t_us, 0.0, 1.0);
    if (offset < 0.5 * cfg->cbo_width_deg * (PI / 180.0)) {
        hist_fill(q->cbo_x, t_us, 0.0, v->x_mm[i]);
        hist_fill(q->cbo_n, t_us, 0.0, 1.0);
    }
    if (t_us < cfg->stored_from_us) return;
    hist_fill(q->beam_xy, v->x_mm[i], v->y_mm[i], 1.0);
    hist_fill(q->momentum, momentum(v->p_r_GeV[i], v->p_phi_GeV[i], v->p_y_GeV[i]) / MAGIC_P_GeV - 1.0, 0.0, 1.0);
}

static void fill_beam(const struct quality_cfg *cfg, const struct block *block, struct state *q)
{
    struct vertex_view v = vertex_view(block);
    for (size_t i = 0; i < v.n; i++) {
        if (v.fate[i] == FATE_DECAYED) fill_stored(cfg, &v, i, q);
        if (v.fate[i] != FATE_COLLIMATOR && v.fate[i] != FATE_VACUUM) continue;
        hist_fill(q->losses, v.t_fill_ns[i] * 1e-3, v.fate[i], 1.0);
        hist_fill(q->losses_phi, v.phi_rad[i], v.fate[i], 1.0);
    }
}

static void fill_born(const struct quality_cfg *cfg, const struct positron_view *p, size_t row, struct hist *h)
{
    if (row >= p->n || p->t_fill_ns[row] * 1e-3 < cfg->stored_from_us) return;
    double energy_GeV = hypot(momentum(p->p_r_GeV[row], p->p_phi_GeV[row], p->p_y_GeV[row]), ELECTRON_MASS_GeV);
    hist_fill(h, energy_GeV, 0.0, 1.0);
}

static void fill_acceptance(const struct quality_cfg *cfg, struct step *s, struct state *q)
{
    struct positron_view p = positron_view(s->in[IN_POSITRON]);
    for (size_t i = 0; i < p.n; i++) fill_born(cfg, &p, i, q->born);
    if (!s->in[IN_CALO_HIT]) return;
    struct calo_hit_view h = calo_hit_view(s->in[IN_CALO_HIT]);
    for (size_t i = 0; i < h.n; i++) fill_born(cfg, &p, h.positron[i], q->entered);
    if (!s->in[IN_TRUTH]) return;
    struct cluster_truth_view t = cluster_truth_view(s->in[IN_TRUTH]);
    for (size_t i = 0; i < t.n; i++)
        if (t.particle[i] == OF_POSITRON && t.calo_hit[i] < h.n)
            fill_born(cfg, &p, h.positron[t.calo_hit[i]], q->found);
}

static void fill_truth(const struct cluster_view *c, const struct block *block, struct state *q)
{
    struct cluster_truth_view t = cluster_truth_view(block);
    for (size_t i = 0; i < t.n; i++) {
        size_t row    = t.cluster[i];
        double energy = t.true_energy_GeV[i];
        if (t.particle[i] != OF_POSITRON) continue;
        hist_fill(q->n_hits, t.n_hits[i], 0.0, 1.0);
        if (row >= c->n || t.n_hits[i] != 1) continue; /* resolutions are those of single positrons */
        hist_fill(q->dt, energy, t.dt_ns[i], 1.0);
        hist_fill(q->de, energy, c->energy_GeV[row] / energy - 1.0, 1.0);
        hist_fill(q->energy_truth, energy, c->energy_GeV[row], 1.0);
        hist_fill(q->dx, energy, (double)c->x_mm[row] - t.true_x_mm[i], 1.0);
        hist_fill(q->dy, energy, (double)c->y_mm[row] - t.true_y_mm[i], 1.0);
    }
}

static enum err event(struct step *s)
{
    const struct quality_cfg *cfg = s->cfg;
    struct state *q               = s->state;
    struct cluster_view c         = cluster_view(s->in[IN_CLUSTER]);
    for (size_t i = 0; i < c.n; i++) hist_fill(q->cluster_xy, (double)c.x_mm[i], (double)c.y_mm[i], 1.0);
    if (s->in[IN_TRUTH]) fill_truth(&c, s->in[IN_TRUTH], q);
    if (s->in[IN_VERTEX]) fill_beam(cfg, s->in[IN_VERTEX], q);
    if (s->in[IN_POSITRON]) fill_acceptance(cfg, s, q);
    return ERR_OK;
}

static void end(struct step *s) { mem_free(s->state); }

const struct module module_quality = {
    .name   = "Quality",
    .kind   = MODULE_ANALYZER,
    .doc    = "Histograms that tell how good a sample is: stored beam in x, y, momentum and mean radius against time, "
              "decays and losses, acceptance of positrons, and times, energies and positions of clusters against "
              "truth. Tables that a job lacks leave their pictures out.",
    .source = "Muon g-2 (Kinnaird, thesis, Boston 2020) for the quantities; binnings are ours",
    .fields = quality_cfg_fields,
    .cfg_size = sizeof(struct quality_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
