/* Orbit and spin of one muon. */
#include "beam_optics.h"

#include "phys.h"

#include <math.h>

enum err beam_optics_make(const struct ring *ring, struct beam_optics *out)
{
    struct ring_optics at;
    TRY(ring_mean_optics(ring, &at));
    out->omega_a_RADns = ring->a * ring->omega_B;
    out->n             = ring->n_mean;
    out->dispersion_mm = at.dispersion_mm;
    out->beta_y_mm     = at.beta_y_mm;
    for (int i = 0; i < BEAM_AZIMUTHS; i++) {
        TRY(ring_optics(ring, 2.0 * PI * i / BEAM_AZIMUTHS, &at));
        out->beta_y_at_mm[i] = at.beta_y_mm;
        out->alpha_y_at[i]   = at.alpha_y;
    }
    out->beta_y_at_mm[BEAM_AZIMUTHS] = out->beta_y_at_mm[0];
    out->alpha_y_at[BEAM_AZIMUTHS]   = out->alpha_y_at[0];
    return ERR_OK;
}

double beam_optics_x_e_mm(const struct beam_optics *o, double p_GeV)
{
    return o->dispersion_mm * (p_GeV / MAGIC_P_GeV - 1.0);
}

double beam_optics_a_y2_mm2(const struct beam_optics *o, double phi_rad, double y_mm, double yp_rad)
{
    double turn = phi_rad / (2.0 * PI), place = (turn - floor(turn)) * BEAM_AZIMUTHS;
    int i        = (int)fmin(place, BEAM_AZIMUTHS - 1);
    double part  = place - i;
    double beta  = o->beta_y_at_mm[i] + part * (o->beta_y_at_mm[i + 1] - o->beta_y_at_mm[i]);
    double alpha = o->alpha_y_at[i] + part * (o->alpha_y_at[i + 1] - o->alpha_y_at[i]);
    double slope = alpha * y_mm + beta * yp_rad;
    return o->beta_y_mm * (y_mm * y_mm + slope * slope) / beta;
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
