/* The module around positron.h: from positrons at birth to those that enter a calorimeter. */
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "positron.h"

#include <math.h>

/* clang-format off */
#define POSITRON_TRACKER_CFG(F, S)                                                                            \
    F(S, f64s, field_x_mm, "[-150, -190, -240, -300, -390, -520]", -1000, 0, "mm", "radii minus R0 of the field table, six, falling; uniform field outside the first (ours: the outward table of E821's field mirrored)") \
    F(S, f64s, field_by,   "[1, 0.951, 0.815, 0.620, 0.313, 0.10]", 0, 2, "1", "vertical field there over B0; a monotone cubic in between")  \
    F(S, f64,  step_mm,    20,     1,    200,  "mm", "step of the integration in the falling field (ours)")   \
    F(S, f64,  r_min_mm,   6600,   5000, 6962, "mm", "positrons that come nearer to the axis are lost (ours)") \
    F(S, f64,  wall_mm,    0,      0,    50,   "mm", "thickness of the inner vacuum wall, aluminium at r = 7035.8 mm; 0: none (ours)")
/* clang-format on */
CFG_DECLARE(positron_tracker_cfg, POSITRON_TRACKER_CFG)

struct state {
    struct positron_setup setup;
    struct positron_work work;
    struct hist *end;
};

static enum err book(struct step *s, struct state *st)
{
    struct hist_axis energy = hist_axis(64, 0.0, 3.2, "energy at birth", "GeV");
    struct hist_axis end =
        hist_axis(N_POSITRON_ENDS, -0.5, N_POSITRON_ENDS - 0.5, "hit, side, inner, height, outer, curled, passed", "1");
    return hist_book(s->hists, "positron/end", "How positrons end", end, energy, 0, &st->end);
}

static enum err begin(struct step *s)
{
    const struct positron_tracker_cfg *cfg = s->cfg;
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    TRY(positron_setup_read(s->label, &cfg->field_x_mm, &cfg->field_by, &st->setup));
    st->setup.step_mm  = cfg->step_mm;
    st->setup.r_min_mm = cfg->r_min_mm;
    st->setup.wall_mm  = cfg->wall_mm;
    return s->hists ? book(s, st) : ERR_OK;
}

static double energy_of(double p_GeV) { return sqrt(p_GeV * p_GeV + ELECTRON_MASS_GeV * ELECTRON_MASS_GeV); }

static void count(struct state *st, const struct positron_view *in)
{
    if (!st->end) return;
    for (size_t i = 0; i < in->n; i++) {
        enum positron_end end = st->work.state[i].end;
        double energy         = energy_of(sqrt(in->p_r_GeV[i] * in->p_r_GeV[i] + in->p_phi_GeV[i] * in->p_phi_GeV[i] +
                                               in->p_y_GeV[i] * in->p_y_GeV[i]));
        hist_fill(st->end, (double)end, energy, 1.0);
    }
}

static enum err event(struct step *s)
{
    struct state *st              = s->state;
    const struct positron_view in = positron_view(s->in[0]);
    TRY(positron_track(&st->setup, s->rng, &in, &st->work));
    TRY(block_resize(s->out[0], in.n));
    struct calo_hit_view out = calo_hit_view(s->out[0]);
    size_t n                 = 0;
    for (size_t i = 0; i < in.n; i++) {
        const struct positron_state *p = &st->work.state[i];
        if (p->end != POSITRON_HIT) continue;
        double energy     = energy_of(p->p_GeV);
        out.positron[n]   = (uint32_t)i;
        out.calo[n]       = (uint8_t)p->calo;
        out.t_fill_ns[n]  = in.t_fill_ns[i] + p->s * energy / (p->p_GeV * C_MM_NS);
        out.x_mm[n]       = p->x - CALO_CENTRE_R_MM;
        out.y_mm[n]       = p->y;
        out.dxdz[n]       = p->ux / p->uz;
        out.dydz[n]       = p->uy / p->uz;
        out.energy_GeV[n] = energy;
        n++;
    }
    count(st, &in);
    return block_resize(s->out[0], n);
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    positron_work_free(&st->work);
    mem_free(st);
    s->state = NULL;
}

static const struct port in_ports[]  = {{&table_positron, NULL, false}, {0}};
static const struct port out_ports[] = {{&table_calo_hit, NULL, false}, {0}};

const struct module module_positron_tracker = {
    .name     = "PositronTracker",
    .kind     = MODULE_PRODUCER,
    .doc      = "Tracks positrons through the dipole field and its fall inside the ring to the face of a calorimeter. "
                "Lost are those that reach r_min, |y| > 78.65 mm, the outer wall (r = 7232.65 mm), the side of an array, "
                "curl back, or pass 90 degrees. The inner vacuum wall is crossed without loss unless wall_mm is set.",
    .source   = "field, faces and limits: ours; sim/README.md, section Positron",
    .fields   = positron_tracker_cfg_fields,
    .cfg_size = sizeof(struct positron_tracker_cfg),
    .in       = in_ports,
    .out      = out_ports,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
