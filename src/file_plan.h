/* What a shard will hold: tables, columns, and where each unit's rows go. Made by one rank, sent to all as bytes. */
#ifndef GM2_FILE_PLAN_H
#define GM2_FILE_PLAN_H

#include "file_h5.h"

enum { PLAN_MAX_COLUMNS = TABLE_MAX_COLUMNS + 3, PLAN_MAX_WIDTH = 8192 };

struct plan_column {
    char name[64], unit[64], doc[320];
    int32_t type; /* enum column_type */
    uint32_t width;
};

struct plan_table {
    char group[96]; /* "cluster", "cluster/index" */
    char table[64], tier[16], doc[320];
    int32_t n_columns;
    int32_t parent; /* an index: the table whose rows it counts; else -1 */
    struct plan_column column[PLAN_MAX_COLUMNS];
};

struct plan {
    size_t n_units, n_tables;
    struct plan_table *table; /* [n_tables], parents before their index */
    int64_t *first;           /* [n_tables][n_units + 1]: row of the shard where a unit's rows begin; last: all rows */
};

/** What only rank 0 needs: sums and common properties of all units. */
struct plan_extra {
    struct hist_set hists;
    struct file_units units;
    char *text[11]; /* provenance as strings, parents and instruction sets joined */
    uint64_t seed;
};

/** Opens every unit, refuses damaged ones and those that disagree with the first, naming it and the reason; with a choice
 *  the provenance is that of the choice, whatever the units say. */
enum err file_plan_make(const char *const *unit_paths, size_t n, const struct shard_choice *choice, struct plan *out,
                        struct plan_extra *extra);
void file_plan_free(struct plan *plan);
void file_plan_free_extra(struct plan_extra *extra);
/** The provenance of the shard; lent. */
struct provenance file_plan_provenance(const struct plan_extra *extra);
/** Columns of a table as file_h5.h knows them; names lent from the plan. */
void file_plan_columns(const struct plan_table *table, struct column out[PLAN_MAX_COLUMNS]);

#endif
