/* The end of a submission, and its beginning. */
#include "step_settle.h"

#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "stage_array.h"
#include "stage_next.h"
#include "stage_older.h"
#include "stage_products.h"
#include "stage_units.h"
#include "stage_whole.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_AGAIN = 75 };

/* ---- ending --------------------------------------------------------------------------------------------------------- */
struct judging {
    const struct stage_work *work;
    const struct ledger_submission *submission;
    const struct executor_report *report;
    const struct ingest_tally *tally;
    const char *said; /* what the job said last, or "" */
};

static enum err judge_simulation(const struct judging *j, struct ledger_verdict *v)
{
    const struct ingest_tally *t = j->tally;
    int64_t launch;
    bool are_made;
    TRY(stage_units_number(j->work, j->submission, &launch));
    TRY(stage_units_are_made(j->work, launch, &are_made));
    bool is_good  = are_made && j->report->exit_code == 0 && !t->n[CATALOGUE_CONFLICT] && !t->n[CATALOGUE_REFUSED];
    v->n_not_done = is_good ? 0 : 1;
    if (is_good) return ERR_OK;
    TRY(mem_alloc(&v->not_done, 1, sizeof *v->not_done));
    v->not_done[0] = -launch;
    return ERR_OK;
}

static enum err judge_files(const struct judging *j, struct ledger_verdict *v)
{
    return stage_work_not_done(j->work, j->submission, &v->not_done, &v->n_not_done);
}

/* "exit status 137 (OUT_OF_MEMORY)": what the scheduler says beyond the number. */
static void tell_end(const struct executor_report *r, char out[200])
{
    static const char *const plain[] = {"", "COMPLETED", "FAILED"};
    bool is_plain                    = false;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) is_plain = is_plain || strcmp(r->state, plain[i]) == 0;
    int n =
        r->exit_code < 0 ? snprintf(out, 200, "no exit status") : snprintf(out, 200, "exit status %d", r->exit_code);
    if (!is_plain || *r->reason)
        snprintf(out + n, 200 - (size_t)n, " (%.30s%s%.80s)", is_plain ? "" : r->state,
                 !is_plain && *r->reason ? ": " : "", r->reason);
}

/* Products decide; exit status and the scheduler say only whether a job was stopped on purpose, which is no failure. */
static enum err judge(void *context, struct ledger_verdict *v)
{
    const struct judging *j = context;
    int exit_code           = j->report->exit_code;
    char how[200], text[400];
    TRY(stage_work_is_simulation(j->work) ? judge_simulation(j, v) : judge_files(j, v));
    bool is_stopped = exit_code == EXIT_AGAIN || strcmp(j->report->state, "CANCELLED") == 0 ||
                      strcmp(j->report->state, "PREEMPTED") == 0;
    v->to = v->n_not_done == 0 ? LEDGER_LOCATED : is_stopped ? LEDGER_CANCELLED : LEDGER_FAILED;
    tell_end(j->report, how);
    bool is_hollow = exit_code == 0 && j->work->stage->cfg.outputs.n; /* it says what was wanted */
    if (!v->n_not_done)
        snprintf(text, sizeof text, "%s; all is done", how);
    else if (stage_work_is_simulation(j->work))
        snprintf(text, sizeof text, "%s; some fills are missing", how);
    else
        snprintf(text, sizeof text, "%s; %zu of %" PRId64 " files have no product%s%.60s", how, v->n_not_done,
                 j->submission->n_files, is_hollow ? " like " : "",
                 is_hollow ? j->work->stage->cfg.outputs.value[0] : "");
    const char *said = !v->n_not_done   ? ""
                       : *j->tally->why ? j->tally->why
                                        : j->said; /* the job's log cannot know it */
    snprintf(v->reason, sizeof v->reason, "%.*s%s%.99s", *said ? 140 : 199, text, *said ? "; " : "", said);
    return ERR_OK;
}

/* The last error that gm2 told in a log, without its own name; "": none. */
static void read_last(const char *folder, char out[100])
{
    enum { TAIL = 8192 };
    char path[STAGE_MAX_PATH + 8], text[TAIL + 1];
    static const char mark[] = "\ngm2: ";
    snprintf(path, sizeof path, "%s/log", folder);
    out[0]  = 0;
    FILE *f = fopen(path, "rb");
    if (!f) return;
    if (fseek(f, -TAIL, SEEK_END)) rewind(f);
    text[fread(text, 1, TAIL, f)] = 0;
    fclose(f);
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, mark)) != NULL;) last = at += sizeof mark - 1;
    if (!last) return;
    char line[100];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(last, "\n"), last);
    utf8_printable(line, 0, out, 100);
}

/* Products of a submission that is over are not taken: its files are in other hands by then. */
enum err step_settle(const struct stage_work *w, struct ledger_submission *s, const struct executor_report *report)
{
    struct ingest_tally tally = {.n = {0}};
    char folder[STAGE_MAX_PATH], said[100];
    const struct judging judging = {w, s, report, &tally, said};
    stage_work_folder(w, s->name, folder);
    read_last(folder, said);
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

enum err step_refuse(const struct stage_work *w, struct ledger_submission *s)
{
    char why[200];
    static const struct ingest_tally none       = {.n = {0}};
    static const struct executor_report unknown = EXECUTOR_REPORT_NONE;
    snprintf(why, sizeof why, "%s", err_message());
    const struct refusal refusal = {{w, s, &unknown, &none, ""}, why};
    TRY(stage_close(w, s));
    TRY(ledger_end(w->catalogue, s, w->stage->cfg.max_attempts, judge_refusal, (void *)&refusal));
    log_error("%s: submission %s cannot be started: %s", w->stage->name, s->name, why);
    err_clear();
    return ERR_OK;
}

/* What the machine did not do (disk, batch system, database) is tried again in the next pass. */
enum err step_launch_noted(const struct stage_work *w, struct ledger_submission *s)
{
    enum err rc = stage_launch(w, s);
    return rc == ERR_DATA || rc == ERR_CONFIG ? step_refuse(w, s) : rc;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */
static enum err pass_on(const struct stage_work *w, struct ledger_submission *s, enum ledger_state now,
                        const struct executor_report *r)
{
    const char *why = now == LEDGER_HELD ? r->reason : "";
    return s->state == now ? ERR_OK : ledger_change(w->catalogue, s, now, *r->batch_id ? r->batch_id : NULL, why);
}

enum err step_ask_now(const struct stage_work *w, struct ledger_submission *s)
{
    char folder[STAGE_MAX_PATH];
    struct executor_report report;
    const struct executor *executor;
    stage_work_folder(w, s->name, folder);
    TRY(stage_role_executor(w, s->name, &executor));
    TRY(executor->ask(folder, s->name, s->batch_id, &report));
    if (report.answer != EXECUTOR_UNKNOWN) TRY(ledger_see(w->catalogue, s, &report));
    switch (report.answer) {
    case EXECUTOR_UNKNOWN:
        log_warn("%s: submission %s: no answer from %s; left as it is", w->stage->name, s->name, executor->name);
        return ERR_OK;
    case EXECUTOR_NOT_STARTED:
        if (w->is_older) return stage_older_give_up(w, s, true);
        return w->is_held || stage_array_takes(w, s->name) ? ERR_OK : step_launch_noted(w, s);
    case EXECUTOR_WAITING: return pass_on(w, s, LEDGER_IDLE, &report);
    case EXECUTOR_HELD: return pass_on(w, s, LEDGER_HELD, &report);
    case EXECUTOR_RUNNING: return pass_on(w, s, LEDGER_RUNNING, &report);
    case EXECUTOR_ENDED: break;
    }
    return step_settle(w, s, &report);
}

enum err step_ask(const struct stage_work *w, struct ledger_submission *s)
{
    bool is_first;
    int fd;
    TRY(stage_take(w, s, &fd, &is_first));
    enum err rc = step_ask_now(w, s);
    close(fd);
    return rc;
}
