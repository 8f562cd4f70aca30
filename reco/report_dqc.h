/* What each quality cut costs, as a table of the report's page. Test: tests/t_dqc.c */
#ifndef GM2_REPORT_DQC_H
#define GM2_REPORT_DQC_H

#include "report.h"

/** Writes the table as HTML; nothing when the files hold no histogram dqc/cuts. */
void report_dqc_table(FILE *f, const struct report *r);

#endif
