/* Tracking engine: CPU time of one muon's turn, for each instruction set this machine has. */
#include "ring_compare.h"

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

/* 5,000 stored muons from injection to decay in the default ring. */
static int bench_fill(const struct ring *ring, const char *isa)
{
    enum { N = 5000, REPEATS = 3 };
    double best = 1e300, turns = 0.0;
    struct ring_batch b;
    if (isa_force(isa) != 0) return 0;
    if (ring_batch_create(N, &b)) return 1;
    for (int k = 0; k < REPEATS; k++) {
        ring_ensemble(&b, N, PLANE_ALL, 1);
        for (size_t i = 0; i < N; i++) { /* in order of time to live, as the module sorts them */
            b.phi_rad[i]  = 355.0 * PI / 180.0;
            b.t_end_ns[i] = -MAGIC_GAMMA * MUON_LIFETIME_NS * log(1.0 - ((double)i + 0.5) / N);
        }
        double t = cpu_ns();
        if (ring_track(ring, &b)) return 1;
        best  = fmin(best, cpu_ns() - t);
        turns = 0.0;
        for (size_t i = 0; i < N; i++) turns += b.turns[i];
    }
    printf("ring.fill_5000_muons.%s.best %.3f s\n", isa, 1e-9 * best);
    printf("ring.fill_5000_muons.%s.turn.best %.1f ns/muon-turn\n", isa, best / turns);
    ring_batch_free(&b);
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

int main(void)
{
    static struct subject s[5] = {{.name = "bench.8kicks"},
                                  {.name = "bench.16kicks"},
                                  {.name = "esq13_26.linear.16kicks"},
                                  {.name = "esq13_26.nim.collimators.16kicks"},
                                  {.name = "esq13_26.custom.collimators.16kicks"}};
    struct ring_setup setup    = ring_setup_default();
    int bad                    = ring_build(&setup, &s[3].ring) != ERR_OK;
    setup.skew_V[4]            = 1.0;
    bad |= ring_build(&setup, &s[4].ring) != ERR_OK;
    setup.n_collimators = 0;
    ring_setup_linear(&setup, 0.108);
    bad |= ring_build(&setup, &s[2].ring) != ERR_OK;
    setup.layout = RING_39;
    ring_setup_linear(&setup, 0.108);
    setup.pair_deg = 39.0;
    bad |= ring_build(&setup, &s[0].ring) != ERR_OK;
    setup.pair_deg = 19.5;
    bad |= ring_build(&setup, &s[1].ring) != ERR_OK;
    static const char *const sets[] = {"baseline", "avx2", "avx512"};
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_engine(s, 5, sets[i]);
    for (size_t i = 0; i < 3 && !bad; i++) bad |= bench_fill(&s[3].ring, sets[i]);
    if (bad) {
        fprintf(stderr, "%s\n", err_message());
        return 1;
    }
    bench_scalar(&s[0]);
    return 0;
}
