/* Modules: one .c file that exports one constant, plus one line in modules.def.
 *
 * A module works on one fill at a time: it reads the blocks of its input ports and fills the blocks of its output
 * ports. It knows nothing of ranks, files or databases. One `struct step` is one labelled instance in a job; several
 * may run in different threads, so a module keeps all it needs in its state. Test: tests/t_module.c */
#ifndef GM2_MODULE_H
#define GM2_MODULE_H

#include "cfg.h"
#include "hist.h"
#include "rng.h"
#include "table.h"

struct cond_use;

enum module_kind {
    MODULE_SOURCE,   /* starts a unit, gives its fills (source.module_type) */
    MODULE_PRODUCER, /* physics.producers */
    MODULE_FILTER,   /* physics.filters: may stop the path for a fill */
    MODULE_ANALYZER, /* physics.analyzers: books histograms */
    MODULE_OUTPUT    /* outputs: writes files of its own (raw) */
};

enum { MODULE_MAX_PORTS = 12 };

/** An input or output table. columns: space-separated names needed, NULL for all. Optional inputs may be absent
 *  (step->in[i] NULL). A list of ports ends with {0}. */
struct port {
    const struct table *table;
    const char *columns;
    bool is_optional;
};

/** The fill in hand. */
struct fill {
    uint64_t seed;
    uint32_t run, subrun, event; /* event counts from 1 in each subrun */
    int64_t unix_time_s;
    uint8_t type; /* BANK_MUON ... of bank.h: what a simulation is to make; 0 where only the data can tell */
    int64_t nth;  /* simulation: how many fills of this type came before in the run */
};

/** The unit in hand: what a source opens and an output names its files by. */
struct unit {
    int64_t index; /* 0.. in the job's list */
    uint32_t run, subrun;
    int64_t n_fills;               /* simulation: fills to make; raw input: at most so many, -1 all */
    int64_t first_fill;            /* simulation: number of its first fill, counted from subrun 0 of the run */
    int64_t n_skip;                /* raw input: events to pass over */
    const char *source;            /* raw input: the file, else NULL */
    const char *out_dir;           /* folder of the job's products */
    uint64_t first_byte, end_byte; /* raw input: from event to event of a file that grows; 0, 0: all of it */
    double closed_unix_s;          /* raw input of a watched folder: when the file was closed; else 0 */
};

/** What the job knows of itself, for ODB dumps and headers. */
struct job_info {
    uint64_t seed;
    const char *release, *git_commit, *config_id, *config_text, *process_name;
    const char *words;           /* of the metadata, "KEY=VALUE", one a line; NULL: none */
    const char *fcl_commit;      /* of the repository of the configuration; NULL or "": not told */
    const char *raw_tag;         /* simulation: in the names of raw files; NULL or "": none */
    struct cond_use *conditions; /* cond_use.h; NULL: none */
    int64_t end_fill;            /* simulation: one past the last fill's number, see struct unit; 0 if not known */
};

struct step {
    const struct module *module;
    const char *label;
    const void *cfg;                     /* its parameter struct */
    void *state;                         /* made in begin, freed in end */
    struct block *in[MODULE_MAX_PORTS];  /* by position in module->in; NULL if optional and absent */
    struct block *out[MODULE_MAX_PORTS]; /* emptied before each fill (per-unit tables: before each unit) */
    bool is_wanted[MODULE_MAX_PORTS];    /* by position in module->out: a module reads it, or it is kept */
    struct hist_set *hists;              /* of the unit; the same set in every begin_unit of this step, cleared
                                            between units: book in begin, fill in event */
    struct rng_key rng;                  /* of this fill and this module's stream */
    struct fill fill;
    const struct unit *unit;
    const struct job_info *job;
    bool pass; /* filter: set false to stop the path; source: false when no fill is left */
};

struct module {
    const char *name; /* module_type */
    enum module_kind kind;
    const char *doc;    /* what it does, in a few sentences */
    const char *source; /* papers, sections, equations */
    const struct cfg_field *fields;
    size_t cfg_size;
    const char *const *shared;             /* parameters, NULL-ended, that describe one thing for all modules that have
                                              them (the ring): a job in which they differ is refused */
    const struct port *in, *out;           /* NULL: none */
    enum err (*begin)(struct step *);      /* once a job and worker; may be NULL, as the next four */
    enum err (*begin_unit)(struct step *); /* before the first fill of a unit */
    enum err (*event)(struct step *);      /* once a fill */
    enum err (*end_unit)(struct step *);   /* after its last fill */
    /* After end_unit of all steps succeeded and the unit's own file is ready: give files of this step their final
     * names. Not called when the unit failed; then abandon removes what was begun. */
    enum err (*publish)(struct step *);
    void (*abandon)(struct step *);
    void (*end)(struct step *);
};

struct module_entry {
    const struct module *module;
    uint32_t stream; /* pinned: random numbers depend on it */
};

/** All modules in the order of modules.def; ends with a NULL module. */
const struct module_entry *module_all(void);
/** By module_type, NULL if unknown. */
const struct module_entry *module_find(const char *name);
/** Does a job with this source.module_type simulate? Its products are no data. */
bool module_simulates(const char *source_type);

#endif
