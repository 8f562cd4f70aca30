/* The digitiser's parts: light in channels -> pulses -> triggers and islands -> samples. Equations: sim/README.md.
 *
 * A channel is a segment of a crate: crates 1..24 are calorimeters of 54 crystals, crate 25 the T0 counter of two, 26 the
 * IBMS of 32 fibres, 28 the harps of 28, 100 + n the source monitor of five in crate n = 1, 5, ... 21.
 * No full record is ever made: between islands a sample exists only as its random number, keyed by crate, channel and
 * sample, so that a sample is the same however the record is cut. Tests: tests/t_digitise.c */
#ifndef GM2_DIGITISE_H
#define GM2_DIGITISE_H

#include "err.h"
#include "phys.h"
#include "pulse_shape.h"
#include "rng.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DIGITISE_T0_CRATE        = 25,
    DIGITISE_T0_SEGMENT      = 2,
    DIGITISE_LASERS          = 6,
    DIGITISE_CALOS_A_LASER   = N_CALOS / DIGITISE_LASERS,
    DIGITISE_MONITOR_CRATE   = 100, /* plus the crate that reads it */
    DIGITISE_MONITOR_SEGMENT = 5,
    DIGITISE_CRYSTALS        = N_CALOS * N_CRYSTALS,
    DIGITISE_MONITORS        = DIGITISE_CRYSTALS + DIGITISE_T0_SEGMENT, /* their first channel */
    DIGITISE_IBMS_CRATE      = 26,
    DIGITISE_IBMS_SEGMENT    = 32,
    DIGITISE_HARP_CRATE      = 28,
    DIGITISE_HARP_SEGMENT    = 28,
    DIGITISE_IBMS            = DIGITISE_MONITORS + DIGITISE_LASERS * DIGITISE_MONITOR_SEGMENT,
    DIGITISE_HARPS           = DIGITISE_IBMS + DIGITISE_IBMS_SEGMENT,
    DIGITISE_CHANNELS        = DIGITISE_HARPS + DIGITISE_HARP_SEGMENT,
    DIGITISE_SUPPORT         = PULSE_LAST - PULSE_FIRST /* samples that a pulse can change */
};

/** Number of a channel in arrays over all channels; crate from 1. */
static inline int digitise_channel(int crate, int segment)
{
    if (crate <= DIGITISE_T0_CRATE) return (crate - 1) * N_CRYSTALS + segment;
    if (crate == DIGITISE_IBMS_CRATE) return DIGITISE_IBMS + segment;
    if (crate == DIGITISE_HARP_CRATE) return DIGITISE_HARPS + segment;
    return DIGITISE_MONITORS + (crate - DIGITISE_MONITOR_CRATE) / DIGITISE_CALOS_A_LASER * DIGITISE_MONITOR_SEGMENT +
           segment;
}
static inline int digitise_segments(int crate)
{
    if (crate > DIGITISE_MONITOR_CRATE) return DIGITISE_MONITOR_SEGMENT;
    if (crate == DIGITISE_IBMS_CRATE) return DIGITISE_IBMS_SEGMENT;
    if (crate == DIGITISE_HARP_CRATE) return DIGITISE_HARP_SEGMENT;
    return crate == DIGITISE_T0_CRATE ? DIGITISE_T0_SEGMENT : N_CRYSTALS;
}

/** How the electronics is set. */
struct digitise_front {
    int32_t n_samples, first_chop, last_chop; /* record; samples that may trigger, inclusive */
    int32_t presamples, postsamples;
    int32_t threshold_adc; /* against the fill pedestal: crossed upward if positive, downward if negative */
    int32_t pedestal_samples;
    int32_t cs_decimation;
    float noise_rms_adc;
    int32_t ctag_threshold_adc, ctag_first_sample; /* on the calorimeter sum above pedestal */
};

/** Light in one channel: an amplitude before the electronics. */
struct digitise_light {
    double sample;       /* where its peak comes, in samples from the start of the record */
    float amplitude_adc; /* >= 0 */
    uint16_t channel;
    uint8_t kind; /* enum pulse_kind */
};
/** A pulse as the sampling loops want it. */
struct digitise_pulse {
    int32_t first; /* first sample it can change */
    float u, amplitude_adc;
    uint8_t half, kind;
};

/** All light of a fill; after digitise_sort() by channel, then time. */
struct digitise_fill {
    size_t n, capacity;
    struct digitise_light *light;  /* [capacity] */
    struct digitise_light *sorted; /* [capacity] */
    struct digitise_pulse *pulse;  /* [capacity], in the order of sorted */
    size_t start[DIGITISE_CHANNELS + 1];
};
/** Adds one; amplitudes that are not above 0 and samples far outside any record are dropped. */
enum err digitise_add_light(struct digitise_fill *fill, struct digitise_light light);
/** Sorts by channel and time; equal ones keep their order. */
void digitise_sort(struct digitise_fill *fill);
/** Makes the pulses of the sorted light; polarity +1 or -1. */
void digitise_make_pulses(struct digitise_fill *fill, int polarity);
void digitise_fill_free(struct digitise_fill *fill);

/** Gain of the sensors: each part on or off; sizes physics 5.6 and defaults 5. */
struct digitise_gain {
    bool is_ifg, is_stdp, is_oof;
    double ifg_tau_ns, stdp_per_GeV, stdp_tau_ns, GeV_per_adc, injection_sample;
    float ifg_amplitude[DIGITISE_CRYSTALS]; /* C_A of each crystal */
    float oof[DIGITISE_CRYSTALS];           /* factor of each crystal in this fill */
    float factor[DIGITISE_CRYSTALS];        /* counts per energy against the nominal; 0: dead */
};
/** Multiplies the sorted light of the crystals by its gain:
 *  G = factor oof (1 - C_A e^(-t/tau), t after injection) (1 - sum over earlier pulses of c E e^(-dt/tau_STDP)). */
void digitise_apply_gain(struct digitise_fill *fill, const struct digitise_gain *gain);

struct digitise_window {
    int32_t first, length;
};
/** One crate of one fill. */
struct digitise_crate {
    int number, n_segments;
    const struct digitise_fill *fill;
    float level_adc[N_CRYSTALS];    /* the channels' true pedestals, in */
    const float *noise_rms_adc;     /* of the channels, in, lent; NULL: the front's for all */
    float pedestal_adc[N_CRYSTALS]; /* as the DAQ computes them from the record, out */
    size_t n_windows, window_capacity;
    struct digitise_window *window; /* islands in order of time */
    size_t n_adc, adc_capacity;
    int16_t *adc; /* island after island, segment after segment, length samples each */
    uint32_t ctag;
    size_t cursor[N_CRYSTALS]; /* while samples are drawn: each channel's first pulse that is not over yet */
    uint64_t *mark;            /* a bit a sample of the record */
    size_t n_marks;
    int32_t *sum; /* calorimeter sum of one island */
    size_t sum_capacity;
};
void digitise_crate_free(struct digitise_crate *crate);
/** Pedestals, islands and their samples of crate->number from crate->fill. */
enum err digitise_crate_make(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate);
/** Whole waveforms instead: the windows are waveform k = 0..n-1 of `length` samples from k (length + gap) on. */
enum err digitise_crate_waveforms(const struct digitise_front *front, struct rng_key key, int32_t n, int32_t length,
                                  int32_t gap, struct digitise_crate *crate);
/** One sample as the electronics gives it [ADC]; slow, for tests and single looks. */
int16_t digitise_sample_at(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                           int segment, int32_t sample);
/** Sums of cs_decimation samples of all segments, n of them: pulses (before clipping), pedestals, and noise drawn with
 *  the variance of the sum (rms^2 + 1/12 a sample). sum: [n], work: [n] floats. */
void digitise_calo_sum(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                       size_t n, float *work, int32_t *sum);

/** Adds the samples of one pulse, before clipping, to n sums of `width` samples each from sample `from` on. */
void digitise_sum_pulse(const struct digitise_pulse *pulse, int32_t from, int32_t width, int32_t n, float *sum);

/** n values of the white noise of unit rms of one sequence, from block first_block of 8 values on. */
void digitise_noise(struct rng_key key, uint32_t sequence, uint32_t first_block, size_t n, float *z);

/* Sequences of this module: the `particle` of the random numbers. */
enum digitise_sequence {
    DIGITISE_NOISE    = 0x01000000, /* | crate << 8 | segment; block = sample / 8 */
    DIGITISE_CS_NOISE = 0x02000000, /* | crate */
    DIGITISE_LEVEL    = 0x03000000, /* | channel; of the run */
    DIGITISE_IFG      = 0x04000000, /* | channel; of the run */
    DIGITISE_OOF      = 0x05000000, /* | channel; of the subrun */
    DIGITISE_SYNC     = 0x06000000, /* | channel */
    DIGITISE_LASER    = 0x07000000, /* | shot << 16 | channel; shot 0 in muon fills */
    DIGITISE_SHOT     = 0x08000000, /* | high half of the above << 8 | laser: intensity */
    DIGITISE_DRIFT    = 0x09000000, /* | laser; of the subrun */
    DIGITISE_OFFSET   = 0x0A000000, /* | channel; calorimeters behind the last channel; of the run, as those below */
    DIGITISE_FACTOR   = 0x0B000000, /* | channel */
    DIGITISE_RMS      = 0x0C000000, /* | channel */
    DIGITISE_STATUS   = 0x0D000000, /* | channel */
    DIGITISE_HOT      = 0x0E000000, /* | channel; of the fill */
    DIGITISE_BEAM     = 0x0F000000, /* the beam in the auxiliary crates */
    DIGITISE_HARP     = 0x10000000, /* | turn << 8 | segment */
    DIGITISE_Q_NOISE  = 0x51000000  /* | crate << 8 | segment */
};

#endif
