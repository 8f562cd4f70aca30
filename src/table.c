/* Tables and their blocks. */
#include "table.h"

#include "mem.h"
#include "tables.h"

#include <string.h>

#define TABLES_DEFINE(stem, LIST, tier, per_unit, doc) TABLE_DEFINE(stem, LIST, tier, per_unit, doc)
TABLES(TABLES_DEFINE)
#define TABLES_POINTER(stem, LIST, tier, per_unit, doc) &table_##stem,
static const struct table *const all_tables[] = {TABLES(TABLES_POINTER) NULL};

static const struct {
    size_t size;
    const char *name;
} types[N_COLUMN_TYPES] = {
    [COL_f64] = {8, "f64"}, [COL_f32] = {4, "f32"}, [COL_i64] = {8, "i64"}, [COL_i32] = {4, "i32"},
    [COL_u32] = {4, "u32"}, [COL_i16] = {2, "i16"}, [COL_u16] = {2, "u16"}, [COL_u8] = {1, "u8"},
};

size_t column_size(enum column_type type) { return types[type].size; }
const char *column_type_name(enum column_type type) { return types[type].name; }
const struct table *const *table_all(void) { return all_tables; }

int table_column(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->columns[i].name, name) == 0) return (int)i;
    return -1;
}

const struct table *table_by_name(const char *name)
{
    for (size_t i = 0; all_tables[i]; i++)
        if (strcmp(all_tables[i]->name, name) == 0) return all_tables[i];
    return NULL;
}

enum err block_create(const struct table *table, struct block **out)
{
    REQUIRE(table->n_columns <= TABLE_MAX_COLUMNS, ERR_LOGIC, "table %s has %zu columns, the limit is %d", table->name,
            table->n_columns, TABLE_MAX_COLUMNS);
    TRY(mem_alloc(out, 1, sizeof **out));
    (*out)->table = table;
    return ERR_OK;
}

void block_free(struct block *block)
{
    if (!block) return;
    for (size_t i = 0; i < block->table->n_columns; i++) mem_free(block->data[i]);
    mem_free(block);
}

static void drop_columns(struct block *block)
{
    for (size_t i = 0; i < block->table->n_columns; i++) {
        mem_free(block->data[i]);
        block->data[i] = NULL;
    }
    block->capacity = 0;
}

enum err block_resize(struct block *block, size_t n)
{
    if (n > block->capacity || !block->data[0]) {
        /* large ones hold whole events of tens of megabytes: no room to waste */
        size_t capacity = block->capacity + block->capacity / (block->capacity > (size_t)1 << 24 ? 8 : 2);
        if (capacity < n) capacity = n;
        capacity = (capacity + 63) / 64 * 64;
        if (capacity == 0) capacity = 64;
        if (block->n == 0) drop_columns(block); /* nothing to keep: never both in memory */
        for (size_t i = 0; i < block->table->n_columns; i++) {
            const struct column *c = &block->table->columns[i];
            TRY(mem_resize(&block->data[i], block->data[i] ? block->n : 0, capacity, c->width * column_size(c->type)));
        }
        block->capacity = capacity;
    }
    block->n = n;
    return ERR_OK;
}
