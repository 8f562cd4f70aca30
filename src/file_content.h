/* What a file says of itself, in one look: provenance, units, fills. For those who put files together.
 * Tests: tests/t_merge.c */
#ifndef GM2_FILE_CONTENT_H
#define GM2_FILE_CONTENT_H

#include "file.h"

enum file_text {
    FILE_TEXT_process_name,
    FILE_TEXT_release,
    FILE_TEXT_git_commit,
    FILE_TEXT_configuration,
    FILE_TEXT_config_id,
    FILE_TEXT_isa,
    FILE_TEXT_constants_set,
    FILE_TEXT_conditions_tag,
    FILE_TEXT_fcl_commit,
    N_FILE_TEXTS
};
extern const char *const file_text_names[N_FILE_TEXTS];

struct file_unit {
    uint32_t run, subrun;
    int64_t n_fills, n_planned; /* as in table units */
};

/** Fills first..last of a subrun, without a hole. */
struct file_stretch {
    uint32_t run, subrun, first, last;
};

struct file_content {
    char *text[N_FILE_TEXTS];
    uint64_t seed;
    size_t n_units;
    struct file_unit *unit;
    size_t n_stretches; /* 0: the file has no table of fills */
    struct file_stretch *stretch;
};

/** ERR_OPEN, ERR_READ, ERR_DATA; a fill that comes twice in the file is ERR_DATA. Free with file_content_free(), also after
 *  failure. */
enum err file_content_read(const char *path, struct file_content *out);
void file_content_free(struct file_content *content);

#endif
