/* Holds. */
#include "ledger_hold.h"

#include "ledger_internal.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

struct list {
    struct ledger_hold_row *one;
    size_t n, capacity;
};

static enum err add(void *context, const struct db_value *row, size_t n)
{
    struct list *l = context;
    (void)n;
    TRY(ledger_grow(&l->one, l->n, &l->capacity, sizeof *l->one));
    struct ledger_hold_row *h = &l->one[l->n++];
    ledger_text(h->stage, sizeof h->stage, &row[0]);
    ledger_text(h->why, sizeof h->why, &row[1]);
    ledger_text(h->user, sizeof h->user, &row[2]);
    h->create_s = row[3].i;
    h->until_s  = row[4].i;
    return ERR_OK;
}

enum err ledger_holds(struct catalogue *c, int64_t campaign_id, int64_t now_s, struct ledger_hold_row **out, size_t *n)
{
    struct list all         = {0};
    struct db_value value[] = {DB_I(campaign_id), DB_I(now_s)};
    struct sql sql = {.text     = (char *)"select stage, why, create_user, create_s, until_s from stage_holds where "
                                          "campaign_id = $1 and (until_s = 0 or until_s > $2) order by stage",
                      .value    = value,
                      .n_values = 2};
    enum err rc    = catalogue_rows(c->db, &sql, add, &all);
    if (rc) mem_free(all.one);
    *out = rc ? NULL : all.one;
    *n   = rc ? 0 : all.n;
    return rc;
}

const struct ledger_hold_row *ledger_hold_of(const struct ledger_hold_row *holds, size_t n, const char *stage)
{
    const struct ledger_hold_row *whole = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(holds[i].stage, stage) == 0) return &holds[i];
        if (!*holds[i].stage) whole = &holds[i];
    }
    return whole;
}

struct holding {
    struct catalogue *catalogue;
    int64_t campaign_id;
    const char *name, *stage, *user;
    const struct ledger_hold_row *hold; /* NULL: released */
};

static enum err change(void *context)
{
    const struct holding *h     = context;
    struct db *db               = h->catalogue->db;
    const struct db_value key[] = {DB_I(h->campaign_id), DB_S(h->stage)};
    char what[256];
    snprintf(what, sizeof what, "%.100s%s%.100s", h->name, *h->stage ? " " : "", h->stage);
    TRY(db_do(db, "delete from stage_holds where campaign_id = $1 and stage = $2", key, 2));
    if (h->hold) {
        const struct db_value row[] = {
            key[0], key[1], DB_S(h->hold->why), DB_I(h->hold->until_s), DB_I(catalogue_now_s()), DB_S(h->user)};
        TRY(db_do(db,
                  "insert into stage_holds (campaign_id, stage, why, until_s, create_s, create_user) values ($1, $2, "
                  "$3, $4, $5, $6)",
                  row, 6));
    }
    return catalogue_note(h->catalogue, h->user, h->hold ? "hold" : "release", what);
}

enum err ledger_hold_set(struct catalogue *c, int64_t campaign_id, const char *name, const struct ledger_hold_row *hold)
{
    struct holding h = {c, campaign_id, name, hold->stage, hold->user, hold};
    return db_transaction(c->db, CATALOGUE_LOCK, change, &h);
}

enum err ledger_hold_drop(struct catalogue *c, int64_t campaign_id, const char *name, const char *stage,
                          const char *user)
{
    struct holding h = {c, campaign_id, name, stage, user, NULL};
    return db_transaction(c->db, CATALOGUE_LOCK, change, &h);
}
