/* The module: light in crystals becomes the MIDAS event that the DAQ would write of this fill. */
#include "digitise_aux.h"
#include "digitise_extra.h"
#include "digitise_q.h"
#include "digitise_raw.h"
#include "digitise_truth.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cfg_field digitise_cfg_fields[] = {DIGITISE_CFG(CFG_ENTRY, digitise_cfg){.name = NULL}};

static const struct port inputs[]  = {{&table_crystal_hit, "calo crystal t_fill_ns energy_GeV", false}, {0}};
static const struct port outputs[] = {
    {&table_raw, NULL, false}, {&table_odb, NULL, false}, {&table_gain_truth, NULL, false}, {0}};
enum { IN_HIT = 0, OUT_RAW = 0, OUT_ODB = 1, OUT_TRUTH = 2 };
enum { MONITOR_PRESAMPLES = 50, MONITOR_POSTSAMPLES = 250 };

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
    double pedestal_adc, max_noise_adc;
    struct digitise_fill light;
    struct digitise_truth truth;
    struct digitise_crate crate;
    struct midas_build event;
    struct digitise_q q;
    struct digitise_gpu gpu;
    float *work; /* calorimeter sum, one crate */
    size_t n_sums;
    bool is_told; /* the unit's constants, as a table */
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
    s->max_noise_adc = (abs(front->threshold_adc) - 1.0) / 4.8;
    REQUIRE(cfg->noise_rms_adc < s->max_noise_adc, ERR_CONFIG,
            "noise_rms_adc %g would trigger without pulses at threshold_adc %d; at most %.3g is accepted",
            cfg->noise_rms_adc, front->threshold_adc, s->max_noise_adc);
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
    if (cfg->fits_is_on) digitise_gpu_create(&s->gpu);
    return digitise_truth_begin(cfg, &s->truth);
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

/* Crates that write islands in muon fills. */
static bool is_on(const struct digitise_cfg *cfg, int crate)
{
    if (crate == DIGITISE_T0_CRATE) return cfg->t0_is_on;
    if (crate == DIGITISE_IBMS_CRATE) return cfg->ibms_is_on;
    if (crate == DIGITISE_HARP_CRATE) return cfg->harp_is_on;
    return crate <= N_CALOS;
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
        for (int i = 0; i < ODB_CHANNELS; i++) c.channel_map[i] = i < digitise_segments(crate) ? i : -1;
    TRY(odb_put_crate(odb, &c));
    if (crate > N_CALOS || cfg->q_flush_fills == 0) return ERR_OK;
    char path[96];
    snprintf(path, sizeof path, "/Equipment/AMC13%02d/Settings/Q histogram flush", crate);
    return odb_set_i32(odb, path, (int32_t)cfg->q_flush_fills);
}

/* What a catalogue wants to know and the events do not tell. */
static enum err put_words(const struct job_info *job, struct odb *odb)
{
    char path[80], value[256];
    const char *line = job->words ? job->words : "";
    while (*line) {
        size_t n = strcspn(line, "\n"), k = strcspn(line, "=");
        snprintf(path, sizeof path, "/gm2/metadata/%.*s", (int)k, line);
        snprintf(value, sizeof value, "%.*s", (int)(n - k - 1), line + k + 1);
        TRY(odb_set_string(odb, path, value));
        line += n + (line[n] == '\n');
    }
    snprintf(value, sizeof value, "%llu", (unsigned long long)job->seed);
    TRY(odb_set_string(odb, "/gm2/metadata/seed", value));
    if (job->fcl_commit && *job->fcl_commit) TRY(odb_set_string(odb, "/gm2/metadata/fcl_commit", job->fcl_commit));
    TRY(odb_set_string(odb, "/gm2/metadata/constants_set", PHYS_SET_NAME));
    TRY(odb_set_string(odb, "/gm2/metadata/data_tier", "raw"));
    return odb_set_string(odb, "/gm2/metadata/process_name", job->process_name ? job->process_name : "");
}

static enum err fill_odb(const struct step *step, const struct state *s, struct odb *odb)
{
    const struct digitise_cfg *cfg = step->cfg;
    TRY(odb_set_i32(odb, "/Experiment/Run number", (int32_t)step->unit->run));
    for (int crate = 1; crate <= DIGITISE_HARP_CRATE; crate++)
        if (is_on(cfg, crate)) TRY(put_crate(cfg, s, crate, odb));
    TRY(odb_set_string(odb, "/gm2/run type", cfg->run_type));
    if (!step->job) return ERR_OK;
    TRY(odb_set_string(odb, "/gm2/release", step->job->release ? step->job->release : ""));
    TRY(odb_set_string(odb, "/gm2/git", step->job->git_commit ? step->job->git_commit : ""));
    TRY(odb_set_string(odb, "/gm2/fcl hash", step->job->config_id ? step->job->config_id : ""));
    return put_words(step->job, odb);
}

static enum err begin_unit(struct step *step)
{
    struct state *s   = step->state;
    struct block *out = step->out[OUT_ODB];
    s->is_told        = false;
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

/* In-fill pulses step through the time after injection. */
static enum err add_in_fill(const struct step *step, const struct state *s, struct digitise_fill *light)
{
    const struct digitise_cfg *cfg = step->cfg;
    if (cfg->laser_every <= 0 || (step->fill.nth + 1) % cfg->laser_every != 0) return ERR_OK;
    const int64_t n_before = step->fill.nth / cfg->laser_every;
    double record_us       = (double)(cfg->n_samples - cfg->injection_sample) * SAMPLE_NS / 1000.0;
    double range_us        = cfg->laser_range_us > 0.0 ? fmin(cfg->laser_range_us, record_us) : record_us;
    double t_us            = fmod(cfg->laser_step_us * (double)n_before, range_us);
    return digitise_laser(step->rng, DIGITISE_LASER, (double)cfg->injection_sample + t_us * 1000.0 / SAMPLE_NS,
                          cfg->laser_adc, cfg->laser_adc, &s->truth.lasers, light);
}

static enum err add_muon_fill(const struct step *step, const struct state *s, struct digitise_fill *light)
{
    const struct digitise_cfg *cfg = step->cfg;
    TRY(add_hits(step, light));
    if (cfg->sync_is_on)
        TRY(digitise_laser(step->rng, DIGITISE_SYNC, (double)cfg->sync_sample, cfg->laser_adc, cfg->laser_adc,
                           &s->truth.lasers, light));
    TRY(add_in_fill(step, s, light));
    if (cfg->t0_is_on)
        TRY(digitise_t0(strcmp(cfg->t0_profile, "w") == 0, (double)cfg->injection_sample, cfg->t0_adc, light));
    if (cfg->ibms_is_on) TRY(digitise_ibms(cfg, step->rng, light));
    return cfg->harp_is_on ? digitise_harps(cfg, step->rng, light) : ERR_OK;
}

/* All light of the fill, as the electronics sees it: channels have their offsets and gains. */
static enum err make_light(const struct step *step, struct state *s, int32_t n_samples)
{
    const struct digitise_cfg *cfg     = step->cfg;
    const struct digitise_truth *truth = &s->truth;
    const double mean_hot              = cfg->hot_rate_kHz * n_samples * SAMPLE_NS * 1e-6;
    const bool is_muon                 = step->fill.type <= BANK_MUON;
    s->light.n                         = 0;
    if (is_muon) TRY(add_muon_fill(step, s, &s->light));
    if (step->fill.type == BANK_LASER)
        TRY(digitise_laser_fill(cfg, step->rng, step->fill.nth, &truth->lasers, &s->light));
    for (int c = 0; c < DIGITISE_CRYSTALS; c++)
        if (truth->is_hot[c]) TRY(digitise_hot(step->rng, c, mean_hot, cfg->hot_adc, n_samples, &s->light));
    for (size_t i = 0; truth->has_offsets && i < s->light.n; i++) {
        struct digitise_light *light = &s->light.light[i];
        if (light->channel < DIGITISE_CRYSTALS) light->sample += (double)truth->offset_ns[light->channel] / SAMPLE_NS;
    }
    /* what sags is the gain after the splash of injection: other fills have none */
    s->truth.gain.injection_sample = is_muon ? (double)cfg->injection_sample : HUGE_VAL;
    digitise_sort(&s->light);
    digitise_apply_gain(&s->light, &truth->gain);
    digitise_make_pulses(&s->light, s->front.threshold_adc > 0 ? 1 : -1);
    return ERR_OK;
}

static enum err write_islands(const struct digitise_crate *crate, char prefix, int number, struct midas_build *event)
{
    struct bank_ct_build ct;
    const int16_t *adc = crate->adc;
    const uint32_t n   = (uint32_t)crate->n_segments;
    TRY(bank_ct_begin_as(event, prefix, number, false, n, &ct));
    for (size_t i = 0; i < crate->n_windows; i++) {
        struct digitise_window w = crate->window[i];
        TRY(bank_ct_island(&ct, (uint32_t)w.first, (uint32_t)w.length, n));
        for (uint32_t segment = 0; segment < n; segment++, adc += w.length) TRY(bank_ct_trace(&ct, segment, adc));
    }
    TRY(bank_ct_end(&ct, crate->ctag));
    return bank_cp_add_as(event, prefix, number, n, crate->pedestal_adc);
}

static void take_crate(struct state *s, int number)
{
    struct digitise_crate *crate = &s->crate;
    const int channel = digitise_channel(number, 0), n = digitise_segments(number);
    crate->number        = number;
    crate->fill          = &s->light;
    crate->noise_rms_adc = s->truth.has_noise ? s->truth.noise_rms_adc + channel : NULL;
    memcpy(crate->level_adc, s->truth.level_adc + channel, (size_t)n * sizeof *crate->level_adc);
}

/* The monitor's method has settings of its own: s, 5 segments, 50 + 250 samples (Run 6). */
static enum err write_monitor(const struct step *step, struct state *s, int number)
{
    struct digitise_front front = s->front;
    front.presamples            = MONITOR_PRESAMPLES;
    front.postsamples           = MONITOR_POSTSAMPLES;
    if (step->fill.type == BANK_LASER) front.n_samples = DIGITISE_LASER_RECORD;
    if (front.last_chop >= front.n_samples) front.last_chop = front.n_samples - 1;
    take_crate(s, DIGITISE_MONITOR_CRATE + number);
    TRY(digitise_crate_make(&front, step->rng, &s->crate));
    return write_islands(&s->crate, 's', number, &s->event);
}

/* What all crates say of the fill. */
static struct bank_daq_header header_of(const struct step *step, const struct state *s, int n_channels)
{
    const int64_t fill_number = (int64_t)step->fill.event; /* in the subrun: units know no other */
    return (struct bank_daq_header){
        .trigger_number = (uint32_t)fill_number,
        .clock_ticks    = (uint64_t)fill_number * 3500000, /* 40 MHz, 16 fills in 1.4 s */
        .fill_number    = (uint32_t)fill_number,
        .n_samples      = (uint32_t)s->front.n_samples,
        .n_channels     = (uint32_t)n_channels,
        .fill_type      = step->fill.type ? (enum bank_fill)step->fill.type : BANK_MUON,
    };
}

/* The calorimeters take turns. */
static bool is_raw(const struct step *step, int number)
{
    const struct digitise_cfg *cfg = step->cfg;
    if (cfg->raw_every <= 0 || (step->fill.nth + 1) % cfg->raw_every != 0) return false;
    int64_t first = step->fill.nth / cfg->raw_every * cfg->raw_calos % N_CALOS;
    return (number - 1 - first + N_CALOS) % N_CALOS < cfg->raw_calos;
}

static enum err write_crate(const struct step *step, struct state *s, int number)
{
    const struct digitise_cfg *cfg      = step->cfg;
    const struct bank_daq_header header = header_of(step, s, digitise_segments(number));
    int32_t *sums;
    take_crate(s, number);
    if (header.fill_type != BANK_MUON) return digitise_raw_crate(&s->front, step->rng, &s->crate, &header, &s->event);
    TRY(digitise_crate_make(&s->front, step->rng, &s->crate));
    TRY(bank_daq_add(&s->event, number, &header));
    TRY(write_islands(&s->crate, 'C', number, &s->event));
    if (number > N_CALOS) return ERR_OK;
    TRY(bank_cs_begin(&s->event, number, (uint32_t)s->n_sums, &sums));
    digitise_calo_sum(&s->front, step->rng, &s->crate, s->n_sums, s->work, sums);
    TRY(midas_build_bank_end(&s->event));
    if (cfg->fits_is_on) TRY(digitise_gpu_crate(&s->front, &s->gpu, &s->crate, &s->event));
    TRY(digitise_q_crate(&s->front, step->rng, &s->crate, &s->q, &s->event));
    return is_raw(step, number) ? digitise_payload(&s->front, step->rng, &s->crate, &header, &s->event) : ERR_OK;
}

static enum err write_crates(const struct step *step, struct state *s)
{
    const struct digitise_cfg *cfg = step->cfg;
    const bool is_muon             = step->fill.type <= BANK_MUON;
    const bool has_light = step->fill.type == BANK_LASER || (is_muon && (cfg->sync_is_on || cfg->laser_every > 0));
    const struct bank_daq_header header = header_of(step, s, 0);
    if (cfg->clock_is_on) TRY(bank_ttc_add(&s->event, &header));
    for (int crate = 1; crate <= N_CALOS; crate++) {
        TRY(write_crate(step, s, crate));
        if (cfg->monitor_is_on && has_light && crate % DIGITISE_CALOS_A_LASER == 1) TRY(write_monitor(step, s, crate));
    }
    for (int crate = N_CALOS + 1; is_muon && crate <= DIGITISE_HARP_CRATE; crate++)
        if (is_on(cfg, crate)) TRY(write_crate(step, s, crate));
    return ERR_OK;
}

static enum err event(struct step *step)
{
    static const int32_t raw_samples[] = {[BANK_LASER] = DIGITISE_LASER_RECORD, [BANK_PEDESTAL] = DIGITISE_RAW_SAMPLES};
    const struct digitise_cfg *cfg     = step->cfg;
    const struct fill *fill            = &step->fill;
    struct state *s                    = step->state;
    struct block *raw                  = step->out[OUT_RAW];
    REQUIRE(fill->type <= BANK_PEDESTAL, ERR_DATA, "a fill of type %d; 1 muon, 2 laser, 3 pedestal are made",
            fill->type);
    digitise_truth_update(cfg, step->rng, fill->run, fill->subrun, fill->unix_time_s, s->pedestal_adc, s->max_noise_adc,
                          &s->truth);
    if (!s->is_told) TRY(digitise_truth_table(cfg, &s->truth, step->out[OUT_TRUTH]));
    s->is_told = true;
    if (fill->type <= BANK_MUON) digitise_q_fill(&s->q);
    TRY(make_light(step, s, fill->type > BANK_MUON ? raw_samples[fill->type] : s->front.n_samples));
    /* art counts events from 1, MIDAS serial numbers from 0 */
    TRY(midas_build_begin(&s->event, MIDAS_ID_FILL, 0, fill->event - 1, (uint32_t)fill->unix_time_s));
    TRY(write_crates(step, s));
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
            "counter, calorimeter sums, pedestals; laser and pedestal fills with whole waveforms. Off by default: gain "
            "sags, "
            "laser source monitors, channels' offsets in time, energy and noise, dead and hot channels.",
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
