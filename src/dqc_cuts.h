/* THE quality cuts: on a fill, and on a subrun. Threshold parameters, columns, histograms, bits and the report come from
 * these two lists. A new cut is a row at the end of a list (its place is its bit, so it stays) and the function
 * dqc_value_NAME() or dqc_subrun_value_NAME() in reco/. Kickers and quadrupoles have no banks in the raw files known here:
 * when they do, they are rows like the others. Low and high are accepted, inclusive; all are ours. Test: tests/t_dqc.c */
#ifndef GM2_DQC_CUTS_H
#define GM2_DQC_CUTS_H

/* Fills that a cut is for: 1 << fill type. */
enum { DQC_MUON = 1 << 1, DQC_LASER = 1 << 2, DQC_PEDESTAL = 1 << 3, DQC_ANY = DQC_MUON | DQC_LASER | DQC_PEDESTAL };

/* C(A, B, name, unit, low, high, fills, bins, axis low, axis high, doc); A and B are handed through */
/* clang-format off */
#define DQC_CUTS(C, A, B)                                                                                              \
    C(A, B, damaged,       "1",   0,    0,    DQC_ANY,  2,   -0.5, 1.5,    "1: a bank was damaged, or crates disagree") \
    C(A, B, calos,         "1",   24,   24,   DQC_ANY,  25,  -0.5, 24.5,   "calorimeters that are there and whole")    \
    C(A, B, t0_adc,        "adc", 200,  2000, DQC_MUON, 110, 0,    2200,   "highest sample of the T0 pulse, photomultiplier A; 0: no pulse") \
    C(A, B, t0_width_ns,   "ns",  10,   60,   DQC_MUON, 100, 0,    100,    "rms width of the T0 pulse")                \
    C(A, B, t0_pair_ns,    "ns",  -2,   2,    DQC_MUON, 100, -10,  10,     "T0 photomultiplier A minus B, mean times") \
    C(A, B, ctag,          "1",   50,   1e9,  DQC_MUON, 200, 0,    800,    "clusters above 2 GeV later than 50 us")    \
    C(A, B, sync_channels, "1",   1200, 1296, DQC_MUON, 163, 0,    1304,   "channels that saw the laser's sync pulse") \
    C(A, B, bad_pedestals, "1",   0,    10,   DQC_MUON, 100, -0.5, 99.5,   "channels whose quiet samples are off the fill's pedestal") \
    C(A, B, noise_adc,     "adc", 0.3,  4,    DQC_MUON, 100, 0,    10,     "rms of quiet samples about each trace's mean")

/* C(A, B, name, unit, low, high, doc) */
#define DQC_SUBRUN_CUTS(C, A, B)                                                                                       \
    C(A, B, n_muon_fills,  "1",   1,    1e9,  "muon fills")                                                            \
    C(A, B, good_fraction, "1",   0.5,  1,    "good fills of all muon fills")                                          \
    C(A, B, calos_present, "1",   24,   24,   "calorimeters there and whole in nearly all fills (parameter calo_fraction)") \
    C(A, B, oof_channels,  "1",   1200, 1296, "channels with enough laser pulses for an out-of-fill gain (parameter oof_pulses)") \
    C(A, B, no_constants,  "1",   0,    0,    "tables of constants without an interval here (parameter needs_constants)")
/* clang-format on */

#define DQC_BIT(A, B, name, ...)       A##name,
#define DQC_NAME_WORD(A, B, name, ...) " " #name
enum dqc_cut_bit { DQC_CUTS(DQC_BIT, DQC_, ) N_DQC_CUTS };
enum dqc_subrun_bit { DQC_SUBRUN_CUTS(DQC_BIT, DQC_SUBRUN_, ) N_DQC_SUBRUN_CUTS };
/* " damaged calos ...": what bits 0, 1, ... mean */
#define DQC_CUT_NAMES    DQC_CUTS(DQC_NAME_WORD, , )
#define DQC_SUBRUN_NAMES DQC_SUBRUN_CUTS(DQC_NAME_WORD, , )

#endif
