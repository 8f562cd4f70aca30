/* The table of terms, and the model with its derivatives. */
#include "phys.h"
#include "wiggle_fit.h"

#include <math.h>
#include <string.h>

/* clang-format off */
const struct wiggle_parameter_row wiggle_parameters[WIGGLE_N_PARAMETERS] = {
    [WIGGLE_N0]         = {"N0",        "1",      "positrons a bin at t = 0, of all that are summed",     0.0},
    [WIGGLE_TAU]        = {"tau",       "us",     "lifetime of the stored muon",                          64.4},
    [WIGGLE_A]          = {"A",         "1",      "asymmetry",                                            0.36},
    [WIGGLE_R]          = {"R",         "ppm",    "omega_a / (2 pi 0.2291 MHz) - 1",                      0.0},
    [WIGGLE_PHI]        = {"phi",       "rad",    "phase at t = 0",                                       2.09},
    [WIGGLE_CBO_N]      = {"A_cboN",    "1",      "amplitude of the rate at the CBO frequency",           0.004},
    [WIGGLE_CBO_OMEGA]  = {"omega_cbo", "rad/us", "coherent betatron oscillation",                        2.33},
    [WIGGLE_CBO_PSI_N]  = {"psi_cboN",  "rad",    "its phase in the rate",                                0.0},
    [WIGGLE_CBO_TAU]    = {"tau_cbo",   "us",     "its decoherence",                                      175.0},
    [WIGGLE_2CBO_N]     = {"A_2cboN",   "1",      "amplitude of the rate at twice the CBO frequency",     0.0002},
    [WIGGLE_2CBO_PSI_N] = {"psi_2cboN", "rad",    "its phase",                                            0.0},
    [WIGGLE_VW_N]       = {"A_vw",      "1",      "amplitude of the rate at the vertical waist frequency", 0.003},
    [WIGGLE_VW_OMEGA]   = {"omega_vw",  "rad/us", "vertical waist",                                       14.36},
    [WIGGLE_VW_PSI_N]   = {"psi_vw",    "rad",    "its phase",                                            0.0},
    [WIGGLE_VW_TAU]     = {"tau_vw",    "us",     "its decoherence",                                      22.0},
    [WIGGLE_CBO_A]      = {"A_cboA",    "1",      "amplitude of the asymmetry at the CBO frequency",      0.0006},
    [WIGGLE_CBO_PSI_A]  = {"psi_cboA",  "rad",    "its phase",                                            0.0},
    [WIGGLE_CBO_P]      = {"A_cboPhi",  "rad",    "amplitude of the phase at the CBO frequency",          0.0008},
    [WIGGLE_CBO_PSI_P]  = {"psi_cboPhi","rad",    "its phase",                                            0.0},
};

const struct wiggle_term wiggle_terms[] = {
    {"cbo",     WIGGLE_RATE,      1, WIGGLE_CBO_N,  WIGGLE_CBO_OMEGA, WIGGLE_CBO_PSI_N,  WIGGLE_CBO_TAU, "beam's mean radius: acceptance"},
    {"2cbo",    WIGGLE_RATE,      2, WIGGLE_2CBO_N, WIGGLE_CBO_OMEGA, WIGGLE_2CBO_PSI_N, WIGGLE_CBO_TAU, "beam's radial width: acceptance"},
    {"vw",      WIGGLE_RATE,      1, WIGGLE_VW_N,   WIGGLE_VW_OMEGA,  WIGGLE_VW_PSI_N,   WIGGLE_VW_TAU,  "beam's height: acceptance"},
    {"cbo_a",   WIGGLE_ASYMMETRY, 1, WIGGLE_CBO_A,  WIGGLE_CBO_OMEGA, WIGGLE_CBO_PSI_A,  WIGGLE_CBO_TAU, "energy acceptance: asymmetry"},
    {"cbo_phi", WIGGLE_PHASE,     1, WIGGLE_CBO_P,  WIGGLE_CBO_OMEGA, WIGGLE_CBO_PSI_P,  WIGGLE_CBO_TAU, "drift time: phase"},
    {NULL, WIGGLE_RATE, 0, WIGGLE_N0, WIGGLE_N0, WIGGLE_N0, WIGGLE_N0, NULL},
};
/* clang-format on */

static const struct wiggle_term *find_term(const char *name, size_t length)
{
    for (const struct wiggle_term *t = wiggle_terms; t->name; t++)
        if (strlen(t->name) == length && memcmp(t->name, name, length) == 0) return t;
    return NULL;
}

static enum err add_terms(const char *text, struct wiggle_model *m)
{
    for (const char *p = text; *p;) {
        size_t length               = strcspn(p, "+");
        const struct wiggle_term *t = find_term(p, length);
        if (!t && !(length == 1 && *p == '5'))
            FAIL(ERR_OPTION,
                 "the model \"%s\" has an unknown term \"%.*s\"; there are 5 (nothing but the five parameters), full "
                 "and, joined by '+': cbo 2cbo vw cbo_a cbo_phi",
                 text, (int)length, p);
        for (size_t i = 0; t && i < m->n_terms; i++)
            if (m->term[i] == t) FAIL(ERR_OPTION, "the model \"%s\" has the term \"%s\" twice", text, t->name);
        if (t) m->term[m->n_terms++] = t;
        p += length;
        if (*p == '+') p++;
    }
    return ERR_OK;
}

enum err wiggle_model(const char *text, struct wiggle_model *out)
{
    struct wiggle_model m            = {0};
    int is_used[WIGGLE_N_PARAMETERS] = {0};
    if (strcmp(text, "full") == 0)
        for (const struct wiggle_term *t = wiggle_terms; t->name; t++) m.term[m.n_terms++] = t;
    else
        TRY(add_terms(text, &m));
    for (int i = WIGGLE_N0; i <= WIGGLE_PHI; i++) is_used[i] = 1;
    for (size_t i = 0; i < m.n_terms; i++) {
        const struct wiggle_term *t = m.term[i];
        is_used[t->amplitude] = is_used[t->omega] = is_used[t->psi] = is_used[t->tau] = 1;
    }
    for (int i = 0; i < WIGGLE_N_PARAMETERS; i++) {
        m.place[i] = is_used[i] ? (int)m.n_par : -1;
        if (is_used[i]) m.par[m.n_par++] = (enum wiggle_parameter)i;
    }
    *out = m;
    return ERR_OK;
}

/* One term's oscillation and its derivatives by amplitude, omega, psi, tau. */
struct oscillation {
    double u, du[4];
};

static struct oscillation oscillate(const struct wiggle_model *m, const struct wiggle_term *k, const double *value,
                                    double t_us)
{
    double amplitude = value[m->place[k->amplitude]], tau = value[m->place[k->tau]];
    double ht = k->harmonic * t_us, arg = ht * value[m->place[k->omega]] + value[m->place[k->psi]];
    double envelope = exp(-ht / tau), c = envelope * cos(arg), s = envelope * sin(arg);
    return (struct oscillation){amplitude * c,
                                {c, -amplitude * s * ht, -amplitude * s, amplitude * c * ht / (tau * tau)}};
}

/* Product of 1 + u over the terms of one target, leaving one out. */
static double product(const struct wiggle_model *m, const struct oscillation *o, enum wiggle_target target, size_t skip)
{
    double p = 1.0;
    for (size_t i = 0; i < m->n_terms; i++)
        if (i != skip && m->term[i]->target == target) p *= 1.0 + o[i].u;
    return p;
}

static double phase_sum(const struct wiggle_model *m, const struct oscillation *o)
{
    double sum = 0.0;
    for (size_t i = 0; i < m->n_terms; i++)
        if (m->term[i]->target == WIGGLE_PHASE) sum += o[i].u;
    return sum;
}

double wiggle_model_value(const struct wiggle_model *m, const double *value, double t_us, double *gradient)
{
    static const double omega_reference_radus = 2.0 * PI * F_REFERENCE_MHz;
    struct oscillation o[WIGGLE_MAX_TERMS];
    for (size_t i = 0; i < m->n_terms; i++) o[i] = oscillate(m, m->term[i], value, t_us);
    double g = product(m, o, WIGGLE_RATE, m->n_terms), a = product(m, o, WIGGLE_ASYMMETRY, m->n_terms);
    double decay = exp(-t_us / value[WIGGLE_TAU]), base = value[WIGGLE_N0] * decay;
    double arg = omega_reference_radus * (1.0 + 1e-6 * value[WIGGLE_R]) * t_us + value[WIGGLE_PHI] + phase_sum(m, o);
    double c = cos(arg), by_phase = -base * g * value[WIGGLE_A] * a * sin(arg);
    double wave = 1.0 + value[WIGGLE_A] * a * c, f = base * wave * g;
    if (!gradient) return f;
    gradient[WIGGLE_N0]  = decay * wave * g;
    gradient[WIGGLE_TAU] = f * t_us / (value[WIGGLE_TAU] * value[WIGGLE_TAU]);
    gradient[WIGGLE_A]   = base * g * a * c;
    gradient[WIGGLE_R]   = by_phase * omega_reference_radus * 1e-6 * t_us;
    gradient[WIGGLE_PHI] = by_phase;
    for (size_t i = WIGGLE_PHI + 1; i < m->n_par; i++) gradient[i] = 0.0;
    for (size_t i = 0; i < m->n_terms; i++) {
        const struct wiggle_term *k = m->term[i];
        double by_u                 = k->target == WIGGLE_RATE ? base * wave * product(m, o, WIGGLE_RATE, i)
                                      : k->target == WIGGLE_ASYMMETRY
                                          ? base * g * value[WIGGLE_A] * c * product(m, o, WIGGLE_ASYMMETRY, i)
                                          : by_phase;
        gradient[m->place[k->amplitude]] += by_u * o[i].du[0];
        gradient[m->place[k->omega]] += by_u * o[i].du[1];
        gradient[m->place[k->psi]] += by_u * o[i].du[2];
        gradient[m->place[k->tau]] += by_u * o[i].du[3];
    }
    return f;
}
