/* Slurm. FOLDER/job.sh is what runs; it leaves FOLDER/begun with the job's number, and FOLDER/exit. A job is found again by its
 * name, which holds the folder's digest, also when the answer of sbatch was lost; an element of an array by FOLDER/array, which
 * has the array's name and its index and is there before the array is submitted. Of two jobs with one folder the second does
 * nothing: the first has made FOLDER/begun. Tests: tests/t_slurm_query.c, tests/server/campaign.sh, tests/server/arrays.sh */
#include "executor.h"

#include "process.h"
#include "publish.h"
#include "slurm_query.h"
#include "sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4096 };
#define SLURM_PATIENCE_S 60.0
#define SLURM_GONE_S     10.0
#define SLURM_OVER_S     60.0

/* ---- asking -------------------------------------------------------------------------------------------------------- */
static bool read_array(const char *folder, char name[EXECUTOR_MAX_NAME], int *index)
{
    char path[EXECUTOR_MAX_PATH];
    if (executor_path(folder, "array", path)) {
        err_clear();
        return false;
    }
    FILE *f = fopen(path, "r");
    if (!f) return false;
    char line[EXECUTOR_MAX_NAME + 32] = "", *end;
    bool is_read                      = fgets(line, sizeof line, f) != NULL;
    char *blank                       = strrchr(line, ' ');
    fclose(f);
    if (!is_read || !blank) return false;
    *index = (int)strtol(blank + 1, &end, 10);
    snprintf(name, EXECUTOR_MAX_NAME, "%.*s", (int)(blank - line), line);
    return *end == '\n';
}

/* By the array that it is an element of, or by its own name. */
static enum err find(const char *folder, const char *name, bool is_fresh, bool *is_known, struct slurm_job *out)
{
    char own[EXECUTOR_MAX_NAME], array[EXECUTOR_MAX_NAME];
    int index;
    *is_known = false;
    if (read_array(folder, array, &index)) TRY(slurm_query(array, index, is_fresh, is_known, out));
    if (*is_known) return ERR_OK;
    executor_job_name(folder, "", name, own);
    return slurm_query(own, -1, is_fresh, is_known, out);
}

/* A controller that comes back may list nothing for a while: a job without an exit status is gone only when it is not listed
 * now, nor was SLURM_GONE_S ago and later. FOLDER/missing is as old as the first time. */
static bool is_gone(const char *folder, bool is_listed)
{
    char path[EXECUTOR_MAX_PATH];
    struct stat st;
    if (executor_path(folder, "missing", path)) {
        err_clear();
        return false;
    }
    bool was_missing = stat(path, &st) == 0;
    double age_s     = was_missing ? difftime(time(NULL), st.st_mtime) : 0.0;
    if (was_missing && (is_listed || age_s < 0.0)) unlink(path); /* listed again, or the clock was set back */
    if (is_listed) return false;
    if (was_missing && age_s >= SLURM_GONE_S) return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) close(fd);
    return false;
}

/* A controller or a node that was killed may list a job as running until its time limit, though its script has ended in this
 * life of the job (another one removes FOLDER/exit first). */
static bool is_over(const char *folder, const struct slurm_job *job)
{
    char path[EXECUTOR_MAX_PATH];
    struct stat st;
    if (executor_path(folder, "exit", path)) err_clear();
    return stat(path, &st) == 0 && st.st_mtime >= job->begin_s && difftime(time(NULL), st.st_mtime) > SLURM_OVER_S;
}

static void take_words(const struct slurm_job *job, struct executor_report *r)
{
    r->answer = slurm_query_answer(job);
    memcpy(r->state, job->state, sizeof job->state);
    memcpy(r->reason, job->reason, sizeof job->reason);
    memcpy(r->batch_id, job->id, sizeof job->id);
    if (r->answer == EXECUTOR_RUNNING || r->answer == EXECUTOR_ENDED)
        r->begin_s = job->begin_s; /* before: when it might begin */
    if (r->answer == EXECUTOR_ENDED) r->end_s = job->end_s;
}

/* An ended job whose state the controller does not tell. */
static void name_end(struct executor_report *r, const char *reason, const char *word)
{
    snprintf(r->state, sizeof r->state, "%s", r->exit_code < 0 ? "LOST" : r->exit_code ? "FAILED" : "COMPLETED");
    snprintf(r->reason, sizeof r->reason, "%s%s", reason, word);
}

static enum err ask(const char *folder, const char *name, const char *batch_id, struct executor_report *r)
{
    char begun[EXECUTOR_MAX_PATH];
    struct slurm_job job = {.begin_s = -1, .end_s = -1};
    bool is_known;
    *r = (struct executor_report)EXECUTOR_REPORT_NONE;
    TRY(executor_path(folder, "begun", begun));
    if (find(folder, name, false, &is_known, &job)) {
        err_clear();
        return ERR_OK;
    }
    bool is_gone_now = is_gone(folder, is_known);
    if (is_known) {
        take_words(&job, r);
        if (r->answer == EXECUTOR_RUNNING && is_over(folder, &job) && executor_read_exit(folder, r)) {
            r->answer = EXECUTOR_ENDED;
            name_end(r, "its script has ended, but Slurm says ", job.state);
            return ERR_OK;
        }
        if (r->answer != EXECUTOR_ENDED) return ERR_OK;
    } else if (!*batch_id && access(begun, F_OK) != 0) {
        r->answer = EXECUTOR_NOT_STARTED;
        return ERR_OK;
    }
    if (!executor_read_exit(folder, r) && !is_known && !is_gone_now) return ERR_OK;
    r->answer = EXECUTOR_ENDED;
    slurm_account(is_known ? job.id : batch_id, r);
    if (!*r->state) name_end(r, "the controller does not list it any more", "");
    return ERR_OK;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */
static enum err add_word(struct sql *script, const char *word)
{
    TRY(sql_add(script, " '"));
    for (; *word; word++) TRY(*word == '\'' ? sql_add(script, "'\\''") : sql_add(script, "%c", *word));
    return sql_add(script, "'");
}

static enum err write_job(const struct executor_job *job)
{
    static const char head[] = " || exit 1\n"
                               "exec >>log 2>&1\n"
                               "me=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}_${SLURM_ARRAY_TASK_ID:-}\n"
                               "(set -C; echo \"$me\" >begun) 2>/dev/null || [ \"$(cat begun)\" = \"$me\" ] ||\n"
                               "  { echo \"job $me: $(cat begun) is at it already\"; exit 0; }\n"
                               "[ ! -e closed ] || { echo \"job $me comes late: this submission is over\"; exit 0; }\n"
                               "rm -f exit\n"
                               "begin_s=$(date +%s) rc=1\n"
                               "if [ \"${SLURM_RESTART_COUNT:-0}\" -gt 20 ]; then echo \"more than 20 lives\"; else\n"
                               "${GM2_SRUN:-srun --kill-on-bad-exit=1}"; /* GM2_SRUN: of the site file */
    static const char tail[] =
        "\nrc=$?\nfi\nend_s=$(date +%s)\n"
        "{ echo $rc; echo begin_s $begin_s; echo end_s $end_s; echo wall_s $((end_s - begin_s))\n"
        "  tail -c 20000 log | sed -n 's/^Used  *CPU \\([0-9.]*\\) s.* \\([0-9]*\\) kB.*/cpu_s \\1\\nmax_rss_kb "
        "\\2/p' | tail -2\n"
        "} >exit.part && sync exit.part && mv exit.part exit\nexit $rc\n";
    char path[EXECUTOR_MAX_PATH];
    struct sql s = {0};
    TRY(publish_make_folder(job->folder));
    TRY(executor_path(job->folder, "job.sh", path));
    enum err rc = sql_add(&s, "#!/bin/bash\ncd");
    if (!rc) rc = add_word(&s, job->folder);
    if (!rc) rc = sql_add(&s, "%s", head);
    for (size_t i = 0; job->argv[i] && !rc; i++) rc = add_word(&s, job->argv[i]);
    if (!rc) rc = sql_add(&s, "%s", tail);
    if (!rc) rc = publish_text(path, s.text, s.n, 1);
    sql_free(&s);
    return rc;
}

/* sbatch with a job's options; what Slurm does not accept now it may accept later. */
static enum err submit(const struct executor_job *job, const char *name, const char *log_path, const char *array,
                       const char *script, char batch_id[64])
{
    enum { MAX_ARGS = 64, N_FRONT = 12 };
    char ranks[32], out[ROOM];
    const char *argv[MAX_ARGS + 1];
    size_t n = 0;
    snprintf(ranks, sizeof ranks, "%d", job->n_ranks);
    const char *const front[N_FRONT] = {
        "sbatch",
        "--parsable",
        "-J",
        name,
        "-n",
        ranks,
        "-o",
        log_path,
        "--open-mode=append",
        "--signal=USR1@180",
        "--export=ALL,PGPASSWORD=", /* a job's environment lies in Slurm's files; its own database passwords are in pgpass */
        array};
    for (size_t i = 0; i < N_FRONT && front[i]; i++) argv[n++] = front[i];
    for (size_t i = 0; i < job->n_options; i++) {
        REQUIRE(n < MAX_ARGS - 1, ERR_CONFIG, "more than %d options of sbatch", MAX_ARGS - N_FRONT - 1);
        argv[n++] = job->option[i];
    }
    argv[n++] = script;
    argv[n]   = NULL;
    TRY(process_ask(argv, SLURM_PATIENCE_S, out, sizeof out));
    snprintf(batch_id, 64, "%.*s", (int)strcspn(out, ";\n"), out);
    return ERR_OK;
}

static enum err start(const struct executor_job *job, char batch_id[64])
{
    char script[EXECUTOR_MAX_PATH], log_path[EXECUTOR_MAX_PATH], name[EXECUTOR_MAX_NAME];
    struct slurm_job found;
    bool is_known;
    TRY(find(job->folder, job->name, true, &is_known, &found));
    if (is_known) { /* an earlier sbatch, whose answer was lost */
        memcpy(batch_id, found.id, sizeof found.id);
        return ERR_OK;
    }
    TRY(write_job(job));
    TRY(executor_path(job->folder, "job.sh", script));
    TRY(executor_path(job->folder, "log", log_path));
    executor_job_name(job->folder, "", job->name, name);
    return submit(job, name, log_path, NULL, script, batch_id);
}

/* ---- arrays --------------------------------------------------------------------------------------------------------- */
static enum err find_max_array(size_t *n)
{
    static size_t known;
    static const char key[]         = "MaxArraySize";
    static const char *const argv[] = {"scontrol", "show", "config", NULL};
    enum { CONFIG_ROOM = 65536 };
    char out[CONFIG_ROOM];
    *n = known;
    if (known) return ERR_OK;
    TRY(process_ask(argv, SLURM_PATIENCE_S, out, sizeof out));
    const char *at = strstr(out, key);
    at             = at ? strchr(at, '=') : NULL;
    long max       = at ? strtol(at + 1, NULL, 10) : 0;
    known = *n = max > 1 ? (size_t)max - 1 : 1; /* indices are below it */
    return ERR_OK;
}

static enum err write_array(const struct executor_job *jobs, size_t n, const char *name, char script[EXECUTOR_MAX_PATH])
{
    char list[EXECUTOR_MAX_PATH], path[EXECUTOR_MAX_PATH], text[EXECUTOR_MAX_NAME + 32];
    struct sql folders = {0}, s = {0};
    enum err rc = executor_path(jobs[0].folder, "array.list", list);
    for (size_t i = 0; i < n && !rc; i++) {
        rc = write_job(&jobs[i]);
        if (!rc) rc = executor_path(jobs[i].folder, "array", path);
        int length = snprintf(text, sizeof text, "%s %zu\n", name, i);
        if (!rc) rc = publish_text(path, text, (size_t)length, 1);
        if (!rc) rc = sql_add(&folders, "%s\n", jobs[i].folder);
    }
    if (!rc) rc = publish_text(list, folders.text, folders.n, 1);
    if (!rc) rc = sql_add(&s, "#!/bin/bash\nfolder=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\"");
    if (!rc) rc = add_word(&s, list);
    if (!rc) rc = sql_add(&s, ") && exec bash \"$folder/job.sh\"\n");
    if (!rc) rc = executor_path(jobs[0].folder, "array.sh", script);
    if (!rc) rc = publish_text(script, s.text, s.n, 1);
    sql_free(&folders);
    sql_free(&s);
    return rc;
}

static enum err start_array(const struct executor_job *jobs, size_t n, char (*batch_id)[64])
{
    char name[EXECUTOR_MAX_NAME], script[EXECUTOR_MAX_PATH], range[64], id[64];
    executor_job_name(jobs[0].folder, "array.", jobs[0].name, name);
    TRY(write_array(jobs, n, name, script));
    int length = snprintf(range, sizeof range, "--array=0-%zu", n - 1);
    if (jobs[0].max_running > 0) snprintf(range + length, sizeof range - (size_t)length, "%%%d", jobs[0].max_running);
    TRY(submit(&jobs[0], name, "/dev/null", range, script, id));
    for (size_t i = 0; i < n; i++) snprintf(batch_id[i], sizeof batch_id[i], "%.40s_%zu", id, i);
    return ERR_OK;
}

static enum err start_many(const struct executor_job *jobs, size_t n, char (*batch_id)[64])
{
    size_t max;
    TRY(find_max_array(&max));
    for (size_t i = 0; i < n; i += max) TRY(start_array(jobs + i, n - i < max ? n - i : max, batch_id + i));
    return ERR_OK;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */
static enum err stop(const char *folder, const char *name, const char *batch_id)
{
    char out[ROOM];
    struct slurm_job job;
    bool is_known;
    (void)batch_id;
    TRY(find(folder, name, true, &is_known, &job));
    if (!is_known || slurm_query_answer(&job) == EXECUTOR_ENDED) return ERR_OK;
    const char *const argv[] = {"scancel", job.id, NULL};
    return process_ask(argv, SLURM_PATIENCE_S, out, sizeof out);
}

/* A site may forbid productions in its QOS for debugging, and give it to who names none. */
static enum err check(const char *const *option, size_t n)
{
    const char *qos = getenv("SBATCH_QOS");
    for (size_t i = 0; i < n; i++) {
        bool is_next = (strcmp(option[i], "-q") == 0 || strcmp(option[i], "--qos") == 0) && i + 1 < n;
        if (is_next) qos = option[i + 1];
        if (strncmp(option[i], "--qos=", 6) == 0) qos = option[i] + 6;
        if (strncmp(option[i], "-q", 2) == 0 && option[i][2]) qos = option[i] + 2;
    }
    REQUIRE(!qos || strcmp(qos, "debug") != 0, ERR_CONFIG,
            "sbatch: a production does not go to the QOS debug; name another (regular, preempt, ...)");
    return ERR_OK;
}

const struct executor executor_slurm = {"slurm", start, ask, stop, start_many, check};
