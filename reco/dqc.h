/* Quality of fills: what is measured in a fill, and the cuts on it (src/dqc_cuts.h).
 *
 * Module Dqc measures every fill and holds it against the thresholds; DqcFilter stops the path of fills that failed. Tests:
 * tests/t_dqc.c, tests/cli/production.sh */
#ifndef GM2_DQC_H
#define GM2_DQC_H

#include "geometry.h"
#include "tables.h"

/** Where to look, from the module's parameters. */
struct dqc_settings {
    double sync_ns, sync_window_ns, sync_min_adc; /* the sync pulse: time from injection, +- window, least amplitude */
    double quiet_before_ns; /* islands that begin so long before injection begin with quiet samples */
    double pedestal_tolerance_adc;
    int32_t n_quiet; /* quiet samples at the beginning of such islands */
};

/** One fill's tables; all but fill may be NULL: then there is nothing to judge by. */
struct dqc_input {
    const struct block *fill, *island, *trace, *sample;
};

/** What was measured. NaN or -1: there was nothing to measure. */
struct dqc_measured {
    uint8_t fill_type;
    uint32_t status, calos;
    double ctag;
    double t0_adc, t0_width_ns, t0_pair_ns;
    double n_sync, n_bad_pedestals, noise_adc;
};

struct dqc_limits {
    double low, high; /* accepted, inclusive */
};

struct dqc_cut {
    const char *name, *unit, *doc;
    int fills; /* bits 1 << fill type */
    int64_t n_bins;
    double from, to;                                      /* histogram */
    double (*value)(const struct dqc_measured *measured); /* NaN: nothing to judge by */
};
/** In order of the bits; ended by a NULL name. */
extern const struct dqc_cut dqc_cuts[N_DQC_CUTS + 1];

/** Measures a fill; the table fill has one row. */
void dqc_measure(const struct dqc_settings *settings, const struct dqc_input *in, struct dqc_measured *out);
/** Values of all cuts, and as bits those that fail and those without anything to judge by; cuts that are not for this type
 *  of fill do neither, their value is NaN. */
void dqc_judge(const struct dqc_measured *measured, const struct dqc_limits limits[N_DQC_CUTS],
               double value[N_DQC_CUTS], uint32_t *flags, uint32_t *unknown);

/** What a subrun came to. */
struct dqc_sums {
    uint32_t n_fills, n_muon, n_good;
    uint32_t n_failed[N_DQC_CUTS], n_alone[N_DQC_CUTS];
    uint32_t n_with_calo[N_CALOS];
    double calo_fraction;                  /* a calorimeter counts as present when it is whole in so many fills */
    double n_oof_channels, n_no_constants; /* NaN: nothing to judge by */
};
struct dqc_subrun_cut {
    const char *name, *unit, *doc;
    double (*value)(const struct dqc_sums *sums); /* NaN: nothing to judge by */
};
extern const struct dqc_subrun_cut dqc_subrun_cuts[N_DQC_SUBRUN_CUTS + 1];

/** Adds a fill to the sums of its subrun. */
void dqc_add(const struct dqc_measured *measured, uint32_t flags, struct dqc_sums *sums);
/** Bits of the calorimeters that are present. */
uint32_t dqc_calos_present(const struct dqc_sums *sums);
void dqc_judge_subrun(const struct dqc_sums *sums, const struct dqc_limits limits[N_DQC_SUBRUN_CUTS],
                      double value[N_DQC_SUBRUN_CUTS], uint32_t *flags, uint32_t *unknown);

#endif
