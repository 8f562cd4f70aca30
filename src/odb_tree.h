/* Inside of the ODB tree, for odb.c and odb_read.c. */
#ifndef GM2_ODB_TREE_H
#define GM2_ODB_TREE_H

#include "odb.h"

struct odb_key {
    size_t path, first; /* offset of the path in the pool; index of its first value */
    size_t n;
    uint32_t type, order;
};

/** Keys sorted by path; all text in one pool. */
struct odb {
    struct odb_key *keys;
    size_t n_keys, keys_capacity;
    size_t *values; /* offsets of value texts in the pool */
    size_t n_values, values_capacity;
    char *pool;
    size_t n_pool, pool_capacity;
};

/** Appends a key without values at the end; odb_tree_sort() must follow before anything is looked up. */
enum err odb_tree_key(struct odb *odb, const char *path, size_t path_length, uint32_t type);
/** Appends a value to the last key. */
enum err odb_tree_value(struct odb *odb, const char *text, size_t n);
/** Sorts by path; of keys with equal paths the last one stays. */
void odb_tree_sort(struct odb *odb);
/** Type code of a name in a dump ("INT", "INT32", "DWORD", ...), 0 if unknown; and the classical name of a code. */
uint32_t odb_tree_type(const char *name, size_t n);
const char *odb_tree_type_name(uint32_t type);

#endif
