/* What a calorimeter crate sends beside islands in a muon fill: the GPU's own fits (CF), the whole waveforms as they came (CR).
 * Test: tests/t_digitise_extra.c */
#ifndef GM2_DIGITISE_EXTRA_H
#define GM2_DIGITISE_EXTRA_H

#include "bank.h"
#include "digitise.h"

enum { DIGITISE_PHASES = 1024 };

/** Where a peak lies between samples, from its three highest. */
struct digitise_gpu {
    float fraction[DIGITISE_PHASES]; /* of a sample, by pseudo-time (2 / pi) atan((left - peak) / (right - peak)) */
    double area;                     /* of the template at peak 1 [samples] */
};
void digitise_gpu_create(struct digitise_gpu *gpu);
/** Writes CFnn: each local extremum of an island beyond the threshold (>= left, > right), its time from the three samples
 *  around it, energy and pedestal by linear least squares over the template, peak at index 9 of 32 samples, as far as the
 *  island reaches (ours: the GPU has the whole record); at most 400 a crystal. Source: formats 2.5. */
enum err digitise_gpu_crate(const struct digitise_front *front, const struct digitise_gpu *gpu,
                            const struct digitise_crate *crate, struct midas_build *event);

/** Draws the crate's whole record, the same samples as in its islands, and writes CRnn; the islands in `crate` are gone then.
 *  60 MB of samples in a record of 560,000. */
enum err digitise_payload(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                          const struct bank_daq_header *header, struct midas_build *event);

#endif
