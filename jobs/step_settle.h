/* The end of a submission, and its beginning, in a pass that has it in hand. Tests: tests/cli/campaign.sh, tests/kill/campaign.sh */
#ifndef GM2_STEP_SETTLE_H
#define GM2_STEP_SETTLE_H

#include "stage_work.h"

/** Takes the products of a job that ended into the catalogue, and closes the submission by what they are. */
enum err step_settle(const struct stage_work *work, struct ledger_submission *submission,
                     const struct executor_report *report);
/** Ends one that cannot be started for a reason in itself (an input without a place), which is the present error: its files are
 *  let go, and it counts an attempt at them. */
enum err step_refuse(const struct stage_work *work, struct ledger_submission *submission);
/** Starts a submission that is noted; what cannot be started for a reason in itself is closed. */
enum err step_launch_noted(const struct stage_work *work, struct ledger_submission *submission);

/** Asks after a live submission, and does what the answer wants; takes it in hand for that. */
enum err step_ask(const struct stage_work *work, struct ledger_submission *submission);
/** The same of one that the pass has in hand. */
enum err step_ask_now(const struct stage_work *work, struct ledger_submission *submission);

#endif
