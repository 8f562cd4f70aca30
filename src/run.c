/* The run loop. A job is a series of rounds: units are dealt until all are done, or enough shards are complete, or the
 * job must stop; then all ranks gather the complete shards together. */
#include "run.h"

#include "comm.h"
#include "deal.h"
#include "log.h"
#include "mem.h"
#include "product.h"
#include "publish.h"
#include "watchdog.h"
#include "worker.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum message_kind {
    SAY_IDLE,   /* worker: I have nothing to do */
    SAY_REPORT, /* worker: a unit ended; I have nothing to do */
    SAY_ALIVE,  /* worker: heartbeat; rank 0 answers the same */
    SAY_SIGNAL, /* worker: I was told to stop */
    TELL_UNIT,  /* rank 0: run this unit */
    TELL_DROP,  /* rank 0: give up what you hold */
    TELL_END    /* rank 0: this round is over */
};

struct message {
    int32_t kind;
    struct report report; /* SAY_REPORT; TELL_UNIT uses report.unit */
};

struct round {
    struct job *job;
    struct worker *worker;
    struct deal *deal; /* rank 0 */
    bool *is_idle;     /* rank 0: [n_ranks] asked for work and got none */
    struct run_totals *totals;
    struct product_state *products;
    enum err first_error; /* rank 0: of failed units */
    char first_message[2048];
    double last_heard_s, next_beat_s, drop_at_s, next_progress_s;
    bool has_told_signal, is_dropping, is_lost, is_over, is_paused;
};

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

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void short_sleep(void)
{
    struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
}

static enum err say(int to, enum message_kind kind, const struct report *report)
{
    struct message m = {.kind = (int32_t)kind};
    if (report) m.report = *report;
    return comm_send(to, &m, sizeof m);
}

/* ---- rank 0 ---- */

static enum err give_work(struct round *r, int to)
{
    int64_t unit   = r->is_paused ? -1 : deal_grant(r->deal, (size_t)to, now_s());
    r->is_idle[to] = unit < 0;
    if (unit < 0) return ERR_OK;
    if (to == 0) {
        worker_give(r->worker, unit);
        return ERR_OK;
    }
    struct report order = {.unit = unit};
    return say(to, TELL_UNIT, &order);
}

static void stop_dealing(struct round *r, const char *why)
{
    if (deal_is_stopped(r->deal)) return;
    deal_stop(r->deal);
    r->drop_at_s = now_s() + r->job->scheduler.drain_s;
    log_warn("%s: no more units are dealt; %zu in hand may take %.0f s", why, deal_count(r->deal, DEAL_GRANTED),
             r->job->scheduler.drain_s);
}

static enum err take_report(struct round *r, int from, const struct report *report)
{
    size_t unit          = (size_t)report->unit;
    const struct unit *u = &r->job->units[unit];
    enum err rc          = report->rc;
    if (rc == ERR_AGAIN) {
        deal_return(r->deal, (size_t)from, unit);
        return ERR_OK;
    }
    TRY(deal_report(r->deal, (size_t)from, unit, rc == ERR_OK, now_s()));
    if (rc == ERR_OK) {
        r->totals->n_done++;
        r->totals->n_fills += report->result.n_fills;
        r->totals->unit_seconds += report->result.seconds;
        product_unit_done(r->products, unit);
        log_detail("run %u subrun %u done by rank %d: %" PRId64 " fills in %.1f s", u->run, u->subrun, from,
                   report->result.n_fills, report->result.seconds);
        return ERR_OK;
    }
    r->totals->n_failed++;
    log_error("run %u subrun %u failed on rank %d: %s", u->run, u->subrun, from, report->message);
    if (!r->first_error) {
        r->first_error = rc;
        snprintf(r->first_message, sizeof r->first_message, "%s", report->message);
    }
    if (!err_is_quarantine(rc)) stop_dealing(r, "a unit failed for a reason that others would meet too");
    return ERR_OK;
}

static enum err hear(struct round *r, int from, const struct message *m)
{
    deal_heard(r->deal, (size_t)from, now_s());
    switch ((enum message_kind)m->kind) {
    case SAY_ALIVE: return say(from, SAY_ALIVE, NULL);
    case SAY_SIGNAL: stop_dealing(r, "a rank was told to stop"); return ERR_OK;
    case SAY_REPORT: TRY(take_report(r, from, &m->report)); return give_work(r, from);
    case SAY_IDLE: return give_work(r, from);
    case TELL_UNIT:
    case TELL_DROP:
    case TELL_END: break;
    }
    FAIL(ERR_LOGIC, "rank 0 got message %d from rank %d", m->kind, from);
}

static enum err drop_all(struct round *r)
{
    log_warn("time is up: units in hand are dropped and will be made again");
    r->is_dropping = true;
    r->drop_at_s   = now_s() + 30.0 + r->job->scheduler.drain_s; /* after that, no rank listens any more */
    worker_drop(r->worker);
    for (int to = 1; to < comm_size(); to++) TRY(say(to, TELL_DROP, NULL));
    return ERR_OK;
}

static void show_progress(struct round *r)
{
    const struct run_totals *t = r->totals;
    double now                 = now_s();
    if (now < r->next_progress_s) return;
    bool is_terminal   = log_is_terminal();
    r->next_progress_s = now + (is_terminal ? 0.5 : r->job->scheduler.progress_s);
    double seconds = now - t->wall_s, eta = deal_eta_s(r->deal, now);
    char left[64] = "?";
    if (eta >= 0.0) snprintf(left, sizeof left, "%.0f min %02.0f s", floor(eta / 60.0), fmod(eta, 60.0));
    size_t done = deal_count(r->deal, DEAL_DONE);
    double rate = (double)t->n_fills / (seconds > 1.0 ? seconds : 1.0);
    if (is_terminal)
        log_progress("%zu of %zu units (%.0f%%), %" PRId64 " fills, %.2f fills/s, %s left", done, r->job->n_units,
                     100.0 * (double)done / (double)r->job->n_units, t->n_fills, rate, left);
    else if (t->n_done > 0)
        log_info("%zu of %zu units, %" PRId64 " fills, %.2f fills/s, %s left", done, r->job->n_units, t->n_fills, rate,
                 left);
}

static enum err look_for_silence(struct round *r)
{
    int64_t silent = deal_silent(r->deal, r->job->scheduler.watchdog_s, now_s());
    if (silent < 0 || r->is_lost) return ERR_OK;
    r->is_lost = true;
    log_error("rank %" PRId64
              " has been silent for %.0f s: the job will end with 75; what is published stays, submit again",
              silent, r->job->scheduler.watchdog_s);
    stop_dealing(r, "a rank is silent");
    return ERR_OK;
}

static bool all_idle(const struct round *r)
{
    for (int k = 0; k < comm_size(); k++)
        if (!r->is_idle[k]) return false;
    return true;
}

/* One turn of rank 0's loop besides its messages. */
static enum err lead(struct round *r)
{
    struct report report;
    deal_heard(r->deal, 0, now_s());
    if (worker_take(r->worker, &report)) {
        TRY(take_report(r, 0, &report));
        TRY(give_work(r, 0));
    }
    if (signals_seen && !r->has_told_signal) {
        r->has_told_signal = true;
        stop_dealing(r, last_signal == SIGINT ? "interrupted" : last_signal == SIGTERM ? "SIGTERM" : "signal to stop");
    }
    if (!deal_is_stopped(r->deal) && product_n_ripe(r->products) >= (size_t)r->job->scheduler.ripe_shards)
        r->is_paused = true; /* nothing new is granted until the shards are gathered */
    if (deal_is_stopped(r->deal) && deal_count(r->deal, DEAL_GRANTED) > 0 && now_s() > r->drop_at_s) {
        if (r->is_dropping || r->is_lost) {
            log_error("ranks still hold units after the time to stop: the job ends with 75");
            comm_abort(r->job->options.checkpoint_exit_code);
        }
        TRY(drop_all(r));
    }
    TRY(look_for_silence(r));
    show_progress(r);
    return ERR_OK;
}

static enum err lead_round(struct round *r)
{
    r->is_paused = false;
    for (int k = 1; k < comm_size(); k++) r->is_idle[k] = false;
    TRY(give_work(r, 0));
    for (;;) {
        struct message m;
        int from;
        size_t size;
        bool got = false;
        while (comm_poll(&from, &m, sizeof m, &size)) {
            TRY(hear(r, from, &m));
            got = true;
        }
        TRY(lead(r));
        if (all_idle(r)) break;
        watchdog_feed();
        if (!got) short_sleep();
    }
    log_progress("%s", "");
    for (int to = 1; to < comm_size(); to++) TRY(say(to, TELL_END, NULL));
    return ERR_OK;
}

/* ---- the others ---- */

static enum err obey(struct round *r, const struct message *m)
{
    r->last_heard_s = now_s();
    switch ((enum message_kind)m->kind) {
    case TELL_UNIT: worker_give(r->worker, m->report.unit); return ERR_OK;
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
    r->last_heard_s   = now_s();
    TRY(say(0, SAY_IDLE, NULL));
    while (!r->is_over) {
        struct message m;
        struct report report;
        int from;
        size_t size;
        while (!r->is_over && comm_poll(&from, &m, sizeof m, &size)) TRY(obey(r, &m));
        if (worker_take(r->worker, &report)) TRY(say(0, SAY_REPORT, &report));
        if (signals_seen && !r->has_told_signal) {
            r->has_told_signal = true;
            TRY(say(0, SAY_SIGNAL, NULL));
        }
        if (now_s() > r->next_beat_s) {
            r->next_beat_s = now_s() + watchdog_s / 5.0;
            TRY(say(0, SAY_ALIVE, NULL));
        }
        if (now_s() - r->last_heard_s > watchdog_s) {
            log_error("rank 0 has been silent for %.0f s: the job ends with 75; what is published stays, submit again",
                      watchdog_s);
            comm_abort(r->job->options.checkpoint_exit_code);
        }
        watchdog_feed();
        if (!r->is_over) short_sleep();
    }
    return ERR_OK;
}

/* ---- all ---- */

/* Gathers the shards that rank 0 found complete. Collective. */
static enum err gather(struct round *r)
{
    double start = now_s();
    int64_t n    = comm_rank() == 0 ? (int64_t)product_n_ripe(r->products) : 0;
    TRY(comm_broadcast(&n, sizeof n));
    for (int64_t i = 0; i < n; i++) {
        int64_t shard = comm_rank() == 0 ? (int64_t)product_next_ripe(r->products) : 0;
        TRY(comm_broadcast(&shard, sizeof shard));
        watchdog_feed();
        TRY(product_gather(r->job, (size_t)shard));
        if (comm_rank() == 0) log_info("shard %" PRId64 " of %zu gathered", shard, job_n_shards(r->job));
    }
    if (comm_rank() == 0) r->totals->merge_seconds += now_s() - start;
    return ERR_OK;
}

static enum err rounds(struct round *r)
{
    for (bool is_last = false; !is_last;) {
        /* an error here is this rank's alone: the others wait for its messages */
        enum err rc = comm_rank() == 0 ? lead_round(r) : follow_round(r);
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

static enum err prepare(struct round *r)
{
    struct job *job   = r->job;
    const int n_ranks = comm_size();
    TRY(deal_create(job->n_units, job->cost, (size_t)n_ranks, now_s(), &r->deal));
    TRY(mem_alloc(&r->is_idle, (size_t)n_ranks, sizeof *r->is_idle));
    TRY(product_scan(job, &r->products));
    for (size_t u = 0; u < job->n_units; u++)
        if (product_has_unit(r->products, u)) {
            deal_skip(r->deal, u);
            r->totals->n_done_before++;
        }
    const char *end = getenv("SLURM_JOB_END_TIME");
    if (end) deal_deadline(r->deal, now_s() + (double)(strtoll(end, NULL, 10) - (long long)time(NULL)) - 30.0);
    r->totals->n_units = (int64_t)job->n_units;
    if (r->totals->n_done_before)
        log_info("%" PRId64 " of %zu units are done already", r->totals->n_done_before, job->n_units);
    r->next_progress_s = now_s() + 2.0;
    return ERR_OK;
}

static enum err judge(struct round *r)
{
    struct run_totals *t = r->totals;
    t->n_left            = (int64_t)deal_count(r->deal, DEAL_PENDING);
    t->n_shards          = (int64_t)job_n_shards(r->job);
    t->n_shards_whole    = (int64_t)product_n_whole(r->products);
    if (r->is_lost) {
        log_error("a rank was lost: the job ends with 75");
        comm_abort(r->job->options.checkpoint_exit_code);
    }
    if (r->first_error) {
        err_set_message(r->first_message);
        return r->first_error;
    }
    if (t->n_left)
        FAIL(ERR_AGAIN, "stopped early: %" PRId64 " of %" PRId64 " units are left; submit the same command again",
             t->n_left, t->n_units);
    return ERR_OK;
}

enum err run_job(struct job *job, struct chain *chain, struct run_totals *totals)
{
    struct round r = {.job = job, .totals = totals};
    enum err rc    = ERR_OK;
    double start   = now_s();
    totals->wall_s = start;
    catch_signals();
    publish_own_parts();
    if (comm_rank() == 0) rc = prepare(&r);
    rc = comm_agree(rc);
    if (rc) goto done;
    rc = comm_agree(worker_start(job, chain, &r.worker));
    if (rc) goto done;
    watchdog_start(3.0 * job->scheduler.watchdog_s + 60.0, job->options.checkpoint_exit_code);
    rc = rounds(&r);
    if (!rc && comm_rank() == 0) rc = judge(&r);
    watchdog_stop();
    rc = comm_agree(rc);
done:
    worker_stop(r.worker);
    deal_free(r.deal);
    mem_free(r.is_idle);
    product_free(r.products);
    totals->wall_s = now_s() - start;
    return rc;
}
