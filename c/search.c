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
    float step, offset; /* a cosine is (product x step + offset) / length */
} lg_query;

static size_t weight_bytes(const lg_codec *codec) {
    if (codec->kind <= LG_FLOAT16) return 0;
    if (codec->kind <= LG_UINT8) return codec->dim * sizeof(int16_t);
    if (codec->kind == LG_INT4) return codec->bytes_per_row * 4;
    return codec->bytes_per_row * 256 * sizeof(float);
}

size_t lg_search_scratch(const lg_codec *codec) {
    size_t fixed = (size_t)codec->dim * (3 * sizeof(double) + 2 * sizeof(float)) + LG_SEARCH_BLOCK * 12;
    return fixed + weight_bytes(codec) + 8;
}

static void lay_out_query(const lg_codec *codec, void *scratch, lg_query *query) {
    size_t dim = codec->dim;
    query->work = scratch;
    query->rotated = (float *)(void *)(query->work + 3 * dim);
    query->dots = (int32_t *)(void *)(query->rotated + 2 * dim);
    query->squares = query->dots + LG_SEARCH_BLOCK;
    query->cosines = (float *)(void *)(query->squares + LG_SEARCH_BLOCK);
    query->weights = query->cosines + LG_SEARCH_BLOCK;
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
        unsigned bits = codec->kind == LG_BINARY ? code ^ 128u : code;
        float levels[8];
        if (codec->kind == LG_E8) lg_direction(code, levels);
        for (size_t k = 0; k < 8; k++)
            levels[k] = codec->kind == LG_E8           ? levels[k] * LG_E8_LENGTH
                        : bits >> (7 - k) & 1 ? LG_SIGN_LEVEL
                                                       : -LG_SIGN_LEVEL;
        for (size_t b = 0; b < columns; b++) {
            float sum = 0;
            for (size_t k = 0; k < 8; k++)
                sum += levels[k] * query->rotated[codec->kind == LG_E8 ? b + k * columns : 8 * b + k];
            table[b * 256 + code] = sum;
        }
    }
}

/* Sum of the table's (columns, 256) entries for a code, in four chains that do not wait for each other. */
static float looked_up(const float *table, const uint8_t *code, size_t columns) {
    float sums[4] = {0, 0, 0, 0};
    size_t b = 0;
    for (; b + 4 <= columns; b += 4, table += 1024) {
        sums[0] += table[code[b]];
        sums[1] += table[256 + code[b + 1]];
        sums[2] += table[512 + code[b + 2]];
        sums[3] += table[768 + code[b + 3]];
    }
    for (; b < columns; b++, table += 256) sums[0] += table[code[b]];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
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
            cosines[r] = (looked_up(query->weights, codes + r * bytes, bytes) + query->offset) / lengths[r];
    }
}

/* Put a hit among found hits, nearest first; returns how many there are now, at most k. */
static size_t keep(lg_hit *hits, size_t found, size_t k, size_t row, float cosine) {
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
    return LG_OK;
}

lg_status lg_search(const lg_codec *codec, const float *query, const void *codes, const float *lengths, size_t rows,
                    size_t k, lg_hit *hits, void *scratch) {
    lg_query prepared;
    const uint8_t *bytes = codes;
    size_t found = 0;
    float measured[LG_SEARCH_BLOCK];
    if (!codec || !query || !scratch || !hits || !k || (rows && !codes) || (uintptr_t)scratch % 8)
        return LG_BAD_ARGUMENT;
    lay_out_query(codec, scratch, &prepared);
    lg_status status = prepare_query(codec, query, &prepared);
    if (status != LG_OK) return status;
    float *spare = prepared.rotated + codec->dim;
    for (size_t first = 0; first < rows; first += LG_SEARCH_BLOCK) {
        size_t count = rows - first < LG_SEARCH_BLOCK ? rows - first : LG_SEARCH_BLOCK;
        const uint8_t *block = bytes + first * codec->bytes_per_row;
        if (!lengths && codec->kind >= LG_INT4) lg_codes_lengths(codec, block, count, measured, prepared.work);
        score_block(codec, &prepared, block, count, lengths ? lengths + first : measured, spare);
        for (size_t r = 0; r < count; r++)
            if (found < k || prepared.cosines[r] > hits[k - 1].cosine)
                found = keep(hits, found, k, first + r, prepared.cosines[r]);
    }
    return LG_OK;
}
