/* What may be merged: the same configuration, no gap, nothing twice, unless a rule names what is accepted.
 *
 * A rule for gaps and duplicates is "RUN", "RUN:SUBRUN", "RUN:FIRST..LAST", "RUN:SUBRUN:EVENT", "RUN:SUBRUN:FIRST..LAST" or
 * "all". Test: tests/t_merge.c */
#ifndef GM2_MERGE_CHECK_H
#define GM2_MERGE_CHECK_H

#include "cfg.h"
#include "file_content.h"

struct merge_file {
    const char *path;
    struct file_content content;
    bool is_left_out; /* all that it holds is accepted as there before */
};

struct merge_rules {
    struct strs accept_gaps, accept_duplicates;
    struct strs expect;     /* subruns that must be there, and no others; empty: each run from its first to its last */
    struct strs may_differ; /* release, git_commit, conditions_tag, constants_set, process_name, seed, or a key of the
                               configuration with all below it */
};

/** What the merged file says of itself; text to be freed with mem_free(). */
struct merge_identity {
    char *text[N_FILE_TEXTS]; /* texts that differ as accepted: one line for each; configuration: what is common */
    uint64_t seed;
};

/** All files against the first: ERR_MISMATCH names file and what differs. ERR_CONFIG for a rule that names nothing known. */
enum err merge_check_same(const struct merge_file *files, size_t n, const struct strs *may_differ,
                          struct merge_identity *out);
void merge_identity_free(struct merge_identity *identity);

/** Subruns and fills: ERR_MISMATCH names them and their files. A file whose units are all accepted duplicates of files before
 *  it is left out; one that holds others too cannot be taken apart and is refused. ERR_CONFIG for a bad rule. */
enum err merge_check_units(struct merge_file *files, size_t n, const struct merge_rules *rules);

#endif
