/* Submissions that are started together. */
#include "stage_array.h"

#include "log.h"
#include "mem.h"
#include "stage_next.h"
#include "step_settle.h"

#include <stdio.h>
#include <unistd.h>

bool stage_array_is_wanted(const struct stage_work *w) { return w->stage->cfg.array > 1 && w->executor->start_many; }

bool stage_array_takes(const struct stage_work *w, const char *submission)
{
    size_t position;
    return stage_array_is_wanted(w) && stage_role(submission, &position) == STAGE_SLICE;
}

/* Held as long as the pass has it in hand. */
static enum err take(const struct stage_work *w, struct ledger_submission *s, bool is_asked, int *fd)
{
    char folder[STAGE_MAX_PATH];
    struct executor_report report = {.answer = EXECUTOR_NOT_STARTED};
    bool is_first;
    TRY(stage_take(w, s, fd, &is_first));
    enum err rc = ERR_OK;
    stage_work_folder(w, s->name, folder);
    if (is_asked || !is_first) rc = w->executor->ask(folder, s->name, s->batch_id, &report);
    if (!rc && (s->state != LEDGER_NEW || report.answer != EXECUTOR_NOT_STARTED))
        rc = err_fail(ERR_MISMATCH, __FILE__, __LINE__, "it is started by now");
    if (rc) close(*fd);
    return rc;
}

/* A submission of its own trouble is put aside; the first trouble that is left is told at the end. */
struct aside {
    enum err rc;
    char message[300];
};

static void note(struct aside *aside, enum err rc)
{
    if (!rc) return;
    if (!aside->rc) snprintf(aside->message, sizeof aside->message, "%s", err_message());
    if (!aside->rc) aside->rc = rc;
    err_clear();
}

static enum err tell(const struct aside *aside)
{
    if (aside->rc) err_set_message(aside->message);
    return aside->rc;
}

static void put_aside(const struct stage_work *w, struct ledger_submission *s, enum err rc, struct aside *aside)
{
    if (rc == ERR_DATA || rc == ERR_CONFIG) rc = step_refuse(w, s); /* an attempt; at the last it is parked */
    if (rc == ERR_MISMATCH || rc == ERR_AGAIN) {                    /* another pass has it */
        err_clear();
    } else if (rc) {
        rc = err_context(rc, "submission %s is not started with the others", s->name);
        log_error("%s: %s", w->stage->name, err_message());
        note(aside, rc);
    }
}

/* One that cannot be prepared does not keep the others. */
static enum err launch(const struct stage_work *w, struct ledger_submission *s, int *fd, size_t *n, struct aside *aside)
{
    enum err rc = ERR_OK;
    for (size_t bad = 0; *n > 0; --*n) {
        if (*n == 1)
            rc = stage_launch(w, s);
        else
            rc = stage_launch_many(w, s, *n, &bad);
        if (*n == 1) bad = rc && rc != ERR_AGAIN ? 0 : 1;
        if (bad == *n) return rc;
        put_aside(w, &s[bad], rc, aside);
        close(fd[bad]);
        for (size_t i = bad; i + 1 < *n; i++) {
            s[i]  = s[i + 1];
            fd[i] = fd[i + 1];
        }
        rc = ERR_OK;
    }
    return rc;
}

static enum err start(const struct stage_work *w, struct ledger_submission *s, size_t n, bool is_asked)
{
    int *fd;
    size_t n_taken     = 0;
    struct aside aside = {.rc = ERR_OK};
    TRY(mem_alloc(&fd, n + 1, sizeof *fd));
    for (size_t i = 0; i < n; i++) {
        enum err rc = take(w, &s[i], is_asked, &fd[n_taken]);
        if (rc)
            put_aside(w, &s[i], rc, &aside);
        else
            s[n_taken++] = s[i];
    }
    enum err rc = launch(w, s, fd, &n_taken, &aside);
    for (size_t i = 0; i < n_taken; i++) close(fd[i]);
    mem_free(fd);
    return rc ? rc : tell(&aside);
}

enum err stage_array_begin(const struct stage_work *w, struct stage_array *array)
{
    *array = (struct stage_array){.capacity = (size_t)w->stage->cfg.array};
    return mem_alloc(&array->s, array->capacity, sizeof *array->s);
}

static enum err flush(const struct stage_work *w, struct stage_array *array)
{
    size_t n = array->n;
    array->n = 0;
    return n ? start(w, array->s, n, false) : ERR_OK;
}

enum err stage_array_add(const struct stage_work *w, struct stage_array *array, const struct ledger_submission *s)
{
    array->s[array->n++] = *s;
    return array->n == array->capacity ? flush(w, array) : ERR_OK;
}

enum err stage_array_end(const struct stage_work *w, struct stage_array *array, enum err rc)
{
    if (!rc) rc = flush(w, array);
    mem_free(array->s);
    return rc;
}

enum err stage_array_start_new(const struct stage_work *w, struct ledger_submission *live, size_t n)
{
    size_t together = (size_t)w->stage->cfg.array, n_new = 0;
    for (size_t i = 0; i < n; i++)
        if (live[i].state == LEDGER_NEW && stage_array_takes(w, live[i].name)) live[n_new++] = live[i];
    struct aside aside = {.rc = ERR_OK};
    for (size_t i = 0; i < n_new; i += together) {
        enum err rc = start(w, live + i, n_new - i < together ? n_new - i : together, true);
        if (rc == ERR_AGAIN) return rc; /* the others will not be taken either */
        note(&aside, rc);
    }
    return tell(&aside);
}
