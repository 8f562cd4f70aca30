/* Where a campaign stands, for programs. */
#include "status.h"

#include <stdio.h>

static void add_int(cJSON *o, const char *name, int64_t value) { cJSON_AddNumberToObject(o, name, (double)value); }

/* What is not known is null. */
static void add_known(cJSON *o, const char *name, double value)
{
    if (value < 0.0)
        cJSON_AddNullToObject(o, name);
    else
        cJSON_AddNumberToObject(o, name, value);
}

static void add_submission(const struct status *k, cJSON *o, const struct status_submission *s)
{
    char label[160], folder[400], path[2048];
    status_label(s, label);
    status_folder(k, s, folder);
    snprintf(path, sizeof path, "%s/%s/log", k->campaign->cfg.output, folder);
    add_int(o, "id", s->id);
    cJSON_AddStringToObject(o, "output", label);
    cJSON_AddStringToObject(o, "name", s->name);
    cJSON_AddStringToObject(o, "stage", k->campaign->stage[s->stage].name);
    cJSON_AddStringToObject(o, "state", ledger_state_name(s->state));
    add_int(o, "create_s", s->create_s);
    cJSON_AddStringToObject(o, "log", path);
}

static void add_jobs(cJSON *stage, const struct status_jobs *j)
{
    cJSON *o       = cJSON_AddObjectToObject(stage, "submissions");
    int64_t n_told = j->n_cancelled + j->n_failed + j->n_held + j->n_success;
    add_int(o, "all", j->n);
    add_int(o, "cancelled", j->n_cancelled);
    add_int(o, "failed", j->n_failed);
    add_int(o, "held", j->n_held);
    add_int(o, "success", j->n_success);
    add_int(o, "idle", j->n_idle);
    add_int(o, "running", j->n_running);
    cJSON_AddNumberToObject(o, "cancelled_percent", status_percent(j->n_cancelled, n_told));
    cJSON_AddNumberToObject(o, "failed_percent", status_percent(j->n_failed, n_told));
    cJSON_AddNumberToObject(o, "held_percent", status_percent(j->n_held, n_told));
    cJSON_AddNumberToObject(o, "success_percent", status_percent(j->n_success, n_told));
}

static void add_use(cJSON *stage, const struct status_use *u)
{
    cJSON *o = cJSON_AddObjectToObject(stage, "efficiency");
    add_int(o, "submissions_with_cpu", u->n_cpu);
    cJSON_AddNumberToObject(o, "cpu_s", u->cpu_s);
    cJSON_AddNumberToObject(o, "wall_core_s", u->core_s);
    add_known(o, "cpu_percent", status_cpu_percent(u));
    add_int(o, "submissions_with_memory", u->n_memory);
    add_int(o, "mean_rss_kb", u->mean_rss_kb);
    add_int(o, "peak_rss_kb", u->peak_kb);
    add_int(o, "requested_kb", u->requested_kb);
    add_known(o, "memory_percent", status_memory_percent(u));
}

static void add_counts(cJSON *stage, const struct status_stage *s)
{
    cJSON *files = cJSON_AddObjectToObject(stage, "files"), *subruns = cJSON_AddObjectToObject(stage, "subruns");
    add_int(files, "wanted", (int64_t)s->look.n_files);
    add_int(files, "done", (int64_t)s->look.n_done);
    add_int(files, "running", (int64_t)s->look.n_held);
    add_int(files, "left", (int64_t)s->n_left);
    add_int(files, "parked", (int64_t)s->look.n_parked);
    add_int(files, "staging", (int64_t)s->look.n_staging);
    add_int(files, "gone", (int64_t)s->look.n_gone);
    cJSON_AddNumberToObject(files, "percent", status_percent((int64_t)s->look.n_done, (int64_t)s->look.n_files));
    add_int(subruns, "wanted", s->n_subruns);
    add_int(subruns, "done", s->n_subruns_done);
    cJSON_AddNumberToObject(subruns, "percent", status_percent(s->n_subruns_done, s->n_subruns));
    cJSON *rate = cJSON_AddObjectToObject(stage, "rate");
    add_int(rate, "files", s->n_recent);
    cJSON_AddNumberToObject(rate, "over_s", s->recent_s);
    add_known(rate, "left_s", s->left_s);
}

static void add_latencies(cJSON *stage, const struct latency *latency)
{
    cJSON *o = cJSON_AddObjectToObject(stage, "latency");
    for (int k = 0; k < N_LATENCY_KINDS; k++) {
        cJSON *one = cJSON_AddObjectToObject(o, latency_name((enum latency_kind)k));
        add_int(one, "n", latency[k].n);
        cJSON_AddNumberToObject(one, "p50_s", latency[k].p50_s);
        cJSON_AddNumberToObject(one, "p95_s", latency[k].p95_s);
        cJSON_AddNumberToObject(one, "max_s", latency[k].max_s);
    }
}

static void add_lists(const struct status *k, cJSON *stage, const struct status_stage *s)
{
    char day[32];
    cJSON *days = cJSON_AddArrayToObject(stage, "days"), *failures = cJSON_AddArrayToObject(stage, "failures");
    cJSON *hints = cJSON_AddArrayToObject(stage, "hints");
    for (int i = 0; i < STATUS_DAYS; i++) {
        cJSON *o = cJSON_CreateObject();
        status_time(s->day[i].start_s, day);
        day[10] = 0;
        cJSON_AddStringToObject(o, "day", day);
        add_int(o, "submitted", s->day[i].n_submitted);
        add_int(o, "done", s->day[i].n_done);
        add_int(o, "failed", s->day[i].n_failed);
        add_int(o, "products", s->day[i].n_files);
        cJSON_AddItemToArray(days, o);
    }
    for (size_t i = 0; i < s->n_failures; i++) {
        cJSON *o = cJSON_CreateObject();
        add_known(o, "exit_code", s->failure[i].exit_code);
        cJSON_AddStringToObject(o, "batch_state", s->failure[i].state);
        add_int(o, "submissions", s->failure[i].n);
        cJSON_AddItemToArray(failures, o);
    }
    for (size_t i = 0; i < s->n_hints; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "what", s->hint[i].what);
        cJSON_AddStringToObject(o, "next", s->hint[i].next);
        cJSON_AddItemToArray(hints, o);
    }
    if (s->oldest.id) add_submission(k, cJSON_AddObjectToObject(stage, "oldest_live"), &s->oldest);
}

/* Submissions of other versions. */
static void add_versions(cJSON *stage, const struct status_stage *s)
{
    cJSON *list = cJSON_AddArrayToObject(stage, "other_versions");
    for (size_t i = 0; i < s->n_versions && i < STATUS_VERSIONS; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "version", s->version[i].key);
        add_int(o, "submissions", s->version[i].n);
        add_int(o, "done", s->version[i].n_done);
        add_int(o, "change_s", s->version[i].update_s);
        cJSON_AddItemToArray(list, o);
    }
}

static cJSON *stage_json(const struct status *k, size_t i)
{
    const struct status_stage *s = &k->stage[i];
    cJSON *o                     = cJSON_CreateObject();
    char waits[400];
    status_waits(k, i, waits);
    cJSON_AddStringToObject(o, "name", k->campaign->stage[i].name);
    add_int(o, "id", s->id);
    cJSON_AddStringToObject(o, "version", s->version_key);
    cJSON_AddStringToObject(o, "state", s->state);
    cJSON_AddStringToObject(o, "waits_for", waits);
    add_counts(o, s);
    add_jobs(o, &s->jobs);
    add_use(o, &s->use);
    add_latencies(o, s->latency);
    add_lists(k, o, s);
    cJSON_AddStringToObject(o, "dataset_change", s->change);
    add_versions(o, s);
    return o;
}

/* Live submissions of earlier versions. */
static void add_older(const struct status *k, cJSON *list)
{
    for (size_t i = 0; i < k->n_older && i < STATUS_OLDER; i++) {
        const struct status_older *s = &k->older[i];
        cJSON *one                   = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "submission", s->name);
        cJSON_AddStringToObject(one, "stage", s->stage);
        cJSON_AddStringToObject(one, "version", s->version);
        cJSON_AddStringToObject(one, "state", ledger_state_name(s->state));
        cJSON_AddNumberToObject(one, "files", (double)s->n_files);
        cJSON_AddStringToObject(one, "folder", s->folder);
        cJSON_AddItemToArray(list, one);
    }
}

cJSON *status_json(const struct status *k)
{
    char text[400];
    cJSON *o = cJSON_CreateObject(), *stages = cJSON_AddArrayToObject(o, "stages");
    if (!stages) {
        cJSON_Delete(o);
        return NULL;
    }
    cJSON_AddStringToObject(o, "campaign", k->campaign->cfg.name);
    add_int(o, "id", k->id);
    add_int(o, "at_s", k->at_s);
    cJSON_AddBoolToObject(o, "is_held", k->is_held);
    for (size_t i = 0; i < k->campaign->n_stages; i++) cJSON_AddItemToArray(stages, stage_json(k, i));
    add_older(k, cJSON_AddArrayToObject(o, "older"));
    cJSON *latest = cJSON_AddArrayToObject(o, "latest");
    for (size_t i = 0; i < k->n_latest; i++) {
        cJSON *one = cJSON_CreateObject();
        add_submission(k, one, &k->latest[i]);
        cJSON_AddItemToArray(latest, one);
    }
    status_next(k, text);
    cJSON_AddStringToObject(o, "next", text);
    return o;
}
