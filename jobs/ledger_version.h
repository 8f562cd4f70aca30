/* What submissions are started with: their version, and all that their end depends on, so that they can be asked after and ended
 * when the campaign's description is another by then. Tests: tests/t_ledger_version.c, tests/cli/campaign_older.sh */
#ifndef GM2_LEDGER_VERSION_H
#define GM2_LEDGER_VERSION_H

#include "ledger.h"
#include "version_key.h"

/* Where and how a submission runs, and by what its products are known. */
struct ledger_terms {
    const char *executor, *folder; /* folder: of the stage and version */
    const char *outputs, *only;    /* of the stage, a line each */
    const char *store;             /* its products are moved there; "": they stay */
    int64_t kind;                  /* enum campaign_kind */
    int64_t fills, launches, max_attempts;
};

struct ledger_version {
    const char *program, *release, *git_commit, *config_id, *conditions_tag, *fcl_commit, *rules;
    struct ledger_terms terms;
};
/** Notes it (table submission_versions) before the start; started once more, the last counts. ERR_MISMATCH: the submission is
 *  over by now, or was noted with another folder or executor. */
enum err ledger_note_version(struct catalogue *catalogue, struct ledger_submission *submission,
                             const struct ledger_version *version);
/** Reads what was noted; *is_noted false: nothing, so nobody has begun to start it. ledger_terms_free(). */
enum err ledger_terms(struct catalogue *catalogue, int64_t submission_id, struct ledger_terms *out, bool *is_noted);
void ledger_terms_free(struct ledger_terms *terms);

/* A stage and version. */
struct ledger_stage_row {
    int64_t id, n_live;
    char name[104], version_key[VERSION_KEY_TEXT];
};
/** The id of a stage and version of a campaign, by names; 0: it is not there. Nothing is noted. */
enum err ledger_stage_find(struct catalogue *catalogue, const char *campaign, const char *stage,
                           const char *version_key, int64_t *id);
/** Stages of a campaign, whatever their version, that have live submissions. mem_free() the list. */
enum err ledger_live_stages(struct catalogue *catalogue, int64_t campaign_id, struct ledger_stage_row **out, size_t *n);

#endif
