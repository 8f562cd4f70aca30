/* The storage field as multipoles that change along the ring: Fourier series in azimuth and a table as a trolley gives it.
 *
 *     B_y + i B_x = B0 [1 + sum_k (c_k - i s_k) (z / 45 mm)^k],   z = x + i y = r e^(i theta),   k = 0 ... 5,
 * so B_y / B0 - 1 = sum (r / 45 mm)^k [c_k cos k theta + s_k sin k theta], the convention of the trolley maps; c_k is
 * called normal, s_k skew. s_0 = -B_x / B0 is a radial field (inward for s_0 > 0). Values are of B0 [1]; inputs in ppm.
 * Harmonic in (x, y); derivatives along the azimuth are left out (sim/README.md: size). Tests: tests/t_dipole_map.c */
#ifndef GM2_DIPOLE_MAP_H
#define GM2_DIPOLE_MAP_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DIPOLE_ORDERS    = 6, /* 0 dipole ... 5 dodecapole */
    DIPOLE_MAX_WAVES = 128
};

/** cos_ppm cos(N phi) + sin_ppm sin(N phi) in one multipole. */
struct dipole_wave {
    int order, harmonic;
    bool is_skew;
    double cos_ppm, sin_ppm;
};

/** Sum of waves and a table, linear between rows and periodic. */
struct dipole_map {
    struct dipole_wave wave[DIPOLE_MAX_WAVES];
    size_t n_waves, n_rows;
    double *azimuth_rad; /* rising, 0 ... 2 pi */
    double *value;       /* a row: normal 0..5, skew 0..5 [1] */
    double *sum;         /* integral from the first row to each [rad] */
};

/** "none"; "e821": E821's azimuthal averages; "e989": 14 ppm rms along the ring (harmonics ours). ERR_CONFIG otherwise. */
enum err dipole_map_preset(const char *name, struct dipole_map *out);
/** Adds a wave. ERR_CONFIG: order or harmonic outside 0 ... 5, 0 ... 1000, not finite, more than 1e5 ppm, too many. */
enum err dipole_map_add(struct dipole_map *map, struct dipole_wave wave);
/** Sets the table: n_rows azimuths [deg] and, for each multipole given, a column of ppm (NULL: 0). ERR_CONFIG with the
 *  row: fewer than two rows, not rising, outside 0 ... 360, a gap above max_gap_deg (also across 360), not finite. */
enum err dipole_map_table(struct dipole_map *map, const double *azimuth_deg, size_t n_rows,
                          const double *const normal_ppm[DIPOLE_ORDERS], const double *const skew_ppm[DIPOLE_ORDERS],
                          double max_gap_deg);
void dipole_map_free(struct dipole_map *map);

/** Multipoles at an azimuth. */
void dipole_map_at(const struct dipole_map *map, double phi_rad, double normal[DIPOLE_ORDERS],
                   double skew[DIPOLE_ORDERS]);
/** Their averages over a stretch, begin < end <= begin + 2 pi: exact. */
void dipole_map_mean(const struct dipole_map *map, double begin_rad, double end_rad, double normal[DIPOLE_ORDERS],
                     double skew[DIPOLE_ORDERS]);
/** (B_y, B_x) / B0 of given multipoles at (x, y), without the 1. */
void dipole_map_field(const double normal[DIPOLE_ORDERS], const double skew[DIPOLE_ORDERS], double x_mm, double y_mm,
                      double *by, double *bx);

#endif
