/* Histories: how a campaign is laid out by a seed, and how its passes follow one another. */
#include "history.h"

#include "ingest.h"
#include "ledger.h"
#include "mem.h"
#include "publish.h"
#include "version.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct history history;

static void must(enum err rc, const char *what)
{
    if (rc) fake_die("%s", what);
}

/* ---- laying out ------------------------------------------------------------------------------------------------------ */
static void make_raw(struct history *h)
{
    char path[300], unit[20];
    struct ingest_tally tally = {.n = {0}};
    snprintf(path, sizeof path, "%s/raw", h->folder);
    must(publish_make_folder(path), "raw");
    for (int i = 0; i < h->n_units; i++) {
        snprintf(path, sizeof path, "%s/raw/daq_%05d.mid", h->folder, i);
        snprintf(unit, sizeof unit, "%d", i);
        fake_publish(path, "0000000000000000000000000000000000000000", "raw", unit, "", false);
    }
    snprintf(path, sizeof path, "%s/raw", h->folder);
    must(ingest_folder(h->judge, path, NULL, "daq", &tally), "raw files");
}

/* Read once, and lent to all. */
static void take_defaults(struct history *h)
{
    static struct campaign_cfg campaign;
    static struct campaign_stage_cfg stage;
    static bool is_read;
    if (!is_read) must(cfg_read(campaign_cfg_fields, NULL, "campaign", NULL, &campaign), "defaults");
    if (!is_read) must(cfg_read(campaign_stage_cfg_fields, NULL, "stage", NULL, &stage), "defaults");
    is_read         = true;
    h->campaign.cfg = campaign;
    for (int i = 0; i < HISTORY_MAX_STAGES; i++) h->stage[i].cfg = stage;
}

static char *version_query(const struct version_key *version)
{
    struct sql sql = {0};
    must(version_key_query(version, &sql), "query");
    char *text = mem_string(sql.text);
    sql_free(&sql);
    return text;
}

static void choose_config(struct version_key *version, int salt)
{
    for (int k = 0; k < 40; k++) version->config_id[k] = "0123456789abcdef"[(salt * 7 + k * (salt + 3) + 1) % 16];
}

static void lay_stage(struct history *h, int i, bool is_simulated)
{
    static const char *const names[] = {"first", "second", "third"};
    struct campaign_stage *s         = &h->stage[i];
    char split[40];
    s->name  = names[i];
    s->group = names[i];
    snprintf(s->version.release, sizeof s->version.release, "%s", version_release);
    snprintf(s->version.git_commit, sizeof s->version.git_commit, "%s", version_git_commit);
    choose_config(&s->version, i);
    s->cfg.config          = s->version.config_id;
    s->made                = version_query(&s->version);
    s->cfg.executor        = "slurm";
    s->cfg.ranks           = 1;
    s->cfg.max_submissions = 2 + fake_roll(&h->dice, 6);
    s->cfg.max_attempts    = fake_chance(&h->dice, 50) ? 1 + fake_roll(&h->dice, 4) : 50;
    s->need                = &h->need[i];
    if (i > 0) h->need[i] = (size_t)i - 1;
    s->n_needs = i > 0 && fake_chance(&h->dice, 50);
    if (is_simulated && i == 0) {
        s->kind         = CAMPAIGN_SIMULATION;
        s->cfg.launches = fake_chance(&h->dice, 50) ? 1 : 2 + fake_roll(&h->dice, 2);
        h->n_units -= h->n_units % (int)s->cfg.launches;
        s->cfg.fills = h->n_units / (int)s->cfg.launches;
        snprintf(split, sizeof split, "draining");
    } else {
        s->kind    = CAMPAIGN_FILES;
        s->dataset = mem_string(i > 0 ? h->stage[i - 1].made : "data_tier raw");
        if (fake_chance(&h->dice, 20))
            snprintf(split, sizeof split, "draining");
        else
            snprintf(split, sizeof split, "nfiles(%d)", 2 + fake_roll(&h->dice, 11));
    }
    must(split_parse(split, &s->split), "split");
    h->order[i] = (size_t)i;
}

/* From one stage on the configurations are others; sometimes the products go elsewhere too. */
static void lay_change(struct history *h)
{
    static char output[140];
    memcpy(h->other_stage, h->stage, sizeof h->stage);
    h->other         = h->campaign;
    h->other.stage   = h->other_stage;
    h->first_changed = fake_roll(&h->dice, h->n_stages + 1);
    h->change_at     = 1 + fake_roll(&h->dice, 12);
    h->goes_back     = fake_chance(&h->dice, 25);
    for (int i = 0; i < h->n_stages; i++) {
        struct campaign_stage *s = &h->other_stage[i];
        if (i >= h->first_changed) choose_config(&s->version, i + 5);
        s->cfg.config = s->version.config_id;
        s->made       = version_query(&s->version);
        if (s->dataset) s->dataset = mem_string(i > 0 ? h->other_stage[i - 1].made : "data_tier raw");
    }
    snprintf(output, sizeof output, "%s/moved", h->folder);
    if (h->first_changed == h->n_stages || fake_chance(&h->dice, 30)) h->other.cfg.output = output;
}

static void choose_faults(struct history *h)
{
    for (int i = 0; i < FAKE_N_FAULTS; i++)
        fake->share[i] = fake_chance(&h->dice, 50) ? 0 : 1 + fake_roll(&h->dice, i == FAKE_NO_ANSWER ? 40 : 15);
    fake->is_marked    = fake_chance(&h->dice, 75);
    fake->has_locks    = fake_chance(&h->dice, 75);
    fake->hole_begin_s = fake->now_s + fake_roll(&h->dice, 1500);
    fake->hole_end_s   = fake->hole_begin_s + (fake_chance(&h->dice, 25) ? fake_roll(&h->dice, 900) : 0);
}

static void clear_server(const char *url)
{
    struct db *db;
    must(db_open(url, DB_WRITE, &db), url);
    must(db_exec(db, "drop schema public cascade; create schema public"), url);
    db_close(db);
}

void history_begin(uint64_t seed, const struct history_plan *plan)
{
    struct history *h  = &history;
    const char *server = getenv("GM2_TEST_PGSQL"), *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    memset(h, 0, sizeof *h);
    h->seed = seed;
    h->dice = seed * 0x2545f4914f6cdd1dULL + 1;
    fake_reset(h->dice);
    fault_plan = (struct fault_plan){.mode = FAULT_NONE};
    snprintf(h->folder, sizeof h->folder, "%s/gm2_faults.XXXXXX", memory);
    if (!mkdtemp(h->folder)) fake_die("%s", h->folder);
    snprintf(h->url, sizeof h->url, "%.110s/prod.db", h->folder);
    if (server) snprintf(h->url, sizeof h->url, "%.190s", server);
    if (server) clear_server(server);
    h->n_units        = plan->n_units ? plan->n_units : 10 + fake_roll(&h->dice, 51);
    h->n_stages       = 2 + fake_roll(&h->dice, 2);
    h->n_managers     = plan->n_managers;
    fake->shard       = fake_chance(&h->dice, 60) ? 1 : 2 + fake_roll(&h->dice, 2);
    bool is_simulated = fake_chance(&h->dice, 40);
    must(catalogue_init(h->url, &h->judge), "catalogue");
    must(ledger_init(h->judge), "ledger");
    take_defaults(h);
    for (int i = 0; i < h->n_stages; i++) lay_stage(h, i, is_simulated);
    h->campaign.n_stages   = (size_t)h->n_stages;
    h->campaign.stage      = h->stage;
    h->campaign.order      = h->order;
    h->campaign.cfg.name   = "history";
    h->campaign.cfg.output = h->folder;
    snprintf(h->campaign.program.path, sizeof h->campaign.program.path, "/usr/bin/gm2");
    must(ledger_campaign(h->judge, "history", "/none", "", "test", &h->campaign_id), "campaign");
    h->change_at = -1;
    if (plan->has_change) lay_change(h);
    if (!is_simulated) make_raw(h);
    if (plan->has_faults) choose_faults(h);
    catalogue_close(h->judge);
    h->judge = NULL;
}

/* ---- managers -------------------------------------------------------------------------------------------------------- */
static void check_live(int64_t id, const char *name, const char *what)
{
    int64_t state = history_number("select state from submissions where id = $1 and id = $2", id, id);
    if (state != LEDGER_NEW && state != LEDGER_IDLE && state != LEDGER_RUNNING && state != LEDGER_HELD)
        fake_blame("%s %s in state %d", name, what, (int)state);
}

static void check_ask(const char *name, const char *batch_id)
{
    int64_t id = strtoll(name, NULL, 10), batch = strtoll(batch_id, NULL, 10);
    check_live(id, name, "is asked after");
    if (history_number("select cast('0' || batch_id as bigint) from submissions where id = $1 and id = $2", id, id) !=
        batch)
        fake_blame("%s is asked after as job %s", name, batch_id);
}

static void check_begin(const struct fake_job *job) { check_live(strtoll(job->name, NULL, 10), job->name, "begins"); }

static void check_start(const struct executor_job *job)
{
    const char *made = "select count(*) from submission_files sf join submissions s on s.id = sf.submission_id "
                       "join stages t on t.id = s.stage_id join file_parents p on p.parent_id = sf.file_id "
                       "join files f on f.id = p.child_id join configs c on c.id = f.config_id and t.version_key = "
                       "c.version || ' ' || c.git_commit || ' ' || c.fcl_hash where s.id = $1 and s.id = $2";
    int64_t id       = strtoll(job->name, NULL, 10);
    if (fault_transactions) fake_blame("%s is started within a transaction", job->name);
    check_live(id, job->name, "is started");
    if (history_number("select count(*) from submission_versions where submission_id = $1 and $2 = $2", id, id) == 0)
        fake_blame("%s is started, and its terms are not noted", job->name);
    if (history_number(made, id, id) > 0) fake_blame("%s is started, and some of it is done already", job->name);
}

const struct campaign *history_campaign(void) { return history.is_changed ? &history.other : &history.campaign; }

static void change(struct history *h)
{
    if (h->change_at < 0 || h->is_changed || h->n_passes < h->change_at) return;
    h->is_changed = true;
}

/* Stages get their numbers in order, and those of the other version follow. */
const struct campaign_stage *history_stage(int64_t stage_id)
{
    int64_t n = history.n_stages;
    return stage_id <= n ? &history.stage[stage_id - 1]
                         : &history.other_stage[history.first_changed + stage_id - n - 1];
}

/* A manager is slow: time goes by, others work meanwhile. */
static void work_meanwhile(void)
{
    struct history *h = &history;
    if (h->depth == 0 || h->depth >= h->n_managers || !fake_chance(&h->dice, 4)) return;
    history_check();
    if (fake_chance(&h->dice, 50)) fake_advance(fake_roll(&h->dice, 400));
    change(h);
    history_pass(h->depth);
}

void history_connect(int n_managers)
{
    struct history *h = &history;
    for (int i = 0; i < n_managers; i++) must(catalogue_open(h->url, DB_WRITE, &h->manager[i]), "manager");
    must(catalogue_open(h->url, DB_WRITE, &h->judge), "judge");
    /* no process dies in these: the journal need not reach a disk */
    for (int i = 0; h->is_judged && !getenv("GM2_TEST_PGSQL") && i < n_managers; i++)
        must(db_exec(catalogue_db(h->manager[i]), "pragma journal_mode = memory; pragma synchronous = off"), "pragma");
    fake_check_start = check_start;
    fake_check_ask   = check_ask;
    fake_check_begin = check_begin;
    fault_interlude  = n_managers > 1 ? work_meanwhile : NULL;
}

void history_disconnect(void)
{
    struct history *h = &history;
    for (int i = 0; i < HISTORY_MAX_MANAGERS; i++) {
        catalogue_close(h->manager[i]);
        h->manager[i] = NULL;
    }
    catalogue_close(h->judge);
    h->judge         = NULL;
    fake_check_start = NULL;
    fake_check_ask   = NULL;
    fake_check_begin = NULL;
    fault_interlude  = NULL;
}

void history_pass(int manager)
{
    struct history *h = &history;
    struct step_stage report[HISTORY_MAX_STAGES];
    const struct campaign *campaign = history_campaign();
    /* now and then one that has not heard of it makes a pass */
    if (h->is_changed && !h->is_final && fake_chance(&h->dice, 10)) campaign = &h->campaign;
    h->depth++;
    enum err rc = step_campaign(h->manager[manager], campaign, h->campaign_id, false, "test", report);
    h->depth--;
    h->n_passes++;
    if (rc && !h->may_fail) fake_blame("a pass fails: %s", err_message());
    if (rc) err_clear();
    if (rc) memset(report, 0, sizeof report);
    memcpy(h->report, report, sizeof report);
    history_check();
}

static bool is_complete(void)
{
    for (int i = 0; i < history.n_stages; i++)
        if (!history.report[i].is_complete) return false;
    return true;
}

/* A change that is to come, or submissions of before it. */
static bool has_more(void)
{
    const struct history *h = &history;
    return (h->change_at >= 0 && !h->is_changed && !h->is_final) ||
           history_number("select count(*) from submissions where state in (1000, 3000, 4000, 5000) and $1 = $2", 1,
                          1) > 0;
}

static void jump(struct history *h)
{
    static const int64_t jumps_s[] = {-86400 * 365, -3600, -1, 1, 3600, 86400 * 365};
    if (fake_chance(&h->dice, 10)) fake->skew_s += jumps_s[fake_roll(&h->dice, 6)];
    if (fake_chance(&h->dice, 5)) fake->skew_s = 0;
}

bool history_loop(int max, bool has_jumps)
{
    struct history *h = &history;
    for (int i = 0; i < max && !fake->violation[0]; i++) {
        change(h);
        history_pass(0);
        if (is_complete() && !has_more()) return true;
        if (has_jumps) jump(h);
        history_choose_rogue();
        fake_advance(fake_chance(&h->dice, 30) ? 20 + fake_roll(&h->dice, 100) : 100 + fake_roll(&h->dice, 500));
    }
    return false;
}

static bool unpark(void)
{
    struct history *h = &history;
    if (history_number("select count(*) from stage_files where is_parked = 1 and $1 = $2", 1, 1) == 0) return false;
    for (int i = 0; i < h->n_stages; i++)
        must(step_retry(h->manager[0], history_campaign(), h->campaign_id, (size_t)i, "test"), "retry");
    history_forgive();
    return true;
}

void history_finish(int max)
{
    struct history *h = &history;
    fake_heal();
    h->is_final   = true;
    h->is_changed = h->is_changed && !h->goes_back;
    bool is_done  = false;
    for (int i = 0; i < max && !is_done && !fake->violation[0]; i += 10) {
        is_done = history_loop(10, false);
        if (!is_done) unpark();
    }
    if (!is_done) fake_blame("not complete after %d passes without faults", max);
    int n_starts = fake->n_starts;
    fake_advance(3000); /* what is late comes now */
    for (int i = 0; i < 2 && !fake->violation[0]; i++) history_pass(0);
    if (fake->n_starts != n_starts) fake_blame("complete, and yet something is started");
    if (!is_complete()) fake_blame("complete, and then not any more");
    if (!fake->violation[0]) history_check_end();
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    (void)at;
    return remove(path);
}

void history_end(void)
{
    struct history *h = &history;
    if (fake->violation[0] && *h->url == '/' && access(h->url, F_OK) != 0) /* that explains the violation */
        fprintf(stderr, "history %llu: %s was removed by somebody else\n", (unsigned long long)h->seed, h->url);
    history_disconnect();
    for (int i = 0; i < h->n_stages; i++) {
        mem_free(h->stage[i].dataset);
        mem_free(h->stage[i].made);
        mem_free(h->other_stage[i].dataset);
        mem_free(h->other_stage[i].made);
    }
    nftw(h->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
