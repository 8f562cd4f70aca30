/* Module InflectorGun: the delivered beam, through the inflector, to its exit. */
#include "bank.h"
#include "bunch.h"
#include "inflector.h"

#include "log.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* clang-format off */
#define INFLECTOR_GUN_CFG(F, S)                                                                                        \
    F(S, i64,  muons_per_fill,   100000, 0, 10000000, "1", "muons a fill, counted where `count` says")                 \
    F(S, str,  count,            "exit", 0, 0, "exit|entrance", "muons_per_fill leave the exit (those lost before are drawn again), or meet the entrance") \
    F(S, f64,  exit_deg,         355,   0, 359.999, "deg", "azimuth of the exit (ours)")                               \
    F(S, f64,  exit_x_mm,        77,    -100, 100,  "mm",  "radius of the channel's axis at the exit, minus R0")       \
    F(S, f64,  exit_y_mm,        0,     -50, 50,    "mm",  "its height there")                                         \
    F(S, f64,  aim_deg,          84.7,  0, 359.999, "deg", "the axis points so that a magic muon in the uniform field crosses the design orbit here (middle kicker)") \
    F(S, f64,  exit_slope_mrad,  0,     -20, 20,    "mrad", "added to that slope of the axis, outward")                \
    F(S, f64,  exit_slope_y_mrad, 0,    -20, 20,    "mrad", "slope of the axis upward")                                \
    F(S, f64,  length_mm,        1700,  0, 10000,   "mm",  "of the field-free channel")                                \
    F(S, f64,  half_width_mm,    9,     0.1, 1000,  "mm",  "aperture |x| at both ends")                                \
    F(S, f64,  half_height_mm,   28,    0.1, 1000,  "mm",  "aperture |y| at both ends")                                \
    F(S, f64,  scatter_mrad,     1.3,   0, 20,      "mrad", "rms angle of scattering, in x and in y, at either end (ours: Highland, 1.5 mm window and 3.3 mm coil as 0.11 radiation lengths)") \
    F(S, f64,  beta_x_m,         28,    0.01, 1000, "m",   "at the entrance")                                          \
    F(S, f64,  alpha_x,          8.5,   -100, 100,  "1",   "at the entrance; positive: the beam converges (sign ours)") \
    F(S, f64,  beta_y_m,         3,     0.01, 1000, "m",   "at the entrance")                                          \
    F(S, f64,  alpha_y,          2.5,   -100, 100,  "1",   "at the entrance; positive: the beam converges (sign ours)") \
    F(S, f64,  emittance_x,      40,    0, 1000,    "pi mm mrad", "ellipse that holds 95 % of the beam")               \
    F(S, f64,  emittance_y,      40,    0, 1000,    "pi mm mrad", "ellipse that holds 95 % of the beam")               \
    F(S, f64,  x0_mm,            0,     -50, 50,    "mm",  "of the beam to the axis at the entrance, outward")         \
    F(S, f64,  xp0_mrad,         0,     -20, 20,    "mrad", "its slope to the axis")                                   \
    F(S, f64,  y0_mm,            0,     -50, 50,    "mm",  "of the beam to the axis at the entrance, upward")          \
    F(S, f64,  yp0_mrad,         0,     -20, 20,    "mrad", "its slope to the axis")                                   \
    F(S, f64,  dispersion_m,     0,     -20, 20,    "m",   "at the exit, x per dp/p")                                  \
    F(S, f64,  dispersion_slope, 0,     -20, 20,    "1",   "at the exit, x' per dp/p")                                 \
    F(S, str,  momentum,         "gauss", 0, 0, "gauss|flat", "distribution of dp/p")                                  \
    F(S, f64,  dp_mean_percent,  0,     -5, 5,      "%",   "its mean")                                                 \
    F(S, f64,  dp_sigma_percent, 0.85,  0, 2,       "%",   "width of gauss (ours: the delivered 2 % taken as full width at half maximum)") \
    F(S, f64,  dp_half_width_percent, 1, 0, 4,      "%",   "half width of flat")                                       \
    F(S, f64,  time_slope_ns,    0,     -1000, 1000, "ns/%", "time at the exit per percent of dp/p")                   \
    F(S, str,  profile,          "w",   0, 0, "w|gauss|none", "time profile of the bunch: the measured W, Gaussian, all at t = 0") \
    F(S, f64,  profile_sigma_ns, 25,    0, 1000,    "ns",  "width of the Gaussian profile")                            \
    F(S, f64,  polarisation,     0.96,  0, 1,       "1",   "length of the mean spin, against the momentum")            \
    F(S, f64,  phase_slope_mrad, -10,   -1000, 1000, "mrad/%", "precession phase at the start per percent of dp/p")
/* clang-format on */
CFG_DECLARE(inflector_gun_cfg, INFLECTOR_GUN_CFG)

enum { MAX_TRIES = 10000 };
#define MAX_DELTA 0.09 /* the tracking engine takes 0.1 */

struct gun {
    struct inflector inflector;
    struct bunch bunch;
    double axis_slope, axis_slope_y, exit_rad;
    int64_t n_of_unit[INFLECTOR_FATES], n_of_job[INFLECTOR_FATES];
    struct hist *fates;
};

static enum err begin(struct step *s)
{
    const struct inflector_gun_cfg *cfg = s->cfg;
    struct gun *g;
    TRY(mem_alloc(&g, 1, sizeof *g));
    s->state     = g;
    g->inflector = (struct inflector){
        .length_mm        = cfg->length_mm,
        .half_width_mm    = cfg->half_width_mm,
        .half_height_mm   = cfg->half_height_mm,
        .scatter_rad      = 1e-3 * cfg->scatter_mrad,
        .x                = {1e3 * cfg->beta_x_m, cfg->alpha_x, inflector_rms_emittance(cfg->emittance_x)},
        .y                = {1e3 * cfg->beta_y_m, cfg->alpha_y, inflector_rms_emittance(cfg->emittance_y)},
        .x0_mm            = cfg->x0_mm,
        .xp0              = 1e-3 * cfg->xp0_mrad,
        .y0_mm            = cfg->y0_mm,
        .yp0              = 1e-3 * cfg->yp0_mrad,
        .dispersion_mm    = 1e3 * cfg->dispersion_m,
        .dispersion_slope = cfg->dispersion_slope,
    };
    double ahead = fmod(cfg->aim_deg - cfg->exit_deg + 360.0, 360.0);
    REQUIRE(ahead >= 1.0 && ahead <= 179.0, ERR_CONFIG,
            "InflectorGun: aim_deg = %g is %g degrees after exit_deg = %g; accepted is 1 to 179 degrees after it",
            cfg->aim_deg, ahead, cfg->exit_deg);
    g->bunch        = bunch_make();
    g->exit_rad     = cfg->exit_deg * (PI / 180.0);
    g->axis_slope   = inflector_aim_slope(cfg->exit_x_mm, ahead * (PI / 180.0)) + 1e-3 * cfg->exit_slope_mrad;
    g->axis_slope_y = 1e-3 * cfg->exit_slope_y_mrad;
    return hist_book(s->hists, "inflector/fate", "muons at the inflector",
                     hist_axis(INFLECTOR_FATES, 0, INFLECTOR_FATES, "0 passed, 1 lost at the entrance, 2 inside", "1"),
                     HIST_NO_AXIS, 0, &g->fates);
}

static double draw_delta(const struct inflector_gun_cfg *cfg, struct rng *r)
{
    const double mean = 0.01 * cfg->dp_mean_percent;
    if (strcmp(cfg->momentum, "flat") == 0)
        return mean + 0.01 * cfg->dp_half_width_percent * (2.0 * rng_uniform(r) - 1.0);
    double delta;
    do delta = mean + 0.01 * cfg->dp_sigma_percent * rng_normal(r);
    while (fabs(delta) > MAX_DELTA);
    return delta;
}

static double draw_time(const struct inflector_gun_cfg *cfg, const struct gun *g, struct rng *r)
{
    if (strcmp(cfg->profile, "none") == 0) return 0.0;
    if (strcmp(cfg->profile, "gauss") == 0) return cfg->profile_sigma_ns * rng_normal(r);
    return bunch_draw_ns(&g->bunch, r);
}

/* One muon to its end in the channel; with count: exit, until one passes. */
static enum err draw_ray(const struct inflector_gun_cfg *cfg, struct gun *g, bool is_exit, struct rng *r, double *delta,
                         struct inflector_ray *ray, enum inflector_fate *fate)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        *delta = draw_delta(cfg, r);
        *ray   = inflector_draw(&g->inflector, *delta, r);
        *fate  = inflector_pass(&g->inflector, r, ray);
        g->n_of_unit[*fate]++;
        if (*fate == INFLECTOR_PASSED || !is_exit) return ERR_OK;
    }
    FAIL(
        ERR_CONFIG,
        "InflectorGun: of %d muons drawn none passes through the channel (%g x %g mm); look at x0_mm, xp0_mrad, y0_mm, "
        "yp0_mrad, beta_*_m, alpha_*, emittance_*, dispersion_m",
        MAX_TRIES, 2.0 * cfg->half_width_mm, 2.0 * cfg->half_height_mm);
}

static void place(const struct inflector_gun_cfg *cfg, const struct gun *g, double delta,
                  const struct inflector_ray *ray, size_t i, struct muon_view *m)
{
    double p = MAGIC_P_GeV * (1.0 + delta), xp = g->axis_slope + ray->xp, yp = g->axis_slope_y + ray->yp;
    double forward           = 1.0 / sqrt(1.0 + xp * xp + yp * yp);
    struct bunch_direction u = {xp * forward, forward, yp * forward};
    m->x_mm[i]               = cfg->exit_x_mm + ray->x_mm;
    m->y_mm[i]               = cfg->exit_y_mm + ray->y_mm;
    m->phi_rad[i]            = g->exit_rad;
    m->p_r_GeV[i]            = p * u.r;
    m->p_phi_GeV[i]          = p * u.phi;
    m->p_y_GeV[i]            = p * u.y;
    bunch_spin(u, -cfg->polarisation, 1e-3 * cfg->phase_slope_mrad * 100.0 * delta, &m->s_r[i], &m->s_phi[i],
               &m->s_y[i]);
}

static enum err event(struct step *s)
{
    const struct inflector_gun_cfg *cfg = s->cfg;
    struct gun *g                       = s->state;
    const size_t n                      = (size_t)cfg->muons_per_fill;
    const bool is_exit                  = strcmp(cfg->count, "exit") == 0;
    int64_t before[INFLECTOR_FATES];
    size_t to = 0;
    memcpy(before, g->n_of_unit, sizeof before);
    if (s->fill.type > BANK_MUON) return ERR_OK; /* a laser or pedestal fill */
    TRY(block_resize(s->out[0], n));
    struct muon_view m = muon_view(s->out[0]);
    for (size_t i = 0; i < n; i++) {
        struct rng r = rng_start(s->rng, (uint32_t)i);
        double t     = draw_time(cfg, g, &r), delta;
        struct inflector_ray ray;
        enum inflector_fate fate;
        TRY(draw_ray(cfg, g, is_exit, &r, &delta, &ray, &fate));
        if (fate != INFLECTOR_PASSED) continue;
        m.t_fill_ns[to]  = t + cfg->time_slope_ns * 100.0 * delta;
        m.t_decay_ns[to] = m.t_fill_ns[to] + bunch_life_ns(MAGIC_P_GeV * (1.0 + delta), &r);
        place(cfg, g, delta, &ray, to++, &m);
    }
    for (int f = 0; f < INFLECTOR_FATES; f++)
        for (int64_t k = before[f]; k < g->n_of_unit[f]; k++) hist_fill(g->fates, f + 0.5, 0.5, 1.0);
    return block_resize(s->out[0], to);
}

static enum err begin_unit(struct step *s)
{
    struct gun *g = s->state;
    memset(g->n_of_unit, 0, sizeof g->n_of_unit);
    return ERR_OK;
}

static double percent(const int64_t n[INFLECTOR_FATES], int fate)
{
    double all = (double)(n[INFLECTOR_PASSED] + n[INFLECTOR_AT_ENTRANCE] + n[INFLECTOR_INSIDE]);
    return all > 0.0 ? 100.0 * (double)n[fate] / all : 0.0;
}

static enum err end_unit(struct step *s)
{
    struct gun *g    = s->state;
    const int64_t *n = g->n_of_unit;
    log_detail("inflector, run %u subrun %u: %" PRId64 " muons passed (%.1f %%), %" PRId64
               " lost at the entrance, %" PRId64 " inside",
               s->unit->run, s->unit->subrun, n[INFLECTOR_PASSED], percent(n, INFLECTOR_PASSED),
               n[INFLECTOR_AT_ENTRANCE], n[INFLECTOR_INSIDE]);
    for (int f = 0; f < INFLECTOR_FATES; f++) g->n_of_job[f] += n[f];
    return ERR_OK;
}

static void end(struct step *s)
{
    struct gun *g = s->state;
    if (!g) return;
    if (g->n_of_job[INFLECTOR_PASSED])
        log_info("inflector: %" PRId64 " muons passed on this rank; %.1f %% of all were lost at the entrance, %.1f %% "
                 "inside",
                 g->n_of_job[INFLECTOR_PASSED], percent(g->n_of_job, INFLECTOR_AT_ENTRANCE),
                 percent(g->n_of_job, INFLECTOR_INSIDE));
    mem_free(g);
    s->state = NULL;
}

static const struct port out[] = {{&table_muon, NULL, false}, {0}};

const struct module module_inflector_gun = {
    .name = "InflectorGun",
    .kind = MODULE_PRODUCER,
    .doc =
        "Draws the delivered beam at the inflector's entrance (Twiss parameters, momentum spread, bunch profile, spin) "
        "and takes it through the channel's aperture to the exit, where table muon begins. The histogram "
        "inflector/fate counts who was lost on the way.",
    .source     = "Twiss parameters and aperture: gm2ringsim's beam gun (2020); emittance: Rubin (2016); sim/README.md",
    .fields     = inflector_gun_cfg_fields,
    .cfg_size   = sizeof(struct inflector_gun_cfg),
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
