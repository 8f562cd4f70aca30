/* Pulse, profile and timing of the kicker. */
#include "kicker.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <string.h>

#define DEG (PI / 180.0)

enum { MAX_SAMPLES = 1000000 };

static enum err make(double begin_ns, double end_ns, double step_ns, struct kicker_pulse *out)
{
    memset(out, 0, sizeof *out);
    REQUIRE(isfinite(begin_ns) && isfinite(end_ns) && step_ns > 0.0 && end_ns > begin_ns, ERR_CONFIG,
            "kicker: a pulse from %g to %g ns in steps of %g ns is empty", begin_ns, end_ns, step_ns);
    const double n = ceil((end_ns - begin_ns) / step_ns - 1e-9);
    REQUIRE(n < MAX_SAMPLES, ERR_CONFIG, "kicker: a pulse of %g samples, at most %d are accepted", n, MAX_SAMPLES);
    out->n        = (size_t)n + 1;
    out->first_ns = begin_ns;
    out->step_ns  = (end_ns - begin_ns) / n;
    TRY(mem_alloc(&out->value, out->n, sizeof *out->value));
    return ERR_OK;
}

void kicker_free(struct kicker_pulse *pulse)
{
    mem_free(pulse->value);
    memset(pulse, 0, sizeof *pulse);
}

/* ---- LCR ---- */

struct discharge {
    double damping, omega; /* 1/ns */
};

static enum err discharge(double L_uH, double R_ohm, double C_nF, struct discharge *out)
{
    REQUIRE(L_uH > 0.0 && R_ohm > 0.0 && C_nF > 0.0 && isfinite(L_uH * R_ohm * C_nF), ERR_CONFIG,
            "kicker: L = %g uH, R = %g ohm, C = %g nF must be positive", L_uH, R_ohm, C_nF);
    const double L = L_uH * 1e-6, C = C_nF * 1e-9, damping = 0.5 * R_ohm / L,
                 omega2 = 1.0 / (L * C) - damping * damping;
    REQUIRE(omega2 > 0.0, ERR_CONFIG,
            "kicker: L = %g uH, R = %g ohm, C = %g nF do not oscillate; R must be below %g ohm", L_uH, R_ohm, C_nF,
            2.0 * sqrt(L / C));
    *out = (struct discharge){damping * 1e-9, sqrt(omega2) * 1e-9};
    return ERR_OK;
}

static double peak_ns(const struct discharge *d) { return atan2(d->omega, d->damping) / d->omega; }
static double current(const struct discharge *d, double t_ns)
{
    return t_ns <= 0.0 ? 0.0 : exp(-d->damping * t_ns) * sin(d->omega * t_ns);
}

enum err kicker_lcr_peak(double L_uH, double R_ohm, double C_nF, double high_voltage_kV, double *peak_A,
                         double *peak_time_ns)
{
    struct discharge d;
    TRY(discharge(L_uH, R_ohm, C_nF, &d));
    *peak_time_ns = peak_ns(&d);
    *peak_A       = high_voltage_kV * 1e3 / (d.omega * 1e9 * L_uH * 1e-6) * current(&d, *peak_time_ns);
    return ERR_OK;
}

enum err kicker_lcr(double L_uH, double R_ohm, double C_nF, double end_ns, double step_ns, struct kicker_pulse *out)
{
    memset(out, 0, sizeof *out);
    struct discharge d;
    TRY(discharge(L_uH, R_ohm, C_nF, &d));
    const double peak = peak_ns(&d), height = current(&d, peak);
    TRY(make(-peak, end_ns, step_ns, out));
    for (size_t i = 0; i < out->n; i++) out->value[i] = current(&d, (double)i * out->step_ns) / height;
    return ERR_OK;
}

/* ---- table ---- */

static enum err check_table(const double *t, const double *value, size_t n, double begin, double end)
{
    REQUIRE(n >= 2, ERR_CONFIG, "kicker table: %zu points, at least 2 are needed", n);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(isfinite(t[i]) && isfinite(value[i]), ERR_CONFIG, "kicker table: point %zu (%g ns, %g) is not a number",
                i + 1, t[i], value[i]);
        REQUIRE(i == 0 || t[i] > t[i - 1], ERR_CONFIG, "kicker table: point %zu at %g ns does not follow %g ns", i + 1,
                t[i], t[i - 1]);
    }
    REQUIRE(t[0] <= begin && t[n - 1] >= end, ERR_CONFIG,
            "kicker table: covers %g to %g ns, but %g to %g ns are asked for", t[0], t[n - 1], begin, end);
    return ERR_OK;
}

enum err kicker_table(const double *t_ns, const double *value, size_t n, double begin_ns, double end_ns, double step_ns,
                      struct kicker_pulse *out)
{
    memset(out, 0, sizeof *out);
    TRY(check_table(t_ns, value, n, begin_ns, end_ns));
    TRY(make(begin_ns, end_ns, step_ns, out));
    size_t k = 0;
    for (size_t i = 0; i < out->n; i++) {
        const double t = fmin(out->first_ns + (double)i * out->step_ns, end_ns);
        while (k + 2 < n && t_ns[k + 1] < t) k++;
        out->value[i] = value[k] + (value[k + 1] - value[k]) * (t - t_ns[k]) / (t_ns[k + 1] - t_ns[k]);
    }
    return ERR_OK;
}

static size_t largest(const struct kicker_pulse *p)
{
    size_t best = 0;
    for (size_t i = 1; i < p->n; i++)
        if (p->value[i] > p->value[best]) best = i;
    return best;
}

/* Times around the largest value at which the pulse crosses a level; (double)NAN where it does not. */
static void crossings(const struct kicker_pulse *p, double level, double *before_ns, double *after_ns)
{
    size_t i = largest(p), k = i;
    while (i > 0 && p->value[i] > level) i--;
    while (k + 1 < p->n && p->value[k] > level) k++;
    *before_ns = *after_ns = (double)NAN;
    if (p->value[i] <= level)
        *before_ns = p->first_ns + p->step_ns * ((double)i + (level - p->value[i]) / (p->value[i + 1] - p->value[i]));
    if (p->value[k] <= level)
        *after_ns = p->first_ns + p->step_ns * ((double)k - (level - p->value[k]) / (p->value[k - 1] - p->value[k]));
}

enum err kicker_centre(struct kicker_pulse *pulse)
{
    const double top = pulse->value[largest(pulse)];
    REQUIRE(top > 0.0, ERR_CONFIG, "kicker: the pulse has no positive value");
    double before, after;
    crossings(pulse, 0.95 * top, &before, &after);
    REQUIRE(isfinite(before) && isfinite(after), ERR_CONFIG,
            "kicker: the pulse's table begins or ends inside its peak");
    for (size_t i = 0; i < pulse->n; i++) pulse->value[i] /= top;
    pulse->first_ns -= 0.5 * (before + after);
    return ERR_OK;
}

double kicker_fwhm_ns(const struct kicker_pulse *pulse)
{
    double before, after;
    crossings(pulse, 0.5 * pulse->value[largest(pulse)], &before, &after);
    return after - before;
}

/* ---- shaped ---- */

struct kicker_shape kicker_shape_default(void)
{
    return (struct kicker_shape){.rise_ns       = 90.0,
                                 .flat_ns       = 30.0,
                                 .fall_ns       = 110.0,
                                 .echo          = 0.10,
                                 .echo_ratio    = -0.5,
                                 .echo_delay_ns = 230.0,
                                 .n_echoes      = 3};
}

static double edge(double t, double length) { return 0.5 * (1.0 - cos(PI * t / length)); }

/* One pulse, its flat top around t = 0. */
static double single(const struct kicker_shape *s, double t_ns)
{
    const double beyond = fabs(t_ns) - 0.5 * s->flat_ns, length = t_ns < 0.0 ? s->rise_ns : s->fall_ns;
    if (beyond <= 0.0) return 1.0;
    return beyond >= length ? 0.0 : edge(length - beyond, length);
}

enum err kicker_shaped(const struct kicker_shape *s, double step_ns, struct kicker_pulse *out)
{
    memset(out, 0, sizeof *out);
    REQUIRE(s->rise_ns >= 0.0 && s->flat_ns >= 0.0 && s->fall_ns >= 0.0 && s->rise_ns + s->flat_ns + s->fall_ns > 0.0,
            ERR_CONFIG, "kicker: rise %g, flat top %g, fall %g ns must not be negative nor all 0", s->rise_ns,
            s->flat_ns, s->fall_ns);
    REQUIRE(s->n_echoes >= 0 && s->n_echoes <= 100 && s->echo_delay_ns >= 0.0 && fabs(s->echo) < 1.0 &&
                fabs(s->echo_ratio) <= 1.0,
            ERR_CONFIG,
            "kicker: %d echoes of %g, ratio %g, every %g ns: accepted are 0 to 100, below 1, at most 1, not negative",
            s->n_echoes, s->echo, s->echo_ratio, s->echo_delay_ns);
    TRY(make(-0.5 * s->flat_ns - s->rise_ns, 0.5 * s->flat_ns + s->fall_ns + s->n_echoes * s->echo_delay_ns, step_ns,
             out));
    for (size_t i = 0; i < out->n; i++) {
        const double t = out->first_ns + (double)i * out->step_ns;
        double height  = s->echo;
        out->value[i]  = single(s, t);
        for (int k = 1; k <= s->n_echoes; k++) {
            out->value[i] += height * single(s, t - k * s->echo_delay_ns);
            height *= s->echo_ratio;
        }
    }
    return ERR_OK;
}

double kicker_value(const struct kicker_pulse *p, double t_ns)
{
    const double u = (t_ns - p->first_ns) / p->step_ns, last = (double)(p->n - 1);
    if (!(u >= 0.0)) return 0.0;
    if (u > last) return p->eddy == 0.0 ? 0.0 : p->eddy * exp(-(u - last) * p->step_ns / p->eddy_tau_ns);
    const size_t i = u >= last ? p->n - 2 : (size_t)u;
    return p->value[i] + (p->value[i + 1] - p->value[i]) * (u - (double)i);
}

enum err kicker_eddy(struct kicker_pulse *pulse, double peak_G, double eddy_G, double tau_ns)
{
    REQUIRE(peak_G > 0.0 && isfinite(eddy_G) && (eddy_G == 0.0 || tau_ns > 0.0), ERR_CONFIG,
            "kicker: eddy currents of %g G, time constant %g ns, after a peak of %g G: both must be positive", eddy_G,
            tau_ns, peak_G);
    pulse->eddy        = eddy_G / peak_G;
    pulse->eddy_tau_ns = tau_ns;
    return ERR_OK;
}

/* ---- profile ---- */

/* Least squares to 1.000 .993 .971 .934 .884 .820 .744 .657 .562 .461 at y = 0, 5 ... 45 mm. */
static const double profile[KICKER_PROFILE_TERMS] = {1.0, 0.595770, 0.034511, -0.022311};

void kicker_profile(double coefficient[KICKER_PROFILE_TERMS]) { memcpy(coefficient, profile, sizeof profile); }

void kicker_profile_at(double x_mm, double y_mm, double *by, double *bx)
{
    const double x = x_mm / APERTURE_MM, y = y_mm / APERTURE_MM, re2 = x * x - y * y, im2 = 2.0 * x * y;
    double re = 0.0, im = 0.0;
    for (int k = KICKER_PROFILE_TERMS - 1; k >= 0; k--) {
        const double t = re * re2 - im * im2 + profile[k];
        im             = re * im2 + im * re2;
        re             = t;
    }
    *by = re;
    *bx = im;
}

/* ---- where, when, how strong ---- */

double kicker_centre_rad(int kicker)
{
    static const double centre_deg[KICKERS] = {69.8, 84.7, 99.5};
    return centre_deg[kicker] * DEG;
}

double kicker_arrival_ns(double phi_rad)
{
    double angle = fmod(phi_rad - 355.0 * DEG, 2.0 * PI);
    if (angle < 0.0) angle += 2.0 * PI;
    return angle / OMEGA_C_RADNS;
}

double kicker_current_G(double current_A) { return 196.0 / 5600.0 * current_A; }
double kicker_voltage_G(double high_voltage_kV) { return 1.6 * high_voltage_kV; }
double kicker_angle_G(double angle_rad)
{
    return angle_rad * RING_B0_T * 1e4 * RING_R0_MM / (KICKERS * KICKER_LENGTH_MM);
}
