/* Embeddings in fewer bytes; the Python runtime's codec.py says why each kind is as it is. */
#include "internal.h"

#include <math.h>
#include <string.h>

#define LG_PI 3.14159265358979323846
#define LG_INT8_STEP (4.0f / 127.0f)

/* ---- The rotation: fixed random signs, then the cosine transform ---- */

void lg_twiddles(const lg_codec *codec, double *twiddles) {
    for (size_t n = codec->dim; n % 2 == 0; n /= 2, twiddles += n)
        for (size_t i = 0; i < n / 2; i++) twiddles[i] = 0.5 / cos(LG_PI * ((double)i + 0.5) / (double)n);
}

/* Cosine sums of odd length: out_j = sum of v_i cos(pi (i + 1/2) j / n), or its transpose; v is overwritten. */
static void transform_odd(double *v, double *t, size_t n, int transpose) {
    if (n == 1) return;
    for (size_t a = 0; a < n; a++) {
        t[a] = 0;
        for (size_t b = 0; b < n; b++) {
            size_t i = transpose ? a : b, j = transpose ? b : a;
            t[a] += v[b] * cos(LG_PI * ((double)i + 0.5) * (double)j / (double)n);
        }
    }
    memcpy(v, t, n * sizeof *v);
}

/* The cosine transform of v (n), in place, with t (n) to work in (Lee, "A new algorithm to compute the discrete cosine
 * transform", 1984): one of n is two of n / 2, of sums and of scaled differences. */
static void transform(double *v, double *t, size_t n, const double *twiddles) {
    size_t half = n / 2;
    if (n % 2) {
        transform_odd(v, t, n, 0);
        return;
    }
    for (size_t i = 0; i < half; i++) {
        t[i] = v[i] + v[n - 1 - i];
        t[half + i] = (v[i] - v[n - 1 - i]) * twiddles[i];
    }
    transform(t, v, half, twiddles + half);
    transform(t + half, v, half, twiddles + half);
    for (size_t i = 0; i < half; i++) {
        v[2 * i] = t[i];
        v[2 * i + 1] = t[half + i] + (i + 1 < half ? t[half + i + 1] : 0);
    }
}

/* The transpose of `transform`, step by step in the other order. */
static void transform_back(double *v, double *t, size_t n, const double *twiddles) {
    size_t half = n / 2;
    if (n % 2) {
        transform_odd(v, t, n, 1);
        return;
    }
    for (size_t i = 0; i < half; i++) {
        t[i] = v[2 * i];
        t[half + i] = v[2 * i + 1] + (i ? v[2 * i - 1] : 0);
    }
    transform_back(t, v, half, twiddles + half);
    transform_back(t + half, v, half, twiddles + half);
    for (size_t i = 0; i < half; i++) {
        double difference = t[half + i] * twiddles[i];
        v[i] = t[i] + difference;
        v[n - 1 - i] = t[i] - difference;
    }
}

/* The next state of xorshift32 (Marsaglia, "Xorshift RNGs", 2003); its highest bit is a sign. */
static uint32_t next_state(uint32_t state) {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^ state << 5;
}

/* Rotate row (dim), or rotate it back; work is (2 dim). */
static void rotate(float *row, size_t dim, double *work, const double *twiddles, int back) {
    double scale = sqrt(2.0 / (double)dim);
    uint32_t state = 20240720u;
    for (size_t i = 0; i < dim; i++) {
        state = next_state(state);
        double factor = back ? (i ? scale : scale / sqrt(2.0)) : (state >> 31 ? 1.0 : -1.0);
        work[i] = row[i] * factor;
    }
    (back ? transform_back : transform)(work, work + dim, dim, twiddles);
    state = 20240720u;
    for (size_t i = 0; i < dim; i++) {
        state = next_state(state);
        double factor = back ? (state >> 31 ? 1.0 : -1.0) : (i ? scale : scale / sqrt(2.0));
        row[i] = (float)(work[i] * factor);
    }
}

lg_status lg_prepare(const lg_codec *codec, const float *embedding, float *row, double *work, const double *twiddles) {
    double length;
    lg_status status = lg_length(embedding, codec->dim, &length);
    if (status == LG_OK && codec->dim < codec->output_dim && !lg_all_finite(embedding, codec->output_dim))
        status = LG_NOT_FINITE;
    if (status != LG_OK) return status;
    memcpy(row, embedding, codec->dim * sizeof *row);
    if (codec->dim < codec->output_dim)
        for (size_t i = 0; i < codec->dim; i++) row[i] = row[i] / (float)length;
    if (codec->kind > LG_FLOAT16) rotate(row, codec->dim, work, twiddles, 0);
    return LG_OK;
}

/* ---- Half precision ---- */

/* Rounded half to even; what is too large becomes infinite. */
static uint16_t to_half(float value) {
    uint32_t bits, sign, magnitude;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x47800000u) return (uint16_t)(sign | (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u));
    if (magnitude < 0x38800000u) { /* below the smallest normal half: count steps of 2^-24 */
        float absolute;
        memcpy(&absolute, &magnitude, sizeof absolute);
        return (uint16_t)(sign | (uint32_t)rintf(absolute * 16777216.0f));
    }
    magnitude += 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((magnitude - 0x38000000u) >> 13));
}

static float from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 1023u;
    uint32_t bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    if (exponent == 0) value = (sign ? -1.0f : 1.0f) * (float)fraction / 16777216.0f;
    return value;
}

/* ---- The 256 directions of e8: 112 pairs, 128 halves, 16 axes ---- */

#define LG_ROOT_HALF 0.70710678118654752f

void lg_direction(unsigned code, float direction[8]) {
    for (int k = 0; k < 8; k++) direction[k] = 0;
    if (code < 112) {
        unsigned pair = code / 4, i = 0;
        while (pair >= 7 - i) pair -= 7 - i++;
        direction[i] = code & 2 ? -LG_ROOT_HALF : LG_ROOT_HALF;
        direction[i + 1 + pair] = code & 1 ? -LG_ROOT_HALF : LG_ROOT_HALF;
    } else if (code < 240) { /* seven free signs, first dimension highest; the eighth makes their number even */
        unsigned signs = (code - 112) << 1, odd = signs ^ signs >> 4;
        odd ^= odd >> 2;
        signs |= (odd ^ odd >> 1) & 1;
        for (int k = 0; k < 8; k++) direction[k] = signs >> (7 - k) & 1 ? -LG_ROOT_HALF / 2 : LG_ROOT_HALF / 2;
    } else {
        direction[(code - 240) / 2] = code & 1 ? -1.0f : 1.0f;
    }
}

/* The direction nearest to x (8): the best pair, half and axis follow from sizes and signs, and the best of them wins. */
static uint8_t nearest_direction(const float x[8]) {
    unsigned first = 0, second = 1, least = 0, signs = 0, odd = 0;
    float sum = 0;
    for (unsigned k = 0; k < 8; k++) {
        float size = fabsf(x[k]);
        sum += size;
        signs = signs << 1 | (x[k] < 0);
        odd ^= x[k] < 0;
        if (size < fabsf(x[least])) least = k;
        if (size > fabsf(x[first])) first = k;
    }
    second = first == 0 ? 1 : 0;
    for (unsigned k = 0; k < 8; k++)
        if (k != first && fabsf(x[k]) > fabsf(x[second])) second = k;
    float pair = (fabsf(x[first]) + fabsf(x[second])) * LG_ROOT_HALF;
    float half = (odd ? sum - 2 * fabsf(x[least]) : sum) * (LG_ROOT_HALF / 2);
    float axis = fabsf(x[first]);
    if (pair >= half && pair >= axis) {
        unsigned i = first < second ? first : second, j = first < second ? second : first;
        return (uint8_t)(4 * (i * 7 - i * (i - 1) / 2 + j - i - 1) + (x[i] < 0 ? 2u : 0u) + (x[j] < 0 ? 1u : 0u));
    }
    if (half >= axis) return (uint8_t)(112 + ((odd ? signs ^ 128u >> least : signs) >> 1));
    return (uint8_t)(240 + 2 * first + (x[first] < 0));
}

/* ---- Rows to codes and back ---- */

static float clipped(float value, float least, float most) { return value < least ? least : value > most ? most : value; }

static float level(const lg_codec *codec, const float *row, size_t i) {
    return (row[i] - codec->mean[i]) / codec->deviation[i];
}

/* The code of a prepared row (dim). */
static void pack(const lg_codec *codec, const float *row, uint8_t *code) {
    size_t dim = codec->dim, columns = codec->bytes_per_row;
    if (codec->kind == LG_FLOAT32) memcpy(code, row, dim * sizeof *row);
    if (codec->kind == LG_FLOAT16)
        for (size_t i = 0; i < dim; i++) {
            uint16_t half = to_half(row[i]);
            memcpy(code + 2 * i, &half, 2);
        }
    if (codec->kind == LG_INT8 || codec->kind == LG_UINT8)
        for (size_t i = 0; i < dim; i++) {
            int whole = (int)clipped(rintf(row[i] / codec->deviation8 / LG_INT8_STEP), -128, 127);
            code[i] = (uint8_t)(codec->kind == LG_INT8 ? whole : whole + 128);
        }
    if (codec->kind == LG_INT4)
        for (size_t i = 0; i < columns; i++) {
            float low = rintf(level(codec, row, 2 * i) / LG_INT4_STEP + 7.5f);
            float high = rintf(level(codec, row, 2 * i + 1) / LG_INT4_STEP + 7.5f);
            code[i] = (uint8_t)((unsigned)clipped(low, 0, 15) | (unsigned)clipped(high, 0, 15) << 4);
        }
    if (codec->kind == LG_E8)
        for (size_t i = 0; i < columns; i++) {
            float x[8];
            for (size_t k = 0; k < 8; k++) x[k] = level(codec, row, i + k * columns);
            code[i] = nearest_direction(x);
        }
    if (codec->kind >= LG_BINARY)
        for (size_t i = 0; i < columns; i++) {
            unsigned bits = 0;
            for (size_t k = 0; k < 8; k++) bits = bits << 1 | (level(codec, row, 8 * i + k) > 0);
            code[i] = (uint8_t)(codec->kind == LG_BINARY ? bits ^ 128u : bits);
        }
}

void lg_levels(const lg_codec *codec, unsigned code, float levels[8]) {
    unsigned bits = codec->kind == LG_BINARY ? code ^ 128u : code;
    if (codec->kind == LG_E8) lg_direction(code, levels);
    for (size_t k = 0; k < 8; k++)
        levels[k] = codec->kind == LG_E8 ? levels[k] * LG_E8_LENGTH : bits >> (7 - k) & 1 ? LG_SIGN_LEVEL : -LG_SIGN_LEVEL;
}

size_t lg_dimension(const lg_codec *codec, size_t byte, size_t k) {
    return codec->kind == LG_E8 ? byte + k * codec->bytes_per_row : 8 * byte + k;
}

/* Levels of a code (dim), in standard deviations. */
static void unpack_levels(const lg_codec *codec, const uint8_t *code, float *row) {
    for (size_t i = 0; i < codec->bytes_per_row; i++) {
        if (codec->kind == LG_INT4) {
            row[2 * i] = ((float)(code[i] & 15) - 7.5f) * LG_INT4_STEP;
            row[2 * i + 1] = ((float)(code[i] >> 4) - 7.5f) * LG_INT4_STEP;
        } else {
            float levels[8];
            lg_levels(codec, code[i], levels);
            for (size_t k = 0; k < 8; k++) row[lg_dimension(codec, i, k)] = levels[k];
        }
    }
}

void lg_unpack(const lg_codec *codec, const uint8_t *code, float *row) {
    size_t dim = codec->dim;
    if (codec->kind == LG_FLOAT32) {
        memcpy(row, code, dim * sizeof *row);
    } else if (codec->kind == LG_FLOAT16) {
        for (size_t i = 0; i < dim; i++) {
            uint16_t half;
            memcpy(&half, code + 2 * i, 2);
            row[i] = from_half(half);
        }
    } else if (codec->kind == LG_INT8 || codec->kind == LG_UINT8) {
        for (size_t i = 0; i < dim; i++) {
            int whole = codec->kind == LG_UINT8 ? (int)code[i] - 128 : code[i] < 128 ? (int)code[i] : (int)code[i] - 256;
            row[i] = (float)whole * LG_INT8_STEP * codec->deviation8;
        }
    } else {
        unpack_levels(codec, code, row);
        for (size_t i = 0; i < dim; i++) row[i] = row[i] * codec->deviation[i] + codec->mean[i];
    }
}

size_t lg_square_entries(const lg_codec *codec) {
    if (codec->kind < LG_INT4) return 0;
    return codec->kind == LG_INT4 ? (size_t)codec->dim * 16 : codec->bytes_per_row * 256;
}

/* What a level of a dimension adds to the squared length. */
static float square(const lg_codec *codec, size_t dimension, float level) {
    float value = level * codec->deviation[dimension] + codec->mean[dimension];
    return value * value;
}

void lg_square_table(const lg_codec *codec, float *table) {
    if (codec->kind == LG_INT4)
        for (size_t i = 0; i < codec->dim; i++)
            for (size_t v = 0; v < 16; v++) table[16 * i + v] = square(codec, i, ((float)v - 7.5f) * LG_INT4_STEP);
    else if (codec->kind > LG_INT4)
        for (unsigned code = 0; code < 256; code++) {
            float levels[8];
            lg_levels(codec, code, levels);
            for (size_t b = 0; b < codec->bytes_per_row; b++) {
                float sum = 0;
                for (size_t k = 0; k < 8; k++) sum += square(codec, lg_dimension(codec, b, k), levels[k]);
                table[b * 256 + code] = sum;
            }
        }
}

float lg_look_up(const float *table, const uint8_t *code, size_t bytes) {
    float a = 0, b = 0, c = 0, d = 0; /* four chains that do not wait for each other */
    size_t i = 0;
    for (; i + 4 <= bytes; i += 4, table += 1024) {
        a += table[code[i]];
        b += table[256 + code[i + 1]];
        c += table[512 + code[i + 2]];
        d += table[768 + code[i + 3]];
    }
    for (; i < bytes; i++, table += 256) a += table[code[i]];
    return (a + b) + (c + d);
}

/* Sum of the entries of a table (bytes, 2, 16) for a code (bytes): of its low and its high nibbles. */
static float look_up_nibbles(const float *table, const uint8_t *code, size_t bytes) {
    float a = 0, b = 0, c = 0, d = 0;
    size_t i = 0;
    for (; i + 2 <= bytes; i += 2, table += 64) {
        a += table[code[i] & 15];
        b += table[16 + (code[i] >> 4)];
        c += table[32 + (code[i + 1] & 15)];
        d += table[48 + (code[i + 1] >> 4)];
    }
    for (; i < bytes; i++, table += 32) a += table[code[i] & 15] + table[16 + (code[i] >> 4)];
    return (a + b) + (c + d);
}

void lg_measure(const lg_codec *codec, const float *table, const uint8_t *codes, size_t rows, float *lengths) {
    size_t n = codec->bytes_per_row;
    for (size_t r = 0; r < rows; r++, codes += n) {
        float sum = (codec->kind == LG_INT4 ? look_up_nibbles : lg_look_up)(table, codes, n);
        lengths[r] = sum > 1e-24f ? sqrtf(sum) : 1e-12f;
    }
}

size_t lg_codes_scratch(const lg_codec *codec) {
    size_t rotation = (size_t)codec->dim * (3 * sizeof(double) + sizeof(float));
    size_t squares = lg_square_entries(codec) * sizeof(float);
    return (rotation > squares ? rotation : squares) + 8;
}

lg_status lg_codes_encode(const lg_codec *codec, const float *embeddings, size_t rows, void *codes, void *scratch,
                          size_t *bad_row) {
    if (!codec || !scratch || (rows && (!embeddings || !codes)) || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    double *twiddles = scratch, *work = twiddles + codec->dim;
    float *row = (float *)(void *)(work + 2 * (size_t)codec->dim);
    lg_twiddles(codec, twiddles);
    for (size_t r = 0; r < rows; r++) {
        lg_status status = lg_prepare(codec, embeddings + r * codec->output_dim, row, work, twiddles);
        if (status != LG_OK && bad_row) *bad_row = r;
        if (status != LG_OK) return status;
        pack(codec, row, (uint8_t *)codes + r * codec->bytes_per_row);
    }
    return LG_OK;
}

/* The length of a row (n), at least what keeps a row of zeros as it is. */
static float length_of(const float *row, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)row[i] * row[i];
    return sum > 1e-24 ? (float)sqrt(sum) : 1e-12f;
}

lg_status lg_codes_decode(const lg_codec *codec, const void *codes, size_t rows, float *embeddings, void *scratch) {
    if (!codec || !scratch || (rows && (!embeddings || !codes)) || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    double *twiddles = scratch, *work = twiddles + codec->dim;
    lg_twiddles(codec, twiddles);
    for (size_t r = 0; r < rows; r++) {
        float *row = embeddings + r * codec->dim;
        lg_unpack(codec, (const uint8_t *)codes + r * codec->bytes_per_row, row);
        if (codec->kind <= LG_FLOAT16) continue;
        float length = length_of(row, codec->dim);
        for (size_t i = 0; i < codec->dim; i++) row[i] /= length;
        rotate(row, codec->dim, work, twiddles, 1);
    }
    return LG_OK;
}

lg_status lg_codes_lengths(const lg_codec *codec, const void *codes, size_t rows, float *lengths, void *scratch) {
    if (!codec || !scratch || (rows && (!lengths || !codes)) || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    float *row = scratch;
    if (codec->kind >= LG_INT4) {
        lg_square_table(codec, scratch);
        lg_measure(codec, scratch, codes, rows, lengths);
        return LG_OK;
    }
    for (size_t r = 0; r < rows; r++) {
        lg_unpack(codec, (const uint8_t *)codes + r * codec->bytes_per_row, row);
        lengths[r] = codec->kind <= LG_FLOAT16 ? 1.0f : length_of(row, codec->dim);
    }
    return LG_OK;
}
