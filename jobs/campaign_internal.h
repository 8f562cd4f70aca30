/* What the files that read a campaign share. */
#ifndef GM2_CAMPAIGN_INTERNAL_H
#define GM2_CAMPAIGN_INTERNAL_H

#include "campaign.h"

/* What a merging stage sets, so that its products are its own. */
#define CAMPAIGN_PROCESS_NAME "process_name=\"%.100s\""
enum { CAMPAIGN_MAX_STAGES = 2000 };

/** A stage, or one of the items of a stage over a list. */
bool campaign_is_called(const struct campaign_stage *stage, const char *name);
/** Makes relative folders absolute, checks them, and lets the configurations of `configs` be found. ERR_CONFIG. */
enum err campaign_check_paths(struct campaign_cfg *cfg);
/** The query of what a stage makes; what it is is known by then. */
enum err campaign_find_made(struct campaign_stage *stage);
/** The dataset of a stage and its parts, with %(stage.NAME)s put in; what all stages make is known by then. */
enum err campaign_find_dataset(const struct campaign *campaign, struct campaign_stage *stage);

/** Stages that a stage needs, by name or by the name of their list. ERR_CONFIG. */
enum err campaign_find_needs(struct campaign *campaign, size_t index);
/** An order in which each stage is after those it needs. ERR_CONFIG: they go round in a circle. */
enum err campaign_find_order(struct campaign *campaign);

#endif
