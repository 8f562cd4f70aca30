/* Submissions of the past, in a pass. */
#include "step_older.h"

#include "step_settle.h"

#include <string.h>
#include <unistd.h>

static enum err give_up(struct stage_older *o, struct ledger_submission *s)
{
    bool is_first;
    int fd;
    TRY(stage_take(&o->work, s, &fd, &is_first));
    enum err rc = stage_older_give_up(&o->work, s, false);
    close(fd);
    return rc;
}

static enum err meet(void *context, struct stage_older *o, struct ledger_submission *s)
{
    (void)context;
    return o->is_noted ? step_ask(&o->work, s) : give_up(o, s);
}

enum err step_older_meet(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         const char *user)
{
    return stage_older_each(catalogue, campaign, campaign_id, NULL, user, meet, NULL);
}

struct killing {
    const char *submission;
    size_t *n;
};

static enum err stop(void *context, struct stage_older *o, struct ledger_submission *s)
{
    const struct killing *k = context;
    char folder[STAGE_MAX_PATH];
    if ((k->submission && strcmp(k->submission, s->name) != 0) || !o->is_noted) return ERR_OK;
    stage_work_folder(&o->work, s->name, folder);
    TRY(o->work.executor->stop(folder, s->name, s->batch_id));
    ++*k->n;
    return ERR_OK;
}

enum err step_older_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         const char *stage, const char *submission, size_t *n)
{
    struct killing k = {submission, n};
    return stage_older_each(catalogue, campaign, campaign_id, stage, "", stop, &k);
}

static enum err count(void *context, struct stage_older *o, struct ledger_submission *s)
{
    (void)o;
    (void)s;
    ++*(size_t *)context;
    return ERR_OK;
}

enum err step_older_count(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t *n)
{
    *n = 0;
    return stage_older_each(catalogue, campaign, campaign_id, NULL, "", count, n);
}
