/* The loops for AVX2: gcc and clang on x86-64. Elsewhere this file is empty. */
#include "internal.h"
#include "trellis_loops.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(LG_ONLY_SCALAR)
#include <immintrin.h>

#define LG_AVX2 __attribute__((target("avx2")))

const lg_kernels *lg_avx2_kernels(void);

LG_AVX2 static __m256i load(const void *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/* Sum of eight lanes. */
LG_AVX2 static int32_t sum32(__m256i lanes) {
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/* Sum of eight lanes, in the order of squares_scalar. */
LG_AVX2 static float sumf(__m256 lanes) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

LG_AVX2 static float squares_avx2(const float *x, size_t n) {
    __m256 sum = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 value = _mm256_loadu_ps(x + i);
        sum = _mm256_add_ps(sum, _mm256_mul_ps(value, value));
    }
    float rest[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (size_t lane = 0; i < n; i++, lane++) rest[lane] = x[i] * x[i];
    return sumf(_mm256_add_ps(sum, _mm256_loadu_ps(rest)));
}

LG_AVX2 static __m256i whole_steps(const float *x, __m256 step) {
    __m256 whole = _mm256_round_ps(_mm256_div_ps(_mm256_loadu_ps(x), step), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    whole = _mm256_min_ps(_mm256_max_ps(whole, _mm256_set1_ps(-128)), _mm256_set1_ps(127));
    return _mm256_cvtps_epi32(whole);
}

LG_AVX2 static void round8_avx2(const float *x, size_t n, float step, int8_t *rounded) {
    __m256 steps = _mm256_set1_ps(step);
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing works within halves of a register */
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i low = _mm256_packs_epi32(whole_steps(x + i, steps), whole_steps(x + i + 8, steps));
        __m256i high = _mm256_packs_epi32(whole_steps(x + i + 16, steps), whole_steps(x + i + 24, steps));
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
        _mm256_storeu_si256((__m256i *)(void *)(rounded + i), bytes);
    }
    lg_scalar_kernels()->round8(x + i, n - i, step, rounded + i);
}

/* sum + products of 32 signed bytes. Sizes of x are at most 128 and of weights at most 127, so that the sum of two
 * products, at most 32,512, fits into 16 bits. */
LG_AVX2 static __m256i add_dot8(__m256i sum, __m256i sizes, __m256i x, const int8_t *weights) {
    __m256i pairs = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(load(weights), x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

LG_AVX2 static void dot8_avx2(const int8_t *x, const int8_t *weights, size_t n, int32_t dots[4]) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 32) {
        __m256i values = load(x + i), sizes = _mm256_abs_epi8(values);
        a = add_dot8(a, sizes, values, weights + i);
        b = add_dot8(b, sizes, values, weights + n + i);
        c = add_dot8(c, sizes, values, weights + 2 * n + i);
        d = add_dot8(d, sizes, values, weights + 3 * n + i);
    }
    a = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d)); /* four sums in each half */
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    _mm_storeu_si128((__m128i *)(void *)dots, sums);
}

LG_AVX2 static float dotf_avx2(const float *x, const float *y, size_t n) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        a = _mm256_add_ps(a, _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
        b = _mm256_add_ps(b, _mm256_mul_ps(_mm256_loadu_ps(x + i + 8), _mm256_loadu_ps(y + i + 8)));
        c = _mm256_add_ps(c, _mm256_mul_ps(_mm256_loadu_ps(x + i + 16), _mm256_loadu_ps(y + i + 16)));
        d = _mm256_add_ps(d, _mm256_mul_ps(_mm256_loadu_ps(x + i + 24), _mm256_loadu_ps(y + i + 24)));
    }
    float sum = sumf(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

LG_AVX2 static void add_scaled_avx2(float *target, float factor, const float *values, size_t n) {
    __m256 factors = _mm256_set1_ps(factor);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 product = _mm256_mul_ps(factors, _mm256_loadu_ps(values + i));
        _mm256_storeu_ps(target + i, _mm256_add_ps(_mm256_loadu_ps(target + i), product));
    }
    lg_scalar_kernels()->add_scaled(target + i, factor, values + i, n - i);
}

LG_AVX2 static void search8_avx2(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query,
                                 int32_t *dots, int32_t *squares) {
    __m128i flips = _mm_set1_epi8((char)flip);
    size_t whole = n / 16 * 16;
    for (size_t r = 0; r < rows; r++, codes += n) {
        __m256i dot = _mm256_setzero_si256(), square = dot;
        for (size_t i = 0; i < whole; i += 16) {
            __m128i bytes = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(codes + i)), flips);
            __m256i values = _mm256_cvtepi8_epi16(bytes);
            dot = _mm256_add_epi32(dot, _mm256_madd_epi16(values, load(query + i)));
            square = _mm256_add_epi32(square, _mm256_madd_epi16(values, values));
        }
        int32_t dot_rest, square_rest;
        lg_scalar_kernels()->search8(codes + whole, 1, n - whole, flip, query + whole, &dot_rest, &square_rest);
        dots[r] = sum32(dot) + dot_rest;
        squares[r] = sum32(square) + square_rest;
    }
}

/* Sixteen-bit sums as thirty-two-bit sums of neighbours. */
LG_AVX2 static __m256i widened(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }

LG_AVX2 static void search4_avx2(const uint8_t *codes, size_t rows, size_t n, const int8_t *query, int32_t *dots) {
    const __m256i nibble = _mm256_set1_epi8(15);
    if (n % 32) {
        lg_scalar_kernels()->search4(codes, rows, n, query, dots);
        return;
    }
    for (size_t r = 0; r < rows; r++, codes += n) {
        __m256i coarse = _mm256_setzero_si256(), fine = coarse;
        for (size_t i = 0; i < n;) {
            __m256i coarse16 = _mm256_setzero_si256(), fine16 = coarse16;
            for (size_t stop = i + 128 < n ? i + 128 : n; i < stop; i += 32) { /* 8 sums of at most 2 x 15 x 126 */
                __m256i bytes = load(codes + i), low = _mm256_and_si256(bytes, nibble);
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
                coarse16 = _mm256_add_epi16(coarse16, _mm256_maddubs_epi16(low, load(query + i)));
                fine16 = _mm256_add_epi16(fine16, _mm256_maddubs_epi16(low, load(query + n + i)));
                coarse16 = _mm256_add_epi16(coarse16, _mm256_maddubs_epi16(high, load(query + 2 * n + i)));
                fine16 = _mm256_add_epi16(fine16, _mm256_maddubs_epi16(high, load(query + 3 * n + i)));
            }
            coarse = _mm256_add_epi32(coarse, widened(coarse16));
            fine = _mm256_add_epi32(fine, widened(fine16));
        }
        dots[r] = sum32(_mm256_add_epi32(_mm256_slli_epi32(coarse, 7), fine));
    }
}

LG_AVX2 static void window_errors_avx2(const float *table, size_t picks, size_t dims, const float *values,
                                       float *errors) {
    window_errors_loop(table, picks, dims, values, errors);
}

LG_AVX2 static void trellis_step_avx2(float *costs, float factor, const float *errors, unsigned char *older) {
    trellis_step_loop(costs, factor, errors, older);
}

const lg_kernels *lg_avx2_kernels(void) {
    static const lg_kernels kernels = {"avx2",    squares_avx2,    round8_avx2,  dot8_avx2,
                                       dotf_avx2, add_scaled_avx2, search8_avx2, search4_avx2,
                                       window_errors_avx2, trellis_step_avx2};
    return &kernels;
}
#else
typedef int lg_no_avx2; /* a file must declare something */
#endif
