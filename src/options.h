/* Command lines of the form `gm2 NOUN VERB PLACE ... --option VALUE ...`. Test: tests/cli/files.sh */
#ifndef GM2_OPTIONS_H
#define GM2_OPTIONS_H

#include "err.h"

#include <stdbool.h>

struct options_known {
    const char *name;   /* "--tag", "-o"; a list ends with NULL */
    const char **value; /* takes a value; or */
    bool *flag;         /* takes none */
    const char *verbs;  /* which take it, separated by blanks */
};

/** Takes argv (from the noun on) apart: argv[1] must be one of the verbs (NULL-ended). What is no option goes to `place`, at
 *  most max_places. "--" ends the options. ERR_OPTION: unknown words with the nearest known one, options of another verb,
 *  missing values, an option twice. */
enum err options_parse(int argc, char **argv, const char *const *verbs, const struct options_known *options,
                       const char **verb, const char **place, size_t max_places, size_t *n_places);

/** `gm2 NOUN --help` prints usage, `gm2 NOUN VERB ... --help` (or -h) what it says of that verb; true: so it was. usage is made of
 *  entries: lines "gm2 NOUN VERB|VERB ..." and indented ones; what stands at their left besides is of all verbs. */
bool options_help(int argc, char **argv, const char *usage);

#endif
