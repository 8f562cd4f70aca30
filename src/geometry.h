/* Where the detectors are: calorimeters and their crystals. Pure values. Frames: tables.h. Test: tests/t_geometry.c */
#ifndef GM2_GEOMETRY_H
#define GM2_GEOMETRY_H

#include "phys.h"

#define CALO_FIRST_FACE_DEG 13.0 /* face of calorimeter 1; ours */
#define CALO_PITCH_DEG      15.0
#define CRYSTAL_PITCH_MM    25.1 /* 25 mm and a 0.1 mm wrap */
#define CRYSTAL_LENGTH_MM   140.0
#define CALO_COLUMNS        9
#define CALO_ROWS           6
#define CALO_OUTER_R_MM     7015.0 /* outer edge of the array; ours */
#define CALO_CENTRE_R_MM    (CALO_OUTER_R_MM - 0.5 * CALO_COLUMNS * CRYSTAL_PITCH_MM)

/** Azimuth of the front face of calorimeter 1..24 [rad]. */
static inline double geometry_calo_phi_rad(int calo)
{
    return (CALO_FIRST_FACE_DEG + CALO_PITCH_DEG * (calo - 1)) * (PI / 180.0);
}
/** Local centre of crystal 0..53 [mm]: x outward, y up, from the centre of the array. */
static inline double geometry_crystal_x_mm(int crystal)
{
    return (crystal % CALO_COLUMNS - 0.5 * (CALO_COLUMNS - 1)) * CRYSTAL_PITCH_MM;
}
static inline double geometry_crystal_y_mm(int crystal)
{
    int row = crystal / CALO_COLUMNS;
    return (row - 0.5 * (CALO_ROWS - 1)) * CRYSTAL_PITCH_MM;
}

#endif
