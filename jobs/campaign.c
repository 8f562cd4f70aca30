/* Reading a campaign's description. */
#include "campaign_internal.h"

#include "calib_identity.h"
#include "campaign_ini.h"
#include "campaign_layers.h"
#include "executor.h"
#include "job.h"
#include "mem.h"
#include "sha1.h"
#include "sql.h"
#include "stage_gate.h"

#include <stdio.h>
#include <string.h>

static enum err check_word(const char *what, const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-");
    REQUIRE(n > 0 && !word[n] && n <= 100 && word[0] != '.' && word[0] != '-', ERR_CONFIG,
            "%s \"%.80s\": 1 to 100 letters, digits, _ . - are accepted, neither . nor - first", what, word);
    return ERR_OK;
}

/* ---- one stage ----------------------------------------------------------------------------------------------------- */
static enum err identify_calib(const char *name, const struct campaign_stage_cfg *cfg, char id[41])
{
    REQUIRE(!*cfg->config && !cfg->set.n, ERR_CONFIG, "stage %s: gm2 calib takes no config and no set", name);
    REQUIRE(cfg->only.n > 0, ERR_CONFIG, "stage %s: only is empty; name the calibrations ('gm2 calib --help')", name);
    for (size_t i = 0; i < cfg->only.n; i++) TRY(check_word("only", cfg->only.value[i]));
    REQUIRE(*cfg->conditions && *cfg->tag, ERR_CONFIG, "stage %s: gm2 calib needs conditions and tag", name);
    return calib_identity(&(struct calib_choice){.stage       = name,
                                                 .n_only      = cfg->only.n,
                                                 .only        = cfg->only.value,
                                                 .tag         = cfg->tag,
                                                 .from_tag    = cfg->from_tag,
                                                 .is_open_end = cfg->open_end},
                          id);
}

/* Two stages that merge alike are told apart by the name, as nothing in what they make does it. */
static enum err identify_job(const struct program *p, const char *name, const struct campaign_stage_cfg *cfg,
                             bool is_strict, struct job_identity *id)
{
    char process[128];
    const char **set;
    struct job_options options = {.config = cfg->config, .n_fills = -1, .n_set = cfg->set.n, .set = cfg->set.value};
    REQUIRE(*cfg->config, ERR_CONFIG, "stage %s has no config", name);
    TRY(program_identify(p, &options, is_strict, id));
    if (!id->is_merge) return ERR_OK;
    snprintf(process, sizeof process, CAMPAIGN_PROCESS_NAME, name);
    TRY(mem_alloc(&set, cfg->set.n + 1, sizeof *set));
    for (size_t i = 0; i < cfg->set.n; i++) set[i] = cfg->set.value[i];
    set[cfg->set.n] = process;
    options.set     = set;
    options.n_set   = cfg->set.n + 1;
    enum err rc     = program_identify(p, &options, false, id);
    mem_free((void *)set);
    return rc;
}

static enum err find_version(const struct program *p, const char *name, const struct campaign_stage_cfg *cfg,
                             bool is_strict, enum campaign_kind *kind, struct version_key *out)
{
    struct job_identity id = {.config_id = ""};
    bool is_calib          = strcmp(cfg->run, "calib") == 0;
    enum err rc = is_calib ? identify_calib(name, cfg, id.config_id) : identify_job(p, name, cfg, is_strict, &id);
    if (rc) return err_context(rc, "stage %s", name);
    *kind = is_calib         ? CAMPAIGN_CALIB
            : id.is_merge    ? CAMPAIGN_MERGE
            : cfg->fills > 0 ? CAMPAIGN_SIMULATION
                             : CAMPAIGN_FILES;
    memcpy(out->release, p->release, sizeof out->release);
    memcpy(out->git_commit, p->git_commit, sizeof out->git_commit);
    memcpy(out->config_id, id.config_id, sizeof out->config_id);
    memcpy(out->conditions_tag, id.conditions_tag, sizeof out->conditions_tag);
    return ERR_OK;
}

static enum err check_stage(const struct campaign_stage *s, const char *where, bool has_input)
{
    enum split_type t = s->split.type;
    bool is_single    = (t == SPLIT_NFILES || t == SPLIT_DRAININGN || t == SPLIT_LIMITN) && s->split.n == 1;
    REQUIRE(
        !campaign_is_whole(s) || is_single || t == SPLIT_NONE || t == SPLIT_DRAINING || t == SPLIT_BYRUN ||
            t == SPLIT_BYEXISTINGRUNS,
        ERR_CONFIG,
        "%s.split: %s: such a job takes the whole dataset (draining), all of a run (byexistingruns, byrun), or each "
        "file alone (nfiles(1))",
        where, s->cfg.split);
    REQUIRE(!campaign_is_whole(s) || !s->cfg.outputs.n, ERR_CONFIG,
            "%s.outputs: such a job has one product of all its inputs, or one a calibration", where);
    REQUIRE(!s->cfg.freeze || t == SPLIT_NONE || t == SPLIT_DRAINING, ERR_CONFIG,
            "%s.freeze: constants of several submissions come under one tag; freeze it by hand (gm2 cond tag)", where);
    REQUIRE(!campaign_is_whole(s) || has_input, ERR_CONFIG, "%s: fills are for a simulation", where);
    for (size_t k = 0; k < s->cfg.outputs.n; k++)
        REQUIRE(*s->cfg.outputs.value[k] && !strchr(s->cfg.outputs.value[k], '\''), ERR_CONFIG,
                "%s.outputs: \"%s\": a name with %% in it is wanted", where, s->cfg.outputs.value[k]);
    return ERR_OK;
}

static enum err expand_dataset(const struct campaign *c, struct campaign_stage *s)
{
    if (s->kind != CAMPAIGN_SIMULATION) TRY(campaign_find_dataset(c, s));
    return s->test ? expand_dataset(c, s->test) : ERR_OK;
}

static const char *const beside[] = {"group", "test", "recovery", "kind", NULL}; /* of campaign_layers() */

/* A recovery changes how a job runs, never what it makes: else its products would be another version's. */
static enum err read_recovery(const struct fhicl *table, const struct program *program, bool is_strict,
                              struct campaign_stage *s)
{
    static const char *const names[N_RECOVERY_KINDS] = {[RECOVERY_PENDING_FILES]          = "pending_files",
                                                        [RECOVERY_CONSUMED_STATUS]        = "consumed_status",
                                                        [RECOVERY_PROCESS_STATUS]         = "process_status",
                                                        [RECOVERY_ADDED_FILES]            = "added_files",
                                                        [RECOVERY_DELIVERED_NOT_CONSUMED] = "delivered_not_consumed"};
    struct campaign_recovery *r                      = &s->recovery[s->n_recoveries];
    const char *kind;
    struct version_key version;
    enum campaign_kind unused;
    int k = 0;
    TRY(cfg_read(campaign_stage_cfg_fields, table, s->name, beside, &r->cfg));
    s->n_recoveries++;
    TRY(fhicl_as_string(fhicl_get(table, "kind"), "recoveries", &kind));
    while (k < N_RECOVERY_KINDS && strcmp(kind, names[k]) != 0) k++;
    REQUIRE(k < N_RECOVERY_KINDS, ERR_CONFIG,
            "stage %s: there is no recovery \"%s\" (%s); there are pending_files, consumed_status, process_status, "
            "added_files, delivered_not_consumed",
            s->name, kind, fhicl_origin(fhicl_get(table, "kind")));
    r->kind = (enum campaign_recovery_kind)k;
    TRY(find_version(program, s->name, &r->cfg, is_strict, &unused, &version));
    REQUIRE(strcmp(version.config_id, s->version.config_id) == 0, ERR_CONFIG,
            "stage %s: its recovery %s (%s) changes what the jobs make; it may change how they run: memory, ranks, "
            "executor, ...",
            s->name, kind, fhicl_origin(fhicl_get(table, "kind")));
    return ERR_OK;
}

const struct strs *campaign_batch_options(const struct campaign_stage_cfg *cfg)
{
    return strcmp(cfg->executor, "condor") == 0 ? &cfg->condor : &cfg->sbatch;
}

static enum err read_stage(const struct fhicl *table, const struct program *program, bool is_strict,
                           struct campaign_stage *s);

static enum err read_variants(const struct fhicl *table, const struct program *program, bool is_strict,
                              struct campaign_stage *s)
{
    const struct fhicl *recovery = fhicl_get(table, "recovery"), *test = fhicl_get(table, "test");
    if (recovery) TRY(mem_alloc(&s->recovery, fhicl_size(recovery), sizeof *s->recovery));
    for (size_t i = 0; recovery && i < fhicl_size(recovery); i++)
        TRY(read_recovery(fhicl_at(recovery, i), program, is_strict, s));
    REQUIRE(!campaign_is_whole(s) || (!s->n_recoveries && !s->cfg.canary), ERR_CONFIG,
            "stage %s takes whole groups of files: recoveries and canary are for stages that take files one by one",
            s->name);
    if (!test) return ERR_OK;
    TRY(mem_alloc(&s->test, 1, sizeof *s->test));
    enum err rc         = read_stage(test, program, is_strict, s->test);
    s->test->cfg.canary = 0; /* a test is one itself */
    return rc ? err_context(rc, "test of stage %s", s->name) : ERR_OK;
}

static enum err read_times(struct campaign_stage *s, const char *where, const struct fhicl *origin)
{
    enum err rc = stage_gate_time(s->cfg.at, &s->at_s);
    if (!rc) rc = stage_gate_interval(s->cfg.every, &s->every_s);
    if (rc) return err_context(rc, "%s (%s)", where, fhicl_origin(origin));
    REQUIRE(s->cfg.launches == 1 || s->cfg.fills > 0, ERR_CONFIG, "%s (%s): launches are of a simulation; give fills",
            where, fhicl_origin(origin));
    REQUIRE(s->cfg.fills > 0 || strcmp(s->cfg.stage_type, "generator") != 0, ERR_CONFIG,
            "%s (%s): a generator needs fills", where, fhicl_origin(origin));
    return ERR_OK;
}

static enum err check_approval(struct campaign_stage *s, const char *where, const struct fhicl *origin, bool has_input)
{
    REQUIRE(!has_input && !s->cfg.fills && s->cfg.needs.n, ERR_CONFIG,
            "%s (%s): an approval has needs, and neither dataset nor fills", where, fhicl_origin(origin));
    s->made = mem_string("file_id 0"); /* nothing */
    return s->made ? ERR_OK : ERR_MEMORY;
}

static enum err read_stage(const struct fhicl *table, const struct program *program, bool is_strict,
                           struct campaign_stage *s)
{
    char where[128];
    const struct fhicl *name = fhicl_get(table, "name");
    TRY(fhicl_as_string(name, "name", &s->name));
    TRY(check_word("stage", s->name));
    snprintf(where, sizeof where, "stages.%.100s", s->name);
    TRY(cfg_read(campaign_stage_cfg_fields, table, where, beside, &s->cfg));
    s->group = s->name;
    if (fhicl_get(table, "group")) TRY(fhicl_as_string(fhicl_get(table, "group"), "group", &s->group));
    bool has_input = *s->cfg.dataset || s->cfg.datasets.n || s->cfg.file_patterns.n;
    TRY(read_times(s, where, name));
    if (strcmp(s->cfg.stage_type, "approval") == 0) return check_approval(s, where, name, has_input);
    REQUIRE((s->cfg.fills > 0) != has_input, ERR_CONFIG,
            "%s (%s) must have either a dataset (or datasets, or file_patterns), or fills for a simulation", where,
            fhicl_origin(name));
    const struct executor *executor;
    enum err rc                = executor_find(s->cfg.executor, &executor);
    const struct strs *options = rc ? NULL : campaign_batch_options(&s->cfg);
    if (!rc && executor->check) rc = executor->check(options->value, options->n);
    if (rc) return err_context(rc, "%s", where);
    rc = split_parse(s->cfg.split, &s->split);
    if (rc) return err_context(rc, "%s.split", where);
    TRY(find_version(program, s->name, &s->cfg, is_strict, &s->kind, &s->version));
    TRY(check_stage(s, where, has_input));
    TRY(campaign_find_made(s));
    return read_variants(table, program, is_strict, s);
}

/* What is approved are versions: when one of them changes, it is asked for again. */
static enum err find_approved(struct campaign *c)
{
    for (size_t k = 0; k < c->n_stages; k++) {
        struct campaign_stage *s = &c->stage[c->order[k]];
        struct sql all           = {0};
        enum err rc              = ERR_OK;
        if (strcmp(s->cfg.stage_type, "approval") != 0) continue;
        for (size_t i = 0; i < s->n_needs && !rc; i++)
            rc = sql_add(&all, "%s ", c->stage[s->need[i]].version.config_id);
        if (!rc) sha1_hex(all.text, all.n, s->version.config_id);
        sql_free(&all);
        TRY(rc);
    }
    return ERR_OK;
}

/* Two items that make the same of nothing would be one. */
static enum err check_simulations(const struct campaign *c)
{
    for (size_t i = 0; i < c->n_stages; i++)
        for (size_t k = 0; k < i && c->stage[i].cfg.fills > 0; k++)
            REQUIRE(c->stage[k].cfg.fills == 0 || strcmp(c->stage[i].group, c->stage[k].group) != 0 ||
                        strcmp(c->stage[i].version.config_id, c->stage[k].version.config_id) != 0,
                    ERR_CONFIG, "stages %s and %s simulate the same; put %%(item)s into their settings",
                    c->stage[k].name, c->stage[i].name);
    return ERR_OK;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */
static enum err check_top(const struct fhicl *document)
{
    static const char *const known[] = {"campaign", "keywords", "logins", "job_types", "defaults", "stages"};
    enum { N_KNOWN = sizeof known / sizeof known[0] };
    for (size_t i = 0; i < fhicl_size(document); i++) {
        size_t k = 0;
        while (k < N_KNOWN && strcmp(fhicl_key(document, i), known[k]) != 0) k++;
        REQUIRE(
            k < N_KNOWN, ERR_CONFIG,
            "unknown key \"%s\" (%s); a campaign has the tables campaign, keywords, logins, job_types, defaults and "
            "stages",
            fhicl_key(document, i), fhicl_origin(fhicl_at(document, i)));
    }
    return ERR_OK;
}

static enum err read_all(struct campaign *c, bool is_strict)
{
    TRY(check_top(c->document));
    TRY(cfg_read(campaign_cfg_fields, fhicl_get(c->document, "campaign"), "campaign", NULL, &c->cfg));
    TRY(check_word("campaign.name", c->cfg.name));
    TRY(campaign_check_paths(&c->cfg));
    TRY(program_ask(c->cfg.gm2, &c->program));
    TRY(campaign_layers(c->document, c->program.release, &c->merged));
    size_t n = fhicl_size(c->merged);
    REQUIRE(n <= CAMPAIGN_MAX_STAGES, ERR_CONFIG, "%zu stages; at most %d are accepted", n, CAMPAIGN_MAX_STAGES);
    TRY(mem_alloc(&c->stage, n, sizeof *c->stage));
    for (size_t i = 0; i < n; i++) {
        c->n_stages++;
        TRY(read_stage(fhicl_at(c->merged, i), &c->program, is_strict, &c->stage[i]));
        for (size_t k = 0; k < i; k++)
            REQUIRE(strcmp(c->stage[k].name, c->stage[i].name) != 0, ERR_CONFIG, "two stages are called %s",
                    c->stage[i].name);
    }
    for (size_t i = 0; i < n; i++) TRY(campaign_find_needs(c, i));
    TRY(campaign_find_order(c));
    TRY(find_approved(c));
    TRY(check_simulations(c));
    for (size_t i = 0; i < n; i++) {
        REQUIRE(!c->stage[i].cfg.to_store || *c->cfg.store, ERR_CONFIG, "stage %s: to_store needs campaign.store",
                c->stage[i].name);
        TRY(expand_dataset(c, &c->stage[i]));
    }
    return fhicl_canonical(c->document, &c->text);
}

enum err campaign_read(const char *path, bool is_strict, struct campaign **out)
{
    struct campaign *c;
    *out = NULL;
    TRY(mem_alloc(&c, 1, sizeof *c));
    enum err rc = campaign_document(path, &c->document);
    if (!rc) {
        rc = read_all(c, is_strict);
        if (rc) rc = err_context(rc, "%s", path);
    }
    if (rc) {
        campaign_free(c);
        return rc;
    }
    *out = c;
    return ERR_OK;
}

static void free_stage(struct campaign_stage *s)
{
    cfg_free(campaign_stage_cfg_fields, &s->cfg);
    for (size_t i = 0; i < s->n_recoveries; i++) cfg_free(campaign_stage_cfg_fields, &s->recovery[i].cfg);
    if (s->test) free_stage(s->test);
    mem_free(s->test);
    mem_free(s->recovery);
    for (size_t i = 0; i < s->n_parts; i++) mem_free(s->part[i]);
    mem_free(s->part);
    mem_free(s->made);
    mem_free(s->dataset);
    mem_free(s->need);
}

bool campaign_is_production(const struct campaign *c) { return strcmp(c->cfg.rules, "production") == 0; }

void campaign_free(struct campaign *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n_stages; i++) free_stage(&c->stage[i]);
    cfg_free(campaign_cfg_fields, &c->cfg);
    mem_free(c->stage);
    mem_free(c->order);
    mem_free(c->text);
    fhicl_free(c->merged);
    fhicl_free(c->document);
    mem_free(c);
}
