/* gm2 fit: omega_a from histogram files. */
#include "cmd_fit.h"

#include "options.h"
#include "phys.h"
#include "publish.h"
#include "q_fit.h"
#include "wiggle.h"
#include "wiggle_truth.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "gm2 fit FILE.h5 [FILE.h5 ...] [--method t|a|q] [--calo N] [--model 5|cbo|cbo+vw|...|full] [--from US] "
    "[--to US] [--statistic likelihood|neyman] [--json OUT] [--blind-phrase-file FILE]";

struct fit_options {
    const char *method, *model, *json, *phrase_file;
    int calo;
    enum wiggle_statistic statistic;
    double from_us, to_us;
};

/* ---- table ----------------------------------------------------------------------------------------------------------- */

static double shown(const struct wiggle_input *in, const struct wiggle_fit *fit, size_t i)
{
    return fit->value[i] + (i == WIGGLE_R ? in->blind_offset_ppm : 0.0);
}

static void print_truth(const struct wiggle_input *in, const struct wiggle_fit *fit)
{
    if (in->is_blind) {
        printf("blinding   R and omega_a are moved by a hidden offset (%s)\n", in->phrase_source);
        return;
    }
    if (!in->is_simulation) {
        printf("blinding   off\n");
        return;
    }
    struct wiggle_truth t = wiggle_truth(in);
    printf("truth      %.8g             rad/us                 R = %.2f ppm: a_mu (e/m) B0, constants %s\n",
           OMEGA_A_RADNS * 1e3, t.r_ppm, in->constants_set);
    if (t.has_corrections)
        printf(
            "expected   R = %.2f ppm: electric field and pitch of this beam take away C_e = %.3f and C_p = %.3f ppm\n",
            t.expected_ppm, t.c_e_ppm, t.c_p_ppm);
    else
        printf("           electric field and pitch take away C_e + C_p, about 0.5 + 0.2 ppm for the usual beam\n");
    printf("           the fit lies %+.2f errors from it\n",
           (fit->value[WIGGLE_R] - t.expected_ppm) / fit->error[WIGGLE_R]);
}

static void print_weak_terms(const struct wiggle_fit *fit)
{
    for (size_t i = 0; i < fit->model.n_terms; i++) {
        const struct wiggle_term *k = fit->model.term[i];
        size_t a                    = (size_t)fit->model.place[k->amplitude];
        if (fit->value[a] < 3.0 * fit->error[a])
            printf("note       %s is %.1f errors from zero: frequency, phase and lifetime of this term mean little\n",
                   wiggle_parameters[k->amplitude].name, fit->value[a] / fit->error[a]);
    }
}

static void print_fit(const struct wiggle_input *in, const struct fit_options *o, const struct wiggle_data *d,
                      const struct wiggle_fit *fit)
{
    char range[128], calo[32] = "all calorimeters";
    wiggle_input_range(in, sizeof range, range);
    if (o->calo) snprintf(calo, sizeof calo, "calorimeter %d", o->calo);
    printf("%c-method, %s, %s, %zu file%s, release %s%s\n", *o->method - 'a' + 'A', calo, range, in->n_files,
           in->n_files == 1 ? "" : "s", in->release, in->is_simulation ? ", simulation" : "");
    printf("%.4f to %.4f us, %zu bins of %.1f ns, sum of contents %.0f, model %s, %s\n\n", fit->from_us, fit->to_us,
           d->n, d->bin_us * 1e3, fit->n_counts, o->model,
           o->statistic == WIGGLE_NEYMAN ? "Neyman chi-square" : "likelihood");
    printf("%-11s %14s %12s  %s\n", "parameter", "value", "error", "unit");
    for (size_t i = 0; i < fit->model.n_par; i++) {
        const struct wiggle_parameter_row *row = &wiggle_parameters[fit->model.par[i]];
        printf("%-11s %14.6g %12.3g  %s\n", row->name, shown(in, fit, i), fit->error[i], row->unit);
    }
    double omega = 2.0 * PI * F_REFERENCE_MHz, r = shown(in, fit, WIGGLE_R);
    printf("\nchi2/ndf   %.1f / %.0f = %.3f, p = %.3g (bins grouped to at least 10 expected counts)\n", fit->chi2,
           fit->ndf, fit->chi2 / fit->ndf, fit->p_value);
    printf("omega_a    %.8g +- %.2g rad/us (statistical)   R = %.2f +- %.2f ppm%s\n", omega * (1.0 + 1e-6 * r),
           omega * 1e-6 * fit->error[WIGGLE_R], r, fit->error[WIGGLE_R], in->is_blind ? " (blind)" : "");
    print_weak_terms(fit);
    print_truth(in, fit);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

static cJSON *json_parameters(const struct wiggle_input *in, const struct wiggle_fit *fit)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < fit->model.n_par; i++) {
        const struct wiggle_parameter_row *row = &wiggle_parameters[fit->model.par[i]];
        cJSON *p = cJSON_CreateObject(), *line = cJSON_CreateArray();
        cJSON_AddStringToObject(p, "name", row->name);
        cJSON_AddNumberToObject(p, "value", shown(in, fit, i));
        cJSON_AddNumberToObject(p, "error", fit->error[i]);
        cJSON_AddStringToObject(p, "unit", row->unit);
        cJSON_AddStringToObject(p, "doc", row->doc);
        for (size_t k = 0; k < fit->model.n_par; k++)
            cJSON_AddItemToArray(line, cJSON_CreateNumber(fit->covariance[i][k]));
        cJSON_AddItemToObject(p, "covariance", line);
        cJSON_AddItemToArray(list, p);
    }
    return list;
}

cJSON *cmd_fit_json(const struct wiggle_input *in, const struct wiggle_fit *fit, const char *method, int calo)
{
    cJSON *j     = cJSON_CreateObject();
    double omega = 2.0 * PI * F_REFERENCE_MHz;
    cJSON_AddStringToObject(j, "method", method);
    cJSON_AddNumberToObject(j, "calorimeter", calo);
    cJSON_AddNumberToObject(j, "from_us", fit->from_us);
    cJSON_AddNumberToObject(j, "to_us", fit->to_us);
    cJSON_AddNumberToObject(j, "sum_of_contents", fit->n_counts);
    cJSON_AddItemToObject(j, "parameters", json_parameters(in, fit));
    cJSON_AddNumberToObject(j, "chi2", fit->chi2);
    cJSON_AddNumberToObject(j, "ndf", fit->ndf);
    cJSON_AddNumberToObject(j, "p_value", fit->p_value);
    cJSON_AddNumberToObject(j, "R_ppm", shown(in, fit, WIGGLE_R));
    cJSON_AddNumberToObject(j, "sig_R_ppm", fit->error[WIGGLE_R]);
    cJSON_AddNumberToObject(j, "omega_a_radus", omega * (1.0 + 1e-6 * shown(in, fit, WIGGLE_R)));
    cJSON_AddNumberToObject(j, "sig_omega_a_radus", omega * 1e-6 * fit->error[WIGGLE_R]);
    cJSON_AddBoolToObject(j, "is_blind", in->is_blind);
    if (!in->is_simulation || in->is_blind) return j;
    struct wiggle_truth t = wiggle_truth(in);
    cJSON_AddNumberToObject(j, "true_R_ppm", t.r_ppm);
    cJSON_AddNumberToObject(j, "true_omega_a_radus", OMEGA_A_RADNS * 1e3);
    if (!t.has_corrections) return j;
    cJSON_AddNumberToObject(j, "C_e_ppm", t.c_e_ppm);
    cJSON_AddNumberToObject(j, "C_p_ppm", t.c_p_ppm);
    cJSON_AddNumberToObject(j, "expected_R_ppm", t.expected_ppm);
    return j;
}

void cmd_fit_json_input(const struct wiggle_input *in, cJSON *j)
{
    char range[128];
    wiggle_input_range(in, sizeof range, range);
    cJSON_AddStringToObject(j, "range", range);
    cJSON_AddStringToObject(j, "release", in->release);
    cJSON_AddStringToObject(j, "git_commit", in->git_commit);
    cJSON_AddStringToObject(j, "config_id", in->config_id);
    cJSON_AddStringToObject(j, "process_name", in->process_name);
    cJSON_AddStringToObject(j, "constants_set", in->constants_set);
    cJSON_AddNumberToObject(j, "n_files", (double)in->n_files);
    cJSON_AddNumberToObject(j, "n_fills", (double)in->n_fills);
    cJSON_AddBoolToObject(j, "is_simulation", in->is_simulation);
}

static enum err write_json(const struct wiggle_input *in, const struct fit_options *o, const struct wiggle_fit *fit)
{
    cJSON *j = cmd_fit_json(in, fit, o->method, o->calo);
    cmd_fit_json_input(in, j);
    cJSON_AddStringToObject(j, "model", o->model);
    char *text = cJSON_Print(j);
    enum err rc =
        text ? publish_text(o->json, text, strlen(text), 1) : err_fail(ERR_MEMORY, __FILE__, __LINE__, "JSON");
    cJSON_free(text);
    cJSON_Delete(j);
    return rc;
}

/* ---- command line ------------------------------------------------------------------------------------------------------ */

static enum err parse_number(const char *option, const char *text, double low, double high, double *out)
{
    char *end;
    double value = strtod(text, &end);
    REQUIRE(end != text && !*end && value >= low && value <= high, ERR_OPTION,
            "--%s %s: a number from %g to %g is wanted", option, text, low, high);
    *out = value;
    return ERR_OK;
}

static enum err parse_option(int letter, const char *text, struct fit_options *o)
{
    double number = 0.0;
    switch (letter) {
    case 'm':
        REQUIRE(!strcmp(text, "t") || !strcmp(text, "a") || q_fit_is_method(text), ERR_OPTION,
                "--method %s: t, a, or q (q0, q1, ...: of which threshold) is wanted", text);
        o->method = text;
        return ERR_OK;
    case 's':
        REQUIRE(!strcmp(text, "likelihood") || !strcmp(text, "neyman"), ERR_OPTION,
                "--statistic %s: likelihood or neyman is wanted", text);
        o->statistic = strcmp(text, "neyman") == 0 ? WIGGLE_NEYMAN : WIGGLE_LIKELIHOOD;
        return ERR_OK;
    case 'c':
        TRY(parse_number("calo", text, 0, N_CALOS, &number));
        o->calo = (int)number;
        return ERR_OK;
    case 'M': o->model = text; return ERR_OK;
    case 'j': o->json = text; return ERR_OK;
    case 'b': o->phrase_file = text; return ERR_OK;
    case 'f': return parse_number("from", text, 0, 700, &o->from_us);
    case 't': return parse_number("to", text, 0, 700, &o->to_us);
    default: FAIL(ERR_OPTION, "usage: %s", usage);
    }
}

static enum err take(const struct wiggle_input *in, const struct fit_options *o, struct wiggle_data *d)
{
    struct hist *h;
    if (*o->method == 'q') return q_fit_take(in, o->method, o->calo, o->from_us, o->to_us, d);
    TRY(wiggle_input_hist(in, *o->method == 'a' ? "wiggle/a_method" : "wiggle/t_method", &h));
    return wiggle_data_take(h, o->calo, o->from_us, o->to_us, d);
}

static enum err fit(char *const *paths, size_t n, const struct fit_options *o)
{
    struct wiggle_input in = {0};
    struct wiggle_data d   = {0};
    struct wiggle_model model;
    struct wiggle_fit result;
    enum err rc;
    TRY(wiggle_model(o->model, &model));
    TRY_TO(done, wiggle_input_read(paths, n, o->phrase_file, &in));
    TRY_TO(done, take(&in, o, &d));
    TRY_TO(done, wiggle_fit(&d, &model, o->statistic, &result));
    print_fit(&in, o, &d, &result);
    if (o->json) TRY_TO(done, write_json(&in, o, &result));
done:
    wiggle_data_free(&d);
    wiggle_input_free(&in);
    return rc;
}

static enum err run(int argc, char **argv)
{
    static const struct option names[] = {{"method", 1, NULL, 'm'},    {"calo", 1, NULL, 'c'},
                                          {"model", 1, NULL, 'M'},     {"from", 1, NULL, 'f'},
                                          {"to", 1, NULL, 't'},        {"json", 1, NULL, 'j'},
                                          {"statistic", 1, NULL, 's'}, {"blind-phrase-file", 1, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
    struct fit_options o = {.method = "t", .model = "5", .from_us = WIGGLE_FROM_US, .to_us = WIGGLE_TO_US};
    gsl_set_error_handler_off();
    optind = 0; /* glibc: start anew, with permutation */
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;) TRY(parse_option(letter, optarg, &o));
    REQUIRE(optind < argc, ERR_OPTION, "no file is given; usage: %s", usage);
    return fit(argv + optind, (size_t)(argc - optind), &o);
}

int cmd_fit(int argc, char **argv) { return options_help(argc, argv, usage) ? 0 : err_exit_code(run(argc, argv)); }
