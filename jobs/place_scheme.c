/* Schemes of places. */
#include "place_scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SCHEMES = 32, MAX_SILENT = 8, MAX_HOST = 256, SILENCE_S = 300 };

#define XROOTD                                                                                                         \
    {                                                                                                                  \
        .look = "xrdfs {host} stat {path}", .sum = "xrdfs {host} query checksum {path}",                               \
        .get = "xrdcp -f -s {from} {to}", .put = "xrdcp -f -s -p {from} {to}",                                         \
        .move = "xrdfs {host} mv {path} {to_path}", .drop = "xrdfs {host} rm {path}"                                   \
    }
#define GRID                                                                                                           \
    {                                                                                                                  \
        .look = "gfal-stat {url}", .sum = "gfal-sum {url} ADLER32", .state = "gfal-xattr {url} user.status",           \
        .get = "ifdh cp {from} {to}", .put = "ifdh cp {from} {to}", .move = "ifdh mv {url} {to}",                      \
        .drop = "ifdh rm {url}"                                                                                        \
    }
/* A row for each scheme. What a row does not say (the times) is as the list above has it. */
static const struct place_scheme builtin[] = {
    {"file", {.is_path = true}}, {"root", XROOTD}, {"xroot", XROOTD}, {"gsiftp", GRID}, {"https", GRID}, {"s3", GRID}};

static struct {
    bool is_read;
    size_t n;
    struct place_scheme row[MAX_SCHEMES];
    struct place_cfg said[MAX_SCHEMES]; /* owns what the file said */
    size_t n_said;
    struct fhicl *document;
    struct {
        char host[MAX_HOST];
        time_t until_s; /* of the clock that does not jump */
    } silent[MAX_SILENT];
    size_t n_silent; /* ever; the oldest give way */
} table;

/* ---- the table ----------------------------------------------------------------------------------------------------- */
void place_scheme_forget(void)
{
    for (size_t i = 0; i < table.n_said; i++) cfg_free(place_cfg_fields, &table.said[i]);
    fhicl_free(table.document);
    memset(&table, 0, sizeof table);
}

static struct place_scheme *find(const char *name, size_t n)
{
    for (size_t i = 0; i < table.n; i++)
        if (strlen(table.row[i].name) == n && strncmp(table.row[i].name, name, n) == 0) return &table.row[i];
    return NULL;
}

static void take(const char **to, const char *said)
{
    if (said && *said) *to = said;
}

/* One table of the file: what it does not say stays. */
static enum err add_said(const char *name, const struct fhicl *said)
{
    struct place_scheme *s = find(name, strlen(name));
    REQUIRE(s || table.n < MAX_SCHEMES, ERR_CONFIG, "more than %d schemes", MAX_SCHEMES);
    REQUIRE(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+")] == 0, ERR_CONFIG,
            "\"%.40s\" is no name of a scheme", name);
    struct place_cfg *cfg = &table.said[table.n_said];
    TRY(cfg_read(place_cfg_fields, said, name, NULL, cfg));
    table.n_said++;
    if (!s) {
        s       = &table.row[table.n++];
        s->name = name;
    }
    s->cfg.is_path = s->cfg.is_path || cfg->is_path;
    take(&s->cfg.look, cfg->look);
    take(&s->cfg.sum, cfg->sum);
    take(&s->cfg.state, cfg->state);
    take(&s->cfg.get, cfg->get);
    take(&s->cfg.put, cfg->put);
    take(&s->cfg.move, cfg->move);
    take(&s->cfg.drop, cfg->drop);
    s->cfg.answer_s = cfg->answer_s;
    s->cfg.copy_s   = cfg->copy_s;
    return ERR_OK;
}

static enum err read_said(const char *path)
{
    TRY(fhicl_read(path, &table.document));
    for (size_t i = 0; i < fhicl_size(table.document); i++)
        TRY(add_said(fhicl_key(table.document, i), fhicl_at(table.document, i)));
    return ERR_OK;
}

static enum err read_table(void)
{
    const char *path = getenv("GM2_PLACES");
    if (table.is_read) return ERR_OK;
    struct place_cfg plain;
    TRY(cfg_read(place_cfg_fields, NULL, "places", NULL, &plain));
    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++) {
        table.row[table.n]              = builtin[i];
        table.row[table.n].cfg.answer_s = plain.answer_s;
        table.row[table.n++].cfg.copy_s = plain.copy_s;
    }
    cfg_free(place_cfg_fields, &plain);
    enum err rc = path && *path ? read_said(path) : ERR_OK;
    if (rc) place_scheme_forget();
    if (rc) return err_context(rc, "GM2_PLACES");
    table.is_read = true;
    return ERR_OK;
}

enum err place_scheme_find(const char *url, const struct place_scheme **out)
{
    char known[400] = "";
    TRY(read_table());
    const char *colon = strchr(url, ':');
    *out              = colon && colon[1] ? find(url, (size_t)(colon - url)) : NULL;
    if (*out) return ERR_OK;
    for (size_t i = 0; i < table.n; i++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", table.row[i].name);
    }
    FAIL(ERR_DATA,
         "\"%.200s\" is no location that is known here: wanted is file:/ABSOLUTE/PATH, root://HOST/PATH, or another of "
         "the schemes %s",
         url, known);
}

/* ---- who does not answer --------------------------------------------------------------------------------------------- */
static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

void place_scheme_note_silent(const char *host)
{
    size_t i = table.n_silent++ % MAX_SILENT;
    snprintf(table.silent[i].host, sizeof table.silent[i].host, "%s", host);
    table.silent[i].until_s = now_s() + SILENCE_S;
}

bool place_scheme_is_silent(const char *host)
{
    for (size_t i = 0; i < MAX_SILENT && i < table.n_silent; i++)
        if (strncmp(table.silent[i].host, host, MAX_HOST - 1) == 0 && now_s() < table.silent[i].until_s) return true;
    return false;
}
