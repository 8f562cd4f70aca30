/* Runs a fuzz target on every file of the folders given: the kept corpus, in ordinary builds. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    uint8_t *data = NULL;
    size_t n = 0, capacity = 0, got;
    do {
        capacity = 2 * capacity + 4096;
        data     = realloc(data, capacity);
        if (!data) abort();
        got = fread(data + n, 1, capacity - n, f);
        n += got;
    } while (got);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1); /* no spare bytes, so that reading beyond the end is seen */
    if (!exact) abort();
    memcpy(exact, data, n);
    free(data);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (const struct dirent *e; folder && (e = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (e->d_name[0] != '.') n += replay(path);
        }
        if (folder) closedir(folder);
    }
    printf("%d inputs\n", n);
    return n ? 0 : 1;
}
