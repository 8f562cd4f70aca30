/* HTCondor: jobs of one rank by jobs/grid_job, which copies in and out; of a submission folder only its small files travel. A job is
 * found again by the attribute Gm2Name of its ClassAd. Several are started as one DAG, which throttles them (array,
 * array_running); FOLDER/array has the DAG's name, and is there before the DAG is submitted. Test: tests/cli/condor.sh */
#include "executor.h"

#include "condor_query.h"
#include "condor_text.h"
#include "process.h"
#include "publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 8192, MAX_ARGS = 270 };
#define CONDOR_PATIENCE_S 120.0

/* ---- asking --------------------------------------------------------------------------------------------------------- */
static bool read_dag_name(const char *folder, char name[EXECUTOR_MAX_NAME])
{
    char path[EXECUTOR_MAX_PATH];
    bool is_read = false;
    if (executor_path(folder, "array", path)) err_clear();
    FILE *f = fopen(path, "r");
    if (!f) return false;
    is_read                   = fgets(name, EXECUTOR_MAX_NAME, f) != NULL;
    name[strcspn(name, "\n")] = 0;
    fclose(f);
    return is_read;
}

static void tell(const struct condor_ad *ad, struct executor_report *r)
{
    static const char *const words[]            = {"",          "IDLE", "RUNNING", "CANCELLED",
                                                   "COMPLETED", "HELD", "RUNNING", "SUSPENDED"};
    static const enum executor_answer answers[] = {EXECUTOR_UNKNOWN, EXECUTOR_WAITING, EXECUTOR_RUNNING,
                                                   EXECUTOR_ENDED,   EXECUTOR_ENDED,   EXECUTOR_HELD,
                                                   EXECUTOR_RUNNING, EXECUTOR_RUNNING};
    r->answer                                   = answers[ad->status];
    snprintf(r->state, sizeof r->state, "%s", words[ad->status]);
    snprintf(r->reason, sizeof r->reason, "%.159s", ad->why);
    snprintf(r->batch_id, sizeof r->batch_id, "%s", ad->id);
    if (ad->begin_s > 0) r->begin_s = ad->begin_s;
    if (ad->end_s > 0) r->end_s = ad->end_s;
    if (ad->cpu_s > 0.0) r->cpu_s = ad->cpu_s;
    if (ad->wall_s > 0.0) r->wall_s = ad->wall_s;
    if (ad->rss_kb > 0) r->max_rss_kb = ad->rss_kb;
}

/* The queue first: what has left it is in the history, and what is in neither has never been. */
static enum err find(const char *folder, const char *name, bool is_fresh, bool *is_known, struct executor_report *r)
{
    char own[EXECUTOR_MAX_NAME], dag[EXECUTOR_MAX_NAME];
    struct condor_ad ad;
    executor_job_name(folder, "", name, own);
    TRY(condor_query(own, is_fresh, is_known, &ad));
    if (!*is_known) TRY(condor_history(own, is_known, &ad));
    if (*is_known) {
        tell(&ad, r);
        return ERR_OK;
    }
    if (!read_dag_name(folder, dag)) return ERR_OK;
    TRY(condor_query(dag, is_fresh, is_known, &ad));
    if (!*is_known) return ERR_OK;
    r->answer = EXECUTOR_WAITING; /* DAGMan has it in hand */
    snprintf(r->state, sizeof r->state, "IN_DAG");
    return ERR_OK;
}

static enum err ask(const char *folder, const char *name, const char *batch_id, struct executor_report *r)
{
    bool is_known = false;
    *r            = (struct executor_report)EXECUTOR_REPORT_NONE;
    for (int i = 0; i < 2 && !is_known; i++) { /* twice: it may have been on its way from the queue to the history */
        if (find(folder, name, false, &is_known, r)) {
            err_clear();
            *r = (struct executor_report)EXECUTOR_REPORT_NONE;
            return ERR_OK;
        }
        if (!is_known && !*batch_id) break;
        if (!is_known) nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    }
    if (is_known && r->answer != EXECUTOR_ENDED) return ERR_OK;
    bool has_exit = executor_read_exit(folder, r);
    r->answer     = is_known || has_exit || *batch_id ? EXECUTOR_ENDED : EXECUTOR_NOT_STARTED;
    if (*r->state || r->answer == EXECUTOR_NOT_STARTED) return ERR_OK;
    snprintf(r->state, sizeof r->state, "%s", r->exit_code < 0 ? "LOST" : r->exit_code ? "FAILED" : "COMPLETED");
    snprintf(r->reason, sizeof r->reason, "neither the queue nor the history lists it");
    return ERR_OK;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */
/* The inputs as workers see them: GM2_GRID_URL (root://door:1094/) before each path of this host. */
static enum err write_grid_list(const char *list, const char *prefix, const char *path)
{
    char line[4096];
    struct sql s = {0};
    FILE *f      = fopen(list, "r");
    REQUIRE(f, ERR_OPEN, "%s cannot be opened: %s", list, strerror(errno));
    enum err rc = ERR_OK;
    while (!rc && fgets(line, sizeof line, f)) rc = sql_add(&s, "%s%s", strstr(line, "://") ? "" : prefix, line);
    fclose(f);
    if (!rc) rc = publish_text(path, s.text ? s.text : "", s.n, 1);
    sql_free(&s);
    return rc;
}

struct words {
    const char *argv[MAX_ARGS + 1], *input[5], *environment[3];
    char wrapper[EXECUTOR_MAX_PATH], to[EXECUTOR_MAX_PATH + 256], grid_list[EXECUTOR_MAX_PATH],
        fhicl[EXECUTOR_MAX_PATH];
};

static enum err add_word(struct words *w, size_t *n, const char *word)
{
    REQUIRE(*n < MAX_ARGS, ERR_CONFIG, "more than %d arguments", MAX_ARGS);
    w->argv[(*n)++] = word;
    w->argv[*n]     = NULL;
    return ERR_OK;
}

/* grid_job [--setup setup.sh] --to URL -- gm2 ... -S grid.list ... */
static enum err put_words(const struct executor_job *job, struct words *w)
{
    const char *const *program = job->argv;
    const char *prefix = getenv("GM2_GRID_URL"), *fhicl = getenv("FHICL_FILE_PATH");
    size_t n = 0, n_input = 0;
    prefix = prefix ? prefix : "";
    if (strcmp(program[0], "/bin/bash") == 0) {
        TRY(add_word(w, &n, "--setup"));
        TRY(add_word(w, &n, "setup.sh"));
        w->input[n_input++] = "setup.sh";
        program += 2;
    }
    REQUIRE(
        program[1] && strcmp(program[1], "-c") == 0, ERR_CONFIG,
        "executor condor: gm2 %.40s writes into a database, which workers do not see; let the stage run with executor "
        "local or slurm",
        program[1] ? program[1] : "");
    TRY(executor_wrapper(program[0], w->wrapper));
    TRY(add_word(w, &n, "--to"));
    TRY(add_word(w, &n, w->to));
    TRY(add_word(w, &n, "--"));
    for (size_t i = 0; program[i]; i++) {
        bool is_list = strcmp(program[i], "-S") == 0 && program[i + 1], is_out = strcmp(program[i], "-o") == 0;
        size_t own   = strlen(job->folder);
        bool is_sent = strcmp(program[i], "-c") == 0 && program[i + 1] &&
                       strncmp(program[i + 1], job->folder, own) == 0 && program[i + 1][own] == '/';
        TRY(add_word(w, &n, program[i]));
        if (is_out && program[i + 1]) {
            const char *slash = strrchr(program[i + 1], '/');
            snprintf(w->to, sizeof w->to, "%s%.*s", prefix, slash ? (int)(slash - program[i + 1]) : 0, program[i + 1]);
        }
        if (is_sent) { /* a configuration of the submission's own: it travels, and loses its folders */
            w->input[n_input++] = program[++i] + own + 1;
            TRY(add_word(w, &n, strrchr(program[i], '/') + 1));
        }
        if (!is_list) continue;
        TRY(executor_path(job->folder, "grid.list", w->grid_list));
        TRY(write_grid_list(program[++i], prefix, w->grid_list));
        TRY(add_word(w, &n, "grid.list"));
        w->input[n_input++] = "grid.list";
    }
    if (fhicl) {
        snprintf(w->fhicl, sizeof w->fhicl, "FHICL_FILE_PATH=%s", fhicl);
        w->environment[0] = w->fhicl;
    }
    return ERR_OK;
}

static enum err write_job(const struct executor_job *job)
{
    struct words w = {.to = ""};
    char path[EXECUTOR_MAX_PATH], name[EXECUTOR_MAX_NAME];
    struct sql submit = {0}, jobsub = {0};
    REQUIRE(job->n_ranks == 1, ERR_CONFIG, "executor condor: jobs have one rank, not %d", job->n_ranks);
    TRY(publish_make_folder(job->folder));
    TRY(put_words(job, &w));
    executor_job_name(job->folder, "", job->name, name);
    const struct condor_job text = {.name        = name,
                                    .wrapper     = w.wrapper,
                                    .argv        = w.argv,
                                    .folder      = job->folder,
                                    .input       = w.input,
                                    .environment = w.environment,
                                    .line        = job->option,
                                    .n_lines     = job->n_options};
    enum err rc                  = condor_text_submit(&text, &submit);
    if (!rc) rc = condor_text_jobsub(&text, &jobsub);
    if (!rc) rc = executor_path(job->folder, "job.sub", path);
    if (!rc) rc = publish_text(path, submit.text, submit.n, 1);
    if (!rc) rc = executor_path(job->folder, "jobsub.sh", path);
    if (!rc) rc = publish_text(path, jobsub.text, jobsub.n, 1);
    sql_free(&submit);
    sql_free(&jobsub);
    return rc;
}

static enum err start(const struct executor_job *job, char batch_id[64])
{
    char path[EXECUTOR_MAX_PATH], out[ROOM];
    struct executor_report found = EXECUTOR_REPORT_NONE;
    bool is_known;
    TRY(find(job->folder, job->name, true, &is_known, &found));
    memcpy(batch_id, found.batch_id, sizeof found.batch_id);
    if (is_known) return ERR_OK; /* an earlier condor_submit, whose answer was lost */
    TRY(write_job(job));
    TRY(executor_path(job->folder, "job.sub", path));
    const char *const argv[] = {"condor_submit", "-terse", path, NULL};
    TRY(process_ask(argv, CONDOR_PATIENCE_S, out, sizeof out));
    snprintf(batch_id, 64, "%.*s", (int)strcspn(out, ". \n"), out);
    return ERR_OK;
}

static enum err write_dag(const struct executor_job *jobs, size_t n, const char *name, char path[EXECUTOR_MAX_PATH])
{
    enum { MAX_NODES = 1000 };
    const char *folder[MAX_NODES];
    char array[EXECUTOR_MAX_PATH], line[EXECUTOR_MAX_NAME + 2];
    struct sql text = {0};
    REQUIRE(n <= MAX_NODES, ERR_CONFIG, "more than %d jobs together", MAX_NODES);
    int length = snprintf(line, sizeof line, "%s\n", name);
    for (size_t i = 0; i < n; i++) {
        folder[i] = jobs[i].folder;
        TRY(write_job(&jobs[i]));
        TRY(executor_path(jobs[i].folder, "array", array));
        TRY(publish_text(array, line, (size_t)length, 1));
    }
    enum err rc = condor_text_dag(name, folder, n, jobs[0].max_running, &text);
    if (!rc) rc = executor_path(jobs[0].folder, "array.dag", path);
    if (!rc) rc = publish_text(path, text.text, text.n, 1);
    sql_free(&text);
    return rc;
}

static enum err start_many(const struct executor_job *jobs, size_t n, char (*batch_id)[64])
{
    char path[EXECUTOR_MAX_PATH], name[EXECUTOR_MAX_NAME], out[ROOM];
    executor_job_name(jobs[0].folder, "dag.", jobs[0].name, name);
    TRY(write_dag(jobs, n, name, path));
    const char *const argv[] = {"condor_submit_dag", "-force", path, NULL};
    TRY(process_ask(argv, CONDOR_PATIENCE_S, out, sizeof out));
    for (size_t i = 0; i < n; i++) batch_id[i][0] = 0; /* DAGMan gives them later */
    return ERR_OK;
}

static enum err stop(const char *folder, const char *name, const char *batch_id)
{
    char own[EXECUTOR_MAX_NAME], constraint[EXECUTOR_MAX_NAME + 32], out[ROOM];
    struct executor_report r;
    TRY(ask(folder, name, batch_id, &r));
    REQUIRE(r.answer != EXECUTOR_UNKNOWN, ERR_AGAIN, "condor_q does not answer");
    if (r.answer == EXECUTOR_ENDED || r.answer == EXECUTOR_NOT_STARTED) return ERR_OK;
    executor_job_name(folder, "", name, own);
    if (strcmp(r.state, "IN_DAG") == 0 && !read_dag_name(folder, own)) return ERR_OK;
    snprintf(constraint, sizeof constraint, "Gm2Name == \"%s\"", own);
    const char *const argv[] = {"condor_rm", "-constraint", constraint, NULL};
    return process_ask(argv, CONDOR_PATIENCE_S, out, sizeof out);
}

const struct executor executor_condor = {"condor", start, ask, stop, start_many, condor_text_check};
