/* Lost muons from plane to plane. */
#include "lost_muon_track.h"

#include "calo_track.h"
#include "geometry.h"
#include "matter.h"
#include "mem.h"
#include "positron_helix.h"

#include <math.h>
#include <stdlib.h>

#define DEG             (PI / 180.0)
#define PLATES_MM       50.0          /* inner faces of the ESQ plates */
#define JUST_LOST_MM    65.0          /* ours: found within so much, a muon has come through a plate */
#define SIDE_HALF_MM    21.9          /* half height of the side plates (43.8 mm) */
#define TOP_HALF_MM     23.5          /* half width of the top and bottom plates (47 mm) */
#define ESQ_COVERAGE    (39.0 / 90.0) /* of the ring's azimuth */
#define KICKS_PER_13DEG 2
#define CLOSEST_RAD     (0.05 * DEG)

struct lost_muon_flight {
    struct lost_muon *muon;
    struct rng rng;
    size_t plane;      /* ahead */
    double t_ns, s_mm; /* clock, and the path it is right for */
    double turned_rad;
    bool is_aside, is_above; /* |x|, |y| beyond the plates, inside an ESQ section */
};

/* ---- the planes --------------------------------------------------------------------------------------------------- */

static void add_plane(struct lost_muon_setup *s, struct lost_muon_plane p) { s->plane[s->n_planes++] = p; }

static void add_section(struct lost_muon_setup *s, double begin_deg, double length_deg)
{
    const int n          = (int)lround(length_deg / 13.0) * KICKS_PER_13DEG;
    const double strong  = s->par.n_index / ESQ_COVERAGE * length_deg * DEG / n,
                 end_rad = (begin_deg + length_deg) * DEG;
    add_plane(s, (struct lost_muon_plane){.phi_rad = begin_deg * DEG, .kind = LOST_MUON_SECTION});
    for (int i = 0; i < n; i++) {
        double phi = (begin_deg + (i + 0.5) * length_deg / n) * DEG;
        add_plane(
            s, (struct lost_muon_plane){
                   .phi_rad = phi, .kind = LOST_MUON_KICK, .kick = strong, .plates_mm = (end_rad - phi) * RING_R0_MM});
    }
    add_plane(s, (struct lost_muon_plane){.phi_rad = end_rad, .kind = LOST_MUON_SECTION_END});
}

static int by_azimuth(const void *a, const void *b)
{
    const struct lost_muon_plane *p = a, *q = b;
    return (p->phi_rad > q->phi_rad) - (p->phi_rad < q->phi_rad);
}

enum err lost_muon_setup_make(const struct positron_setup *field, const struct lost_muon_par *par,
                              struct lost_muon_setup *out)
{
    REQUIRE(par->n_collimators <= LOST_MUON_MAX_COLLIMATORS, ERR_CONFIG, "%zu collimators; at most %d are accepted",
            par->n_collimators, LOST_MUON_MAX_COLLIMATORS);
    *out = (struct lost_muon_setup){.field = *field, .par = *par};
    for (int c = 1; c <= N_CALOS; c++)
        add_plane(out, (struct lost_muon_plane){
                           .phi_rad = fmod(geometry_calo_phi_rad(c), 2.0 * PI), .kind = LOST_MUON_FACE, .calo = c});
    for (int q = 0; q < 4; q++) {
        add_section(out, 16.323 + 90.0 * q, 13.0);
        add_section(out, 33.323 + 90.0 * q, 26.0);
    }
    for (size_t i = 0; i < par->n_collimators; i++)
        add_plane(out, (struct lost_muon_plane){.phi_rad = fmod(par->collimator_deg[i], 360.0) * DEG,
                                                .kind    = LOST_MUON_COLLIMATOR});
    qsort(out->plane, out->n_planes, sizeof out->plane[0], by_azimuth);
    for (size_t i = 0; i < out->n_planes; i++) {
        struct lost_muon_plane *p = &out->plane[i];
        double next  = i + 1 < out->n_planes ? out->plane[i + 1].phi_rad : out->plane[0].phi_rad + 2.0 * PI;
        p->ahead_rad = next - p->phi_rad;
        p->cosine    = cos(p->ahead_rad);
        p->sine      = sin(p->ahead_rad);
        REQUIRE(p->ahead_rad > CLOSEST_RAD, ERR_CONFIG,
                "a collimator at %.3f or %.3f deg stands within 0.05 deg of a calorimeter's face, the end of an ESQ "
                "section, or another collimator",
                p->phi_rad / DEG, next / DEG);
    }
    return ERR_OK;
}

/* ---- one muon ----------------------------------------------------------------------------------------------------- */

static struct positron_state *state_of(const struct lost_muon_work *w, const struct lost_muon_flight *f)
{
    return &w->lanes.state[f - w->flight];
}

static void set_clock(struct lost_muon_flight *f, const struct positron_state *p)
{
    f->t_ns += (p->s - f->s_mm) * hypot(p->p_GeV, MUON_MASS_GeV) / (p->p_GeV * C_MM_NS);
    f->s_mm = p->s;
}

static void normalise(struct positron_state *p)
{
    double per = 1.0 / sqrt(p->ux * p->ux + p->uy * p->uy + p->uz * p->uz);
    p->ux *= per;
    p->uy *= per;
    p->uz *= per;
}

/* Loses energy and scatters in so much matter; false when it stops there. */
static bool cross(const struct lost_muon_setup *s, struct lost_muon_flight *f, struct positron_state *p,
                  const struct matter *m, double path_mm, struct matter_effect *e)
{
    double u_h = sqrt(p->ux * p->ux + p->uz * p->uz), ox = p->uz / u_h, oz = -p->ux / u_h; /* outward, level */
    *e            = matter_cross(m, &f->rng, p->p_GeV, path_mm);
    double energy = hypot(p->p_GeV, MUON_MASS_GeV) - e->loss_GeV;
    double p2     = energy * energy - MUON_MASS_GeV * MUON_MASS_GeV;
    if (energy < MUON_MASS_GeV || p2 < s->par.min_p_GeV * s->par.min_p_GeV) {
        f->muon->end = LOST_MUON_STOPPED;
        return false;
    }
    p->x += e->shift_mm[0] * ox;
    p->z += e->shift_mm[0] * oz;
    p->y += e->shift_mm[1];
    p->ux += e->angle_rad[0] * ox;
    p->uz += e->angle_rad[0] * oz;
    p->uy += e->angle_rad[1];
    normalise(p);
    p->p_GeV = sqrt(p2);
    p->k     = s->field.curvature / p->p_GeV;
    return true;
}

static enum err add_hit(struct lost_muon_work *w, struct lost_muon_hit hit)
{
    if (w->n_hits == w->hit_capacity) {
        size_t capacity = w->hit_capacity ? 2 * w->hit_capacity : 256;
        TRY(mem_resize(&w->hit, w->n_hits, capacity, sizeof *w->hit));
        w->hit_capacity = capacity;
    }
    w->hit[w->n_hits++] = hit;
    return ERR_OK;
}

/* Light: the mean of its path, and the electrons that this muon knocked on more or less than the mean. */
static enum err at_face(const struct lost_muon_setup *s, struct lost_muon_work *w, struct lost_muon_flight *f,
                        struct positron_state *p, bool *is_on)
{
    struct calo_track t = {p->x - CALO_CENTRE_R_MM, p->y, p->ux / p->uz, p->uy / p->uz};
    double entry, path = calo_track_path(&t, &entry), p_GeV = p->p_GeV;
    struct lost_muon *muon = f->muon;
    struct matter_effect e;
    *is_on = true;
    if (!(path > s->par.min_path_mm)) return ERR_OK;
    double t_ns              = f->t_ns + entry * hypot(p_GeV, MUON_MASS_GeV) / (p_GeV * C_MM_NS);
    *is_on                   = cross(s, f, p, &matter_lead_fluoride, path, &e);
    double light             = s->par.mip_GeV * path / CRYSTAL_LENGTH_MM + e.loss_GeV - e.mean_loss_GeV;
    struct lost_muon_hit hit = {.muon       = (uint32_t)(f - w->flight),
                                .vertex     = muon->vertex,
                                .calo       = (uint8_t)s->plane[f->plane].calo,
                                .n_before   = (uint8_t)muon->n_calos,
                                .t_ns       = t_ns,
                                .x_mm       = t.x_mm,
                                .y_mm       = t.y_mm,
                                .dxdz       = t.dxdz,
                                .dydz       = t.dydz,
                                .p_GeV      = p_GeV,
                                .path_mm    = path,
                                .energy_GeV = fmax(0.0, light)};
    muon->n_calos += muon->n_calos < 255;
    return add_hit(w, hit);
}

/* Length of copper on the way: the ring from aperture to aperture + width; shorter where the track leaves it inward. */
static double in_collimator(const struct lost_muon_par *c, double x, double y, double dxdz, double dydz)
{
    double rho2 = x * x + y * y, outer = c->aperture_mm + c->collimator_width_mm;
    if (rho2 < c->aperture_mm * c->aperture_mm || rho2 > outer * outer) return 0.0;
    double a = dxdz * dxdz + dydz * dydz, b = x * dxdz + y * dydz, left = rho2 - c->aperture_mm * c->aperture_mm;
    double root = b * b - a * left, length = c->collimator_mm;
    if (b < 0.0 && root > 0.0) length = fmin(length, left / (-b + sqrt(root)));
    return length;
}

/* Length of aluminium where a track passes through a plate at this slope. */
static double in_plate(const struct lost_muon_setup *s, double slope, double left_mm)
{
    return fmin(s->par.plate_mm / fmax(fabs(slope), 1e-6), left_mm);
}

/* Notes the sides of the plates on which the muon is; false when it stopped in one. */
static bool at_plates(const struct lost_muon_setup *s, struct lost_muon_flight *f, struct positron_state *p,
                      double left_mm)
{
    double x = p->x - RING_R0_MM, path = 0.0;
    bool is_aside = fabs(x) >= PLATES_MM, is_above = fabs(p->y) >= PLATES_MM;
    struct matter_effect e;
    if (is_aside != f->is_aside && fabs(p->y) < SIDE_HALF_MM) path = in_plate(s, p->ux / p->uz, left_mm);
    if (is_above != f->is_above && fabs(x) < TOP_HALF_MM) path = in_plate(s, p->uy / p->uz, left_mm);
    f->is_aside = is_aside;
    f->is_above = is_above;
    return !(path > 0.0) || cross(s, f, p, &matter_aluminium, path, &e);
}

static void kick(const struct lost_muon_plane *plane, const struct lost_muon_flight *f, struct positron_state *p)
{
    if (f->is_aside || f->is_above) return;
    double strength = plane->kick * MAGIC_P_GeV / p->p_GeV / RING_R0_MM;
    p->ux += strength * (p->x - RING_R0_MM);
    p->uy -= strength * p->y;
    normalise(p);
}

static bool is_beyond(const struct lost_muon_setup *s, const struct lost_muon_flight *f, const struct positron_state *p,
                      enum lost_muon_end *end)
{
    if (fabs(p->y) > s->field.y_max_mm)
        *end = LOST_MUON_HEIGHT;
    else if (p->x > s->field.r_max_mm)
        *end = LOST_MUON_OUTER;
    else if (p->x < s->field.r_min_mm)
        *end = LOST_MUON_INNER;
    else if (f->turned_rad > s->par.max_turns * 2.0 * PI)
        *end = LOST_MUON_TURNS;
    else
        return false;
    return true;
}

/* At z = 0 of the plane ahead: *is_on false when the muon ends here. */
static enum err at_plane(const struct lost_muon_setup *s, struct lost_muon_work *w, struct lost_muon_flight *f,
                         struct positron_state *p, bool *is_on)
{
    const struct lost_muon_plane *plane = &s->plane[f->plane];
    double x                            = p->x - RING_R0_MM, copper;
    struct matter_effect e;
    *is_on = false;
    set_clock(f, p);
    if (is_beyond(s, f, p, &f->muon->end)) return ERR_OK;
    *is_on = true;
    switch (plane->kind) {
    case LOST_MUON_FACE: return at_face(s, w, f, p, is_on);
    case LOST_MUON_COLLIMATOR:
        copper = in_collimator(&s->par, x, p->y, p->ux / p->uz, p->uy / p->uz);
        if (copper > 0.0) *is_on = cross(s, f, p, &matter_copper, copper, &e);
        break;
    case LOST_MUON_SECTION:
        f->is_aside = fabs(x) >= PLATES_MM;
        f->is_above = fabs(p->y) >= PLATES_MM;
        break;
    case LOST_MUON_KICK:
        *is_on = at_plates(s, f, p, plane->plates_mm);
        if (*is_on) kick(plane, f, p);
        break;
    case LOST_MUON_SECTION_END: *is_on = at_plates(s, f, p, s->par.plate_mm); break;
    }
    return ERR_OK;
}

static void to_next(const struct lost_muon_setup *s, struct lost_muon_flight *f, struct positron_state *p)
{
    const struct lost_muon_plane *plane = &s->plane[f->plane];
    positron_turn(p, plane->cosine, plane->sine);
    f->turned_rad += plane->ahead_rad;
    f->plane = (f->plane + 1) % s->n_planes;
}

static bool is_inside(const struct lost_muon_setup *s, const struct positron_state *p)
{
    return p->x * p->x + p->z * p->z <= s->field.r_uniform_mm * s->field.r_uniform_mm * (1.0 + 1e-12);
}

/* From plane to plane in the uniform field. *is_on true: it is inside r_uniform, ahead of a calorimeter's face. */
static enum err fly_uniform(const struct lost_muon_setup *s, struct lost_muon_work *w, struct lost_muon_flight *f,
                            bool *is_on)
{
    struct positron_state *p = state_of(w, f);
    while (!is_inside(s, p)) {
        struct positron_circle c = positron_circle_of(p);
        double reach             = positron_ray_meets(&c);
        if (reach > s->field.r_uniform_mm) {
            positron_helix_to(p, &c, (reach - c.x) / c.radius, -c.z / c.radius);
            p->z = 0.0;
            TRY(at_plane(s, w, f, p, is_on));
            if (!*is_on) return ERR_OK;
            to_next(s, f, p);
        } else if (!positron_helix_to_radius(p, &c, s->field.r_uniform_mm) || p->x * p->uz - p->z * p->ux <= 0.0) {
            f->muon->end = LOST_MUON_BACK;
            *is_on       = false;
            return ERR_OK;
        } else
            break;
    }
    while (s->plane[f->plane].kind != LOST_MUON_FACE) to_next(s, f, p);
    f->is_aside = true;
    *is_on      = true;
    return ERR_OK;
}

/* Puts a muon into its frame and through what it touched. *is_on false when it stopped there. */
static void start(const struct lost_muon_setup *s, struct rng_key key, struct lost_muon *muon,
                  struct lost_muon_flight *f, struct positron_state *p, bool *is_on)
{
    const double *q = muon->p_GeV, azimuth = fmod(fmod(muon->phi_rad, 2.0 * PI) + 2.0 * PI, 2.0 * PI);
    double path = 0.0, momentum = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2]), y = muon->y_mm;
    size_t plane = 0;
    struct matter_effect e;
    while (plane < s->n_planes && s->plane[plane].phi_rad < azimuth + 1e-6) plane++;
    double ahead  = (plane < s->n_planes ? s->plane[plane].phi_rad : s->plane[0].phi_rad + 2.0 * PI) - azimuth;
    *p            = (struct positron_state){.x     = RING_R0_MM + muon->x_mm,
                                            .y     = y,
                                            .ux    = q[0] / momentum,
                                            .uy    = q[2] / momentum,
                                            .uz    = q[1] / momentum,
                                            .k     = s->field.curvature / momentum,
                                            .p_GeV = momentum};
    *f            = (struct lost_muon_flight){.muon     = muon,
                                              .rng      = rng_start(key, muon->particle),
                                              .plane    = plane < s->n_planes ? plane : 0,
                                              .t_ns     = muon->t_ns,
                                              .is_aside = fabs(muon->x_mm) >= PLATES_MM,
                                              .is_above = fabs(y) >= PLATES_MM};
    muon->n_calos = 0;
    muon->end     = N_LOST_MUON_ENDS;
    if (muon->is_at_collimator)
        path = s->par.collimator_mm;
    else if (f->is_aside && fabs(muon->x_mm) < JUST_LOST_MM && fabs(y) < SIDE_HALF_MM)
        path = in_plate(s, p->ux / p->uz, 13.0 * DEG * RING_R0_MM);
    else if (f->is_above && fabs(y) < JUST_LOST_MM && fabs(muon->x_mm) < TOP_HALF_MM)
        path = in_plate(s, p->uy / p->uz, 13.0 * DEG * RING_R0_MM);
    *is_on = !(path > 0.0) || cross(s, f, p, muon->is_at_collimator ? &matter_copper : &matter_aluminium, path, &e);
    positron_turn(p, cos(ahead), sin(ahead));
}

/* ---- all of a fill ------------------------------------------------------------------------------------------------ */

static enum lost_muon_end end_inside(enum positron_end end)
{
    return end == POSITRON_INNER    ? LOST_MUON_INNER
           : end == POSITRON_HEIGHT ? LOST_MUON_HEIGHT
           : end == POSITRON_OUTER  ? LOST_MUON_OUTER
                                    : LOST_MUON_BACK;
}

/* Those in lane_of[0..n) are inside r_uniform: on to their next face, and to where they come inside again. */
static enum err next_faces(const struct lost_muon_setup *s, struct lost_muon_work *w, size_t *n)
{
    size_t arrived = positron_to_next_plane(&s->field, &w->lanes, *n);
    *n             = 0;
    for (size_t i = 0; i < arrived; i++) {
        uint32_t row               = w->lanes.lane_of[i];
        struct lost_muon_flight *f = &w->flight[row];
        bool is_on;
        TRY(at_plane(s, w, f, &w->lanes.state[row], &is_on));
        if (!is_on) continue;
        to_next(s, f, &w->lanes.state[row]);
        TRY(fly_uniform(s, w, f, &is_on));
        if (is_on) w->lanes.lane_of[(*n)++] = row;
    }
    return ERR_OK;
}

static int by_muon(const void *a, const void *b)
{
    const struct lost_muon_hit *p = a, *q = b;
    if (p->muon != q->muon) return p->muon < q->muon ? -1 : 1;
    return (p->n_before > q->n_before) - (p->n_before < q->n_before);
}

enum err lost_muon_track(const struct lost_muon_setup *s, struct rng_key key, struct lost_muon *muon, size_t n,
                         struct lost_muon_work *w)
{
    size_t inside = 0;
    TRY(positron_work_reserve(&w->lanes, n));
    if (n > w->capacity) {
        mem_free(w->flight);
        w->flight   = NULL;
        w->capacity = 0;
        TRY(mem_alloc(&w->flight, n, sizeof *w->flight));
        w->capacity = n;
    }
    w->n_hits = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_on;
        start(s, key, &muon[i], &w->flight[i], &w->lanes.state[i], &is_on);
        if (is_on) TRY(fly_uniform(s, w, &w->flight[i], &is_on));
        if (is_on) w->lanes.lane_of[inside++] = (uint32_t)i;
    }
    while (inside > 0) TRY(next_faces(s, w, &inside));
    for (size_t i = 0; i < n; i++)
        if (muon[i].end == N_LOST_MUON_ENDS) muon[i].end = end_inside(w->lanes.state[i].end);
    if (w->n_hits > 0) qsort(w->hit, w->n_hits, sizeof *w->hit, by_muon);
    return ERR_OK;
}

void lost_muon_work_free(struct lost_muon_work *w)
{
    positron_work_free(&w->lanes);
    mem_free(w->flight);
    mem_free(w->hit);
    *w = (struct lost_muon_work){0};
}
