/* A batch system that goes wrong on purpose: starting, asking, stopping. */
#include "fake_scheduler.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fake *fake;
void (*fake_check_start)(const struct executor_job *job);
void (*fake_check_ask)(const char *name, const char *batch_id);
void (*fake_check_begin)(const struct fake_job *job);
bool fake_is_working;

const char *const fake_fault_names[FAKE_N_FAULTS] = {
    "answer lost", "refused",   "accepted late", "run twice",    "no answer",   "old answer", "list empty",
    "purged",      "held",      "for ever",      "requeued",     "0, nothing",  "1, all",     "1, some",
    "75, some",    "node lost", "late products", "bad metadata", "other bytes", "black hole"};

enum err __wrap_executor_find(const char *name, const struct executor **out);
void fake_run(struct fake_job *j); /* fake_job.c */
void fake_clean(struct fake_job *j);

void fake_blame(const char *format, ...)
{
    va_list args;
    if (fake->violation[0]) return;
    va_start(args, format);
    vsnprintf(fake->violation, sizeof fake->violation, format, args);
    va_end(args);
}

void fake_die(const char *format, ...)
{
    const char *why = *err_message() ? err_message() : strerror(errno);
    va_list args;
    fprintf(stderr, "the test cannot go on: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", why);
    abort();
}

/* ---- dice (splitmix64) ----------------------------------------------------------------------------------------------- */
int fake_roll(uint64_t *dice, int n)
{
    uint64_t z = *dice += 0x9e3779b97f4a7c15ULL;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

bool fake_chance(uint64_t *dice, int percent) { return fake_roll(dice, 100) < percent; }

static bool happens(uint64_t *dice, enum fake_fault f)
{
    bool is_so = fake_chance(dice, fake->share[f]);
    fake->n_seen[f] += is_so;
    return is_so;
}

void fake_reset(uint64_t seed)
{
    if (!fake) {
        fake = mmap(NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (fake == MAP_FAILED) fake_die("shared memory for the fake");
    }
    memset(fake, 0, offsetof(struct fake, job));
    memset(fake->rogue, 0, sizeof *fake - offsetof(struct fake, rogue));
    fake->seed = fake->dice = seed;
    fake->now_s             = 1700000000;
    fake->shard             = 1;
    fake->is_marked         = true;
    fake->has_locks         = true;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------ */
static struct fake_told *told_of(const char *name)
{
    for (int i = 0; i < fake->n_told; i++)
        if (strcmp(fake->told[i].name, name) == 0) return &fake->told[i];
    if (fake->n_told == FAKE_MAX_JOBS) fake_die("more than %d submissions", FAKE_MAX_JOBS);
    struct fake_told *t = &fake->told[fake->n_told++];
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->answer = t->before = EXECUTOR_NOT_STARTED;
    return t;
}

/* The job of a name that is most alive, of those the controller lists. */
static struct fake_job *listed(const char *name)
{
    struct fake_job *best = NULL;
    for (int i = 0; i < fake->n_jobs; i++) {
        struct fake_job *j = &fake->job[i];
        if (strcmp(j->name, name) != 0 || j->n_hidden_asks > 0 || j->is_purged) continue;
        if (!best || (best->state == FAKE_ENDED && j->state != FAKE_ENDED) ||
            (best->state == FAKE_QUEUED && j->state == FAKE_RUNNING) || (best->state == j->state && j->is_begun))
            best = j;
    }
    return best;
}

static enum fake_fault choose_outcome(uint64_t *dice)
{
    static const enum fake_fault outcomes[] = {FAKE_HELD,           FAKE_FOR_EVER,     FAKE_REQUEUED, FAKE_NOTHING,
                                               FAKE_ALL_BUT_FAILED, FAKE_PARTIAL,      FAKE_STOPPED,  FAKE_NODE_LOST,
                                               FAKE_LATE_PRODUCTS,  FAKE_BAD_METADATA, FAKE_ROGUE};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (fake_chance(dice, fake->share[outcomes[i]])) return outcomes[i];
    return FAKE_N_FAULTS;
}

static struct fake_job *add_job(const struct executor_job *job)
{
    if (fake->n_jobs == FAKE_MAX_JOBS) fake_die("more than %d jobs", FAKE_MAX_JOBS);
    struct fake_job *j = &fake->job[fake->n_jobs++];
    memset(j, 0, sizeof *j);
    snprintf(j->name, sizeof j->name, "%s", job->name);
    snprintf(j->folder, sizeof j->folder, "%s", job->folder);
    for (size_t i = 0; job->argv[i] && job->argv[i + 1]; i++) {
        if (strcmp(job->argv[i], "-o") == 0) snprintf(j->output, sizeof j->output, "%s", job->argv[i + 1]);
        if (strcmp(job->argv[i], "-c") == 0) snprintf(j->config, sizeof j->config, "%.40s", job->argv[i + 1]);
        if (strcmp(job->argv[i], "-n") == 0) j->n_fills = strtoll(job->argv[i + 1], NULL, 10);
        if (strcmp(job->argv[i], "--nskip") == 0) j->n_skipped = strtoll(job->argv[i + 1], NULL, 10);
    }
    j->dice  = fake->seed ^ ((uint64_t)0xabcdef12345 * (uint64_t)fake->n_jobs);
    j->fault = choose_outcome(&j->dice);
    if (j->fault < FAKE_N_FAULTS) fake->n_seen[j->fault]++;
    j->begin_s = fake->now_s + fake_roll(&j->dice, 120);
    if (j->fault == FAKE_HELD) j->begin_s += 3000;
    j->end_s   = j->begin_s + 10 + fake_roll(&j->dice, 300);
    j->n_lives = j->fault == FAKE_REQUEUED ? 2 : 1;
    if (j->fault == FAKE_FOR_EVER) j->end_s += 1000000;
    bool is_purged = happens(&j->dice, FAKE_PURGED);
    j->purge_s     = is_purged ? 1 + fake_roll(&j->dice, 60) : 1000000000;
    return j;
}

static enum err start(const struct executor_job *job, char batch_id[64])
{
    struct fake_told *told  = told_of(job->name);
    struct fake_job *before = listed(job->name);
    fake->n_starts++;
    batch_id[0] = 0;
    /* without locks two managers may start one submission: then it must do no harm */
    bool is_same_place = !*told->folder || strcmp(told->folder, job->folder) == 0;
    if (told->answer != EXECUTOR_NOT_STARTED && is_same_place && fake->has_locks)
        fake_blame("%s is started after the answer %d", job->name, (int)told->answer);
    if (fake_check_start && fake->has_locks) fake_check_start(job);
    if (!before) { /* else an earlier start, whose answer was lost */
        if (happens(&fake->dice, FAKE_REFUSED)) return err_fail(ERR_AGAIN, __FILE__, __LINE__, "refused");
        struct fake_job *j = add_job(job);
        if (happens(&fake->dice, FAKE_TWICE)) (void)add_job(job);
        bool is_late     = happens(&fake->dice, FAKE_LATE);
        j->n_hidden_asks = is_late ? 1 + fake_roll(&fake->dice, 3) : 0;
        if (is_late || happens(&fake->dice, FAKE_ANSWER_LOST))
            return err_fail(ERR_AGAIN, __FILE__, __LINE__, "the answer is lost");
        before = j;
    }
    snprintf(batch_id, 64, "%d", (int)(before - fake->job) + 1);
    return ERR_OK;
}

static enum executor_answer true_answer(const struct fake_job *j)
{
    if (j->state == FAKE_QUEUED) return j->fault == FAKE_HELD ? EXECUTOR_HELD : EXECUTOR_WAITING;
    return j->state == FAKE_RUNNING ? EXECUTOR_RUNNING : EXECUTOR_ENDED;
}

static void tell_end(const char *name, const char *folder, struct executor_report *r)
{
    char path[FAKE_MAX_PATH + 20];
    snprintf(path, sizeof path, "%s/exit", folder);
    r->answer = EXECUTOR_ENDED;
    executor_read_exit(folder, r);
    for (int i = 0; i < fake->n_jobs; i++) {
        struct fake_job *j = &fake->job[i];
        if (strcmp(j->name, name) != 0) continue;
        if (j->has_rogue && !j->is_told_ended) fake->n_rogues++;
        j->is_told_ended = true;
    }
}

static void appear(const char *name)
{
    for (int i = 0; i < fake->n_jobs; i++) {
        struct fake_job *j = &fake->job[i];
        if (strcmp(j->name, name) == 0 && j->n_hidden_asks > 0) j->n_hidden_asks--;
    }
}

static enum err ask(const char *folder, const char *name, const char *batch_id, struct executor_report *r)
{
    struct fake_told *told = told_of(name);
    char begun[FAKE_MAX_PATH + 20];
    *r = (struct executor_report)EXECUTOR_REPORT_NONE;
    if (fake_check_ask && fake->has_locks) fake_check_ask(name, batch_id);
    snprintf(told->folder, sizeof told->folder, "%s", folder);
    snprintf(begun, sizeof begun, "%s/begun", folder);
    struct fake_job *j          = listed(name);
    enum executor_answer answer = j ? true_answer(j) : EXECUTOR_ENDED;
    if (!j && !*batch_id && access(begun, F_OK) != 0) answer = EXECUTOR_NOT_STARTED;
    appear(name);
    if (happens(&fake->dice, FAKE_NO_ANSWER)) {
        told->answer = EXECUTOR_UNKNOWN;
        if (fake_chance(&fake->dice, 50)) return err_fail(ERR_AGAIN, __FILE__, __LINE__, "asking takes too long");
        return ERR_OK;
    }
    bool is_old = told->before != EXECUTOR_NOT_STARTED && told->before != EXECUTOR_ENDED;
    if (is_old && happens(&fake->dice, FAKE_OLD_ANSWER))
        answer = told->before;
    else if (j && answer != EXECUTOR_ENDED && *batch_id && happens(&fake->dice, FAKE_LIST_EMPTY))
        answer = EXECUTOR_ENDED;
    else
        told->before = answer;
    told->answer = answer;
    r->answer    = answer;
    told->has_ended |= answer == EXECUTOR_ENDED;
    if (answer == EXECUTOR_ENDED) tell_end(name, folder, r);
    return ERR_OK;
}

static enum err stop(const char *folder, const char *name, const char *batch_id)
{
    (void)folder;
    (void)batch_id;
    for (int i = 0; i < fake->n_jobs; i++) fake->job[i].is_stopped |= strcmp(fake->job[i].name, name) == 0;
    return ERR_OK;
}

static const struct executor executor_fake = {.name = "fake", .start = start, .ask = ask, .stop = stop};

enum err __wrap_executor_find(const char *name, const struct executor **out)
{
    (void)name;
    *out = &executor_fake;
    return ERR_OK;
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */
void fake_advance(int64_t seconds)
{
    fake_is_working = true;
    for (int64_t left = seconds; left > 0; left -= 30) {
        fake->now_s += left < 30 ? left : 30;
        for (int i = 0; i < fake->n_jobs; i++) fake_run(&fake->job[i]);
    }
    fake_is_working = false;
}

void fake_heal(void)
{
    memset(fake->share, 0, sizeof fake->share);
    fake->hole_end_s = fake->hole_begin_s;
    fake->skew_s     = 0;
    for (int i = 0; i < fake->n_jobs; i++) {
        struct fake_job *j = &fake->job[i];
        j->n_hidden_asks   = 0;
        fake_clean(j);
        if (j->begin_s > fake->now_s + 200) j->begin_s = fake->now_s + 200;
        if (j->state != FAKE_ENDED && j->end_s > fake->now_s + 600) j->end_s = fake->now_s + 600; /* a time limit */
    }
}
