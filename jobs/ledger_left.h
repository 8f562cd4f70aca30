/* What submissions that ended have left: files tried without a product, and those never tried.
 * Test: tests/cli/campaign_recovery.sh */
#ifndef GM2_LEDGER_LEFT_H
#define GM2_LEDGER_LEFT_H

#include "catalogue.h"

struct ledger_left_file {
    int64_t file_id, attempts, last_id; /* last_id: the submission that had it last */
};

/** Files of a stage with attempts, neither held nor parked, by submission and id; some may be done by now. mem_free() it. */
enum err ledger_left(struct catalogue *catalogue, int64_t stage_id, struct ledger_left_file **out, size_t *n);
/** Files that a submission ever held, ascending. mem_free() it. */
enum err ledger_tried(struct catalogue *catalogue, int64_t stage_id, int64_t **ids, size_t *n);
/** Files of submissions that are Located, ascending: what was simulated. mem_free() it. */
enum err ledger_located(struct catalogue *catalogue, int64_t stage_id, int64_t **ids, size_t *n);
/** Parks files; what is held meanwhile is left alone. */
enum err ledger_park(struct catalogue *catalogue, int64_t stage_id, const int64_t *ids, size_t n);
/** Whether a submission ever ran. */
enum err ledger_has_run(struct catalogue *catalogue, int64_t submission_id, bool *out);

#endif
