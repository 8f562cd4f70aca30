/* A straight track through the crystals of one calorimeter. Frame: tables.h, z into the crystals from the plane of the
 * face. Test: tests/t_lost_muon.c */
#ifndef GM2_CALO_TRACK_H
#define GM2_CALO_TRACK_H

#include "phys.h"

/** The line x + dxdz z, y + dydz z. */
struct calo_track {
    double x_mm, y_mm, dxdz, dydz;
};

/** Path [mm] in the whole array, 0 if it misses it; *entry_mm: path from the plane of the face to where it enters. */
double calo_track_path(const struct calo_track *t, double *entry_mm);
/** Path in each crystal [mm]; crystals fill their pitch, without gaps. */
void calo_track_paths(const struct calo_track *t, double path_mm[N_CRYSTALS]);

#endif
