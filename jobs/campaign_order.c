/* What stages need, and the order that follows from it. */
#include "campaign_internal.h"

#include "mem.h"

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

/* A stage that can come next has all it needs before it; when none can, they go round. */
enum err campaign_find_order(struct campaign *c)
{
    bool is_done[CAMPAIGN_MAX_STAGES] = {false};
    size_t n_done                     = 0;
    TRY(mem_alloc(&c->order, c->n_stages, sizeof *c->order));
    while (n_done < c->n_stages) {
        const char *stuck = "";
        size_t n_before   = n_done;
        for (size_t i = 0; i < c->n_stages; i++) {
            bool is_ready = !is_done[i];
            for (size_t k = 0; k < c->stage[i].n_needs; k++) is_ready = is_ready && is_done[c->stage[i].need[k]];
            if (!is_done[i] && !is_ready) stuck = c->stage[i].name;
            if (!is_ready) continue;
            c->order[n_done++] = i;
            is_done[i]         = true;
        }
        REQUIRE(n_done > n_before, ERR_CONFIG, "stages need one another in a circle, %s among them", stuck);
    }
    return ERR_OK;
}
