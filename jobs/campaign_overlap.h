/* Stages that make the same of the same files. Test: tests/cli/campaign_overlap.sh */
#ifndef GM2_CAMPAIGN_OVERLAP_H
#define GM2_CAMPAIGN_OVERLAP_H

#include "campaign.h"
#include "catalogue.h"

/** Calls `each` with the names of two stages of the same version whose datasets have n_files > 0 in common, and the name of one
 *  of these; for each stage the first that it shares files with. Such files are done once, and count for both. */
enum err campaign_overlap(struct catalogue *catalogue, const struct campaign *campaign,
                          void (*each)(const char *a, const char *b, int64_t n_files, const char *example));

#endif
