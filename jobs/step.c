/* One pass over a campaign. */
#include "step.h"

#include "executor.h"
#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "publish.h"
#include "sql.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PATH = 1800, IDS_A_QUERY = 5000, EXIT_AGAIN = 75 };

/* One stage in hand. */
struct work {
    struct catalogue *catalogue;
    const struct campaign *campaign;
    const struct campaign_stage *stage;
    const struct executor *executor;
    const char *user;
    int64_t stage_id;
    char folder[MAX_PATH]; /* of the stage and version */
};

static enum err begin(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t index,
                      const char *user, struct work *w)
{
    char key[128];
    *w = (struct work){.catalogue = catalogue, .campaign = campaign, .stage = &campaign->stage[index], .user = user};
    TRY(executor_find(w->stage->cfg.executor, &w->executor));
    snprintf(key, sizeof key, "%s %s", version_release, w->stage->config_id);
    if (campaign_id) TRY(ledger_stage(catalogue, campaign_id, w->stage->name, key, &w->stage_id)); /* 0: only a plan */
    int n =
        snprintf(w->folder, sizeof w->folder, "%s/%s_%.8s", campaign->cfg.output, w->stage->name, w->stage->config_id);
    REQUIRE(n < (int)sizeof w->folder - 200, ERR_CONFIG, "campaign.output is too long");
    return ERR_OK;
}

static void submission_folder(const struct work *w, const char *name, char out[MAX_PATH])
{
    snprintf(out, MAX_PATH, "%.1500s/%.160s", w->folder, name);
}

/* A simulation has no files to hold: it is one unit, by the id that no file has. */
static bool is_simulation(const struct work *w) { return !w->stage->dataset; }
static const int64_t the_simulation[] = {0};

/* ---- files of the dataset ------------------------------------------------------------------------------------------ */
struct files {
    struct split_file *one;
    size_t n, capacity;
};

static enum err add_file(void *context, const struct db_value *row, size_t n)
{
    struct files *f = context;
    (void)n;
    if (f->n == f->capacity) {
        size_t wanted = 2 * f->capacity + 256;
        TRY(mem_resize(&f->one, f->capacity, wanted, sizeof *f->one));
        f->capacity = wanted;
    }
    f->one[f->n++] = (struct split_file){row[0].i, row[1].i, row[2].i, true};
    return ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err add_done(void *context, const struct db_value *row, size_t n)
{
    int64_t **at = context;
    (void)n;
    *(*at)++ = row[0].i;
    return ERR_OK;
}

/* What the stage has made counts when it is good and has a place, and whatever has become of its input. */
static enum err made_of(const struct work *w, const char *inputs, struct sql *out)
{
    return sql_add(out, "(%s) intersect isparentof: (gm2.fcl_hash %s and version '%s') with availability any", inputs,
                   w->stage->config_id, version_release);
}

static enum err list_done(const struct work *w, const char *inputs, size_t room, int64_t **ids, size_t *n)
{
    struct sql query = {0};
    TRY(mem_alloc(ids, room + 1, sizeof **ids));
    int64_t *end = *ids;
    enum err rc  = made_of(w, inputs, &query);
    if (!rc) rc = catalogue_list(w->catalogue, query.text, "f.id", (int64_t)room + 1, add_done, &end);
    *n = (size_t)(end - *ids);
    sql_free(&query);
    if (rc) mem_free(*ids);
    return rc;
}

/* The dataset, and what of it may not be taken: done, held, parked; ascending. */
struct dataset {
    struct files files;
    int64_t *done, *held, *taken;
    size_t n_done, n_held, n_parked, n_taken;
};

static void dataset_free(struct dataset *d)
{
    mem_free(d->files.one);
    mem_free(d->done);
    mem_free(d->held);
    mem_free(d->taken);
}

static enum err read_dataset(const struct work *w, struct dataset *d)
{
    const char *query = w->stage->dataset;
    *d                = (struct dataset){.n_done = 0};
    enum err rc       = catalogue_list(w->catalogue, query,
                                       "f.id, (select min(r.run) from file_runs r where r.file_id = f.id), f.end_s", 0,
                                       add_file, &d->files);
    if (!rc) rc = list_done(w, query, d->files.n, &d->done, &d->n_done);
    if (!rc) rc = ledger_taken(w->catalogue, w->stage_id, &d->held, &d->n_held, &d->n_parked);
    d->n_taken = d->n_done + d->n_held;
    if (!rc) rc = mem_alloc(&d->taken, d->n_taken + 1, sizeof *d->taken);
    if (rc) {
        dataset_free(d);
        return rc;
    }
    if (d->n_done) memcpy(d->taken, d->done, d->n_done * sizeof *d->taken);
    if (d->n_held) memcpy(d->taken + d->n_done, d->held, d->n_held * sizeof *d->taken);
    qsort(d->taken, d->n_taken, sizeof *d->taken, by_value);
    return ERR_OK;
}

/* ---- what a stage looks like ----------------------------------------------------------------------------------------- */
static enum err look_at_simulation(const struct work *w, struct step_stage *out)
{
    struct ledger_submission *all;
    int64_t *held;
    size_t n, n_held;
    TRY(ledger_taken(w->catalogue, w->stage_id, &held, &n_held, &out->n_parked));
    mem_free(held);
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, &n));
    out->n_files = 1;
    for (size_t i = 0; i < n; i++) {
        out->n_done |= all[i].state == LEDGER_LOCATED;
        out->n_live += all[i].state == LEDGER_NEW || all[i].state == LEDGER_IDLE || all[i].state == LEDGER_RUNNING;
    }
    out->n_held      = out->n_live;
    out->is_complete = out->n_done == 1;
    mem_free(all);
    return ERR_OK;
}

static enum err look(const struct work *w, struct step_stage *out)
{
    struct ledger_submission *live;
    struct dataset d;
    if (is_simulation(w)) return look_at_simulation(w, out);
    TRY(read_dataset(w, &d));
    out->n_files  = d.files.n;
    out->n_done   = d.n_done;
    out->n_parked = d.n_parked;
    out->n_held   = d.n_held - d.n_parked;
    dataset_free(&d);
    TRY(ledger_submissions(w->catalogue, w->stage_id, true, &live, &out->n_live));
    mem_free(live);
    out->is_complete = out->n_live == 0 && out->n_done == out->n_files && out->n_files > 0;
    return ERR_OK;
}

enum err step_look(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                   struct step_stage *out)
{
    struct work w;
    *out = (struct step_stage){.n_files = 0};
    TRY(begin(catalogue, campaign, campaign_id, stage, "", &w));
    return look(&w, out);
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */
static enum err own_program(const struct work *w, char path[MAX_PATH])
{
    if (*w->campaign->cfg.gm2) {
        snprintf(path, MAX_PATH, "%s", w->campaign->cfg.gm2);
        return ERR_OK;
    }
    ssize_t n = readlink("/proc/self/exe", path, MAX_PATH - 1);
    REQUIRE(n > 0, ERR_OPEN, "this program does not find itself; name it in campaign.gm2");
    path[n] = 0;
    return ERR_OK;
}

static enum err add_input(void *context, const struct db_value *row, size_t n)
{
    const char *url = row[n - 1].type == DB_TEXT ? row[n - 1].text : "";
    REQUIRE(strncmp(url, "file:", 5) == 0, ERR_DATA, "%s has no place that is a file here", row[0].text);
    return sql_add(context, "%s\n", url + 5);
}

/* The list of inputs for -S. */
static enum err write_list(const struct work *w, int64_t submission_id, const char *path)
{
    struct sql query = {0}, text = {0};
    int64_t *ids;
    size_t n;
    TRY(ledger_files(w->catalogue, submission_id, &ids, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i += IDS_A_QUERY) {
        query.n = 0;
        rc      = sql_add(&query, "file_id");
        for (size_t k = i; k < n && k < i + IDS_A_QUERY && !rc; k++)
            rc = sql_add(&query, "%s %" PRId64, k > i ? "," : "", ids[k]);
        if (!rc)
            rc = catalogue_list(
                w->catalogue, query.text,
                "f.file_name, (select min(a.url) from file_locations a where a.file_id = f.id and a.url like "
                "'file:%')",
                0, add_input, &text);
    }
    if (!rc) rc = publish_text(path, text.text ? text.text : "", text.n, 1);
    mem_free(ids);
    sql_free(&query);
    sql_free(&text);
    return rc;
}

static enum err launch(const struct work *w, struct ledger_submission *s)
{
    enum { MAX_ARGS = 80 };
    char folder[MAX_PATH], list[MAX_PATH + 16], output[MAX_PATH + 80], program[MAX_PATH], fills[32], batch_id[64];
    const char *argv[MAX_ARGS + 1];
    size_t n = 0;
    submission_folder(w, s->name, folder);
    TRY(publish_make_folder(folder));
    snprintf(list, sizeof list, "%s/list.txt", folder);
    /* a simulation goes on where an earlier attempt stopped: its products have one folder */
    /* names of files are for ever: those of another version differ */
    snprintf(output, sizeof output, "%s/products/%s_%.8s.h5", is_simulation(w) ? w->folder : folder, w->stage->name,
             w->stage->config_id);
    snprintf(fills, sizeof fills, "%" PRId64, w->stage->cfg.fills);
    TRY(own_program(w, program));
    const char *const job[] = {program, "-c", w->stage->cfg.config, "-o", output};
    for (size_t i = 0; i < 5; i++) argv[n++] = job[i];
    if (!is_simulation(w)) TRY(write_list(w, s->id, list));
    argv[n++] = is_simulation(w) ? "-n" : "-S";
    argv[n++] = is_simulation(w) ? fills : list;
    for (size_t i = 0; i < w->stage->cfg.set.n; i++) {
        REQUIRE(n + 2 <= MAX_ARGS, ERR_CONFIG, "stage %s: more than %d settings", w->stage->name, MAX_ARGS / 2 - 8);
        argv[n++] = "--set";
        argv[n++] = w->stage->cfg.set.value[i];
    }
    argv[n]                       = NULL;
    const struct executor_job one = {.folder    = folder,
                                     .name      = s->name,
                                     .argv      = argv,
                                     .n_ranks   = (int)w->stage->cfg.ranks,
                                     .n_options = w->stage->cfg.sbatch.n,
                                     .option    = w->stage->cfg.sbatch.value};
    TRY(w->executor->start(&one, batch_id));
    log_info("%s: submission %s started, %" PRId64 " files", w->stage->name, s->name, s->n_files);
    return ledger_change(w->catalogue, s, LEDGER_IDLE, batch_id, "");
}

/* ---- ending --------------------------------------------------------------------------------------------------------- */
/* Files of a submission without a product. */
static enum err find_not_done(const struct work *w, const struct ledger_submission *s, int64_t **ids, size_t *n)
{
    int64_t *all, *done = NULL;
    size_t n_all, n_done, n_left = 0;
    struct sql query = {0};
    enum err rc      = ERR_OK;
    TRY(ledger_files(w->catalogue, s->id, &all, &n_all));
    for (size_t i = 0; i < n_all && !rc; i += IDS_A_QUERY) {
        size_t end = i + IDS_A_QUERY < n_all ? i + IDS_A_QUERY : n_all;
        query.n    = 0;
        rc         = sql_add(&query, "file_id");
        for (size_t k = i; k < end && !rc; k++) rc = sql_add(&query, "%s %" PRId64, k > i ? "," : "", all[k]);
        if (!rc) rc = list_done(w, query.text, end - i, &done, &n_done);
        if (rc) break;
        for (size_t k = i; k < end; k++)
            if (!n_done || !bsearch(&all[k], done, n_done, sizeof *done, by_value)) all[n_left++] = all[k];
        mem_free(done);
    }
    sql_free(&query);
    if (rc) mem_free(all);
    *ids = rc ? NULL : all;
    *n   = n_left;
    return rc;
}

static enum err settle(const struct work *w, struct ledger_submission *s, int exit_code)
{
    struct ingest_tally tally = {{0}};
    char folder[MAX_PATH], products[MAX_PATH + 16], reason[160];
    int64_t *ids = NULL;
    size_t n     = 0;
    submission_folder(w, s->name, folder);
    snprintf(products, sizeof products, "%s/products", is_simulation(w) ? w->folder : folder);
    TRY(ingest_folder(w->catalogue, products, w->user, &tally));
    if (!is_simulation(w)) TRY(find_not_done(w, s, &ids, &n));
    bool is_good =
        is_simulation(w) ? exit_code == 0 && !tally.n[CATALOGUE_CONFLICT] && !tally.n[CATALOGUE_REFUSED] : n == 0;
    if (is_simulation(w)) n = is_good ? 0 : 1;
    if (exit_code < 0)
        snprintf(reason, sizeof reason, "lost: no exit status; %zu of %" PRId64 " without a product", n, s->n_files);
    else
        snprintf(reason, sizeof reason, "exit status %d; %zu of %" PRId64 " without a product", exit_code, n,
                 s->n_files);
    enum ledger_state to = is_good ? LEDGER_LOCATED : exit_code == EXIT_AGAIN ? LEDGER_CANCELLED : LEDGER_FAILED;
    /* 75 is no failure: the job was stopped, and goes on another time */
    enum err rc = ledger_end(w->catalogue, s, to, reason, is_simulation(w) ? the_simulation : ids, n,
                             exit_code == EXIT_AGAIN, w->stage->cfg.max_attempts);
    mem_free(ids);
    if (rc) return rc;
    if (is_good)
        log_info("%s: submission %s is done (%s); its log is %s/log", w->stage->name, s->name, reason, folder);
    else
        log_warn("%s: submission %s: %s; its log is %s/log", w->stage->name, s->name, reason, folder);
    return ERR_OK;
}

static enum err pass_on(const struct work *w, struct ledger_submission *s, enum ledger_state now)
{
    return s->state == now ? ERR_OK : ledger_change(w->catalogue, s, now, NULL, "");
}

static enum err meet(const struct work *w, struct ledger_submission *s)
{
    char folder[MAX_PATH];
    enum executor_answer answer;
    int exit_code;
    submission_folder(w, s->name, folder);
    TRY(w->executor->ask(folder, s->name, s->batch_id, &answer, &exit_code));
    switch (answer) {
    case EXECUTOR_UNKNOWN:
        log_warn("%s: submission %s: no answer from %s; left as it is", w->stage->name, s->name, w->executor->name);
        return ERR_OK;
    case EXECUTOR_NOT_STARTED: return launch(w, s);
    case EXECUTOR_WAITING: return pass_on(w, s, LEDGER_IDLE);
    case EXECUTOR_RUNNING: return pass_on(w, s, LEDGER_RUNNING);
    case EXECUTOR_ENDED: break;
    }
    return settle(w, s, exit_code);
}

/* ---- new submissions ------------------------------------------------------------------------------------------------ */
static enum err submit(const struct work *w, const char *slice, const int64_t *ids, size_t n, bool *is_lost)
{
    struct ledger_submission s;
    enum err rc = ledger_reserve(w->catalogue, w->stage_id, slice, ids, n, &s);
    *is_lost    = rc == ERR_MISMATCH; /* another pass, at the same time, was quicker */
    if (*is_lost) {
        err_clear();
        return ERR_OK;
    }
    return rc ? rc : launch(w, &s);
}

static enum err submit_files(const struct work *w, size_t n_live)
{
    for (bool is_over = false; !is_over && (int64_t)n_live < w->stage->cfg.max_submissions; n_live++) {
        struct dataset d;
        struct split_slice slice;
        struct split_past past = {0};
        TRY(read_dataset(w, &d));
        past.taken   = d.taken;
        past.n_taken = d.n_taken;
        enum err rc  = ledger_count(w->catalogue, w->stage_id, &past.n_slices);
        if (!rc) rc = split_next(&w->stage->split, "", d.files.one, d.files.n, &past, (int64_t)time(NULL), &slice);
        is_over      = rc || slice.is_over;
        bool is_lost = false;
        if (!is_over) rc = submit(w, slice.name, slice.id, slice.n, &is_lost);
        is_over = is_over || is_lost;
        if (!rc) split_free(&slice);
        dataset_free(&d);
        if (rc) return rc;
    }
    return ERR_OK;
}

static enum err pass(const struct work *w, bool may_start, struct step_stage *report)
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
    TRY(look(w, report));
    if (!may_start || report->is_complete) return ERR_OK;
    if (!is_simulation(w)) {
        TRY(submit_files(w, report->n_live));
    } else if (report->n_live == 0 && !report->n_parked) {
        TRY(submit(w, "simulation", the_simulation, 1, &is_lost));
    }
    *report = (struct step_stage){.is_waiting = report->is_waiting};
    return look(w, report);
}

enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report)
{
    for (size_t k = 0; k < campaign->n_stages; k++) {
        size_t i        = campaign->order[k];
        bool is_waiting = false;
        struct work w;
        for (size_t j = 0; j < campaign->stage[i].n_needs; j++)
            is_waiting = is_waiting || !report[campaign->stage[i].need[j]].is_complete;
        report[i] = (struct step_stage){.is_waiting = is_waiting};
        TRY(begin(catalogue, campaign, campaign_id, i, user, &w));
        enum err rc = pass(&w, !is_held && !is_waiting, &report[i]);
        if (rc) return err_context(rc, "stage %s", campaign->stage[i].name);
    }
    return ERR_OK;
}

enum err step_submissions(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t stage, struct ledger_submission **out, size_t *n)
{
    struct work w;
    TRY(begin(catalogue, campaign, campaign_id, stage, "", &w));
    return ledger_submissions(catalogue, w.stage_id, false, out, n);
}

enum err step_retry(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                    const char *user)
{
    struct work w;
    TRY(begin(catalogue, campaign, campaign_id, stage, user, &w));
    return ledger_unpark(catalogue, w.stage_id, user);
}

enum err step_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < campaign->n_stages; i++) {
        struct ledger_submission *live;
        struct work w;
        size_t n_live;
        char folder[MAX_PATH];
        TRY(begin(catalogue, campaign, campaign_id, i, "", &w));
        TRY(ledger_submissions(catalogue, w.stage_id, true, &live, &n_live));
        enum err rc = ERR_OK;
        for (size_t k = 0; k < n_live && !rc; k++) {
            submission_folder(&w, live[k].name, folder);
            rc = w.executor->stop(folder, live[k].name, live[k].batch_id);
            *n += !rc;
        }
        mem_free(live);
        TRY(rc);
    }
    return ERR_OK;
}
