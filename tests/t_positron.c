/* Positrons against the closed form of a circle, the limits of the tracker, and its acceptance. */
#include "decay.h"
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "positron.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double node_x[POSITRON_NODES] = {-150, -190, -240, -300, -390, -520};
static const double node_b[POSITRON_NODES] = {1.0, 0.951, 0.815, 0.620, 0.313, 0.10};
static const double flat_b[POSITRON_NODES] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0};

static struct positron_setup setup_of(const double b[POSITRON_NODES])
{
    struct positron_setup s;
    assert_int_equal(positron_setup_make(node_x, b, &s), ERR_OK);
    return s;
}

static struct block *birth(size_t n)
{
    struct block *b;
    assert_int_equal(block_create(&table_positron, &b), ERR_OK);
    assert_int_equal(block_resize(b, n), ERR_OK);
    return b;
}

static struct positron_view put(struct block *b, size_t i, double x, double y, double phi, double pr, double pphi,
                                double py)
{
    struct positron_view v = positron_view(b);
    v.vertex[i]            = (uint32_t)i;
    v.t_fill_ns[i]         = 0.0;
    v.x_mm[i]              = x;
    v.y_mm[i]              = y;
    v.phi_rad[i]           = phi;
    v.p_r_GeV[i]           = pr;
    v.p_phi_GeV[i]         = pphi;
    v.p_y_GeV[i]           = py;
    return v;
}

static void field_passes_its_table(void **state)
{
    (void)state;
    struct positron_setup s = setup_of(node_b);
    double by, br, below, above, ignored;
    for (int i = 0; i < POSITRON_NODES; i++) {
        positron_field(&s, RING_R0_MM + node_x[i], 0.0, &by, &br);
        assert_true(fabs(by - node_b[i]) < 1e-12 && br == 0.0);
    }
    positron_field(&s, RING_R0_MM, 30.0, &by, &br);
    assert_true(by == 1.0 && br == 0.0);
    for (int i = 0; i < 838; i++) {
        double x = -519.0 + 0.5 * i;
        positron_field(&s, RING_R0_MM + x, 10.0, &by, &br);
        positron_field(&s, RING_R0_MM + x - 0.01, 0.0, &below, &ignored);
        positron_field(&s, RING_R0_MM + x + 0.01, 0.0, &above, &ignored);
        assert_true(above >= below);                                  /* monotone */
        assert_true(fabs(br - 10.0 * (above - below) / 0.02) < 1e-4); /* curl-free to first order */
    }
}

/* A circle and a half plane: all positrons at y = 0 in a uniform field, by helices and by steps. */
static void uniform_field_is_a_circle(void **state)
{
    (void)state;
    struct positron_setup helix = setup_of(flat_b), steps = helix;
    steps.r_uniform_mm     = 1e5; /* so that all is stepped */
    struct block *b        = birth(2000);
    struct positron_view v = positron_view(b);
    struct rng r           = rng_start(rng_key(1, 1, 0, 1, 99), 0);
    for (size_t i = 0; i < 2000; i++) {
        double p = 0.6 + 2.4 * rng_uniform(&r), angle = 0.01 * rng_normal(&r), up = 0.003 * rng_normal(&r);
        v = put(b, i, 20.0 * rng_normal(&r), 5.0 * rng_normal(&r), 6.28 * rng_uniform(&r), p * sin(angle),
                p * cos(angle), p * up);
    }
    struct positron_work w1 = {0}, w2 = {0};
    assert_int_equal(positron_track(&helix, rng_key(1, 1, 0, 1, 21), &v, &w1), ERR_OK);
    assert_int_equal(positron_track(&steps, rng_key(1, 1, 0, 1, 21), &v, &w2), ERR_OK);
    int n_hits = 0;
    for (size_t i = 0; i < 2000; i++) {
        struct positron_state *a = &w1.state[i], *c = &w2.state[i];
        assert_int_equal(a->end, c->end);
        if (a->end != POSITRON_HIT) continue;
        n_hits++;
        /* centre and radius from the birth; the face's ray from the axis, in the lab's plane */
        double p_h = hypot(v.p_r_GeV[i], v.p_phi_GeV[i]), rho = p_h / (GeV_PER_T_MM * RING_B0_T);
        double phi = v.phi_rad[i], r0 = RING_R0_MM + v.x_mm[i], ur = v.p_r_GeV[i] / p_h, up = v.p_phi_GeV[i] / p_h;
        double cx   = r0 * cos(phi) - rho * (ur * sin(phi) + up * cos(phi));
        double cy   = r0 * sin(phi) + rho * (ur * cos(phi) - up * sin(phi));
        double face = geometry_calo_phi_rad(a->calo), along = cx * cos(face) + cy * sin(face);
        double off = cy * cos(face) - cx * sin(face), radius = along + sqrt(rho * rho - off * off);
        double turned =
            atan2(radius * sin(face) - cy, radius * cos(face) - cx) - atan2(r0 * sin(phi) - cy, r0 * cos(phi) - cx);
        turned      = turned < 0.0 ? turned + 2.0 * PI : turned;
        double path = turned * rho * sqrt(1.0 + pow(v.p_y_GeV[i] / p_h, 2.0));
        assert_true(fabs(a->x - radius) < 1e-6 && fabs(c->x - radius) < 1e-6);
        assert_true(fabs(a->s - path) < 1e-6 && fabs(c->s - path) < 1e-6);
        double y = v.y_mm[i] + v.p_y_GeV[i] / p_h * turned * rho;
        assert_true(fabs(a->y - y) < 1e-6 && fabs(c->y - y) < 1e-6);
    }
    assert_true(n_hits > 500);
    positron_work_free(&w1);
    positron_work_free(&w2);
    block_free(b);
}

/* d/ds of (X, Y, Z, u): laboratory axes, Z up, azimuth from X; force u x B of a positive charge that circulates with
 * growing azimuth, so the axes are left-handed and B up bends to the left. */
static void lorentz(const struct positron_setup *s, double k, const double in[6], double out[6])
{
    double r = hypot(in[0], in[1]), by, br, er[2] = {in[0] / r, in[1] / r};
    positron_field(s, r, in[2], &by, &br);
    double u_r = in[3] * er[0] + in[4] * er[1], u_phi = in[4] * er[0] - in[3] * er[1];
    double f_r = -u_phi * by, f_y = u_phi * br, f_phi = u_r * by - in[5] * br;
    for (int i = 0; i < 3; i++) out[i] = in[i + 3];
    out[3] = k * (f_r * er[0] - f_phi * er[1]);
    out[4] = k * (f_r * er[1] + f_phi * er[0]);
    out[5] = k * f_y;
}

/* A second description of the falling field, in the laboratory's frame, with midpoint steps of 1 mm. */
static void falling_field_bends_and_defocuses(void **state)
{
    (void)state;
    struct positron_setup s = setup_of(node_b);
    struct block *b         = birth(40);
    struct positron_view v  = positron_view(b);
    for (size_t i = 0; i < 40; i++) {
        double p = 0.5 + 0.06 * (double)i;
        v        = put(b, i, -20.0, 15.0, 0.15 * (double)i, 0.0, p, 0.002 * p);
    }
    struct positron_work w = {0};
    assert_int_equal(positron_track(&s, rng_key(1, 1, 0, 1, 21), &v, &w), ERR_OK);
    int n_hits = 0;
    for (size_t i = 0; i < 40; i++) {
        if (w.state[i].end != POSITRON_HIT) continue;
        double phi = v.phi_rad[i], r = RING_R0_MM + v.x_mm[i], p = w.state[i].p_GeV, k = s.curvature / p;
        double q[6] = {
            r * cos(phi),    r * sin(phi), v.y_mm[i], -sin(phi) * v.p_phi_GeV[i] / p, cos(phi) * v.p_phi_GeV[i] / p,
            v.p_y_GeV[i] / p};
        double rest = w.state[i].s;
        while (rest > 1e-9) {
            double h = fmin(1.0, rest), d[6], middle[6];
            lorentz(&s, k, q, d);
            for (int j = 0; j < 6; j++) middle[j] = q[j] + 0.5 * h * d[j];
            lorentz(&s, k, middle, d);
            for (int j = 0; j < 6; j++) q[j] += h * d[j];
            rest -= h;
        }
        double face = geometry_calo_phi_rad(w.state[i].calo);
        assert_true(fabs(q[0] * cos(face) + q[1] * sin(face) - w.state[i].x) < 0.01);
        assert_true(fabs(q[1] * cos(face) - q[0] * sin(face)) < 0.01);
        assert_true(fabs(q[2] - w.state[i].y) < 0.01);
        n_hits++;
    }
    assert_true(n_hits > 10);
    positron_work_free(&w);
    block_free(b);
}

static size_t decays(struct block *b, size_t n, uint32_t event)
{
    struct positron_view v = positron_view(b);
    for (size_t i = 0; i < n; i++) {
        struct rng r         = rng_start(rng_key(7, 1, 0, event, 20), (uint32_t)i);
        const double p_mu[3] = {0.0, MAGIC_P_GeV, 0.0}, spin[3] = {0.0, 0.0, 0.0};
        double p[3];
        decay_positron(&r, p_mu, spin, p);
        double x = 6.0 + 16.0 * rng_normal(&r), y = 13.0 * rng_normal(&r);
        v = put(b, i, fmax(-40.0, fmin(40.0, x)), fmax(-40.0, fmin(40.0, y)), 2.0 * PI * rng_uniform(&r), p[0], p[1],
                p[2]);
    }
    return v.n;
}

/* Cutting the step to a quarter moves hits by less than 0.02 mm; directions stay unit vectors; each instruction set agrees. */
static void steps_are_short_enough(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct positron_setup s = setup_of(node_b), fine = s;
    fine.step_mm    = 0.25 * s.step_mm;
    struct block *b = birth(N);
    decays(b, N, 1);
    struct positron_view v  = positron_view(b);
    struct positron_work w1 = {0}, w2 = {0}, w3 = {0};
    struct rng_key key = rng_key(7, 1, 0, 1, 21);
    assert_int_equal(positron_track(&s, key, &v, &w1), ERR_OK);
    assert_int_equal(positron_track(&fine, key, &v, &w2), ERR_OK);
    assert_int_equal(isa_force("baseline"), 0);
    assert_int_equal(positron_track(&s, key, &v, &w3), ERR_OK);
    assert_int_equal(isa_force("best"), 0);
    int n_hits = 0, n_differ = 0;
    double worst = 0.0;
    for (size_t i = 0; i < N; i++) {
        struct positron_state *a = &w1.state[i], *f = &w2.state[i], *c = &w3.state[i];
        n_differ += (a->end == POSITRON_HIT) != (f->end == POSITRON_HIT);
        assert_int_equal(a->end, c->end);
        if (a->end != POSITRON_HIT || f->end != POSITRON_HIT) continue;
        n_hits++;
        worst = fmax(worst, hypot(a->x - f->x, a->y - f->y));
        assert_true(fabs(a->x - c->x) < 1e-8 && fabs(a->y - c->y) < 1e-8);
        assert_true(fabs(a->ux * a->ux + a->uy * a->uy + a->uz * a->uz - 1.0) < 1e-6);
    }
    print_message("step 20 mm: %d hits, largest move %.2g mm\n", n_hits, worst);
    assert_true(n_hits > N / 5 && n_differ <= 1 && worst < 0.02);
    positron_work_free(&w1);
    positron_work_free(&w2);
    positron_work_free(&w3);
    block_free(b);
}

/* The acceptance rises about linearly and flattens. The toy of the reference sheet, 0.75 E/2.35 GeV up to 2.35 GeV, is
 * no measurement: bounds are wide. */
static void acceptance_rises_and_flattens(void **state)
{
    (void)state;
    enum { N = 100000, N_ENERGY = 6 };
    struct positron_setup s = setup_of(node_b);
    struct block *b         = birth(N);
    decays(b, N, 2);
    struct positron_view v = positron_view(b);
    struct positron_work w = {0};
    assert_int_equal(positron_track(&s, rng_key(7, 1, 0, 2, 21), &v, &w), ERR_OK);
    double n[N_ENERGY] = {0}, hit[N_ENERGY] = {0}, ends[N_POSITRON_ENDS] = {0}, ends_high[N_POSITRON_ENDS] = {0};
    for (size_t i = 0; i < N; i++) {
        int bin = (int)(w.state[i].p_GeV / 0.5);
        ends[w.state[i].end] += 1.0;
        if (w.state[i].p_GeV > 1.0) ends_high[w.state[i].end] += 1.0;
        if (bin >= N_ENERGY) continue;
        n[bin] += 1.0;
        hit[bin] += w.state[i].end == POSITRON_HIT;
    }
    for (int i = 0; i < N_ENERGY; i++)
        print_message("acceptance %.2f GeV: %.3f (toy %.3f)\n", 0.5 * i + 0.25, hit[i] / n[i],
                      fmin(0.75, 0.75 * (0.5 * i + 0.25) / 2.35));
    for (int i = 0; i < N_ENERGY; i++) {
        double toy = fmin(0.75, 0.75 * (0.5 * i + 0.25) / 2.35), share = hit[i] / n[i];
        assert_true(share > 0.7 * toy && share < 1.4 * toy);
        assert_true(i == 0 || share > hit[i - 1] / n[i - 1]);
    }
    assert_true(hit[5] / n[5] - hit[4] / n[4] < 0.5 * (hit[4] / n[4] - hit[3] / n[3]));
    double n_high = 0.0;
    for (int i = 0; i < N_POSITRON_ENDS; i++) n_high += ends_high[i];
    for (int i = 0; i < N_POSITRON_ENDS; i++)
        print_message("%-28s %.5f, above 1 GeV %.5f\n", positron_end_text[i], ends[i] / N, ends_high[i] / n_high);
    assert_true(ends[POSITRON_OUTER] == 0.0);
    positron_work_free(&w);
    block_free(b);
}

/* A positron's track does not depend on those beside it: the same bits, alone or in company. */
static void lanes_are_independent(void **state)
{
    (void)state;
    enum { N = 1003 };
    struct positron_setup s = setup_of(node_b);
    struct block *b = birth(N), *one = birth(1);
    decays(b, N, 4);
    struct positron_view v  = positron_view(b);
    struct positron_work w1 = {0}, w2 = {0};
    assert_int_equal(positron_track(&s, rng_key(7, 1, 0, 4, 21), &v, &w1), ERR_OK);
    for (size_t i = 0; i < N; i += 7) {
        struct positron_view u =
            put(one, 0, v.x_mm[i], v.y_mm[i], v.phi_rad[i], v.p_r_GeV[i], v.p_phi_GeV[i], v.p_y_GeV[i]);
        assert_int_equal(positron_track(&s, rng_key(7, 1, 0, 4, 21), &u, &w2), ERR_OK);
        struct positron_state *a = &w1.state[i], *c = &w2.state[0];
        assert_true(a->end == c->end && a->calo == c->calo && a->x == c->x && a->y == c->y && a->s == c->s);
    }
    positron_work_free(&w1);
    positron_work_free(&w2);
    block_free(b);
    block_free(one);
}

/* 5 mm of aluminium at grazing angles: on average 1 - 1/e^(t) of the energy goes for t radiation lengths. */
static void wall_takes_energy(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct positron_setup s = setup_of(node_b);
    s.wall_mm               = 5.0;
    s.wall_GeV_per_mm       = 0.0;
    struct block *b         = birth(N);
    struct positron_view v  = positron_view(b);
    for (size_t i = 0; i < N; i++) v = put(b, i, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0);
    struct positron_work w = {0};
    assert_int_equal(positron_track(&s, rng_key(8, 1, 0, 1, 21), &v, &w), ERR_OK);
    double sum = 0.0, sum2 = 0.0;
    for (size_t i = 0; i < N; i++) {
        sum += w.state[i].p_GeV / 2.0;
        sum2 += w.state[i].p_GeV * w.state[i].p_GeV / 4.0;
    }
    /* angle at the wall: the circle of radius rho about (R0 - rho) meets r = 7035.8 */
    double rho = 2.0 / s.curvature, far = RING_R0_MM - rho, r = s.wall_r_mm;
    double sine = (rho * rho + r * r - far * far) / (2.0 * rho * r), t = 5.0 / sqrt(1.0 - sine * sine) / s.wall_X0_mm;
    double mean = sum / N, error = sqrt((sum2 / N - mean * mean) / N);
    /* E(x) of x = E'/E: 2^(-t/ln 2) = exp(-t); those stopped in the wall keep their momentum, below 1 MeV: under 1 % */
    print_message("wall: t = %.3f X0, mean E'/E %.4f +- %.4f, exp(-t) = %.4f\n", t, mean, error, exp(-t));
    assert_true(fabs(mean - exp(-t)) < 5.0 * error + 0.01);
    positron_work_free(&w);
    block_free(b);
}

/* With all defaults the module's hits are those of positron_track(), in the order of the positrons. */
static void module_gives_the_hits(void **state)
{
    (void)state;
    enum { N = 3000 };
    const struct module *m = module_find("PositronTracker")->module;
    struct hist_set hists  = {0};
    struct step s          = {.module = m, .label = "tracker", .rng = rng_key(7, 1, 0, 3, 21), .hists = &hists};
    void *cfg;
    assert_int_equal(mem_alloc(&cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, NULL, "tracker", NULL, cfg), ERR_OK);
    s.cfg   = cfg;
    s.in[0] = birth(N);
    decays(s.in[0], N, 3);
    assert_int_equal(block_create(&table_calo_hit, &s.out[0]), ERR_OK);
    assert_int_equal(m->begin(&s), ERR_OK);
    assert_int_equal(m->event(&s), ERR_OK);
    struct positron_view v      = positron_view(s.in[0]);
    struct calo_hit_view h      = calo_hit_view(s.out[0]);
    struct positron_work w      = {0};
    struct positron_setup setup = setup_of(node_b);
    assert_int_equal(positron_track(&setup, s.rng, &v, &w), ERR_OK);
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        if (w.state[i].end != POSITRON_HIT) continue;
        assert_int_equal(h.positron[n], i);
        assert_in_range(h.calo[n], 1, N_CALOS);
        assert_true(fabs(h.x_mm[n]) < 112.95 && fabs(h.y_mm[n]) < 75.3);
        double flight_ns = h.t_fill_ns[n] - v.t_fill_ns[i];
        assert_true(flight_ns > w.state[i].s / C_MM_NS && flight_ns < 40.0);
        /* the calorimeter hit lies ahead by less than 90 degrees */
        double ahead = fmod(geometry_calo_phi_rad(h.calo[n]) - v.phi_rad[i] + 2.0 * PI, 2.0 * PI);
        assert_true(ahead > 0.0 && ahead <= 0.5 * PI);
        n++;
    }
    assert_int_equal(h.n, n);
    assert_int_equal(hist_find(&hists, "positron/end")->n_entries, N);
    m->end(&s);
    positron_work_free(&w);
    hist_set_free(&hists);
    cfg_free(m->fields, cfg);
    mem_free(cfg);
    block_free(s.in[0]);
    block_free(s.out[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_passes_its_table),
        cmocka_unit_test(uniform_field_is_a_circle),
        cmocka_unit_test(falling_field_bends_and_defocuses),
        cmocka_unit_test(steps_are_short_enough),
        cmocka_unit_test(acceptance_rises_and_flattens),
        cmocka_unit_test(lanes_are_independent),
        cmocka_unit_test(wall_takes_energy),
        cmocka_unit_test(module_gives_the_hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
