/* The identity of a choice of constants. */
#include "calib_identity.h"

#include "mem.h"
#include "sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static const char *or_none(const char *text) { return text ? text : ""; }

enum err calib_identity(const struct calib_choice *c, char id[41])
{
    const char **sorted;
    char *text  = NULL;
    size_t size = 0;
    TRY(mem_alloc(&sorted, c->n_only + 1, sizeof *sorted));
    for (size_t i = 0; i < c->n_only; i++) sorted[i] = c->only[i];
    qsort((void *)sorted, c->n_only, sizeof *sorted, by_text);
    FILE *f = open_memstream(&text, &size);
    if (f)
        fprintf(f, "gm2 calib %s\ntag %s\nfrom %s\nopen_end %d\n", or_none(c->stage), or_none(c->tag),
                or_none(c->from_tag), c->is_open_end);
    for (size_t i = 0; f && i < c->n_only; i++) fprintf(f, "only %s\n", sorted[i]);
    bool is_good = f && fclose(f) == 0;
    mem_free((void *)sorted);
    if (is_good) sha1_hex(text, size, id);
    free(text);
    REQUIRE(is_good, ERR_MEMORY, "no memory for the identity of constants");
    return ERR_OK;
}
