/* Module Cluster: pulses of one calorimeter close in time become a positron candidate. */
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>

/* clang-format off */
#define CLUSTER_CFG(F, S)                                                                                             \
    F(S, f64, partition_ns, 2.5,  0.1, 100, "ns",  "pulses this near to the largest one belong to its cluster")       \
    F(S, f64, n_sigma,      4,    0,   20,  "1",   "the window is wider by so many standard errors of both times (ours)") \
    F(S, f64, W0,           4.0,  0.1, 20,  "1",   "position weights are max(0, W0 + ln(E_i / E)) (ours)")            \
    F(S, f64, energy_scale, 1.032,    0.1, 10,  "1",   "absolute scale: energy of a positron over its light in the crystals, what leaks behind and beside the array (ours)") \
    F(S, f64, min_energy_GeV, 0.05, 0, 10,  "GeV", "clusters below are dropped (ours)") \
    F(S, i64, laser_crystals, 40,   2,   55, "1",   "clusters of so many crystals are laser pulses and dropped; 55: none (ours)")
/* clang-format on */
CFG_DECLARE(cluster_cfg, CLUSTER_CFG)

enum { IN_PULSE };
static const double max_sigma_ns = 0.5; /* small pulses: 1 sample at 9 counts has 0.35 ns */

/* Work space, one entry a pulse of the fill. */
struct state {
    size_t capacity;
    struct hit {
        double t_ns, sig_t_ns, energy_GeV;
        uint32_t row;  /* in table pulse */
        uint32_t seed; /* the hit it is joined to; NO_SEED: none yet */
        uint8_t calo;
    } * hit; /* by calorimeter, then time */
    struct rank {
        double energy_GeV;
        uint32_t hit;
    } * rank; /* the hits of one calorimeter, largest energy first */
};
#define NO_SEED UINT32_MAX

static int by_calo_and_time(const void *a, const void *b)
{
    const struct hit *p = a, *q = b;
    if (p->calo != q->calo) return p->calo < q->calo ? -1 : 1;
    if (p->t_ns < q->t_ns || p->t_ns > q->t_ns) return p->t_ns < q->t_ns ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

static enum err load_hits(struct state *state, const struct pulse_view *pulse)
{
    if (pulse->n > state->capacity) {
        mem_free(state->hit);
        mem_free(state->rank);
        state->capacity = 0;
        state->hit      = NULL;
        state->rank     = NULL;
        TRY(mem_alloc(&state->hit, 2 * pulse->n, sizeof *state->hit));
        TRY(mem_alloc(&state->rank, 2 * pulse->n, sizeof *state->rank));
        state->capacity = 2 * pulse->n;
    }
    for (size_t i = 0; i < pulse->n; i++)
        state->hit[i] = (struct hit){.t_ns       = pulse->t_fill_ns[i],
                                     .sig_t_ns   = (double)pulse->sig_t_ns[i],
                                     .energy_GeV = pulse->energy_GeV[i],
                                     .row        = (uint32_t)i,
                                     .seed       = NO_SEED,
                                     .calo       = pulse->calo[i]};
    if (pulse->n) qsort(state->hit, pulse->n, sizeof *state->hit, by_calo_and_time);
    return ERR_OK;
}

static int by_energy(const void *a, const void *b)
{
    const struct rank *p = a, *q = b;
    if (p->energy_GeV > q->energy_GeV || p->energy_GeV < q->energy_GeV) return p->energy_GeV > q->energy_GeV ? -1 : 1;
    return p->hit < q->hit ? -1 : p->hit > q->hit;
}

/* A hit's standard error, as far as it is used; a fit that failed has none. */
static double sigma_of(const struct hit *h)
{
    return h->sig_t_ns > 0.0 && h->sig_t_ns < max_sigma_ns ? h->sig_t_ns : max_sigma_ns;
}

/* Joins hit k to the seed if it is in reach and no other seed is nearer; false when it lies beyond any reach. */
static bool claim(const struct cluster_cfg *cfg, struct hit *hit, uint32_t seed, uint32_t k)
{
    double distance = fabs(hit[k].t_ns - hit[seed].t_ns);
    if (distance > cfg->partition_ns + cfg->n_sigma * 2.0 * max_sigma_ns) return false;
    if (distance > cfg->partition_ns + cfg->n_sigma * hypot(sigma_of(&hit[k]), sigma_of(&hit[seed]))) return true;
    if (hit[k].seed == k) return true;
    if (hit[k].seed == NO_SEED || distance < fabs(hit[k].t_ns - hit[hit[k].seed].t_ns)) hit[k].seed = seed;
    return true;
}

/* Partition of the hits [begin, end) of one calorimeter: the largest free hit becomes a seed, until none is free. */
static void find_seeds(const struct cluster_cfg *cfg, struct state *state, uint32_t begin, uint32_t end)
{
    struct hit *hit = state->hit;
    for (uint32_t i = begin; i < end; i++) state->rank[i - begin] = (struct rank){hit[i].energy_GeV, i};
    qsort(state->rank, end - begin, sizeof *state->rank, by_energy);
    for (uint32_t r = 0; r < end - begin; r++) {
        uint32_t seed = state->rank[r].hit;
        if (hit[seed].seed != NO_SEED) continue;
        hit[seed].seed = seed;
        for (uint32_t k = seed; k > begin && claim(cfg, hit, seed, k - 1);) k--;
        for (uint32_t k = seed + 1; k < end && claim(cfg, hit, seed, k);) k++;
    }
}

/* Energies of a cluster's crystals, and what else is taken from its pulses. */
struct sum {
    double crystal_GeV[N_CRYSTALS], energy_GeV;
    unsigned status;
};

static void add_hit(const struct pulse_view *pulse, const struct hit *h, struct sum *sum)
{
    if (pulse->crystal[h->row] < N_CRYSTALS) sum->crystal_GeV[pulse->crystal[h->row]] += h->energy_GeV;
    sum->energy_GeV += h->energy_GeV + (double)pulse->faint_energy_GeV[h->row];
    sum->status |= pulse->status[h->row];
}

/* Hits are in order of time, so a seed's members lie around it. */
static void add_members(const struct cluster_cfg *cfg, const struct pulse_view *pulse, const struct hit *hit,
                        uint32_t begin, uint32_t end, uint32_t seed, struct sum *sum)
{
    double reach   = cfg->partition_ns + cfg->n_sigma * 2.0 * max_sigma_ns;
    uint32_t first = seed, last = seed + 1;
    while (first > begin && hit[seed].t_ns - hit[first - 1].t_ns <= reach) first--;
    while (last < end && hit[last].t_ns - hit[seed].t_ns <= reach) last++;
    for (uint32_t k = first; k < last; k++)
        if (hit[k].seed == seed) add_hit(pulse, &hit[k], sum);
}

/* False for a laser pulse, which lights all crystals. */
static bool write_cluster(const struct cluster_cfg *cfg, const struct pulse_view *pulse, const struct hit *seed,
                          const struct sum *sum, struct cluster_view *out, size_t row)
{
    double x = 0.0, y = 0.0, weights = 0.0, largest = 0.0;
    int n = 0;
    for (int i = 0; i < N_CRYSTALS; i++) {
        if (!(sum->crystal_GeV[i] > 0.0)) continue;
        double w = fmax(0.0, cfg->W0 + log(sum->crystal_GeV[i] / sum->energy_GeV));
        x += w * geometry_crystal_x_mm(i);
        y += w * geometry_crystal_y_mm(i);
        weights += w;
        largest = fmax(largest, sum->crystal_GeV[i]);
        n++;
    }
    if (n >= cfg->laser_crystals) return false;
    out->calo[row]         = seed->calo;
    out->t_fill_ns[row]    = seed->t_ns;
    out->energy_GeV[row]   = cfg->energy_scale * sum->energy_GeV;
    out->x_mm[row]         = (float)(weights > 0.0 ? x / weights : 0.0);
    out->y_mm[row]         = (float)(weights > 0.0 ? y / weights : 0.0);
    out->n_crystals[row]   = (uint8_t)n;
    out->max_fraction[row] = (float)(largest / sum->energy_GeV);
    out->chi2_ndf[row]     = pulse->chi2_ndf[seed->row];
    out->status[row]       = (uint8_t)sum->status;
    return true;
}

static enum err event(struct step *s)
{
    const struct cluster_cfg *cfg = s->cfg;
    struct state *state           = s->state;
    struct pulse_view pulse       = pulse_view(s->in[IN_PULSE]);
    size_t n                      = 0;
    TRY(load_hits(state, &pulse));
    TRY(block_resize(s->out[0], pulse.n)); /* at most one a pulse */
    struct cluster_view out = cluster_view(s->out[0]);
    struct hit *hit         = state->hit;
    for (uint32_t begin = 0, end; begin < pulse.n; begin = end) {
        for (end = begin + 1; end < pulse.n && hit[end].calo == hit[begin].calo;) end++;
        find_seeds(cfg, state, begin, end);
        for (uint32_t seed = begin; seed < end; seed++) {
            if (hit[seed].seed != seed) continue;
            struct sum sum = {.energy_GeV = 0.0};
            add_members(cfg, &pulse, hit, begin, end, seed, &sum);
            if (!(sum.energy_GeV > 0.0 && cfg->energy_scale * sum.energy_GeV >= cfg->min_energy_GeV)) continue;
            n += write_cluster(cfg, &pulse, &hit[seed], &sum, &out, n);
        }
    }
    return block_resize(s->out[0], n);
}

static enum err begin(struct step *s) { return mem_alloc(&s->state, 1, sizeof(struct state)); }

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    mem_free(state->hit);
    mem_free(state->rank);
    mem_free(state);
    s->state = NULL;
}

static const struct port in[] = {
    {&table_pulse, "calo crystal t_fill_ns energy_GeV faint_energy_GeV chi2_ndf sig_t_ns status", false},
    {&table_fill, NULL, false},
    {0}};
static const struct port out[] = {{&table_cluster, NULL, false}, {0}};

const struct module module_cluster = {
    .name = "Cluster",
    .kind = MODULE_PRODUCER,
    .doc  = "Partitions the pulses of each calorimeter in time around the largest ones; energy is their sum "
            "and the light below threshold, times an absolute scale; time that of the largest, position log-weighted "
            "over crystals. No spatial separation.",
    .source =
        "time partition and log weights as in the experiment's 'West' reconstruction; Awes et al., NIM A 311 (1992) "
        "130 for the weights",
    .fields   = cluster_cfg_fields,
    .cfg_size = sizeof(struct cluster_cfg),
    .in       = in,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
