/* Sheets and gnuplot. */
#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- sheets -------------------------------------------------------------------------------------------------------- */

void sheet_table(struct sheet *s, const char *name, size_t n, const struct sheet_column *columns, size_t n_columns)
{
    cJSON *table = cJSON_AddObjectToObject(s->json, name);
    fprintf(s->script, "$%s << EOD\n", name);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < n_columns; c++) {
            double value = columns[c].value[i];
            char end     = c + 1 < n_columns ? ' ' : '\n';
            if (isfinite(value))
                fprintf(s->script, "%.8g%c", value, end);
            else
                fprintf(s->script, "NaN%c", end);
        }
    fprintf(s->script, "EOD\n");
    for (size_t c = 0; c < n_columns; c++) {
        cJSON *column = cJSON_AddObjectToObject(table, columns[c].name);
        cJSON_AddStringToObject(column, "unit", columns[c].unit);
        cJSON_AddItemToObject(column, "values", cJSON_CreateDoubleArray(columns[c].value, (int)n));
    }
}

static void axis_json(cJSON *parent, const char *name, const struct hist_axis *a)
{
    cJSON *axis = cJSON_AddObjectToObject(parent, name);
    cJSON_AddStringToObject(axis, "label", a->label);
    cJSON_AddStringToObject(axis, "unit", a->unit);
    cJSON_AddNumberToObject(axis, "n", (double)a->n);
    cJSON_AddNumberToObject(axis, "low", a->low);
    cJSON_AddNumberToObject(axis, "high", a->high);
}

void sheet_map(struct sheet *s, const char *name, const struct hist *h)
{
    cJSON *map = cJSON_AddObjectToObject(s->json, name), *rows = cJSON_CreateArray();
    double dx = (h->x.high - h->x.low) / (double)h->x.n, dy = (h->y.high - h->y.low) / (double)h->y.n;
    axis_json(map, "x", &h->x);
    axis_json(map, "y", &h->y);
    fprintf(s->script, "$%s << EOD\n", name);
    for (int64_t i = 0; i < h->x.n; i++) {
        cJSON *row = cJSON_CreateArray();
        for (int64_t j = 0; j < h->y.n; j++) {
            double z = (double)h->content[i * h->y.n + j] * h->quantum;
            cJSON_AddItemToArray(row, cJSON_CreateNumber(z));
            fprintf(s->script, "%.8g %.8g %.8g\n", h->x.low + ((double)i + 0.5) * dx, h->y.low + ((double)j + 0.5) * dy,
                    z);
        }
        cJSON_AddItemToArray(rows, row);
        fprintf(s->script, "\n");
    }
    fprintf(s->script, "EOD\n");
    cJSON_AddItemToObject(map, "values", rows);
}

void sheet_number(struct sheet *s, const char *name, double value) { cJSON_AddNumberToObject(s->json, name, value); }

void sheet_quote(const char *text, size_t size, char *out)
{
    size_t n = 0;
    out[n++] = '\'';
    for (const char *p = text; *p && n + 3 < size; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f) continue;
        if (c == '\'') out[n++] = '\''; /* doubled */
        out[n++] = *p;
    }
    out[n++] = '\'';
    out[n]   = '\0';
}

/* ---- gnuplot ------------------------------------------------------------------------------------------------------- */

/* Starts gnuplot with its input and output on files; fd -1: /dev/null. */
static int run_gnuplot(char *const argv[], int output_fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (output_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
        posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
    } else {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    int rc = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc) return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool plot_has_gnuplot(void)
{
    char name[] = "gnuplot", version[] = "--version";
    char *const argv[] = {name, version, NULL};
    return run_gnuplot(argv, -1) == 0;
}

/* Okabe and Ito's colours; viridis for maps. */
static const char prelude[] =
    "set encoding utf8\n"
    "set linetype 1 lc rgb '#0072B2' lw 1.5\nset linetype 2 lc rgb '#D55E00' lw 1.5\n"
    "set linetype 3 lc rgb '#009E73' lw 1.5\nset linetype 4 lc rgb '#CC79A7' lw 1.5\n"
    "set linetype 5 lc rgb '#E69F00' lw 1.5\nset linetype 6 lc rgb '#56B4E9' lw 1.5\n"
    "set linetype 7 lc rgb '#000000' lw 1.5\n"
    "set palette defined (0 '#440154', 1 '#482878', 2 '#3E4989', 3 '#31688E', 4 '#26828E', 5 '#1F9E89', 6 '#35B779', "
    "7 '#6DCD59', 8 '#B4DE2C', 9 '#FDE725')\n"
    "set border lw 1 lc rgb '#444444'\nset tics textcolor rgb '#222222'\nset key noenhanced samplen 2\n"
    "set grid lc rgb '#dddddd' lw 0.5 lt 1\nset errorbars 0\nset pointintervalbox 0\n";

static void write_prelude(FILE *f, const struct plot_page *page, enum plot_format format, const char *out)
{
    char title[256], foot[400], path[4096];
    sheet_quote(page->title, sizeof title, title);
    sheet_quote(page->footer, sizeof foot, foot);
    sheet_quote(out, sizeof path, path);
    if (format == PLOT_PNG)
        fprintf(f, "set term pngcairo noenhanced size %d,%d font 'Helvetica,12' background '#ffffff'\n", page->width,
                page->height);
    else
        fprintf(f, "set term svg noenhanced size %d,%d font 'Helvetica,14' background '#ffffff'\n", page->width,
                page->height);
    /* pixels as polygons stay sharp in SVG, as an image they have no seams in PNG */
    fprintf(f, "map_style = '%s'\n", format == PLOT_PNG ? "image" : "image pixels");
    fprintf(f, "set output %s\n%s", path, prelude);
    fprintf(f, "set title %s font ',16'\n", title);
    fprintf(f, "set label 999 %s at screen 0.995, screen 0.022 right font ',10' tc rgb '#666666'\n", foot);
    fprintf(f, "set bmargin 5\n");
}

static void first_line(int fd, size_t size, char *out)
{
    ssize_t n          = pread(fd, out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    for (char *p = out; *p; p++)
        if (*p == '\n' || *p == '\t' || *p == '\r') *p = ' ';
}

enum err plot_draw(const struct plot_page *page, const char *script, enum plot_format format, const char *out)
{
    char path[4096], name[] = "gnuplot", words[200];
    enum err rc = ERR_OK;
    snprintf(path, sizeof path, "%s.gp", out);
    FILE *f = fopen(path, "w");
    REQUIRE(f, ERR_WRITE, "%s: %s", path, strerror(errno));
    write_prelude(f, page, format, out);
    fputs(script, f);
    if (fclose(f)) FAIL_TO(done, ERR_WRITE, "%s: %s", path, strerror(errno));
    char log_path[4096];
    snprintf(log_path, sizeof log_path, "%s.log", out);
    int log_fd         = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char *const argv[] = {name, path, NULL};
    int status         = run_gnuplot(argv, log_fd);
    if (log_fd >= 0) first_line(log_fd, sizeof words, words);
    if (log_fd >= 0) close(log_fd);
    unlink(log_path);
    if (status || log_fd < 0)
        FAIL_TO(done, ERR_WRITE, "gnuplot failed on picture %s: %s", page->name, log_fd < 0 ? "" : words);
done:
    unlink(path);
    return rc;
}
