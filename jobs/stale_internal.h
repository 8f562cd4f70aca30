/* What the files of stale.c share. */
#ifndef GM2_STALE_INTERNAL_H
#define GM2_STALE_INTERNAL_H

#include "cond.h"
#include "sql.h"
#include "stale.h"

#define STALE_NONE SIZE_MAX
enum { STALE_WHY = 400 };

struct stale_one {
    int64_t id;
    bool is_usable, is_stale; /* usable: good, not retired, with a place */
    size_t because;           /* the parent that is stale; STALE_NONE: none, or it is stale itself */
    char *why;                /* it is stale itself; NULL: it is not */
};
struct stale_subrun {
    int64_t file, run, subrun;
};

/* Files, ascending, with all their ancestors. */
struct stale_set {
    size_t n, n_edges, n_subruns, capacity, edge_capacity, subrun_capacity;
    struct stale_one *one;
    struct stale_edge {
        int64_t child, parent;
    } * edge;                    /* by child, parent */
    struct stale_subrun *subrun; /* by file, run, subrun; -1: the whole run */
};

struct stale_ids {
    size_t n, capacity;
    int64_t *id;
};

/* Of a stale file: what it is, what replaced it, what suffices. */
struct stale_fate {
    bool is_replaced;
    struct stale_ids by;
};

/** Grows a list for one entry more. */
enum err stale_room(void *in_out, size_t n, size_t *capacity, size_t size);
enum err stale_ids_add(struct stale_ids *ids, int64_t id);
/** Ascending, each once. */
void stale_ids_sort(struct stale_ids *ids);
/** "[1,2,3]", to be freed with mem_free(). */
enum err stale_ids_json(const struct stale_ids *ids, char **json);
/** HEAD (values of the ids) TAIL. */
enum err stale_rows(struct catalogue *catalogue, const char *head, const struct stale_ids *ids, const char *tail,
                    enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);

/** Files and ancestors of these ids, with their subruns; none of them is stale yet. */
enum err stale_set_read(struct catalogue *catalogue, const struct stale_ids *ids, struct stale_set *out);
void stale_set_free(struct stale_set *set);
enum err stale_set_ids(const struct stale_set *set, bool only_stale, struct stale_ids *out);
/** STALE_NONE if it is not there. */
size_t stale_set_find(const struct stale_set *set, int64_t id);
/** A file's parents, [*first, *end) of set->edge, and subruns. */
void stale_set_parents(const struct stale_set *set, int64_t id, size_t *first, size_t *end);
void stale_set_subruns(const struct stale_set *set, int64_t id, size_t *first, size_t *end);
/** A file is stale itself: adds a reason. */
enum err stale_set_mark(struct stale_set *set, int64_t id, const char *why);
/** What was made of stale files is stale. */
void stale_set_inherit(struct stale_set *set);

/** Marks files whose intervals of constants are not those of the tag. */
enum err stale_tag_mark(struct catalogue *catalogue, struct stale_set *files, struct cond *cond, const char *tag);
/** Marks files of a campaign's stages that are not of the version that the stage worked on last. ERR_NOTFOUND. */
enum err stale_campaign_mark(struct catalogue *catalogue, struct stale_set *files, const char *campaign);

/** Marks a set by all that is wanted. */
enum err stale_mark(struct catalogue *catalogue, struct stale_set *set, const char *wanted);
/** What replaced the stale files of a set, and what suffices to make the others anew; fates [set->n]. */
enum err stale_fates(struct catalogue *catalogue, const struct stale_set *set, const char *wanted,
                     struct stale_fate *fates);

#endif
