/* Rays and maps through the tracking engine. */
#include "ring_probe.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <string.h>

#define EDGE_RAD 1e-8

enum { N_RAYS = 1 + 4 * RAY_N }; /* a ray and four neighbours along each coordinate */

/* ---- rays <-> muons ---- */

static double magic_energy_GeV(void) { return hypot(MAGIC_P_GeV, MUON_MASS_GeV); }
/* GeV of energy a unit of delta */
static double energy_scale(void) { return MAGIC_P_GeV * MAGIC_P_GeV / magic_energy_GeV(); }

double ring_probe_delta(double dp)
{
    return (hypot(MAGIC_P_GeV * (1.0 + dp), MUON_MASS_GeV) - magic_energy_GeV()) / energy_scale();
}

/* zeta a ns */
static double zeta_scale(void) { return -C_MM_NS * MAGIC_P_GeV / magic_energy_GeV(); }
double ring_probe_zeta(double t_ns) { return zeta_scale() * t_ns; }
double ring_probe_time_ns(double zeta_mm) { return zeta_mm / zeta_scale(); }

double ring_probe_dp(double delta)
{
    double energy = magic_energy_GeV() + energy_scale() * delta;
    return sqrt(energy * energy - MUON_MASS_GeV * MUON_MASS_GeV) / MAGIC_P_GeV - 1.0;
}

/* Off an edge of the ESQ by EDGE_RAD, to where the field is weaker, so that there is no doubt about the side. */
static double off_edge(const struct ring *ring, double phi_rad)
{
    double turns = floor(phi_rad / (2.0 * PI)), phi = phi_rad - 2.0 * PI * turns;
    for (size_t i = 0; i < ring->n_steps; i++) {
        const struct ring_step *s = &ring->steps[i];
        if (s->kind != RING_EDGE || fabs(phi - s->phi_rad) >= EDGE_RAD) continue;
        return 2.0 * PI * turns + s->phi_rad + (s->scale > 0.0 ? -EDGE_RAD : EDGE_RAD);
    }
    return phi_rad;
}

/* Potential energy in units of the mass. */
static double potential(const struct ring *ring, double phi_rad, double x_mm, double y_mm)
{
    const double off = off_edge(ring, phi_rad), phi = off - 2.0 * PI * floor(off / (2.0 * PI));
    for (size_t i = 0; i < ring->n_steps; i++) {
        const struct ring_step *s = &ring->steps[i];
        if (s->kind != RING_PAIR || phi < s->phi_rad || phi >= s->phi_rad + s->length_rad) continue;
        return s->scale * ring->kappa * ring->kappa * ring_potential(ring, s->index, x_mm, y_mm);
    }
    return 0.0;
}

enum err ring_probe_load(const struct ring *ring, double phi_rad, const double u[RAY_N], struct ring_batch *b, size_t i)
{
    double energy = magic_energy_GeV() + energy_scale() * u[RAY_DELTA];
    energy -= MUON_MASS_GeV * potential(ring, phi_rad, u[RAY_X], u[RAY_Y]);
    double p_r = MAGIC_P_GeV * u[RAY_PX], p_y = MAGIC_P_GeV * u[RAY_PY];
    double p2 = energy * energy - MUON_MASS_GeV * MUON_MASS_GeV, p = sqrt(fmax(p2, 0.0));
    REQUIRE(p2 > p_r * p_r + p_y * p_y, ERR_NUMBER, "ring: no muon has this energy and these angles");
    ring_batch_reset(b, i);
    b->x_mm[i] = u[RAY_X], b->y_mm[i] = u[RAY_Y], b->phi_rad[i] = phi_rad;
    b->p_r_GeV[i] = p_r, b->p_y_GeV[i] = p_y, b->p_phi_GeV[i] = sqrt(p2 - p_r * p_r - p_y * p_y);
    b->s_r[i] = p_r / p, b->s_y[i] = p_y / p, b->s_phi[i] = b->p_phi_GeV[i] / p;
    b->t_ns[i] = ring_probe_time_ns(u[RAY_ZETA]);
    return ERR_OK;
}

static double energy_GeV(const struct ring_batch *b, size_t i)
{
    double p2 = b->p_r_GeV[i] * b->p_r_GeV[i] + b->p_phi_GeV[i] * b->p_phi_GeV[i] + b->p_y_GeV[i] * b->p_y_GeV[i];
    return sqrt(p2 + MUON_MASS_GeV * MUON_MASS_GeV);
}

void ring_probe_store(const struct ring *ring, double phi_rad, const struct ring_batch *b, size_t i, double u[RAY_N])
{
    double energy = energy_GeV(b, i) + MUON_MASS_GeV * potential(ring, phi_rad, b->x_mm[i], b->y_mm[i]);
    u[RAY_X] = b->x_mm[i], u[RAY_PX] = b->p_r_GeV[i] / MAGIC_P_GeV;
    u[RAY_Y] = b->y_mm[i], u[RAY_PY] = b->p_y_GeV[i] / MAGIC_P_GeV;
    u[RAY_ZETA]  = ring_probe_zeta(b->t_ns[i]);
    u[RAY_DELTA] = (energy - magic_energy_GeV()) / energy_scale();
}

double ring_probe_phase(const struct ring_batch *b, size_t i)
{
    double along  = b->s_phi[i] * b->p_phi_GeV[i] + b->s_r[i] * b->p_r_GeV[i];
    double across = b->s_r[i] * b->p_phi_GeV[i] - b->s_phi[i] * b->p_r_GeV[i];
    return atan2(-across, along);
}

/* ---- carrying ---- */

enum err ring_probe_turn(const struct ring *ring, struct ring_batch *b)
{
    TRY(ring_turns(ring, b, 1));
    for (size_t i = 0; i < b->n; i++) {
        bool is_in = fabs(b->x_mm[i]) < RING_PLATES_MM && fabs(b->y_mm[i]) < RING_PLATES_MM; /* no number: out */
        if (is_in) continue;
        ring_batch_reset(b, i);
        b->fate[i] = 3.0;
    }
    return ERR_OK;
}

/* d phi / dt [rad/ns] */
static double angular_speed(const struct ring_batch *b, size_t i)
{
    return b->p_phi_GeV[i] * C_MM_NS / (energy_GeV(b, i) * (RING_R0_MM + b->x_mm[i]));
}

static enum err start_all(const struct ring *ring, double from_rad, size_t n, const double (*in)[RAY_N],
                          struct ring_batch *b)
{
    for (size_t i = 0; i < n; i++) TRY(ring_probe_load(ring, from_rad, in[i], b, i));
    return ERR_OK;
}

/* The engine stops at a time: Newton's method on the time finds the azimuth. */
static enum err carry_by_time(const struct ring *ring, double from_rad, size_t n, const double (*in)[RAY_N],
                              const double *to_rad, struct ring_batch *b)
{
    double *t_end, worst = 1.0;
    enum err rc;
    TRY(mem_alloc(&t_end, n, sizeof *t_end));
    TRY_TO(done, start_all(ring, from_rad, n, in, b));
    for (size_t i = 0; i < n; i++) t_end[i] = b->t_ns[i] + (to_rad[i] - from_rad) / angular_speed(b, i);
    for (int k = 0; k < 8 && worst > 1e-14; k++) {
        worst = 0.0;
        if (k) TRY_TO(done, start_all(ring, from_rad, n, in, b));
        for (size_t i = 0; i < n; i++) b->t_end_ns[i] = t_end[i];
        TRY_TO(done, ring_track(ring, b));
        for (size_t i = 0; i < n; i++) {
            if (b->fate[i] != 1.0)
                FAIL_TO(done, ERR_NUMBER, "ring: a ray is lost at azimuth %.2f deg, x = %.2f mm, y = %.2f mm",
                        b->phi_rad[i] * 180.0 / PI, b->x_mm[i], b->y_mm[i]);
            double missing = to_rad[i] - from_rad - 2.0 * PI * b->turns[i];
            t_end[i] += missing / angular_speed(b, i);
            worst = fmax(worst, fabs(missing) / fmax(1.0, to_rad[i]));
        }
    }
    if (worst > 1e-12) FAIL_TO(done, ERR_NUMBER, "ring: an azimuth was missed by %g rad", worst);
done:
    mem_free(t_end);
    return rc;
}

/* n, if all targets are n whole turns from phi = 0; else 0. */
static int64_t whole_turns(double from_rad, size_t n, const double *to_rad)
{
    double turns = round(to_rad[0] / (2.0 * PI));
    if (from_rad != 0.0) return 0;
    for (size_t i = 0; i < n; i++)
        if (to_rad[i] != 2.0 * PI * turns) return 0;
    return (int64_t)turns;
}

enum err ring_probe_carry(const struct ring *ring, double from_rad, size_t n, const double (*in)[RAY_N],
                          const double *to_rad, double (*out)[RAY_N], double *phase_rad)
{
    struct ring_batch b;
    double *to;
    enum err rc;
    const int64_t turns = whole_turns(from_rad, n, to_rad);
    const double from   = from_rad < EDGE_RAD ? from_rad : off_edge(ring, from_rad);
    TRY(ring_batch_create(n, &b));
    TRY_TO(done, mem_alloc(&to, n, sizeof *to));
    for (size_t i = 0; i < n; i++) to[i] = turns ? to_rad[i] : off_edge(ring, to_rad[i]);
    if (turns) {
        rc = start_all(ring, from, n, in, &b);
        if (!rc) rc = ring_turns(ring, &b, turns);
    } else {
        rc = carry_by_time(ring, from, n, in, to, &b);
    }
    for (size_t i = 0; i < n && !rc; i++) {
        ring_probe_store(ring, to[i], &b, i, out[i]);
        if (phase_rad) phase_rad[i] = ring_probe_phase(&b, i);
    }
    mem_free(to);
done:
    ring_batch_free(&b);
    return rc;
}

/* ---- maps ---- */

/* 0.2 mm, and what makes about as much elsewhere: rounding and fifth derivatives of a 20-pole both stay below 1e-9. */
static const double step_size[RAY_N] = {0.2, 2.5e-5, 0.2, 1e-5, 300.0, 2.5e-5};
static const double offset[4] = {1.0, -1.0, 2.0, -2.0}, weight[4] = {8.0 / 12, -8.0 / 12, -1.0 / 12, 1.0 / 12};

static double near_phase(double phase, double reference)
{
    return phase - 2.0 * PI * round((phase - reference) / (2.0 * PI));
}

static void differences(const double (*ray)[RAY_N], const double *phase, struct ring_map *map)
{
    memset(map, 0, sizeof *map);
    memcpy(map->out, ray[0], sizeof map->out);
    map->phase_rad = phase[0];
    for (int k = 0; k < RAY_N; k++)
        for (int j = 0; j < 4; j++) {
            const int at   = 1 + 4 * k + j;
            const double w = weight[j] / step_size[k];
            for (int i = 0; i < RAY_N; i++) map->matrix[i][k] += w * (ray[at][i] - ray[0][i]);
            map->phase_slope[k] += w * (near_phase(phase[at], phase[0]) - phase[0]);
        }
}

enum err ring_probe_maps(const struct ring *ring, double from_rad, const double in[RAY_N], size_t n,
                         const double *to_rad, struct ring_map *out)
{
    double(*rays)[RAY_N], *to;
    enum err rc = ERR_OK;
    TRY(mem_alloc(&rays, 2 * n * N_RAYS, sizeof *rays));
    TRY_TO(done, mem_alloc(&to, 2 * n * N_RAYS, sizeof *to));
    double(*images)[RAY_N] = rays + n * N_RAYS, *phases = to + n * N_RAYS;
    for (size_t m = 0; m < n; m++)
        for (size_t i = 0; i < N_RAYS; i++) {
            double *u          = rays[m * N_RAYS + i];
            to[m * N_RAYS + i] = to_rad[m];
            memcpy(u, in, sizeof *rays);
            if (i) u[(i - 1) / 4] += offset[(i - 1) % 4] * step_size[(i - 1) / 4];
        }
    rc = ring_probe_carry(ring, from_rad, n * N_RAYS, (const double(*)[RAY_N])rays, to, images, phases);
    for (size_t m = 0; m < n && !rc; m++)
        differences((const double(*)[RAY_N])(images + m * N_RAYS), phases + m * N_RAYS, &out[m]);
    mem_free(to);
done:
    mem_free(rays);
    return rc;
}

double ring_probe_symplectic_error(const struct ring_map *map)
{
    double worst = 0.0;
    for (int a = 0; a < RAY_N; a++)
        for (int b = 0; b < RAY_N; b++) {
            double sum = 0.0;
            for (int k = 0; k < RAY_N; k += 2)
                sum += map->matrix[k][a] * map->matrix[k + 1][b] - map->matrix[k + 1][a] * map->matrix[k][b];
            sum *= (a % 2 ? 1.0 : RING_R0_MM) * (b % 2 ? 1.0 : RING_R0_MM) / RING_R0_MM;
            double unit = a % 2 == 0 && b == a + 1 ? 1.0 : b % 2 == 0 && a == b + 1 ? -1.0 : 0.0;
            worst       = fmax(worst, fabs(sum - unit));
        }
    return worst;
}
