/* What the files of the ledger share. */
#ifndef GM2_LEDGER_INTERNAL_H
#define GM2_LEDGER_INTERNAL_H

#include "catalogue_internal.h"

/** Room for item number n (from 0) of a list of *capacity items that grows: doubles it where it is full. */
enum err ledger_grow(void *in_out, size_t n, size_t *capacity, size_t size);

/* A list of numbers that grows. */
struct ledger_ids {
    int64_t *id;
    size_t n, capacity;
    size_t n_flagged; /* rows whose second column is not 0 */
};
/** Adds the first column of a row. */
enum err ledger_add_id(void *context, const struct db_value *row, size_t n);
/** The first column of all rows of a statement with one value; mem_free() out->id. */
enum err ledger_find_ids(struct catalogue *catalogue, const char *text, int64_t value, struct ledger_ids *out);
/** Text of a column; null: "". */
void ledger_text(char *to, size_t room, const struct db_value *value);

#endif
