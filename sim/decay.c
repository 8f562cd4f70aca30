/* Positrons from the muons that decayed. */
#include "decay.h"

#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define DECAY_CFG(F, S)                                                                                       \
    F(S, f64, min_energy_GeV, 0, 0, 4, "GeV", "positrons below this laboratory energy are left out (ours)")
/* clang-format on */
CFG_DECLARE(decay_cfg, DECAY_CFG)

/* 2x^3 - x^4 is convex on (0,1) and x <= u^(1/3), so Newton's steps come down to the root and never cross it. */
double decay_x(double u)
{
    double x = cbrt(u);
    for (int i = 0; i < 6; i++) {
        double x2 = x * x;
        x -= (x2 * x * (2.0 - x) - u) / (x2 * (6.0 - 4.0 * x));
    }
    return x;
}

/* Two unit vectors that complete a unit vector n to an orthogonal set (Duff et al., J. Comp. Graph. Tech. 6 (2017) 1). */
static void complete_basis(const double n[3], double b1[3], double b2[3])
{
    double sign = copysign(1.0, n[2]), a = -1.0 / (sign + n[2]), b = n[0] * n[1] * a;
    b1[0] = 1.0 + sign * n[0] * n[0] * a;
    b1[1] = sign * b;
    b1[2] = -sign * n[0];
    b2[0] = b;
    b2[1] = sign + n[1] * n[1] * a;
    b2[2] = -n[1];
}

void decay_positron(struct rng *r, const double p_mu_GeV[3], const double spin[3], double p_out_GeV[3])
{
    double length  = sqrt(spin[0] * spin[0] + spin[1] * spin[1] + spin[2] * spin[2]);
    double axis[3] = {0.0, 1.0, 0.0}, b1[3], b2[3], p[3];
    for (int i = 0; i < 3 && length > 0.0; i++) axis[i] = spin[i] / length;
    complete_basis(axis, b1, b2);

    /* cos theta has density (1 + k c) / 2: c is the root of k c^2 + 2 c = q. */
    double x = decay_x(rng_uniform(r)), k = fmin(length, 1.0) * (2.0 * x - 1.0) / (3.0 - 2.0 * x);
    double q = k + 4.0 * rng_uniform(r) - 2.0, c = q / (1.0 + sqrt(fmax(0.0, 1.0 + k * q)));
    double azimuth = 2.0 * PI * rng_uniform(r), sine = sqrt(fmax(0.0, 1.0 - c * c));

    double energy   = x * DECAY_W_GeV;
    double momentum = sqrt(fmax(0.0, energy * energy - ELECTRON_MASS_GeV * ELECTRON_MASS_GeV));
    double along = momentum * c, s1 = momentum * sine * cos(azimuth), s2 = momentum * sine * sin(azimuth);
    double g[3], g2 = 0.0, gp = 0.0;
    for (int i = 0; i < 3; i++) {
        p[i] = along * axis[i] + s1 * b1[i] + s2 * b2[i];
        g[i] = p_mu_GeV[i] / MUON_MASS_GeV; /* gamma beta */
        g2 += g[i] * g[i];
        gp += g[i] * p[i];
    }
    double boost = gp / (1.0 + sqrt(1.0 + g2)) + energy;
    for (int i = 0; i < 3; i++) p_out_GeV[i] = p[i] + g[i] * boost;
}

static enum err event(struct step *s)
{
    const struct decay_cfg *cfg = s->cfg;
    const struct vertex_view in = vertex_view(s->in[0]);
    const double min_p_GeV      = cfg->min_energy_GeV;
    size_t n                    = 0;
    TRY(block_resize(s->out[0], in.n));
    struct positron_view out = positron_view(s->out[0]);
    for (size_t i = 0; i < in.n; i++) {
        if (in.fate[i] != 1) continue;
        const double p_mu[3] = {in.p_r_GeV[i], in.p_phi_GeV[i], in.p_y_GeV[i]};
        const double spin[3] = {in.s_r[i], in.s_phi[i], in.s_y[i]};
        double p[3];
        struct rng r = rng_start(s->rng, in.muon[i]);
        decay_positron(&r, p_mu, spin, p);
        if (p[0] * p[0] + p[1] * p[1] + p[2] * p[2] < min_p_GeV * min_p_GeV) continue;
        out.vertex[n]    = (uint32_t)i;
        out.t_fill_ns[n] = in.t_fill_ns[i];
        out.x_mm[n]      = in.x_mm[i];
        out.y_mm[n]      = in.y_mm[i];
        out.phi_rad[n]   = in.phi_rad[i];
        out.p_r_GeV[n]   = p[0];
        out.p_phi_GeV[n] = p[1];
        out.p_y_GeV[n]   = p[2];
        n++;
    }
    return block_resize(s->out[0], n);
}

static const struct port in_ports[]  = {{&table_vertex, NULL, false}, {0}};
static const struct port out_ports[] = {{&table_positron, NULL, false}, {0}};

const struct module module_decay = {
    .name     = "MuonDecay",
    .kind     = MODULE_PRODUCER,
    .doc      = "Gives a positron for each muon that decayed: polarised Michel spectrum about the tracked rest-frame "
                "spin, boosted along the muon's momentum.",
    .source   = "T. Kinoshita, A. Sirlin, Phys. Rev. 107 (1957) 593; Y. Kuno, Y. Okada, Rev. Mod. Phys. 73 (2001) 151; "
                "no radiative corrections",
    .fields   = decay_cfg_fields,
    .cfg_size = sizeof(struct decay_cfg),
    .in       = in_ports,
    .out      = out_ports,
    .event    = event,
};
