/* Search over trellis codes. Most codes are not decoded: what each byte says by itself about the product with a query, the
 * mean over all other bits (the main effects of Hoeffding's decomposition, 1948), is looked up and added, and only codes
 * that then seem near are. runtime/codes/sieve.py does the same. */
#include "trellis.h"

#include <math.h>
#include <string.h>

enum { EVERY_ROW = 2048, SAMPLE = 512, MEMORY = 8, MOST_VALUES = 4096 };
#define DEVIATIONS 5 /* of the first pass's error, by which a code may seem farther than the k-th nearest */

typedef struct lg_sifting {
    const lg_trellis *trellis;
    const float *query;  /* (dim) */
    lg_work work;
    float *factors;      /* (dim, 3): what a value adds to a product, and what it and its square add to a squared length */
    float slope, margin; /* see measure */
    float product, square; /* of the means, with the query and with themselves */
    float *tables;       /* (bytes, 256): what every value of every byte adds to a product */
    float *values;       /* (MOST_VALUES) of a symbol: (picks, columns) */
    float *columns;      /* (MOST_VALUES): means over some of the picks */
    uint32_t *places;    /* (symbols): where the first bit of each stands */
} lg_sifting;

/* The bits that a symbol's values follow from, and that stand in one byte. */
typedef struct lg_inside {
    unsigned picks, windows;                    /* how many bits of the pick and of the window */
    unsigned char pick_bits[8], window_bits[8]; /* which bits of the pick or the window they are */
    unsigned char pick_places[8], window_places[8]; /* how far they are from the byte's lowest bit */
} lg_inside;

size_t lg_trellis_search_scratch(const lg_trellis *trellis, size_t bytes) {
    size_t fixed = (lg_trellis_scratch(trellis) + 7) / 8 * 8 + (size_t)trellis->dim * sizeof(uint32_t);
    return fixed + (bytes * 256 + 2 * MOST_VALUES + 3 * (size_t)trellis->dim) * sizeof(float);
}

/* Bits of a number, moved together: those at `bits` (n), the first of them lowest. */
static unsigned gather(unsigned number, const unsigned char *bits, unsigned n) {
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++) value |= (number >> bits[i] & 1u) << i;
    return value;
}

/* Which bits of a byte the values of symbol t follow from. */
static lg_inside look_inside(const lg_sifting *sifting, size_t t, size_t byte) {
    lg_inside inside = {0};
    unsigned bits = lg_ladder[sifting->work.rungs[t]].bits;
    for (unsigned i = 1; i < bits; i++) {
        size_t place = sifting->places[t] + i;
        if (place / 8 != byte) continue;
        inside.pick_bits[inside.picks] = (unsigned char)(bits - 1 - i);
        inside.pick_places[inside.picks++] = (unsigned char)(7 - place % 8);
    }
    for (unsigned age = 0; age <= MEMORY && age <= t; age++) {
        size_t place = sifting->places[t - age];
        if (place / 8 != byte) continue;
        inside.window_bits[inside.windows] = (unsigned char)(age ? age - 1 : MEMORY);
        inside.window_places[inside.windows++] = (unsigned char)(7 - place % 8);
    }
    return inside;
}

/* Means of the values of symbol t, (picks, windows) of the bits inside a byte, over all other bits. */
static void average(const lg_sifting *sifting, size_t t, const lg_inside *inside, float *means) {
    size_t rung = sifting->work.rungs[t], columns = lg_columns_of(rung);
    unsigned picks = lg_picks_of(rung), mine = 1u << inside->picks, windows = 1u << inside->windows;
    unsigned never = t < MEMORY ? (LG_STATES - 1) & ~((1u << t) - 1) : 0, possible = t < MEMORY ? 2u << t : LG_WINDOWS;
    float scale = 1.0f / (float)((picks / mine) * (possible / windows));
    memset(sifting->columns, 0, mine * columns * sizeof(float));
    memset(means, 0, (size_t)mine * windows * sizeof(float));
    for (unsigned pick = 0; pick < picks; pick++) {
        float *sums = sifting->columns + gather(pick, inside->pick_bits, inside->picks) * columns;
        for (size_t c = 0; c < columns; c++) sums[c] += sifting->values[pick * columns + c];
    }
    for (unsigned window = 0; window < LG_WINDOWS; window++) {
        if (window & never) continue;
        size_t column = columns == LG_WINDOWS ? window : sifting->work.cosets[window];
        unsigned which = gather(window, inside->window_bits, inside->windows);
        for (unsigned pick = 0; pick < mine; pick++)
            means[pick * windows + which] += sifting->columns[pick * columns + column] * scale;
    }
}

/* Add what a byte says about symbol t to the byte's table, less the mean over all of its values. */
static void add_effect(lg_sifting *sifting, size_t t, size_t byte) {
    float means[256], mean = 0, *table = sifting->tables + byte * 256;
    lg_inside inside = look_inside(sifting, t, byte);
    unsigned entries = 1u << (inside.picks + inside.windows);
    if (entries == 1) return;
    average(sifting, t, &inside, means);
    for (unsigned i = 0; i < entries; i++) mean += means[i] / (float)entries;
    for (unsigned value = 0; value < 256; value++)
        table[value] += means[gather(value, inside.pick_places, inside.picks) << inside.windows |
                              gather(value, inside.window_places, inside.windows)] -
                        mean;
}

/* Fill the tables for a query. */
static void fill_tables(lg_sifting *sifting) {
    const lg_trellis *trellis = sifting->trellis;
    const lg_work *work = &sifting->work;
    size_t place = 0;
    memset(sifting->tables, 0, work->bytes * 256 * sizeof(float));
    for (size_t t = 0; t < work->symbols; t++) {
        size_t rung = work->rungs[t], columns = lg_columns_of(rung), dims = lg_ladder[rung].dims;
        const float *table = lg_table_of(trellis, rung);
        memset(sifting->values, 0, lg_picks_of(rung) * columns * sizeof(float));
        for (unsigned pick = 0; pick < lg_picks_of(rung); pick++)
            for (size_t i = 0; i < dims; i++) {
                size_t dim = work->dims[t] + i;
                float factor = sifting->query[dim] * trellis->deviation[dim] * trellis->gains[rung];
                for (size_t c = 0; c < columns; c++)
                    sifting->values[pick * columns + c] += factor * table[(pick * dims + i) * columns + c];
            }
        sifting->places[t] = (uint32_t)place;
        size_t first = sifting->places[t < MEMORY ? 0 : t - MEMORY] / 8, last = (place + lg_ladder[rung].bits - 1) / 8;
        for (size_t byte = first; byte <= last; byte++) add_effect(sifting, t, byte);
        place += lg_ladder[rung].bits;
    }
}

/* Fill the factors for a query, and the products of the means. */
static void fill_factors(lg_sifting *sifting) {
    const lg_trellis *trellis = sifting->trellis;
    double product = 0, square = 0;
    for (size_t i = 0; i < trellis->dim; i++) {
        product += (double)sifting->query[i] * trellis->mean[i];
        square += (double)trellis->mean[i] * trellis->mean[i];
    }
    sifting->product = (float)product;
    sifting->square = (float)square;
    for (size_t t = 0; t < sifting->work.symbols; t++) {
        size_t rung = sifting->work.rungs[t];
        for (size_t i = 0; i < lg_ladder[rung].dims; i++) {
            size_t dim = sifting->work.dims[t] + i;
            float scale = trellis->gains[rung] * trellis->deviation[dim], *factors = sifting->factors + 3 * dim;
            factors[0] = sifting->query[dim] * scale;
            factors[1] = 2 * trellis->mean[dim] * scale;
            factors[2] = scale * scale;
        }
    }
}

/* The cosine of the query with what a code stands for. */
static float exact_cosine(const lg_sifting *sifting, const uint8_t *code) {
    const lg_work *work = &sifting->work;
    lg_reader reader = {code, 0, 0};
    float product = sifting->product, square = sifting->square;
    for (size_t t = 0; t < work->symbols; t++) {
        size_t rung = work->rungs[t], columns = lg_columns_of(rung), dims = lg_ladder[rung].dims;
        const float *values = lg_read_symbol(work, rung, &reader), *factors = sifting->factors + 3 * work->dims[t];
        for (size_t i = 0; i < dims; i++, values += columns, factors += 3) {
            product += factors[0] * *values;
            square += (factors[1] + factors[2] * *values) * *values;
        }
    }
    return product / (square > 1e-24f ? sqrtf(square) : 1e-12f);
}

/* What the first pass gives for a code of a cosine: slope x cosine - margin at least. `least` becomes the cosine that the
 * k-th nearest code has at least. All are measured on codes that are spread over the others. */
static void measure(lg_sifting *sifting, const uint8_t *codes, size_t rows, size_t k, float *least) {
    float cosines[SAMPLE];
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    size_t bytes = sifting->work.bytes;
    for (size_t i = 0; i < SAMPLE; i++) {
        const uint8_t *code = codes + rows * i / SAMPLE * bytes;
        float cosine = exact_cosine(sifting, code);
        double sum = lg_look_up(sifting->tables, code, bytes);
        size_t place = i;
        x += cosine;
        y += sum;
        xx += (double)cosine * cosine;
        xy += cosine * sum;
        yy += sum * sum;
        for (; place > 0 && cosines[place - 1] < cosine; place--) cosines[place] = cosines[place - 1];
        cosines[place] = cosine;
    }
    double variance = xx / SAMPLE - x / SAMPLE * (x / SAMPLE), covariance = xy / SAMPLE - x / SAMPLE * (y / SAMPLE);
    double slope = variance > 1e-9 ? covariance / variance : 1;
    double error = yy / SAMPLE - y / SAMPLE * (y / SAMPLE) - 2 * slope * covariance + slope * slope * variance;
    sifting->slope = (float)slope;
    sifting->margin = (float)(DEVIATIONS * sqrt(error > 0 ? error : 0) - (y - slope * x) / SAMPLE + 1e-5);
    *least = k <= SAMPLE ? cosines[k - 1] : -2;
}

lg_status lg_trellis_search(const lg_trellis *trellis, size_t bytes, const float *query, const void *codes, size_t rows,
                            size_t k, lg_hit *hits, void *scratch) {
    lg_sifting sifting = {.trellis = trellis, .query = query};
    const uint8_t *code = codes;
    size_t found = 0;
    float least = -2;
    double length;
    if (!trellis || !query || !hits || !k || (rows && !codes) || bytes < 8 || bytes > trellis->steps / 8 || !scratch ||
        (uintptr_t)scratch % 8)
        return LG_BAD_ARGUMENT;
    lg_status status = lg_trellis_prepare(trellis, bytes, scratch, &sifting.work);
    if (status == LG_OK) status = lg_length(query, trellis->dim, &length);
    if (status != LG_OK) return status;
    sifting.tables = (float *)(void *)((char *)scratch + (lg_trellis_scratch(trellis) + 7) / 8 * 8);
    sifting.values = sifting.tables + bytes * 256;
    sifting.columns = sifting.values + MOST_VALUES;
    sifting.factors = sifting.columns + MOST_VALUES;
    sifting.places = (uint32_t *)(void *)(sifting.factors + 3 * (size_t)trellis->dim);
    fill_factors(&sifting);
    int sifts = rows > EVERY_ROW;
    if (sifts) {
        fill_tables(&sifting);
        measure(&sifting, code, rows, k, &least);
    }
    for (size_t r = 0; r < rows; r++, code += bytes) {
        if (sifts && lg_look_up(sifting.tables, code, bytes) + sifting.margin < sifting.slope * least) continue;
        float cosine = exact_cosine(&sifting, code);
        if (found < k || cosine > hits[k - 1].cosine) found = lg_keep(hits, found, k, r, cosine);
        if (found == k && hits[k - 1].cosine > least) least = hits[k - 1].cosine;
    }
    return LG_OK;
}
