/* One pass over a campaign. */
#include "step.h"

#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "stage_array.h"
#include "stage_products.h"
#include "stage_whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_AGAIN = 75 };

enum err step_look(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                   struct step_stage *out)
{
    struct stage_work w;
    *out = (struct step_stage){.n_files = 0};
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, "", &w));
    return stage_work_look(&w, out);
}

/* ---- ending --------------------------------------------------------------------------------------------------------- */
struct judging {
    const struct stage_work *work;
    const struct ledger_submission *submission;
    const struct executor_report *report;
    const struct ingest_tally *tally;
};

static enum err judge_simulation(const struct judging *j, struct ledger_verdict *v)
{
    const struct ingest_tally *t = j->tally;
    bool is_whole;
    TRY(stage_work_is_simulated(j->work, &is_whole));
    bool is_good  = is_whole && j->report->exit_code == 0 && !t->n[CATALOGUE_CONFLICT] && !t->n[CATALOGUE_REFUSED];
    v->n_not_done = is_good ? 0 : 1;
    if (is_good) return ERR_OK;
    TRY(mem_alloc(&v->not_done, 1, sizeof *v->not_done));
    v->not_done[0] = stage_work_simulation[0];
    return ERR_OK;
}

static enum err judge_files(const struct judging *j, struct ledger_verdict *v)
{
    return stage_work_not_done(j->work, j->submission, &v->not_done, &v->n_not_done);
}

/* Products decide; the exit status says only whether a job was stopped on purpose (75), which is no failure. */
static enum err judge(void *context, struct ledger_verdict *v)
{
    const struct judging *j = context;
    int exit_code           = j->report->exit_code;
    char how[40];
    TRY(stage_work_is_simulation(j->work) ? judge_simulation(j, v) : judge_files(j, v));
    v->is_stopped = exit_code == EXIT_AGAIN || strcmp(j->report->state, "CANCELLED") == 0 ||
                    strcmp(j->report->state, "PREEMPTED") == 0;
    v->to = v->n_not_done == 0 ? LEDGER_LOCATED : v->is_stopped ? LEDGER_CANCELLED : LEDGER_FAILED;
    snprintf(how, sizeof how, exit_code < 0 ? "lost: no exit status" : "exit status %d", exit_code);
    bool is_hollow = exit_code == 0 && v->n_not_done && j->work->stage->cfg.outputs.n; /* it says what was wanted */
    snprintf(v->reason, sizeof v->reason, "%s; %zu of %" PRId64 " without a product%s%.60s", how, v->n_not_done,
             j->submission->n_files, is_hollow ? " like " : "", is_hollow ? j->work->stage->cfg.outputs.value[0] : "");
    return ERR_OK;
}

/* Products of a submission that is over are not taken: its files are in other hands by then. */
static enum err settle(const struct stage_work *w, struct ledger_submission *s, const struct executor_report *report)
{
    struct ingest_tally tally    = {{0}};
    const struct judging judging = {w, s, report, &tally};
    char folder[STAGE_MAX_PATH];
    stage_work_folder(w, s->name, folder);
    TRY(stage_close(w, s));
    TRY(stage_products_take(w, s, report->exit_code, &tally));
    if (campaign_is_whole(w->stage)) TRY(stage_whole_supersede(w, s));
    TRY(ledger_end(w->catalogue, s, w->stage->cfg.max_attempts, judge, (void *)&judging));
    if (s->state == LEDGER_LOCATED)
        log_info("%s: submission %s is done (%s); its log is %s/log", w->stage->name, s->name, s->reason, folder);
    else
        log_warn("%s: submission %s: %s; its log is %s/log", w->stage->name, s->name, s->reason, folder);
    return ERR_OK;
}

static enum err pass_on(const struct stage_work *w, struct ledger_submission *s, enum ledger_state now,
                        const struct executor_report *r)
{
    return s->state == now ? ERR_OK : ledger_change(w->catalogue, s, now, *r->batch_id ? r->batch_id : NULL, "");
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */
struct refusal {
    const struct judging judging;
    const char *why;
};

static enum err judge_refusal(void *context, struct ledger_verdict *v)
{
    const struct refusal *r = context;
    TRY(judge((void *)&r->judging, v));
    if (v->n_not_done) v->to = LEDGER_LAUNCH_FAILED;
    snprintf(v->reason, sizeof v->reason, "%.190s", r->why);
    return ERR_OK;
}

/* What cannot be started for a reason in itself (an input without a place) is let go, and counts an attempt; what the
 * machine did not do (disk, batch system, database) is tried again in the next pass. */
static enum err launch(const struct stage_work *w, struct ledger_submission *s)
{
    char why[200];
    static const struct ingest_tally none       = {{0}};
    static const struct executor_report unknown = EXECUTOR_REPORT_NONE;
    enum err rc                                 = stage_launch(w, s);
    if (rc != ERR_DATA && rc != ERR_CONFIG) return rc;
    snprintf(why, sizeof why, "%s", err_message());
    const struct refusal refusal = {{w, s, &unknown, &none}, why};
    TRY(stage_close(w, s));
    TRY(ledger_end(w->catalogue, s, w->stage->cfg.max_attempts, judge_refusal, (void *)&refusal));
    log_error("%s: submission %s cannot be started: %s", w->stage->name, s->name, why);
    err_clear();
    return ERR_OK;
}

static enum err ask(const struct stage_work *w, struct ledger_submission *s)
{
    char folder[STAGE_MAX_PATH];
    struct executor_report report;
    stage_work_folder(w, s->name, folder);
    TRY(w->executor->ask(folder, s->name, s->batch_id, &report));
    if (report.answer != EXECUTOR_UNKNOWN) TRY(ledger_see(w->catalogue, s, &report));
    switch (report.answer) {
    case EXECUTOR_UNKNOWN:
        log_warn("%s: submission %s: no answer from %s; left as it is", w->stage->name, s->name, w->executor->name);
        return ERR_OK;
    case EXECUTOR_NOT_STARTED: return w->is_held || stage_array_is_wanted(w) ? ERR_OK : launch(w, s);
    case EXECUTOR_WAITING: return pass_on(w, s, LEDGER_IDLE, &report);
    case EXECUTOR_RUNNING: return pass_on(w, s, LEDGER_RUNNING, &report);
    case EXECUTOR_ENDED: break;
    }
    return settle(w, s, &report);
}

static enum err ask_in_hand(const struct stage_work *w, struct ledger_submission *s)
{
    bool is_first;
    int fd;
    TRY(stage_take(w, s, &fd, &is_first));
    enum err rc = ask(w, s);
    close(fd);
    return rc;
}

/* Noted a moment ago: nobody has started it, unless another pass has had it in hand since. */
static enum err start_in_hand(const struct stage_work *w, struct ledger_submission *s)
{
    bool is_first;
    int fd;
    TRY(stage_take(w, s, &fd, &is_first));
    enum err rc = is_first ? launch(w, s) : ask(w, s);
    close(fd);
    return rc;
}

/* Trouble with one submission or stage does not keep the others waiting: the first is told at the end. */
struct trouble {
    enum err rc;
    char message[500];
};

static void note_trouble(struct trouble *t, enum err rc, const char *what, const char *name)
{
    if (!t->rc) snprintf(t->message, sizeof t->message, "%s %s: %s", what, name, err_message());
    if (t->rc) log_error("%s %s: %s", what, name, err_message());
    if (!t->rc) t->rc = rc;
    err_clear();
}

static enum err tell_trouble(const struct trouble *t)
{
    if (t->rc) err_set_message(t->message);
    return t->rc;
}

/* ---- new submissions ------------------------------------------------------------------------------------------------ */
struct wish {
    const struct stage_work *work;
    const struct ledger_submission *submission;
};

/* Asked when all others wait: since the dataset was read, another pass may have had these files done. */
static enum err ask_due(void *context)
{
    const struct wish *wish    = context;
    const struct stage_work *w = wish->work;
    struct ledger_submission *all;
    int64_t *left;
    size_t n_left, n_all, n_live = 0, n_done = 0;
    TRY(ledger_submissions(w->catalogue, w->stage_id, !stage_work_is_simulation(w), &all, &n_all));
    for (size_t i = 0; i < n_all; i++) {
        n_done += all[i].state == LEDGER_LOCATED;
        n_live += all[i].state == LEDGER_NEW || all[i].state == LEDGER_IDLE || all[i].state == LEDGER_RUNNING;
    }
    mem_free(all);
    REQUIRE((int64_t)n_live <= w->stage->cfg.max_submissions, ERR_MISMATCH, "another pass has started enough by now");
    REQUIRE(!stage_work_is_simulation(w) || !n_done, ERR_MISMATCH, "it is complete by now");
    if (stage_work_is_simulation(w)) return ERR_OK;
    TRY(stage_work_not_done(w, wish->submission, &left, &n_left));
    mem_free(left);
    REQUIRE((int64_t)n_left == wish->submission->n_files, ERR_MISMATCH, "some of its files are done by now");
    return ERR_OK;
}

static enum err start_new(const struct stage_work *w, struct ledger_submission *s, struct stage_array *array)
{
    return array ? stage_array_add(w, array, s) : start_in_hand(w, s);
}

/* array: started together with others; or NULL. */
static enum err submit(const struct stage_work *w, const char *slice, const int64_t *ids, size_t n,
                       struct stage_array *array, bool *is_lost)
{
    struct ledger_submission s;
    struct wish wish                   = {w, &s};
    const struct catalogue_check check = {ask_due, &wish};
    enum err rc                        = ledger_reserve(w->catalogue, w->stage_id, slice, ids, n, &check, &s);
    *is_lost                           = rc == ERR_MISMATCH; /* another pass, at the same time, was quicker */
    if (rc && !*is_lost) return rc;
    if (!rc) rc = start_new(w, &s, array);
    if (rc && rc != ERR_MISMATCH && rc != ERR_AGAIN) return rc;
    if (rc == ERR_AGAIN && !*is_lost) log_warn("%s: submission %s: %s", w->stage->name, s.name, err_message());
    *is_lost = *is_lost || rc; /* enough for this pass */
    err_clear();
    return ERR_OK;
}

/* One reading of the dataset serves all slices of a pass: what each takes is noted in it. */
static enum err submit_slices(const struct stage_work *w, size_t n_live, struct stage_array *array, bool *is_changed)
{
    struct stage_dataset d;
    struct split_past past = {0};
    if ((int64_t)n_live >= w->stage->cfg.max_submissions) return ERR_OK;
    TRY(stage_work_read(w, &d));
    enum err rc = ledger_count(w->catalogue, w->stage_id, &past.n_slices);
    for (bool is_over = false; !rc && !is_over && (int64_t)n_live < w->stage->cfg.max_submissions; n_live++) {
        struct split_slice slice = {.n = 0};
        past.taken               = d.taken;
        past.n_taken             = d.n_taken;
        rc           = split_next(&w->stage->split, "", d.files.one, d.files.n, &past, (int64_t)time(NULL), &slice);
        is_over      = rc || slice.is_over;
        bool is_lost = false;
        *is_changed  = *is_changed || !is_over;
        if (!is_over) rc = submit(w, slice.name, slice.id, slice.n, array, &is_lost);
        if (!rc && !is_over) rc = stage_work_take(&d, slice.id, slice.n);
        split_free(&slice);
        is_over = is_over || is_lost;
        past.n_slices++;
    }
    stage_work_free(&d);
    return rc;
}

static enum err submit_files(const struct stage_work *w, size_t n_live, bool *is_changed)
{
    struct stage_array array;
    if (!stage_array_is_wanted(w)) return submit_slices(w, n_live, NULL, is_changed);
    TRY(stage_array_begin(w, &array));
    enum err rc = stage_array_end(w, &array, submit_slices(w, n_live, &array, is_changed));
    if (rc != ERR_AGAIN) return rc;
    log_warn("%s: %s", w->stage->name, err_message());
    err_clear();
    return ERR_OK;
}

static enum err meet_all(const struct stage_work *w)
{
    struct ledger_submission *live;
    size_t n;
    struct trouble trouble = {.rc = ERR_OK};
    TRY(ledger_submissions(w->catalogue, w->stage_id, true, &live, &n));
    for (size_t i = 0; i < n; i++) {
        enum err rc = ask_in_hand(w, &live[i]);
        if (rc == ERR_MISMATCH || rc == ERR_AGAIN) { /* another pass was quicker, or it will work next time */
            log_warn("%s: submission %s: %s", w->stage->name, live[i].name, err_message());
            err_clear();
        } else if (rc) {
            note_trouble(&trouble, rc, "submission", live[i].name);
        }
    }
    enum err rc = stage_array_is_wanted(w) && !w->is_held ? stage_array_start_new(w, live, n) : ERR_OK;
    if (rc == ERR_AGAIN)
        log_warn("%s: %s", w->stage->name, err_message());
    else if (rc)
        note_trouble(&trouble, rc, "stage", w->stage->name);
    mem_free(live);
    return tell_trouble(&trouble);
}

static enum err start_due(const struct stage_work *w, const struct step_stage *report, bool *is_changed)
{
    bool is_lost;
    if (!stage_work_is_simulation(w)) return submit_files(w, report->n_live, is_changed);
    if (report->n_live || report->n_parked) return ERR_OK;
    *is_changed = true;
    return submit(w, "simulation", stage_work_simulation, 1, NULL, &is_lost);
}

static enum err pass(const struct stage_work *w, struct step_stage *report)
{
    struct trouble trouble = {.rc = ERR_OK};
    bool is_changed        = false;
    enum err rc            = meet_all(w);
    if (rc) note_trouble(&trouble, rc, "stage", w->stage->name);
    TRY(stage_work_look(w, report));
    if (w->is_held || report->is_waiting || report->is_complete || report->empty) return tell_trouble(&trouble);
    rc = start_due(w, report, &is_changed);
    if (rc) note_trouble(&trouble, rc, "stage", w->stage->name);
    if (!is_changed) return tell_trouble(&trouble);
    *report = (struct step_stage){.n_files = 0};
    TRY(stage_work_look(w, report));
    return tell_trouble(&trouble);
}

enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report)
{
    struct trouble trouble = {.rc = ERR_OK};
    enum err taken         = stage_products_from_drop_box(catalogue, campaign, user);
    if (taken) note_trouble(&trouble, taken, "drop box", campaign->cfg.drop_box);
    for (size_t k = 0; k < campaign->n_stages; k++) {
        size_t i        = campaign->order[k];
        bool is_waiting = false;
        struct stage_work w;
        for (size_t j = 0; j < campaign->stage[i].n_needs; j++)
            is_waiting = is_waiting || !report[campaign->stage[i].need[j]].is_complete;
        report[i]   = (struct step_stage){.is_waiting = is_waiting};
        enum err rc = stage_work_begin(catalogue, campaign, campaign_id, i, user, &w);
        w.is_held   = is_held;
        if (!rc) rc = pass(&w, &report[i]);
        report[i].is_waiting  = is_waiting;
        report[i].is_complete = report[i].is_complete && !is_waiting && !rc; /* what it needs may bring more */
        if (!rc) continue;
        note_trouble(&trouble, rc, "stage", campaign->stage[i].name);
    }
    return tell_trouble(&trouble);
}

enum err step_submissions(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t stage, struct ledger_submission **out, size_t *n)
{
    struct stage_work w;
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, "", &w));
    return ledger_submissions(catalogue, w.stage_id, false, out, n);
}

enum err step_retry(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                    const char *user)
{
    struct stage_work w;
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, user, &w));
    return ledger_unpark(catalogue, w.stage_id, user);
}

enum err step_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < campaign->n_stages; i++) {
        struct ledger_submission *live;
        struct stage_work w;
        size_t n_live;
        char folder[STAGE_MAX_PATH];
        TRY(stage_work_begin(catalogue, campaign, campaign_id, i, "", &w));
        TRY(ledger_submissions(catalogue, w.stage_id, true, &live, &n_live));
        enum err rc = ERR_OK;
        for (size_t k = 0; k < n_live && !rc; k++) {
            stage_work_folder(&w, live[k].name, folder);
            rc = w.executor->stop(folder, live[k].name, live[k].batch_id);
            *n += !rc;
        }
        mem_free(live);
        TRY(rc);
    }
    return ERR_OK;
}
