/* Module PulseFit: pulses of every crystal trace of the fill's islands. */
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "polarity.h"
#include "pulse_fitter.h"
#include "pulse_shape.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define PULSE_FIT_CFG(F, S)                                                                                           \
    F(S, str, shape,            "beam",     0,    0,    "beam|laser",        "template: particles or laser")          \
    F(S, str, polarity,         "odb",      0,    0,    "odb|positive|negative", "direction of pulses in ADC counts; odb: as the run's settings say, positive without them") \
    F(S, f64, noise_adc,        1.5,        0.01, 100,  "adc",  "rms noise of a sample, without quantisation")        \
    F(S, f64, energy_scale_MeV_per_adc, 1.6, 0.01, 100, "MeV/adc", "energy of a pulse of peak height 1 (reference scenario)") \
    F(S, f64, fit_threshold_adc, 9,         1,    4096, "adc",  "least height of a pulse above the baseline (ours: 6 sigma)") \
    F(S, f64, residual_fraction, 0.01,      0,    1,    "1",    "a further pulse must be above this share of the largest: guards against an imperfect template (ours)") \
    F(S, f64, min_dchi2,        30,         0,    1e6,  "1",    "fall of chi-square that a further pulse must bring (ours)") \
    F(S, i64, max_pulses,       8,          1,    16,   "1",    "pulses fitted together in a trace at most")          \
    F(S, f64, faint_seed_adc,  30,          0,    1e6,  "adc",  "crystals without a pulse are looked at, at the times of pulses above this height (ours)") \
    F(S, f64, faint_apart_ns,   2.5,        0.7,  100,  "ns",   "pulses nearer to a larger one are of the same shower (the partition of the clusters)") \
    F(S, f64, first_time_ns,   -1000,      -1e6,  1e6,  "ns",   "islands that end before this time from injection are left out (laser sync pulse)")
/* clang-format on */
CFG_DECLARE(pulse_fit_cfg, PULSE_FIT_CFG)

enum { IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_FILL, IN_ODB };

enum {
    N_EARLIER = 8,   /* pulses of a crystal remembered for their tails */
    MAX_PIECE = 384, /* samples: longer traces are fitted in pieces */
    QUIET     = 16   /* samples looked at for a place to cut */
};

/* The island's traces without a pulse, added sample by sample. */
struct faint {
    size_t n_traces;
    float sum[MAX_PIECE];
};

struct state {
    struct pulse_fitter *fitter;
    struct faint faint;
    struct pulse_fitter_result result;
    bool is_polarity_known;        /* for this unit */
    int polarity[POLARITY_CRATES]; /* by calorimeter */
    struct earlier {
        int n, next;
        struct pulse_fitter_tail pulse[N_EARLIER]; /* t in samples of the record */
    } earlier[N_CALOS][N_CRYSTALS];
    size_t capacity;
    struct turn {
        int32_t first_sample;
        uint32_t island;
    } * turn; /* [capacity] islands in order of time */
};

static enum err begin(struct step *s)
{
    const struct pulse_fit_cfg *cfg = s->cfg;
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state                            = state;
    struct pulse_fitter_options options = {
        .shape             = pulse_shape(cfg->shape[0] == 'b' ? PULSE_BEAM : PULSE_LASER),
        .noise_adc         = sqrt(cfg->noise_adc * cfg->noise_adc + 1.0 / 12.0),
        .threshold_adc     = cfg->fit_threshold_adc,
        .residual_fraction = cfg->residual_fraction,
        .min_dchi2         = cfg->min_dchi2,
        .max_pulses        = (int)cfg->max_pulses,
    };
    TRY(pulse_fitter_create(&options, &state->fitter));
    TRY(pulse_fitter_reserve(state->fitter, MAX_PIECE));
    return ERR_OK;
}

static enum err begin_unit(struct step *s)
{
    ((struct state *)s->state)->is_polarity_known = false;
    return ERR_OK;
}

/* With the unit's first fill, since its source reads the run's settings no earlier. */
static enum err find_polarity(const struct step *s, struct state *state)
{
    const struct pulse_fit_cfg *cfg = s->cfg;
    if (state->is_polarity_known) return ERR_OK;
    TRY(polarity_find(cfg->polarity, s->in[IN_ODB], state->polarity));
    state->is_polarity_known = true;
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    pulse_fitter_free(state->fitter);
    mem_free(state->turn);
    mem_free(state);
    s->state = NULL;
}

/* One piece of a trace: where it is in the record. */
struct piece {
    uint32_t island;
    uint8_t calo, crystal;
    int32_t first_sample; /* in the record */
    double t_first_ns;    /* from injection */
};

static enum err append(struct block *out, const struct pulse_fitter_result *r, struct piece piece, double GeV_per_adc)
{
    if (r->n == 0) return ERR_OK;
    size_t row = out->n;
    TRY(block_resize(out, row + (size_t)r->n));
    struct pulse_view v = pulse_view(out);
    for (int j = 0; j < r->n; j++, row++) {
        const struct pulse_fitter_pulse *p = &r->pulse[j];
        v.island[row]                      = piece.island;
        v.calo[row]                        = piece.calo;
        v.crystal[row]                     = piece.crystal;
        v.t_fill_ns[row]                   = piece.t_first_ns + p->t * SAMPLE_NS;
        v.energy_GeV[row]                  = p->amplitude * GeV_per_adc;
        v.amplitude_adc[row]               = (float)p->amplitude;
        v.pedestal_adc[row]                = (float)r->pedestal;
        v.chi2_ndf[row]                    = (float)r->chi2_ndf;
        v.sig_t_ns[row]                    = (float)(sqrt(p->var_t) * SAMPLE_NS);
        v.sig_energy_GeV[row]              = (float)(sqrt(p->var_a) * GeV_per_adc);
        v.cov_t_energy[row]                = (float)(p->cov_ta * SAMPLE_NS * GeV_per_adc);
        v.faint_energy_GeV[row]            = 0.0F;
        v.n_pulses[row]                    = (uint8_t)r->n;
        v.status[row]                      = (uint8_t)p->status;
    }
    return ERR_OK;
}

static enum err check(const struct island_view *island, size_t i, const struct trace_view *trace, size_t n_samples)
{
    REQUIRE(island->n_samples[i] >= 0 && (size_t)island->first_trace[i] + island->n_crystals[i] <= trace->n, ERR_DATA,
            "island %zu (calorimeter %d) claims %d crystals from trace %u and %d samples; the fill has %zu traces", i,
            island->calo[i], island->n_crystals[i], island->first_trace[i], island->n_samples[i], trace->n);
    for (size_t k = island->first_trace[i]; k < island->first_trace[i] + island->n_crystals[i]; k++)
        REQUIRE((size_t)trace->first_sample[k] + (size_t)island->n_samples[i] <= n_samples, ERR_DATA,
                "trace %zu (calorimeter %d, crystal %d) ends behind the fill's %zu samples", k, island->calo[i],
                trace->crystal[k], n_samples);
    return ERR_OK;
}

/* Pulses that may reach into later pieces of the same crystal. */
static void remember(struct earlier *e, int32_t first_sample, const struct pulse_fitter_result *r)
{
    for (int j = 0; j < r->n; j++) {
        e->pulse[e->next] = (struct pulse_fitter_tail){first_sample + r->pulse[j].t, r->pulse[j].amplitude};
        e->next           = (e->next + 1) % N_EARLIER;
        if (e->n < N_EARLIER) e->n++;
    }
}

static int recall(const struct earlier *e, int32_t first_sample, struct pulse_fitter_tail tail[N_EARLIER])
{
    int n = 0;
    for (int j = 0; j < e->n; j++) {
        double t = e->pulse[j].t - first_sample;
        if (t > -PULSE_LAST) tail[n++] = (struct pulse_fitter_tail){t, e->pulse[j].amplitude};
    }
    return n;
}

static enum err fit_piece(struct step *s, struct piece piece, const int16_t *adc, size_t n, double pedestal_adc)
{
    const struct pulse_fit_cfg *cfg = s->cfg;
    struct state *state             = s->state;
    struct earlier *earlier = piece.crystal < N_CRYSTALS ? &state->earlier[piece.calo - 1][piece.crystal] : NULL;
    struct pulse_fitter_tail tail[N_EARLIER];
    struct pulse_fitter_trace trace = {.adc          = adc,
                                       .n            = n,
                                       .pedestal_adc = pedestal_adc,
                                       .polarity     = state->polarity[piece.calo],
                                       .n_tails      = earlier ? recall(earlier, piece.first_sample, tail) : 0,
                                       .tail         = tail};
    pulse_fitter_fit(state->fitter, &trace, &state->result);
    if (earlier) remember(earlier, piece.first_sample, &state->result);
    if (state->result.n == 0 && state->result.samples) {
        for (size_t i = 0; i < n; i++) state->faint.sum[i] += state->result.samples[i];
        state->faint.n_traces++;
    }
    return append(s->out[0], &state->result, piece, cfg->energy_scale_MeV_per_adc * 1e-3);
}

/* Length of the next piece of a long trace: cut before the sample that starts the flattest stretch. */
static size_t cut(const int16_t *adc, size_t n)
{
    size_t best   = MAX_PIECE;
    int32_t least = INT32_MAX;
    if (n <= MAX_PIECE) return n;
    for (size_t at = MAX_PIECE / 2; at <= MAX_PIECE - QUIET; at += QUIET / 2) {
        int32_t low = adc[at], high = adc[at];
        for (size_t i = at + 1; i < at + QUIET; i++) {
            low  = adc[i] < low ? adc[i] : low;
            high = adc[i] > high ? adc[i] : high;
        }
        if (high - low >= least) continue;
        least = high - low;
        best  = at + QUIET / 2;
    }
    return best;
}

/* The pulses [first, v.n) of an island that stand for a shower each: the largest, then the largest away from it ... */
static int find_showers(const struct pulse_fit_cfg *cfg, const struct pulse_view *v, size_t first, size_t *row)
{
    int n = 0;
    for (; n < cfg->max_pulses; n++) {
        float best = (float)cfg->faint_seed_adc;
        size_t at  = v->n;
        for (size_t i = first; i < v->n; i++) {
            bool is_free = v->amplitude_adc[i] > best && !(v->status[i] & (PULSE_NOT_CONVERGED | PULSE_AT_EDGE));
            for (int k = 0; k < n && is_free; k++)
                is_free = fabs(v->t_fill_ns[i] - v->t_fill_ns[row[k]]) >= cfg->faint_apart_ns;
            if (!is_free) continue;
            best = v->amplitude_adc[i];
            at   = i;
        }
        if (at == v->n) break;
        row[n] = at;
    }
    return n;
}

/* Light below the threshold: the heights in the summed traces at the times of the island's showers. */
static void fit_faint(struct step *s, size_t first, double t_first_ns, size_t n_samples)
{
    const struct pulse_fit_cfg *cfg = s->cfg;
    struct state *state             = s->state;
    struct pulse_view v             = pulse_view(s->out[0]);
    size_t row[PULSE_FIT_MAX_PULSES];
    double t[PULSE_FIT_MAX_PULSES], height[PULSE_FIT_MAX_PULSES];
    if (v.n == first || state->faint.n_traces == 0) return;
    int n = find_showers(cfg, &v, first, row);
    for (int k = 0; k < n; k++) t[k] = (v.t_fill_ns[row[k]] - t_first_ns) / SAMPLE_NS;
    if (!pulse_fitter_heights(state->fitter, state->faint.sum, n_samples, n, t, height)) return;
    for (int k = 0; k < n; k++) v.faint_energy_GeV[row[k]] = (float)(height[k] * cfg->energy_scale_MeV_per_adc * 1e-3);
}

static enum err fit_island(struct step *s, size_t i, double t0_ns)
{
    struct island_view island = island_view(s->in[IN_ISLAND]);
    struct trace_view trace   = trace_view(s->in[IN_TRACE]);
    struct sample_view sample = sample_view(s->in[IN_SAMPLE]);
    struct faint *faint       = &((struct state *)s->state)->faint;
    const size_t n = (size_t)island.n_samples[i], first_row = s->out[0]->n;
    memset(faint, 0, sizeof *faint);
    TRY(check(&island, i, &trace, sample.n));
    for (size_t k = island.first_trace[i]; k < island.first_trace[i] + island.n_crystals[i]; k++) {
        const int16_t *adc = sample.adc + trace.first_sample[k];
        for (size_t begin = 0, length; begin < n; begin += length) {
            int32_t first      = island.first_sample[i] + (int32_t)begin;
            struct piece piece = {(uint32_t)i, island.calo[i], trace.crystal[k], first, first * SAMPLE_NS - t0_ns};
            length             = cut(adc + begin, n - begin);
            TRY(fit_piece(s, piece, adc + begin, length, (double)trace.pedestal_adc[k]));
        }
    }
    if (n <= MAX_PIECE) fit_faint(s, first_row, island.first_sample[i] * SAMPLE_NS - t0_ns, n);
    return ERR_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct turn *p = a, *q = b;
    if (p->first_sample != q->first_sample) return p->first_sample < q->first_sample ? -1 : 1;
    return p->island < q->island ? -1 : p->island > q->island;
}

/* Islands in order of time, so that earlier pulses are known. */
static enum err take_turns(struct state *state, const struct island_view *island)
{
    if (island->n > state->capacity) {
        mem_free(state->turn);
        state->capacity = 0;
        state->turn     = NULL;
        TRY(mem_alloc(&state->turn, 2 * island->n, sizeof *state->turn));
        state->capacity = 2 * island->n;
    }
    for (size_t i = 0; i < island->n; i++) state->turn[i] = (struct turn){island->first_sample[i], (uint32_t)i};
    if (island->n) qsort(state->turn, island->n, sizeof *state->turn, by_time);
    return ERR_OK;
}

static enum err event(struct step *s)
{
    const struct pulse_fit_cfg *cfg = s->cfg;
    struct state *state             = s->state;
    struct fill_view fill           = fill_view(s->in[IN_FILL]);
    struct island_view island       = island_view(s->in[IN_ISLAND]);
    REQUIRE(fill.n == 1, ERR_DATA, "the fill table has %zu rows, wanted 1", fill.n);
    TRY(block_resize(s->out[0], 0));
    if (fill.fill_type[0] != 1) return ERR_OK;
    TRY(find_polarity(s, state));
    TRY(take_turns(state, &island));
    memset(state->earlier, 0, sizeof state->earlier);
    for (size_t k = 0; k < island.n; k++) {
        size_t i        = state->turn[k].island;
        double t_end_ns = (island.first_sample[i] + island.n_samples[i]) * SAMPLE_NS - fill.t0_ns[0];
        if (island.calo[i] < 1 || island.calo[i] > N_CALOS || t_end_ns < cfg->first_time_ns) continue;
        TRY(fit_island(s, i, fill.t0_ns[0]));
    }
    return ERR_OK;
}

static const struct port in[]  = {{&table_island, NULL, false}, {&table_trace, NULL, false},
                                  {&table_sample, NULL, false}, {&table_fill, "t0_ns fill_type", false},
                                  {&table_odb, NULL, true},     {0}};
static const struct port out[] = {{&table_pulse, NULL, false}, {0}};

static const char *const shared[] = {"energy_scale_MeV_per_adc", NULL};

const struct module module_pulse_fit = {
    .name = "PulseFit",
    .kind = MODULE_PRODUCER,
    .doc =
        "Fits the pulse template to every crystal trace of muon fills: one or more pulses and a pedestal, by variable "
        "projection, with covariance. Traces without a local maximum above threshold give no pulse; their "
        "light at the times of the island's showers is fitted in their sum.",
    .source     = "Fienberg et al., NIM A 783 (2015) 12, arXiv:1412.5525; template of the SLAC 2016 test beam",
    .fields     = pulse_fit_cfg_fields,
    .cfg_size   = sizeof(struct pulse_fit_cfg),
    .shared     = shared,
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
