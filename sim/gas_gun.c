/* Module GasGun: stored muons, drawn directly into the ring. */
#include "bank.h"
#include "bunch.h"
#include "ring_cfg.h"

#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define GUN_CFG(F, S)                                                                                                  \
    F(S, i64,  muons_per_fill,   5000,  0, 10000000, "1",  "stored muons a fill")                                      \
    F(S, str,  start,            "injection", 0, 0, "injection|uniform|fixed", "azimuth of the start: injection_deg, uniform, or 0") \
    F(S, f64,  injection_deg,    355,   0, 359.999, "deg", "azimuth of the injection plane (ours)")                    \
    F(S, f64,  x_e_mean_mm,      6.2,   -45, 45,   "mm",  "mean equilibrium radius minus R0, before the cut")         \
    F(S, f64,  x_e_sigma_mm,     9.2,   0, 45,     "mm",  "its width, before the cut")                                \
    F(S, f64,  x_sigma_mm,       15,    0, 45,     "mm",  "incoherent radial betatron width, before the cut (ours: 14 mm with the CBO after it)") \
    F(S, f64,  y_sigma_mm,       14.4,  0, 45,     "mm",  "vertical width, before the cut (ours: 12.9 mm after it)")  \
    F(S, f64,  cbo_amplitude_mm, 13,    0, 45,     "mm",  "coherent radial betatron amplitude, before the cut (ours: 9 mm after it)") \
    F(S, f64,  cbo_phase_rad,    0,     -7, 7,     "rad", "its phase at the start: 0 is outermost (ours)")             \
    F(S, str,  cut,              "circle", 0, 0, "circle|x|none", "kept muons: (|x_e|+A_x)^2+A_y^2 within the aperture, |x_e|+A_x and A_y within it, all") \
    F(S, str,  profile,          "w",   0, 0, "w|gauss|none", "time profile of the bunch: the measured W, Gaussian, all at t = 0") \
    F(S, f64,  profile_sigma_ns, 25,    0, 1000,   "ns",  "width of the Gaussian profile")                            \
    F(S, f64,  polarisation,     0.96,  0, 1,      "1",   "length of the mean spin, against the momentum")            \
    F(S, f64,  phase_slope_mrad, -10,   -1000, 1000, "mrad/%", "precession phase at the start per percent of dp/p")   \
    F(S, flag, pencil,           false, 0, 1,      "1",   "all muons alike, from pencil_*: for studies")              \
    F(S, f64,  pencil_x_e_mm,    0,     -45, 45,   "mm",  "equilibrium radius minus R0, fixes the momentum")          \
    F(S, f64,  pencil_x_mm,      0,     -45, 45,   "mm",  "radial place at the start, with the angle of the closed orbit") \
    F(S, f64,  pencil_y_mm,      0,     -45, 45,   "mm",  "height at the start, level")                               \
    RING_CFG(F, S)
/* clang-format on */
CFG_DECLARE(gun_cfg, GUN_CFG)

enum { MAX_TRIES = 10000 };

struct gun {
    struct ring ring;
    struct ring_optics at_start, mean; /* at the injection plane or phi = 0; averaged over azimuth */
    struct bunch bunch;
};

/* One muon's place in phase space, in normalised coordinates of the smooth ring [mm]. */
struct normalised {
    double x_e, x_cos, x_sin, y_cos, y_sin;
};

static enum err prepare(const struct gun_cfg *cfg, struct gun *g)
{
    struct ring_setup setup;
    TRY(ring_cfg_setup(cfg, &setup));
    TRY(ring_build(&setup, &g->ring));
    double phi = strcmp(cfg->start, "injection") == 0 ? cfg->injection_deg * (PI / 180.0) : 0.0;
    TRY(ring_optics(&g->ring, phi, &g->at_start));
    TRY(ring_mean_optics(&g->ring, &g->mean));
    g->bunch = bunch_make();
    return ERR_OK;
}

static enum err begin(struct step *s)
{
    struct gun *g;
    TRY(mem_alloc(&g, 1, sizeof *g));
    s->state = g;
    return prepare(s->cfg, g);
}

static double draw_time(const struct gun_cfg *cfg, const struct gun *g, struct rng *r)
{
    if (strcmp(cfg->profile, "none") == 0) return 0.0;
    if (strcmp(cfg->profile, "gauss") == 0) return cfg->profile_sigma_ns * rng_normal(r);
    return bunch_draw_ns(&g->bunch, r);
}

static bool is_kept(const struct gun_cfg *cfg, const struct normalised *n)
{
    double x = fabs(n->x_e) + hypot(n->x_cos, n->x_sin), y = hypot(n->y_cos, n->y_sin), a = cfg->aperture_mm;
    if (strcmp(cfg->cut, "none") == 0) return true;
    if (strcmp(cfg->cut, "x") == 0) return x < a && y < a;
    return x * x + y * y < a * a;
}

static enum err draw_place(const struct gun_cfg *cfg, struct rng *r, struct normalised *out)
{
    const double cbo_cos = cfg->cbo_amplitude_mm * cos(cfg->cbo_phase_rad);
    const double cbo_sin = cfg->cbo_amplitude_mm * sin(cfg->cbo_phase_rad);
    for (int i = 0; i < MAX_TRIES; i++) {
        out->x_e   = cfg->x_e_mean_mm + cfg->x_e_sigma_mm * rng_normal(r);
        out->x_cos = cbo_cos + cfg->x_sigma_mm * rng_normal(r);
        out->x_sin = cbo_sin + cfg->x_sigma_mm * rng_normal(r);
        out->y_cos = cfg->y_sigma_mm * rng_normal(r);
        out->y_sin = cfg->y_sigma_mm * rng_normal(r);
        if (is_kept(cfg, out)) return ERR_OK;
    }
    FAIL(ERR_CONFIG,
         "GasGun: of %d muons drawn none fits into the aperture of %g mm; lower x_e_mean_mm, "
         "cbo_amplitude_mm or the widths, or set cut: none",
         MAX_TRIES, cfg->aperture_mm);
}

/* Writes row i: place and angles from the optics at azimuth phi, momentum from x_e, spin against the momentum. */
static void place(const struct gun_cfg *cfg, const struct ring_optics *o, const struct ring_optics *mean,
                  const struct normalised *n, double phi, size_t i, struct muon_view *m)
{
    double delta = n->x_e / mean->dispersion_mm, p = MAGIC_P_GeV * (1.0 + delta);
    double fx = sqrt(o->beta_x_mm / mean->beta_x_mm), fy = sqrt(o->beta_y_mm / mean->beta_y_mm);
    double xp                = -fx * (n->x_sin + o->alpha_x * n->x_cos) / o->beta_x_mm + o->dispersion_slope * delta;
    double yp                = -fy * (n->y_sin + o->alpha_y * n->y_cos) / o->beta_y_mm;
    m->x_mm[i]               = fx * n->x_cos + o->dispersion_mm * delta;
    m->y_mm[i]               = fy * n->y_cos;
    m->phi_rad[i]            = phi;
    m->p_r_GeV[i]            = p * xp;
    m->p_y_GeV[i]            = p * yp;
    m->p_phi_GeV[i]          = p * sqrt(1.0 - xp * xp - yp * yp);
    struct bunch_direction u = {xp, sqrt(1.0 - xp * xp - yp * yp), yp};
    bunch_spin(u, -cfg->polarisation, 1e-3 * cfg->phase_slope_mrad * 100.0 * delta, &m->s_r[i], &m->s_phi[i],
               &m->s_y[i]);
}

static struct normalised pencil(const struct gun_cfg *cfg, const struct ring_optics *o, const struct ring_optics *mean)
{
    double fx = sqrt(o->beta_x_mm / mean->beta_x_mm), fy = sqrt(o->beta_y_mm / mean->beta_y_mm);
    double delta        = cfg->pencil_x_e_mm / mean->dispersion_mm;
    struct normalised n = {.x_e = cfg->pencil_x_e_mm};
    n.x_cos             = (cfg->pencil_x_mm - o->dispersion_mm * delta) / fx;
    n.x_sin             = -o->alpha_x * n.x_cos;
    n.y_cos             = cfg->pencil_y_mm / fy;
    n.y_sin             = -o->alpha_y * n.y_cos;
    return n;
}

static enum err event(struct step *s)
{
    const struct gun_cfg *cfg = s->cfg;
    const struct gun *g       = s->state;
    const size_t n            = (size_t)cfg->muons_per_fill;
    bool is_uniform           = strcmp(cfg->start, "uniform") == 0;
    double fixed_phi          = strcmp(cfg->start, "injection") == 0 ? cfg->injection_deg * (PI / 180.0) : 0.0;
    if (s->fill.type > BANK_MUON) return ERR_OK; /* a laser or pedestal fill */
    TRY(block_resize(s->out[0], n));
    struct muon_view m = muon_view(s->out[0]);
    for (size_t i = 0; i < n; i++) {
        struct rng r              = rng_start(s->rng, (uint32_t)i);
        struct ring_optics optics = g->at_start;
        double phi                = fixed_phi;
        m.t_fill_ns[i]            = draw_time(cfg, g, &r);
        if (is_uniform) {
            phi = 2.0 * PI * rng_uniform(&r);
            TRY(ring_optics(&g->ring, phi, &optics));
        }
        struct normalised at = pencil(cfg, &optics, &g->mean);
        if (!cfg->pencil) TRY(draw_place(cfg, &r, &at));
        place(cfg, &optics, &g->mean, &at, phi, i, &m);
        double p        = hypot(hypot(m.p_r_GeV[i], m.p_phi_GeV[i]), m.p_y_GeV[i]);
        m.t_decay_ns[i] = m.t_fill_ns[i] + bunch_life_ns(p, &r);
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

static const struct port out[] = {{&table_muon, NULL, false}, {0}};

const struct module module_gas_gun = {
    .name   = "GasGun",
    .kind   = MODULE_PRODUCER,
    .doc    = "Draws stored muons at the injection plane: equilibrium radius, betatron amplitudes with a coherent part "
              "(CBO), "
              "time in the bunch, spin against the momentum, time of decay.",
    .source = "widths: tracker profiles, Kinnaird, thesis; W profile: delivered-beam simulation of 2016; sim/README.md",
    .fields = gun_cfg_fields,
    .cfg_size = sizeof(struct gun_cfg),
    .shared   = ring_cfg_shared,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
