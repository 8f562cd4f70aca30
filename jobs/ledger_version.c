/* What submissions were started with. */
#include "ledger_version.h"

#include "ledger_internal.h"
#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct note {
    struct catalogue *catalogue;
    struct ledger_submission *submission;
    const struct ledger_version *version;
};

/* One that has another description may have begun to start it elsewhere. */
static enum err check_place(const struct note *n)
{
    const struct ledger_terms *t = &n->version->terms;
    struct ledger_terms noted;
    bool is_noted;
    TRY(ledger_terms(n->catalogue, n->submission->id, &noted, &is_noted));
    bool is_same = !is_noted || (strcmp(noted.folder, t->folder) == 0 && strcmp(noted.executor, t->executor) == 0);
    ledger_terms_free(&noted);
    REQUIRE(is_same, ERR_MISMATCH, "another pass has begun to start it elsewhere");
    return ERR_OK;
}

/* Another pass may have given it up: then nothing is started. */
static enum err note(void *context)
{
    const struct note *n           = context;
    const struct ledger_version *v = n->version;
    const struct ledger_terms *t   = &v->terms;
    const struct db_value row[]    = {
           DB_I(n->submission->id), DB_S(v->program),     DB_S(v->release), DB_S(v->git_commit), DB_S(v->config_id),
           DB_S(v->conditions_tag), DB_S(v->fcl_commit),  DB_S(v->rules),   DB_S(t->executor),   DB_S(t->folder),
           DB_S(t->outputs),        DB_S(t->only),        DB_S(t->store),   DB_I(t->kind),       DB_I(t->fills),
           DB_I(t->launches),       DB_I(t->max_attempts)};
    TRY(ledger_refresh(n->catalogue, n->submission));
    TRY(check_place(n));
    return db_do(
        n->catalogue->db,
        "insert into submission_versions (submission_id, program, release, git_commit, config_id, conditions_tag, "
        "fcl_commit, rules, executor, folder, outputs, calibrations, store, kind, fills, launches, max_attempts) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "on conflict (submission_id) do update set program = excluded.program, fcl_commit = excluded.fcl_commit, "
        "rules = excluded.rules, executor = excluded.executor, folder = excluded.folder, outputs = excluded.outputs, "
        "calibrations = excluded.calibrations, store = excluded.store, kind = excluded.kind, fills = excluded.fills, "
        "launches = excluded.launches, max_attempts = excluded.max_attempts",
        row, sizeof row / sizeof row[0]);
}

enum err ledger_note_version(struct catalogue *c, struct ledger_submission *submission,
                             const struct ledger_version *version)
{
    return db_transaction(c->db, CATALOGUE_LOCK, note, &(struct note){c, submission, version});
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
struct reading {
    struct ledger_terms *out;
    bool is_noted;
};

static enum err take_terms(void *context, const struct db_value *r, size_t n)
{
    struct reading *reading = context;
    struct ledger_terms *t  = reading->out;
    (void)n;
    ledger_terms_free(t);
    *t                = (struct ledger_terms){.executor     = mem_string(r[0].text),
                                              .folder       = mem_string(r[1].text),
                                              .outputs      = mem_string(r[2].text),
                                              .only         = mem_string(r[3].text),
                                              .store        = mem_string(r[4].text),
                                              .kind         = r[5].i,
                                              .fills        = r[6].i,
                                              .launches     = r[7].i,
                                              .max_attempts = r[8].i};
    reading->is_noted = t->executor && t->folder && t->outputs && t->only && t->store;
    return reading->is_noted ? ERR_OK : ERR_MEMORY;
}

enum err ledger_terms(struct catalogue *c, int64_t submission_id, struct ledger_terms *out, bool *is_noted)
{
    struct reading reading = {.out = out};
    struct db_value v      = DB_I(submission_id);
    struct sql sql = {.text  = (char *)"select executor, folder, outputs, calibrations, store, kind, fills, launches, "
                                       "max_attempts from submission_versions where submission_id = $1",
                      .value = &v,
                      .n_values = 1};
    *out           = (struct ledger_terms){.kind = 0};
    enum err rc    = catalogue_rows(c->db, &sql, take_terms, &reading);
    *is_noted      = !rc && reading.is_noted;
    if (rc) ledger_terms_free(out);
    return rc;
}

void ledger_terms_free(struct ledger_terms *t)
{
    const char *const text[] = {t->executor, t->folder, t->outputs, t->only, t->store};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) mem_free((void *)(uintptr_t)text[i]);
    *t = (struct ledger_terms){.kind = 0};
}

/* ---- stages -------------------------------------------------------------------------------------------------------- */
struct rows {
    struct ledger_stage_row *one;
    size_t n, capacity;
};

static enum err add_row(void *context, const struct db_value *r, size_t n)
{
    struct rows *all = context;
    (void)n;
    TRY(ledger_grow(&all->one, all->n, &all->capacity, sizeof *all->one));
    struct ledger_stage_row *row = &all->one[all->n++];
    row->id                      = r[0].i;
    row->n_live                  = r[3].i;
    ledger_text(row->name, sizeof row->name, &r[1]);
    ledger_text(row->version_key, sizeof row->version_key, &r[2]);
    return ERR_OK;
}

enum err ledger_stage_find(struct catalogue *c, const char *campaign, const char *stage, const char *version_key,
                           int64_t *id)
{
    const struct db_value key[] = {DB_S(campaign), DB_S(stage), DB_S(version_key)};
    bool is_found;
    *id = 0;
    return db_get_int(
        c->db,
        "select g.id from stages g join campaigns k on k.id = g.campaign_id where k.name = $1 and g.name = "
        "$2 and g.version_key = $3",
        key, 3, id, &is_found);
}

enum err ledger_live_stages(struct catalogue *c, int64_t campaign_id, struct ledger_stage_row **out, size_t *n)
{
    struct rows all   = {0};
    struct db_value v = DB_I(campaign_id);
    struct sql sql    = {.text =
                             (char *)"select g.id, g.name, g.version_key, count(*) from stages g join submissions s on "
                                        "s.stage_id = g.id where g.campaign_id = $1 and s.state in " LEDGER_LIVE " "
                                        "group by g.id, g.name, g.version_key order by g.id",
                         .value    = &v,
                         .n_values = 1};
    enum err rc       = catalogue_rows(c->db, &sql, add_row, &all);
    if (rc) mem_free(all.one);
    *out = rc ? NULL : all.one;
    *n   = rc ? 0 : all.n;
    return rc;
}
