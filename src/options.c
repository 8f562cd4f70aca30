/* Command lines with a verb. */
#include "options.h"

#include "cfg.h"

#include <stdio.h>
#include <string.h>

enum { MAX_KNOWN = 64 };

static bool lists(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
    return false;
}

static enum err find_verb(const char *noun, const char *word, const char *const *verbs, const char **out)
{
    size_t n = 0;
    for (; verbs[n]; n++)
        if (strcmp(verbs[n], word) == 0) {
            *out = verbs[n];
            return ERR_OK;
        }
    const char *near = cfg_nearest(word, verbs, n);
    if (near) FAIL(ERR_OPTION, "there is no verb \"%s\"; did you mean \"%s\"?", word, near);
    FAIL(ERR_OPTION, "there is no verb \"%s\"; 'gm2 %s --help' lists them", word, noun);
}

static enum err take_option(const char *noun, const char *verb, const struct options_known *options, const char *word,
                            const char *value, bool *takes_value)
{
    const char *known[MAX_KNOWN];
    size_t n                      = 0;
    const struct options_known *o = options;
    for (; o->name && strcmp(o->name, word) != 0; o++)
        if (n < MAX_KNOWN) known[n++] = o->name;
    if (!o->name) {
        const char *near = cfg_nearest(word, known, n);
        if (near) FAIL(ERR_OPTION, "unknown option %s; did you mean %s?", word, near);
        FAIL(ERR_OPTION, "unknown option %s; 'gm2 %s --help' lists them", word, noun);
    }
    REQUIRE(lists(o->verbs, verb), ERR_OPTION, "%s is an option of gm2 %s %s, not of %s", word, noun, o->verbs, verb);
    *takes_value = o->value != NULL;
    if (o->flag) *o->flag = true;
    if (!o->value) return ERR_OK;
    REQUIRE(value, ERR_OPTION, "%s needs a value", word);
    REQUIRE(!*o->value, ERR_OPTION, "%s is given twice", word);
    *o->value = value;
    return ERR_OK;
}

/* Is the line `gm2 NOUN VERB|VERB ...` about this verb? */
static bool is_of_verb(const char *line, const char *verb)
{
    size_t n         = strlen(verb);
    const char *word = strchr(line + 4, ' ');
    while (word && n) {
        if (strncmp(++word, verb, n) == 0 && strchr(" |\n", word[n])) return true;
        word += strcspn(word, " |\n");
        if (*word != '|') break;
    }
    return false;
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return at + (*at == '\n');
}

/* An entry: lines that begin with gm2, then indented ones; or a line that is of all verbs, with indented ones. */
static const char *next_entry(const char *at, const char *verb, bool *is_of_it, bool *is_of_all)
{
    *is_of_all = strncmp(at, "gm2 ", 4) != 0;
    *is_of_it  = false;
    for (; strncmp(at, "gm2 ", 4) == 0; at = next_line(at)) *is_of_it = *is_of_it || is_of_verb(at, verb);
    if (*is_of_all) at = next_line(at);
    while (*at == ' ') at = next_line(at);
    return at;
}

bool options_help(int argc, char **argv, const char *usage)
{
    const char *last = argc > 1 ? argv[argc - 1] : "", *verb = argc > 2 ? argv[1] : "";
    if (strcmp(last, "--help") != 0 && strcmp(last, "-h") != 0) return false;
    bool is_known = false, is_of_it, is_of_all;
    for (const char *at = usage; *at; is_known = is_known || is_of_it) at = next_entry(at, verb, &is_of_it, &is_of_all);
    for (const char *at = usage, *end; *at; at = end) {
        end = next_entry(at, verb, &is_of_it, &is_of_all);
        if (!is_known || is_of_it || is_of_all) printf("%.*s%s", (int)(end - at), at, end[-1] == '\n' ? "" : "\n");
    }
    return true;
}

enum err options_parse(int argc, char **argv, const char *const *verbs, const struct options_known *options,
                       const char **verb, const char **place, size_t max_places, size_t *n_places)
{
    bool is_over = false;
    *n_places    = 0;
    REQUIRE(argc > 1, ERR_OPTION, "a verb is missing; 'gm2 %s --help' lists them", argv[0]);
    TRY(find_verb(argv[0], argv[1], verbs, verb));
    for (int i = 2; i < argc; i++) {
        bool takes_value = false;
        if (!is_over && strcmp(argv[i], "--") == 0) {
            is_over = true;
        } else if (!is_over && argv[i][0] == '-' && argv[i][1]) {
            TRY(take_option(argv[0], *verb, options, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &takes_value));
            i += takes_value;
        } else {
            REQUIRE(*n_places < max_places, ERR_OPTION, "one word too many: %s", argv[i]);
            place[(*n_places)++] = argv[i];
        }
    }
    return ERR_OK;
}
