/* Communication between ranks, on MPI. */
#include "comm.h"

#include "log.h"
#include "mem.h"

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size = 1;
static bool is_up;

enum { TAG = 7, MAX_PENDING = 4096 };

/* Sends on their way: a slot is free again when MPI is done with it. */
static struct pending {
    MPI_Request request;
    char *data;
} pending[MAX_PENDING];
static size_t n_pending;

static enum err check(int code, const char *what)
{
    if (code == MPI_SUCCESS) return ERR_OK;
    char text[MPI_MAX_ERROR_STRING];
    int length;
    MPI_Error_string(code, text, &length);
    log_error("%s failed: %s", what, text);
    comm_abort(err_exit_code(ERR_COMM));
}
#define MPI_TRY(call) TRY(check((call), #call))

/* Waits without taking the core from a rank that works: MPI's own waiting spins. */
static enum err wait_quietly(MPI_Request *request)
{
    int is_done = 0;
    MPI_TRY(MPI_Test(request, &is_done, MPI_STATUS_IGNORE));
    for (useconds_t us = 1; !is_done; us = us < 500 ? 2 * us : us) {
        usleep(us);
        MPI_TRY(MPI_Test(request, &is_done, MPI_STATUS_IGNORE));
    }
    return ERR_OK;
}

static bool has_launcher(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PALS_RANKID"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i])) return true;
    return false;
}

enum err comm_init(void)
{
    if (!has_launcher()) {
        const char *n_tasks = getenv("SLURM_STEP_NUM_TASKS");
        REQUIRE(!n_tasks || strtol(n_tasks, NULL, 10) <= 1, ERR_OPTION,
                "this is a Slurm step of %s tasks, but no MPI launcher is recognised (none of OMPI_COMM_WORLD_SIZE, "
                "PMIX_RANK, PMI_RANK, PALS_RANKID is set): each task would run the same job. Use 'srun --mpi=pmix' (or "
                "your "
                "site's), or a step of one task",
                n_tasks);
        return ERR_OK;
    }
    /* Open MPI's data sieving reads and rewrites gaps under file locks, which parallel file systems may lack. */
    setenv("OMPI_MCA_fbtl_posix_write_datasieving", "0", 0);
    int provided;
    REQUIRE(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) == MPI_SUCCESS, ERR_COMM,
            "MPI cannot be started");
    is_up = true;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_TRY(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MPI_TRY(MPI_Comm_size(MPI_COMM_WORLD, &size));
    REQUIRE(provided >= MPI_THREAD_FUNNELED, ERR_COMM, "this MPI does not allow threads (MPI_THREAD_FUNNELED)");
    return ERR_OK;
}

static void reap(void)
{
    for (size_t i = 0; i < n_pending;) {
        int is_done = 0;
        check(MPI_Test(&pending[i].request, &is_done, MPI_STATUS_IGNORE), "MPI_Test");
        if (is_done) {
            mem_free(pending[i].data);
            pending[i] = pending[--n_pending];
        } else {
            i++;
        }
    }
}

void comm_finalize(void)
{
    if (!is_up) return;
    for (int tries = 0; n_pending && tries < 1000; tries++) {
        reap();
        if (n_pending) usleep(1000);
    }
    MPI_Finalize();
    is_up = false;
}

int comm_rank(void) { return rank; }
int comm_size(void) { return size; }

enum err comm_send(int to, const void *message, size_t n)
{
    REQUIRE(is_up && n <= COMM_MESSAGE_MAX, ERR_LOGIC, "a message of %zu bytes to rank %d", n, to);
    reap();
    REQUIRE(n_pending < MAX_PENDING, ERR_COMM, "%d messages are waiting to be taken; rank %d is not listening",
            MAX_PENDING, to);
    struct pending *p = &pending[n_pending];
    TRY(mem_alloc(&p->data, n, 1));
    memcpy(p->data, message, n);
    MPI_TRY(MPI_Isend(p->data, (int)n, MPI_BYTE, to, TAG, MPI_COMM_WORLD, &p->request));
    n_pending++;
    return ERR_OK;
}

bool comm_poll(int *from, void *message, size_t capacity, size_t *n)
{
    if (!is_up) return false;
    int is_there = 0, count = 0;
    MPI_Status status;
    check(MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &is_there, &status), "MPI_Iprobe");
    if (!is_there) return false;
    check(MPI_Recv(message, (int)capacity, MPI_BYTE, status.MPI_SOURCE, TAG, MPI_COMM_WORLD, &status), "MPI_Recv");
    MPI_Get_count(&status, MPI_BYTE, &count);
    *from = status.MPI_SOURCE;
    *n    = (size_t)count;
    return true;
}

enum err comm_broadcast(void *data, size_t n)
{
    if (!is_up) return ERR_OK;
    enum { PIECE = 1 << 28 };
    for (size_t at = 0; at < n; at += PIECE) {
        size_t part = n - at < PIECE ? n - at : PIECE;
        MPI_Request request;
        MPI_TRY(MPI_Ibcast((char *)data + at, (int)part, MPI_BYTE, 0, MPI_COMM_WORLD, &request));
        TRY(wait_quietly(&request));
    }
    return ERR_OK;
}

enum err comm_broadcast_text(char **text)
{
    uint64_t n = rank == 0 ? strlen(*text) + 1 : 0;
    TRY(comm_broadcast(&n, sizeof n));
    if (rank != 0) TRY(mem_alloc(text, n, 1));
    return comm_broadcast(*text, n);
}

enum err comm_agree(enum err own)
{
    if (!is_up) return own;
    int first = own ? rank : size, lowest;
    MPI_Request request;
    MPI_TRY(MPI_Iallreduce(&first, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request));
    TRY(wait_quietly(&request));
    if (lowest == size) return ERR_OK;
    struct {
        int code;
        char message[4096];
    } said = {(int)own, ""};
    snprintf(said.message, sizeof said.message, "%s", err_message());
    MPI_TRY(MPI_Bcast(&said, (int)sizeof said, MPI_BYTE, lowest, MPI_COMM_WORLD));
    if (rank != lowest) err_set_message(said.message);
    return (enum err)said.code;
}

enum err comm_gather(const void *data, size_t n, void *out)
{
    if (!is_up) {
        memcpy(out, data, n);
        return ERR_OK;
    }
    MPI_TRY(MPI_Gather(data, (int)n, MPI_BYTE, out, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD));
    return ERR_OK;
}

void comm_abort(int status)
{
    if (is_up) MPI_Abort(MPI_COMM_WORLD, status);
    _exit(status);
}
