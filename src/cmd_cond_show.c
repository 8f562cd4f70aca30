/* gm2 cond get, dump, diff: constants on the terminal or into a file. */
#include "cmd_cond.h"

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum err print_intervals(const struct cond_set *set)
{
    printf("iov_id begin end rows load\n");
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        char begin[72], end[72];
        cond_time_print(&set->table, v->begin, begin);
        cond_time_print(&set->table, v->end, end);
        printf("%" PRId64 " %s %s %zu %" PRId64 "\n", v->id, begin, end, v->n_rows, v->load_id);
    }
    return ERR_OK;
}

static enum err put_set(const struct cond_set *set, const struct cmd_cond_options *o)
{
    const char *tag = o->tag ? o->tag : COND_HEAD;
    if (o->is_intervals) return print_intervals(set);
    FILE *f = o->output ? fopen(o->output, "wxe") : stdout;
    REQUIRE(f, ERR_WRITE, "%s cannot be written: %s", o->output, strerror(errno));
    enum err rc = o->is_json ? cond_write_json(set, tag, f) : cond_write_csv(set, tag, f);
    if (f != stdout && fclose(f) != 0 && !rc)
        rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "%s: %s", o->output, strerror(errno));
    return rc;
}

/* The packed range that is asked for. */
static enum err range_of(const struct cond_table *t, const struct cmd_cond_options *o, int64_t *first, int64_t *last)
{
    struct cond_time a, b;
    char text[128];
    REQUIRE(!o->at != !o->range, ERR_OPTION, "one of --at TIME and --range TIME..TIME is wanted");
    if (o->at) {
        TRY(cond_time_parse(o->at, &a));
        if (t->event_digits == 0) a.event = 0;
        TRY(cond_pack(t, a, first));
        *last = *first;
        return ERR_OK;
    }
    const char *dots = strstr(o->range, "..");
    REQUIRE(dots && (size_t)(dots - o->range) < sizeof text, ERR_OPTION, "--range %s: wanted is TIME..TIME", o->range);
    snprintf(text, sizeof text, "%.*s", (int)(dots - o->range), o->range);
    TRY(cond_time_parse(text, &a));
    TRY(cond_time_parse(dots + 2, &b));
    if (t->event_digits == 0) a.event = 0;
    TRY(cond_pack(t, a, first));
    bool is_whole_run = !strchr(dots + 2, ':');
    if (is_whole_run) b.run++;
    TRY(is_whole_run ? cond_pack(t, b, last) : cond_pack_end(t, b, last));
    *last -= is_whole_run;
    REQUIRE(*last >= *first, ERR_OPTION, "--range %s: it ends before it begins", o->range);
    return ERR_OK;
}

enum err cmd_cond_get(struct cond *cond, const struct cmd_cond_options *o)
{
    struct cond_table table;
    struct cond_set set;
    int64_t first, last, hole;
    char where[72];
    TRY(cmd_cond_places(o, 1, 1, "TABLE --at TIME"));
    TRY(cond_table(cond, o->place[0], &table));
    TRY(range_of(&table, o, &first, &last));
    TRY(cond_read(cond, table.name, o->tag ? o->tag : COND_HEAD, first, last, true, &set));
    enum err rc = ERR_OK;
    if (set.n_intervals == 0 || cond_has_hole(&set, first, first, &hole)) {
        cond_time_print(&table, first, where);
        rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "table %s has no constants for %s under tag %s", table.name,
                      where, o->tag ? o->tag : COND_HEAD);
    } else if (cond_has_hole(&set, first, last, &hole)) {
        cond_time_print(&table, hole, where);
        log_warn("table %s has no constants from %s on, within the range", table.name, where);
    }
    if (!rc) rc = put_set(&set, o);
    cond_set_free(&set);
    return rc;
}

enum err cmd_cond_dump(struct cond *cond, const struct cmd_cond_options *o)
{
    struct cond_set set;
    TRY(cmd_cond_places(o, 1, 1, "TABLE"));
    TRY(cond_read(cond, o->place[0], o->tag ? o->tag : COND_HEAD, 0, COND_FOREVER - 1, !o->is_intervals, &set));
    enum err rc = put_set(&set, o);
    cond_set_free(&set);
    return rc;
}

struct difference_print {
    const struct cond_table *table;
    const char *tag[2];
    size_t n;
};

static enum err print_difference(void *context, const struct cond_difference *d)
{
    struct difference_print *p = context;
    char begin[72], end[72];
    p->n++;
    cond_time_print(p->table, d->begin, begin);
    cond_time_print(p->table, d->end, end);
    printf("%s to %s: ", begin, end);
    if (!d->a || !d->b) {
        printf("only %s has constants, iov_id %" PRId64 "\n", p->tag[!d->a], d->a ? d->a->id : d->b->id);
        return ERR_OK;
    }
    printf("iov_id %" PRId64 " and %" PRId64 ", %zu rows differ", d->a->id, d->b->id, d->n_rows);
    for (size_t c = p->table->n_keys; c < p->table->n_columns; c++)
        printf(", %s by up to %.6g", p->table->column[c].name, d->largest[c]);
    printf("\n");
    return ERR_OK;
}

enum err cmd_cond_diff(struct cond *cond, const struct cmd_cond_options *o, size_t *n_differences)
{
    struct cond_set a, b;
    TRY(cmd_cond_places(o, 3, 3, "TABLE TAG TAG"));
    TRY(cond_read(cond, o->place[0], o->place[1], 0, COND_FOREVER - 1, true, &a));
    enum err rc = cond_read(cond, o->place[0], o->place[2], 0, COND_FOREVER - 1, true, &b);
    if (!rc) {
        struct difference_print p = {&a.table, {o->place[1], o->place[2]}, 0};
        rc                        = cond_diff(&a, &b, print_difference, &p);
        *n_differences            = p.n;
        cond_set_free(&b);
    }
    cond_set_free(&a);
    return rc;
}
