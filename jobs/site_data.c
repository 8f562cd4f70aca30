/* Lists of a stage for its pages. */
#include "site_internal.h"

#include "catalogue_internal.h"
#include "mem.h"
#include "stage_made.h"

#include <string.h>

const char *site_file_state_name(enum site_file_state state)
{
    static const char *const names[N_SITE_FILE_STATES] = {
        [SITE_SUBMITTED] = "Submitted",
        [SITE_DELIVERED] = "Delivered",
        [SITE_UNKNOWN]   = "Unknown",
        [SITE_CONSUMED]  = "Consumed",
        [SITE_FAILED]    = "Failed",
        [SITE_SKIPPED]   = "Skipped",
        [SITE_CANCELLED] = "Cancelled",
        [SITE_SOME_KIDS] = "With some kids declared",
        [SITE_ALL_KIDS]  = "With all kids declared",
        [SITE_LOCATED]   = "With kids located",
    };
    return names[state];
}

/* file, name, attempts, is_parked, submission, its state, exit code, batch state, products declared, good, with a place */
static enum site_file_state state_of(const struct db_value *r)
{
    int64_t n_declared = r[8].i, n_good = r[9].i, n_located = r[10].i;
    if (n_located) return SITE_LOCATED;
    if (n_good) return SITE_ALL_KIDS;
    if (n_declared) return SITE_SOME_KIDS;
    if (r[3].i) return SITE_SKIPPED;
    switch (r[5].type == DB_INT ? r[5].i : 0) {
    case 4000: return SITE_DELIVERED;
    case 1500:
    case 9000: return SITE_CANCELLED;
    case 7000:
    case 8000: return SITE_CONSUMED;
    case 2000: return SITE_FAILED;
    case 6000: return r[6].type == DB_INT || r[7].type == DB_TEXT ? SITE_FAILED : SITE_UNKNOWN;
    default: return SITE_SUBMITTED;
    }
}

static enum err make_room(void *list, size_t n, size_t size)
{
    if (n % 4096) return ERR_OK;
    return mem_resize(list, n, n + 4096, size);
}

static enum err take_file(void *context, const struct db_value *r, size_t n)
{
    struct site_stage *s = context;
    (void)n;
    TRY(make_room(&s->file, s->n_files, sizeof *s->file));
    struct site_file *f = &s->file[s->n_files++];
    *f                  = (struct site_file){.id            = r[0].i,
                                             .submission_id = r[4].type == DB_INT ? r[4].i : 0,
                                             .attempts      = r[2].i,
                                             .state         = state_of(r),
                                             .name          = mem_string(r[1].text)};
    s->n_in_state[f->state]++;
    return f->name ? ERR_OK : ERR_MEMORY;
}

static enum err take_held(void *context, const struct db_value *r, size_t n)
{
    struct site_stage *s = context;
    (void)n;
    TRY(make_room(&s->held, s->n_held, sizeof *s->held));
    s->held[s->n_held++] = (struct site_held){r[0].i, r[1].i};
    return ERR_OK;
}

static enum err take_event(void *context, const struct db_value *r, size_t n)
{
    struct site_stage *s = context;
    (void)n;
    TRY(make_room(&s->event, s->n_events, sizeof *s->event));
    s->event[s->n_events] = (struct site_event){r[0].i, r[1].i, (enum ledger_state)r[2].i,
                                                mem_string(r[3].type == DB_TEXT ? r[3].text : "")};
    return s->event[s->n_events++].reason ? ERR_OK : ERR_MEMORY;
}

/* $1: the stage */
static const char files_head[] =
    "select t.file_id, i.file_name, t.attempts, t.is_parked, s.id, s.state, s.exit_code, s.batch_state,"
    " coalesce(k.n_declared, 0), coalesce(k.n_good, 0), coalesce(k.n_located, 0)"
    " from stage_files t join files i on i.id = t.file_id"
    " left join (select x.file_id, max(x.submission_id) as last from submission_files x join submissions y on y.id ="
    "  x.submission_id where y.stage_id = $1 group by x.file_id) l on l.file_id = t.file_id"
    " left join submissions s on s.id = l.last"
    " left join (select p.parent_id, count(*) as n_declared,"
    "  count(case when f.retired_s is null and f.content_status = 'good' then 1 end) as n_good,"
    "  count(case when f.retired_s is null and f.content_status = 'good' and f.n_places > 0 then 1 end) as n_located"
    "  from stage_files z join file_parents p on p.parent_id = z.file_id join files f on f.id = p.child_id"
    "  where z.stage_id = $1 and f.id in";
static const char files_tail[] =
    "group by p.parent_id) k on k.parent_id = t.file_id where t.stage_id = $1 order by t.file_id";
static const char held_sql[] = "select x.submission_id, x.file_id from submissions s join submission_files x on "
                               "x.submission_id = s.id where s.stage_id = $1 order by 1, 2";
static const char events_sql[] =
    "select h.submission_id, h.at_s, h.state, h.reason from submissions s join "
    "submission_history h on h.submission_id = s.id where s.stage_id = $1 order by 1, 2, 3";

enum err site_stage_read(struct catalogue *c, const struct status_stage *stage, const struct campaign_stage *described,
                         struct site_stage *out)
{
    struct db_value id      = DB_I(stage->id);
    const struct sql held   = {.text = (char *)held_sql, .value = &id, .n_values = 1},
                     events = {.text = (char *)events_sql, .value = &id, .n_values = 1};
    site_stage_free(out); /* the transaction may be tried again */
    TRY(ledger_submissions(c, stage->id, false, &out->submission, &out->n_submissions));
    TRY(stage_made_rows(c, described, files_head, files_tail, &id, 1, take_file, out));
    TRY(catalogue_rows(c->db, &held, take_held, out));
    TRY(catalogue_rows(c->db, &events, take_event, out));
    return stage_made_int(c, described,
                          "select count(*) from files f where f.retired_s is null and f.content_status = 'good' and "
                          "f.n_places > 0 and f.id in",
                          "", NULL, 0, &out->n_products);
}

void site_stage_free(struct site_stage *s)
{
    for (size_t i = 0; i < s->n_files; i++) mem_free(s->file[i].name);
    for (size_t i = 0; i < s->n_events; i++) mem_free(s->event[i].reason);
    mem_free(s->submission);
    mem_free(s->file);
    mem_free(s->held);
    mem_free(s->event);
    *s = (struct site_stage){0};
}
