/* An example. */
#include "campaign.h"

#include <stdio.h>

void campaign_example(void)
{
    puts(
        "# A campaign: gm2 campaign start DB THIS_FILE, then gm2 campaign step DB NAME, again and again (cron, or "
        "--loop).\n"
        "# What a stage has to do is what its dataset has and the catalogue does not show as done; so nothing is done "
        "twice.\n"
        "campaign: {\n"
        "  name: mdc1\n"
        "  rules: development              # production: a released program, configurations committed and pushed\n"
        "  output: \"/data/prod/mdc1\"       # each submission has a folder of its own in it\n"
        "}\n"
        "stages: {\n"
        "  generate: {                     # no dataset: a simulation; its raw files and clusters go to the catalogue\n"
        "    config: \"mdc1.fcl\"\n"
        "    fills: 100\n"
        "    set: [\"outputs.raw.max_subruns=-1\", \"services.scheduler.units_per_shard=1\"]\n"
        "  }\n"
        "  reconstruct: {\n"
        "    needs: [generate]\n"
        "    config: \"reco.fcl\"\n"
        "    dataset: \"%(stage.generate)s and data_tier raw\"   # SAM's language: gm2 files --help\n"
        "    split: \"nfiles(5)\"            # five files a submission; byrun(low=..,high=..), mod(n), new(window=1d), "
        "...\n"
        "    max_submissions: 2            # at the same time\n"
        "    max_attempts: 3               # at a file, then it waits for a human (parked)\n"
        "  }\n"
        "}");
}
