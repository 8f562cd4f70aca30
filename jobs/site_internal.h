/* What the site's files share. */
#ifndef GM2_SITE_INTERNAL_H
#define GM2_SITE_INTERNAL_H

#include "cmd_campaign.h"
#include "html.h"
#include "page.h"
#include "site.h"
#include "status.h"

enum { SITE_PATH = 2048, SITE_SUBMISSIONS = 100, SITE_FILES = 1000 }; /* rows a page */

/* Names of POMS, for the files of a stage; a file is in one state. */
enum site_file_state {
    SITE_SUBMITTED,
    SITE_DELIVERED,
    SITE_UNKNOWN,
    SITE_CONSUMED,
    SITE_FAILED,
    SITE_SKIPPED,
    SITE_CANCELLED,
    SITE_SOME_KIDS,
    SITE_ALL_KIDS,
    SITE_LOCATED,
    N_SITE_FILE_STATES
};
const char *site_file_state_name(enum site_file_state state);

struct site_file {
    int64_t id, submission_id, attempts;
    enum site_file_state state;
    char *name;
};
struct site_held { /* a file of a submission */
    int64_t submission_id, file_id;
};
struct site_event {
    int64_t submission_id, at_s;
    enum ledger_state state;
    char *reason;
};

/* The lists of a stage, each ascending by its first column. */
struct site_stage {
    struct ledger_submission *submission;
    struct site_file *file;
    struct site_held *held;
    struct site_event *event;
    size_t n_submissions, n_files, n_held, n_events;
    size_t n_in_state[N_SITE_FILE_STATES];
    int64_t n_products; /* with a place */
};
enum err site_stage_read(struct catalogue *catalogue, const struct status_stage *stage,
                         const struct campaign_stage *described, struct site_stage *out);
void site_stage_free(struct site_stage *stage);

/* A campaign with all that its pages show. */
struct site_campaign {
    struct cmd_campaign k;
    struct status status;
    struct site_stage *stage; /* [n_stages] */
};

/* A page under way. */
struct site {
    const char *db, *folder;
    struct site_tally *tally;
};
struct site_page {
    FILE *f;
    char *text;
    size_t n;
};
enum err site_begin(const char *title, const char *heading, struct site_page *page);
/* Publishes FOLDER/NAME; frees. */
enum err site_end(const struct site *site, struct site_page *page, const char *name);

/* A cell with a number of the status: its id is STAGE/KEY. */
void site_cell(FILE *f, const char *stage, const char *key, int64_t value);
void site_cell_x(FILE *f, const char *stage, const char *key, double value); /* below 0: "-" */
void site_text_cell(FILE *f, const char *text);
void site_row(FILE *f, const char *name, const char *text); /* <tr><th>name<td>text */
void site_command(FILE *f, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Files, subruns, rates: a table of stages, links from the names. */
void site_stage_table(FILE *f, const struct status *k, size_t from, size_t to);
/* For what stages wait; live submissions of earlier descriptions. */
void site_waits(FILE *f, const struct status *k, size_t from, size_t to);
void site_older(FILE *f, const struct status *k);
void site_day_table(FILE *f, const struct status *k, size_t from, size_t to);
void site_hints(FILE *f, const struct status *k, size_t from, size_t to);
void site_latest(FILE *f, const struct status *k, const struct status_submission *latest, size_t n);

enum err site_stage_page(const struct site *site, const struct site_campaign *c, size_t index);
enum err site_list_pages(const struct site *site, const struct site_campaign *c, size_t stage);

/* The dependency graph as SVG elements for a page, to be freed with mem_free(). ERR_NOTFOUND without graphviz. */
enum err site_graph(const struct status *k, const char *folder, char **svg);
enum err site_draw_progress(const struct status *k, size_t from, size_t to, const char *folder,
                            struct page_figure *figure);
enum err site_draw_latency(const struct status_stage *stage, const char *folder, struct page_figure *figure);

#endif
