/* Constants of the default set, with units in their names and their source.
 *
 * The set is the internally consistent one printed by the experiment's own simulation in Nov 2020: masses, anomaly,
 * R0 and B0 belong together; another set would move omega_a by up to 0.3 ppm. A result names its set. */
#ifndef GM2_PHYS_H
#define GM2_PHYS_H

#define PHYS_SET_NAME "gm2ringsim-2020"

#define PI                  3.14159265358979323846
#define C_MM_NS             299.792458    /* speed of light */
#define MUON_MASS_GeV       0.1056583745  /* CODATA 2014 */
#define MUON_ANOMALY        0.00116592089 /* Bennett et al. 2006 (E821) */
#define MUON_LIFETIME_NS    2196.9811     /* at rest, PDG */
#define ELECTRON_MASS_GeV   0.51099895e-3
#define RING_R0_MM          7112.0           /* design orbit */
#define RING_B0_T           1.45129912113    /* field that puts the magic momentum on R0 */
#define MAGIC_P_GeV         3.09434963118    /* m / sqrt(a) */
#define MAGIC_GAMMA         29.3034319691    /* sqrt(1 + 1/a) */
#define OMEGA_A_RADNS       1.439340338e-3   /* a (e/m) B0 */
#define OMEGA_C_RADNS       42.1284931848e-3 /* cyclotron, magic momentum on R0 */
#define CYCLOTRON_PERIOD_NS 149.1434
#define BIN_WIDTH_NS        149.2  /* mean cyclotron period of the stored beam; analysis bin */
#define F_REFERENCE_MHz     0.2291 /* R counts ppm from here */
/* p[GeV] = KAPPA B[T] r[mm]: e c in these units */
#define GeV_PER_T_MM 0.299792458e-3
#define APERTURE_MM  45.0
#define N_CALOS      24
#define N_CRYSTALS   54
#define SAMPLE_NS    1.25 /* one clock tick, 800 MHz */

#endif
