/* Calibrations from beam data and pedestal fills: what their files share. Test: tests/t_calib_beam.c */
#ifndef GM2_CALIB_BEAM_H
#define GM2_CALIB_BEAM_H

#include "calib.h"

/** Location of ln(light) of single crystals crossed by a lost muon, and edge of the spectrum of all clusters as fitted by
 *  energy_scale_edge(), both found in simulation with nominal constants (reco/README.md). */
#define CALIB_MIP_MeV  159.0
#define CALIB_EDGE_GeV 3.042

/** Picture: edge of the spectrum against time in the fill, over that of all times: what gain corrections leave. Its numbers:
 *  table edge {time [us], change [1], error [1]}. ERR_NOTFOUND with too few positrons or without histogram calib/endpoint_time. */
enum err calib_draw_edge_time(const struct calib_input *in, const struct calib_result *r, struct sheet *s);

/** Pictures of each calibration; end with a NULL name. */
extern const struct calib_picture calib_time_pictures[], calib_energy_pictures[], calib_pedestal_pictures[],
    calib_noise_pictures[], calib_status_pictures[];

#endif
