/* Laser and pedestal fills. */
#include "digitise_raw.h"

#include "bank_wfd_build.h"
#include "odb.h"

double digitise_double_ns(const struct digitise_cfg *cfg, int64_t nth, int waveform)
{
    if (waveform % 2 == 0 || cfg->double_adc <= 0.0) return 0.0;
    int64_t m = 2 * nth + waveform / 2;
    return cfg->double_step_ns * (double)(1 + m % cfg->double_steps);
}

enum err digitise_laser_fill(const struct digitise_cfg *cfg, struct rng_key key, int64_t nth,
                             const struct digitise_lasers *lasers, struct digitise_fill *fill)
{
    enum { PITCH = DIGITISE_RAW_SAMPLES + DIGITISE_LASER_GAP };
    for (int k = 0; k < DIGITISE_LASER_WAVEFORMS; k++) {
        const uint32_t shot = (uint32_t)DIGITISE_LASER | (uint32_t)(2 * k + 1) << 16;
        double sample = PITCH * k + DIGITISE_TEST_SAMPLE, before_ns = digitise_double_ns(cfg, nth, k);
        if (before_ns > 0.0)
            TRY(digitise_laser(key, shot + (1U << 16), sample - before_ns / SAMPLE_NS, cfg->double_adc, cfg->laser_adc,
                               lasers, fill));
        TRY(digitise_laser(key, shot, sample, cfg->laser_adc, cfg->laser_adc, lasers, fill));
    }
    return ERR_OK;
}

enum err digitise_raw_crate(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                            const struct bank_daq_header *header, struct midas_build *event)
{
    const bool is_laser         = header->fill_type == BANK_LASER;
    struct bank_wfd_build build = {.trigger     = header->trigger_number,
                                   .clock_ticks = header->clock_ticks,
                                   .fill_number = header->fill_number,
                                   .fill_type   = header->fill_type,
                                   .n_waveforms = is_laser ? DIGITISE_LASER_WAVEFORMS : 1,
                                   .n_samples   = DIGITISE_RAW_SAMPLES,
                                   .gap         = is_laser ? DIGITISE_LASER_GAP : 0,
                                   .stride      = (size_t)DIGITISE_RAW_SAMPLES * N_CRYSTALS};
    int32_t map[ODB_CHANNELS];
    odb_channel_map(map);
    TRY(digitise_crate_waveforms(front, key, (int32_t)build.n_waveforms, DIGITISE_RAW_SAMPLES, (int32_t)build.gap,
                                 crate));
    for (int i = 0; i < ODB_CHANNELS; i++)
        if (map[i] >= 0) build.samples[i] = crate->adc + (size_t)map[i] * DIGITISE_RAW_SAMPLES;
    return bank_wfd_add(event, crate->number, &build);
}
