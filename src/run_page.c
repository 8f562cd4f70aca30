/* Starting and ending the process of the page. */
#include "run_page.h"

#include "dqm_cfg.h"
#include "log.h"
#include "mem.h"
#include "publish.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LAST_PAGE_S = 60 };

struct run_page {
    pid_t pid;
    int pipe_fd;
};

static enum err write_document(const struct job *job, size_t size, char *path)
{
    char *text;
    snprintf(path, size, "%s/dqm", job->out_dir);
    TRY(publish_make_folder(path));
    snprintf(path, size, "%s/dqm/job.fcl", job->out_dir);
    TRY(fhicl_print(job->document, false, &text));
    enum err rc = publish_text(path, text, strlen(text), 1);
    mem_free(text);
    return rc;
}

static int spawn(const char *config, char *output, bool is_live, int read_fd, pid_t *pid)
{
    char name[] = "gm2", command[] = "dqm", follow[] = "--follow", live[] = "--live", with[] = "-c", file[1600];
    posix_spawn_file_actions_t actions;
    snprintf(file, sizeof file, "%s", config);
    char *const argv[] = {name, command, output, with, file, follow, is_live ? live : NULL, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, read_fd, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static enum err is_wanted(const struct job *job, bool *out)
{
    struct dqm_cfg cfg;
    TRY(cfg_read(dqm_cfg_fields, fhicl_get(job->document, "services.dqm"), "services.dqm", NULL, &cfg));
    *out = cfg.is_on;
    cfg_free(dqm_cfg_fields, &cfg);
    return ERR_OK;
}

enum err run_page_open(const struct job *job, struct run_page **out)
{
    char config[1600], output[1400];
    int fd[2];
    bool is_on;
    *out = NULL;
    TRY(is_wanted(job, &is_on));
    REQUIRE(is_on || job->options.fraction == 0.0, ERR_CONFIG,
            "--fraction makes nothing but the page, and services.dqm.is_on is false");
    if (!is_on) return ERR_OK;
    TRY(write_document(job, sizeof config, config));
    TRY(mem_alloc(out, 1, sizeof **out));
    REQUIRE(pipe2(fd, O_CLOEXEC) == 0, ERR_MEMORY, "no pipe for the page: %s", strerror(errno));
    fcntl(fd[1], F_SETFL, O_NONBLOCK);
    snprintf(output, sizeof output, "%s/%s.h5", job->out_dir, job->out_stem);
    int rc = spawn(config, output, job->options.fraction > 0.0, fd[0], &(*out)->pid);
    close(fd[0]);
    (*out)->pipe_fd = fd[1];
    REQUIRE(rc == 0, ERR_MEMORY, "the process of the page cannot be started: %s", strerror(rc));
    return ERR_OK;
}

void run_page_say(struct run_page *page, const char *line)
{
    char text[300];
    int n = snprintf(text, sizeof text, "%.280s\n", line);
    if (page && write(page->pipe_fd, text, (size_t)n) < 0 && errno == EPIPE) log_debug("nobody makes the page");
}

void run_page_close(struct run_page *page)
{
    if (!page) return;
    if (page->pipe_fd > 0) close(page->pipe_fd);
    for (int tenth = 0; page->pid > 0 && waitpid(page->pid, NULL, WNOHANG) == 0; tenth++) {
        struct timespec wait = {0, 100000000};
        nanosleep(&wait, NULL);
        watchdog_feed();
        if (tenth < 10 * LAST_PAGE_S) continue;
        log_warn("the last page takes too long: it is given up");
        kill(page->pid, SIGKILL);
        waitpid(page->pid, NULL, 0);
        break;
    }
    mem_free(page);
}
