/* Module TruthMatch: which simulated positron made a cluster. */
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define TRUTH_MATCH_CFG(F, S)                                                                                         \
    F(S, f64, window_ns, 5, 0, 1e6, "ns", "hits of the same calorimeter this near in time belong to the cluster (ours)")
/* clang-format on */
CFG_DECLARE(truth_match_cfg, TRUTH_MATCH_CFG)

enum { IN_CLUSTER, IN_CALO_HIT };

static enum err event(struct step *s)
{
    const struct truth_match_cfg *cfg = s->cfg;
    struct cluster_view cluster       = cluster_view(s->in[IN_CLUSTER]);
    struct calo_hit_view hit          = calo_hit_view(s->in[IN_CALO_HIT]);
    size_t n                          = 0;
    TRY(block_resize(s->out[0], cluster.n));
    struct cluster_truth_view out = cluster_truth_view(s->out[0]);
    for (size_t i = 0; i < cluster.n; i++) {
        size_t best = hit.n, n_hits = 0;
        for (size_t k = 0; k < hit.n; k++) {
            if (hit.calo[k] != cluster.calo[i] || fabs(hit.t_fill_ns[k] - cluster.t_fill_ns[i]) > cfg->window_ns)
                continue;
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
    .event    = event,
};
