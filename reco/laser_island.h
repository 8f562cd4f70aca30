/* Laser pulses in one island: a shot lights all its channels at once, so the traces together tell how many shots there are.
 * Tests: tests/t_laser.c */
#ifndef GM2_LASER_ISLAND_H
#define GM2_LASER_ISLAND_H

#include "pulse_fitter.h"

enum { LASER_MAX_CHANNELS = 60, LASER_MAX_SHOTS = 2, LASER_MAX_SAMPLES = 384 };

/** An island's traces. */
struct laser_traces {
    size_t n_traces, n_samples;
    const int16_t *adc[LASER_MAX_CHANNELS]; /* [n_samples] each */
    double pedestal_adc[LASER_MAX_CHANNELS];
    int polarity;
};

struct laser_cuts {
    double min_adc;   /* least height of a laser pulse */
    int min_channels; /* channels that a shot lights at least */
    int half_window;  /* samples fitted on either side of the highest one */
    double max_apart; /* a channel's pulse lies so near to its shot [samples] */
};

struct laser_hit {
    bool is_there, has_other_light;  /* other light: more or fewer pulses in the trace than shots */
    struct pulse_fitter_pulse pulse; /* t from the island's first sample */
    double chi2_ndf;
};

struct laser_island {
    int n_shots;               /* 0: no laser island */
    double t[LASER_MAX_SHOTS]; /* median over the channels [samples from the island's first] */
    struct laser_hit hit[LASER_MAX_SHOTS][LASER_MAX_CHANNELS]; /* by trace */
};

/** Fits an island. Islands in which fewer than min_channels traces are above min_adc are left alone. */
void laser_island_fit(struct pulse_fitter *fitter, const struct laser_traces *traces, const struct laser_cuts *cuts,
                      struct laser_island *out);
/** Mean amplitude of a shot over the channels with a good pulse [adc]; 0: none. */
double laser_island_amplitude(const struct laser_island *island, int shot);

#endif
