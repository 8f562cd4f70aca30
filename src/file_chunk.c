/* Chunks filtered by us. */
#include "file_chunk.h"

#include "mem.h"

#include <string.h>
#include <zlib.h>

enum {
    SAMPLE      = 2048, /* bytes tried before a plane is deflated or stored */
    GAIN        = 16,   /* the more costly way is taken if the sample shrinks by 1/GAIN */
    STORED_MOST = 65535 /* bytes in one stored block */
};

/* How a plane is treated: copied, its bytes coded by their frequency alone, or searched for repetitions as well. */
enum way { STORE, CODE, SEARCH, N_WAYS };

struct file_chunk {
    z_stream deflate[N_WAYS]; /* STORE has none */
    unsigned char *plain, *planes, *out;
    size_t capacity;
    int n_deflate;
};

enum err file_chunk_create(int level, struct file_chunk **out)
{
    static const int strategy[N_WAYS] = {[CODE] = Z_HUFFMAN_ONLY, [SEARCH] = Z_DEFAULT_STRATEGY};
    TRY(mem_alloc(out, 1, sizeof **out));
    struct file_chunk *c = *out;
    for (c->n_deflate = CODE; c->n_deflate < N_WAYS; c->n_deflate++) /* raw deflate: header and sum are ours */
        if (deflateInit2(&c->deflate[c->n_deflate], level, Z_DEFLATED, -15, 8, strategy[c->n_deflate]) != Z_OK) {
            file_chunk_free(c);
            *out = NULL;
            FAIL(ERR_MEMORY, "out of memory for deflate");
        }
    return ERR_OK;
}

void file_chunk_free(struct file_chunk *c)
{
    if (!c) return;
    for (int way = CODE; way < c->n_deflate; way++) deflateEnd(&c->deflate[way]);
    mem_free(c->plain);
    mem_free(c->planes);
    mem_free(c->out);
    mem_free(c);
}

/* Space for a chunk, and for a stream that may be longer: 5 bytes a stored block, some at each change. */
static size_t out_bytes(size_t bytes) { return bytes + bytes / 256 + 4096; }

static enum err grow(struct file_chunk *c, size_t bytes)
{
    if (bytes <= c->capacity) return ERR_OK;
    TRY(mem_resize(&c->plain, 0, bytes, 1));
    TRY(mem_resize(&c->planes, 0, bytes, 1));
    TRY(mem_resize(&c->out, 0, out_bytes(bytes), 1));
    c->capacity = bytes;
    return ERR_OK;
}

/* ---- shuffle: byte b of every value together --------------------------------------------------------------------- */
static void shuffle(const unsigned char *restrict in, size_t n, size_t size, unsigned char *restrict out)
{
    for (size_t b = 0; b < size; b++)
        for (size_t i = 0; i < n; i++) out[b * n + i] = in[i * size + b];
}

/* ---- deflate --------------------------------------------------------------------------------------------------------- */
static size_t store(const unsigned char *in, size_t n, unsigned char *out)
{
    size_t used = 0;
    while (n > 0) {
        size_t k    = n < STORED_MOST ? n : STORED_MOST;
        out[used++] = 0; /* stored, not the last block */
        out[used++] = (unsigned char)(k & 0xff);
        out[used++] = (unsigned char)(k >> 8);
        out[used++] = (unsigned char)(~k & 0xff);
        out[used++] = (unsigned char)((~k >> 8) & 0xff);
        memcpy(out + used, in, k);
        used += k;
        in += k;
        n -= k;
    }
    return used;
}

/* Ends on a byte; 0 if it does not fit into room. */
static size_t squeeze(struct file_chunk *c, enum way way, const unsigned char *in, size_t n, unsigned char *out,
                      size_t room)
{
    z_stream *z = &c->deflate[way];
    deflateReset(z);
    z->next_in   = (unsigned char *)(uintptr_t)in;
    z->avail_in  = (uInt)n;
    z->next_out  = out;
    z->avail_out = (uInt)room;
    int rc       = deflate(z, Z_FULL_FLUSH);
    return rc == Z_OK && z->avail_in == 0 && z->avail_out > 0 ? room - z->avail_out : 0;
}

/* Tries the ways on a sample from the middle. */
static enum way way_for(struct file_chunk *c, const unsigned char *in, size_t n)
{
    unsigned char out[SAMPLE + 64];
    if (n <= SAMPLE) return SEARCH;
    in += (n - SAMPLE) / 2;
    size_t coded    = squeeze(c, CODE, in, SAMPLE, out, sizeof out);
    size_t searched = squeeze(c, SEARCH, in, SAMPLE, out, sizeof out);
    if (coded == 0) coded = SAMPLE;
    if (searched > 0 && searched < coded - coded / GAIN) return SEARCH;
    return coded < SAMPLE - SAMPLE / GAIN ? CODE : STORE;
}

static size_t put(struct file_chunk *c, enum way way, const unsigned char *in, size_t n, unsigned char *out)
{
    size_t used = way == STORE ? 0 : squeeze(c, way, in, n, out, n);
    return used ? used : store(in, n, out);
}

/* n values a plane, of which n_used are rows and the others zero. */
static size_t zlib_stream(struct file_chunk *c, size_t n, size_t n_used, size_t size)
{
    unsigned char *out = c->out;
    size_t used = 0, room = out_bytes(n * size);
    out[used++] = 0x78; /* window of 32 kB, fastest */
    out[used++] = 0x01;
    for (size_t b = 0; b < size; b++) {
        const unsigned char *plane = c->planes + b * n;
        used += put(c, way_for(c, plane, n_used), plane, n_used, out + used);
        if (n > n_used) used += put(c, SEARCH, plane + n_used, n - n_used, out + used);
    }
    static const unsigned char last[5] = {1, 0, 0, 0xff, 0xff}; /* the last block, empty */
    memcpy(out + used, last, sizeof last);
    used += sizeof last;
    uLong sum = adler32(adler32(0, NULL, 0), c->planes, (uInt)(n * size));
    for (int shift = 24; shift >= 0; shift -= 8) out[used++] = (unsigned char)(sum >> shift);
    return used + 4 <= room ? used : 0;
}

/* ---- fletcher32 as HDF5 counts it: 16-bit words, high byte first ----------------------------------------------------- */
static uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

static uint32_t fletcher32(const unsigned char *in, size_t n)
{
    uint32_t a = 0, b = 0;
    for (size_t words = n / 2; words > 0;) {
        size_t k = words < 360 ? words : 360; /* so many fit into 32 bits */
        words -= k;
        for (; k > 0; k--, in += 2) {
            a += (uint32_t)in[0] << 8 | in[1];
            b += a;
        }
        a = fold(a);
        b = fold(b);
    }
    if (n % 2) {
        a = fold(a + ((uint32_t)in[0] << 8));
        b = fold(b + a);
    }
    return fold(b) << 16 | fold(a);
}

/* ---- chunks ------------------------------------------------------------------------------------------------------------- */
static enum err write_one(struct file_chunk *c, hid_t dataset, const struct column *column, hsize_t chunk,
                          hsize_t first, hsize_t n, const unsigned char *data)
{
    size_t size = column_size(column->type), row = column->width * size, bytes = chunk * row;
    TRY(grow(c, bytes));
    if (n < chunk) { /* the end: the rest of the chunk is zero */
        memcpy(c->plain, data, n * row);
        memset(c->plain + n * row, 0, bytes - n * row);
        data = c->plain;
    }
    shuffle(data, bytes / size, size, c->planes);
    size_t used = zlib_stream(c, bytes / size, n * column->width, size);
    REQUIRE(used, ERR_LOGIC, "a chunk of column %s does not fit its buffer", column->name);
    uint32_t sum = fletcher32(c->out, used);
    for (int shift = 0; shift < 32; shift += 8) c->out[used++] = (unsigned char)(sum >> shift);
    const hsize_t offset[2] = {first, 0};
    H5_REQUIRE(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset, used, c->out) >= 0, ERR_WRITE, "cannot write rows");
    return ERR_OK;
}

enum err file_chunk_write(struct file_chunk *c, hid_t dataset, const struct column *column, hsize_t chunk,
                          hsize_t first, hsize_t n, const void *data)
{
    size_t row = column->width * column_size(column->type);
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) return file_h5_write_rows(dataset, column->type, first, n, data);
    for (hsize_t at = 0; at < n; at += chunk) {
        hsize_t k = n - at < chunk ? n - at : chunk;
        TRY(write_one(c, dataset, column, chunk, first + at, k, (const unsigned char *)data + at * row));
    }
    return ERR_OK;
}
