/* bin/gm2 of a release: becomes libexec/gm2 with the libraries of the release. Those have paths of their own built in, so that
 * the loader is told by the environment, which gm2 puts back. Test: tests/cli/release.sh */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[PATH_MAX + 32], folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    (void)argc;
    if (n <= 0) {                                               /* a bare chroot has no /proc */
        const char *given = (const char *)getauxval(AT_EXECFN); // NOLINT(performance-no-int-to-ptr)
        n                 = given ? snprintf(folder, sizeof folder, "%s", given) : 0;
    }
    if (n <= 0 || n >= PATH_MAX) return 127;
    folder[n] = 0;
    for (int i = 0; i < 2; i++) { /* FOLDER/bin/gm2 */
        char *slash = strrchr(folder, '/');
        if (!slash) {
            snprintf(folder, sizeof folder, i ? "." : "..");
            break;
        }
        *slash = 0;
    }
    const char *was = getenv("LD_LIBRARY_PATH");
    snprintf(path, sizeof path, "%s/lib", folder);
    if (setenv("GM2_WAS_LD_LIBRARY_PATH", was ? was : "", 1) || setenv("LD_LIBRARY_PATH", path, 1)) return 127;
    snprintf(path, sizeof path, "%s/libexec/gm2", folder);
    execv(path, argv);
    fprintf(stderr, "gm2: %s cannot be started\n", path);
    return 127;
}
