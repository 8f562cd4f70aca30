/* Fields of the ring's ESQ sections in the engine's units. */
#include "ring_field.h"

#include "phys.h"

#include <math.h>
#include <string.h>

/* ESQ multipoles b_n at 24 kV [V] on the 45 mm circle for ideal plates (E821 simulation's array); sign for mu+. */
static const double nim_V[RING_MAX_ORDER + 1] = {
    [2] = -20177.8, [4] = -33.0, [6] = 45.9, [8] = 5.5, [10] = 391.3, [12] = 6.5, [14] = -52.3};
#define NIM_kV 24.0

static const struct ring_section sections_13_26[] = {{16.323, 29.323},   {33.323, 59.323},   {106.323, 119.323},
                                                     {123.323, 149.323}, {196.323, 209.323}, {213.323, 239.323},
                                                     {286.323, 299.323}, {303.323, 329.323}};
static const struct ring_section sections_39[]    = {{0, 39}, {90, 129}, {180, 219}, {270, 309}};

size_t ring_sections(enum ring_layout layout, const struct ring_section **out)
{
    *out = layout == RING_13_26 ? sections_13_26 : sections_39;
    if (layout == RING_CONTINUOUS) return 0;
    return layout == RING_13_26 ? 8 : 4;
}

static double coverage(enum ring_layout layout) { return layout == RING_CONTINUOUS ? 1.0 : 156.0 / 360.0; }

/* ---- setups ---- */

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

/* ---- into the engine's units ---- */

/* b_n, a_n of the potential [V] to normal and skew multipoles of eps [mm]. */
static void scale(const struct ring *ring, const double normal_V[], const double skew_V[], struct ring_multipoles *add)
{
    const double per_V = 1e-9 / (ring->kappa * ring->kappa * MUON_MASS_GeV); /* V -> U [mm^2] */
    add->constant += per_V * normal_V[0];
    for (int n = 1; n <= RING_MAX_ORDER; n++) {
        double factor = -n * per_V / pow(APERTURE_MM, n);
        add->normal[n - 1] += factor * normal_V[n];
        add->skew[n - 1] += factor * skew_V[n];
    }
}

/* The simplest form that holds the field of all sections. Voltages below a microvolt are rounding. */
static enum ring_field_kind kind_of(const struct ring_setup *setup)
{
    const struct esq_multipoles *first = &setup->extra[0].final;
    bool is_even = true, is_linear = true;
    for (int n = 0; n <= RING_MAX_ORDER; n++) {
        double normal = setup->normal_V[n] + first->normal_V[n], skew = setup->skew_V[n] + first->skew_V[n];
        bool is_normal = fabs(normal) > 1e-6;
        is_even        = is_even && fabs(skew) < 1e-6 && !(n % 2 == 1 && is_normal) && !(n == 0 && is_normal);
        is_linear      = is_linear && (n == 2 || !is_normal);
        for (int i = 1; i < RING_SECTIONS; i++) {
            const struct esq_multipoles *m = &setup->extra[i].final;
            is_even                        = is_even && fabs(m->normal_V[n] - first->normal_V[n]) < 1e-6 &&
                      fabs(m->skew_V[n] - first->skew_V[n]) < 1e-6;
        }
    }
    for (int i = 0; i < RING_SECTIONS; i++)
        if (setup->extra[i].n_terms > 0) return RING_VARYING;
    if (!is_even) return RING_GENERAL;
    if (!is_linear) return RING_EVEN;
    return setup->is_curved ? RING_CURVED : RING_LINEAR;
}

/* The parts of a field, those below 1e-13 of a quadrupole of strength K left out. */
static void split(const struct ring_multipoles *m, double K, struct ring_polynomials *out)
{
    *out = (struct ring_polynomials){0};
    for (int k = 0; k < RING_MAX_ORDER; k++) {
        const bool is_even_order = k % 2 == 1;
        const int part[2] = {is_even_order ? RING_A : RING_B, is_even_order ? RING_D : RING_C}, at = k / 2;
        const double value[2] = {m->normal[k], m->skew[k]};
        for (int i = 0; i < 2; i++) {
            out->value[part[i]][at] = value[i];
            out->U[part[i]][at]     = value[i] / (k + 1);
            if (is_even_order) out->slope[part[i]][at] = value[i] * k;
            if (!is_even_order && k > 0) out->slope[part[i]][at - 1] = value[i] * k;
            if (fabs(value[i]) * pow(APERTURE_MM, k) > 1e-13 * fabs(K) * APERTURE_MM) out->parts |= 1u << part[i];
        }
    }
}

static int index_of_time(struct ring *ring, const struct esq_time *time)
{
    for (int i = 0; i < ring->n_times; i++)
        if (ring->time[i].begin_ns == time->begin_ns && ring->time[i].tau_ns == time->tau_ns) return i;
    ring->time[ring->n_times] = *time;
    return ring->n_times++;
}

static void split_section(struct ring *ring, struct ring_esq *esq)
{
    const double K = esq->base.normal[1];
    split(&esq->base, K, &esq->base_by_part);
    esq->parts = esq->base_by_part.parts;
    for (int k = 0; k < esq->n_terms; k++) {
        split(&esq->term[k], K, &esq->term_by_part[k]);
        esq->parts |= esq->term_by_part[k].parts;
        esq->time_index[k] = index_of_time(ring, &esq->time[k]);
    }
}

void ring_set_field(struct ring *ring, const struct ring_setup *setup)
{
    for (int i = 0; i < RING_SECTIONS; i++) {
        struct ring_esq *esq = &ring->esq[i];
        scale(ring, setup->normal_V, setup->skew_V, &esq->base);
        scale(ring, setup->extra[i].final.normal_V, setup->extra[i].final.skew_V, &esq->base);
        for (size_t k = 0; k < setup->extra[i].n_terms; k++) {
            const struct esq_multipoles *m = &setup->extra[i].term[k].delta;
            scale(ring, m->normal_V, m->skew_V, &esq->term[k]);
            esq->time[k] = setup->extra[i].term[k].time;
        }
        esq->n_terms = (int)setup->extra[i].n_terms;
        split_section(ring, esq);
    }
    for (int m = 0; m < RING_EVEN_TERMS; m++) {
        ring->even[m]       = ring->esq[0].base.normal[2 * m + 1];
        ring->even_U[m]     = ring->even[m] / (2 * m + 2);
        ring->even_slope[m] = ring->even[m] * (2 * m + 1);
    }
    ring->field    = kind_of(setup);
    ring->linear   = ring->esq[0].base.normal[1];
    ring->n_inside = ring->linear * MAGIC_GAMMA;
    ring->n_mean   = ring->n_inside * coverage(setup->layout);
}

/* ---- values ---- */

void ring_field(const struct ring *ring, int section, double x_mm, double y_mm, double *eps_x, double *eps_y)
{
    const struct ring_multipoles *m = &ring->esq[section].base;
    double re = 0.0, im = 0.0; /* Horner in z = x + i y */
    if (ring->field == RING_CURVED) {
        double r = RING_R0_MM + x_mm;
        *eps_x   = 0.5 * ring->linear * (r - RING_R0_MM * RING_R0_MM / r);
        *eps_y   = -ring->linear * y_mm;
        return;
    }
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        double t = re * x_mm - im * y_mm + m->normal[k];
        im       = re * y_mm + im * x_mm - m->skew[k];
        re       = t;
    }
    *eps_x = re;
    *eps_y = -im;
}

double ring_potential(const struct ring *ring, int section, double x_mm, double y_mm)
{
    const struct ring_multipoles *m = &ring->esq[section].base;
    double re = 0.0, im = 0.0;
    if (ring->field == RING_CURVED) {
        double f = x_mm / RING_R0_MM, log_term = log1p(f) - f; /* r^2/2 - R0^2 ln r, without its value at R0 */
        return -0.5 * ring->linear * (0.5 * x_mm * x_mm - RING_R0_MM * RING_R0_MM * log_term - y_mm * y_mm);
    }
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        re += m->normal[k] / (k + 1);
        im -= m->skew[k] / (k + 1);
        double t = re * x_mm - im * y_mm;
        im       = re * y_mm + im * x_mm;
        re       = t;
    }
    return m->constant - re;
}
