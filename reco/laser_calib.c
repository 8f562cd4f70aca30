/* Module LaserCalib: sums of laser pulses, from which gm2 calib makes constants. */
#include "cond_use.h"
#include "log.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define LASER_CALIB_CFG(F, S)                                                                                         \
    F(S, f64, max_chi2_ndf,  20,     0.1, 1e6,  "1",   "worse fits are left out (ours)")                              \
    F(S, f64, first_us,      1,      0,   1000, "us",  "in-fill shots earlier after injection are left out: at 0 the sag begins (ours)") \
    F(S, f64, ifg_bin_us,    5,      0.1, 100,  "us",  "bins of the time after injection, centred on multiples of it; the step of the shots or a part of it") \
    F(S, f64, ifg_range_us,  700,    10,  1000, "us",  "their range")                                                 \
    F(S, f64, stdp_bin_ns,   2.5,    0.1, 100,  "ns",  "bins of the delay of double pulses, centred on multiples of it") \
    F(S, f64, stdp_range_ns, 120,    10,  1000, "ns",  "their range")                                                 \
    F(S, f64, energy_scale_MeV_per_adc, 1.6, 0.01, 100, "MeV/adc", "energy of a first pulse of height 1 (as PulseFit's)") \
    F(S, flag, uses_energy_scale, false, 0, 1,   "1", "take the energy of a first pulse from table energy_scale of the conditions instead") \
    F(S, i64, min_pulses,    5,      2,   100000, "1", "a crystal with fewer pulses outside the fill has no response in the subrun (ours)")
/* clang-format on */
CFG_DECLARE(laser_calib_cfg, LASER_CALIB_CFG)

enum { N_CHANNELS = N_CALOS * N_CRYSTALS, UNUSABLE = 1 | 2 | 4 | 32, NO_MONITOR = 16 };
enum { KIND_SYNC, KIND_IN_FILL, KIND_OUT_OF_FILL, KIND_SECOND };
/* the histograms of a gain curve: shots, sums of gains, of times, of the energies before; the last two in thousandths, as
 * integers, since squares of them are of no use */
enum { SUM_COUNT, SUM_GAIN, SUM_TIME, SUM_ENERGY, N_SUMS };

struct channel {
    uint32_t n_response, n_time;
    double sum_response, sum_response2, sum_dt_ns, sum_dt2_ns2;
};

/* Kept until the unit's response outside the fill is known. */
struct shot {
    uint16_t channel;
    uint8_t kind;
    float time, energy_GeV, response; /* time: in us after injection, or in ns after the first pulse */
};

struct state {
    struct channel channel[N_CHANNELS];
    struct hist *ifg[N_SUMS], *stdp[N_SUMS];
    double MeV_per_adc[N_CHANNELS];
    int scale; /* handle of the conditions' energy_scale */
    size_t n_without_monitor, n_shots, capacity;
    struct shot *shot;
};

/* ---- histograms ---------------------------------------------------------------------------------------------------------- */
struct curve {
    const char *stem, *what, *label, *unit;
    double bin, range;
    int n_sums;
};

static enum err book(struct step *s, const struct curve *c, struct hist *out[N_SUMS])
{
    static const char *const names[N_SUMS]  = {"count", "gain", "time", "energy"};
    static const char *const titles[N_SUMS] = {"shots", "sum of response over that outside the fill",
                                               "sum of times, in thousandths of the axis' unit",
                                               "sum of the first pulses' energies, in MeV"};
    const int64_t n                         = (int64_t)ceil(c->range / c->bin);
    for (int i = 0; i < c->n_sums; i++) {
        char name[96], title[160];
        snprintf(name, sizeof name, "laser/%s_%s", c->stem, names[i]);
        snprintf(title, sizeof title, "%s: %s", c->what, titles[i]);
        TRY(hist_book(s->hists, name, title, hist_axis(N_CHANNELS, -0.5, N_CHANNELS - 0.5, "channel", "1"),
                      hist_axis(n, -0.5 * c->bin, ((double)n - 0.5) * c->bin, c->label, c->unit), i == SUM_GAIN,
                      &out[i]));
    }
    return ERR_OK;
}

static enum err begin(struct step *s)
{
    const struct laser_calib_cfg *cfg = s->cfg;
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state = state;
    if (cfg->uses_energy_scale) TRY(cond_use_want(s->job->conditions, "energy_scale", true, s->label, &state->scale));
    const struct curve ifg = {
        "ifg", "In-fill laser shots", "time after injection", "us", cfg->ifg_bin_us, cfg->ifg_range_us, SUM_ENERGY};
    const struct curve stdp = {"stdp",           "Double pulses of the laser", "delay", "ns",
                               cfg->stdp_bin_ns, cfg->stdp_range_ns,           N_SUMS};
    TRY(book(s, &ifg, state->ifg));
    return book(s, &stdp, state->stdp);
}

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    mem_free(state->shot);
    mem_free(state);
    s->state = NULL;
}

/* ---- one fill ------------------------------------------------------------------------------------------------------------ */
static bool is_usable(const struct laser_calib_cfg *cfg, const struct laser_pulse_view *v, size_t i)
{
    return v->calo[i] >= 1 && v->calo[i] <= N_CALOS && v->crystal[i] < N_CRYSTALS && !(v->status[i] & UNUSABLE) &&
           (double)v->chi2_ndf[i] < cfg->max_chi2_ndf;
}

static int channel_of(const struct laser_pulse_view *v, size_t i)
{
    return (v->calo[i] - 1) * N_CRYSTALS + v->crystal[i];
}

/* Times of the fill's sync pulses against their mean. */
static void add_times(const struct laser_calib_cfg *cfg, const struct laser_pulse_view *v, struct state *state)
{
    double sum = 0.0;
    size_t n   = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->kind[i] != KIND_SYNC || !is_usable(cfg, v, i)) continue;
        sum += v->t_fill_ns[i];
        n++;
    }
    for (size_t i = 0; i < v->n; i++) {
        if (v->kind[i] != KIND_SYNC || !is_usable(cfg, v, i)) continue;
        struct channel *c = &state->channel[channel_of(v, i)];
        const double dt   = v->t_fill_ns[i] - sum / (double)n;
        c->n_time++;
        c->sum_dt_ns += dt;
        c->sum_dt2_ns2 += dt * dt;
    }
}

static enum err keep(struct state *state, struct shot shot)
{
    if (state->n_shots == state->capacity) {
        const size_t capacity = state->capacity ? 2 * state->capacity : 4 * (size_t)N_CHANNELS;
        TRY(mem_resize(&state->shot, state->n_shots, capacity, sizeof *state->shot));
        state->capacity = capacity;
    }
    state->shot[state->n_shots++] = shot;
    return ERR_OK;
}

static enum err event(struct step *s)
{
    const struct laser_calib_cfg *cfg = s->cfg;
    struct state *state               = s->state;
    const struct laser_pulse_view v   = laser_pulse_view(s->in[0]);
    add_times(cfg, &v, state);
    for (size_t i = 0; i < v.n; i++) {
        if (!is_usable(cfg, &v, i)) continue;
        if (v.status[i] & NO_MONITOR) {
            state->n_without_monitor++;
            continue;
        }
        const double response = (double)v.response[i];
        struct channel *c     = &state->channel[channel_of(&v, i)];
        struct shot shot      = {(uint16_t)channel_of(&v, i), v.kind[i], (float)(v.t_fill_ns[i] * 1e-3), 0.0F,
                                 v.response[i]};
        if (v.kind[i] == KIND_SYNC || v.kind[i] == KIND_OUT_OF_FILL) {
            c->n_response++;
            c->sum_response += response;
            c->sum_response2 += response * response;
        } else if (v.kind[i] == KIND_IN_FILL && v.t_fill_ns[i] > 1e3 * cfg->first_us) {
            TRY(keep(state, shot));
        } else if (v.kind[i] == KIND_SECOND) {
            shot.time       = v.delay_ns[i];
            shot.energy_GeV = (float)((double)v.first_adc[i] * state->MeV_per_adc[shot.channel] * 1e-3);
            if (isfinite(shot.energy_GeV)) TRY(keep(state, shot));
        }
    }
    return ERR_OK;
}

/* ---- a unit -------------------------------------------------------------------------------------------------------------- */
static enum err begin_unit(struct step *s)
{
    const struct laser_calib_cfg *cfg = s->cfg;
    struct state *state               = s->state;
    const struct cond_interval *interval;
    state->n_shots = state->n_without_monitor = 0;
    memset(state->channel, 0, sizeof state->channel);
    for (int k = 0; k < N_CHANNELS; k++) state->MeV_per_adc[k] = cfg->energy_scale_MeV_per_adc;
    if (!cfg->uses_energy_scale) return ERR_OK;
    TRY(cond_use_at(s->job->conditions, state->scale, s->unit->run, s->unit->subrun, 0, &interval));
    return cond_use_channels(s->job->conditions, state->scale, interval, "energy_per_count", state->MeV_per_adc);
}

static void fill_sums(struct hist *const h[N_SUMS], const struct shot *shot, double gain)
{
    const double weight[N_SUMS] = {1.0, gain, 1e3 * (double)shot->time, 1e3 * (double)shot->energy_GeV};
    for (int i = 0; i < N_SUMS && h[i]; i++) hist_fill(h[i], shot->channel, (double)shot->time, weight[i]);
}

static enum err end_unit(struct step *s)
{
    const struct laser_calib_cfg *cfg = s->cfg;
    struct state *state               = s->state;
    TRY(block_resize(s->out[0], N_CHANNELS));
    struct laser_sum_view v = laser_sum_view(s->out[0]);
    if (state->n_without_monitor)
        log_warn("run %u subrun %u: %zu laser pulses without a source monitor count for times alone (LaserFit: "
                 "needs_monitor)",
                 s->unit->run, s->unit->subrun, state->n_without_monitor);
    for (int k = 0; k < N_CHANNELS; k++) {
        const struct channel *c = &state->channel[k];
        v.calo[k]               = (uint8_t)(1 + k / N_CRYSTALS);
        v.crystal[k]            = (uint8_t)(k % N_CRYSTALS);
        v.n_response[k]         = c->n_response;
        v.sum_response[k]       = c->sum_response;
        v.sum_response2[k]      = c->sum_response2;
        v.n_time[k]             = c->n_time;
        v.sum_dt_ns[k]          = c->sum_dt_ns;
        v.sum_dt2_ns2[k]        = c->sum_dt2_ns2;
    }
    for (size_t i = 0; i < state->n_shots; i++) {
        const struct shot *shot = &state->shot[i];
        const struct channel *c = &state->channel[shot->channel];
        if (c->n_response < (uint32_t)cfg->min_pulses) continue;
        fill_sums(shot->kind == KIND_SECOND ? state->stdp : state->ifg, shot,
                  (double)shot->response * c->n_response / c->sum_response);
    }
    return ERR_OK;
}

static const struct port in[]  = {{&table_laser_pulse, NULL, false}, {0}};
static const struct port out[] = {{&table_laser_sum, NULL, false}, {0}};

const struct module module_laser_calib = {
    .name   = "LaserCalib",
    .kind   = MODULE_ANALYZER,
    .doc    = "Sums laser pulses a subrun: responses outside the fill and times of sync pulses (table laser_sum), and, "
              "relative to the subrun's response outside the fill, the gain at in-fill shots against the time after "
              "injection "
              "and at second pulses against the delay (histograms laser/ifg_*, laser/stdp_*). gm2 calib makes constants "
              "of them.",
    .source = "order of gain corrections: reference formats 5.2, physics 5.6; bins and cuts ours",
    .fields = laser_calib_cfg_fields,
    .cfg_size   = sizeof(struct laser_calib_cfg),
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
