/* Files that are declared already. */
#include "catalogue_known.h"
#include "sql.h"

#include "mem.h"

#include <search.h>
#include <string.h>

enum { N_ASKED = 200 };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct known_file *)a)->name, ((const struct known_file *)b)->name);
}

const struct known_file *catalogue_known_find(const struct catalogue_known *k, const char *name)
{
    const struct known_file wanted = {.name = name};
    void *const *found             = tfind(&wanted, (void *const *)&k->root, by_name);
    return found ? *found : NULL;
}

enum err catalogue_known_add(struct catalogue_known *k, const struct known_file *f)
{
    size_t n_name = strlen(f->name) + 1, n_checksum = strlen(f->checksum) + 1;
    char *room;
    if (catalogue_known_find(k, f->name)) return ERR_OK;
    TRY(mem_alloc(&room, sizeof *f + n_name + n_checksum, 1));
    struct known_file *own = (struct known_file *)room;
    *own                   = *f;
    own->name              = memcpy(room + sizeof *f, f->name, n_name);
    own->checksum          = memcpy(room + sizeof *f + n_name, f->checksum, n_checksum);
    if (tsearch(own, &k->root, by_name)) return ERR_OK;
    mem_free(room);
    FAIL(ERR_MEMORY, "out of memory");
}

static void free_one(void *file) { mem_free(file); }

void catalogue_known_free(struct catalogue_known *k)
{
    tdestroy(k->root, free_one);
    k->root = NULL;
}

/* ---- from the catalogue -------------------------------------------------------------------------------------------- */
struct question {
    struct catalogue_known *known;
    struct db_statement *statement;
    struct db_value name[N_ASKED];
    size_t n;
};

static enum err ask(struct question *q)
{
    const struct db_value *row;
    size_t width;
    if (q->n == 0) return ERR_OK;
    for (size_t i = q->n; i < N_ASKED; i++) q->name[i] = q->name[0];
    q->n = 0;
    TRY(db_start(q->statement, q->name, N_ASKED));
    for (;;) {
        TRY(db_next(q->statement, &row, &width));
        if (!row) return ERR_OK;
        TRY(catalogue_known_add(
            q->known, &(struct known_file){row[1].i, row[2].i, row[4].type != DB_NULL, row[0].text, row[3].text}));
    }
}

static enum err ask_for(struct question *q, const char *name)
{
    q->name[q->n++] = DB_S(name);
    return q->n == N_ASKED ? ask(q) : ERR_OK;
}

static enum err ask_for_all(struct question *q, const struct catalogue_file *files, size_t n)
{
    const char *last = "";
    for (size_t i = 0; i < n; i++) {
        TRY(ask_for(q, files[i].file_name));
        for (size_t k = 0; k < files[i].n_parents; k++) {
            if (strcmp(files[i].parent[k], last) != 0) TRY(ask_for(q, files[i].parent[k]));
            last = files[i].parent[k];
        }
    }
    return ask(q);
}

enum err catalogue_known_read(struct catalogue_known *known, struct db *db, const struct catalogue_file *files,
                              size_t n)
{
    struct question q = {.known = known};
    struct sql sql    = {0};
    enum err rc =
        sql_add(&sql, "select file_name, id, file_size, checksum, retired_s from files where file_name in ($1");
    for (int i = 2; i <= N_ASKED && !rc; i++) rc = sql_add(&sql, ", $%d", i);
    if (!rc) rc = sql_add(&sql, ")");
    if (!rc) rc = db_prepare(db, sql.text, &q.statement);
    if (!rc) rc = ask_for_all(&q, files, n);
    db_finish(q.statement);
    sql_free(&sql);
    return rc;
}
