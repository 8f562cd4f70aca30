/* One pass over a campaign. */
#include "step.h"
#include "step_older.h"
#include "step_settle.h"

#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "stage_array.h"
#include "stage_gate.h"
#include "stage_next.h"
#include "stage_older.h"
#include "stage_products.h"
#include "stage_units.h"
#include "stage_whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Noted a moment ago: nobody has started it, unless another pass has had it in hand since. */
static enum err start_in_hand(const struct stage_work *w, struct ledger_submission *s)
{
    bool is_first;
    int fd;
    TRY(stage_take(w, s, &fd, &is_first));
    enum err rc = is_first ? step_launch_noted(w, s) : step_ask_now(w, s);
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

static enum err ask_unit(const struct wish *wish)
{
    int64_t *located, launch;
    size_t n;
    bool is_done = false;
    TRY(stage_units_number(wish->work, wish->submission, &launch));
    TRY(ledger_located(wish->work->catalogue, wish->work->stage_id, &located, &n));
    for (size_t i = 0; i < n; i++) is_done = is_done || located[i] == -launch;
    mem_free(located);
    REQUIRE(!is_done, ERR_MISMATCH, "launch %" PRId64 " is done by now", launch);
    return ERR_OK;
}

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
        n_live += all[i].state == LEDGER_NEW || all[i].state == LEDGER_IDLE || all[i].state == LEDGER_RUNNING ||
                  all[i].state == LEDGER_HELD;
    }
    mem_free(all);
    REQUIRE((int64_t)n_live <= w->stage->cfg.max_submissions, ERR_MISMATCH, "another pass has started enough by now");
    REQUIRE(!stage_work_is_simulation(w) || (int64_t)n_done < w->stage->cfg.launches, ERR_MISMATCH,
            "it is complete by now");
    if (stage_work_is_simulation(w)) return ask_unit(wish);
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

/* How many are started: at most `most`, with `prefix` before their names. */
struct starting {
    size_t most, n;
    const char *prefix;
    char *why; /* [200] */
};

/* One reading of the dataset serves all slices of a pass: what each takes is noted in it. */
static enum err submit_slices(const struct stage_work *w, struct starting *go, struct stage_array *array)
{
    struct stage_dataset d;
    struct split_past past = {0};
    TRY(stage_work_read(w, &d));
    enum err rc = ledger_count(w->catalogue, w->stage_id, &past.n_slices);
    for (bool is_over = false; !rc && !is_over && go->n < go->most;) {
        struct split_slice slice = {.n = 0};
        char name[320];
        bool is_lost = false;
        past.taken   = d.taken;
        past.n_taken = d.n_taken;
        rc           = stage_next(w, &d, &past, (int64_t)time(NULL), &slice, go->why);
        is_over      = rc || slice.is_over;
        go->n += !is_over;
        snprintf(name, sizeof name, "0_%s%s", go->prefix, slice.name);
        struct stage_array *own = stage_array_takes(w, name) ? array : NULL;
        if (!is_over) rc = submit(w, name + 2, slice.id, slice.n, own, &is_lost);
        if (!rc && !is_over) rc = stage_work_take(&d, slice.id, slice.n);
        split_free(&slice);
        is_over = is_over || is_lost;
        past.n_slices++;
    }
    stage_work_free(&d);
    return rc;
}

static enum err submit_files(const struct stage_work *w, struct starting *go)
{
    struct stage_array array;
    if (!stage_array_is_wanted(w)) return submit_slices(w, go, NULL);
    TRY(stage_array_begin(w, &array));
    enum err rc = stage_array_end(w, &array, submit_slices(w, go, &array));
    if (rc != ERR_AGAIN) return rc;
    log_warn("%s: %s", w->stage->name, err_message());
    err_clear();
    return ERR_OK;
}

/* Launches of a simulation. */
static enum err submit_units(const struct stage_work *w, struct starting *go)
{
    struct stage_units units;
    bool is_lost = false;
    TRY(stage_units_read(w, &units));
    enum err rc = ERR_OK;
    for (size_t i = 0; !rc && !is_lost && i < units.n_next && go->n < go->most; i++) {
        char slice[64], name[80];
        stage_units_name(w, &units.next[i], slice);
        snprintf(name, sizeof name, "%s%s", go->prefix, slice);
        rc = submit(w, name, &units.next[i].file_id, 1, NULL, &is_lost);
        go->n++;
    }
    stage_units_free(&units);
    return rc;
}

static enum err start_due(const struct stage_work *w, struct starting *go)
{
    if (!go->most) return ERR_OK;
    return stage_work_is_simulation(w) ? submit_units(w, go) : submit_files(w, go);
}

static enum err meet_all(const struct stage_work *w)
{
    struct ledger_submission *live;
    size_t n;
    struct trouble trouble = {.rc = ERR_OK};
    TRY(stage_older_not(w, &live, &n));
    for (size_t i = 0; i < n; i++) {
        enum err rc = step_ask(w, &live[i]);
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

static enum err pass(const struct stage_work *w, struct step_stage *report)
{
    struct trouble trouble = {.rc = ERR_OK};
    struct starting go     = {.most = (size_t)w->stage->cfg.max_submissions, .prefix = "", .why = report->why};
    struct step_stage before;
    enum err rc = meet_all(w);
    if (rc) note_trouble(&trouble, rc, "stage", w->stage->name);
    TRY(stage_work_look(w, report));
    if (w->is_held || report->is_waiting || *report->why || report->empty || stage_gate_is_over(report))
        return tell_trouble(&trouble);
    go.most = go.most > report->n_live ? go.most - report->n_live : 0;
    if (w->stage->every_s && go.most > 1) go.most = 1; /* one each time */
    rc = start_due(w, &go);
    if (rc) note_trouble(&trouble, rc, "stage", w->stage->name);
    if (!go.n) return tell_trouble(&trouble);
    before  = *report;
    *report = (struct step_stage){.is_waiting = before.is_waiting};
    memcpy(report->why, before.why, sizeof report->why);
    TRY(stage_work_look(w, report));
    return tell_trouble(&trouble);
}

static enum err step_stage(const struct stage_gate *gate, size_t i, bool is_held, const char *user,
                           struct step_stage *report)
{
    const struct campaign_stage *s = &gate->campaign->stage[i];
    struct stage_work w, test;
    struct step_stage *own = &report[i];
    *own                   = (struct step_stage){.n_files = 0};
    for (size_t j = 0; j < s->n_needs; j++) own->is_waiting = own->is_waiting || !report[s->need[j]].is_complete;
    TRY(stage_gate_look(gate, i, report));
    TRY(stage_work_begin(gate->catalogue, gate->campaign, gate->campaign_id, i, user, &w));
    w.is_held = is_held || stage_gate_hold(gate, i);
    if (stage_gate_is_approval(s)) return stage_gate_approval(&w, !w.is_held && !own->is_waiting && !*own->why, own);
    TRY(pass(&w, own));
    if (!s->test) return ERR_OK;
    TRY(stage_work_begin_stage(gate->catalogue, gate->campaign, gate->campaign_id, s->test, user, &test));
    test.is_held = is_held;
    return test.stage_id == w.stage_id ? ERR_OK : meet_all(&test); /* the same, without settings of its own */
}

enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report)
{
    struct trouble trouble = {.rc = ERR_OK};
    enum err taken         = stage_products_from_drop_box(catalogue, campaign, user);
    if (taken) note_trouble(&trouble, taken, "drop box", campaign->cfg.drop_box);
    enum err met = step_older_meet(catalogue, campaign, campaign_id, user);
    if (met) note_trouble(&trouble, met, "earlier submissions of", campaign->cfg.name);
    struct stage_gate gate;
    TRY(stage_gate_open(catalogue, campaign, campaign_id, &gate));
    memset(report, 0, campaign->n_stages * sizeof *report);
    for (size_t k = 0; k < campaign->n_stages; k++) {
        size_t i    = campaign->order[k];
        enum err rc = step_stage(&gate, i, is_held, user, report);
        report[i].is_complete =
            report[i].is_complete && !report[i].is_waiting && !rc; /* what it needs may bring more */
        if (!rc) continue;
        note_trouble(&trouble, rc, "stage", campaign->stage[i].name);
    }
    stage_gate_close(&gate);
    return tell_trouble(&trouble);
}

enum err step_launch(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                     bool is_test, const char *user, size_t *n_started, char why[200])
{
    const struct campaign_stage *s = &campaign->stage[stage];
    struct stage_work w;
    why[0]     = 0;
    *n_started = 0;
    REQUIRE(!stage_gate_is_approval(s), ERR_MISMATCH, "stage %s is an approval: gm2 campaign approve", s->name);
    TRY(stage_work_begin_stage(catalogue, campaign, campaign_id, is_test ? s->test : s, user, &w));
    struct starting go = {.most = 1, .prefix = is_test ? "test_" : "", .why = why};
    enum err rc        = start_due(&w, &go);
    *n_started         = go.n;
    return rc;
}
