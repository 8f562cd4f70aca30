/* What the files that count a status share. */
#ifndef GM2_STATUS_INTERNAL_H
#define GM2_STATUS_INTERNAL_H

#include "catalogue_internal.h"
#include "status.h"

typedef enum err status_row(void *context, const struct db_value *row, size_t n);
/** Calls `each` for the rows of a statement with n values. */
enum err status_rows(struct catalogue *catalogue, const char *text, const struct db_value *values, size_t n,
                     status_row *each, void *context);
/** What the submissions of a stage used. */
enum err status_read_use(struct catalogue *catalogue, const struct campaign_stage_cfg *cfg, struct status_stage *stage);
/** Live submissions of earlier descriptions. */
enum err status_read_older(struct catalogue *catalogue, struct status *k);

#endif
