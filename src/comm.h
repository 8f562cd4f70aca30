/* Communication between ranks: the only file that knows MPI besides the shard writer.
 *
 * MPI is started only under a recognised launcher; otherwise there is one rank and every call works on it alone.
 * All calls come from the main thread (MPI_THREAD_FUNNELED). If MPI itself fails, comm.c logs and ends the job. */
#ifndef GM2_COMM_H
#define GM2_COMM_H

#include "err.h"

#include <stdbool.h>

/** Starts MPI if OMPI_COMM_WORLD_SIZE, PMIX_RANK, PMI_RANK or PALS_RANKID is in the environment. In a Slurm step of several
 *  tasks without one of them: ERR_OPTION, rather than the same job many times. */
enum err comm_init(void);
void comm_finalize(void);
int comm_rank(void);
int comm_size(void);

/** Sends a message without waiting for it to be received; n <= COMM_MESSAGE_MAX bytes. */
enum err comm_send(int to, const void *message, size_t n);
enum { COMM_MESSAGE_MAX = 8192 };
/** Takes one message if there is any; false when none. */
bool comm_poll(int *from, void *message, size_t capacity, size_t *n);

/** Collective: rank 0's text to all; on others *text is made (mem_free() it). */
enum err comm_broadcast_text(char **text);
/** Collective: rank 0's bytes to all. */
enum err comm_broadcast(void *data, size_t n);
/** Collective: the code, and the message, of the first failing rank, on all ranks; ERR_OK if none fails. */
enum err comm_agree(enum err own);
/** Collective: all ranks' blocks of n bytes to rank 0 (out: [n_ranks][n], NULL elsewhere). */
enum err comm_gather(const void *data, size_t n, void *out);
/** Ends all ranks at once with this exit status; does not return. */
void comm_abort(int status) __attribute__((noreturn));

#endif
