/* The loops in plain C, which any compiler takes, and the choice of kernels. */
#include "internal.h"
#include "trellis_loops.h"

#include <math.h>
#include <string.h>

static float squares_scalar(const float *x, size_t n) {
    float lanes[32] = {0};
    for (size_t i = 0; i < n; i++) {
        float square = x[i] * x[i];
        lanes[i % 32] += square;
    }
    for (size_t i = 0; i < 8; i++) lanes[i] = (lanes[i] + lanes[8 + i]) + (lanes[16 + i] + lanes[24 + i]);
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static void round8_scalar(const float *x, size_t n, float step, uint8_t *rounded) {
    for (size_t i = 0; i < n; i++) {
        float whole = rintf(x[i] / step);
        rounded[i] = (uint8_t)((whole < -128 ? -128 : whole > 127 ? 127 : whole) + 128);
    }
}

static void dot8_scalar(const uint8_t *x, const int8_t *weights, const int32_t *sums, const float *scales, size_t n,
                        float products[4]) {
    for (size_t c = 0; c < 4; c++) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += x[i] * weights[c * n + i];
        products[c] = (float)(sum - 128 * sums[c]) * scales[c];
    }
}

static float dotf_scalar(const float *x, const float *y, size_t n) {
    float lanes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t lane = 0; lane < 8; lane++) lanes[lane] += x[i + lane] * y[i + lane];
    for (; i < n; i++) lanes[0] += x[i] * y[i];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static void add_rows_scalar(float *target, const float *factors, size_t rows, const float *values, size_t n) {
    for (size_t r = 0; r < rows; r++, values += n)
        for (size_t i = 0; i < n; i++) {
            float product = factors[r] * values[i];
            target[i] += product;
        }
}

static void add_products_scalar(float *target, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float product = a[i] * b[i];
        target[i] += product;
    }
}

static void add_bytes_scalar(float *target, float factor, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float product = factor * (float)((int)bytes[i] - 128);
        target[i] += product;
    }
}

static float exponential(float x) {
    x = x > -LG_EXP_MOST ? (x < LG_EXP_MOST ? x : LG_EXP_MOST) : -LG_EXP_MOST;
    float whole = rintf(x * LG_LOG2_E), series = 1.0f / 5040, power;
    float high = whole * LG_LN2_HIGH, low = whole * LG_LN2_LOW, rest = (x - high) - low;
    static const float terms[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        float product = series * rest;
        series = product + terms[i];
    }
    uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

static void add_gate_scalar(float *hidden, const float *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float gated = parts[i] * parts[n + i] / (1 + exponential(-parts[2 * n + i]));
        hidden[i] += gated;
    }
}

static void search8_scalar(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query,
                           int32_t *dots, int32_t *squares) {
    for (size_t r = 0; r < rows; r++, codes += n) {
        int32_t dot = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            int32_t value = (int32_t)((codes[i] ^ flip) ^ 128) - 128; /* the signed value of the byte */
            dot += value * query[i];
            square += value * value;
        }
        dots[r] = dot;
        squares[r] = square;
    }
}

static void search4_scalar(const uint8_t *codes, size_t rows, size_t n, const int8_t *query, int32_t *dots) {
    for (size_t r = 0; r < rows; r++, codes += n) {
        int32_t coarse = 0, fine = 0;
        for (size_t i = 0; i < n; i++) {
            int32_t low = codes[i] & 15, high = codes[i] >> 4;
            coarse += low * query[i] + high * query[2 * n + i];
            fine += low * query[n + i] + high * query[3 * n + i];
        }
        dots[r] = coarse * 128 + fine;
    }
}

static void window_errors_scalar(const float *table, size_t picks, size_t dims, const float *values, float *errors) {
    window_errors_loop(table, picks, dims, values, errors);
}

static void trellis_step_scalar(float *costs, float factor, const float *errors, unsigned char *older) {
    trellis_step_loop(costs, factor, errors, older);
}

const lg_kernels *lg_scalar_kernels(void) {
    static const lg_kernels kernels = {
        "scalar",        squares_scalar, round8_scalar,       dot8_scalar,
        dotf_scalar,     add_rows_scalar, add_products_scalar, add_bytes_scalar,
        add_gate_scalar, search8_scalar, search4_scalar,      NULL,
        window_errors_scalar, trellis_step_scalar};
    return &kernels;
}

#if defined(__GNUC__) && defined(__x86_64__) && !defined(LG_ONLY_SCALAR)
const lg_kernels *lg_avx2_kernels(void);

const lg_kernels *lg_best_kernels(void) {
    return __builtin_cpu_supports("avx2") ? lg_avx2_kernels() : lg_scalar_kernels();
}
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(LG_ONLY_SCALAR)
const lg_kernels *lg_neon_kernels(void);

const lg_kernels *lg_best_kernels(void) { return lg_neon_kernels(); }
#elif defined(__wasm_simd128__) && !defined(LG_ONLY_SCALAR)
const lg_kernels *lg_wasm_kernels(void);

const lg_kernels *lg_best_kernels(void) { return lg_wasm_kernels(); }
#else
const lg_kernels *lg_best_kernels(void) { return lg_scalar_kernels(); }
#endif
