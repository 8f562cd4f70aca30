/* Module TruthMatch: which simulated positron or lost muon made a cluster. */
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define TRUTH_MATCH_CFG(F, S)                                                                                         \
    F(S, f64, window_ns, 5, 0, 1e6, "ns", "hits of the same calorimeter this near in time belong to the cluster (ours)")
/* clang-format on */
CFG_DECLARE(truth_match_cfg, TRUTH_MATCH_CFG)

enum { IN_CLUSTER, IN_CALO_HIT, IN_MIP_HIT };
enum { OF_POSITRON, OF_MUON };

struct hit {
    double t_ns, energy_GeV, x_mm, y_mm;
    uint32_t row;
    uint8_t particle, calo;
};

struct state {
    size_t n, capacity;
    struct hit *hit;           /* positrons, then muons */
    uint32_t *order;           /* rows of hit, calorimeter by calorimeter */
    size_t start[N_CALOS + 2]; /* where those of each calorimeter begin */
};

static enum err reserve(struct state *state, size_t n)
{
    if (n <= state->capacity) return ERR_OK;
    mem_free(state->hit);
    mem_free(state->order);
    state->capacity = 0;
    state->hit      = NULL;
    state->order    = NULL;
    TRY(mem_alloc(&state->hit, 2 * n, sizeof *state->hit));
    TRY(mem_alloc(&state->order, 2 * n, sizeof *state->order));
    state->capacity = 2 * n;
    return ERR_OK;
}

static void load_positrons(struct state *state, const struct calo_hit_view *in)
{
    for (size_t i = 0; i < in->n; i++)
        state->hit[state->n++] = (struct hit){in->t_fill_ns[i], in->energy_GeV[i], in->x_mm[i], in->y_mm[i],
                                              (uint32_t)i,      OF_POSITRON,       in->calo[i]};
}

static void load_muons(struct state *state, const struct mip_hit_view *in)
{
    for (size_t i = 0; i < in->n; i++)
        state->hit[state->n++] = (struct hit){in->t_fill_ns[i], in->energy_GeV[i], in->x_mm[i], in->y_mm[i],
                                              (uint32_t)i,      OF_MUON,           in->calo[i]};
}

static int place_of(const struct hit *h) { return h->calo <= N_CALOS ? h->calo : 0; }

/* Counting sort by calorimeter; others than 1..24 go with 0. */
static void sort_hits(struct state *state)
{
    size_t next[N_CALOS + 2];
    memset(state->start, 0, sizeof state->start);
    for (size_t i = 0; i < state->n; i++) state->start[place_of(&state->hit[i]) + 1]++;
    for (int c = 0; c <= N_CALOS; c++) state->start[c + 1] += state->start[c];
    memcpy(next, state->start, sizeof next);
    for (size_t i = 0; i < state->n; i++) state->order[next[place_of(&state->hit[i])]++] = (uint32_t)i;
}

static enum err load_hits(struct step *s)
{
    struct state *state = s->state;
    size_t n_muons      = s->in[IN_MIP_HIT] ? s->in[IN_MIP_HIT]->n : 0;
    TRY(reserve(state, s->in[IN_CALO_HIT]->n + n_muons));
    struct calo_hit_view positron = calo_hit_view(s->in[IN_CALO_HIT]);
    state->n                      = 0;
    load_positrons(state, &positron);
    if (n_muons > 0) {
        struct mip_hit_view muon = mip_hit_view(s->in[IN_MIP_HIT]);
        load_muons(state, &muon);
    }
    sort_hits(state);
    return ERR_OK;
}

/* The hit of most energy within the window, NULL if there is none. */
static const struct hit *largest(const struct state *state, int calo, double t_ns, double window_ns, size_t *n_hits)
{
    const struct hit *best = NULL;
    *n_hits                = 0;
    for (size_t j = state->start[calo]; j < state->start[calo + 1]; j++) {
        const struct hit *h = &state->hit[state->order[j]];
        if (fabs(h->t_ns - t_ns) > window_ns) continue;
        (*n_hits)++;
        if (!best || h->energy_GeV > best->energy_GeV) best = h;
    }
    return best;
}

static enum err event(struct step *s)
{
    const struct truth_match_cfg *cfg = s->cfg;
    const struct state *state         = s->state;
    struct cluster_view cluster       = cluster_view(s->in[IN_CLUSTER]);
    size_t n                          = 0;
    TRY(load_hits(s));
    TRY(block_resize(s->out[0], cluster.n));
    struct cluster_truth_view out = cluster_truth_view(s->out[0]);
    for (size_t i = 0; i < cluster.n; i++) {
        int calo = cluster.calo[i] <= N_CALOS ? cluster.calo[i] : 0;
        size_t n_hits;
        const struct hit *best = largest(state, calo, cluster.t_fill_ns[i], cfg->window_ns, &n_hits);
        if (!best) continue;
        out.cluster[n]         = (uint32_t)i;
        out.particle[n]        = best->particle;
        out.calo_hit[n]        = best->row;
        out.n_hits[n]          = (uint8_t)(n_hits < 255 ? n_hits : 255);
        out.dt_ns[n]           = cluster.t_fill_ns[i] - best->t_ns;
        out.true_energy_GeV[n] = best->energy_GeV;
        out.true_x_mm[n]       = best->x_mm;
        out.true_y_mm[n]       = best->y_mm;
        n++;
    }
    return block_resize(s->out[0], n);
}

static enum err begin(struct step *s) { return mem_alloc(&s->state, 1, sizeof(struct state)); }

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    mem_free(state->hit);
    mem_free(state->order);
    mem_free(state);
    s->state = NULL;
}

static const struct port in[]  = {[IN_CLUSTER]  = {&table_cluster, "calo t_fill_ns", false},
                                  [IN_CALO_HIT] = {&table_calo_hit, "calo t_fill_ns energy_GeV x_mm y_mm", false},
                                  [IN_MIP_HIT]  = {&table_mip_hit, "calo t_fill_ns energy_GeV x_mm y_mm", true},
                                  {0}};
static const struct port out[] = {{&table_cluster_truth, NULL, false}, {0}};

const struct module module_truth_match = {
    .name = "TruthMatch",
    .kind = MODULE_PRODUCER,
    .doc  = "For each cluster the most energetic simulated positron, or lost muon, of the same calorimeter near it in "
            "time. A cluster without one gives no row.",
    .source   = "ours",
    .fields   = truth_match_cfg_fields,
    .cfg_size = sizeof(struct truth_match_cfg),
    .in       = in,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
