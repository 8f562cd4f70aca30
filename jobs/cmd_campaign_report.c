/* gm2 campaign report */
#include "cmd_campaign.h"
#include "site.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err cmd_campaign_report(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct site_tally t;
    char path[PATH_MAX];
    const char *file = strncmp(o->db, "sqlite:", 7) == 0 ? o->db + 7 : o->db;
    const char *db   = !strstr(o->db, "://") && realpath(file, path) ? path : o->db; /* pages are read in any folder */
    REQUIRE(o->output, ERR_OPTION, "-o FOLDER is wanted: where the pages go");
    TRY(site_write(c, db, o->what, o->output, &t));
    printf("%zu pages of %zu campaigns: %s/index.html\n", t.n_pages, t.n_campaigns, o->output);
    if (t.lacks_dot) printf("graphs are not drawn: graphviz is missing (Debian package graphviz)\n");
    if (t.lacks_gnuplot) printf("pictures are not drawn: gnuplot is missing (Debian package gnuplot-nox)\n");
    *status = t.n_refused ? 1 : 0;
    return ERR_OK;
}
