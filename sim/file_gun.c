/* Module FileGun: muons of a phase-space file. */
#include "bank.h"
#include "bunch.h"
#include "phase_space.h"

#include "chain_files.h"
#include "log.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* clang-format off */
#define FILE_GUN_CFG(F, S)                                                                                             \
    CFG_FILE(F, S, path, "phase space, text or HDF5: x, y, then p_r, p_phi, p_y or xp, yp with p or delta; optional t, phi, s_r, s_phi, s_y") \
    F(S, str,  group,          "muon",  0, 0, "",   "group of an HDF5 file that holds the columns")                    \
    F(S, i64,  muons_per_fill, 5000,    1, 10000000, "1", "rows a fill")                                               \
    F(S, str,  order,          "sequence", 0, 0, "sequence|shuffle|resample", "rows one after another; the same in a random order; or drawn with replacement") \
    F(S, str,  reuse,          "refuse", 0, 0, "refuse|wrap", "when all rows are used up: refuse the job, or begin again (shuffled: in another order)") \
    F(S, i64,  first_row,      0,       0, 1e15, "1", "row of the first muon of subrun 0, for sequence and shuffle: so that runs need not share rows") \
    F(S, f64,  phi_deg,        355,     0, 359.999, "deg", "azimuth of the plane, where there is no column phi (ours: the injection plane)") \
    F(S, f64,  x_offset_mm,    0,    -200, 200,  "mm",  "added to x")                                                  \
    F(S, f64,  y_offset_mm,    0,    -200, 200,  "mm",  "added to y")                                                  \
    F(S, f64,  t_offset_ns,    0,    -1e6, 1e6,  "ns",  "added to the time (and to t_decay)")                          \
    F(S, f64,  phi_offset_deg, 0,    -360, 360,  "deg", "added to the azimuth")                                        \
    F(S, str,  spin,           "against", 0, 0, "against|along", "direction of the spin to the momentum, where there are no columns s_r, s_phi, s_y") \
    F(S, f64,  polarisation,   0.96,    0, 1,    "1",   "its length then")                                             \
    F(S, f64,  phase_slope_mrad, 0, -1000, 1000, "mrad/%", "precession phase at the start per percent of dp/p then")   \
    F(S, str,  decay,          "draw",  0, 0, "draw|file", "times of decay: drawn, or from column t_decay (the same muons again)") \
    F(S, flag, check,          true,    0, 1,    "1",   "refuse beams whose widths and angles do not fit each other: wrong units")
/* clang-format on */
CFG_DECLARE(file_gun_cfg, FILE_GUN_CFG)

#define MANY_NS 200.0 /* longer than any bunch */

struct gun {
    struct phase_space beam;
    uint32_t *shuffled; /* the rows in the order of one pass of one run; NULL until needed */
    uint32_t key[2];
    uint64_t pass;
};

static enum err check_rows(const struct step *s, const struct file_gun_cfg *cfg, size_t n_rows)
{
    if (strcmp(cfg->order, "resample") == 0 || strcmp(cfg->reuse, "wrap") == 0 || !s->job || !s->job->end_fill)
        return ERR_OK;
    int64_t needed = cfg->first_row + s->job->end_fill * cfg->muons_per_fill;
    REQUIRE(needed <= (int64_t)n_rows, ERR_CONFIG,
            "%s: it has %zu rows, the job needs %" PRId64 " (%" PRId64 " fills of %" PRId64 " muons from row %" PRId64
            " on); give more rows, or set reuse: wrap or order: resample",
            cfg->path, n_rows, needed, s->job->end_fill, cfg->muons_per_fill, cfg->first_row);
    return ERR_OK;
}

static void warn_of_rows(const struct file_gun_cfg *cfg, const struct phase_space *b)
{
    if (b->n_left_out)
        log_warn(
            "%s: %zu more rows are left out, beyond what the tracking engine takes: |x| %g mm, |y| %g mm, slopes %g "
            "rad, %g %% from the magic momentum, before %g ns",
            cfg->path, b->n_left_out, PHASE_SPACE_MAX_X_MM, PHASE_SPACE_MAX_Y_MM, PHASE_SPACE_MAX_SLOPE,
            100.0 * PHASE_SPACE_MAX_DELTA, PHASE_SPACE_MIN_NS);
    if (fabs(b->mean_t_ns) > MANY_NS)
        log_warn(
            "%s: the bunch's mean time is %g ns; kickers fire for a bunch around t = 0 (t_offset_ns: %g would put it "
            "there)",
            cfg->path, b->mean_t_ns, cfg->t_offset_ns - b->mean_t_ns);
}

static enum err begin(struct step *s)
{
    const struct file_gun_cfg *cfg           = s->cfg;
    const double sign                        = strcmp(cfg->spin, "along") == 0 ? 1.0 : -1.0;
    const struct phase_space_options options = {.x_offset_mm      = cfg->x_offset_mm,
                                                .y_offset_mm      = cfg->y_offset_mm,
                                                .t_offset_ns      = cfg->t_offset_ns,
                                                .phi_offset_rad   = cfg->phi_offset_deg * (PI / 180.0),
                                                .phi_rad          = cfg->phi_deg * (PI / 180.0),
                                                .polarisation     = sign * cfg->polarisation,
                                                .phase_slope_mrad = cfg->phase_slope_mrad,
                                                .needs_decay      = strcmp(cfg->decay, "file") == 0,
                                                .is_checked       = cfg->check};
    struct gun *g;
    TRY(mem_alloc(&g, 1, sizeof *g));
    s->state = g;
    REQUIRE(*cfg->path, ERR_CONFIG, "FileGun (\"%s\"): path is empty; which file?", s->label);
    TRY(chain_files_check(cfg->path, cfg->path_sha1));
    TRY(phase_space_read(cfg->path, cfg->group, &options, &g->beam));
    TRY(check_rows(s, cfg, g->beam.n));
    log_info("%s: %zu muons, SHA-1 %s", cfg->path, g->beam.n, cfg->path_sha1);
    warn_of_rows(cfg, &g->beam);
    return ERR_OK;
}

/* Fisher and Yates; keyed by seed and run (which are in the key) and the pass through the file, event 0. */
static enum err shuffle(struct gun *g, struct rng_key key, uint64_t pass)
{
    const size_t n = g->beam.n;
    if (g->shuffled && g->pass == pass && memcmp(g->key, key.key, sizeof g->key) == 0) return ERR_OK;
    if (!g->shuffled) TRY(mem_alloc(&g->shuffled, n, sizeof *g->shuffled));
    key.event    = 0;
    key.subrun   = (uint32_t)pass;
    struct rng r = rng_start(key, (uint32_t)(pass >> 32));
    for (size_t i = 0; i < n; i++) g->shuffled[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t k           = (size_t)(rng_uniform(&r) * (double)i);
        uint32_t row       = g->shuffled[k];
        g->shuffled[k]     = g->shuffled[i - 1];
        g->shuffled[i - 1] = row;
    }
    g->pass = pass;
    memcpy(g->key, key.key, sizeof g->key);
    return ERR_OK;
}

/* The row of muon i of a fill: a function of the fill's number, or of its random numbers. */
static enum err choose_row(const struct step *s, uint64_t first, size_t i, struct rng *r, size_t *row)
{
    const struct file_gun_cfg *cfg = s->cfg;
    struct gun *g                  = s->state;
    const uint64_t n = g->beam.n, k = first + i;
    if (strcmp(cfg->order, "resample") == 0) {
        *row = (size_t)(rng_uniform(r) * (double)n);
        return ERR_OK;
    }
    REQUIRE(k < n || strcmp(cfg->reuse, "wrap") == 0, ERR_CONFIG,
            "%s: all of its %" PRIu64 " rows are used up; this fill needs %" PRIu64
            ": give more rows, or set reuse: wrap or order: resample",
            cfg->path, n, first + (uint64_t)cfg->muons_per_fill);
    *row = (size_t)(k % n);
    if (strcmp(cfg->order, "shuffle") != 0) return ERR_OK;
    TRY(shuffle(g, s->rng, k / n));
    *row = g->shuffled[*row];
    return ERR_OK;
}

static void copy_row(const struct phase_space *b, size_t row, const struct muon_view *m, size_t i)
{
    m->t_fill_ns[i] = b->t_ns[row];
    m->x_mm[i]      = b->x_mm[row];
    m->y_mm[i]      = b->y_mm[row];
    m->phi_rad[i]   = b->phi_rad[row];
    m->p_r_GeV[i]   = b->p_r_GeV[row];
    m->p_phi_GeV[i] = b->p_phi_GeV[row];
    m->p_y_GeV[i]   = b->p_y_GeV[row];
    m->s_r[i]       = b->s_r[row];
    m->s_phi[i]     = b->s_phi[row];
    m->s_y[i]       = b->s_y[row];
}

static enum err event(struct step *s)
{
    const struct file_gun_cfg *cfg = s->cfg;
    const struct phase_space *b    = &((struct gun *)s->state)->beam;
    const size_t n                 = (size_t)cfg->muons_per_fill;
    const int64_t fill             = s->unit->first_fill + s->fill.event - 1;
    const uint64_t first           = (uint64_t)(cfg->first_row + fill * cfg->muons_per_fill);
    if (s->fill.type > BANK_MUON) return ERR_OK; /* a laser or pedestal fill */
    TRY(block_resize(s->out[0], n));
    struct muon_view m = muon_view(s->out[0]);
    for (size_t i = 0; i < n; i++) {
        struct rng r = rng_start(s->rng, (uint32_t)i);
        size_t row;
        TRY(choose_row(s, first, i, &r, &row));
        copy_row(b, row, &m, i);
        double p        = hypot(hypot(m.p_r_GeV[i], m.p_phi_GeV[i]), m.p_y_GeV[i]);
        m.t_decay_ns[i] = b->t_decay_ns ? b->t_decay_ns[row] : m.t_fill_ns[i] + bunch_life_ns(p, &r);
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    struct gun *g = s->state;
    if (!g) return;
    phase_space_free(&g->beam);
    mem_free(g->shuffled);
    mem_free(g);
    s->state = NULL;
}

static const struct port out[] = {{&table_muon, NULL, false}, {0}};

const struct module module_file_gun = {
    .name = "FileGun",
    .kind = MODULE_PRODUCER,
    .doc = "Takes muons from a phase-space file of another program (MARS, G4beamline, Bmad) or from a table muon of an "
           "earlier job. Fill k of a run takes the rows k * muons_per_fill and on, whatever the number of ranks. "
           "Units are read from the header and checked; wrong ones are refused.",
    .source   = "recipe: README.md; columns: sim/phase_space.h",
    .fields   = file_gun_cfg_fields,
    .cfg_size = sizeof(struct file_gun_cfg),
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
