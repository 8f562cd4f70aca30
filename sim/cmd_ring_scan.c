/* gm2 ring scan: a parameter takes a row of values, chosen quantities are tabulated and drawn. */
#include "cfg.h"
#include "cmd_ring.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1000, MAX_QUANTITIES = 8 };

/* clang-format off */
#define SCAN_CFG(F, S)                                                                                                 \
    F(S, str,  scan,       "",   0, 0, "", "KEY=FROM:TO:STEP or KEY=VALUE,VALUE,...: any parameter of the ring")       \
    F(S, strs, quantities, "[nu_x, nu_y, f_CBO, f_VW]", 0, 0, "", "what is tabulated and drawn, at most 8; listed below") \
    F(S, f64,  dp,         0, -5, 5, "%", "momentum offset dp/p")                                                      \
    F(S, i64,  turns,      1024, 64, 65536, "1", "turns for a tune, a power of two")                                   \
    F(S, i64,  muons,      20000, 16, 10000000, "1", "injected beam: muons at the inflector's exit")                   \
    F(S, i64,  seed,       1, 0, 1e15, "1", "injected beam: of the random numbers; the same in all points")            \
    F(S, f64,  from_us,    10, 0.1, 100000, "us", "injected beam: looked at from here")                                \
    F(S, f64,  until_us,   30, 0.1, 100000, "us", "injected beam: followed to here, without decays")                   \
    F(S, f64,  monitor_deg, 192.5, 0, 359.999, "deg", "injected beam: where it is looked at (tracker 12)")
/* clang-format on */
CFG_DECLARE(scan_cfg, SCAN_CFG)

/* ---- values ---- */

static enum err make_room(struct ring_scan *s, size_t n)
{
    REQUIRE(n >= 1 && n <= MAX_VALUES, ERR_OPTION, "a scan takes 1 to %d values", MAX_VALUES);
    TRY(mem_alloc(&s->word, n, sizeof *s->word));
    TRY(mem_alloc(&s->problem, n, sizeof *s->problem));
    TRY(mem_alloc(&s->x, n, sizeof *s->x));
    TRY(mem_alloc(&s->answer, n, sizeof *s->answer));
    s->n = n;
    return ERR_OK;
}

static bool to_number(const char *word, double *out)
{
    char *end;
    *out = strtod(word, &end);
    return end != word && !*end && isfinite(*out);
}

static enum err take_range(struct ring_scan *s, const char *text)
{
    double v[3];
    char word[64], extra;
    char parts[3][40];
    REQUIRE(sscanf(text, "%39[^:]:%39[^:]:%39[^:]%c", parts[0], parts[1], parts[2], &extra) == 3, ERR_OPTION,
            "\"%s\": FROM:TO:STEP is wanted", text);
    for (int i = 0; i < 3; i++)
        REQUIRE(to_number(parts[i], &v[i]), ERR_OPTION, "\"%s\": %s is no number", text, parts[i]);
    REQUIRE(v[2] != 0.0 && (v[1] - v[0]) / v[2] >= 0.0, ERR_OPTION, "\"%s\": the step does not lead there", text);
    const double steps = floor((v[1] - v[0]) / v[2] + 1e-9) + 1.0;
    REQUIRE(steps <= MAX_VALUES, ERR_OPTION, "\"%s\": %.0f values, at most %d are accepted", text, steps, MAX_VALUES);
    TRY(make_room(s, (size_t)steps));
    for (size_t i = 0; i < s->n; i++) {
        snprintf(word, sizeof word, "%.12g", v[0] + (double)i * v[2]);
        memcpy(s->word[i], word, sizeof word);
    }
    return ERR_OK;
}

/* Words between commas that are not inside brackets. */
static size_t next_word(const char *text)
{
    int depth = 0;
    size_t n  = 0;
    for (; text[n] && (depth > 0 || text[n] != ','); n++) depth += (text[n] == '[') - (text[n] == ']');
    return n;
}

static enum err take_list(struct ring_scan *s, const char *text)
{
    size_t n = 1;
    for (const char *p = text + next_word(text); *p; p += 1 + next_word(p + 1)) n++;
    TRY(make_room(s, n));
    for (size_t i = 0; i < n; i++) {
        size_t length = next_word(text);
        REQUIRE(length > 0 && length < sizeof *s->word, ERR_OPTION, "a value of the scan is empty or too long");
        snprintf(s->word[i], sizeof *s->word, "%.*s", (int)length, text);
        text += length + 1;
    }
    return ERR_OK;
}

static enum err take_values(struct ring_scan *s, const char *text)
{
    const char *equal = strchr(text, '=');
    char key[128];
    REQUIRE(equal && equal != text && (size_t)(equal - text) < sizeof key, ERR_OPTION,
            "--scan %s: KEY=FROM:TO:STEP or KEY=VALUE,VALUE,... is wanted", text);
    snprintf(key, sizeof key, "%.*s", (int)(equal - text), text);
    snprintf(s->name, sizeof s->name, "%s", key);
    s->field = cmd_ring_parameter(key);
    if (!s->field) return cmd_ring_set(NULL, key, "");
    enum err rc = strchr(equal, ':') ? take_range(s, equal + 1) : take_list(s, equal + 1);
    if (rc) return err_context(rc, "--scan");
    s->is_number = true;
    for (size_t i = 0; i < s->n; i++) s->is_number = to_number(s->word[i], &s->x[i]) && s->is_number;
    for (size_t i = 0; i < s->n && !s->is_number; i++) s->x[i] = (double)(i + 1);
    return ERR_OK;
}

/* ---- answers ---- */

static enum err answer_value(const struct ring_tool *like, const char *key, const char *word, double dp,
                             unsigned groups, size_t n_turns, double answer[N_ANSWERS])
{
    struct ring_tool *tool;
    struct fhicl *parameters = NULL;
    enum err rc;
    TRY(mem_alloc(&tool, 1, sizeof *tool));
    tool->at_us     = like->at_us;
    tool->injection = like->injection;
    TRY_TO(done, fhicl_copy(like->parameters, &parameters));
    TRY_TO(done, cmd_ring_set(parameters, key, word));
    tool->parameters = parameters;
    TRY_TO(built, cmd_ring_build(parameters, tool));
    rc = cmd_ring_answer(tool, dp, groups, n_turns, answer);
built:
    cmd_ring_free(tool);
done:
    fhicl_free(parameters);
    mem_free(tool);
    return rc;
}

enum err cmd_ring_scan(const struct ring_tool *tool, const char *text, double dp, unsigned groups, size_t n_turns,
                       struct ring_scan *out)
{
    size_t n_good = 0;
    enum err rc;
    *out = (struct ring_scan){0};
    TRY_TO(failed, take_values(out, text));
    for (size_t i = 0; i < out->n; i++) {
        double *a = out->answer[i];
        rc        = answer_value(tool, out->name, out->word[i], dp, groups, n_turns, a);
        n_good += rc == ERR_OK;
        if (!rc) continue;
        for (int k = 0; k < N_ANSWERS; k++) a[k] = (double)NAN;
        snprintf(out->problem[i], sizeof *out->problem, "%s", err_message());
        if (i + 1 < out->n || n_good) err_clear();
    }
    if (n_good) return ERR_OK;
    rc = err_context(rc == ERR_OK ? ERR_LOGIC : rc, "no value of the scan can be answered; the last");
failed:
    cmd_ring_scan_free(out);
    return rc;
}

void cmd_ring_scan_free(struct ring_scan *scan)
{
    mem_free(scan->word);
    mem_free(scan->problem);
    mem_free(scan->x);
    mem_free(scan->answer);
    *scan = (struct ring_scan){0};
}

/* ---- table ---- */

static void print_table(const struct ring_scan *scan, const enum ring_answer *which, size_t n)
{
    char head[64];
    bool has_unit = scan->is_number && strcmp(scan->field->unit, "1") != 0;
    printf("%-24s", scan->name);
    for (size_t k = 0; k < n; k++) printf(" %14s", ring_answer_fields[which[k]].name);
    printf("\n%-24s", has_unit ? scan->field->unit : "");
    for (size_t k = 0; k < n; k++) {
        const char *unit = ring_answer_fields[which[k]].unit;
        snprintf(head, sizeof head, "%s", strcmp(unit, "1") == 0 ? "" : unit);
        printf(" %14s", head);
    }
    printf("\n");
    for (size_t i = 0; i < scan->n; i++) {
        printf("%-24s", scan->word[i]);
        for (size_t k = 0; k < n && !scan->problem[i][0]; k++) printf(" %14.6f", scan->answer[i][which[k]]);
        printf("%s%s\n", scan->problem[i][0] ? " " : "", scan->problem[i]);
    }
}

enum err cmd_ring_scan_table(const struct ring_scan *scan, const enum ring_answer *which, size_t n, struct sheet *s)
{
    struct sheet_column columns[N_ANSWERS + 1] = {{scan->name, scan->is_number ? scan->field->unit : "1", scan->x}};
    double *values;
    TRY(mem_alloc(&values, n * scan->n, sizeof *values));
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < scan->n; i++) values[k * scan->n + i] = scan->answer[i][which[k]];
        columns[k + 1] = (struct sheet_column){ring_answer_fields[which[k]].name, ring_answer_fields[which[k]].unit,
                                               values + k * scan->n};
    }
    print_table(scan, which, n);
    sheet_table(s, "scan", scan->n, columns, n + 1);
    cJSON *words = cJSON_AddArrayToObject(s->json, "scanned_values"),
          *why   = cJSON_AddArrayToObject(s->json, "problems");
    for (size_t i = 0; i < scan->n; i++) {
        cJSON_AddItemToArray(words, cJSON_CreateString(scan->word[i]));
        cJSON_AddItemToArray(why, cJSON_CreateString(scan->problem[i]));
    }
    mem_free(values);
    return ERR_OK;
}

/* ---- the verb ---- */

void cmd_ring_scan_axis(const struct ring_scan *scan, struct sheet *s, bool is_lowest)
{
    bool has_unit = scan->is_number && strcmp(scan->field->unit, "1") != 0;
    if (is_lowest) {
        fprintf(s->script, "set xlabel '%s%s%s%s'\nset format x '%%g'\n", scan->name, has_unit ? " [" : "",
                has_unit ? scan->field->unit : "", has_unit ? "]" : "");
    } else {
        fprintf(s->script, "unset xlabel\nset format x ''\n");
    }
    if (scan->is_number) return;
    fprintf(s->script, "set xrange [0.5:%zu.5]\nset xtics (", scan->n);
    for (size_t i = 0; i < scan->n; i++) {
        char word[160];
        sheet_quote(is_lowest ? scan->word[i] : "", sizeof word, word);
        fprintf(s->script, "%s%s %zu", i ? ", " : "", word, i + 1);
    }
    fprintf(s->script, ")\n");
}

static void draw(const struct ring_scan *scan, const enum ring_answer *which, size_t n, struct ring_tool *tool,
                 struct sheet *s)
{
    const double top = 0.90, bottom = 0.13, height = (top - bottom) / (double)n;
    snprintf(tool->title, sizeof tool->title, "Ring against %s", scan->name);
    tool->height = 260 + 170 * (int)n;
    fprintf(s->script, "set multiplot\nset lmargin at screen 0.14\nset rmargin at screen 0.97\nunset key\nset ytics "
                       "autofreq\nset offsets 0, 0, graph 0.1, graph 0.1\n");
    for (size_t k = 0; k < n; k++) {
        const struct ring_answer_field *f = &ring_answer_fields[which[k]];
        fprintf(s->script, "set tmargin at screen %g\nset bmargin at screen %g\n", top - (double)k * height,
                top - (double)(k + 1) * height + 0.03);
        cmd_ring_scan_axis(scan, s, k + 1 == n);
        fprintf(s->script, "set ylabel '%s%s%s%s' offset 1\n", f->name, strcmp(f->unit, "1") ? " [" : "",
                strcmp(f->unit, "1") ? f->unit : "", strcmp(f->unit, "1") ? "]" : "");
        fprintf(s->script, "plot $scan using 1:%zu with %s lt %zu pt 7 ps %g\n", k + 2,
                scan->is_number ? "linespoints" : "points", k % 7 + 1, scan->is_number ? 0.6 : 1.0);
        fprintf(s->script, "unset title\nunset label 999\n");
    }
    fprintf(s->script, "unset multiplot\n");
}

static enum err run(struct ring_tool *tool, const void *options, struct sheet *s)
{
    const struct scan_cfg *cfg = options;
    enum ring_answer which[MAX_QUANTITIES];
    unsigned groups = 0;
    struct ring_scan scan;
    REQUIRE(*cfg->scan, ERR_OPTION, "what is to be scanned? --scan KEY=FROM:TO:STEP");
    REQUIRE(cfg->quantities.n >= 1 && cfg->quantities.n <= MAX_QUANTITIES, ERR_OPTION,
            "--quantities: 1 to %d are accepted", MAX_QUANTITIES);
    for (size_t k = 0; k < cfg->quantities.n; k++) {
        TRY(cmd_ring_answer_find(cfg->quantities.value[k], &which[k]));
        groups |= 1u << ring_answer_fields[which[k]].group;
    }
    const struct ring_injection injection = {cfg->muons, cfg->seed, cfg->from_us, cfg->until_us, cfg->monitor_deg};
    tool->injection                       = &injection;
    TRY(cmd_ring_scan(tool, cfg->scan, 0.01 * cfg->dp, groups, (size_t)cfg->turns, &scan));
    enum err rc = cmd_ring_scan_table(&scan, which, cfg->quantities.n, s);
    if (!rc) draw(&scan, which, cfg->quantities.n, tool, s);
    cmd_ring_scan_free(&scan);
    return rc;
}

const struct ring_verb ring_verb_scan = {"scan", "a parameter takes a row of values; a table, and a picture of it",
                                         scan_cfg_fields, sizeof(struct scan_cfg), run};
