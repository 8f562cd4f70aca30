/* Were files made in the same way? */
#include "merge_check.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_KEY = 512, N_TOLD = 4 };

/* Differences of two files: those that no rule accepts are told, the keys of the others come out of the common configuration. */
struct comparison {
    const struct strs *may_differ;
    bool *is_used;        /* [may_differ->n] */
    struct fhicl *common; /* of all files so far */
    size_t n_refused;
    char told[1024];
};

static bool is_allowed(struct comparison *c, const char *key)
{
    bool is_so = false;
    for (size_t i = 0; i < c->may_differ->n; i++) {
        size_t n = strlen(c->may_differ->value[i]);
        if (strncmp(key, c->may_differ->value[i], n) != 0 || (key[n] && key[n] != '.')) continue;
        is_so = c->is_used[i] = true;
    }
    return is_so;
}

static void tell(struct comparison *c, const char *key, const char *is, const char *was)
{
    size_t used = strlen(c->told);
    if (c->n_refused++ < N_TOLD)
        snprintf(c->told + used, sizeof c->told - used, "%s%s is %.80s, not %.80s", used ? "; " : "", key, is, was);
}

static enum err text_of(const struct fhicl *value, char **out)
{
    if (value) return fhicl_canonical(value, out);
    *out = mem_string("absent");
    REQUIRE(*out, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

static enum err compare_values(struct comparison *c, const char *key, const struct fhicl *a, const struct fhicl *b)
{
    char *was = NULL, *is = NULL;
    enum err rc;
    TRY_TO(done, text_of(a, &was));
    TRY_TO(done, text_of(b, &is));
    if (strcmp(was, is) == 0) goto done;
    if (is_allowed(c, key))
        fhicl_remove(c->common, key);
    else
        tell(c, key, is, was);
done:
    mem_free(was);
    mem_free(is);
    return rc;
}

static bool is_table(const struct fhicl *value) { return value && fhicl_kind(value) == FHICL_TABLE; }

/* Members of table a against those of b; with is_second those that a lacks. Depth is that of the documents. */
static enum err compare_tables(struct comparison *c, const char *path, const struct fhicl *a,
                               const struct fhicl *b) // NOLINT(misc-no-recursion)
{
    for (int is_second = 0; is_second <= 1; is_second++) {
        const struct fhicl *of = is_second ? b : a;
        for (size_t i = 0; i < fhicl_size(of); i++) {
            char key[MAX_KEY];
            const char *name = fhicl_key(of, i);
            snprintf(key, sizeof key, "%s%s%s", path, *path ? "." : "", name);
            const struct fhicl *x = fhicl_get(a, name), *y = fhicl_get(b, name);
            if (is_second && x) continue;
            TRY(is_table(x) && is_table(y) ? compare_tables(c, key, x, y) : compare_values(c, key, x, y));
        }
    }
    return ERR_OK;
}

static enum err compare_configurations(struct comparison *c, const char *first, const char *other)
{
    struct fhicl *a = NULL, *b = NULL;
    enum err rc;
    TRY_TO(done, fhicl_parse(first, strlen(first), "configuration of the first file", &a));
    TRY_TO(done, fhicl_parse(other, strlen(other), "configuration", &b));
    rc = compare_tables(c, "", a, b);
done:
    fhicl_free(a);
    fhicl_free(b);
    return rc;
}

/* Another value of a text that may differ becomes a further line. */
static enum err add_line(char **text, const char *line)
{
    size_t old = strlen(*text), n = strlen(line);
    for (const char *at = *text; (at = strstr(at, line)); at += n)
        if ((at == *text || at[-1] == '\n') && (at[n] == 0 || at[n] == '\n')) return ERR_OK;
    TRY(mem_resize(text, old + 1, old + n + 2, 1));
    snprintf(*text + old, n + 2, "%s%s", old ? "\n" : "", line);
    return ERR_OK;
}

static enum err compare_text(struct comparison *c, enum file_text which, const char *first, const char *other,
                             char **joined)
{
    if (strcmp(first, other) == 0) return ERR_OK;
    switch (which) {
    case FILE_TEXT_configuration: return compare_configurations(c, first, other);
    case FILE_TEXT_config_id: return ERR_OK; /* the configuration says what differs */
    case FILE_TEXT_isa:
    case FILE_TEXT_fcl_commit: return add_line(joined, other);
    default: break;
    }
    if (is_allowed(c, file_text_names[which])) return add_line(joined, other);
    tell(c, file_text_names[which], other, first);
    return ERR_OK;
}

static enum err compare(struct comparison *c, const struct merge_file *first, const struct merge_file *other,
                        struct merge_identity *id)
{
    char is[32], was[32];
    for (size_t t = 0; t < N_FILE_TEXTS; t++)
        TRY(compare_text(c, (enum file_text)t, first->content.text[t], other->content.text[t], &id->text[t]));
    snprintf(is, sizeof is, "%llu", (unsigned long long)other->content.seed);
    snprintf(was, sizeof was, "%llu", (unsigned long long)first->content.seed);
    if (strcmp(is, was) != 0 && !is_allowed(c, "seed") && !is_allowed(c, "services.RandomNumberGenerator.seed"))
        tell(c, "seed", is, was);
    REQUIRE(c->n_refused == 0, ERR_MISMATCH,
            "%s was not made as %s: %s%s; may_differ names what may (a key of the configuration, release, seed ...)",
            other->path, first->path, c->told, c->n_refused > N_TOLD ? "; and more" : "");
    return ERR_OK;
}

static enum err take_common(const struct comparison *c, struct merge_identity *id)
{
    char digest[41];
    for (size_t i = 0; i < c->may_differ->n; i++)
        REQUIRE(
            c->is_used[i] || fhicl_get(c->common, c->may_differ->value[i]) ||
                strstr("process_name release git_commit constants_set conditions_tag seed", c->may_differ->value[i]),
            ERR_CONFIG, "may_differ: no file has \"%s\"", c->may_differ->value[i]);
    mem_free(id->text[FILE_TEXT_configuration]);
    mem_free(id->text[FILE_TEXT_config_id]);
    id->text[FILE_TEXT_configuration] = id->text[FILE_TEXT_config_id] = NULL;
    TRY(fhicl_print(c->common, false, &id->text[FILE_TEXT_configuration]));
    TRY(fhicl_id(c->common, digest));
    id->text[FILE_TEXT_config_id] = mem_string(digest);
    REQUIRE(id->text[FILE_TEXT_config_id], ERR_MEMORY, "out of memory");
    return ERR_OK;
}

void merge_identity_free(struct merge_identity *id)
{
    for (size_t t = 0; t < N_FILE_TEXTS; t++) mem_free(id->text[t]);
    *id = (struct merge_identity){0};
}

enum err merge_check_same(const struct merge_file *files, size_t n, const struct strs *may_differ,
                          struct merge_identity *out)
{
    struct comparison c = {.may_differ = may_differ};
    const char *first   = files[0].content.text[FILE_TEXT_configuration];
    bool is_one         = true;
    enum err rc;
    *out = (struct merge_identity){.seed = files[0].content.seed};
    for (size_t t = 0; t < N_FILE_TEXTS; t++)
        if (!(out->text[t] = mem_string(files[0].content.text[t]))) FAIL_TO(done, ERR_MEMORY, "out of memory");
    TRY_TO(done, mem_alloc(&c.is_used, may_differ->n + 1, sizeof *c.is_used));
    TRY_TO(done, fhicl_parse(first, strlen(first), "configuration", &c.common));
    for (size_t i = 1; i < n; i++) {
        is_one = is_one && strcmp(first, files[i].content.text[FILE_TEXT_configuration]) == 0;
        TRY_TO(done, compare(&c, &files[0], &files[i], out));
    }
    if (!is_one) rc = take_common(&c, out); /* otherwise id and text stay what they are in the files */
done:
    fhicl_free(c.common);
    mem_free(c.is_used);
    if (rc) merge_identity_free(out);
    return rc;
}
