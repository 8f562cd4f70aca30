/* Calibrations from beam data and pedestal fills: what their files share. Test: tests/t_calib_beam.c */
#ifndef GM2_CALIB_BEAM_H
#define GM2_CALIB_BEAM_H

#include "calib.h"

/** Location of ln(light) of single crystals crossed by a lost muon, and edge of the spectrum of all clusters as fitted by
 *  energy_scale_edge(), both found in simulation with nominal constants (reco/README.md). */
#define CALIB_MIP_MeV  159.0
#define CALIB_EDGE_GeV 3.042

/** Pictures of each calibration; end with a NULL name. */
extern const struct calib_picture calib_time_pictures[], calib_energy_pictures[], calib_pedestal_pictures[],
    calib_noise_pictures[], calib_status_pictures[];

#endif
