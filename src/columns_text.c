/* Columns of a text file. */
#include "columns_source.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 16, MAX_NUMBER = 63 };

struct text {
    FILE *file;
    char *line, *comment, *comment_before; /* [MAX_LINE + 1]: the line in hand, the last two comments */
    char *scratch;
    char *field[COLUMNS_MAX]; /* of the line in hand */
    size_t n_fields;
    uint32_t number; /* of the line in hand, from 1 */
    bool is_end, has_commas;
};

/* ---- lines -------------------------------------------------------------------------------------------------------- */
static enum err refuse_byte(int c)
{
    bool is_text = c >= ' ' ? c != 127 : c == '\t' || c == '\r';
    REQUIRE(is_text, ERR_DATA, "byte 0x%02x is no text: is this a text file?", (unsigned)c);
    return ERR_OK;
}

/* The next line without its end and without blanks around it. */
static enum err read_line(struct text *t, char **out)
{
    size_t n = 0;
    int c    = 0;
    t->number++;
    errno = 0;
    while ((c = getc_unlocked(t->file)) != EOF && c != '\n') {
        if (c < ' ' || c == 127) TRY(refuse_byte(c));
        REQUIRE(n < MAX_LINE, ERR_DATA, "the line is longer than %d bytes: is this a text file?", MAX_LINE);
        t->line[n++] = (char)c;
    }
    REQUIRE(!ferror(t->file), ERR_READ, "cannot read on: %s", strerror(errno));
    t->is_end = c == EOF;
    while (n > 0 && isspace((unsigned char)t->line[n - 1])) n--;
    t->line[n] = 0;
    *out       = t->line + strspn(t->line, " \t");
    if (t->number == 1 && strncmp(*out, "\xef\xbb\xbf", 3) == 0) *out += 3; /* mark of UTF-8 */
    return ERR_OK;
}

static char *trim(char *s)
{
    s += strspn(s, " \t\"");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\"", s[n - 1])) n--;
    s[n] = 0;
    return s;
}

/* Cuts a line into fields, in place. */
static enum err split(struct text *t, char *line)
{
    t->n_fields = 0;
    for (char *at = line; at;) {
        char *end = t->has_commas ? strchr(at, ',') : strpbrk(at, " \t");
        if (end) *end = 0;
        REQUIRE(t->n_fields < COLUMNS_MAX, ERR_DATA, "more than %d columns", COLUMNS_MAX);
        t->field[t->n_fields++] = trim(at);
        at                      = end ? end + 1 : NULL;
        if (at && !t->has_commas) at += strspn(at, " \t");
    }
    return ERR_OK;
}

/* Comments on the way to the next line with content; *line NULL at the end of the file. */
static enum err next_content(struct text *t, char **line)
{
    *line = NULL;
    while (!t->is_end) {
        char *at;
        TRY(read_line(t, &at));
        if (*at && *at != '#') {
            *line = at;
            return ERR_OK;
        }
        if (!*at) continue;
        char *free_one    = t->comment_before;
        t->comment_before = t->comment;
        t->comment        = free_one;
        memcpy(t->comment, at + 1, strlen(at + 1) + 1);
    }
    return ERR_OK;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */
static bool is_number(const char *word, double *out)
{
    char *end;
    *out = strtod(word, &end);
    return end != word && *end == 0;
}

static bool all_numbers(const struct text *t)
{
    double x;
    for (size_t i = 0; i < t->n_fields; i++)
        if (!is_number(t->field[i], &x)) return false;
    return true;
}

/* ---- header ------------------------------------------------------------------------------------------------------- */
/* "x [mm]" or "x(mm)": cuts the unit off the name; "" when there is none. */
static const char *cut_unit(char *name)
{
    char *open = strpbrk(name, "[(");
    size_t n   = strlen(name);
    if (!open || n < 2 || !strchr("])", name[n - 1])) return "";
    name[n - 1] = 0;
    *open       = 0;
    (void)trim(name);
    return trim(open + 1);
}

static enum err take_names(struct text *t, char *line, struct columns_header *h)
{
    t->has_commas = strchr(line, ',') != NULL;
    TRY(split(t, line));
    for (size_t i = 0; i < t->n_fields; i++) {
        char *word = t->field[i];
        if (!t->has_commas && h->n > 0 && strchr("[(", *word)) { /* "x [mm] y [mm]" between blanks */
            mem_free(h->unit[h->n - 1]);
            h->unit[h->n - 1] = mem_string(cut_unit(word));
            REQUIRE(h->unit[h->n - 1], ERR_MEMORY, "out of memory");
            continue;
        }
        const char *unit = cut_unit(word);
        TRY(columns_header_add(h, word, unit));
    }
    return ERR_OK;
}

/* A comment whose words are all units ("-": none), as many as there are columns; they are left in t->field. */
static bool are_units(struct text *t, const char *comment, size_t n)
{
    memcpy(t->scratch, comment, strlen(comment) + 1);
    bool is_so = !split(t, trim(t->scratch)) && t->n_fields == n;
    for (size_t i = 0; is_so && i < n; i++) {
        double x;
        is_so = strcmp(t->field[i], "-") == 0 || !columns_unit(t->field[i], t->field[i], &x);
    }
    err_clear();
    return is_so;
}

/* Names from the last comment, or names and units from the last two. */
static enum err names_from_comments(struct text *t, size_t n, struct columns_header *h)
{
    bool has_commas = t->has_commas, has_units = are_units(t, t->comment, n);
    char *units[COLUMNS_MAX], *names           = trim(has_units ? t->comment_before : t->comment);
    memcpy(units, t->field, sizeof units);
    REQUIRE(*names, ERR_DATA, "numbers where the names of columns are expected, as x_mm, y_mm ...");
    TRY(take_names(t, names, h));
    REQUIRE(h->n == n, ERR_DATA, "%zu numbers, but the comment before, which should name the columns, has %zu words", n,
            h->n);
    for (size_t i = 0; has_units && i < n; i++) {
        mem_free(h->unit[i]);
        h->unit[i] = mem_string(strcmp(units[i], "-") == 0 ? "" : units[i]);
        REQUIRE(h->unit[i], ERR_MEMORY, "out of memory");
    }
    t->has_commas = has_commas;
    return ERR_OK;
}

/* Leaves the first line of numbers, if it was met already, in *first. */
static enum err read_header(struct text *t, struct columns_header *h, char **first)
{
    char *line;
    *first = NULL;
    TRY(next_content(t, &line));
    REQUIRE(line, ERR_DATA, "the file is empty");
    t->has_commas = strchr(line, ',') != NULL;
    memcpy(t->scratch, line, strlen(line) + 1);
    TRY(split(t, t->scratch));
    if (!all_numbers(t)) return take_names(t, line, h);
    *first = line;
    return names_from_comments(t, t->n_fields, h);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */
static enum err grow(struct columns *out, const struct columns_plan *plan, size_t *capacity)
{
    size_t more = *capacity ? 2 * *capacity : 1024;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->place[i] >= 0) TRY(mem_resize(&out->value[i], out->n_rows, more, sizeof **out->value));
    TRY(mem_resize(&out->line, out->n_rows, more, sizeof *out->line));
    *capacity = more;
    return ERR_OK;
}

static enum err take_row(struct text *t, char *line, const struct columns_header *h, const struct columns_plan *plan,
                         struct columns *out)
{
    TRY(split(t, line));
    REQUIRE(t->n_fields == h->n, ERR_DATA, "%zu values, but %zu columns", t->n_fields, h->n);
    for (size_t i = 0; i < plan->n; i++) {
        double value;
        if (plan->place[i] < 0) continue;
        const char *word = t->field[plan->place[i]];
        REQUIRE(is_number(word, &value), ERR_DATA, "column %s: \"%.*s\" is no number", h->name[plan->place[i]],
                MAX_NUMBER, word);
        TRY(columns_accept(&plan->want[i], plan->factor[i], &value));
        out->value[i][out->n_rows] = value;
    }
    out->line[out->n_rows++] = t->number;
    return ERR_OK;
}

static enum err read_rows(struct text *t, char *line, const struct columns_header *h, const struct columns_plan *plan,
                          size_t max_rows, struct columns *out)
{
    size_t capacity = 0;
    if (!line) TRY(next_content(t, &line));
    while (line) {
        REQUIRE(out->n_rows < max_rows, ERR_DATA, "more than %zu rows: split the file", max_rows);
        if (out->n_rows == capacity) TRY(grow(out, plan, &capacity));
        TRY(take_row(t, line, h, plan, out));
        TRY(next_content(t, &line));
    }
    return ERR_OK;
}

static enum err read_file(struct text *t, const struct column_want *want, size_t n, size_t max_rows,
                          struct columns *out)
{
    struct columns_header header = {0};
    struct columns_plan plan     = {0};
    char *first;
    enum err rc;
    TRY_TO(done, mem_alloc(&t->line, MAX_LINE + 1, 1));
    TRY_TO(done, mem_alloc(&t->comment, MAX_LINE + 1, 1));
    TRY_TO(done, mem_alloc(&t->comment_before, MAX_LINE + 1, 1));
    TRY_TO(done, mem_alloc(&t->scratch, MAX_LINE + 1, 1));
    TRY_TO(done, read_header(t, &header, &first));
    TRY_TO(done, columns_plan_make(&header, want, n, &plan));
    rc = read_rows(t, first, &header, &plan, max_rows, out);
done:
    if (rc && t->number) rc = err_context(rc, "line %u", t->number);
    columns_plan_free(&plan);
    columns_header_free(&header);
    mem_free(t->line);
    mem_free(t->comment);
    mem_free(t->comment_before);
    mem_free(t->scratch);
    return rc;
}

enum err columns_text_read(const char *path, const struct column_want *want, size_t n, size_t max_rows,
                           struct columns *out)
{
    struct text *t = NULL;
    TRY(mem_alloc(&t, 1, sizeof *t));
    t->file     = fopen(path, "re");
    enum err rc = ERR_OK;
    if (!t->file)
        rc = err_fail(ERR_OPEN, __FILE__, __LINE__, "cannot open: %s", strerror(errno));
    else
        rc = read_file(t, want, n, max_rows, out);
    if (t->file) fclose(t->file);
    mem_free(t);
    return rc;
}
