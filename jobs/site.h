/* The status site: pages of campaigns, stages, submissions and files that need no server and load nothing from elsewhere. Their
 * numbers are those of status.h, of one moment a campaign; each page is replaced at once. Test: tests/cli/campaign_status.sh */
#ifndef GM2_SITE_H
#define GM2_SITE_H

#include "catalogue.h"

struct site_tally {
    size_t n_campaigns, n_pages;
    size_t n_refused; /* campaigns whose description cannot be read: they have a line, and no page */
    bool lacks_dot, lacks_gnuplot;
};

/** Writes the site of all campaigns, or of one (`only` not NULL), into a folder, which is made. `db` is shown in commands. Without
 *  graphviz or gnuplot the pages say which picture is missing. ERR_NOTFOUND: no such campaign; ERR_WRITE. */
enum err site_write(struct catalogue *catalogue, const char *db, const char *only, const char *folder,
                    struct site_tally *tally);

#endif
