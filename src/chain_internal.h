/* Shared by the files that build a chain (chain_build.c), look at its document (chain_document.c) and run it (chain.c). */
#ifndef GM2_CHAIN_INTERNAL_H
#define GM2_CHAIN_INTERNAL_H

#include "chain.h"

enum { CHAIN_MAX_STEPS = 64, CHAIN_MAX_PATHS = 16 };

struct chain_path {
    const char *name;
    size_t n;
    int step[CHAIN_MAX_STEPS]; /* indices into chain.steps */
};

struct chain {
    const struct job_info *job;
    const struct provenance *provenance;
    size_t n_steps; /* step 0 is the source */
    struct step steps[CHAIN_MAX_STEPS];
    uint32_t stream[CHAIN_MAX_STEPS];
    bool has_begun[CHAIN_MAX_STEPS];
    uint32_t
        select[CHAIN_MAX_STEPS]; /* analyzers: bits of the trigger paths of which one must have passed; 0: all fills */
    size_t n_trigger, n_end;
    struct chain_path trigger[CHAIN_MAX_PATHS], end[CHAIN_MAX_PATHS];
    size_t n_kept;
    struct {
        const struct block *block;
        char group[128];
    } kept[CHAIN_MAX_STEPS]; /* tables that go to the unit file */
    struct hist_set hists;
    bool has_hdf5_output;
    struct block *conditions;                     /* what the unit read of constants */
    struct chain_time times[CHAIN_MAX_STEPS + 1]; /* [0] whole fill, [i+1] step i */
};

/** Where a label is declared, its kind and path; NULL if nowhere. */
const struct fhicl *chain_find_label(const struct fhicl *document, const char *label, enum module_kind *kind,
                                     char path[256]);
/** The module that a table's module_type names. ERR_CONFIG: none, or one of another kind. */
enum err chain_find_module(const struct fhicl *table, const char *path, enum module_kind kind,
                           const struct module_entry **out);
/** list: NULL-ended. */
bool chain_is_one_of(const char *word, const char *const *list);

#endif
