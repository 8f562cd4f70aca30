/* Taylor map of an arc of the ring, of orbit, time and spin: the reference's equations on power series. */
#ifndef GM2_RING_MAP_ARC_H
#define GM2_RING_MAP_ARC_H

#include "ring_field.h"
#include "ring_tpsa.h"

/* The variables are x, p_r, y, p_y over RING_MAP_SCALE_MM, and the momentum the muon would have outside the ESQ, as its
 * deviation from the magic one over RING_MAP_DELTA: it stands for the total energy, which is conserved. */
#define RING_MAP_SCALE_MM 40.0
#define RING_MAP_DELTA    0.0025

struct ring_arc {
    struct tpsa z[4];  /* x, p_r, y, p_y at its end, scaled */
    struct tpsa clock; /* omega_B times the time it takes */
    struct tpsa q[4];  /* rotation of the spin in the frame (n, y, t) of the horizontal momentum: 1, i, j, k */
};

/** The map from one azimuth to another, in the field of the quadrupole alone with hard edges; to < from: backwards. An
 *  edge at `from` belongs to it, one at its other end does not. Runge-Kutta with 240 steps a turn: 3e-5 ppb. */
void ring_map_arc(const struct ring *ring, const struct tpsa_space *space, double from_rad, double to_rad,
                  struct ring_arc *out);

/** Gauss nodes of the ESQ in the first quarter of the ring: n thin kicks that stand for it, in order of azimuth. Source:
 *  Gauss quadrature for the measure of the ESQ's length, by the recurrence of its orthogonal polynomials (Golub and
 *  Welsch, Math. Comput. 23 (1969) 221). */
enum { RING_MAP_NODES = 8 };
struct ring_nodes {
    int n;
    double centre_rad; /* of the ESQ: the maps begin there */
    double phi_rad[RING_MAP_NODES], weight_rad[RING_MAP_NODES];
};
enum err ring_map_nodes(const struct ring *ring, int n, struct ring_nodes *out);

#endif
