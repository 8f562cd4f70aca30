/* gm2 fcl: a configuration as it is understood: canonical, annotated, or one value of it. */
#include "cfg.h"
#include "command.h"
#include "fhicl.h"
#include "job.h"
#include "mem.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

int cmd_fcl(int argc, char **argv);

static const char usage[] =
    "gm2 fcl dump FILE.fcl[;FILE.fcl...] [--canonical | --id]\n"
    "    the configuration with all includes and references resolved: indented; on one line with sorted keys; or\n"
    "    the SHA-1 of that line\n"
    "gm2 fcl expand FILE.fcl\n"
    "    the same, each line with the file and line its value comes from\n"
    "gm2 fcl get FILE.fcl KEY\n"
    "    one value, as physics.producers.gun.n_muons or a.b[2]\n"
    "gm2 fcl id FILE.fcl [--set KEY=VALUE ...] [--check] [--out FILE]\n"
    "    what a job's products bear as gm2.fcl_hash, and the tag of its constants; --check: begin all modules too;\n"
    "    --out: write the configuration as used, with which a job is the same\n"
    "Files are found as given or along FHICL_FILE_PATH.\n";

/* Puts out and frees what a function made, if it succeeded. */
static enum err put(enum err rc, char **text, const char *end)
{
    if (rc) return rc;
    bool is_written = fputs(*text, stdout) >= 0 && fputs(end, stdout) >= 0 && fflush(stdout) == 0;
    mem_free(*text);
    REQUIRE(is_written, ERR_WRITE, "the result cannot be written");
    return ERR_OK;
}

/* The deepest table on the way to a key, and the name that is missing in it. */
static enum err missing(const struct fhicl *document, const char *key, const char *file)
{
    char way[1024], name[256];
    const struct fhicl *table = document;
    size_t used               = 0;
    for (size_t n; (n = strcspn(key + used, ".")), key[used + n]; used += n + 1) {
        snprintf(way, sizeof way, "%.*s", (int)(used + n), key);
        const struct fhicl *next = fhicl_get(document, way);
        if (!next || fhicl_kind(next) != FHICL_TABLE) break;
        table = next;
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(key + used, ".["), key + used);
    const char *known[256];
    size_t n = 0;
    for (; n < fhicl_size(table) && n < 256; n++) known[n] = fhicl_key(table, n);
    const char *near = cfg_nearest(name, known, n);
    if (near) FAIL(ERR_NOTFOUND, "%s has no \"%s\"; did you mean \"%.*s%s\"?", file, key, (int)used, key, near);
    FAIL(ERR_NOTFOUND, "%s has no \"%s\"", file, key);
}

static enum err get(const struct fhicl *document, const char *key, const char *file)
{
    const struct fhicl *value = fhicl_get(document, key);
    if (!value) return missing(document, key, file);
    const char *word;
    char *text;
    if (fhicl_kind(value) == FHICL_STRING) {
        TRY(fhicl_as_string(value, key, &word));
        text = mem_string(word);
        return put(text ? ERR_OK : ERR_MEMORY, &text, "\n");
    }
    return put(fhicl_print(value, false, &text), &text, "");
}

static enum err dump(const struct fhicl *document, const char *option)
{
    char *text, id[41];
    if (!option) return put(fhicl_print(document, false, &text), &text, "");
    if (strcmp(option, "--canonical") == 0) return put(fhicl_canonical(document, &text), &text, "\n");
    TRY(fhicl_id(document, id));
    text = mem_string(id);
    return put(text ? ERR_OK : ERR_MEMORY, &text, "\n");
}

static enum err identify(int argc, char **argv)
{
    const char *set[128];
    struct job_options o = {.config = argv[2], .n_fills = -1, .set = set};
    struct job_identity id;
    bool is_checked = false;
    for (int i = 3; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--check") == 0) {
            is_checked = true;
        } else if (strcmp(argv[i], "--set") == 0 && has_value && o.n_set < sizeof set / sizeof set[0]) {
            set[o.n_set++] = argv[++i];
        } else if (strcmp(argv[i], "--out") == 0 && has_value && !o.config_out) {
            o.config_out = argv[++i];
        } else {
            FAIL(ERR_OPTION, "\"%s\" is not understood; wanted is\n%s", argv[i], usage);
        }
    }
    TRY(job_check(&o, is_checked, &id));
    printf("%s%s%s%s\n", id.config_id, *id.conditions_tag ? " " : "", id.conditions_tag, id.is_merge ? " (merge)" : "");
    return ERR_OK;
}

static enum err run(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    bool is_dump = strcmp(verb, "dump") == 0, is_expand = strcmp(verb, "expand") == 0,
         is_get = strcmp(verb, "get") == 0;
    if (strcmp(verb, "id") == 0) return identify(argc, argv);
    const char *option = argc > 3 ? argv[3] : NULL;
    bool is_known      = !option || strcmp(option, "--canonical") == 0 || strcmp(option, "--id") == 0;
    REQUIRE((is_dump && argc <= 4 && is_known) || (is_expand && argc == 3) || (is_get && argc == 4 && option),
            ERR_OPTION, "this is not understood; wanted is\n%s", usage);
    struct fhicl *document;
    char *text;
    TRY(fhicl_read(argv[2], &document));
    enum err rc = is_dump     ? dump(document, option)
                  : is_expand ? put(fhicl_print(document, true, &text), &text, "")
                              : get(document, option, argv[2]);
    fhicl_free(document);
    return rc;
}

int cmd_fcl(int argc, char **argv)
{
    if (options_help(argc, argv, usage)) return 0;
    enum err rc = run(argc, argv);
    return err_exit_code(rc);
}
