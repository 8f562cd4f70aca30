/* Module MipTriples: muons that cross three calorimeters, kept one by one. Test: tests/t_mip_triples.c */
#include "cluster_seed.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>

/* clang-format off */
#define MIP_TRIPLES_CFG(F, S)                                                                                  \
    F(S, f64, low_GeV,      0.08, 0,  4,   "GeV", "clusters above this energy (wider than the analysis: scales are not known yet)") \
    F(S, f64, high_GeV,     0.35, 0,  4,   "GeV", "and below this one")                                        \
    F(S, i64, max_crystals, 3,    1,  54,  "1",   "clusters of at most so many crystals")                      \
    F(S, f64, min_fraction, 0.8,  0,  1,   "1",   "share of its largest crystal in a cluster, at least")       \
    F(S, f64, flight_ns,    6.15, 1,  20,  "ns",  "flight time from one calorimeter to the next")              \
    F(S, f64, window_ns,    4,    0.1, 6,  "ns",  "times may differ from it by this much: the largest difference of two offsets (ours)") \
    F(S, f64, from_us,      20,   0,  700, "us",  "later times only")                                         \
    F(S, f64, energy_scale_MeV_per_adc, 1.6, 0.01, 100, "MeV/adc", "as in PulseFit: heights are energies over it")
/* clang-format on */
CFG_DECLARE(mip_triples_cfg, MIP_TRIPLES_CFG)

enum { IN_CLUSTER, IN_PULSE, TRIPLE = 3 };
enum { FIT_STATUS = 1 | 2 | 4 | 8 | 32 }; /* bits of a pulse that was fitted badly, or of a bad channel */

struct mip {
    double t_ns, amplitude_adc;
    uint8_t calo, crystal, n_crystals;
};

struct state {
    struct cluster_seed seeds;
    uint32_t *seed;
    struct mip *mip; /* by calorimeter and time */
    size_t capacity, start[N_CALOS + 2];
};

static enum err begin(struct step *s)
{
    const struct mip_triples_cfg *c = s->cfg;
    struct state *st;
    REQUIRE(c->low_GeV < c->high_GeV, ERR_CONFIG, "%s: low_GeV %g must be below high_GeV %g", s->label, c->low_GeV,
            c->high_GeV);
    REQUIRE(c->window_ns < c->flight_ns, ERR_CONFIG, "%s: window_ns %g must be below flight_ns %g", s->label,
            c->window_ns, c->flight_ns);
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    return ERR_OK;
}

static enum err reserve(struct state *st, size_t n)
{
    if (n <= st->capacity) return ERR_OK;
    mem_free(st->mip);
    mem_free(st->seed);
    st->mip      = NULL;
    st->seed     = NULL;
    st->capacity = 0;
    TRY(mem_alloc(&st->mip, 2 * n, sizeof *st->mip));
    TRY(mem_alloc(&st->seed, 2 * n, sizeof *st->seed));
    st->capacity = 2 * n;
    return ERR_OK;
}

static int by_calo_and_time(const void *a, const void *b)
{
    const struct mip *p = a, *q = b;
    if (p->calo != q->calo) return p->calo < q->calo ? -1 : 1;
    return (p->t_ns > q->t_ns) - (p->t_ns < q->t_ns);
}

static bool is_mip(const struct mip_triples_cfg *c, const struct cluster_view *in, size_t i)
{
    return in->calo[i] >= 1 && in->calo[i] <= N_CALOS && in->n_crystals[i] <= c->max_crystals &&
           (in->status[i] & FIT_STATUS) == 0 && in->energy_GeV[i] > c->low_GeV && in->energy_GeV[i] < c->high_GeV &&
           (double)in->max_fraction[i] >= c->min_fraction && in->t_fill_ns[i] >= 1e3 * c->from_us;
}

static enum err load(struct step *s, struct state *st)
{
    const struct cluster_view in    = cluster_view(s->in[IN_CLUSTER]);
    const struct pulse_view pulse   = pulse_view(s->in[IN_PULSE]);
    const struct mip_triples_cfg *c = s->cfg;
    const double GeV_per_adc        = 1e-3 * c->energy_scale_MeV_per_adc;
    size_t n                        = 0;
    TRY(reserve(st, in.n));
    TRY(cluster_seed_find(&st->seeds, &pulse, &in, st->seed));
    for (size_t i = 0; i < in.n; i++) {
        uint32_t row = st->seed[i];
        if (!is_mip(c, &in, i) || row == CLUSTER_NO_SEED || pulse.crystal[row] >= N_CRYSTALS) continue;
        st->mip[n++] = (struct mip){in.t_fill_ns[i], pulse.energy_GeV[row] / GeV_per_adc, in.calo[i],
                                    pulse.crystal[row], in.n_crystals[i]};
    }
    if (n > 0) qsort(st->mip, n, sizeof *st->mip, by_calo_and_time);
    for (size_t calo = 0, i = 0; calo <= N_CALOS + 1; calo++) {
        while (i < n && st->mip[i].calo < calo) i++;
        st->start[calo] = i;
    }
    return ERR_OK;
}

static enum err append(struct block *out, const struct mip *const m[TRIPLE])
{
    size_t row = out->n;
    TRY(block_resize(out, row + 1));
    struct mip_triple_view v = mip_triple_view(out);
    v.t_fill_ns[row]         = m[0]->t_ns;
    v.calo[row]              = m[0]->calo;
    v.crystal1[row]          = m[0]->crystal;
    v.crystal2[row]          = m[1]->crystal;
    v.crystal3[row]          = m[2]->crystal;
    v.n_crystals1[row]       = m[0]->n_crystals;
    v.n_crystals2[row]       = m[1]->n_crystals;
    v.n_crystals3[row]       = m[2]->n_crystals;
    v.dt12_ns[row]           = m[1]->t_ns - m[0]->t_ns;
    v.dt23_ns[row]           = m[2]->t_ns - m[1]->t_ns;
    v.amplitude1_adc[row]    = m[0]->amplitude_adc;
    v.amplitude2_adc[row]    = m[1]->amplitude_adc;
    v.amplitude3_adc[row]    = m[2]->amplitude_adc;
    return ERR_OK;
}

static const struct mip *next_calo(const struct state *st, const struct mip *m, size_t *n)
{
    int calo = m->calo % N_CALOS + 1;
    *n       = st->start[calo + 1] - st->start[calo];
    return st->mip + st->start[calo];
}

static bool follows(const struct mip_triples_cfg *c, const struct mip *m, const struct mip *next)
{
    return fabs(next->t_ns - m->t_ns - c->flight_ns) <= c->window_ns;
}

static enum err triples_of(const struct mip_triples_cfg *c, const struct state *st, const struct mip *first,
                           struct block *out)
{
    size_t n_second, n_third;
    const struct mip *second = next_calo(st, first, &n_second);
    for (size_t i = 0; i < n_second; i++) {
        if (!follows(c, first, &second[i])) continue;
        const struct mip *third = next_calo(st, &second[i], &n_third);
        for (size_t k = 0; k < n_third; k++)
            if (follows(c, &second[i], &third[k]))
                TRY(append(out, (const struct mip *const[TRIPLE]){first, &second[i], &third[k]}));
    }
    return ERR_OK;
}

static enum err event(struct step *s)
{
    struct state *st = s->state;
    TRY(load(s, st));
    for (const struct mip *first = st->mip; first < st->mip + st->start[N_CALOS + 1]; first++)
        TRY(triples_of(s->cfg, st, first, s->out[0]));
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    cluster_seed_free(&st->seeds);
    mem_free(st->mip);
    mem_free(st->seed);
    mem_free(st);
    s->state = NULL;
}

static const struct port in[]  = {{&table_cluster, "calo t_fill_ns energy_GeV n_crystals max_fraction status", false},
                                  {&table_pulse, "calo crystal t_fill_ns energy_GeV", false},
                                  {0}};
static const struct port out[] = {{&table_mip_triple, NULL, false}, {0}};

static const char *const shared[] = {"energy_scale_MeV_per_adc", NULL};

const struct module module_mip_triples = {
    .name   = "MipTriples",
    .kind   = MODULE_PRODUCER,
    .doc    = "Keeps lost muons, seen as minimum ionising clusters of three consecutive calorimeters, one by one with "
              "crystals, times of flight and energies: windows are wide, as neither time offsets nor energy scales are "
              "known yet. gm2 calib aligns calorimeters in time and equalises crystals with them.",
    .source = "physics 5.8 (triple coincidences); windows are ours",
    .fields = mip_triples_cfg_fields,
    .cfg_size = sizeof(struct mip_triples_cfg),
    .shared   = shared,
    .in       = in,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
