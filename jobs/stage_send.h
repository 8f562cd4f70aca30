/* What goes with a job beside its inputs: the configuration, and where it comes from. Test: tests/cli/rules.sh */
#ifndef GM2_STAGE_SEND_H
#define GM2_STAGE_SEND_H

#include "stage_work.h"

/** Is the configuration written into the submission's folder? */
bool stage_send_is_wanted(const struct stage_work *work);
/** Writes FOLDER/fcl/NAME.fcl: one document, settings and defaults in it, of the same identity. ERR_AGAIN: the configuration is
 *  being changed; ERR_WRITE. */
enum err stage_send_config(const struct stage_work *work, const char *folder, size_t n_set, const char **set,
                           char path[STAGE_MAX_PATH + 300]);

/** --metadata: what products say of where they come from. */
struct stage_labels {
    char fcl_commit[440], campaign[140], stage[160], submission[200];
};
void stage_send_labels(const struct stage_work *work, const struct ledger_submission *submission,
                       struct stage_labels *labels);
/** Notes the version in the ledger, before the start. ERR_CONFIG: rules of a production that were not looked at, or not
 *  kept. */
enum err stage_send_note(const struct stage_work *work, struct ledger_submission *submission);

#endif
