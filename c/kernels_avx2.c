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

LG_AVX2 static __m256 add_square(__m256 sum, const float *x) {
    __m256 value = _mm256_loadu_ps(x);
    return _mm256_add_ps(sum, _mm256_mul_ps(value, value));
}

LG_AVX2 static float squares_avx2(const float *x, size_t n) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        a = add_square(a, x + i);
        b = add_square(b, x + i + 8);
        c = add_square(c, x + i + 16);
        d = add_square(d, x + i + 24);
    }
    float rest[32] = {0};
    for (size_t lane = 0; i < n; i++, lane++) rest[lane] = x[i];
    a = _mm256_add_ps(add_square(a, rest), add_square(b, rest + 8));
    c = _mm256_add_ps(add_square(c, rest + 16), add_square(d, rest + 24));
    return sumf(_mm256_add_ps(a, c));
}

/* x (32) in whole steps, cut to -128..127, plus 128. A division decides; if `quick`, a multiplication is tried first,
 * and 0 returned where the two could round differently. */
LG_AVX2 static int round32(const float *x, __m256 step, __m256 inverse, int quick, uint8_t *rounded) {
    const __m256 size = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256i whole[4];
    __m256 farthest = _mm256_setzero_ps();
    for (size_t i = 0; i < 4; i++) {
        __m256 value = _mm256_loadu_ps(x + 8 * i);
        value = quick ? _mm256_mul_ps(value, inverse) : _mm256_div_ps(value, step);
        __m256 nearest = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        farthest = _mm256_max_ps(farthest, _mm256_and_ps(_mm256_sub_ps(value, nearest), size));
        nearest = _mm256_min_ps(_mm256_max_ps(nearest, _mm256_set1_ps(-128)), _mm256_set1_ps(127));
        whole[i] = _mm256_cvtps_epi32(nearest);
    }
    if (quick && _mm256_movemask_ps(_mm256_cmp_ps(farthest, _mm256_set1_ps(0.4998f), _CMP_GT_OQ))) return 0;
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing works within halves of a register */
    __m256i low = _mm256_packs_epi32(whole[0], whole[1]), high = _mm256_packs_epi32(whole[2], whole[3]);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)(void *)rounded, _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)));
    return 1;
}

LG_AVX2 static void round8_avx2(const float *x, size_t n, float step, uint8_t *rounded) {
    __m256 steps = _mm256_set1_ps(step), inverse = _mm256_set1_ps(1 / step);
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        if (!round32(x + i, steps, inverse, 1, rounded + i)) round32(x + i, steps, inverse, 0, rounded + i);
    lg_scalar_kernels()->round8(x + i, n - i, step, rounded + i);
}

/* sum + products of 32 bytes x and 32 weights of at most 64, two of which, at most 2 x 255 x 64, fit into 16 bits. */
LG_AVX2 static __m256i add_dot8(__m256i sum, __m256i x, const int8_t *weights) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, load(weights)), _mm256_set1_epi16(1)));
}

LG_AVX2 static void dot8_avx2(const uint8_t *x, const int8_t *weights, const int32_t *sums, const float *scales,
                              size_t n, float products[4]) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 32) {
        __m256i bytes = load(x + i);
        a = add_dot8(a, bytes, weights + i);
        b = add_dot8(b, bytes, weights + n + i);
        c = add_dot8(c, bytes, weights + 2 * n + i);
        d = add_dot8(d, bytes, weights + 3 * n + i);
    }
    a = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d)); /* four sums in each half */
    __m128i dots = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    __m128i shift = _mm_slli_epi32(_mm_loadu_si128((const __m128i *)(const void *)sums), 7);
    __m128 exact = _mm_cvtepi32_ps(_mm_sub_epi32(dots, shift));
    _mm_storeu_ps(products, _mm_mul_ps(exact, _mm_loadu_ps(scales)));
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

LG_AVX2 static __m256 add_product(__m256 sum, __m256 factor, const float *values) {
    return _mm256_add_ps(sum, _mm256_mul_ps(factor, _mm256_loadu_ps(values)));
}

LG_AVX2 static void add_rows_avx2(float *target, const float *factors, size_t rows, const float *values, size_t n) {
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256 a = _mm256_loadu_ps(target + i), b = _mm256_loadu_ps(target + i + 8);
        __m256 c = _mm256_loadu_ps(target + i + 16), d = _mm256_loadu_ps(target + i + 24);
        for (size_t r = 0; r < rows; r++) {
            __m256 factor = _mm256_set1_ps(factors[r]);
            const float *row = values + r * n + i;
            a = add_product(a, factor, row);
            b = add_product(b, factor, row + 8);
            c = add_product(c, factor, row + 16);
            d = add_product(d, factor, row + 24);
        }
        _mm256_storeu_ps(target + i, a);
        _mm256_storeu_ps(target + i + 8, b);
        _mm256_storeu_ps(target + i + 16, c);
        _mm256_storeu_ps(target + i + 24, d);
    }
    for (size_t r = 0; r < rows && i < n; r++)
        lg_scalar_kernels()->add_rows(target + i, factors + r, 1, values + r * n + i, n - i);
}

LG_AVX2 static void add_products_avx2(float *target, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(target + i, add_product(_mm256_loadu_ps(target + i), _mm256_loadu_ps(a + i), b + i));
    lg_scalar_kernels()->add_products(target + i, a + i, b + i, n - i);
}

LG_AVX2 static void add_bytes_avx2(float *target, float factor, const uint8_t *bytes, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i whole = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(bytes + i)));
        __m256 values = _mm256_cvtepi32_ps(_mm256_sub_epi32(whole, _mm256_set1_epi32(128)));
        __m256 product = _mm256_mul_ps(_mm256_set1_ps(factor), values);
        _mm256_storeu_ps(target + i, _mm256_add_ps(_mm256_loadu_ps(target + i), product));
    }
    lg_scalar_kernels()->add_bytes(target + i, factor, bytes + i, n - i);
}

LG_AVX2 static __m256 exponential8(__m256 x) {
    x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-LG_EXP_MOST)), _mm256_set1_ps(LG_EXP_MOST));
    __m256 whole = _mm256_mul_ps(x, _mm256_set1_ps(LG_LOG2_E)), series = _mm256_set1_ps(1.0f / 5040);
    whole = _mm256_round_ps(whole, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 rest = _mm256_sub_ps(x, _mm256_mul_ps(whole, _mm256_set1_ps(LG_LN2_HIGH)));
    rest = _mm256_sub_ps(rest, _mm256_mul_ps(whole, _mm256_set1_ps(LG_LN2_LOW)));
    static const float terms[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        series = _mm256_add_ps(_mm256_mul_ps(series, rest), _mm256_set1_ps(terms[i]));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(series, _mm256_castsi256_ps(power));
}

LG_AVX2 static void add_gate_avx2(float *hidden, const float *parts, size_t n) {
    float rest[3 * 8] = {0}, gated[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 minus = _mm256_xor_ps(_mm256_loadu_ps(parts + 2 * n + i), _mm256_set1_ps(-0.0f));
        __m256 product = _mm256_mul_ps(_mm256_loadu_ps(parts + i), _mm256_loadu_ps(parts + n + i));
        __m256 gate = _mm256_div_ps(product, _mm256_add_ps(_mm256_set1_ps(1), exponential8(minus)));
        _mm256_storeu_ps(hidden + i, _mm256_add_ps(_mm256_loadu_ps(hidden + i), gate));
    }
    if (i == n) return;
    for (size_t k = i; k < n; k++)
        for (size_t part = 0; part < 3; part++) rest[part * 8 + k - i] = parts[part * n + k];
    add_gate_avx2(gated, rest, 8);
    for (size_t k = i; k < n; k++) hidden[k] += gated[k - i];
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

/* Two of the four steps that transpose 16 registers of 16 bytes, for four of them: `to` becomes registers 4 i to 4 i + 3
 * from registers i, i + 4, i + 8 and i + 12. */
LG_AVX2 static void interleave(const __m256i from[16], size_t i, __m256i to[4]) {
    __m256i a = _mm256_unpacklo_epi8(from[i], from[i + 8]), b = _mm256_unpackhi_epi8(from[i], from[i + 8]);
    __m256i c = _mm256_unpacklo_epi8(from[i + 4], from[i + 12]), d = _mm256_unpackhi_epi8(from[i + 4], from[i + 12]);
    to[0] = _mm256_unpacklo_epi8(a, c);
    to[1] = _mm256_unpackhi_epi8(a, c);
    to[2] = _mm256_unpacklo_epi8(b, d);
    to[3] = _mm256_unpackhi_epi8(b, d);
}

/* 16 bytes of code r and of code r + 16. */
LG_AVX2 static __m256i two_codes(const uint8_t *codes, size_t n) {
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)codes);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(codes + 16 * n));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Bits of the eight rows whose sums, as upper bounds of cosines, reach `least`. */
LG_AVX2 static uint32_t reaching(__m128i sums, const lg_sieve *sieve, const float *lengths, float least) {
    __m256 sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(sums));
    __m256 bound = _mm256_add_ps(_mm256_mul_ps(sum, _mm256_set1_ps(sieve->step)), _mm256_set1_ps(sieve->offset));
    __m256 needed = _mm256_mul_ps(_mm256_loadu_ps(lengths), _mm256_set1_ps(least));
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(bound, needed, _CMP_GE_OQ));
}

LG_AVX2 static __m256i looked_up(const uint8_t *table, __m256i nibbles) {
    __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), nibbles);
}

LG_AVX2 static uint32_t sift_avx2(const uint8_t *codes, size_t n, const uint8_t *tables, const lg_sieve *sieve,
                                  const float *lengths, float least) {
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i both = _mm256_setzero_si256(), odd = both, rows[16], half[16], columns[4];
    for (size_t b = 0; b < n; b += 16) {
        for (size_t r = 0; r < 16; r++) rows[r] = two_codes(codes + b + r * n, n);
        for (size_t i = 0; i < 4; i++) interleave(rows, i, half + 4 * i);
        for (size_t i = 0; i < 4; i++) {
            interleave(half, i, columns); /* columns[c] holds byte b + 4 i + c of row r in its byte r */
            for (size_t c = 0; c < 4; c++, tables += 32) {
                __m256i low = looked_up(tables, _mm256_and_si256(columns[c], nibble));
                __m256i high = looked_up(tables + 16, _mm256_and_si256(_mm256_srli_epi16(columns[c], 4), nibble));
                __m256i sums = _mm256_add_epi8(low, high);
                both = _mm256_add_epi16(both, sums); /* of even rows, and 256 times those of odd rows */
                odd = _mm256_add_epi16(odd, _mm256_srli_epi16(sums, 8));
            }
        }
    }
    __m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
    __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
    return reaching(_mm256_castsi256_si128(first), sieve, lengths, least) |
           reaching(_mm256_castsi256_si128(second), sieve, lengths + 8, least) << 8 |
           reaching(_mm256_extracti128_si256(first, 1), sieve, lengths + 16, least) << 16 |
           reaching(_mm256_extracti128_si256(second, 1), sieve, lengths + 24, least) << 24;
}

LG_AVX2 static void window_errors_avx2(const float *table, size_t picks, size_t dims, const float *values,
                                       float *errors) {
    window_errors_loop(table, picks, dims, values, errors);
}

LG_AVX2 static void trellis_step_avx2(float *costs, float factor, const float *errors, unsigned char *older) {
    trellis_step_loop(costs, factor, errors, older);
}

const lg_kernels *lg_avx2_kernels(void) {
    static const lg_kernels kernels = {
        "avx2",        squares_avx2,  round8_avx2,       dot8_avx2,
        dotf_avx2,     add_rows_avx2, add_products_avx2, add_bytes_avx2,
        add_gate_avx2, search8_avx2,  search4_avx2,      sift_avx2,
        window_errors_avx2, trellis_step_avx2};
    return &kernels;
}
#else
typedef int lg_no_avx2; /* a file must declare something */
#endif
