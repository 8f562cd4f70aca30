/* Parts of pictures that several verbs share. */
#include "cmd_ring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERIODS = 4 };

static int divisor(int a, int b)
{
    while (b) {
        int t = a % b;
        a = b, b = t;
    }
    return abs(a);
}

/* m x + n y = p inside the window: its two ends. */
static bool cross(int m, int n, int p, const double x[2], const double y[2], double end[2][2])
{
    int found = 0;
    for (int i = 0; i < 2 && n; i++) {
        double at = (p - m * x[i]) / n;
        if (at >= y[0] && at <= y[1] && found < 2) end[found][0] = x[i], end[found++][1] = at;
    }
    for (int i = 0; i < 2 && m; i++) {
        double at = (p - n * y[i]) / m;
        if (at > x[0] && at < x[1] && found < 2) end[found][0] = at, end[found++][1] = y[i];
    }
    return found == 2;
}

/* "2 nu_x - 3 nu_y = 1" */
static void resonance_name(int m, int n, int p, size_t size, char *out)
{
    char mx[24] = "", ny[24] = "";
    if (m == 1) snprintf(mx, sizeof mx, "νx");
    if (m > 1) snprintf(mx, sizeof mx, "%dνx", m);
    if (abs(n) == 1) snprintf(ny, sizeof ny, "%sνy", n < 0 ? "−" : m ? "+" : "");
    if (abs(n) > 1) snprintf(ny, sizeof ny, "%s%dνy", n < 0 ? "−" : m ? "+" : "", abs(n));
    snprintf(out, size, "%s%s=%d", mx, ny, p);
}

struct resonance {
    int m, n, p, order;
};

static void draw_line(struct sheet *s, struct resonance r, double end[2][2], const double x[2], const double y[2],
                      size_t index)
{
    static const char *const colours[] = {"#D55E00", "#222222", "#666666", "#8a8a8a", "#aaaaaa"};
    const bool is_strong               = r.p % PERIODS == 0;
    const int shade                    = r.order <= 2 ? 1 : r.order <= 4 ? 2 : r.order <= 6 ? 3 : 4;
    const char *colour                 = colours[is_strong ? 0 : shade];
    const double f                     = 0.12 + 0.19 * (double)(index % 5);
    double lx = end[0][0] + f * (end[1][0] - end[0][0]), ly = end[0][1] + f * (end[1][1] - end[0][1]);
    double slope = atan2((end[1][1] - end[0][1]) / (y[1] - y[0]), 1.15 * (end[1][0] - end[0][0]) / (x[1] - x[0]));
    double turn  = slope * 57.29578;
    char name[64];
    if (turn > 90.0) turn -= 180.0;
    if (turn < -90.0) turn += 180.0;
    resonance_name(r.m, r.n, r.p, sizeof name, name);
    fprintf(s->script, "set arrow from %.6g,%.6g to %.6g,%.6g nohead back lw %g dt %s lc rgb '%s'\n", end[0][0],
            end[0][1], end[1][0], end[1][1], is_strong ? 2.0 : 1.0, r.order <= 4 || is_strong ? "1" : "2", colour);
    fprintf(s->script, "set label '%s' at %.6g,%.6g rotate by %.0f center offset 0,0.5 font ',9' tc rgb '%s'\n", name,
            lx, ly, turn, colour);
}

void cmd_ring_draw_resonances(struct sheet *s, int order, const double x[2], const double y[2])
{
    cJSON *list = cJSON_AddArrayToObject(s->json, "resonances");
    double end[2][2];
    size_t index = 0;
    for (int o = 1; o <= order; o++)
        for (int m = 0; m <= o; m++)
            for (int sign = -1; sign <= 1; sign += 2)
                for (int p = -order; p <= 2 * order; p++) {
                    int n = sign * (o - m);
                    if ((n == 0 && sign < 0) || (m == 0 && n < 0)) continue;
                    if (divisor(divisor(m, n), p) != 1 || !cross(m, n, p, x, y, end)) continue;
                    if (hypot((end[1][0] - end[0][0]) / (x[1] - x[0]), (end[1][1] - end[0][1]) / (y[1] - y[0])) < 0.2)
                        continue; /* a corner */
                    draw_line(s, (struct resonance){m, n, p, o}, end, x, y, index++);
                    const int row[3] = {m, n, p};
                    cJSON_AddItemToArray(list, cJSON_CreateIntArray(row, 3));
                }
}

void cmd_ring_draw_elements(struct sheet *s, const struct ring_tool *tool)
{
    struct ring_place place[RING_MAX_PLACES];
    size_t n = cmd_ring_places(tool, place);
    for (size_t i = 0; i < n; i++) {
        const char *colour = place[i].kind == 'Q'   ? "#56B4E9"
                             : place[i].kind == 'K' ? "#E69F00"
                             : place[i].kind == 'C' ? "#D55E00"
                                                    : NULL;
        double end         = place[i].kind == 'C' ? place[i].begin_deg + 0.8 : place[i].end_deg;
        if (!colour) continue;
        fprintf(s->script,
                "set object rectangle from first %.4f, graph 0 to first %.4f, graph 0.06 fc rgb '%s' fs solid noborder "
                "behind\n",
                place[i].begin_deg, end, colour);
    }
}

void cmd_ring_draw_window(const double *value, size_t n, double least, double out[2])
{
    double low = (double)NAN, high = (double)NAN;
    for (size_t i = 0; i < n; i++) low = fmin(low, value[i]), high = fmax(high, value[i]);
    double room = fmax(0.15 * (high - low), 0.5 * (least - (high - low)));
    out[0] = low - room, out[1] = high + room;
}
