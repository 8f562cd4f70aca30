/* One pass over a campaign. */
#include "step.h"

#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "stage_work.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

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
static enum err settle(const struct stage_work *w, struct ledger_submission *s, int exit_code)
{
    struct ingest_tally tally = {{0}};
    char folder[STAGE_MAX_PATH], products[STAGE_MAX_PATH + 16], reason[160];
    int64_t *ids = NULL;
    size_t n     = 0;
    stage_work_folder(w, s->name, folder);
    snprintf(products, sizeof products, "%s/products", stage_work_is_simulation(w) ? w->folder : folder);
    TRY(ingest_folder(w->catalogue, products, w->user, &tally));
    if (!stage_work_is_simulation(w)) TRY(stage_work_not_done(w, s, &ids, &n));
    bool is_good = stage_work_is_simulation(w)
                       ? exit_code == 0 && !tally.n[CATALOGUE_CONFLICT] && !tally.n[CATALOGUE_REFUSED]
                       : n == 0;
    if (stage_work_is_simulation(w)) n = is_good ? 0 : 1;
    if (exit_code < 0)
        snprintf(reason, sizeof reason, "lost: no exit status; %zu of %" PRId64 " without a product", n, s->n_files);
    else
        snprintf(reason, sizeof reason, "exit status %d; %zu of %" PRId64 " without a product", exit_code, n,
                 s->n_files);
    enum ledger_state to = is_good ? LEDGER_LOCATED : exit_code == EXIT_AGAIN ? LEDGER_CANCELLED : LEDGER_FAILED;
    /* 75 is no failure: the job was stopped, and goes on another time */
    enum err rc = ledger_end(w->catalogue, s, to, reason, stage_work_is_simulation(w) ? stage_work_simulation : ids, n,
                             exit_code == EXIT_AGAIN, w->stage->cfg.max_attempts);
    mem_free(ids);
    if (rc) return rc;
    if (is_good)
        log_info("%s: submission %s is done (%s); its log is %s/log", w->stage->name, s->name, reason, folder);
    else
        log_warn("%s: submission %s: %s; its log is %s/log", w->stage->name, s->name, reason, folder);
    return ERR_OK;
}

static enum err pass_on(const struct stage_work *w, struct ledger_submission *s, enum ledger_state now)
{
    return s->state == now ? ERR_OK : ledger_change(w->catalogue, s, now, NULL, "");
}

static enum err meet(const struct stage_work *w, struct ledger_submission *s)
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
    case EXECUTOR_NOT_STARTED: return stage_launch(w, s);
    case EXECUTOR_WAITING: return pass_on(w, s, LEDGER_IDLE);
    case EXECUTOR_RUNNING: return pass_on(w, s, LEDGER_RUNNING);
    case EXECUTOR_ENDED: break;
    }
    return settle(w, s, report.exit_code);
}

/* ---- new submissions ------------------------------------------------------------------------------------------------ */
static enum err submit(const struct stage_work *w, const char *slice, const int64_t *ids, size_t n, bool *is_lost)
{
    struct ledger_submission s;
    enum err rc = ledger_reserve(w->catalogue, w->stage_id, slice, ids, n, &s);
    *is_lost    = rc == ERR_MISMATCH; /* another pass, at the same time, was quicker */
    if (*is_lost) {
        err_clear();
        return ERR_OK;
    }
    return rc ? rc : stage_launch(w, &s);
}

/* One reading of the dataset serves all slices of a pass: what each takes is noted in it. */
static enum err submit_files(const struct stage_work *w, size_t n_live, bool *is_changed)
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
        if (!is_over) rc = submit(w, slice.name, slice.id, slice.n, &is_lost);
        if (!rc && !is_over) rc = stage_work_take(&d, slice.id, slice.n);
        split_free(&slice);
        is_over = is_over || is_lost;
        past.n_slices++;
    }
    stage_work_free(&d);
    return rc;
}

static enum err pass(const struct stage_work *w, bool may_start, struct step_stage *report)
{
    struct ledger_submission *live;
    size_t n;
    bool is_lost;
    TRY(ledger_submissions(w->catalogue, w->stage_id, true, &live, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = meet(w, &live[i]);
        if (rc == ERR_MISMATCH || rc == ERR_AGAIN) { /* another pass was quicker, or it will work next time */
            log_warn("%s: submission %s: %s", w->stage->name, live[i].name, err_message());
            err_clear();
            rc = ERR_OK;
        }
    }
    mem_free(live);
    if (rc) return rc;
    TRY(stage_work_look(w, report));
    if (!may_start || report->is_complete) return ERR_OK;
    bool is_changed = false;
    if (!stage_work_is_simulation(w)) {
        TRY(submit_files(w, report->n_live, &is_changed));
    } else if (report->n_live == 0 && !report->n_parked) {
        TRY(submit(w, "simulation", stage_work_simulation, 1, &is_lost));
        is_changed = true;
    }
    if (!is_changed) return ERR_OK;
    *report = (struct step_stage){.is_waiting = report->is_waiting};
    return stage_work_look(w, report);
}

enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report)
{
    for (size_t k = 0; k < campaign->n_stages; k++) {
        size_t i        = campaign->order[k];
        bool is_waiting = false;
        struct stage_work w;
        for (size_t j = 0; j < campaign->stage[i].n_needs; j++)
            is_waiting = is_waiting || !report[campaign->stage[i].need[j]].is_complete;
        report[i] = (struct step_stage){.is_waiting = is_waiting};
        TRY(stage_work_begin(catalogue, campaign, campaign_id, i, user, &w));
        enum err rc = pass(&w, !is_held && !is_waiting, &report[i]);
        if (rc) return err_context(rc, "stage %s", campaign->stage[i].name);
    }
    return ERR_OK;
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
