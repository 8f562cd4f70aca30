/* The run loop. A job is a series of rounds: units are dealt until all are done, or enough shards are complete, or the
 * job must stop; then all ranks gather the complete shards together. */
#include "run_internal.h"

#include "clock.h"
#include "comm.h"
#include "log.h"
#include "mem.h"
#include "publish.h"
#include "watchdog.h"

#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t signals_seen, last_signal;

static void on_signal(int number)
{
    last_signal  = number;
    signals_seen = signals_seen + 1;
    if (number == SIGINT && signals_seen > 2) _Exit(130);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int run_signals(int *last)
{
    *last = last_signal;
    return signals_seen;
}

double run_now_s(void) { return clock_now_s(); }
double run_unix_s(void) { return clock_s(CLOCK_REALTIME); }

void run_short_sleep(void)
{
    struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
}

enum err run_say(int to, const struct message *message)
{
    size_t n = offsetof(struct message, report);
    if (message->kind == SAY_REPORT) n = sizeof *message;
    if (message->kind == TELL_UNIT) n = sizeof *message;
    return comm_send(to, message, n);
}

enum err run_say_kind(int to, enum message_kind kind)
{
    struct message m;
    m.kind = (int32_t)kind;
    return run_say(to, &m);
}

/* ---- the others ---- */

static enum err obey(struct round *r, const struct message *m)
{
    r->last_heard_s = run_now_s();
    switch ((enum message_kind)m->kind) {
    case TELL_UNIT: worker_give(r->worker, &m->order); return ERR_OK;
    case TELL_DROP: worker_drop(r->worker); return ERR_OK;
    case TELL_END: r->is_over = true; return ERR_OK;
    case SAY_ALIVE: return ERR_OK;
    case SAY_IDLE:
    case SAY_REPORT:
    case SAY_SIGNAL: break;
    }
    FAIL(ERR_LOGIC, "message %d is not for a worker", m->kind);
}

static enum err follow_round(struct round *r)
{
    double watchdog_s = r->job->scheduler.watchdog_s;
    r->is_over        = false;
    r->last_heard_s   = run_now_s();
    TRY(run_say_kind(0, SAY_IDLE));
    while (!r->is_over) {
        struct message m;
        int from;
        size_t size;
        while (!r->is_over && comm_poll(&from, &m, sizeof m, &size)) TRY(obey(r, &m));
        m.kind = SAY_REPORT;
        if (worker_take(r->worker, &m.report)) TRY(run_say(0, &m));
        if (signals_seen && !r->has_told_signal) {
            r->has_told_signal = true;
            TRY(run_say_kind(0, SAY_SIGNAL));
        }
        if (run_now_s() > r->next_beat_s) {
            r->next_beat_s = run_now_s() + watchdog_s / 5.0;
            TRY(run_say_kind(0, SAY_ALIVE));
        }
        if (run_now_s() - r->last_heard_s > watchdog_s) {
            log_error("rank 0 has been silent for %.0f s: the job ends with 75; what is published stays, submit again",
                      watchdog_s);
            comm_abort(r->job->options.checkpoint_exit_code);
        }
        watchdog_feed();
        if (!r->is_over) run_short_sleep();
    }
    return ERR_OK;
}

/* ---- all ---- */

/* Gathers the shards that rank 0 found complete. Collective. */
static enum err gather(struct round *r)
{
    double start = run_now_s();
    int64_t n    = comm_rank() == 0 ? (int64_t)product_n_ripe(r->products) : 0;
    TRY(comm_broadcast(&n, sizeof n));
    for (int64_t i = 0; i < n; i++) {
        int64_t shard = comm_rank() == 0 ? (int64_t)product_next_ripe(r->products) : 0;
        TRY(comm_broadcast(&shard, sizeof shard));
        watchdog_feed();
        TRY(product_gather(r->job, (size_t)shard));
        if (comm_rank() == 0) log_info("shard %" PRId64 " of %zu gathered", shard, job_n_shards(r->job));
    }
    if (comm_rank() == 0) r->totals->merge_seconds += run_now_s() - start;
    return ERR_OK;
}

static enum err rounds(struct round *r)
{
    for (bool is_last = false; !is_last;) {
        /* an error here is this rank's alone: the others wait for its messages */
        enum err rc = comm_rank() == 0 ? run_lead_round(r) : follow_round(r);
        if (rc) {
            log_error("%s", err_message());
            comm_abort(err_exit_code(rc));
        }
        /* rank 0 knows: is there more to deal after this? */
        struct {
            int32_t is_last, is_stopping;
        } plan = {0, 0};
        if (comm_rank() == 0) {
            plan.is_last     = deal_is_stopped(r->deal) || deal_count(r->deal, DEAL_PENDING) == 0;
            plan.is_stopping = deal_is_stopped(r->deal) && !r->first_error;
        }
        TRY(comm_broadcast(&plan, sizeof plan));
        is_last = plan.is_last;
        if (!plan.is_stopping && r->job->scheduler.merge && r->job->scheduler.units_per_shard > 1) TRY(gather(r));
    }
    return ERR_OK;
}

enum err run_job(struct job *job, struct chain *chain, struct run_totals *totals)
{
    struct round r = {.job = job, .totals = totals};
    enum err rc    = ERR_OK;
    double start   = run_now_s();
    totals->wall_s = start;
    catch_signals();
    publish_own_parts();
    if (comm_rank() == 0) rc = run_prepare(&r);
    rc = comm_agree(rc);
    if (rc) goto done;
    rc = comm_agree(worker_start(job, chain, &r.worker));
    if (rc) goto done;
    watchdog_start(3.0 * job->scheduler.watchdog_s + 60.0, job->options.checkpoint_exit_code);
    rc = rounds(&r);
    if (!rc && comm_rank() == 0) rc = run_judge(&r);
    watchdog_stop();
    rc = comm_agree(rc);
done:
    worker_stop(r.worker);
    run_watch_close(&r);
    deal_free(r.deal);
    mem_free(r.is_idle);
    product_free(r.products);
    totals->wall_s = run_now_s() - start;
    return rc;
}
