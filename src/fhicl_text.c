/* Growing text. */
#include "fhicl_internal.h"
#include "mem.h"

#include <string.h>

enum err fhicl_text_add(struct fhicl_text *text, const char *bytes, size_t n)
{
    size_t need = text->n + n + 1;
    if (need > text->capacity) {
        size_t capacity = 2 * need + 256;
        TRY(mem_resize(&text->data, text->n, capacity, 1));
        text->capacity = capacity;
    }
    if (n) memcpy(text->data + text->n, bytes, n);
    text->n += n;
    text->data[text->n] = 0;
    return ERR_OK;
}

enum err fhicl_text_word(struct fhicl_text *text, const char *word) { return fhicl_text_add(text, word, strlen(word)); }
