/* Where a campaign stands, for a terminal of 100 columns; and words that pages use too. */
#include "status.h"

#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void status_time(int64_t at_s, char out[32])
{
    time_t at = (time_t)at_s;
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &utc);
}

void status_label(const struct status_submission *s, char out[160])
{
    char when[32];
    time_t at = (time_t)s->create_s;
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(when, sizeof when, "%Y%m%d_%H%M%S", &utc);
    snprintf(out, 160, "%s_%s_%" PRId64, when, s->user, s->id);
}

void status_folder(const struct status *k, const struct status_submission *s, char out[400])
{
    const struct campaign_stage *stage = &k->campaign->stage[s->stage];
    char digest[9];
    version_key_digest(&stage->version, digest);
    snprintf(out, 400, "%s_%s/%s", stage->name, digest, s->name);
}

void status_duration(double s, char out[32])
{
    if (s < 0.0)
        snprintf(out, 32, "-");
    else if (s < 90.0)
        snprintf(out, 32, "%.0f s", s);
    else if (s < 5400.0)
        snprintf(out, 32, "%.0f min", s / 60.0);
    else if (s < 172800.0)
        snprintf(out, 32, "%.1f h", s / 3600.0);
    else
        snprintf(out, 32, "%.1f d", s / 86400.0);
}

static void print_percent(double percent, int width)
{
    if (percent < 0.0)
        printf("%*s", width, "-");
    else
        printf("%*.1f", width, percent);
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */
static void print_files(const struct status *k, size_t from, size_t to)
{
    printf("%-22s %-9s %9s %9s %9s %9s %8s %7s\n", "stage", "state", "files", "done", "running", "left", "parked",
           "done %");
    for (size_t i = from; i < to; i++) {
        const struct status_stage *s = &k->stage[i];
        printf("%-22.60s %-9s %9zu %9zu %9zu %9zu %8zu %7.1f\n", k->campaign->stage[i].name, s->state, s->look.n_files,
               s->look.n_done, s->look.n_held, s->n_left, s->look.n_parked,
               status_percent((int64_t)s->look.n_done, (int64_t)s->look.n_files));
    }
}

void status_waits(const struct status *k, size_t index, char out[400])
{
    const struct step_stage *s     = &k->stage[index].look;
    const struct campaign_stage *c = &k->campaign->stage[index];
    size_t n                       = 0;
    out[0]                         = 0;
    if (*s->why) {
        utf8_printable(s->why, 0, out, 400);
        return;
    }
    for (size_t i = 0; i < c->n_needs && s->is_waiting; i++) {
        if (k->stage[c->need[i]].look.is_complete) continue;
        size_t used = strlen(out);
        snprintf(out + used, 400 - used, "%s%.100s", n++ ? ", " : "waits for ", k->campaign->stage[c->need[i]].name);
    }
}

static void print_waits(const struct status *k, size_t from, size_t to)
{
    char why[400];
    for (size_t i = from; i < to; i++) {
        status_waits(k, i, why);
        if (*why) printf("%s: %s\n", k->campaign->stage[i].name, why);
    }
}

static void print_jobs(const struct status *k, size_t from, size_t to)
{
    static const char *const title[] = {"cancelled", "failed", "held", "success"};
    printf("\n%-22s", "submissions");
    for (int c = 0; c < 4; c++) printf(" %8s      %%", title[c]);
    printf("  %4s %5s\n", "idle", "runs");
    for (size_t i = from; i < to; i++) {
        const struct status_jobs *j = &k->stage[i].jobs;
        const int64_t n[]           = {j->n_cancelled, j->n_failed, j->n_held, j->n_success};
        printf("%-22.60s", k->campaign->stage[i].name);
        for (int c = 0; c < 4; c++)
            printf(" %8" PRId64 " %6.1f", n[c], status_percent(n[c], n[0] + n[1] + n[2] + n[3]));
        printf("  %4" PRId64 " %5" PRId64 "\n", j->n_idle, j->n_running);
    }
}

static void print_progress(const struct status *k, size_t from, size_t to)
{
    char left[32];
    printf("\n%-22s %9s %9s %7s %9s %9s %7s %7s %8s\n", "subruns or fills", "done", "wanted", "%", "files/h",
           "left for", "CPU %", "mem %", "peak MB");
    for (size_t i = from; i < to; i++) {
        const struct status_stage *s = &k->stage[i];
        status_duration(s->look.is_complete ? 0.0 : s->left_s, left);
        printf("%-22.60s %9" PRId64 " %9" PRId64 " %7.1f %9.1f %9s ", k->campaign->stage[i].name, s->n_subruns_done,
               s->n_subruns, status_percent(s->n_subruns_done, s->n_subruns),
               s->recent_s > 0.0 ? (double)s->n_recent * 3600.0 / s->recent_s : 0.0, left);
        print_percent(status_cpu_percent(&s->use), 7);
        print_percent(status_memory_percent(&s->use), 8);
        print_percent(s->use.n_memory ? (double)s->use.peak_kb / 1024.0 : -1.0, 9);
        printf("\n");
    }
}

static void print_days(const struct status *k, size_t from, size_t to)
{
    char day[32];
    printf("\n%-22s %9s %9s %9s %9s\n", "last days (UTC)", "submitted", "done", "failed", "products");
    for (int d = 0; d < STATUS_DAYS; d++) {
        struct status_day sum = {0};
        for (size_t i = from; i < to; i++) {
            sum.n_submitted += k->stage[i].day[d].n_submitted;
            sum.n_done += k->stage[i].day[d].n_done;
            sum.n_failed += k->stage[i].day[d].n_failed;
            sum.n_files += k->stage[i].day[d].n_files;
        }
        status_time(k->stage[from].day[d].start_s, day);
        printf("%-22.10s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 "\n", day, sum.n_submitted, sum.n_done,
               sum.n_failed, sum.n_files);
    }
}

static void print_latest(const struct status *k, const struct status_submission *latest, size_t n)
{
    char label[160], folder[400], shown[320], path[800];
    printf("\nlatest submissions; logs are %s/FOLDER/log\n", k->campaign->cfg.output);
    for (size_t i = 0; i < n; i++) {
        const struct status_submission *s = &latest[i];
        status_label(s, label);
        status_folder(k, s, folder);
        printf("  %-34s %-17s %s\n", utf8_printable(label, 0, shown, sizeof shown), ledger_state_name(s->state),
               utf8_printable(folder, 0, path, sizeof path));
    }
}

static void print_older(const struct status *k)
{
    char shown[320];
    if (!k->n_older) return;
    printf("\n%zu submissions of earlier versions or folders live still: each pass asks after them, and declares what "
           "they make as what it is\n",
           k->n_older);
    for (size_t i = 0; i < k->n_older && i < STATUS_OLDER; i++) {
        const struct status_older *s = &k->older[i];
        printf("  %-32s %-8s %6" PRId64 " files, %s of version %.60s\n    %s\n",
               utf8_printable(s->name, 0, shown, sizeof shown), ledger_state_name(s->state), s->n_files, s->stage,
               s->version, s->folder);
    }
    printf("  to stop one: gm2 campaign kill %s %s %s\n", k->db, k->campaign->cfg.name, k->older[0].name);
}

static void print_hints(const struct status *k, size_t from, size_t to)
{
    char next[400];
    for (size_t i = from; i < to; i++)
        for (size_t h = 0; h < k->stage[i].n_hints; h++)
            printf("\n! %s: %s\n  %s\n", k->campaign->stage[i].name, k->stage[i].hint[h].what,
                   k->stage[i].hint[h].next);
    status_next(k, next);
    printf("\nnext: %s\n", next);
}

/* ---- one stage -------------------------------------------------------------------------------------------------------- */
static void print_card(const struct status *k, size_t index)
{
    const struct campaign_stage *c = &k->campaign->stage[index];
    const struct status_stage *s   = &k->stage[index];
    char state[160];
    printf("\nid               %" PRId64 " in campaign %" PRId64 "\nversion          %s\nconfiguration    %s\n", s->id,
           k->id, s->version_key, c->cfg.config);
    for (size_t i = 0; i < c->cfg.set.n; i++) printf("override         %s\n", c->cfg.set.value[i]);
    printf("dataset          %s\n", c->dataset ? c->dataset : "none: a simulation");
    printf("split            %s\nexecutor         %s", c->cfg.split, c->cfg.executor);
    for (size_t i = 0; i < c->cfg.sbatch.n; i++) printf(" %s", c->cfg.sbatch.value[i]);
    printf("\nranks            %" PRId64 ", at most %" PRId64 " submissions at the same time, %" PRId64
           " attempts at a file\n",
           c->cfg.ranks, c->cfg.max_submissions, c->cfg.max_attempts);
    for (size_t i = 0; i < s->n_versions && i < STATUS_VERSIONS; i++)
        printf("other version    %s: %" PRId64 " submissions, %" PRId64 " of them done\n", s->version[i].key,
               s->version[i].n, s->version[i].n_done);
    for (size_t i = 0; i < s->n_failures; i++) {
        const struct status_failure *f = &s->failure[i];
        utf8_printable(f->state, 0, state, sizeof state);
        if (f->exit_code < 0)
            printf("failed           %" PRId64 " without an exit status %s\n", f->n, state);
        else
            printf("failed           %" PRId64 " with exit status %d %s\n", f->n, f->exit_code, state);
    }
}

void status_print(const struct status *k, size_t stage)
{
    char now[32];
    size_t from = stage == SIZE_MAX ? 0 : stage, to = stage == SIZE_MAX ? k->campaign->n_stages : stage + 1;
    status_time(k->at_s, now);
    printf("campaign %s%s, %s UTC\n\n", k->campaign->cfg.name, k->is_held ? " (held)" : "", now);
    print_files(k, from, to);
    print_waits(k, from, to);
    print_jobs(k, from, to);
    print_progress(k, from, to);
    if (stage != SIZE_MAX) print_card(k, stage);
    print_days(k, from, to);
    if (stage == SIZE_MAX)
        print_latest(k, k->latest, k->n_latest);
    else
        print_latest(k, k->stage[stage].latest, k->stage[stage].n_latest);
    print_older(k);
    print_hints(k, from, to);
}
