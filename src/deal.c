/* Dealing units to workers. Every call is O(1) but deal_silent, which is O(workers) and called about once a second. */
#include "deal.h"

#include "mem.h"

#include <stdlib.h>

struct deal_worker {
    int64_t unit; /* in hand, -1 none */
    double heard_s, granted_s;
};

struct deal {
    size_t n, capacity, n_workers;
    double *cost;
    size_t *order; /* units, longest first */
    size_t next;   /* in order */
    size_t *back;  /* returned units, a stack */
    size_t n_back;
    enum deal_state *state;
    size_t count[4];
    struct deal_worker *worker;
    bool is_stopped;
    double deadline_s, start_s;
    double done_cost, done_seconds; /* of units reported done: speed */
    double pending_cost;
};

struct rank_of_unit {
    double cost;
    size_t unit;
};

static int longest_first(const void *a, const void *b)
{
    const struct rank_of_unit *x = a, *y = b;
    if (x->cost > y->cost) return -1;
    if (x->cost < y->cost) return 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static enum err sort_units(struct deal *d)
{
    struct rank_of_unit *r;
    TRY(mem_alloc(&r, d->n, sizeof *r));
    for (size_t i = 0; i < d->n; i++) r[i] = (struct rank_of_unit){d->cost[i], i};
    qsort(r, d->n, sizeof *r, longest_first);
    for (size_t i = 0; i < d->n; i++) d->order[i] = r[i].unit;
    mem_free(r);
    return ERR_OK;
}

enum err deal_create(size_t n, const double *cost, size_t n_workers, double now_s, struct deal **out)
{
    struct deal *d;
    enum err rc;
    TRY(mem_alloc(&d, 1, sizeof *d));
    d->n = d->capacity = n;
    d->n_workers       = n_workers;
    d->start_s         = now_s;
    d->deadline_s      = -1.0;
    TRY_TO(failed, mem_alloc(&d->cost, n, sizeof *d->cost));
    TRY_TO(failed, mem_alloc(&d->order, n, sizeof *d->order));
    TRY_TO(failed, mem_alloc(&d->back, n, sizeof *d->back));
    TRY_TO(failed, mem_alloc(&d->state, n, sizeof *d->state));
    TRY_TO(failed, mem_alloc(&d->worker, n_workers, sizeof *d->worker));
    for (size_t i = 0; i < n; i++) {
        d->cost[i] = cost[i];
        d->pending_cost += cost[i];
    }
    for (size_t w = 0; w < n_workers; w++) d->worker[w] = (struct deal_worker){-1, now_s, now_s};
    d->count[DEAL_PENDING] = n;
    TRY_TO(failed, sort_units(d));
    *out = d;
    return ERR_OK;
failed:
    deal_free(d);
    return rc;
}

void deal_free(struct deal *d)
{
    if (!d) return;
    mem_free(d->cost);
    mem_free(d->order);
    mem_free(d->back);
    mem_free(d->state);
    mem_free(d->worker);
    mem_free(d);
}

static enum err grow(struct deal *d)
{
    size_t capacity = d->capacity ? 2 * d->capacity : 64;
    TRY(mem_resize(&d->cost, d->n, capacity, sizeof *d->cost));
    TRY(mem_resize(&d->order, d->n, capacity, sizeof *d->order));
    TRY(mem_resize(&d->back, d->n, capacity, sizeof *d->back));
    TRY(mem_resize(&d->state, d->n, capacity, sizeof *d->state));
    d->capacity = capacity;
    return ERR_OK;
}

enum err deal_add(struct deal *d, double cost)
{
    if (d->n == d->capacity) TRY(grow(d));
    d->cost[d->n]  = cost;
    d->order[d->n] = d->n;
    d->state[d->n] = DEAL_PENDING;
    d->n++;
    d->count[DEAL_PENDING]++;
    d->pending_cost += cost;
    return ERR_OK;
}

static void change(struct deal *d, size_t unit, enum deal_state to)
{
    enum deal_state from = d->state[unit];
    d->count[from]--;
    d->count[to]++;
    d->state[unit] = to;
    if (from == DEAL_PENDING) d->pending_cost -= d->cost[unit];
    if (to == DEAL_PENDING) d->pending_cost += d->cost[unit];
}

void deal_skip(struct deal *d, size_t unit)
{
    if (d->state[unit] == DEAL_PENDING) change(d, unit, DEAL_DONE);
}

static int64_t next_pending(struct deal *d)
{
    if (d->n_back) return (int64_t)d->back[d->n_back - 1];
    while (d->next < d->n && d->state[d->order[d->next]] != DEAL_PENDING) d->next++;
    return d->next < d->n ? (int64_t)d->order[d->next] : -1;
}

int64_t deal_grant(struct deal *d, size_t worker, double now_s)
{
    struct deal_worker *w = &d->worker[worker];
    if (d->is_stopped || w->unit >= 0) return -1;
    int64_t unit = next_pending(d);
    if (unit < 0) return -1;
    double predicted_s = d->done_cost > 0.0 ? d->cost[unit] * d->done_seconds / d->done_cost : 0.0;
    if (d->deadline_s >= 0.0 && now_s + predicted_s > d->deadline_s) {
        d->is_stopped = true;
        return -1;
    }
    if (d->n_back)
        d->n_back--;
    else
        d->next++;
    change(d, (size_t)unit, DEAL_GRANTED);
    w->unit      = unit;
    w->granted_s = now_s;
    return unit;
}

enum err deal_report(struct deal *d, size_t worker, size_t unit, bool is_done, double now_s)
{
    REQUIRE(worker < d->n_workers && unit < d->n && d->worker[worker].unit == (int64_t)unit, ERR_LOGIC,
            "worker %zu reports unit %zu, which it does not hold", worker, unit);
    struct deal_worker *w = &d->worker[worker];
    if (is_done) {
        d->done_cost += d->cost[unit];
        d->done_seconds += now_s - w->granted_s;
    }
    change(d, unit, is_done ? DEAL_DONE : DEAL_FAILED);
    w->unit = -1;
    return ERR_OK;
}

void deal_return(struct deal *d, size_t worker, size_t unit)
{
    if (d->worker[worker].unit != (int64_t)unit) return;
    d->worker[worker].unit = -1;
    change(d, unit, DEAL_PENDING);
    d->back[d->n_back++] = unit;
}

void deal_heard(struct deal *d, size_t worker, double now_s) { d->worker[worker].heard_s = now_s; }

int64_t deal_silent(const struct deal *d, double limit_s, double now_s)
{
    int64_t found = -1;
    double oldest = now_s - limit_s;
    for (size_t w = 0; w < d->n_workers; w++)
        if (d->worker[w].heard_s < oldest) {
            oldest = d->worker[w].heard_s;
            found  = (int64_t)w;
        }
    return found;
}

void deal_stop(struct deal *d) { d->is_stopped = true; }
bool deal_is_stopped(const struct deal *d) { return d->is_stopped; }
void deal_deadline(struct deal *d, double end_s) { d->deadline_s = end_s; }
size_t deal_count(const struct deal *d, enum deal_state state) { return d->count[state]; }

double deal_eta_s(const struct deal *d, double now_s)
{
    if (!(d->done_cost > 0.0)) return -1.0;
    double in_hand = 0.0;
    for (size_t w = 0; w < d->n_workers && d->n_workers < 4096; w++)
        if (d->worker[w].unit >= 0) in_hand += d->cost[d->worker[w].unit];
    double speed = d->done_cost / (now_s - d->start_s + 1e-9);
    return (d->pending_cost + 0.5 * in_hand) / speed;
}
