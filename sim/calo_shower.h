/* Electromagnetic showers in the PbF2 crystals of one calorimeter, and their light. Test: tests/t_calo_shower.c */
#ifndef GM2_CALO_SHOWER_H
#define GM2_CALO_SHOWER_H

#include "calo_track.h"
#include "err.h"
#include "phys.h"
#include "rng.h"

enum { SHOWER_GRID = 256 };

/** Parameters of the shower and of the light; lengths in mm, energies in GeV. */
struct shower_par {
    double core_share;           /* p: share of the core term */
    double core_mm, tail_mm;     /* Rc, Rt */
    double X0_mm, critical_GeV;  /* radiation length, critical energy Ec */
    double leak, leak_slope;     /* lost at 2 GeV; leak(E) = leak (1 + leak_slope ln(E/2 GeV)), at least 0 */
    double stochastic, constant; /* sigma/E = stochastic / sqrt(E/GeV) (+) constant */
    double pe_per_GeV;           /* photo-electrons */
    double spots_per_GeV;        /* shower spots: their multinomial shares make the transverse fluctuation; 0: none */
    double min_GeV;              /* crystals that see less are left out */
};

/** Parameters and the table of the integral of the transverse density over [0,x] x [0,y], on a grid of
 *  u = x / (x + scale) in [0,1), so that any tiling of the plane sums to 1. */
struct shower_model {
    struct shower_par par;
    double scale_mm;
    float corner[SHOWER_GRID + 1][SHOWER_GRID + 1];
};

/** Fills the model's table. ERR_CONFIG when a parameter makes no sense. */
enum err shower_model_make(const struct shower_par *par, struct shower_model *out);
/** Integral of the transverse density over the rectangle 0..x, 0..y from the shower's axis; odd in x and in y, 1/4 at
 *  infinity. Exact: f(r) = p 2 r Rc^2/(r^2+Rc^2)^2 + (1-p) 2 r Rt^2/(r^2+Rt^2)^2 over 2 pi r.
 *  Source: Grindhammer, Rudowicz, Peters, NIM A 290 (1990) 469. */
double shower_corner(const struct shower_par *par, double x_mm, double y_mm);
/** Fraction of the energy within radius r of the axis. */
double shower_within(const struct shower_par *par, double r_mm);
/** Mean and rms depth [mm] of the energy deposition: gamma profile with b = 0.5 and its maximum at
 *  X0 (ln(E/Ec) + 0.5). */
void shower_depth(const struct shower_par *par, double energy_GeV, double *mean_mm, double *rms_mm);
/** Mean share of each crystal for a positron that enters at (x, y) [mm, local] with slopes dx/dz, dy/dz: three depths
 *  with weights 1/6, 2/3, 1/6 at the mean and sqrt(3) rms from it carry the axis along the slope. */
void shower_shares(const struct shower_model *m, double energy_GeV, double x_mm, double y_mm, double dxdz, double dydz,
                   double share[N_CRYSTALS]);
/** Mean share of the energy that leaks out at the back. */
double shower_leak(const struct shower_par *par, double energy_GeV);
/** Relative width sampled on the total beside the photo-statistics: what is left of the resolution, or 0 where
 *  photo-statistics alone are wider. */
double shower_extra_width(const struct shower_par *par, double energy_GeV);
/** Samples photo-electrons per crystal of one shower. */
void shower_sample(const struct shower_model *m, struct rng *r, double energy_GeV, double x_mm, double y_mm,
                   double dxdz, double dydz, uint32_t n_pe[N_CRYSTALS]);
/** Samples photo-electrons per crystal of a muon's track: the light of energy_GeV shared by the path in each crystal, no
 *  shower, no leakage. Test: tests/t_lost_muon.c */
void shower_sample_track(const struct shower_model *m, struct rng *r, double energy_GeV, const struct calo_track *track,
                         uint32_t n_pe[N_CRYSTALS]);

#endif
