/* Fields of the electrostatic quadrupoles. */
#include "esq.h"

#include "phys.h"

#include <math.h>
#include <string.h>

#define PLATE_MM 50.0
#define NIM_kV   24.0

/* The potential is linear in four modes of the plates' voltages, each symmetric about both axes or odd about one:
 *   q = (T + B - I - O) / 4    quadrupole      even n, normal
 *   m = (T + B + I + O) / 4    all together    even n, normal
 *   v = (T - B) / 2            vertical        odd n, skew
 *   h = (O - I) / 2            horizontal      odd n, normal */

/* q, at 24 kV: the NIM array with the sign for mu+. */
static const double quad_V[ESQ_ORDERS] = {
    [2] = -20177.8, [4] = -33.0, [6] = 45.9, [8] = 5.5, [10] = 391.3, [12] = 6.5, [14] = -52.3};

/* m, at 1 kV. Order 4: vertical-scrape set, b_4 = 33 + 7 (all_V[4] / 4 - 33 / 96) = 375. 0, 8, 12: Laplace. */
static const double all_V[ESQ_ORDERS] = {[0] = 780.0, [4] = 196.80, [8] = -41.6, [12] = 2.8};

/* v, at 1 kV: top plate's orders times 2 sin(n pi / 2). 1, 3, 5: a_n of the vertical-scrape set, bottom plate at 17
 * instead of 24 kV, so 2 / 7 of them; the others: Laplace. */
static const double vertical_V[ESQ_ORDERS] = {[1]  = 2.0 * 2155.0 / 7.0,
                                              [3]  = -2.0 * 837.0 / 7.0,
                                              [5]  = 2.0 * 117.0 / 7.0,
                                              [7]  = 16.2,
                                              [9]  = -15.5,
                                              [11] = 2.2,
                                              [13] = 1.6};

/* h, at 1 kV: outer plate's orders times 2. 1, 3: b_n of the horizontal-scrape set; 5: as v; the others: Laplace. */
static const double horizontal_V[ESQ_ORDERS] = {[1]  = 2.0 * 2150.0 / 7.0,
                                                [3]  = 2.0 * 840.0 / 7.0,
                                                [5]  = 2.0 * 117.0 / 7.0,
                                                [7]  = -16.2,
                                                [9]  = -15.5,
                                                [11] = -2.2,
                                                [13] = 1.6};

void esq_plates(const double plate_kV[ESQ_PLATES], struct esq_multipoles *out)
{
    const double top = plate_kV[ESQ_TOP], bottom = plate_kV[ESQ_BOTTOM], inner = plate_kV[ESQ_INNER],
                 outer = plate_kV[ESQ_OUTER];
    const double q = 0.25 * ((top + bottom) - (inner + outer)), m = 0.25 * ((top + bottom) + (inner + outer));
    const double v = 0.5 * (top - bottom), h = 0.5 * (outer - inner);
    for (int n = 0; n < ESQ_ORDERS; n++) {
        out->normal_V[n] = quad_V[n] * q / NIM_kV + all_V[n] * m + horizontal_V[n] * h;
        out->skew_V[n]   = vertical_V[n] * v;
    }
}

void esq_add(struct esq_multipoles *out, double factor, const struct esq_multipoles *m)
{
    for (int n = 0; n < ESQ_ORDERS; n++) {
        out->normal_V[n] += factor * m->normal_V[n];
        out->skew_V[n] += factor * m->skew_V[n];
    }
}

/* c_n = normal - i skew is the coefficient of w^n, w = (z - d) e^(-i roll) / r0. First c_n e^(-i n roll), then w^n is a
 * power of u - d: Horner's scheme, one factor (u - d) at a time. */
void esq_shift(struct esq_multipoles *m, double dx_mm, double dy_mm, double roll_rad)
{
    const double dx = dx_mm / APERTURE_MM, dy = dy_mm / APERTURE_MM;
    double re[ESQ_ORDERS], im[ESQ_ORDERS];
    for (int n = 0; n < ESQ_ORDERS; n++) {
        double c = cos(n * roll_rad), s = sin(n * roll_rad);
        re[n] = m->normal_V[n] * c - m->skew_V[n] * s;
        im[n] = -m->skew_V[n] * c - m->normal_V[n] * s;
    }
    for (int first = 0; first < ESQ_ORDERS; first++) {
        for (int n = ESQ_ORDERS - 2; n >= first; n--) {
            re[n] -= dx * re[n + 1] - dy * im[n + 1];
            im[n] -= dx * im[n + 1] + dy * re[n + 1];
        }
    }
    for (int n = 0; n < ESQ_ORDERS; n++) {
        m->normal_V[n] = re[n];
        m->skew_V[n]   = -im[n];
    }
}

void esq_plate_moved(double plate_kV[ESQ_PLATES], const double out_mm[ESQ_PLATES])
{
    for (int p = 0; p < ESQ_PLATES; p++) plate_kV[p] *= 1.0 - 2.0 * out_mm[p] / PLATE_MM;
}

/* ---- edge ---- */

/* Fit to the gradient along the axis of a three-dimensional Laplace solution: plates end at z = 0 between grounded walls. */
#define GAP_MM 100.0
enum { ENGE_TERMS = 4 };
static const double enge[ENGE_TERMS] = {-0.7491, 7.7354, -2.4701, 0.8653};
#define EDGE_MM 11.7925840991290 /* the integral of this fall is that of a hard edge here */

double esq_enge(double z_mm, double d[2])
{
    const double u = (z_mm + EDGE_MM) / GAP_MM;
    double p = 0.0, p1 = 0.0, p2 = 0.0; /* the exponent and its derivatives in u */
    for (int i = ENGE_TERMS - 1; i >= 0; i--) {
        p2 = p2 * u + 2.0 * p1;
        p1 = p1 * u + p;
        p  = p * u + enge[i];
    }
    const double s = p > 0.0 ? exp(-p) / (1.0 + exp(-p)) : 1.0 / (1.0 + exp(p)), fall = s * (1.0 - s);
    d[0] = -fall * p1 / GAP_MM;
    d[1] = fall * ((1.0 - 2.0 * s) * p1 * p1 - p2) / (GAP_MM * GAP_MM);
    return s;
}

/* ---- time ---- */

double esq_time(const struct esq_time *time, double t_ns)
{
    if (t_ns < time->begin_ns) return 1.0;
    return time->tau_ns > 0.0 ? exp(-(t_ns - time->begin_ns) / time->tau_ns) : 0.0;
}

void esq_scrape(enum esq_scraping kind, size_t section, double fraction[ESQ_PLATES], struct esq_time *time)
{
    static const enum esq_plate plate[4] = {ESQ_BOTTOM, ESQ_INNER, ESQ_BOTTOM, ESQ_OUTER};
    static const double tau_ns[4]        = {4900.0, 4550.0, 4550.0, 4900.0};
    const size_t q                       = section / 2 % 4;
    for (int p = 0; p < ESQ_PLATES; p++) fraction[p] = 1.0;
    *time = (struct esq_time){0};
    if (kind == ESQ_NO_SCRAPING) return;
    const bool is_e821 = kind == ESQ_SCRAPING_E821;
    fraction[plate[q]] = is_e821 ? 17.0 / 24.0 : 13.1 / 18.3;
    *time              = (struct esq_time){7000.0, is_e821 ? 5000.0 : tau_ns[q]};
}

/* ---- a section ---- */

struct esq_setup esq_setup_nominal(double high_voltage_kV)
{
    const double v = high_voltage_kV;
    return (struct esq_setup){.plate_kV = {v, v, -v, -v}};
}

void esq_setup_scrape(struct esq_setup *setup, enum esq_scraping kind, size_t section)
{
    double fraction[ESQ_PLATES];
    struct esq_time time;
    esq_scrape(kind, section, fraction, &time);
    for (int p = 0; p < ESQ_PLATES; p++) {
        if (fraction[p] == 1.0) continue;
        setup->delta_kV[p] = (fraction[p] - 1.0) * setup->plate_kV[p];
        setup->time[p]     = time;
    }
}

void esq_setup_fault(struct esq_setup *setup, enum esq_plate plate, double missing, struct esq_time time)
{
    if (setup->delta_kV[plate] != 0.0) {
        setup->time[plate].tau_ns = time.tau_ns;
        return;
    }
    setup->delta_kV[plate] = -missing * setup->plate_kV[plate];
    setup->time[plate]     = time;
}

static enum err check(const struct esq_setup *s, const char *where)
{
    static const char *const name[ESQ_PLATES] = {"top", "bottom", "inner", "outer"};
    for (int p = 0; p < ESQ_PLATES; p++) {
        const double final = fabs(s->plate_kV[p]), first = fabs(s->plate_kV[p] + s->delta_kV[p]);
        REQUIRE(final <= 40.0 && first <= 40.0, ERR_CONFIG,
                "%s: %s plate is at first at %g kV, then at %g kV; accepted are -40 to 40", where, name[p],
                s->plate_kV[p] + s->delta_kV[p], s->plate_kV[p]);
        REQUIRE(fabs(s->out_mm[p]) <= 5.0, ERR_CONFIG, "%s: %s plate is moved by %g mm, accepted are -5 to 5", where,
                name[p], s->out_mm[p]);
        REQUIRE(s->time[p].tau_ns >= 0.0 && isfinite(s->time[p].tau_ns) && isfinite(s->time[p].begin_ns), ERR_CONFIG,
                "%s: %s plate returns from %g ns with a time constant of %g ns, which must not be negative", where,
                name[p], s->time[p].begin_ns, s->time[p].tau_ns);
    }
    REQUIRE(fabs(s->dx_mm) <= 10.0 && fabs(s->dy_mm) <= 10.0 && fabs(s->roll_rad) <= 0.1, ERR_CONFIG,
            "%s: moved by (%g, %g) mm and turned by %g rad, accepted are 10 mm and 0.1 rad", where, s->dx_mm, s->dy_mm,
            s->roll_rad);
    return ERR_OK;
}

static void field_of(const struct esq_setup *s, const double kV[ESQ_PLATES], struct esq_multipoles *out)
{
    double moved[ESQ_PLATES];
    memcpy(moved, kV, sizeof moved);
    esq_plate_moved(moved, s->out_mm);
    esq_plates(moved, out);
    esq_shift(out, s->dx_mm, s->dy_mm, s->roll_rad);
}

static bool is_same(const struct esq_time *a, const struct esq_time *b)
{
    return a->begin_ns == b->begin_ns && a->tau_ns == b->tau_ns;
}

enum err esq_section(const struct esq_setup *setup, const char *where, struct esq_section *out)
{
    TRY(check(setup, where));
    memset(out, 0, sizeof *out);
    field_of(setup, setup->plate_kV, &out->final);
    bool is_done[ESQ_PLATES] = {false};
    for (int p = 0; p < ESQ_PLATES; p++) {
        if (is_done[p] || setup->delta_kV[p] == 0.0) continue;
        double delta[ESQ_PLATES] = {0};
        for (int k = p; k < ESQ_PLATES; k++) {
            if (setup->delta_kV[k] == 0.0 || !is_same(&setup->time[p], &setup->time[k])) continue;
            delta[k]   = setup->delta_kV[k];
            is_done[k] = true;
        }
        field_of(setup, delta, &out->term[out->n_terms].delta);
        out->term[out->n_terms++].time = setup->time[p];
    }
    return ERR_OK;
}

void esq_section_at(const struct esq_section *section, double t_ns, struct esq_multipoles *out)
{
    *out = section->final;
    for (size_t i = 0; i < section->n_terms; i++)
        esq_add(out, esq_time(&section->term[i].time, t_ns), &section->term[i].delta);
}
