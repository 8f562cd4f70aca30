/* The fields of an .ini that are JSON: parameters, recoveries, keywords. */
#include "campaign_ini_internal.h"
#include "campaign_words.h"
#include "log.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 2000 };

static enum err parse(const struct ini_translation *t, const struct ini_place *p, const char *wanted, cJSON **out)
{
    *out = cJSON_ParseWithOpts(p->key->value, NULL, 1);
    if (!*out) INI_BAD(t, p, "no JSON; wanted is %s", wanted);
    return ERR_OK;
}

static bool text_of(const cJSON *value, char text[MAX_TEXT])
{
    text[0] = 0;
    if (cJSON_IsString(value)) return snprintf(text, MAX_TEXT, "%s", value->valuestring) < MAX_TEXT;
    if (cJSON_IsNumber(value)) return cJSON_PrintPreallocated((cJSON *)(uintptr_t)value, text, 100, 0);
    return false;
}

/* [option, value]; blanks, = and : after the option are as POMS joins the two. */
static enum err read_pair(const struct ini_translation *t, const struct ini_place *p, const cJSON *pair,
                          char option[MAX_TEXT], char value[MAX_TEXT])
{
    bool is_pair = cJSON_IsArray(pair) && cJSON_GetArraySize(pair) == 2 &&
                   cJSON_IsString(cJSON_GetArrayItem(pair, 0)) && text_of(cJSON_GetArrayItem(pair, 0), option) &&
                   text_of(cJSON_GetArrayItem(pair, 1), value);
    if (!is_pair)
        INI_BAD(t, p, "%s", "wanted is a list of pairs: [[\"-c \", \"x.fcl\"], [\"--set \", \"KEY=VALUE\"], ...]");
    if (strncmp(option, "--set ", 6) == 0 && option[strspn(option + 6, " ") + 6]) { /* ["--set KEY=", "VALUE"] */
        char joined[2 * MAX_TEXT];
        snprintf(joined, sizeof joined, "%s%s", option + 6 + strspn(option + 6, " "), value);
        if (strlen(joined) >= MAX_TEXT) INI_BAD(t, p, "%s", "a setting is too long");
        memcpy(value, joined, strlen(joined) + 1);
        memcpy(option, "--set", sizeof "--set");
    }
    size_t n = strlen(option);
    while (n && strchr(" =:", option[n - 1])) option[--n] = 0;
    if (strcmp(option, "--set") == 0 && (!strchr(value, '=') || *value == '='))
        INI_BAD(t, p, "--set \"%s\" is no KEY=VALUE", value);
    return ERR_OK;
}

static bool is_keyword(const char *text) { return strncmp(text, "%(", 2) == 0; }

static enum err bind_number(struct ini_translation *t, const struct ini_place *p, const char *option, const char *name,
                            const char *text)
{
    if (is_keyword(text)) return campaign_ini_bind_text(t, p, name, text);
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 12)
        INI_BAD(t, p, "%s \"%s\": a number is wanted", option, text);
    return campaign_ini_bind(t, p, name, text);
}

/* 2000, 2000MB */
static enum err read_memory(const struct ini_translation *t, const struct ini_place *p, char *value)
{
    size_t n = strspn(value, "0123456789");
    if (!is_keyword(value) && (!n || n > 8 || (value[n] && strcmp(value + n, "MB") != 0)))
        INI_BAD(t, p, "--memory \"%s\": MB are wanted, 2000 or 2000MB", value);
    if (!is_keyword(value)) value[n] = 0;
    return ERR_OK;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0) return true;
    return false;
}

static enum err add_word(struct sql *list, const char *word)
{
    TRY(sql_add(list, list->n ? ", " : "["));
    return campaign_quote(word, list);
}

static enum err read_parameter(struct ini_translation *t, const struct ini_place *p, const cJSON *pair, struct sql *set)
{
    static const char *const input[] = {"-s", "-S", "-sam-dataset", "--sam-dataset", "--dataset", NULL};
    char option[MAX_TEXT], value[MAX_TEXT];
    TRY(read_pair(t, p, pair, option, value));
    if (strcmp(option, "--set") == 0) return add_word(set, value);
    if (strcmp(option, "-c") == 0 || strcmp(option, "--config") == 0)
        return campaign_ini_bind_text(t, p, "config", value);
    if (strcmp(option, "-n") == 0) return bind_number(t, p, option, "fills", value);
    if (strcmp(option, "--memory") == 0) {
        TRY(read_memory(t, p, value));
        return bind_number(t, p, option, "memory_mb", value);
    }
    if (is_one_of(option, input)) {
        if (strcmp(value, "%(dataset)s") != 0)
            INI_BAD(t, p, "%s \"%s\": jobs get the files of their stage's dataset; leave it out", option, value);
        return ERR_OK;
    }
    if (strcmp(option, "-o") == 0) {
        log_warn("%s:%zu: -o %s is left out: each submission has a folder in gm2.output", t->ini->file, p->key->line,
                 value);
        return ERR_OK;
    }
    INI_BAD(t, p,
            "option \"%s\" has no meaning here; there are -c, -n, --set, --memory, -o and -s %%(dataset)s; for the "
            "batch system write gm2.sbatch or gm2.condor",
            option);
}

enum err campaign_ini_parameters(struct ini_translation *t, const struct ini_place *p)
{
    cJSON *list, *pair;
    struct sql set = {0};
    enum err rc    = ERR_OK;
    TRY(parse(t, p, "a list of pairs: [[\"-c \", \"x.fcl\"], ...]", &list));
    if (!cJSON_IsArray(list))
        rc = err_fail(ERR_CONFIG, __FILE__, __LINE__,
                      "%s:%zu: [%s] %s: wanted is a list of pairs: [[\"-c \", \"x.fcl\"], ...]", t->ini->file,
                      p->key->line, p->section->name, p->key->name);
    for (pair = list->child; pair && !rc; pair = pair->next) rc = read_parameter(t, p, pair, &set);
    if (!rc && set.n) rc = sql_add(&set, "]");
    if (!rc && set.n) rc = campaign_ini_bind(t, p, "set", set.text);
    sql_free(&set);
    cJSON_Delete(list);
    return rc;
}

/* ---- recoveries ------------------------------------------------------------------------------------------------------ */
static enum err read_override(const struct ini_translation *t, const struct ini_place *p, const cJSON *pair,
                              struct sql *out)
{
    char option[MAX_TEXT], value[MAX_TEXT], text[2 * MAX_TEXT];
    TRY(read_pair(t, p, pair, option, value));
    if (strcmp(option, "--set") == 0) {
        snprintf(text, sizeof text, "%s", value);
    } else if (strcmp(option, "--memory") == 0) {
        TRY(read_memory(t, p, value));
        snprintf(text, sizeof text, "memory_mb=%s", value);
    } else if (strncmp(option, "gm2.", 4) == 0 && cfg_find(campaign_stage_cfg_fields, option + 4)) {
        snprintf(text, sizeof text, "%s=%s", option + 4, value);
    } else {
        INI_BAD(t, p, "a recovery's \"%s\" has no meaning here; there are --set, --memory and gm2.KEY (gm2.ranks, ...)",
                option);
    }
    return add_word(out, text);
}

static enum err read_recovery(const struct ini_translation *t, const struct ini_place *p, const cJSON *one,
                              struct sql *out)
{
    const cJSON *kind = cJSON_GetArrayItem(one, 0), *overrides = cJSON_GetArrayItem(one, 1);
    struct sql list = {0};
    if (!cJSON_IsArray(one) || !cJSON_IsString(kind) || cJSON_GetArraySize(one) > 2 ||
        (overrides && !cJSON_IsArray(overrides)))
        INI_BAD(t, p, "%s", "wanted is [[\"pending_files\", [[\"--memory \", \"4000\"]]], ...]");
    TRY(sql_add(out, out->n ? ", [" : "[["));
    TRY(campaign_quote(kind->valuestring, out));
    enum err rc = ERR_OK;
    for (const cJSON *pair = overrides ? overrides->child : NULL; pair && !rc; pair = pair->next)
        rc = read_override(t, p, pair, &list);
    if (!rc) rc = list.n ? sql_add(out, ", %s]]", list.text) : sql_add(out, "]");
    sql_free(&list);
    return rc;
}

enum err campaign_ini_recoveries(struct ini_translation *t, const struct ini_place *p)
{
    cJSON *list;
    struct sql out = {0};
    enum err rc    = ERR_OK;
    TRY(parse(t, p, "[[\"pending_files\", [[\"--memory \", \"4000\"]]], ...]", &list));
    if (!cJSON_IsArray(list))
        rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "%s:%zu: [%s] %s: a list of recoveries is wanted", t->ini->file,
                      p->key->line, p->section->name, p->key->name);
    for (const cJSON *one = list->child; one && !rc; one = one->next) rc = read_recovery(t, p, one, &out);
    if (!rc && out.n) rc = sql_add(&out, "]");
    if (!rc && out.n) rc = campaign_ini_bind(t, p, "recoveries", out.text);
    sql_free(&out);
    cJSON_Delete(list);
    return rc;
}

/* ---- keywords -------------------------------------------------------------------------------------------------------- */
static enum err read_keyword(struct ini_translation *t, const struct ini_place *p, const cJSON *one)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char word[]  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    char text[MAX_TEXT];
    const char *name = one->string;
    if (!*name || !strchr(first, *name) || strspn(name, word) != strlen(name) || strlen(name) > 70)
        INI_BAD(t, p, "keyword \"%.80s\": letters, digits and _ are accepted", name);
    if (!text_of(one, text)) INI_BAD(t, p, "keyword %s: a text or a number is wanted", name);
    return cJSON_IsNumber(one) ? campaign_ini_bind(t, p, name, text) : campaign_ini_bind_text(t, p, name, text);
}

enum err campaign_ini_keywords(struct ini_translation *t, const struct ini_place *p)
{
    cJSON *object;
    enum err rc = ERR_OK;
    TRY(parse(t, p, "{\"KEYWORD\": \"VALUE\", ...}", &object));
    if (!cJSON_IsObject(object))
        rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "%s:%zu: [%s] %s: wanted is {\"KEYWORD\": \"VALUE\", ...}",
                      t->ini->file, p->key->line, p->section->name, p->key->name);
    for (const cJSON *one = object->child; one && !rc; one = one->next) rc = read_keyword(t, p, one);
    cJSON_Delete(object);
    return rc;
}
