/* Exact search over codes: a product with every row, and the best of them kept in order. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* Scratch memory of a search. */
typedef struct lg_query {
    double *work;      /* (2 dim), then twiddles (dim) */
    float *rotated;    /* (dim): the query, then (dim) for one unpacked row */
    void *weights;     /* what codes are multiplied with: int16, int8 in four parts, or a table (bytes_per_row, 256) */
    int32_t *dots;     /* (LG_SEARCH_BLOCK) */
    int32_t *squares;  /* (LG_SEARCH_BLOCK) */
    float *cosines;    /* (LG_SEARCH_BLOCK) */
    float *squares_of; /* what lg_square_table fills, or NULL if the lengths are known */
    uint8_t *sifting;  /* (bytes_per_row, 2, 16): small whole numbers for the sieve */
    lg_sieve sieve;
    float step, offset; /* a cosine is (product x step + offset) / length */
} lg_query;

static size_t weight_bytes(const lg_codec *codec) {
    if (codec->kind <= LG_FLOAT16) return 0;
    if (codec->kind <= LG_UINT8) return codec->dim * sizeof(int16_t);
    if (codec->kind == LG_INT4) return codec->bytes_per_row * 4;
    return codec->bytes_per_row * 256 * sizeof(float);
}

/* Whether codes are sifted before they are looked up. */
static int sifts(const lg_codec *codec) {
    size_t n = codec->bytes_per_row;
    return codec->kernels->sift && codec->kind >= LG_BINARY && n % 16 == 0 && n <= 256;
}

size_t lg_search_scratch(const lg_codec *codec) {
    size_t fixed = (size_t)codec->dim * (3 * sizeof(double) + 2 * sizeof(float)) + LG_SEARCH_BLOCK * 12;
    size_t squares = lg_square_entries(codec) * sizeof(float);
    return fixed + weight_bytes(codec) + 8 + squares + (sifts(codec) ? codec->bytes_per_row * 32 : 0);
}

static void lay_out_query(const lg_codec *codec, void *scratch, lg_query *query) {
    size_t dim = codec->dim;
    query->work = scratch;
    query->squares_of = (float *)(void *)(query->work + 3 * dim);
    query->rotated = query->squares_of + lg_square_entries(codec);
    query->dots = (int32_t *)(void *)(query->rotated + 2 * dim);
    query->squares = query->dots + LG_SEARCH_BLOCK;
    query->cosines = (float *)(void *)(query->squares + LG_SEARCH_BLOCK);
    query->weights = query->cosines + LG_SEARCH_BLOCK;
    query->sifting = (uint8_t *)query->weights + weight_bytes(codec);
    query->step = 1;
    query->offset = 0;
}

/* The size of a step with which values (n) are whole numbers of at most `most`, whose products with bytes of at most
 * `byte` sum to less than 2^31. */
static float step_for(const float *values, size_t n, float most, float byte) {
    float largest = 1e-30f, sum = 0;
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(values[i]);
        sum += size;
        if (size > largest) largest = size;
    }
    float step = largest / most, least = sum * byte / 2.1e9f;
    return step > least ? step : least;
}

static void weigh8(const lg_codec *codec, lg_query *query) {
    int16_t *weights = query->weights;
    query->step = step_for(query->rotated, codec->dim, 32767, 128);
    for (size_t i = 0; i < codec->dim; i++) weights[i] = (int16_t)rintf(query->rotated[i] / query->step);
}

static void weigh4(const lg_codec *codec, lg_query *query) {
    int8_t *parts = query->weights;
    size_t columns = codec->bytes_per_row, dim = codec->dim;
    float *scaled = query->rotated + dim;
    double offset = 0, total = 0;
    for (size_t i = 0; i < dim; i++) {
        scaled[i] = query->rotated[i] * codec->deviation[i] * LG_INT4_STEP;
        offset += (double)query->rotated[i] * codec->mean[i];
    }
    query->step = step_for(scaled, dim, 16000, 15);
    for (size_t i = 0; i < dim; i++) {
        int whole = (int)rintf(scaled[i] / query->step);
        int high = (whole + 64 + (1 << 20)) / 128 - (1 << 13); /* rounded down, for negative numbers too */
        int8_t *part = parts + (i % 2) * 2 * columns + i / 2;
        part[0] = (int8_t)high;
        part[columns] = (int8_t)(whole - 128 * high);
        total += whole;
    }
    query->offset = (float)(offset - 7.5 * total * query->step);
}

/* The product of every value of every byte with its eight dimensions of the query. */
static void weigh_bytes(const lg_codec *codec, lg_query *query) {
    size_t columns = codec->bytes_per_row;
    float *table = query->weights;
    double offset = 0;
    for (size_t i = 0; i < codec->dim; i++) {
        offset += (double)query->rotated[i] * codec->mean[i];
        query->rotated[i] *= codec->deviation[i];
    }
    query->offset = (float)offset;
    for (unsigned code = 0; code < 256; code++) {
        float levels[8];
        lg_levels(codec, code, levels);
        for (size_t b = 0; b < columns; b++) {
            float sum = 0;
            for (size_t k = 0; k < 8; k++) sum += levels[k] * query->rotated[lg_dimension(codec, b, k)];
            table[b * 256 + code] = sum;
        }
    }
}

/* What the nibble `value` of a byte adds to a product: the low one (place 0), or the high one over its value for 0. */
static float of_nibble(const float table[256], int place, unsigned value) {
    return place ? table[value << 4] - table[0] : table[value];
}

/* Tables for the sieve: the products of nibbles as whole numbers up to 127 above the least, so that sums are cheap. */
static void weigh_nibbles(const lg_codec *codec, lg_query *query) {
    const float *table = query->weights;
    size_t nibbles = codec->bytes_per_row * 2;
    float widest = 1e-30f;
    double offset = query->offset;
    for (int pass = 0; pass < 2; pass++) /* first find the widest range, then divide all by its steps */
        for (size_t i = 0; i < nibbles; i++) {
            const float *byte = table + i / 2 * 256;
            float least = of_nibble(byte, i % 2, 0), most = least;
            for (unsigned v = 1; v < 16; v++) {
                float product = of_nibble(byte, i % 2, v);
                if (product < least) least = product;
                if (product > most) most = product;
            }
            if (!pass && most - least > widest) widest = most - least;
            if (!pass) continue;
            for (unsigned v = 0; v < 16; v++)
                query->sifting[16 * i + v] = (uint8_t)rintf((of_nibble(byte, i % 2, v) - least) / widest * 127);
            offset += least;
        }
    query->sieve.step = widest / 127;
    /* Each entry is rounded by half a step at most; what is left covers the rounding of sums of floats. */
    query->sieve.offset = (float)(offset + 0.5 * query->sieve.step * (double)nibbles + 1e-4 * widest * (double)nibbles);
}

/* Cosines of a block of codes whose lengths are known or follow from the code itself. */
static void score_block(const lg_codec *codec, const lg_query *query, const uint8_t *codes, size_t rows,
                        const float *lengths, float *spare) {
    size_t bytes = codec->bytes_per_row;
    float *cosines = query->cosines;
    if (codec->kind <= LG_FLOAT16) {
        for (size_t r = 0; r < rows; r++) {
            const float *row = spare;
            if (codec->kind == LG_FLOAT32 && (uintptr_t)codes % 4 == 0)
                row = (const float *)(const void *)(codes + r * bytes);
            else
                lg_unpack(codec, codes + r * bytes, spare);
            cosines[r] = codec->kernels->dotf(query->rotated, row, codec->dim);
        }
    } else if (codec->kind <= LG_UINT8) {
        uint8_t flip = codec->kind == LG_UINT8 ? 128 : 0;
        codec->kernels->search8(codes, rows, bytes, flip, query->weights, query->dots, query->squares);
        for (size_t r = 0; r < rows; r++)
            cosines[r] = (float)query->dots[r] * query->step / sqrtf((float)query->squares[r] + 1e-30f);
    } else if (codec->kind == LG_INT4) {
        codec->kernels->search4(codes, rows, bytes, query->weights, query->dots);
        for (size_t r = 0; r < rows; r++)
            cosines[r] = ((float)query->dots[r] * query->step + query->offset) / lengths[r];
    } else {
        for (size_t r = 0; r < rows; r++)
            cosines[r] = (lg_look_up(query->weights, codes + r * bytes, bytes) + query->offset) / lengths[r];
    }
}

size_t lg_keep(lg_hit *hits, size_t found, size_t k, size_t row, float cosine) {
    size_t place = found < k ? found : k - 1;
    for (; place > 0 && hits[place - 1].cosine < cosine; place--) hits[place] = hits[place - 1];
    hits[place].row = row;
    hits[place].cosine = cosine;
    return found < k ? found + 1 : k;
}

/* Cut and rotate the query, and make what codes are multiplied with. */
static lg_status prepare_query(const lg_codec *codec, const float *query, lg_query *prepared) {
    double *twiddles = prepared->work + 2 * (size_t)codec->dim;
    lg_twiddles(codec, twiddles);
    lg_status status = lg_prepare(codec, query, prepared->rotated, prepared->work, twiddles);
    if (status != LG_OK || codec->kind <= LG_FLOAT16) return status;
    if (codec->kind <= LG_UINT8)
        weigh8(codec, prepared);
    else if (codec->kind == LG_INT4)
        weigh4(codec, prepared);
    else
        weigh_bytes(codec, prepared);
    if (sifts(codec)) weigh_nibbles(codec, prepared);
    return LG_OK;
}

/* Put the codes of a block that are nearer than those found among them; `first` is the number of the first code. */
static size_t keep_block(const lg_codec *codec, const lg_query *query, const uint8_t *codes, size_t rows,
                         const float *lengths, size_t first, lg_hit *hits, size_t found, size_t k) {
    score_block(codec, query, codes, rows, lengths, query->rotated + codec->dim);
    for (size_t r = 0; r < rows; r++)
        if (found < k || query->cosines[r] > hits[k - 1].cosine)
            found = lg_keep(hits, found, k, first + r, query->cosines[r]);
    return found;
}

/* Like keep_block, but look up only the codes that pass the sieve. */
static size_t keep_sifted(const lg_codec *codec, const lg_query *query, const uint8_t *codes, size_t rows,
                          const float *lengths, size_t first, lg_hit *hits, size_t found, size_t k) {
    size_t n = codec->bytes_per_row;
    for (size_t r = 0; r < rows; r += LG_SIFT_ROWS) {
        if (found < k || rows - r < LG_SIFT_ROWS) {
            size_t count = rows - r < LG_SIFT_ROWS ? rows - r : LG_SIFT_ROWS;
            found = keep_block(codec, query, codes + r * n, count, lengths + r, first + r, hits, found, k);
            continue;
        }
        float least = hits[k - 1].cosine;
        uint32_t passed = codec->kernels->sift(codes + r * n, n, query->sifting, &query->sieve, lengths + r, least);
        for (size_t i = r; passed; i++, passed >>= 1)
            if (passed & 1) found = keep_block(codec, query, codes + i * n, 1, lengths + i, first + i, hits, found, k);
    }
    return found;
}

lg_status lg_search(const lg_codec *codec, const float *query, const void *codes, const float *lengths, size_t rows,
                    size_t k, lg_hit *hits, void *scratch) {
    lg_query prepared;
    size_t found = 0;
    float measured[LG_SEARCH_BLOCK];
    if (!codec || !query || !scratch || !hits || !k || (rows && !codes) || (uintptr_t)scratch % 8)
        return LG_BAD_ARGUMENT;
    lay_out_query(codec, scratch, &prepared);
    lg_status status = prepare_query(codec, query, &prepared);
    if (status != LG_OK) return status;
    if (!lengths) lg_square_table(codec, prepared.squares_of);
    for (size_t first = 0; first < rows; first += LG_SEARCH_BLOCK) {
        size_t count = rows - first < LG_SEARCH_BLOCK ? rows - first : LG_SEARCH_BLOCK;
        const uint8_t *block = (const uint8_t *)codes + first * codec->bytes_per_row;
        if (!lengths && codec->kind >= LG_INT4) lg_measure(codec, prepared.squares_of, block, count, measured);
        found = (sifts(codec) ? keep_sifted : keep_block)(codec, &prepared, block, count,
                                                          lengths ? lengths + first : measured, first, hits, found, k);
    }
    return LG_OK;
}
