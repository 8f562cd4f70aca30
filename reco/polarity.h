/* Direction of pulses in ADC counts, crate by crate. Tests: tests/t_pulse_fit.c, tests/t_laser.c */
#ifndef GM2_POLARITY_H
#define GM2_POLARITY_H

#include "table.h"

enum { POLARITY_CRATES = 29 }; /* 0 .. 28 */

/** sign [POLARITY_CRATES]: 1 or -1. setting: "positive", "negative", or "odb": as the run's settings say (block of table
 *  odb, may be NULL or empty), positive for crates that they do not name. ERR_DATA for settings that cannot be read. */
enum err polarity_find(const char *setting, const struct block *odb, int sign[POLARITY_CRATES]);

#endif
