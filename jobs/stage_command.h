/* The command line of a submission's job: gm2 -c ..., or gm2 calib ... Tests: tests/cli/campaign.sh, tests/cli/stage_kinds.sh */
#ifndef GM2_STAGE_COMMAND_H
#define GM2_STAGE_COMMAND_H

#include "stage_send.h"

enum { STAGE_MAX_ARGS = 250, STAGE_MAX_OPTIONS = 60 };

/** Words of argv are in it, or lent by the campaign. */
struct stage_command {
    const char *argv[STAGE_MAX_ARGS + 1];
    size_t n;
    char list[STAGE_MAX_PATH + 16], output[STAGE_MAX_PATH + 260], page[STAGE_MAX_PATH + 16], setup[STAGE_MAX_PATH + 16],
        fills[32], skip[32], process[128], only[1000], memory[40];
    char config[STAGE_MAX_PATH + 300]; /* the copy that goes with the job */
    struct stage_labels labels;
    const char *option[STAGE_MAX_OPTIONS]; /* of the executor's own command */
    size_t n_options;
};

/** `list` is where the job looks for the list of its inputs, `setup` for its login's lines; neither is written. ERR_CONFIG: too many settings. */
enum err stage_command(const struct stage_work *work, const struct ledger_submission *submission, const char *folder,
                       struct stage_command *command);

#endif
