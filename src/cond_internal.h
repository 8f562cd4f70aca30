/* Shared by cond*.c. */
#ifndef GM2_COND_INTERNAL_H
#define GM2_COND_INTERNAL_H

#include "cond.h"

struct cond {
    struct db *db;
    /* of the table and tag that were read last: neither a definition nor a tag ever changes */
    struct cond_table table;
    char tag[64];
    struct db_statement *intervals, *rows, *packed; /* packed: of a server only */
};

enum { COND_VERSION = 1, COND_SQL = 4096 };
#define COND_LOCK "cond_lock"

/** Standard tables; ends with an empty name. */
extern const struct cond_table cond_standard[];

/** Names go into SQL as they are: lower-case letters, digits, '_' only. ERR_DATA. */
enum err cond_check_name(const char *what, const char *name);
/** Letters, digits, '_', '.', '-'. ERR_OPTION. */
enum err cond_check_tag(const char *tag);
enum err cond_check_note(const struct cond_note *note);
/** Fills and checks n_keys, names, order. */
enum err cond_check_table(struct cond_table *table);
/** True if keys, values, units, ranges and digits are the same. */
bool cond_is_same_table(const struct cond_table *a, const struct cond_table *b);
/** 10^digits. */
int64_t cond_power(int digits);
/** Rows an interval has when all keys are there. */
size_t cond_full_rows(const struct cond_table *table);
/** Makes the layout in an open database. */
enum err cond_make_layout(struct cond *cond);
/** In a transaction of the caller: the tables of one table of constants, and its definition. */
enum err cond_make_table(struct cond *cond, const struct cond_table *table);
/** In a transaction of the caller: one line in the log; *id is its number. */
enum err cond_note_down(struct cond *cond, const char *action, const char *table, const char *tag,
                        const struct cond_note *note, int64_t n_intervals, int64_t n_rows, const char *content,
                        int64_t *id);
/** In a transaction of the caller: intervals with their ids and rows. `order`: row for each place, NULL: as they are. */
enum err cond_put(struct cond *cond, const struct cond_set *set, const char *tag, const size_t *order);
/** In a transaction of the caller: all that is valid under a tag. */
enum err cond_read_inside(struct cond *cond, const char *table, const char *tag, struct cond_set *out);
/** "iov_id, calonum, ..." */
void cond_column_list(const struct cond_table *table, char text[COND_SQL]);
enum err cond_set_alloc(struct cond_set *set, size_t n_intervals, size_t n_rows);
/** A statement with checked names in it. */
void cond_format(char sql[COND_SQL], const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
