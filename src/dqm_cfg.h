/* services.dqm: the page of a nearline job. THE quantities that are drawn against subruns and held against limits: a new one
 * is a row here and a line in dqm_row.c. Limits are ours; low and high are accepted, inclusive. */
#ifndef GM2_DQM_CFG_H
#define GM2_DQM_CFG_H

#include "cfg.h"

/* Q(A, B, name, unit, low, high, doc); A and B are handed through */
/* clang-format off */
#define DQM_QUANTITIES(Q, A, B)                                                                                        \
    Q(A, B, ctag,         "1",   0,    1e9,  "clusters above 2 GeV later than 50 us, a muon fill")                     \
    Q(A, B, fills_per_s,  "1/s", 0,    1e9,  "fills a second, by their time stamps")                                   \
    Q(A, B, positrons,    "1",   0,    1e9,  "late clusters above threshold, a muon fill")                             \
    Q(A, B, asymmetry,    "1",   0,    1,    "amplitude of the wiggle")                                                \
    Q(A, B, t0_ns,        "ns",  0,    1e9,  "mean time of injection in the record")                                   \
    Q(A, B, t0_rms_ns,    "ns",  0,    25,   "rms of the time of injection from fill to fill")                                              \
    Q(A, B, no_t0,        "1",   0,    0.05, "share of muon fills without T0 pulse")                                   \
    Q(A, B, sync_adc,     "adc", 0,    4096, "mean height of the laser's sync pulses")                                 \
    Q(A, B, sync_ratio,   "1",   0.95, 1.05, "height of the sync pulses over the reference's")                                    \
    Q(A, B, pedestal_adc, "adc", -2048, 2048, "mean pedestal")                                                         \
    Q(A, B, pedestal_shift_adc, "adc", -5, 5, "mean pedestal minus the reference's")                                  \
    Q(A, B, noise_adc,    "adc", 0.3,  4,    "rms of quiet samples")                                                   \
    Q(A, B, damaged,      "1",   0,    0.02, "share of fills with a damaged bank")                                     \
    Q(A, B, missing,      "1",   0,    0.02, "share of fills in which a crate is missing")                             \
    Q(A, B, dead_channels, "1",  0,    10,   "channels that saw no sync pulse")                                        \
    Q(A, B, latency_s,    "s",   0,    1800, "from the closing of the raw file to its product")

#define DQM_LIMITS(F, S, name, unit, low, high, doc)                                                                   \
    F(S, f64, name##_low,  low,  -1e30, 1e30, unit, doc ": alarm below")                                               \
    F(S, f64, name##_high, high, -1e30, 1e30, unit, doc ": alarm above")
#define DQM_CFG(F, S)                                                                                                  \
    F(S, flag, is_on,      true, 0, 1,      "1", "with --watch: a page is kept up to date in OUT/dqm")                 \
    F(S, f64,  page_s,     30, 0.5, 86400,  "s", "between two pages, at least (ours)")                                 \
    F(S, i64,  trend_subruns, 300, 2, 100000, "1", "subruns in the trends (ours)")                                     \
    F(S, str,  reference,  "", 0, 0,        "",  "HDF5 file of a nearline job that is drawn beside, and compared with") \
    F(S, strs, calibrate,  "['laser', 'pedestal']", 0, 0, "", "run types (/gm2/run type) whose constants are extracted and loaded") \
    F(S, f64,  calibrate_after_s, 20, 0, 86400, "s", "a calibration run is over when no subrun has come for so long, or a later run has begun (ours)") \
    F(S, str,  load_into,  "", 0, 0,        "",  "database that constants are loaded into; empty: services.conditions.database") \
    F(S, str,  load_tag,   "", 0, 0,        "",  "tag they are loaded under; empty: services.conditions.tag")          \
    DQM_QUANTITIES(DQM_LIMITS, F, S)
/* clang-format on */
CFG_DECLARE(dqm_cfg, DQM_CFG)

#define DQM_ENUM(A, B, name, ...) A##name,
enum dqm_quantity { DQM_QUANTITIES(DQM_ENUM, DQM_, ) N_DQM_QUANTITIES };

#endif
