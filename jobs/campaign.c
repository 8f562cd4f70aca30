/* Reading a campaign's description. */
#include "campaign.h"

#include "dimension.h"
#include "job.h"
#include "mem.h"
#include "sql.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

enum { MAX_STAGES = 100 };

void campaign_example(void)
{
    puts(
        "# A campaign: gm2 campaign start DB THIS_FILE, then gm2 campaign step DB NAME, again and again (cron, or "
        "--loop).\n"
        "# What a stage has to do is what its dataset has and the catalogue does not show as done; so nothing is done "
        "twice.\n"
        "campaign: {\n"
        "  name: mdc1\n"
        "  output: \"/data/prod/mdc1\"       # each submission has a folder of its own in it\n"
        "}\n"
        "stages: {\n"
        "  generate: {                     # no dataset: a simulation; its raw files and clusters go to the catalogue\n"
        "    config: \"mdc1.fcl\"\n"
        "    fills: 100\n"
        "    set: [\"outputs.raw.max_subruns=-1\", \"services.scheduler.units_per_shard=1\"]\n"
        "  }\n"
        "  reconstruct: {\n"
        "    needs: [generate]\n"
        "    config: \"reco.fcl\"\n"
        "    dataset: \"%(stage.generate)s and data_tier raw\"   # SAM's language: gm2 files --help\n"
        "    split: \"nfiles(5)\"            # five files a submission; byrun(low=..,high=..), mod(n), new(window=1d), "
        "...\n"
        "    max_submissions: 2            # at the same time\n"
        "    max_attempts: 3               # at a file, then it waits for a human (parked)\n"
        "  }\n"
        "}");
}

static enum err check_word(const char *what, const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    REQUIRE(n > 0 && !word[n] && n <= 60 && word[0] != '.' && word[0] != '-', ERR_CONFIG,
            "%s \"%.80s\": 1 to 60 letters, digits, _ . - are accepted, neither . nor - first", what, word);
    return ERR_OK;
}

/* ---- order --------------------------------------------------------------------------------------------------------- */
static enum err find_needs(struct campaign *c, size_t index)
{
    struct campaign_stage *s = &c->stage[index];
    TRY(mem_alloc(&s->need, s->cfg.needs.n + 1, sizeof *s->need));
    for (size_t i = 0; i < s->cfg.needs.n; i++) {
        size_t k = 0;
        while (k < c->n_stages && strcmp(c->stage[k].name, s->cfg.needs.value[i]) != 0) k++;
        REQUIRE(k < c->n_stages, ERR_CONFIG, "stage %s needs \"%s\", which is no stage", s->name,
                s->cfg.needs.value[i]);
        REQUIRE(k != index, ERR_CONFIG, "stage %s needs itself", s->name);
        s->need[s->n_needs++] = k;
    }
    return ERR_OK;
}

/* A stage that can come next has all it needs before it; when none can, they go round. */
static enum err find_order(struct campaign *c)
{
    bool is_done[MAX_STAGES] = {false};
    size_t n_done            = 0;
    TRY(mem_alloc(&c->order, c->n_stages, sizeof *c->order));
    while (n_done < c->n_stages) {
        const char *stuck = NULL;
        size_t n_before   = n_done;
        for (size_t i = 0; i < c->n_stages; i++) {
            bool is_ready = !is_done[i];
            for (size_t k = 0; k < c->stage[i].n_needs; k++) is_ready = is_ready && is_done[c->stage[i].need[k]];
            if (!is_done[i] && !is_ready) stuck = c->stage[i].name;
            if (!is_ready) continue;
            c->order[n_done++] = i;
            is_done[i]         = true;
        }
        REQUIRE(n_done > n_before, ERR_CONFIG, "stages need one another in a circle, %s among them", stuck);
    }
    return ERR_OK;
}

/* ---- one stage ----------------------------------------------------------------------------------------------------- */
static enum err find_config_id(struct campaign_stage *s, bool is_strict)
{
    struct job_options options = {
        .config = s->cfg.config, .n_fills = -1, .n_set = s->cfg.set.n, .set = s->cfg.set.value};
    REQUIRE(*s->cfg.config, ERR_CONFIG, "stage %s has no config", s->name);
    enum err rc = job_check(&options, is_strict, s->config_id);
    return rc ? err_context(rc, "stage %s", s->name) : ERR_OK;
}

/* What a stage has made: by configuration and release, so that another version starts anew beside the old. */
static enum err put_stage(const struct campaign *c, const char *name, size_t n, struct sql *out)
{
    for (size_t i = 0; i < c->n_stages; i++) {
        const struct campaign_stage *s = &c->stage[i];
        if (strlen(s->name) != n || strncmp(s->name, name, n) != 0) continue;
        return sql_add(out, "(gm2.fcl_hash %s and version '%s')", s->config_id, version_release);
    }
    FAIL(ERR_CONFIG, "%%(stage.%.*s)s: there is no such stage", (int)n, name);
}

static enum err expand_dataset(const struct campaign *c, struct campaign_stage *s)
{
    struct sql out           = {0};
    struct dimension *parsed = NULL;
    enum err rc              = ERR_OK;
    const char *at           = s->cfg.dataset;
    while (*at && !rc) {
        const char *mark = strstr(at, "%("), *end = mark ? strstr(mark, ")s") : NULL;
        rc = sql_add(&out, "%.*s", (int)(mark ? mark - at : (ptrdiff_t)strlen(at)), at);
        if (!mark || rc) break;
        if (strncmp(mark, "%(stage.", 8) != 0 || !end)
            rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "dataset: after %%( only stage.NAME)s is known: %.40s", mark);
        else
            rc = put_stage(c, mark + 8, (size_t)(end - mark - 8), &out);
        at = end ? end + 2 : at;
    }
    if (!rc) rc = dimension_parse(out.text, &parsed);
    dimension_free(parsed);
    if (!rc) {
        s->dataset = mem_string(out.text);
        rc         = s->dataset ? ERR_OK : ERR_MEMORY;
    }
    sql_free(&out);
    return rc ? err_context(rc, "stage %s", s->name) : ERR_OK;
}

static enum err read_stage(const struct fhicl *stages, size_t i, bool is_strict, struct campaign_stage *s)
{
    char where[128];
    s->name = fhicl_key(stages, i);
    TRY(check_word("stage", s->name));
    snprintf(where, sizeof where, "stages.%s", s->name);
    TRY(cfg_read(campaign_stage_cfg_fields, fhicl_at(stages, i), where, NULL, &s->cfg));
    bool is_simulation = s->cfg.fills > 0;
    REQUIRE(is_simulation != (*s->cfg.dataset != 0), ERR_CONFIG,
            "%s (%s) must have either a dataset, or fills for a simulation", where, fhicl_origin(fhicl_at(stages, i)));
    enum err rc = split_parse(s->cfg.split, &s->split);
    if (rc) return err_context(rc, "%s.split", where);
    REQUIRE(s->split.type != SPLIT_LIST && s->split.type != SPLIT_MULTIPARAM, ERR_CONFIG,
            "%s.split: %s names datasets; a stage of files wants another type", where, s->cfg.split);
    return find_config_id(s, is_strict);
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */
static enum err check_top(const struct fhicl *document)
{
    for (size_t i = 0; i < fhicl_size(document); i++)
        REQUIRE(strcmp(fhicl_key(document, i), "campaign") == 0 || strcmp(fhicl_key(document, i), "stages") == 0,
                ERR_CONFIG, "unknown key \"%s\" (%s); a campaign has the tables campaign and stages",
                fhicl_key(document, i), fhicl_origin(fhicl_at(document, i)));
    return ERR_OK;
}

static enum err read_all(struct campaign *c, bool is_strict)
{
    const struct fhicl *stages = fhicl_get(c->document, "stages");
    TRY(check_top(c->document));
    TRY(cfg_read(campaign_cfg_fields, fhicl_get(c->document, "campaign"), "campaign", NULL, &c->cfg));
    TRY(check_word("campaign.name", c->cfg.name));
    REQUIRE(c->cfg.output[0] == '/', ERR_CONFIG, "campaign.output \"%s\": an absolute path is wanted", c->cfg.output);
    REQUIRE(stages && fhicl_kind(stages) == FHICL_TABLE && fhicl_size(stages) > 0, ERR_CONFIG,
            "there is no table stages");
    size_t n = fhicl_size(stages);
    REQUIRE(n <= MAX_STAGES, ERR_CONFIG, "%zu stages; at most %d are accepted", n, MAX_STAGES);
    TRY(mem_alloc(&c->stage, n, sizeof *c->stage));
    for (size_t i = 0; i < n; i++) {
        c->n_stages++;
        TRY(read_stage(stages, i, is_strict, &c->stage[i]));
    }
    for (size_t i = 0; i < n; i++) TRY(find_needs(c, i));
    TRY(find_order(c));
    for (size_t i = 0; i < n; i++)
        if (*c->stage[i].cfg.dataset) TRY(expand_dataset(c, &c->stage[i]));
    return fhicl_canonical(c->document, &c->text);
}

enum err campaign_read(const char *path, bool is_strict, struct campaign **out)
{
    struct campaign *c;
    *out = NULL;
    TRY(mem_alloc(&c, 1, sizeof *c));
    enum err rc = fhicl_read(path, &c->document);
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

void campaign_free(struct campaign *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n_stages; i++) {
        cfg_free(campaign_stage_cfg_fields, &c->stage[i].cfg);
        mem_free(c->stage[i].dataset);
        mem_free(c->stage[i].need);
    }
    cfg_free(campaign_cfg_fields, &c->cfg);
    mem_free(c->stage);
    mem_free(c->order);
    mem_free(c->text);
    fhicl_free(c->document);
    mem_free(c);
}
