/* Parameters that describe the ring, shared by the gun (for its optics) and the tracker. */
#ifndef GM2_RING_CFG_H
#define GM2_RING_CFG_H

#include "cfg.h"
#include "ring_field.h"

/* clang-format off */
#define RING_CFG(F, S)                                                                                                 \
    F(S, str,  esq_layout,      "13_26", 0, 0, "13_26|39|continuous", "ESQ: the real 4 x (13 + 26) degrees, 4 x 39 (bench ring), or all around") \
    F(S, str,  esq_field,       "nim",   0, 0, "nim|linear|curved|custom",   "multipoles to the 28-pole at esq_high_voltage_kV, a pure quadrupole of index n_index (curved: obeying Laplace in the ring's curvature), or esq_normal_V and esq_skew_V") \
    F(S, f64,  esq_high_voltage_kV, 18.3, 0, 40,  "kV",  "plate voltage; 18.3 gives n = 0.1077")                        \
    F(S, f64,  n_index,         0.108, 0.001, 0.4, "1",  "field index averaged over azimuth, for esq_field linear and curved")     \
    F(S, f64s, esq_normal_V,    "[]",  -1e6, 1e6,  "V",  "b_1, b_2, ... on the 45 mm circle, for esq_field custom; b_2 < 0 focuses vertically") \
    F(S, f64s, esq_skew_V,      "[]",  -1e6, 1e6,  "V",  "a_1, a_2, ... likewise")                                      \
    F(S, f64s, collimators_deg, "[241.0, 301.0]", 0, 360, "deg", "azimuths of the collimators that are in (Run-1: two)") \
    F(S, f64,  aperture_mm,     45,    1, 60,      "mm", "radius of the collimators' circle")                           \
    F(S, f64,  pair_deg,        26,    1, 39,      "deg", "longest stretch of ESQ handled by one pair of kicks: 26 gives 16 kicks a turn")
/* clang-format on */

/** Of these, what gun, tracker and analysers of one job must agree upon. */
extern const char *const ring_cfg_shared[];

/** Fills a setup from a parameter struct made with RING_CFG. ERR_CONFIG on too many multipoles or collimators. */
#define ring_cfg_setup(cfg, out)                                                                                       \
    ring_setup_from((cfg)->esq_layout, (cfg)->esq_field, (cfg)->esq_high_voltage_kV, (cfg)->n_index,                   \
                    &(cfg)->esq_normal_V, &(cfg)->esq_skew_V, &(cfg)->collimators_deg, (cfg)->aperture_mm,             \
                    (cfg)->pair_deg, out)
enum err ring_setup_from(const char *layout, const char *field, double high_voltage_kV, double n_index,
                         const struct f64s *normal_V, const struct f64s *skew_V, const struct f64s *collimators_deg,
                         double aperture_mm, double pair_deg, struct ring_setup *out);

#endif
