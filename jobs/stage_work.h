/* A stage in hand: what its dataset has, what of that is done, held or parked, where its submissions lie, and how one is
 * started. What is done is asked of the catalogue each time. Tests: tests/cli/campaign.sh, tests/kill/campaign.sh */
#ifndef GM2_STAGE_WORK_H
#define GM2_STAGE_WORK_H

#include "campaign.h"
#include "catalogue.h"
#include "executor.h"
#include "ledger.h"
#include "step.h"

enum { STAGE_MAX_PATH = 1800 };

struct stage_work {
    struct catalogue *catalogue;
    const struct campaign *campaign;
    const struct campaign_stage *stage;
    const struct executor *executor;
    const char *user;
    int64_t stage_id; /* 0: only a plan */
    bool is_held;     /* nothing is started */
    bool is_older;    /* the stage as an earlier submission knew it (stage_older.h) */
    struct version_key version;
    char digest[9];              /* of the version: in the names of folders and products, which are for ever */
    char folder[STAGE_MAX_PATH]; /* of the stage and version */
};

struct stage_files {
    struct split_file *one;
    size_t n, capacity;
};

/** The dataset, and what of it may not be taken: done, held, parked; ids ascending. */
struct stage_dataset {
    struct stage_files files;
    int64_t *done, *held, *taken;
    size_t n_done, n_held, n_parked, n_taken;
    bool is_asked;   /* by stage_places_begin() */
    size_t n_marked; /* by stage_places_mark() */
};

/** campaign_id 0: only a plan; user "": who only looks. Then nothing is noted. ERR_CONFIG: no such executor. */
enum err stage_work_begin(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t index, const char *user, struct stage_work *w);
/** The same of a stage's test. */
enum err stage_work_begin_stage(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                                const struct campaign_stage *stage, const char *user, struct stage_work *w);
/** Of a submission, by its name. */
void stage_work_folder(const struct stage_work *work, const char *name, char out[STAGE_MAX_PATH]);

/** A simulation has no files to hold: it is one unit, by the id that no file has. */
bool stage_work_is_simulation(const struct stage_work *work);
extern const int64_t stage_work_simulation[1];

/** Files that a query selects, ids ascending; mem_free() out->one. */
enum err stage_work_list(const struct stage_work *work, const char *query, struct stage_files *out);
enum err stage_work_read(const struct stage_work *work, struct stage_dataset *d);
/** Notes that n files more, ascending, may not be taken. */
enum err stage_work_take(struct stage_dataset *dataset, const int64_t *ids, size_t n);
void stage_work_free(struct stage_dataset *dataset);
enum err stage_work_look(const struct stage_work *work, struct step_stage *out);
/** Files of a submission without a product; mem_free() the list. Within a transaction or outside. */
enum err stage_work_not_done(const struct stage_work *work, const struct ledger_submission *submission, int64_t **ids,
                             size_t *n);

/** Starts a submission that is noted; started already, it is found. ERR_AGAIN: the executor has not taken it now;
 *  ERR_DATA, ...: it cannot be started. */
enum err stage_launch(const struct stage_work *work, struct ledger_submission *submission);

/** The same for several, together; the executor has start_many(). *bad: the one that could not be prepared, and the error is its
 *  own: nothing is started; n: it is of no one of them. */
enum err stage_launch_many(const struct stage_work *work, struct ledger_submission *submissions, size_t n, size_t *bad);

/** What has to do with a submission is done by one pass at a time, and by one that knows its state: takes FOLDER/hand and
 *  reads the ledger anew. *fd: to be closed; *is_first: no other has had it in hand. ERR_AGAIN: another pass has it in hand; ERR_MISMATCH: it is over. */
enum err stage_take(const struct stage_work *work, struct ledger_submission *submission, int *fd, bool *is_first);
/** Gives a submission up for good: a job of it that begins later than this finds FOLDER/closed, and does nothing. */
enum err stage_close(const struct stage_work *work, const struct ledger_submission *submission);

#endif
