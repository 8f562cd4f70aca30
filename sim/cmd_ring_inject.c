/* A beam injected for gm2 ring: the modules InflectorGun and RingTracker on one fill, in memory. */
#include "cmd_ring.h"

#include "mem.h"
#include "module.h"
#include "ring_spectrum.h"
#include "tables.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NEVER_NS 1e15

/* ---- modules ---- */

struct player {
    const struct module *module;
    void *cfg;
    struct step step;
};
struct stage {
    struct player gun, ring;
    struct block *muons, *vertices;
    struct hist_set hists;
    struct unit unit;
};

/* cfg_read() frees what it has made when it fails, so cfg is there or NULL. */
static enum err begin(struct player *p, const char *name, const struct fhicl *table, uint64_t seed, struct stage *stage)
{
    static const char *const reserved[] = {"module_type", NULL};
    const struct module_entry *entry    = module_find(name);
    void *cfg;
    p->module = entry->module;
    TRY(mem_alloc(&cfg, 1, p->module->cfg_size));
    enum err rc = cfg_read(p->module->fields, table, name, reserved, cfg);
    if (rc) {
        mem_free(cfg);
        return rc;
    }
    p->cfg  = cfg;
    p->step = (struct step){.module = p->module,
                            .label  = name,
                            .cfg    = cfg,
                            .hists  = &stage->hists,
                            .rng    = rng_key(seed, 1, 0, 1, entry->stream),
                            .fill   = {.seed = seed, .run = 1, .event = 1},
                            .unit   = &stage->unit};
    return p->module->begin ? p->module->begin(&p->step) : ERR_OK;
}

static enum err play(struct player *p)
{
    if (p->module->begin_unit) TRY(p->module->begin_unit(&p->step));
    return p->module->event(&p->step);
}

static void end(struct player *p)
{
    if (!p->cfg) return;
    if (p->module->end) p->module->end(&p->step);
    cfg_free(p->module->fields, p->cfg);
    mem_free(p->cfg);
}

/* ---- parameters ---- */

static enum err set_number(struct fhicl *table, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return fhicl_set(table, key, text, "gm2 ring");
}

static enum err gun_table(const struct ring_tool *tool, struct fhicl **out)
{
    const struct fhicl *given = fhicl_get(tool->parameters, "gun");
    TRY(given ? fhicl_copy(given, out) : fhicl_parse("", 0, "gm2 ring", out));
    return set_number(*out, "muons_per_fill", (double)tool->injection->muons);
}

static enum err ring_table(const struct ring_tool *tool, struct fhicl **out)
{
    const struct ring_injection *in = tool->injection;
    char text[64];
    TRY(fhicl_copy(tool->parameters, out));
    fhicl_remove(*out, "gun");
    if (!fhicl_get(*out, "kicker")) TRY(fhicl_set(*out, "kicker", "\"shape\"", "gm2 ring"));
    TRY(fhicl_set(*out, "is_injected", "true", "gm2 ring"));
    TRY(set_number(*out, "record_end_us", in->until_us));
    TRY(set_number(*out, "monitor_end_us", in->until_us));
    TRY(set_number(*out, "monitor_bin_ns", CYCLOTRON_PERIOD_NS));
    snprintf(text, sizeof text, "[%.17g]", in->monitor_deg);
    return fhicl_set(*out, "monitors_deg", text, "gm2 ring");
}

static enum err inject(const struct ring_tool *tool, struct stage *stage)
{
    const uint64_t seed = (uint64_t)tool->injection->seed;
    struct fhicl *gun = NULL, *ring = NULL;
    enum err rc;
    TRY_TO(done, gun_table(tool, &gun));
    TRY_TO(done, ring_table(tool, &ring));
    TRY_TO(done, block_create(&table_muon, &stage->muons));
    TRY_TO(done, block_create(&table_vertex, &stage->vertices));
    TRY_TO(done, begin(&stage->gun, "InflectorGun", gun, seed, stage));
    TRY_TO(done, begin(&stage->ring, "RingTracker", ring, seed, stage));
    stage->gun.step.out[0]  = stage->muons;
    stage->ring.step.in[0]  = stage->muons;
    stage->ring.step.out[0] = stage->vertices;
    TRY_TO(done, play(&stage->gun));
    struct muon_view m = muon_view(stage->muons);
    for (size_t i = 0; i < m.n; i++) m.t_decay_ns[i] = NEVER_NS;
    rc = play(&stage->ring);
done:
    fhicl_free(gun);
    fhicl_free(ring);
    return rc;
}

/* ---- answers ---- */

static enum err count(const struct ring_tool *tool, const struct block *vertices, double a[])
{
    const struct vertex_view v = vertex_view(vertices);
    const double from_ns       = 1e3 * tool->injection->from_us;
    struct ring_optics o;
    double alive = 0.0, late = 0.0, sum = 0.0, squares = 0.0;
    TRY(ring_mean_optics(&tool->ring, &o));
    for (size_t i = 0; i < v.n; i++) {
        if (v.fate[i] != 0) {
            late += v.t_fill_ns[i] > from_ns;
            continue;
        }
        const double p =
            sqrt(v.p_r_GeV[i] * v.p_r_GeV[i] + v.p_phi_GeV[i] * v.p_phi_GeV[i] + v.p_y_GeV[i] * v.p_y_GeV[i]);
        const double x_e = o.dispersion_mm * (p / MAGIC_P_GeV - 1.0);
        alive += 1.0, sum += x_e, squares += x_e * x_e;
    }
    a[ANSWER_stored]    = v.n ? 100.0 * alive / (double)v.n : (double)NAN;
    a[ANSWER_lost_late] = alive + late > 0.0 ? 100.0 * late / (alive + late) : (double)NAN;
    if (alive == 0.0) return ERR_OK;
    a[ANSWER_x_e_mean] = sum / alive;
    a[ANSWER_x_e_rms]  = sqrt(fmax(0.0, squares / alive - sum * sum / alive / alive));
    return ERR_OK;
}

/* Mean of x in each bin of the window; empty bins keep the value before. */
static enum err oscillation(const struct hist *n, const struct hist *x, size_t first, size_t bins, double a[])
{
    double *signal, nu;
    size_t length = 64;
    while (2 * length <= bins) length *= 2;
    TRY(mem_alloc(&signal, 2 * length, sizeof *signal));
    for (size_t i = 0; i < length; i++) {
        const double many = (double)n->content[first + i];
        signal[i]         = many > 0.0 ? (double)x->content[first + i] * x->quantum / many : i ? signal[i - 1] : 0.0;
    }
    enum err rc = ring_spectrum_peak(signal, signal + length, length, &nu, &a[ANSWER_cbo_amplitude]);
    mem_free(signal);
    a[ANSWER_cbo_amplitude] *= 2.0; /* half of a real signal is at the negative frequency */
    a[ANSWER_cbo_frequency] = 1e3 * fmin(nu, 1.0 - nu) / CYCLOTRON_PERIOD_NS;
    return rc;
}

static enum err monitor(const struct ring_tool *tool, const struct hist_set *hists, double a[])
{
    static const char *const names[] = {"n", "x", "xx", "y", "yy"};
    const struct hist *h[5];
    double sum[5] = {0.0};
    char path[64];
    for (int q = 0; q < 5; q++) {
        snprintf(path, sizeof path, "beam/monitor00/%s", names[q]);
        h[q] = hist_find(hists, path);
        REQUIRE(h[q], ERR_LOGIC, "gm2 ring: RingTracker has booked no %s", path);
    }
    const size_t first = (size_t)ceil(1e3 * tool->injection->from_us / CYCLOTRON_PERIOD_NS);
    const size_t last  = (size_t)floor(1e3 * tool->injection->until_us / CYCLOTRON_PERIOD_NS);
    REQUIRE(last >= first + 64, ERR_OPTION,
            "--from_us, --until_us: at least 64 turns (9.6 us) are wanted between them");
    for (int q = 0; q < 5; q++)
        for (size_t i = first; i < last; i++) sum[q] += (double)h[q]->content[i] * h[q]->quantum;
    if (sum[0] == 0.0) return ERR_OK;
    a[ANSWER_x_mean] = sum[1] / sum[0];
    a[ANSWER_y_mean] = sum[3] / sum[0];
    a[ANSWER_x_rms]  = sqrt(fmax(0.0, sum[2] / sum[0] - a[ANSWER_x_mean] * a[ANSWER_x_mean]));
    a[ANSWER_y_rms]  = sqrt(fmax(0.0, sum[4] / sum[0] - a[ANSWER_y_mean] * a[ANSWER_y_mean]));
    return oscillation(h[0], h[1], first, last - first, a);
}

enum err cmd_ring_inject(const struct ring_tool *tool, double answer[N_ANSWERS])
{
    struct stage stage = {.unit = {.run = 1, .n_fills = 1, .source = NULL, .out_dir = "."}};
    enum err rc;
    REQUIRE(tool->injection, ERR_LOGIC, "gm2 ring: this verb injects no beam");
    TRY_TO(done, inject(tool, &stage));
    TRY_TO(done, count(tool, stage.vertices, answer));
    rc = monitor(tool, &stage.hists, answer);
done:
    end(&stage.ring);
    end(&stage.gun);
    block_free(stage.muons);
    block_free(stage.vertices);
    hist_set_free(&stage.hists);
    return rc;
}
