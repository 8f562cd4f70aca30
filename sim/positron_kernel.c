/* Positrons in the falling field inside the ring: Runge-Kutta steps over many at once. */
#include "positron.h"
#include "ring_vec.h"

struct path {
    vec x, y, z, ux, uy, uz;
};

/* d/ds of position and direction: du/ds = k u x B/B0, B = (Br, By) with By falling towards the axis of the ring. */
VEC_INLINE struct path slope(const struct positron_setup *s, struct path p, vec k)
{
    vec r = vsqrt(vfma(p.x, p.x, p.z * p.z)), depth = (vset(s->r_uniform_mm) - r) * vset(0.01);
    vec by = vset(1.0), db = vset(0.0);
    for (int i = 0; i < POSITRON_KNOTS; i++) {
        vec t = vmax(depth - vset(s->knot[i]), vset(0.0)), a = vset(s->a[i]), bt = vset(s->b[i]) * t;
        by = vfma(t * t, a + bt, by);
        db = vfma(t, vfma(vset(3.0), bt, a + a), db);
    }
    vec c = k * by, d = vset(-0.01) * k * db * p.y / r, d_uy = d * p.uy; /* d = k Br / r */
    return (struct path){
        .x  = p.ux,
        .y  = p.uy,
        .z  = p.uz,
        .ux = vfms(d_uy, p.z, c * p.uz),
        .uz = vfms(c, p.ux, d_uy * p.x),
        .uy = d * vfms(p.x, p.uz, p.z * p.ux),
    };
}

VEC_INLINE struct path ahead(struct path p, struct path d, vec h)
{
    return (struct path){vfma(h, d.x, p.x),   vfma(h, d.y, p.y),   vfma(h, d.z, p.z),
                         vfma(h, d.ux, p.ux), vfma(h, d.uy, p.uy), vfma(h, d.uz, p.uz)};
}

VEC_INLINE struct path step(const struct positron_setup *s, struct path p, vec k, vec h)
{
    vec half = vset(0.5) * h, third = h * vset(1.0 / 3.0), sixth = h * vset(1.0 / 6.0);
    struct path d1 = slope(s, p, k), d2 = slope(s, ahead(p, d1, half), k);
    struct path d3 = slope(s, ahead(p, d2, half), k), d4 = slope(s, ahead(p, d3, h), k);
    return ahead(ahead(ahead(ahead(p, d1, sixth), d2, third), d3, third), d4, sixth);
}

VEC_INLINE struct path pick(unsigned mask, struct path yes, struct path no)
{
    return (struct path){vpick(mask, yes.x, no.x),   vpick(mask, yes.y, no.y),   vpick(mask, yes.z, no.z),
                         vpick(mask, yes.ux, no.ux), vpick(mask, yes.uy, no.uy), vpick(mask, yes.uz, no.uz)};
}

VEC_INLINE struct path load(const struct positron_lanes *l, size_t i)
{
    return (struct path){vload(l->x + i),  vload(l->y + i),  vload(l->z + i),
                         vload(l->ux + i), vload(l->uy + i), vload(l->uz + i)};
}

VEC_INLINE void store(const struct positron_lanes *l, size_t i, struct path p)
{
    vstore(l->x + i, p.x);
    vstore(l->y + i, p.y);
    vstore(l->z + i, p.z);
    vstore(l->ux + i, p.ux);
    vstore(l->uy + i, p.uy);
    vstore(l->uz + i, p.uz);
}

/* Lanes that one of the limits takes out. */
struct limits {
    unsigned inner, height, outer, back;
};

VEC_INLINE struct limits beyond(const struct positron_setup *s, struct path p)
{
    vec r2 = vfma(p.x, p.x, p.z * p.z);
    return (struct limits){
        .inner  = vless(r2, vset(s->r_min_mm * s->r_min_mm)),
        .height = vless(vset(s->y_max_mm * s->y_max_mm), p.y * p.y),
        .outer  = vless(vset(s->r_max_mm * s->r_max_mm), r2),
        .back   = vless(vfms(p.x, p.uz, p.z * p.ux), vset(0.0)),
    };
}

static void note(const struct positron_lanes *l, size_t first, unsigned crosses, unsigned lost, struct limits m)
{
    for (unsigned i = 0; i < VEC_W; i++) {
        unsigned bit = 1u << i;
        if (crosses & bit)
            l->stop[first + i] = 1;
        else if (lost & bit)
            l->stop[first + i] = 2 + (m.inner & bit    ? POSITRON_INNER
                                      : m.height & bit ? POSITRON_HEIGHT
                                      : m.outer & bit  ? POSITRON_OUTER
                                                       : POSITRON_BACK);
    }
}

/* One group of lanes, until all have stopped; a lane that would cross z = 0 stays where it was. */
static void steps_of_group(const struct positron_setup *s, const struct positron_lanes *l, size_t first)
{
    struct path p = load(l, first);
    vec k = vload(l->k + first), path = vload(l->s + first), h = vset(s->step_mm);
    unsigned live = 0;
    for (unsigned i = 0; i < VEC_W; i++) live |= (unsigned)(l->stop[first + i] == 0) << i;
    while (live) {
        struct path q    = step(s, p, k, h);
        unsigned crosses = live & ~vless(q.z, vset(0.0)), go = live & ~crosses;
        struct limits m = beyond(s, q);
        unsigned lost   = go & (m.inner | m.height | m.outer | m.back);
        p               = pick(go, q, p);
        path            = vpick(go, path + h, path);
        live            = go & ~lost;
        if (crosses | lost) note(l, first, crosses, lost, m);
    }
    store(l, first, p);
    vstore(l->s + first, path);
}

void KERNEL(positron_steps)(const struct positron_setup *s, struct positron_lanes *lanes, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_W) steps_of_group(s, lanes, i);
}

/* Newton's iteration; a plane lies one step ahead or less. */
void KERNEL(positron_to_plane)(const struct positron_setup *s, struct positron_lanes *l, size_t n)
{
    const vec zero = vset(0.0), longest = vset(s->step_mm);
    for (size_t i = 0; i < n; i += VEC_W) {
        struct path p = load(l, i), q;
        vec k = vload(l->k + i), h = longest;
        unsigned at_plane = 0;
        for (unsigned j = 0; j < VEC_W; j++) at_plane |= (unsigned)(l->stop[i + j] == 1) << j;
        if (!at_plane) continue;
        for (int iteration = 0; iteration < 4; iteration++) {
            q = step(s, p, k, h);
            h = vmax(h - q.z / q.uz, zero);
            h = vpick(vless(longest, h), longest, h);
        }
        q   = step(s, p, k, h);
        q.z = zero;
        store(l, i, pick(at_plane, q, p));
        vstore(l->s + i, vpick(at_plane, vload(l->s + i) + h, vload(l->s + i)));
    }
}
