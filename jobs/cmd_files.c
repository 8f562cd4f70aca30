/* gm2 files: the catalogue on the command line. */
#include "cmd_files.h"
#include "catalogue.h"
#include "command.h"
#include "dimension.h"
#include "ledger.h"
#include "log.h"
#include "options.h"
#include "publish.h"
#include "roles.h"
#include "utf8.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_files(int argc, char **argv);

static const char usage[] =
    "gm2 files init DB\n"
    "    make a catalogue\n"
    "gm2 files declare DB FILE ... [--location URL] [--no-location]\n"
    "    FILE: a product with FILE.json beside it, or that JSON; declared again it is a success. Its own place is its\n"
    "    location unless another is given\n"
    "gm2 files ingest DB DIR --to STORE\n"
    "    move what lies in a drop box with its metadata (NAME, NAME.json), and closed raw files, to STORE/TIER/RUN/: "
    "copied, checked, "
    "declared, and\n"
    "    only then gone from DIR; killed anywhere, run it again\n"
    "gm2 files rebuild DB DIR ...\n"
    "    declare all files below folders by what their own headers say: the catalogue from storage alone. A JSON "
    "beside a\n"
    "    file adds what its header lacks; where they disagree the header counts\n"
    "gm2 files get DB NAME ...\n"
    "    all that is known of a file, as JSON\n"
    "gm2 files list DB QUERY [--columns a,b,...] [--budget N]     more than N files (1000000) are refused\n"
    "gm2 files count DB QUERY\n"
    "gm2 files explain DB QUERY\n"
    "    names, or other columns, of the files that a query selects; how many; how it is answered\n"
    "gm2 files lineage DB NAME [--depth N]\n"
    "    a file's ancestors and descendants\n"
    "gm2 files coverage DB QUERY [--wanted QUERY]\n"
    "    subruns covered, covered more than once, and missing of those that another query has; exit status 1 if any\n"
    "gm2 files audit DB [QUERY] [--store DIR] [--checksums]\n"
    "    are the files where they are said to be, and whole? What in DIR is unknown or unfinished? Nothing is "
    "changed;\n"
    "    exit status 1 if something is wrong. QUERY: all that is not retired, unless it says otherwise\n"
    "gm2 files stale DB QUERY [--conditions COND_DB [--tag TAG]] [--campaign NAME] [--from] [--replaced] [--snapshot]\n"
    "    files made with constants that the tag (head) has replaced since, with another version than a campaign makes "
    "now,\n"
    "    or of such files: name and reason; exit status 1 if any. What was made anew is replaced, and not listed.\n"
    "    --from: of which files they can be made anew (name, tier, stale file); --snapshot freezes the list.\n"
    "    In queries, answered anew each time: stale: TAG@COND_DB, replaced: ..., sufficient: TAG@COND_DB (QUERY)\n"
    "gm2 files locate DB NAME URL [--remove]\n"
    "    a place where the file is, or is no longer\n"
    "gm2 files retire DB NAME --reason TEXT\n"
    "    it counts no more, and no other file gets its name; what was said of it stays\n"
    "gm2 files define DB NAME QUERY\n"
    "gm2 files definitions DB\n"
    "gm2 files snapshot DB QUERY\n"
    "    name a query; freeze what it selects now (snapshot_id N in later queries)\n"
    "gm2 files diff DB NAME|SNAPSHOT [SNAPSHOT]\n"
    "    files added, gone and retired since a snapshot: of a definition (its last snapshot, or the one given), of the "
    "query\n"
    "    that the snapshot was made of, or from one snapshot to another; exit status 1 if there are any\n"
    "gm2 files log DB [--since TIME] [--what WORD] [--by USER]\n"
    "    who did what, when: time, user as the database knows him, as --user says, action, object\n"
    "gm2 files roles DB [list | verbs | setup | grant USER ROLE | revoke USER ROLE]\n"
    "    who may view (analyser), do (shifter), modify (manager); verbs: which command wants "
    "which role; on PostgreSQL the server refuses, in a file it is advice\n"
    "DB: a file, sqlite:FILE, or postgresql://[user@]host[:port]/name. --user NAME says who, by default the login "
    "name.\n"
    "QUERY is in SAM's dimension language:\n"
    "    data_tier raw and run_number 24337-24400 and not data_stream laser\n"
    "    defname: run3C_raw minus isparentof: (data_tier full and version v9_71_00) with limit 500\n"
    "    isparentof: ischildof: isancestorof: isdescendantof: (QUERY), availability: WORD, snapshot_id N,\n"
    "    stale: TAG@COND_DB, stale: campaign:NAME (a TAG alone: of --conditions),\n"
    "    run_number 24337.0196, file_name gm2_run%, lists a, b, c. Files count that are good, not retired and have a\n"
    "    location, unless availability says otherwise. 'gm2 files --help' lists the dimensions.\n";

static void print_usage(FILE *to)
{
    int column = 0;
    fprintf(to, "%sDimensions:\n   ", usage);
    for (size_t i = 0; dimension_name(i); i++) {
        if (column > 90) column = fprintf(to, "\n   ") - 4;
        column += fprintf(to, " %s", dimension_name(i));
    }
    fprintf(to, "\n    and parameters: category.name\n");
}

static const char *login_name(void)
{
    const struct passwd *p = getpwuid(getuid());
    return p && p->pw_name ? p->pw_name : "unknown";
}

enum err files_want_places(const struct files_options *o, size_t min, size_t max, const char *what)
{
    REQUIRE(o->n_places >= min && o->n_places <= max, ERR_OPTION, "wanted is: gm2 files %s DB %s", o->verb, what);
    return ERR_OK;
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */
static enum err get(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    char *json;
    TRY(files_want_places(o, 1, FILES_MAX_PLACES, "NAME ..."));
    for (size_t i = 0; i < o->n_places; i++) {
        TRY(catalogue_get(c, o->place[i], &json));
        printf("%s\n", json);
        mem_free(json);
    }
    return ERR_OK;
}

static enum err print_row(void *context, const struct db_value *row, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        if (i) putchar('\t');
        if (row[i].type == DB_TEXT) utf8_print(stdout, row[i].text);
        if (row[i].type == DB_INT) printf("%" PRId64, row[i].i);
        if (row[i].type == DB_REAL) printf("%.10g", row[i].x);
    }
    putchar('\n');
    return ERR_OK;
}

/* Only columns of the table files: names are checked, never pasted as they come. */
static enum err columns_of(const char *list, char *out, size_t room)
{
    static const char *const known[] = {
        "file_name",   "id",          "file_size",   "checksum", "file_type",     "file_format",
        "data_tier",   "data_stream", "event_count", "start_s",  "end_s",         "create_s",
        "create_user", "retired_s",   "host",        "n_units",  "content_status"};
    size_t used = 0;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ","), i = 0, n_known = sizeof known / sizeof known[0];
        while (i < n_known && (strlen(known[i]) != n || strncmp(known[i], at, n) != 0)) i++;
        REQUIRE(i < n_known, ERR_OPTION,
                "--columns: \"%.*s\" is none of file_name, id, file_size, checksum, file_type, file_format, data_tier, "
                "data_stream, event_count, start_s, end_s, create_s, create_user, retired_s, host, n_units, "
                "content_status",
                (int)n, at);
        used += (size_t)snprintf(out + used, room - used, "%sf.%s", used ? ", " : "", known[i]);
        REQUIRE(used < room, ERR_OPTION, "--columns: too many");
        at += n;
        if (*at == ',') at++;
    }
    REQUIRE(used, ERR_OPTION, "--columns names none");
    return ERR_OK;
}

static enum err list(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    char columns[1024], *end = "";
    TRY(files_want_places(o, 1, 1, "QUERY"));
    TRY(columns_of(o->columns ? o->columns : "file_name", columns, sizeof columns));
    int64_t budget = o->budget ? strtoll(o->budget, &end, 10) : FILES_BUDGET;
    REQUIRE(!*end && (budget > 0 || !o->budget), ERR_OPTION, "--budget %s: a whole number from 1 is wanted", o->budget);
    return catalogue_list(c, o->place[0], columns, budget, print_row, NULL);
}

static enum err count(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    int64_t n_files, n_bytes, n_events;
    TRY(files_want_places(o, 1, 1, "QUERY"));
    TRY(catalogue_count(c, o->place[0], &n_files, &n_bytes, &n_events));
    printf("%" PRId64 " files, %" PRId64 " bytes, %" PRId64 " events\n", n_files, n_bytes, n_events);
    return ERR_OK;
}

static void print_lines(const char *text)
{
    for (size_t n; *text; text += n) {
        char line[4096];
        n = strcspn(text, "\n");
        n = n < sizeof line - 1 ? n : sizeof line - 1;
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        utf8_print(stdout, line);
        if (text[n] == '\n') {
            putchar('\n');
            n++;
        }
    }
}

static enum err explain(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    char *text;
    TRY(files_want_places(o, 1, 1, "QUERY"));
    TRY(catalogue_explain(c, o->place[0], &text));
    print_lines(text);
    mem_free(text);
    return ERR_OK;
}

static enum err locate(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    TRY(files_want_places(o, 2, 2, "NAME URL"));
    return catalogue_locate(c, o->place[0], o->place[1], !o->is_remove, o->user);
}

static enum err retire(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    TRY(files_want_places(o, 1, 1, "NAME --reason TEXT"));
    REQUIRE(o->reason, ERR_OPTION, "--reason is missing: say why it is retired");
    return catalogue_retire(c, o->place[0], o->reason, o->user);
}

static enum err define(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    TRY(files_want_places(o, 2, 2, "NAME QUERY"));
    return catalogue_define(c, o->place[0], o->place[1], o->user);
}

static enum err definitions(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    TRY(files_want_places(o, 0, 0, ""));
    return catalogue_definitions(c, print_row, NULL);
}

static enum err snapshot(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    int64_t id, n;
    TRY(files_want_places(o, 1, 1, "QUERY"));
    TRY(catalogue_snapshot(c, o->place[0], o->user, &id, &n));
    printf("snapshot_id %" PRId64 ": %" PRId64 " files\n", id, n);
    return ERR_OK;
}

static enum err init(const struct files_options *o)
{
    struct catalogue *c;
    TRY(files_want_places(o, 0, 0, ""));
    TRY(catalogue_init(o->db, &c));
    catalogue_set_actor(c, o->user, o->verb);
    enum err rc = ledger_init(c);
    if (!rc) rc = roles_setup(c);
    if (rc == ERR_DENIED) { /* without roles the catalogue is its owner's alone */
        log_warn("no roles were set up (gm2 files roles DB setup): %s", err_message());
        err_clear();
        rc = ERR_OK;
    }
    catalogue_close(c);
    return rc;
}

/* ---- the table of verbs ---------------------------------------------------------------------------------------------- */
static const struct {
    const char *verb;
    enum db_access access;
    enum err (*call)(struct catalogue *c, const struct files_options *o, int *status);
} calls[] = {
    {"declare", DB_WRITE, files_declare},
    {"ingest", DB_WRITE, files_ingest},
    {"rebuild", DB_WRITE, files_rebuild},
    {"get", DB_READ, get},
    {"list", DB_READ, list},
    {"count", DB_READ, count},
    {"explain", DB_READ, explain},
    {"lineage", DB_READ, files_lineage},
    {"coverage", DB_READ, files_coverage},
    {"audit", DB_READ, files_audit},
    {"stale", DB_READ, files_stale},
    {"locate", DB_WRITE, locate},
    {"retire", DB_WRITE, retire},
    {"define", DB_WRITE, define},
    {"definitions", DB_READ, definitions},
    {"snapshot", DB_WRITE, snapshot},
    {"diff", DB_READ, files_diff},
    {"log", DB_READ, files_log},
    {"roles", DB_WRITE, files_roles},
};
enum { N_VERBS = sizeof calls / sizeof calls[0] };

static enum err run(const struct files_options *o, int *status)
{
    struct catalogue *c;
    size_t i = 0;
    publish_own_parts(); /* others may work in the same folders */
    if (strcmp(o->verb, "init") == 0) return init(o);
    while (strcmp(calls[i].verb, o->verb) != 0) i++;
    TRY(catalogue_open(o->db, o->wants_snapshot ? DB_WRITE : calls[i].access, &c));
    catalogue_set_actor(c, o->user, o->verb);
    catalogue_set_conditions(c, o->conditions);
    enum err rc = catalogue_check_text("--user", o->user, CATALOGUE_MAX_NAME);
    if (!rc) rc = roles_check(c, "files", o->verb, o->user);
    if (!rc) rc = catalogue_verdict(c, calls[i].call(c, o, status));
    catalogue_close(c);
    return rc;
}

int cmd_files(int argc, char **argv)
{
    struct files_options o             = {.user = NULL};
    const struct options_known known[] = {
        {"--location", &o.location, NULL, "declare"},
        {"--no-location", NULL, &o.has_no_location, "declare"},
        {"--to", &o.store, NULL, "ingest"},
        {"--store", &o.store, NULL, "audit"},
        {"--conditions", &o.conditions, NULL, "stale list count explain define snapshot coverage audit diff"},
        {"--tag", &o.tag, NULL, "stale"},
        {"--campaign", &o.campaign, NULL, "stale"},
        {"--from", NULL, &o.wants_inputs, "stale"},
        {"--replaced", NULL, &o.wants_replaced, "stale"},
        {"--snapshot", NULL, &o.wants_snapshot, "stale"},
        {"--checksums", NULL, &o.wants_checksums, "audit"},
        {"--columns", &o.columns, NULL, "list"},
        {"--budget", &o.budget, NULL, "list"},
        {"--depth", &o.depth, NULL, "lineage"},
        {"--wanted", &o.wanted, NULL, "coverage"},
        {"--remove", NULL, &o.is_remove, "locate"},
        {"--reason", &o.reason, NULL, "retire"},
        {"--since", &o.since, NULL, "log"},
        {"--what", &o.what, NULL, "log"},
        {"--by", &o.by, NULL, "log"},
        {"--user", &o.user, NULL, "init declare rebuild ingest locate retire define snapshot roles"},
        {NULL, NULL, NULL, NULL}};
    const char *verbs[N_VERBS + 2] = {"init"}; /* NULL-ended */
    const char **place;
    size_t n;
    int status = 0;
    for (size_t i = 0; i < N_VERBS; i++) verbs[i + 1] = calls[i].verb;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage(stdout);
        return 0;
    }
    if (options_help(argc, argv, usage)) return 0;
    if (mem_alloc(&place, (size_t)argc, sizeof *place)) return err_exit_code(ERR_MEMORY);
    enum err rc = options_parse(argc, argv, verbs, known, &o.verb, place, (size_t)argc, &n);
    if (!rc && n == 0)
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "no database is named: gm2 files %s DB ...", o.verb);
    if (!rc) {
        if (!o.user) o.user = login_name();
        o.db       = place[0];
        o.place    = place + 1;
        o.n_places = n - 1;
        rc         = run(&o, &status);
    }
    mem_free(place);
    return rc ? err_exit_code(rc) : status;
}
