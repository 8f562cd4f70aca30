/* Geometry and fields of the ring, cut into pieces the engine can apply. */
#include "ring_field.h"

#include "phys.h"

#include <math.h>
#include <string.h>

#define DEG (PI / 180.0)

/* ESQ multipoles b_n at 24 kV [V] on the 45 mm circle for ideal plates (E821 simulation's array); sign for mu+. */
static const double nim_V[RING_MAX_ORDER + 1] = {
    [2] = -20177.8, [4] = -33.0, [6] = 45.9, [8] = 5.5, [10] = 391.3, [12] = 6.5, [14] = -52.3};
#define NIM_kV 24.0

struct section {
    double begin_deg, end_deg;
};
static const struct section sections_13_26[] = {{16.323, 29.323},   {33.323, 59.323},   {106.323, 119.323},
                                                {123.323, 149.323}, {196.323, 209.323}, {213.323, 239.323},
                                                {286.323, 299.323}, {303.323, 329.323}};
static const struct section sections_39[]    = {{0, 39}, {90, 129}, {180, 219}, {270, 309}};

static size_t sections_of(enum ring_layout layout, const struct section **out)
{
    *out = layout == RING_13_26 ? sections_13_26 : sections_39;
    if (layout == RING_CONTINUOUS) return 0;
    return layout == RING_13_26 ? 8 : 4;
}

static double coverage(enum ring_layout layout) { return layout == RING_CONTINUOUS ? 1.0 : 156.0 / 360.0; }

void ring_setup_nim(struct ring_setup *setup, double high_voltage_kV)
{
    memset(setup->skew_V, 0, sizeof setup->skew_V);
    for (int n = 0; n <= RING_MAX_ORDER; n++) setup->normal_V[n] = nim_V[n] * high_voltage_kV / NIM_kV;
}

/* Electric gradient [V/mm^2] that gives the field index 1 everywhere. */
static double unit_gradient(void)
{
    double beta = sqrt(1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA));
    return beta * C_MM_NS * RING_B0_T / RING_R0_MM * 1e3; /* V/mm^2: 1 mm/ns T = 1e3 V/mm */
}

void ring_setup_linear(struct ring_setup *setup, double n)
{
    memset(setup->skew_V, 0, sizeof setup->skew_V);
    memset(setup->normal_V, 0, sizeof setup->normal_V);
    setup->normal_V[2] = -0.5 * APERTURE_MM * APERTURE_MM * unit_gradient() * n / coverage(setup->layout);
}

struct ring_setup ring_setup_default(void)
{
    struct ring_setup s = {.layout         = RING_13_26,
                           .pair_deg       = 26.0,
                           .collimator_deg = {241.0, 301.0},
                           .n_collimators  = 2,
                           .aperture_mm    = APERTURE_MM};
    ring_setup_nim(&s, 18.3);
    return s;
}

/* ---- pieces ---- */

static enum err add_step(struct ring *ring, enum ring_step_kind kind, double phi_deg, double length_deg)
{
    REQUIRE(ring->n_steps < RING_MAX_STEPS, ERR_CONFIG, "ring: more than %d pieces; raise pair_deg", RING_MAX_STEPS);
    ring->steps[ring->n_steps++] = (struct ring_step){kind, phi_deg * DEG, length_deg * DEG};
    return ERR_OK;
}

/* Dipole-only stretch, cut at the collimators and into pieces short enough for the engine's polynomials. */
static enum err add_drift(struct ring *ring, const struct ring_setup *setup, double begin, double end)
{
    const double longest_deg = 51.0;
    double at                = begin;
    while (at < end) {
        double next = end;
        if (next - at > longest_deg + 1e-9) next = at + (end - at) / ceil((end - at) / longest_deg);
        bool is_plane = false;
        for (size_t i = 0; i < setup->n_collimators; i++) {
            double c = setup->collimator_deg[i];
            if (c > at + 1e-9 && c <= next) next = c, is_plane = true;
        }
        TRY(add_step(ring, RING_DRIFT, at, next - at));
        if (is_plane) TRY(add_step(ring, RING_PLANE, next, 0.0));
        at = next;
    }
    return ERR_OK;
}

static enum err add_body(struct ring *ring, double begin, double end, double pair_deg)
{
    int n         = (int)ceil((end - begin) / pair_deg - 1e-9);
    double length = (end - begin) / n;
    for (int i = 0; i < n; i++) TRY(add_step(ring, RING_PAIR, begin + i * length, length));
    return ERR_OK;
}

static enum err add_steps(struct ring *ring, const struct ring_setup *setup)
{
    const struct section *section;
    size_t n  = sections_of(setup->layout, &section);
    double at = 0.0;
    if (setup->layout == RING_CONTINUOUS) return add_body(ring, 0.0, 360.0, setup->pair_deg);
    for (size_t i = 0; i < n; i++) {
        TRY(add_drift(ring, setup, at, section[i].begin_deg));
        TRY(add_step(ring, RING_ENTER, section[i].begin_deg, 0.0));
        TRY(add_body(ring, section[i].begin_deg, section[i].end_deg, setup->pair_deg));
        TRY(add_step(ring, RING_EXIT, section[i].end_deg, 0.0));
        at = section[i].end_deg;
    }
    return add_drift(ring, setup, at, 360.0);
}

static void add_op(struct ring *ring, enum ring_op_kind kind, double phi, double angle, double weight)
{
    ring->ops[ring->n_ops++] = (struct ring_op){.kind       = kind,
                                                .phi_rad    = phi,
                                                .angle_rad  = angle,
                                                .cosine     = cos(angle),
                                                .sine       = sin(angle),
                                                .weight_rad = weight,
                                                .gradient   = 4.0 * RING_GRADIENT * MAGIC_GAMMA * weight * weight,
                                                .clock      = 2.0 * RING_GRADIENT * ring->kappa * ring->kappa * weight};
}

static void add_pair_ops(struct ring *ring, double phi, double h)
{
    const double outer = 0.5 * (1.0 - 1.0 / sqrt(3.0)) * h, inner = h / sqrt(3.0);
    add_op(ring, RING_OP_PLATES, phi, 0.0, 0.0);
    add_op(ring, RING_OP_DRIFT, phi + outer, outer, 0.0);
    add_op(ring, RING_OP_KICK, phi + outer, 0.0, 0.5 * h);
    add_op(ring, RING_OP_DRIFT, phi + outer + inner, inner, 0.0);
    add_op(ring, RING_OP_KICK, phi + outer + inner, 0.0, 0.5 * h);
    add_op(ring, RING_OP_DRIFT, phi + h, outer, 0.0);
}

static enum err add_ops(struct ring *ring)
{
    for (size_t i = 0; i < ring->n_steps; i++) {
        const struct ring_step *s = &ring->steps[i];
        REQUIRE(ring->n_ops + 6 <= RING_MAX_OPS, ERR_CONFIG, "ring: more than %d operations; raise pair_deg",
                RING_MAX_OPS);
        switch (s->kind) {
        case RING_DRIFT: add_op(ring, RING_OP_DRIFT, s->phi_rad + s->length_rad, s->length_rad, 0.0); break;
        case RING_PAIR: add_pair_ops(ring, s->phi_rad, s->length_rad); break;
        case RING_ENTER: add_op(ring, RING_OP_ENTER, s->phi_rad, 0.0, 0.0); break;
        case RING_EXIT: add_op(ring, RING_OP_EXIT, s->phi_rad, 0.0, 0.0); break;
        case RING_PLANE: add_op(ring, RING_OP_PLANE, s->phi_rad, 0.0, 0.0); break;
        }
    }
    return ERR_OK;
}

/* ---- fields ---- */

static void scale_field(struct ring *ring, const struct ring_setup *setup)
{
    const double per_V = 1e-9 / (ring->kappa * ring->kappa * MUON_MASS_GeV); /* V -> U [mm^2] */
    bool is_even = true, is_linear = true;
    for (int n = 1; n <= RING_MAX_ORDER; n++) {
        double factor       = -n * per_V / pow(APERTURE_MM, n);
        ring->normal[n - 1] = factor * setup->normal_V[n];
        ring->skew[n - 1]   = factor * setup->skew_V[n];
        bool is_normal      = setup->normal_V[n] != 0.0;
        is_even             = is_even && setup->skew_V[n] == 0.0 && (n % 2 == 0 || !is_normal);
        is_linear           = is_linear && (n == 2 || !is_normal);
        if (n % 2 == 0) ring->even[n / 2 - 1] = ring->normal[n - 1];
    }
    for (int m = 0; m < RING_EVEN_TERMS; m++) {
        ring->even_U[m]     = ring->even[m] / (2 * m + 2);
        ring->even_slope[m] = ring->even[m] * (2 * m + 1);
    }
    ring->field    = !is_even ? RING_GENERAL : !is_linear ? RING_EVEN : (setup->is_curved ? RING_CURVED : RING_LINEAR);
    ring->linear   = ring->normal[1];
    ring->n_inside = ring->linear * MAGIC_GAMMA;
    ring->n_mean   = ring->n_inside * coverage(setup->layout);
}

static enum err check_setup(const struct ring_setup *setup)
{
    const struct section *section;
    size_t n = sections_of(setup->layout, &section);
    REQUIRE(setup->pair_deg >= 1.0 && setup->pair_deg <= 39.0, ERR_CONFIG, "ring: pair_deg is %g, accepted are 1 to 39",
            setup->pair_deg);
    REQUIRE(setup->n_collimators <= RING_MAX_COLLIMATORS, ERR_CONFIG, "ring: more than %d collimators",
            RING_MAX_COLLIMATORS);
    for (size_t i = 0; i < setup->n_collimators; i++) {
        double c = setup->collimator_deg[i];
        REQUIRE(c > 0.0 && c < 360.0 && setup->layout != RING_CONTINUOUS, ERR_CONFIG,
                "ring: no collimator can stand at %g deg", c);
        for (size_t k = 0; k < n; k++)
            REQUIRE(c < section[k].begin_deg || c > section[k].end_deg, ERR_CONFIG,
                    "ring: the collimator at %g deg is inside the ESQ from %g to %g deg", c, section[k].begin_deg,
                    section[k].end_deg);
    }
    return ERR_OK;
}

enum err ring_build(const struct ring_setup *setup, struct ring *out)
{
    TRY(check_setup(setup));
    memset(out, 0, sizeof *out);
    out->GeV         = GeV_PER_T_MM * RING_B0_T;
    out->kappa       = out->GeV / MUON_MASS_GeV;
    out->a           = MUON_ANOMALY;
    out->omega_B     = out->kappa * C_MM_NS;
    out->aperture_mm = setup->aperture_mm;
    scale_field(out, setup);
    TRY(add_steps(out, setup));
    return add_ops(out);
}

void ring_field(const struct ring *ring, double x_mm, double y_mm, double *eps_x, double *eps_y)
{
    double re = 0.0, im = 0.0; /* Horner in z = x + i y */
    if (ring->field == RING_CURVED) {
        double r = RING_R0_MM + x_mm;
        *eps_x   = 0.5 * ring->linear * (r - RING_R0_MM * RING_R0_MM / r);
        *eps_y   = -ring->linear * y_mm;
        return;
    }
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        double t = re * x_mm - im * y_mm + ring->normal[k];
        im       = re * y_mm + im * x_mm - ring->skew[k];
        re       = t;
    }
    *eps_x = re;
    *eps_y = -im;
}

double ring_potential(const struct ring *ring, double x_mm, double y_mm)
{
    double re = 0.0, im = 0.0;
    if (ring->field == RING_CURVED) {
        double f = x_mm / RING_R0_MM, log_term = log1p(f) - f; /* r^2/2 - R0^2 ln r, without its value at R0 */
        return -0.5 * ring->linear * (0.5 * x_mm * x_mm - RING_R0_MM * RING_R0_MM * log_term - y_mm * y_mm);
    }
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        re += ring->normal[k] / (k + 1);
        im -= ring->skew[k] / (k + 1);
        double t = re * x_mm - im * y_mm;
        im       = re * y_mm + im * x_mm;
        re       = t;
    }
    return -re;
}

/* ---- linear optics: x'' = -k x + delta / R0 ..., in azimuth; x in mm, x' = p_r / p in rad ---- */

struct matrix {
    double m[3][3];
};

static struct matrix product(const struct matrix *a, const struct matrix *b)
{
    struct matrix c = {0};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < 3; j++) c.m[i][j] += a->m[i][k] * b->m[k][j];
    return c;
}

/* A stretch of azimuth with restoring strength k >= 0 per rad^2 (numbers that are none below: not stable) and dispersion
 * source s. */
static struct matrix stretch(double k, double source, double angle)
{
    const double w = sqrt(k);
    if (w == 0.0)
        return (struct matrix){{{1.0, RING_R0_MM * angle, RING_R0_MM * source * 0.5 * angle * angle},
                                {0.0, 1.0, source * angle},
                                {0.0, 0.0, 1.0}}};
    const double c = cos(w * angle), s = sin(w * angle);
    return (struct matrix){{{c, RING_R0_MM * s / w, RING_R0_MM * source * (1.0 - c) / w / w},
                            {-s * w / RING_R0_MM, c, source * s / w},
                            {0.0, 0.0, 1.0}}};
}

/* One turn from phi, both planes. */
static void one_turn(const struct ring *ring, double phi, struct matrix *mx, struct matrix *my)
{
    *mx = *my = stretch(0.0, 0.0, 0.0);
    for (size_t i = 0; i < 2 * ring->n_steps; i++) {
        bool is_first             = i < ring->n_steps;
        const struct ring_step *s = &ring->steps[is_first ? i : i - ring->n_steps];
        double shift = is_first ? 0.0 : 2.0 * PI, begin = fmax(s->phi_rad + shift, phi);
        double end = fmin(s->phi_rad + s->length_rad + shift, phi + 2.0 * PI);
        if (end <= begin || (s->kind != RING_DRIFT && s->kind != RING_PAIR)) continue;
        double n         = s->kind == RING_PAIR ? ring->n_inside : 0.0;
        struct matrix sx = stretch(1.0 - n, 1.0, end - begin);
        struct matrix sy = stretch(n, 0.0, end - begin);
        *mx              = product(&sx, mx);
        *my              = product(&sy, my);
    }
}

static enum err plane_optics(const struct matrix *m, double *nu, double *beta, double *alpha)
{
    double half_trace = 0.5 * (m->m[0][0] + m->m[1][1]);
    REQUIRE(fabs(half_trace) < 1.0, ERR_CONFIG, "ring: the muons' motion is not stable at this field index");
    double mu = acos(half_trace);
    if (m->m[0][1] < 0.0) mu = 2.0 * PI - mu;
    *nu    = mu / (2.0 * PI);
    *beta  = m->m[0][1] / sin(mu);
    *alpha = (m->m[0][0] - m->m[1][1]) / (2.0 * sin(mu));
    return ERR_OK;
}

enum err ring_optics(const struct ring *ring, double phi_rad, struct ring_optics *out)
{
    struct matrix x, y;
    one_turn(ring, phi_rad, &x, &y);
    TRY(plane_optics(&x, &out->nu_x, &out->beta_x_mm, &out->alpha_x));
    TRY(plane_optics(&y, &out->nu_y, &out->beta_y_mm, &out->alpha_y));
    double det            = (1.0 - x.m[0][0]) * (1.0 - x.m[1][1]) - x.m[0][1] * x.m[1][0];
    out->dispersion_mm    = ((1.0 - x.m[1][1]) * x.m[0][2] + x.m[0][1] * x.m[1][2]) / det;
    out->dispersion_slope = (x.m[1][0] * x.m[0][2] + (1.0 - x.m[0][0]) * x.m[1][2]) / det;
    return ERR_OK;
}

enum err ring_mean_optics(const struct ring *ring, struct ring_optics *out)
{
    enum { N = 360 };
    struct ring_optics o, sum = {0};
    for (int i = 0; i < N; i++) {
        TRY(ring_optics(ring, 2.0 * PI * (i + 0.5) / N, &o));
        sum.dispersion_mm += o.dispersion_mm / N;
        sum.beta_x_mm += o.beta_x_mm / N;
        sum.beta_y_mm += o.beta_y_mm / N;
    }
    sum.nu_x = o.nu_x, sum.nu_y = o.nu_y;
    *out = sum;
    return ERR_OK;
}
