/* Laser and pedestal fills: whole waveforms of every crystal, as the boards send them. Tests: tests/t_digitise_fills.c
 *
 * A laser fill has 4 waveforms of 800 samples, 400 apart: samples 1200 k to 1200 k + 799 of a record of 4400. In each the
 * test pulse of laser_adc comes at sample 400 of the waveform. In waveforms 1 and 3 a first pulse of double_adc comes
 * before it by d = double_step_ns * (1 + m % double_steps), m = 2 nth + (0 in waveform 1, 1 in waveform 3), nth the number
 * of the laser fill in the run, from 0. A pedestal fill has one waveform of 800 samples.
 * Source: formats 2.4 for numbers and lengths; the pulses in them are ours. */
#ifndef GM2_DIGITISE_RAW_H
#define GM2_DIGITISE_RAW_H

#include "bank.h"
#include "digitise_cfg.h"
#include "digitise_source.h"

enum {
    DIGITISE_RAW_SAMPLES     = 800,
    DIGITISE_LASER_WAVEFORMS = 4,
    DIGITISE_LASER_GAP       = 400,
    DIGITISE_LASER_RECORD = DIGITISE_LASER_WAVEFORMS * (DIGITISE_RAW_SAMPLES + DIGITISE_LASER_GAP) - DIGITISE_LASER_GAP,
    DIGITISE_TEST_SAMPLE  = 400
};

/** Time of the first pulse before the test pulse in waveform k of a laser fill [ns]; 0: there is none. */
double digitise_double_ns(const struct digitise_cfg *cfg, int64_t nth, int waveform);
/** Adds all shots of a laser fill. */
enum err digitise_laser_fill(const struct digitise_cfg *cfg, struct rng_key key, int64_t nth,
                             const struct digitise_lasers *lasers, struct digitise_fill *fill);
/** Draws the waveforms of crate->number and writes its banks ?A, ?R, ?C, ?Z; header->fill_type tells which. */
enum err digitise_raw_crate(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                            const struct bank_daq_header *header, struct midas_build *event);

#endif
