/* Parameters of the ring's fields beyond the ideal: ESQ plates, scraping and faults; kickers; the dipole's multipoles.
 *
 * A module lists FIELD_CFG beside RING_CFG, copies it with field_cfg_copy() and lets ring_fields_make() fill the rest of
 * a ring's setup. Lists for "sections" are one number for all, or one a section in order of azimuth (Q1 short, Q1 long,
 * Q2 short ...); for "kickers" one or three. Test: tests/t_ring_cfg_fields.c */
#ifndef GM2_RING_CFG_FIELDS_H
#define GM2_RING_CFG_FIELDS_H

#include "cfg.h"
#include "ring_field.h"

/* clang-format off */
#define FIELD_CFG(F, S)                                                                                                \
    F(S, f64s, esq_plates_kV,      "[]", -40, 40, "kV", "voltages of top, bottom, inner, outer plate: four for all sections, or four a section; empty: + + - - esq_high_voltage_kV; needs esq_field nim, as all that names plates") \
    F(S, f64s, esq_plates_out_mm,  "[]", -5, 5,   "mm", "plates moved outward (top, bottom, inner, outer): four for all sections, or four a section; first order") \
    F(S, f64s, esq_dx_mm,          "[]", -10, 10, "mm", "sections moved outward")                                      \
    F(S, f64s, esq_dy_mm,          "[]", -10, 10, "mm", "sections moved up")                                           \
    F(S, f64s, esq_roll_mrad,      "[]", -100, 100, "mrad", "sections rolled, from outward towards up")                \
    F(S, str,  esq_scraping,       "none", 0, 0, "none|e821|e989", "plates lowered at first: Q1, Q3 bottom, Q2 inner, Q4 outer (plates of e989 ours), to 17/24 or 13.1/18.3 of their voltage") \
    F(S, f64,  esq_scraping_fraction, 0,  0, 1,   "1",  "voltage of lowered plates over their own; 0: that of esq_scraping") \
    F(S, f64,  esq_scraping_end_us, 7,    0, 1000, "us", "scraping ends")                                              \
    F(S, f64s, esq_scraping_tau_us, "[]", 0, 1000, "us", "time constants of the return: one, or four for Q1 ... Q4; empty: 4.9, 4.55, 4.55, 4.9 (e821: 5, ours)") \
    F(S, f64s, esq_fault_missing,  "[]",  0, 1,   "1",  "fault of Run-1: share of their voltage that top and bottom plate of Q1 long still lack at esq_fault_begin_us (ours); a plate that scrapes keeps its step and only returns slowly") \
    F(S, f64s, esq_fault_tau_us,   "[40, 40]", 0, 1000, "us", "their time constants (25-60 us)")                       \
    F(S, f64,  esq_fault_begin_us, 0,  -1000, 1000, "us", "when they begin to rise")                                   \
    F(S, i64,  esq_edge_steps,     0,     0, 30,  "1",  "soft edges of the ESQ: steps of each; 0: hard edges")         \
    F(S, f64,  esq_edge_mm,        120,   1, 300, "mm", "a soft edge reaches so far on either side")                   \
    F(S, str,  kicker,             "none", 0, 0, "none|shape|lcr|table", "pulse of the three kickers: a shape like E989's (ours), the discharge of E821, or a file") \
    F(S, f64s, kicker_G,           "[210]", 0, 1000, "G", "kickers: peak field at the centre; 293 G would be the full kick of 10.83 mrad") \
    F(S, f64s, kicker_kV,          "[]",  0, 500, "kV", "kickers: peak field from the voltage instead: 1.6 G per kV (ours), for lcr from the circuit and 196 G per 5600 A") \
    F(S, f64s, kicker_late_ns,     "[0]", -10000, 10000, "ns", "kickers: peak after the arrival of a muon of t_fill = 0") \
    F(S, f64s, kicker_deg,         "[69.8, 84.7, 99.5]", 0, 360, "deg", "azimuths of the kickers' centres (spacing of the sheet, shifted by -3.5; ours)") \
    F(S, f64,  kicker_length_mm,   1270,  1, 3000, "mm", "length of one")                                              \
    F(S, i64,  kicker_slices,      4,     1, 64,  "1",  "thin kicks in each")                                          \
    F(S, flag, kicker_is_uniform,  false, 0, 1,   "1",  "true: the same field all over the aperture, no vertical profile") \
    F(S, f64,  kicker_rise_ns,     90,    0, 1000, "ns", "shape: rise (ours)")                                         \
    F(S, f64,  kicker_flat_ns,     30,    0, 1000, "ns", "shape: flat top (ours); FWHM = flat + (rise + fall) / 2")    \
    F(S, f64,  kicker_fall_ns,     110,   0, 1000, "ns", "shape: fall (ours)")                                         \
    F(S, f64,  kicker_echo,        0.1, -0.9, 0.9, "1", "shape: height of the first echo (10 % level; ours)")          \
    F(S, f64,  kicker_echo_ratio, -0.5,  -1, 1,   "1",  "shape: each next echo over the one before (ours)")            \
    F(S, f64,  kicker_echo_ns,     230,   0, 5000, "ns", "shape: distance of echoes (ours)")                           \
    F(S, i64,  kicker_echoes,      3,     0, 100, "1",  "shape: how many (ours)")                                      \
    F(S, f64s, kicker_L_uH,        "[1.164, 1.114, 1.187]", 0, 1e6, "uH", "lcr: inductance")                           \
    F(S, f64s, kicker_R_ohm,       "[11.35, 11.43, 11.33]", 0, 1e6, "ohm", "lcr: resistance")                          \
    F(S, f64s, kicker_C_nF,        "[11.24, 11.30, 11.05]", 0, 1e6, "nF", "lcr: capacitance")                          \
    CFG_FILE(F, S, kicker_table, "table: file with columns t and value (pulse, field); scaled to a peak of 1 in whose middle t = 0 is put") \
    F(S, str,  kicker_table_group, "",    0, 0,   "",   "its group, if the file is HDF5")                              \
    F(S, f64,  kicker_begin_ns,   -200, -1e6, 0,  "ns", "table: it must cover the time from here")                     \
    F(S, f64,  kicker_end_ns,      2000,  0, 1e6, "ns", "table: to here; lcr: followed so far; after its peak")        \
    F(S, f64,  kicker_eddy_G,      0, -1, 1,      "G",  "eddy currents' field at the pulse's end; 0.019 gives the published -27 ppb (ours); 0: the engine can forget the kickers") \
    F(S, f64,  kicker_eddy_tau_us, 50,    0.1, 1e5, "us", "their time constant")                                       \
    F(S, str,  dipole,             "none", 0, 0, "none|e821|e989", "multipoles of the storage field: E821's averages, or 14 ppm rms along the ring (harmonics ours)") \
    F(S, f64s, dipole_normal_ppm,  "[]",  -1e5, 1e5, "ppm", "added everywhere: c_0, c_1, ... c_5 at 45 mm")            \
    F(S, f64s, dipole_skew_ppm,    "[]",  -1e5, 1e5, "ppm", "added everywhere: s_0 (radial field, B_r/B0 = -s_0), s_1, ... s_5") \
    F(S, f64s, dipole_waves,       "[]",  -1e5, 1e5, "1", "added, by fives: order, skew (0 or 1), harmonic N, ppm of cos N phi, ppm of sin N phi") \
    CFG_FILE(F, S, dipole_table, "added: file with columns azimuth [deg] and any of c0 ... c5, s0 ... s5 [ppm] (a trolley's map)") \
    F(S, str,  dipole_table_group, "",    0, 0,   "",   "its group, if the file is HDF5")                              \
    F(S, f64,  dipole_max_gap_deg, 5,     0, 360, "deg", "largest gap accepted between its rows")                      \
    F(S, f64,  dipole_step_deg,    26,    1, 90,  "deg", "longest stretch of the dipole's multipoles handled by one kick")
/* clang-format on */

struct field_cfg {
    FIELD_CFG(CFG_MEMBER, field_cfg)
};
#define FIELD_COPY(FROM, type, name, def, min, max, unit, doc) .name = (FROM)->name,
/** The part of a module's parameters that FIELD_CFG made, as a value; lists stay the module's. */
#define field_cfg_copy(cfg) ((struct field_cfg){FIELD_CFG(FIELD_COPY, cfg)})

/** What a setup only points at. */
struct ring_fields {
    struct dipole_map dipole;
    struct kicker_pulse pulse[KICKERS];
};

/** Fills a setup that ring_setup_from() made: `extra`, edges, kickers, dipole. esq_field and high_voltage_kV are those of
 *  RING_CFG. What is not asked for stays as it is, to the last bit. The setup and every ring built from it point at
 *  `owned`, to be kept in place and freed with ring_fields_free(), also after an error.
 *  ERR_CONFIG with the parameter's name: lists of a wrong length, plates of a field that has none, tables that do not
 *  cover, what the builders refuse; ERR_OPEN, ERR_READ, ERR_DATA for files. */
enum err ring_fields_make(const struct field_cfg *cfg, const char *esq_field, double high_voltage_kV,
                          struct ring_setup *setup, struct ring_fields *owned);
void ring_fields_free(struct ring_fields *owned);

#endif
