/* What executors say of submissions, as the ledger keeps it. Test: tests/t_ledger.c */
#ifndef GM2_LEDGER_SEEN_H
#define GM2_LEDGER_SEEN_H

#include "db.h"
#include "executor.h"

#define LEDGER_SEEN_COLUMNS "begin_s, end_s, cpu_s, wall_s, max_rss_kb, exit_code, batch_state, batch_reason"
enum { LEDGER_SEEN_N = 8 };

/** From a row of these columns. */
void ledger_seen_read(const struct db_value row[LEDGER_SEEN_N], struct executor_report *out);

#endif
