/* Queries of a campaign: what a stage makes, and what its dataset is. */
#include "campaign_internal.h"

#include "dimension.h"
#include "mem.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static enum err keep(struct sql *text, char **out)
{
    *out = mem_string(text->text ? text->text : "");
    sql_free(text);
    return *out ? ERR_OK : ERR_MEMORY;
}

/* By version, so that another starts anew beside the old. A merged file bears the version of what is in it, so the merging job
 * leaves its own in a field. */
enum err campaign_find_made(struct campaign_stage *s)
{
    struct sql out = {0};
    enum err rc;
    if (s->kind == CAMPAIGN_MERGE) {
        rc = sql_add(&out, "gm2.merged_by '%s %s %s'", s->version.release, s->version.git_commit, s->version.config_id);
    } else {
        rc = version_key_query(&s->version, &out);
        if (!rc) rc = sql_add(&out, " and not gm2.merged_by like '%%'");
    }
    if (!rc) return keep(&out, &s->made);
    sql_free(&out);
    return rc;
}

/* What a stage has made; all items of a stage over a list. */
static enum err put_stage(const struct campaign *c, const char *name, size_t n, struct sql *out)
{
    char wanted[256] = "";
    size_t n_found   = 0;
    if (n < sizeof wanted) memcpy(wanted, name, n);
    for (size_t i = 0; i < c->n_stages; i++) {
        const struct campaign_stage *s = &c->stage[i];
        bool is_known                  = false;
        for (size_t k = 0; k < i; k++)
            is_known = is_known || (campaign_is_called(&c->stage[k], wanted) && strcmp(c->stage[k].made, s->made) == 0);
        if (!campaign_is_called(s, wanted) || is_known) continue;
        TRY(sql_add(out, "%s(%s)", n_found++ ? " or " : "(", s->made));
    }
    REQUIRE(n_found, ERR_CONFIG, "%%(stage.%.*s)s: there is no such stage", (int)n, name);
    return sql_add(out, ")");
}

/* A query with %(stage.NAME)s put in, as a part of the dataset. */
static enum err add_part(const struct campaign *c, struct campaign_stage *s, const char *query)
{
    struct sql out           = {0};
    struct dimension *parsed = NULL;
    enum err rc              = ERR_OK;
    const char *at           = query;
    while (*at && !rc) {
        const char *mark = strstr(at, "%(stage."), *end = mark ? strstr(mark, ")s") : NULL;
        rc = sql_add(&out, "%.*s", (int)(end ? mark - at : (ptrdiff_t)strlen(at)), at);
        if (!end || rc) break;
        rc = put_stage(c, mark + 8, (size_t)(end - mark - 8), &out);
        at = end + 2;
    }
    if (!rc) rc = dimension_parse(out.text ? out.text : "", &parsed);
    if (!rc) s->is_live = s->is_live || dimension_is_live(parsed);
    dimension_free(parsed);
    if (!rc) rc = keep(&out, &s->part[s->n_parts]);
    if (!rc) s->n_parts++;
    sql_free(&out);
    return rc ? err_context(rc, "stage %s", s->name) : ERR_OK;
}

/* POMS's file_pattern of a dependency: a name with %, or, with a blank in it, a piece of a query. */
static enum err add_pattern(const struct campaign *c, struct campaign_stage *s, size_t i)
{
    const char *pattern = s->cfg.file_patterns.value[i];
    struct sql out      = {0};
    REQUIRE(*pattern && !strchr(pattern, '\''), ERR_CONFIG,
            "stage %s: file_patterns: \"%s\": a name with %% in it is wanted, or a piece of a query", s->name, pattern);
    enum err rc = strchr(pattern, ' ')
                      ? sql_add(&out, "%%(stage.%s)s and (%s)", s->cfg.needs.value[i], pattern)
                      : sql_add(&out, "%%(stage.%s)s and file_name like '%s'", s->cfg.needs.value[i], pattern);
    if (!rc) rc = add_part(c, s, out.text);
    sql_free(&out);
    return rc;
}

static enum err add_time(const char *operator, int64_t at_s, struct sql *out)
{
    char text[32];
    time_t at = (time_t)at_s;
    struct tm utc;
    REQUIRE(gmtime_r(&at, &utc) && utc.tm_year < 10000 - 1900 && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc),
            ERR_CONFIG, "split: %" PRId64 " s is no time since 1970 before the year 10000", at_s);
    return sql_add(out, " and end_time %s \"%s\"", operator, text);
}

/* Files outside of what a split type names are not wanted: else they would be left for ever. */
static enum err narrow(const struct campaign_stage *s, struct sql *text)
{
    const struct split *p = &s->split;
    struct sql all        = {0};
    enum err rc           = sql_add(&all, "(%s)", text->text);
    if (!rc && p->type == SPLIT_BYRUN) rc = sql_add(&all, " and run_number %" PRId64 "-%" PRId64, p->low, p->high - 1);
    if (!rc && p->firsttime_s) rc = add_time(">", p->firsttime_s, &all);
    if (!rc && p->lasttime_s) rc = add_time("<=", p->lasttime_s, &all);
    sql_free(text);
    *text = all;
    return rc;
}

enum err campaign_find_dataset(const struct campaign *c, struct campaign_stage *s)
{
    struct sql out = {0};
    enum err rc    = ERR_OK;
    REQUIRE(!s->cfg.file_patterns.n || s->cfg.file_patterns.n == s->cfg.needs.n, ERR_CONFIG,
            "stage %s: %zu file_patterns for %zu stages that it needs; there must be one for each", s->name,
            s->cfg.file_patterns.n, s->cfg.needs.n);
    TRY(mem_alloc(&s->part, 1 + s->cfg.datasets.n + s->cfg.file_patterns.n, sizeof *s->part));
    if (*s->cfg.dataset) TRY(add_part(c, s, s->cfg.dataset));
    for (size_t i = 0; i < s->cfg.datasets.n; i++) TRY(add_part(c, s, s->cfg.datasets.value[i]));
    for (size_t i = 0; i < s->cfg.file_patterns.n; i++) TRY(add_pattern(c, s, i));
    for (size_t i = 0; i < s->n_parts && !rc; i++)
        rc =
            s->n_parts == 1 ? sql_add(&out, "%s", s->part[i]) : sql_add(&out, "%s(%s)", i ? " union " : "", s->part[i]);
    if (rc || !s->n_parts) {
        sql_free(&out);
        return rc;
    }
    if (s->is_live && s->kind == CAMPAIGN_FILES) { /* what was stale and is made anew stays in it, as done */
        struct sql all = {0};
        rc             = sql_add(&all, "(%s) union isparentof: (%s)", out.text, s->made);
        sql_free(&out);
        out = all;
    }
    bool is_narrow = s->split.type == SPLIT_BYRUN || s->split.firsttime_s || s->split.lasttime_s;
    if (!rc && is_narrow) rc = narrow(s, &out);
    if (!rc) return keep(&out, &s->dataset);
    sql_free(&out);
    return rc;
}
