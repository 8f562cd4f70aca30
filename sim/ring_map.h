/* The map engine: a stored muon's whole turns by Taylor maps of orbit, time and spin, with frozen total energy.
 *
 * The maps hold the quadrupole part of the ESQ with its hard edges, to third order in x, p_r, y, p_y and to fourth
 * with the energy; they are made by running the equations of the reference on power series. What a low order cannot
 * carry, the octupole to the 28-pole, acts in thin kicks at Gauss nodes of the ESQ in each quarter of the ring. Between
 * the nodes stand linear maps that the quarter's map takes back exactly; the turn of the spin and the time that belong to
 * the way between a kick and the reference azimuth are kept to first order. Without multipoles one map is a turn. A muon's
 * energy does not change, so that its maps are polynomials of four variables, computed once for it.
 *
 * Only what the map engine holds to 0.3 ppb is accepted, see ring_map_make(). A muon that comes within half a millimetre
 * of a collimator, or near the plates, is left to the element engine. Source: M. Berz, Part. Accel. 24 (1989) 109; the
 * rest is ours. Tests: tests/t_ring_map.c, tests/long_ring.c */
#ifndef GM2_RING_MAP_H
#define GM2_RING_MAP_H

#include "ring_kernel.h"
#include "ring_map_arc.h"

enum {
    RING_MAP_EVEN       = 19, /* monomials even in (y, p_y), in the order of ring_map.c */
    RING_MAP_ODD        = 16,
    RING_MAP_POWERS     = TPSA_ORDER + 1,
    RING_MAP_MULTIPOLES = RING_EVEN_TERMS - 1
};
#define RING_MAP_LIMIT_PPB 0.3 /* more than this against the element engine is an error */
#define RING_MAP_VERTICAL_MM                                                                                           \
    36.0                    /* muons of larger vertical amplitude stay with the element engine: 0.3 ppb at 42 mm */
#define RING_MAP_STAYS -1.0 /* fate of a muon that the map engine leaves to the element engine */

/** Polynomials in delta: [..][power]. */
struct ring_map_series {
    double even[RING_MAP_EVEN][5][RING_MAP_POWERS]; /* of x, p_r, clock, q0, q2 */
    double odd[RING_MAP_ODD][4][RING_MAP_POWERS];   /* of y, p_y, q1, q3 */
};
struct ring_map_node {
    double kick[RING_MAP_POWERS]; /* of p_r and p_y, per multipole field; times r / R0 */
    /* Half the turn of the spin about n, y, t and the time, per kick (of p_y for n and t, of p_r for y and the clock): at
     * the node, and on the way between it and the reference azimuth. */
    double turn[4][RING_MAP_POWERS];
    double x[6][RING_MAP_POWERS], y[4][RING_MAP_POWERS]; /* linear map to the next node */
};
struct ring_map_look {
    int map, node; /* in which map of a turn, after which node's kick (0 without kicks: before the map) */
    double limit;  /* radius, scaled */
    double x[3][RING_MAP_POWERS], y[2][RING_MAP_POWERS];
};
struct ring_maps {
    double kappa, a, GeV, omega_B, magic; /* as in struct ring; magic momentum [mm] */
    int n_nodes, maps_per_turn;
    double even[RING_MAP_MULTIPOLES];     /* (eps_x - i eps_y) / z^3, scaled */
    struct ring_map_series in, turn, out; /* phi = 0 to the first node, a node to the next quarter's or a turn, back */
    struct ring_map_node node[RING_MAP_NODES];
    struct ring_map_look look[RING_MAX_COLLIMATORS];
    int n_looks;
    struct ring_optics optics; /* at phi = 0 */
    double reach_mm;           /* the same for horizontal amplitude and closed orbit */
};

/** Makes the maps of a ring with `kicks` thin kicks a turn (a multiple of 4, 4 to 32; a linear field has none); some
 *  tenths of a second. ERR_CONFIG with the reason where the map engine does not apply: fields other than linear ones and
 *  normal multipoles of even order alike in all sections, soft edges, a continuous ESQ, dipole multipoles, kickers, EDM,
 *  monitors, a way in. Free with mem_free(). */
enum err ring_map_make(const struct ring *ring, int kicks, struct ring_maps **out);
/** Both engines over 1,000 turns with 64 muons to 95 % of the aperture: largest difference of omega_a [ppb]. ERR_NUMBER above
 *  RING_MAP_LIMIT_PPB. Fixed muons: the same number every time within one build and instruction set. */
enum err ring_map_check(const struct ring_maps *map, const struct ring *ring, double *max_ppb);
/** n whole turns from phi = 0 with no looks and no ends, as ring_turns(): for checks, tests and benchmarks. */
enum err ring_map_turns(const struct ring_maps *map, struct ring_batch *batch, int64_t n_turns);

/** Whole turns of the muons with fate 0 that are at phi = 0, as many as fit before t_end_ns (a turn or so is left); turns
 *  are added. Those that it cannot take keep their values and get the fate RING_MAP_STAYS. No allocation, no error; a
 *  muon's result does not depend on its neighbours. */
ISA_DECLARE(void, ring_map_kernel, (const struct ring_maps *map, struct ring_batch *batch))
/** The same with a given number of turns for all muons. */
ISA_DECLARE(void, ring_map_kernel_turns, (const struct ring_maps *map, struct ring_batch *batch, int64_t n_turns))

#endif
