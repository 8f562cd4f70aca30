/* Input files of modules. */
#include "chain_files.h"

#include "mem.h"
#include "module.h"
#include "sha1.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What is done with one parameter of type file: `key` is its place in the document, `path` not empty. */
typedef enum err (*visit)(struct fhicl *document, const char *key, const char *path, void *arg);

static enum err visit_module(struct fhicl *document, const char *where, visit each, void *arg)
{
    char key[512];
    const char *type;
    snprintf(key, sizeof key, "%s.module_type", where);
    const struct fhicl *value = fhicl_get(document, key);
    if (!value) return ERR_OK;
    TRY(fhicl_as_string(value, key, &type));
    const struct module_entry *entry = module_find(type);
    for (const struct cfg_field *f = entry ? entry->module->fields : NULL; f && f->name; f++) {
        const char *path;
        if (f->type != CFG_file) continue;
        snprintf(key, sizeof key, "%s.%s", where, f->name);
        value = fhicl_get(document, key);
        if (!value) continue;
        TRY(fhicl_as_string(value, key, &path));
        if (*path) TRY(each(document, key, path, arg));
    }
    return ERR_OK;
}

static enum err visit_all(struct fhicl *document, visit each, void *arg)
{
    static const char *const groups[] = {"physics.producers", "physics.filters", "physics.analyzers", "outputs"};
    TRY(visit_module(document, "source", each, arg));
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const struct fhicl *group = fhicl_get(document, groups[g]);
        for (size_t i = 0; group && i < fhicl_size(group); i++) {
            char where[256];
            snprintf(where, sizeof where, "%s.%s", groups[g], fhicl_key(group, i));
            TRY(visit_module(document, where, each, arg));
        }
    }
    return ERR_OK;
}

static enum err digest(struct fhicl *document, const char *key, const char *path, void *arg)
{
    (void)arg;
    char hex[41], text[48], sha1_key[544], origin[512];
    const char *known = "";
    snprintf(origin, sizeof origin, "%s", fhicl_origin(fhicl_get(document, key)));
    enum err rc = sha1_file(path, hex);
    if (rc) return err_context(rc, "%s: %s", origin, key);
    snprintf(sha1_key, sizeof sha1_key, "%s_sha1", key);
    if (fhicl_get(document, sha1_key)) TRY(fhicl_as_string(fhicl_get(document, sha1_key), sha1_key, &known));
    REQUIRE(!*known || strcmp(known, hex) == 0, ERR_MISMATCH, "%s: %s: SHA-1 of %s is %s, not %s", origin, sha1_key,
            path, hex, known);
    snprintf(text, sizeof text, "\"%s\"", hex);
    return *known ? ERR_OK : fhicl_set(document, sha1_key, text, origin);
}

enum err chain_files_digest(struct fhicl *document) { return visit_all(document, digest, NULL); }

static enum err forget(struct fhicl *document, const char *key, const char *path, void *arg)
{
    (void)path, (void)arg;
    fhicl_remove(document, key);
    return ERR_OK;
}

void chain_files_forget_paths(struct fhicl *document)
{
    if (visit_all(document, forget, NULL)) err_clear(); /* a document that is not complete */
}

static bool has_line(const char *lines, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (strncmp(at, line, n) == 0 && (at[n] == 0 || at[n] == '\n')) return true;
    return false;
}

static enum err add_name(struct fhicl *document, const char *key, const char *path, void *arg)
{
    (void)document, (void)key;
    char **names      = arg;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t used = strlen(*names), size = used + strlen(base) + 2;
    if (has_line(*names, base)) return ERR_OK;
    TRY(mem_resize(names, used + 1, size, 1));
    snprintf(*names + used, size - used, "%s%s", used ? "\n" : "", base);
    return ERR_OK;
}

enum err chain_files_names(const struct fhicl *document, char **out)
{
    struct fhicl *copy;
    TRY(mem_alloc(out, 1, 1));
    enum err rc = fhicl_copy(document, &copy);
    if (!rc) rc = visit_all(copy, add_name, out);
    if (!rc) fhicl_free(copy);
    if (!rc) return ERR_OK;
    mem_free(*out);
    *out = NULL;
    return rc;
}

enum err chain_files_check(const char *path, const char *sha1)
{
    char hex[41];
    if (!*sha1) return ERR_OK;
    TRY(sha1_file(path, hex));
    REQUIRE(strcmp(hex, sha1) == 0, ERR_MISMATCH, "%s has changed: its SHA-1 is %s, the job was made for %s", path, hex,
            sha1);
    return ERR_OK;
}
