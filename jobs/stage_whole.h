/* Stages whose jobs take all files of a group: merging, constants. A group is done when there is a product that bears the name
 * of this very set of files and whose subruns are theirs. Test: tests/cli/stage_kinds.sh */
#ifndef GM2_STAGE_WHOLE_H
#define GM2_STAGE_WHOLE_H

#include "stage_work.h"

/** Name of the product of a set of files, without its ending: the stage, its identity, the set's names and checksums. */
enum err stage_whole_stem(const struct stage_work *work, const int64_t *ids, size_t n, char stem[200]);
/** Which of these files belong to groups that are done; ids are ascending, done [n] is too. The group of each file is
 *  the whole list, its run, or itself, as the stage's split says; with is_one_group: the whole list. */
enum err stage_whole_done(const struct stage_work *work, const struct stage_files *files, bool is_one_group,
                          int64_t *done, size_t *n_done);
/** Adds to `taken` (ascending, room for all files) the others of the groups that some taken file is in. */
enum err stage_whole_take(const struct stage_work *work, const struct stage_files *files, int64_t *taken,
                          size_t *n_taken);
/** Retires other products of the stage that share a subrun with those of this submission, if the stage says so and these are
 *  there. */
enum err stage_whole_supersede(const struct stage_work *work, const struct ledger_submission *submission);

#endif
