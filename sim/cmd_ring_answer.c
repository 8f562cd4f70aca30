/* Figures of a ring, each computed once for a table or a scan. */
#include "cfg.h"
#include "cmd_ring.h"
#include "mem.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RING_ANSWER_ROW(group, name, unit, doc) {GROUP_##group, #name, unit, doc},
const struct ring_answer_field ring_answer_fields[N_ANSWERS] = {RING_ANSWERS(RING_ANSWER_ROW)};

/* What the groups share: closed orbit, the turn about it, lattice functions at phi = 0. */
struct centre {
    double closed[RAY_N];
    struct ring_map turn;
    struct ring_point at;
};

static enum err find_centre(const struct ring_tool *t, double dp, struct centre *c)
{
    TRY(ring_probe_closed(&t->ring, ring_probe_delta(dp), c->closed, &c->turn));
    return ring_probe_point(&c->turn, 0.0, &c->at);
}

static enum err optics(const struct ring_tool *t, double a[])
{
    struct ring_optics o;
    TRY(ring_optics(&t->ring, 0.0, &o));
    a[ANSWER_n]           = t->n_mean;
    a[ANSWER_nu_x_matrix] = o.nu_x;
    a[ANSWER_nu_y_matrix] = o.nu_y;
    return ERR_OK;
}

static enum err tracked(const struct ring_tool *t, const struct centre *c, size_t n_turns, double a[])
{
    const double small = 0.1;
    double nu_x, nu_y, f_c = 1e3 / ring_probe_time_ns(c->turn.out[RAY_ZETA] - c->closed[RAY_ZETA]);
    TRY(ring_probe_tunes(&t->ring, c->closed, &c->at, 1, &small, &small, n_turns, &nu_x, &nu_y));
    a[ANSWER_nu_x] = nu_x, a[ANSWER_nu_y] = nu_y, a[ANSWER_f_c] = f_c;
    a[ANSWER_f_x] = nu_x * f_c, a[ANSWER_f_y] = nu_y * f_c;
    a[ANSWER_f_CBO]          = f_c - a[ANSWER_f_x];
    a[ANSWER_f_2CBO]         = 2.0 * a[ANSWER_f_CBO];
    a[ANSWER_f_VW]           = f_c - 2.0 * a[ANSWER_f_y];
    a[ANSWER_f_VW_minus_CBO] = a[ANSWER_f_VW] - a[ANSWER_f_CBO];
    a[ANSWER_f_VW_plus_CBO]  = a[ANSWER_f_VW] + a[ANSWER_f_CBO];
    a[ANSWER_x_co] = c->closed[RAY_X], a[ANSWER_y_co] = c->closed[RAY_Y];
    return ERR_OK;
}

static enum err chromaticity(const struct ring_tool *t, double dp, size_t n_turns, double a[])
{
    const double small = 0.1, step = 5e-4;
    double nu[2][2];
    for (int i = 0; i < 2; i++) {
        struct centre c;
        TRY(find_centre(t, dp + (i ? step : -step), &c));
        TRY(ring_probe_tunes(&t->ring, c.closed, &c.at, 1, &small, &small, n_turns, &nu[i][0], &nu[i][1]));
    }
    a[ANSWER_chroma_x] = (nu[1][0] - nu[0][0]) / (2.0 * step);
    a[ANSWER_chroma_y] = (nu[1][1] - nu[0][1]) / (2.0 * step);
    return ERR_OK;
}

static void extremes(const struct ring_point *p, size_t n, size_t offset, double scale, double *low, double *high)
{
    for (size_t i = 0; i < n; i++) {
        double v;
        memcpy(&v, (const char *)&p[i] + offset, sizeof v);
        *low  = i ? fmin(*low, v * scale) : v * scale;
        *high = i ? fmax(*high, v * scale) : v * scale;
    }
}

static enum err around(const struct ring_tool *t, const struct centre *c, double a[])
{
    enum { N = 180 };
    double phi[N], mean = 0.0;
    struct ring_point p[N];
    for (int i = 0; i < N; i++) phi[i] = 2.0 * PI * (i + 0.5) / N;
    TRY(ring_probe_around(&t->ring, c->closed, &c->turn, N, phi, p));
    for (int i = 0; i < N; i++) mean += 1e-3 * p[i].dispersion_mm / N;
    a[ANSWER_eta_mean] = mean;
    extremes(p, N, offsetof(struct ring_point, beta_x_mm), 1e-3, &a[ANSWER_beta_x_min], &a[ANSWER_beta_x_max]);
    extremes(p, N, offsetof(struct ring_point, beta_y_mm), 1e-3, &a[ANSWER_beta_y_min], &a[ANSWER_beta_y_max]);
    extremes(p, N, offsetof(struct ring_point, dispersion_mm), 1e-3, &a[ANSWER_eta_min], &a[ANSWER_eta_max]);
    extremes(p, N, offsetof(struct ring_point, orbit[RAY_X]), 1.0, &a[ANSWER_x_co_min], &a[ANSWER_x_co_max]);
    extremes(p, N, offsetof(struct ring_point, orbit[RAY_Y]), 1.0, &a[ANSWER_y_co_min], &a[ANSWER_y_co_max]);
    return ERR_OK;
}

static enum err detuning(const struct ring_tool *t, const struct centre *c, size_t n_turns, double a[])
{
    const double x[3] = {0.1, 40.0, 0.1}, y[3] = {0.1, 0.1, 40.0};
    double nu_x[3], nu_y[3];
    TRY(ring_probe_tunes(&t->ring, c->closed, &c->at, 3, x, y, n_turns, nu_x, nu_y));
    a[ANSWER_dnu_x_40] = nu_x[1] - nu_x[0];
    a[ANSWER_dnu_y_40] = nu_y[2] - nu_y[0];
    return ERR_OK;
}

enum err cmd_ring_answer(const struct ring_tool *tool, double dp, unsigned groups, size_t n_turns,
                         double answer[N_ANSWERS])
{
    struct centre c;
    for (int i = 0; i < N_ANSWERS; i++) answer[i] = (double)NAN;
    if (groups & 1u << GROUP_OPTICS) TRY(optics(tool, answer));
    if (groups & ~(1u << GROUP_OPTICS | 1u << GROUP_INJECTED)) TRY(find_centre(tool, dp, &c));
    if (groups & 1u << GROUP_TRACKED) TRY(tracked(tool, &c, n_turns, answer));
    if (groups & 1u << GROUP_CHROMA) TRY(chromaticity(tool, dp, n_turns, answer));
    if (groups & 1u << GROUP_AROUND) TRY(around(tool, &c, answer));
    if (groups & 1u << GROUP_DETUNING) TRY(detuning(tool, &c, n_turns, answer));
    if (groups & 1u << GROUP_INJECTED) TRY(cmd_ring_inject(tool, answer));
    return ERR_OK;
}

enum err cmd_ring_answer_find(const char *name, enum ring_answer *out)
{
    const char *known[N_ANSWERS];
    for (int i = 0; i < N_ANSWERS; i++) {
        known[i] = ring_answer_fields[i].name;
        *out     = (enum ring_answer)i;
        if (strcmp(known[i], name) == 0) return ERR_OK;
    }
    const char *near = cfg_nearest(name, known, N_ANSWERS);
    if (near) FAIL(ERR_OPTION, "there is no quantity \"%s\"; did you mean \"%s\"?", name, near);
    FAIL(ERR_OPTION, "there is no quantity \"%s\"; 'gm2 ring scan --help' lists them", name);
}

void cmd_ring_answer_print(enum ring_answer which, double value)
{
    const struct ring_answer_field *f = &ring_answer_fields[which];
    printf("  %-16s %14.6f %-4s %s\n", f->name, value, strcmp(f->unit, "1") == 0 ? "" : f->unit, f->doc);
}
