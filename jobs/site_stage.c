/* The page of a stage: the fields of the production's own page of a campaign stage. */
#include "site_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what ran ----------------------------------------------------------------------------------------------------------- */
static void put_jobs(FILE *f, const char *name, const struct status_jobs *j)
{
    static const char *const title[] = {"Cancelled", "Fail", "Held", "Success"}, *const key[] = {"cancelled", "failed",
                                                                                                 "held", "success"};
    const int64_t n[] = {j->n_cancelled, j->n_failed, j->n_held, j->n_success};
    char path[60];
    fputs("<div><h2>Batch job status</h2><table><tr><th></th><th>jobs</th><th>%</th></tr>\n", f);
    for (int c = 0; c < 4; c++) {
        fprintf(f, "<tr><td>%s</td>", title[c]);
        snprintf(path, sizeof path, "submissions/%s", key[c]);
        site_cell(f, name, path, n[c]);
        snprintf(path, sizeof path, "submissions/%s_percent", key[c]);
        site_cell_x(f, name, path, status_percent(n[c], n[0] + n[1] + n[2] + n[3]));
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n<div><h2>Active job status</h2><table><tr><th></th><th>jobs</th></tr>\n<tr><td>idle</td>",
          f);
    site_cell(f, name, "submissions/idle", j->n_idle);
    fputs("</tr>\n<tr><td>running</td>", f);
    site_cell(f, name, "submissions/running", j->n_running);
    fputs("</tr></table></div>\n", f);
}

static void put_use(FILE *f, const char *name, const struct status_use *u)
{
    fputs("<div><h2>Batch job efficiency</h2><table><tr><th></th><th>%</th></tr>\n<tr><td>cpu</td>", f);
    site_cell_x(f, name, "efficiency/cpu_percent", status_cpu_percent(u));
    fputs("</tr>\n<tr><td>memory</td>", f);
    site_cell_x(f, name, "efficiency/memory_percent", status_memory_percent(u));
    fputs("</tr></table><p class=facts>cpu: CPU time / (wall time x ranks), of ", f);
    fprintf(f, "%" PRId64 " jobs<br>memory: mean of the largest processes / memory asked for</p></div>\n", u->n_cpu);
}

static void put_failures(FILE *f, const char *name, const struct status_stage *s)
{
    char key[60];
    fputs("<h2 id=failures>Failures by reason</h2>\n", f);
    if (s->n_failures == 0) {
        fputs("<p>None.</p>\n", f);
        return;
    }
    fputs("<table><tr><th>exit status</th><th class=u>scheduler's state</th><th>jobs</th><th></th></tr>\n", f);
    for (size_t i = 0; i < s->n_failures; i++) {
        const struct status_failure *one = &s->failure[i];
        fputs("<tr>", f);
        snprintf(key, sizeof key, "failures/%zu/exit_code", i);
        if (one->exit_code < 0)
            fprintf(f, "<td id=\"%s/%s\">-</td>", name, key);
        else
            site_cell(f, name, key, one->exit_code);
        site_text_cell(f, *one->state ? one->state : "not known");
        snprintf(key, sizeof key, "failures/%zu/submissions", i);
        site_cell(f, name, key, one->n);
        fprintf(f, "<td class=c><span class=bar style=\"width:%.0fpx\"></span></td></tr>\n",
                300.0 * (double)one->n / (double)s->failure[0].n);
    }
    fputs("</table>\n", f);
}

static void put_latencies(FILE *f, const char *name, const struct status_stage *s)
{
    static const char *const key[] = {"p50_s", "p95_s", "max_s"};
    char path[80], text[32];
    fputs("<h2 id=latency>Latency</h2>\n<table><tr><th>from - to</th><th>n</th><th>median</th><th>95 "
          "%</th><th>longest</th>"
          "</tr>\n",
          f);
    for (int l = 0; l < N_LATENCY_KINDS; l++) {
        const struct latency *one = &s->latency[l];
        const double t[]          = {one->p50_s, one->p95_s, one->max_s};
        fprintf(f, "<tr><td>%s</td>", latency_title((enum latency_kind)l));
        snprintf(path, sizeof path, "latency/%s/n", latency_name((enum latency_kind)l));
        site_cell(f, name, path, one->n);
        for (int c = 0; c < 3; c++) {
            status_duration(one->n ? t[c] : -1.0, text);
            fprintf(f, "<td title=\"%s: %.0f s\">%s</td>", key[c], t[c], text);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table>\n", f);
}

/* ---- the card ------------------------------------------------------------------------------------------------------------ */
static void put_list(FILE *f, const char *name, const struct strs *list)
{
    fprintf(f, "<tr><th>%s</th><td class=c>", name);
    for (size_t i = 0; i < list->n; i++) {
        if (i) fputs("<br>", f);
        html_escape(f, list->value[i]);
    }
    fputs(list->n ? "</td></tr>\n" : "none</td></tr>\n", f);
}

static void put_card(FILE *f, const struct status *k, size_t i)
{
    const struct campaign_stage *c = &k->campaign->stage[i];
    char text[120];
    fputs("<h2 id=card>Stage</h2>\n<table>\n", f);
    site_row(f, "name", c->name);
    snprintf(text, sizeof text, "%" PRId64, k->stage[i].id);
    site_row(f, "id", text);
    site_row(f, "experiment", k->campaign->cfg.experiment);
    site_row(f, "dataset", c->dataset ? c->dataset : "none: a simulation");
    if (*k->stage[i].change) site_row(f, "its change", k->stage[i].change);
    site_row(f, "software version", c->version.release);
    site_row(f, "commit", c->version.git_commit);
    site_row(f, "configuration's identity", c->version.config_id);
    site_row(f, "role, account", *c->cfg.account ? c->cfg.account : "of who runs the step");
    site_row(f, "tag of the constants", *c->version.conditions_tag ? c->version.conditions_tag : "none");
    put_list(f, "parameter overrides", &c->cfg.set);
    site_row(f, "job type", c->cfg.config);
    site_row(f, "split", c->cfg.split);
    site_row(f, "launch setup", c->cfg.executor);
    put_list(f, "options of the scheduler", strcmp(c->cfg.executor, "condor") == 0 ? &c->cfg.condor : &c->cfg.sbatch);
    put_list(f, "set-up", &c->cfg.setup);
    const char *limit = status_option(&c->cfg.sbatch, "--time", "-t");
    site_row(f, "lifetime", limit ? limit : "not stated");
    int64_t kb = status_requested_kb(&c->cfg);
    snprintf(text, sizeof text, "%" PRId64 " MB a process", kb / 1024);
    site_row(f, "memory", kb ? text : "not stated");
    snprintf(text, sizeof text,
             "%" PRId64 " ranks a job, at most %" PRId64 " jobs at the same time, %" PRId64 " attempts at a file",
             c->cfg.ranks, c->cfg.max_submissions, c->cfg.max_attempts);
    site_row(f, "cpu", text);
    fputs("</table>\n", f);
}

static void put_versions(FILE *f, const struct status_stage *s)
{
    char at[32];
    if (!s->n_versions) return;
    fputs("<h2 id=versions>Other versions</h2>\n<table><tr><th>release, commit, configuration, "
          "tag</th><th>submissions</th>"
          "<th>done</th><th class=u>last change (UTC)</th></tr>\n",
          f);
    for (size_t i = 0; i < s->n_versions && i < STATUS_VERSIONS; i++) {
        fputs("<tr>", f);
        site_text_cell(f, s->version[i].key);
        status_time(s->version[i].update_s, at);
        fprintf(f, "<td>%" PRId64 "</td><td>%" PRId64 "</td><td class=t>%s</td></tr>\n", s->version[i].n,
                s->version[i].n_done, at);
    }
    fputs("</table>\n", f);
}

/* Those of the production's own page. */
static void put_actions(FILE *f, const struct cmd_campaign *c, const struct status *k, size_t i)
{
    const char *name  = k->campaign->cfg.name;
    const char *stage = k->campaign->stage[i].name;
    fputs("<h2 id=actions>Actions</h2>\n<table>\n", f);
    if (strcmp(k->campaign->stage[i].cfg.stage_type, "approval") == 0) { /* it runs nothing */
        site_command(f, "approve", "gm2 campaign approve %s %s %s --comment \"...\"", k->db, name, stage);
        fputs("</table>\n", f);
        return;
    }
    site_command(f, "launch what is due", "gm2 campaign step %s %s --loop 5", k->db, name);
    site_command(f, "launch one now", "gm2 campaign launch %s %s %s", k->db, name, stage);
    site_command(f, "its commands", "gm2 campaign show %s %s %s", k->db, name, stage);
    site_command(f, "launch a test", "gm2 campaign launch %s %s %s --test", k->db, name, stage);
    site_command(f, "its commands", "gm2 campaign show %s %s %s --test", k->db, name, stage);
    site_command(f, "kill what runs, and hold", "gm2 campaign kill %s %s %s", k->db, name, stage);
    site_command(f, "hold", "gm2 campaign hold %s %s %s --why \"...\"", k->db, name, stage);
    site_command(f, "release", "gm2 campaign release %s %s %s", k->db, name, stage);
    site_command(f, "try parked files again", "gm2 campaign retry %s %s %s", k->db, name, stage);
    site_command(f, "schedule", "gm2 campaign cron %s %s", k->db, name);
    site_command(f, "edit the stage", "${EDITOR:-vi} %s; gm2 campaign plan %s %s; gm2 campaign start %s %s", c->path,
                 k->db, c->path, k->db, c->path);
    site_command(f, "this stage on a terminal", "gm2 campaign status %s %s %s", k->db, name, stage);
    fputs("</table>\n", f);
}

static void put_file_states(FILE *f, const char *name, const struct site_stage *s)
{
    size_t n_pending = s->n_files - s->n_in_state[SITE_LOCATED];
    fprintf(f,
            "<h2 id=files>Files</h2>\n<table><tr><th>state</th><th>files</th></tr>\n<tr><td>Available "
            "output</td><td>%" PRId64 "</td></tr>\n",
            s->n_products);
    for (int i = 0; i < N_SITE_FILE_STATES; i++)
        fprintf(f, "<tr><td>%s</td><td>%zu</td></tr>\n", site_file_state_name((enum site_file_state)i),
                s->n_in_state[i]);
    fprintf(
        f,
        "<tr><td>Pending</td><td>%zu</td></tr></table>\n<p class=facts>Available output: products with a place. The "
        "others: input files that a submission took, each in one state. Pending: all without located kids. "
        "<a href=\"%s_files_1.html\">All files</a></p>\n",
        n_pending, name);
}

enum err site_stage_page(const struct site *site, const struct site_campaign *c, size_t i)
{
    const struct status *k       = &c->status;
    const struct status_stage *s = &k->stage[i];
    const char *name             = k->campaign->stage[i].name;
    char title[200], file[200], at[32];
    struct site_page p;
    struct page_figure figure[2] = {{.name    = "progress",
                                     .title   = "Progress",
                                     .caption = "Files with a product, against time.",
                                     .width   = 760,
                                     .height  = 420},
                                    {.name    = "times",
                                     .title   = "Latency",
                                     .caption = "How long files and submissions took; five bins a decade.",
                                     .width   = 760,
                                     .height  = 420}};
    TRY(site_draw_progress(k, i, i + 1, site->folder, &figure[0]));
    enum err rc = site_draw_latency(s, site->folder, &figure[1]);
    snprintf(title, sizeof title, "Stage %.90s of %.90s", name, k->campaign->cfg.name);
    if (!rc) rc = site_begin(title, title, &p);
    if (rc) {
        page_figures_free(figure, 2);
        return rc;
    }
    status_time(k->at_s, at);
    fprintf(p.f,
            "<p class=facts>Stage %s (id %" PRId64 "), campaign %s (id %" PRId64 "); %s UTC</p>\n<nav><a "
            "href=\"index.html\">campaign</a><a href=\"../shifter.html\">shifter's page</a><a href=\"#latency\">stage "
            "statistics</a><a href=\"%s_submissions_1.html\">submissions</a><a href=\"%s_files_1.html\">submission "
            "files</a><a "
            "href=\"#actions\">actions</a></nav>\n",
            name, s->id, k->campaign->cfg.name, k->id, at, name, name);
    site_stage_table(p.f, k, i, i + 1);
    site_waits(p.f, k, i, i + 1);
    fputs("<div class=side>\n", p.f);
    put_jobs(p.f, name, &s->jobs);
    put_use(p.f, name, &s->use);
    fputs("</div>\n<h2>What a human should look at</h2>\n", p.f);
    site_hints(p.f, k, i, i + 1);
    page_figures(p.f, figure, 2);
    put_failures(p.f, name, s);
    put_latencies(p.f, name, s);
    fputs("<h2 id=week>One week</h2>\n", p.f);
    site_day_table(p.f, k, i, i + 1);
    put_file_states(p.f, name, &c->stage[i]);
    put_card(p.f, k, i);
    put_versions(p.f, s);
    put_actions(p.f, &c->k, k, i);
    fputs("<h2 id=recent>Recent launches</h2>\n", p.f);
    site_latest(p.f, k, s->latest, s->n_latest);
    page_figures_free(figure, 2);
    snprintf(file, sizeof file, "%s.html", name);
    return site_end(site, &p, file);
}
