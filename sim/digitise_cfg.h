/* Parameters of module Digitise. */
#ifndef GM2_DIGITISE_CFG_H
#define GM2_DIGITISE_CFG_H

#include "cfg.h"

/* clang-format off */
#define DIGITISE_CFG(F, S)                                                                                    \
    F(S, str,  preset,            "run6-like", 0, 0, "run6-like|run1-like", "electronics: run6-like: pedestal -1700, positive pulses, threshold +60, 8 + 18 samples around an island; run1-like: +1700, negative, -300, 8 + 16 (MIPs do not trigger)") \
    F(S, str,  run_type,          "physics", 0, 0,     "",   "what the ODB says of the run (/gm2/run type): physics, laser, pedestal, ...") \
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
    F(S, i64,  laser_every,       0,         0, 1000,   "1",   "in-fill laser pulse in every n-th muon fill, its time stepped; 0: never (running: 10)") \
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
    F(S, i64,  q_flush_fills,     0,         0, 1000,   "1",   "Q histograms (CQ banks): muon fills in a sum; 0: none are made (Run 6: 4)") \
    F(S, i64,  q_decimation,      60,        1, 10000,  "ct",  "samples in a bin of the Q histograms (75 ns; Run 6: 30)") \
    F(S, i64,  q_first_sample,    0,         0, 1000000, "ct", "first sample of the Q histograms") \
    F(S, i64,  q_last_sample,     -1,       -1, 1000000, "ct", "their last sample; -1: the record's last") \
    F(S, f64,  q_sag_adc,         0,     -1000, 1000,   "adc", "pedestals in the Q histograms are lower by this at injection ...") \
    F(S, f64,  q_sag_tau_us,      30,     0.01, 1e4,    "us",  "... and recover with this time (ours)") \
    F(S, i64,  raw_every,         0,         0, 100000, "1",   "whole waveforms of a calorimeter (banks CRnn, 60 MB) in every n-th muon fill; 0: never") \
    F(S, i64,  raw_calos,         1,         1, 24,     "1",   "whole waveforms: calorimeters in such a fill, taken in turn") \
    F(S, f64,  laser_fluctuation, 0,         0, 0.3,    "1",   "rms of a laser's intensity from shot to shot, common to its four calorimeters (running: 0.01)") \
    F(S, f64,  laser_drift,       0,         0, 0.3,    "1",   "rms of a laser's mean intensity from subrun to subrun (running: 0.01; ours)") \
    F(S, f64,  laser_step_us,     5,         0, 1000,   "us",  "in-fill laser pulses: step of the time from one to the next") \
    F(S, f64,  laser_range_us,    0,         0, 1000,   "us",  "in-fill laser pulses come in so much time after injection, then again from its start; 0: the whole record") \
    F(S, f64,  double_adc,        1250,      0, 4000,   "adc", "laser fills: mean amplitude of the pulse before the test pulse in every second waveform, 2 GeV; 0: none (ours)") \
    F(S, f64,  double_step_ns,    5,      1.25, 1000,   "ns",  "laser fills: step of the time between the two pulses (ours)") \
    F(S, i64,  double_steps,      16,        1, 1000,   "1",   "laser fills: number of steps, the first one step long (ours)") \
    F(S, f64,  monitor_adc,       1000,      0, 4000,   "adc", "mean peak amplitude of a source monitor's segment; the first of two pulses is higher as double_adc is (ours)") \
    F(S, f64,  ibms_adc,          1000,      0, 4000,   "adc", "highest sample of a fibre in the beam's middle (ours)") \
    F(S, f64,  harp_from_us,      5,         0, 700,    "us",  "fibre harps: from this time after injection ...") \
    F(S, f64,  harp_to_us,        50,        0, 700,    "us",  "... to this (ours)") \
    F(S, f64,  harp_pe,           60,        0, 1000,   "1",   "photo-electrons a turn in a fibre in the beam's middle, at injection (ours)") \
    F(S, f64,  harp_adc,          100,       0, 4000,   "adc", "peak amplitude of a photo-electron in a harp (ours)") \
    F(S, f64,  time_offset_ns,    0,         0, 100,    "ns",  "rms of the channels' time offsets (running: 0.5; ours)") \
    F(S, f64,  calo_offset_ns,    0,         0, 100,    "ns",  "rms of the calorimeters' common time offsets (ours)") \
    F(S, f64,  energy_spread,     0,         0, 0.5,    "1",   "rms of the channels' counts per energy, relative (ours)") \
    F(S, f64,  noise_spread,      0,         0, 0.5,    "1",   "rms of the channels' noise, relative (ours)") \
    F(S, f64s, dead_channels,     "[]",      0, 2453,   "1",   "channels without light, calorimeter * 100 + crystal") \
    F(S, f64,  dead_fraction,     0,         0, 1,      "1",   "share of further channels without light, drawn for the run") \
    F(S, f64s, hot_channels,      "[]",      0, 2453,   "1",   "channels with pulses of their own, calorimeter * 100 + crystal") \
    F(S, f64,  hot_fraction,      0,         0, 1,      "1",   "share of further channels with pulses of their own, drawn for the run") \
    F(S, f64,  hot_rate_kHz,      100,       0, 1e5,    "kHz", "rate of a hot channel's own pulses (ours)") \
    F(S, f64,  hot_adc,           150,       0, 4000,   "adc", "their mean amplitude, falling exponentially (ours)") \
    F(S, flag, sync_is_on,        true,      0, 1,      "1",   "laser sync pulse before injection, in all crystals") \
    F(S, flag, t0_is_on,          true,      0, 1,      "1",   "T0 counter's crate") \
    F(S, flag, gain_ifg,          false,     0, 1,      "1",   "in-fill gain sag 1 - C_A e^(-t/tau)") \
    F(S, flag, gain_stdp,         false,     0, 1,      "1",   "short-term sag after an earlier pulse of the crystal") \
    F(S, flag, clock_is_on,       false,     0, 1,      "1",   "clock crate: banks TTCA, TTCB, TTCZ") \
    F(S, flag, fits_is_on,        false,     0, 1,      "1",   "the GPU's own fits of muon fills: banks CFnn") \
    F(S, flag, gain_oof,          false,     0, 1,      "1",   "long-term drift and walk") \
    F(S, flag, monitor_is_on,     false,     0, 1,      "1",   "source monitors of the six lasers, banks sTnn") \
    F(S, flag, ibms_is_on,        false,     0, 1,      "1",   "crate 26: the beam's profile at injection in 16 + 16 fibres") \
    F(S, flag, harp_is_on,        false,     0, 1,      "1",   "crate 28: the stored beam turn by turn in four harps of 7 fibres (the beam itself is not touched)")
/* clang-format on */
struct digitise_cfg {
    DIGITISE_CFG(CFG_MEMBER, digitise_cfg)
};

#endif
