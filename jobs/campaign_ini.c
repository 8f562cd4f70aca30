/* A campaign in POMS's .ini layout as a FHiCL document. */
#include "campaign_ini.h"

#include "campaign_ini_internal.h"
#include "campaign_words.h"
#include "mem.h"
#include "program.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool campaign_ini_is_none(const char *value)
{
    return !*value || strcmp(value, "None") == 0 || strcmp(value, "none") == 0 || strcmp(value, "null") == 0;
}

enum err campaign_ini_bind(struct ini_translation *t, const struct ini_place *p, const char *name,
                           const char *expression)
{
    char path[300], origin[600];
    snprintf(path, sizeof path, "%.140s.%.100s", p->path, name);
    snprintf(origin, sizeof origin, "%.500s:%zu", t->ini->file, p->key->line);
    const struct fhicl *other = fhicl_get(t->out, path);
    if (other) INI_BAD(t, p, "%s is said already (%s)", name, fhicl_origin(other));
    enum err rc = fhicl_set(t->out, path, expression, origin);
    return rc ? err_context(rc, "%s: [%s] %s", origin, p->section->name, p->key->name) : ERR_OK;
}

enum err campaign_ini_bind_text(struct ini_translation *t, const struct ini_place *p, const char *name,
                                const char *text)
{
    struct sql quoted = {0};
    enum err rc       = campaign_quote(text, &quoted);
    if (!rc) rc = campaign_ini_bind(t, p, name, quoted.text);
    sql_free(&quoted);
    return rc;
}

enum err campaign_ini_unknown(const struct ini_translation *t, const struct ini_place *p, const char *const *known)
{
    size_t n = 0;
    while (known[n]) n++;
    const char *near = cfg_nearest(p->key->name, known, n);
    INI_BAD(t, p, "there is no such key%s%s%s", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

enum err campaign_ini_own_key(struct ini_translation *t, const struct ini_place *p, const struct cfg_field *fields,
                              bool *is_it)
{
    const char *known[100] = {NULL}, *name = p->key->name + 4;
    size_t n = 0;
    *is_it   = strncmp(p->key->name, "gm2.", 4) == 0;
    if (!*is_it) return ERR_OK;
    const struct cfg_field *field = strcmp(name, "name") == 0 ? NULL : cfg_find(fields, name);
    for (const struct cfg_field *f = fields; f->name && n < 98; f++) known[n++] = f->name;
    const char *near = field ? NULL : cfg_nearest(name, known, n);
    if (!field)
        INI_BAD(t, p, "there is no such key of ours%s%s%s", near ? "; did you mean gm2." : "", near ? near : "",
                near ? "?" : "");
    return field->type == CFG_str ? campaign_ini_bind_text(t, p, name, p->key->value)
                                  : campaign_ini_bind(t, p, name, p->key->value);
}

/* Names of POMS hold what keys of FHiCL cannot; two names may come to one key. */
enum err campaign_ini_path(const struct ini_translation *t, const char *kind, const char *name, char path[120])
{
    bool is_letter = (*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z') || *name == '_';
    int n          = snprintf(path, 120, "%s.%s", kind, is_letter ? "" : "_");
    REQUIRE(*name && strlen(name) < 90, ERR_CONFIG, "%s: \"%.80s\" of %s: a name of 1 to 89 characters is wanted",
            t->ini->file, name, kind);
    for (const char *c = name; *c; c++) {
        bool is_word = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        path[n++]    = is_word ? *c : '_';
    }
    path[n] = 0;
    while (fhicl_get(t->out, path)) {
        REQUIRE(n < 118, ERR_CONFIG, "%s: too many %s are called like %s", t->ini->file, kind, name);
        path[n++] = '_';
        path[n]   = 0;
    }
    return ERR_OK;
}

/* ---- [campaign] ------------------------------------------------------------------------------------------------------ */
static enum err campaign_key(struct ini_translation *t, const struct ini_place *p)
{
    static const char *const known[] = {"experiment",          "name", "poms_role", "state", "campaign_keywords",
                                        "campaign_stage_list", NULL};
    static const char *const roles[] = {"analysis",  "production-shifter", "production",
                                        "superuser", "coordinator",        NULL};
    const char *key = p->key->name, *value = p->key->value;
    bool is_own = false;
    size_t k    = 0;
    TRY(campaign_ini_own_key(t, p, campaign_cfg_fields, &is_own));
    if (is_own) return ERR_OK;
    while (known[k] && strcmp(known[k], key) != 0) k++;
    if (!known[k]) return campaign_ini_unknown(t, p, known);
    if (campaign_ini_is_none(value)) return ERR_OK;
    if (k < 2) return campaign_ini_bind_text(t, p, key, value);
    if (strcmp(key, "campaign_keywords") == 0)
        return campaign_ini_keywords(t, &(struct ini_place){p->section, p->key, "keywords"});
    if (strcmp(key, "state") == 0 && strcasecmp(value, "active") != 0)
        INI_BAD(t, p, "\"%s\": such a campaign is not run; Active is accepted", value);
    for (k = 0; strcmp(key, "poms_role") == 0 && roles[k] && strcmp(roles[k], value) != 0;) k++;
    if (!roles[k]) INI_BAD(t, p, "\"%s\": there are analysis, production-shifter, production, superuser", value);
    return ERR_OK;
}

/* ---- [login_setup X], [job_type X] ------------------------------------------------------------------------------------- */
/* A list of the parts of a text, which stand between `marks`. */
static enum err bind_list(struct ini_translation *t, const struct ini_place *p, const char *name, const char *marks)
{
    struct sql list = {0};
    enum err rc     = ERR_OK;
    for (const char *at = p->key->value; *at && !rc;) {
        size_t n = strcspn(at, marks), kept = n, from = strspn(at, " \t\n");
        char part[2000];
        while (kept > from && strchr(" \t\n", at[kept - 1])) kept--;
        if (kept > from && kept - from < sizeof part) {
            snprintf(part, sizeof part, "%.*s", (int)(kept - from), at + from);
            rc = sql_add(&list, list.n ? ", " : "[");
            if (!rc) rc = campaign_quote(part, &list);
        }
        if (kept > from && kept - from >= sizeof part)
            rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "%s:%zu: [%s] %s: a line is too long", t->ini->file,
                          p->key->line, p->section->name, p->key->name);
        at += n + (at[n] != 0);
    }
    if (!rc && list.n) rc = sql_add(&list, "]");
    if (!rc && list.n) rc = campaign_ini_bind(t, p, name, list.text);
    sql_free(&list);
    return rc;
}

static enum err login_key(struct ini_translation *t, const struct ini_place *p)
{
    static const char *const known[] = {"host", "account", "setup", NULL};
    bool is_own                      = false;
    TRY(campaign_ini_own_key(t, p, campaign_stage_cfg_fields, &is_own));
    if (is_own) return ERR_OK;
    if (strcmp(p->key->name, "setup") == 0)
        return campaign_ini_is_none(p->key->value) ? ERR_OK : bind_list(t, p, "setup", "\n");
    if (strcmp(p->key->name, "host") != 0 && strcmp(p->key->name, "account") != 0)
        return campaign_ini_unknown(t, p, known);
    return campaign_ini_is_none(p->key->value) ? ERR_OK : campaign_ini_bind_text(t, p, p->key->name, p->key->value);
}

/* The program of the campaign: one for all job types. */
static enum err read_script(struct ini_translation *t, const struct ini_place *p)
{
    const char *script = p->key->value;
    size_t n           = strlen(script);
    bool is_gm2 = strcmp(script, "gm2") == 0, is_path = *script == '/' && n > 4 && strcmp(script + n - 4, "/gm2") == 0;
    if (!is_gm2 && !is_path)
        INI_BAD(t, p,
                "\"%s\": gm2 is accepted, or an absolute path that ends in /gm2; what the script did is said by "
                "parameters and login_setup",
                script);
    if (t->script && strcmp(t->script->value, script) != 0)
        INI_BAD(t, p, "\"%s\": a campaign has one program, and line %zu says %s", script, t->script->line,
                t->script->value);
    bool is_first = !t->script;
    t->script     = p->key;
    if (is_gm2 || !is_first) return ERR_OK;
    return campaign_ini_bind_text(t, &(struct ini_place){p->section, p->key, "campaign"}, "gm2", script);
}

static enum err job_type_key(struct ini_translation *t, const struct ini_place *p)
{
    static const char *const known[] = {"launch_script", "parameters", "output_file_patterns", "recoveries", NULL};
    const char *key                  = p->key->name;
    bool is_own = false, is_none = campaign_ini_is_none(p->key->value);
    TRY(campaign_ini_own_key(t, p, campaign_stage_cfg_fields, &is_own));
    if (is_own) return ERR_OK;
    if (strcmp(key, "launch_script") == 0) return read_script(t, p);
    if (strcmp(key, "parameters") == 0) return is_none ? ERR_OK : campaign_ini_parameters(t, p);
    if (strcmp(key, "recoveries") == 0) return is_none ? ERR_OK : campaign_ini_recoveries(t, p);
    if (strcmp(key, "output_file_patterns") != 0) return campaign_ini_unknown(t, p, known);
    return is_none || strcmp(p->key->value, "%") == 0 ? ERR_OK : bind_list(t, p, "outputs", ",");
}

/* ---- sections -------------------------------------------------------------------------------------------------------- */
static enum err read_named(struct ini_translation *t, const struct ini_section *s, const char *kind, const char *name)
{
    bool is_login = strcmp(kind, "logins") == 0;
    char path[120], named[140], origin[600];
    struct sql quoted = {0};
    TRY(campaign_ini_path(t, kind, name, path));
    snprintf(named, sizeof named, "%s.name", path);
    snprintf(origin, sizeof origin, "%.500s:%zu", t->ini->file, s->line);
    enum err rc = campaign_quote(name, &quoted);
    if (!rc) rc = fhicl_set(t->out, named, quoted.text, origin);
    sql_free(&quoted);
    for (size_t i = 0; i < s->n && !rc; i++) {
        const struct ini_place p = {s, &s->key[i], path};
        rc                       = is_login ? login_key(t, &p) : job_type_key(t, &p);
    }
    TRY(rc);
    REQUIRE(is_login || ini_key(s, "launch_script"), ERR_CONFIG, "%s:%zu: [%s] lacks launch_script = gm2", t->ini->file,
            s->line, s->name);
    return ERR_OK;
}

static enum err read_section(struct ini_translation *t, const struct ini_section *s)
{
    bool is_campaign = strcmp(s->name, "campaign") == 0;
    if (strcmp(s->name, "node_positions") == 0) return ERR_OK; /* of a drawing */
    if (strncmp(s->name, "campaign_stage ", 15) == 0 || strncmp(s->name, "dependencies ", 13) == 0) return ERR_OK;
    if (strncmp(s->name, "login_setup ", 12) == 0) return read_named(t, s, "logins", s->name + 12);
    if (strncmp(s->name, "job_type ", 9) == 0) return read_named(t, s, "job_types", s->name + 9);
    REQUIRE(
        is_campaign || strcmp(s->name, "campaign_defaults") == 0, ERR_CONFIG,
        "%s:%zu: there is no section [%s]; there are campaign, campaign_defaults, node_positions, campaign_stage X, "
        "login_setup X, job_type X, dependencies X",
        t->ini->file, s->line, s->name);
    for (size_t i = 0; i < s->n; i++) {
        const struct ini_place p = {s, &s->key[i], is_campaign ? "campaign" : "defaults"};
        TRY(is_campaign ? campaign_key(t, &p) : campaign_ini_stage_key(t, &p, NULL));
    }
    return ERR_OK;
}

/* v9.71.00 is v9_71_00. */
static bool is_release(const char *wanted, const char *release)
{
    for (; *wanted && *release; wanted++, release++)
        if (*wanted != *release && (*wanted == '.' ? '_' : *wanted) != (*release == '.' ? '_' : *release)) return false;
    return !*wanted && !*release;
}

static enum err check_versions(const struct ini_translation *t)
{
    struct program program = {.path = ""};
    for (size_t i = 0; i < t->ini->n; i++) {
        const struct ini_section *s = &t->ini->section[i];
        const struct ini_key *key   = ini_key(s, "software_version");
        const struct ini_place p    = {s, key, ""};
        const char *path            = "";
        if (!key || campaign_ini_is_none(key->value)) continue;
        if (fhicl_get(t->out, "campaign.gm2")) TRY(fhicl_as_string(fhicl_get(t->out, "campaign.gm2"), "gm2", &path));
        if (!*program.path) TRY(program_ask(path, &program));
        if (!is_release(key->value, program.release))
            INI_BAD(t, &p,
                    "\"%s\": jobs would run %s, which is release %s; name the program of that release (launch_script = "
                    "/.../gm2), or write None",
                    key->value, program.path, program.release);
    }
    return ERR_OK;
}

static enum err translate(struct ini_translation *t)
{
    const struct ini_section *campaign = ini_section(t->ini, "campaign");
    REQUIRE(campaign, ERR_CONFIG, "%s: there is no section [campaign]", t->ini->file);
    for (size_t i = 0; i < t->ini->n; i++) TRY(read_section(t, &t->ini->section[i]));
    REQUIRE(fhicl_get(t->out, "campaign.name"), ERR_CONFIG, "%s:%zu: [campaign] lacks name = NAME", t->ini->file,
            campaign->line);
    REQUIRE(fhicl_get(t->out, "campaign.output"), ERR_CONFIG,
            "%s:%zu: [campaign] lacks gm2.output = /FOLDER, where products go; POMS has no key for it", t->ini->file,
            campaign->line);
    TRY(campaign_ini_stages(t));
    return check_versions(t);
}

static enum err read_ini(const char *path, struct fhicl **out)
{
    struct ini *ini;
    struct ini_translation t = {.ini = NULL};
    TRY(ini_read(path, &ini));
    t.ini       = ini;
    enum err rc = fhicl_parse("", 0, path, &t.out);
    if (!rc) rc = translate(&t);
    for (size_t i = 0; i < t.n_stages; i++) mem_free(t.stage[i].name);
    mem_free(t.stage);
    ini_free(ini);
    if (rc)
        fhicl_free(t.out);
    else
        *out = t.out;
    return rc;
}

bool campaign_is_ini(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".ini") == 0;
}

enum err campaign_document(const char *path, struct fhicl **out)
{
    *out = NULL;
    REQUIRE(!strchr(path, ';'), ERR_CONFIG,
            "%s: with a ; in its path a description is taken for several files; move it to a folder without", path);
    return campaign_is_ini(path) ? read_ini(path, out) : fhicl_read(path, out);
}
