/* What a human should look at, and what to type next. */
#include "status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HOUR_S = 3600, NEW_S = 900, IDLE_S = 6 * HOUR_S, MANY = 20 };
#define MANY_FAIL_PERCENT   20.0
#define LOW_CPU_PERCENT     50.0
#define HIGH_MEMORY_PERCENT 90.0

/* ---- hints ----------------------------------------------------------------------------------------------------------- */
static void add(struct status_stage *s, const char *what, const char *next_format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(struct status_stage *s, const char *what, const char *next_format, ...)
{
    if (s->n_hints == STATUS_HINTS) return;
    struct status_hint *h = &s->hint[s->n_hints++];
    va_list args;
    snprintf(h->what, sizeof h->what, "%s", what);
    va_start(args, next_format);
    vsnprintf(h->next, sizeof h->next, next_format, args);
    va_end(args);
}

static void about_oldest(const struct status *k, struct status_stage *s, const char *stage)
{
    const char *name = k->campaign->cfg.name;
    char text[200];
    int64_t age_s = k->at_s - s->oldest.create_s;
    if (!s->oldest.id) return;
    snprintf(text, sizeof text, "submission %" PRId64 " is %s since %.1f h", s->oldest.id,
             ledger_state_name(s->oldest.state), (double)age_s / HOUR_S);
    if (s->oldest.state == LEDGER_NEW && age_s > NEW_S)
        add(s, text, "gm2 campaign step %s %s   # no pass was made since", k->db, name);
    else if (s->oldest.state == LEDGER_IDLE && age_s > IDLE_S)
        add(s, text, "gm2 campaign status %s %s %s   # then ask the batch system why it waits", k->db, name, stage);
    /* a job of 12 h is the production's usual limit */
    else if (s->oldest.state == LEDGER_RUNNING && age_s > 12 * HOUR_S)
        add(s, text, "gm2 campaign status %s %s %s   # then read its log", k->db, name, stage);
}

static void about_use(const struct status *k, struct status_stage *s, const char *stage)
{
    char text[200];
    double cpu = status_cpu_percent(&s->use);
    if (s->use.n_cpu >= MANY && cpu < LOW_CPU_PERCENT) {
        snprintf(text, sizeof text, "CPU efficiency is %.0f %%: jobs wait for their input, or for one another", cpu);
        add(s, text, "gm2 campaign status %s %s %s", k->db, k->campaign->cfg.name, stage);
    }
    if (s->use.requested_kb && (double)s->use.peak_kb * 100.0 > HIGH_MEMORY_PERCENT * (double)s->use.requested_kb) {
        snprintf(text, sizeof text, "a job used %.0f MB of the %.0f MB asked for", (double)s->use.peak_kb / 1024.0,
                 (double)s->use.requested_kb / 1024.0);
        add(s, text, "ask for more memory in the stage's options");
    }
}

void status_add_hints(const struct status *k, size_t index)
{
    struct status_stage *s = &k->stage[index];
    const char *stage = k->campaign->stage[index].name, *name = k->campaign->cfg.name;
    char text[200];
    int64_t n_ended = s->jobs.n_success + s->jobs.n_failed;
    if (s->look.n_parked) {
        snprintf(text, sizeof text, "%zu files are parked: every attempt ended without a product", s->look.n_parked);
        add(s, text, "gm2 campaign status %s %s %s   # read the logs; then: gm2 campaign retry %s %s", k->db, name,
            stage, k->db, name);
    }
    if (s->look.n_gone) {
        snprintf(text, sizeof text, "%zu files are gone from all their places", s->look.n_gone);
        add(s, text, "gm2 files audit %s   # bring them back (gm2 files locate), or gm2 files retire", k->db);
    }
    if (s->look.n_staging) {
        snprintf(text, sizeof text, "%zu files wait for staging, or cannot be asked after", s->look.n_staging);
        add(s, text, "gm2 campaign step %s %s --loop 5   # they are started as they come", k->db, name);
    }
    about_oldest(k, s, stage);
    if (*s->change)
        add(s, s->change,
            "gm2 campaign step %s %s   # what came is done, what is gone stays done; gm2 files diff tells names", k->db,
            name);
    if (strncmp(s->look.why, "canary", 6) == 0 && !s->look.n_live)
        add(s, s->look.why, "gm2 campaign status %s %s %s   # read its log", k->db, name, stage);
    if (strncmp(s->look.why, "refused", 7) == 0)
        add(s, s->look.why, "gm2 files count %s '%.200s'", k->db, k->campaign->stage[index].dataset);
    if (s->jobs.n == 0 && s->n_other) {
        snprintf(text, sizeof text, "nothing of this version yet; %" PRId64 " submissions were of others", s->n_other);
        add(s, text, "gm2 campaign status %s %s %s   # release, commit, configuration, constants: is it meant?", k->db,
            name, stage);
    }
    if (s->look.empty && !s->look.is_waiting && !s->look.n_live)
        add(s, "a part of its dataset selects no file", "gm2 files explain %s '%.200s'", k->db, s->look.empty);
    bool is_approval = strcmp(s->state, "approval") == 0;
    if (!s->look.n_live && !s->look.is_waiting && !*s->look.why && !s->look.is_complete && s->n_left && !k->is_held &&
        s->jobs.n && !is_approval)
        add(s, "files are left and nothing runs", "gm2 campaign step %s %s --loop 5   # or look whether cron runs it",
            k->db, name);
    if (is_approval) add(s, "awaits approval", "gm2 campaign approve %s %s %s", k->db, name, stage);
    if (n_ended >= MANY && status_percent(s->jobs.n_failed, n_ended) > MANY_FAIL_PERCENT) {
        snprintf(text, sizeof text, "%.0f %% of the submissions failed", status_percent(s->jobs.n_failed, n_ended));
        add(s, text, "gm2 campaign hold %s %s   # then: gm2 campaign status %s %s %s", k->db, name, k->db, name, stage);
    }
    about_use(k, s, stage);
}

/* ---- what to type next ----------------------------------------------------------------------------------------------- */
void status_add_stage(struct status_sum *sum, const char *stage, const struct step_stage *look)
{
    sum->n++;
    sum->n_complete += look->is_complete;
    sum->n_parked += look->n_parked;
    sum->n_live += look->n_live;
    if (strcmp(status_state(look), "no input") == 0)
        sum->n_starved++;
    else if (!look->is_complete && !look->is_waiting)
        sum->n_due++;
    if (strcmp(status_state(look), "approval") == 0) sum->approval = stage;
    if (strcmp(status_state(look), "canary") == 0 && !look->n_live) sum->canary = stage;
}

void status_say_next(const struct status_sum *sum, const char *campaign, bool is_held, const char *db, char out[400])
{
    if (sum->n_complete == sum->n && !sum->n_older)
        snprintf(out, 400, "all is done");
    else if (is_held)
        snprintf(out, 400, "held: nothing is started; go on with: gm2 campaign release %s %s", db, campaign);
    else if (sum->n_parked && !sum->n_live)
        snprintf(out, 400, "read the logs of what failed, mend, then: gm2 campaign retry %s %s", db, campaign);
    else if (sum->canary && !sum->n_live)
        snprintf(out, 400,
                 "mend what the canary found, then: gm2 campaign retry %s %s %s   # or start the description again", db,
                 campaign, sum->canary);
    else if (sum->approval && !sum->n_live)
        snprintf(out, 400, "gm2 campaign approve %s %s %s   # after a look at what the stages before it made", db,
                 campaign, sum->approval);
    else if (sum->n_starved && !sum->n_due && !sum->n_live)
        snprintf(
            out, 400,
            "a dataset selects no file: mend it (gm2 files explain %s 'QUERY') or wait for files; then: gm2 campaign "
            "step %s %s --loop 5",
            db, db, campaign);
    else
        snprintf(out, 400, "gm2 campaign step %s %s --loop 5", db, campaign);
}

void status_next(const struct status *k, char out[400])
{
    struct status_sum sum = {.n = 0, .n_older = k->n_older};
    for (size_t i = 0; i < k->campaign->n_stages; i++)
        status_add_stage(&sum, k->campaign->stage[i].name, &k->stage[i].look);
    status_say_next(&sum, k->campaign->cfg.name, k->is_held, k->db, out);
}
