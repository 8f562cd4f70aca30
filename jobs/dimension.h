/* SAM's dimension language: questions about files, e.g.
 *   defname: run3C_raw minus isparentof: (data_tier full and version v9_71_00)
 *
 * term       name [op] value       op: = != < <= > >= like, not like, in, not in; none means =
 * value      a word, a quoted string, a list a, b, c; a range lo-hi of numbers or dates; % many, ? one character;
 *            run_number 24337.0196 is a run and a subrun; dates YYYY-MM-DD, DD-Mon-YYYY, full ISO times in quotes
 * combining  tightest first: not, and, or, minus / intersect / union (from the left), with; parentheses
 *            of a parameter a number or range without quotes finds numbers, and a text of these letters
 * special    defname: NAME, isparentof: (Q), ischildof: (Q), isancestorof: (Q), isdescendantof: (Q),
 *            availability: default|physical|virtual|any|bad|good|retired, snapshot_id N,
 *            submission_id N (what a submission of a campaign took)
 *            stale: WHAT, replaced: WHAT, sufficient: WHAT (Q), answered anew each time (stale.h): files made with what has been
 *            replaced since and not yet made anew; those made anew; files that suffice to make the stale ones of Q anew.
 *            WHAT: TAG, TAG@DATABASE or campaign:NAME, or a list
 * with       limit N, offset N, stride N, availability WORD; order is that of declaration
 *
 * Keywords and names are in any case. Where nothing is said of availability, files count that are good, not retired
 * and have a location ("default"), in the query and in each (Q); that is SAM's rule. Names with a point (category.name)
 * are parameters. Source: SAM's public documentation; grammar as in its user guide. Test: tests/t_dimension.c */
#ifndef GM2_DIMENSION_H
#define GM2_DIMENSION_H

#include "sql.h"

struct dimension; /* a parsed query */

/** ERR_PARSE: the message holds the query and a caret under the fault, and what is accepted there. */
enum err dimension_parse(const char *text, struct dimension **out);
void dimension_free(struct dimension *query);

/** Finds the query of a definition; *text is to be freed by mem_free(). ERR_NOTFOUND. */
enum dimension_live { DIMENSION_LIVE_STALE, DIMENSION_LIVE_REPLACED, DIMENSION_LIVE_SUFFICIENT };
struct dimension_lookup {
    enum err (*find)(void *context, const char *name, char **text);
    void *context;
    /* stale: and the like: ids of a select that are meant, as JSON [1,2,3]; *n_scope: how many it has. NULL: refused */
    enum err (*live)(void *context, enum dimension_live what, const char *wanted, const struct sql *scope, char **ids,
                     int64_t *n_scope);
};

/** Adds "select f0.id from files f0 where ..." for the query. Definitions are put in place of their names, up to 16 deep;
 *  ERR_NOTFOUND names one that is not there. The values in `out` are lent by the query. */
enum err dimension_sql(struct dimension *query, const struct dimension_lookup *lookup, bool is_pgsql, struct sql *out);

/** Does it hold a term whose answer can change while the catalogue stands still (stale: and the like), in itself, or, after
 *  dimension_sql() or dimension_define(), in its definitions? */
bool dimension_is_live(const struct dimension *query);
/** After dimension_sql(): it is live, and there were files to ask about: if it selects nothing, nothing is stale. */
bool dimension_is_fresh(const struct dimension *query);
/** Puts definitions in place of their names, without more. */
enum err dimension_define(struct dimension *query, const struct dimension_lookup *lookup);

/** The names that a term may begin with, i from 0; NULL after the last. */
const char *dimension_name(size_t i);

#endif
