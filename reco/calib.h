/* gm2 calib: constants with uncertainties from the histograms and per-unit tables that jobs summed.
 *
 * A calibration is a row of `calibrations` (calib.c) and a file: it names what it needs, and its function makes of it the
 * intervals of one table of conditions. extract() knows no files and no database, so that a nearline job can call it on
 * the sums of one subrun. calib_read.c reads files, calib_result.c builds intervals and compares them with what a
 * simulation put in, calib_draw.c and calib_page.c show them, cmd_calib.c is the command. Test: tests/t_calib.c */
#ifndef GM2_CALIB_H
#define GM2_CALIB_H

#include "cond.h"
#include "hist.h"
#include "phys.h"
#include "plot.h"
#include "table.h"

enum { CALIB_CHANNELS = N_CALOS * N_CRYSTALS, CALIB_MAX_NEEDS = 4, CALIB_MAX_INTERVALS = 100000 };

/** Number of a crystal's channel, 0 .. CALIB_CHANNELS - 1; calo from 1. */
static inline int calib_channel(int calo, int crystal) { return (calo - 1) * N_CRYSTALS + crystal; }

/* ---- what constants are made from ------------------------------------------------------------------------------------ */

/** Rows of one table of all units, every column as doubles; `run` and `subrun` are columns of it. */
struct calib_table {
    char name[64];
    size_t n_rows, n_columns;
    size_t capacity; /* rows that there is room for; 0: as many as there are */
    char **column;   /* [n_columns] names */
    double **value;  /* [n_columns][n_rows] */
};

struct calib_unit {
    uint32_t run, subrun;
};

struct calib_input {
    struct hist_set hists; /* sums over all units */
    size_t n_tables;
    struct calib_table *table;
    size_t n_units;
    struct calib_unit *unit; /* in order, none twice */
    int64_t n_fills;
    bool has_reference; /* a subrun is named as the reference; else the first of its run is */
    struct calib_unit reference;
};

/** Adds the rows of a unit's block (a per-unit table) or of a file; ERR_MISMATCH if the columns are others. */
enum err calib_input_block(struct calib_input *in, struct calib_unit unit, const struct block *block);
/** Adds rows as they were read: takes over the columns' values and names. */
enum err calib_input_rows(struct calib_input *in, struct calib_table *rows);
/** Notes units (any order, repeats are fine). */
enum err calib_input_units(struct calib_input *in, const struct calib_unit *units, size_t n);
void calib_input_free(struct calib_input *in);
void calib_table_free(struct calib_table *table);

/** A table or a column by name; NULL if the input has none. */
const struct calib_table *calib_table(const struct calib_input *in, const char *name);
const double *calib_column(const struct calib_table *table, const char *name);
/** Several columns at once; ERR_NOTFOUND names the one that is missing. names: separated by blanks. */
enum err calib_columns(const struct calib_input *in, const char *table, const char *names, const double **value,
                       size_t *n_rows);
/** The subrun that constants of a run are relative to. */
struct calib_unit calib_reference(const struct calib_input *in, uint32_t run);
/** What a simulation put in, from table gain_truth; false if it is not there. column: of that table. */
bool calib_truth(const struct calib_input *in, struct calib_unit unit, int calo, int crystal, const char *column,
                 double *value);

/* ---- what comes out --------------------------------------------------------------------------------------------------- */

/** Recovered against injected, of one value column: (value - truth) / error over all measured channels and intervals. */
struct calib_pull {
    char column[COND_NAME];
    size_t n;
    double mean, width, largest; /* width: rms about the mean */
    double bias;                 /* mean of value - truth, in the column's unit */
};

struct calib_result {
    struct cond_set set;
    size_t interval_room, row_room;
    bool *is_measured;               /* [set.n_rows]; others hold a neutral value with the largest error allowed */
    double *truth[COND_MAX_COLUMNS]; /* [set.n_rows] by value column, NULL: not known */
    size_t n_pulls;
    struct calib_pull pull[COND_MAX_COLUMNS];
    char note[400]; /* for the page: what was done, what was left out */
};

/** Starts a result for a standard table of conditions. ERR_NOTFOUND. Free with calib_result_free(). */
enum err calib_begin(const char *condition, struct calib_result *out);
/** Opens an interval; it ends where the next run (subrun 0) or the next subrun begins. */
enum err calib_interval_run(struct calib_result *r, uint32_t first_run, uint32_t last_run);
enum err calib_interval_subrun(struct calib_result *r, struct calib_unit unit);
/** Opens an interval of packed times, [begin, end). */
enum err calib_interval_packed(struct calib_result *r, int64_t begin, int64_t end);
/** Adds a channel; value: one for each value column, in the order and units of the condition, errors included. Values that
 *  are not finite or out of the range that the table accepts make it one that was not measured, with `neutral` values. */
enum err calib_add(struct calib_result *r, int calo, int crystal, const double *value, const double *neutral);
/** A channel that cannot be measured: `neutral` values, with errors as large as the table accepts. */
enum err calib_add_missing(struct calib_result *r, int calo, int crystal, const double *neutral);
void calib_result_free(struct calib_result *r);

/* ---- calibrations ----------------------------------------------------------------------------------------------------- */

/** A picture: name (within the calibration), title, caption. draw: ERR_NOTFOUND with a message if there is too little. The
 *  title is set; pictures of several panels unset it and give multiplot the title `page_title`, which the script knows. */
struct calib_picture {
    const char *name, *title, *caption;
    int width, height; /* pixels */
    enum err (*draw)(const struct calib_input *in, const struct calib_result *r, struct sheet *s);
};

struct calibration {
    const char *name;      /* of --only, files and pages */
    const char *condition; /* table of conditions */
    const char *title, *doc;
    const char *hists[CALIB_MAX_NEEDS + 1], *tables[CALIB_MAX_NEEDS + 1]; /* needed, NULL-ended */
    const char *made_by;                                                  /* module, for messages */
    /** Constants from sums. ERR_NOTFOUND with a message when there is too little to say anything. */
    enum err (*extract)(const struct calib_input *in, struct calib_result *out);
    /** What a simulation put in, for one row: value by value column (errors' places are not looked at); false if not
     *  known. NULL: no truth. */
    bool (*truth)(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value);
    const struct calib_picture *pictures; /* of its own, beside those that all have; NULL-named end; may be NULL */
};

/** All of them; ends with NULL. Two may make constants of one condition: the first that has what it needs is the one
 *  that is loaded, the other is named by --only. */
extern const struct calibration *const calibrations[];
/** By name, NULL if there is none. */
const struct calibration *calibration_find(const char *name);
/** True if the input holds all that it needs. */
bool calibration_has_input(const struct calibration *c, const struct calib_input *in);
/** extract(), then truth and pulls where there is truth. `out` is to be freed when it returns ERR_OK. */
enum err calibration_run(const struct calibration *c, const struct calib_input *in, struct calib_result *out);
/** Loads a result's intervals under a tag, without those that are valid there already with the same constants. *n: loaded. */
enum err calib_store(struct cond *cond, const struct calib_result *r, const char *tag, const struct cond_note *note,
                     size_t *n);

/* ---- calib_read.c, calib_draw.c, calib_page.c ------------------------------------------------------------------------- */

/** Sums of files: histograms, and those per-unit tables that calibrations need. ERR_OPEN, ERR_READ, ERR_DATA. */
enum err calib_read(char *const *paths, size_t n, struct calib_input *in);

/** Pictures that every calibration has: constants by channel and by interval; pulls where there is truth. */
extern const struct calib_picture calib_common_pictures[];

struct calib_page {
    const char *dir, *footer, *heading;
    bool wants_png;
};
/** One calibration that was tried. */
struct calib_attempt {
    const struct calibration *calibration;
    struct calib_result result;
    bool is_made;
    char problem[256]; /* why not */
    char stored[128];  /* what was loaded where, "" if nothing */
};
/** Writes DIR/index.html, DIR/calib.json and one CSV a calibration. */
enum err calib_page_write(const struct calib_page *page, const struct calib_input *in,
                          const struct calib_attempt *attempts, size_t n);

/* ---- calibrations, one file each --------------------------------------------------------------------------------------- */
extern const struct calibration calibration_oof, calibration_sync, calibration_ifg, calibration_stdp;
extern const struct calibration calibration_beam_time, calibration_energy, calibration_pedestal, calibration_noise,
    calibration_channels;

/** The command: struct command's run. */
int cmd_calib(int argc, char **argv);

#endif
