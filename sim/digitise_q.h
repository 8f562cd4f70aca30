/* The GPU's Q histograms: samples of each crystal summed over bins and over fills, and the CQ bank made of them.
 *
 * As for the calorimeter sums no record is made: pulses are summed exactly (before clipping), pedestals multiplied, and
 * the noise of a finished sum is drawn with its variance, fills x decimation x (rms^2 + 1/12). Memory: 4 bytes a bin
 * and crystal, 48 MB for all at 60 samples a bin. Equations: sim/README.md. Test: tests/t_digitise_q.c */
#ifndef GM2_DIGITISE_Q_H
#define GM2_DIGITISE_Q_H

#include "digitise.h"
#include "midas.h"

struct digitise_q {
    int32_t n_flush; /* muon fills in a sum; 0: no Q histograms are made */
    int32_t first_sample, decimation, n_bins;
    double sag_adc, sag_tau_samples; /* pedestals are lower by this right after injection, and recover */
    int32_t injection_sample;
    int32_t n_fills;                   /* in the sums now */
    float *sum;                        /* [N_CALOS][N_CRYSTALS][n_bins] pulses alone */
    float *work;                       /* [n_bins] */
    double level[N_CALOS][N_CRYSTALS]; /* the fills' pedestals added up */
};

/** Room for sums over samples [first, last] of a record. ERR_CONFIG if that holds no bin. Zero it before. */
enum err digitise_q_create(int32_t first, int32_t last, struct digitise_q *q);
void digitise_q_free(struct digitise_q *q);
/** Forgets what was summed: at a unit's begin, so that units do not depend on each other. */
void digitise_q_clear(struct digitise_q *q);
/** A muon fill begins: its crates follow. */
void digitise_q_fill(struct digitise_q *q);
/** Adds a crate of this fill; if it is the sum's last, writes the crate's bank into the open event and begins anew. */
enum err digitise_q_crate(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                          struct digitise_q *q, struct midas_build *event);

#endif
