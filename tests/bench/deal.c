/* Rank 0's loop against 10,000 virtual workers: cost of a grant, memory, and the efficiency of the simulated farm with
 * the writing of files and rank 0's own time in it. Unit times are log-normal (sigma 0.3), as productions have them. */
#include "deal.h"
#include "mem.h"
#include "rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WORKERS = 10000, PER_WORKER = 20 };
static const double write_s = 0.05; /* create, sync, publish one unit file: measured here 7 ms a durable publish */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A heap of (time, worker): when each worker's unit ends. */
struct end {
    double t;
    size_t worker, unit;
};
static struct end heap[WORKERS + 1];
static size_t n_heap;

static void push(struct end e)
{
    size_t i = n_heap++;
    for (; i && heap[(i - 1) / 2].t > e.t; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static struct end pop(void)
{
    struct end top = heap[0], last = heap[--n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n_heap; i = child) {
        if (child + 1 < n_heap && heap[child + 1].t < heap[child].t) child++;
        if (heap[child].t >= last.t) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

int main(void)
{
    const size_t n = (size_t)WORKERS * PER_WORKER;
    double *cost = malloc(n * sizeof *cost), work = 0.0;
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 999), 0);
    if (!cost) return 1;
    for (size_t i = 0; i < n; i++) work += cost[i] = 600.0 * exp(0.3 * rng_normal(&r));
    int64_t memory = mem_now_kB();
    struct deal *d;
    double begin = cpu_s();
    if (deal_create(n, cost, WORKERS, 0.0, &d)) return 1;
    double created = cpu_s(), worst = 0.0;
    size_t grants = 0;
    for (size_t w = 0; w < WORKERS; w++) {
        int64_t u = deal_grant(d, w, 0.0);
        grants++;
        push((struct end){cost[u] + write_s, w, (size_t)u});
    }
    double t = 0.0, dealing = cpu_s();
    while (n_heap) {
        struct end e = pop();
        t            = e.t;
        double one   = cpu_s();
        deal_heard(d, e.worker, t);
        if (deal_report(d, e.worker, e.unit, true, t)) return 1;
        int64_t u = deal_grant(d, e.worker, t);
        one       = cpu_s() - one;
        if (one > worst) worst = one;
        grants++;
        if (u >= 0) push((struct end){t + cost[u] + write_s, e.worker, (size_t)u});
    }
    double end = cpu_s();
    printf("deal.workers %d\ndeal.units %zu\n", WORKERS, n);
    printf("deal.create %.3f s\n", created - begin);
    printf("deal.grant.mean %.0f ns\ndeal.grant.worst %.1f us\n", 1e9 * (end - dealing) / (double)grants, 1e6 * worst);
    printf("deal.memory %.1f MB\n", (double)(mem_now_kB() - memory) / 1024.0);
    double silence = cpu_s();
    for (int i = 0; i < 100; i++)
        if (deal_silent(d, 1e9, t) >= 0) return 1;
    printf("deal.silence.scan %.1f us\n", 1e6 * (cpu_s() - silence) / 100.0);
    printf("deal.farm.efficiency %.4f of ideal (work / (workers * makespan), writes included)\n", work / (WORKERS * t));
    printf("deal.rank0.load %.2e of one core\n", (end - dealing) / t);
    deal_free(d);
    free(cost);
    return 0;
}
