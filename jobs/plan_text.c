/* A plan for people. */
#include "plan.h"

#include <stdio.h>

static void put(double value, double unit, int width, int digits, bool is_scaled)
{
    if (value < 0.0)
        printf(" %*s", width, "?");
    else
        printf(" %s%*.*f", is_scaled ? "~" : "", is_scaled ? width - 1 : width, digits, value / unit);
}

static double add(double sum, double one) { return sum < 0.0 || one < 0.0 ? -1.0 : sum + one; }

void plan_print(const struct campaign *c, const struct plan_stage *stages)
{
    double sum[5] = {0.0}, end_h = 0.0;
    printf("\n%-22s %8s %9s %10s %10s %10s %9s  %s\n", "still to do", "jobs", "files", "core-hours", "input GB",
           "output GB", "hours", "measured on");
    for (size_t i = 0; i < c->n_stages; i++) {
        const struct plan_stage *p = &stages[i];
        double one[5] = {p->n_jobs, c->stage[i].dataset ? p->n_files : 0.0, p->core_h, p->in_bytes, p->out_bytes};
        printf("%-22.60s", c->stage[i].name);
        put(p->n_jobs, 1.0, 8, 0, p->is_extrapolated);
        if (c->stage[i].dataset)
            put(p->n_files, 1.0, 9, 0, p->is_extrapolated);
        else
            printf(" %3.0f fills", p->n_files);
        put(p->core_h, 1.0, 10, 4, p->is_extrapolated);
        put(p->in_bytes, 1e9, 10, 4, p->is_extrapolated);
        put(p->out_bytes, 1e9, 10, 4, p->is_extrapolated);
        put(p->wall_h, 1.0, 9, 3, p->is_extrapolated);
        printf("  %s\n", p->use.from);
        for (int k = 0; k < 5; k++) sum[k] = add(sum[k], one[k]);
        end_h = end_h < 0.0 || p->begin_h < 0.0 || p->wall_h < 0.0 ? -1.0
                : p->begin_h + p->wall_h > end_h                   ? p->begin_h + p->wall_h
                                                                   : end_h;
    }
    printf("%-22s", "all");
    put(sum[0], 1.0, 8, 0, false);
    put(sum[1], 1.0, 9, 0, false);
    put(sum[2], 1.0, 10, 4, false);
    put(sum[3], 1e9, 10, 4, false);
    put(sum[4], 1e9, 10, 4, false);
    put(end_h, 1.0, 9, 3, false);
    printf("\n");
    if (end_h > 24.0)
        printf("a day: %.0f jobs, %.1f core-hours, %.1f GB read, %.1f GB written\n", sum[0] * 24.0 / end_h,
               sum[2] * 24.0 / end_h, sum[3] / 1e9 * 24.0 / end_h, sum[4] / 1e9 * 24.0 / end_h);
    for (size_t i = 0; i < c->n_stages; i++)
        for (size_t w = 0; w < stages[i].n_warnings; w++) printf("! %s: %s\n", c->stage[i].name, stages[i].warning[w]);
    for (size_t i = 0; i < c->n_stages; i++)
        if (stages[i].use.cpu_s < 0.0 && stages[i].n_files != 0.0) {
            printf("? is not known: no job of such a configuration was measured yet; run a small one (a test launch), "
                   "then plan again\n");
            break;
        }
}
