/* gm2 files diff: a dataset now against what it was. */
#include "cmd_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct difference {
    int64_t n_added, n_gone, n_retired;
};

static enum err print_added(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    printf("added %s\n", row[0].text);
    ((struct difference *)context)->n_added++;
    return ERR_OK;
}

/* row: name, when it was retired, why, number of places */
static enum err print_gone(void *context, const struct db_value *row, size_t n)
{
    struct difference *d = context;
    bool is_retired      = row[1].type != DB_NULL;
    if (is_retired)
        printf("retired %s: %s\n", row[0].text, row[2].type == DB_TEXT ? row[2].text : "");
    else
        printf("gone %s%s\n", row[0].text, row[n - 1].i == 0 ? ": it has no place" : "");
    d->n_retired += is_retired;
    d->n_gone += !is_retired;
    return ERR_OK;
}

static bool is_number(const char *text, int64_t *out)
{
    char *end;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && *out > 0;
}

enum err files_diff(struct catalogue *c, const struct files_options *o, int *status)
{
    struct difference d = {0};
    int64_t then = 0, later = 0;
    char now[320] = "", *query = NULL;
    TRY(files_want_places(o, 1, 2, "NAME|SNAPSHOT [SNAPSHOT]"));
    bool is_snapshot = is_number(o->place[0], &then);
    REQUIRE(o->n_places == 1 || is_number(o->place[1], &later), ERR_OPTION, "\"%s\" is no number of a snapshot",
            o->place[1]);
    if (is_snapshot) {
        TRY(catalogue_snapshot_query(c, then, &query));
        if (later) snprintf(now, sizeof now, "snapshot_id %" PRId64 " with availability any", later);
    } else {
        TRY(catalogue_definition(c, o->place[0], &query)); /* it must be there */
        snprintf(now, sizeof now, "defname: %.255s", o->place[0]);
        then = later;
        if (!then) {
            enum err rc = catalogue_last_snapshot(c, now, query, &then);
            if (rc) {
                mem_free(query);
                return rc;
            }
        }
    }
    printf("since snapshot %" PRId64 "%s\n", then, later && is_snapshot ? ", until the other" : "");
    enum err rc = catalogue_since(c, *now ? now : query, then, print_added, print_gone, &d);
    mem_free(query);
    if (rc) return rc;
    printf("%" PRId64 " added, %" PRId64 " gone, %" PRId64 " retired\n", d.n_added, d.n_gone, d.n_retired);
    *status = d.n_added || d.n_gone || d.n_retired;
    return ERR_OK;
}
