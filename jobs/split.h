/* Slices of a dataset: which files the next submission of a stage takes. Names and parameters are those of POMS; each type
 * is a pure function of the files, of what earlier slices took, and (new) of the clock.
 *
 * What a slice took is never taken again, and what is not taken yet comes in some later slice as long as the stage goes on:
 * slices are disjoint, complete, and stay so when the dataset grows or shrinks between them. So nfiles, limitn and
 * drainingn do the same, where POMS's nfiles and byrun could skip or repeat files.
 * Source: the POMS project's documentation and code, split types. Test: tests/t_split.c */
#ifndef GM2_SPLIT_H
#define GM2_SPLIT_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum split_type {
    SPLIT_NONE,           /* the whole dataset */
    SPLIT_LIST,           /* dataset: names a, b, c: one a slice */
    SPLIT_MULTIPARAM,     /* dataset: JSON list of lists: one combination a slice, joined by "_" */
    SPLIT_BYRUN,          /* low, high: a run a slice, low <= run < high */
    SPLIT_BYEXISTINGRUNS, /* a run a slice */
    SPLIT_MOD,            /* n: every n-th file */
    SPLIT_NFILES,         /* n: the next n files */
    SPLIT_DRAININGN,      /* n: the same */
    SPLIT_DRAINING,       /* all that are left */
    SPLIT_NEW,            /* window, fts, firsttime, lasttime: files that ended in (t, t + window] */
    SPLIT_STAGEDFILES,    /* n: the next n that are on disk */
    SPLIT_LIMITN,         /* n: the next n files */
    N_SPLIT_TYPES
};

struct split {
    enum split_type type;
    int64_t n, low, high;
    int64_t window_s, fts_s;         /* new: length; files that ended so lately may still be on their way (1800 s) */
    int64_t firsttime_s, lasttime_s; /* new: from, until; lasttime 0: without end */
};

/** A file of the dataset, in the catalogue's order. */
struct split_file {
    int64_t id, run; /* run: the lowest of its runs */
    int64_t end_s;
    bool is_staged;
};

/** What the ledger knows of earlier slices. */
struct split_past {
    int64_t n_slices;
    size_t n_taken;
    const int64_t *taken;    /* [n_taken] ids, ascending */
    size_t n_names;          /* list, multiparam: values used */
    const char *const *name; /* [n_names] */
};

struct split_slice {
    bool is_over; /* there is no slice now; with is_final there will be none */
    bool is_final;
    int64_t not_before_s; /* new: is_over until then; 0: there is nothing left */
    size_t n;
    int64_t *id;    /* [n], in order of the dataset; NULL for list and multiparam */
    char name[300]; /* list, multiparam: the value; else a suffix such as "run24337", "slice3_of_10" */
};

enum { SPLIT_MAX_COMPONENTS = 8, SPLIT_MAX_COMPONENT = 100 };
/** The parts of combination k of multiparam, *n 0 for a dataset that is none (list). ERR_CONFIG. */
enum err split_components(const char *dataset, int64_t k, char out[SPLIT_MAX_COMPONENTS][SPLIT_MAX_COMPONENT],
                          size_t *n);
/** "byrun", "mod(10)", "nfiles(20)", "byrun(low=100,high=200)", "new(window=1w,fts=1800,firsttime=SECONDS)", ... as POMS
 *  writes cs_split_type; units w d h m s. ERR_CONFIG names what is accepted. */
enum err split_parse(const char *text, struct split *out);
/** The next slice of n files; `dataset` is the text of the dataset's field (list, multiparam). ERR_CONFIG for a dataset
 *  that is none. Free with split_free(). */
enum err split_next(const struct split *split, const char *dataset, const struct split_file *files, size_t n,
                    const struct split_past *past, int64_t now_s, struct split_slice *out);
void split_free(struct split_slice *slice);

#endif
