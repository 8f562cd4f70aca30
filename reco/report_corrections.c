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

void report_beam_table(FILE *page, const struct beam_corrections *c)
{
    const struct beam_value weighted[] = {
        {c->weighted_e, (double)NAN}, {c->weighted_p, (double)NAN}, {c->weighted, (double)NAN}};
    fprintf(
        page,
        "<h2>Corrections of &omega;<sub>a</sub> by formula and by spin</h2>\n<p class=facts>%.0f stored muons, field "
        "index n = %.4f, x<sub>e</sub> %.2f mm, rms %.2f mm</p>\n"
        "<table><tr><th>ppb<th>C<sub>e</sub><th>C<sub>p</sub><th>sum</tr>\n",
        c->n_muons, c->field_index, c->x_e_mean_mm, c->x_e_rms_mm);
    put_row(page, "formula, mean over muons", c->formula_e, c->formula_p, c->formula);
    put_row(page, "formula, weighted with time lived", weighted[0], weighted[1], weighted[2]);
    put_row(page, "tracked spin, weighted with time lived", c->spin_e, c->spin_p, c->spin);
    fprintf(page,
            "<tr><td>spin &minus; formula, the same muons<td><td><td>%.2f &plusmn; %.2f</tr>\n"
            "<tr><td>slope of the shift against time lived<td><td><td>%.1f &plusmn; %.1f</tr>\n</table>\n"
            "<p class=facts>Errors: sampling of muons; of the parts by spin and of the difference, scatter of each "
            "muon about the "
            "formulas. The slope is free of what a kick gives the spin at the start: %.4f &plusmn; %.4f mrad. The "
            "formulas hold for smooth quadrupoles; hard edges change each part by about 1 %%.</p>\n",
            c->difference.value, c->difference.error, c->slope.value, c->slope.error, c->start_mrad.value,
            c->start_mrad.error);
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
    add_value(j, "sum_slope_ppb", c->slope);
    add_value(j, "start_mrad", c->start_mrad);
    return j;
}
