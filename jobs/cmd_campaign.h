/* What the verbs of `gm2 campaign` share. Test: tests/cli/campaign.sh */
#ifndef GM2_CMD_CAMPAIGN_H
#define GM2_CMD_CAMPAIGN_H

#include "campaign.h"
#include "catalogue.h"
#include "step.h"

struct cmd_campaign;
struct cmd_campaign_options {
    const char *verb, *db, *what, *stage, *user, *loop, *output; /* what: NAME or FILE.fcl, NULL if it was left out */
    const char *why, *until, *comment;
    bool wants_submissions, wants_json, is_test;
    size_t n_set; /* run: --set */
    const char **set;
    void (*live)(void *context, const struct cmd_campaign *k); /* called after each pass; NULL: nothing */
    void *live_context;
};

/** A campaign as the database knows it, read from its file. */
struct cmd_campaign {
    struct catalogue *catalogue;
    struct campaign *campaign;
    struct step_stage *report; /* [campaign->n_stages] */
    int64_t id;
    size_t n_older; /* live submissions of earlier descriptions */
    bool is_held;
    char path[1024];
};

/** By its name in the ledger. ERR_NOTFOUND; ERR_MISMATCH: its file describes another campaign by now. */
enum err cmd_campaign_read(struct catalogue *catalogue, const char *name, struct cmd_campaign *k);
void cmd_campaign_free(struct cmd_campaign *k);
/** Fills the report of all stages; nothing is changed. */
enum err cmd_campaign_look(struct cmd_campaign *k);
/** Prints which datasets are others than at the last pass, than their snapshot, than what was processed. */
enum err cmd_campaign_print_changes(const struct cmd_campaign *k);
/** Prints the report, and what to type next. */
void cmd_campaign_print(const struct cmd_campaign *k, const char *db);

/** One pass, or with --loop passes until all is done or somebody is needed; a database that is away or locked is waited for.
 *  Test: tests/server/away.sh */
enum err cmd_campaign_step(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
/** run FILE.fcl: makes the catalogue where it is not there, starts the campaign and makes passes to its end. *status 0: all is
 *  complete; 75: stopped by a signal, to be typed again; 1: somebody is needed. Test: tests/cli/daq_campaign.sh */
enum err cmd_campaign_run(const struct cmd_campaign_options *options, int *status);
/** convert FILE.ini: prints a campaign in our form. Test: tests/cli/campaign_ini.sh */
enum err cmd_campaign_convert(const char *path);
/** status DB [NAME [STAGE]]. */
enum err cmd_campaign_status(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
/** report DB [NAME] -o FOLDER. */
enum err cmd_campaign_report(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);

/** Verbs on a campaign or one of its stages. Test: tests/cli/campaign_gates.sh */
enum err cmd_campaign_hold(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_release(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_kill(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_retry(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_launch(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_approve(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
/** Print only. */
enum err cmd_campaign_show(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);
enum err cmd_campaign_cron(struct catalogue *catalogue, const struct cmd_campaign_options *options, int *status);

#endif
