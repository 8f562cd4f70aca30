/* gm2 cond: constants with intervals of validity, in a SQLite file or on a PostgreSQL server. */
#include "cmd_cond.h"

#include "cfg.h"
#include "command.h"
#include "mem.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_cond(int argc, char **argv);

static const char usage[] =
    "gm2 cond init DB [--table FILE.json]\n"
    "    make the layout, the tag \"head\" and the standard tables; or add a table that a JSON file defines\n"
    "gm2 cond tables DB [TABLE]\n"
    "    the tables; or the columns of one, with units and ranges\n"
    "gm2 cond load DB TABLE FILE.csv|FILE.json --comment TEXT [--tag TAG] [--from TIME [--until TIME]] [--partial]\n"
    "    add intervals, all of the file or nothing. CSV: columns run, subrun, event (of the begin), end_run, "
    "end_subrun,\n"
    "    end_event if wanted, keys and values; or no run, and --from. What was there stays, the new supersedes it\n"
    "gm2 cond get DB TABLE --at TIME | --range TIME..TIME [--tag TAG] [--json] [-o FILE]\n"
    "    the constants valid at a time, or all that a range of subruns needs; none: exit status 29\n"
    "gm2 cond dump DB TABLE [--tag TAG] [--intervals] [--json] [-o FILE]\n"
    "    all that is valid under a tag; --intervals: without the rows\n"
    "gm2 cond tag DB [NEW [--from TAG]] [--comment TEXT]\n"
    "    list the tags; or make one, empty or with what is valid under another\n"
    "gm2 cond tag DB TAG --freeze --comment TEXT\n"
    "    nothing can be loaded under it any more\n"
    "gm2 cond diff DB TABLE TAG TAG\n"
    "    where two tags have other constants, how many and by how much; exit status 1 if anywhere\n"
    "gm2 cond log DB [TABLE]\n"
    "    what was done, when, by whom and why\n"
    "gm2 cond snapshot DB TAG -o FILE.db\n"
    "    a file for nodes that reach no database; used in place of DB\n"
    "DB: a file, sqlite:FILE, or postgresql://[user@]host[:port]/name; the password is in ~/.pgpass or PGPASSFILE, "
    "never in\n"
    "the URL. TIME: RUN, RUN:SUBRUN or RUN:SUBRUN:EVENT. --author NAME says who, by default the login name.\n";

static const char *const verbs[] = {"init", "tables", "load", "get", "dump", "tag", "diff", "log", "snapshot"};
enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

/* ---- command line -------------------------------------------------------------------------------------------------- */
static enum err parse_option(struct cmd_cond_options *o, const char *word, const char *value, bool *takes_value)
{
    const struct {
        const char *name;
        const char **value;
        bool *flag;
        const char *verbs;
    } known[] = {
        {"--tag", &o->tag, NULL, "load get dump"},
        {"--from", &o->from, NULL, "load tag"},
        {"--until", &o->until, NULL, "load"},
        {"--at", &o->at, NULL, "get"},
        {"--range", &o->range, NULL, "get"},
        {"-o", &o->output, NULL, "get dump snapshot"},
        {"--table", &o->table, NULL, "init"},
        {"--author", &o->note.author, NULL, "init load tag snapshot"},
        {"--comment", &o->note.comment, NULL, "init load tag snapshot"},
        {"--json", NULL, &o->is_json, "get dump"},
        {"--partial", NULL, &o->is_partial, "load"},
        {"--freeze", NULL, &o->is_freeze, "tag"},
        {"--intervals", NULL, &o->is_intervals, "dump"},
    };
    const char *names[sizeof known / sizeof known[0]];
    size_t n = sizeof known / sizeof known[0], i = 0;
    for (size_t k = 0; k < n; k++) names[k] = known[k].name;
    while (i < n && strcmp(known[i].name, word) != 0) i++;
    const char *near = i < n ? NULL : cfg_nearest(word, names, n);
    REQUIRE(i < n || !near, ERR_OPTION, "unknown option %s; did you mean %s?", word, near);
    REQUIRE(i < n, ERR_OPTION, "unknown option %s; 'gm2 cond --help' lists them", word);
    REQUIRE(strstr(known[i].verbs, o->verb), ERR_OPTION, "%s is an option of gm2 cond %s, not of %s", word,
            known[i].verbs, o->verb);
    *takes_value = known[i].value != NULL;
    if (known[i].flag) {
        *known[i].flag = true;
        return ERR_OK;
    }
    REQUIRE(value, ERR_OPTION, "%s needs a value", word);
    REQUIRE(!*known[i].value || known[i].value == &o->note.author, ERR_OPTION, "%s is given twice", word);
    *known[i].value = value;
    return ERR_OK;
}

static enum err parse(int argc, char **argv, struct cmd_cond_options *o)
{
    int i = 1, v = 0;
    REQUIRE(argc > 1, ERR_OPTION, "a verb is missing; wanted is\n%s", usage);
    while (v < N_VERBS && strcmp(verbs[v], argv[1]) != 0) v++;
    const char *near = v < N_VERBS ? NULL : cfg_nearest(argv[1], verbs, N_VERBS);
    REQUIRE(v < N_VERBS || !near, ERR_OPTION, "there is no verb \"%s\"; did you mean \"%s\"?", argv[1], near);
    REQUIRE(v < N_VERBS, ERR_OPTION, "there is no verb \"%s\"; 'gm2 cond --help' lists them", argv[1]);
    o->verb = verbs[v];
    for (i = 2; i < argc; i++) {
        bool takes_value = false;
        if (argv[i][0] == '-' && argv[i][1]) {
            TRY(parse_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &takes_value));
            i += takes_value;
        } else if (!o->db) {
            o->db = argv[i];
        } else {
            REQUIRE(o->n_places < 3, ERR_OPTION, "one word too many: %s", argv[i]);
            o->place[o->n_places++] = argv[i];
        }
    }
    REQUIRE(o->db, ERR_OPTION, "no database is named: gm2 cond %s DB ...", o->verb);
    return ERR_OK;
}

enum err cmd_cond_places(const struct cmd_cond_options *o, int min, int max, const char *what)
{
    REQUIRE(o->n_places >= min && o->n_places <= max, ERR_OPTION, "wanted is: gm2 cond %s DB %s", o->verb, what);
    return ERR_OK;
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */
static enum err add_table(struct cond *cond, const struct cmd_cond_options *o)
{
    char text[65536];
    struct cond_table table;
    FILE *f = fopen(o->table, "rbe");
    REQUIRE(f, ERR_OPEN, "%s cannot be opened: %s", o->table, strerror(errno));
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n]     = 0;
    enum err rc = cond_table_parse(text, &table);
    if (rc) return err_context(rc, "%s", o->table);
    TRY(cond_add_table(cond, &table, &o->note));
    printf("table %s: %zu keys, %zu values\n", table.name, table.n_keys, table.n_columns - table.n_keys);
    return ERR_OK;
}

static enum err do_init(const struct cmd_cond_options *o)
{
    struct cond_note note = o->note;
    struct cond *cond;
    TRY(cmd_cond_places(o, 0, 0, "[--table FILE.json]"));
    if (!note.comment) note.comment = "standard tables";
    TRY(cond_init(o->db, &note, &cond));
    struct cmd_cond_options with = *o;
    with.note                    = note;
    if (!o->note.comment) with.note.comment = "table added";
    enum err rc = o->table ? add_table(cond, &with) : ERR_OK;
    cond_close(cond);
    return rc;
}

static enum err print_columns(struct cond *cond, const char *name)
{
    struct cond_table t;
    TRY(cond_table(cond, name, &t));
    printf("%s: %s\n    begin_time = %s\n", t.name, t.doc,
           t.event_digits ? "(run 10^s + subrun) 10^e + event" : "run 10^s + subrun");
    printf("    s = %d, e = %d\n", t.subrun_digits, t.event_digits);
    for (size_t i = 0; i < t.n_columns; i++) {
        const struct cond_column *c = &t.column[i];
        printf("    %-24s %-5s [%s] %.10g to %.10g  %s\n", c->name, c->is_key ? "key" : "value", c->unit, c->min,
               c->max, c->doc);
    }
    return ERR_OK;
}

static enum err do_tables(struct cond *cond, const struct cmd_cond_options *o)
{
    char(*names)[COND_NAME];
    size_t n;
    TRY(cmd_cond_places(o, 0, 1, "[TABLE]"));
    if (o->n_places) return print_columns(cond, o->place[0]);
    TRY(cond_tables(cond, &names, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        struct cond_table t;
        rc = cond_table(cond, names[i], &t);
        if (!rc) printf("%-24s %s\n", names[i], t.doc);
    }
    mem_free(names);
    return rc;
}

static enum err do_load(struct cond *cond, const struct cmd_cond_options *o)
{
    struct cond_time from, until;
    struct cond_table table;
    struct cond_set set;
    struct cond_loaded done = {0};
    TRY(cmd_cond_places(o, 2, 2, "TABLE FILE --comment TEXT"));
    if (o->from) TRY(cond_time_parse(o->from, &from));
    if (o->until) TRY(cond_time_parse(o->until, &until));
    TRY(cond_table(cond, o->place[0], &table));
    TRY(cond_read_file(o->place[1], &table, o->from ? &from : NULL, o->until ? &until : NULL, &set));
    enum err rc = cond_load(cond, &set, o->tag ? o->tag : COND_HEAD, &o->note, o->is_partial, &done);
    if (!rc && done.is_repeat)
        printf("%s: nothing to do, load %" PRId64 " has this content\n", table.name, done.load_id);
    if (!rc && !done.is_repeat)
        printf("%s: load %" PRId64 ", %zu intervals, iov_id %" PRId64 " to %" PRId64 ", %zu rows, tag %s\n", table.name,
               done.load_id, set.n_intervals, done.first_id, done.first_id + done.n_intervals - 1, set.n_rows,
               o->tag ? o->tag : COND_HEAD);
    cond_set_free(&set);
    return rc ? err_context(rc, "%s", o->place[1]) : ERR_OK;
}

static enum err print_tag(void *context, const struct cond_event *e)
{
    (void)context;
    bool is_tag = strcmp(e->action, "tag") == 0, is_freeze = strcmp(e->action, "freeze") == 0;
    if (is_tag || is_freeze)
        printf("%-20s %-7s %s %s: %s\n", e->tag, is_freeze ? "frozen" : "made", e->created, e->author, e->comment);
    return ERR_OK;
}

static enum err do_tag(struct cond *cond, const struct cmd_cond_options *o)
{
    TRY(cmd_cond_places(o, 0, 1, "[NEW [--from TAG] | TAG --freeze] --comment TEXT"));
    if (!o->n_places) return cond_log(cond, NULL, print_tag, NULL);
    if (!o->is_freeze) return cond_tag(cond, o->place[0], o->from, &o->note);
    REQUIRE(!o->from, ERR_OPTION, "--from makes a tag, --freeze closes one: two commands");
    return cond_freeze(cond, o->place[0], &o->note);
}

static enum err print_event(void *context, const struct cond_event *e)
{
    (void)context;
    printf("%" PRId64 " %s %s %s", e->id, e->created, e->author, e->action);
    if (e->table[0]) printf(" %s", e->table);
    if (e->tag[0]) printf(" tag %s", e->tag);
    if (e->n_intervals) printf(" %" PRId64 " intervals, %" PRId64 " rows", e->n_intervals, e->n_rows);
    printf(": %s\n", e->comment);
    return ERR_OK;
}

static enum err do_log(struct cond *cond, const struct cmd_cond_options *o)
{
    struct cond_table table;
    TRY(cmd_cond_places(o, 0, 1, "[TABLE]"));
    if (o->n_places) TRY(cond_table(cond, o->place[0], &table));
    return cond_log(cond, o->n_places ? o->place[0] : NULL, print_event, NULL);
}

static enum err do_snapshot(struct cond *cond, const struct cmd_cond_options *o)
{
    struct cond_note note = o->note;
    TRY(cmd_cond_places(o, 1, 1, "TAG -o FILE.db"));
    REQUIRE(o->output, ERR_OPTION, "-o FILE.db is missing");
    if (!note.comment) note.comment = "snapshot";
    return cond_snapshot(cond, o->place[0], o->output, &note);
}

static enum err run(struct cmd_cond_options *o, size_t *n_differences)
{
    struct cond *cond;
    bool writes = strcmp(o->verb, "load") == 0 || (strcmp(o->verb, "tag") == 0 && o->n_places > 0);
    if (strcmp(o->verb, "init") == 0) return do_init(o);
    TRY(cond_open(o->db, writes ? DB_WRITE : DB_READ, &cond));
    enum err rc = strcmp(o->verb, "tables") == 0 ? do_tables(cond, o)
                  : strcmp(o->verb, "load") == 0 ? do_load(cond, o)
                  : strcmp(o->verb, "get") == 0  ? cmd_cond_get(cond, o)
                  : strcmp(o->verb, "dump") == 0 ? cmd_cond_dump(cond, o)
                  : strcmp(o->verb, "tag") == 0  ? do_tag(cond, o)
                  : strcmp(o->verb, "diff") == 0 ? cmd_cond_diff(cond, o, n_differences)
                  : strcmp(o->verb, "log") == 0  ? do_log(cond, o)
                                                 : do_snapshot(cond, o);
    cond_close(cond);
    return rc;
}

int cmd_cond(int argc, char **argv)
{
    size_t n_differences      = 0;
    struct passwd *login      = getpwuid(geteuid());
    struct cmd_cond_options o = {.note.author = login ? login->pw_name : NULL};
    if (options_help(argc, argv, usage)) return 0;
    enum err rc = parse(argc, argv, &o);
    if (!rc) rc = run(&o, &n_differences);
    if (!rc && fflush(stdout) != 0) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "the result cannot be written");
    return rc ? err_exit_code(rc) : n_differences > 0;
}
