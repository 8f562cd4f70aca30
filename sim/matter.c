/* Bethe, Highland, and collisions one by one. */
#include "matter.h"

#include "phys.h"

#include <math.h>

const struct matter matter_copper        = {.density_g_cm3 = 8.96,
                                            .Z_over_A      = 0.45636,
                                            .X0_mm         = 14.36,
                                            .excitation_eV = 322.0,
                                            .a             = 0.14339,
                                            .k             = 2.9044,
                                            .x0            = -0.0254,
                                            .x1            = 3.2792,
                                            .c             = 4.4190,
                                            .delta0        = 0.08};
const struct matter matter_aluminium     = {.density_g_cm3 = 2.699,
                                            .Z_over_A      = 0.48181,
                                            .X0_mm         = 88.97,
                                            .excitation_eV = 166.0,
                                            .a             = 0.08024,
                                            .k             = 3.6345,
                                            .x0            = 0.1708,
                                            .x1            = 3.0127,
                                            .c             = 4.2395,
                                            .delta0        = 0.12};
const struct matter matter_lead_fluoride = {.density_g_cm3 = 7.77,
                                            .Z_over_A      = 0.40782,
                                            .X0_mm         = 9.3,
                                            .excitation_eV = 635.4,
                                            .a             = 0.2389,
                                            .k             = 3.0,
                                            .x0            = 0.4668,
                                            .x1            = 3.0,
                                            .c             = 6.0333,
                                            .delta0        = 0.0};

#define K_GeV_CM2   0.307075e-3 /* 4 pi N_A r_e^2 m_e c^2, per mole */
#define COLLISIONS  10.0        /* mean number that are drawn one by one (ours) */
#define SMALLEST_MM 1e-6

struct speed {
    double beta2, beta_gamma, largest_GeV; /* largest energy of an electron in one collision */
};

static struct speed speed_of(double p_GeV)
{
    double energy = hypot(p_GeV, MUON_MASS_GeV), bg = p_GeV / MUON_MASS_GeV, ratio = ELECTRON_MASS_GeV / MUON_MASS_GeV;
    return (struct speed){.beta2       = p_GeV * p_GeV / (energy * energy),
                          .beta_gamma  = bg,
                          .largest_GeV = 2.0 * ELECTRON_MASS_GeV * bg * bg /
                                         (1.0 + 2.0 * energy / MUON_MASS_GeV * ratio + ratio * ratio)};
}

/* Sternheimer, Berger, Seltzer, At. Data Nucl. Data Tables 30 (1984) 261; PDG eq. 34.7 */
static double density_effect(const struct matter *m, double beta_gamma)
{
    double x = log10(beta_gamma);
    if (x < m->x0) return m->delta0 * pow(10.0, 2.0 * (x - m->x0));
    double delta = 2.0 * log(10.0) * x - m->c;
    return x < m->x1 ? delta + m->a * pow(m->x1 - x, m->k) : delta;
}

/* K/2 Z/A density/beta^2: what a collision of energy T has per mm is this over T^2 [GeV/mm]. */
static double xi_GeV_mm(const struct matter *m, double beta2)
{
    return 0.5 * K_GeV_CM2 * m->Z_over_A * m->density_g_cm3 * 0.1 / beta2;
}

double matter_dedx_GeV_mm(const struct matter *m, double p_GeV)
{
    struct speed v = speed_of(p_GeV);
    double I = m->excitation_eV * 1e-9, bg2 = v.beta_gamma * v.beta_gamma;
    return xi_GeV_mm(m, v.beta2) * (log(2.0 * ELECTRON_MASS_GeV * bg2 * v.largest_GeV / (I * I)) - 2.0 * v.beta2 -
                                    density_effect(m, v.beta_gamma));
}

double matter_loss_GeV(const struct matter *m, struct rng *r, double p_GeV, double path_mm)
{
    struct speed v = speed_of(p_GeV);
    double xi = xi_GeV_mm(m, v.beta2) * path_mm, cut = xi / COLLISIONS, part = cut / v.largest_GeV;
    double loss = matter_dedx_GeV_mm(m, p_GeV) * path_mm;
    if (part < 1.0) {
        loss -= xi * (-log(part) - v.beta2 * (1.0 - part));
        for (uint64_t n = rng_poisson(r, xi / cut * (1.0 - part)); n > 0; n--) {
            double t = cut / (1.0 - rng_uniform(r) * (1.0 - part)); /* density 1/T^2 */
            if (rng_uniform(r) > v.beta2 * t / v.largest_GeV) loss += t;
        }
    }
    loss += sqrt(xi * cut) * rng_normal(r);
    return fmax(0.0, loss);
}

double matter_scatter_rad(const struct matter *m, double p_GeV, double path_mm)
{
    double beta2 = speed_of(p_GeV).beta2, depth = fmax(path_mm, SMALLEST_MM) / m->X0_mm;
    return 13.6e-3 / (sqrt(beta2) * p_GeV) * sqrt(depth) * fmax(0.0, 1.0 + 0.038 * log(depth / beta2));
}

struct matter_effect matter_cross(const struct matter *m, struct rng *r, double p_GeV, double path_mm)
{
    struct matter_effect e = {.loss_GeV      = matter_loss_GeV(m, r, p_GeV, path_mm),
                              .mean_loss_GeV = matter_dedx_GeV_mm(m, p_GeV) * path_mm};
    double rms             = matter_scatter_rad(m, p_GeV, path_mm);
    for (int i = 0; i < 2; i++) {
        double aside = rng_normal(r) / sqrt(12.0), angle = rng_normal(r);
        e.angle_rad[i] = rms * angle;
        e.shift_mm[i]  = rms * path_mm * (aside - 0.5 * angle);
    }
    return e;
}
