/* Launches of a simulation, each with fills, subruns and products of its own. Launch k is held in the ledger as file -k, which
 * no file has for its id. Test: tests/cli/campaign_gates.sh */
#ifndef GM2_STAGE_UNITS_H
#define GM2_STAGE_UNITS_H

#include "ledger_left.h"
#include "stage_work.h"

struct stage_units {
    struct ledger_left_file *next; /* [n_next] neither done, held nor parked, in order */
    size_t n_next;
};

/** At most max_submissions of them. */
enum err stage_units_read(const struct stage_work *work, struct stage_units *out);
void stage_units_free(struct stage_units *units);
/** The slice's name of a submission for it. */
void stage_units_name(const struct stage_work *work, const struct ledger_left_file *unit, char out[64]);
/** Which launch a submission is, from 0. */
enum err stage_units_number(const struct stage_work *work, const struct ledger_submission *submission, int64_t *k);
/** How the names of its products begin, before _rRRRRRR or _shardNNNNN. */
enum { STAGE_UNITS_STEM = 160 };
void stage_units_stem(const struct stage_work *work, int64_t k, char out[STAGE_UNITS_STEM]);
/** Whether the products of launch k, of one tier at least, hold all its fills. Of several launches only products of its own
 *  name count: one that made nothing does not end on the fills of another, wherever they are. Test: tests/t_faults.c */
enum err stage_units_are_made(const struct stage_work *work, int64_t k, bool *are_made);
/** Launches whose fills are not there, by the number of fills: for plans. */
enum err stage_units_left(const struct stage_work *work, int64_t *n);
/** Where the products of a submission are made: of files in its own folder; a launch has one for all its attempts, as it goes
 *  on where the last one stopped. */
enum err stage_units_products(const struct stage_work *work, const struct ledger_submission *submission,
                              char out[STAGE_MAX_PATH + 32]);

#endif
