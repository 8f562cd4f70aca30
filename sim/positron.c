/* Positrons to the calorimeters: exact helices where the field is uniform, numerical steps further in. */
#include "positron.h"

#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "positron_helix.h"

#include <math.h>

#define HALF_WIDTH_MM  (0.5 * CALO_COLUMNS * CRYSTAL_PITCH_MM)
#define HALF_HEIGHT_MM (0.5 * CALO_ROWS * CRYSTAL_PITCH_MM)
enum { FACES_IN_90_DEG = 6 };

const char *const positron_end_text[N_POSITRON_ENDS] = {
    "hit a face",         "entered an array by its side", "reached the inner limit",
    "too far up or down", "through the outer wall",       "curled back",
    "passed 90 degrees",
};

enum err positron_setup_make(const double node_x_mm[POSITRON_NODES], const double node_b[POSITRON_NODES],
                             struct positron_setup *out)
{
    double step[POSITRON_KNOTS], secant[POSITRON_KNOTS], slope[POSITRON_NODES];
    for (int i = 0; i < POSITRON_KNOTS; i++) {
        step[i] = 0.01 * (node_x_mm[i] - node_x_mm[i + 1]);
        REQUIRE(step[i] > 0.0, ERR_CONFIG, "field table: x must fall; node %d is %g mm, the next %g mm", i,
                node_x_mm[i], node_x_mm[i + 1]);
        secant[i] = (node_b[i + 1] - node_b[i]) / step[i];
    }
    slope[0] = 0.0; /* joins the uniform field smoothly */
    for (int i = 1; i < POSITRON_KNOTS; i++) {
        double w1 = 2.0 * step[i] + step[i - 1], w2 = step[i] + 2.0 * step[i - 1];
        slope[i] = secant[i] * secant[i - 1] > 0.0 ? (w1 + w2) / (w1 / secant[i - 1] + w2 / secant[i]) : 0.0;
    }
    slope[POSITRON_KNOTS] = secant[POSITRON_KNOTS - 1];

    /* Jumps of the second and third derivative at the knots, of the cubic in each interval. */
    double second = 0.0, third = 0.0;
    *out         = (struct positron_setup){.r_uniform_mm    = RING_R0_MM + node_x_mm[0],
                                           .curvature       = GeV_PER_T_MM * RING_B0_T,
                                           .step_mm         = 20.0,
                                           .r_min_mm        = 6600.0,
                                           .r_max_mm        = 7232.65,
                                           .y_max_mm        = 78.65,
                                           .wall_r_mm       = 7035.8,
                                           .wall_X0_mm      = 88.97,
                                           .wall_GeV_per_mm = 0.436e-3};
    double depth = 0.0;
    for (int i = 0; i < POSITRON_KNOTS; i++) {
        double c2    = (3.0 * secant[i] - 2.0 * slope[i] - slope[i + 1]) / step[i];
        double c3    = (slope[i] + slope[i + 1] - 2.0 * secant[i]) / (step[i] * step[i]);
        out->knot[i] = depth;
        out->a[i]    = c2 - second;
        out->b[i]    = c3 - third;
        second       = c2 + 3.0 * c3 * step[i];
        third        = c3;
        depth += step[i];
    }
    return ERR_OK;
}

enum err positron_setup_read(const char *label, const struct f64s *field_x_mm, const struct f64s *field_by,
                             struct positron_setup *out)
{
    REQUIRE(field_x_mm->n == POSITRON_NODES && field_by->n == POSITRON_NODES, ERR_CONFIG,
            "%s: field_x_mm has %zu and field_by %zu numbers; %d each are needed", label, field_x_mm->n, field_by->n,
            POSITRON_NODES);
    REQUIRE(field_by->value[0] == 1.0, ERR_CONFIG, "%s: field_by begins with %g; it must begin with 1", label,
            field_by->value[0]);
    return positron_setup_make(field_x_mm->value, field_by->value, out);
}

void positron_field(const struct positron_setup *s, double r_mm, double y_mm, double *by, double *br)
{
    double depth = (s->r_uniform_mm - r_mm) * 0.01, db = 0.0;
    *by = 1.0;
    for (int i = 0; i < POSITRON_KNOTS; i++) {
        double t = fmax(0.0, depth - s->knot[i]);
        *by += t * t * (s->a[i] + s->b[i] * t);
        db += t * (2.0 * s->a[i] + 3.0 * s->b[i] * t);
    }
    *br = -0.01 * db * y_mm;
}

struct positron_state positron_state_make(const struct positron_setup *s, double x_mm, double y_mm, double phi_rad,
                                          const double p_GeV[3])
{
    const double pitch = CALO_PITCH_DEG * (PI / 180.0);
    double ahead = (phi_rad - geometry_calo_phi_rad(1)) / pitch, face = floor(ahead) + 1.0;
    double angle = (face - ahead) * pitch, c = cos(angle), d = -sin(angle), r = RING_R0_MM + x_mm;
    double p   = sqrt(p_GeV[0] * p_GeV[0] + p_GeV[1] * p_GeV[1] + p_GeV[2] * p_GeV[2]);
    int number = (int)fmod(face, N_CALOS);
    return (struct positron_state){
        .x     = r * c,
        .y     = y_mm,
        .z     = r * d,
        .ux    = (p_GeV[0] * c - p_GeV[1] * d) / p,
        .uy    = p_GeV[2] / p,
        .uz    = (p_GeV[0] * d + p_GeV[1] * c) / p,
        .k     = s->curvature / p,
        .p_GeV = p,
        .calo  = (number < 0 ? number + N_CALOS : number) + 1,
    };
}

/* ---- at a face ---------------------------------------------------------------------------------------------------- */

static int is_in_outline(double x, double y) { return fabs(x) < HALF_WIDTH_MM && fabs(y) < HALF_HEIGHT_MM; }

static void turn_frame(struct positron_state *p)
{
    positron_turn(p, 0.96592582628906828675, 0.25881904510252076235); /* cos, sin of 15 degrees */
    p->calo = p->calo % N_CALOS + 1;
    p->plane++;
}

/* At z = 0: 1 when the positron ends here, else its frame has turned to the next face. */
static int end_at_face(const struct positron_setup *s, struct positron_state *p)
{
    double x = p->x - CALO_CENTRE_R_MM, depth = CRYSTAL_LENGTH_MM / p->uz, bend = 0.5 * p->k * depth * depth;
    if (fabs(p->y) > s->y_max_mm)
        p->end = POSITRON_HEIGHT;
    else if (is_in_outline(x, p->y))
        p->end = POSITRON_HIT;
    else if (is_in_outline(x + p->ux * depth - bend, p->y + p->uy * depth))
        p->end = POSITRON_SIDE;
    else if (p->plane + 1 == FACES_IN_90_DEG)
        p->end = POSITRON_PASSED;
    else {
        turn_frame(p);
        return 0;
    }
    return 1;
}

/* Path through the wall at the present angle; bremsstrahlung as -ln(E'/E) ~ Gamma(t/ln 2) (Bethe, Heitler), then
 * ionisation. 0 when nothing is left. */
static int pass_wall(const struct positron_setup *s, struct rng *r, struct positron_state *p)
{
    double radius = sqrt(p->x * p->x + p->z * p->z), inward = -(p->ux * p->x + p->uz * p->z) / radius;
    double path = s->wall_mm / fmax(inward, 1e-3), shape = path / s->wall_X0_mm / 0.69314718055994530942;
    double d = shape + 1.0 - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d), v, x;
    do { /* Marsaglia, Tsang, ACM TOMS 26 (2000) 363, for shape + 1 */
        x = rng_normal(r);
        v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
    } while (v <= 0.0 || log(rng_uniform(r)) >= 0.5 * x * x + d - d * v + d * log(v));
    double left = p->p_GeV * exp(-d * v * pow(rng_uniform(r), 1.0 / shape)) - path * s->wall_GeV_per_mm;
    if (left < 1e-3) return 0;
    p->p_GeV = left;
    p->k     = s->curvature / left;
    return 1;
}

/* Follows one positron while the field is uniform. 0: it has ended; 1: it is at r_uniform, on its way in. */
static int fly_uniform(const struct positron_setup *s, struct rng_key key, uint32_t index, struct positron_state *p)
{
    int has_wall = s->wall_mm > 0.0 && p->x * p->x + p->z * p->z > s->wall_r_mm * s->wall_r_mm;
    struct rng r = rng_start(key, index);
    if (p->x * p->x + p->z * p->z <= s->r_uniform_mm * s->r_uniform_mm) return 1;
    for (;;) {
        struct positron_circle c = positron_circle_of(p);
        double stop = has_wall ? s->wall_r_mm : s->r_uniform_mm, face = positron_ray_meets(&c);
        double far2 = c.x * c.x + c.z * c.z, outward = p->ux * p->x + p->uz * p->z;
        if (outward > 0.0 && sqrt(far2) + c.radius > s->r_max_mm) {
            p->end = POSITRON_OUTER;
            return 0;
        }
        if (face > stop) {
            positron_helix_to(p, &c, (face - c.x) / c.radius, -c.z / c.radius);
            p->z = 0.0;
            if (end_at_face(s, p)) return 0;
            continue;
        }
        if (!positron_helix_to_radius(p, &c, stop) || p->x * p->uz - p->z * p->ux <= 0.0) {
            p->end = POSITRON_BACK;
            return 0;
        }
        if (fabs(p->y) > s->y_max_mm) {
            p->end = POSITRON_HEIGHT;
            return 0;
        }
        if (!has_wall) return 1;
        has_wall = 0;
        if (!pass_wall(s, &r, p)) {
            p->end = POSITRON_BACK;
            return 0;
        }
    }
}

/* ---- all of a fill ------------------------------------------------------------------------------------------------ */

enum err positron_work_reserve(struct positron_work *w, size_t n)
{
    if (n <= w->capacity) return ERR_OK;
    size_t capacity = (n + 1023) / 1024 * 1024;
    positron_work_free(w);
    enum err rc = ERR_OK;
    TRY_TO(failed, mem_alloc(&w->state, capacity, sizeof *w->state));
    TRY_TO(failed, mem_alloc(&w->lane_of, capacity, sizeof *w->lane_of));
    TRY_TO(failed, mem_alloc(&w->memory, 9 * capacity, sizeof(double)));
    double *column     = w->memory;
    double **columns[] = {&w->lanes.x,  &w->lanes.y,  &w->lanes.z, &w->lanes.ux,
                          &w->lanes.uy, &w->lanes.uz, &w->lanes.k, &w->lanes.s};
    for (size_t i = 0; i < 8; i++) *columns[i] = column + i * capacity;
    w->lanes.stop = (int64_t *)(void *)(column + 8 * capacity);
    w->capacity   = capacity;
    return ERR_OK;
failed:
    positron_work_free(w);
    return rc;
}

void positron_work_free(struct positron_work *w)
{
    mem_free(w->state);
    mem_free(w->lane_of);
    mem_free(w->memory);
    *w = (struct positron_work){0};
}

static void to_lane(const struct positron_state *p, struct positron_lanes *l, size_t i)
{
    l->x[i]    = p->x;
    l->y[i]    = p->y;
    l->z[i]    = p->z;
    l->ux[i]   = p->ux;
    l->uy[i]   = p->uy;
    l->uz[i]   = p->uz;
    l->k[i]    = p->k;
    l->s[i]    = p->s;
    l->stop[i] = 0;
}

static void from_lane(const struct positron_lanes *l, size_t i, struct positron_state *p)
{
    p->x  = l->x[i];
    p->y  = l->y[i];
    p->z  = l->z[i];
    p->ux = l->ux[i];
    p->uy = l->uy[i];
    p->uz = l->uz[i];
    p->s  = l->s[i];
}

size_t positron_to_next_plane(const struct positron_setup *s, struct positron_work *w, size_t n)
{
    void (*steps)(const struct positron_setup *, struct positron_lanes *, size_t)    = ISA_PICK(positron_steps);
    void (*to_plane)(const struct positron_setup *, struct positron_lanes *, size_t) = ISA_PICK(positron_to_plane);
    size_t padded = (n + POSITRON_LANES - 1) / POSITRON_LANES * POSITRON_LANES, kept = 0;
    for (size_t i = 0; i < n; i++) to_lane(&w->state[w->lane_of[i]], &w->lanes, i);
    for (size_t i = n; i < padded; i++) {
        to_lane(&w->state[w->lane_of[0]], &w->lanes, i);
        w->lanes.stop[i] = 2 + POSITRON_BACK;
    }
    steps(s, &w->lanes, padded);
    to_plane(s, &w->lanes, padded);
    for (size_t i = 0; i < n; i++) {
        struct positron_state *p = &w->state[w->lane_of[i]];
        from_lane(&w->lanes, i, p);
        if (w->lanes.stop[i] != 1)
            p->end = (enum positron_end)(w->lanes.stop[i] - 2);
        else
            w->lane_of[kept++] = w->lane_of[i];
    }
    return kept;
}

/* Lanes go on from face to face until all have ended; those that pass a face move up to close the gaps. */
static void fly_inside(const struct positron_setup *s, struct positron_work *w, size_t n)
{
    while (n > 0) {
        size_t at_face = positron_to_next_plane(s, w, n);
        n              = 0;
        for (size_t i = 0; i < at_face; i++)
            if (!end_at_face(s, &w->state[w->lane_of[i]])) w->lane_of[n++] = w->lane_of[i];
    }
}

enum err positron_track(const struct positron_setup *s, struct rng_key key, const struct positron_view *in,
                        struct positron_work *work)
{
    TRY(positron_work_reserve(work, in->n));
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++) {
        const double p[3] = {in->p_r_GeV[i], in->p_phi_GeV[i], in->p_y_GeV[i]};
        work->state[i]    = positron_state_make(s, in->x_mm[i], in->y_mm[i], in->phi_rad[i], p);
        if (fly_uniform(s, key, (uint32_t)i, &work->state[i])) work->lane_of[n++] = (uint32_t)i;
    }
    fly_inside(s, work, n);
    return ERR_OK;
}
