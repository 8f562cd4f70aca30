/* The command line of a job. */
#include "stage_command.h"

#include "campaign_internal.h"
#include "mem.h"
#include "stage_next.h"
#include "stage_units.h"
#include "stage_whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum err add(struct stage_command *c, const char *name, const char *value)
{
    REQUIRE(c->n + 2 <= STAGE_MAX_ARGS, ERR_CONFIG, "more than %d settings", STAGE_MAX_ARGS / 2 - 10);
    c->argv[c->n++] = name;
    if (value) c->argv[c->n++] = value;
    c->argv[c->n] = NULL;
    return ERR_OK;
}

static enum err add_labels(struct stage_command *c)
{
    const char *const label[] = {c->labels.fcl_commit, c->labels.campaign, c->labels.stage, c->labels.submission};
    for (size_t i = 0; i < sizeof label / sizeof label[0]; i++) TRY(add(c, "--metadata", label[i]));
    return ERR_OK;
}

/* gm2 calib: its products bear the name of the files that they are made of. */
static enum err calib_line(const struct stage_work *w, struct stage_command *c)
{
    const struct campaign_stage_cfg *cfg = &w->stage->cfg;
    int n                                = 0;
    for (size_t i = 0; i < cfg->only.n; i++) {
        n += snprintf(c->only + n, sizeof c->only - (size_t)n, "%s%s", i ? "," : "", cfg->only.value[i]);
        REQUIRE((size_t)n < sizeof c->only, ERR_CONFIG, "only: too many calibrations");
    }
    TRY(add(c, "calib", NULL));
    TRY(add(c, "-S", c->list));
    TRY(add(c, "--product", c->output));
    TRY(add(c, "-o", c->page));
    TRY(add(c, "--only", c->only));
    TRY(add(c, "--process-name", w->stage->name));
    TRY(add(c, "--db", cfg->conditions));
    TRY(add(c, "--tag", cfg->tag));
    if (*cfg->from_tag) TRY(add(c, "--from-tag", cfg->from_tag));
    if (cfg->open_end) TRY(add(c, "--open-end", NULL));
    TRY(add_labels(c));
    return cfg->freeze ? add(c, "--freeze", NULL) : ERR_OK;
}

static enum err send_config(const struct stage_work *w, const struct campaign_stage_cfg *cfg, const char *folder,
                            struct stage_command *c)
{
    const struct strs *own = &cfg->set;
    const char *set[STAGE_MAX_ARGS];
    size_t n = 0;
    REQUIRE(own->n + 1 < STAGE_MAX_ARGS, ERR_CONFIG, "more than %d settings", STAGE_MAX_ARGS);
    for (; n < own->n; n++) set[n] = own->value[n];
    if (w->stage->kind == CAMPAIGN_MERGE) set[n++] = c->process;
    return stage_send_config(w, folder, n, set, c->config);
}

/* Another launch of a simulation has fills and subruns of its own. What is only shown (without a number) sends nothing. */
static enum err job_line(const struct stage_work *w, const struct ledger_submission *s, const char *folder,
                         struct stage_command *c)
{
    const struct campaign_stage_cfg *cfg = stage_role_cfg(w, s->name);
    bool is_simulation = stage_work_is_simulation(w), is_sent = stage_send_is_wanted(w) && s->id;
    int64_t launch = 0;
    if (is_simulation) TRY(stage_units_number(w, s, &launch));
    snprintf(c->skip, sizeof c->skip, "%" PRId64, launch * cfg->fills);
    if (is_sent) TRY(send_config(w, cfg, folder, c));
    TRY(add(c, "-c", is_sent ? c->config : cfg->config));
    TRY(add(c, "-o", c->output));
    TRY(add(c, is_simulation ? "-n" : "-S", is_simulation ? c->fills : c->list));
    if (launch) TRY(add(c, "--nskip", c->skip));
    /* raw files that are simulated bear no other word of the version */
    if (w->stage->kind != CAMPAIGN_MERGE) TRY(add(c, "--raw-tag", w->digest));
    if (w->stage->kind == CAMPAIGN_MERGE && !is_sent) TRY(add(c, "--set", c->process));
    for (size_t i = 0; i < cfg->set.n && !is_sent; i++) TRY(add(c, "--set", cfg->set.value[i]));
    return add_labels(c);
}

static enum err name_plain(const struct stage_work *w, const struct ledger_submission *s, char *out, size_t room)
{
    char products[STAGE_MAX_PATH + 32], stem[STAGE_UNITS_STEM];
    int64_t launch = 0;
    TRY(stage_units_products(w, s, products));
    if (stage_work_is_simulation(w)) TRY(stage_units_number(w, s, &launch));
    stage_units_stem(w, launch, stem);
    snprintf(out, room, "%.1800s/%s.h5", products, stem);
    return ERR_OK;
}

/* Options of the executor's own. */
static enum err add_options(const struct stage_work *w, const struct campaign_stage_cfg *cfg, struct stage_command *c)
{
    const struct strs *given = campaign_batch_options(cfg);
    bool is_slurm = strcmp(cfg->executor, "slurm") == 0, is_condor = strcmp(cfg->executor, "condor") == 0;
    int64_t memory_mb;
    REQUIRE(given->n < STAGE_MAX_OPTIONS, ERR_CONFIG, "more than %d options of the batch system",
            STAGE_MAX_OPTIONS - 1);
    c->n_options = 0;
    TRY(stage_memory(w, cfg, &memory_mb));
    snprintf(c->memory, sizeof c->memory, is_slurm ? "--mem-per-cpu=%" PRId64 "M" : "request_memory = %" PRId64 "MB",
             memory_mb);
    if (memory_mb > 0 && (is_slurm || is_condor)) c->option[c->n_options++] = c->memory;
    for (size_t i = 0; i < given->n; i++) c->option[c->n_options++] = given->value[i];
    return ERR_OK;
}

/* Names of files are for ever: those of another version, and of another set of inputs, differ. */
static enum err name_output(const struct stage_work *w, const struct ledger_submission *s, const char *folder,
                            char *out, size_t room)
{
    char stem[200];
    int64_t *ids;
    size_t n;
    if (!campaign_is_whole(w->stage)) return name_plain(w, s, out, room);
    TRY(ledger_files(w->catalogue, s->id, &ids, &n));
    enum err rc = stage_whole_stem(w, ids, n, stem);
    mem_free(ids);
    snprintf(out, room, "%s/products/%s%s", folder, rc ? "" : stem, w->stage->kind == CAMPAIGN_MERGE ? ".h5" : "");
    return rc;
}

enum err stage_command(const struct stage_work *w, const struct ledger_submission *s, const char *folder,
                       struct stage_command *c)
{
    c->n = 0;
    snprintf(c->list, sizeof c->list, "%s/list.txt", folder);
    snprintf(c->page, sizeof c->page, "%s/page", folder);
    snprintf(c->setup, sizeof c->setup, "%s/setup.sh", folder);
    snprintf(c->fills, sizeof c->fills, "%" PRId64, w->stage->cfg.fills);
    snprintf(c->process, sizeof c->process, CAMPAIGN_PROCESS_NAME, w->stage->name);
    stage_send_labels(w, s, &c->labels);
    TRY(name_output(w, s, folder, c->output, sizeof c->output));
    const struct campaign_stage_cfg *cfg = stage_role_cfg(w, s->name);
    TRY(add_options(w, cfg, c));
    if (cfg->setup.n) TRY(add(c, "/bin/bash", c->setup));
    TRY(add(c, w->campaign->program.path, NULL));
    return w->stage->kind == CAMPAIGN_CALIB ? calib_line(w, c) : job_line(w, s, folder, c);
}
