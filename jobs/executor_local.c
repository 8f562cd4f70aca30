/* Processes of this host. A supervisor stands over each job and writes its exit status. FOLDER/lock is locked while the
 * supervisor or the job lives; its content, the supervisor's process, tells that it was started. Tests: tests/t_executor_local.c,
 * tests/cli/campaign.sh */
#include "executor.h"

#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOST = -1 };

/* ---- the supervisor ------------------------------------------------------------------------------------------------ */
static void write_all(int fd, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        ssize_t k = write(fd, text, n);
        if (k <= 0) return;
        text += k;
        n -= (size_t)k;
    }
}

/* The job itself, by mpirun if it has several ranks. */
static void become(const struct executor_job *job)
{
    enum { MAX_ARGS = 300 };
    const char *argv[MAX_ARGS + 1];
    char ranks[16];
    size_t n = 0;
    snprintf(ranks, sizeof ranks, "%d", job->n_ranks);
    const char *const front[] = {"mpirun", "-n", ranks};
    for (size_t i = 0; job->n_ranks > 1 && i < 3; i++) argv[n++] = front[i];
    for (size_t i = 0; job->argv[i] && n < MAX_ARGS; i++) argv[n++] = job->argv[i];
    argv[n] = NULL;
    if (!argv[0]) _Exit(127);
    execvp(argv[0], (char *const *)argv);
    fprintf(stderr, "%s cannot be started: %s\n", argv[0], strerror(errno));
    _Exit(127);
}

static void close_others(int kept)
{
    long n = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (n > 0 && n < 65536 ? n : 65536); fd++)
        if (fd != kept) close(fd);
}

/* Runs in a child: returns only by leaving. The job keeps the lock open too, so that it is not taken for dead when its
 * supervisor is. */
static void supervise(const struct executor_job *job, int lock_fd, const char *exit_path)
{
    char text[256], log[EXECUTOR_MAX_PATH];
    int status        = 0;
    struct rusage use = {.ru_maxrss = 0};
    struct timespec t[2];
    time_t begin_s = time(NULL);
    /* a server would take the pass's connection for alive, with its locks, as long as the job runs */
    close_others(lock_fd);
    setsid(); /* its process group is its own: stop() signals it */
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    snprintf(log, sizeof log, "%s/log", job->folder);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _Exit(66);
    close(in);
    close(out);
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    write_all(lock_fd, text);
    fsync(lock_fd);
    clock_gettime(CLOCK_MONOTONIC, &t[0]);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGHUP, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        become(job);
    }
    if (child < 0) _Exit(66);
    while (wait4(child, &status, 0, &use) < 0 && errno == EINTR) continue;
    clock_gettime(CLOCK_MONOTONIC, &t[1]);
    snprintf(text, sizeof text, "%d\nbegin_s %lld\nend_s %lld\ncpu_s %.3f\nwall_s %.3f\nmax_rss_kb %ld\n",
             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), (long long)begin_s,
             (long long)time(NULL),
             (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec),
             (double)(t[1].tv_sec - t[0].tv_sec) + 1e-9 * (double)(t[1].tv_nsec - t[0].tv_nsec), use.ru_maxrss);
    _Exit(publish_text(exit_path, text, strlen(text), 1) ? 66 : 0);
}

static enum err start(const struct executor_job *job, char batch_id[64])
{
    char lock[EXECUTOR_MAX_PATH], exit_path[EXECUTOR_MAX_PATH];
    struct stat st;
    int unused;
    TRY(publish_make_folder(job->folder));
    TRY(executor_path(job->folder, "lock", lock));
    TRY(executor_path(job->folder, "exit", exit_path));
    batch_id[0] = 0;
    int fd      = open(lock, O_RDWR | O_CREAT, 0644); /* not close-on-exec: the job keeps it */
    REQUIRE(fd >= 0, ERR_WRITE, "%s cannot be made: %s", lock, strerror(errno));
    bool is_running = flock(fd, LOCK_EX | LOCK_NB) != 0;
    bool was_begun  = fstat(fd, &st) == 0 && st.st_size > 0;
    if (is_running || was_begun ||
        executor_read_number(exit_path, &unused)) { /* an earlier start, whose answer was lost */
        close(fd);
        return ERR_OK;
    }
    fflush(stdout);
    fflush(stderr);
    pid_t middle = fork();
    if (middle == 0) { /* one more, so that it is nobody's child and leaves no zombie */
        pid_t last = fork();
        if (last == 0) supervise(job, fd, exit_path);
        _Exit(last < 0 ? 66 : 0);
    }
    close(fd);
    int status = 0;
    while (middle > 0 && waitpid(middle, &status, 0) < 0 && errno == EINTR) continue;
    REQUIRE(middle > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0, ERR_AGAIN, "no process could be started: %s",
            strerror(errno));
    return ERR_OK;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */
/* Exit statuses of a shell's kind: 128 + the signal. */
static void name_state(const char *folder, struct executor_report *r)
{
    char path[EXECUTOR_MAX_PATH];
    const char *word = r->exit_code == 0 ? "COMPLETED" : r->exit_code > 128 ? "KILLED" : "FAILED";
    snprintf(r->state, sizeof r->state, "%s", r->exit_code == LOST ? "LOST" : word);
    if (r->exit_code > 128) snprintf(r->reason, sizeof r->reason, "%s", strsignal(r->exit_code - 128));
    if (executor_path(folder, "stopped", path)) err_clear();
    if (r->exit_code != 0 && access(path, F_OK) == 0) snprintf(r->state, sizeof r->state, "CANCELLED");
    if (r->exit_code == LOST)
        snprintf(r->reason, sizeof r->reason, "its supervisor is gone and left no exit status: host or processes died");
}

static enum err ask(const char *folder, const char *name, const char *batch_id, struct executor_report *r)
{
    char lock[EXECUTOR_MAX_PATH];
    struct stat st;
    (void)name;
    (void)batch_id;
    TRY(executor_path(folder, "lock", lock));
    *r            = (struct executor_report)EXECUTOR_REPORT_NONE;
    int fd        = open(lock, O_RDWR | O_CLOEXEC);
    bool is_none  = fd < 0 && errno == ENOENT;
    bool is_free  = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    bool is_begun = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;
    if (fd >= 0) close(fd);
    /* looked for after the lock: a job that ends now has left it by the time that its lock is free */
    if (executor_read_exit(folder, r) || (is_free && is_begun))
        r->answer = EXECUTOR_ENDED;
    else if (is_none || is_free)
        r->answer = EXECUTOR_NOT_STARTED;
    else if (fd >= 0)
        r->answer = EXECUTOR_RUNNING;
    if (is_begun) r->begin_s = r->begin_s < 0 ? (int64_t)st.st_mtime : r->begin_s;
    if (r->answer == EXECUTOR_RUNNING) snprintf(r->state, sizeof r->state, "RUNNING");
    if (r->answer == EXECUTOR_ENDED) name_state(folder, r);
    return ERR_OK;
}

/* The job is in the supervisor's session: all of its processes get the signal, the supervisor lives on to tell. */
static enum err stop(const char *folder, const char *name, const char *batch_id)
{
    char lock[EXECUTOR_MAX_PATH];
    struct executor_report report;
    int pid;
    TRY(ask(folder, name, batch_id, &report));
    if (report.answer != EXECUTOR_RUNNING) return ERR_OK;
    TRY(executor_path(folder, "lock", lock));
    REQUIRE(executor_read_number(lock, &pid) && pid > 1, ERR_AGAIN, "%s tells no process yet", lock);
    TRY(executor_path(folder, "stopped", lock));
    TRY(publish_text(lock, "", 0, 1)); /* that it was asked to is no fault of its files */
    kill(-pid, SIGTERM);
    return ERR_OK;
}

const struct executor executor_local = {"local", start, ask, stop, NULL, NULL};
