/* Closing words of a job: TrigReport, TimeReport, MemReport, what was made. On stdout, by rank 0. */
#ifndef GM2_SUMMARY_H
#define GM2_SUMMARY_H

#include "run.h"

/** Collective: adds up times and memory of all ranks and prints. */
enum err summary_print(const struct job *job, const struct chain *chain, const struct run_totals *totals);

#endif
