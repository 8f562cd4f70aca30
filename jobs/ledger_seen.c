/* What executors say of submissions. */
#include "ledger_seen.h"

#include "ledger.h"
#include "ledger_internal.h"

#include <stdio.h>
#include <string.h>

void ledger_seen_read(const struct db_value r[LEDGER_SEEN_N], struct executor_report *out)
{
    *out            = (struct executor_report)EXECUTOR_REPORT_NONE;
    out->begin_s    = r[0].type == DB_INT ? r[0].i : -1;
    out->end_s      = r[1].type == DB_INT ? r[1].i : -1;
    out->cpu_s      = r[2].type == DB_REAL ? r[2].x : -1.0;
    out->wall_s     = r[3].type == DB_REAL ? r[3].x : -1.0;
    out->max_rss_kb = r[4].type == DB_INT ? r[4].i : -1;
    out->exit_code  = r[5].type == DB_INT ? (int)r[5].i : -1;
    ledger_text(out->state, sizeof out->state, &r[6]);
    ledger_text(out->reason, sizeof out->reason, &r[7]);
}

/* What is not known now stays as it was known; but a reason belongs to its state. */
static struct executor_report put_together(const struct executor_report *old, const struct executor_report *new)
{
    struct executor_report out = *new;
    if (out.begin_s < 0) out.begin_s = old->begin_s;
    if (out.end_s < 0) out.end_s = old->end_s;
    if (out.cpu_s < 0.0) out.cpu_s = old->cpu_s;
    if (out.wall_s < 0.0) out.wall_s = old->wall_s;
    if (out.max_rss_kb < 0) out.max_rss_kb = old->max_rss_kb;
    if (out.exit_code < 0) out.exit_code = old->exit_code;
    if (!*out.state) {
        memcpy(out.state, old->state, sizeof out.state);
        memcpy(out.reason, old->reason, sizeof out.reason);
    }
    return out;
}

static bool is_same(const struct executor_report *a, const struct executor_report *b)
{
    return a->begin_s == b->begin_s && a->end_s == b->end_s && a->cpu_s == b->cpu_s && a->wall_s == b->wall_s &&
           a->max_rss_kb == b->max_rss_kb && a->exit_code == b->exit_code && strcmp(a->state, b->state) == 0 &&
           strcmp(a->reason, b->reason) == 0;
}

struct seeing {
    struct catalogue *catalogue;
    int64_t id;
    const struct executor_report *report;
};

static struct db_value integer_or_null(int64_t i) { return i < 0 ? DB_N : DB_I(i); }
static struct db_value real_or_null(double x) { return x < 0.0 ? DB_N : DB_X(x); }
static struct db_value text_or_null(const char *t) { return *t ? DB_S(t) : DB_N; }

static enum err write_row(void *context)
{
    const struct seeing *s          = context;
    const struct executor_report *r = s->report;
    const struct db_value row[]     = {DB_I(s->id),
                                       integer_or_null(r->begin_s),
                                       integer_or_null(r->end_s),
                                       real_or_null(r->cpu_s),
                                       real_or_null(r->wall_s),
                                       integer_or_null(r->max_rss_kb),
                                       integer_or_null(r->exit_code),
                                       text_or_null(r->state),
                                       text_or_null(r->reason)};
    return db_do(s->catalogue->db,
                 "update submissions set begin_s = $2, end_s = $3, cpu_s = $4, wall_s = $5, max_rss_kb = $6, "
                 "exit_code = $7, batch_state = $8, batch_reason = $9 where id = $1",
                 row, sizeof row / sizeof row[0]);
}

enum err ledger_see(struct catalogue *catalogue, struct ledger_submission *s, const struct executor_report *report)
{
    struct executor_report all = put_together(&s->seen, report);
    struct seeing context      = {catalogue, s->id, &all};
    if (is_same(&all, &s->seen)) return ERR_OK;
    TRY(db_transaction(catalogue->db, CATALOGUE_LOCK, write_row, &context));
    s->seen = all;
    return ERR_OK;
}
