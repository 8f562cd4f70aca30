/* What Slurm says of jobs. */
#include "slurm_query.h"

#include "clock.h"
#include "log.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLURM_PATIENCE_S  60.0
#define SLURM_CACHE_AGE_S 2.0
#define SLURM_AWAY_S      5.0
enum { ALL_ROOM = 8 << 20, ONE_ROOM = 1 << 16 };

const char slurm_query_format[]   = "%i|%K|%T|%r|%S|%e|%j"; /* the name last */
const char slurm_account_format[] = "JobID,State,Start,End,ElapsedRaw,TotalCPU,MaxRSS,Reason";

/* ---- words ---------------------------------------------------------------------------------------------------------- */
/* The next field up to `mark`; false at the end of the line. */
static bool take_field(const char **at, char mark, char *out, size_t room)
{
    size_t n = strcspn(*at, mark == '|' ? "|\n" : "\n");
    snprintf(out, room, "%.*s", (int)n, *at);
    bool is_there = (*at)[n] == mark || mark == '\n';
    *at += n + ((*at)[n] != 0);
    return is_there;
}

static int64_t time_of(const char *text)
{
    char *end;
    long long x = strtoll(text, &end, 10);
    return end != text && !*end && x > 0 ? x : -1;
}

/* Among its reasons: JobHeldUser, JobHeldAdmin, JobHoldMaxRequeue, "launch failed requeued held", "job requeued in held state". */
static bool is_held(const struct slurm_job *job)
{
    static const char *const words[] = {"Held", "held", "Hold"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(job->reason, words[i])) return true;
    return strstr(job->state, "HOLD") || strcmp(job->state, "SPECIAL_EXIT") == 0;
}

enum executor_answer slurm_query_answer(const struct slurm_job *job)
{
    static const char *const waiting[] = {"PENDING",      "REQUEUED",     "REQUEUE_FED",
                                          "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"};
    static const char *const running[] = {"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED",
                                          "STOPPED", "RESIZING",    "SIGNALING",  "STAGE_OUT"};
    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++)
        if (strcmp(job->state, waiting[i]) == 0) return is_held(job) ? EXECUTOR_HELD : EXECUTOR_WAITING;
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++)
        if (strcmp(job->state, running[i]) == 0) return EXECUTOR_RUNNING;
    return EXECUTOR_ENDED;
}

static int liveliness(const struct slurm_job *job)
{
    enum executor_answer a = slurm_query_answer(job);
    return a == EXECUTOR_RUNNING ? 2 : a == EXECUTOR_ENDED ? 0 : 1;
}

bool slurm_query_parse(const char *text, const char *name, int index, struct slurm_job *out)
{
    bool is_found = false;
    for (const char *at = text; *at;) {
        struct slurm_job job;
        char element[32], begin[32], end[32], its_name[256];
        bool is_whole = take_field(&at, '|', job.id, sizeof job.id) && take_field(&at, '|', element, sizeof element) &&
                        take_field(&at, '|', job.state, sizeof job.state) &&
                        take_field(&at, '|', job.reason, sizeof job.reason) &&
                        take_field(&at, '|', begin, sizeof begin) && take_field(&at, '|', end, sizeof end) &&
                        take_field(&at, '\n', its_name, sizeof its_name);
        if (!is_whole || strcmp(its_name, name) != 0) continue;
        if (index >= 0 && (element[0] < '0' || element[0] > '9' || strtol(element, NULL, 10) != index)) continue;
        job.begin_s = time_of(begin);
        job.end_s   = time_of(end);
        if (strcmp(job.reason, "None") == 0) job.reason[0] = 0;
        if (!is_found || liveliness(&job) > liveliness(out)) *out = job;
        is_found = true;
    }
    return is_found;
}

/* ---- squeue --------------------------------------------------------------------------------------------------------- */
static enum err ask_squeue(const char *option, const char *value, char *out, size_t room)
{
    const char *const argv[] = {"squeue", "-h", "-r", "-t", "all", "-o", slurm_query_format, option, value, NULL};
    return process_ask(argv, SLURM_PATIENCE_S, out, room);
}

/* Without a controller each squeue takes its time-out: what one was told serves the questions of the next seconds, so that a
 * pass over many submissions waits once. */
static enum err run_squeue(const char *option, const char *value, char *out, size_t room)
{
    static double away_s;
    static char why[400];
    REQUIRE(away_s <= 0.0 || clock_now_s() - away_s > SLURM_AWAY_S, ERR_AGAIN, "%s", why);
    enum err rc = ask_squeue(option, value, out, room);
    away_s      = rc == ERR_AGAIN ? clock_now_s() : 0.0;
    if (rc != ERR_AGAIN) return rc;
    snprintf(why, sizeof why, "%s", err_message());
    log_warn("Slurm does not answer: %s; what it has is left as it is", why);
    return rc;
}

/* One answer about all of the user's jobs serves many questions: sites forbid thousands of squeue. */
static const char *all_jobs(void)
{
    static char text[ALL_ROOM];
    static double taken_s;
    static bool is_good;
    if (taken_s > 0.0 && clock_now_s() - taken_s < SLURM_CACHE_AGE_S) return is_good ? text : "";
    is_good = run_squeue("--me", NULL, text, ALL_ROOM) == ERR_OK;
    if (!is_good) err_clear();
    taken_s = clock_now_s();
    return is_good ? text : "";
}

enum err slurm_query(const char *name, int index, bool is_fresh, bool *is_known, struct slurm_job *out)
{
    char text[ONE_ROOM];
    setenv("SLURM_TIME_FORMAT", "%s", 1);
    *is_known = !is_fresh && slurm_query_parse(all_jobs(), name, index, out);
    if (*is_known) return ERR_OK;
    TRY(run_squeue("-n", name, text, sizeof text));
    *is_known = slurm_query_parse(text, name, index, out);
    return ERR_OK;
}

/* ---- sacct ---------------------------------------------------------------------------------------------------------- */
/* [DD-[HH:]]MM:SS[.mmm] */
static double seconds_of(const char *text)
{
    double days = 0.0, sum = 0.0;
    char *end;
    const char *dash = strchr(text, '-');
    if (dash) {
        days = strtod(text, NULL);
        text = dash + 1;
    }
    for (;; text = end + 1) {
        double x = strtod(text, &end);
        if (end == text) return -1.0;
        sum = 60.0 * sum + x;
        if (*end != ':') break;
    }
    return 86400.0 * days + sum;
}

static int64_t kb_of(const char *text)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text) return -1;
    double unit = *end == 'G' ? 1048576.0 : *end == 'M' ? 1024.0 : *end == 'K' ? 1.0 : 1.0 / 1024.0;
    return (int64_t)(x * unit);
}

bool slurm_account_parse(const char *text, struct executor_report *out)
{
    bool is_found = false;
    for (const char *at = text; *at;) {
        char id[64], state[64], begin[32], end[32], elapsed[32], cpu[32], memory[32], reason[100];
        bool is_whole = take_field(&at, '|', id, sizeof id) && take_field(&at, '|', state, sizeof state) &&
                        take_field(&at, '|', begin, sizeof begin) && take_field(&at, '|', end, sizeof end) &&
                        take_field(&at, '|', elapsed, sizeof elapsed) && take_field(&at, '|', cpu, sizeof cpu) &&
                        take_field(&at, '|', memory, sizeof memory) && take_field(&at, '\n', reason, sizeof reason);
        if (!is_whole) continue;
        int64_t kb = kb_of(memory);
        if (kb > out->max_rss_kb) out->max_rss_kb = kb; /* of any step */
        if (strchr(id, '.')) continue;
        is_found = true;
        snprintf(out->state, sizeof out->state, "%.*s", (int)strcspn(state, " "), state); /* CANCELLED by 1000 */
        if (*reason && strcmp(reason, "None") != 0) snprintf(out->reason, sizeof out->reason, "%s", reason);
        if (time_of(begin) > 0) out->begin_s = time_of(begin);
        if (time_of(end) > 0) out->end_s = time_of(end);
        if (time_of(elapsed) > 0) out->wall_s = (double)time_of(elapsed);
        if (seconds_of(cpu) > 0.0) out->cpu_s = seconds_of(cpu);
    }
    return is_found;
}

void slurm_account(const char *id, struct executor_report *out)
{
    static bool is_missing; /* a site has it or not */
    const char *const argv[] = {"sacct", "-n", "-P", "-j", id, "-o", slurm_account_format, NULL};
    char text[ONE_ROOM], log[ONE_ROOM];
    int status;
    if (is_missing || !*id) return;
    setenv("SLURM_TIME_FORMAT", "%s", 1);
    enum err rc = process_run(argv, SLURM_PATIENCE_S, text, log, sizeof text, &status);
    if (rc) err_clear();
    is_missing = rc == ERR_NOTFOUND || strstr(log, "storage is disabled") != NULL;
    if (!rc && status == 0) slurm_account_parse(text, out);
}
