/* The program that runs jobs. */
#include "program.h"

#include "process.h"
#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 16384 };
#define PATIENCE_S 120.0

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_word(const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-");
    return n > 0 && !word[n];
}

/* "gm2 RELEASE (COMMIT) released" */
static enum err understand(const char *text, struct program *p)
{
    char word[16]  = "";
    int n          = sscanf(text, "gm2 %31s (%63[^)]) %15s", p->release, p->git_commit, word);
    p->is_released = strcmp(word, "released") == 0;
    REQUIRE(n == 3 && is_word(p->release) && is_word(p->git_commit) &&
                (p->is_released || strcmp(word, "development") == 0),
            ERR_DATA, "%s --version says \"%.60s\", not \"gm2 RELEASE (COMMIT) released\" or \"... development\"",
            p->path, text);
    return ERR_OK;
}

/* In an unpacked release FOLDER/bin/gm2 becomes FOLDER/libexec/gm2: the first is the one to start. */
static void step_out(char *path)
{
    static const char inner[] = "/libexec/gm2", outer[] = "/bin/gm2";
    size_t n = strlen(path);
    if (n > sizeof inner && strcmp(path + n - (sizeof inner - 1), inner) == 0)
        memcpy(path + n - (sizeof inner - 1), outer, sizeof outer);
}

enum err program_ask(const char *path, struct program *p)
{
    char text[ROOM], log[ROOM];
    int status;
    *p = (struct program){.is_own = !*path || is_same_file(path, "/proc/self/exe")};
    if (p->is_own && !*path) {
        ssize_t n = readlink("/proc/self/exe", p->path, sizeof p->path - 1);
        REQUIRE(n > 0, ERR_OPEN, "this program does not find itself; name it in campaign.gm2");
        step_out(p->path);
    } else {
        REQUIRE(path[0] == '/' && strlen(path) < sizeof p->path, ERR_CONFIG,
                "campaign.gm2 \"%.100s\": an absolute path is wanted", path);
        snprintf(p->path, sizeof p->path, "%s", path);
    }
    if (p->is_own) {
        snprintf(p->release, sizeof p->release, "%s", version_release);
        snprintf(p->git_commit, sizeof p->git_commit, "%s", version_git_commit);
        p->is_released = version_is_released;
        return ERR_OK;
    }
    const char *const argv[] = {p->path, "--version", NULL};
    TRY(process_run(argv, PATIENCE_S, text, log, ROOM, &status));
    REQUIRE(status == 0, ERR_NOTFOUND, "campaign.gm2: %s --version ends with %d: %.300s", p->path, status, log);
    return understand(text, p);
}

static enum err identify_there(const struct program *p, const struct job_options *o, bool with_modules,
                               struct job_identity *out)
{
    enum { MAX_ARGS = 250 };
    const char *argv[MAX_ARGS + 8] = {p->path, "fcl", "id", o->config};
    char text[ROOM], log[ROOM];
    size_t n = 4;
    int status;
    REQUIRE(2 * o->n_set <= MAX_ARGS, ERR_CONFIG, "more than %d settings", MAX_ARGS / 2);
    for (size_t i = 0; i < o->n_set; i++) {
        argv[n++] = "--set";
        argv[n++] = o->set[i];
    }
    if (with_modules) argv[n++] = "--check";
    if (o->config_out) argv[n++] = "--out";
    if (o->config_out) argv[n++] = o->config_out;
    TRY(process_run(argv, PATIENCE_S, text, log, ROOM, &status));
    REQUIRE(status == 0, ERR_CONFIG, "%s fcl id: %.1500s", p->path, log);
    *out          = (struct job_identity){.config_id = ""};
    int k         = sscanf(text, "%40[0-9a-f] %127[^\n]", out->config_id, out->conditions_tag);
    out->is_merge = strcmp(out->conditions_tag, "(merge)") == 0; /* which reads no constants */
    if (out->is_merge) out->conditions_tag[0] = 0;
    REQUIRE(k >= 1 && strlen(out->config_id) == 40, ERR_DATA, "%s fcl id says \"%.60s\"", p->path, text);
    return ERR_OK;
}

enum err program_identify(const struct program *p, const struct job_options *o, bool with_modules,
                          struct job_identity *out)
{
    return p->is_own ? job_check(o, with_modules, out) : identify_there(p, o, with_modules, out);
}
