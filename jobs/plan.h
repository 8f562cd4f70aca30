/* What a campaign would take: jobs, CPU, bytes, time, before anything is launched. Test: tests/cli/campaign_plan.sh */
#ifndef GM2_PLAN_H
#define GM2_PLAN_H

#include "campaign.h"
#include "estimate.h"

enum { PLAN_WARNINGS = 6 };

/** Of what a stage has still to do. Below 0: not known. */
struct plan_stage {
    double n_jobs, n_files, in_bytes; /* input; of a simulation, n_files: fills, in_bytes 0 */
    double core_h, out_bytes, out_files;
    double wall_h;        /* with max_submissions jobs at the same time */
    double begin_h;       /* after the stages it needs */
    bool is_extrapolated; /* its dataset grows by a stage that is not complete: scaled by what that has done */
    struct estimate use;
    size_t n_warnings;
    char warning[PLAN_WARNINGS][200];
};

/** stages [campaign->n_stages]. Nothing is changed. */
enum err plan_read(struct catalogue *catalogue, const struct campaign *campaign, struct plan_stage *stages);
/** A table, the sums, what they are a day, and warnings. */
void plan_print(const struct campaign *campaign, const struct plan_stage *stages);
/** How many submissions a split makes of files that are all still to do; below 0: not known. */
enum err plan_count_jobs(const struct split *split, struct split_file *files, size_t n, double *n_jobs);
/** Slurm's time limit, "minutes", "h:m:s", "d-h", "d-h:m:s", ... [s]; below 0: none of them. */
double plan_time_limit_s(const char *text);

#endif
