/* gm2 help: what there is, printed from the same constants that the program runs on. */
#include "cfg.h"
#include "command.h"
#include "module.h"

#include <stdio.h>
#include <string.h>

int cmd_help(int argc, char **argv);

enum { MAX_WORDS = 256 };

static const struct {
    enum module_kind kind;
    const char *title, *where;
} kinds[] = {
    {MODULE_SOURCE, "Sources", "source.module_type"},
    {MODULE_PRODUCER, "Producers", "physics.producers.<label>.module_type"},
    {MODULE_FILTER, "Filters", "physics.filters.<label>.module_type"},
    {MODULE_ANALYZER, "Analyzers", "physics.analyzers.<label>.module_type"},
    {MODULE_OUTPUT, "Outputs", "outputs.<label>.module_type"},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* Bytes up to the end of the first sentence. */
static int first_sentence(const char *doc)
{
    const char *end = strstr(doc, ". ");
    return (int)(end ? end + 1 - doc : (long)strlen(doc));
}

/* n bytes of text; where a line would pass the width, the next starts at the indent. `column`: where printing stands. */
static void print_wrapped(const char *text, int n, int column, int indent)
{
    enum { WIDTH = 100 };
    for (int at = 0; at < n;) {
        int word = (int)strcspn(text + at, " ");
        if (at + word > n) word = n - at;
        if (at && column + 1 + word > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (at) {
            putchar(' ');
            column++;
        }
        printf("%.*s", word, text + at);
        column += word;
        at += word + 1;
    }
    putchar('\n');
}

static void print_modules(void)
{
    for (int k = 0; k < N_KINDS; k++) {
        bool is_first = true;
        for (const struct module_entry *e = module_all(); e->module; e++) {
            if (e->module->kind != kinds[k].kind) continue;
            if (is_first) printf("\n%s (%s)\n", kinds[k].title, kinds[k].where);
            is_first = false;
            printf("  %-18s ", e->module->name);
            print_wrapped(e->module->doc, first_sentence(e->module->doc), 21, 21);
        }
    }
}

static void print_commands(void)
{
    printf("gm2: data production of the Muon g-2 experiment\n\n");
    for (const struct command *c = commands; c->name; c++) printf("gm2 %s\n    %s\n", c->usage, c->doc);
    print_modules();
    printf("\n'gm2 help MODULE' shows its parameters and columns, 'gm2 help tables [NAME]' the tables.\n");
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */

static bool is_listed(const char *list, const char *name)
{
    if (!list) return true;
    for (size_t n, at = 0; list[at]; at += n + (list[at + n] != 0)) {
        n = strcspn(list + at, " ");
        if (n == strlen(name) && memcmp(list + at, name, n) == 0) return true;
    }
    return false;
}

static void print_columns(const struct table *t, const char *list)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct column *c = &t->columns[i];
        if (!is_listed(list, c->name)) continue;
        char type[32];
        if (c->width == 1) {
            snprintf(type, sizeof type, "%s", column_type_name(c->type));
        } else {
            snprintf(type, sizeof type, "%s[%zu]", column_type_name(c->type), c->width);
        }
        printf("    %-18s %-8s %-7s %s\n", c->name, type, c->unit, c->doc);
    }
}

static void print_table(const struct table *t)
{
    printf("%s (tier %s%s): %s\n", t->name, t->tier, t->is_per_unit ? ", once a unit" : "", t->doc);
    print_columns(t, NULL);
}

static void print_ports(const char *title, const struct port *ports)
{
    printf("\n%s\n", title);
    if (!ports || !ports->table) printf("  none\n");
    for (const struct port *p = ports; p && p->table; p++) {
        printf("  %s%s: %s\n", p->table->name, p->is_optional ? " (optional)" : "", p->table->doc);
        print_columns(p->table, p->columns);
    }
}

static const char *kind_place(enum module_kind kind)
{
    for (int k = 0; k < N_KINDS; k++)
        if (kinds[k].kind == kind) return kinds[k].where;
    return "";
}

static void print_module(const struct module *m)
{
    printf("%s (%s)\n\n", m->name, kind_place(m->kind));
    print_wrapped(m->doc, (int)strlen(m->doc), 0, 0);
    if (m->source) {
        printf("\nSource: ");
        print_wrapped(m->source, (int)strlen(m->source), 8, 8);
    }
    printf("\nParameters\n");
    if (m->fields && m->fields->name) {
        cfg_help(m->fields);
    } else {
        printf("  none\n");
    }
    print_ports("Columns in", m->in);
    print_ports("Columns out", m->out);
}

/* ---- by name -------------------------------------------------------------------------------------------------------- */

static enum err unknown(const char *what, const char *word, const char *const *known, size_t n)
{
    const char *near = cfg_nearest(word, known, n);
    if (near) FAIL(ERR_OPTION, "there is no %s \"%s\"; did you mean \"%s\"?", what, word, near);
    FAIL(ERR_OPTION, "there is no %s \"%s\"; 'gm2 help' lists what there is", what, word);
}

static enum err help_tables(const char *name)
{
    const char *known[MAX_WORDS];
    size_t n = 0;
    for (const struct table *const *t = table_all(); *t; t++) {
        if (!name) printf("%-14s %-6s %s\n", (*t)->name, (*t)->tier, (*t)->doc);
        if (n < MAX_WORDS) known[n++] = (*t)->name;
    }
    if (!name) return ERR_OK;
    const struct table *t = table_by_name(name);
    if (!t) return unknown("table", name, known, n);
    print_table(t);
    return ERR_OK;
}

static enum err help_word(const char *word)
{
    const struct module_entry *found = module_find(word);
    if (found) {
        print_module(found->module);
        return ERR_OK;
    }
    const char *known[MAX_WORDS];
    size_t n = 0;
    for (const struct command *c = commands; c->name; c++) {
        if (n < MAX_WORDS) known[n++] = c->name;
        if (strcmp(c->name, word) != 0) continue;
        printf("gm2 %s\n    %s\n", c->usage, c->doc);
        return ERR_OK;
    }
    if (table_by_name(word)) return help_tables(word);
    for (const struct module_entry *e = module_all(); e->module; e++)
        if (n < MAX_WORDS) known[n++] = e->module->name;
    return unknown("module or command", word, known, n);
}

int cmd_help(int argc, char **argv)
{
    enum err rc = ERR_OK;
    if (argc < 2) {
        print_commands();
    } else if (strcmp(argv[1], "tables") == 0) {
        rc = help_tables(argc > 2 ? argv[2] : NULL);
    } else {
        rc = help_word(argv[1]);
    }
    return err_exit_code(rc);
}
