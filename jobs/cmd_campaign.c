/* gm2 campaign: productions of many submissions on the command line. */
#include "cmd_campaign.h"
#include "command.h"
#include "ledger.h"
#include "log.h"
#include "mem.h"
#include "options.h"
#include "plan.h"
#include "publish.h"
#include "roles.h"
#include "rules.h"
#include "status.h"
#include "step.h"
#include "step_older.h"

#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_campaign(int argc, char **argv);

static const char usage[] =
    "gm2 campaign init [FILE.fcl]\n"
    "    write a commented description of a campaign (without a name: print it), to be kept with the configurations\n"
    "gm2 campaign convert FILE.ini\n"
    "    check a campaign in POMS's layout, and print it in ours; wherever FILE.fcl stands below, FILE.ini may stand\n"
    "gm2 campaign plan DB FILE.fcl\n"
    "    check it, and what each stage has to do: jobs, files, core-hours, bytes, time, from what earlier jobs "
    "used; nothing is started\n"
    "gm2 campaign start DB FILE.fcl\n"
    "    note it in the database (a catalogue: gm2 files init DB); started again with another "
    "text: from now on that counts\n"
    "gm2 campaign step DB NAME [--loop SECONDS]\n"
    "    one pass: products of ended submissions go to the catalogue, what is due is started. "
    "Any number of times, from cron\n"
    "    or with --loop until all is done, also when the database is away for a while; a pass that is killed does no "
    "harm\n"
    "gm2 campaign run FILE.fcl [-o DIR] [--db DB] [--set KEY=VALUE ...] [--loop SECONDS]\n"
    "    all of it from one command: makes the catalogue (DIR/campaign.db), starts the campaign and "
    "makes passes to its end;\n"
    "    typed again it goes on. --set: a keyword, or a key as campaign.gm2. Exit status 0: all is "
    "complete; 75: stopped, type it again;\n"
    "    1: somebody is needed\n"
    "gm2 campaign status DB [NAME [STAGE]] [--submissions] [--json]\n"
    "    what is done, running, left, failed; how well jobs use what they ask for; what a human "
    "should look at; what to type\n"
    "    next. Without a name: all campaigns\n"
    "gm2 campaign hold|release|kill|retry DB NAME [STAGE] [--why TEXT] [--until TIME or 6h]\n"
    "    start nothing more; go on; ask running jobs to stop (of all, a stage, or one SUBMISSION); try parked files "
    "and canaries again\n"
    "gm2 campaign launch DB NAME STAGE [--test]\n"
    "    start the next submission now, whatever its schedule says; --test: one of the stage's test\n"
    "gm2 campaign approve DB NAME STAGE [--comment TEXT]\n"
    "    let the stages go on that wait for this approval\n"
    "gm2 campaign show DB NAME|FILE.fcl STAGE [--test]\n"
    "    the commands of the next submissions; nothing is started\n"
    "gm2 campaign cron DB [NAME]\n"
    "    lines for crontab that make a pass every five minutes, one at a time\n"
    "DB: a file, sqlite:FILE, or postgresql://[user@]host[:port]/name. --user NAME says who, "
    "by default the login name.\n";

void cmd_campaign_free(struct cmd_campaign *k)
{
    campaign_free(k->campaign);
    mem_free(k->report);
}

enum err cmd_campaign_read(struct catalogue *c, const char *name, struct cmd_campaign *k)
{
    *k = (struct cmd_campaign){.catalogue = c};
    TRY(ledger_campaign_find(c, name, &k->id, &k->is_held, k->path));
    TRY(campaign_read(k->path, false, &k->campaign));
    enum err rc = ERR_OK;
    if (strcmp(k->campaign->cfg.name, name) != 0)
        rc = err_fail(ERR_MISMATCH, __FILE__, __LINE__, "%s describes campaign %s by now, not %s", k->path,
                      k->campaign->cfg.name, name);
    if (!rc) rc = mem_alloc(&k->report, k->campaign->n_stages, sizeof *k->report);
    if (rc) cmd_campaign_free(k);
    return rc;
}

/* ---- printing ------------------------------------------------------------------------------------------------------ */
static void print_stages(const struct cmd_campaign *k)
{
    if (!campaign_is_production(k->campaign))
        printf("rules: development: the products of %s are no production\n", k->campaign->cfg.name);
    printf("%-24s %-9s %9s %9s %9s %9s %9s %6s\n", "stage", "state", "files", "done", "running", "left", "parked",
           "done %");
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        const struct step_stage *s = &k->report[i];
        size_t left                = s->n_files - s->n_done - s->n_parked;
        left                       = left > s->n_held ? left - s->n_held : 0;
        printf("%-24s %-9s %9zu %9zu %9zu %9zu %9zu %6.1f\n", k->campaign->stage[i].name, status_state(s), s->n_files,
               s->n_done, s->n_held, left, s->n_parked,
               s->n_files ? 100.0 * (double)s->n_done / (double)s->n_files : 0.0);
    }
}

static void print_advice(const struct cmd_campaign *k, const char *db)
{
    struct status_sum sum = {.n = 0};
    char next[400];
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        status_add_stage(&sum, k->campaign->stage[i].name, &k->report[i]);
        if (k->report[i].empty && !k->report[i].is_waiting)
            printf("%s: no file is selected by: %s\n", k->campaign->stage[i].name, k->report[i].empty);
    }
    if (k->n_older)
        printf("%zu submissions of earlier versions or folders live still: gm2 campaign status %s %s lists them\n",
               k->n_older, db, k->campaign->cfg.name);
    sum.n_older = k->n_older;
    status_say_next(&sum, k->campaign->cfg.name, k->is_held, db, next);
    printf("next: %s\n", next);
}

static void print_waiting(const struct cmd_campaign *k)
{
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        if (*k->report[i].why) printf("%s: %s\n", k->campaign->stage[i].name, k->report[i].why);
        if (k->report[i].n_parked)
            printf("%s: %zu files are parked: no product in %" PRId64 " attempts\n", k->campaign->stage[i].name,
                   k->report[i].n_parked, k->campaign->stage[i].cfg.max_attempts);
        if (k->report[i].n_staging || k->report[i].n_gone)
            printf("%s: %zu files wait for staging, %zu are gone: gm2 files audit tells\n", k->campaign->stage[i].name,
                   k->report[i].n_staging, k->report[i].n_gone);
    }
}

void cmd_campaign_print(const struct cmd_campaign *k, const char *db)
{
    print_stages(k);
    print_waiting(k);
    print_advice(k, db);
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */
enum err cmd_campaign_look(struct cmd_campaign *k)
{
    TRY(step_look_all(k->catalogue, k->campaign, k->id, k->report));
    return k->id ? step_older_count(k->catalogue, k->campaign, k->id, &k->n_older) : ERR_OK;
}

static enum err plan(const struct cmd_campaign *k)
{
    struct plan_stage *stages;
    TRY(mem_alloc(&stages, k->campaign->n_stages, sizeof *stages));
    enum err rc = plan_read(k->catalogue, k->campaign, stages);
    if (!rc) plan_print(k->campaign, stages);
    mem_free(stages);
    return rc;
}

static enum err start(struct catalogue *c, const struct cmd_campaign_options *o, bool is_plan)
{
    struct cmd_campaign k = {.catalogue = c};
    char path[PATH_MAX];
    REQUIRE(realpath(o->what, path) && strlen(path) < sizeof k.path, ERR_OPEN, "%s cannot be opened", o->what);
    TRY(campaign_read(path, true, &k.campaign));
    enum err rc = rules_check(k.campaign, path);
    if (rc == ERR_CONFIG && is_plan) { /* start will refuse; the plan stands all the same */
        log_warn("%s", err_message());
        err_clear();
        rc = ERR_OK;
    }
    if (!rc) rc = ledger_init(c);
    if (!rc && !is_plan) rc = ledger_campaign(c, k.campaign->cfg.name, path, k.campaign->text, o->user, &k.id);
    if (!rc) rc = mem_alloc(&k.report, k.campaign->n_stages, sizeof *k.report);
    if (!rc) rc = cmd_campaign_look(&k);
    if (!rc) {
        print_stages(&k);
        print_waiting(&k);
        rc = cmd_campaign_print_changes(&k);
    }
    if (!rc) {
        if (!is_plan) print_advice(&k, o->db);
    }
    if (!rc && is_plan) rc = plan(&k);
    cmd_campaign_free(&k);
    return rc;
}

/* ---- table of verbs ------------------------------------------------------------------------------------------------ */
static enum err plan_verb(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    (void)status;
    return start(c, o, true);
}

static enum err start_verb(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    (void)status;
    return start(c, o, false);
}

/* place: what the second word is. */
static const struct verb {
    const char *name, *place;
    size_t min_places, max_places;
    enum err (*run)(struct catalogue *c, const struct cmd_campaign_options *o, int *status);
} verbs[] = {{"plan", "FILE.fcl", 2, 2, plan_verb},
             {"start", "FILE.fcl", 2, 2, start_verb},
             {"step", "NAME", 2, 2, cmd_campaign_step},
             {"status", "[NAME [STAGE]]", 1, 3, cmd_campaign_status},
             {"report", "[NAME] -o FOLDER", 1, 2, cmd_campaign_report},
             {"hold", "NAME [STAGE]", 2, 3, cmd_campaign_hold},
             {"release", "NAME [STAGE]", 2, 3, cmd_campaign_release},
             {"kill", "NAME [STAGE or SUBMISSION]", 2, 3, cmd_campaign_kill},
             {"retry", "NAME [STAGE]", 2, 3, cmd_campaign_retry},
             {"launch", "NAME STAGE", 3, 3, cmd_campaign_launch},
             {"approve", "NAME STAGE", 3, 3, cmd_campaign_approve},
             {"show", "NAME or FILE.fcl, and STAGE", 3, 3, cmd_campaign_show},
             {"cron", "[NAME]", 1, 2, cmd_campaign_cron}};
enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

static enum err run(const struct verb *verb, const struct cmd_campaign_options *o, int *status)
{
    struct catalogue *c;
    publish_own_parts(); /* other passes may work in the same folders */
    TRY(catalogue_open(o->db, DB_WRITE, &c));
    catalogue_set_actor(c, o->user, o->verb);
    enum err rc = catalogue_check_text("--user", o->user, CATALOGUE_MAX_NAME);
    if (!rc) rc = roles_check(c, "campaign", o->verb, o->user);
    if (!rc) rc = verb->run(c, o, status);
    rc = catalogue_verdict(c, rc);
    catalogue_close(c);
    return rc;
}

static void name_user(struct cmd_campaign_options *o)
{
    const struct passwd *p = getpwuid(getuid());
    if (!o->user) o->user = p && p->pw_name ? p->pw_name : "unknown";
}

/* --set KEY=VALUE may come many times: it is taken out before the others are looked at. */
static enum err take_settings(int *argc, char **argv, struct cmd_campaign_options *o)
{
    int kept = 0;
    if (*argc < 2 || strcmp(argv[1], "run") != 0) return ERR_OK;
    TRY(mem_alloc(&o->set, (size_t)*argc, sizeof *o->set));
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--set") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        REQUIRE(i + 1 < *argc, ERR_OPTION, "--set: KEY=VALUE is missing");
        o->set[o->n_set++] = argv[++i];
    }
    *argc = kept;
    return ERR_OK;
}

static enum err run_file(struct cmd_campaign_options *o, const char *const *place, size_t n, int *status)
{
    REQUIRE(n == 1, ERR_OPTION, "wanted is: gm2 campaign run FILE.fcl [-o DIR] [--db DB] [--set KEY=VALUE ...]");
    name_user(o);
    o->what = place[0];
    return cmd_campaign_run(o, status);
}

int cmd_campaign(int argc, char **argv)
{
    struct cmd_campaign_options o      = {.user = NULL};
    const struct options_known known[] = {
        {"--loop", &o.loop, NULL, "step run"},
        {"--db", &o.db, NULL, "run"},
        {"--submissions", NULL, &o.wants_submissions, "status"},
        {"--json", NULL, &o.wants_json, "status"},
        {"-o", &o.output, NULL, "report run"},
        {"--why", &o.why, NULL, "hold"},
        {"--until", &o.until, NULL, "hold"},
        {"--comment", &o.comment, NULL, "approve"},
        {"--test", NULL, &o.is_test, "launch show"},
        {"--user", &o.user, NULL, "run start step hold release kill retry launch approve"},
        {NULL, NULL, NULL, NULL}};
    const char *place[3] = {NULL}, *names[N_VERBS + 4] = {"init"};
    size_t n;
    int status = 0;
    for (size_t i = 0; i < N_VERBS; i++) names[i + 1] = verbs[i].name;
    if (options_help(argc, argv, usage)) return 0;
    names[N_VERBS + 1] = "run";
    names[N_VERBS + 2] = "convert";
    if (take_settings(&argc, argv, &o)) return err_exit_code(ERR_OPTION);
    enum err rc             = options_parse(argc, argv, names, known, &o.verb, place, 3, &n);
    const struct verb *verb = rc ? NULL : find_verb(o.verb);
    if (!rc && strcmp(o.verb, "init") == 0)
        rc = n <= 1 ? campaign_example(n ? place[0] : NULL)
                    : err_fail(ERR_OPTION, __FILE__, __LINE__, "wanted is: gm2 campaign init [FILE.fcl]");
    if (!rc && strcmp(o.verb, "convert") == 0)
        rc = n == 1 ? cmd_campaign_convert(place[0])
                    : err_fail(ERR_OPTION, __FILE__, __LINE__, "wanted is: gm2 campaign convert FILE.ini");
    if (!rc && strcmp(o.verb, "run") == 0) rc = run_file(&o, place, n, &status);
    if (verb && (n < verb->min_places || n > verb->max_places))
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "wanted is: gm2 campaign %s DB %s", o.verb, verb->place);
    if (verb && !rc) {
        name_user(&o);
        o.db    = place[0];
        o.what  = n > 1 ? place[1] : NULL;
        o.stage = n > 2 ? place[2] : NULL;
        rc      = run(verb, &o, &status);
    }
    mem_free((void *)o.set);
    return rc ? err_exit_code(rc) : status;
}
