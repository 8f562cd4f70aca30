/* The worker of a rank. */
#include "worker.h"

#include "log.h"
#include "mem.h"
#include "product.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

struct worker {
    const struct job *job;
    struct chain *chain;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t unit; /* to do or in hand, -1 none */
    bool has_report, is_ending;
    atomic_bool drop;
    struct report report;
};

static void run_unit(struct worker *w, int64_t unit, struct report *r)
{
    char path[1536];
    *r = (struct report){.unit = unit};
    job_unit_path(w->job, (size_t)unit, path);
    err_clear();
    if (product_is_published(w->job, (size_t)unit)) { /* by another job with the same products */
        log_warn("%s: another job has made it", path);
        return;
    }
    r->rc = chain_run_unit(w->chain, &w->job->units[unit], path, &w->drop, &r->result);
    if (!r->rc) r->rc = product_describe_unit(w->job, (size_t)unit);
    if (r->rc) snprintf(r->message, sizeof r->message, "%s", err_message());
}

static void *body(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_ending) {
        if (w->unit < 0) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        int64_t unit = w->unit;
        struct report r;
        pthread_mutex_unlock(&w->lock);
        run_unit(w, unit, &r);
        pthread_mutex_lock(&w->lock);
        w->report     = r;
        w->has_report = true;
        w->unit       = -1;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum err worker_start(const struct job *job, struct chain *chain, struct worker **out)
{
    struct worker *w;
    TRY(mem_alloc(&w, 1, sizeof *w));
    w->job   = job;
    w->chain = chain;
    w->unit  = -1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    /* signals are the main thread's */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&w->thread, NULL, body, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        mem_free(w);
        FAIL(ERR_MEMORY, "the worker thread cannot be started");
    }
    *out = w;
    return ERR_OK;
}

void worker_give(struct worker *w, int64_t unit)
{
    pthread_mutex_lock(&w->lock);
    w->unit = unit;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

bool worker_take(struct worker *w, struct report *out)
{
    pthread_mutex_lock(&w->lock);
    bool has      = w->has_report;
    w->has_report = false;
    if (has) *out = w->report;
    pthread_mutex_unlock(&w->lock);
    return has;
}

void worker_drop(struct worker *w) { atomic_store(&w->drop, true); }

void worker_stop(struct worker *w)
{
    if (!w) return;
    worker_drop(w);
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    mem_free(w);
}
