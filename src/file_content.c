/* What a file says of itself. */
#include "file_content.h"

#include "file_h5.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const file_text_names[N_FILE_TEXTS] = {"process_name",  "release",        "git_commit",
                                                   "configuration", "config_id",      "isa",
                                                   "constants_set", "conditions_tag", "fcl_commit"};

void file_content_free(struct file_content *c)
{
    for (size_t i = 0; i < N_FILE_TEXTS; i++) mem_free(c->text[i]);
    mem_free(c->unit);
    mem_free(c->stretch);
    *c = (struct file_content){0};
}

static enum err take_units(hid_t file, struct file_content *c)
{
    struct file_units u = {0};
    TRY(file_h5_read_units(file, &u));
    enum err rc = mem_alloc(&c->unit, u.n, sizeof *c->unit);
    for (uint64_t i = 0; !rc && i < u.n; i++)
        c->unit[i] = (struct file_unit){u.run[i], u.subrun[i], u.n_fills[i], u.n_planned[i]};
    if (!rc) c->n_units = u.n;
    file_h5_free_units(&u);
    return rc;
}

/* ---- fills --------------------------------------------------------------------------------------------------------------- */
static enum err read_column(hid_t group, const char *name, uint32_t **out, uint64_t *n)
{
    hid_t dataset = H5Lexists(group, name, H5P_DEFAULT) > 0 ? H5Dopen2(group, name, H5P_DEFAULT) : -1;
    H5_REQUIRE(dataset >= 0, ERR_DATA, "an index has no column %s", name);
    enum err rc = file_h5_rows(dataset, n);
    if (!rc) rc = mem_alloc(out, *n, sizeof **out);
    if (!rc) rc = file_h5_read_rows(dataset, COL_u32, 0, *n, *out);
    H5Dclose(dataset);
    return rc;
}

static int by_fill(const void *a, const void *b)
{
    const struct file_stretch *p = a, *q = b;
    if (p->run != q->run) return p->run < q->run ? -1 : 1;
    if (p->subrun != q->subrun) return p->subrun < q->subrun ? -1 : 1;
    return p->first < q->first ? -1 : p->first > q->first;
}

/* One stretch a fill becomes one for all that follow each other. */
static enum err join_stretches(struct file_content *c)
{
    size_t n = 0;
    qsort(c->stretch, c->n_stretches, sizeof *c->stretch, by_fill);
    for (size_t i = 0; i < c->n_stretches; i++) {
        const struct file_stretch *s = &c->stretch[i];
        struct file_stretch *last    = n ? &c->stretch[n - 1] : NULL;
        bool is_same                 = last && last->run == s->run && last->subrun == s->subrun;
        REQUIRE(!is_same || s->first > last->last, ERR_DATA, "run %u subrun %u event %u is in it twice", s->run,
                s->subrun, s->first);
        if (is_same && s->first == last->last + 1)
            last->last = s->last;
        else
            c->stretch[n++] = *s;
    }
    c->n_stretches = n;
    return ERR_OK;
}

/* The index of a table of fills has each fill once, also those without rows. */
static enum err take_fills(hid_t index, struct file_content *c)
{
    uint32_t *run = NULL, *subrun = NULL, *event = NULL;
    uint64_t n[3] = {0};
    enum err rc   = read_column(index, "event", &event, &n[0]);
    if (rc || n[0] == 0 || event[0] == 0) goto done; /* a table of whole units */
    TRY_TO(done, read_column(index, "run", &run, &n[1]));
    TRY_TO(done, read_column(index, "subrun", &subrun, &n[2]));
    if (!run || !subrun || n[0] != n[1] || n[0] != n[2])
        FAIL_TO(done, ERR_DATA, "columns of an index differ in length");
    TRY_TO(done, mem_alloc(&c->stretch, n[0], sizeof *c->stretch));
    for (uint64_t i = 0; i < n[0]; i++) c->stretch[i] = (struct file_stretch){run[i], subrun[i], event[i], event[i]};
    c->n_stretches = n[0];
    rc             = join_stretches(c);
done:
    mem_free(run);
    mem_free(subrun);
    mem_free(event);
    return rc;
}

static enum err find_fills(hid_t file, struct file_content *c)
{
    char **names;
    size_t n;
    enum err rc = ERR_OK;
    TRY(file_h5_names(file, &names, &n));
    for (size_t i = 0; !rc && !c->n_stretches && i < n; i++) {
        char path[128];
        snprintf(path, sizeof path, "%.100s/index", names[i]);
        if (strcmp(names[i], "hist") == 0 || H5Lexists(file, path, H5P_DEFAULT) <= 0) continue;
        hid_t index = H5Gopen2(file, path, H5P_DEFAULT);
        if (index < 0) rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot open %s", path);
        if (!rc) rc = take_fills(index, c);
        if (index >= 0) H5Gclose(index);
    }
    file_h5_free_names(names, n);
    return rc;
}

enum err file_content_read(const char *path, struct file_content *out)
{
    hid_t file  = -1;
    enum err rc = ERR_OK;
    *out        = (struct file_content){0};
    TRY(file_h5_open_checked(path, &file));
    for (size_t i = 0; !rc && i < N_FILE_TEXTS; i++)
        rc = i == FILE_TEXT_fcl_commit ? file_h5_get_text_or_empty(file, file_text_names[i], &out->text[i])
                                       : file_h5_get_text(file, file_text_names[i], &out->text[i]);
    if (!rc) rc = file_h5_get_u64(file, "seed", &out->seed);
    if (!rc) rc = take_units(file, out);
    if (!rc) rc = find_fills(file, out);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}
