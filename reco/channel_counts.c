/* Module ChannelCounts: how often every channel answered in a subrun. Test: tests/t_channel_flags.c */
#include "bank.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <stdlib.h>

/* clang-format off */
#define CHANNEL_COUNTS_CFG(F, S)                                                                               \
    F(S, f64, min_energy_GeV,  0.03, 0,  10,   "GeV", "pulses above this energy count (ours)")                 \
    F(S, i64, laser_crystals,  30,   2,  54,   "1",   "an island in which so many crystals answer at once is a laser pulse (ours)") \
    F(S, i64, laser_adc,       40,   5,  4096, "adc", "height above the pedestal that is an answer (ours: 27 rms of noise)")
/* clang-format on */
CFG_DECLARE(channel_counts_cfg, CHANNEL_COUNTS_CFG)

enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_PULSE, N_CHANNELS = N_CALOS * N_CRYSTALS };

struct count {
    uint32_t n_pulses, n_laser, n_response, first_event, last_event, last_laser;
};

struct state {
    struct count count[N_CHANNELS];
    uint32_t n_fills[N_CALOS];
};

static enum err begin(struct step *s)
{
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    return ERR_OK;
}

static enum err begin_unit(struct step *s)
{
    *(struct state *)s->state = (struct state){.n_fills = {0}};
    return ERR_OK;
}

static void answered(struct count *c, uint32_t event)
{
    if (c->first_event == 0) c->first_event = event;
    c->last_event = event;
}

/* Largest distance of a sample from the pedestal, either way: polarity does not matter here. */
static int32_t height(const int16_t *adc, int32_t n, float pedestal_adc)
{
    int32_t low = INT32_MAX, high = INT32_MIN, pedestal = (int32_t)pedestal_adc;
    for (int32_t i = 0; i < n; i++) {
        low  = adc[i] < low ? adc[i] : low;
        high = adc[i] > high ? adc[i] : high;
    }
    return high - pedestal > pedestal - low ? high - pedestal : pedestal - low;
}

/* A laser pulse lights all crystals: then it is known which did not answer. */
static enum err look_at_island(struct step *s, size_t i)
{
    const struct channel_counts_cfg *cfg = s->cfg;
    struct state *st                     = s->state;
    const struct island_view island      = island_view(s->in[IN_ISLAND]);
    const struct trace_view trace        = trace_view(s->in[IN_TRACE]);
    const struct sample_view sample      = sample_view(s->in[IN_SAMPLE]);
    bool has_answer[N_CRYSTALS]          = {false}; /* one that is not kept in the island did not answer */
    int64_t n_answers                    = 0;
    for (size_t k = island.first_trace[i]; k < (size_t)island.first_trace[i] + island.n_crystals[i]; k++) {
        REQUIRE(k < trace.n && (int64_t)trace.first_sample[k] + island.n_samples[i] <= (int64_t)sample.n, ERR_DATA,
                "island %zu (calorimeter %d) has traces or samples beyond the fill's", i, island.calo[i]);
        if (trace.crystal[k] >= N_CRYSTALS) continue;
        int32_t h = height(sample.adc + trace.first_sample[k], island.n_samples[i], trace.pedestal_adc[k]);
        has_answer[trace.crystal[k]] = h >= cfg->laser_adc;
        n_answers += h >= cfg->laser_adc;
    }
    if (n_answers < cfg->laser_crystals) return ERR_OK;
    for (int c = 0; c < N_CRYSTALS; c++) {
        struct count *count = &st->count[(island.calo[i] - 1) * N_CRYSTALS + c];
        count->n_laser++;
        count->last_laser = s->fill.event;
        if (!has_answer[c]) continue;
        count->n_response++;
        answered(count, s->fill.event);
    }
    return ERR_OK;
}

static void count_pulses(struct step *s)
{
    const struct channel_counts_cfg *cfg = s->cfg;
    struct state *st                     = s->state;
    const struct pulse_view pulse        = pulse_view(s->in[IN_PULSE]);
    for (size_t i = 0; i < pulse.n; i++) {
        bool is_channel = pulse.calo[i] >= 1 && pulse.calo[i] <= N_CALOS && pulse.crystal[i] < N_CRYSTALS;
        if (!is_channel || !(pulse.energy_GeV[i] > cfg->min_energy_GeV)) continue;
        struct count *count = &st->count[(pulse.calo[i] - 1) * N_CRYSTALS + pulse.crystal[i]];
        count->n_pulses++;
        answered(count, s->fill.event);
    }
}

static enum err event(struct step *s)
{
    struct state *st                = s->state;
    const struct fill_view fill     = fill_view(s->in[IN_FILL]);
    const struct island_view island = island_view(s->in[IN_ISLAND]);
    bool is_seen[N_CALOS]           = {false};
    REQUIRE(fill.n == 1, ERR_DATA, "the fill table has %zu rows, wanted 1", fill.n);
    if (fill.fill_type[0] != BANK_MUON && fill.fill_type[0] != BANK_LASER) return ERR_OK;
    for (size_t i = 0; i < island.n; i++) {
        if (island.calo[i] < 1 || island.calo[i] > N_CALOS) continue;
        is_seen[island.calo[i] - 1] = true;
        TRY(look_at_island(s, i));
    }
    if (fill.fill_type[0] != BANK_MUON) return ERR_OK;
    for (int k = 0; k < N_CALOS; k++) st->n_fills[k] += is_seen[k];
    count_pulses(s);
    return ERR_OK;
}

static enum err end_unit(struct step *s)
{
    const struct state *st = s->state;
    TRY(block_resize(s->out[0], N_CHANNELS));
    struct channel_count_view v = channel_count_view(s->out[0]);
    for (size_t i = 0; i < N_CHANNELS; i++) {
        const struct count *c = &st->count[i];
        v.calo[i]             = (uint8_t)(1 + i / N_CRYSTALS);
        v.crystal[i]          = (uint8_t)(i % N_CRYSTALS);
        v.n_fills[i]          = st->n_fills[i / N_CRYSTALS];
        v.n_pulses[i]         = c->n_pulses;
        v.n_laser[i]          = c->n_laser;
        v.n_response[i]       = c->n_response;
        v.first_event[i]      = c->first_event;
        v.last_event[i]       = c->last_event;
        v.last_laser[i]       = c->last_laser;
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

static const struct port in[]  = {{&table_fill, "fill_type", false},
                                  {&table_island, "calo n_samples n_crystals first_trace", false},
                                  {&table_trace, "crystal pedestal_adc first_sample", false},
                                  {&table_sample, NULL, false},
                                  {&table_pulse, "calo crystal energy_GeV", false},
                                  {0}};
static const struct port out[] = {{&table_channel_count, NULL, false}, {0}};

const struct module module_channel_counts = {
    .name = "ChannelCounts",
    .kind = MODULE_PRODUCER,
    .doc =
        "Counts the pulses of every channel in a subrun and its answers to laser pulses, which light all crystals of a "
        "calorimeter at once. gm2 calib finds dead and hot channels with it. Table channel_count, one row a channel.",
    .source     = "ours",
    .fields     = channel_counts_cfg_fields,
    .cfg_size   = sizeof(struct channel_counts_cfg),
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
