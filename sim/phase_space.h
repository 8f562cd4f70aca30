/* A beam from a file, as MARS, G4beamline or Bmad hand it over: rows of phase space at one plane of the ring, with spin.
 *
 * Columns (columns.h: any unit of the right kind): x, y; either p_r, p_phi, p_y (also px, pz, py) or the slopes xp = p_r /
 * p_phi and yp = p_y / p_phi with p, or with delta = p / p_magic - 1. Optional: t (or t_fill, time), phi, s_r, s_phi,
 * s_y, t_decay, weight, charge, pdg. The frame is that of tables.h; x points outward. Test: tests/t_file_gun.c */
#ifndef GM2_PHASE_SPACE_H
#define GM2_PHASE_SPACE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { PHASE_SPACE_COLUMNS = 11, PHASE_SPACE_MAX_ROWS = 5000000 };

/* What the tracking engine takes (ring_track.h, ring.c); rows beyond are left out. */
#define PHASE_SPACE_MAX_X_MM  110.0
#define PHASE_SPACE_MAX_Y_MM  60.0
#define PHASE_SPACE_MAX_SLOPE 0.05
#define PHASE_SPACE_MAX_DELTA 0.1
#define PHASE_SPACE_MIN_NS    (-1000.0) /* RingTracker: muons that start earlier would miss the kick */

struct phase_space_options {
    double x_offset_mm, y_offset_mm, t_offset_ns, phi_offset_rad; /* added */
    double phi_rad;                                               /* where there is no column phi */
    double polarisation, phase_slope_mrad; /* spin along (negative: against) the momentum, without columns s_r ... */
    bool needs_decay;                      /* column t_decay is wanted */
    bool is_checked;                       /* against units that do not fit each other */
};

/** n rows, columns as in table muon; t_decay_ns NULL unless wanted. */
struct phase_space {
    size_t n, n_left_out;
    double mean_t_ns;
    double *t_ns, *x_mm, *y_mm, *phi_rad, *p_r_GeV, *p_phi_GeV, *p_y_GeV, *s_r, *s_phi, *s_y, *t_decay_ns;
};

/** Reads and checks a file. Errors of columns_read(), and ERR_DATA, with row, value, range and likely cause, for: half of
 *  the momenta or more outside 10 % of the magic one; |x|, |y| > 200 mm; slopes > 0.1; |t| > 1 ms; a beam of more than
 *  19 rows whose sigma_x / sigma_x' (or y) is outside 0.1 ... 1000 m or whose sigma_t is outside 0.01 ns ... 10 us;
 *  spins longer than 1; weights other than 1; charge other than +1, pdg other than -13 (mu+).
 *  Rows that the tracking engine does not take are left out and counted. Memory: some 200 bytes a row while reading,
 *  88 after. Free with phase_space_free(). */
enum err phase_space_read(const char *path, const char *group, const struct phase_space_options *options,
                          struct phase_space *out);
void phase_space_free(struct phase_space *p);

#endif
