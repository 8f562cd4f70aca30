/* gm2 calib: constants from what jobs summed, as files, as a page, and into the database of conditions. */
#include "calib_product.h"
#include "cfg.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "meta.h"
#include "publish.h"

#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CALIBRATIONS = 32 };

static const char usage[] =
    "gm2 calib FILE.h5 [FILE.h5 ...] -o DIR [--only NAME[,NAME]] [--reference RUN:SUBRUN] [--png]\n"
    "          [--open-end] [--db DB [--tag TAG] [--author NAME] [--comment TEXT]]\n"
    "          [-S LIST] [--product DIR/STEM --process-name NAME [--from-tag TAG] [--freeze] [--metadata KEY=VALUE "
    "...]]\n"
    "    constants with uncertainties from the sums of jobs: DIR/TABLE.NAME.csv (for gm2 cond load), a page, its "
    "numbers;\n"
    "    --open-end: the last interval of each table holds until others are loaded, for runs to come\n"
    "    --db loads them: what is there with the same constants is not loaded again\n"
    "    -S: a file with one FILE.h5 a line; --product: DIR/STEM.TABLE.NAME.csv with metadata for the catalogue, each "
    "of "
    "--only or nothing;\n"
    "    database and tag (with what is valid under --from-tag) are made if they are not there; --freeze: no more "
    "under "
    "this tag\n"
    "calibrations (NAME, table of conditions):\n";

struct options {
    const char *dir, *only, *db, *tag, *reference;
    struct cond_note note;
    bool wants_png, is_open_end;
    const char *list;             /* -S */
    struct calib_product product; /* stem NULL: none */
    size_t n_only;
    char *only_word[MAX_CALIBRATIONS], *only_copy; /* what the words are in */
};

static void print_usage(FILE *f)
{
    fputs(usage, f);
    for (size_t i = 0; calibrations[i]; i++)
        fprintf(f, "    %-10s %-16s %s\n", calibrations[i]->name, calibrations[i]->condition, calibrations[i]->doc);
}

/* ---- which ---------------------------------------------------------------------------------------------------------------- */
static bool is_named(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) return true;
    return false;
}

static enum err check_names(const char *list)
{
    const char *names[MAX_CALIBRATIONS];
    char copy[400], *rest = copy, *word;
    size_t n = 0;
    for (; calibrations[n]; n++) names[n] = calibrations[n]->name;
    if (!list) return ERR_OK;
    snprintf(copy, sizeof copy, "%s", list);
    while ((word = strtok_r(rest, ",", &rest))) {
        const char *near = calibration_find(word) ? word : cfg_nearest(word, names, n);
        REQUIRE(near, ERR_OPTION, "--only: there is no calibration \"%s\"; 'gm2 calib --help' lists them", word);
        REQUIRE(near == word, ERR_OPTION, "--only: there is no calibration \"%s\"; did you mean \"%s\"?", word, near);
    }
    return ERR_OK;
}

static enum err needs(const struct calibration *c, const struct calib_input *in)
{
    for (size_t i = 0; c->hists[i]; i++)
        REQUIRE(hist_find(&in->hists, c->hists[i]), ERR_NOTFOUND,
                "the files hold no histogram %s, which module %s books", c->hists[i], c->made_by);
    for (size_t i = 0; c->tables[i]; i++)
        REQUIRE(calib_table(in, c->tables[i]), ERR_NOTFOUND,
                "the files hold no table %s, which module %s makes (outputs: keep: [calib])", c->tables[i], c->made_by);
    return ERR_OK;
}

/* Tries one; false when the files are not of its kind and nobody asked for it by name. */
static bool attempt(const struct options *o, const struct calibration *c, const struct calib_input *in,
                    struct calib_attempt *out)
{
    *out = (struct calib_attempt){.calibration = c};
    if (!o->only && !calibration_has_input(c, in)) return false;
    enum err rc = needs(c, in);
    if (!rc) rc = calibration_run(c, in, &out->result);
    out->is_made = rc == ERR_OK;
    if (out->is_made && o->is_open_end && out->result.set.n_intervals > 0)
        out->result.set.interval[out->result.set.n_intervals - 1].end = COND_FOREVER;
    if (rc) snprintf(out->problem, sizeof out->problem, "%s", err_message());
    if (rc) log_warn("%s", out->problem);
    if (rc) err_clear();
    return true;
}

/* ---- loading ---------------------------------------------------------------------------------------------------------------- */
static enum err load_one(struct cond *cond, const struct options *o, const struct cond_note *note,
                         struct calib_attempt *all, size_t i)
{
    struct calib_attempt *a = &all[i];
    size_t n                = 0;
    for (size_t k = 0; k < i; k++)
        if (all[k].is_made && strcmp(all[k].calibration->condition, a->calibration->condition) == 0) {
            snprintf(a->stored, sizeof a->stored, "Not loaded: %s makes the same table; --only %s loads this one.",
                     all[k].calibration->name, a->calibration->name);
            log_warn("%s: not loaded, %s makes table %s too", a->calibration->name, all[k].calibration->name,
                     a->calibration->condition);
            return ERR_OK;
        }
    TRY(calib_store(cond, &a->result, o->tag, note, &n));
    snprintf(a->stored, sizeof a->stored, "%zu of %zu intervals loaded under tag %s%s.", n, a->result.set.n_intervals,
             o->tag, n < a->result.set.n_intervals ? ", the others were there" : "");
    return ERR_OK;
}

static enum err load_all(const struct options *o, const struct cond_note *note, struct calib_attempt *all, size_t n)
{
    struct cond *cond;
    enum err rc = ERR_OK;
    if (!o->db) return ERR_OK;
    TRY(o->product.stem ? calib_product_open(o->db, &o->product, note, &cond) : cond_open(o->db, DB_WRITE, &cond));
    for (size_t i = 0; i < n && !rc; i++)
        if (all[i].is_made) rc = load_one(cond, o, note, all, i);
    if (!rc) rc = calib_product_freeze(cond, &o->product, note);
    cond_close(cond);
    return rc;
}

/* ---- the command -------------------------------------------------------------------------------------------------------------- */
static void print_summary(const struct calib_attempt *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct calib_result *r = &all[i].result;
        if (!all[i].is_made) {
            printf("%-10s no constants: %s\n", all[i].calibration->name, all[i].problem);
            continue;
        }
        printf("%-10s %s: %zu intervals, %zu rows. %s\n", all[i].calibration->name, all[i].calibration->condition,
               r->set.n_intervals, r->set.n_rows, all[i].stored);
        for (size_t k = 0; k < r->n_pulls; k++)
            printf("           %s: %zu pulls, mean %.3f, width %.3f\n", r->pull[k].column, r->pull[k].n,
                   r->pull[k].mean, r->pull[k].width);
    }
}

static void describe(const struct calib_input *in, const char *path, size_t size, char *out)
{
    struct file_summary s         = {.n_units = 0};
    const struct calib_unit first = in->unit[0], last = in->unit[in->n_units - 1];
    if (file_summary(path, &s)) err_clear();
    snprintf(out, size, "run %u subrun %u to run %u subrun %u, %zu subruns, %lld fills, release %s", first.run,
             first.subrun, last.run, last.subrun, in->n_units, (long long)in->n_fills, s.release);
}

static enum err make(const struct options *o, char *const *paths, const struct calib_input *in,
                     struct calib_attempt *all)
{
    char footer[256], comment[320];
    size_t n = 0, n_made = 0;
    for (size_t i = 0; calibrations[i] && n < MAX_CALIBRATIONS; i++) {
        if (o->only && !is_named(o->only, calibrations[i]->name)) continue;
        n += attempt(o, calibrations[i], in, &all[n]);
    }
    for (size_t i = 0; i < n; i++) n_made += all[i].is_made;
    REQUIRE(n > 0, ERR_NOTFOUND,
            "the files hold nothing that a calibration is made from; 'gm2 calib --help' lists them");
    REQUIRE(n_made > 0, ERR_NOTFOUND, "no constants: %s", all[0].problem);
    for (size_t i = 0; i < n && o->product.stem; i++)
        REQUIRE(all[i].is_made, ERR_NOTFOUND, "no constants: %s", all[i].problem);
    describe(in, paths[0], sizeof footer, footer);
    snprintf(comment, sizeof comment, "gm2 calib: %s", footer);
    const struct cond_note note  = {o->note.author, o->note.comment ? o->note.comment : comment};
    enum err rc                  = load_all(o, &note, all, n);
    const struct calib_page page = {o->dir, footer, "Muon g-2: calibration constants", o->wants_png};
    if (!rc) rc = publish_make_folder(o->dir);
    if (!rc) rc = calib_page_write(&page, in, all, n);
    if (!rc && o->product.stem) rc = calib_product_write(&o->product, in, all, n);
    if (!rc) print_summary(all, n);
    if (!rc) printf("%s/index.html\n", o->dir);
    return rc;
}

static enum err calib(const struct options *o, char *const *paths, size_t n)
{
    struct calib_input in;
    struct calib_attempt *all = NULL;
    struct cond_time reference;
    TRY(check_names(o->only));
    if (o->reference) TRY(cond_time_parse(o->reference, &reference));
    TRY(calib_read(paths, n, &in));
    in.has_reference = o->reference != NULL;
    if (in.has_reference) in.reference = (struct calib_unit){(uint32_t)reference.run, (uint32_t)reference.subrun};
    enum err rc = mem_alloc(&all, MAX_CALIBRATIONS, sizeof *all);
    if (!rc) rc = make(o, paths, &in, all);
    for (size_t i = 0; all && i < MAX_CALIBRATIONS; i++) calib_result_free(&all[i].result);
    mem_free(all);
    calib_input_free(&in);
    return rc;
}

/* ---- the command line -------------------------------------------------------------------------------------------------------- */
static enum err check_product(struct options *o, char *const *paths, size_t n_paths)
{
    struct calib_product *p = &o->product;
    REQUIRE(p->stem || (!p->choice.stage && !p->choice.from_tag && !p->is_frozen), ERR_OPTION,
            "--process-name, --from-tag and --freeze go with --product");
    if (!p->stem) return ERR_OK;
    REQUIRE(p->choice.stage && *p->choice.stage && o->only && o->db, ERR_OPTION,
            "--product needs --process-name, --only and --db");
    o->only_copy = mem_string(o->only);
    for (char *rest = o->only_copy, *word; (word = strtok_r(rest, ",", &rest)) && o->n_only < MAX_CALIBRATIONS;)
        o->only_word[o->n_only++] = word;
    const char *slash = strrchr(p->stem, '/');
    char folder[4096];
    REQUIRE(slash && slash[1] && slash > p->stem && strlen(p->stem) < sizeof folder - 200, ERR_OPTION,
            "--product %.200s: DIR/STEM is wanted", p->stem);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - p->stem), p->stem);
    p->choice.n_only      = o->n_only;
    p->choice.only        = (const char *const *)o->only_word;
    p->choice.tag         = o->tag;
    p->choice.is_open_end = o->is_open_end;
    p->paths              = paths;
    p->n_paths            = n_paths;
    return publish_make_folder(folder);
}

/* Lines of a file, after the words of the command line. */
static enum err add_list(const char *list, char ***paths, size_t *n)
{
    char line[4096];
    FILE *f = fopen(list, "r");
    REQUIRE(f, ERR_OPEN, "-S %s cannot be opened", list);
    enum err rc = ERR_OK;
    while (!rc && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (!*line || *line == '#') continue;
        rc = mem_resize(paths, *n, *n + 1, sizeof **paths);
        if (!rc) (*paths)[*n] = mem_string(line);
        if (!rc && !(*paths)[(*n)++]) rc = ERR_MEMORY;
    }
    fclose(f);
    return rc;
}

static enum err calib_files(struct options *o, char **words, size_t n_words)
{
    char **paths;
    size_t n = n_words;
    TRY(mem_alloc(&paths, n + 1, sizeof *paths));
    if (n) memcpy(paths, words, n * sizeof *paths);
    enum err rc = o->list ? add_list(o->list, &paths, &n) : ERR_OK;
    if (!rc && n == 0) rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "no file is given; 'gm2 calib --help'");
    if (!rc) rc = check_product(o, paths, n);
    if (!rc) rc = calib(o, paths, n);
    for (size_t i = n_words; i < n; i++) mem_free(paths[i]);
    mem_free(paths);
    mem_free(o->only_copy);
    return rc;
}

static enum err add_label(struct calib_product *p, const char *pair)
{
    REQUIRE(p->n_labels < CALIB_MAX_LABELS, ERR_OPTION, "--metadata: at most %d are taken", CALIB_MAX_LABELS);
    TRY(meta_check_extra(pair));
    p->label[p->n_labels++] = pair;
    return ERR_OK;
}

static enum err run(int argc, char **argv)
{
    static const struct option names[] = {{"open-end", 0, NULL, 'e'},
                                          {"output", 1, NULL, 'o'},
                                          {"only", 1, NULL, 'n'},
                                          {"reference", 1, NULL, 'r'},
                                          {"png", 0, NULL, 'p'},
                                          {"db", 1, NULL, 'd'},
                                          {"tag", 1, NULL, 't'},
                                          {"author", 1, NULL, 'a'},
                                          {"comment", 1, NULL, 'c'},
                                          {"help", 0, NULL, 'h'},
                                          {"source-list", 1, NULL, 'S'},
                                          {"product", 1, NULL, 'P'},
                                          {"process-name", 1, NULL, 'N'},
                                          {"from-tag", 1, NULL, 'F'},
                                          {"metadata", 1, NULL, 'M'},
                                          {"freeze", 0, NULL, 'Z'},
                                          {NULL, 0, NULL, 0}};
    struct passwd *login               = getpwuid(geteuid());
    struct options o = {.dir = "calib", .tag = COND_HEAD, .note.author = login ? login->pw_name : NULL};
    optind           = 0; /* glibc: start anew, with permutation */
    opterr           = 0;
    for (int letter; (letter = getopt_long(argc, argv, "o:hS:", names, NULL)) != -1;) switch (letter) {
        case 'o': o.dir = optarg; break;
        case 'n': o.only = optarg; break;
        case 'r': o.reference = optarg; break;
        case 'p': o.wants_png = true; break;
        case 'e': o.is_open_end = true; break;
        case 'd': o.db = optarg; break;
        case 't': o.tag = optarg; break;
        case 'a': o.note.author = optarg; break;
        case 'c': o.note.comment = optarg; break;
        case 'S': o.list = optarg; break;
        case 'P': o.product.stem = optarg; break;
        case 'N': o.product.choice.stage = optarg; break;
        case 'F': o.product.choice.from_tag = optarg; break;
        case 'Z': o.product.is_frozen = true; break;
        case 'M': TRY(add_label(&o.product, optarg)); break;
        case 'h': print_usage(stdout); return ERR_OK;
        default: FAIL(ERR_OPTION, "%s: unknown option or no value; 'gm2 calib --help'", argv[optind - 1]);
        }
    REQUIRE(*o.dir && strlen(o.dir) < 3900, ERR_OPTION, "-o: a folder is wanted");
    return calib_files(&o, argv + optind, (size_t)(argc - optind));
}

int cmd_calib(int argc, char **argv) { return err_exit_code(run(argc, argv)); }
