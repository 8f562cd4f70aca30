/* What the next submission of a stage takes: the canary before all others, then what ended submissions have left, in the order
 * of the stage's recoveries, then the next slice. What has a product is never taken, whatever a recovery's kind.
 * Tests: tests/cli/campaign_recovery.sh, tests/cli/campaign_gates.sh */
#ifndef GM2_STAGE_NEXT_H
#define GM2_STAGE_NEXT_H

#include "stage_work.h"

/** What a submission is for; its name says it: NUMBER_canary, NUMBER_testSLICE, NUMBER_recoverSUBMISSION_POSITION. */
enum stage_role { STAGE_SLICE, STAGE_CANARY, STAGE_TEST, STAGE_RECOVERY };
enum stage_role stage_role(const char *submission_name, size_t *position);
/** The settings that it runs with: the stage's, or those of its recovery. */
const struct campaign_stage_cfg *stage_role_cfg(const struct stage_work *work, const char *submission_name);

/** Where it runs. */
enum err stage_role_executor(const struct stage_work *work, const char *submission_name, const struct executor **out);

/** The next slice; slice->is_over: nothing now, and *why says for what one waits ("" if there is nothing left). */
enum err stage_next(const struct stage_work *work, struct stage_dataset *dataset, const struct split_past *past,
                    int64_t now_s, struct split_slice *slice, char why[200]);

/** Says of a stage that takes windows (new) when the next one is over, if it is not. */
enum err stage_window(const struct stage_work *work, char why[200]);

/** What the canary has measured: *memory_mb of its largest process, 0 if it is not known; *is_over: it succeeded within
 *  the stage's memory_mb, so that the rest may start (true for a stage without one). `why` says what is wanted. */
enum err stage_canary(const struct stage_work *work, bool *is_over, bool *is_due, int64_t *memory_mb, char why[200]);
/** Memory that a submission asks for [MB]: what the canary measured with a margin, at most 2000; else memory_mb; 0: none. */
enum err stage_memory(const struct stage_work *work, const struct campaign_stage_cfg *cfg, int64_t *out_mb);

#endif
