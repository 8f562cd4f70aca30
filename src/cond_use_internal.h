/* Shared by cond_use*.c. */
#ifndef GM2_COND_USE_INTERNAL_H
#define GM2_COND_USE_INTERNAL_H

#include "cond_internal.h"
#include "cond_use.h"
#include "module.h"

enum { MAX_WANTS = 32 };

struct want {
    char table[COND_NAME], who[64]; /* who: the first module that cannot do without */
    bool is_required, is_loaded;
    struct cond_set set;
    char (*content)[41]; /* SHA-1 of each interval's keys and values */
};

struct cond_use {
    char *database, tag[64];
    int64_t first_run, last_run;
    int n_wants;
    struct want want[MAX_WANTS];
};

/** The place of a table among the wants; a new one if it was not wanted before. ERR_CONFIG: too many. */
enum err cond_use_add_want(struct cond_use *use, const char *table, int *handle);
/** What one table needs of a unit: [first, last], packed. */
enum err cond_use_range(const struct cond_table *table, const struct unit *unit, int64_t *first, int64_t *last);
/** The first interval that ends after a time. */
size_t cond_use_first_after(const struct cond_set *set, int64_t key);

#endif
