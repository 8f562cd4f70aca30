/* Conditions: constants with intervals of validity by (run, subrun, event), in a database (db.h). src/CONDITIONS.md has the
 * layout. Nothing is ever rewritten: a new interval supersedes an older one under its tag, both stay; a tag may be frozen.
 * Tests: tests/t_cond.c, tests/cli/cond.sh, tests/server/units.sh, tests/server/cond.sh */
#ifndef GM2_COND_H
#define GM2_COND_H

#include "db.h"

#include <stdio.h>

enum { COND_NAME = 40, COND_DOC = 160, COND_MAX_COLUMNS = 24, COND_MAX_TABLES = 200 };
#define COND_FOREVER INT64_MAX
#define COND_HEAD    "head" /* the tag that loads go to unless another is named */

struct cond_column {
    char name[COND_NAME]; /* lower case, as in SQL */
    bool is_key;          /* calonum, xtalnum: whole numbers; keys come first */
    char unit[16];        /* of columns.h; "1" for pure numbers */
    double min, max;      /* accepted, inclusive */
    char doc[COND_DOC];
};

/** A table of constants. An interval holds one row for each combination of keys. */
struct cond_table {
    char name[COND_NAME], doc[COND_DOC];
    int subrun_digits, event_digits; /* begin_time = (run * 10^s + subrun) * 10^e + event */
    size_t n_columns, n_keys;
    struct cond_column column[COND_MAX_COLUMNS];
};

/** When: event 0 is the beginning of a subrun, subrun 0 event 0 that of a run. */
struct cond_time {
    int64_t run, subrun, event;
};

struct cond_interval {
    int64_t id;         /* iov_id */
    int64_t begin, end; /* packed, [begin, end); the next interval's begin ends it too */
    int64_t load_id;    /* of cond_log */
    size_t first, n_rows;
};

/** Intervals in order of begin, with their rows. */
struct cond_set {
    struct cond_table table;
    size_t n_intervals, n_rows;
    struct cond_interval *interval;
    double *value[COND_MAX_COLUMNS]; /* [n_rows] a column, in the unit of the column; keys too */
};

struct cond;

/** Who and why; both are required. */
struct cond_note {
    const char *author, *comment;
};

/** Opens a database that has conditions in it. ERR_OPEN, ERR_NOTFOUND if there are none, ERR_DATA for a layout of another
 *  version. */
enum err cond_open(const char *url, enum db_access access, struct cond **out);
void cond_close(struct cond *cond);
/** Makes the layout, the tag "head" and the standard tables, as far as they are not there. */
enum err cond_init(const char *url, const struct cond_note *note, struct cond **out);

/** The definition of a standard table, as cond_init() makes it, without a database; NULL if there is none of that name. */
const struct cond_table *cond_standard_table(const char *name);
/** The definition of a table; ERR_NOTFOUND names the nearest. */
enum err cond_table(struct cond *cond, const char *name, struct cond_table *out);
/** Names of all tables, in order; names to be freed with mem_free(). */
enum err cond_tables(struct cond *cond, char (**names)[COND_NAME], size_t *n);
/** Adds a table of constants; one of that name that is defined otherwise: ERR_MISMATCH. */
enum err cond_add_table(struct cond *cond, const struct cond_table *table, const struct cond_note *note);
/** The definition in JSON: {"name", "doc", "subrun_digits", "event_digits", "columns": [{"name", "key", "unit", "min",
 *  "max", "doc"}]}. ERR_DATA. */
enum err cond_table_parse(const char *text, struct cond_table *out);

/** "RUN", "RUN:SUBRUN" or "RUN:SUBRUN:EVENT". ERR_OPTION. */
enum err cond_time_parse(const char *text, struct cond_time *out);
/** A time as the number that the database holds. ERR_NUMBER if the table's digits have no room for it. */
enum err cond_pack(const struct cond_table *table, struct cond_time time, int64_t *key);
/** The last moment of a subrun or of an event: for ranges. */
enum err cond_pack_end(const struct cond_table *table, struct cond_time time, int64_t *key);
struct cond_time cond_unpack(const struct cond_table *table, int64_t key);
/** "24337:196", with the event where the table has events; "-" for COND_FOREVER. */
void cond_time_print(const struct cond_table *table, int64_t key, char text[72]);

struct cond_loaded {
    int64_t load_id, first_id, n_intervals;
    bool is_repeat; /* the last load of this table and tag had the same content; nothing was done */
};
/** Adds the intervals of a set under a tag in one transaction; ids of the set are not looked at. All of: values finite and
 *  in range, keys whole and none twice, every combination of keys there (unless is_partial), intervals in order and not
 *  overlapping, the tag known and not frozen; else ERR_DATA, ERR_NOTFOUND, ERR_MISMATCH, and nothing is changed. */
enum err cond_load(struct cond *cond, const struct cond_set *set, const char *tag, const struct cond_note *note,
                   bool is_partial, struct cond_loaded *out);

/** All intervals of a tag that are valid somewhere in [first, last], packed, with rows if wanted: what a whole job needs, in
 *  one pass. No interval at all: n_intervals 0. ERR_NOTFOUND for an unknown tag. Free with cond_set_free(). */
enum err cond_read(struct cond *cond, const char *table, const char *tag, int64_t first, int64_t last, bool with_rows,
                   struct cond_set *out);
void cond_set_free(struct cond_set *set);
/** The interval valid at a packed time, of a set that was read. ERR_NOTFOUND: there are no constants, never a default. */
enum err cond_find(const struct cond_set *set, int64_t key, const struct cond_interval **out);
/** True if some moment of [first, last] has no interval; *hole is the first such. */
bool cond_has_hole(const struct cond_set *set, int64_t first, int64_t last, int64_t *hole);

/** A new tag, empty or with the intervals now valid under another. ERR_MISMATCH if it exists. */
enum err cond_tag(struct cond *cond, const char *tag, const char *from, const struct cond_note *note);
/** Nothing can be loaded under the tag any more. */
enum err cond_freeze(struct cond *cond, const char *tag, const struct cond_note *note);
/** ERR_NOTFOUND unless the tag exists; *is_frozen may be NULL. */
enum err cond_tag_check(struct cond *cond, const char *tag, bool *is_frozen);

/** One thing that was done, oldest first. */
struct cond_event {
    int64_t id;
    const char *created, *author, *action, *table, *tag, *comment;
    int64_t n_intervals, n_rows;
};
/** Calls `each` for all that was done, or what concerns one table (NULL: all). */
enum err cond_log(struct cond *cond, const char *table, enum err (*each)(void *context, const struct cond_event *event),
                  void *context);

/** A SQLite file with what is valid under a tag, ids as they are, for nodes that reach no database; published under its
 *  name only when whole. Nothing can be loaded into it. */
enum err cond_snapshot(struct cond *cond, const char *tag, const char *path, const struct cond_note *note);

/** Differences of two sets of one table: for each stretch [begin, end) with other constants. b or a NULL: has none there. */
struct cond_difference {
    int64_t begin, end;
    const struct cond_interval *a, *b;
    size_t n_rows;                    /* that differ, or are in one alone */
    double largest[COND_MAX_COLUMNS]; /* |difference| of each value column */
};
enum err cond_diff(const struct cond_set *a, const struct cond_set *b,
                   enum err (*each)(void *context, const struct cond_difference *difference), void *context);

/** Rows from a file: CSV (columns.h: units in the header) or JSON, told by the name's end. `from` and `until` (may be NULL)
 *  are the interval of a file that has no column `run`. ERR_DATA names file, line, column. */
enum err cond_read_file(const char *path, const struct cond_table *table, const struct cond_time *from,
                        const struct cond_time *until, struct cond_set *out);
enum err cond_write_csv(const struct cond_set *set, const char *tag, FILE *file);
enum err cond_write_json(const struct cond_set *set, const char *tag, FILE *file);

#endif
