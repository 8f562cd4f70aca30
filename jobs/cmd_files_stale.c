/* gm2 files stale: what was made with constants or a version that has been replaced since, and of what to make it anew. */
#include "cmd_files.h"

#include "cond.h"
#include "log.h"
#include "sql.h"
#include "stale.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct listing {
    const struct files_options *options;
    size_t n, n_replaced, n_helpless;
};

static enum err print(void *context, const struct stale_file *f)
{
    struct listing *l             = context;
    const struct files_options *o = l->options;
    l->n += !f->is_replaced;
    l->n_replaced += f->is_replaced;
    if (f->is_replaced) {
        if (o->wants_replaced) printf("%s\treplaced by %s%s\n", f->name, f->by[0].name, f->n_by > 1 ? ", ..." : "");
        return ERR_OK;
    }
    l->n_helpless += f->n_by == 0;
    if (!o->wants_inputs) printf("%s\t%s\n", f->name, f->why);
    for (size_t i = 0; i < f->n_by && o->wants_inputs; i++)
        printf("%s\t%s\t%s\n", f->by[i].name, f->by[i].tier, f->name);
    return ERR_OK;
}

/* TAG@DATABASE and campaign:NAME */
static enum err wanted_of(const struct files_options *o, struct sql *out)
{
    REQUIRE(o->conditions || o->campaign, ERR_OPTION,
            "--conditions is missing: the database of constants (or --campaign NAME: stale by version)");
    REQUIRE(o->conditions || !o->tag, ERR_OPTION, "--tag needs --conditions: the database of constants");
    REQUIRE(!o->conditions || !strchr(o->conditions, ','), ERR_OPTION, "--conditions: no comma is accepted in it");
    REQUIRE(!o->campaign || !strchr(o->campaign, ','), ERR_OPTION, "--campaign: no comma is accepted in it");
    if (o->conditions) TRY(sql_add(out, "%s@%s", o->tag ? o->tag : COND_HEAD, o->conditions));
    if (o->campaign) TRY(sql_add(out, "%scampaign:%s", out->n ? "," : "", o->campaign));
    return ERR_OK;
}

/* The list as a dataset, as it is now. */
static enum err keep(struct catalogue *c, const struct files_options *o, const char *wanted)
{
    int64_t id, n;
    struct sql text = {0};
    enum err rc     = o->wants_inputs ? sql_add(&text, "sufficient: \"%s\" (%s)", wanted, o->place[0])
                                      : sql_add(&text, "(%s) and stale: \"%s\"", o->place[0], wanted);
    if (!rc) rc = catalogue_snapshot(c, text.text, o->user, &id, &n);
    if (!rc) printf("snapshot_id %" PRId64 ": %" PRId64 " files\n", id, n);
    sql_free(&text);
    return rc;
}

enum err files_stale(struct catalogue *c, const struct files_options *o, int *status)
{
    struct listing l  = {.options = o};
    struct sql wanted = {0};
    TRY(files_want_places(o, 1, 1, "QUERY --conditions COND_DB [--tag TAG] [--campaign NAME] [--from] [--snapshot]"));
    enum err rc = wanted_of(o, &wanted);
    if (!rc) rc = stale_find(c, o->place[0], wanted.text, print, &l);
    if (!rc && o->wants_snapshot && l.n) rc = keep(c, o, wanted.text);
    sql_free(&wanted);
    if (rc) return rc;
    if (l.n_replaced && !o->wants_replaced)
        log_info("%zu files more were replaced by good ones (--replaced lists them)", l.n_replaced);
    if (l.n_helpless && o->wants_inputs)
        log_warn("%zu stale files have nothing that they could be made of again", l.n_helpless);
    *status = l.n > 0;
    return ERR_OK;
}
