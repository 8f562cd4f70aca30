/* Whether a stage may start something now, and whether the stages that need it may.
 * Tests: tests/t_stage_gate.c, tests/cli/campaign_gates.sh */
#ifndef GM2_STAGE_GATE_H
#define GM2_STAGE_GATE_H

#include "ledger_hold.h"
#include "stage_work.h"

/** located: completion_pct of the files have products (100: and nothing runs); complete: nothing runs, and every file has a
 *  product or is parked. */
bool stage_gate_is_complete(const struct campaign_stage_cfg *cfg, const struct step_stage *stage);
/** Whether there is nothing to do any more: all done or parked, nothing runs. */
bool stage_gate_is_over(const struct step_stage *stage);

/** "6h" or 1800: seconds; "2026-12-01 06:00", "2026-12-01": unix time, UTC. ERR_CONFIG. */
enum err stage_gate_interval(const char *text, int64_t *out_s);
enum err stage_gate_time(const char *text, int64_t *out_s);
/** Whether a launch is due: after `at_s`, and every_s since the last one (0: none yet). A clock that has jumped back before
 *  the last launch starts none later than a right one: what is held cannot start twice. */
bool stage_gate_is_due(int64_t at_s, int64_t every_s, int64_t last_s, int64_t now_s);

void stage_gate_tell(int64_t at_s, char out[32]);

struct stage_gate {
    const struct campaign *campaign;
    struct catalogue *catalogue;
    int64_t campaign_id, now_s;
    struct ledger_hold_row *hold;
    size_t n_holds;
};
/** Reads the holds; the clock. */
enum err stage_gate_open(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         struct stage_gate *gate);
void stage_gate_close(struct stage_gate *gate);
/** The hold of a stage, NULL if it is not held. */
const struct ledger_hold_row *stage_gate_hold(const struct stage_gate *gate, size_t index);
/** reports[index].why "": it may start; the others: of the stages before it in the campaign's order. */
enum err stage_gate_look(const struct stage_gate *gate, size_t index, struct step_stage *reports);

bool stage_gate_is_approval(const struct campaign_stage *stage);
/** An approval: asked for when the stages that it needs are complete; report->is_complete: it was given. */
enum err stage_gate_approval(const struct stage_work *work, bool may_ask, struct step_stage *report);
/** Gives it. ERR_MISMATCH: it is not asked for, or was given already (the message says by whom). */
enum err stage_gate_approve(const struct stage_work *work, const char *comment);

#endif
