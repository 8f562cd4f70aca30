/* A beam from a file. */
#include "phase_space.h"

#include "bunch.h"

#include "columns.h"
#include "mem.h"
#include "phys.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MIN_ROWS_CHECKED = 20 };

enum { X, Y, T, PHI, P_R, P_PHI, P_Y, XP, YP, P, DELTA, S_R, S_PHI, S_Y, T_DECAY, WEIGHT, CHARGE, PDG, N_WANTED };
static const struct column_want wanted[N_WANTED] = {
    [X]       = {"x", "mm", false, 0, 0},
    [Y]       = {"y", "mm", false, 0, 0},
    [T]       = {"t_fill t time", "ns", true, 0, 0},
    [PHI]     = {"phi azimuth", "rad", true, 0, 0},
    [P_R]     = {"p_r px Px", "GeV", true, 0, 0},
    [P_PHI]   = {"p_phi pz Pz", "GeV", true, 0, 0},
    [P_Y]     = {"p_y py Py", "GeV", true, 0, 0},
    [XP]      = {"xp x' xprime", "rad", true, 0, 0},
    [YP]      = {"yp y' yprime", "rad", true, 0, 0},
    [P]       = {"p p_total momentum", "GeV", true, 0, 0},
    [DELTA]   = {"delta dp/p dpp", "1", true, 0, 0},
    [S_R]     = {"s_r", "1", true, 0, 0},
    [S_PHI]   = {"s_phi", "1", true, 0, 0},
    [S_Y]     = {"s_y", "1", true, 0, 0},
    [T_DECAY] = {"t_decay", "ns", true, 0, 0},
    [WEIGHT]  = {"weight Weight w", "1", true, 0, 0},
    [CHARGE]  = {"charge q", "1", true, 0, 0},
    [PDG]     = {"pdg pdgid PDGid", "1", true, 0, 0},
};

/* Limits of a row, and what a value beyond them most likely means. */
static const struct limit {
    int column;
    double low, high;
    const char *cause;
} limits[] = {
    {X, -200.0, 200.0, "a length in another unit than the header says, or not counted from the design orbit"},
    {Y, -200.0, 200.0, "a length in another unit than the header says"},
    {T, -1e6, 1e6, "a time in another unit than the header says, or not counted from injection"},
    {PHI, -6.29, 12.57, "degrees under a header that says rad"},
    {XP, -0.1, 0.1, "an angle in another unit than the header says"},
    {YP, -0.1, 0.1, "an angle in another unit than the header says"},
    {DELTA, -0.999, 10.0, "percent under a header that says 1"},
    {WEIGHT, 1.0, 1.0, "weighted rows; all rows count alike here: repeat or drop rows by their weight first"},
    {CHARGE, 1.0, 1.0, "another particle than mu+"},
    {PDG, -13.0, -13.0, "another particle than mu+"},
    {S_R, -1.000001, 1.000001, "a spin that is not a polarisation, at most 1 long"},
    {S_PHI, -1.000001, 1.000001, "a spin that is not a polarisation, at most 1 long"},
    {S_Y, -1.000001, 1.000001, "a spin that is not a polarisation, at most 1 long"},
};

static bool has(const struct columns *c, int column) { return c->value[column] != NULL; }

/* The first word of a list of names. */
static int first_word(const char *names) { return (int)strcspn(names, " "); }

static enum err check_limits(const struct columns *c)
{
    char place[32];
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        const struct limit *l = &limits[k];
        const double *v       = c->value[l->column];
        for (size_t i = 0; v && i < c->n_rows; i++) {
            if (v[i] >= l->low && v[i] <= l->high) continue;
            const struct column_want *w = &wanted[l->column];
            columns_place(c, i, place);
            FAIL(ERR_DATA, "%s: %.*s = %.10g %s; accepted is %g to %g; this looks like %s", place, first_word(w->names),
                 w->names, v[i], w->unit, l->low, l->high, l->cause);
        }
    }
    return ERR_OK;
}

/* One way to give the momentum, all of it. */
static enum err check_columns(const struct columns *c, const struct phase_space_options *o)
{
    int n_components = has(c, P_R) + has(c, P_PHI) + has(c, P_Y), n_slopes = has(c, XP) + has(c, YP);
    int n_lengths = has(c, P) + has(c, DELTA), n_spins = has(c, S_R) + has(c, S_PHI) + has(c, S_Y);
    bool by_components = n_components == 3 && n_slopes == 0 && n_lengths == 0;
    bool by_slopes     = n_components == 0 && n_slopes == 2 && n_lengths == 1;
    REQUIRE(
        by_components || by_slopes, ERR_DATA,
        "the momentum must be given by p_r, p_phi, p_y, or by xp, yp and either p or delta; found are %d, %d and %d "
        "of these",
        n_components, n_slopes, n_lengths);
    REQUIRE(n_spins == 0 || n_spins == 3, ERR_DATA, "of s_r, s_phi, s_y %d are there; all or none are taken", n_spins);
    REQUIRE(has(c, T_DECAY) || !o->needs_decay, ERR_DATA, "there is no column t_decay, which decay: file asks for");
    return ERR_OK;
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */
static void take_momentum(const struct columns *c, size_t i, double p[3])
{
    if (has(c, P_R)) {
        p[0] = c->value[P_R][i], p[1] = c->value[P_PHI][i], p[2] = c->value[P_Y][i];
        return;
    }
    double size = has(c, P) ? c->value[P][i] : MAGIC_P_GeV * (1.0 + c->value[DELTA][i]);
    double xp = c->value[XP][i], yp = c->value[YP][i];
    p[1] = size / sqrt(1.0 + xp * xp + yp * yp);
    p[0] = p[1] * xp;
    p[2] = p[1] * yp;
}

static double turn_into_circle(double phi)
{
    phi = fmod(phi, 2.0 * PI);
    if (phi < 0.0) phi += 2.0 * PI;
    return phi < 2.0 * PI ? phi : 0.0;
}

static void take_spin(const struct columns *c, const struct phase_space_options *o, size_t i, size_t to,
                      struct phase_space *out)
{
    if (has(c, S_R)) {
        out->s_r[to] = c->value[S_R][i], out->s_phi[to] = c->value[S_PHI][i], out->s_y[to] = c->value[S_Y][i];
        return;
    }
    double p                 = hypot(hypot(out->p_r_GeV[to], out->p_phi_GeV[to]), out->p_y_GeV[to]);
    struct bunch_direction u = {out->p_r_GeV[to] / p, out->p_phi_GeV[to] / p, out->p_y_GeV[to] / p};
    double phase             = 1e-3 * o->phase_slope_mrad * 100.0 * (p / MAGIC_P_GeV - 1.0);
    bunch_spin(u, o->polarisation, phase, &out->s_r[to], &out->s_phi[to], &out->s_y[to]);
}

/* Row i of the file as row `to`. */
static void take_row(const struct columns *c, const struct phase_space_options *o, size_t i, size_t to,
                     struct phase_space *out)
{
    double p[3];
    take_momentum(c, i, p);
    out->x_mm[to]      = c->value[X][i] + o->x_offset_mm;
    out->y_mm[to]      = c->value[Y][i] + o->y_offset_mm;
    out->t_ns[to]      = (has(c, T) ? c->value[T][i] : 0.0) + o->t_offset_ns;
    out->phi_rad[to]   = turn_into_circle((has(c, PHI) ? c->value[PHI][i] : o->phi_rad) + o->phi_offset_rad);
    out->p_r_GeV[to]   = p[0];
    out->p_phi_GeV[to] = p[1];
    out->p_y_GeV[to]   = p[2];
    if (o->needs_decay) out->t_decay_ns[to] = c->value[T_DECAY][i] + o->t_offset_ns;
    take_spin(c, o, i, to, out);
}

static bool is_trackable(const struct phase_space *p, size_t i)
{
    double forward = p->p_phi_GeV[i], slope = PHASE_SPACE_MAX_SLOPE * forward;
    return fabs(forward / MAGIC_P_GeV - 1.0) < PHASE_SPACE_MAX_DELTA && fabs(p->p_r_GeV[i]) < slope &&
           fabs(p->p_y_GeV[i]) < slope && fabs(p->x_mm[i]) < PHASE_SPACE_MAX_X_MM &&
           fabs(p->y_mm[i]) < PHASE_SPACE_MAX_Y_MM && p->t_ns[i] >= PHASE_SPACE_MIN_NS;
}

/* ---- plausibility ------------------------------------------------------------------------------------------------- */
static enum err check_momenta(const struct columns *c)
{
    size_t n_good = 0, first = SIZE_MAX;
    char place[32];
    double p[3], size = 0.0;
    for (size_t i = 0; i < c->n_rows; i++) {
        take_momentum(c, i, p);
        double s = hypot(hypot(p[0], p[1]), p[2]);
        if (fabs(s / MAGIC_P_GeV - 1.0) < PHASE_SPACE_MAX_DELTA && p[1] > 0.0)
            n_good++;
        else if (first == SIZE_MAX)
            first = i, size = p[1] > 0.0 ? s : p[1];
    }
    if (2 * n_good > c->n_rows) return ERR_OK;
    columns_place(c, first, place);
    FAIL(ERR_DATA,
         "%s: momentum %.8g GeV forward; of %zu rows only %zu are within 10 %% of the magic momentum (2.785 to 3.404 "
         "GeV); this looks like another unit than the header says, another particle's beam, or another direction of z",
         place, size, c->n_rows, n_good);
}

static enum err check_decays(const struct columns *c)
{
    char place[32];
    for (size_t i = 0; i < c->n_rows; i++) {
        double start = has(c, T) ? c->value[T][i] : 0.0, end = c->value[T_DECAY][i];
        columns_place(c, i, place);
        REQUIRE(end >= start, ERR_DATA, "%s: t_decay = %.10g ns is before the muon's time %.10g ns", place, end, start);
    }
    return ERR_OK;
}

static double sigma(const double *v, size_t n)
{
    double s = 0.0, s2 = 0.0, zero = v[0]; /* about a value, so that nothing cancels */
    for (size_t i = 0; i < n; i++) s += v[i] - zero, s2 += (v[i] - zero) * (v[i] - zero);
    double mean = s / (double)n, variance = s2 / (double)n - mean * mean;
    return variance > 1e-12 * s2 / (double)n ? sqrt(variance) : 0.0;
}

/* sigma_x / sigma_x' is of the order of the beta function: millimetres and metres, rad and mrad tell themselves apart. */
static enum err check_beta(const char *axis, double sigma_mm, double sigma_slope)
{
    double beta_m = 1e-3 * sigma_mm / sigma_slope;
    if (sigma_mm == 0.0 || sigma_slope == 0.0) return ERR_OK;
    REQUIRE(
        beta_m > 0.1 && beta_m < 1000.0, ERR_DATA,
        "the beam is %.4g mm wide in %s with slopes of %.4g rad (rms), a ratio of %.4g m; accepted is 0.1 to 1000 m; "
        "this looks like %s than the header says (check: false takes it as it is)",
        sigma_mm, axis, sigma_slope, beta_m,
        beta_m < 0.1 ? "lengths in a larger unit, metres," : "angles in a larger unit, rad,");
    return ERR_OK;
}

static enum err check_beam(const struct phase_space *p)
{
    if (p->n < MIN_ROWS_CHECKED) return ERR_OK;
    double t = sigma(p->t_ns, p->n);
    TRY(check_beta("x", sigma(p->x_mm, p->n), sigma(p->p_r_GeV, p->n) / MAGIC_P_GeV));
    TRY(check_beta("y", sigma(p->y_mm, p->n), sigma(p->p_y_GeV, p->n) / MAGIC_P_GeV));
    REQUIRE(t == 0.0 || (t > 0.01 && t < 1e4), ERR_DATA,
            "the bunch is %.4g ns long (rms); accepted is 0.01 to 10000 ns; this looks like times in another unit than "
            "the header says (check: false takes it as it is)",
            t);
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */
static enum err allocate(struct phase_space *p, size_t n, bool with_decay)
{
    double *base;
    size_t stride = (n + 7) / 8 * 8;
    TRY(mem_alloc(&base, stride * PHASE_SPACE_COLUMNS, sizeof *base));
    double **const column[] = {&p->t_ns,    &p->x_mm, &p->y_mm,  &p->phi_rad, &p->p_r_GeV,   &p->p_phi_GeV,
                               &p->p_y_GeV, &p->s_r,  &p->s_phi, &p->s_y,     &p->t_decay_ns};
    for (size_t i = 0; i < PHASE_SPACE_COLUMNS; i++) *column[i] = base + i * stride;
    if (!with_decay) p->t_decay_ns = NULL;
    return ERR_OK;
}

static enum err take_rows(const struct columns *c, const struct phase_space_options *o, struct phase_space *out)
{
    TRY(check_columns(c, o));
    TRY(check_limits(c));
    TRY(check_momenta(c));
    if (o->needs_decay) TRY(check_decays(c));
    TRY(allocate(out, c->n_rows, o->needs_decay));
    for (size_t i = 0; i < c->n_rows; i++) {
        take_row(c, o, i, out->n, out);
        if (is_trackable(out, out->n)) out->n++;
    }
    out->n_left_out = c->n_rows - out->n;
    REQUIRE(
        out->n, ERR_DATA,
        "none of %zu rows can be tracked: with the offsets |x| must be below %g mm, |y| below %g mm, slopes below %g "
        "rad, momenta within %g %% of the magic one and times not before %g ns",
        c->n_rows, PHASE_SPACE_MAX_X_MM, PHASE_SPACE_MAX_Y_MM, PHASE_SPACE_MAX_SLOPE, 100.0 * PHASE_SPACE_MAX_DELTA,
        PHASE_SPACE_MIN_NS);
    for (size_t i = 0; i < out->n; i++) out->mean_t_ns += out->t_ns[i] / (double)out->n;
    return o->is_checked ? check_beam(out) : ERR_OK;
}

enum err phase_space_read(const char *path, const char *group, const struct phase_space_options *options,
                          struct phase_space *out)
{
    struct columns c;
    *out = (struct phase_space){0};
    TRY(columns_read(path, group, wanted, N_WANTED, PHASE_SPACE_MAX_ROWS, &c));
    enum err rc = take_rows(&c, options, out);
    columns_free(&c);
    if (!rc) return ERR_OK;
    phase_space_free(out);
    return err_context(rc, "%s", path);
}

void phase_space_free(struct phase_space *p)
{
    mem_free(p->t_ns);
    *p = (struct phase_space){0};
}
