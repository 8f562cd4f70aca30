/* gm2 files roles, log: who may what, who did what. */
#include "cmd_files.h"
#include "roles.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- log ----------------------------------------------------------------------------------------------------------- */
static enum err print_event(void *context, const struct catalogue_event *e)
{
    char when[32];
    time_t at = (time_t)e->at_s;
    struct tm utc;
    (void)context;
    gmtime_r(&at, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const char *const column[] = {when, e->db_user, e->user, e->action, e->what};
    for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
        if (i) putchar('\t');
        utf8_print(stdout, column[i]);
    }
    putchar('\n');
    return ERR_OK;
}

/* 2022-03-01, 2022-03-01T12:00:00, or so long ago: 30m, 12h, 7d */
static enum err read_since(const char *text, int64_t *since_s)
{
    struct tm t     = {0};
    const char *end = strptime(text, "%Y-%m-%d", &t);
    if (end && *end == 'T') end = strptime(end, "T%H:%M:%S", &t);
    if (end && (!*end || strcmp(end, "Z") == 0)) {
        *since_s = timegm(&t);
        return ERR_OK;
    }
    char *unit;
    double n      = strtod(text, &unit);
    double unit_s = strcmp(unit, "m") == 0   ? 60.0
                    : strcmp(unit, "h") == 0 ? 3600.0
                    : strcmp(unit, "d") == 0 ? 86400.0
                                             : 0.0;
    REQUIRE(unit_s > 0.0 && n >= 0.0 && n < 1e6, ERR_OPTION,
            "--since %s: a date such as 2022-03-01 or 2022-03-01T12:00:00 (UTC), or so long ago: 30m, 12h, 7d", text);
    *since_s = (int64_t)time(NULL) - (int64_t)(n * unit_s);
    return ERR_OK;
}

enum err files_log(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    struct catalogue_log_filter filter = {.what = o->what, .by = o->by};
    REQUIRE(o->n_places == 0, ERR_OPTION, "wanted is: gm2 files log DB [--since TIME] [--what WORD] [--by USER]");
    if (o->since) TRY(read_since(o->since, &filter.since_s));
    return catalogue_log(c, &filter, print_event, NULL);
}

/* ---- roles --------------------------------------------------------------------------------------------------------- */
static enum err print_role(void *context, const struct db_value *row, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        if (i) putchar('\t');
        utf8_print(stdout, row[i].text);
    }
    putchar('\n');
    return ERR_OK;
}

enum err files_roles(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    const char *verb = o->n_places ? o->place[0] : "list";
    bool is_grant    = strcmp(verb, "grant") == 0;
    bool is_change   = is_grant || strcmp(verb, "revoke") == 0;
    bool is_list = strcmp(verb, "list") == 0, is_verbs = strcmp(verb, "verbs") == 0;
    REQUIRE(is_change ? o->n_places == 3 : (is_list || is_verbs || strcmp(verb, "setup") == 0) && o->n_places <= 1,
            ERR_OPTION,
            "wanted is: gm2 files roles DB [list | verbs | setup | grant USER ROLE | revoke USER ROLE]; roles are "
            "manager, shifter, analyser");
    TRY(roles_check(c, "roles", verb, o->user));
    if (is_list) return roles_list(c, print_role, NULL);
    if (is_verbs) return roles_verbs(print_role, NULL);
    return is_change ? roles_change(c, o->place[1], o->place[2], is_grant) : roles_setup(c);
}
