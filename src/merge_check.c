/* Gaps and duplicates of what is to be merged. */
#include "merge_check.h"

#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rules --------------------------------------------------------------------------------------------------------------- */
struct range {
    uint32_t run, first_subrun, last_subrun, first_event, last_event;
};

struct ranges {
    size_t n;
    struct range *range;
    bool all;
};

static const char *take_number(const char *at, uint32_t *out)
{
    char *end;
    size_t n = strspn(at, "0123456789");
    if (n == 0 || n > 9) return NULL;
    *out = (uint32_t)strtoul(at, &end, 10);
    return end;
}

/* FIRST or FIRST..LAST */
static const char *take_span(const char *at, uint32_t *first, uint32_t *last)
{
    at    = take_number(at, first);
    *last = *first;
    if (at && strncmp(at, "..", 2) == 0) at = take_number(at + 2, last);
    return at && *first <= *last ? at : NULL;
}

static enum err read_range(const char *text, const char *key, struct range *out)
{
    *out           = (struct range){0, 0, UINT32_MAX, 0, UINT32_MAX};
    const char *at = take_number(text, &out->run);
    if (at && *at == ':') at = take_span(at + 1, &out->first_subrun, &out->last_subrun);
    bool is_one = at && out->first_subrun == out->last_subrun;
    if (is_one && *at == ':') at = take_span(at + 1, &out->first_event, &out->last_event);
    REQUIRE(at && !*at, ERR_CONFIG,
            "%s: \"%s\" is no rule; RUN, RUN:SUBRUN, RUN:FIRST..LAST, RUN:SUBRUN:EVENT, RUN:SUBRUN:FIRST..LAST or all",
            key, text);
    return ERR_OK;
}

static enum err read_ranges(const struct strs *words, const char *key, struct ranges *out)
{
    *out = (struct ranges){0};
    TRY(mem_alloc(&out->range, words->n + 1, sizeof *out->range));
    for (size_t i = 0; i < words->n; i++) {
        if (strcmp(words->value[i], "all") == 0)
            out->all = true;
        else
            TRY(read_range(words->value[i], key, &out->range[out->n++]));
    }
    return ERR_OK;
}

static bool covers(const struct ranges *rules, const struct range *what)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct range *r = &rules->range[i];
        if (r->run == what->run && r->first_subrun <= what->first_subrun && r->last_subrun >= what->last_subrun &&
            r->first_event <= what->first_event && r->last_event >= what->last_event)
            return true;
    }
    return rules->all;
}

static void print_range(const struct range *r, char text[96])
{
    int n = snprintf(text, 96, "run %u subrun %u", r->run, r->first_subrun);
    if (r->last_subrun != r->first_subrun) n += snprintf(text + n, 96 - (size_t)n, " to %u", r->last_subrun);
    if (r->last_event != UINT32_MAX) n += snprintf(text + n, 96 - (size_t)n, ", event %u", r->first_event);
    if (r->last_event != UINT32_MAX && r->last_event != r->first_event)
        snprintf(text + n, 96 - (size_t)n, " to %u", r->last_event);
}

/* ---- stretches of all files -------------------------------------------------------------------------------------------------- */
struct piece {
    struct file_stretch s;
    size_t file;
};

struct pieces {
    size_t n;
    struct piece *piece;
};

static bool has_stretch(const struct file_content *c, uint32_t run, uint32_t subrun)
{
    for (size_t i = 0; i < c->n_stretches; i++)
        if (c->stretch[i].run == run && c->stretch[i].subrun == subrun) return true;
    return false;
}

/* Units without fills of their own stand for the whole subrun. */
static void add_pieces(const struct merge_file *f, size_t file, struct pieces *p)
{
    const struct file_content *c = &f->content;
    for (size_t i = 0; i < c->n_stretches; i++) p->piece[p->n++] = (struct piece){c->stretch[i], file};
    for (size_t i = 0; i < c->n_units; i++)
        if (!has_stretch(c, c->unit[i].run, c->unit[i].subrun))
            p->piece[p->n++] = (struct piece){{c->unit[i].run, c->unit[i].subrun, 0, UINT32_MAX}, file};
}

static int by_subrun(const struct piece *p, const struct piece *q)
{
    if (p->s.run != q->s.run) return p->s.run < q->s.run ? -1 : 1;
    if (p->s.subrun != q->s.subrun) return p->s.subrun < q->s.subrun ? -1 : 1;
    return 0;
}

static int by_subrun_and_file(const void *a, const void *b)
{
    const struct piece *p = a, *q = b;
    int order = by_subrun(p, q);
    return order ? order : p->file < q->file ? -1 : p->file > q->file;
}

static int by_subrun_and_event(const void *a, const void *b)
{
    const struct piece *p = a, *q = b;
    int order = by_subrun(p, q);
    return order ? order : p->s.first < q->s.first ? -1 : p->s.first > q->s.first;
}

static enum err list_pieces(const struct merge_file *files, size_t n, struct pieces *out)
{
    size_t most = 1;
    *out        = (struct pieces){0};
    for (size_t i = 0; i < n; i++) most += files[i].content.n_stretches + files[i].content.n_units;
    TRY(mem_alloc(&out->piece, most, sizeof *out->piece));
    for (size_t i = 0; i < n; i++)
        if (!files[i].is_left_out) add_pieces(&files[i], i, out);
    return ERR_OK;
}

/* ---- duplicates ---------------------------------------------------------------------------------------------------------------- */
static bool overlap(const struct file_stretch *a, const struct file_stretch *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* One subrun's pieces, in the order of the files: is any of them there before? is_there[file] counts its units that are. */
static enum err check_subrun(const struct piece *piece, size_t n, const struct merge_file *files,
                             const struct ranges *accepted, size_t *is_there)
{
    for (size_t i = 1; i < n; i++) {
        size_t k = 0;
        while (k < i && (piece[k].file == piece[i].file || !overlap(&piece[k].s, &piece[i].s))) k++;
        if (k == i) continue;
        const struct file_stretch *s = &piece[i].s;
        const struct range what      = {s->run, s->subrun, s->subrun, s->first, s->last};
        char text[96];
        print_range(&what, text);
        REQUIRE(covers(accepted, &what), ERR_MISMATCH,
                "%s is in %s and in %s; accept_duplicates: [\"%u:%u\"] takes the one that is first in the list", text,
                files[piece[k].file].path, files[piece[i].file].path, s->run, s->subrun);
        is_there[piece[i].file]++;
        while (i + 1 < n && piece[i + 1].file == piece[i].file) i++; /* one unit counts once */
    }
    return ERR_OK;
}

static enum err leave_out(struct merge_file *f, size_t n_there)
{
    if (n_there == 0) return ERR_OK;
    REQUIRE(
        n_there == f->content.n_units, ERR_MISMATCH,
        "%s: %zu of its %zu units are accepted duplicates, but histograms cannot be taken apart: give a file of the "
        "others alone",
        f->path, n_there, f->content.n_units);
    log_warn("%s is left out: what it holds is in files before it", f->path);
    f->is_left_out = true;
    return ERR_OK;
}

static enum err check_duplicates(struct merge_file *files, size_t n, const struct ranges *accepted)
{
    struct pieces p  = {0};
    size_t *is_there = NULL;
    enum err rc;
    TRY_TO(done, list_pieces(files, n, &p));
    TRY_TO(done, mem_alloc(&is_there, n, sizeof *is_there));
    qsort(p.piece, p.n, sizeof *p.piece, by_subrun_and_file);
    for (size_t from = 0, to; from < p.n; from = to) {
        for (to = from + 1; to < p.n && by_subrun(&p.piece[from], &p.piece[to]) == 0;) to++;
        TRY_TO(done, check_subrun(p.piece + from, to - from, files, accepted, is_there));
    }
    for (size_t i = 0; i < n; i++) TRY_TO(done, leave_out(&files[i], is_there[i]));
done:
    mem_free(p.piece);
    mem_free(is_there);
    return rc;
}

/* ---- gaps ------------------------------------------------------------------------------------------------------------------------ */
static enum err check_gap(const struct range *gap, const struct ranges *accepted)
{
    char text[96];
    print_range(gap, text);
    if (covers(accepted, gap)) {
        log_warn("%s: missing, as accepted", text);
        return ERR_OK;
    }
    if (gap->last_event != UINT32_MAX)
        FAIL(ERR_MISMATCH, "%s: missing; accept_gaps: [\"%u:%u:%u..%u\"] does without", text, gap->run,
             gap->first_subrun, gap->first_event, gap->last_event);
    FAIL(ERR_MISMATCH, "%s: missing; accept_gaps: [\"%u:%u..%u\"] does without", text, gap->run, gap->first_subrun,
         gap->last_subrun);
}

static enum err check_between(const struct file_stretch *a, const struct file_stretch *b, const struct ranges *accepted)
{
    struct range gap = {a->run, a->subrun + 1, b->subrun - 1, 0, UINT32_MAX};
    if (a->run != b->run) return ERR_OK;
    if (b->subrun > a->subrun + 1) return check_gap(&gap, accepted);
    if (b->subrun != a->subrun || a->last == UINT32_MAX || b->first <= a->last + 1) return ERR_OK;
    gap = (struct range){a->run, a->subrun, a->subrun, a->last + 1, b->first - 1};
    return check_gap(&gap, accepted);
}

static bool has_subrun(const struct pieces *p, uint32_t run, uint32_t subrun)
{
    const struct piece wanted = {{run, subrun, 0, 0}, 0};
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order     = by_subrun(&p->piece[middle], &wanted);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool has_run(const struct pieces *p, uint32_t run)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->piece[i].s.run == run) return true;
    return false;
}

static enum err check_expected(const struct pieces *p, const struct merge_file *files, const struct ranges *expected,
                               const struct ranges *accepted)
{
    for (size_t i = 0; i < p->n && expected->n; i++) {
        const struct file_stretch *s = &p->piece[i].s;
        const struct range what      = {s->run, s->subrun, s->subrun, 0, UINT32_MAX};
        REQUIRE(covers(expected, &what), ERR_MISMATCH, "run %u subrun %u of %s is not among what is expected", s->run,
                s->subrun, files[p->piece[i].file].path);
    }
    for (size_t i = 0; i < expected->n; i++) {
        const struct range *r = &expected->range[i];
        if (r->last_subrun == UINT32_MAX) {
            REQUIRE(has_run(p, r->run), ERR_MISMATCH, "run %u is expected and not there", r->run);
            continue;
        }
        for (uint32_t k = r->first_subrun; k <= r->last_subrun; k++) {
            const struct range gap = {r->run, k, k, 0, UINT32_MAX};
            if (!has_subrun(p, r->run, k)) TRY(check_gap(&gap, accepted));
        }
    }
    return ERR_OK;
}

static enum err check_gaps(const struct merge_file *files, size_t n, const struct ranges *accepted,
                           const struct ranges *expected)
{
    struct pieces p = {0};
    enum err rc;
    TRY_TO(done, list_pieces(files, n, &p));
    qsort(p.piece, p.n, sizeof *p.piece, by_subrun_and_event);
    for (size_t i = 1; i < p.n; i++) TRY_TO(done, check_between(&p.piece[i - 1].s, &p.piece[i].s, accepted));
    rc = check_expected(&p, files, expected, accepted);
done:
    mem_free(p.piece);
    return rc;
}

enum err merge_check_units(struct merge_file *files, size_t n, const struct merge_rules *rules)
{
    struct ranges gaps = {0}, duplicates = {0}, expected = {0};
    enum err rc;
    TRY_TO(done, read_ranges(&rules->accept_gaps, "accept_gaps", &gaps));
    TRY_TO(done, read_ranges(&rules->accept_duplicates, "accept_duplicates", &duplicates));
    TRY_TO(done, read_ranges(&rules->expect, "expect", &expected));
    TRY_TO(done, check_duplicates(files, n, &duplicates));
    rc = check_gaps(files, n, &gaps, &expected);
done:
    mem_free(gaps.range);
    mem_free(duplicates.range);
    mem_free(expected.range);
    return rc;
}
