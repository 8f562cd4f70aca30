/* Module LaserFit: laser pulses of crystals and source monitors, from the islands of muon and laser fills. */
#include "bank.h"
#include "laser_island.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "polarity.h"
#include "pulse_shape.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define LASER_FIT_CFG(F, S)                                                                                           \
    F(S, str, polarity,      "odb",   0,     0,   "odb|positive|negative", "direction of pulses in ADC counts; odb: as the run's settings say, positive without them") \
    F(S, f64, noise_adc,     1.5,     0.01,  100, "adc", "rms noise of a sample, without quantisation")               \
    F(S, f64, min_adc,       50,      5,     4000, "adc", "least height of a laser pulse (ours)")                     \
    F(S, i64, min_crystals,  40,      2,     54,  "1",   "an island of a muon fill with so many crystals above min_adc is a laser shot (ours)") \
    F(S, f64, sync_before_ns, -1000,  -1e6,  0,   "ns",  "a shot before this time from injection is the sync pulse (ours)") \
    F(S, f64, max_apart_ns,  10,      0.1,   100, "ns",  "a crystal's pulse lies so near to the median of its calorimeter (ours)") \
    F(S, f64, window_ns,     120,     10,    200, "ns",  "long waveforms are fitted so far to either side of the highest sample: the largest delay of a double pulse, and its tail (ours)") \
    F(S, flag, needs_monitor, true,   0,     1,   "1",   "responses are amplitudes over that of the laser's source monitor; false: amplitudes as they are")
/* clang-format on */
CFG_DECLARE(laser_fit_cfg, LASER_FIT_CFG)

enum { IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_FILL, IN_ODB };
enum { KIND_SYNC, KIND_IN_FILL, KIND_OUT_OF_FILL, KIND_SECOND, KIND_FIRST };
enum {
    NO_MONITOR    = 16,
    OTHER_LIGHT   = 32,
    MONITOR_CRATE = 100,
    CALOS_A_LASER = 4,
    N_LASERS      = N_CALOS / CALOS_A_LASER,
    MAX_MONITOR   = 64
};
static const double same_island_ns = 30.0, same_shot_ns = 3.0; /* of crystals and monitor */

/* What a source monitor saw in one island. */
struct monitor {
    int laser, n_shots;
    double t_ns[LASER_MAX_SHOTS], amplitude_adc[LASER_MAX_SHOTS];
};

struct state {
    struct pulse_fitter *fitter;
    struct laser_traces traces;
    struct laser_island found;
    struct laser_cuts cuts, monitor_cuts;
    bool is_polarity_known; /* for this unit */
    int polarity[POLARITY_CRATES];
    int n_monitors; /* of this fill */
    struct monitor monitor[MAX_MONITOR];
};

/* ---- settings -------------------------------------------------------------------------------------------------------- */
static enum err begin(struct step *s)
{
    const struct laser_fit_cfg *cfg = s->cfg;
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state                                  = state;
    const struct pulse_fitter_options options = {.shape         = pulse_shape(PULSE_LASER),
                                                 .noise_adc     = sqrt(cfg->noise_adc * cfg->noise_adc + 1.0 / 12.0),
                                                 .threshold_adc = 0.4 * cfg->min_adc,
                                                 .residual_fraction = 0.02,
                                                 .min_dchi2         = 100.0,
                                                 .max_pulses        = 4};
    TRY(pulse_fitter_create(&options, &state->fitter));
    TRY(pulse_fitter_reserve(state->fitter, LASER_MAX_SAMPLES));
    state->cuts                      = (struct laser_cuts){.min_adc      = cfg->min_adc,
                                                           .min_channels = (int)cfg->min_crystals,
                                                           .half_window  = (int)(cfg->window_ns / SAMPLE_NS),
                                                           .max_apart    = cfg->max_apart_ns / SAMPLE_NS};
    state->monitor_cuts              = state->cuts;
    state->monitor_cuts.min_channels = 1;
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    pulse_fitter_free(state->fitter);
    mem_free(state);
    s->state = NULL;
}

static enum err begin_unit(struct step *s)
{
    ((struct state *)s->state)->is_polarity_known = false;
    return ERR_OK;
}

/* With the unit's first fill, since its source reads the run's settings no earlier. */
static enum err find_polarity(const struct step *s, struct state *state)
{
    const struct laser_fit_cfg *cfg = s->cfg;
    if (state->is_polarity_known) return ERR_OK;
    TRY(polarity_find(cfg->polarity, s->in[IN_ODB], state->polarity));
    state->is_polarity_known = true;
    return ERR_OK;
}

/* ---- islands ----------------------------------------------------------------------------------------------------------- */
static enum err take_traces(const struct step *s, size_t i, int polarity, struct laser_traces *out)
{
    const struct island_view island = island_view(s->in[IN_ISLAND]);
    const struct trace_view trace   = trace_view(s->in[IN_TRACE]);
    const struct sample_view sample = sample_view(s->in[IN_SAMPLE]);
    const size_t n = (size_t)island.n_samples[i], first = island.first_trace[i];
    REQUIRE(island.n_samples[i] >= 0 && first + island.n_crystals[i] <= trace.n, ERR_DATA,
            "island %zu (calorimeter %d) claims %d crystals from trace %zu; the fill has %zu traces", i, island.calo[i],
            island.n_crystals[i], first, trace.n);
    out->n_samples = n;
    out->polarity  = polarity;
    out->n_traces  = 0;
    for (size_t k = first; k < first + island.n_crystals[i] && out->n_traces < LASER_MAX_CHANNELS; k++) {
        REQUIRE((size_t)trace.first_sample[k] + n <= sample.n, ERR_DATA,
                "trace %zu (calorimeter %d, crystal %d) ends behind the fill's %zu samples", k, island.calo[i],
                trace.crystal[k], sample.n);
        out->adc[out->n_traces]            = sample.adc + trace.first_sample[k];
        out->pedestal_adc[out->n_traces++] = (double)trace.pedestal_adc[k];
    }
    return ERR_OK;
}

/* Laser of a calorimeter, or of a monitor's crate. */
static int laser_of(int crate) { return (crate - 1) / CALOS_A_LASER; }

static enum err fit_monitor(struct step *s, size_t i, double t_first_ns)
{
    struct state *state = s->state;
    const int crate     = island_view(s->in[IN_ISLAND]).calo[i] - MONITOR_CRATE;
    if (crate < 1 || crate > N_CALOS || state->n_monitors == MAX_MONITOR) return ERR_OK;
    TRY(take_traces(s, i, state->polarity[crate], &state->traces));
    laser_island_fit(state->fitter, &state->traces, &state->monitor_cuts, &state->found);
    if (state->found.n_shots == 0) return ERR_OK;
    struct monitor *m = &state->monitor[state->n_monitors++];
    m->laser          = laser_of(crate);
    m->n_shots        = state->found.n_shots;
    for (int shot = 0; shot < m->n_shots; shot++) {
        m->t_ns[shot]          = t_first_ns + state->found.t[shot] * SAMPLE_NS;
        m->amplitude_adc[shot] = laser_island_amplitude(&state->found, shot);
    }
    return ERR_OK;
}

/* Amplitude of the source monitor for one shot of a calorimeter's island, 0 if it was not seen. */
static double find_monitor(const struct state *state, int calo, int shot, double t_ns)
{
    for (int k = 0; k < state->n_monitors; k++) {
        const struct monitor *m = &state->monitor[k];
        if (m->laser != laser_of(calo)) continue;
        if (m->n_shots == state->found.n_shots) {
            if (fabs(m->t_ns[shot] - t_ns) < same_island_ns) return m->amplitude_adc[shot];
            continue;
        }
        for (int j = 0; j < m->n_shots; j++)
            if (fabs(m->t_ns[j] - t_ns) < same_shot_ns) return m->amplitude_adc[j];
    }
    return 0.0;
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */
struct shot {
    int kind, index;
    uint8_t calo;
    double t_first_ns, monitor_adc;
};

static enum err append(struct step *s, const struct shot *shot, size_t first_trace)
{
    const struct laser_fit_cfg *cfg  = s->cfg;
    const struct state *state        = s->state;
    const struct laser_island *found = &state->found;
    const struct trace_view trace    = trace_view(s->in[IN_TRACE]);
    struct block *out                = s->out[0];
    size_t row                       = out->n;
    TRY(block_resize(out, row + state->traces.n_traces));
    struct laser_pulse_view v = laser_pulse_view(out);
    for (size_t k = 0; k < state->traces.n_traces; k++) {
        const struct laser_hit *h = &found->hit[shot->index][k], *first = &found->hit[0][k];
        if (!h->is_there || (shot->kind == KIND_SECOND && !first->is_there)) continue;
        const bool has_monitor = shot->monitor_adc > 0.0, is_second = shot->kind == KIND_SECOND;
        const double scale       = !cfg->needs_monitor ? 1.0 : has_monitor ? 1.0 / shot->monitor_adc : 0.0;
        v.kind[row]              = (uint8_t)shot->kind;
        v.calo[row]              = shot->calo;
        v.crystal[row]           = trace.crystal[first_trace + k];
        v.t_fill_ns[row]         = shot->t_first_ns + h->pulse.t * SAMPLE_NS;
        v.sig_t_ns[row]          = (float)(sqrt(h->pulse.var_t) * SAMPLE_NS);
        v.amplitude_adc[row]     = (float)h->pulse.amplitude;
        v.sig_amplitude_adc[row] = (float)sqrt(h->pulse.var_a);
        v.monitor_adc[row]       = (float)shot->monitor_adc;
        v.response[row]          = (float)(h->pulse.amplitude * scale);
        v.delay_ns[row]          = is_second ? (float)((h->pulse.t - first->pulse.t) * SAMPLE_NS) : 0.0F;
        v.first_adc[row]         = is_second ? (float)first->pulse.amplitude : 0.0F;
        v.chi2_ndf[row]          = (float)h->chi2_ndf;
        v.status[row] =
            (uint8_t)(h->pulse.status | (is_second ? first->pulse.status & PULSE_SATURATED : 0U) |
                      (cfg->needs_monitor && !has_monitor ? NO_MONITOR : 0U) | (h->has_other_light ? OTHER_LIGHT : 0U));
        row++;
    }
    return block_resize(out, row);
}

static int kind_of(const struct step *s, bool is_laser_fill, int n_shots, int shot, double t_ns)
{
    const struct laser_fit_cfg *cfg = s->cfg;
    if (!is_laser_fill) return t_ns < cfg->sync_before_ns ? KIND_SYNC : KIND_IN_FILL;
    if (n_shots == 1) return KIND_OUT_OF_FILL;
    return shot == 0 ? KIND_FIRST : KIND_SECOND;
}

static enum err fit_island(struct step *s, size_t i, bool is_laser_fill, double t_first_ns)
{
    struct state *state             = s->state;
    const struct island_view island = island_view(s->in[IN_ISLAND]);
    struct shot shot                = {.calo = island.calo[i], .t_first_ns = t_first_ns};
    TRY(take_traces(s, i, state->polarity[shot.calo], &state->traces));
    laser_island_fit(state->fitter, &state->traces, &state->cuts, &state->found);
    for (shot.index = 0; shot.index < state->found.n_shots; shot.index++) {
        const double t_ns = t_first_ns + state->found.t[shot.index] * SAMPLE_NS;
        shot.monitor_adc  = find_monitor(state, shot.calo, shot.index, t_ns);
        shot.kind         = kind_of(s, is_laser_fill, state->found.n_shots, shot.index, t_ns);
        TRY(append(s, &shot, island.first_trace[i]));
    }
    return ERR_OK;
}

static enum err event(struct step *s)
{
    struct state *state             = s->state;
    const struct fill_view fill     = fill_view(s->in[IN_FILL]);
    const struct island_view island = island_view(s->in[IN_ISLAND]);
    REQUIRE(fill.n == 1, ERR_DATA, "the fill table has %zu rows, wanted 1", fill.n);
    TRY(block_resize(s->out[0], 0));
    const bool is_laser_fill = fill.fill_type[0] == BANK_LASER;
    if (!is_laser_fill && fill.fill_type[0] != BANK_MUON) return ERR_OK;
    const double t0_ns = is_laser_fill ? 0.0 : fill.t0_ns[0];
    TRY(find_polarity(s, state));
    state->n_monitors = 0;
    for (size_t i = 0; i < island.n; i++)
        if (island.calo[i] > MONITOR_CRATE) TRY(fit_monitor(s, i, island.first_sample[i] * SAMPLE_NS - t0_ns));
    for (size_t i = 0; i < island.n; i++)
        if (island.calo[i] >= 1 && island.calo[i] <= N_CALOS)
            TRY(fit_island(s, i, is_laser_fill, island.first_sample[i] * SAMPLE_NS - t0_ns));
    return ERR_OK;
}

static const struct port in[]  = {{&table_island, NULL, false}, {&table_trace, NULL, false},
                                  {&table_sample, NULL, false}, {&table_fill, "t0_ns fill_type", false},
                                  {&table_odb, NULL, true},     {0}};
static const struct port out[] = {{&table_laser_pulse, NULL, false}, {0}};

const struct module module_laser_fit = {
    .name = "LaserFit",
    .kind = MODULE_PRODUCER,
    .doc =
        "Fits laser pulses with the laser's template: sync pulse and in-fill shots of muon fills (islands in which "
        "nearly all crystals have light), single and double pulses of laser fills, and the source monitors (islands of "
        "crate 100 + n), by whose amplitude those of the crystals are divided.",
    .source     = "template fit as PulseFit; laser system and its monitors: reference physics 5.6; cuts ours",
    .fields     = laser_fit_cfg_fields,
    .cfg_size   = sizeof(struct laser_fit_cfg),
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
