/* Submissions of earlier descriptions, in the status. */
#include "stage_older.h"
#include "status_internal.h"

#include <stdio.h>

static enum err add(void *context, struct stage_older *o, struct ledger_submission *s)
{
    struct status *k = context;
    if (k->n_older++ >= STATUS_OLDER) return ERR_OK;
    struct status_older *row = &k->older[k->n_older - 1];
    *row                     = (struct status_older){.n_files = s->n_files, .create_s = s->create_s, .state = s->state};
    snprintf(row->name, sizeof row->name, "%s", s->name);
    snprintf(row->stage, sizeof row->stage, "%s", o->stage.name);
    version_key_text(&o->work.version, row->version);
    snprintf(row->folder, sizeof row->folder, "%.1500s", o->work.folder);
    return ERR_OK;
}

enum err status_read_older(struct catalogue *c, struct status *k)
{
    k->n_older = 0;
    return stage_older_each(c, k->campaign, k->id, NULL, "", add, k);
}
