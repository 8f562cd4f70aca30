/* Rank 0 of the run loop: deals units, hears reports, ends rounds. */
#include "run_internal.h"

#include "comm.h"
#include "log.h"
#include "mem.h"
#include "watchdog.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum err give_work(struct round *r, int to)
{
    int64_t unit   = r->is_paused ? -1 : deal_grant(r->deal, (size_t)to, run_now_s());
    r->is_idle[to] = unit < 0;
    if (unit < 0) return ERR_OK;
    struct message m = {.kind = TELL_UNIT};
    TRY(worker_order(&r->job->units[unit], &m.order));
    if (r->watch) TRY(run_watch_begun(r, unit));
    if (to != 0) return run_say(to, &m);
    worker_give(r->worker, &m.order);
    return ERR_OK;
}

static void stop_dealing(struct round *r, const char *why)
{
    if (deal_is_stopped(r->deal)) return;
    deal_stop(r->deal);
    r->drop_at_s = run_now_s() + r->job->scheduler.drain_s;
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
        if (r->watch) run_watch_returned(r, report->unit);
        return ERR_OK;
    }
    TRY(deal_report(r->deal, (size_t)from, unit, rc == ERR_OK, run_now_s()));
    if (rc == ERR_OK) {
        *(report->was_published && r->watch ? &r->totals->n_done_before : &r->totals->n_done) += 1;
        r->totals->n_fills += report->result.n_fills;
        r->totals->raw_bytes += (double)report->result.raw_bytes;
        r->totals->unit_cpu_s += report->result.cpu_seconds;
        r->totals->unit_seconds += report->result.seconds;
        product_unit_done(r->products, unit);
        if (r->watch) TRY(run_watch_done(r, report));
        log_detail("run %u subrun %u done by rank %d: %" PRId64 " fills in %.1f s", u->run, u->subrun, from,
                   report->result.n_fills, report->result.seconds);
        return ERR_OK;
    }
    r->totals->n_failed++;
    log_error("run %u subrun %u failed on rank %d: %s", u->run, u->subrun, from, report->message);
    if (r->watch && err_is_of_file(rc)) return run_watch_failed(r, report);
    if (!r->first_error) {
        r->first_error = rc;
        snprintf(r->first_message, sizeof r->first_message, "%s", report->message);
    }
    if (!err_is_quarantine(rc)) stop_dealing(r, "a unit failed for a reason that others would meet too");
    return ERR_OK;
}

static enum err hear(struct round *r, int from, const struct message *m)
{
    deal_heard(r->deal, (size_t)from, run_now_s());
    switch ((enum message_kind)m->kind) {
    case SAY_ALIVE: return run_say_kind(from, SAY_ALIVE);
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
    r->drop_at_s   = run_now_s() + 30.0 + r->job->scheduler.drain_s; /* after that, no rank listens any more */
    worker_drop(r->worker);
    for (int to = 1; to < comm_size(); to++) TRY(run_say_kind(to, TELL_DROP));
    return ERR_OK;
}

static void show_progress(struct round *r)
{
    const struct run_totals *t = r->totals;
    double now                 = run_now_s();
    if (now < r->next_progress_s) return;
    bool is_terminal   = log_is_terminal();
    r->next_progress_s = now + (is_terminal ? 0.5 : r->job->scheduler.progress_s);
    double seconds = now - t->wall_s, eta = deal_eta_s(r->deal, now);
    char left[64] = "?", words[256];
    if (r->watch) {
        run_watch_progress(r, sizeof words, words);
        if (is_terminal)
            log_progress("%s", words);
        else if (t->n_done > r->n_done_told)
            log_info("%s", words);
        r->n_done_told = t->n_done;
        return;
    }
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
    int64_t silent = deal_silent(r->deal, r->job->scheduler.watchdog_s, run_now_s());
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

/* Units that have come since: for ranks that wait for them. */
static enum err look_for_units(struct round *r)
{
    bool has_new = false;
    if (!deal_is_stopped(r->deal)) TRY(run_watch_look(r, &has_new));
    for (int k = 0; has_new && k < comm_size(); k++)
        if (r->is_idle[k]) TRY(give_work(r, k));
    return ERR_OK;
}

/* One turn of rank 0's loop besides its messages. */
static enum err lead(struct round *r)
{
    struct report report;
    deal_heard(r->deal, 0, run_now_s());
    if (worker_take(r->worker, &report)) {
        TRY(take_report(r, 0, &report));
        TRY(give_work(r, 0));
    }
    int last_signal;
    if (run_signals(&last_signal) && !r->has_told_signal) {
        r->has_told_signal = true;
        stop_dealing(r, last_signal == SIGINT ? "interrupted" : last_signal == SIGTERM ? "SIGTERM" : "signal to stop");
    }
    if (!deal_is_stopped(r->deal) && product_n_ripe(r->products) >= (size_t)r->job->scheduler.ripe_shards)
        r->is_paused = true; /* nothing new is granted until the shards are gathered */
    if (deal_is_stopped(r->deal) && deal_count(r->deal, DEAL_GRANTED) > 0 && run_now_s() > r->drop_at_s) {
        if (r->is_dropping || r->is_lost) {
            log_error("ranks still hold units after the time to stop: the job ends with 75");
            comm_abort(r->job->options.checkpoint_exit_code);
        }
        TRY(drop_all(r));
    }
    if (r->watch) TRY(look_for_units(r));
    TRY(look_for_silence(r));
    show_progress(r);
    return ERR_OK;
}

/* Nothing is in hand, and nothing more will come. */
static bool is_round_over(const struct round *r)
{
    return all_idle(r) && (!r->watch || deal_is_stopped(r->deal) || run_watch_is_over(r));
}

enum err run_lead_round(struct round *r)
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
        if (is_round_over(r)) break;
        watchdog_feed();
        if (!got) run_short_sleep();
    }
    log_progress("%s", "");
    for (int to = 1; to < comm_size(); to++) TRY(run_say_kind(to, TELL_END));
    return ERR_OK;
}

/* Longest first; what comes into a watched folder, as it comes. */
static enum err create_deal(struct round *r)
{
    const struct job *job = r->job;
    size_t n              = r->watch ? 0 : job->n_units;
    TRY(deal_create(n, job->cost, (size_t)comm_size(), run_now_s(), &r->deal));
    for (; n < job->n_units; n++) TRY(deal_add(r->deal, job->cost[n]));
    return ERR_OK;
}

enum err run_prepare(struct round *r)
{
    struct job *job   = r->job;
    const int n_ranks = comm_size();
    if (job->options.watch) TRY(run_watch_open(r));
    TRY(create_deal(r));
    TRY(mem_alloc(&r->is_idle, (size_t)n_ranks, sizeof *r->is_idle));
    TRY(product_scan(job, &r->products));
    for (size_t u = 0; u < job->n_units; u++)
        if (product_has_unit(r->products, u)) {
            deal_skip(r->deal, u);
            r->totals->n_done_before++;
        }
    const char *end = getenv("SLURM_JOB_END_TIME");
    if (end) deal_deadline(r->deal, run_now_s() + (double)(strtoll(end, NULL, 10) - (long long)time(NULL)) - 30.0);
    r->totals->n_units = (int64_t)job->n_units;
    if (r->totals->n_done_before)
        log_info("%" PRId64 " of %zu units are done already", r->totals->n_done_before, job->n_units);
    r->next_progress_s = run_now_s() + 2.0;
    return ERR_OK;
}

enum err run_judge(struct round *r)
{
    struct run_totals *t = r->totals;
    t->n_units           = (int64_t)r->job->n_units;
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
