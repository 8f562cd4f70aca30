/* How long a stage's files and submissions took, from one moment to the next.
 * Tests: tests/t_latency.c, tests/cli/campaign_status.sh */
#ifndef GM2_LATENCY_H
#define GM2_LATENCY_H

#include "campaign.h"
#include "catalogue.h"

enum { LATENCY_BINS = 60 };

enum latency_kind {
    LATENCY_TAKEN_TO_PRODUCT,    /* of a file: end of its data taking (end_time) -> its first product is declared */
    LATENCY_DECLARED_TO_PRODUCT, /* of a file: it is declared -> its first product is declared */
    LATENCY_INPUT_TO_SUBMISSION, /* of a submission: the last of its files has a place -> it is noted */
    LATENCY_SUBMISSION_TO_BEGIN, /* of a submission: noted -> begins to run */
    LATENCY_SUBMISSION_TO_DONE,  /* of a submission: noted -> all its products are declared */
    N_LATENCY_KINDS
};

/** Times that took a while, [s]; a percentile is the value of rank ceil(p n / 100) (nearest rank). */
struct latency {
    int64_t n;
    double p50_s, p95_s, max_s;
    int64_t bin[LATENCY_BINS]; /* five a decade from 1 s on; the first holds what is shorter, the last what is longer */
};

/** Products over time: when the k-th file of a stage had its first product. */
struct latency_progress {
    int64_t *at_s; /* [n], ascending */
    size_t n;
};

/** Of a stage, by its number in the ledger. */
enum err latency_read(struct catalogue *catalogue, int64_t stage_id, const struct campaign_stage *stage,
                      struct latency out[N_LATENCY_KINDS], struct latency_progress *progress);
void latency_progress_free(struct latency_progress *progress);
const char *latency_name(enum latency_kind kind);
/** "taken -> product", ... for people. */
const char *latency_title(enum latency_kind kind);

/** Sorts n times in place and describes them. */
void latency_of(double *time_s, size_t n, struct latency *out);
/** Lower edge of a bin [s]. */
double latency_edge_s(int bin);

#endif
