/* A muon through matter: energy loss, multiple scattering. Test: tests/t_lost_muon.c */
#ifndef GM2_MATTER_H
#define GM2_MATTER_H

#include "rng.h"

/** A material, with Sternheimer's parametrisation of the density effect. Numbers: Particle Data Group, Atomic and Nuclear
 *  Properties of Materials (Groom, Mokhov, Striganov, At. Data Nucl. Data Tables 78 (2001) 183). */
struct matter {
    double density_g_cm3, Z_over_A, X0_mm;
    double excitation_eV;           /* mean excitation energy I */
    double a, k, x0, x1, c, delta0; /* density effect */
};
extern const struct matter matter_copper, matter_aluminium, matter_lead_fluoride;

/** What a stretch of matter does to a muon; two planes at right angles. */
struct matter_effect {
    double loss_GeV, mean_loss_GeV;
    double angle_rad[2]; /* scattering angle */
    double shift_mm[2];  /* put the track aside by so much at the entry, turn it there, and it leaves where it should */
};

/** Mean ionisation loss [GeV/mm] of a muon of momentum p_GeV > 0: Bethe's equation, PDG review (2022) eq. 34.5; no
 *  radiative losses (0.5 % in lead fluoride at 3 GeV). */
double matter_dedx_GeV_mm(const struct matter *m, double p_GeV);
/** Samples the loss of a thin stretch: collisions with electrons above a small energy one by one (PDG eq. 34.9 with
 *  F = 1 - beta^2 T/Tmax), those below as a Gaussian; its mean is Bethe's. At least 0 [GeV]. */
double matter_loss_GeV(const struct matter *m, struct rng *r, double p_GeV, double path_mm);
/** Rms scattering angle in a plane: Highland, Lynch and Dahl, PDG eq. 34.16 [rad]. */
double matter_scatter_rad(const struct matter *m, double p_GeV, double path_mm);
/** Both together, for path_mm > 0; angles and displacement correlated as PDG eqs. 34.22, 34.23. */
struct matter_effect matter_cross(const struct matter *m, struct rng *r, double p_GeV, double path_mm);

#endif
