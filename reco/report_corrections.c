/* C_e and C_p side by side, for the page and the numbers. */
#include "report_beam.h"

#include <math.h>

static void put_value(FILE *f, struct beam_value v)
{
    if (isfinite(v.error))
        fprintf(f, "<td>%.2f &plusmn; %.2f", v.value, v.error);
    else
        fprintf(f, "<td>%.2f", v.value);
}

static void put_row(FILE *f, const char *name, struct beam_value e, struct beam_value p, struct beam_value sum)
{
    fprintf(f, "<tr><td>%s", name);
    put_value(f, e);
    put_value(f, p);
    put_value(f, sum);
    fputs("</tr>\n", f);
}

static void put_sum(FILE *f, const char *name, struct beam_value v)
{
    fprintf(f, "<tr><td>%s<td><td>", name);
    put_value(f, v);
    fputs("</tr>\n", f);
}

void report_beam_table(FILE *page, const struct beam_corrections *c)
{
    const double none = (double)NAN;
    fprintf(
        page,
        "<h2>Corrections of &omega;<sub>a</sub> by formula and by spin</h2>\n<p class=facts>%.0f stored muons, field "
        "index n = %.4f, x<sub>e</sub> %.2f mm, rms %.2f mm, field seen %+.4f ppm</p>\n"
        "<table><tr><th>ppb<th>C<sub>e</sub><th>C<sub>p</sub><th>sum</tr>\n",
        c->n_muons, c->field_index, c->x_e_mean_mm, c->x_e_rms_mm, c->field_ppm);
    put_row(page, "formula, mean over muons", c->formula_e, c->formula_p, c->formula);
    put_row(page, "formula, weighted with time lived", (struct beam_value){c->weighted_e, none},
            (struct beam_value){c->weighted_p, none}, (struct beam_value){c->weighted, none});
    if (c->has_fit) {
        put_row(page, "tracked spin, the same muons and weights", c->spin_e, c->spin_p, c->spin);
        put_sum(page, "spin &minus; formula", c->difference);
    }
    put_sum(page, "tracked spin without the formulas: mean", c->mean);
    put_sum(page, "tracked spin without the formulas: growth with time lived", c->slope);
    fprintf(
        page,
        "</table>\n<p class=facts>Errors: of the formulas and of the last two rows, sampling of muons; else scatter of "
        "each muon about the formulas. The mean takes a kick of the spin at the start for slow precession; the other "
        "rows do not: its phase is %.4f &plusmn; %.4f mrad. The formulas hold for smooth quadrupoles; hard edges "
        "change each part by about 1 %%.</p>\n",
        c->start_mrad.value, c->start_mrad.error);
}

static void add_value(cJSON *j, const char *name, struct beam_value v)
{
    cJSON *o = cJSON_AddObjectToObject(j, name);
    cJSON_AddNumberToObject(o, "value", v.value);
    cJSON_AddNumberToObject(o, "error", v.error);
}

cJSON *report_beam_json(const struct beam_corrections *c)
{
    cJSON *j = cJSON_CreateObject();
    cJSON_AddNumberToObject(j, "muons", c->n_muons);
    cJSON_AddNumberToObject(j, "field_index", c->field_index);
    cJSON_AddNumberToObject(j, "field_ppm", c->field_ppm);
    cJSON_AddNumberToObject(j, "x_e_mean_mm", c->x_e_mean_mm);
    cJSON_AddNumberToObject(j, "x_e_rms_mm", c->x_e_rms_mm);
    add_value(j, "C_e_formula_ppb", c->formula_e);
    add_value(j, "C_p_formula_ppb", c->formula_p);
    add_value(j, "sum_formula_ppb", c->formula);
    cJSON_AddNumberToObject(j, "C_e_formula_weighted_ppb", c->weighted_e);
    cJSON_AddNumberToObject(j, "C_p_formula_weighted_ppb", c->weighted_p);
    cJSON_AddNumberToObject(j, "sum_formula_weighted_ppb", c->weighted);
    add_value(j, "C_e_spin_ppb", c->spin_e);
    add_value(j, "C_p_spin_ppb", c->spin_p);
    add_value(j, "sum_spin_ppb", c->spin);
    add_value(j, "spin_minus_formula_ppb", c->difference);
    add_value(j, "sum_mean_ppb", c->mean);
    add_value(j, "sum_slope_ppb", c->slope);
    add_value(j, "start_mrad", c->start_mrad);
    return j;
}
