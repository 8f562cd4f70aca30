/* Constants as products. */
#include "calib_product.h"

#include "mem.h"
#include "meta.h"
#include "phys.h"
#include "publish.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the tag --------------------------------------------------------------------------------------------------------- */
static enum err open_or_make(const char *url, const struct cond_note *note, struct cond **out)
{
    enum err rc = cond_open(url, DB_WRITE, out);
    if (rc != ERR_OPEN && rc != ERR_NOTFOUND) return rc;
    err_clear();
    return cond_init(url, note, out);
}

static enum err make_tag(struct cond *cond, const struct calib_choice *c, const struct cond_note *note)
{
    const char *from = c->from_tag && *c->from_tag ? c->from_tag : NULL;
    if (cond_tag_check(cond, c->tag, NULL) == ERR_OK) return ERR_OK;
    err_clear();
    enum err rc = cond_tag(cond, c->tag, from, note);
    if (rc != ERR_MISMATCH) return rc;
    err_clear(); /* another job was quicker */
    return cond_tag_check(cond, c->tag, NULL);
}

enum err calib_product_open(const char *url, const struct calib_product *p, const struct cond_note *note,
                            struct cond **out)
{
    TRY(open_or_make(url, note, out));
    enum err rc = make_tag(*out, &p->choice, note);
    if (!rc) return ERR_OK;
    cond_close(*out);
    *out = NULL;
    return rc;
}

enum err calib_product_freeze(struct cond *cond, const struct calib_product *p, const struct cond_note *note)
{
    bool is_frozen;
    if (!p->is_frozen) return ERR_OK;
    TRY(cond_tag_check(cond, p->choice.tag, &is_frozen));
    return is_frozen ? ERR_OK : cond_freeze(cond, p->choice.tag, note);
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */
struct words {
    char file_type[64], data_stream[128], particle[64], run_type[64];
};

/* As the first input's metadata have it. */
static void inherit(const char *path, const char *field, const char *otherwise, size_t room, char *out)
{
    if (meta_read_text(path, field, room, out) == ERR_OK && *out) return;
    err_clear();
    snprintf(out, room, "%s", otherwise);
}

static enum err publish_csv(const struct calib_attempt *a, const char *path)
{
    char *text  = NULL;
    size_t size = 0;
    FILE *f     = open_memstream(&text, &size);
    REQUIRE(f, ERR_MEMORY, "no memory for %s", path);
    enum err rc = cond_write_csv(&a->result.set, "none", f);
    fclose(f);
    if (!rc) rc = publish_text(path, text, size, 0);
    free(text);
    return rc;
}

static void describe(const struct calib_product *p, const struct calib_input *in, const struct words *w, struct meta *m)
{
    *m            = (struct meta){.file_type           = w->file_type,
                                  .file_format         = "csv",
                                  .data_tier           = "constants",
                                  .data_stream         = w->data_stream,
                                  .application_name    = p->choice.stage,
                                  .application_version = version_release,
                                  .run_type            = w->run_type,
                                  .particle            = w->particle,
                                  .n_runs              = in->n_units,
                                  .event_count         = in->n_fills,
                                  .n_parents           = p->n_paths,
                                  .parents             = (const char *const *)p->paths,
                                  .git_commit          = version_git_commit,
                                  .fcl_name            = "gm2 calib",
                                  .process_name        = p->choice.stage,
                                  .conditions_tag      = p->choice.tag,
                                  .constants_set       = PHYS_SET_NAME,
                                  .isa                 = "",
                                  .n_ranks             = 1,
                                  .n_units             = (int64_t)in->n_units,
                                  .n_extra             = p->n_labels,
                                  .extra               = p->label};
    m->end_unix_s = m->start_unix_s = (double)time(NULL);
    meta_fill_host(m);
}

enum err calib_product_write(const struct calib_product *p, const struct calib_input *in,
                             const struct calib_attempt *attempts, size_t n)
{
    struct words w;
    struct meta m;
    struct meta_run *runs;
    char path[4096], id[41];
    inherit(p->paths[0], "file_type", "importedDetector", sizeof w.file_type, w.file_type);
    inherit(p->paths[0], "data_stream", "full", sizeof w.data_stream, w.data_stream);
    inherit(p->paths[0], "gm2.particle", "muon", sizeof w.particle, w.particle);
    inherit(p->paths[0], "runs", "physics", sizeof w.run_type, w.run_type);
    TRY(calib_identity(&p->choice, id));
    TRY(mem_alloc(&runs, in->n_units, sizeof *runs));
    for (size_t i = 0; i < in->n_units; i++) runs[i] = (struct meta_run){in->unit[i].run, in->unit[i].subrun};
    describe(p, in, &w, &m);
    m.runs      = runs;
    m.config_id = id;
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        const struct calibration *c = attempts[i].calibration;
        int k                       = snprintf(path, sizeof path, "%s.%s.%s.csv", p->stem, c->condition, c->name);
        if (k >= (int)sizeof path) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "--product: the name is too long");
        if (!rc) rc = publish_csv(&attempts[i], path);
        if (!rc) rc = meta_write(path, &m);
    }
    mem_free(runs);
    return rc;
}
