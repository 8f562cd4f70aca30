/* Command lines of the form `gm2 NOUN VERB PLACE ... --option VALUE ...`. Test: tests/cli/files.sh */
#ifndef GM2_OPTIONS_H
#define GM2_OPTIONS_H

#include "err.h"

#include <stdbool.h>

struct option {
    const char *name;   /* "--tag", "-o"; a list ends with NULL */
    const char **value; /* takes a value; or */
    bool *flag;         /* takes none */
    const char *verbs;  /* which take it, separated by blanks */
};

/** Takes argv (from the noun on) apart: argv[1] must be one of the verbs (NULL-ended). What is no option goes to `place`, at
 *  most max_places. "--" ends the options. ERR_OPTION: unknown words with the nearest known one, options of another verb,
 *  missing values, an option twice. */
enum err options_parse(int argc, char **argv, const char *const *verbs, const struct option *options, const char **verb,
                       const char **place, size_t max_places, size_t *n_places);

#endif
