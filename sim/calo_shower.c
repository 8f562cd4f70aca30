/* Showers shared among crystals, and their photo-electrons. */
#include "calo_shower.h"

#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define CALO_SHOWER_CFG(F, S)                                                                                 \
    F(S, f64, moliere_mm,        18,    1,    100,  "mm",      "Moliere radius of the Cherenkov light in PbF2")   \
    F(S, f64, core_share,        0.90,  0,    1,    "1",       "share p of the core in the transverse profile (ours)") \
    F(S, f64, core_width,        0.28,  0.01, 10,   "1",       "core radius Rc over the Moliere radius (ours)")   \
    F(S, f64, tail_width,        1.4,   0.01, 20,   "1",       "tail radius Rt over the Moliere radius (ours)")   \
    F(S, f64, X0_mm,             9.3,   1,    100,  "mm",      "radiation length of PbF2")                        \
    F(S, f64, critical_MeV,      9,     1,    100,  "MeV",     "critical energy (ours)")                          \
    F(S, f64, leak,              0.015, 0,    0.5,  "1",       "mean share lost at the back at 2 GeV (ours)")     \
    F(S, f64, leak_slope,        0.3,   0,    2,    "1",       "growth of the leakage: leak (1 + leak_slope ln(E/2 GeV)) (ours)") \
    F(S, f64, stochastic,        0.028, 0,    1,    "sqrt(GeV)", "resolution: share that falls as 1/sqrt(E), photo-statistics included") \
    F(S, f64, constant,          0.015, 0,    1,    "1",       "resolution: constant share")                      \
    F(S, f64, pe_per_MeV,        0.8,   0.01, 1000, "pe/MeV",  "photo-electrons; 0.7-0.9 measured at SLAC")       \
    F(S, f64, spots_per_GeV,     350,   0,    1e6,  "1/GeV",   "shower spots: transverse fluctuation, 0: none (ours)") \
    F(S, f64, min_energy_MeV,    1,     0,    1000, "MeV",     "crystals that see less are left out (ours)")
/* clang-format on */
CFG_DECLARE(calo_shower_cfg, CALO_SHOWER_CFG)

#define LENGTH_SHAPE 0.5 /* b of the gamma profile t^(bT) e^(-bt), about the same in all heavy materials (PDG) */

/* Integral over the rectangle of a^2 / (pi (x^2 + y^2 + a^2)^2). */
static double corner_of_term(double a, double x, double y)
{
    double hx = sqrt(x * x + a * a), hy = sqrt(y * y + a * a);
    return (x / hx * atan(y / hx) + y / hy * atan(x / hy)) / (2.0 * PI);
}

double shower_corner(const struct shower_par *par, double x_mm, double y_mm)
{
    return par->core_share * corner_of_term(par->core_mm, x_mm, y_mm) +
           (1.0 - par->core_share) * corner_of_term(par->tail_mm, x_mm, y_mm);
}

double shower_within(const struct shower_par *par, double r_mm)
{
    double r2 = r_mm * r_mm, c2 = par->core_mm * par->core_mm, t2 = par->tail_mm * par->tail_mm;
    return par->core_share * r2 / (r2 + c2) + (1.0 - par->core_share) * r2 / (r2 + t2);
}

enum err shower_model_make(const struct shower_par *par, struct shower_model *out)
{
    REQUIRE(par->core_mm > 0.0 && par->tail_mm > 0.0 && par->pe_per_GeV > 0.0 && par->X0_mm > 0.0 &&
                par->critical_GeV > 0.0,
            ERR_CONFIG, "shower: radii %g and %g mm, %g pe/GeV, X0 %g mm, Ec %g GeV must all be above 0", par->core_mm,
            par->tail_mm, par->pe_per_GeV, par->X0_mm, par->critical_GeV);
    out->par      = *par;
    out->scale_mm = 12.0;
    for (int i = 0; i <= SHOWER_GRID; i++) {
        double u = i / (double)SHOWER_GRID, x = i < SHOWER_GRID ? out->scale_mm * u / (1.0 - u) : 1e12;
        for (int j = 0; j <= SHOWER_GRID; j++) {
            double v = j / (double)SHOWER_GRID, y = j < SHOWER_GRID ? out->scale_mm * v / (1.0 - v) : 1e12;
            out->corner[i][j] = (float)shower_corner(par, x, y);
        }
    }
    return ERR_OK;
}

void shower_depth(const struct shower_par *par, double energy_GeV, double *mean_mm, double *rms_mm)
{
    double maximum = fmax(0.0, log(energy_GeV / par->critical_GeV) + 0.5), shape = 1.0 + LENGTH_SHAPE * maximum;
    *mean_mm = par->X0_mm * shape / LENGTH_SHAPE;
    *rms_mm  = par->X0_mm * sqrt(shape) / LENGTH_SHAPE;
}

/* Where an edge lies in the grid: cell, place within it, sign. */
struct edge {
    int cell;
    float place, sign;
};

static struct edge edge_at(const struct shower_model *m, double x)
{
    double a = fabs(x), u = a / (a + m->scale_mm) * SHOWER_GRID;
    int cell = (int)u;
    return (struct edge){cell, (float)(u - cell), x < 0.0 ? -1.0f : 1.0f};
}

static double look_up(const struct shower_model *m, const struct edge *x, const struct edge *y)
{
    const float *low = m->corner[x->cell] + y->cell, *high = m->corner[x->cell + 1] + y->cell;
    float a = low[0] + y->place * (low[1] - low[0]), b = high[0] + y->place * (high[1] - high[0]);
    return (double)(x->sign * y->sign * (a + x->place * (b - a)));
}

static void add_shares(const struct shower_model *m, double x_mm, double y_mm, double weight, double *share)
{
    struct edge ex[CALO_COLUMNS + 1], ey[CALO_ROWS + 1];
    double below[CALO_COLUMNS + 1], above[CALO_COLUMNS + 1];
    for (int i = 0; i <= CALO_COLUMNS; i++) ex[i] = edge_at(m, (i - 0.5 * CALO_COLUMNS) * CRYSTAL_PITCH_MM - x_mm);
    for (int j = 0; j <= CALO_ROWS; j++) ey[j] = edge_at(m, (j - 0.5 * CALO_ROWS) * CRYSTAL_PITCH_MM - y_mm);
    for (int i = 0; i <= CALO_COLUMNS; i++) below[i] = look_up(m, &ex[i], &ey[0]);
    for (int j = 0; j < CALO_ROWS; j++) {
        for (int i = 0; i <= CALO_COLUMNS; i++) above[i] = look_up(m, &ex[i], &ey[j + 1]);
        for (int i = 0; i < CALO_COLUMNS; i++)
            share[j * CALO_COLUMNS + i] += weight * (above[i + 1] - above[i] - below[i + 1] + below[i]);
        for (int i = 0; i <= CALO_COLUMNS; i++) below[i] = above[i];
    }
}

void shower_shares(const struct shower_model *m, double energy_GeV, double x_mm, double y_mm, double dxdz, double dydz,
                   double share[N_CRYSTALS])
{
    double mean, rms, cosine = 1.0 / sqrt(1.0 + dxdz * dxdz + dydz * dydz);
    shower_depth(&m->par, energy_GeV, &mean, &rms);
    for (int i = 0; i < N_CRYSTALS; i++) share[i] = 0.0;
    for (int node = -1; node <= 1; node++) {
        double depth = (mean + node * sqrt(3.0) * rms) * cosine;
        add_shares(m, x_mm + dxdz * depth, y_mm + dydz * depth, node ? 1.0 / 6.0 : 2.0 / 3.0, share);
    }
}

double shower_leak(const struct shower_par *par, double energy_GeV)
{
    return fmax(0.0, par->leak * (1.0 + par->leak_slope * log(energy_GeV / 2.0)));
}

double shower_extra_width(const struct shower_par *par, double energy_GeV)
{
    double stochastic = par->stochastic * par->stochastic - 1.0 / par->pe_per_GeV;
    return sqrt(fmax(0.0, stochastic / energy_GeV + par->constant * par->constant));
}

void shower_sample(const struct shower_model *m, struct rng *r, double energy_GeV, double x_mm, double y_mm,
                   double dxdz, double dydz, uint32_t n_pe[N_CRYSTALS])
{
    const struct shower_par *par = &m->par;
    double share[N_CRYSTALS], n_spots = par->spots_per_GeV * energy_GeV, inside = 0.0, spots = 0.0;
    shower_shares(m, energy_GeV, x_mm, y_mm, dxdz, dydz, share);
    double seen =
        energy_GeV * (1.0 - shower_leak(par, energy_GeV)) * (1.0 + shower_extra_width(par, energy_GeV) * rng_normal(r));
    if (n_spots > 0.0) {
        for (int i = 0; i < N_CRYSTALS; i++) {
            inside += share[i];
            share[i] = (double)rng_poisson(r, n_spots * share[i]);
            spots += share[i];
        }
        spots += (double)rng_poisson(r, n_spots * (1.0 - inside)); /* beside the array */
        for (int i = 0; i < N_CRYSTALS && spots > 0.0; i++) share[i] /= spots;
    }
    double pe = fmax(0.0, seen) * par->pe_per_GeV;
    for (int i = 0; i < N_CRYSTALS; i++) n_pe[i] = (uint32_t)rng_poisson(r, pe * share[i]);
}

void shower_sample_track(const struct shower_model *m, struct rng *r, double energy_GeV, const struct calo_track *track,
                         uint32_t n_pe[N_CRYSTALS])
{
    double path[N_CRYSTALS], sum = 0.0;
    calo_track_paths(track, path);
    for (int i = 0; i < N_CRYSTALS; i++) sum += path[i];
    double pe_per_mm = sum > 0.0 ? energy_GeV * m->par.pe_per_GeV / sum : 0.0;
    for (int i = 0; i < N_CRYSTALS; i++) n_pe[i] = (uint32_t)rng_poisson(r, pe_per_mm * path[i]);
}

/* ---- the module --------------------------------------------------------------------------------------------------- */

static enum err begin(struct step *s)
{
    const struct calo_shower_cfg *c = s->cfg;
    struct shower_model *m;
    TRY(mem_alloc(&m, 1, sizeof *m));
    s->state              = m;
    struct shower_par par = {.core_share    = c->core_share,
                             .core_mm       = c->core_width * c->moliere_mm,
                             .tail_mm       = c->tail_width * c->moliere_mm,
                             .X0_mm         = c->X0_mm,
                             .critical_GeV  = c->critical_MeV * 1e-3,
                             .leak          = c->leak,
                             .leak_slope    = c->leak_slope,
                             .stochastic    = c->stochastic,
                             .constant      = c->constant,
                             .pe_per_GeV    = c->pe_per_MeV * 1e3,
                             .spots_per_GeV = c->spots_per_GeV,
                             .min_GeV       = c->min_energy_MeV * 1e-3};
    return shower_model_make(&par, m);
}

enum { IN_CALO_HIT, IN_MIP_HIT };
enum { OF_POSITRON, OF_MUON };
#define FIRST_MUON 0x80000000u /* random numbers: positrons are counted from 0, muons from here */

/* Whose light it is. */
struct origin {
    uint32_t row;
    uint8_t particle, calo;
    double t_fill_ns;
};

/* Appends the crystals that see enough; the row after the last. */
static size_t write_light(const struct shower_model *m, const uint32_t n_pe[N_CRYSTALS], struct origin from, size_t n,
                          struct crystal_hit_view *out)
{
    for (int crystal = 0; crystal < N_CRYSTALS; crystal++) {
        double energy = n_pe[crystal] / m->par.pe_per_GeV;
        if (n_pe[crystal] == 0 || energy < m->par.min_GeV) continue;
        out->particle[n]   = from.particle;
        out->calo_hit[n]   = from.row;
        out->calo[n]       = from.calo;
        out->crystal[n]    = (uint8_t)crystal;
        out->t_fill_ns[n]  = from.t_fill_ns;
        out->energy_GeV[n] = energy;
        out->n_pe[n]       = n_pe[crystal];
        n++;
    }
    return n;
}

static size_t light_of_positrons(const struct shower_model *m, struct rng_key key, const struct calo_hit_view *in,
                                 size_t n, struct crystal_hit_view *out)
{
    uint32_t n_pe[N_CRYSTALS];
    for (uint32_t i = 0; i < in->n; i++) {
        struct rng r = rng_start(key, i);
        shower_sample(m, &r, in->energy_GeV[i], in->x_mm[i], in->y_mm[i], in->dxdz[i], in->dydz[i], n_pe);
        n = write_light(m, n_pe, (struct origin){i, OF_POSITRON, in->calo[i], in->t_fill_ns[i]}, n, out);
    }
    return n;
}

static size_t light_of_muons(const struct shower_model *m, struct rng_key key, const struct mip_hit_view *in, size_t n,
                             struct crystal_hit_view *out)
{
    uint32_t n_pe[N_CRYSTALS];
    for (uint32_t i = 0; i < in->n; i++) {
        struct rng r                  = rng_start(key, FIRST_MUON + i);
        const struct calo_track track = {in->x_mm[i], in->y_mm[i], in->dxdz[i], in->dydz[i]};
        shower_sample_track(m, &r, in->energy_GeV[i], &track, n_pe);
        n = write_light(m, n_pe, (struct origin){i, OF_MUON, in->calo[i], in->t_fill_ns[i]}, n, out);
    }
    return n;
}

static enum err event(struct step *s)
{
    const struct shower_model *m        = s->state;
    const struct calo_hit_view positron = calo_hit_view(s->in[IN_CALO_HIT]);
    const size_t n_muons                = s->in[IN_MIP_HIT] ? s->in[IN_MIP_HIT]->n : 0;
    TRY(block_resize(s->out[0], (positron.n + n_muons) * N_CRYSTALS));
    struct crystal_hit_view out = crystal_hit_view(s->out[0]);
    size_t n                    = light_of_positrons(m, s->rng, &positron, 0, &out);
    if (n_muons > 0) {
        const struct mip_hit_view muon = mip_hit_view(s->in[IN_MIP_HIT]);
        n                              = light_of_muons(m, s->rng, &muon, n, &out);
    }
    return block_resize(s->out[0], n);
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

static const struct port in_ports[] = {
    [IN_CALO_HIT] = {&table_calo_hit, NULL, false}, [IN_MIP_HIT] = {&table_mip_hit, NULL, true}, {0}};
static const struct port out_ports[] = {{&table_crystal_hit, NULL, false}, {0}};

const struct module module_calo_shower = {
    .name = "CaloShower",
    .kind = MODULE_PRODUCER,
    .doc  = "Shares the energy of each positron that enters a face among the 54 crystals by a mean shower profile with "
            "fluctuating shares, and samples the photo-electrons of each crystal. The light of lost muons, if the job "
            "follows them, is shared by the path in each crystal. No showers are followed particle by particle; light "
            "transport, SiPM pixels and gaps are left out.",
    .source   = "G. Grindhammer, M. Rudowicz, S. Peters, NIM A 290 (1990) 469; sim/README.md, section Calorimeter",
    .fields   = calo_shower_cfg_fields,
    .cfg_size = sizeof(struct calo_shower_cfg),
    .in       = in_ports,
    .out      = out_ports,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
