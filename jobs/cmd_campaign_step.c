/* gm2 campaign step: passes, and patience with a database that is away. */
#include "clock.h"
#include "cmd_campaign.h"
#include "log.h"
#include "rules.h"
#include "step_older.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_WAIT_S = 30, SAY_EVERY_S = 60, MAX_REFUSALS = 5, EXIT_AGAIN = 75 };

static volatile sig_atomic_t is_stopped;
static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

/* Time passes by itself; a hold, a failed canary and an approval do not. */
static bool waits_for_people(const struct step_stage *s)
{
    bool is_canary = strncmp(s->why, "canary", 6) == 0 && s->n_live == 0;
    bool is_gone   = s->n_gone && s->n_gone >= step_left(s);
    return is_canary || is_gone || strncmp(s->why, "held", 4) == 0 || strncmp(s->why, "refused", 7) == 0 ||
           strncmp(s->why, "awaits", 6) == 0;
}

static bool is_all_done(const struct cmd_campaign *k, bool *is_stuck)
{
    bool is_done = k->n_older == 0;
    *is_stuck    = is_done;
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        const struct step_stage *s = &k->report[i];
        is_done                    = is_done && s->is_complete;
        size_t n_over              = s->n_done + s->n_parked;
        if (s->n_live) *is_stuck = is_done = false;
        if (!s->is_waiting && !s->empty && s->n_files > n_over && !waits_for_people(s)) *is_stuck = is_done = false;
    }
    return is_done;
}

static void nap(double s)
{
    const struct timespec pause = {(time_t)s, (long)(1e9 * (s - (double)(time_t)s))};
    if (!is_stopped) nanosleep(&pause, NULL);
}

/* Against the rules nothing is started; what runs already is asked after all the same. */
static enum err pass_by_rules(struct cmd_campaign *k, const char *user)
{
    char why[4096];
    enum err rule = rules_check(k->campaign, k->path);
    snprintf(why, sizeof why, "%s", rule ? err_message() : "");
    if (rule) err_clear();
    TRY(step_campaign(k->catalogue, k->campaign, k->id, k->is_held || rule, user, k->report));
    TRY(step_older_count(k->catalogue, k->campaign, k->id, &k->n_older));
    if (rule) err_set_message(why);
    return rule;
}

/* One pass. The description is read anew in each, and hold and release are heard. */
static enum err pass(struct catalogue *c, const struct cmd_campaign_options *o, bool *is_last, int *status)
{
    struct cmd_campaign k;
    bool is_stuck;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc  = pass_by_rules(&k, o->user);
    bool is_done = !rc && is_all_done(&k, &is_stuck);
    *is_last     = rc || !o->loop || is_done || is_stuck || is_stopped;
    if (!rc && o->live) o->live(o->live_context, &k);
    if (!rc && *is_last) {
        cmd_campaign_print(&k, o->db);
        *status = !o->loop || is_done ? 0 : o->live && is_stopped ? EXIT_AGAIN : 1;
    }
    cmd_campaign_free(&k);
    return rc;
}

/* ---- a database that is away --------------------------------------------------------------------------------------- */
struct patience {
    double wait_s, said_s; /* the next pause; when it was said last, 0: not yet */
    double since_s;
    int n_refusals;
};

static void say(struct patience *p, const char *what)
{
    double now = clock_now_s();
    if (p->said_s == 0.0) {
        p->since_s = now;
        log_warn("%s, waiting: %s", what, err_message());
    } else if (now - p->said_s >= SAY_EVERY_S) {
        log_warn("%s for %.0f s by now, still waiting: %s", what, now - p->since_s, err_message());
    } else {
        return;
    }
    p->said_s = now;
}

/* Waits, and connects anew. A server that is there and lets us in no more ends it. */
static enum err wait_for(struct catalogue *c, struct patience *p)
{
    enum err rc = ERR_AGAIN;
    for (bool is_lost = db_problem(catalogue_db(c)) == DB_LOST; rc && !is_stopped;) {
        say(p, is_lost ? "the database is away" : "the database is busy");
        nap(p->wait_s);
        p->wait_s = p->wait_s * 2.0 < MAX_WAIT_S ? p->wait_s * 2.0 : MAX_WAIT_S;
        rc        = is_lost ? catalogue_reopen(c) : ERR_OK;
        if (rc && rc != ERR_AGAIN && ++p->n_refusals >= MAX_REFUSALS) return rc;
    }
    if (!rc) err_clear();
    return rc;
}

enum err cmd_campaign_step(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    char *end      = "";
    double every_s = o->loop ? strtod(o->loop, &end) : 0.0;
    REQUIRE(!*end && every_s >= 0.0 && every_s <= 86400.0, ERR_OPTION, "--loop %s: seconds are wanted", o->loop);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    struct patience patience = {.wait_s = 1.0};
    for (bool is_last = false; !is_last;) {
        enum err rc = catalogue_verdict(c, pass(c, o, &is_last, status));
        if (rc == ERR_AGAIN && o->loop && !is_stopped) {
            TRY(wait_for(c, &patience));
            is_last = false;
            continue;
        }
        if (rc) return rc;
        if (patience.said_s > 0.0)
            log_info("the database answers again after %.0f s", clock_now_s() - patience.since_s);
        patience = (struct patience){.wait_s = 1.0};
        if (!is_last) nap(every_s);
    }
    return ERR_OK;
}
