/* gm2 campaign show, cron: what would be typed. */
#include "catalogue_internal.h"
#include "cmd_campaign.h"
#include "ledger.h"
#include "mem.h"
#include "sql.h"
#include "stage_command.h"
#include "stage_gate.h"
#include "stage_next.h"
#include "stage_units.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- words for a shell ----------------------------------------------------------------------------------------------- */
static void print_word(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@";
    if (*word && strspn(word, plain) == strlen(word)) {
        printf("%s", word);
        return;
    }
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            printf("'\\''");
        else
            putchar(*word);
    }
    putchar('\'');
}

static void print_line(const struct campaign_stage_cfg *cfg, const struct stage_command *line, const char *slice,
                       int64_t n_files)
{
    printf("# %s: %" PRId64 " %s, %s", slice, n_files ? n_files : cfg->fills, n_files ? "files" : "fills",
           cfg->executor);
    for (size_t i = 0; i < line->n_options; i++) printf(" %s", line->option[i]);
    printf("\n");
    for (size_t i = 0; i < cfg->setup.n; i++) printf("# %s\n", cfg->setup.value[i]);
    if (strcmp(cfg->executor, "slurm") == 0)
        printf("srun -n %" PRId64 " ", cfg->ranks);
    else if (cfg->ranks > 1)
        printf("mpirun -n %" PRId64 " ", cfg->ranks);
    for (size_t i = 0; i < line->n; i++) {
        if (i) putchar(' ');
        print_word(line->argv[i]);
    }
    putchar('\n');
}

static enum err print_command(const struct stage_work *w, const char *slice, int64_t n_files)
{
    struct ledger_submission s = {.id = 0, .n_files = n_files};
    struct stage_command *line;
    char folder[STAGE_MAX_PATH];
    snprintf(s.name, sizeof s.name, "NUMBER_%.140s", slice);
    const struct campaign_stage_cfg *cfg = stage_role_cfg(w, s.name);
    stage_work_folder(w, s.name, folder);
    TRY(mem_alloc(&line, 1, sizeof *line));
    enum err rc = stage_command(w, &s, folder, line);
    if (!rc) print_line(cfg, line, slice, n_files);
    mem_free(line);
    return rc;
}

/* ---- show ------------------------------------------------------------------------------------------------------------ */
static enum err show_units(const struct stage_work *w)
{
    struct stage_units units;
    char slice[64];
    TRY(stage_units_read(w, &units));
    enum err rc = ERR_OK;
    if (!units.n_next) printf("# nothing to do\n");
    for (size_t i = 0; i < units.n_next && !rc; i++) {
        stage_units_name(w, &units.next[i], slice);
        rc = print_command(w, slice, 0);
    }
    stage_units_free(&units);
    return rc;
}

static enum err show_files(const struct stage_work *w)
{
    struct stage_dataset d;
    struct split_past past = {0};
    char why[200]          = "";
    size_t n               = 0;
    TRY(stage_work_read(w, &d));
    enum err rc = ledger_count(w->catalogue, w->stage_id, &past.n_slices);
    for (bool is_over = false; !rc && !is_over && (int64_t)n < w->stage->cfg.max_submissions;) {
        struct split_slice slice = {.n = 0};
        past.taken               = d.taken;
        past.n_taken             = d.n_taken;
        rc                       = stage_next(w, &d, &past, (int64_t)time(NULL), &slice, why);
        is_over                  = rc || slice.is_over || slice.n == 0;
        if (!is_over) rc = print_command(w, slice.name, (int64_t)slice.n);
        if (!rc && !is_over) rc = stage_work_take(&d, slice.id, slice.n);
        n += !is_over;
        if (stage_role(slice.name, &(size_t){0}) == STAGE_CANARY || strcmp(slice.name, "canary") == 0) is_over = true;
        split_free(&slice);
        past.n_slices++;
    }
    if (!rc && n == 0) printf("# %s\n", *why ? why : "nothing to do now");
    stage_work_free(&d);
    return rc;
}

static enum err show(struct cmd_campaign *k, const struct cmd_campaign_options *o)
{
    struct stage_work w;
    size_t stage;
    TRY(step_find(k->campaign, o->stage, &stage));
    const struct campaign_stage *s = &k->campaign->stage[stage];
    REQUIRE(!stage_gate_is_approval(s), ERR_MISMATCH, "stage %s is an approval: it runs nothing", s->name);
    TRY(cmd_campaign_look(k));
    if (k->report[stage].is_waiting) printf("# waits for stages that it needs\n");
    if (k->report[stage].empty) printf("# no file is selected by: %s\n", k->report[stage].empty);
    if (*k->report[stage].why) printf("# %s\n", k->report[stage].why);
    TRY(stage_work_begin_stage(k->catalogue, k->campaign, k->id, o->is_test ? s->test : s, o->user, &w));
    w.is_held = true; /* nothing is changed */
    return stage_work_is_simulation(&w) ? show_units(&w) : show_files(&w);
}

enum err cmd_campaign_show(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k = {.catalogue = c};
    char path[PATH_MAX];
    (void)status;
    if (!strchr(o->what, '/') && access(o->what, R_OK) != 0) {
        TRY(cmd_campaign_read(c, o->what, &k));
    } else {
        REQUIRE(realpath(o->what, path), ERR_OPEN, "%s cannot be opened", o->what);
        TRY(ledger_init(c));
        TRY(campaign_read(path, true, &k.campaign));
        enum err rc = mem_alloc(&k.report, k.campaign->n_stages, sizeof *k.report);
        if (rc) return rc;
    }
    enum err rc = show(&k, o);
    cmd_campaign_free(&k);
    return rc;
}

/* ---- cron ------------------------------------------------------------------------------------------------------------ */
/* In a crontab % is a line's end. */
static void print_cron_word(const char *word)
{
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            printf("'\\''");
        else if (*word == '%')
            printf("\\%%");
        else
            putchar(*word);
    }
    putchar('\'');
}

static enum err print_cron(struct catalogue *c, const char *db, const char *name)
{
    struct cmd_campaign k;
    char path[PATH_MAX];
    const char *found = getenv("FHICL_FILE_PATH");
    TRY(cmd_campaign_read(c, name, &k));
    for (size_t i = 0; i < k.campaign->n_stages; i++) {
        const struct campaign_stage_cfg *cfg = &k.campaign->stage[i].cfg;
        if (!*cfg->host && !*cfg->account) continue;
        printf("# %s: on %s as %s\n", name, *cfg->host ? cfg->host : "any host",
               *cfg->account ? cfg->account : "anybody");
        break;
    }
    printf("*/5 * * * * ");
    const char *file = strncmp(db, "sqlite:", 7) == 0 ? db + 7 : db;
    if (strstr(db, "://") == NULL && realpath(file, path)) db = path;
    snprintf(k.path, sizeof k.path, "%.900s/%.100s.lock", k.campaign->cfg.output, name);
    printf("mkdir -p ");
    print_cron_word(k.campaign->cfg.output);
    printf(" && ");
    if (found) {
        printf("FHICL_FILE_PATH=");
        print_cron_word(found);
        putchar(' ');
    }
    printf("flock -n ");
    print_cron_word(k.path);
    putchar(' ');
    print_cron_word(k.campaign->program.path);
    printf(" campaign step ");
    print_cron_word(db);
    putchar(' ');
    print_cron_word(name);
    snprintf(k.path, sizeof k.path, "%.900s/%.100s.log", k.campaign->cfg.output, name);
    printf(" >>");
    print_cron_word(k.path);
    printf(" 2>&1\n");
    cmd_campaign_free(&k);
    return ERR_OK;
}

static enum err add_name(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    return sql_add(context, "%s\n", row[0].text);
}

enum err cmd_campaign_cron(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct sql names       = {0};
    const struct sql query = {.text = (char *)"select name from campaigns order by name"};
    char *rest             = NULL;
    (void)status;
    if (o->what) return print_cron(c, o->db, o->what);
    enum err rc = catalogue_rows(c->db, &query, add_name, &names);
    for (char *name = names.text ? strtok_r(names.text, "\n", &rest) : NULL; name && !rc;
         name       = strtok_r(NULL, "\n", &rest))
        rc = print_cron(c, o->db, name);
    sql_free(&names);
    return rc;
}
