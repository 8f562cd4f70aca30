/* Module TruthMatch: which simulated positron made a cluster. */
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

enum { IN_CLUSTER, IN_CALO_HIT };

struct state {
    size_t capacity;
    uint32_t *hit;             /* rows of table calo_hit, calorimeter by calorimeter */
    size_t start[N_CALOS + 2]; /* where those of each calorimeter begin */
};

/* Counting sort by calorimeter; others than 1..24 go with 0. */
static enum err sort_hits(struct state *state, const struct calo_hit_view *hit)
{
    size_t next[N_CALOS + 2];
    if (hit->n > state->capacity) {
        mem_free(state->hit);
        state->capacity = 0;
        state->hit      = NULL;
        TRY(mem_alloc(&state->hit, 2 * hit->n, sizeof *state->hit));
        state->capacity = 2 * hit->n;
    }
    memset(state->start, 0, sizeof state->start);
    for (size_t i = 0; i < hit->n; i++) state->start[(hit->calo[i] <= N_CALOS ? hit->calo[i] : 0) + 1]++;
    for (int c = 0; c <= N_CALOS; c++) state->start[c + 1] += state->start[c];
    memcpy(next, state->start, sizeof next);
    for (size_t i = 0; i < hit->n; i++) state->hit[next[hit->calo[i] <= N_CALOS ? hit->calo[i] : 0]++] = (uint32_t)i;
    return ERR_OK;
}

static enum err event(struct step *s)
{
    const struct truth_match_cfg *cfg = s->cfg;
    struct state *state               = s->state;
    struct cluster_view cluster       = cluster_view(s->in[IN_CLUSTER]);
    struct calo_hit_view hit          = calo_hit_view(s->in[IN_CALO_HIT]);
    size_t n                          = 0;
    TRY(sort_hits(state, &hit));
    TRY(block_resize(s->out[0], cluster.n));
    struct cluster_truth_view out = cluster_truth_view(s->out[0]);
    for (size_t i = 0; i < cluster.n; i++) {
        int calo    = cluster.calo[i] <= N_CALOS ? cluster.calo[i] : 0;
        size_t best = hit.n, n_hits = 0;
        for (size_t j = state->start[calo]; j < state->start[calo + 1]; j++) {
            size_t k = state->hit[j];
            if (fabs(hit.t_fill_ns[k] - cluster.t_fill_ns[i]) > cfg->window_ns) continue;
            n_hits++;
            if (best == hit.n || hit.energy_GeV[k] > hit.energy_GeV[best]) best = k;
        }
        if (best == hit.n) continue;
        out.cluster[n]         = (uint32_t)i;
        out.calo_hit[n]        = (uint32_t)best;
        out.n_hits[n]          = (uint8_t)(n_hits < 255 ? n_hits : 255);
        out.dt_ns[n]           = cluster.t_fill_ns[i] - hit.t_fill_ns[best];
        out.true_energy_GeV[n] = hit.energy_GeV[best];
        out.true_x_mm[n]       = hit.x_mm[best];
        out.true_y_mm[n]       = hit.y_mm[best];
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
    mem_free(state);
    s->state = NULL;
}

static const struct port in[] = {
    {&table_cluster, "calo t_fill_ns", false}, {&table_calo_hit, "calo t_fill_ns energy_GeV x_mm y_mm", false}, {0}};
static const struct port out[] = {{&table_cluster_truth, NULL, false}, {0}};

const struct module module_truth_match = {
    .name = "TruthMatch",
    .kind = MODULE_PRODUCER,
    .doc  = "For each cluster the most energetic simulated positron of the same calorimeter near it in time. A cluster "
            "without one gives no row.",
    .source   = "ours",
    .fields   = truth_match_cfg_fields,
    .cfg_size = sizeof(struct truth_match_cfg),
    .in       = in,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
