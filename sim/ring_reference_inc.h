/* Body of ring_reference.c for one precision: REAL, SQRT, NAME. Derivatives are per radian of azimuth. */

static void NAME(field)(const struct ring *ring, REAL x, REAL y, REAL *ex, REAL *ey)
{
    if (ring->field == RING_CURVED) {
        const REAL R0 = (REAL)RING_R0_MM, K = (REAL)ring->linear;
        *ex = K / 2 * (R0 + x - R0 * R0 / (R0 + x));
        *ey = -K * y;
        return;
    }
    int top = ring->field == RING_LINEAR ? 1 : RING_MAX_ORDER - 1;
    REAL re = 0, im = 0;
    for (int k = top; k >= 0; k--) {
        REAL t = re * x - im * y + (REAL)ring->normal[k];
        im     = re * y + im * x - (REAL)ring->skew[k];
        re     = t;
    }
    *ex = re;
    *ey = -im;
}

static REAL NAME(potential)(const struct ring *ring, REAL x, REAL y)
{
    if (ring->field == RING_CURVED) return (REAL)ring_potential(ring, (double)x, (double)y);
    REAL re = 0, im = 0;
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        re += (REAL)ring->normal[k] / (k + 1);
        im -= (REAL)ring->skew[k] / (k + 1);
        REAL t = re * x - im * y;
        im     = re * y + im * x;
        re     = t;
    }
    return -re;
}

static void NAME(derive)(const struct ring *ring, int in_esq, const REAL v[N_STATE], REAL d[N_STATE])
{
    const REAL k2 = (REAL)ring->kappa * (REAL)ring->kappa, a = (REAL)ring->a;
    REAL gamma = SQRT(1 + k2 * (v[PR] * v[PR] + v[PPHI] * v[PPHI] + v[PY] * v[PY]));
    REAL rate  = v[R] / v[PPHI]; /* e B0 / m / gamma times time, per azimuth */
    REAL ex = 0, ey = 0;
    if (in_esq) NAME(field)(ring, v[R] - (REAL)RING_R0_MM, v[Y], &ex, &ey);
    REAL fx = gamma * rate * ex, fy = gamma * rate * ey;
    d[R]     = v[PR] * rate;
    d[Y]     = v[PY] * rate;
    d[PR]    = v[PPHI] - v[R] + fx;
    d[PPHI]  = v[PR] * rate - v[PR];
    d[PY]    = fy;
    d[CLOCK] = gamma * rate;
    /* Thomas-BMT in the turning frame, components (r, y, phi) */
    REAL ce = k2 * (a + 1 / (gamma + 1)) / gamma, cb = a * k2 / (gamma + 1) * v[PY] * rate;
    REAL wr = cb * v[PR] - ce * v[PPHI] * fy;
    REAL wy = cb * v[PY] - (a * gamma + 1) * rate + 1 + ce * v[PPHI] * fx;
    REAL wp = cb * v[PPHI] + ce * (v[PR] * fy - v[PY] * fx);
    d[SR]   = wy * v[SPHI] - wp * v[SY];
    d[SY]   = wp * v[SR] - wr * v[SPHI];
    d[SPHI] = wr * v[SY] - wy * v[SR];
}

static void NAME(rk4)(const struct ring *ring, int in_esq, REAL v[N_STATE], REAL h)
{
    REAL k1[N_STATE], k2[N_STATE], k3[N_STATE], k4[N_STATE], u[N_STATE];
    NAME(derive)(ring, in_esq, v, k1);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h / 2 * k1[i];
    NAME(derive)(ring, in_esq, u, k2);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h / 2 * k2[i];
    NAME(derive)(ring, in_esq, u, k3);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h * k3[i];
    NAME(derive)(ring, in_esq, u, k4);
    for (int i = 0; i < N_STATE; i++) v[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
}

/* Energy is exchanged with the longitudinal field of the edge; the spin turns by its impulse. */
static void NAME(edge)(const struct ring *ring, REAL v[N_STATE], REAL sign)
{
    const REAL k2 = (REAL)ring->kappa * (REAL)ring->kappa;
    REAL gamma    = SQRT(1 + k2 * (v[PR] * v[PR] + v[PPHI] * v[PPHI] + v[PY] * v[PY]));
    REAL change   = -sign * k2 * NAME(potential)(ring, v[R] - (REAL)RING_R0_MM, v[Y]);
    REAL mid = gamma + change / 2, before = v[PPHI];
    v[PPHI] = SQRT(before * before + 2 * mid * change / k2);
    REAL dp = v[PPHI] - before, c = k2 * ((REAL)ring->a + 1 / (mid + 1)) / mid * dp;
    REAL wr = c * v[PY], wy = -c * v[PR]; /* p x dp for dp along phi: (r, y, phi) is right-handed */
    REAL sr = v[SR] + wy * v[SPHI], sy = v[SY] - wr * v[SPHI], sp = v[SPHI] + wr * v[SY] - wy * v[SR];
    REAL n = SQRT((v[SR] * v[SR] + v[SY] * v[SY] + v[SPHI] * v[SPHI]) / (sr * sr + sy * sy + sp * sp));
    v[SR] = sr * n, v[SY] = sy * n, v[SPHI] = sp * n;
}

static void NAME(turns)(const struct ring *ring, REAL v[N_STATE], int64_t n, int steps_per_turn)
{
    for (int64_t turn = 0; turn < n; turn++)
        for (size_t i = 0; i < ring->n_steps; i++) {
            const struct ring_step *s = &ring->steps[i];
            if (s->kind == RING_ENTER || s->kind == RING_EXIT) NAME(edge)(ring, v, s->kind == RING_ENTER ? 1 : -1);
            if (s->kind != RING_DRIFT && s->kind != RING_PAIR) continue;
            int k = (int)ceil(s->length_rad * steps_per_turn / (2.0 * PI));
            for (int j = 0; j < k; j++) NAME(rk4)(ring, s->kind == RING_PAIR, v, (REAL)s->length_rad / k);
        }
}
