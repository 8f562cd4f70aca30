/* The levels of a campaign's description put together: login < job type < defaults < stage < test < recovery, as POMS does it,
 * keywords put in, stages over lists of datasets or values taken apart into one stage an item. Test: tests/t_campaign.c */
#ifndef GM2_CAMPAIGN_LAYERS_H
#define GM2_CAMPAIGN_LAYERS_H

#include "fhicl.h"

/** A table of stages in which nothing is left to look up; each has its `name`, its `group` (the name it was written under),
 *  `test` (the stage as a test launch has it) and `recovery.rK` (as recovery K has it, with `kind`). Names of keywords:
 *  campaign, output, stage, dataset, item, item1 ..., version, experiment, group, and those of the table `keywords`; %(stage.NAME)s is
 *  left for campaign_read(). release: of the program that runs the jobs, which %(version)s stands for. ERR_CONFIG with file and line. Free with fhicl_free(). */
enum err campaign_layers(const struct fhicl *document, const char *release, struct fhicl **out);

#endif
