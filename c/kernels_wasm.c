/* The loops for WebAssembly with -msimd128. Elsewhere this file is empty. Its loads need no alignment. */
#include "internal.h"

#if defined(__wasm_simd128__) && !defined(LG_ONLY_SCALAR)
#include <wasm_simd128.h>

const lg_kernels *lg_wasm_kernels(void);

static v128_t add_product(v128_t sum, v128_t factor, const float *values) {
    return wasm_f32x4_add(sum, wasm_f32x4_mul(factor, wasm_v128_load(values)));
}

/* Sum of eight lanes, in the order of squares_scalar. */
static float sum8(v128_t low, v128_t high) {
    v128_t four = wasm_f32x4_add(low, high);
    v128_t two = wasm_f32x4_add(four, wasm_i32x4_shuffle(four, four, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(two, 0) + wasm_f32x4_extract_lane(two, 1);
}

static int32_t sum4(v128_t lanes) {
    v128_t two = wasm_i32x4_add(lanes, wasm_i32x4_shuffle(lanes, lanes, 2, 3, 0, 1));
    return wasm_i32x4_extract_lane(two, 0) + wasm_i32x4_extract_lane(two, 1);
}

static float squares_wasm(const float *x, size_t n) {
    v128_t sums[8];
    float rest[32] = {0};
    size_t i = 0;
    for (size_t lane = 0; lane < 8; lane++) sums[lane] = wasm_f32x4_splat(0);
    for (; i + 32 <= n; i += 32)
        for (size_t lane = 0; lane < 8; lane++)
            sums[lane] = add_product(sums[lane], wasm_v128_load(x + i + 4 * lane), x + i + 4 * lane);
    for (size_t place = 0; i < n; i++, place++) rest[place] = x[i];
    for (size_t lane = 0; lane < 8; lane++)
        sums[lane] = add_product(sums[lane], wasm_v128_load(rest + 4 * lane), rest + 4 * lane);
    return sum8(wasm_f32x4_add(wasm_f32x4_add(sums[0], sums[2]), wasm_f32x4_add(sums[4], sums[6])),
                wasm_f32x4_add(wasm_f32x4_add(sums[1], sums[3]), wasm_f32x4_add(sums[5], sums[7])));
}

static void round8_wasm(const float *x, size_t n, float step, uint8_t *rounded) {
    const v128_t steps = wasm_f32x4_splat(step), least = wasm_f32x4_splat(-128), most = wasm_f32x4_splat(127);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        v128_t whole = wasm_f32x4_nearest(wasm_f32x4_div(wasm_v128_load(x + i), steps));
        v128_t words = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_min(wasm_f32x4_max(whole, least), most));
        v128_t halves = wasm_i16x8_narrow_i32x4(words, words), bytes = wasm_i8x16_narrow_i16x8(halves, halves);
        wasm_v128_store32_lane(rounded + i, wasm_v128_xor(bytes, wasm_i8x16_splat(-128)), 0);
    }
    lg_scalar_kernels()->round8(x + i, n - i, step, rounded + i);
}

static void dot8_wasm(const uint8_t *x, const int8_t *weights, const int32_t *sums, const float *scales, size_t n,
                      float products[4]) {
    v128_t dots[4];
    for (size_t c = 0; c < 4; c++) dots[c] = wasm_i32x4_splat(0);
    for (size_t i = 0; i < n; i += 16) {
        v128_t low = wasm_u16x8_load8x8(x + i), high = wasm_u16x8_load8x8(x + i + 8);
        for (size_t c = 0; c < 4; c++) {
            const int8_t *row = weights + c * n + i;
            dots[c] = wasm_i32x4_add(dots[c], wasm_i32x4_dot_i16x8(low, wasm_i16x8_load8x8(row)));
            dots[c] = wasm_i32x4_add(dots[c], wasm_i32x4_dot_i16x8(high, wasm_i16x8_load8x8(row + 8)));
        }
    }
    for (size_t c = 0; c < 4; c++) products[c] = (float)(sum4(dots[c]) - 128 * sums[c]) * scales[c];
}

static float dotf_wasm(const float *x, const float *y, size_t n) {
    v128_t low = wasm_f32x4_splat(0), high = low;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        low = add_product(low, wasm_v128_load(x + i), y + i);
        high = add_product(high, wasm_v128_load(x + i + 4), y + i + 4);
    }
    float sum = sum8(low, high);
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static void add_rows_wasm(float *target, const float *factors, size_t rows, const float *values, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        v128_t a = wasm_v128_load(target + i), b = wasm_v128_load(target + i + 4);
        for (size_t r = 0; r < rows; r++) {
            v128_t factor = wasm_f32x4_splat(factors[r]);
            a = add_product(a, factor, values + r * n + i);
            b = add_product(b, factor, values + r * n + i + 4);
        }
        wasm_v128_store(target + i, a);
        wasm_v128_store(target + i + 4, b);
    }
    for (size_t r = 0; r < rows && i < n; r++)
        lg_scalar_kernels()->add_rows(target + i, factors + r, 1, values + r * n + i, n - i);
}

static void add_products_wasm(float *target, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        wasm_v128_store(target + i, add_product(wasm_v128_load(target + i), wasm_v128_load(a + i), b + i));
    lg_scalar_kernels()->add_products(target + i, a + i, b + i, n - i);
}

static void add_bytes_wasm(float *target, float factor, const uint8_t *bytes, size_t n) {
    v128_t factors = wasm_f32x4_splat(factor);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        v128_t whole = wasm_i16x8_sub(wasm_u16x8_load8x8(bytes + i), wasm_i16x8_splat(128));
        v128_t low = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(whole));
        v128_t high = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(whole));
        low = wasm_f32x4_add(wasm_v128_load(target + i), wasm_f32x4_mul(low, factors));
        high = wasm_f32x4_add(wasm_v128_load(target + i + 4), wasm_f32x4_mul(high, factors));
        wasm_v128_store(target + i, low);
        wasm_v128_store(target + i + 4, high);
    }
    lg_scalar_kernels()->add_bytes(target + i, factor, bytes + i, n - i);
}

static void search8_wasm(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query, int32_t *dots,
                         int32_t *squares) {
    const v128_t flips = wasm_i8x16_splat((int8_t)flip);
    size_t whole = n / 16 * 16;
    for (size_t r = 0; r < rows; r++, codes += n) {
        v128_t dot = wasm_i32x4_splat(0), square = dot;
        for (size_t i = 0; i < whole; i += 16) {
            v128_t bytes = wasm_v128_xor(wasm_v128_load(codes + i), flips);
            v128_t low = wasm_i16x8_extend_low_i8x16(bytes), high = wasm_i16x8_extend_high_i8x16(bytes);
            dot = wasm_i32x4_add(dot, wasm_i32x4_dot_i16x8(low, wasm_v128_load(query + i)));
            dot = wasm_i32x4_add(dot, wasm_i32x4_dot_i16x8(high, wasm_v128_load(query + i + 8)));
            square = wasm_i32x4_add(square, wasm_i32x4_dot_i16x8(low, low));
            square = wasm_i32x4_add(square, wasm_i32x4_dot_i16x8(high, high));
        }
        int32_t dot_rest, square_rest;
        lg_scalar_kernels()->search8(codes + whole, 1, n - whole, flip, query + whole, &dot_rest, &square_rest);
        dots[r] = sum4(dot) + dot_rest;
        squares[r] = sum4(square) + square_rest;
    }
}

/* sum + products of 16 nibbles with 16 weights. */
static v128_t add_nibbles(v128_t sum, v128_t nibbles, const int8_t *weights) {
    v128_t row = wasm_v128_load(weights);
    v128_t products = wasm_i16x8_add(wasm_i16x8_extmul_low_i8x16(nibbles, row), wasm_i16x8_extmul_high_i8x16(nibbles, row));
    return wasm_i32x4_add(sum, wasm_i32x4_extadd_pairwise_i16x8(products));
}

static void search4_wasm(const uint8_t *codes, size_t rows, size_t n, const int8_t *query, int32_t *dots) {
    if (n % 16) {
        lg_scalar_kernels()->search4(codes, rows, n, query, dots);
        return;
    }
    for (size_t r = 0; r < rows; r++, codes += n) {
        v128_t coarse = wasm_i32x4_splat(0), fine = coarse;
        for (size_t i = 0; i < n; i += 16) {
            v128_t bytes = wasm_v128_load(codes + i), high = wasm_u8x16_shr(bytes, 4);
            v128_t low = wasm_v128_and(bytes, wasm_i8x16_splat(15));
            coarse = add_nibbles(add_nibbles(coarse, low, query + i), high, query + 2 * n + i);
            fine = add_nibbles(add_nibbles(fine, low, query + n + i), high, query + 3 * n + i);
        }
        dots[r] = 128 * sum4(coarse) + sum4(fine);
    }
}

/* Plain C, in which compilers see the vectors: the option holds for all files. */
static void add_gate_wasm(float *hidden, const float *parts, size_t n) {
    lg_scalar_kernels()->add_gate(hidden, parts, n);
}

static void window_errors_wasm(const float *table, size_t picks, size_t dims, const float *values, float *errors) {
    lg_scalar_kernels()->window_errors(table, picks, dims, values, errors);
}

static void trellis_step_wasm(float *costs, float factor, const float *errors, unsigned char *older) {
    lg_scalar_kernels()->trellis_step(costs, factor, errors, older);
}

const lg_kernels *lg_wasm_kernels(void) {
    static const lg_kernels kernels = {
        "wasm",        squares_wasm,  round8_wasm,       dot8_wasm,
        dotf_wasm,     add_rows_wasm, add_products_wasm, add_bytes_wasm,
        add_gate_wasm, search8_wasm,  search4_wasm,      NULL,
        window_errors_wasm, trellis_step_wasm};
    return &kernels;
}
#else
typedef int lg_no_wasm; /* a file must declare something */
#endif
