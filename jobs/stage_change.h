/* A dataset that is another than it was: at the last pass, in its last snapshot, when its files were processed.
 * Test: tests/cli/campaign_dataset.sh */
#ifndef GM2_STAGE_CHANGE_H
#define GM2_STAGE_CHANGE_H

#include "stage_work.h"

/** Says it in a line; "" if nothing has changed, or the stage has no dataset. work->stage_id 0: only the snapshot is known. `look`
 *  is of stage_work_look(). */
enum err stage_change_tell(const struct stage_work *work, const struct step_stage *look, char text[200]);

#endif
