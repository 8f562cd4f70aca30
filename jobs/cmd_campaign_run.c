/* gm2 campaign run: a campaign from one command, to its end; typed again it goes on. */
#include "campaign_ini.h"
#include "cmd_campaign.h"
#include "ledger.h"
#include "log.h"
#include "mem.h"
#include "publish.h"
#include "roles.h"
#include "rules.h"
#include "sql.h"
#include "status.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- settings ------------------------------------------------------------------------------------------------------ */
/* KEY=VALUE of --set: a keyword, or a key with a point in it. */
static enum err split_setting(const char *text, char key[256], const char **value)
{
    const char *equal = strchr(text, '=');
    size_t n          = equal ? (size_t)(equal - text) : 0;
    REQUIRE(n > 0 && n < 200, ERR_OPTION, "--set %.100s: KEY=VALUE is expected", text);
    bool has_point = memchr(text, '.', n) != NULL;
    snprintf(key, 256, "%s%.*s", has_point ? "" : "keywords.", (int)n, text);
    *value = equal + 1;
    return ERR_OK;
}

/* An absolute path of a folder that need not be there. */
static enum err make_absolute(const char *path, char out[PATH_MAX])
{
    char here[PATH_MAX];
    REQUIRE(*path, ERR_OPTION, "campaign.output is empty; -o DIR says where the products go");
    REQUIRE(path[0] == '/' || getcwd(here, sizeof here), ERR_OPEN, "the present folder has no name: %s",
            strerror(errno));
    int n = path[0] == '/' ? snprintf(out, PATH_MAX, "%s", path) : snprintf(out, PATH_MAX, "%s/%s", here, path);
    REQUIRE(n < PATH_MAX, ERR_OPTION, "-o %.100s...: the path is too long", path);
    return ERR_OK;
}

/* FHiCL includes no .ini. */
static enum err add_document(const char *file, struct sql *out)
{
    struct fhicl *document;
    char *text;
    TRY(campaign_document(file, &document));
    enum err rc = fhicl_print(document, false, &text);
    fhicl_free(document);
    TRY(rc);
    rc = sql_add(out, "%s\n", text);
    mem_free(text);
    return rc;
}

/* The description with what the command line says, as a file of its own in the folder of the products: later commands, and
 * this one typed again, read it. */
static enum err write_description(const struct cmd_campaign_options *o, const char *file, const char *output,
                                  char path[PATH_MAX])
{
    struct sql text = {0};
    char key[256];
    const char *value;
    snprintf(path, PATH_MAX, "%.4000s/campaign.fcl", output);
    TRY(publish_make_folder(output));
    enum err rc = sql_add(&text, "# Written by gm2 campaign run.\n");
    if (!rc) rc = campaign_is_ini(file) ? add_document(file, &text) : sql_add(&text, "#include \"%s\"\n", file);
    int folder =
        (int)(strrchr(file, '/') - file); /* configurations lie beside the campaigns: jobs/campaigns, jobs/fcl */
    if (!rc) rc = sql_add(&text, "campaign.configs: \"%.*s/../fcl:%.*s\"\n", folder, file, folder, file);
    for (size_t i = 0; i < o->n_set && !rc; i++) {
        rc = split_setting(o->set[i], key, &value);
        if (!rc) rc = sql_add(&text, "%s: %s\n", key, value);
    }
    if (!rc) rc = sql_add(&text, "campaign.output: \"%s\"\n", output);
    if (!rc) rc = publish_text(path, text.text, text.n, 1);
    sql_free(&text);
    return rc;
}

/* What is on the command line can be found by nobody: it is no production's. */
static enum err check_rules(const struct cmd_campaign_options *o, const char *file, const struct fhicl *document)
{
    const struct fhicl *rules = fhicl_get(document, "campaign.rules");
    const char *text          = "";
    if (rules) TRY(fhicl_as_string(rules, "campaign.rules", &text));
    if (strcmp(text, "production") != 0) return ERR_OK;
    REQUIRE(!o->n_set, ERR_CONFIG,
            "%s has rules: production, and --set %.80s is in no git repository: nothing is started. Write it into the "
            "file (keywords: {...}), git commit, git push, and leave --set out; or add --set "
            "campaign.rules=development: then the products are no production",
            file, o->set[0]);
    return ERR_OK;
}

/* A misspelt keyword would change nothing, and nobody would see it. */
static enum err check_keyword(const struct fhicl *document, const char *key, const char *file)
{
    const struct fhicl *all = fhicl_get(document, "keywords");
    char known[400]         = "";
    if (strncmp(key, "keywords.", 9) != 0 || fhicl_get(document, key)) return ERR_OK;
    for (size_t i = 0, n = 0; all && i < fhicl_size(all) && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", fhicl_key(all, i));
    FAIL(ERR_OPTION, "%s has no keyword \"%.60s\"; it has %s", file, key + 9, *known ? known : "none");
}

static enum err check_keywords(const struct cmd_campaign_options *o, const char *file)
{
    struct fhicl *document;
    char key[256];
    const char *value;
    enum err rc = ERR_OK;
    TRY(campaign_document(file, &document));
    for (size_t i = 0; i < o->n_set && !rc; i++) {
        rc = split_setting(o->set[i], key, &value);
        if (!rc) rc = check_keyword(document, key, file);
        if (rc) rc = err_context(rc, "--set %s", o->set[i]);
    }
    fhicl_free(document);
    return rc;
}

/* *is_as_it_is: the file says it all, and can be started itself: so it must be for a production, which lives in git. */
static enum err find_output(const struct cmd_campaign_options *o, const char *file, char out[PATH_MAX],
                            bool *is_as_it_is)
{
    struct fhicl *document = NULL;
    const char *text       = o->output;
    char key[256];
    const char *value;
    TRY(campaign_document(file, &document));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < o->n_set && !rc; i++) { /* a fault in them is told before anything is written */
        rc = split_setting(o->set[i], key, &value);
        if (!rc) rc = fhicl_set(document, key, value, "--set");
        if (rc) rc = err_context(rc, "--set %s", o->set[i]);
    }
    if (!rc) rc = check_rules(o, file, document);
    if (!rc) rc = check_keywords(o, file);
    const struct fhicl *written = fhicl_get(document, "campaign.output");
    if (!rc && !text && written) rc = fhicl_as_string(written, "campaign.output", &text);
    if (!rc) rc = make_absolute(text ? text : "", out);
    *is_as_it_is = !rc && !o->output && !o->n_set && text && text[0] == '/';
    fhicl_free(document);
    return rc;
}

/* ---- the live table ------------------------------------------------------------------------------------------------ */
struct live {
    size_t n;
    char (*line)[200]; /* [n] as printed last */
    bool is_terminal, is_begun;
};

static void line_of(const struct cmd_campaign *k, size_t i, char line[200])
{
    const struct step_stage *s = &k->report[i];
    snprintf(line, 200, "%-24.40s %-9s %9zu of %9zu done %6.1f %%, %zu running, %zu parked", k->campaign->stage[i].name,
             status_state(s), s->n_done, s->n_files, s->n_files ? 100.0 * (double)s->n_done / (double)s->n_files : 0.0,
             s->n_live, s->n_parked);
}

/* On a terminal the table stands still; elsewhere what has changed is a line. */
static void show_live(void *context, const struct cmd_campaign *k)
{
    struct live *l = context;
    char line[200], clock[16];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(clock, sizeof clock, "%H:%M:%S", &utc);
    if (l->n != k->campaign->n_stages) {
        mem_free(l->line);
        l->n        = k->campaign->n_stages;
        l->is_begun = false;
        if (mem_alloc(&l->line, l->n, sizeof *l->line)) l->n = 0;
    }
    if (l->is_terminal && l->is_begun) printf("\033[%zuA", l->n);
    l->is_begun = true;
    for (size_t i = 0; i < l->n; i++) {
        line_of(k, i, line);
        bool is_new = strcmp(line, l->line[i]) != 0;
        if (l->is_terminal)
            printf("\033[2K%s\n", line);
        else if (is_new)
            printf("%s %s\n", clock, line);
        memcpy(l->line[i], line, sizeof line);
    }
    fflush(stdout);
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */
/* A campaign that is new and against the rules is not noted; of one that is known, each pass looks after what runs. */
static enum err check_first(struct catalogue *c, struct campaign *campaign, const char *path)
{
    int64_t id;
    bool is_held;
    char known[1024];
    enum err rc = ledger_campaign_find(c, campaign->cfg.name, &id, &is_held, known);
    if (rc != ERR_NOTFOUND) return rc;
    err_clear();
    return rules_check(campaign, path);
}

static enum err start(struct catalogue *c, const char *path, const char *user, char name[200])
{
    struct campaign *campaign;
    int64_t id;
    TRY(campaign_read(path, true, &campaign));
    snprintf(name, 200, "%s", campaign->cfg.name);
    enum err rc = ledger_init(c);
    if (!rc) rc = check_first(c, campaign, path);
    if (!rc) rc = ledger_campaign(c, name, path, campaign->text, user, &id);
    campaign_free(campaign);
    return rc;
}

static enum err run(struct catalogue *c, const struct cmd_campaign_options *o, const char *path, int *status)
{
    char name[200];
    struct live live                 = {.is_terminal = isatty(STDOUT_FILENO)};
    struct cmd_campaign_options step = *o;
    catalogue_set_actor(c, o->user, o->verb);
    TRY(roles_check(c, "campaign", "start", o->user));
    TRY(start(c, path, o->user, name));
    if (live.is_terminal) log_init(LOG_WARN, 0, 1);
    step.what         = name;
    step.loop         = o->loop ? o->loop : "1";
    step.live         = show_live;
    step.live_context = &live;
    enum err rc       = cmd_campaign_step(c, &step, status);
    mem_free(live.line);
    return rc;
}

enum err cmd_campaign_run(const struct cmd_campaign_options *options, int *status)
{
    struct cmd_campaign_options o = *options;
    char file[PATH_MAX], output[PATH_MAX], path[PATH_MAX], db[PATH_MAX + 16];
    struct catalogue *c;
    bool is_as_it_is;
    REQUIRE(realpath(o.what, file), ERR_OPEN, "%s cannot be opened: %s", o.what, strerror(errno));
    publish_own_parts(); /* other passes may work in the same folders */
    TRY(find_output(&o, file, output, &is_as_it_is));
    if (is_as_it_is) snprintf(path, sizeof path, "%s", file);
    TRY(is_as_it_is ? publish_make_folder(output) : write_description(&o, file, output, path));
    snprintf(db, sizeof db, "%.4000s/campaign.db", output);
    if (!o.db) o.db = db;
    TRY(catalogue_init(o.db, &c));
    enum err rc = catalogue_verdict(c, run(c, &o, path, status));
    catalogue_close(c);
    return rc;
}
