/* The kicker: three magnets that turn the injected beam onto its orbit; pulse in time, field across the aperture.
 *
 * Pure functions; the engine applies them: B_y(x, y, t) = -B_peak value(t - arrival) Re profile(x + i y), B_x likewise
 * with Im. The kicker lowers the ring's field, so the kick points outward. Time t = 0 of a pulse is the middle of its
 * peak, which meets a muon of t_fill = 0 (the centre of the bunch at the injection plane). Tests: tests/t_kicker.c */
#ifndef GM2_KICKER_H
#define GM2_KICKER_H

#include "err.h"

#include <stddef.h>

enum {
    KICKERS              = 3,
    KICKER_PROFILE_TERMS = 4 /* z^0, z^2, z^4, z^6 */
};
#define KICKER_LENGTH_MM 1270.0 /* arc of one */
/* Eddy currents (ours): size and time constant that give the published shift of -27 ppb from 30 us on. */
#define KICKER_EDDY_G      0.019
#define KICKER_EDDY_TAU_NS 50e3

/** Field over its nominal peak against time. Uniform samples, linear in between, 0 before the first; after the last
 *  one eddy * exp(-(t - end) / eddy_tau_ns). */
struct kicker_pulse {
    double first_ns, step_ns;
    size_t n;
    double *value;
    double eddy, eddy_tau_ns;
};

/** Discharge of a capacitor through the magnet, peak at t = 0 and of height 1, up to end_ns: I ~ exp(-R t / 2 L) sin(w t),
 *  w^2 = 1 / LC - (R / 2L)^2 (E821). ERR_CONFIG if it does not oscillate or a number is not positive.
 *  Free with kicker_free(). */
enum err kicker_lcr(double L_uH, double R_ohm, double C_nF, double end_ns, double step_ns, struct kicker_pulse *out);
/** Its peak current [A] at a charging voltage, HV / (w L) e^(-R t / 2 L) sin(w t), and its time after the switch [ns]. */
enum err kicker_lcr_peak(double L_uH, double R_ohm, double C_nF, double high_voltage_kV, double *peak_A,
                         double *peak_time_ns);

/** Table of n points (t strictly rising, any steps), resampled from begin_ns to end_ns. ERR_CONFIG with the reason: not
 *  finite, not rising, fewer than two points, does not cover begin_ns ... end_ns. Values are taken as they are. */
enum err kicker_table(const double *t_ns, const double *value, size_t n, double begin_ns, double end_ns, double step_ns,
                      struct kicker_pulse *out);
/** Eddy currents after the pulse's last sample, in G beside a peak of peak_G. ERR_CONFIG unless peak and tau are positive. */
enum err kicker_eddy(struct kicker_pulse *pulse, double peak_G, double eddy_G, double tau_ns);
/** Scales the largest value to 1 and puts t = 0 in the middle of the stretch above 95 % around it. ERR_CONFIG if no value
 *  is positive. */
enum err kicker_centre(struct kicker_pulse *pulse);

/** A pulse like E989's; the shape and its numbers are ours: cosine-shaped edges, a flat top, echoes of the whole pulse. */
struct kicker_shape {
    double rise_ns, flat_ns, fall_ns;       /* FWHM = flat + (rise + fall) / 2 */
    double echo, echo_ratio, echo_delay_ns; /* k-th echo: echo * echo_ratio^(k-1) at k * echo_delay */
    int n_echoes;
};
/** FWHM 130 ns, echoes of +10, -5, +2.5 % every 230 ns. */
struct kicker_shape kicker_shape_default(void);
/** ERR_CONFIG if a length is negative or the pulse empty. */
enum err kicker_shaped(const struct kicker_shape *shape, double step_ns, struct kicker_pulse *out);

void kicker_free(struct kicker_pulse *pulse);
/** Field over the nominal peak at a time after the pulse's t = 0. */
double kicker_value(const struct kicker_pulse *pulse, double t_ns);
/** Full width at half maximum [ns], NAN if a side is not in the table. */
double kicker_fwhm_ns(const struct kicker_pulse *pulse);

/** Real coefficients c_k of B_y + i B_x = B_peak sum c_k (z / 45 mm)^(2k), c_0 = 1; on the vertical line x = 0
 *  B_y(y) = B_peak sum (-1)^k c_k (y / 45 mm)^(2k). Fitted to the published B(y)/B(0), y to 45 mm; good to 0.04 %. It means
 *  nothing beyond the aperture. Source: physics sheet 2.1 (E821). */
void kicker_profile(double coefficient[KICKER_PROFILE_TERMS]);
/** (B_y, B_x) over the field at the centre. */
void kicker_profile_at(double x_mm, double y_mm, double *by, double *bx);

/** Azimuth of the middle of kicker 0, 1, 2 [rad]. */
double kicker_centre_rad(int kicker);
/** Time at which a muon on the magic orbit that passed the injection plane (355 deg) at 0 comes to an azimuth first [ns]. */
double kicker_arrival_ns(double phi_rad);
/** Peak field [G]: 196 G per 5600 A (E821), and 1.6 G per kV for E989 (ours, from Run-1's 122-138 kV for 200-220 G). */
double kicker_current_G(double current_A);
double kicker_voltage_G(double high_voltage_kV);
/** Field that gives a kick over all three magnets [G]: 293 G for 10.83 mrad. */
double kicker_angle_G(double angle_rad);

#endif
