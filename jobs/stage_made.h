/* Questions about all that a stage has made. Test: tests/cli/campaign_status.sh */
#ifndef GM2_STAGE_MADE_H
#define GM2_STAGE_MADE_H

#include "campaign.h"
#include "catalogue.h"

/** Calls `each` for the rows of "HEAD (ids of the stage's products) TAIL", whatever has become of these; values [n] are $1 ... of
 *  head and tail. */
enum err stage_made_rows(struct catalogue *catalogue, const struct campaign_stage *stage, const char *head,
                         const char *tail, const struct db_value *values, size_t n,
                         enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** The same for one number, 0 if there is none. */
enum err stage_made_int(struct catalogue *catalogue, const struct campaign_stage *stage, const char *head,
                        const char *tail, const struct db_value *values, size_t n, int64_t *out);

#endif
