/* The judge: tables, files and the fake's own memory against one another. */
#include "history.h"

#include "ledger.h"
#include "publish.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void each_row(const char *sql, int64_t a, int64_t b, void (*each)(const struct db_value *row))
{
    const struct db_value values[] = {DB_I(a), DB_I(b)};
    struct db_statement *s;
    const struct db_value *row = NULL;
    size_t n;
    bool is_working = fake_is_working;
    fake_is_working = true; /* nothing fails for the judge */
    enum err rc     = db_prepare(catalogue_db(history.judge), sql, &s);
    if (!rc) rc = db_start(s, values, 2);
    while (!rc && (rc = db_next(s, &row, &n)) == ERR_OK && row) each(row);
    if (rc) fake_die("%s", sql);
    db_finish(s);
    fake_is_working = is_working;
}

static int64_t number;
static void take_number(const struct db_value *row)
{
    if (number < 0 && row[0].type == DB_INT) number = row[0].i;
}

int64_t history_number(const char *sql, int64_t a, int64_t b)
{
    number = -1;
    each_row(sql, a, b, take_number);
    return number;
}

/* ---- attempts -------------------------------------------------------------------------------------------------------- */
#define MADE                                                                                                           \
    "exists (select 1 from file_parents p join files f on f.id = p.child_id join configs c on c.id = f.config_id "     \
    "join stages t on t.id = s.stage_id where p.parent_id = sf.file_id and t.version_key = c.version || ' ' || "       \
    "c.git_commit || ' ' || c.fcl_hash)"

static bool was_told_to_end(const char *name)
{
    for (int i = 0; i < fake->n_told; i++)
        if (strcmp(fake->told[i].name, name) == 0) return fake->told[i].has_ended;
    return false;
}

/* One of its products was refused, and nobody has taken that away yet. */
static bool has_left_cut(const char *name)
{
    bool is_so = false;
    for (int i = 0; i < fake->n_jobs && fake->is_marked && !history.is_final; i++) {
        const struct fake_job *j = &fake->job[i];
        is_so |= j->fault == FAKE_BAD_METADATA && j->state == FAKE_ENDED && j->is_begun && strcmp(j->name, name) == 0;
    }
    return is_so;
}

static int64_t ended[400];
static int n_ended;

/* id, state, name, exit_code, files without a product */
static void judge_ended(const struct db_value *row)
{
    if (history.is_ended[row[0].i] || n_ended == 400) return;
    history.is_ended[row[0].i] = true;
    ended[n_ended++]           = row[0].i;
    int64_t state = row[1].i, exit_code = row[3].type == DB_INT ? row[3].i : -1, n_left = row[4].i;
    bool is_simulation = row[5].i <= 0, is_unstarted = strncmp(row[6].text, "never started", 13) == 0;
    if (is_unstarted) { /* its stage was described otherwise: no attempt */
        n_ended--;
        if (history.change_at < 0 || state != LEDGER_CANCELLED) fake_blame("%s was given up", row[2].text);
        return;
    }
    if (!was_told_to_end(row[2].text)) fake_blame("%s was ended, and the executor has not said so", row[2].text);
    if (state == LEDGER_LAUNCH_FAILED) fake_blame("%s: LaunchFailed", row[2].text);
    if (is_simulation) {
        if (state == LEDGER_LOCATED && exit_code) fake_blame("%s is Located with %d", row[2].text, (int)exit_code);
        if (state == LEDGER_LOCATED && has_left_cut(row[2].text))
            fake_blame("%s is Located, metadata are cut", row[2].text);
        return;
    }
    if (state == LEDGER_LOCATED && n_left) fake_blame("%s is Located, %d lack a product", row[2].text, (int)n_left);
    if (state != LEDGER_LOCATED && !n_left)
        fake_blame("%s has all products and is in state %d", row[2].text, (int)state);
    if (state == LEDGER_CANCELLED && exit_code != 75)
        fake_blame("%s is Cancelled with %d", row[2].text, (int)exit_code);
    if (state == LEDGER_FAILED && exit_code == 75) fake_blame("%s is Failed with 75", row[2].text);
}

/* Launches of a simulation have no file, but numbers from 0 down. */
static size_t slot(int64_t file)
{
    if (file >= HISTORY_MAX_FILES || file <= -HISTORY_MAX_FILES) fake_die("file %d", (int)file);
    return (size_t)(file + HISTORY_MAX_FILES) % HISTORY_MAX_FILES;
}

/* stage, file, state: of a submission that ended, without a product */
static void count_attempt(const struct db_value *row)
{
    if (row[0].i >= HISTORY_MAX_VERSIONS) fake_die("stage %d", (int)row[0].i);
    if (row[2].i == LEDGER_LOCATED) return;
    if (row[2].i == LEDGER_CANCELLED)
        history.stops[row[0].i][slot(row[1].i)]++;
    else
        history.attempts[row[0].i][slot(row[1].i)]++;
}

/* stage, file, attempts, stops, is_parked */
static void compare_attempts(const struct db_value *row)
{
    const struct history *h = &history;
    int attempts = h->attempts[row[0].i][slot(row[1].i)], stops = h->stops[row[0].i][slot(row[1].i)];
    int64_t max    = history_stage(row[0].i)->cfg.max_attempts;
    bool is_parked = attempts >= max || stops >= max * LEDGER_STOPS_AN_ATTEMPT;
    if (row[2].i != attempts || row[3].i != stops)
        fake_blame("stage %d file %d: %d attempts and %d stops, the ledger has %d and %d", (int)row[0].i, (int)row[1].i,
                   attempts, stops, (int)row[2].i, (int)row[3].i);
    if ((row[4].i == 1) != is_parked)
        fake_blame("stage %d file %d: %d attempts of %d, parked: %d", (int)row[0].i, (int)row[1].i, attempts, (int)max,
                   (int)row[4].i);
}

static void take_rogue(const struct db_value *row) { snprintf(fake->rogue, sizeof fake->rogue, "%.190s", row[0].text); }

void history_choose_rogue(void)
{
    each_row("select file_name from files where id = (select max(id) from files where data_tier = 'reco') and $1 = $2",
             1, 1, take_rogue);
}

/* stage, file, parked before, of which no attempt is noted any more */
static void forgive(const struct db_value *row)
{
    history.attempts[row[0].i][slot(row[1].i)] = history.stops[row[0].i][slot(row[1].i)] = 0;
}

void history_forgive(void)
{
    each_row("select stage_id, file_id from stage_files where attempts = 0 and stops = 0 and $1 = $2", 1, 1, forgive);
}

static void check_attempts(void)
{
    n_ended = 0;
    each_row(
        "select s.id, s.state, s.name, s.exit_code, (select count(*) from submission_files sf where "
        "sf.submission_id = s.id and not " MADE "), (select max(sf.file_id) from submission_files sf "
        "where sf.submission_id = s.id), s.reason from submissions s where s.state not in (1000, 3000, 4000, 5000) and "
        "$1 = $2",
        1, 1, judge_ended);
    if (!history.is_judged) return;
    for (int i = 0; i < n_ended; i++)
        each_row("select s.stage_id, sf.file_id, s.state from submissions s join submission_files sf on "
                 "sf.submission_id = s.id where s.id = $1 and s.id = $2 and (sf.file_id <= 0 or not " MADE ")",
                 ended[i], ended[i], count_attempt);
    each_row("select stage_id, file_id, attempts, stops, is_parked from stage_files where $1 = $2", 1, 1,
             compare_attempts);
}

/* ---- between passes ---------------------------------------------------------------------------------------------------- */
#define DOUBLED                                                                                                        \
    "select count(*) from (select p.parent_id from file_parents p join files f on f.id = p.child_id join configs c "   \
    "on c.id = f.config_id where $1 = $2 group by p.parent_id, c.fcl_hash, c.version having count(*) > 1) q"
#define HELD_TWICE                                                                                                     \
    "select count(*) from (select s.stage_id, sf.file_id from submissions s join submission_files sf on "              \
    "sf.submission_id = s.id where s.state in (1000, 3000, 4000, 5000) and $1 = $2 group by s.stage_id, sf.file_id "   \
    "having "                                                                                                          \
    "count(*) > 1) q"

/* stage, how many of it live */
static void check_most(const struct db_value *row)
{
    int64_t most = history_stage(row[0].i)->cfg.max_submissions;
    if (row[1].i > most)
        fake_blame("stage %d: %d submissions live, at most %d may", (int)row[0].i, (int)row[1].i, (int)most);
}

void history_check(void)
{
    if (fake->violation[0]) return;
    if (history_number(DOUBLED, 1, 1)) fake_blame("a file has two products of one stage");
    if (history_number(HELD_TWICE, 1, 1)) fake_blame("two live submissions hold one file");
    each_row("select stage_id, count(*) from submissions where state in (1000, 3000, 4000, 5000) and $1 = $2 group by "
             "stage_id",
             1, 1, check_most);
    check_attempts();
}

/* ---- at the end -------------------------------------------------------------------------------------------------------- */
/* All units, each once; of a version that was given up, none twice. */
static void check_stage(const struct campaign_stage *stage, bool is_present)
{
    const struct history *h = &history;
    char sql[700];
    static const char of[] = "from files f join configs c on c.id = f.config_id join file_runs r on r.file_id = f.id "
                             "where c.fcl_hash = '%s' and $1 = $2";
    int used               = snprintf(sql, sizeof sql, "select count(*) ");
    snprintf(sql + used, sizeof sql - (size_t)used, of, stage->version.config_id);
    int64_t n = history_number(sql, 1, 1);
    used      = snprintf(sql, sizeof sql, "select count(distinct r.subrun) ");
    snprintf(sql + used, sizeof sql - (size_t)used, of, stage->version.config_id);
    int64_t n_distinct = history_number(sql, 1, 1);
    if (n != n_distinct || (is_present && n != h->n_units))
        fake_blame("stage %s: %d units, %d in products, %d of them different", stage->name, h->n_units, (int)n,
                   (int)n_distinct);
}

/* name, checksum, url, fcl_hash */
static void check_file(const struct db_value *row)
{
    char sum[32], text[300] = "", wanted[60];
    unsigned long long size;
    if (row[2].type != DB_TEXT || strncmp(row[2].text, "file:", 5) != 0 ||
        publish_checksum(row[2].text + 5, sum, &size)) {
        fake_blame("%s is not where the catalogue says", row[0].text);
        return;
    }
    if (strcmp(sum, row[1].text) != 0) fake_blame("%s has other bytes than the catalogue says", row[0].text);
    FILE *f  = fopen(row[2].text + 5, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    snprintf(wanted, sizeof wanted, "\nof %s\n", row[3].text);
    if (!strstr(text, wanted) || strstr(text, "by another")) fake_blame("%s is not this stage's work", row[0].text);
}

void history_check_end(void)
{
    const struct campaign *now = history_campaign();
    for (int i = 0; i < history.n_stages; i++) check_stage(&now->stage[i], true);
    for (int i = 0; i < history.n_stages && history.change_at >= 0; i++) {
        check_stage(&history.stage[i], false);
        check_stage(&history.other_stage[i], false);
    }
    if (history_number("select count(*) from submissions where state in (1000, 3000, 4000, 5000) and $1 = $2", 1, 1))
        fake_blame("complete, and submissions live");
    if (history_number("select count(*) from stage_files where submission_id is not null and $1 = $2", 1, 1))
        fake_blame("complete, and files are held");
    int64_t n = history_number("select count(*) from file_conflicts where $1 = $2", 1, 1);
    if ((n > 0) != (fake->n_rogues > 0))
        fake_blame("%d products with other bytes, %d conflicts noted", (int)fake->n_rogues, (int)n);
    each_row("select f.file_name, f.checksum, (select min(a.url) from file_locations a where a.file_id = f.id), "
             "c.fcl_hash from files f join configs c on c.id = f.config_id where $1 = $2",
             1, 1, check_file);
}
