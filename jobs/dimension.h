/* SAM's dimension language: questions about files, e.g.
 *   defname: run3C_raw minus isparentof: (data_tier full and version v9_71_00)
 *
 * term       name [op] value       op: = != < <= > >= like, not like, in, not in; none means =
 * value      a word, a quoted string, a list a, b, c; a range lo-hi of numbers or dates; % many, ? one character;
 *            run_number 24337.0196 is a run and a subrun; dates YYYY-MM-DD, DD-Mon-YYYY, full ISO times in quotes
 * combining  tightest first: not, and, or, minus / intersect / union (from the left), with; parentheses
 * special    defname: NAME, isparentof: (Q), ischildof: (Q), isancestorof: (Q), isdescendantof: (Q),
 *            availability: default|physical|virtual|any|bad|good|retired, snapshot_id N,
 *            submission_id N (what a submission of a campaign took)
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
struct dimension_lookup {
    enum err (*find)(void *context, const char *name, char **text);
    void *context;
};

/** Adds "select f0.id from files f0 where ..." for the query. Definitions are put in place of their names, up to 16 deep;
 *  ERR_NOTFOUND names one that is not there. The values in `out` are lent by the query. */
enum err dimension_sql(struct dimension *query, const struct dimension_lookup *lookup, bool is_pgsql, struct sql *out);

/** The names that a term may begin with, i from 0; NULL after the last. */
const char *dimension_name(size_t i);

#endif
