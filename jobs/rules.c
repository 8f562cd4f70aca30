/* What may run. */
#include "rules.h"

#include "fhicl.h"
#include "mem.h"
#include "process.h"
#include "sha1.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4096, MAX_REPOSITORIES = 8, MAX_FILES = 1000 };
#define PATIENCE_S 60.0

struct repository {
    char top[PATH_MAX], commit[48];
    bool is_dirty, is_pushed;
};

struct rules {
    const struct campaign *campaign;
    struct repository repository[MAX_REPOSITORIES];
    size_t n_repositories, n_files;
    bool has_unknown; /* a file that no repository has */
    char *file[MAX_FILES];
    char why[3000]; /* a line a reason */
};

__attribute__((format(printf, 2, 3))) static void tell(struct rules *r, const char *format, ...)
{
    va_list list;
    size_t used = strlen(r->why);
    va_start(list, format);
    if (used + 2 < sizeof r->why) {
        snprintf(r->why + used, sizeof r->why - used, "\n  ");
        used += strlen(r->why + used);
        vsnprintf(r->why + used, sizeof r->why - used, format, list);
    }
    va_end(list);
}

/* ---- git ------------------------------------------------------------------------------------------------------------ */
/* One line of its answer; false if it says no, or is not there. */
static bool ask_git(const char *folder, const char *verb, const char *option, const char *what, char line[ROOM])
{
    char log[ROOM];
    const char *const argv[] = {"git", "-C", folder, verb, option, what, NULL};
    int status;
    if (process_run(argv, PATIENCE_S, line, log, ROOM, &status)) {
        err_clear();
        return false;
    }
    line[strcspn(line, "\n")] = 0;
    return status == 0;
}

/* NULL: the folder is in none that has a commit. */
static struct repository *find_repository(struct rules *r, const char *folder)
{
    char top[ROOM], line[ROOM];
    if (!ask_git(folder, "rev-parse", "--show-toplevel", NULL, top)) return NULL;
    for (size_t i = 0; i < r->n_repositories; i++)
        if (strcmp(r->repository[i].top, top) == 0) return &r->repository[i];
    if (r->n_repositories == MAX_REPOSITORIES || !ask_git(folder, "rev-parse", "--verify", "HEAD", line)) return NULL;
    struct repository *g = &r->repository[r->n_repositories++];
    *g                   = (struct repository){.is_dirty = false};
    snprintf(g->top, sizeof g->top, "%s", top);
    snprintf(g->commit, sizeof g->commit, "%.40s", line);
    g->is_pushed = ask_git(folder, "branch", "-r", "--contains=HEAD", line) && *line;
    if (!g->is_pushed)
        tell(r, "%s: commit %.12s is on no remote branch: git push (or git fetch, if it is there)", top, g->commit);
    return g;
}

/* By content, so that what git was told to overlook counts too. */
static void look_at_file(struct rules *r, const char *path)
{
    char folder[PATH_MAX], name[PATH_MAX + 8], committed[ROOM], now[ROOM];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    struct repository *g = find_repository(r, folder);
    if (!g) {
        tell(r, "%s is in no git repository with a commit: keep configurations in one, with a remote", path);
        r->has_unknown = true;
        return;
    }
    snprintf(name, sizeof name, "HEAD:./%s", slash + 1);
    bool is_committed = ask_git(folder, "rev-parse", "--verify", name, committed);
    bool is_same = is_committed && ask_git(folder, "hash-object", "--", slash + 1, now) && strcmp(committed, now) == 0;
    if (!is_committed) tell(r, "%s is not committed: git add, git commit, git push", path);
    if (is_committed && !is_same)
        tell(r, "%s is not as committed: git commit and git push it, or git restore it", path);
    g->is_dirty = g->is_dirty || !is_same;
}

/* ---- files of a release --------------------------------------------------------------------------------------------- */
/* Is it as the list of the release that the program lies in says? FOLDER/bin/gm2, FOLDER/MANIFEST.sha1 */
static bool is_of_release(const struct program *p, const char *path)
{
    char folder[PATH_MAX], list[PATH_MAX + 16], line[PATH_MAX + 48], hex[41];
    if (!realpath(p->path, folder)) return false;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder) return false;
        *slash = 0;
    }
    size_t n = strlen(folder);
    if (strncmp(path, folder, n) != 0 || path[n] != '/') return false;
    snprintf(list, sizeof list, "%s/MANIFEST.sha1", folder);
    FILE *f       = fopen(list, "re");
    bool is_found = false;
    while (f && !is_found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        is_found = strlen(line) > 42 && strcmp(line + 42, path + n + 1) == 0 && sha1_file(path, hex) == ERR_OK &&
                   strncmp(line, hex, 40) == 0;
    }
    if (f) fclose(f);
    err_clear();
    return is_found;
}

/* ---- what gm2 campaign run writes ----------------------------------------------------------------------------------- */
/* Is this FILE, and where the products go? It decides nothing of what is made, so it need not be in git, only FILE. Exactly
 * these lines are accepted. */
static bool is_place_only(const char *path)
{
    static const char *const lines[] = {"# Written by gm2 campaign run.\n", "#include \"", "campaign.configs: \"",
                                        "campaign.output: \""};
    char line[PATH_MAX * 2 + 64];
    size_t n = 0;
    FILE *f  = fopen(path, "re");
    if (!f) return false;
    while (n < sizeof lines / sizeof lines[0] && fgets(line, sizeof line, f) &&
           strncmp(line, lines[n], strlen(lines[n])) == 0 &&
           (n == 0 || strcspn(line + strlen(lines[n]), "\"\\") == strlen(line + strlen(lines[n])) - 2))
        n++;
    bool is_over = fgets(line, sizeof line, f) == NULL;
    fclose(f);
    return n == sizeof lines / sizeof lines[0] && is_over;
}

/* ---- all files ------------------------------------------------------------------------------------------------------ */
static enum err add_file(struct rules *r, const char *path)
{
    char real[PATH_MAX];
    REQUIRE(realpath(path, real), ERR_OPEN, "%s cannot be opened", path);
    for (size_t i = 0; i < r->n_files; i++)
        if (strcmp(r->file[i], real) == 0) return ERR_OK;
    REQUIRE(r->n_files < MAX_FILES, ERR_CONFIG, "a campaign of more than %d files", MAX_FILES);
    r->file[r->n_files] = mem_string(real);
    return r->file[r->n_files++] ? ERR_OK : ERR_MEMORY;
}

static enum err add_document(struct rules *r, const char *config)
{
    char *list;
    TRY(fhicl_files(config, &list));
    enum err rc = ERR_OK;
    for (char *rest = NULL, *name = strtok_r(list, "\n", &rest); name && !rc; name = strtok_r(NULL, "\n", &rest))
        if (!is_place_only(name)) rc = add_file(r, name);
    mem_free(list);
    return rc;
}

static enum err add_all(struct rules *r, const char *path)
{
    size_t n = strlen(path);
    TRY(n > 4 && strcmp(path + n - 4, ".ini") == 0 ? add_file(r, path) : add_document(r, path));
    for (size_t i = 0; i < r->campaign->n_stages; i++) {
        const struct campaign_stage *s = &r->campaign->stage[i];
        bool is_known                  = false;
        for (size_t k = 0; k < i; k++)
            is_known = is_known || strcmp(r->campaign->stage[k].cfg.config, s->cfg.config) == 0;
        if (!is_known && *s->cfg.config) TRY(add_document(r, s->cfg.config)); /* gm2 calib has none */
        if (s->test && *s->test->cfg.config) TRY(add_document(r, s->test->cfg.config));
    }
    return ERR_OK;
}

/* ---- the verdict ---------------------------------------------------------------------------------------------------- */
static void write_commit(const struct rules *r, char *out, size_t size)
{
    size_t used = 0;
    *out        = 0;
    for (size_t i = 0; i < r->n_repositories && used < size - 60; i++) {
        const struct repository *g = &r->repository[i];
        if (strstr(out, g->commit)) continue; /* another clone of it */
        snprintf(out + used, size - used, "%s%s%s", used ? "," : "", g->commit, g->is_dirty ? "-dirty" : "");
        used += strlen(out + used);
    }
    if (r->has_unknown) snprintf(out + used, size - used, "%sunknown", used ? "," : "");
    if (!*out) snprintf(out, size, "%s", r->campaign->program.git_commit); /* all of it is of the release */
}

static enum err look(struct rules *r, const char *path)
{
    const struct program *p = &r->campaign->program;
    if (!p->is_released)
        tell(r,
             "the program %s (%s, commit %s) is no release: unpack a release, or build from a clean release tag "
             "(git checkout v7_03_00), and name it in campaign.gm2",
             p->path, p->release, p->git_commit);
    TRY(add_all(r, path));
    for (size_t i = 0; i < r->n_files; i++)
        if (!is_of_release(p, r->file[i])) look_at_file(r, r->file[i]);
    return ERR_OK;
}

enum err rules_check(struct campaign *c, const char *path)
{
    struct rules *r;
    TRY(mem_alloc(&r, 1, sizeof *r));
    r->campaign = c;
    enum err rc = look(r, path);
    if (!rc) write_commit(r, c->fcl_commit, sizeof c->fcl_commit);
    if (!rc && campaign_is_production(c) && *r->why) {
        c->fcl_commit[0] = 0; /* stage_launch() refuses too */
        rc               = err_fail(ERR_CONFIG, __FILE__, __LINE__,
                                    "%s has rules: production, and nothing is started:%s\nwith rules: development it would run, and "
                                                  "its products would be no production",
                                    c->cfg.name, r->why);
    }
    for (size_t i = 0; i < r->n_files; i++) mem_free(r->file[i]);
    mem_free(r);
    return rc;
}
