/* The catalogue: what files there are, how they were made, of which runs, from which parents, and where they lie. SAM's
 * metadata fields in a database (db.h); questions in SAM's language (dimension.h). Layout: CATALOGUE.md.
 *
 * A file's name is its key for ever: declared again with the same bytes it is a success, with other bytes a conflict, of
 * which both descriptions are kept. Nothing is deleted: a file is retired, a location is taken off its list.
 * Tests: tests/t_catalogue.c, tests/cli/files.sh, tests/server/units.sh, tests/server/parity.sh */
#ifndef GM2_CATALOGUE_H
#define GM2_CATALOGUE_H

#include "db.h"

struct catalogue;

/** Opens a database that holds a catalogue. ERR_OPEN, ERR_NOTFOUND, ERR_DATA for a layout of another version. */
enum err catalogue_open(const char *url, enum db_access access, struct catalogue **out);
/** Makes the layout where it is not there, and opens it. */
enum err catalogue_init(const char *url, struct catalogue **out);
void catalogue_close(struct catalogue *catalogue);
/** What an error comes to: ERR_AGAIN, and that it is to be typed again, whatever it was, if the connection is gone.
 *  Test: tests/server/away.sh */
enum err catalogue_verdict(struct catalogue *catalogue, enum err rc);
/** Connects anew after the connection was lost; the old one stands if that fails. What was prepared is gone. */
enum err catalogue_reopen(struct catalogue *catalogue);
/** Who changes things from now on, and by which verb: for the log. Lent. */
void catalogue_set_actor(struct catalogue *catalogue, const char *user, const char *verb);
/** The database of constants that a query's stale: TAG means; NULL: the catalogue's own, if it has any. Lent. */
void catalogue_set_conditions(struct catalogue *catalogue, const char *url);
/** Its database, for what is beside files in it. */
struct db *catalogue_db(struct catalogue *catalogue);

/* ---- one file's metadata ---- */
enum { CATALOGUE_MAX_RUNS = 100000, CATALOGUE_MAX_NAME = 255 };

struct catalogue_run {
    int64_t run, subrun; /* subrun -1: of the whole run */
    const char *type;
};
struct catalogue_parameter {
    const char *name; /* category.name */
    const char *text;
    double number; /* NaN: a text */
};

/** An interval of constants that a file was made with. */
struct catalogue_interval {
    const char *table;
    int64_t iov_id;
};

/** SAM's fields; strings are lent by `json` and stand until catalogue_file_free(). */
struct catalogue_file {
    void *json;
    const char *file_name, *checksum, *file_type, *file_format, *data_tier, *data_stream, *content_status;
    const char *family, *application, *version;
    const char *git_commit, *fcl_name, *fcl_hash, *process_name, *conditions_tag, *constants_set, *isa, *seed, *host;
    int64_t file_size, event_count, first_event, last_event, start_s, end_s;
    int64_t n_ranks, n_units, n_bad_events, peak_rss_kB, format_version;
    double cpu_s;
    size_t n_runs, n_parents, n_parameters, n_intervals;
    struct catalogue_run *run;
    const char **parent;
    struct catalogue_parameter *parameter;
    struct catalogue_interval *interval;
    char *location; /* URL, NULL if none; freed with the file */
};

/** Reads metadata JSON as gm2 writes it beside its products, or as SAM has it; `origin` names it in messages. ERR_DATA says
 *  which field is wrong and what would be accepted: file_name without "/", file_size, checksum with an adler32, ... */
enum err catalogue_parse(const char *text, const char *origin, struct catalogue_file *out);
void catalogue_file_free(struct catalogue_file *file);
/** A name that can stand in a folder and on a page: 1 to 255 of letters, digits, _ . - + and no dot first. ERR_DATA. */
enum err catalogue_check_name(const char *name);

/** Text that people read: UTF-8 without control characters, at most max_bytes; `what` names it in the message. ERR_DATA. */
enum err catalogue_check_text(const char *what, const char *text, size_t max_bytes);
/** A place (place.h) that may be shown: no secret in it. ERR_DATA, ERR_OPTION. */
enum err catalogue_check_location(const char *url);

/* ---- declaring ---- */
enum catalogue_outcome {
    CATALOGUE_DECLARED,
    CATALOGUE_SAME,     /* known, the same bytes */
    CATALOGUE_CONFLICT, /* known with other bytes: this description is kept in file_conflicts */
    CATALOGUE_REFUSED   /* a parent is not declared, or the name is retired */
};
struct catalogue_result {
    enum catalogue_outcome outcome;
    char why[200]; /* of a conflict or refusal */
};

/** Declares n files in one transaction; results [n]. Parents may be in the same batch, in any order. An error is one of the
 *  database: then nothing was declared. */
enum err catalogue_declare(struct catalogue *catalogue, const struct catalogue_file *files, size_t n, const char *user,
                           struct catalogue_result *results);
/** A question asked within the transaction of a change, before it: an error is the change's error, and nothing is done. It may
 *  be asked several times. */
struct catalogue_check {
    enum err (*ask)(void *context);
    void *context;
};
/** The same as catalogue_declare(), if the check agrees (NULL: always). Test: tests/t_ledger.c */
enum err catalogue_declare_if(struct catalogue *catalogue, const struct catalogue_check *check,
                              const struct catalogue_file *files, size_t n, const char *user,
                              struct catalogue_result *results);

/* ---- looking ---- */
/** Calls `each` with the first columns of a statement made for the ids that a query selects: "select COLUMNS from files f
 *  where f.id in (query) order by f.id". max_rows: more is ERR_NUMBER before the first call (0: no limit). */
enum err catalogue_list(struct catalogue *catalogue, const char *query, const char *columns, int64_t max_rows,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** Calls `each` with run and subrun of all that the files of a query hold, as often as files hold it. */
enum err catalogue_subruns(struct catalogue *catalogue, const char *query,
                           enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** Calls `each` with file id, run and subrun, in this order. */
enum err catalogue_file_subruns(struct catalogue *catalogue, const char *query,
                                enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** Calls `each` with name, size, checksum and location of each place of a query's files. */
enum err catalogue_places(struct catalogue *catalogue, const char *query,
                          enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** How many files, bytes and events a query selects. */
enum err catalogue_count(struct catalogue *catalogue, const char *query, int64_t *n_files, int64_t *n_bytes,
                         int64_t *n_events);
/** Can a query's answer change while the catalogue stands still (stale: TAG)? Nothing is asked. */
enum err catalogue_is_live(struct catalogue *catalogue, const char *query, bool *is_live);
/** A query that selects nothing: is that so because nothing is stale, of files that there are? */
enum err catalogue_is_fresh(struct catalogue *catalogue, const char *query, bool *is_fresh);
/** The SQL of a query, the database's plan, how many files it selects and how long that took, to be freed with mem_free(). */
enum err catalogue_explain(struct catalogue *catalogue, const char *query, char **text);
/** A file's metadata as JSON (SAM's fields, locations, parents, who declared it), to be freed with mem_free().
 *  ERR_NOTFOUND. */
enum err catalogue_get(struct catalogue *catalogue, const char *name, char **json);

/* ---- changing ---- */
/** Adds or takes off a location; done already is a success. ERR_NOTFOUND. */
enum err catalogue_locate(struct catalogue *catalogue, const char *name, const char *url, bool is_added,
                          const char *user);
/** Retires a file: it stays, with its date and reason, and its name is not free again. */
enum err catalogue_retire(struct catalogue *catalogue, const char *name, const char *reason, const char *user);

/* ---- who did what ---- */
/** One row of the log. */
struct catalogue_event {
    int64_t id, at_s;
    const char *user;    /* as --user has it: advice */
    const char *db_user; /* as the server knows it; of a file, the login name */
    const char *action, *what;
};
struct catalogue_log_filter {
    int64_t since_s;       /* 0: from the beginning */
    const char *what, *by; /* part of action or object; a user of either kind; NULL: all */
};
/** Calls `each` for the rows of the log, oldest first. Test: tests/cli/files.sh */
enum err catalogue_log(struct catalogue *catalogue, const struct catalogue_log_filter *filter,
                       enum err (*each)(void *context, const struct catalogue_event *event), void *context);
/** Notes something that is no change of the catalogue itself, in a transaction of its own. */
enum err catalogue_log_add(struct catalogue *catalogue, const char *action, const char *what);

/* ---- definitions and snapshots ---- */
/** Names a query. The same again is a success; another query under the name is ERR_MISMATCH. */
enum err catalogue_define(struct catalogue *catalogue, const char *name, const char *query, const char *user);
/** Its query, to be freed with mem_free(); ERR_NOTFOUND names the nearest. */
enum err catalogue_definition(struct catalogue *catalogue, const char *name, char **query);
/** Calls `each` with name, query, creation [unix s] and user of every definition, by name. */
enum err catalogue_definitions(struct catalogue *catalogue,
                               enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** Freezes what a query selects now; *id is its number for snapshot_id. */
enum err catalogue_snapshot(struct catalogue *catalogue, const char *query, const char *user, int64_t *id,
                            int64_t *n_files);

/** The query that a snapshot was made of; mem_free() it. ERR_NOTFOUND. */
enum err catalogue_snapshot_query(struct catalogue *catalogue, int64_t id, char **query);
/** The last snapshot made of either text. ERR_NOTFOUND. */
enum err catalogue_last_snapshot(struct catalogue *catalogue, const char *query, const char *other, int64_t *id);
/** A query now against a snapshot then: `added` gets the name of each file that only the query selects; `gone` name, date of
 *  retirement (null: none), its reason and the number of places of each that only the snapshot has. */
enum err catalogue_since(struct catalogue *catalogue, const char *query, int64_t snapshot,
                         enum err (*added)(void *context, const struct db_value *row, size_t n),
                         enum err (*gone)(void *context, const struct db_value *row, size_t n), void *context);

#endif
