/* Histograms in integers. */
#include "hist.h"

#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t n_cells(const struct hist *h) { return (size_t)(h->x.n * h->y.n); }

static int same_axis(const struct hist_axis *a, const struct hist_axis *b)
{
    return a->n == b->n && !(a->low < b->low) && !(a->low > b->low) && !(a->high < b->high) && !(a->high > b->high);
}

static int same_binning(const struct hist *a, const struct hist *b)
{
    return same_axis(&a->x, &b->x) && same_axis(&a->y, &b->y) && !a->squares == !b->squares;
}

static void hist_free(struct hist *h)
{
    if (!h) return;
    mem_free(h->content);
    mem_free(h->squares);
    mem_free(h);
}

struct hist *hist_find(const struct hist_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->hist[i]->name, name) == 0) return set->hist[i];
    return NULL;
}

enum err hist_book(struct hist_set *set, const char *name, const char *title, struct hist_axis x, struct hist_axis y,
                   int is_weighted, struct hist **out)
{
    REQUIRE(x.n > 0 && y.n > 0 && x.high > x.low && y.high > y.low, ERR_LOGIC,
            "histogram %s: an axis has no bins or no width", name);
    struct hist *h;
    enum err rc;
    TRY(mem_alloc(&h, 1, sizeof *h));
    snprintf(h->name, sizeof h->name, "%s", name);
    snprintf(h->title, sizeof h->title, "%s", title);
    h->x       = x;
    h->y       = y;
    h->quantum = is_weighted ? 0x1p-20 : 1.0;
    TRY_TO(failed, mem_alloc(&h->content, n_cells(h), sizeof *h->content));
    if (is_weighted) TRY_TO(failed, mem_alloc(&h->squares, n_cells(h), sizeof *h->squares));
    struct hist *old = hist_find(set, name);
    if (old) {
        if (!same_binning(old, h)) FAIL_TO(failed, ERR_MISMATCH, "histogram %s exists with another binning", name);
        hist_free(h);
        *out = old;
        return ERR_OK;
    }
    if (set->n == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 16;
        TRY_TO(failed, mem_resize(&set->hist, set->n, capacity, sizeof(struct hist *)));
        set->capacity = capacity;
    }
    set->hist[set->n++] = h;
    *out                = h;
    return ERR_OK;
failed:
    hist_free(h);
    return rc;
}

static int64_t bin_of(const struct hist_axis *a, double value)
{
    double bin = floor((value - a->low) * ((double)a->n / (a->high - a->low)));
    if (!(bin >= 0.0) || bin >= (double)a->n) return -1; /* NaN too */
    return (int64_t)bin;
}

void hist_fill(struct hist *h, double x, double y, double weight)
{
    int64_t ix = bin_of(&h->x, x), iy = h->y.n == 1 ? 0 : bin_of(&h->y, y);
    h->n_entries++;
    if (ix < 0 || iy < 0) {
        h->n_outside++;
        return;
    }
    int64_t cell = ix * h->y.n + iy;
    h->content[cell] += h->squares ? llrint(weight / h->quantum) : llrint(weight);
    if (h->squares) h->squares[cell] += llrint(weight * weight / h->quantum);
}

enum err hist_set_add(struct hist_set *into, const struct hist_set *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct hist *f = from->hist[i];
        struct hist *h;
        TRY(hist_book(into, f->name, f->title, f->x, f->y, f->squares != NULL, &h));
        h->n_entries += f->n_entries;
        h->n_outside += f->n_outside;
        for (size_t c = 0; c < n_cells(h); c++) h->content[c] += f->content[c];
        if (h->squares)
            for (size_t c = 0; c < n_cells(h); c++) h->squares[c] += f->squares[c];
    }
    return ERR_OK;
}

void hist_set_clear(struct hist_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        struct hist *h = set->hist[i];
        h->n_entries = h->n_outside = 0;
        memset(h->content, 0, n_cells(h) * sizeof *h->content);
        if (h->squares) memset(h->squares, 0, n_cells(h) * sizeof *h->squares);
    }
}

void hist_set_cut(struct hist_set *set, size_t n)
{
    for (size_t i = n; i < set->n; i++) hist_free(set->hist[i]);
    if (n < set->n) set->n = n;
}

void hist_set_free(struct hist_set *set)
{
    for (size_t i = 0; i < set->n; i++) hist_free(set->hist[i]);
    mem_free(set->hist);
    *set = (struct hist_set){0};
}
