/* Places where a manager may be killed, where the disk or the database may fail, where another manager may work meanwhile: all
 * calls of the system's and the databases' writes, of the executor, of the ledger. By -Wl,--wrap, so that the product
 * knows nothing of it. */
#ifndef FAULT_POINTS_H
#define FAULT_POINTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_mode {
    FAULT_NONE,
    FAULT_COUNT,      /* the points are counted */
    FAULT_KILL,       /* SIGKILL at point number `at` */
    FAULT_DISK,       /* from point `at` on, `n` writes find no space */
    FAULT_DB,         /* from point `at` on, `n` calls of the database fail */
    FAULT_DB_UNHEARD, /* the call at point `at` is done, but an error is told */
};

struct fault_plan {
    enum fault_mode mode;
    int64_t at, n;
    int64_t count; /* points passed */
};
extern struct fault_plan fault_plan;
/** Called before and after what managers do to ledger, catalogue and executor, outside of transactions. */
extern void (*fault_interlude)(void);
/** How deep in transactions this process is. */
extern int fault_transactions;
extern bool fault_is_verbose; /* the log is shown */

#endif
