/* Conditions: tags, frozen tags, the log, snapshots. */
#include "cond_internal.h"

#include "mem.h"
#include "publish.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct tag_work {
    struct cond *cond;
    const char *tag, *from;
    const struct cond_note *note;
};

/* What is valid under `from`, of one table. */
static enum err copy_table(const struct tag_work *w, const char *table)
{
    char sql[COND_SQL];
    cond_format(sql,
                "insert into %s_tag_iovs (tag, begin_time, iov_id) select cast($1 as text), begin_time, max(iov_id)"
                " from %s_tag_iovs where tag = $2 group by begin_time",
                table, table);
    return db_do(w->cond->db, sql, (struct db_value[]){DB_S(w->tag), DB_S(w->from)}, 2);
}

static enum err make_tag(void *context)
{
    struct tag_work *w = context;
    int64_t n, id;
    bool is_found;
    TRY(db_get_int(w->cond->db, "select count(*) from cond_tags where tag = $1", &DB_S(w->tag), 1, &n, &is_found));
    REQUIRE(n == 0, ERR_MISMATCH, "tag \"%s\" exists; tags are never changed, take another name", w->tag);
    if (w->from) TRY(cond_tag_check(w->cond, w->from, NULL));
    TRY(cond_note_down(w->cond, "tag", NULL, w->tag, w->note, 0, 0, NULL, &id));
    TRY(db_do(w->cond->db, "insert into cond_tags (tag, from_tag, log_id) values ($1, $2, $3)",
              (struct db_value[]){DB_S(w->tag), w->from ? DB_S(w->from) : DB_N, DB_I(id)}, 3));
    if (!w->from) return ERR_OK;
    char(*names)[COND_NAME];
    size_t n_tables;
    TRY(cond_tables(w->cond, &names, &n_tables));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n_tables && !rc; i++) {
        rc = cond_check_name("table", names[i]);
        if (!rc) rc = copy_table(w, names[i]);
    }
    mem_free(names);
    return rc;
}

enum err cond_tag(struct cond *cond, const char *tag, const char *from, const struct cond_note *note)
{
    TRY(cond_check_tag(tag));
    TRY(cond_check_note(note));
    return db_transaction(cond->db, COND_LOCK, make_tag, &(struct tag_work){cond, tag, from, note});
}

static enum err freeze(void *context)
{
    struct tag_work *w = context;
    bool is_frozen;
    int64_t id;
    TRY(cond_tag_check(w->cond, w->tag, &is_frozen));
    REQUIRE(!is_frozen, ERR_MISMATCH, "tag \"%s\" is frozen already", w->tag);
    TRY(cond_note_down(w->cond, "freeze", NULL, w->tag, w->note, 0, 0, NULL, &id));
    return db_do(w->cond->db, "insert into cond_freezes (tag, log_id) values ($1, $2)",
                 (struct db_value[]){DB_S(w->tag), DB_I(id)}, 2);
}

enum err cond_freeze(struct cond *cond, const char *tag, const struct cond_note *note)
{
    TRY(cond_check_note(note));
    return db_transaction(cond->db, COND_LOCK, freeze, &(struct tag_work){cond, tag, NULL, note});
}

enum err cond_log(struct cond *cond, const char *table, enum err (*each)(void *context, const struct cond_event *event),
                  void *context)
{
    struct db_statement *s;
    const struct db_value *row;
    size_t n;
    TRY(db_prepare(cond->db,
                   "select id, created, author, action, coalesce(table_name, ''), coalesce(tag, ''), comment,"
                   " n_intervals, n_rows from cond_log where table_name = $1 or $2 = 1 order by id",
                   &s));
    enum err rc = db_start(s, (struct db_value[]){DB_S(table ? table : ""), DB_I(table ? 0 : 1)}, 2);
    for (;;) {
        if (!rc) rc = db_next(s, &row, &n);
        if (rc || !row) break;
        const struct cond_event event = {row[0].i,    row[1].text, row[2].text, row[3].text, row[4].text,
                                         row[5].text, row[6].text, row[7].i,    row[8].i};
        rc                            = each(context, &event);
    }
    db_finish(s);
    return rc;
}

/* ---- snapshot ------------------------------------------------------------------------------------------------------ */
struct copy {
    struct cond *from, *to;
    const char *tag;
    const struct cond_note *note;
};

/* The log as it is: who loaded what remains to be seen. */
static enum err copy_log(struct copy *c)
{
    struct db_statement *s;
    struct db_bulk *bulk = NULL;
    const struct db_value *row;
    size_t n;
    TRY(db_prepare(c->from->db,
                   "select id, created, author, action, table_name, tag, comment, n_intervals, n_rows, content"
                   " from cond_log order by id",
                   &s));
    enum err rc =
        db_bulk_start(c->to->db, "cond_log",
                      "id, created, author, action, table_name, tag, comment, n_intervals, n_rows, content", 10, &bulk);
    if (!rc) rc = db_start(s, NULL, 0);
    for (;;) {
        if (!rc) rc = db_next(s, &row, &n);
        if (rc || !row) break;
        rc = db_bulk_add(bulk, row);
    }
    db_finish(s);
    enum err ended = db_bulk_end(bulk, !rc);
    return rc ? rc : ended;
}

static enum err copy_constants(struct copy *c, const char *name)
{
    struct cond_set set;
    TRY(cond_read_inside(c->from, name, c->tag, &set));
    enum err rc = cond_make_table(c->to, &set.table);
    if (!rc) rc = cond_put(c->to, &set, c->tag, NULL);
    cond_set_free(&set);
    return rc;
}

static enum err copy_all(void *context)
{
    struct copy *c = context;
    bool is_frozen;
    int64_t id;
    char(*names)[COND_NAME];
    size_t n;
    TRY(cond_tag_check(c->from, c->tag, &is_frozen));
    TRY(copy_log(c));
    TRY(cond_note_down(c->to, "snapshot", NULL, c->tag, c->note, 0, 0, NULL, &id));
    TRY(db_do(c->to->db, "insert into cond_tags (tag, log_id) values ($1, $2)",
              (struct db_value[]){DB_S(c->tag), DB_I(id)}, 2));
    if (is_frozen)
        TRY(db_do(c->to->db, "insert into cond_freezes (tag, log_id) values ($1, $2)",
                  (struct db_value[]){DB_S(c->tag), DB_I(id)}, 2));
    TRY(cond_tables(c->from, &names, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++) rc = copy_constants(c, names[i]);
    mem_free(names);
    return rc;
}

static enum err copy_state(void *context)
{
    struct copy *c = context;
    return db_transaction(c->to->db, COND_LOCK, copy_all, c);
}

static enum err write_snapshot(struct copy *c, const char *part)
{
    char url[4200];
    snprintf(url, sizeof url, "sqlite:%s", part);
    TRY(mem_alloc(&c->to, 1, sizeof *c->to));
    enum err rc = db_open(url, DB_CREATE, &c->to->db);
    if (!rc) rc = cond_make_layout(c->to);
    if (!rc) rc = db_read_transaction(c->from->db, copy_state, c);
    cond_close(c->to);
    return rc;
}

enum err cond_snapshot(struct cond *cond, const char *tag, const char *path, const struct cond_note *note)
{
    char part[4100];
    struct copy c = {cond, NULL, tag, note};
    TRY(cond_tag_check(cond, tag, NULL));
    TRY(cond_check_note(note));
    REQUIRE(access(path, F_OK) != 0, ERR_WRITE, "%s exists; a snapshot replaces nothing", path);
    int n = snprintf(part, sizeof part, "%s%s", path, publish_part_suffix());
    REQUIRE(n > 0 && (size_t)n < sizeof part, ERR_OPTION, "the path is too long");
    (void)unlink(part);
    enum err rc = write_snapshot(&c, part);
    if (!rc) rc = publish_file(part, path);
    if (rc) (void)unlink(part);
    return rc ? err_context(rc, "snapshot %s", path) : ERR_OK;
}
