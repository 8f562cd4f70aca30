/* Which ring a muon sees when. */
#include "ring_stages.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <string.h>

#define FASTEST_TURN_NS 145.0
#define OPEN_MM         110.0 /* beam on its way in */
#define FORGOTTEN       10.0  /* time constants until 4.5e-5 is left: 1e-4 mm of the closed orbit of scraping */

/* When the last pulse is over; HUGE_VAL if eddy currents stay, -HUGE_VAL without kickers. */
static double kickers_end_ns(const struct ring_setup *s)
{
    double end = -HUGE_VAL;
    for (size_t i = 0; i < s->n_kickers; i++) {
        const struct kicker_pulse *p = &s->kicker[i].pulse;
        if (s->kicker[i].strength == 0.0) continue;
        double last = s->kicker[i].start_ns + p->first_ns + p->step_ns * (double)p->n;
        end         = p->eddy != 0.0 ? HUGE_VAL : fmax(end, last);
    }
    return end;
}

static double voltages_end_ns(const struct ring_setup *s)
{
    double end = -HUGE_VAL;
    for (int i = 0; i < RING_SECTIONS; i++)
        for (size_t k = 0; k < s->extra[i].n_terms; k++) {
            const struct esq_time *t = &s->extra[i].term[k].time;
            end                      = fmax(end, t->begin_ns + FORGOTTEN * t->tau_ns);
        }
    return end;
}

static double open_deg(const struct ring_setup *s)
{
    double deg = 105.0; /* without kickers: where they would end */
    for (size_t i = 0; i < s->n_kickers; i++) deg = fmax(deg, s->kicker[i].centre_deg + 0.5 * s->kicker[i].length_deg);
    return deg;
}

/* Adds the stage until every muon is later than end_ns; nothing if it is over before it begins. */
static enum err add(struct ring_stages *out, const struct ring_setup *setup, double *begin_ns, double end_ns)
{
    if (end_ns <= *begin_ns) return ERR_OK;
    TRY(ring_build(setup, &out->ring[out->n]));
    double crossings   = ceil((end_ns - *begin_ns) / FASTEST_TURN_NS) + 1.0;
    out->stage[out->n] = (struct ring_stage){&out->ring[out->n], crossings};
    out->n++;
    *begin_ns += (crossings - 1.0) * FASTEST_TURN_NS;
    return ERR_OK;
}

/* What is over for every muon. */
static void forget(struct ring_setup *s, double begin_ns, double kickers_end_ns, double voltages_end_ns)
{
    if (begin_ns >= kickers_end_ns) s->n_kickers = 0;
    for (int i = 0; i < RING_SECTIONS && begin_ns >= voltages_end_ns; i++) s->extra[i].n_terms = 0;
}

enum err ring_stages_make(const struct ring_setup *setup, bool is_injected, double first_ns, struct ring_stages *out)
{
    struct ring_setup s = *setup;
    double begin_ns = -first_ns, kickers_end = kickers_end_ns(setup), voltages_end = voltages_end_ns(setup);
    *out = (struct ring_stages){0};
    TRY(mem_alloc(&out->ring, RING_MAX_STAGES, sizeof *out->ring));
    if (is_injected) { /* the rest of the turn they start in, and the whole of the next */
        s.open_deg  = open_deg(setup);
        s.vacuum_mm = OPEN_MM;
        TRY(ring_build(&s, &out->ring[0]));
        out->stage[out->n++] = (struct ring_stage){&out->ring[0], 2.0};
        begin_ns += FASTEST_TURN_NS;
        s.open_deg  = 0.0;
        s.vacuum_mm = setup->vacuum_mm;
    }
    TRY(add(out, &s, &begin_ns, fmin(kickers_end, voltages_end)));
    forget(&s, begin_ns, kickers_end, voltages_end);
    if (isfinite(kickers_end)) TRY(add(out, &s, &begin_ns, kickers_end));
    TRY(add(out, &s, &begin_ns, voltages_end));
    forget(&s, begin_ns, kickers_end, voltages_end);
    TRY(ring_build(&s, &out->ring[out->n]));
    out->stage[out->n] = (struct ring_stage){&out->ring[out->n], HUGE_VAL};
    out->n++;
    return ERR_OK;
}

void ring_stages_free(struct ring_stages *stages)
{
    mem_free(stages->ring);
    *stages = (struct ring_stages){0};
}
