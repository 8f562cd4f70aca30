/* Body of ring_reference.c for one precision: REAL, SQRT, NAME. Derivatives are per radian of azimuth. */

/* sum (normal[k] - i skew[k]) z^k */
static void NAME(series)(const double *normal, const double *skew, int n, REAL x, REAL y, REAL *re, REAL *im)
{
    *re = *im = 0;
    for (int k = n - 1; k >= 0; k--) {
        REAL t = *re * x - *im * y + (REAL)normal[k];
        *im    = *re * y + *im * x - (REAL)skew[k];
        *re    = t;
    }
}

static void NAME(field)(const struct ring *ring, int section, REAL x, REAL y, REAL t_ns, REAL *ex, REAL *ey)
{
    const struct ring_esq *esq = &ring->esq[section];
    if (ring->field == RING_CURVED) {
        const REAL R0 = (REAL)RING_R0_MM, K = (REAL)ring->linear;
        *ex = K / 2 * (R0 + x - R0 * R0 / (R0 + x));
        *ey = -K * y;
        return;
    }
    NAME(series)(esq->base.normal, esq->base.skew, ring->field == RING_LINEAR ? 2 : RING_MAX_ORDER, x, y, ex, ey);
    for (int i = 0; i < esq->n_terms; i++) {
        REAL a = (REAL)esq_time(&esq->time[i], (double)t_ns), re, im;
        NAME(series)(esq->term[i].normal, esq->term[i].skew, RING_MAX_ORDER, x, y, &re, &im);
        *ex += a * re, *ey += a * im;
    }
    *ey = -*ey;
}

static REAL NAME(potential_of)(const struct ring_multipoles *m, REAL x, REAL y)
{
    REAL re = 0, im = 0;
    for (int k = RING_MAX_ORDER - 1; k >= 0; k--) {
        re += (REAL)m->normal[k] / (k + 1);
        im -= (REAL)m->skew[k] / (k + 1);
        REAL t = re * x - im * y;
        im     = re * y + im * x;
        re     = t;
    }
    return (REAL)m->constant - re;
}

static REAL NAME(potential)(const struct ring *ring, int section, REAL x, REAL y, REAL t_ns)
{
    const struct ring_esq *esq = &ring->esq[section];
    if (ring->field == RING_CURVED) return (REAL)ring_potential(ring, section, (double)x, (double)y);
    REAL u = NAME(potential_of)(&esq->base, x, y);
    for (int i = 0; i < esq->n_terms; i++)
        u += (REAL)esq_time(&esq->time[i], (double)t_ns) * NAME(potential_of)(&esq->term[i], x, y);
    return u;
}

/* eps of a soft edge: the fall s along the beam times the section's field, the terms with s'' and the longitudinal one. */
static void NAME(soft_field)(const struct ring *ring, const struct where *at, REAL x, REAL y, REAL t_ns, REAL eps[3])
{
    REAL K = (REAL)ring->esq[at->section].base.normal[1], G = K / 24 * (x * x * x * x - y * y * y * y);
    REAL s = (REAL)at->s[0], s2 = (REAL)at->s[2];
    NAME(field)(ring, at->section, x, y, t_ns, &eps[0], &eps[1]);
    eps[0] = s * eps[0] - s2 * K * x * x * x / 6;
    eps[1] = s * eps[1] + s2 * K * y * y * y / 6;
    eps[2] = -((REAL)at->s[1] * NAME(potential)(ring, at->section, x, y, t_ns) + (REAL)at->s[3] * G) *
             (REAL)RING_R0_MM / ((REAL)RING_R0_MM + x);
}

/* b = (b_r, b_y) over B0: multipoles of the dipole, kickers. */
static void NAME(magnet)(const struct ring *ring, const struct where *at, REAL x, REAL y, REAL t_ns, REAL *br, REAL *by)
{
    double normal[DIPOLE_ORDERS], skew[DIPOLE_ORDERS];
    const REAL r0 = (REAL)APERTURE_MM;
    *br = *by = 0;
    if (ring->dipole) {
        dipole_map_at(ring->dipole, at->phi_rad, normal, skew);
        NAME(series)(normal, skew, DIPOLE_ORDERS, x / r0, y / r0, by, br);
    }
    if (at->kicker >= 0) {
        const struct ring_kicker *k = &ring->kicker[at->kicker];
        REAL size = -(REAL)(k->strength * kicker_value(&k->pulse, (double)t_ns - k->start_ns)), re = 0, im = 0;
        REAL wr = x * x - y * y, wi = 2 * x * y;
        for (int i = KICKER_PROFILE_TERMS - 1; i >= 0; i--) {
            REAL t = re * wr - im * wi + (REAL)k->profile[i];
            im     = re * wi + im * wr;
            re     = t;
        }
        *by += size * re, *br += size * im;
    }
}

static void NAME(derive)(const struct ring *ring, const struct where *at, const REAL v[N_STATE], REAL d[N_STATE])
{
    const REAL k2 = (REAL)ring->kappa * (REAL)ring->kappa, a = (REAL)ring->a;
    REAL gamma  = SQRT(1 + k2 * (v[PR] * v[PR] + v[PPHI] * v[PPHI] + v[PY] * v[PY]));
    REAL rate   = v[R] / v[PPHI]; /* e B0 / m / gamma times time, per azimuth */
    REAL eps[3] = {0, 0, 0}, br = 0, by = 0, x = v[R] - (REAL)RING_R0_MM, t = v[CLOCK] / (REAL)ring->omega_B;
    if (at->is_soft)
        NAME(soft_field)(ring, at, x, v[Y], t, eps);
    else if (at->is_esq)
        NAME(field)(ring, at->section, x, v[Y], t, &eps[0], &eps[1]);
    if (ring->dipole || at->kicker >= 0) NAME(magnet)(ring, at, x, v[Y], t, &br, &by);
    REAL fx = gamma * rate * eps[0], fy = gamma * rate * eps[1], fp = gamma * rate * eps[2], B = 1 + by;
    REAL cross[3] = {-v[PPHI] * B, v[PPHI] * br, v[PR] * B - v[PY] * br}; /* p x b: along r, y, phi */
    d[R]          = v[PR] * rate;
    d[Y]          = v[PY] * rate;
    d[PR]         = v[PPHI] + rate * cross[0] + fx;
    d[PPHI]       = rate * cross[2] - v[PR] + fp;
    d[PY]         = rate * cross[1] + fy;
    d[CLOCK]      = gamma * rate;
    /* Thomas-BMT in the turning frame, components (r, y, phi) */
    REAL ce = k2 * (a + 1 / (gamma + 1)) / gamma, cb = a * k2 / (gamma + 1) * rate * (v[PR] * br + v[PY] * B);
    REAL g  = (a * gamma + 1) * rate;
    REAL wr = cb * v[PR] - g * br + ce * (v[PY] * fp - v[PPHI] * fy);
    REAL wy = cb * v[PY] - g * B + 1 + ce * (v[PPHI] * fx - v[PR] * fp);
    REAL wp = cb * v[PPHI] + ce * (v[PR] * fy - v[PY] * fx);
    if (ring->eta != 0.0) { /* -(eta/2) kappa [f - (p f) p kappa^2 / (gamma (gamma + 1)) + rate p x b] */
        REAL c     = -(REAL)ring->eta / 2 * (REAL)ring->kappa;
        REAL along = (v[PR] * fx + v[PY] * fy + v[PPHI] * fp) * k2 / (gamma * (gamma + 1));
        wr += c * (fx - along * v[PR] + rate * cross[0]);
        wy += c * (fy - along * v[PY] + rate * cross[1]);
        wp += c * (fp - along * v[PPHI] + rate * cross[2]);
    }
    d[SR]   = wy * v[SPHI] - wp * v[SY];
    d[SY]   = wp * v[SR] - wr * v[SPHI];
    d[SPHI] = wr * v[SY] - wy * v[SR];
}

static void NAME(rk4)(const struct ring *ring, struct where *at, REAL v[N_STATE], double phi, double step)
{
    REAL k1[N_STATE], k2[N_STATE], k3[N_STATE], k4[N_STATE], u[N_STATE];
    const REAL h = (REAL)step;
    where_azimuth(ring, phi, at);
    NAME(derive)(ring, at, v, k1);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h / 2 * k1[i];
    where_azimuth(ring, phi + 0.5 * step, at);
    NAME(derive)(ring, at, u, k2);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h / 2 * k2[i];
    NAME(derive)(ring, at, u, k3);
    for (int i = 0; i < N_STATE; i++) u[i] = v[i] + h * k3[i];
    where_azimuth(ring, phi + step, at);
    NAME(derive)(ring, at, u, k4);
    for (int i = 0; i < N_STATE; i++) v[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
}

/* Hard edge: energy is exchanged with its longitudinal field; the spin turns by its impulse. */
static void NAME(edge)(const struct ring *ring, int section, REAL v[N_STATE], REAL sign)
{
    const REAL k2 = (REAL)ring->kappa * (REAL)ring->kappa;
    REAL gamma    = SQRT(1 + k2 * (v[PR] * v[PR] + v[PPHI] * v[PPHI] + v[PY] * v[PY]));
    REAL change =
        -sign * k2 * NAME(potential)(ring, section, v[R] - (REAL)RING_R0_MM, v[Y], v[CLOCK] / (REAL)ring->omega_B);
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
            bool is_soft              = ring->edge_mm > 0.0;
            if (s->kind == RING_EDGE && !is_soft) NAME(edge)(ring, s->index, v, s->scale > 0.0 ? 1 : -1);
            if (s->length_rad == 0.0) continue;
            struct where at = {.is_esq = s->kind == RING_PAIR, .section = s->index, .is_soft = is_soft};
            int k           = (int)ceil(s->length_rad * steps_per_turn / (2.0 * PI));
            double h        = s->length_rad / k;
            where_kicker(ring, s->phi_rad + 0.5 * s->length_rad, &at);
            for (int j = 0; j < k; j++) NAME(rk4)(ring, &at, v, s->phi_rad + j * h, h);
        }
}
