/* Module Gain: the constants of each channel applied to the fitted pulses. */
#include "bank.h"
#include "cond_use.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
#define GAIN_CFG(F, S)                                                                                                \
    F(S, flag, energy_scale,   true,    0, 1, "1", "energy = fitted height times the channel's energy_per_count; false: as the fit has it") \
    F(S, flag, oof,            true,    0, 1, "1", "divide by the out-of-fill gain")                                  \
    F(S, flag, stdp,           true,    0, 1, "1", "divide by the short-term gain after earlier pulses of the crystal") \
    F(S, flag, ifg,            true,    0, 1, "1", "divide by the in-fill gain (muon fills)")                         \
    F(S, flag, time_alignment, true,    0, 1, "1", "take the channel's time offset off")                              \
    F(S, str,  channel_status, "drop",  0, 0, "drop|flag|off", "pulses of dead and hot channels: dropped, or kept with bit 32 of their status") \
    F(S, str,  missing,        "error", 0, 0, "error|flag", "no constants for a subrun or a channel: end the job at its start, or leave the pulse as it is in that respect, with bit 16 of its status")
/* clang-format on */
CFG_DECLARE(gain_cfg, GAIN_CFG)

enum { IN_PULSE, IN_FILL };
enum { MISSING_CONSTANT = 16, BAD_CHANNEL = 32 };
#define MAX_SAG 0.9  /* a sum of sags above it is none that light can make */
enum { REACH = 12 }; /* decay times after which an earlier pulse no longer counts: 6e-6 of its sag */

enum constant { SCALE, OOF, STDP, IFG, OFFSET, STATUS, N_CONSTANTS };
static const char *const table_of[N_CONSTANTS] = {"energy_scale",   "oof_correction", "stdp_correction",
                                                  "ifg_correction", "time_alignment", "channel_status"};

/* The constants of a channel, as the loops want them. */
struct channel {
    double GeV_per_adc, per_oof;          /* per_oof: 1 / gain */
    double stdp_per_GeV, stdp_per_tau_ns; /* per_tau: 1 / tau; sag 0: no correction */
    double ifg_amplitude, ifg_per_tau_ns;
    double offset_ns;
    bool is_missing, is_status_missing, is_bad;
};

struct state {
    bool is_used[N_CONSTANTS];
    int handle[N_CONSTANTS];
    const struct cond_interval *channel_status; /* in force */
    bool has_status;                            /* channel_status is set, also if NULL */
    struct channel channel[COND_CHANNELS];
    struct channel mean[N_CALOS]; /* over a calorimeter's channels: for light that no one channel has */
    double value[COND_CHANNELS];
    uint32_t start[COND_CHANNELS + 1];
    size_t capacity;
    struct hit {
        double t_ns, energy_GeV;
        uint32_t row;
    } * hit; /* [capacity] by channel, then time */
};

/* ---- constants ----------------------------------------------------------------------------------------------------- */
static enum err begin(struct step *s)
{
    const struct gain_cfg *cfg      = s->cfg;
    const bool is_used[N_CONSTANTS] = {
        cfg->energy_scale, cfg->oof, cfg->stdp, cfg->ifg, cfg->time_alignment, cfg->channel_status[0] != 'o'};
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state = state;
    memcpy(state->is_used, is_used, sizeof is_used);
    for (int k = 0; k < N_CONSTANTS; k++)
        if (is_used[k])
            TRY(cond_use_want(s->job->conditions, table_of[k], cfg->missing[0] == 'e', s->label, &state->handle[k]));
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    mem_free(state->hit);
    mem_free(state);
    s->state = NULL;
}

/* One column into a member of each channel; values outside (low, high] count as missing. */
static enum err take(const struct step *s, enum constant k, const struct cond_interval *interval, const char *column,
                     double low, double high, size_t member)
{
    struct state *state = s->state;
    TRY(cond_use_channels(s->job->conditions, state->handle[k], interval, column, state->value));
    for (int c = 0; c < COND_CHANNELS; c++) {
        struct channel *channel = &state->channel[c];
        if (state->value[c] > low && state->value[c] <= high)
            *(double *)((char *)channel + member) = state->value[c];
        else
            channel->is_missing = true;
    }
    return ERR_OK;
}

/* The sum of traces is light times scale and gain, so these are averaged, not their inverses. */
static void average(struct state *state, int calo)
{
    const struct channel *c = &state->channel[calo * N_CRYSTALS];
    struct channel *mean    = &state->mean[calo];
    double n = 0.0, adc_per_GeV = 0.0, oof = 0.0;
    *mean = (struct channel){.per_oof = 1.0};
    for (int k = 0; k < N_CRYSTALS; k++) {
        if (c[k].is_missing) continue;
        n += 1.0;
        adc_per_GeV += c[k].GeV_per_adc > 0.0 ? 1.0 / c[k].GeV_per_adc : 0.0;
        oof += 1.0 / c[k].per_oof;
        mean->ifg_amplitude += c[k].ifg_amplitude;
        mean->ifg_per_tau_ns += c[k].ifg_per_tau_ns;
    }
    if (n < 1.0) return;
    mean->GeV_per_adc = adc_per_GeV > 0.0 ? n / adc_per_GeV : 0.0;
    mean->per_oof     = n / oof;
    mean->ifg_amplitude /= n;
    mean->ifg_per_tau_ns /= n;
}

/* Into the form that the loop wants. */
static void prepare(struct channel *v)
{
    v->GeV_per_adc *= 1e-3;
    v->per_oof         = 1.0 / v->per_oof;
    v->stdp_per_tau_ns = v->stdp_per_tau_ns > 0.0 ? 1.0 / v->stdp_per_tau_ns : 0.0;
    v->ifg_per_tau_ns  = v->ifg_per_tau_ns > 0.0 ? 1e-3 / v->ifg_per_tau_ns : 0.0; /* given in us */
    if (!(v->stdp_per_tau_ns > 0.0)) v->stdp_per_GeV = 0.0;
    if (!(v->ifg_per_tau_ns > 0.0)) v->ifg_amplitude = 0.0;
}

static enum err begin_unit(struct step *s)
{
    static const struct {
        enum constant table;
        const char *column;
        double low, high;
        size_t member;
    } columns[] = {
        {SCALE, "energy_per_count", 0.0, HUGE_VAL, offsetof(struct channel, GeV_per_adc)},
        {OOF, "oofcorrection", 0.0, HUGE_VAL, offsetof(struct channel, per_oof)},
        {STDP, "amplitude", -1.0, 1.0, offsetof(struct channel, stdp_per_GeV)},
        {STDP, "tau", 0.0, HUGE_VAL, offsetof(struct channel, stdp_per_tau_ns)},
        {IFG, "amplitude", -1.0, 1.0, offsetof(struct channel, ifg_amplitude)},
        {IFG, "tau", 0.0, HUGE_VAL, offsetof(struct channel, ifg_per_tau_ns)},
        {OFFSET, "time_offset", -HUGE_VAL, HUGE_VAL, offsetof(struct channel, offset_ns)},
    };
    struct state *state = s->state;
    const struct cond_interval *interval;
    for (int c = 0; c < COND_CHANNELS; c++) state->channel[c] = (struct channel){.per_oof = 1.0};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        enum constant k = columns[i].table;
        if (!state->is_used[k]) continue;
        TRY(cond_use_at(s->job->conditions, state->handle[k], s->unit->run, s->unit->subrun, 0, &interval));
        TRY(take(s, k, interval, columns[i].column, columns[i].low, columns[i].high, columns[i].member));
    }
    for (int c = 0; c < COND_CHANNELS; c++) prepare(&state->channel[c]);
    for (int calo = 0; calo < N_CALOS; calo++) average(state, calo);
    state->has_status = false;
    return ERR_OK;
}

/* Dead and hot channels may change at an event. */
static enum err find_bad_channels(struct step *s)
{
    struct state *state       = s->state;
    struct cond_use *use      = s->job->conditions;
    const struct fill *f      = &s->fill;
    static const char *bad[2] = {"is_dead", "is_hot"};
    const struct cond_interval *interval;
    if (!state->is_used[STATUS]) return ERR_OK;
    TRY(cond_use_at(use, state->handle[STATUS], f->run, f->subrun, f->event, &interval));
    if (state->has_status && interval == state->channel_status) return ERR_OK;
    for (int c = 0; c < COND_CHANNELS; c++) state->channel[c].is_bad = state->channel[c].is_status_missing = false;
    for (int k = 0; k < 2; k++) {
        TRY(cond_use_channels(use, state->handle[STATUS], interval, bad[k], state->value));
        for (int c = 0; c < COND_CHANNELS; c++) {
            state->channel[c].is_bad |= state->value[c] > 0.5;
            state->channel[c].is_status_missing |= isnan(state->value[c]);
        }
    }
    state->channel_status = interval;
    state->has_status     = true;
    return ERR_OK;
}

/* ---- pulses -------------------------------------------------------------------------------------------------------- */
static int channel_of(const struct pulse_view *pulse, size_t i)
{
    bool is_one = pulse->calo[i] >= 1 && pulse->calo[i] <= N_CALOS && pulse->crystal[i] < N_CRYSTALS;
    return is_one ? (pulse->calo[i] - 1) * N_CRYSTALS + pulse->crystal[i] : -1;
}

/* Rows by channel; those that belong to none are left out. */
static enum err sort_by_channel(struct state *state, const struct pulse_view *pulse)
{
    uint32_t *start = state->start;
    if (pulse->n > state->capacity) {
        mem_free(state->hit);
        state->hit      = NULL;
        state->capacity = 0;
        TRY(mem_alloc(&state->hit, 2 * pulse->n, sizeof *state->hit));
        state->capacity = 2 * pulse->n;
    }
    memset(start, 0, sizeof state->start);
    for (size_t i = 0; i < pulse->n; i++) {
        int c = channel_of(pulse, i);
        if (c >= 0) start[c]++;
    }
    for (int c = 1; c <= COND_CHANNELS; c++) start[c] += start[c - 1];
    for (size_t i = pulse->n; i-- > 0;) {
        int c = channel_of(pulse, i);
        if (c >= 0) state->hit[--start[c]] = (struct hit){pulse->t_fill_ns[i], 0.0, (uint32_t)i};
    }
    return ERR_OK;
}

/* In order of time; they nearly are, and few. */
static void sort_by_time(struct hit *hit, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct hit h = hit[i];
        size_t k     = i;
        for (; k > 0 && hit[k - 1].t_ns > h.t_ns; k--) hit[k] = hit[k - 1];
        hit[k] = h;
    }
}

static double in_fill_gain(const struct channel *c, double t_ns)
{
    double x = t_ns * c->ifg_per_tau_ns;
    return x >= 0.0 && x < 40.0 ? 1.0 - c->ifg_amplitude * exp(-x) : 1.0;
}

/* What the earlier pulses of the crystal, with their true energies, leave for pulse i. */
static double short_term_gain(const struct channel *c, const struct hit *hit, size_t i)
{
    double sag = 0.0;
    for (size_t j = i; j-- > 0;) {
        double x = (hit[i].t_ns - hit[j].t_ns) * c->stdp_per_tau_ns;
        if (x > REACH) break;
        sag += hit[j].energy_GeV * exp(-x);
    }
    sag *= c->stdp_per_GeV;
    return sag < MAX_SAG ? 1.0 - sag : 1.0 - MAX_SAG;
}

/* The light below threshold is that of the other crystals: corrected with the calorimeter's means. */
static double faint_factor(const struct state *state, const struct pulse_view *v, uint32_t row, double t_ns,
                           bool is_ifg)
{
    const struct channel *mean = &state->mean[v->calo[row] - 1];
    double factor              = is_ifg ? mean->per_oof / in_fill_gain(mean, t_ns) : mean->per_oof;
    bool is_scaled             = mean->GeV_per_adc > 0.0 && v->energy_GeV[row] > 0.0;
    return is_scaled ? factor * mean->GeV_per_adc * (double)v->amplitude_adc[row] / v->energy_GeV[row] : factor;
}

static void correct(const struct state *state, const struct channel *c, struct hit *hit, size_t i, bool is_ifg,
                    struct pulse_view *v)
{
    uint32_t row  = hit[i].row;
    double before = v->energy_GeV[row], t_ns = hit[i].t_ns - c->offset_ns;
    double energy = c->GeV_per_adc > 0.0 ? (double)v->amplitude_adc[row] * c->GeV_per_adc : before;
    double factor = c->per_oof;
    if (c->stdp_per_tau_ns > 0.0) factor /= short_term_gain(c, hit, i);
    if (is_ifg) factor /= in_fill_gain(c, t_ns);
    double faint = faint_factor(state, v, row, t_ns, is_ifg);
    energy *= factor;
    hit[i].energy_GeV  = energy;
    float ratio        = (float)(before > 0.0 ? energy / before : factor);
    v->t_fill_ns[row]  = t_ns;
    v->energy_GeV[row] = energy;
    v->sig_energy_GeV[row] *= ratio;
    v->cov_t_energy[row] *= ratio;
    v->faint_energy_GeV[row] *= (float)faint;
    if (c->is_missing || c->is_status_missing) v->status[row] |= MISSING_CONSTANT;
    if (c->is_bad) v->status[row] |= BAD_CHANNEL;
}

static enum err copy(const struct block *from, struct block *to)
{
    TRY(block_resize(to, from->n));
    for (size_t c = 0; c < from->table->n_columns && from->n; c++) {
        const struct column *column = &from->table->columns[c];
        memcpy(to->data[c], from->data[c], from->n * column->width * column_size(column->type));
    }
    return ERR_OK;
}

/* Takes out the pulses of bad channels; the order of the others stays. */
static enum err drop_bad(struct block *block)
{
    struct pulse_view v = pulse_view(block);
    size_t kept         = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.status[i] & BAD_CHANNEL) continue;
        for (size_t c = 0; c < block->table->n_columns && kept < i; c++) {
            size_t size = block->table->columns[c].width * column_size(block->table->columns[c].type);
            memcpy((char *)block->data[c] + kept * size, (char *)block->data[c] + i * size, size);
        }
        kept++;
    }
    return block_resize(block, kept);
}

static enum err event(struct step *s)
{
    const struct gain_cfg *cfg = s->cfg;
    struct state *state        = s->state;
    struct fill_view fill      = fill_view(s->in[IN_FILL]);
    bool is_ifg                = state->is_used[IFG] && fill.n == 1 && fill.fill_type[0] == BANK_MUON;
    TRY(find_bad_channels(s));
    TRY(copy(s->in[IN_PULSE], s->out[0]));
    struct pulse_view v = pulse_view(s->out[0]);
    TRY(sort_by_channel(state, &v));
    for (int c = 0; c < COND_CHANNELS; c++) {
        struct hit *hit = &state->hit[state->start[c]];
        size_t n        = state->start[c + 1] - state->start[c];
        if (n == 0) continue;
        sort_by_time(hit, n);
        for (size_t i = 0; i < n; i++) correct(state, &state->channel[c], hit, i, is_ifg, &v);
    }
    return cfg->channel_status[0] == 'd' ? drop_bad(s->out[0]) : ERR_OK;
}

static const struct port in[]  = {{&table_pulse, NULL, false}, {&table_fill, "fill_type", false}, {0}};
static const struct port out[] = {{&table_pulse, NULL, false}, {0}};

const struct module module_gain = {
    .name = "Gain",
    .kind = MODULE_PRODUCER,
    .doc =
        "Applies the constants of each channel, from services.conditions, to the fitted pulses: energy scale, gain out "
        "of fill, short-term gain after earlier pulses of the crystal, gain in the fill, time offset, dead and hot "
        "channels. Energies are divided by gains.",
    .source =
        "order and formulas: Kinnaird, thesis (Boston 2020); gain in the fill: Run-1 omega_a paper, Phys. Rev. D 103, "
        "072002 (2021)",
    .fields     = gain_cfg_fields,
    .cfg_size   = sizeof(struct gain_cfg),
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
