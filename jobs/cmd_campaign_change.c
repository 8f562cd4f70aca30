/* gm2 campaign plan, start: datasets that are others than they were. */
#include "campaign_overlap.h"
#include "cmd_campaign.h"
#include "ledger_version.h"
#include "stage_change.h"
#include "stage_gate.h"

#include <inttypes.h>
#include <stdio.h>

static enum err print_stage(const struct cmd_campaign *k, size_t i)
{
    struct step_stage look = {.n_files = 0};
    struct stage_work w;
    char key[VERSION_KEY_TEXT], text[200];
    const struct campaign_stage *stage = &k->campaign->stage[i];
    if (stage_gate_is_approval(stage)) return ERR_OK;
    TRY(stage_work_begin(k->catalogue, k->campaign, 0, i, "", &w)); /* 0: nothing is noted */
    version_key_text(&stage->version, key);
    TRY(ledger_stage_find(k->catalogue, k->campaign->cfg.name, stage->name, key, &w.stage_id));
    TRY(stage_work_look(&w, &look));
    TRY(stage_change_tell(&w, &look, text));
    if (*text) printf("%s: %s\n", stage->name, text);
    return ERR_OK;
}

static void print_overlap(const char *a, const char *b, int64_t n_files, const char *example)
{
    printf("%s and %s: %" PRId64
           " files are in both datasets (%s ...), and their version is the same: each is done once, "
           "and counts for both. If the items shall differ, put %%(item)s into their settings\n",
           a, b, n_files, example);
}

enum err cmd_campaign_print_changes(const struct cmd_campaign *k)
{
    for (size_t i = 0; i < k->campaign->n_stages; i++) TRY(print_stage(k, i));
    return campaign_overlap(k->catalogue, k->campaign, print_overlap);
}
