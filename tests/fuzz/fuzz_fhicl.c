/* Any bytes as a FHiCL document: an error or a tree, never a crash; and what is printed of a tree reads back the same. */
#include "fhicl.h"
#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "broken: %s; %s\n", what, err_message());
    abort();
}

static void ask_all(const struct fhicl *v)
{
    double x;
    int64_t k;
    bool b;
    const char *s;
    (void)(fhicl_as_f64(v, "key", &x) | fhicl_as_i64(v, "key", &k) | fhicl_as_bool(v, "key", &b) |
           fhicl_as_string(v, "key", &s));
    for (size_t i = 0; i < fhicl_size(v); i++) ask_all(fhicl_at(v, i));
}

static void reads_back(const char *text, const char *canonical)
{
    struct fhicl *tree;
    char *again;
    require(!fhicl_parse(text, strlen(text), "printed", &tree), "printed text is not read");
    require(!fhicl_canonical(tree, &again), "canonical");
    require(strcmp(canonical, again) == 0, "printed text reads back differently");
    mem_free(again);
    fhicl_free(tree);
}

static void check_tree(struct fhicl *tree)
{
    struct fhicl *copy;
    char *canonical, *of_copy, *printed;
    char id[41];
    ask_all(tree);
    require(!fhicl_canonical(tree, &canonical), "canonical");
    require(!fhicl_id(tree, id), "id");
    reads_back(canonical, canonical);
    for (int annotate = 0; annotate < 2; annotate++) {
        require(!fhicl_print(tree, annotate, &printed), "print");
        reads_back(printed, canonical);
        mem_free(printed);
    }
    require(!fhicl_copy(tree, &copy), "copy");
    require(!fhicl_canonical(copy, &of_copy), "canonical copy");
    require(strcmp(canonical, of_copy) == 0, "the copy differs");
    mem_free(of_copy);
    fhicl_free(copy);
    if (!fhicl_set(tree, "a.b[1].c", canonical, "set"))
        require(fhicl_get(tree, "a.b[1].c") != NULL, "what was set is not there");
    while (fhicl_size(tree)) {
        char key[2048];
        snprintf(key, sizeof key, "%s", fhicl_key(tree, 0));
        size_t before = fhicl_size(tree);
        fhicl_remove(tree, key);
        require(fhicl_size(tree) == before - 1, "remove");
    }
    mem_free(canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fhicl *tree;
    if (fhicl_parse((const char *)data, size, "input", &tree)) {
        require(err_message()[0] != 0, "an error without message");
    } else {
        check_tree(tree);
        fhicl_free(tree);
    }
    require(mem_live() == 0, "memory is lost");
    return 0;
}
