/* Lost muons: from where they touched matter, through the ring and the calorimeters, to their end.
 *
 * Frame: that of positron.h, but the plane ahead is any of the planes below. Between planes a muon flies on the exact helix
 * of the uniform field (r > r_uniform), or by the positrons' steps from face to face further in. Test: tests/t_lost_muon.c */
#ifndef GM2_LOST_MUON_TRACK_H
#define GM2_LOST_MUON_TRACK_H

#include "positron.h"

enum { LOST_MUON_MAX_PLANES = 128, LOST_MUON_MAX_COLLIMATORS = 16 };

/** What stands at an azimuth. */
enum lost_muon_plane_kind {
    LOST_MUON_FACE,       /* front of a calorimeter */
    LOST_MUON_COLLIMATOR, /* front of a collimator that is in */
    LOST_MUON_SECTION,    /* begin of an ESQ section */
    LOST_MUON_KICK,       /* in an ESQ section: field and plates */
    LOST_MUON_SECTION_END
};
struct lost_muon_plane {
    double phi_rad;
    enum lost_muon_plane_kind kind;
    int calo;               /* of a face: 1..24 */
    double kick, plates_mm; /* in an ESQ: dp/p_magic per x/R0; length of the plates ahead */
    double cosine, sine;    /* of the angle to the next plane */
    double ahead_rad;
};

/** What a user chooses. */
struct lost_muon_par {
    double collimator_deg[LOST_MUON_MAX_COLLIMATORS];
    size_t n_collimators;
    double aperture_mm, collimator_mm, collimator_width_mm; /* inner radius, length along the beam, radial width */
    double plate_mm;                                        /* thickness of the ESQ plates */
    double n_index;     /* field index averaged over azimuth; 0: no electric field */
    double mip_GeV;     /* mean light of CRYSTAL_LENGTH_MM of path */
    double min_path_mm; /* shorter paths in crystals are passed over */
    double max_turns, min_p_GeV;
};

struct lost_muon_setup {
    struct positron_setup field;
    struct lost_muon_par par;
    struct lost_muon_plane plane[LOST_MUON_MAX_PLANES];
    size_t n_planes;
};

/** How a lost muon ended. */
enum lost_muon_end {
    LOST_MUON_INNER,   /* r < r_min */
    LOST_MUON_HEIGHT,  /* |y| > y_max */
    LOST_MUON_OUTER,   /* r > r_max */
    LOST_MUON_BACK,    /* curled until it moved against the beam */
    LOST_MUON_STOPPED, /* too slow */
    LOST_MUON_TURNS,   /* more than max_turns */
    N_LOST_MUON_ENDS
};

/** A muon where it was lost. Momentum along (r, phi, y). */
struct lost_muon {
    double t_ns, x_mm, y_mm, phi_rad, p_GeV[3];
    uint32_t particle;      /* names its random numbers */
    uint32_t vertex;        /* row handed on to its hits */
    bool is_at_collimator;  /* it stands at a collimator's front, else at an ESQ's plates or in the vacuum */
    enum lost_muon_end end; /* result */
    int n_calos;            /* result: calorimeters crossed */
};

/** A calorimeter crossed: the columns of table mip_hit. */
struct lost_muon_hit {
    uint32_t muon, vertex;
    uint8_t calo, n_before;
    double t_ns, x_mm, y_mm, dxdz, dydz, p_GeV, path_mm, energy_GeV;
};

struct lost_muon_work {
    struct positron_work lanes;
    struct lost_muon_flight *flight;
    struct lost_muon_hit *hit; /* [n_hits] result, ordered by muon and time */
    size_t n_hits, hit_capacity, capacity;
};

/** Sets up the planes. ERR_CONFIG if a collimator stands within 0.05 degrees of another plane. */
enum err lost_muon_setup_make(const struct positron_setup *field, const struct lost_muon_par *par,
                              struct lost_muon_setup *out);
/** Follows n muons to their ends. Each has its own random numbers (key, particle); the arithmetic of one does not depend
 *  on the others. */
enum err lost_muon_track(const struct lost_muon_setup *s, struct rng_key key, struct lost_muon *muon, size_t n,
                         struct lost_muon_work *work);
void lost_muon_work_free(struct lost_muon_work *work);

#endif
