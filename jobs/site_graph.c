/* The dependency graph of a campaign, by graphviz. */
#include "site_internal.h"

#include "mem.h"
#include "process.h"
#include "publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Light colours: the words on them stay readable, and say the same. */
static const char *colour_of(const struct status_stage *s)
{
    static const struct {
        const char *state, *colour;
    } all[] = {{"complete", "#b7e1c0"}, {"running", "#bcdcf2"}, {"due", "#fdf0b2"},
               {"waits", "#ececec"},    {"parked", "#f8b99a"},  {"held", "#f8b99a"},
               {"approval", "#f8b99a"}, {"gone", "#f8b99a"},    {"refused", "#f8b99a"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(s->state, all[i].state) == 0) return all[i].colour;
    return "#ffffff";
}

/* Names of stages are letters, digits and _ . - (campaign.c), and nothing else of others goes in here. */
static enum err write_dot(const struct status *k, const char *path)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    fprintf(f, "digraph campaign {\nrankdir=LR; nodesep=0.25; ranksep=0.6; bgcolor=\"transparent\";\n"
               "node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=12, color=\"#555555\", "
               "margin=\"0.15,0.08\"];\nedge [color=\"#555555\", arrowsize=0.8];\n");
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        const struct campaign_stage *c = &k->campaign->stage[i];
        const struct status_stage *s   = &k->stage[i];
        bool is_files                  = c->dataset != NULL;
        int64_t n_done                 = is_files ? (int64_t)s->look.n_done : s->n_subruns_done;
        int64_t n_all                  = is_files ? (int64_t)s->look.n_files : s->n_subruns;
        bool is_approval               = strcmp(c->cfg.stage_type, "approval") == 0;
        fprintf(f, "s%zu [label=\"%s\\n%s", i, c->name, is_approval && s->look.is_complete ? "approved" : s->state);
        if (!is_approval)
            fprintf(f, ", %.1f %%\\n%" PRId64 " of %" PRId64 " %s", status_percent(n_done, n_all), n_done, n_all,
                    is_files ? "files" : "fills");
        fprintf(f, "\", fillcolor=\"%s\", URL=\"%s.html\", tooltip=\"%s\"];\n", colour_of(s), c->name, c->name);
        for (size_t j = 0; j < c->n_needs; j++) fprintf(f, "s%zu -> s%zu;\n", c->need[j], i);
    }
    fprintf(f, "}\n");
    fclose(f);
    enum err rc = publish_text(path, text, n, 1);
    free(text);
    return rc;
}

/* From "<svg" on: what stands before it belongs to a document of its own. */
static enum err read_svg(const char *path, char **out)
{
    FILE *f = fopen(path, "rb");
    char *text;
    REQUIRE(f, ERR_READ, "%s cannot be read", path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    enum err rc = n > 0 ? mem_alloc(&text, (size_t)n + 1, 1) : ERR_READ;
    if (!rc && fread(text, 1, (size_t)n, f) != (size_t)n) rc = ERR_READ;
    fclose(f);
    if (rc) return rc;
    const char *svg = strstr(text, "<svg");
    *out            = svg ? mem_string(svg) : NULL;
    mem_free(text);
    REQUIRE(*out, ERR_DATA, "dot wrote no picture into %s", path);
    return ERR_OK;
}

enum err site_graph(const struct status *k, const char *folder, char **svg)
{
    char dot[SITE_PATH], picture[SITE_PATH], out[512], log[512];
    int status;
    *svg = NULL;
    REQUIRE(snprintf(dot, sizeof dot, "%s/graph.dot", folder) < (int)sizeof dot, ERR_WRITE, "the path is too long");
    REQUIRE(snprintf(picture, sizeof picture, "%s/graph.svg%s", folder, publish_part_suffix()) < (int)sizeof picture,
            ERR_WRITE, "the path is too long");
    TRY(write_dot(k, dot));
    const char *const argv[] = {"dot", "-Tsvg", "-o", picture, dot, NULL};
    if (process_run(argv, 60.0, out, log, sizeof out, &status) == ERR_NOTFOUND)
        return err_context(ERR_NOTFOUND, "graphviz is not installed (Debian package graphviz)");
    enum err rc = status == 0 ? read_svg(picture, svg) : err_fail(ERR_WRITE, __FILE__, __LINE__, "dot: %.300s", log);
    unlink(picture);
    return rc;
}
