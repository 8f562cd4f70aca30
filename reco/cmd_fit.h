/* gm2 fit, and what gm2 report shares with it. Test: tests/t_cmd_fit.c */
#ifndef GM2_CMD_FIT_H
#define GM2_CMD_FIT_H

#include "wiggle_fit.h"
#include "wiggle_input.h"

#include <cjson/cJSON.h>

/** The command: struct command's run. */
int cmd_fit(int argc, char **argv);

/** A fit as JSON, R blinded; cJSON_Delete() it. */
cJSON *cmd_fit_json(const struct wiggle_input *in, const struct wiggle_fit *fit, const char *method, int calo);
/** Adds where the numbers come from. */
void cmd_fit_json_input(const struct wiggle_input *in, cJSON *j);

#endif
