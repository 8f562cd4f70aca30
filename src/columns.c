/* Columns from outside: which are wanted, in which units, and what is refused. */
#include "columns_source.h"

#include "file.h"
#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- units -------------------------------------------------------------------------------------------------------- */
static const struct unit_name {
    const char *kind, *name;
    double scale;
} unit_names[] = {
    {"number", "1", 1.0},      {"number", "%", 1e-2},     {"number", "percent", 1e-2},
    {"number", "ppm", 1e-6},   {"length", "mm", 1.0},     {"length", "cm", 10.0},
    {"length", "m", 1e3},      {"length", "um", 1e-3},    {"angle", "rad", 1.0},
    {"angle", "mrad", 1e-3},   {"angle", "urad", 1e-6},   {"angle", "deg", 0.017453292519943295},
    {"time", "ns", 1.0},       {"time", "us", 1e3},       {"time", "ms", 1e6},
    {"time", "s", 1e9},        {"time", "ps", 1e-3},      {"energy", "GeV", 1.0},
    {"energy", "MeV", 1e-3},   {"energy", "keV", 1e-6},   {"energy", "eV", 1e-9},
    {"energy", "GeV/c", 1.0},  {"energy", "MeV/c", 1e-3}, {"energy", "keV/c", 1e-6},
    {"energy", "eV/c", 1e-9},  {"field", "T", 1.0},       {"field", "mT", 1e-3},
    {"field", "uT", 1e-6},     {"field", "kG", 0.1},      {"field", "G", 1e-4},
    {"field", "mG", 1e-7},     {"voltage", "V", 1.0},     {"voltage", "kV", 1e3},
    {"voltage", "MV", 1e6},    {"current", "A", 1.0},     {"current", "kA", 1e3},
    {"frequency", "MHz", 1e6}, {"frequency", "kHz", 1e3}, {"frequency", "Hz", 1.0},
    {"frequency", "GHz", 1e9},
};
enum { N_UNITS = sizeof unit_names / sizeof unit_names[0] };

static const struct unit_name *find_unit(const char *name)
{
    for (size_t i = 0; i < N_UNITS; i++)
        if (strcmp(unit_names[i].name, name) == 0) return &unit_names[i];
    return NULL;
}

enum err columns_unit(const char *from, const char *to, double *factor)
{
    const struct unit_name *a = find_unit(from), *b = find_unit(to);
    char list[256] = "";
    REQUIRE(b, ERR_LOGIC, "unit \"%s\" is not known", to);
    if (a && a->kind == b->kind) {
        *factor = a->scale / b->scale;
        return ERR_OK;
    }
    for (size_t i = 0, used = 0; i < N_UNITS; i++)
        if (unit_names[i].kind == b->kind)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", unit_names[i].name);
    FAIL(ERR_CONFIG, "unit \"%s\" is no %s; accepted are %s", from, b->kind, list);
}

/* ---- header ------------------------------------------------------------------------------------------------------- */
enum err columns_header_add(struct columns_header *h, const char *name, const char *unit)
{
    REQUIRE(h->n < COLUMNS_MAX, ERR_DATA, "more than %d columns", COLUMNS_MAX);
    if (!h->name) {
        TRY(mem_alloc(&h->name, COLUMNS_MAX, sizeof *h->name));
        TRY(mem_alloc(&h->unit, COLUMNS_MAX, sizeof *h->unit));
    }
    h->name[h->n] = mem_string(name);
    h->unit[h->n] = mem_string(unit);
    h->n++;
    REQUIRE(h->name[h->n - 1] && h->unit[h->n - 1], ERR_MEMORY, "out of memory");
    return ERR_OK;
}

void columns_header_free(struct columns_header *h)
{
    for (size_t i = 0; i < h->n; i++) {
        mem_free(h->name[i]);
        mem_free(h->unit[i]);
    }
    mem_free(h->name);
    mem_free(h->unit);
    *h = (struct columns_header){0};
}

void columns_plan_free(struct columns_plan *plan)
{
    mem_free(plan->place);
    mem_free(plan->factor);
    *plan = (struct columns_plan){0};
}

/* The unit at the end of a name when the rest is the word wanted: "" if the name is just the word, NULL if it is another
 * name. */
static const char *unit_in_name(const char *name, const char *word, size_t length)
{
    if (strncmp(name, word, length) != 0) return NULL;
    if (name[length] == 0) return name + length;
    return name[length] == '_' && find_unit(name + length + 1) ? name + length + 1 : NULL;
}

static const char *unit_if_wanted(const char *name, const char *words)
{
    for (const char *w = words; *w; w += strspn(w, " ")) {
        size_t length    = strcspn(w, " ");
        const char *unit = unit_in_name(name, w, length);
        if (unit) return unit;
        w += length;
    }
    return NULL;
}

static enum err factor_of(const char *name, const char *in_name, const char *given, const char *wanted, double *factor)
{
    const char *unit = *given ? given : in_name;
    double same;
    if (!*unit && strcmp(wanted, "1") == 0) unit = wanted;
    REQUIRE(*unit, ERR_DATA, "column %s has no unit; write %s [%s], or %s_%s", name, name, wanted, name, wanted);
    enum err rc = columns_unit(unit, wanted, factor);
    if (rc) return err_context(ERR_DATA, "column %s", name);
    if (!*in_name || !*given) return ERR_OK;
    rc = columns_unit(in_name, given, &same);
    if (rc) err_clear();
    REQUIRE(!rc && same == 1.0, ERR_DATA, "column %s: its name says %s, its unit %s", name, in_name, given);
    return ERR_OK;
}

static enum err missing(const struct columns_header *h, const struct column_want *want)
{
    char list[512] = "";
    size_t used = 0, length = strcspn(want->names, " ");
    for (size_t i = 0; i < h->n && used < sizeof list - 64; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", used ? ", " : "", h->name[i]);
    FAIL(ERR_DATA, "no column %.*s [%s]%s%s%s; there are: %s", (int)length, want->names, want->unit,
         want->names[length] ? " (names taken: " : "", want->names[length] ? want->names : "",
         want->names[length] ? ")" : "", used ? list : "none");
}

static enum err place_of(const struct columns_header *h, const struct column_want *want, int *place, double *factor)
{
    *place = -1;
    for (size_t i = 0; i < h->n; i++) {
        const char *in_name = unit_if_wanted(h->name[i], want->names);
        if (!in_name) continue;
        REQUIRE(*place < 0, ERR_DATA, "two columns for one: %s and %s", h->name[*place], h->name[i]);
        *place = (int)i;
        TRY(factor_of(h->name[i], in_name, h->unit[i], want->unit, factor));
    }
    return *place >= 0 || want->is_optional ? ERR_OK : missing(h, want);
}

enum err columns_plan_make(const struct columns_header *h, const struct column_want *want, size_t n,
                           struct columns_plan *plan)
{
    enum err rc;
    *plan = (struct columns_plan){.want = want, .n = n};
    TRY_TO(failed, mem_alloc(&plan->place, n, sizeof *plan->place));
    TRY_TO(failed, mem_alloc(&plan->factor, n, sizeof *plan->factor));
    for (size_t i = 0; i < n; i++) TRY_TO(failed, place_of(h, &want[i], &plan->place[i], &plan->factor[i]));
    return ERR_OK;
failed:
    columns_plan_free(plan);
    return rc;
}

enum err columns_accept(const struct column_want *want, double factor, double *value)
{
    int length = (int)strcspn(want->names, " ");
    REQUIRE(isfinite(*value), ERR_DATA, "column %.*s is %s", length, want->names,
            isnan(*value) ? "NaN (not a number)" : "infinite");
    *value *= factor;
    if (want->min == 0.0 && want->max == 0.0) return ERR_OK;
    REQUIRE(*value >= want->min && *value <= want->max, ERR_DATA,
            "column %.*s = %.10g %s is out of range; accepted is %.10g to %.10g %s", length, want->names, *value,
            want->unit, want->min, want->max, want->unit);
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */
static enum err is_hdf5(const char *path, bool *out)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[8]                   = {0};
    FILE *f                                 = fopen(path, "rbe");
    REQUIRE(f, ERR_OPEN, "cannot open: %s", strerror(errno));
    errno    = 0;
    size_t n = fread(head, 1, sizeof head, f);
    int why  = ferror(f) ? errno : 0;
    fclose(f);
    REQUIRE(!why, ERR_READ, "cannot read: %s", strerror(why));
    *out = n == sizeof head && memcmp(head, signature, sizeof head) == 0;
    return ERR_OK;
}

static enum err read_hdf5_column(const char *path, const char *group, const char *name, const struct column_want *want,
                                 double factor, struct columns *out, double **value)
{
    TRY(mem_alloc(value, out->n_rows, sizeof **value));
    TRY(file_column_read(path, group, name, out->n_rows, *value));
    for (size_t r = 0; r < out->n_rows; r++) {
        enum err rc = columns_accept(want, factor, &(*value)[r]);
        if (rc) return err_context(rc, "row %zu", r);
    }
    return ERR_OK;
}

static enum err read_hdf5(const char *path, const char *group, const struct column_want *want, size_t n,
                          size_t max_rows, struct columns *out)
{
    struct columns_header header = {0};
    struct columns_plan plan     = {0};
    uint64_t *rows               = NULL;
    enum err rc                  = file_columns_list(path, group, &header.name, &header.unit, &rows, &header.n);
    if (rc) return rc;
    TRY_TO(done, columns_plan_make(&header, want, n, &plan));
    int first = -1; /* all columns taken must be as long as the first of them */
    for (size_t i = 0; i < n; i++) {
        int k = plan.place[i];
        if (k < 0) continue;
        if (first < 0) first = k;
        if (rows[k] != rows[first])
            FAIL_TO(done, ERR_DATA, "column %s has %llu rows, %s has %llu", header.name[first],
                    (unsigned long long)rows[first], header.name[k], (unsigned long long)rows[k]);
    }
    if (first >= 0 && rows[first] > max_rows)
        FAIL_TO(done, ERR_DATA, "%llu rows, at most %zu are read: split the file", (unsigned long long)rows[first],
                max_rows);
    out->n_rows = first < 0 ? 0 : (size_t)rows[first];
    for (size_t i = 0; i < n && out->n_rows; i++)
        if (plan.place[i] >= 0)
            TRY_TO(done, read_hdf5_column(path, group, header.name[plan.place[i]], &want[i], plan.factor[i], out,
                                          &out->value[i]));
done:
    columns_plan_free(&plan);
    columns_header_free(&header);
    mem_free(rows);
    return rc;
}

enum err columns_read(const char *path, const char *group, const struct column_want *want, size_t n, size_t max_rows,
                      struct columns *out)
{
    bool from_hdf5 = false;
    *out           = (struct columns){.n_columns = n};
    enum err rc    = mem_alloc(&out->value, n, sizeof *out->value);
    if (!rc) rc = is_hdf5(path, &from_hdf5);
    if (!rc && from_hdf5) rc = read_hdf5(path, group, want, n, max_rows, out);
    if (!rc && !from_hdf5) rc = columns_text_read(path, want, n, max_rows, out);
    if (!rc && out->n_rows == 0) rc = err_fail(ERR_DATA, __FILE__, __LINE__, "it has no rows");
    if (!rc) return ERR_OK;
    columns_free(out);
    return err_context(rc, "%s%s%s", path, from_hdf5 ? ", group " : "", from_hdf5 ? group : "");
}

void columns_free(struct columns *c)
{
    for (size_t i = 0; c->value && i < c->n_columns; i++) mem_free(c->value[i]);
    mem_free(c->value);
    mem_free(c->line);
    *c = (struct columns){0};
}

void columns_place(const struct columns *c, size_t row, char text[32])
{
    if (c->line)
        snprintf(text, 32, "line %u", c->line[row]);
    else
        snprintf(text, 32, "row %zu", row);
}
