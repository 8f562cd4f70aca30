/* The stages of an .ini, their defaults and what they need. */
#include "campaign_ini_internal.h"
#include "campaign_words.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* POMS's key, ours, and what None says where the defaults say something else (NULL: that cannot be said). */
static const struct plain {
    const char *key, *name, *none;
} plain[] = {{"cs_split_type", "split", "\"draining\""},
             {"completion_type", "completion_type", "\"located\""},
             {"completion_pct", "completion_pct", "100"},
             {"stage_type", "stage_type", "\"regular\""},
             {"login_setup", "login", NULL},
             {"job_type", "job_type", NULL}};
enum { N_PLAIN = sizeof plain / sizeof plain[0] };

static const char *value_of(const struct ini_section *section, const char *key)
{
    const struct ini_key *k = ini_key(section, key);
    return k && !campaign_ini_is_none(k->value) ? k->value : NULL;
}

/* A stage's own, also if it is None, else that of the defaults. */
static const struct ini_key *key_of(const struct ini_translation *t, const struct ini_stage *s, const char *key)
{
    const struct ini_key *own = ini_key(s->section, key);
    return own ? own : ini_key(ini_section(t->ini, "campaign_defaults"), key);
}

static bool is_said(const struct ini_key *key) { return key && !campaign_ini_is_none(key->value); }

static enum err check_split(const struct ini_translation *t, const struct ini_place *p)
{
    struct split split;
    if (strstr(p->key->value, "%(")) return ERR_OK;
    enum err rc = split_parse(p->key->value, &split);
    return rc ? err_context(rc, "%s:%zu: [%s] %s", t->ini->file, p->key->line, p->section->name, p->key->name) : ERR_OK;
}

static enum err read_plain(struct ini_translation *t, const struct ini_place *p, const struct plain *one, bool is_stage)
{
    const char *value = p->key->value;
    char *end;
    if (campaign_ini_is_none(value)) {
        if (!is_stage || !value_of(ini_section(t->ini, "campaign_defaults"), one->key)) return ERR_OK;
        if (!one->none) INI_BAD(t, p, "%s", "None cannot take back what [campaign_defaults] say; take it out there");
        return campaign_ini_bind(t, p, one->name, one->none);
    }
    if (strcmp(one->name, "split") == 0) TRY(check_split(t, p));
    if (strcmp(one->name, "completion_pct") != 0) return campaign_ini_bind_text(t, p, one->name, value);
    double percent = strtod(value, &end);
    if (*end || end == value || !(percent > 0 && percent <= 100))
        INI_BAD(t, p, "\"%s\": more than 0 and at most 100 %% is wanted", value);
    return campaign_ini_bind(t, p, one->name, value);
}

static enum err read_bool(const struct ini_translation *t, const struct ini_place *p, const char **out)
{
    static const char *const words[][2] = {{"True", "true"},   {"true", "true"},   {"1", "true"},
                                           {"False", "false"}, {"false", "false"}, {"0", "false"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        *out = words[i][1];
        if (strcmp(p->key->value, words[i][0]) == 0) return ERR_OK;
    }
    INI_BAD(t, p, "\"%s\": True or False is wanted", p->key->value);
}

static enum err read_test(struct ini_translation *t, const struct ini_place *p)
{
    char path[140];
    snprintf(path, sizeof path, "%s.test", p->path);
    return campaign_ini_parameters(t, &(struct ini_place){p->section, p->key, path});
}

/* Keys that POMS has and that have no part in a job of ours are looked at, so that none is a wish that is not heard. */
static enum err check_other(const struct ini_translation *t, const struct ini_place *p)
{
    const char *key = p->key->name, *value = p->key->value, *unused;
    if (strcmp(key, "output_ancestor_depth") == 0 && strcmp(value, "1") != 0)
        INI_BAD(t, p, "\"%s\": products are children of their input; 1 is accepted", value);
    if (strcmp(key, "default_clear_cronjob") == 0) return read_bool(t, p, &unused);
    if (strcmp(key, "vo_role") == 0 && strcasecmp(value, "production") != 0 && strcasecmp(value, "analysis") != 0)
        INI_BAD(t, p, "\"%s\": there are Production and Analysis", value);
    return ERR_OK;
}

enum err campaign_ini_stage_key(struct ini_translation *t, const struct ini_place *p, const struct ini_stage *stage)
{
    static const char *const known[] = {
        "vo_role",        "software_version", "dataset_or_split_data", "cs_split_type",         "completion_type",
        "completion_pct", "param_overrides",  "test_param_overrides",  "merge_overrides",       "login_setup",
        "job_type",       "stage_type",       "output_ancestor_depth", "default_clear_cronjob", NULL};
    const char *key = p->key->name, *expression;
    bool is_own     = false;
    TRY(campaign_ini_own_key(t, p, campaign_stage_cfg_fields, &is_own));
    if (is_own) return ERR_OK;
    for (size_t i = 0; i < N_PLAIN; i++)
        if (strcmp(key, plain[i].key) == 0) return read_plain(t, p, &plain[i], stage != NULL);
    size_t k = 0;
    while (known[k] && strcmp(known[k], key) != 0) k++;
    if (!known[k]) return campaign_ini_unknown(t, p, known);
    if (campaign_ini_is_none(p->key->value)) return ERR_OK;
    if (strcmp(key, "param_overrides") == 0) return campaign_ini_parameters(t, p);
    if (strcmp(key, "test_param_overrides") == 0) return read_test(t, p);
    if (strcmp(key, "merge_overrides") == 0) {
        TRY(read_bool(t, p, &expression));
        return campaign_ini_bind(t, p, "merge_overrides", expression);
    }
    return check_other(t, p);
}

/* ---- what a stage reads ---------------------------------------------------------------------------------------------- */
static enum err read_dataset(struct ini_translation *t, const struct ini_stage *s)
{
    static const char name[]    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-%()";
    const struct ini_key *own   = ini_key(s->section, "dataset_or_split_data"),
                         *key   = key_of(t, s, "dataset_or_split_data");
    const struct ini_key *split = key_of(t, s, "cs_split_type"), *type = key_of(t, s, "stage_type");
    const struct ini_section *of = own ? s->section : ini_section(t->ini, "campaign_defaults");
    const struct ini_place p     = {of, key, s->path};
    bool is_approval             = is_said(type) && strcmp(type->value, "approval") == 0;
    bool is_list =
        is_said(split) && (strncmp(split->value, "list", 4) == 0 || strncmp(split->value, "multiparam", 10) == 0);
    char path[140];
    struct sql query = {0};
    if ((s->needs || is_approval) && is_said(own))
        INI_BAD(t, &p, "%s: take it out",
                is_approval ? "an approval has no files" : "the stage's files are those of its [dependencies]");
    snprintf(path, sizeof path, "%s.dataset", s->path);
    if (s->needs || is_approval || !is_said(key) || fhicl_get(t->out, path)) return ERR_OK;
    if (is_list) return campaign_ini_bind_text(t, &p, "dataset", key->value);
    if (strspn(key->value, name) != strlen(key->value))
        INI_BAD(t, &p,
                "\"%.80s\" is no name of a definition; a query is written as gm2.dataset, or defined: gm2 files define",
                key->value);
    enum err rc = sql_add(&query, "defname: %s", key->value);
    if (!rc) rc = campaign_ini_bind_text(t, &p, "dataset", query.text);
    sql_free(&query);
    return rc;
}

static const struct ini_stage *stage_called(const struct ini_translation *t, const char *name)
{
    for (size_t i = 0; i < t->n_stages; i++)
        if (strcmp(t->stage[i].name, name) == 0) return &t->stage[i];
    return NULL;
}

static enum err add_need(struct ini_translation *t, const struct ini_stage *s, const struct ini_key *key,
                         bool has_files, struct sql lists[2])
{
    const struct ini_place p = {s->needs, key, s->path};
    char name[80];
    const char *number = key->name + strlen("campaign_stage_");
    snprintf(name, sizeof name, "file_pattern_%.40s", number);
    const struct ini_key *pattern = ini_key(s->needs, name);
    const char *text              = is_said(pattern) ? pattern->value : "%";
    if (!stage_called(t, key->value)) INI_BAD(t, &p, "\"%.80s\" is no stage of campaign_stage_list", key->value);
    if (strcmp(key->value, s->name) == 0)
        INI_BAD(t, &p, "%s", "a stage cannot wait for itself; its passes go on by themselves");
    if (!has_files && strcmp(text, "%") != 0) {
        const struct ini_place of = {s->needs, pattern, s->path};
        INI_BAD(t, &of, "%s", "an approval has no files; % is accepted");
    }
    TRY(sql_add(&lists[0], lists[0].n ? ", " : "["));
    TRY(campaign_quote(key->value, &lists[0]));
    TRY(sql_add(&lists[1], lists[1].n ? ", " : "["));
    return campaign_quote(text, &lists[1]);
}

/* file_pattern_N belongs to campaign_stage_N. */
static enum err check_need(const struct ini_translation *t, const struct ini_stage *s, const struct ini_key *key)
{
    static const char *const known[] = {"campaign_stage_1", "file_pattern_1", NULL};
    const struct ini_place p         = {s->needs, key, s->path};
    char name[80];
    bool is_stage      = strncmp(key->name, "campaign_stage_", 15) == 0,
         is_pattern    = strncmp(key->name, "file_pattern_", 13) == 0;
    const char *number = key->name + (is_stage ? 15 : 13);
    if ((!is_stage && !is_pattern) || !*number || strspn(number, "0123456789") != strlen(number) || strlen(number) > 6)
        return campaign_ini_unknown(t, &p, known);
    snprintf(name, sizeof name, "campaign_stage_%s", number);
    if (!ini_key(s->needs, name)) INI_BAD(t, &p, "there is no %s", name);
    return ERR_OK;
}

static enum err read_needs(struct ini_translation *t, const struct ini_stage *s)
{
    struct sql lists[2]        = {{0}, {0}};
    enum err rc                = ERR_OK;
    const struct ini_key *type = key_of(t, s, "stage_type");
    bool has_files             = !is_said(type) || strcmp(type->value, "approval") != 0;
    if (!s->needs) return ERR_OK;
    for (size_t i = 0; i < s->needs->n && !rc; i++) {
        rc = check_need(t, s, &s->needs->key[i]);
        if (!rc && strncmp(s->needs->key[i].name, "campaign_stage_", 15) == 0)
            rc = add_need(t, s, &s->needs->key[i], has_files, lists);
    }
    for (size_t i = 0; i < 2 && !rc && lists[0].n; i++) {
        const struct ini_place p = {s->needs, &s->needs->key[0], s->path};
        rc                       = sql_add(&lists[i], "]");
        if (!rc && (i == 0 || has_files)) rc = campaign_ini_bind(t, &p, i ? "file_patterns" : "needs", lists[i].text);
    }
    sql_free(&lists[0]);
    sql_free(&lists[1]);
    return rc;
}

/* ---- all stages ------------------------------------------------------------------------------------------------------ */
/* Without merge_overrides a stage's own parameters take the place of the defaults', also where it says nothing of an option. */
static enum err check_overrides(const struct ini_translation *t, const struct ini_stage *s)
{
    static const char *const name[] = {"config", "fills", "memory_mb"};
    const struct ini_key *own = ini_key(s->section, "param_overrides"), *merge = key_of(t, s, "merge_overrides");
    const struct ini_place p = {s->section, own, s->path};
    const char *is_merged    = "false";
    char here[140], above[80];
    if (!is_said(own)) return ERR_OK;
    if (is_said(merge)) TRY(read_bool(t, &(struct ini_place){s->section, merge, s->path}, &is_merged));
    for (size_t i = 0; i < 3 && strcmp(is_merged, "true") != 0; i++) {
        snprintf(here, sizeof here, "%s.%s", s->path, name[i]);
        snprintf(above, sizeof above, "defaults.%s", name[i]);
        if (fhicl_get(t->out, above) && !fhicl_get(t->out, here))
            INI_BAD(t, &p, "without merge_overrides the %s of [campaign_defaults] would not count; write it here too",
                    name[i]);
    }
    return ERR_OK;
}

static enum err read_stage(struct ini_translation *t, const struct ini_stage *s)
{
    struct sql quoted = {0};
    char origin[600], path[140];
    snprintf(origin, sizeof origin, "%.500s:%zu", t->ini->file, s->section->line);
    snprintf(path, sizeof path, "%s.name", s->path);
    enum err rc = campaign_quote(s->name, &quoted);
    if (!rc) rc = fhicl_set(t->out, path, quoted.text, origin);
    sql_free(&quoted);
    for (size_t i = 0; i < s->section->n && !rc; i++)
        rc = campaign_ini_stage_key(t, &(struct ini_place){s->section, &s->section->key[i], s->path}, s);
    if (!rc) rc = check_overrides(t, s);
    if (!rc) rc = read_dataset(t, s);
    return rc ? rc : read_needs(t, s);
}

static enum err add_stage(struct ini_translation *t, const struct ini_place *p, const char *text, size_t n)
{
    char name[120], title[160];
    struct ini_stage s = {.name = NULL};
    if (n >= 100 || !n)
        INI_BAD(t, p, "\"%.*s\": a name of 1 to 99 characters is wanted between commas", (int)(n < 80 ? n : 80), text);
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    if (stage_called(t, name)) INI_BAD(t, p, "stage \"%s\" is there twice", name);
    snprintf(title, sizeof title, "campaign_stage %s", name);
    s.section = ini_section(t->ini, title);
    if (!s.section) INI_BAD(t, p, "there is no section [%s]", title);
    snprintf(title, sizeof title, "dependencies %s", name);
    s.needs = ini_section(t->ini, title);
    TRY(campaign_ini_path(t, "stages", name, s.path));
    TRY(mem_resize(&t->stage, t->n_stages, t->n_stages + 1, sizeof *t->stage));
    s.name = mem_string(name);
    REQUIRE(s.name, ERR_MEMORY, "no memory for a stage");
    t->stage[t->n_stages++] = s;
    return fhicl_set(t->out, s.path, "{}", t->ini->file);
}

static enum err read_list(struct ini_translation *t)
{
    const struct ini_section *campaign = ini_section(t->ini, "campaign");
    const struct ini_key *list         = ini_key(campaign, "campaign_stage_list");
    const struct ini_place p           = {campaign, list, ""};
    REQUIRE(is_said(list), ERR_CONFIG, "%s:%zu: [campaign] lacks campaign_stage_list = STAGE, STAGE, ...", t->ini->file,
            campaign->line);
    for (const char *at = list->value; *at;) {
        at += strspn(at, " \t\n");
        size_t n = strcspn(at, ","), kept = n;
        while (kept && strchr(" \t\n", at[kept - 1])) kept--;
        TRY(add_stage(t, &p, at, kept));
        at += n + (at[n] == ',');
    }
    return ERR_OK;
}

enum err campaign_ini_stages(struct ini_translation *t)
{
    TRY(read_list(t));
    for (size_t i = 0; i < t->ini->n; i++) {
        const struct ini_section *s = &t->ini->section[i];
        const char *blank           = strchr(s->name, ' ');
        bool is_of_stage = strncmp(s->name, "campaign_stage ", 15) == 0 || strncmp(s->name, "dependencies ", 13) == 0;
        REQUIRE(!is_of_stage || stage_called(t, blank + 1), ERR_CONFIG,
                "%s:%zu: [%s] is of no stage in campaign_stage_list", t->ini->file, s->line, s->name);
    }
    for (size_t i = 0; i < t->n_stages; i++) TRY(read_stage(t, &t->stage[i]));
    return ERR_OK;
}
