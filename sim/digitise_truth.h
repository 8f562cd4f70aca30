/* What the channels are like: constants drawn for a run or a subrun, the same whoever makes which fill.
 * Tests: tests/t_digitise_fills.c */
#ifndef GM2_DIGITISE_TRUTH_H
#define GM2_DIGITISE_TRUTH_H

#include "digitise.h"
#include "digitise_cfg.h"
#include "digitise_source.h"
#include "table.h"

struct digitise_truth {
    float level_adc[DIGITISE_CHANNELS], noise_rms_adc[DIGITISE_CHANNELS];
    float offset_ns[DIGITISE_CRYSTALS]; /* later by this: the channel's own and its calorimeter's */
    bool is_dead[DIGITISE_CRYSTALS], is_hot[DIGITISE_CRYSTALS];
    bool has_offsets, has_noise; /* any */
    struct digitise_gain gain;
    struct digitise_lasers lasers;
    uint32_t level_run, subrun;
    bool has_level, has_subrun;
};

/** Sizes of effects from the parameters. ERR_CONFIG for lists of channels that are none. */
enum err digitise_truth_begin(const struct digitise_cfg *cfg, struct digitise_truth *truth);
/** Draws what is new with this fill's run and subrun. key: of the module in this fill; unix_time_s of the fill.
 *  level_adc: the mean pedestal; max_noise_adc: noise of a channel is cut there. */
void digitise_truth_update(const struct digitise_cfg *cfg, struct rng_key key, uint32_t run, uint32_t subrun,
                           int64_t unix_time_s, double level_adc, double max_noise_adc, struct digitise_truth *truth);
/** Fills table gain_truth with the constants of this subrun; effects that are off have their neutral value. */
enum err digitise_truth_table(const struct digitise_cfg *cfg, const struct digitise_truth *truth, struct block *out);

#endif
