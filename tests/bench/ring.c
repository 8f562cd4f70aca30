/* Tracking engine: CPU time of one muon's turn, for each instruction set this machine has. */
#include "ring_compare.h"

#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_MUONS = 64, N_TURNS = 250, N_REPEATS = 7 };

struct subject {
    const char *name;
    struct ring ring;
};

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void place(struct ring_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        double u = (double)i / (double)b->n, delta = 1e-3 * (2.0 * u - 1.0);
        double x = 25.0 * cos(40.0 * u), y = 20.0 * sin(70.0 * u), p = MAGIC_P_GeV * (1.0 + delta);
        ring_batch_reset(b, i);
        b->x_mm[i]      = x;
        b->y_mm[i]      = y;
        b->p_r_GeV[i]   = p * 2e-3 * sin(40.0 * u);
        b->p_phi_GeV[i] = p;
        b->t_end_ns[i]  = 1e9;
    }
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print(const char *name, const char *what, double v[N_REPEATS])
{
    qsort(v, N_REPEATS, sizeof *v, by_value);
    printf("ring.%s.%s %.1f ns/muon-turn\n", name, what, v[N_REPEATS / 2]);
    printf("ring.%s.%s.best %.1f ns/muon-turn\n", name, what, v[0]);
}

static int bench_engine(const struct subject *s, size_t n, const char *isa)
{
    static double ns[8][N_REPEATS];
    struct ring_batch b;
    if (isa_force(isa) != 0 || ring_batch_create(N_MUONS, &b)) return 0;
    for (int k = 0; k < N_REPEATS; k++)
        for (size_t i = 0; i < n; i++) {
            place(&b);
            double t = cpu_ns();
            if (ring_turns(&s[i].ring, &b, N_TURNS)) return 1;
            ns[i][k] = (cpu_ns() - t) / (N_MUONS * N_TURNS);
        }
    for (size_t i = 0; i < n; i++) print(s[i].name, isa, ns[i]);
    ring_batch_free(&b);
    return 0;
}

/* In order of time to live, as the module sorts them. */
static void stored_muons(struct ring_batch *b, size_t n)
{
    ring_ensemble(b, n, PLANE_ALL, 1);
    for (size_t i = 0; i < n; i++) {
        b->phi_rad[i]  = 355.0 * PI / 180.0;
        b->t_end_ns[i] = -MAGIC_GAMMA * MUON_LIFETIME_NS * log(1.0 - ((double)i + 0.5) / (double)n);
    }
}

/* 5,000 stored muons from injection to decay. */
static int bench_fill(const char *name, const struct ring *ring, const char *isa)
{
    enum { N = 5000, REPEATS = 3 };
    double best = 1e300, turns = 0.0;
    struct ring_batch b;
    if (isa_force(isa) != 0) return 0;
    if (ring_batch_create(N, &b)) return 1;
    for (int k = 0; k < REPEATS; k++) {
        stored_muons(&b, N);
        double t = cpu_ns();
        if (ring_track(ring, &b)) return 1;
        best  = fmin(best, cpu_ns() - t);
        turns = 0.0;
        for (size_t i = 0; i < N; i++) turns += b.turns[i];
    }
    printf("ring.%s.fill_5000_muons.%s.best %.3f s\n", name, isa, 1e-9 * best);
    printf("ring.%s.fill_5000_muons.%s.turn.best %.1f ns/muon-turn\n", name, isa, best / turns);
    ring_batch_free(&b);
    return 0;
}

/* The map engine: turns, and the fill of bench_fill() with all that is around them. */
static int bench_map(const char *name, const struct ring *ring, const char *isa)
{
    enum { N = 5000 };
    const struct ring_stage stage = {ring, HUGE_VAL};
    double ns[N_REPEATS], best = 1e300;
    struct ring_maps *map;
    struct ring_batch b, spare;
    char what[64];
    if (isa_force(isa) != 0) return 0;
    double start = cpu_ns();
    if (ring_map_make(ring, 12, &map) || ring_batch_create(N, &b) || ring_batch_create(N, &spare)) return 1;
    const size_t all = b.n;
    printf("ring.map.%s.made %.3f s\n", name, 1e-9 * (cpu_ns() - start));
    for (int k = 0; k < N_REPEATS; k++) {
        b.n = N_MUONS;
        place(&b);
        double t = cpu_ns();
        if (ring_map_turns(map, &b, N_TURNS)) return 1;
        ns[k] = (cpu_ns() - t) / (N_MUONS * N_TURNS);
    }
    (void)snprintf(what, sizeof what, "map.%s", name);
    print(what, isa, ns);
    for (int k = 0; k < 3; k++) {
        b.n = all;
        stored_muons(&b, N);
        double t = cpu_ns();
        if (ring_track_mapped(&stage, 1, map, &b, &spare)) return 1;
        best = fmin(best, cpu_ns() - t);
    }
    printf("ring.map.%s.fill_5000_muons.%s.best %.3f s\n", name, isa, 1e-9 * best);
    ring_batch_free(&b);
    ring_batch_free(&spare);
    mem_free(map);
    return 0;
}

/* Scalar Runge-Kutta in double precision with 32 steps a turn: 0.4 ppb at worst, as the engine with 8 kicks. */
static void bench_scalar(const struct subject *s)
{
    double ns[N_REPEATS];
    for (int k = 0; k < N_REPEATS; k++) {
        double v[9] = {RING_R0_MM + 10.0, 5.0, 10.0, MAGIC_P_GeV / s->ring.GeV, 2.0, 0.0, 0.0, 0.0, -1.0};
        double t    = cpu_ns();
        ring_reference_turns_f64(&s->ring, v, 2000, 32);
        ns[k] = (cpu_ns() - t) / 2000;
    }
    print(s->name, "rk4_scalar_32_steps", ns);
}

enum { BENCH_8, BENCH_16, LINEAR, MULTIPOLES, REAL, SECTIONS, SOFT, N_SUBJECTS };

/* Every section half a millimetre out of place: no two have the same field. */
static enum err misalign(struct ring_setup *s)
{
    for (int i = 0; i < ESQ_SECTIONS; i++) {
        struct esq_setup e = esq_setup_nominal(18.3);
        e.dx_mm            = 0.5 * cos(3.0 * i);
        e.dy_mm            = 0.5 * sin(5.0 * i);
        TRY(esq_section(&e, "bench", &s->extra[i]));
    }
    for (int n = 0; n <= RING_MAX_ORDER; n++) s->normal_V[n] = 0.0;
    return ERR_OK;
}

static enum err make_subjects(struct subject s[N_SUBJECTS])
{
    static struct dipole_map dipole;
    struct ring_setup setup = ring_setup_default();
    TRY(ring_build(&setup, &s[MULTIPOLES].ring));
    TRY(dipole_map_preset("e989", &dipole));
    setup.dipole = &dipole;
    TRY(ring_build(&setup, &s[REAL].ring));
    TRY(misalign(&setup));
    TRY(ring_build(&setup, &s[SECTIONS].ring));
    setup            = ring_setup_default();
    setup.edge_steps = 2;
    setup.edge_mm    = 125.0;
    TRY(ring_build(&setup, &s[SOFT].ring));
    setup               = ring_setup_default();
    setup.n_collimators = 0;
    ring_setup_linear(&setup, 0.108);
    TRY(ring_build(&setup, &s[LINEAR].ring));
    setup.layout = RING_39;
    ring_setup_linear(&setup, 0.108);
    setup.pair_deg = 39.0;
    TRY(ring_build(&setup, &s[BENCH_8].ring));
    setup.pair_deg = 19.5;
    return ring_build(&setup, &s[BENCH_16].ring);
}

int main(void)
{
    static const char *const sets[]     = {"baseline", "avx2", "avx512"};
    static struct subject s[N_SUBJECTS] = {
        [BENCH_8]    = {.name = "bench.8kicks"},
        [BENCH_16]   = {.name = "bench.16kicks"},
        [LINEAR]     = {.name = "esq13_26.linear.16kicks"},
        [MULTIPOLES] = {.name = "esq13_26.nim.collimators.16kicks"},
        [REAL]       = {.name = "real.nim.dipole.collimators.16kicks"},
        [SECTIONS]   = {.name = "real.sections.dipole.collimators.16kicks"},
        [SOFT]       = {.name = "esq13_26.nim.soft_edges.collimators"},
    };
    int bad = make_subjects(s) != ERR_OK;
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_engine(s, N_SUBJECTS, sets[i]);
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_fill("bench.8kicks", &s[BENCH_8].ring, sets[i]);
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_fill("real", &s[REAL].ring, sets[i]);
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_map("linear", &s[BENCH_8].ring, sets[i]);
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_map("nim.collimators.12kicks", &s[MULTIPOLES].ring, sets[i]);
    if (bad) {
        fprintf(stderr, "%s\n", err_message());
        return 1;
    }
    bench_scalar(&s[BENCH_8]);
    return 0;
}
