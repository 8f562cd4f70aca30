/* What stages need, and the order that follows from it. */
#include "campaign_internal.h"

#include "mem.h"
#include "sql.h"

#include <string.h>

bool campaign_is_called(const struct campaign_stage *s, const char *name)
{
    return strcmp(s->name, name) == 0 || strcmp(s->group, name) == 0;
}

/* A stage over a list is needed with all its items. */
enum err campaign_find_needs(struct campaign *c, size_t index)
{
    struct campaign_stage *s = &c->stage[index];
    TRY(mem_alloc(&s->need, c->n_stages + 1, sizeof *s->need));
    for (size_t i = 0; i < s->cfg.needs.n; i++) {
        const char *wanted = s->cfg.needs.value[i];
        bool is_found      = false;
        REQUIRE(!campaign_is_called(s, wanted), ERR_CONFIG, "stage %s needs itself", s->name);
        for (size_t k = 0; k < c->n_stages; k++) {
            bool is_known = false;
            for (size_t j = 0; j < s->n_needs; j++) is_known = is_known || s->need[j] == k;
            is_found = is_found || campaign_is_called(&c->stage[k], wanted);
            if (campaign_is_called(&c->stage[k], wanted) && !is_known) s->need[s->n_needs++] = k;
        }
        REQUIRE(is_found, ERR_CONFIG, "stage %s needs \"%s\", which is no stage", s->name, wanted);
    }
    return ERR_OK;
}

/* When none can come next, each of the rest needs one of the rest: whoever follows that comes into the circle. */
static size_t next_of_circle(const struct campaign *c, const bool *is_done, size_t i)
{
    size_t k = 0;
    while (is_done[c->stage[i].need[k]]) k++;
    return c->stage[i].need[k];
}

static enum err tell_circle(const struct campaign *c, const bool *is_done)
{
    struct sql text = {0};
    size_t first    = 0;
    while (is_done[first]) first++;
    for (size_t i = 0; i < c->n_stages; i++) first = next_of_circle(c, is_done, first);
    size_t i    = first;
    enum err rc = ERR_OK;
    do {
        rc = sql_add(&text, "%s needs ", c->stage[i].name);
        i  = next_of_circle(c, is_done, i);
    } while (!rc && i != first);
    if (!rc)
        rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "stages need one another in a circle: %.900s%s", text.text,
                      c->stage[first].name);
    sql_free(&text);
    return rc;
}

/* A stage that can come next has all it needs before it. */
enum err campaign_find_order(struct campaign *c)
{
    bool is_done[CAMPAIGN_MAX_STAGES] = {false};
    size_t n_done                     = 0;
    TRY(mem_alloc(&c->order, c->n_stages, sizeof *c->order));
    while (n_done < c->n_stages) {
        size_t n_before = n_done;
        for (size_t i = 0; i < c->n_stages; i++) {
            bool is_ready = !is_done[i];
            for (size_t k = 0; k < c->stage[i].n_needs; k++) is_ready = is_ready && is_done[c->stage[i].need[k]];
            if (!is_ready) continue;
            c->order[n_done++] = i;
            is_done[i]         = true;
        }
        if (n_done == n_before) return tell_circle(c, is_done);
    }
    return ERR_OK;
}
