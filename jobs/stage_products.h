/* Products of ended submissions, and files of the drop box, on their way into the catalogue.
 * Tests: tests/t_drop_box.c, tests/kill/campaign.sh, tests/cli/daq_campaign.sh */
#ifndef GM2_STAGE_PRODUCTS_H
#define GM2_STAGE_PRODUCTS_H

#include "ingest.h"
#include "stage_work.h"

/** Takes what a submission has published, as long as it is live: from where it lies, or by way of the store. */
enum err stage_products_take(const struct stage_work *work, struct ledger_submission *submission, int exit_code,
                             struct ingest_tally *tally);
/** Takes the files of the campaign's drop box into its store; without a drop box nothing is done. */
enum err stage_products_from_drop_box(struct catalogue *catalogue, const struct campaign *campaign, const char *user);

#endif
