/* What goes with a job. */
#include "stage_send.h"

#include "ledger_version.h"
#include "meta.h"
#include "publish.h"
#include "sql.h"
#include "stage_next.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool stage_send_is_wanted(const struct stage_work *w)
{
    return w->stage->kind != CAMPAIGN_CALIB && (w->campaign->cfg.send_config || campaign_is_production(w->campaign));
}

enum err stage_send_config(const struct stage_work *w, const char *folder, size_t n_set, const char **set,
                           char path[STAGE_MAX_PATH + 300])
{
    const char *config = w->stage->cfg.config, *slash = strrchr(config, '/');
    char part[STAGE_MAX_PATH + 320];
    struct job_identity id;
    snprintf(path, STAGE_MAX_PATH + 300, "%s/fcl", folder);
    TRY(publish_make_folder(path));
    snprintf(path, STAGE_MAX_PATH + 300, "%s/fcl/%.200s", folder, slash ? slash + 1 : config);
    for (char *c = strrchr(path, '/'); *c; c++)
        if (*c == ';') *c = '+'; /* a chain of documents is one now */
    snprintf(part, sizeof part, "%s%s", path, publish_part_suffix());
    struct job_options options = {.config = config, .n_fills = -1, .n_set = n_set, .set = set, .config_out = part};
    TRY(program_identify(&w->campaign->program, &options, false, &id));
    REQUIRE(strcmp(id.config_id, w->version.config_id) == 0, ERR_AGAIN,
            "the configuration %s is being changed; nothing is started", config);
    REQUIRE(rename(part, path) == 0, ERR_WRITE, "%s cannot be made: %s", path, strerror(errno));
    return ERR_OK;
}

void stage_send_labels(const struct stage_work *w, const struct ledger_submission *s, struct stage_labels *l)
{
    const struct campaign *c = w->campaign;
    snprintf(l->fcl_commit, sizeof l->fcl_commit, META_FCL_COMMIT "=%s", c->fcl_commit);
    snprintf(l->campaign, sizeof l->campaign, "gm2.campaign=%.100s", c->cfg.name);
    snprintf(l->stage, sizeof l->stage, "gm2.stage=%.120s", w->stage->name);
    snprintf(l->submission, sizeof l->submission, "gm2.submission=%s", s->name);
}

/* A line each. */
static enum err join(const struct strs *words, struct sql *out)
{
    TRY(sql_add(out, "%s", ""));
    for (size_t i = 0; i < words->n; i++) TRY(sql_add(out, "%s\n", words->value[i]));
    return ERR_OK;
}

enum err stage_send_note(const struct stage_work *w, struct ledger_submission *s)
{
    const struct campaign *c             = w->campaign;
    const struct campaign_stage_cfg *cfg = &w->stage->cfg;
    struct sql outputs = {0}, only = {0};
    REQUIRE(*c->fcl_commit || !campaign_is_production(c), ERR_CONFIG,
            "rules: production: nothing is started before the rules were looked at");
    enum err rc = join(&cfg->outputs, &outputs);
    if (!rc) rc = join(&cfg->only, &only);
    const struct ledger_version version = {.program        = c->program.path,
                                           .release        = w->version.release,
                                           .git_commit     = w->version.git_commit,
                                           .config_id      = w->version.config_id,
                                           .conditions_tag = w->version.conditions_tag,
                                           .fcl_commit     = c->fcl_commit,
                                           .rules          = c->cfg.rules,
                                           .terms          = {.executor     = stage_role_cfg(w, s->name)->executor,
                                                              .folder       = w->folder,
                                                              .outputs      = outputs.text,
                                                              .only         = only.text,
                                                              .store        = cfg->to_store ? c->cfg.store : "",
                                                              .kind         = w->stage->kind,
                                                              .fills        = cfg->fills,
                                                              .launches     = cfg->launches,
                                                              .max_attempts = cfg->max_attempts}};
    if (!rc) rc = ledger_note_version(w->catalogue, s, &version);
    sql_free(&outputs);
    sql_free(&only);
    return rc;
}
