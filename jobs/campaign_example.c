/* An example. */
#include "campaign.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "publish.h"

static const char example[] =
    "# A campaign: gm2 campaign start DB THIS_FILE, then gm2 campaign step DB NAME, again and again (cron, or "
    "--loop).\n"
    "# What a stage has to do is what its dataset has and the catalogue does not show as done; so nothing is done "
    "twice.\n"
    "campaign: {\n"
    "  name: mdc1\n"
    "  rules: development              # production: a released program, configurations committed and pushed\n"
    "  output: \"/data/prod/mdc1\"       # each submission has a folder of its own in it\n"
    "}\n"
    "keywords: { particle: muon }      # %(particle)s in any text below; also %(campaign)s, %(stage)s, "
    "%(version)s\n"
    "logins: {                         # how a job's shell is set up; where gm2 campaign cron's line belongs\n"
    "  here: { setup: [\"export OMP_NUM_THREADS=1\"] }\n"
    "}\n"
    "job_types: {                      # what stages have in common; the higher level counts:\n"
    "  sim: {                          # login < job type < defaults < stage < test < recovery\n"
    "    config: \"mdc1.fcl\"\n"
    "    set: [\"outputs.raw.max_subruns=-1\", \"services.scheduler.units_per_shard=1\"]\n"
    "  }\n"
    "  reco: {\n"
    "    config: \"reco.fcl\"\n"
    "    recoveries: [[pending_files, []], [pending_files, [\"memory_mb=2000\"]]]   # a file's second, third, ... "
    "try\n"
    "  }\n"
    "}\n"
    "defaults: { login: here memory_mb: 1900 }\n"
    "stages: {\n"
    "  generate: {                     # no dataset: a simulation; its raw files and clusters go to the catalogue\n"
    "    job_type: sim\n"
    "    fills: 100                    # of each launch\n"
    "    launches: 3                   # with subruns of their own; every: \"6h\" would be one each six hours\n"
    "  }\n"
    "  reconstruct: {\n"
    "    job_type: reco\n"
    "    needs: [generate]\n"
    "    dataset: \"%(stage.generate)s and data_tier raw\"   # SAM's language: gm2 files --help\n"
    "    split: \"nfiles(5)\"            # five files a submission; byrun(low=..,high=..), mod(n), new(window=1d), "
    "...\n"
    "    canary: 1                     # one file runs first; the rest when it is done within memory_mb\n"
    "    max_submissions: 2            # at the same time\n"
    "    max_attempts: 3               # at a file, then it waits for a human (parked)\n"
    "    test: { set: [\"process_name=trial\"] split: \"nfiles(1)\" }   # gm2 campaign launch ... --test\n"
    "  }\n"
    "  checked: { stage_type: approval needs: [reconstruct] }   # gm2 campaign approve\n"
    "}\n";

enum err campaign_example(const char *path)
{
    if (!path)
        return fputs(example, stdout) >= 0 ? ERR_OK
                                           : err_fail(ERR_WRITE, __FILE__, __LINE__, "the example cannot be printed");
    REQUIRE(access(path, F_OK) != 0, ERR_OPTION, "%s exists already and stays as it is; give another name", path);
    return publish_text(path, example, strlen(example), 0);
}
