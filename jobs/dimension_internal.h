/* The parsed query: what dimension.c makes of the tokens of dimension_token.c, and dimension_sql.c writes as SQL. */
#ifndef GM2_DIMENSION_INTERNAL_H
#define GM2_DIMENSION_INTERNAL_H

#include "dimension.h"

enum { DIMENSION_MAX_NODES = 900 }; /* of a query with its definitions: SQLite nests 1000 deep */

enum dimension_kind {
    DIMENSION_TERM,
    DIMENSION_NOT,
    DIMENSION_AND, /* also intersect */
    DIMENSION_OR,  /* also union */
    DIMENSION_MINUS,
    DIMENSION_WITH,
    DIMENSION_AVAILABILITY,
    DIMENSION_DEFINITION,
    DIMENSION_PARENT,     /* isparentof */
    DIMENSION_CHILD,      /* ischildof */
    DIMENSION_ANCESTOR,   /* isancestorof */
    DIMENSION_DESCENDANT, /* isdescendantof */
    DIMENSION_STALE,      /* stale, replaced, sufficient: dimension_live.c */
    DIMENSION_REPLACED,
    DIMENSION_SUFFICIENT,
};
enum dimension_op { OP_EQUAL, OP_NOT, OP_LESS, OP_AT_MOST, OP_MORE, OP_AT_LEAST, OP_LIKE, OP_NOT_LIKE };
enum dimension_type { TYPE_TEXT, TYPE_INT, TYPE_REAL, TYPE_TIME, TYPE_RUN, TYPE_PARAMETER };
/* where a column is: in files itself, or a table of which a row belongs to the file */
enum dimension_place {
    PLACE_FILE,
    PLACE_CONFIG,
    PLACE_RUN,
    PLACE_LOCATION,
    PLACE_SNAPSHOT,
    PLACE_SUBMISSION,
    PLACE_PARAMETER
};
enum dimension_availability {
    AVAILABLE_DEFAULT,
    AVAILABLE_PHYSICAL,
    AVAILABLE_VIRTUAL,
    AVAILABLE_ANYLOCATION,
    AVAILABLE_ANY,
    AVAILABLE_GOOD,
    AVAILABLE_BAD,
    AVAILABLE_RETIRED,
    N_AVAILABLE
};

struct dimension_name {
    const char *name, *column;
    enum dimension_type type;
    enum dimension_place place;
};

/* A value as typed, and what it means for its dimension. */
struct dimension_value {
    char *text, *high; /* high: end of a range, else NULL */
    bool is_quoted;
    int64_t low_i, high_i; /* TYPE_INT; TYPE_TIME: seconds, high one past the end of what is named; TYPE_RUN: run */
    int64_t low_s, high_s; /* TYPE_RUN: subrun, -1 if none is named */
    double low_x, high_x;  /* TYPE_REAL, and parameters that are numbers */
    bool is_number;        /* parameters: the text is a number */
    size_t at;
};

struct dimension_node {
    enum dimension_kind kind;
    int a, b;  /* children, -1 if none */
    size_t at; /* byte of the query */
    const struct dimension_name *name;
    const char *parameter; /* PLACE_PARAMETER: its name; of a definition: its name; stale and the like: against what */
    char *ids;             /* stale and the like: the files, as JSON; NULL: not asked yet, taken for all */
    bool is_scope_empty;   /* there was no file to ask about */
    enum dimension_op op;
    size_t first_value, n_values;
    int64_t limit, offset, stride; /* -1: not given */
    uint32_t availability;         /* bits; 0: not given */
    struct dimension *definition;
};

struct dimension {
    char *text;
    size_t n_nodes, node_capacity;
    struct dimension_node *node;
    size_t n_values, value_capacity;
    struct dimension_value *value;
    size_t n_strings, string_capacity;
    char **string; /* owned */
    int root;
};

/* ---- what a query is read with: dimension_token.c ---- */
enum dimension_token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_OP,
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_SPECIAL
};

struct dimension_token {
    enum dimension_token_kind kind;
    const char *text; /* in the query; quotes left out */
    size_t n, at;
};

struct dimension_parser {
    struct dimension *q;
    size_t pos; /* of the text behind `next` */
    int depth;
    struct dimension_token next;
};

/** Takes the next token. ERR_PARSE: a quote without end. */
enum err dimension_token_next(struct dimension_parser *parser);
/** The same, if the present one is of this kind; else ERR_PARSE: `what` is expected. */
enum err dimension_token_expect(struct dimension_parser *parser, enum dimension_token_kind kind, const char *what);
/** In any case of letters. */
bool dimension_token_is(const struct dimension_token *token, const char *word);
/** What a word with a colon behind it stands for. */
enum dimension_kind dimension_token_special(const struct dimension_token *token);

/** The message for a fault at a byte of a query: the query and a caret below; returns ERR_PARSE. */
enum err dimension_fault(const char *text, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** The same below the message of an error that came before; returns its code. */
enum err dimension_point(enum err code, const char *text, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Keeps a string until the query is freed; NULL and ERR_MEMORY. */
enum err dimension_keep(struct dimension *query, const char *text, size_t n, char **out);
/** Sets what a value means for its dimension, ERR_PARSE. */
enum err dimension_value_read(const char *query, const struct dimension_name *name, struct dimension_value *value);
/* SQL on its way. `apart` holds selects that are put before it, "with s1(id) as (...)", `depth` how deep what is written stands */
struct dimension_writer {
    struct dimension *q;
    struct sql *out, *apart;
    bool is_pgsql;
    int *next_alias;
    int depth;
};
/** Adds the condition of a term on the files of an alias. */
enum err dimension_term(struct dimension_writer *w, const struct dimension_node *n, int alias);
/** Adds "select f0.id from files f0 where ..." for a node. */
enum err dimension_select(struct dimension *query, int node, bool is_pgsql, struct sql *out);
/** Takes the list of what files are held against, behind stale: and the like. ERR_PARSE. */
enum err dimension_live_take(struct dimension_parser *parser, struct dimension_node *node);
/** Asks for the answers of stale: and the like in the select of a node, and of those within; definitions are in place. */
enum err dimension_live_resolve(struct dimension *query, int root, const struct dimension_lookup *lookup,
                                bool is_pgsql);
/** A name that terms begin with; parameters (with a point) are found too. NULL if there is none. */
const struct dimension_name *dimension_name_find(const char *word, size_t n);

#endif
