/* Stale by version: release, commit, configuration and tag of a stage's products against those that it makes now. */
#include "stale_internal.h"

#include "mem.h"
#include "version_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The version that a stage worked on last: the newest one, unless an older one was gone back to. */
struct stage {
    char name[128];
    int64_t rank; /* its last submission; a version that has none is new, and counts as long as none is newer */
    struct version_key version;
};
struct stages {
    struct stale_set *files;
    size_t n, capacity;
    struct stage *one; /* by name */
};

static enum err add_stage(void *context, const struct db_value *row, size_t n)
{
    struct stages *s = context;
    struct stage new = {.rank = row[2].type == DB_INT ? row[2].i : INT64_MAX};
    (void)n;
    snprintf(new.name, sizeof new.name, "%s", row[0].text);
    if (version_key_parse(row[1].text, &new.version)) {
        err_clear(); /* an approval has none */
        return ERR_OK;
    }
    struct stage *last = s->n ? &s->one[s->n - 1] : NULL;
    if (last && strcmp(last->name, new.name) == 0) {
        if (last->rank == INT64_MAX || new.rank > last->rank) *last = new;
        return ERR_OK;
    }
    TRY(stale_room(&s->one, s->n, &s->capacity, sizeof *s->one));
    s->one[s->n++] = new;
    return ERR_OK;
}

static enum err read_stages(struct catalogue *c, const char *campaign, struct stages *s)
{
    struct db_statement *statement;
    const struct db_value *row;
    bool is_found;
    int64_t id;
    size_t n;
    TRY(db_get_int(catalogue_db(c), "select id from campaigns where name = $1", &DB_S(campaign), 1, &id, &is_found));
    REQUIRE(is_found, ERR_NOTFOUND, "there is no campaign \"%s\" (gm2 campaign status DB lists them)", campaign);
    TRY(db_prepare(catalogue_db(c),
                   "select s.name, s.version_key, (select max(u.id) from submissions u where u.stage_id = s.id) from "
                   "stages s where s.campaign_id = $1 order by s.name, s.id",
                   &statement));
    enum err rc = db_start(statement, &DB_I(id), 1);
    while (!rc && (rc = db_next(statement, &row, &n)) == ERR_OK && row) rc = add_stage(s, row, n);
    db_finish(statement);
    return rc;
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */
static void differ(const char *what, const char *old, const char *now, int digits, char out[STALE_WHY])
{
    size_t n = strlen(out);
    if (strcmp(old, now) == 0) return;
    snprintf(out + n, STALE_WHY - n, "%s%s %.*s, now %.*s", n ? "; " : "", what, digits, *old ? old : "-", digits,
             *now ? now : "-");
}

/* id, stage, release, commit, configuration, tag, merged by, campaign */
static enum err judge(void *context, const struct db_value *row, size_t n)
{
    const struct stages *s = context;
    struct version_key key = {.release = ""};
    char why[STALE_WHY]    = "";
    size_t i               = 0;
    (void)n;
    while (i < s->n && strcmp(s->one[i].name, row[1].text) != 0) i++;
    if (i == s->n) return ERR_OK;
    const struct version_key *now = &s->one[i].version;
    bool is_merged                = row[6].type == DB_TEXT;
    if (is_merged) {
        TRY(version_key_parse(row[6].text, &key)); /* a merged file's own fields are those of what is in it */
    } else {
        snprintf(key.release, sizeof key.release, "%s", row[2].text);
        snprintf(key.git_commit, sizeof key.git_commit, "%s", row[3].text);
        snprintf(key.config_id, sizeof key.config_id, "%s", row[4].text);
        snprintf(key.conditions_tag, sizeof key.conditions_tag, "%s", row[5].text);
    }
    differ("release", key.release, now->release, 32, why);
    differ("commit", key.git_commit, now->git_commit, 10, why);
    differ("configuration", key.config_id, now->config_id, 10, why);
    if (*why && !is_merged) differ("tag", key.conditions_tag, now->conditions_tag, 64, why);
    return *why ? stale_set_mark(s->files, row[0].i, why) : ERR_OK;
}

static const char head[] =
    "select f.id, s.text, c.version, c.git_commit, c.fcl_hash, c.conditions_tag, m.text, p.text from files f join "
    "configs c on c.id = f.config_id join file_params p on p.file_id = f.id and p.name = 'gm2.campaign' join "
    "file_params s on s.file_id = f.id and s.name = 'gm2.stage' left join file_params m on m.file_id = f.id and "
    "m.name = 'gm2.merged_by' where f.id in";

struct of_campaign {
    struct stages *stages;
    const char *name;
};
static enum err judge_own(void *context, const struct db_value *row, size_t n)
{
    const struct of_campaign *o = context;
    return strcmp(row[7].text, o->name) == 0 ? judge(o->stages, row, n) : ERR_OK;
}

enum err stale_campaign_mark(struct catalogue *c, struct stale_set *files, const char *campaign)
{
    struct stages s      = {.files = files};
    struct stale_ids ids = {0};
    enum err rc          = read_stages(c, campaign, &s);
    if (!rc) rc = stale_set_ids(files, false, &ids);
    if (!rc) rc = stale_rows(c, head, &ids, "order by f.id", judge_own, &(struct of_campaign){&s, campaign});
    mem_free(ids.id);
    mem_free(s.one);
    return rc;
}
