/* What is done to stages beside a pass, and looking at them. */
#include "step.h"

#include "mem.h"
#include "stage_gate.h"
#include "stage_next.h"
#include "stage_work.h"
#include "step_older.h"

#include <string.h>

size_t step_left(const struct step_stage *s)
{
    size_t n_away = s->n_done + s->n_parked + s->n_held;
    return s->n_files > n_away ? s->n_files - n_away : 0;
}

/* What keeps it from starting counts only where something would start. */
static enum err look_at_next(const struct stage_work *w, struct step_stage *out)
{
    bool is_over, is_due;
    int64_t memory_mb;
    if (stage_gate_is_approval(w->stage) || *out->why || out->is_waiting || stage_gate_is_over(out)) return ERR_OK;
    TRY(stage_canary(w, &is_over, &is_due, &memory_mb, out->why));
    return is_over && !out->n_live ? stage_window(w, out->why) : ERR_OK;
}

enum err step_look(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                   struct step_stage *out)
{
    struct stage_work w;
    *out = (struct step_stage){.n_files = 0};
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, "", &w));
    return stage_gate_is_approval(w.stage) ? stage_gate_approval(&w, false, out) : stage_work_look(&w, out);
}

enum err step_look_one(const struct stage_gate *gate, size_t stage, const struct stage_work *w,
                       struct step_stage *report)
{
    struct step_stage *own = &report[stage];
    for (size_t n = 0; n < w->stage->n_needs; n++)
        own->is_waiting = own->is_waiting || !report[w->stage->need[n]].is_complete;
    TRY(stage_gate_look(gate, stage, report));
    TRY(stage_gate_is_approval(w->stage) ? stage_gate_approval(w, false, own) : stage_work_look(w, own));
    TRY(look_at_next(w, own));
    own->is_complete = own->is_complete && !own->is_waiting; /* what it needs may bring more */
    return ERR_OK;
}

enum err step_look_all(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                       struct step_stage *report)
{
    struct stage_gate gate;
    enum err rc = ERR_OK;
    TRY(stage_gate_open(catalogue, campaign, campaign_id, &gate));
    memset(report, 0, campaign->n_stages * sizeof *report);
    for (size_t k = 0; k < campaign->n_stages && !rc; k++) {
        size_t i = campaign->order[k];
        struct stage_work w;
        rc = stage_work_begin(catalogue, campaign, campaign_id, i, "", &w);
        if (!rc) rc = step_look_one(&gate, i, &w, report);
        if (rc) rc = err_context(rc, "stage %s", campaign->stage[i].name);
    }
    stage_gate_close(&gate);
    return rc;
}

enum err step_find(const struct campaign *campaign, const char *name, size_t *stage)
{
    const char *names[200];
    size_t n = 0;
    for (*stage = 0; *stage < campaign->n_stages; (*stage)++) {
        if (strcmp(campaign->stage[*stage].name, name) == 0) return ERR_OK;
        if (n < 200) names[n++] = campaign->stage[*stage].name;
    }
    const char *near = cfg_nearest(name, names, n);
    FAIL(ERR_NOTFOUND, "campaign %s has no stage \"%.80s\"%s%s%s", campaign->cfg.name, name,
         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

enum err step_submissions(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t stage, struct ledger_submission **out, size_t *n)
{
    struct stage_work w;
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, "", &w));
    return ledger_submissions(catalogue, w.stage_id, false, out, n);
}

/* A canary that failed is given up: another one goes. */
static enum err give_up_canaries(const struct stage_work *w)
{
    struct ledger_submission *all;
    size_t n, position;
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++)
        if (stage_role(all[i].name, &position) == STAGE_CANARY &&
            (all[i].state == LEDGER_FAILED || all[i].state == LEDGER_LAUNCH_FAILED))
            rc = ledger_change(w->catalogue, &all[i], LEDGER_REMOVED, NULL, "given up: tried again");
    mem_free(all);
    return rc;
}

enum err step_retry(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                    const char *user)
{
    struct stage_work w;
    TRY(stage_work_begin(catalogue, campaign, campaign_id, stage, user, &w));
    TRY(give_up_canaries(&w));
    return ledger_unpark(catalogue, w.stage_id, user);
}

static enum err kill_stage(struct stage_work *w, const char *submission, size_t *n)
{
    struct ledger_submission *live;
    size_t n_live;
    char folder[STAGE_MAX_PATH];
    TRY(stage_older_not(w, &live, &n_live));
    enum err rc = ERR_OK;
    for (size_t k = 0; k < n_live && !rc; k++) {
        const struct executor *executor;
        if (submission && strcmp(submission, live[k].name) != 0) continue;
        stage_work_folder(w, live[k].name, folder);
        rc = stage_role_executor(w, live[k].name, &executor);
        if (!rc) rc = executor->stop(folder, live[k].name, live[k].batch_id);
        *n += !rc;
    }
    mem_free(live);
    return rc;
}

enum err step_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, const char *stage,
                   const char *submission, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < campaign->n_stages; i++) {
        const struct campaign_stage *s = &campaign->stage[i];
        struct stage_work w, test;
        if (stage && strcmp(s->name, stage) != 0 && strcmp(s->group, stage) != 0) continue;
        TRY(stage_work_begin(catalogue, campaign, campaign_id, i, "", &w));
        TRY(kill_stage(&w, submission, n));
        if (!s->test) continue;
        TRY(stage_work_begin_stage(catalogue, campaign, campaign_id, s->test, "", &test));
        if (test.stage_id != w.stage_id) TRY(kill_stage(&test, submission, n));
    }
    return step_older_kill(catalogue, campaign, campaign_id, stage, submission, n);
}
