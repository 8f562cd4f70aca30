/* Columns from any bytes: read, or refused in words. */
#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct column_want want[] = {{"x", "mm", false, -200, 200},
                                              {"y", "m", true, 0, 0},
                                              {"t_fill t", "ns", true, 0, 0},
                                              {"p_phi pz", "GeV", true, 0, 0},
                                              {"s_y", "1", true, -1, 1}};
    char path[64];
    struct columns c;
    int fd = memfd_create("columns", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    err_clear();
    enum err rc = columns_read(path, "muon", want, 5, 10000, &c);
    if (!rc && (c.n_rows == 0 || !c.value[0])) abort();
    if (rc && !*err_message()) abort();
    if (!rc) {
        for (size_t i = 0; i < c.n_rows; i++)
            if (!(c.value[0][i] >= -200.0 && c.value[0][i] <= 200.0)) abort();
        columns_free(&c);
    }
    close(fd);
    return 0;
}
