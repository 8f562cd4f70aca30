/* Slurm. FOLDER/job.sh is what runs; it leaves FOLDER/begun, and FOLDER/exit with the exit status. A job is found again by its
 * name, which holds the folder's digest: also when the answer of sbatch was lost. */
#include "executor.h"

#include "process.h"
#include "publish.h"
#include "sha1.h"
#include "sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 2048 };
#define SLURM_PATIENCE_S 60.0

static void job_name(const char *folder, const char *name, char out[128])
{
    char id[41];
    sha1_hex(folder, strlen(folder), id);
    snprintf(out, 128, "gm2.%.12s.%.100s", id, name);
}

static enum err path_of(const char *folder, const char *file, char path[MAX_PATH])
{
    int n = snprintf(path, MAX_PATH, "%s/%s", folder, file);
    REQUIRE(n > 0 && n < MAX_PATH, ERR_WRITE, "the path is too long: %.100s...", folder);
    return ERR_OK;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */
/* *is_known false: the controller lists no such job; ERR_AGAIN: it does not answer. */
static enum err look(const char *name, bool *is_known, char batch_id[64], char state[32])
{
    const char *const argv[] = {"squeue", "-h", "-t", "all", "-n", name, "-o", "%i %T", NULL};
    char out[4096], log[4096];
    int status;
    TRY(process_run(argv, SLURM_PATIENCE_S, out, log, sizeof out, &status));
    REQUIRE(status == 0, ERR_AGAIN, "squeue ends with %d: %.200s", status, log);
    *is_known = sscanf(out, "%63s %31s", batch_id, state) == 2;
    return ERR_OK;
}

static enum executor_answer answer_of(const char *state)
{
    static const char *const waiting[] = {"PENDING",      "REQUEUED",     "REQUEUE_FED",
                                          "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
    static const char *const running[] = {"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED",
                                          "STOPPED", "RESIZING",    "SIGNALING",  "STAGE_OUT"};
    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++)
        if (strcmp(state, waiting[i]) == 0) return EXECUTOR_WAITING;
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++)
        if (strcmp(state, running[i]) == 0) return EXECUTOR_RUNNING;
    return EXECUTOR_ENDED;
}

static enum err ask(const char *folder, const char *name, const char *batch_id, struct executor_report *r)
{
    char begun[MAX_PATH], full[128], id[64], state[32] = "";
    bool is_known;
    *r = (struct executor_report)EXECUTOR_REPORT_NONE;
    TRY(path_of(folder, "begun", begun));
    job_name(folder, name, full);
    if (look(full, &is_known, id, state)) {
        err_clear();
        return ERR_OK;
    }
    r->answer = is_known ? answer_of(state) : EXECUTOR_ENDED;
    if (is_known) snprintf(r->state, sizeof r->state, "%s", state);
    if (r->answer != EXECUTOR_ENDED || executor_read_exit(folder, r)) return ERR_OK;
    if (!is_known && !*batch_id && access(begun, F_OK) != 0) r->answer = EXECUTOR_NOT_STARTED;
    return ERR_OK;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */
static enum err add_word(struct sql *script, const char *word)
{
    TRY(sql_add(script, " '"));
    for (; *word; word++) TRY(*word == '\'' ? sql_add(script, "'\\''") : sql_add(script, "%c", *word));
    return sql_add(script, "'");
}

static enum err write_script(const struct executor_job *job, const char *path)
{
    struct sql s = {0};
    enum err rc  = sql_add(&s, "#!/bin/bash\ncd");
    if (!rc) rc = add_word(&s, job->folder);
    if (!rc) rc = sql_add(&s, " || exit 1\n: >begun\nsrun --kill-on-bad-exit=1");
    for (size_t i = 0; job->argv[i] && !rc; i++) rc = add_word(&s, job->argv[i]);
    if (!rc) rc = sql_add(&s, "\nrc=$?\necho $rc >exit.part && sync exit.part && mv exit.part exit\nexit $rc\n");
    if (!rc) rc = publish_text(path, s.text, s.n, 1);
    sql_free(&s);
    return rc;
}

static enum err start(const struct executor_job *job, char batch_id[64])
{
    enum { MAX_ARGS = 64 };
    char script[MAX_PATH], log_path[MAX_PATH], name[128], ranks[32], state[32], out[4096], log[4096];
    const char *argv[MAX_ARGS + 1];
    size_t n = 0;
    bool is_known;
    int status;
    TRY(publish_make_folder(job->folder));
    TRY(path_of(job->folder, "job.sh", script));
    TRY(path_of(job->folder, "log", log_path));
    job_name(job->folder, job->name, name);
    TRY(look(name, &is_known, batch_id, state));
    if (is_known) return ERR_OK; /* an earlier sbatch, whose answer was lost */
    TRY(write_script(job, script));
    snprintf(ranks, sizeof ranks, "%d", job->n_ranks);
    const char *const front[] = {
        "sbatch", "--parsable", "-J", name, "-n", ranks, "-o", log_path, "--open-mode=append", "--signal=USR1@180"};
    for (size_t i = 0; i < sizeof front / sizeof front[0]; i++) argv[n++] = front[i];
    for (size_t i = 0; i < job->n_options; i++) {
        REQUIRE(n < MAX_ARGS - 1, ERR_CONFIG, "more than %d options of sbatch", MAX_ARGS - 12);
        argv[n++] = job->option[i];
    }
    argv[n++] = script;
    argv[n]   = NULL;
    TRY(process_run(argv, SLURM_PATIENCE_S, out, log, sizeof out, &status));
    REQUIRE(status == 0, ERR_AGAIN, "sbatch ends with %d: %.300s", status, log);
    snprintf(batch_id, 64, "%.*s", (int)strcspn(out, ";\n"), out);
    return ERR_OK;
}

static enum err stop(const char *folder, const char *name, const char *batch_id)
{
    char full[128], id[64], state[32], out[4096], log[4096];
    bool is_known;
    int status;
    (void)batch_id;
    job_name(folder, name, full);
    TRY(look(full, &is_known, id, state));
    if (!is_known || answer_of(state) == EXECUTOR_ENDED) return ERR_OK;
    const char *const argv[] = {"scancel", "-n", full, NULL};
    TRY(process_run(argv, SLURM_PATIENCE_S, out, log, sizeof out, &status));
    REQUIRE(status == 0, ERR_AGAIN, "scancel ends with %d: %.200s", status, log);
    return ERR_OK;
}

const struct executor executor_slurm = {"slurm", start, ask, stop};
