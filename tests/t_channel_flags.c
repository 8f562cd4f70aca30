/* channel_flags and module ChannelCounts: dead and hot channels that were put in are found, and no others. */
#include "bank.h"
#include "channel_flags.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FILLS = 91 };

/* A subrun: the crystals' pattern over a factor 10, calorimeters over a factor 4 and not quite alike; counts are Poisson. */
static void make(struct rng *r, double mean, bool has_laser, struct channel_flags_count *count)
{
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        int c = i % N_CRYSTALS, k = i / N_CRYSTALS;
        double pattern = 0.19 + 0.11 * (c % 9) + 0.1 * (c / 9), size = 0.5 + 1.5 * k / N_CALOS;
        double mu = mean * pattern * size * (1.0 + 0.1 * rng_normal(r));
        count[i]  = (struct channel_flags_count){.n_fills     = FILLS,
                                                 .n_pulses    = (uint32_t)rng_poisson(r, fmax(0.0, mu)),
                                                 .n_laser     = has_laser ? FILLS : 0,
                                                 .n_response  = has_laser ? FILLS : 0,
                                                 .first_event = 1,
                                                 .last_event  = FILLS,
                                                 .last_laser  = has_laser ? FILLS : 0};
    }
}

static void kill(struct channel_flags_count *c) { c->n_pulses = c->n_response = c->first_event = c->last_event = 0; }

/* 100 subruns, 18 dead and 12 hot channels in each. By the beam alone a dead one is found where 21 or more counts are expected;
 * a false flag in 129,600 channels has a chance of 3e-4. */
static void beam_alone(void **state)
{
    (void)state;
    struct rng r = rng_start(rng_key(1, 1, 0, 0, 999), 0);
    static struct channel_flags_count count[CHANNEL_FLAGS_N];
    static struct channel_flags flags[CHANNEL_FLAGS_N];
    int n_dead = 0, n_hot = 0, n_missed = 0;
    for (int subrun = 0; subrun < 100; subrun++) {
        bool is_dead[CHANNEL_FLAGS_N] = {false}, is_hot[CHANNEL_FLAGS_N] = {false};
        make(&r, 100.0, false, count);
        for (int n = 0; n < 30; n++) {
            uint32_t i = rng_u32(&r) % CHANNEL_FLAGS_N;
            if (is_dead[i]) continue;
            if (n < 18) {
                is_dead[i] = true;
                kill(&count[i]);
            } else {
                is_hot[i]         = true;
                count[i].n_pulses = 5 * count[i].n_pulses + 50;
            }
        }
        channel_flags_find(count, flags);
        for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
            n_dead += is_dead[i];
            n_hot += is_hot[i];
            n_missed += is_dead[i] && !flags[i].is_dead && flags[i].expected > 23.0;
            assert_true(is_dead[i] || !flags[i].is_dead);
            assert_true(is_hot[i] == flags[i].is_hot);
            assert_true(flags[i].is_known == (flags[i].expected > 20.72));
        }
    }
    print_message("%d dead, %d hot channels; not found though 23 pulses were expected: %d\n", n_dead, n_hot, n_missed);
    assert_int_equal(n_missed, 0);
}

/* A few fills are enough with the laser, and tell the event. */
static void with_laser(void **state)
{
    (void)state;
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 999), 0);
    static struct channel_flags_count count[CHANNEL_FLAGS_N];
    static struct channel_flags flags[CHANNEL_FLAGS_N];
    make(&r, 3.0, true, count);
    kill(&count[7]);
    count[100].n_response  = 40; /* dies behind event 40 */
    count[100].last_event  = 40;
    count[200].n_response  = 61; /* begins with event 31 */
    count[200].first_event = 31;
    count[300].n_response  = 60; /* answers now and then: neither */
    count[301].n_response  = 89; /* two answers missing at the end: may come back */
    count[301].last_event  = 89;
    channel_flags_find(count, flags);
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        assert_true(flags[i].is_known && !flags[i].is_hot);
        assert_int_equal(flags[i].is_dead, i == 7 || i == 200);
        assert_int_equal(flags[i].dead_from, i == 100 ? 41 : 0);
        assert_int_equal(flags[i].alive_from, i == 200 ? 31 : 0);
    }
}

static void probabilities(void **state)
{
    (void)state;
    assert_true(fabs(channel_flags_ln_p(5.0, 0, false) + 5.0) < 1e-9);
    assert_true(fabs(channel_flags_ln_p(2.0, 1, true) - log(1.0 - exp(-2.0))) < 1e-9);
    assert_true(channel_flags_ln_p(2.0, 0, true) == 0.0 && channel_flags_ln_p(0.0, 0, false) == 0.0);
    assert_true(isinf(channel_flags_ln_p(0.0, 1, true)));
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */
extern const struct module module_channel_counts;
enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_PULSE, LENGTH = 10 };

/* An island of calorimeter 2 with all crystals, a laser pulse that crystal 5 does not answer, and one of calorimeter 3 with a
 * shower in two crystals. */
static void add_islands(struct step *s)
{
    assert_int_equal(block_resize(s->in[IN_ISLAND], 2), ERR_OK);
    assert_int_equal(block_resize(s->in[IN_TRACE], 2 * N_CRYSTALS), ERR_OK);
    assert_int_equal(block_resize(s->in[IN_SAMPLE], 2 * N_CRYSTALS * LENGTH), ERR_OK);
    struct island_view island = island_view(s->in[IN_ISLAND]);
    struct trace_view trace   = trace_view(s->in[IN_TRACE]);
    struct sample_view sample = sample_view(s->in[IN_SAMPLE]);
    for (uint32_t k = 0; k < 2; k++) {
        island.calo[k]        = (uint8_t)(2 + k);
        island.n_samples[k]   = LENGTH;
        island.n_crystals[k]  = N_CRYSTALS;
        island.first_trace[k] = k * N_CRYSTALS;
    }
    for (uint32_t t = 0; t < 2 * N_CRYSTALS; t++) {
        uint32_t c            = t % N_CRYSTALS;
        bool has_light        = t < N_CRYSTALS ? c != 5 : c < 2;
        trace.crystal[t]      = (uint8_t)c;
        trace.pedestal_adc[t] = -1700.0F;
        trace.first_sample[t] = t * LENGTH;
        for (uint32_t i = 0; i < LENGTH; i++)
            sample.adc[t * LENGTH + i] = (int16_t)(i == 4 && has_light ? -1500 : -1700);
    }
}

static void module_counts(void **state)
{
    (void)state;
    void *cfg     = calloc(1, module_channel_counts.cfg_size);
    struct step s = {.module = &module_channel_counts, .label = "counts", .cfg = cfg};
    assert_int_equal(cfg_read(module_channel_counts.fields, NULL, "counts", NULL, cfg), ERR_OK);
    for (int i = 0; i <= IN_PULSE; i++)
        assert_int_equal(block_create(module_channel_counts.in[i].table, &s.in[i]), ERR_OK);
    assert_int_equal(block_create(&table_channel_count, &s.out[0]), ERR_OK);
    assert_int_equal(module_channel_counts.begin(&s), ERR_OK);
    assert_int_equal(module_channel_counts.begin_unit(&s), ERR_OK);
    assert_int_equal(block_resize(s.in[IN_FILL], 1), ERR_OK);
    add_islands(&s);
    assert_int_equal(block_resize(s.in[IN_PULSE], 2), ERR_OK);
    struct pulse_view pulse = pulse_view(s.in[IN_PULSE]);
    for (int i = 0; i < 2; i++) {
        pulse.calo[i]       = 2;
        pulse.crystal[i]    = (uint8_t)(5 + i);
        pulse.energy_GeV[i] = i ? 0.5 : 0.02; /* the first is too small */
    }
    for (uint32_t event = 1; event <= 4; event++) {
        fill_view(s.in[IN_FILL]).fill_type[0] = event == 4 ? BANK_PEDESTAL : BANK_MUON;
        s.fill.event                          = event;
        assert_int_equal(module_channel_counts.event(&s), ERR_OK);
    }
    assert_int_equal(module_channel_counts.end_unit(&s), ERR_OK);
    struct channel_count_view v = channel_count_view(s.out[0]);
    const size_t dead = N_CRYSTALS + 5, alive = N_CRYSTALS + 6;
    assert_int_equal(v.n, CHANNEL_FLAGS_N);
    assert_true(v.calo[dead] == 2 && v.crystal[dead] == 5);
    assert_true(v.n_fills[dead] == 3 && v.n_laser[dead] == 3 && v.n_response[dead] == 0 && v.n_pulses[dead] == 0);
    assert_true(v.first_event[dead] == 0 && v.last_event[dead] == 0 && v.last_laser[dead] == 3);
    assert_true(v.n_response[alive] == 3 && v.n_pulses[alive] == 3 && v.first_event[alive] == 1);
    assert_true(v.n_fills[0] == 0 && v.n_laser[0] == 0);
    assert_true(v.n_fills[2 * N_CRYSTALS] == 3 && v.n_laser[2 * N_CRYSTALS] == 0 && v.n_response[2 * N_CRYSTALS] == 0);
    module_channel_counts.end(&s);
    for (int i = 0; i <= IN_PULSE; i++) block_free(s.in[i]);
    block_free(s.out[0]);
    cfg_free(module_channel_counts.fields, cfg);
    free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beam_alone), cmocka_unit_test(with_laser),
                                       cmocka_unit_test(probabilities), cmocka_unit_test(module_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
