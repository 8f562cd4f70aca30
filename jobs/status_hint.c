/* What a human should look at, and what to type next. */
#include "status.h"

#include "utf8.h"

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
    utf8_printable(what, 0, h->what, sizeof h->what);
    va_start(args, next_format);
    vsnprintf(h->next, sizeof h->next, next_format, args);
    va_end(args);
}

/* One word of a shell, so that the line can be typed as it stands. */
static const char *quoted(const char *text, char out[1600])
{
    size_t n = 0, room = 1600 - 6;
    out[n++] = '\'';
    for (; *text && n < room; text++) {
        if (*text == '\'')
            n += (size_t)snprintf(out + n, 6, "'\\''");
        else
            out[n++] = *text;
    }
    snprintf(out + n, 6, "%s", *text ? "...'" : "'");
    return out;
}

/* The log of a submission, to be typed; one that was never started has none. */
static void say_log(const struct status *k, const struct status_submission *s, char out[1600])
{
    char folder[400], path[1500];
    status_folder(k, s, folder);
    snprintf(path, sizeof path, "%.1000s/%s/log", k->campaign->cfg.output, folder);
    if (s->id && s->state == LEDGER_FAILED)
        snprintf(out, 1600, "less %s   # mend what it says; then: ", path);
    else
        snprintf(out, 1600, "%s", s->id ? "# mend what it says; then: " : "");
}

static void about_failed(const struct status *k, struct status_stage *s, const char *stage)
{
    const char *name = k->campaign->cfg.name;
    char log[1600], text[400];
    bool is_canary = strcmp(s->state, "canary") == 0 && !s->look.n_live;
    say_log(k, &s->failed, log);
    if (s->look.n_parked)
        snprintf(text, sizeof text, "%zu files are parked: no product in %" PRId64 " attempts; last: %.200s",
                 s->look.n_parked, k->campaign->stage[s->failed.stage].cfg.max_attempts, s->failed.reason);
    if (s->look.n_parked || is_canary)
        add(s, s->look.n_parked ? text : s->look.why, "%sgm2 campaign retry %s %s %s", log, k->db, name, stage);
}

/* By the batch system, and by people. */
static void about_held(const struct status *k, struct status_stage *s, size_t index)
{
    const char *executor = k->campaign->stage[index].cfg.executor, *name = k->campaign->cfg.name;
    char text[400];
    if (s->held.id) {
        snprintf(text, sizeof text, "%" PRId64 " submissions are held by the batch system; %.100s: %.180s",
                 s->jobs.n_held, s->held.name, *s->held.reason ? s->held.reason : "it says no reason");
        add(s, text, "%s %s   # when that is mended; or give it up: gm2 campaign kill %s %s %s",
            strcmp(executor, "condor") == 0 ? "condor_release" : "scontrol release", s->held.batch_id, k->db, name,
            s->held.name);
    }
    if (strcmp(s->state, "held") == 0 && !k->is_held)
        add(s, s->look.why, "gm2 campaign release %s %s%s%s", k->db, name, *s->look.hold ? " " : "", s->look.hold);
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
    char text[200], query[1600];
    int64_t n_ended = s->jobs.n_success + s->jobs.n_failed;
    about_failed(k, s, stage);
    about_held(k, s, index);
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
    if (strncmp(s->look.why, "refused", 7) == 0)
        add(s, s->look.why, "gm2 files count %s %s", k->db, quoted(k->campaign->stage[index].dataset, query));
    if (s->jobs.n == 0 && s->n_other && !s->look.is_waiting) {
        snprintf(text, sizeof text, "nothing of this version yet; %" PRId64 " submissions were of others", s->n_other);
        add(s, text, "gm2 campaign status %s %s %s   # release, commit, configuration, constants: is it meant?", k->db,
            name, stage);
    }
    if (s->look.empty && !s->look.is_waiting && !s->look.n_live)
        add(s,
            strcmp(s->look.empty, k->campaign->stage[index].dataset) == 0 ? "its dataset selects no file"
                                                                          : "a part of its dataset selects no file",
            "gm2 files explain %s %s   # perhaps a word is misspelt", k->db, quoted(s->look.empty, query));
    bool is_approval = strcmp(s->state, "approval") == 0;
    if (strcmp(s->state, "due") == 0 && s->n_left && !k->is_held && s->jobs.n)
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
    char look[200] = "mend what is said above,";
    if (!sum->has_hints)
        snprintf(look, sizeof look, "gm2 campaign status %.90s %.60s   # mend what it says,", db, campaign);
    if (sum->n_complete == sum->n && !sum->n_older)
        snprintf(out, 400, "all is done");
    else if (is_held)
        snprintf(out, 400, "held: nothing is started; go on with: gm2 campaign release %s %s", db, campaign);
    else if (sum->n_parked && !sum->n_live)
        snprintf(out, 400, "%s then: gm2 campaign retry %s %s", look, db, campaign);
    else if (sum->canary && !sum->n_live)
        snprintf(out, 400,
                 "mend what the canary found, then: gm2 campaign retry %s %s %s   # or start the description again", db,
                 campaign, sum->canary);
    else if (sum->approval && !sum->n_live)
        snprintf(out, 400, "gm2 campaign approve %s %s %s   # after a look at what the stages before it made", db,
                 campaign, sum->approval);
    else if (sum->n_starved && !sum->n_due && !sum->n_live)
        snprintf(out, 400, "%s or wait for files; then: gm2 campaign step %s %s --loop 5", look, db, campaign);
    else
        snprintf(out, 400, "gm2 campaign step %s %s --loop 5", db, campaign);
}

void status_next(const struct status *k, char out[400])
{
    struct status_sum sum = {.n = 0, .n_older = k->n_older, .has_hints = true};
    for (size_t i = 0; i < k->campaign->n_stages; i++)
        status_add_stage(&sum, k->campaign->stage[i].name, &k->stage[i].look);
    status_say_next(&sum, k->campaign->cfg.name, k->is_held, k->db, out);
}
