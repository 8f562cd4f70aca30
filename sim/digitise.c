/* The module: light in crystals becomes the MIDAS event that the DAQ would write of this fill. */
#include "digitise.h"
#include "bank.h"
#include "digitise_q.h"
#include "digitise_source.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define DIGITISE_CFG(F, S)                                                                                    \
    F(S, str,  preset,            "run6-like", 0, 0, "run6-like|run1-like", "electronics: run6-like: pedestal -1700, positive pulses, threshold +60, 8 + 18 samples around an island; run1-like: +1700, negative, -300, 8 + 16 (MIPs do not trigger)") \
    F(S, i64,  threshold_adc,     0,     -4095, 4095,   "adc", "island threshold against the fill pedestal; its sign is the polarity of pulses; 0: the preset's") \
    F(S, i64,  presamples,        -1,       -1, 1000,   "ct",  "samples kept before a trigger; -1: the preset's") \
    F(S, i64,  postsamples,       -1,       -1, 1000,   "ct",  "samples kept after a trigger; -1: the preset's") \
    F(S, f64,  pedestal_adc,      0,     -2048, 2047,   "adc", "pedestal; 0: the preset's") \
    F(S, f64,  pedestal_spread_adc, 5,       0, 100,    "adc", "channels differ by a fixed offset, uniform in +- this (ours)") \
    F(S, i64,  n_samples,         560000, 1024, 1000000, "ct", "record of a muon fill, a multiple of 8") \
    F(S, i64,  injection_sample,  24000,     0, 1000000, "ct", "sample of injection, t = 0 (ours)") \
    F(S, i64,  first_chop_sample, 0,         0, 1000000, "ct", "first sample that may trigger") \
    F(S, i64,  last_chop_sample,  -1,       -1, 1000000, "ct", "last sample that may trigger; -1: the record's last") \
    F(S, f64,  GeV_per_adc,       0.0016, 1e-5, 1,      "GeV", "energy of one count of peak amplitude") \
    F(S, f64,  noise_rms_adc,     1.5,       0, 200,    "adc", "white noise of a sample, before rounding") \
    F(S, i64,  cs_decimation,     32,        1, 1000,   "ct",  "samples in one element of the calorimeter sum") \
    F(S, f64,  ctag_energy_GeV,   2.0,       0, 100,    "GeV", "calorimeter sum above which an extremum counts as CTAG") \
    F(S, f64,  ctag_after_us,     50,        0, 1000,   "us",  "CTAG counts later than this after injection") \
    F(S, i64,  sync_sample,       8000,      0, 1000000, "ct", "sample of the sync pulse (ours)") \
    F(S, f64,  laser_adc,         400,       0, 4000,   "adc", "mean peak amplitude of laser pulses (ours)") \
    F(S, f64,  pe_per_MeV,        0.8,       0, 100,    "1",   "photo-electrons for the laser pulses' fluctuation; 0: none") \
    F(S, i64,  laser_every,       0,         0, 1000,   "1",   "in-fill laser pulse in every n-th fill, its time stepped by 5 us; 0: never (running: 10)") \
    F(S, f64,  t0_adc,            1500,      0, 4000,   "adc", "highest sample of the T0 counter (ours)") \
    F(S, str,  t0_profile,        "w",       0, 0,      "w|gauss", "time profile of the bunch in the T0 counter, its mean time is injection") \
    F(S, f64,  ifg_amplitude,     0.03,      0, 0.5,    "1",   "C_A") \
    F(S, f64,  ifg_spread,        0.1,       0, 0.5,    "1",   "rms of C_A from crystal to crystal, relative") \
    F(S, f64,  ifg_tau_us,        8,      0.01, 1000,   "us",  "recovery time of the in-fill sag") \
    F(S, f64,  stdp_per_GeV,      0.03,      0, 1,      "1/GeV", "sag right after a pulse, per its energy") \
    F(S, f64,  stdp_tau_ns,       15,     0.01, 1e5,    "ns",  "recovery time of the short-term sag") \
    F(S, f64,  oof_per_hour,      0.01,     -1, 1,      "1/h", "common drift from the run's start") \
    F(S, f64,  oof_walk,          0.002,     0, 0.1,    "1",   "rms step of each crystal's random walk, a subrun") \
    F(S, i64,  run_start_unix_s,  1524400000, 0, 4000000000, "s", "when the drift was 0") \
    F(S, flag, sync_is_on,        true,      0, 1,      "1",   "laser sync pulse before injection, in all crystals") \
    F(S, flag, t0_is_on,          true,      0, 1,      "1",   "T0 counter's crate") \
    F(S, flag, gain_ifg,          false,     0, 1,      "1",   "in-fill gain sag 1 - C_A e^(-t/tau)") \
    F(S, flag, gain_stdp,         false,     0, 1,      "1",   "short-term sag after an earlier pulse of the crystal") \
    F(S, i64,  q_flush_fills,     0,         0, 1000,   "1",   "Q histograms (CQ banks): muon fills in a sum; 0: none are made (Run 6: 4)") \
    F(S, i64,  q_decimation,      60,        1, 10000,  "ct",  "samples in a bin of the Q histograms (75 ns; Run 6: 30)") \
    F(S, i64,  q_first_sample,    0,         0, 1000000, "ct", "first sample of the Q histograms") \
    F(S, i64,  q_last_sample,     -1,       -1, 1000000, "ct", "their last sample; -1: the record's last") \
    F(S, f64,  q_sag_adc,         0,     -1000, 1000,   "adc", "pedestals in the Q histograms are lower by this at injection ...") \
    F(S, f64,  q_sag_tau_us,      30,     0.01, 1e4,    "us",  "... and recover with this time (ours)") \
    F(S, flag, gain_oof,          false,     0, 1,      "1",   "long-term drift and walk")
/* clang-format on */
CFG_DECLARE(digitise_cfg, DIGITISE_CFG)

static const struct port inputs[]  = {{&table_crystal_hit, "calo crystal t_fill_ns energy_GeV", false}, {0}};
static const struct port outputs[] = {{&table_raw, NULL, false}, {&table_odb, NULL, false}, {0}};
enum { IN_HIT = 0, OUT_RAW = 0, OUT_ODB = 1 };

static const struct preset {
    const char *name;
    int32_t threshold_adc, presamples, postsamples;
    double pedestal_adc;
} presets[] = {
    {"run6-like", 60, 8, 18, -1700.0},
    {"run1-like", -300, 8, 16, 1700.0},
};

struct state {
    struct digitise_front front;
    const struct preset *preset;
    double pedestal_adc;
    struct digitise_fill light;
    struct digitise_gain gain;
    struct digitise_crate crate;
    struct midas_build event;
    struct digitise_q q;
    float *work; /* calorimeter sum, one crate */
    size_t n_sums;
    float level_adc[DIGITISE_CHANNELS]; /* of the run `level_run` */
    uint32_t level_run, oof_subrun;
    bool has_level, has_oof;
};

/* ---- settings ------------------------------------------------------------------------------------------------------ */
static enum err set_front(const struct digitise_cfg *cfg, struct state *s, struct digitise_front *front)
{
    s->preset = &presets[0];
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (strcmp(cfg->preset, presets[i].name) == 0) s->preset = &presets[i];
    const struct preset *p = s->preset;
    front->n_samples       = (int32_t)cfg->n_samples;
    REQUIRE(front->n_samples % 8 == 0, ERR_CONFIG, "n_samples: %d is not a multiple of 8", front->n_samples);
    REQUIRE(cfg->injection_sample < cfg->n_samples && cfg->sync_sample < cfg->n_samples, ERR_CONFIG,
            "injection_sample and sync_sample must lie in the record of %d samples", front->n_samples);
    front->first_chop       = (int32_t)cfg->first_chop_sample;
    front->last_chop        = cfg->last_chop_sample < 0 || cfg->last_chop_sample >= cfg->n_samples
                                  ? front->n_samples - 1
                                  : (int32_t)cfg->last_chop_sample;
    front->threshold_adc    = cfg->threshold_adc ? (int32_t)cfg->threshold_adc : p->threshold_adc;
    front->presamples       = cfg->presamples >= 0 ? (int32_t)cfg->presamples : p->presamples;
    front->postsamples      = cfg->postsamples >= 0 ? (int32_t)cfg->postsamples : p->postsamples;
    front->pedestal_samples = 100;
    front->cs_decimation    = (int32_t)cfg->cs_decimation;
    front->noise_rms_adc    = (float)cfg->noise_rms_adc;
    /* islands are looked for around pulses alone: noise, 4.2 rms at most, must not cross by itself */
    REQUIRE(4.8 * cfg->noise_rms_adc + 1.0 < abs(front->threshold_adc), ERR_CONFIG,
            "noise_rms_adc %g would trigger without pulses at threshold_adc %d; at most %.3g is accepted",
            cfg->noise_rms_adc, front->threshold_adc, (abs(front->threshold_adc) - 1.0) / 4.8);
    front->ctag_threshold_adc = (int32_t)lrint(cfg->ctag_energy_GeV / cfg->GeV_per_adc);
    front->ctag_first_sample  = (int32_t)(cfg->injection_sample + lrint(cfg->ctag_after_us * 1000.0 / SAMPLE_NS));
    /* a preset's pedestal lies where its polarity needs it; with the other polarity it changes sides */
    bool is_turned  = (front->threshold_adc > 0) != (p->threshold_adc > 0);
    s->pedestal_adc = cfg->pedestal_adc != 0.0 ? cfg->pedestal_adc : is_turned ? -p->pedestal_adc : p->pedestal_adc;
    return ERR_OK;
}

static enum err set_q(const struct digitise_cfg *cfg, struct digitise_q *q)
{
    int32_t end         = (int32_t)cfg->n_samples;
    q->n_flush          = (int32_t)cfg->q_flush_fills;
    q->decimation       = (int32_t)cfg->q_decimation;
    q->sag_adc          = cfg->q_sag_adc;
    q->sag_tau_samples  = cfg->q_sag_tau_us * 1000.0 / SAMPLE_NS;
    q->injection_sample = (int32_t)cfg->injection_sample;
    bool is_inside      = cfg->q_last_sample >= 0 && cfg->q_last_sample < cfg->n_samples;
    return digitise_q_create((int32_t)cfg->q_first_sample, is_inside ? (int32_t)cfg->q_last_sample : end - 1, q);
}

static enum err begin(struct step *step)
{
    const struct digitise_cfg *cfg = step->cfg;
    struct state *s;
    TRY(mem_alloc(&s, 1, sizeof *s));
    step->state = s;
    TRY(set_front(cfg, s, &s->front));
    s->n_sums = (size_t)(s->front.n_samples / s->front.cs_decimation);
    TRY(mem_alloc(&s->work, s->n_sums, sizeof *s->work));
    TRY(set_q(cfg, &s->q));
    s->gain.is_ifg           = cfg->gain_ifg;
    s->gain.is_stdp          = cfg->gain_stdp;
    s->gain.is_oof           = cfg->gain_oof;
    s->gain.ifg_tau_ns       = cfg->ifg_tau_us * 1000.0;
    s->gain.stdp_per_GeV     = cfg->stdp_per_GeV;
    s->gain.stdp_tau_ns      = cfg->stdp_tau_ns;
    s->gain.GeV_per_adc      = cfg->GeV_per_adc;
    s->gain.injection_sample = (double)cfg->injection_sample;
    return ERR_OK;
}

static void end(struct step *step)
{
    struct state *s = step->state;
    if (!s) return;
    digitise_fill_free(&s->light);
    digitise_crate_free(&s->crate);
    midas_build_free(&s->event);
    digitise_q_free(&s->q);
    mem_free(s->work);
    mem_free(s);
    step->state = NULL;
}

/* ---- the run's settings as text ------------------------------------------------------------------------------------ */
static enum err put_crate(const struct digitise_cfg *cfg, const struct state *s, int crate, struct odb *odb)
{
    struct odb_crate c = {
        .crate            = crate,
        .n_samples        = s->front.n_samples,
        .threshold_adc    = s->front.threshold_adc,
        .polarity         = s->front.threshold_adc > 0 ? 1 : -1,
        .presamples       = s->front.presamples,
        .postsamples      = s->front.postsamples,
        .sum_decimation   = s->front.cs_decimation,
        .q_decimation     = (int32_t)cfg->q_decimation,
        .injection_sample = (int32_t)cfg->injection_sample,
    };
    snprintf(c.preset, sizeof c.preset, "%s", s->preset->name);
    if (crate <= N_CALOS)
        odb_channel_map(c.channel_map);
    else
        for (int i = 0; i < ODB_CHANNELS; i++) c.channel_map[i] = i < DIGITISE_T0_SEGMENT ? i : -1;
    TRY(odb_put_crate(odb, &c));
    if (crate > N_CALOS || cfg->q_flush_fills == 0) return ERR_OK;
    char path[96];
    snprintf(path, sizeof path, "/Equipment/AMC13%02d/Settings/Q histogram flush", crate);
    return odb_set_i32(odb, path, (int32_t)cfg->q_flush_fills);
}

static enum err fill_odb(const struct step *step, const struct state *s, struct odb *odb)
{
    const struct digitise_cfg *cfg = step->cfg;
    TRY(odb_set_i32(odb, "/Experiment/Run number", (int32_t)step->unit->run));
    for (int crate = 1; crate <= (cfg->t0_is_on ? DIGITISE_CRATES : N_CALOS); crate++)
        TRY(put_crate(cfg, s, crate, odb));
    if (!step->job) return ERR_OK;
    TRY(odb_set_string(odb, "/gm2/release", step->job->release ? step->job->release : ""));
    TRY(odb_set_string(odb, "/gm2/git", step->job->git_commit ? step->job->git_commit : ""));
    TRY(odb_set_string(odb, "/gm2/fcl hash", step->job->config_id ? step->job->config_id : ""));
    return ERR_OK;
}

static enum err begin_unit(struct step *step)
{
    struct state *s   = step->state;
    struct block *out = step->out[OUT_ODB];
    struct odb *odb;
    char *text = NULL;
    size_t n;
    enum err rc = ERR_OK;
    digitise_q_clear(&s->q);
    TRY(odb_create(&odb));
    TRY_TO(out, fill_odb(step, s, odb));
    TRY_TO(out, odb_xml(odb, &text, &n));
    TRY_TO(out, block_resize(out, n));
    memcpy(odb_view(out).byte, text, n);
out:
    mem_free(text);
    odb_free(odb);
    return rc;
}

/* ---- what is fixed for a run or a subrun ------------------------------------------------------------------------------ */
static struct rng of_run(const struct step *step, uint32_t subrun, uint32_t sequence)
{
    struct rng_key key = step->rng; /* events count from 1, so event 0 is free for what belongs to no fill */
    key.event          = 0;
    key.subrun         = subrun;
    return rng_start(key, sequence);
}

static void set_levels(const struct step *step, struct state *s)
{
    const struct digitise_cfg *cfg = step->cfg;
    if (s->has_level && s->level_run == step->fill.run) return;
    s->has_level = true;
    s->level_run = step->fill.run;
    s->has_oof   = false;
    for (uint32_t c = 0; c < DIGITISE_CHANNELS; c++) {
        struct rng rng  = of_run(step, 0, DIGITISE_LEVEL | c);
        s->level_adc[c] = (float)(s->pedestal_adc + cfg->pedestal_spread_adc * (2.0 * rng_uniform(&rng) - 1.0));
    }
    for (uint32_t c = 0; c < N_CALOS * N_CRYSTALS; c++) {
        struct rng rng           = of_run(step, 0, DIGITISE_IFG | c);
        double spread            = cfg->ifg_spread * rng_normal(&rng);
        s->gain.ifg_amplitude[c] = (float)fmax(0.0, cfg->ifg_amplitude * (1.0 + spread));
    }
}

/* A walk over all subruns up to this one: the same whoever makes which subrun. */
static void set_oof(const struct step *step, struct state *s)
{
    const struct digitise_cfg *cfg = step->cfg;
    if (s->has_oof && s->oof_subrun == step->fill.subrun) return;
    double hours  = (double)(step->fill.unix_time_s - cfg->run_start_unix_s) / 3600.0;
    s->has_oof    = true;
    s->oof_subrun = step->fill.subrun;
    for (uint32_t c = 0; c < N_CALOS * N_CRYSTALS; c++) {
        double walk = 0.0;
        for (uint32_t subrun = 0; subrun <= step->fill.subrun; subrun++) {
            struct rng rng = of_run(step, subrun, DIGITISE_OOF | c);
            walk += cfg->oof_walk * rng_normal(&rng);
        }
        s->gain.oof[c] = (float)fmax(0.0, 1.0 + cfg->oof_per_hour * hours + walk);
    }
}

/* ---- one fill ------------------------------------------------------------------------------------------------------- */
static enum err add_hits(const struct step *step, struct digitise_fill *light)
{
    const struct digitise_cfg *cfg   = step->cfg;
    const struct crystal_hit_view in = crystal_hit_view(step->in[IN_HIT]);
    for (size_t i = 0; i < in.n; i++) {
        REQUIRE(in.calo[i] >= 1 && in.calo[i] <= N_CALOS && in.crystal[i] < N_CRYSTALS, ERR_DATA,
                "crystal_hit row %zu: calorimeter %d crystal %d, of 1..%d and 0..%d", i, in.calo[i], in.crystal[i],
                N_CALOS, N_CRYSTALS - 1);
        struct digitise_light one = {
            .sample        = (double)cfg->injection_sample + in.t_fill_ns[i] / SAMPLE_NS,
            .amplitude_adc = (float)(in.energy_GeV[i] / cfg->GeV_per_adc),
            .channel       = (uint16_t)digitise_channel(in.calo[i], in.crystal[i]),
            .kind          = PULSE_BEAM,
        };
        if (one.sample > -DIGITISE_SUPPORT && one.sample < (double)cfg->n_samples + DIGITISE_SUPPORT)
            TRY(digitise_add_light(light, one));
    }
    return ERR_OK;
}

static enum err add_sources(const struct step *step, struct digitise_fill *light)
{
    const struct digitise_cfg *cfg = step->cfg;
    const double pe_per_adc        = cfg->pe_per_MeV * cfg->GeV_per_adc * 1000.0;
    if (cfg->sync_is_on)
        TRY(digitise_laser(step->rng, DIGITISE_SYNC, (double)cfg->sync_sample, cfg->laser_adc, pe_per_adc, light));
    if (cfg->laser_every > 0 && step->fill.event % cfg->laser_every == 0) {
        enum { STEP_US = 5 };
        int64_t t_us  = step->fill.event / cfg->laser_every * STEP_US;
        double sample = (double)cfg->injection_sample +
                        fmod((double)t_us * 1000.0 / SAMPLE_NS, (double)(cfg->n_samples - cfg->injection_sample));
        TRY(digitise_laser(step->rng, DIGITISE_LASER, sample, cfg->laser_adc, pe_per_adc, light));
    }
    if (cfg->t0_is_on)
        TRY(digitise_t0(strcmp(cfg->t0_profile, "w") == 0, (double)cfg->injection_sample, cfg->t0_adc, light));
    return ERR_OK;
}

static enum err write_islands(const struct digitise_crate *crate, struct midas_build *event)
{
    struct bank_ct_build ct;
    const int16_t *adc = crate->adc;
    const uint32_t n   = (uint32_t)crate->n_segments;
    TRY(bank_ct_begin(event, crate->number, false, n, &ct));
    for (size_t i = 0; i < crate->n_windows; i++) {
        struct digitise_window w = crate->window[i];
        TRY(bank_ct_island(&ct, (uint32_t)w.first, (uint32_t)w.length, n));
        for (uint32_t segment = 0; segment < n; segment++, adc += w.length) TRY(bank_ct_trace(&ct, segment, adc));
    }
    return bank_ct_end(&ct, crate->ctag);
}

static enum err write_crate(const struct step *step, struct state *s, int number)
{
    const int64_t fill_number           = (int64_t)step->fill.event; /* in the subrun: units know no other */
    const struct bank_daq_header header = {
        .trigger_number = (uint32_t)fill_number,
        .clock_ticks    = (uint64_t)fill_number * 3500000, /* 40 MHz, 16 fills in 1.4 s */
        .fill_number    = (uint32_t)fill_number,
        .n_samples      = (uint32_t)s->front.n_samples,
        .n_channels     = (uint32_t)digitise_segments(number),
        .fill_type      = BANK_MUON,
    };
    struct digitise_crate *crate = &s->crate;
    int32_t *sums;
    crate->number = number;
    crate->fill   = &s->light;
    memcpy(crate->level_adc, s->level_adc + digitise_channel(number, 0),
           (size_t)digitise_segments(number) * sizeof *crate->level_adc);
    TRY(digitise_crate_make(&s->front, step->rng, crate));
    TRY(bank_daq_add(&s->event, number, &header));
    TRY(write_islands(crate, &s->event));
    TRY(bank_cp_add(&s->event, number, (uint32_t)crate->n_segments, crate->pedestal_adc));
    if (number == DIGITISE_T0_CRATE) return ERR_OK;
    TRY(bank_cs_begin(&s->event, number, (uint32_t)s->n_sums, &sums));
    digitise_calo_sum(&s->front, step->rng, crate, s->n_sums, s->work, sums);
    TRY(midas_build_bank_end(&s->event));
    return digitise_q_crate(&s->front, step->rng, crate, &s->q, &s->event);
}

static enum err event(struct step *step)
{
    const struct digitise_cfg *cfg = step->cfg;
    struct state *s                = step->state;
    struct block *raw              = step->out[OUT_RAW];
    set_levels(step, s);
    digitise_q_fill(&s->q);
    if (cfg->gain_oof) set_oof(step, s);
    s->light.n = 0;
    TRY(add_hits(step, &s->light));
    TRY(add_sources(step, &s->light));
    digitise_sort(&s->light);
    digitise_apply_gain(&s->light, &s->gain);
    digitise_make_pulses(&s->light, s->front.threshold_adc > 0 ? 1 : -1);
    /* art counts events from 1, MIDAS serial numbers from 0 */
    TRY(midas_build_begin(&s->event, MIDAS_ID_FILL, 0, step->fill.event - 1, (uint32_t)step->fill.unix_time_s));
    for (int crate = 1; crate <= (cfg->t0_is_on ? DIGITISE_CRATES : N_CALOS); crate++) TRY(write_crate(step, s, crate));
    TRY(midas_build_end(&s->event));
    TRY(block_resize(raw, s->event.n));
    memcpy(raw_view(raw).byte, s->event.bytes, s->event.n);
    return ERR_OK;
}

const struct module module_digitise = {
    .name = "Digitise",
    .kind = MODULE_PRODUCER,
    .doc  = "Light in crystals becomes waveforms (measured pulse shape, pile-up, noise, 12 bits), chopped into islands "
            "by the DAQ's rules, and the MIDAS event of the fill; no full record is ever made. Laser sync pulse, T0 "
            "counter, calorimeter sums, pedestals; gain sags, off by default.",
    .source = "pulse shape: SLAC 2016 test beam; chopping: the g-2 DAQ's GPU kernel; settings: Run-6 and code defaults",
    .fields = digitise_cfg_fields,
    .cfg_size   = sizeof(struct digitise_cfg),
    .in         = inputs,
    .out        = outputs,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
