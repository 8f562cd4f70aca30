/* Lines of text about the banks of an event, for gm2 raw dump. Test: tests/cli/raw.sh */
#ifndef GM2_RAW_DUMP_H
#define GM2_RAW_DUMP_H

#include "midas.h"

/** Prints a line or more for each bank, compressed ones opened; damage is printed, never returned. ERR_MEMORY. */
enum err raw_dump_event(const struct midas_event *event);

#endif
