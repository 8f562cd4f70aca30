/* What submissions were started with. */
#include "catalogue_internal.h"
#include "ledger.h"

struct note {
    struct catalogue *catalogue;
    int64_t submission_id;
    const struct ledger_version *version;
};

static enum err note(void *context)
{
    const struct note *n           = context;
    const struct ledger_version *v = n->version;
    const struct db_value row[]    = {DB_I(n->submission_id), DB_S(v->program),   DB_S(v->release),
                                      DB_S(v->git_commit),    DB_S(v->config_id), DB_S(v->conditions_tag),
                                      DB_S(v->fcl_commit),    DB_S(v->rules)};
    return db_do(
        n->catalogue->db,
        "insert into submission_versions (submission_id, program, release, git_commit, config_id, "
        "conditions_tag, fcl_commit, rules) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (submission_id) "
        "do update set program = excluded.program, fcl_commit = excluded.fcl_commit, rules = excluded.rules",
        row, 8);
}

enum err ledger_note_version(struct catalogue *c, int64_t submission_id, const struct ledger_version *version)
{
    return db_transaction(c->db, CATALOGUE_LOCK, note, &(struct note){c, submission_id, version});
}
