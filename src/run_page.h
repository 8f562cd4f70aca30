/* The process that keeps the page of a watched folder: `gm2 dqm --follow`. It reads what is published, so that pictures cost
 * the ranks nothing and HDF5 has one thread in each process; it hears of the job by a pipe and ends with it. */
#ifndef GM2_RUN_PAGE_H
#define GM2_RUN_PAGE_H

#include "job.h"

struct run_page;

/** Writes the configuration as used to OUT/dqm/job.fcl and starts it; *out NULL when services.dqm.is_on is false. */
enum err run_page_open(const struct job *job, struct run_page **out);
/** One line for the page. Never waits. */
void run_page_say(struct run_page *page, const char *line);
/** Lets it make its last page and waits for it, a minute at most; NULL is fine. */
void run_page_close(struct run_page *page);

#endif
