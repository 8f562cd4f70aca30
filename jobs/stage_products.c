/* Products into the catalogue. */
#include "stage_products.h"

#include "drop_box.h"
#include "log.h"
#include "stage_units.h"

#include <unistd.h>

struct living {
    struct catalogue *catalogue;
    struct ledger_submission *submission;
};

static enum err ask_live(void *context)
{
    const struct living *l = context;
    return ledger_refresh(l->catalogue, l->submission);
}

/* From where they lie, or by way of the store. A simulation that goes on looks for what it has made before, so that is not taken
 * away until it is whole. */
enum err stage_products_take(const struct stage_work *w, struct ledger_submission *s, int exit_code,
                             struct ingest_tally *tally)
{
    struct living living               = {w->catalogue, s};
    const struct catalogue_check check = {ask_live, &living};
    char products[STAGE_MAX_PATH + 32];
    TRY(stage_units_products(w, s, products));
    if (!w->stage->cfg.to_store) return ingest_folder(w->catalogue, products, &check, w->user, tally);
    if (stage_work_is_simulation(w) && exit_code != 0) return ERR_OK;
    return drop_box_ingest(w->catalogue, products, w->campaign->cfg.store, &check, w->user, tally);
}

enum err stage_products_from_drop_box(struct catalogue *catalogue, const struct campaign *campaign, const char *user)
{
    struct ingest_tally tally = {.n = {0}};
    if (!*campaign->cfg.drop_box || access(campaign->cfg.drop_box, R_OK) != 0) return ERR_OK;
    TRY(drop_box_ingest(catalogue, campaign->cfg.drop_box, campaign->cfg.store, NULL, user, &tally));
    if (tally.n[CATALOGUE_DECLARED])
        log_info("%zu files were taken from the drop box %s", tally.n[CATALOGUE_DECLARED], campaign->cfg.drop_box);
    if (tally.n[CATALOGUE_CONFLICT] + tally.n[CATALOGUE_REFUSED])
        log_warn("%zu files stay in the drop box %s", tally.n[CATALOGUE_CONFLICT] + tally.n[CATALOGUE_REFUSED],
                 campaign->cfg.drop_box);
    return ERR_OK;
}
