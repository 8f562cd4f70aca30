/* Holds of a campaign or of one stage, with reason and end. Test: tests/cli/campaign_gates.sh */
#ifndef GM2_LEDGER_HOLD_H
#define GM2_LEDGER_HOLD_H

#include "catalogue.h"

struct ledger_hold_row {
    char stage[104]; /* "": the whole campaign */
    char why[200], user[80];
    int64_t create_s, until_s; /* unix time; until_s 0: until it is released */
};

/** Holds in force at now_s, by stage; those whose end has passed are not listed. mem_free() the list. */
enum err ledger_holds(struct catalogue *catalogue, int64_t campaign_id, int64_t now_s, struct ledger_hold_row **out,
                      size_t *n);
/** Notes a hold; one of the same stage gives way to it. `name`: of the campaign, for the log. */
enum err ledger_hold_set(struct catalogue *catalogue, int64_t campaign_id, const char *name,
                         const struct ledger_hold_row *hold);
/** Takes a hold off; there was none: a success. */
enum err ledger_hold_drop(struct catalogue *catalogue, int64_t campaign_id, const char *name, const char *stage,
                          const char *user);
/** The hold of a stage, else of the campaign; NULL if neither is held. */
const struct ledger_hold_row *ledger_hold_of(const struct ledger_hold_row *holds, size_t n, const char *stage);

#endif
