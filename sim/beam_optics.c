/* Orbit and spin of one muon. */
#include "beam_optics.h"

#include "phys.h"

#include <math.h>

enum err beam_optics_make(const struct ring *ring, struct beam_optics *out)
{
    const double beta = sqrt(1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA)), tilt = 0.5 * ring->eta * beta / ring->a;
    struct ring_optics mean;
    TRY(ring_mean_optics(ring, &mean));
    out->omega_a_RADns = ring->a * ring->omega_B * sqrt(1.0 + tilt * tilt);
    out->n             = ring->n_mean;
    out->dispersion_mm = mean.dispersion_mm;
    out->beta_x_mm     = mean.beta_x_mm;
    out->beta_y_mm     = mean.beta_y_mm;
    for (int i = 0; i < BEAM_AZIMUTHS; i++) TRY(ring_optics(ring, 2.0 * PI * i / BEAM_AZIMUTHS, &out->at[i]));
    out->at[BEAM_AZIMUTHS] = out->at[0];
    out->has_field         = ring->dipole != NULL;
    if (out->has_field) dipole_map_mean(ring->dipole, 0.0, 2.0 * PI, out->normal, out->skew);
    return ERR_OK;
}

double beam_optics_x_e_mm(const struct beam_optics *o, double p_GeV)
{
    return o->dispersion_mm * (p_GeV / MAGIC_P_GeV - 1.0);
}

static double between(double low, double high, double part) { return low + part * (high - low); }

static struct ring_optics optics_at(const struct beam_optics *o, double phi_rad)
{
    double turn = phi_rad / (2.0 * PI), place = (turn - floor(turn)) * BEAM_AZIMUTHS;
    int i                       = (int)fmin(place, BEAM_AZIMUTHS - 1);
    double part                 = place - i;
    const struct ring_optics *a = &o->at[i], *b = &o->at[i + 1];
    return (struct ring_optics){.beta_x_mm        = between(a->beta_x_mm, b->beta_x_mm, part),
                                .alpha_x          = between(a->alpha_x, b->alpha_x, part),
                                .beta_y_mm        = between(a->beta_y_mm, b->beta_y_mm, part),
                                .alpha_y          = between(a->alpha_y, b->alpha_y, part),
                                .dispersion_mm    = between(a->dispersion_mm, b->dispersion_mm, part),
                                .dispersion_slope = between(a->dispersion_slope, b->dispersion_slope, part)};
}

double beam_optics_a_x2_mm2(const struct beam_optics *o, double phi_rad, double x_mm, double xp_rad, double delta)
{
    struct ring_optics at = optics_at(o, phi_rad);
    double x = x_mm - at.dispersion_mm * delta, xp = xp_rad - at.dispersion_slope * delta;
    double slope = at.alpha_x * x + at.beta_x_mm * xp;
    return o->beta_x_mm * (x * x + slope * slope) / at.beta_x_mm;
}

double beam_optics_a_y2_mm2(const struct beam_optics *o, double phi_rad, double y_mm, double yp_rad)
{
    struct ring_optics at = optics_at(o, phi_rad);
    double slope          = at.alpha_y * y_mm + at.beta_y_mm * yp_rad;
    return o->beta_y_mm * (y_mm * y_mm + slope * slope) / at.beta_y_mm;
}

double beam_optics_field(const struct beam_optics *o, double x_e_mm, double a_x2_mm2, double a_y2_mm2)
{
    static const double node[4] = {0.92387953251128674, 0.38268343236508977, -0.38268343236508977,
                                   -0.92387953251128674}; /* Gauss-Chebyshev: exact to order 7 in one plane */
    const double a_x = sqrt(a_x2_mm2), a_y = sqrt(a_y2_mm2);
    double sum = 0.0, by, bx;
    if (!o->has_field) return 0.0;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            dipole_map_field(o->normal, o->skew, x_e_mm + a_x * node[i], a_y * node[k], &by, &bx);
            sum += by / 16.0;
        }
    return sum;
}

double beam_optics_c_e(const struct beam_optics *o, double x_e_mm)
{
    const double beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA);
    return 2.0 * o->n * (1.0 - o->n) * beta2 * x_e_mm * x_e_mm / (RING_R0_MM * RING_R0_MM);
}

double beam_optics_c_p(const struct beam_optics *o, double a_y2_mm2)
{
    return 0.25 * o->n * a_y2_mm2 / (RING_R0_MM * RING_R0_MM);
}

double beam_optics_phase_rad(double p_r, double p_phi, double s_r, double s_phi)
{
    return atan2(s_phi * p_r - s_r * p_phi, s_r * p_r + s_phi * p_phi);
}

double beam_optics_wrap_rad(double angle_rad) { return angle_rad - 2.0 * PI * round(angle_rad / (2.0 * PI)); }
