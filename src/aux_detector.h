/* Which channel of the auxiliary crates looks at what. Names of detectors as in the experiment's own records (0 fibre harp,
 * 3 scintillating fibres of the IBMS, 4 T0); the order of segments is ours.
 *
 * Crate 25: T0, segments 0 and 1 photomultipliers A and B. Crate 26: IBMS, 16 fibres in x and 16 in y, 5.5 mm apart, segment
 * 16 plane + fibre. Crate 28: fibre harps at 165.5 (y), 167.5 (x), 255.5 (y), 257.5 deg (x), 7 fibres each 13 mm apart,
 * segment 7 harp + fibre, fibre 0 the innermost or lowest. Test: tests/t_aux_pulses.c */
#ifndef GM2_AUX_DETECTOR_H
#define GM2_AUX_DETECTOR_H

#include <stdbool.h>

enum aux_kind { AUX_HARP = 0, AUX_IBMS = 3, AUX_T0 = 4 };
enum { AUX_T0_CHANNELS = 2, AUX_IBMS_PLANES = 2, AUX_IBMS_FIBRES = 16, AUX_HARPS = 4, AUX_HARP_FIBRES = 7 };
#define AUX_HARP_PITCH_MM 13.0
#define AUX_IBMS_PITCH_MM 5.5

struct aux_detector {
    enum aux_kind kind;
    int plane, fibre; /* photomultiplier, plane or harp, and place in it (T0: 0) */
};

/** What a segment of a crate is; false if nothing is connected, or the crate is no auxiliary one. */
bool aux_detector(int crate, int segment, struct aux_detector *out);
/** Place of a harp's fibre [mm]: x = r - R0 for harps 1 and 3, y for 0 and 2. */
double aux_harp_mm(int fibre);
/** Place of an IBMS fibre [mm], from the middle of its plane. */
double aux_ibms_mm(int fibre);

#endif
