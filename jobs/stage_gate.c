/* What a stage waits for. */
#include "stage_gate.h"

#include "catalogue_internal.h"
#include "ledger.h"
#include "ledger_version.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool stage_gate_is_over(const struct step_stage *s)
{
    return s->n_live == 0 && s->n_files > 0 && s->n_done + s->n_parked >= s->n_files;
}

bool stage_gate_is_complete(const struct campaign_stage_cfg *cfg, const struct step_stage *s)
{
    if (s->n_files == 0) return s->is_fresh && s->n_live == 0;
    if (strcmp(cfg->completion_type, "complete") == 0) return stage_gate_is_over(s);
    if (cfg->completion_pct >= 100.0) return s->n_live == 0 && s->n_done == s->n_files;
    return 100.0 * (double)s->n_done >= cfg->completion_pct * (double)s->n_files;
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */
enum err stage_gate_interval(const char *text, int64_t *out_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{0, 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char *end;
    long long n = strtoll(text, &end, 10);
    *out_s      = 0;
    if (!*text) return ERR_OK;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && n > 0 && n < 1000000000 && *end == units[i].letter && (!*end || !end[1]))
            *out_s = n * units[i].seconds;
    REQUIRE(*out_s, ERR_CONFIG, "\"%.40s\" is no interval: 1800, 30m, 6h, 1d, 1w are accepted", text);
    return ERR_OK;
}

enum err stage_gate_time(const char *text, int64_t *out_s)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d"};
    *out_s                           = 0;
    if (!*text) return ERR_OK;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm t     = {.tm_year = 0};
        const char *end = strptime(text, forms[i], &t);
        int day         = t.tm_mday;
        if (end && strcmp(end, "Z") == 0) end++;
        if (!end || *end) continue;
        *out_s = (int64_t)timegm(&t);
        if (t.tm_mday == day) return ERR_OK; /* else a 30th of February */
    }
    FAIL(ERR_CONFIG, "\"%.40s\" is no time: YYYY-MM-DD HH:MM is wanted, UTC", text);
}

bool stage_gate_is_due(int64_t at_s, int64_t every_s, int64_t last_s, int64_t now_s)
{
    if (now_s < at_s) return false;
    return !every_s || !last_s || now_s < last_s || now_s >= last_s + every_s;
}

/* ---- the gate ------------------------------------------------------------------------------------------------------- */
/* Who only looks notes nothing: a stage that is not noted yet has the id 0. */
static enum err begin(const struct stage_gate *g, size_t index, struct stage_work *w)
{
    char key[VERSION_KEY_TEXT];
    TRY(stage_work_begin(g->catalogue, g->campaign, 0, index, "", w));
    version_key_text(&w->version, key);
    return ledger_stage_find(g->catalogue, g->campaign->cfg.name, w->stage->name, key, &w->stage_id);
}

static enum err find_last(const struct stage_work *w, size_t *n_submissions, int64_t *last_s)
{
    struct ledger_submission *all;
    *last_s = 0;
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, n_submissions));
    if (*n_submissions) *last_s = all[*n_submissions - 1].create_s; /* not the latest: clocks are set back */
    mem_free(all);
    return ERR_OK;
}

/* Items of the same list that were begun and are not complete. */
static enum err count_in_flight(const struct stage_gate *g, size_t stage, const struct step_stage *reports,
                                bool *is_begun, int64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < g->campaign->n_stages; i++) {
        struct stage_work w;
        struct step_stage now = reports[i];
        int64_t n_submissions;
        if (strcmp(g->campaign->stage[i].group, g->campaign->stage[stage].group) != 0) continue;
        TRY(begin(g, i, &w));
        TRY(ledger_count(g->catalogue, w.stage_id, &n_submissions));
        if (i == stage) *is_begun = n_submissions > 0;
        if (i == stage || n_submissions == 0) continue;
        if (!now.is_complete) TRY(stage_work_look(&w, &now)); /* its turn has not come yet in this pass */
        *n += !now.is_complete;
    }
    return ERR_OK;
}

void stage_gate_tell(int64_t at_s, char out[32])
{
    time_t t = (time_t)at_s;
    struct tm utc;
    out[0] = 0;
    if (gmtime_r(&t, &utc)) strftime(out, 32, "%Y-%m-%d %H:%M UTC", &utc);
}

static enum err look_at_schedule(const struct stage_gate *g, const struct campaign_stage *s, size_t index,
                                 char why[200])
{
    struct stage_work w;
    size_t n;
    int64_t last_s;
    char when[32];
    if (!s->at_s && !s->every_s) return ERR_OK;
    TRY(begin(g, index, &w));
    TRY(find_last(&w, &n, &last_s));
    if (stage_gate_is_due(s->at_s, s->every_s, last_s, g->now_s)) return ERR_OK;
    stage_gate_tell(g->now_s < s->at_s ? s->at_s : last_s + s->every_s, when);
    snprintf(why, 200, "not before %s", when);
    return ERR_OK;
}

enum err stage_gate_open(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         struct stage_gate *gate)
{
    *gate = (struct stage_gate){
        .campaign = campaign, .catalogue = catalogue, .campaign_id = campaign_id, .now_s = (int64_t)time(NULL)};
    return campaign_id ? ledger_holds(catalogue, campaign_id, gate->now_s, &gate->hold, &gate->n_holds) : ERR_OK;
}

void stage_gate_close(struct stage_gate *g) { mem_free(g->hold); }

const struct ledger_hold_row *stage_gate_hold(const struct stage_gate *gate, size_t index)
{
    const struct campaign_stage *s     = &gate->campaign->stage[index];
    const struct ledger_hold_row *hold = ledger_hold_of(gate->hold, gate->n_holds, s->name);
    return hold ? hold : ledger_hold_of(gate->hold, gate->n_holds, s->group);
}

enum err stage_gate_look(const struct stage_gate *gate, size_t index, struct step_stage *reports)
{
    const struct campaign_stage *s     = &gate->campaign->stage[index];
    const struct ledger_hold_row *hold = stage_gate_hold(gate, index);
    bool is_begun                      = true;
    int64_t n                          = 0;
    char *why                          = reports[index].why; /* [200] */
    why[0]                             = 0;
    if (hold) {
        char until[32] = "";
        if (hold->until_s) stage_gate_tell(hold->until_s, until);
        snprintf(why, 200, "held by %.40s%s%.20s%s%.100s", hold->user, *until ? " until " : "", until,
                 *hold->why ? ": " : "", hold->why);
        memcpy(reports[index].hold, hold->stage, sizeof hold->stage);
        return ERR_OK;
    }
    if (!gate->campaign_id) return ERR_OK;
    TRY(look_at_schedule(gate, s, index, why));
    if (*why || !s->cfg.max_in_flight) return ERR_OK;
    TRY(count_in_flight(gate, index, reports, &is_begun, &n));
    if (!is_begun && n >= s->cfg.max_in_flight)
        snprintf(why, 200, "%" PRId64 " of the list are in flight, max_in_flight is %" PRId64, n, s->cfg.max_in_flight);
    return ERR_OK;
}

/* ---- approval --------------------------------------------------------------------------------------------------------- */
bool stage_gate_is_approval(const struct campaign_stage *s) { return strcmp(s->cfg.stage_type, "approval") == 0; }

static enum err find_approval(const struct stage_work *w, struct ledger_submission *out)
{
    struct ledger_submission *all;
    size_t n;
    *out = (struct ledger_submission){.id = 0};
    if (!w->stage_id) return ERR_OK;
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, &n));
    if (n) *out = all[n - 1];
    mem_free(all);
    return ERR_OK;
}

enum err stage_gate_approval(const struct stage_work *w, bool may_ask, struct step_stage *report)
{
    struct ledger_submission s;
    TRY(find_approval(w, &s));
    if (!s.id && may_ask) {
        enum err rc = ledger_reserve(w->catalogue, w->stage_id, "approval", stage_work_simulation, 1, NULL, &s);
        if (rc == ERR_MISMATCH) { /* another pass asks */
            err_clear();
            return ERR_OK;
        }
        TRY(rc);
    }
    if (s.id && s.state == LEDGER_NEW) TRY(ledger_change(w->catalogue, &s, LEDGER_AWAITING, NULL, ""));
    report->n_files     = 1;
    report->n_done      = s.state == LEDGER_APPROVED;
    report->is_complete = s.state == LEDGER_APPROVED;
    if (s.state == LEDGER_AWAITING) snprintf(report->why, sizeof report->why, "awaits approval");
    return ERR_OK;
}

enum err stage_gate_approve(const struct stage_work *w, const char *comment)
{
    struct ledger_submission s;
    char reason[200];
    REQUIRE(stage_gate_is_approval(w->stage), ERR_MISMATCH, "stage %s is no approval", w->stage->name);
    TRY(find_approval(w, &s));
    REQUIRE(s.state != LEDGER_APPROVED, ERR_MISMATCH, "stage %s was approved already (%s)", w->stage->name, s.reason);
    REQUIRE(s.state == LEDGER_AWAITING, ERR_MISMATCH,
            "stage %s asks for no approval yet: the stages that it needs are not complete, or no pass was made since",
            w->stage->name);
    snprintf(reason, sizeof reason, "approved by %.60s%s%.120s", w->user, *comment ? ": " : "", comment);
    return ledger_change(w->catalogue, &s, LEDGER_APPROVED, NULL, reason);
}
