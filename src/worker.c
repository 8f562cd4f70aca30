/* The worker of a rank. */
#include "worker.h"

#include "cond_use.h"
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
    bool has_unit;      /* to do or in hand */
    struct order order; /* it */
    bool has_report, is_ending;
    atomic_bool drop;
    struct report report;
};

static void run_unit(struct worker *w, const struct unit *unit, struct report *r)
{
    char path[1536];
    *r = (struct report){.unit = unit->index};
    job_file_of(w->job, unit, path);
    err_clear();
    if (product_is_published(w->job, unit)) { /* by another job with the same products */
        log_line(unit->closed_unix_s > 0.0 ? LOG_INFO : LOG_WARN, "%s is there already", path);
        r->was_published = true;
        return;
    }
    if (w->job->options.watch) r->rc = cond_use_reload(w->job->conditions, unit);
    if (!r->rc) r->rc = chain_run_unit(w->chain, unit, path, &w->drop, &r->result);
    if (!r->rc && unit->end_byte == 0) r->rc = product_describe_unit(w->job, unit);
    if (r->rc) snprintf(r->message, sizeof r->message, "%s", err_message());
}

static void *body(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_ending) {
        if (!w->has_unit) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        struct report r;
        pthread_mutex_unlock(&w->lock);
        run_unit(w, &w->order.unit, &r); /* nobody else touches the order while has_unit is set */
        pthread_mutex_lock(&w->lock);
        w->report     = r;
        w->has_report = true;
        w->has_unit   = false;
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

enum err worker_order(const struct unit *unit, struct order *out)
{
    out->unit  = *unit;
    int length = snprintf(out->source, sizeof out->source, "%s", unit->source ? unit->source : "");
    REQUIRE(length < ORDER_MAX_PATH, ERR_OPTION, "%s: the name is too long", unit->source);
    return ERR_OK;
}

void worker_give(struct worker *w, const struct order *order)
{
    pthread_mutex_lock(&w->lock);
    w->order              = *order;
    w->order.unit.source  = *w->order.source ? w->order.source : NULL;
    w->order.unit.out_dir = w->job->out_dir;
    w->has_unit           = true;
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
