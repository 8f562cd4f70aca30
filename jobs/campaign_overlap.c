/* Stages that make the same of the same files. */
#include "campaign_overlap.h"

#include "mem.h"
#include "sql.h"

#include <stdio.h>
#include <string.h>

/* Of stages over files alone: merges and constants are told apart by their stage's name. */
static bool is_alike(const struct campaign_stage *a, const struct campaign_stage *b)
{
    char x[VERSION_KEY_TEXT], y[VERSION_KEY_TEXT];
    if (a->kind != CAMPAIGN_FILES || b->kind != CAMPAIGN_FILES || !a->dataset || !b->dataset) return false;
    version_key_text(&a->version, x);
    version_key_text(&b->version, y);
    return strcmp(x, y) == 0;
}

static enum err count(struct catalogue *c, const char *query, int64_t *n)
{
    int64_t n_bytes, n_events;
    return catalogue_count(c, query, n, &n_bytes, &n_events);
}

/* Sum of the stages before `end` that are like it, and of all of them together: the same if they share nothing. */
static enum err is_shared(struct catalogue *c, const struct campaign *campaign, size_t end, bool *out)
{
    const struct campaign_stage *s = &campaign->stage[end];
    struct sql others = {0}, both = {0};
    int64_t n   = 0;
    enum err rc = ERR_OK;
    for (size_t i = 0; i < end && !rc; i++)
        if (is_alike(&campaign->stage[i], s))
            rc = sql_add(&others, "%s(%s)", others.n ? " or " : "", campaign->stage[i].dataset);
    *out = others.n > 0;
    if (!rc && *out) rc = sql_add(&both, "(%s) intersect (%s)", s->dataset, others.text);
    if (!rc && *out) rc = count(c, both.text, &n);
    *out = *out && n > 0;
    sql_free(&others);
    sql_free(&both);
    return rc;
}

struct example {
    char name[256];
};

static enum err take_name(void *context, const struct db_value *row, size_t n)
{
    struct example *e = context;
    (void)n;
    if (!*e->name) snprintf(e->name, sizeof e->name, "%s", row[0].text);
    return ERR_OK;
}

static enum err find_first(struct catalogue *c, const struct campaign *campaign, size_t end,
                           void (*each)(const char *a, const char *b, int64_t n_files, const char *example))
{
    const struct campaign_stage *s = &campaign->stage[end];
    enum err rc                    = ERR_OK;
    for (size_t i = 0; i < end && !rc; i++) {
        struct sql both        = {0};
        struct example example = {""};
        int64_t n              = 0;
        if (!is_alike(&campaign->stage[i], s)) continue;
        rc = sql_add(&both, "(%s) intersect (%s)", s->dataset, campaign->stage[i].dataset);
        if (!rc) rc = count(c, both.text, &n);
        if (!rc && n) rc = catalogue_list(c, both.text, "f.file_name", 0, take_name, &example);
        sql_free(&both);
        if (rc || !n) continue;
        each(campaign->stage[i].name, s->name, n, example.name);
        break;
    }
    return rc;
}

enum err campaign_overlap(struct catalogue *c, const struct campaign *campaign,
                          void (*each)(const char *a, const char *b, int64_t n_files, const char *example))
{
    for (size_t i = 1; i < campaign->n_stages; i++) {
        bool shared;
        TRY(is_shared(c, campaign, i, &shared));
        if (shared) TRY(find_first(c, campaign, i, each));
    }
    return ERR_OK;
}
