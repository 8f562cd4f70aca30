/* Module RingTracker: the muons of a fill, orbit and spin, to their decay, loss or the end of the record. */
#include "ring_cfg.h"
#include "ring_cfg_fields.h"
#include "ring_map.h"
#include "ring_stages.h"

#include "log.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define TRACKER_CFG(F, S)                                                                                              \
    F(S, f64, record_end_us, 700, 0.1, 100000, "us", "muons that live longer are given up alive at this time after injection") \
    F(S, flag, is_injected, false, 0, 1, "1", "muons come from the inflector, outside the aperture, and pass through Q1 to the kickers; false: they are stored") \
    F(S, f64,  anomaly, 0.00116592089, 0.0011, 0.0013, "1", "of the muon's magnetic moment")                         \
    F(S, f64,  eta, 0, -0.01, 0.01, "1", "of its electric dipole moment d = eta e hbar / (4 m c); 3.9e-6 is 1.8e-19 e cm") \
    F(S, str,  engine, "element", 0, 0, "element|map", "stored beam: element by element, or by maps of the ring where fields allow it (README of sim: Map engine)") \
    F(S, i64,  map_kicks, 12, 4, 32, "1", "maps: thin kicks of the multipoles in a turn, a multiple of 4")           \
    F(S, f64s, monitors_deg, "[]", 0, 359.999, "deg", "azimuths of monitors: turn by turn number, mean and width of x and y as histograms beam/monitor..") \
    F(S, f64,  monitor_end_us, 300, 0.2, 5000, "us", "monitors: last time")                                           \
    F(S, f64,  monitor_bin_ns, 149.1434, 1, 1000, "ns", "monitors: width of a time bin")                             \
    RING_CFG(F, S)                                                                                                     \
    FIELD_CFG(F, S)
/* clang-format on */
CFG_DECLARE(tracker_cfg, TRACKER_CFG)

/* Muons in order of their time to live, so that the lanes of a block end together. */
struct order {
    double life_ns;
    uint32_t muon;
};
struct tracker {
    struct ring_fields fields;
    struct ring_stages stages;
    struct ring_maps *map; /* NULL: element engine */
    double map_ppb;        /* against the element engine */
    struct hist *map_hist;
    struct ring_batch batch, spare;
    struct ring_monitors monitors;
    struct hist *hist[RING_MAX_MONITORS][RING_N_SUMS];
    size_t n_monitors;
    struct order *order;
    size_t capacity;
};

#define BUNCH_NS 1000.0 /* muons start within so much of t = 0 */

/* ---- monitors ---- */

static enum err book_monitors(struct tracker *t, const struct tracker_cfg *cfg, struct hist_set *set)
{
    static const char *const name[RING_N_SUMS]  = {"n", "x", "xx", "y", "yy"};
    static const char *const title[RING_N_SUMS] = {"muons", "sum of x [mm]", "sum of x^2 [mm^2]", "sum of y [mm]",
                                                   "sum of y^2 [mm^2]"};
    const double per_us                         = 1e3 / cfg->monitor_bin_ns;
    t->n_monitors                               = cfg->monitors_deg.n;
    if (t->n_monitors == 0) return ERR_OK;
    size_t n_bins = (size_t)ceil(cfg->monitor_end_us * per_us);
    t->monitors   = (struct ring_monitors){.n_bins = n_bins, .per_bin_ns = 1.0 / cfg->monitor_bin_ns};
    TRY(mem_alloc(&t->monitors.sum, t->n_monitors * RING_N_SUMS * n_bins, sizeof *t->monitors.sum));
    for (size_t k = 0; k < t->n_monitors; k++)
        for (size_t q = 0; q < RING_N_SUMS; q++) {
            char path[64], text[128];
            (void)snprintf(path, sizeof path, "beam/monitor%02zu/%s", k, name[q]);
            (void)snprintf(text, sizeof text, "%s at %g deg", title[q], cfg->monitors_deg.value[k]);
            TRY(hist_book(set, path, text, hist_axis((int64_t)n_bins, 0.0, (double)n_bins / per_us, "time", "us"),
                          HIST_NO_AXIS, q > 0, &t->hist[k][q]));
        }
    return ERR_OK;
}

/* Sums of a fill into the unit's histograms, and cleared. */
static void move_monitors(struct tracker *t)
{
    const size_t n = t->monitors.n_bins;
    for (size_t k = 0; k < t->n_monitors; k++)
        for (size_t q = 0; q < RING_N_SUMS; q++) {
            int64_t *from  = t->monitors.sum + (k * RING_N_SUMS + q) * n;
            struct hist *h = t->hist[k][q];
            for (size_t i = 0; i < n; i++) {
                h->content[i] += from[i];
                if (q == 0) h->n_entries += from[i];
                from[i] = 0;
            }
        }
}

/* ---- module ---- */

static enum err make_setup(const struct tracker_cfg *cfg, struct tracker *t, struct ring_setup *setup)
{
    const struct field_cfg fields = field_cfg_copy(cfg);
    TRY(ring_cfg_setup(cfg, setup));
    setup->anomaly = cfg->anomaly;
    setup->eta     = cfg->eta;
    TRY(ring_fields_make(&fields, cfg->esq_field, cfg->esq_high_voltage_kV, setup, &t->fields));
    REQUIRE(cfg->monitors_deg.n <= RING_MAX_MONITORS, ERR_CONFIG, "monitors_deg: %zu given, at most %d are accepted",
            cfg->monitors_deg.n, RING_MAX_MONITORS);
    setup->n_monitors = cfg->monitors_deg.n;
    for (size_t i = 0; i < setup->n_monitors; i++) setup->monitor_deg[i] = cfg->monitors_deg.value[i];
    return ERR_OK;
}

/* A field that cannot store is refused, with the parameter that makes it. */
static enum err check_optics(const struct step *s, const struct ring_stages *stages)
{
    const struct tracker_cfg *cfg = s->cfg;
    const bool is_custom = strcmp(cfg->esq_field, "custom") == 0, is_nim = strcmp(cfg->esq_field, "nim") == 0;
    const bool has_plates = is_nim && cfg->esq_plates_kV.n > 0;
    const char *name      = has_plates  ? "esq_plates_kV"
                            : is_nim    ? "esq_high_voltage_kV"
                            : is_custom ? "esq_normal_V"
                                        : "n_index";
    struct ring_optics optics;
    enum err rc = ring_optics(&stages->ring[stages->n - 1], 0.0, &optics);
    return rc ? err_context(rc, "%s: %s cannot store muons", s->label, name) : ERR_OK;
}

/* What the map engine was found to be worth goes into the output of each unit. */
static enum err make_map(struct step *s, struct tracker *t)
{
    const struct tracker_cfg *cfg = s->cfg;
    const struct ring *last       = &t->stages.ring[t->stages.n - 1];
    if (strcmp(cfg->engine, "map") != 0) return ERR_OK;
    enum err rc = ring_map_make(last, (int)cfg->map_kicks, &t->map);
    if (!rc) rc = ring_map_check(t->map, last, &t->map_ppb);
    if (rc) return err_context(rc, "%s: engine: map", s->label);
    log_info("%s: map engine within %.3f ppb of the element engine", s->label, t->map_ppb);
    return hist_book(s->hists, "beam/map_ppb", "largest error of the map engine in its check [ppb], a unit each",
                     hist_axis(1, 0.0, 1.0, "", ""), HIST_NO_AXIS, 1, &t->map_hist);
}

static enum err begin_unit(struct step *s)
{
    struct tracker *t = s->state;
    if (t->map_hist) hist_fill(t->map_hist, 0.5, 0.5, t->map_ppb);
    return ERR_OK;
}

static enum err begin(struct step *s)
{
    const struct tracker_cfg *cfg = s->cfg;
    struct tracker *t;
    struct ring_setup setup;
    TRY(mem_alloc(&t, 1, sizeof *t));
    s->state = t;
    TRY(make_setup(cfg, t, &setup));
    TRY(ring_stages_make(&setup, cfg->is_injected, BUNCH_NS, &t->stages));
    TRY(check_optics(s, &t->stages));
    TRY(make_map(s, t));
    return book_monitors(t, cfg, s->hists);
}

static enum err reserve(struct tracker *t, size_t n)
{
    if (n <= t->capacity) return ERR_OK;
    ring_batch_free(&t->batch);
    ring_batch_free(&t->spare);
    mem_free(t->order);
    t->order    = NULL;
    t->capacity = 0;
    TRY(mem_alloc(&t->order, n, sizeof *t->order));
    TRY(ring_batch_create(n, &t->batch));
    TRY(ring_batch_create(n, &t->spare));
    t->capacity = n;
    return ERR_OK;
}

static int by_life(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->life_ns != y->life_ns) return x->life_ns < y->life_ns ? -1 : 1;
    return (x->muon > y->muon) - (x->muon < y->muon);
}

static void gather(struct tracker *t, const struct muon_view *m, double record_end_ns)
{
    for (size_t i = 0; i < m->n; i++)
        t->order[i] = (struct order){fmin(m->t_decay_ns[i], record_end_ns) - m->t_fill_ns[i], (uint32_t)i};
    qsort(t->order, m->n, sizeof *t->order, by_life);
    struct ring_batch *b = &t->batch;
    for (size_t k = 0; k < m->n; k++) {
        size_t i        = t->order[k].muon;
        b->x_mm[k]      = m->x_mm[i];
        b->y_mm[k]      = m->y_mm[i];
        b->phi_rad[k]   = m->phi_rad[i];
        b->p_r_GeV[k]   = m->p_r_GeV[i];
        b->p_phi_GeV[k] = m->p_phi_GeV[i];
        b->p_y_GeV[k]   = m->p_y_GeV[i];
        b->s_r[k]       = m->s_r[i];
        b->s_phi[k]     = m->s_phi[i];
        b->s_y[k]       = m->s_y[i];
        b->t_ns[k]      = m->t_fill_ns[i];
        b->t_end_ns[k]  = fmin(m->t_decay_ns[i], record_end_ns);
    }
    b->n = (m->n + RING_LANES - 1) / RING_LANES * RING_LANES;
    for (size_t k = m->n; k < b->n; k++) ring_batch_reset(b, k);
}

static void scatter(const struct tracker *t, const struct muon_view *m, double record_end_ns, struct vertex_view *v)
{
    const struct ring_batch *b = &t->batch;
    for (size_t k = 0; k < m->n; k++) {
        size_t i        = t->order[k].muon;
        bool is_alive   = b->fate[k] == 1.0 && m->t_decay_ns[i] > record_end_ns;
        v->muon[i]      = (uint32_t)i;
        v->fate[i]      = is_alive ? 0 : (uint8_t)b->fate[k];
        v->t_fill_ns[i] = b->t_ns[k];
        v->x_mm[i]      = b->x_mm[k];
        v->y_mm[i]      = b->y_mm[k];
        v->phi_rad[i]   = b->phi_rad[k];
        v->p_r_GeV[i]   = b->p_r_GeV[k];
        v->p_phi_GeV[i] = b->p_phi_GeV[k];
        v->p_y_GeV[i]   = b->p_y_GeV[k];
        v->s_r[i]       = b->s_r[k];
        v->s_phi[i]     = b->s_phi[k];
        v->s_y[i]       = b->s_y[k];
        v->turns[i]     = b->turns[k];
    }
}

static enum err event(struct step *s)
{
    const struct tracker_cfg *cfg = s->cfg;
    struct tracker *t             = s->state;
    struct muon_view m            = muon_view(s->in[0]);
    const double record_end_ns    = 1e3 * cfg->record_end_us;
    TRY(reserve(t, m.n));
    TRY(block_resize(s->out[0], m.n));
    struct vertex_view v = vertex_view(s->out[0]);
    if (m.n == 0) return ERR_OK;
    gather(t, &m, record_end_ns);
    t->batch.monitors = t->n_monitors > 0 ? &t->monitors : NULL;
    TRY(ring_track_mapped(t->stages.stage, t->stages.n, t->map, &t->batch, &t->spare));
    scatter(t, &m, record_end_ns, &v);
    move_monitors(t);
    return ERR_OK;
}

static void end(struct step *s)
{
    struct tracker *t = s->state;
    if (!t) return;
    ring_batch_free(&t->batch);
    ring_batch_free(&t->spare);
    ring_stages_free(&t->stages);
    ring_fields_free(&t->fields);
    mem_free(t->map);
    mem_free(t->monitors.sum);
    mem_free(t->order);
    mem_free(t);
    s->state = NULL;
}

static const struct port in[]  = {{&table_muon, NULL, false}, {0}};
static const struct port out[] = {{&table_vertex, NULL, false}, {0}};

const struct module module_ring = {
    .name = "RingTracker",
    .kind = MODULE_PRODUCER,
    .doc  = "Tracks each muon's orbit and spin through the ring (dipole and electrostatic quadrupoles with multipoles, "
            "kickers, scraping, collimators) until it decays, is lost, or the record ends. One vertex a muon, in the "
            "same order.",
    .source     = "Thomas-BMT equation; splitting 4A of S. A. Chin, Phys. Lett. A 226 (1997) 344; sim/README.md",
    .fields     = tracker_cfg_fields,
    .cfg_size   = sizeof(struct tracker_cfg),
    .shared     = ring_cfg_shared,
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
