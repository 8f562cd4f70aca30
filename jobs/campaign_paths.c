/* Folders of a campaign. */
#include "campaign_internal.h"

#include "mem.h"
#include "place.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paths stand in lists of files, a line a file, and in patterns of sbatch. */
static enum err check_path(const char *key, const char *path)
{
    REQUIRE(path[0] == '/', ERR_CONFIG, "campaign.%s \"%s\": an absolute path is wanted", key, path);
    REQUIRE(utf8_is_plain(path) && !strpbrk(path, "%\\'"), ERR_CONFIG,
            "campaign.%s \"%s\" holds a control character, a single quote, %% or a backslash", key, path);
    return ERR_OK;
}

static enum err put_text(cfg_str *path, const char *text)
{
    char *copy = mem_string(text);
    REQUIRE(copy, ERR_MEMORY, "no memory for a path");
    mem_free((void *)(uintptr_t)*path);
    *path = copy;
    return ERR_OK;
}

/* A relative path is one in the campaign's output. */
static enum err put_below(const char *output, cfg_str *path)
{
    char text[2000];
    if (!**path || **path == '/') return ERR_OK;
    int n = snprintf(text, sizeof text, "%s/%s", output, *path);
    REQUIRE(n < (int)sizeof text && !strstr(*path, ".."), ERR_CONFIG, "\"%.100s\" is no path below campaign.output",
            *path);
    return put_text(path, text);
}

/* A folder, or a URL. */
static enum err check_store(struct campaign_cfg *cfg)
{
    char text[2000];
    bool is_path;
    if (!*cfg->store) return ERR_OK;
    enum err rc = place_of_store(cfg->store, text, sizeof text, &is_path);
    if (rc) return err_context(ERR_CONFIG, "campaign.store");
    if (!is_path) return ERR_OK;
    TRY(put_text(&cfg->store, text));
    TRY(put_below(cfg->output, &cfg->store));
    return check_path("store", cfg->store);
}

/* Folders of a list "a:b:c", not parts of their names. */
static bool is_listed(const char *list, const char *folders)
{
    size_t n = strlen(folders);
    for (const char *at = list; (at = strstr(at, folders)) != NULL; at++)
        if ((at == list || at[-1] == ':') && (!at[n] || at[n] == ':')) return true;
    return false;
}

/* For this process, and for the jobs that it starts. */
static enum err add_configs(const char *folders)
{
    char text[8192];
    const char *before = getenv("FHICL_FILE_PATH");
    if (!*folders || is_listed(before ? before : "", folders)) return ERR_OK;
    int n = snprintf(text, sizeof text, "%s%s%s", before ? before : "", before && *before ? ":" : "", folders);
    REQUIRE(n < (int)sizeof text && setenv("FHICL_FILE_PATH", text, 1) == 0, ERR_CONFIG,
            "campaign.configs is too long");
    return ERR_OK;
}

enum err campaign_check_paths(struct campaign_cfg *cfg)
{
    TRY(add_configs(cfg->configs));
    TRY(put_below(cfg->output, &cfg->drop_box));
    TRY(check_store(cfg));
    TRY(check_path("output", cfg->output));
    if (*cfg->drop_box) TRY(check_path("drop_box", cfg->drop_box));
    REQUIRE(!*cfg->drop_box || *cfg->store, ERR_CONFIG, "campaign.drop_box needs campaign.store");
    return ERR_OK;
}
