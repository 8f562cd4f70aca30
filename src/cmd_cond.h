/* Shared by cmd_cond*.c. */
#ifndef GM2_CMD_COND_H
#define GM2_CMD_COND_H

#include "cond.h"

struct cmd_cond_options {
    const char *verb, *db, *place[3], *tag, *from, *until, *at, *range, *output, *table;
    struct cond_note note;
    int n_places;
    bool is_json, is_partial, is_freeze, is_intervals;
};

/** ERR_OPTION unless min to max words follow the database; `what` says what is wanted. */
enum err cmd_cond_places(const struct cmd_cond_options *o, int min, int max, const char *what);
/** The verbs that show constants. */
enum err cmd_cond_get(struct cond *cond, const struct cmd_cond_options *o);
enum err cmd_cond_dump(struct cond *cond, const struct cmd_cond_options *o);
enum err cmd_cond_diff(struct cond *cond, const struct cmd_cond_options *o, size_t *n_differences);

#endif
