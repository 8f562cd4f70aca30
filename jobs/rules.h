/* What may run. A campaign is production or development. A production runs a released program with configurations that are
 * committed and pushed: what anybody else can find again. Tests: tests/cli/rules.sh */
#ifndef GM2_RULES_H
#define GM2_RULES_H

#include "campaign.h"

/** Finds the commit of a campaign's configurations (campaign->fcl_commit): of the repository that its file lies in, then of
 *  others that configurations come from, "," between; "-dirty" behind one whose files are not as committed, "unknown"
 *  at the end for files in none. Files of the release that the program belongs to are known by their digests in its list. Of a
 *  production (rules: production): ERR_CONFIG, with all reasons and what to do, if it may not run. */
enum err rules_check(struct campaign *campaign, const char *path);

#endif
