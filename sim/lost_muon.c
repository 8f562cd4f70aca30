/* Module LostMuon: from muons that touched a collimator or a plate to those that cross calorimeters. */
#include "lost_muon_track.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

/* clang-format off */
#define LOST_MUON_CFG(F, S)                                                                                   \
    F(S, f64s, collimators_deg, "[241.0, 301.0]", 0, 359.999, "deg", "azimuths of the collimators that are in, as in RingTracker (Run-1: two)") \
    F(S, f64,  aperture_mm,    45,     1,    60,   "mm",  "inner radius of the collimators, as in RingTracker")    \
    F(S, f64,  collimator_mm,  15,     0.1,  100,  "mm",  "length of a collimator along the beam, copper")         \
    F(S, f64,  collimator_width_mm, 5, 0.1,  100,  "mm",  "its radial width; tracks beyond pass it by")            \
    F(S, f64,  plate_mm,       0.5,    0.01, 10,   "mm",  "thickness of the ESQ plates, aluminium")                \
    F(S, f64,  n_index,        0.1077, 0,    0.4,  "1",   "field index of the ESQs, linear, between the plates; 0: no electric field") \
    F(S, f64,  mip_GeV,        0.170,  0,    1,    "GeV", "mean light of a muon along 140 mm of crystal")          \
    F(S, f64,  min_path_mm,    5,      0.1,  140,  "mm",  "shorter paths in the crystals are passed over (ours)")  \
    F(S, f64,  max_turns,      5,      0.1,  100,  "1",   "muons are given up after so many turns (ours)")         \
    F(S, f64,  min_p_GeV,      0.2,    0.05, 3,    "GeV", "slower muons count as stopped (ours)")                  \
    F(S, f64,  from_us,        0,      -1000, 700, "us",  "muons lost earlier are not followed: their splash would cover the detectors") \
    F(S, f64s, field_x_mm, "[-150, -190, -240, -300, -390, -520]", -1000, 0, "mm", "radii minus R0 of the field table, as in PositronTracker") \
    F(S, f64s, field_by,   "[1, 0.951, 0.815, 0.620, 0.313, 0.10]", 0, 2, "1", "vertical field there over B0, as in PositronTracker")
/* clang-format on */
CFG_DECLARE(lost_muon_cfg, LOST_MUON_CFG)

enum { AT_COLLIMATOR = 2, AT_PLATES = 3 }; /* vertex.fate */
enum { MAX_COUNTED = 12 };

struct state {
    struct lost_muon_setup setup;
    struct lost_muon_work work;
    struct lost_muon *muon;
    size_t capacity;
    struct hist *end, *calos;
};

static enum err book(struct step *s, struct state *st)
{
    struct hist_axis end = hist_axis(N_LOST_MUON_ENDS, -0.5, N_LOST_MUON_ENDS - 0.5,
                                     "inner, height, outer, curled, stopped, still there", "1");
    struct hist_axis n   = hist_axis(MAX_COUNTED + 1, -0.5, MAX_COUNTED + 0.5, "calorimeters crossed", "1");
    struct hist_axis at  = hist_axis(2, 1.5, 3.5, "2 collimator, 3 plates or vacuum", "1");
    TRY(hist_book(s->hists, "lost_muon/end", "How lost muons end", end, at, 0, &st->end));
    return hist_book(s->hists, "lost_muon/calos", "Calorimeters crossed by a lost muon", n, at, 0, &st->calos);
}

static enum err begin(struct step *s)
{
    const struct lost_muon_cfg *cfg = s->cfg;
    struct state *st;
    struct positron_setup field;
    struct lost_muon_par par = {.n_collimators       = cfg->collimators_deg.n,
                                .aperture_mm         = cfg->aperture_mm,
                                .collimator_mm       = cfg->collimator_mm,
                                .collimator_width_mm = cfg->collimator_width_mm,
                                .plate_mm            = cfg->plate_mm,
                                .n_index             = cfg->n_index,
                                .mip_GeV             = cfg->mip_GeV,
                                .min_path_mm         = cfg->min_path_mm,
                                .max_turns           = cfg->max_turns,
                                .min_p_GeV           = cfg->min_p_GeV};
    for (size_t i = 0; i < par.n_collimators && i < LOST_MUON_MAX_COLLIMATORS; i++)
        par.collimator_deg[i] = cfg->collimators_deg.value[i];
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    TRY(positron_setup_read(s->label, &cfg->field_x_mm, &cfg->field_by, &field));
    TRY(lost_muon_setup_make(&field, &par, &st->setup));
    return s->hists ? book(s, st) : ERR_OK;
}

static enum err load(const struct lost_muon_cfg *cfg, struct state *st, const struct vertex_view *v, size_t *n)
{
    if (v->n > st->capacity) {
        mem_free(st->muon);
        st->muon     = NULL;
        st->capacity = 0;
        TRY(mem_alloc(&st->muon, v->n, sizeof *st->muon));
        st->capacity = v->n;
    }
    *n = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->fate[i] != AT_COLLIMATOR && v->fate[i] != AT_PLATES) continue;
        if (v->t_fill_ns[i] < 1e3 * cfg->from_us) continue;
        st->muon[(*n)++] = (struct lost_muon){.t_ns             = v->t_fill_ns[i],
                                              .x_mm             = v->x_mm[i],
                                              .y_mm             = v->y_mm[i],
                                              .phi_rad          = v->phi_rad[i],
                                              .p_GeV            = {v->p_r_GeV[i], v->p_phi_GeV[i], v->p_y_GeV[i]},
                                              .particle         = v->muon[i],
                                              .vertex           = (uint32_t)i,
                                              .is_at_collimator = v->fate[i] == AT_COLLIMATOR};
    }
    return ERR_OK;
}

static void write_hits(const struct lost_muon_work *w, const struct mip_hit_view *out)
{
    for (size_t i = 0; i < w->n_hits; i++) {
        const struct lost_muon_hit *h = &w->hit[i];
        out->vertex[i]                = h->vertex;
        out->calo[i]                  = h->calo;
        out->n_before[i]              = h->n_before;
        out->t_fill_ns[i]             = h->t_ns;
        out->x_mm[i]                  = h->x_mm;
        out->y_mm[i]                  = h->y_mm;
        out->dxdz[i]                  = h->dxdz;
        out->dydz[i]                  = h->dydz;
        out->p_GeV[i]                 = h->p_GeV;
        out->path_mm[i]               = h->path_mm;
        out->energy_GeV[i]            = h->energy_GeV;
    }
}

static enum err event(struct step *s)
{
    struct state *st            = s->state;
    const struct vertex_view in = vertex_view(s->in[0]);
    size_t n;
    TRY(load(s->cfg, st, &in, &n));
    TRY(lost_muon_track(&st->setup, s->rng, st->muon, n, &st->work));
    TRY(block_resize(s->out[0], st->work.n_hits));
    const struct mip_hit_view out = mip_hit_view(s->out[0]);
    write_hits(&st->work, &out);
    for (size_t i = 0; i < n && st->end; i++) {
        double at = st->muon[i].is_at_collimator ? AT_COLLIMATOR : AT_PLATES;
        hist_fill(st->end, (double)st->muon[i].end, at, 1.0);
        hist_fill(st->calos, st->muon[i].n_calos < MAX_COUNTED ? st->muon[i].n_calos : MAX_COUNTED, at, 1.0);
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    lost_muon_work_free(&st->work);
    mem_free(st->muon);
    mem_free(st);
    s->state = NULL;
}

static const struct port in_ports[]  = {{&table_vertex, NULL, false}, {0}};
static const struct port out_ports[] = {{&table_mip_hit, NULL, false}, {0}};

const struct module module_lost_muon = {
    .name = "LostMuon",
    .kind = MODULE_PRODUCER,
    .doc  = "Follows each muon that touched a collimator or an ESQ plate, or left the vacuum there: energy loss and "
            "scattering in what it hit, then through the ring, its collimators and plates, and inward through "
            "calorimeter after calorimeter, in each of which it leaves the light of a minimum ionising track. "
            "Give it on a path before CaloShower.",
    .source =
        "Particle Data Group, review 34 (2022); field and limits as PositronTracker; sim/README.md, section Lost muons",
    .fields   = lost_muon_cfg_fields,
    .cfg_size = sizeof(struct lost_muon_cfg),
    .in       = in_ports,
    .out      = out_ports,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
