/* The program that runs a campaign's jobs: which version it is, what it makes of a configuration. It is asked itself, as it
 * need not be the program that manages the campaign. Tests: tests/cli/rules.sh, tests/cli/versions.sh */
#ifndef GM2_PROGRAM_H
#define GM2_PROGRAM_H

#include "job.h"

struct program {
    char path[1800];
    char release[32], git_commit[64];
    bool is_released;
    bool is_own; /* the program that asks */
};

/** path "": this program. ERR_NOTFOUND: there is none; ERR_DATA: it does not say its version as gm2 does. */
enum err program_ask(const char *path, struct program *program);
/** What products of a job with options->config and options->set would bear; with_modules: all its modules are begun too. The
 *  configuration as used goes to options->config_out, if not NULL. ERR_CONFIG, ERR_PARSE, ... */
enum err program_identify(const struct program *program, const struct job_options *options, bool with_modules,
                          struct job_identity *out);

#endif
