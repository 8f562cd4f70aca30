/* Truncated power series: coefficients in order of degree. */
#include "ring_tpsa.h"

#include <math.h>
#include <string.h>

int tpsa_index(const struct tpsa_space *s, const int exponent[TPSA_VARIABLES])
{
    for (int i = 0; i < TPSA_TERMS; i++)
        if (memcmp(s->exponent[i], exponent, sizeof s->exponent[i]) == 0) return i;
    return -1;
}

/* The next monomial of the same degree: one step of the last variable that can give to the one after it. */
static int next_monomial(int e[TPSA_VARIABLES])
{
    int rest = e[TPSA_VARIABLES - 1];
    int v    = TPSA_VARIABLES - 2;
    while (v >= 0 && e[v] == 0) v--;
    if (v < 0) return 0;
    e[TPSA_VARIABLES - 1] = 0;
    e[v]--;
    e[v + 1] = rest + 1;
    return 1;
}

void tpsa_space_make(struct tpsa_space *s)
{
    int n = 0;
    for (int degree = 0; degree <= TPSA_ORDER; degree++) {
        int e[TPSA_VARIABLES] = {degree};
        s->n_below[degree]    = n;
        do {
            memcpy(s->exponent[n], e, sizeof e);
            s->degree[n++] = degree;
        } while (next_monomial(e));
    }
    s->n_below[TPSA_ORDER + 1] = n;
    for (int i = 0; i < TPSA_TERMS; i++)
        for (int j = 0; j < TPSA_TERMS; j++) {
            int e[TPSA_VARIABLES];
            for (int v = 0; v < TPSA_VARIABLES; v++) e[v] = s->exponent[i][v] + s->exponent[j][v];
            s->product[i][j] = s->degree[i] + s->degree[j] <= TPSA_ORDER ? tpsa_index(s, e) : -1;
        }
}

struct tpsa tpsa_constant(double value) { return (struct tpsa){{value}}; }

struct tpsa tpsa_variable(const struct tpsa_space *s, int variable, double value, double scale)
{
    struct tpsa a         = {{value}};
    int e[TPSA_VARIABLES] = {0};
    e[variable]           = 1;
    a.c[tpsa_index(s, e)] = scale;
    return a;
}

struct tpsa tpsa_add(struct tpsa a, struct tpsa b)
{
    for (int i = 0; i < TPSA_TERMS; i++) a.c[i] += b.c[i];
    return a;
}

struct tpsa tpsa_sub(struct tpsa a, struct tpsa b)
{
    for (int i = 0; i < TPSA_TERMS; i++) a.c[i] -= b.c[i];
    return a;
}

struct tpsa tpsa_scale(struct tpsa a, double factor)
{
    for (int i = 0; i < TPSA_TERMS; i++) a.c[i] *= factor;
    return a;
}

struct tpsa tpsa_plus(struct tpsa a, double value)
{
    a.c[0] += value;
    return a;
}

struct tpsa tpsa_mul(const struct tpsa_space *s, struct tpsa a, struct tpsa b)
{
    struct tpsa r = {{0.0}};
    for (int i = 0; i < TPSA_TERMS; i++) {
        const int n = s->n_below[TPSA_ORDER - s->degree[i] + 1];
        if (a.c[i] == 0.0) continue;
        for (int j = 0; j < n; j++) r.c[s->product[i][j]] += a.c[i] * b.c[j];
    }
    return r;
}

/* sum f[k] (a - a0)^k */
static struct tpsa taylor(const struct tpsa_space *s, struct tpsa a, const double f[TPSA_ORDER + 1])
{
    struct tpsa r = tpsa_constant(f[TPSA_ORDER]);
    a.c[0]        = 0.0;
    for (int k = TPSA_ORDER - 1; k >= 0; k--) r = tpsa_plus(tpsa_mul(s, r, a), f[k]);
    return r;
}

struct tpsa tpsa_inverse(const struct tpsa_space *s, struct tpsa a)
{
    double f[TPSA_ORDER + 1] = {1.0 / a.c[0]};
    for (int k = 1; k <= TPSA_ORDER; k++) f[k] = -f[k - 1] / a.c[0];
    return taylor(s, a, f);
}

struct tpsa tpsa_root(const struct tpsa_space *s, struct tpsa a)
{
    double f[TPSA_ORDER + 1] = {sqrt(a.c[0])};
    for (int k = 1; k <= TPSA_ORDER; k++) f[k] = f[k - 1] * (1.5 - k) / (k * a.c[0]);
    return taylor(s, a, f);
}

struct tpsa tpsa_compose(const struct tpsa_space *s, const struct tpsa *a, const struct tpsa with[TPSA_VARIABLES])
{
    struct tpsa power[TPSA_VARIABLES][TPSA_ORDER + 1], sum = {{0.0}};
    for (int v = 0; v < TPSA_VARIABLES; v++) {
        power[v][0] = tpsa_constant(1.0);
        for (int k = 1; k <= TPSA_ORDER; k++) power[v][k] = tpsa_mul(s, power[v][k - 1], with[v]);
    }
    for (int i = 0; i < TPSA_TERMS; i++) {
        struct tpsa term = tpsa_constant(a->c[i]);
        if (a->c[i] == 0.0) continue;
        for (int v = 0; v < TPSA_VARIABLES; v++)
            if (s->exponent[i][v] > 0) term = tpsa_mul(s, term, power[v][s->exponent[i][v]]);
        sum = tpsa_add(sum, term);
    }
    return sum;
}

double tpsa_value(const struct tpsa_space *s, const struct tpsa *a, const double at[TPSA_VARIABLES])
{
    double sum = 0.0;
    for (int i = 0; i < TPSA_TERMS; i++) {
        double term = a->c[i];
        for (int v = 0; v < TPSA_VARIABLES; v++) term *= pow(at[v], s->exponent[i][v]);
        sum += term;
    }
    return sum;
}
