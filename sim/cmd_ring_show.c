/* gm2 ring show: what stands where, with its settings, and a plan of the ring. */
#include "cfg.h"
#include "cmd_ring.h"

#include "geometry.h"
#include "phys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define SHOW_CFG(F, S)                                                                                                 \
    F(S, flag, detectors, true, 0, 1, "1", "detectors too")
/* clang-format on */
CFG_DECLARE(show_cfg, SHOW_CFG)

/* ---- places ---- */

struct list {
    struct ring_place *place;
    size_t n;
};

/* The list has room for all there can be; were it full, its last place would be taken again. */
static char *add(struct list *l, char kind, double begin_deg, double end_deg, const char *name)
{
    struct ring_place *p = &l->place[l->n < RING_MAX_PLACES ? l->n++ : l->n - 1];
    *p                   = (struct ring_place){.kind = kind, .begin_deg = begin_deg, .end_deg = end_deg};
    snprintf(p->name, sizeof p->name, "%s", name);
    return p->settings;
}

enum { SETTINGS = sizeof(((struct ring_place *)0)->settings) };

/* Multipoles of a section at the end of the fill that are not 0. */
static void add_section(struct list *l, const struct ring_tool *tool, size_t i, double begin_deg, double end_deg)
{
    const struct ring_setup *setup = &tool->setup;
    const bool is_whole            = setup->layout == RING_CONTINUOUS;
    char name[48];
    snprintf(name, sizeof name,
             is_whole                   ? "ESQ"
             : setup->layout == RING_39 ? "ESQ Q%zu"
                                        : "ESQ Q%zu %s",
             setup->layout == RING_39 ? i + 1 : i / 2 + 1, i % 2 ? "long" : "short");
    char *text  = add(l, 'Q', begin_deg, end_deg, name);
    size_t used = 0;
    for (int n = 1; n <= RING_MAX_ORDER; n++)
        for (int skew = 0; skew < 2; skew++) {
            double v = skew ? setup->skew_V[n] + setup->extra[i].final.skew_V[n]
                            : setup->normal_V[n] + setup->extra[i].final.normal_V[n];
            if (fabs(v) < 0.05 || used + 24 > SETTINGS) continue;
            used +=
                (size_t)snprintf(text + used, SETTINGS - used, "%s%c%d %.1f", used ? ", " : "", skew ? 'a' : 'b', n, v);
        }
    if (used + 32 > SETTINGS) return;
    used += (size_t)snprintf(text + used, SETTINGS - used, " V");
    if (setup->extra[i].n_terms) snprintf(text + used, SETTINGS - used, "; changes with time");
}

static void add_ring(struct list *l, const struct ring_tool *tool)
{
    const struct ring_setup *setup = &tool->setup;
    const struct ring_section *section;
    const size_t n = ring_sections(setup->layout, &section);
    char name[48];
    if (n == 0) add_section(l, tool, 0, 0.0, 360.0);
    for (size_t i = 0; i < n; i++) add_section(l, tool, i, section[i].begin_deg, section[i].end_deg);
    for (size_t i = 0; i < setup->n_kickers; i++) {
        const struct ring_kicker *k = &setup->kicker[i];
        snprintf(name, sizeof name, "kicker K%zu", i + 1);
        char *text = add(l, 'K', k->centre_deg - 0.5 * k->length_deg, k->centre_deg + 0.5 * k->length_deg, name);
        snprintf(text, SETTINGS, "peak %.2f G, pulse's t = 0 at %.1f ns", 1e4 * RING_B0_T * k->strength, k->start_ns);
    }
    for (size_t i = 0; i < setup->n_collimators; i++) {
        char *text = add(l, 'C', setup->collimator_deg[i], setup->collimator_deg[i], "collimator");
        snprintf(text, SETTINGS, "in, circle of %g mm", setup->aperture_mm);
    }
}

/* The engine does not see these. */
static void add_detectors(struct list *l)
{
    static const double harp_deg[] = {165.5, 167.5, 255.5, 257.5};
    static const int station[]     = {12, 18};
    char name[48];
    snprintf(add(l, 'I', 355.0, 355.0, "inflector exit"), SETTINGS, "centre of the channel 77 mm outside R0");
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "fibre harp %d", i + 1);
        snprintf(add(l, 'H', harp_deg[i], harp_deg[i], name), SETTINGS, "measures %s, in special runs only",
                 i % 2 ? "x" : "y");
    }
    for (int i = 0; i < 2; i++) {
        double end = geometry_calo_phi_rad(station[i] + 1) * 180.0 / PI - 0.5;
        snprintf(name, sizeof name, "tracker %d", station[i]);
        snprintf(add(l, 'T', end, end, name), SETTINGS, "ends here, before calorimeter %d", station[i] + 1);
    }
    for (int i = 1; i <= N_CALOS; i++) {
        double deg = geometry_calo_phi_rad(i) * 180.0 / PI;
        snprintf(name, sizeof name, "calorimeter %d", i);
        snprintf(add(l, 'D', deg, deg, name), SETTINGS, "front face");
    }
}

static int by_azimuth(const void *a, const void *b)
{
    const struct ring_place *p = a, *q = b;
    return (p->begin_deg > q->begin_deg) - (p->begin_deg < q->begin_deg);
}

size_t cmd_ring_places(const struct ring_tool *tool, struct ring_place out[RING_MAX_PLACES])
{
    struct list l = {out, 0};
    add_ring(&l, tool);
    add_detectors(&l);
    qsort(out, l.n, sizeof *out, by_azimuth);
    return l.n;
}

/* ---- plan: seen from above, the beam goes clockwise; azimuth 0 at three o'clock ---- */

static void arc(struct sheet *s, const char *name, const struct ring_place *p, size_t n, char kind, double radius,
                double radius_in)
{
    fprintf(s->script, "$%s << EOD\n", name);
    for (size_t i = 0; i < n; i++) {
        if (p[i].kind != kind) continue;
        for (int k = 0; k <= 20; k++) {
            double phi = -(p[i].begin_deg + (p[i].end_deg - p[i].begin_deg) * k / 20.0) * PI / 180.0;
            fprintf(s->script, "%.5f %.5f %.5f %.5f\n", radius * cos(phi), radius * sin(phi), radius_in * cos(phi),
                    radius_in * sin(phi));
            if (p[i].end_deg <= p[i].begin_deg) break;
        }
        fprintf(s->script, "\n");
    }
    fprintf(s->script, "EOD\n");
}

static void plan_label(struct sheet *s, const char *text, double deg, double radius, const char *colour)
{
    const double phi = -deg * PI / 180.0;
    fprintf(s->script, "set label '%s' at %.4f,%.4f center font ',10' tc rgb '%s' front\n", text, radius * cos(phi),
            radius * sin(phi), colour);
}

static void label_places(struct sheet *s, const struct ring_place *p, size_t n, bool has_detectors)
{
    for (size_t i = 0; i < n; i++) {
        const double middle = 0.5 * (p[i].begin_deg + p[i].end_deg);
        if (p[i].kind == 'Q') plan_label(s, p[i].name + 4, middle, 8.05, "#0072B2");
        if (p[i].kind == 'K') plan_label(s, p[i].name + 7, middle, 8.05, "#B07800");
        if (p[i].kind == 'C') plan_label(s, "C", p[i].begin_deg, 8.05, "#D55E00");
        if (p[i].kind == 'I') plan_label(s, "inflector", p[i].begin_deg, 8.25, "#000000");
        if (!has_detectors) continue;
        if (p[i].kind == 'D') plan_label(s, p[i].name + 12, p[i].begin_deg, 6.15, "#444444");
        if (p[i].kind == 'T') plan_label(s, p[i].name, p[i].begin_deg - 3.5, 5.55, "#CC79A7");
        if (p[i].kind == 'H') plan_label(s, "H", p[i].begin_deg, 7.62, "#009E73");
    }
    for (int deg = 0; deg < 360; deg += 30) {
        char text[24];
        snprintf(text, sizeof text, "%d°", deg);
        plan_label(s, text, deg, 8.8, "#888888");
    }
}

static void draw(struct ring_tool *tool, const struct ring_place *p, size_t n, bool has_detectors, struct sheet *s)
{
    snprintf(tool->title, sizeof tool->title, "Plan of the ring, seen from above; the beam goes clockwise");
    tool->width = 900, tool->height = 900;
    arc(s, "esq", p, n, 'Q', 7.35, 6.87);
    arc(s, "kicker", p, n, 'K', 7.35, 6.87);
    arc(s, "collimator", p, n, 'C', 7.35, 6.87);
    arc(s, "inflector", p, n, 'I', 7.5, 7.112);
    arc(s, "calo", p, n, 'D', 6.95, 6.4);
    label_places(s, p, n, has_detectors);
    fprintf(
        s->script,
        "set size ratio -1\nset xrange [-9.6:9.6]\nset yrange [-9.6:9.6]\nset xlabel 'm'\nset ylabel 'm'\n"
        "set key at 0,0.9 center top noenhanced\nset parametric\nset trange [0:2*pi]\nset samples 400\n"
        "set label 'R0 = 7.112 m' at 0,-2.2 center font ',10' tc rgb '#666666'\n"
        "set arrow from 4.6*cos(-0.15),4.6*sin(-0.15) to 4.6*cos(-0.4),4.6*sin(-0.4) lw 2 lc rgb '#888888'\n"
        "set label 'beam' at 3.5,-1.1 center font ',10' tc rgb '#666666'\n"
        "plot 7.112*cos(t),7.112*sin(t) with lines dt 2 lc rgb '#888888' notitle, \\\n"
        "  $esq using 1:2 with lines lc rgb '#56B4E9' lw 5 title 'ESQ', \\\n"
        "  $esq using 3:4 with lines lc rgb '#56B4E9' lw 5 notitle, \\\n"
        "  $kicker using 1:2 with lines lc rgb '#E69F00' lw 5 title 'kicker', \\\n"
        "  $kicker using 3:4 with lines lc rgb '#E69F00' lw 5 notitle, \\\n"
        "  $collimator using 1:2:($3-$1):($4-$2) with vectors nohead lc rgb '#D55E00' lw 4 title 'collimator', \\\n"
        "  $inflector using 1:2:($3-$1):($4-$2) with vectors lc rgb '#000000' lw 2 title 'inflector exit'%s\n",
        has_detectors
            ? ", \\\n  $calo using 1:2:($3-$1):($4-$2) with vectors nohead lc rgb '#666666' lw 3 title 'calorimeter'"
            : "");
}

static enum err run(struct ring_tool *tool, const void *options, struct sheet *s)
{
    const struct show_cfg *cfg = options;
    struct ring_place place[RING_MAX_PLACES];
    const size_t n = cmd_ring_places(tool, place);
    cJSON *list    = cJSON_AddArrayToObject(s->json, "elements");
    printf("%9s %9s  %-16s %s\n", "from deg", "to deg", "element", "settings");
    for (size_t i = 0; i < n; i++) {
        if (!cfg->detectors && strchr("DTH", place[i].kind)) continue;
        printf("%9.3f %9.3f  %-16s %s\n", place[i].begin_deg, place[i].end_deg, place[i].name, place[i].settings);
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", place[i].name);
        cJSON_AddNumberToObject(row, "begin_deg", place[i].begin_deg);
        cJSON_AddNumberToObject(row, "end_deg", place[i].end_deg);
        cJSON_AddStringToObject(row, "settings", place[i].settings);
        cJSON_AddItemToArray(list, row);
    }
    draw(tool, place, n, cfg->detectors, s);
    return ERR_OK;
}

const struct ring_verb ring_verb_show = {"show", "elements in order of azimuth with their settings, and a plan",
                                         show_cfg_fields, sizeof(struct show_cfg), run};
