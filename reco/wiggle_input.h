/* What `gm2 fit` and `gm2 report` know of the files they are given: summed histograms, where they come from, and
 * whether R is to be blinded. Test: tests/t_cmd_fit.c */
#ifndef GM2_WIGGLE_INPUT_H
#define GM2_WIGGLE_INPUT_H

#include "err.h"
#include "hist.h"

#include <stdbool.h>
#include <stdint.h>

struct wiggle_input {
    struct hist_set hists; /* sums over all files */
    size_t n_files;
    int64_t n_units, n_fills;
    uint32_t first_run, first_subrun, last_run, last_subrun;
    char release[32], git_commit[48], config_id[41], process_name[64], constants_set[48];
    bool has_mixed_configs; /* files were made with different configurations */
    bool is_simulation;     /* source EmptyFill or TruthInput */
    bool is_blind;
    const char *phrase_source; /* for the reader: where the phrase came from */
    double blind_offset_ppm;   /* to add to R before it is shown; 0 when not blind */
};

/** Reads files and adds up. phrase_file: a file with the blinding phrase (its last newline is not part of it), or
 *  NULL: services.blinding of the first file's configuration decides (mode auto: data are blinded, simulation is not).
 *  Data without a phrase are blinded with a built-in one, with a warning. ERR_OPEN, ERR_READ, ERR_DATA name the file;
 *  ERR_MISMATCH: binnings differ, or data and simulation are mixed. Free with wiggle_input_free(). */
enum err wiggle_input_read(char *const *paths, size_t n, const char *phrase_file, struct wiggle_input *out);
void wiggle_input_free(struct wiggle_input *in);

/** "run 1, subruns 0-19, 200 fills" */
void wiggle_input_range(const struct wiggle_input *in, size_t size, char *out);

/** A histogram by name; ERR_NOTFOUND says which module books it. */
enum err wiggle_input_hist(const struct wiggle_input *in, const char *name, struct hist **out);

#endif
