/* Electrostatic quadrupoles (ESQ): field of four plates at any voltages, misaligned sections, soft edges, voltages in time.
 *
 * Pure functions; the engine applies them. Potential inside a section, r0 = 45 mm (as in struct ring_setup):
 *     V(r, theta) = Re sum (normal_V[n] - i skew_V[n]) (z / r0)^n,  z = x + i y = r e^(i theta),
 * x outward, y up. Plates stand at 50 mm; voltages are to the grounded chamber. Tests: tests/t_esq.c */
#ifndef GM2_ESQ_H
#define GM2_ESQ_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum esq_plate { ESQ_TOP, ESQ_BOTTOM, ESQ_INNER, ESQ_OUTER, ESQ_PLATES };

enum {
    ESQ_ORDERS   = 15, /* 0 ... 14 */
    ESQ_SECTIONS = 8   /* Q1 short, Q1 long, Q2 short ... Q4 long */
};

/** b_n and a_n [V] on the circle of 45 mm, index n. */
struct esq_multipoles {
    double normal_V[ESQ_ORDERS], skew_V[ESQ_ORDERS];
};

/** Field of four plates at these voltages [kV]. (+V, +V, -V, -V) gives exactly the NIM array scaled by V / 24 kV; the
 *  response of one plate is from the published scraping sets (orders 1 to 5) and the NIM array's sums, the other orders
 *  from a Laplace solution of the cross-section. Source: physics sheet 2.1; sim/README.md. */
void esq_plates(const double plate_kV[ESQ_PLATES], struct esq_multipoles *out);
/** out += factor * m. */
void esq_add(struct esq_multipoles *out, double factor, const struct esq_multipoles *m);
/** A section moved by (dx, dy) [mm] and turned by roll [rad], from x towards y: exact re-expansion of the polynomial. */
void esq_shift(struct esq_multipoles *m, double dx_mm, double dy_mm, double roll_rad);
/** Plates moved outward by out_mm, to first order: V -> V (1 - 2 d / 50 mm), as the potential V (x / 50 mm)^2 of a
 *  quadrupole takes the value V at another place. Within the README's accuracy for |d| <= 1 mm. */
void esq_plate_moved(double plate_kV[ESQ_PLATES], const double out_mm[ESQ_PLATES]);

/** How far beyond the ends of the plates the effective edge lies, from a three-dimensional Laplace solution (ours; good to
 *  0.5 mm). Lengths in the sheets are plates'; nothing here adds it by itself. */
#define ESQ_EDGE_OUT_MM 11.3
/** Fall of the field at a section's end: 1 inside (z << 0), 0 outside, an Enge function for a gap of 100 mm; the
 *  integral over z is that of a hard edge at z = 0. d: first and second derivative [1/mm], [1/mm^2]. */
double esq_enge(double z_mm, double d[2]);

/** Course of a voltage in time: V(t) = V_final + dV f(t), f = 1 before begin_ns, then exp(-(t - begin_ns) / tau_ns);
 *  tau_ns = 0: a step. */
struct esq_time {
    double begin_ns, tau_ns;
};
double esq_time(const struct esq_time *time, double t_ns);

enum esq_scraping { ESQ_NO_SCRAPING, ESQ_SCRAPING_E821, ESQ_SCRAPING_E989 };
/** Scraping voltage over nominal voltage of each plate of a section (0 ... 7), and its return. */
void esq_scrape(enum esq_scraping kind, size_t section, double fraction[ESQ_PLATES], struct esq_time *time);

/** A section as the engine takes it: fields at the end of the fill plus terms that decay. */
struct esq_section {
    struct esq_multipoles final;
    struct {
        struct esq_multipoles delta;
        struct esq_time time;
    } term[ESQ_PLATES];
    size_t n_terms;
};

/** What a user can say about one section. */
struct esq_setup {
    double plate_kV[ESQ_PLATES];      /* at the end; nominal +V, +V, -V, -V */
    double delta_kV[ESQ_PLATES];      /* added at first */
    struct esq_time time[ESQ_PLATES]; /* how each plate's delta goes away */
    double out_mm[ESQ_PLATES];        /* plates moved outward */
    double dx_mm, dy_mm, roll_rad;    /* the section as a whole */
};
/** All plates at +-V, nothing moved, nothing in time. */
struct esq_setup esq_setup_nominal(double high_voltage_kV);
/** Adds scraping to a section's setup. */
void esq_setup_scrape(struct esq_setup *setup, enum esq_scraping kind, size_t section);
/** Adds the Run-1 fault: a plate still short of `missing` of its voltage at time.begin_ns rises with time.tau_ns; a plate
 *  that is scraping keeps its own delta and takes the slow return. */
void esq_setup_fault(struct esq_setup *setup, enum esq_plate plate, double missing, struct esq_time time);
/** The section's fields; plates with equal times share a term. ERR_CONFIG: not finite, |V| > 40 kV, plates moved by more
 *  than 5 mm, section by more than 10 mm or 0.1 rad, negative tau. `where` names the section in messages. */
enum err esq_section(const struct esq_setup *setup, const char *where, struct esq_section *out);
/** Field of a section at a time. */
void esq_section_at(const struct esq_section *section, double t_ns, struct esq_multipoles *out);

#endif
