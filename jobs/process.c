/* Other programs. */
#include "process.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *const *argv, int out, int log)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0) _Exit(126);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], (char *const *)argv);
    _Exit(errno == ENOENT ? 127 : 126);
}

/* Takes what there is; false at the end of the stream. What does not fit is thrown away. */
static bool take(int fd, char *to, size_t room, size_t *n)
{
    char buffer[4096];
    ssize_t k = read(fd, buffer, sizeof buffer);
    if (k < 0) return errno == EINTR || errno == EAGAIN;
    size_t fits = room - 1 - *n < (size_t)k ? room - 1 - *n : (size_t)k;
    memcpy(to + *n, buffer, fits);
    *n += fits;
    to[*n] = 0;
    return k > 0;
}

/* False if time ran out first. */
static bool listen_to(int out_fd, int log_fd, double until_s, char *out, char *log, size_t room)
{
    struct pollfd p[2] = {{out_fd, POLLIN, 0}, {log_fd, POLLIN, 0}};
    size_t n[2]        = {0};
    char *to[2]        = {out, log};
    for (int n_open = 2; n_open > 0;) {
        double left = until_s - clock_now_s();
        if (left <= 0.0) return false;
        if (poll(p, 2, (int)(1000.0 * left) + 1) < 0 && errno != EINTR) return false;
        for (int i = 0; i < 2; i++)
            if (p[i].fd >= 0 && p[i].revents && !take(p[i].fd, to[i], room, &n[i])) {
                p[i].fd = -1;
                n_open--;
            }
    }
    return true;
}

enum err process_run(const char *const *argv, double timeout_s, char *out, char *log, size_t room, int *status)
{
    int a[2], b[2], state = 0;
    out[0] = log[0] = 0;
    REQUIRE(pipe2(a, O_CLOEXEC) == 0, ERR_AGAIN, "no pipe: %s", strerror(errno));
    if (pipe2(b, O_CLOEXEC) != 0) {
        close(a[0]);
        close(a[1]);
        FAIL(ERR_AGAIN, "no pipe: %s", strerror(errno));
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become(argv, a[1], b[1]);
    close(a[1]);
    close(b[1]);
    bool is_whole = pid > 0 && listen_to(a[0], b[0], clock_now_s() + timeout_s, out, log, room);
    close(a[0]);
    close(b[0]);
    REQUIRE(pid > 0, ERR_AGAIN, "no process could be made for %s: %s", argv[0], strerror(errno));
    if (!is_whole) kill(pid, SIGKILL);
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    *status = !is_whole ? -1 : WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    REQUIRE(*status != 127, ERR_NOTFOUND, "there is no program %s", argv[0]);
    return ERR_OK;
}

enum err process_ask(const char *const *argv, double timeout_s, char *out, size_t room)
{
    char *log, why[200];
    int status;
    TRY(mem_alloc(&log, room, 1)); /* process_run() has one size for both */
    enum err rc = process_run(argv, timeout_s, out, log, room, &status);
    snprintf(why, sizeof why, "%.*s", (int)strcspn(log, "\n"), log);
    mem_free(log);
    TRY(rc);
    REQUIRE(status == 0, ERR_AGAIN, "%s ends with %d: %s", argv[0], status, why);
    REQUIRE(strlen(out) + 1 < room, ERR_AGAIN, "%s says more than %zu bytes", argv[0], room);
    return ERR_OK;
}
