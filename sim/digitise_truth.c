/* Constants of channels: pedestals, noise, gains, time offsets, dead and hot ones. */
#include "digitise_truth.h"
#include "tables.h"

#include <math.h>

static enum err take_list(const struct f64s *list, const char *name, bool is_it[DIGITISE_CRYSTALS])
{
    for (size_t i = 0; i < list->n; i++) {
        double number = list->value[i];
        int calo = (int)number / 100, crystal = (int)number % 100;
        REQUIRE(floor(number) == number && calo >= 1 && calo <= N_CALOS && crystal < N_CRYSTALS, ERR_CONFIG,
                "%s: %g is no channel; calorimeter * 100 + crystal, of 1..%d and 0..%d", name, number, N_CALOS,
                N_CRYSTALS - 1);
        is_it[digitise_channel(calo, crystal)] = true;
    }
    return ERR_OK;
}

enum err digitise_truth_begin(const struct digitise_cfg *cfg, struct digitise_truth *truth)
{
    bool is_it[DIGITISE_CRYSTALS] = {false};
    *truth                        = (struct digitise_truth){0};
    truth->has_offsets            = cfg->time_offset_ns > 0.0 || cfg->calo_offset_ns > 0.0;
    truth->has_noise              = cfg->noise_spread > 0.0;
    truth->gain.is_ifg            = cfg->gain_ifg;
    truth->gain.is_stdp           = cfg->gain_stdp;
    truth->gain.is_oof            = cfg->gain_oof;
    truth->gain.ifg_tau_ns        = cfg->ifg_tau_us * 1000.0;
    truth->gain.stdp_per_GeV      = cfg->stdp_per_GeV;
    truth->gain.stdp_tau_ns       = cfg->stdp_tau_ns;
    truth->gain.GeV_per_adc       = cfg->GeV_per_adc;
    truth->lasers.pe_per_adc      = cfg->pe_per_MeV * cfg->GeV_per_adc * 1000.0;
    truth->lasers.monitor_adc     = cfg->monitor_is_on ? cfg->monitor_adc : 0.0;
    truth->lasers.fluctuation     = cfg->laser_fluctuation;
    TRY(take_list(&cfg->dead_channels, "dead_channels", is_it));
    return take_list(&cfg->hot_channels, "hot_channels", is_it);
}

/* Events count from 1, so event 0 is free for what belongs to no fill. */
static struct rng of_run(struct rng_key key, uint32_t subrun, enum digitise_sequence sequence, uint32_t i)
{
    key.event  = 0;
    key.subrun = subrun;
    return rng_start(key, (uint32_t)sequence | i);
}

static double normal_of_run(struct rng_key key, uint32_t subrun, enum digitise_sequence sequence, uint32_t i)
{
    struct rng rng = of_run(key, subrun, sequence, i);
    return rng_normal(&rng);
}

static void set_levels(const struct digitise_cfg *cfg, struct rng_key key, double level_adc, double max_noise_adc,
                       struct digitise_truth *truth)
{
    for (uint32_t c = 0; c < DIGITISE_CHANNELS; c++) {
        struct rng rng          = of_run(key, 0, DIGITISE_LEVEL, c);
        truth->level_adc[c]     = (float)(level_adc + cfg->pedestal_spread_adc * (2.0 * rng_uniform(&rng) - 1.0));
        truth->noise_rms_adc[c] = (float)cfg->noise_rms_adc;
        if (!truth->has_noise || c >= DIGITISE_CRYSTALS) continue;
        double noise = cfg->noise_rms_adc * (1.0 + cfg->noise_spread * normal_of_run(key, 0, DIGITISE_RMS, c));
        truth->noise_rms_adc[c] = (float)fmin(max_noise_adc, fmax(0.0, noise));
    }
}

static void set_sensors(const struct digitise_cfg *cfg, struct rng_key key, struct digitise_truth *truth)
{
    for (uint32_t c = 0; c < DIGITISE_CRYSTALS; c++) {
        const uint32_t calo          = DIGITISE_CHANNELS + c / N_CRYSTALS;
        double spread                = cfg->ifg_spread * normal_of_run(key, 0, DIGITISE_IFG, c);
        truth->gain.ifg_amplitude[c] = (float)fmax(0.0, cfg->ifg_amplitude * (1.0 + spread));
        truth->offset_ns[c]          = (float)(cfg->time_offset_ns * normal_of_run(key, 0, DIGITISE_OFFSET, c) +
                                      cfg->calo_offset_ns * normal_of_run(key, 0, DIGITISE_OFFSET, calo));
        double factor                = 1.0 + cfg->energy_spread * normal_of_run(key, 0, DIGITISE_FACTOR, c);
        struct rng rng               = of_run(key, 0, DIGITISE_STATUS, c);
        truth->is_dead[c]            = rng_uniform(&rng) < cfg->dead_fraction;
        truth->is_hot[c]             = rng_uniform(&rng) < cfg->hot_fraction;
        truth->gain.factor[c]        = (float)fmax(0.05, factor);
    }
    (void)take_list(&cfg->dead_channels, "dead_channels", truth->is_dead); /* were checked at the start */
    (void)take_list(&cfg->hot_channels, "hot_channels", truth->is_hot);
    for (int c = 0; c < DIGITISE_CRYSTALS; c++)
        if (truth->is_dead[c]) truth->gain.factor[c] = 0.0F;
}

/* A walk over all subruns up to this one: the same whoever makes which subrun. */
static void set_oof(const struct digitise_cfg *cfg, struct rng_key key, uint32_t subrun, int64_t unix_time_s,
                    struct digitise_truth *truth)
{
    double hours = (double)(unix_time_s - cfg->run_start_unix_s) / 3600.0;
    for (uint32_t c = 0; c < DIGITISE_CRYSTALS; c++) {
        double walk = 0.0;
        for (uint32_t i = 0; i <= subrun; i++) walk += cfg->oof_walk * normal_of_run(key, i, DIGITISE_OOF, c);
        truth->gain.oof[c] = (float)fmax(0.0, 1.0 + cfg->oof_per_hour * hours + walk);
    }
}

void digitise_truth_update(const struct digitise_cfg *cfg, struct rng_key key, uint32_t run, uint32_t subrun,
                           int64_t unix_time_s, double level_adc, double max_noise_adc, struct digitise_truth *truth)
{
    if (!truth->has_level || truth->level_run != run) {
        set_levels(cfg, key, level_adc, max_noise_adc, truth);
        set_sensors(cfg, key, truth);
        truth->has_level  = true;
        truth->level_run  = run;
        truth->has_subrun = false;
    }
    if (truth->has_subrun && truth->subrun == subrun) return;
    truth->has_subrun = true;
    truth->subrun     = subrun;
    for (uint32_t i = 0; i < DIGITISE_LASERS; i++)
        truth->lasers.mean[i] = fmax(0.0, 1.0 + cfg->laser_drift * normal_of_run(key, subrun, DIGITISE_DRIFT, i));
    if (cfg->gain_oof) set_oof(cfg, key, subrun, unix_time_s, truth);
}

enum err digitise_truth_table(const struct digitise_cfg *cfg, const struct digitise_truth *truth, struct block *out)
{
    TRY(block_resize(out, DIGITISE_CRYSTALS));
    struct gain_truth_view v = gain_truth_view(out);
    for (int c = 0; c < DIGITISE_CRYSTALS; c++) {
        v.calo[c]           = (uint8_t)(1 + c / N_CRYSTALS);
        v.crystal[c]        = (uint8_t)(c % N_CRYSTALS);
        v.oof[c]            = cfg->gain_oof ? (double)truth->gain.oof[c] : 1.0;
        v.ifg_amplitude[c]  = cfg->gain_ifg ? (double)truth->gain.ifg_amplitude[c] : 0.0;
        v.ifg_tau_us[c]     = cfg->ifg_tau_us;
        v.stdp_amplitude[c] = cfg->gain_stdp ? cfg->stdp_per_GeV : 0.0;
        v.stdp_tau_ns[c]    = cfg->stdp_tau_ns;
        v.time_offset_ns[c] = (double)truth->offset_ns[c];
        v.energy_factor[c]  = (double)truth->gain.factor[c];
        v.pedestal_adc[c]   = (double)truth->level_adc[c];
        v.noise_adc[c]      = (double)truth->noise_rms_adc[c];
        v.is_dead[c]        = truth->is_dead[c];
        v.is_hot[c]         = truth->is_hot[c];
    }
    return ERR_OK;
}
