/* Starting a submission. */
#include "stage_command.h"
#include "stage_next.h"

#include "log.h"
#include "mem.h"
#include "publish.h"
#include "sql.h"
#include "stage_places.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The list of inputs for -S. */
static enum err write_list(const struct stage_work *w, int64_t submission_id, const char *path, bool *is_far,
                           double *copy_s)
{
    struct sql text = {0};
    enum err rc     = stage_places_list(w, submission_id, &text, is_far, copy_s);
    if (!rc) rc = publish_text(path, text.text ? text.text : "", text.n, 1);
    sql_free(&text);
    return rc;
}

/* The login's lines run before the job, in the shell that becomes it; on each rank, as its environment is wanted there. */
static enum err write_setup(const struct strs *setup, const char *path)
{
    struct sql text = {0};
    enum err rc     = sql_add(&text, "#!/bin/bash\n");
    for (size_t i = 0; i < setup->n && !rc; i++) rc = sql_add(&text, "%s\n", setup->value[i]);
    if (!rc) rc = sql_add(&text, "exec \"$@\"\n");
    if (!rc) rc = publish_text(path, text.text, text.n, 1);
    sql_free(&text);
    return rc;
}

/* A job, and the memory of its words. */
struct prepared {
    char folder[STAGE_MAX_PATH];
    struct stage_command command;
    const char *argv[STAGE_MAX_ARGS + 10]; /* of a job that copies in */
    char wrapper[EXECUTOR_MAX_PATH], report[STAGE_MAX_PATH + 16], timeout_s[32];
};

/* Inputs that lie elsewhere: jobs/grid_job copies them, checked, before the program runs. HTCondor's jobs have it always. */
static enum err copy_in(const struct stage_work *w, const struct campaign_stage_cfg *cfg, double copy_s,
                        struct prepared *p, struct executor_job *job)
{
    const char *const *program = job->argv;
    size_t n                   = 0;
    if (strcmp(cfg->executor, "condor") == 0) return ERR_OK;
    REQUIRE(w->stage->kind != CAMPAIGN_CALIB && cfg->ranks == 1, ERR_CONFIG,
            "an input lies elsewhere (%s): only jobs of one rank, and not gm2 calib, copy inputs; copy it to this host "
            "and declare it there (gm2 files locate)",
            p->command.list);
    if (cfg->setup.n) program += 2;
    TRY(executor_wrapper(program[0], p->wrapper));
    snprintf(p->report, sizeof p->report, "%s/copies", p->folder);
    snprintf(p->timeout_s, sizeof p->timeout_s, "%g", copy_s);
    TRY(publish_make_folder(p->report));
    const char *const front[] = {p->wrapper, "--report", p->report, "--timeout", p->timeout_s};
    for (size_t i = 0; i < sizeof front / sizeof front[0]; i++) p->argv[n++] = front[i];
    if (cfg->setup.n) p->argv[n++] = "--setup";
    if (cfg->setup.n) p->argv[n++] = p->command.setup;
    p->argv[n++] = "--";
    for (size_t i = 0; program[i]; i++) p->argv[n++] = program[i];
    p->argv[n] = NULL;
    job->argv  = p->argv;
    return ERR_OK;
}

static enum err prepare(const struct stage_work *w, struct ledger_submission *s, struct prepared *p,
                        struct executor_job *job)
{
    stage_work_folder(w, s->name, p->folder);
    TRY(publish_make_folder(p->folder));
    TRY(stage_send_note(w, s));
    enum err rc = stage_command(w, s, p->folder, &p->command);
    if (rc) return err_context(rc, "stage %s", w->stage->name);
    bool is_far   = false;
    double copy_s = 0.0;
    if (!stage_work_is_simulation(w)) TRY(write_list(w, s->id, p->command.list, &is_far, &copy_s));
    const struct campaign_stage_cfg *cfg = stage_role_cfg(w, s->name);
    if (cfg->setup.n) TRY(write_setup(&cfg->setup, p->command.setup));
    *job = (struct executor_job){.folder      = p->folder,
                                 .name        = s->name,
                                 .argv        = p->command.argv,
                                 .n_ranks     = (int)cfg->ranks,
                                 .n_options   = p->command.n_options,
                                 .option      = p->command.option,
                                 .max_running = (int)cfg->array_running};
    return is_far ? copy_in(w, cfg, copy_s, p, job) : ERR_OK;
}

static void take_words(char words[200])
{
    snprintf(words, 200, "%.190s", err_message());
    err_clear();
}

/* It stays New: the next pass tries again. */
static enum err note_refusal(const struct stage_work *w, struct ledger_submission *s, const char *words)
{
    struct executor_report r = EXECUTOR_REPORT_NONE;
    snprintf(r.state, sizeof r.state, "NOT_ACCEPTED");
    snprintf(r.reason, sizeof r.reason, "%.150s", words);
    return ledger_see(w->catalogue, s, &r);
}

static enum err note_start(const struct stage_work *w, struct ledger_submission *s, const char *batch_id)
{
    log_info("%s: submission %s started, %" PRId64 " files", w->stage->name, s->name, s->n_files);
    return ledger_change(w->catalogue, s, LEDGER_IDLE, batch_id, "");
}

enum err stage_launch(const struct stage_work *w, struct ledger_submission *s)
{
    struct prepared *p;
    struct executor_job job;
    const struct executor *executor;
    char batch_id[64];
    TRY(stage_role_executor(w, s->name, &executor));
    TRY(mem_alloc(&p, 1, sizeof *p));
    enum err rc = prepare(w, s, p, &job);
    if (!rc) rc = executor->start(&job, batch_id);
    mem_free(p);
    if (rc == ERR_AGAIN) {
        char words[200];
        take_words(words);
        TRY(note_refusal(w, s, words));
        FAIL(ERR_AGAIN, "not accepted now, and tried again: %s", words);
    }
    return rc ? rc : note_start(w, s, batch_id);
}

enum err stage_launch_many(const struct stage_work *w, struct ledger_submission *s, size_t n, size_t *bad)
{
    struct prepared *p       = NULL;
    struct executor_job *job = NULL;
    char(*batch_id)[64]      = NULL, words[200];
    enum err rc              = mem_alloc(&p, n, sizeof *p);
    if (!rc) rc = mem_alloc(&job, n, sizeof *job);
    if (!rc) rc = mem_alloc(&batch_id, n, sizeof *batch_id);
    *bad = n;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = prepare(w, &s[i], &p[i], &job[i]);
        if (rc && rc != ERR_AGAIN) *bad = i;
    }
    if (!rc) rc = w->executor->start_many(job, n, batch_id);
    if (rc == ERR_AGAIN) {
        take_words(words);
        for (size_t i = 0; i < n; i++)
            if (note_refusal(w, &s[i], words)) err_clear(); /* the words are not worth more trouble */
        rc = err_fail(ERR_AGAIN, __FILE__, __LINE__, "not accepted now, and tried again: %s", words);
    }
    for (size_t i = 0; i < n && !rc; i++) rc = note_start(w, &s[i], batch_id[i]);
    mem_free(p);
    mem_free(job);
    mem_free(batch_id);
    return rc;
}

/* ---- one pass at a time ---------------------------------------------------------------------------------------------- */
enum err stage_take(const struct stage_work *w, struct ledger_submission *s, int *fd, bool *is_first)
{
    char folder[STAGE_MAX_PATH], path[STAGE_MAX_PATH + 16];
    stage_work_folder(w, s->name, folder);
    TRY(publish_make_folder(folder));
    snprintf(path, sizeof path, "%s/hand", folder);
    *fd       = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    *is_first = *fd >= 0;
    if (*fd < 0 && errno == EEXIST) *fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(*fd >= 0, ERR_WRITE, "%s cannot be made: %s", path, strerror(errno));
    enum err rc = ERR_OK;
    /* where a file system has no locks, the executor and the ledger's states still see to it that all is done once */
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        rc = err_fail(ERR_AGAIN, __FILE__, __LINE__, "another pass has it in hand");
    if (!rc) rc = ledger_refresh(w->catalogue, s);
    if (!rc) return ERR_OK;
    close(*fd);
    return rc;
}

enum err stage_close(const struct stage_work *w, const struct ledger_submission *s)
{
    static const char text[] = "given up by a pass: a job that begins later does nothing\n";
    char folder[STAGE_MAX_PATH], path[STAGE_MAX_PATH + 16];
    stage_work_folder(w, s->name, folder);
    snprintf(path, sizeof path, "%s/closed", folder);
    return access(path, F_OK) == 0 ? ERR_OK : publish_text(path, text, sizeof text - 1, 1);
}
