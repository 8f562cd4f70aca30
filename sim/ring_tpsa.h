/* Truncated power series in five variables: what an integrator computes with when it makes a Taylor map.
 *
 * A series holds the coefficients of all monomials up to TPSA_ORDER; products drop what is beyond. Source: M. Berz,
 * Part. Accel. 24 (1989) 109. Test: tests/t_ring_map.c */
#ifndef GM2_RING_TPSA_H
#define GM2_RING_TPSA_H

enum { TPSA_VARIABLES = 5, TPSA_ORDER = 4, TPSA_TERMS = 126 };

struct tpsa {
    double c[TPSA_TERMS];
};
/** Monomials in order of degree, and which one a product of two is. Filled once, then only read. */
struct tpsa_space {
    int degree[TPSA_TERMS], exponent[TPSA_TERMS][TPSA_VARIABLES];
    int n_below[TPSA_ORDER + 2]; /* monomials of lower degree */
    int product[TPSA_TERMS][TPSA_TERMS];
};

void tpsa_space_make(struct tpsa_space *s);
/** Which monomial has these exponents; -1 beyond the order. */
int tpsa_index(const struct tpsa_space *s, const int exponent[TPSA_VARIABLES]);
struct tpsa tpsa_constant(double value);
/** value + scale times a variable. */
struct tpsa tpsa_variable(const struct tpsa_space *s, int variable, double value, double scale);
struct tpsa tpsa_add(struct tpsa a, struct tpsa b);
struct tpsa tpsa_sub(struct tpsa a, struct tpsa b);
struct tpsa tpsa_scale(struct tpsa a, double factor);
struct tpsa tpsa_plus(struct tpsa a, double value);
struct tpsa tpsa_mul(const struct tpsa_space *s, struct tpsa a, struct tpsa b);
/** 1 / a and sqrt(a); the constant term must not be 0, and positive for the root. */
struct tpsa tpsa_inverse(const struct tpsa_space *s, struct tpsa a);
struct tpsa tpsa_root(const struct tpsa_space *s, struct tpsa a);
/** a with its variables replaced by series. */
struct tpsa tpsa_compose(const struct tpsa_space *s, const struct tpsa *a, const struct tpsa with[TPSA_VARIABLES]);
double tpsa_value(const struct tpsa_space *s, const struct tpsa *a, const double at[TPSA_VARIABLES]);

#endif
