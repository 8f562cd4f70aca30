/* Positrons from their birth to the faces of the calorimeters.
 *
 * Frame of one positron: the next calorimeter face lies in the half plane z = 0, x > 0; x is the distance from the ring's
 * axis there, z grows along the beam, y is up. Passing a face turns the frame by one calorimeter pitch. A positron with
 * momentum along +z and field up bends towards smaller x. Test: tests/t_positron.c */
#ifndef GM2_POSITRON_H
#define GM2_POSITRON_H

#include "cfg.h"
#include "isa.h"
#include "rng.h"
#include "tables.h"

enum { POSITRON_NODES = 6, POSITRON_KNOTS = POSITRON_NODES - 1, POSITRON_LANES = 8 };

/** Field and limits. By/B0 = 1 + sum over knots of a t^2 + b t^3 with t = max(0, (r_uniform - r)/100 mm - knot): the
 *  monotone cubic through the table, once continuously differentiable; 1 outside r_uniform. */
struct positron_setup {
    double knot[POSITRON_KNOTS], a[POSITRON_KNOTS], b[POSITRON_KNOTS];
    double r_uniform_mm;                   /* table's outermost radius: uniform field from here outward */
    double curvature;                      /* 1/radius per 1/momentum [GeV/mm]: e c B0 */
    double step_mm;                        /* of the integration inside r_uniform */
    double r_min_mm, r_max_mm, y_max_mm;   /* beyond: lost */
    double wall_r_mm, wall_mm, wall_X0_mm; /* inner vacuum wall: radius, thickness (0: none), radiation length */
    double wall_GeV_per_mm;                /* ionisation */
};

/** How a positron ended. */
enum positron_end {
    POSITRON_HIT,    /* entered a face */
    POSITRON_SIDE,   /* entered an array through its side, top or bottom, within its depth */
    POSITRON_INNER,  /* r < r_min */
    POSITRON_HEIGHT, /* |y| > y_max */
    POSITRON_OUTER,  /* r > r_max */
    POSITRON_BACK,   /* curled until it moved against the beam */
    POSITRON_PASSED, /* 90 degrees without a hit */
    N_POSITRON_ENDS
};
/** A few words for each end. */
extern const char *const positron_end_text[N_POSITRON_ENDS];

/** One positron: state in its frame, and in the end where it hit. */
struct positron_state {
    double x, y, z;    /* [mm] */
    double ux, uy, uz; /* unit direction */
    double k;          /* curvature at B0 [1/mm] = curvature / p */
    double s;          /* path so far [mm] */
    double p_GeV;
    int plane; /* faces passed */
    int calo;  /* 1..24: whose face lies at z = 0 */
    enum positron_end end;
};

/** Columns of positrons inside r_uniform, one a lane; n a multiple of POSITRON_LANES, 64-byte aligned. */
struct positron_lanes {
    double *x, *y, *z, *ux, *uy, *uz, *k, *s;
    int64_t *stop; /* 0 under way, 1 the next step crosses z = 0, 2 + enum positron_end: lost */
};

/** Workspace of positron_track(). */
struct positron_work {
    size_t capacity;
    struct positron_state *state; /* [n] result: one a positron */
    uint32_t *lane_of;            /* [n] */
    struct positron_lanes lanes;
    void *memory;
};

/** Setup for a field table: node_x_mm descending [POSITRON_NODES] relative to R0, node_b = By/B0 there, node_b[0] = 1.
 *  ERR_CONFIG unless x falls strictly. Interpolation: Fritsch, Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300. */
enum err positron_setup_make(const double node_x_mm[POSITRON_NODES], const double node_b[POSITRON_NODES],
                             struct positron_setup *out);
/** The same from parameters; ERR_CONFIG, naming the module's label, unless there are POSITRON_NODES of each and field_by
 *  begins with 1. */
enum err positron_setup_read(const char *label, const struct f64s *field_x_mm, const struct f64s *field_by,
                             struct positron_setup *out);
/** By/B0 and Br/B0 = y d(By/B0)/dr at radius r, height y. */
void positron_field(const struct positron_setup *s, double r_mm, double y_mm, double *by, double *br);
/** Puts one positron into its frame. phi_rad any, momentum components along (r, phi, y) [GeV], not 0. */
struct positron_state positron_state_make(const struct positron_setup *s, double x_mm, double y_mm, double phi_rad,
                                          const double p_GeV[3]);
/** Follows all positrons of a table to their ends: work->state[i] for row i. The random numbers of `key` serve the wall
 *  alone. Energy is kept exactly but for the wall. Per lane the arithmetic does not depend on its neighbours. */
enum err positron_track(const struct positron_setup *s, struct rng_key key, const struct positron_view *in,
                        struct positron_work *work);
/** Room for n; what it held is lost. */
enum err positron_work_reserve(struct positron_work *work, size_t n);
void positron_work_free(struct positron_work *work);
/** Takes the states lane_of[0..n), inside r_uniform and ahead of their planes z = 0, to these planes by steps. Returns how
 *  many arrived: their rows are then lane_of[0..result), in the same order; `end` of the others says where they ended.
 *  Only curvature and direction count, so any particle may be followed. */
size_t positron_to_next_plane(const struct positron_setup *s, struct positron_work *work, size_t n);

/** Steps all lanes with stop 0 (Runge-Kutta, fourth order, in path length) until each has stopped. */
ISA_DECLARE(void, positron_steps, (const struct positron_setup *s, struct positron_lanes *lanes, size_t n))
/** Takes the lanes with stop 1, whose next step crosses z = 0, exactly to z = 0 (Newton, to 1e-9 mm). */
ISA_DECLARE(void, positron_to_plane, (const struct positron_setup *s, struct positron_lanes *lanes, size_t n))

#endif
