/* The loops for NEON: 64-bit ARM, with its dot product where the processor has it. Elsewhere this file is empty. */
#include "internal.h"
#include "trellis_loops.h"

#if defined(__aarch64__) && defined(__ARM_NEON) && !defined(LG_ONLY_SCALAR)
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

const lg_kernels *lg_neon_kernels(void);

static float32x4_t add_square(float32x4_t sum, const float *x) {
    float32x4_t value = vld1q_f32(x);
    return vaddq_f32(sum, vmulq_f32(value, value));
}

/* Sum of eight lanes, in the order of squares_scalar. */
static float sum8(float32x4_t low, float32x4_t high) {
    float32x4_t four = vaddq_f32(low, high);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static float squares_neon(const float *x, size_t n) {
    float32x4_t sums[8];
    float rest[32] = {0};
    size_t i = 0;
    for (size_t lane = 0; lane < 8; lane++) sums[lane] = vdupq_n_f32(0);
    for (; i + 32 <= n; i += 32)
        for (size_t lane = 0; lane < 8; lane++) sums[lane] = add_square(sums[lane], x + i + 4 * lane);
    for (size_t place = 0; i < n; i++, place++) rest[place] = x[i];
    for (size_t lane = 0; lane < 8; lane++) sums[lane] = add_square(sums[lane], rest + 4 * lane);
    return sum8(vaddq_f32(vaddq_f32(sums[0], sums[2]), vaddq_f32(sums[4], sums[6])),
                vaddq_f32(vaddq_f32(sums[1], sums[3]), vaddq_f32(sums[5], sums[7])));
}

static int16x4_t whole_steps(const float *x, float32x4_t step) {
    float32x4_t whole = vrndnq_f32(vdivq_f32(vld1q_f32(x), step));
    whole = vminq_f32(vmaxq_f32(whole, vdupq_n_f32(-128)), vdupq_n_f32(127));
    return vmovn_s32(vcvtq_s32_f32(whole));
}

static void round8_neon(const float *x, size_t n, float step, uint8_t *rounded) {
    float32x4_t steps = vdupq_n_f32(step);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int8x8_t bytes = vmovn_s16(vcombine_s16(whole_steps(x + i, steps), whole_steps(x + i + 4, steps)));
        vst1_u8(rounded + i, veor_u8(vreinterpret_u8_s8(bytes), vdup_n_u8(128)));
    }
    lg_scalar_kernels()->round8(x + i, n - i, step, rounded + i);
}

static float dotf_neon(const float *x, const float *y, size_t n) {
    float32x4_t a = vdupq_n_f32(0), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        a = vaddq_f32(a, vmulq_f32(vld1q_f32(x + i), vld1q_f32(y + i)));
        b = vaddq_f32(b, vmulq_f32(vld1q_f32(x + i + 4), vld1q_f32(y + i + 4)));
        c = vaddq_f32(c, vmulq_f32(vld1q_f32(x + i + 8), vld1q_f32(y + i + 8)));
        d = vaddq_f32(d, vmulq_f32(vld1q_f32(x + i + 12), vld1q_f32(y + i + 12)));
    }
    float sum = sum8(vaddq_f32(a, b), vaddq_f32(c, d));
    for (; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static float32x4_t add_product(float32x4_t sum, float32x4_t factor, const float *values) {
    return vaddq_f32(sum, vmulq_f32(factor, vld1q_f32(values)));
}

static void add_rows_neon(float *target, const float *factors, size_t rows, const float *values, size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        float32x4_t a = vld1q_f32(target + i), b = vld1q_f32(target + i + 4);
        float32x4_t c = vld1q_f32(target + i + 8), d = vld1q_f32(target + i + 12);
        for (size_t r = 0; r < rows; r++) {
            float32x4_t factor = vdupq_n_f32(factors[r]);
            const float *row = values + r * n + i;
            a = add_product(a, factor, row);
            b = add_product(b, factor, row + 4);
            c = add_product(c, factor, row + 8);
            d = add_product(d, factor, row + 12);
        }
        vst1q_f32(target + i, a);
        vst1q_f32(target + i + 4, b);
        vst1q_f32(target + i + 8, c);
        vst1q_f32(target + i + 12, d);
    }
    for (size_t r = 0; r < rows && i < n; r++)
        lg_scalar_kernels()->add_rows(target + i, factors + r, 1, values + r * n + i, n - i);
}

static void add_products_neon(float *target, const float *a, const float *b, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(target + i, add_product(vld1q_f32(target + i), vld1q_f32(a + i), b + i));
    lg_scalar_kernels()->add_products(target + i, a + i, b + i, n - i);
}

static void add_bytes_neon(float *target, float factor, const uint8_t *bytes, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t whole = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(vld1_u8(bytes + i))), vdupq_n_s16(128));
        float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(whole)));
        float32x4_t high = vcvtq_f32_s32(vmovl_s16(vget_high_s16(whole)));
        vst1q_f32(target + i, vaddq_f32(vld1q_f32(target + i), vmulq_n_f32(low, factor)));
        vst1q_f32(target + i + 4, vaddq_f32(vld1q_f32(target + i + 4), vmulq_n_f32(high, factor)));
    }
    lg_scalar_kernels()->add_bytes(target + i, factor, bytes + i, n - i);
}

static float32x4_t exponential4(float32x4_t x) {
    static const float terms[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
    x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-LG_EXP_MOST)), vdupq_n_f32(LG_EXP_MOST));
    float32x4_t whole = vrndnq_f32(vmulq_n_f32(x, LG_LOG2_E)), series = vdupq_n_f32(1.0f / 5040);
    float32x4_t rest = vsubq_f32(vsubq_f32(x, vmulq_n_f32(whole, LG_LN2_HIGH)), vmulq_n_f32(whole, LG_LN2_LOW));
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        series = vaddq_f32(vmulq_f32(series, rest), vdupq_n_f32(terms[i]));
    int32x4_t power = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(whole), vdupq_n_s32(127)), 23);
    return vmulq_f32(series, vreinterpretq_f32_s32(power));
}

static void add_gate_neon(float *hidden, const float *parts, size_t n) {
    size_t i = 0;
    float rest[3 * 4] = {0}, gated[4] = {0};
    for (; i + 4 <= n; i += 4) {
        float32x4_t below = vaddq_f32(vdupq_n_f32(1), exponential4(vnegq_f32(vld1q_f32(parts + 2 * n + i))));
        float32x4_t product = vmulq_f32(vld1q_f32(parts + i), vld1q_f32(parts + n + i));
        vst1q_f32(hidden + i, vaddq_f32(vld1q_f32(hidden + i), vdivq_f32(product, below)));
    }
    if (i == n) return;
    for (size_t k = i; k < n; k++)
        for (size_t part = 0; part < 3; part++) rest[part * 4 + k - i] = parts[part * n + k];
    add_gate_neon(gated, rest, 4);
    for (size_t k = i; k < n; k++) hidden[k] += gated[k - i];
}

static void search8_neon(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query, int32_t *dots,
                         int32_t *squares) {
    uint8x8_t flips = vdup_n_u8(flip);
    size_t whole = n / 8 * 8;
    for (size_t r = 0; r < rows; r++, codes += n) {
        int32x4_t low = vdupq_n_s32(0), high = low, square = low;
        for (size_t i = 0; i < whole; i += 8) {
            int8x8_t bytes = vreinterpret_s8_u8(veor_u8(vld1_u8(codes + i), flips));
            int16x8_t values = vmovl_s8(bytes), weights = vld1q_s16(query + i);
            low = vmlal_s16(low, vget_low_s16(values), vget_low_s16(weights));
            high = vmlal_s16(high, vget_high_s16(values), vget_high_s16(weights));
            square = vpadalq_s16(square, vmull_s8(bytes, bytes));
        }
        int32_t dot_rest, square_rest;
        lg_scalar_kernels()->search8(codes + whole, 1, n - whole, flip, query + whole, &dot_rest, &square_rest);
        dots[r] = vaddvq_s32(vaddq_s32(low, high)) + dot_rest;
        squares[r] = vaddvq_s32(square) + square_rest;
    }
}

/* Bytes b to b + 15 of 16 codes (n): on return, columns[c] holds byte b + c of code r in its byte r. */
static void transpose(const uint8_t *codes, size_t n, uint8x16_t columns[16]) {
    uint8x16_t other[16];
    for (size_t r = 0; r < 16; r++) columns[r] = vld1q_u8(codes + r * n);
    for (int pass = 0; pass < 4; pass++) { /* interleave the bytes of register i with those of register i + 8 */
        uint8x16_t *from = pass % 2 ? other : columns, *to = pass % 2 ? columns : other;
        for (size_t i = 0; i < 8; i++) {
            to[2 * i] = vzip1q_u8(from[i], from[i + 8]);
            to[2 * i + 1] = vzip2q_u8(from[i], from[i + 8]);
        }
    }
}

/* Bits of the four rows whose sums, as upper bounds of cosines, reach `least`. */
static uint32_t reaching(uint16x4_t sums, const lg_sieve *sieve, const float *lengths, float least) {
    static const uint32_t bits[4] = {1, 2, 4, 8};
    float32x4_t sum = vcvtq_f32_u32(vmovl_u16(sums));
    float32x4_t bound = vaddq_f32(vmulq_n_f32(sum, sieve->step), vdupq_n_f32(sieve->offset));
    uint32x4_t reached = vcgeq_f32(bound, vmulq_n_f32(vld1q_f32(lengths), least));
    return vaddvq_u32(vandq_u32(reached, vld1q_u32(bits)));
}

static uint32_t sift_neon(const uint8_t *codes, size_t n, const uint8_t *tables, const lg_sieve *sieve,
                          const float *lengths, float least) {
    uint32_t passed = 0;
    for (size_t half = 0; half < LG_SIFT_ROWS; half += 16) {
        uint16x8_t low = vdupq_n_u16(0), high = low;
        uint8x16_t columns[16];
        for (size_t b = 0; b < n; b += 16) {
            transpose(codes + half * n + b, n, columns);
            for (size_t c = 0; c < 16; c++) {
                const uint8_t *entries = tables + (b + c) * 32;
                uint8x16_t sums = vqtbl1q_u8(vld1q_u8(entries), vandq_u8(columns[c], vdupq_n_u8(15)));
                sums = vaddq_u8(sums, vqtbl1q_u8(vld1q_u8(entries + 16), vshrq_n_u8(columns[c], 4)));
                low = vaddw_u8(low, vget_low_u8(sums));
                high = vaddw_u8(high, vget_high_u8(sums));
            }
        }
        const uint16x4_t fours[] = {vget_low_u16(low), vget_high_u16(low), vget_low_u16(high), vget_high_u16(high)};
        for (size_t i = 0; i < 4; i++)
            passed |= reaching(fours[i], sieve, lengths + half + 4 * i, least) << (half + 4 * i);
    }
    return passed;
}

static void window_errors_neon(const float *table, size_t picks, size_t dims, const float *values, float *errors) {
    window_errors_loop(table, picks, dims, values, errors);
}

static void trellis_step_neon(float *costs, float factor, const float *errors, unsigned char *older) {
    trellis_step_loop(costs, factor, errors, older);
}

/* sum + products of 16 signed bytes, none of them above 16,384 for two. */
static inline int32x4_t dot_plain(int32x4_t sum, int8x16_t x, int8x16_t y) {
    int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    return vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(x), vget_high_s8(y)));
}

/* dot8 and search4, with a function that adds the products of 16 signed bytes. */
#define LG_NEON_DOTS(NAME, TARGET, DOT)                                                                               \
    TARGET static void dot8_##NAME(const uint8_t *x, const int8_t *weights, const int32_t *sums, const float *scales, \
                                   size_t n, float products[4]) {                                                     \
        (void)sums; /* x is shifted back instead */                                                                   \
        for (size_t c = 0; c < 4; c++) {                                                                              \
            int32x4_t a = vdupq_n_s32(0), b = a;                                                                      \
            for (size_t i = 0; i < n; i += 32) {                                                                      \
                int8x16_t low = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(x + i), vdupq_n_u8(128)));                      \
                int8x16_t high = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(x + i + 16), vdupq_n_u8(128)));                \
                a = DOT(a, low, vld1q_s8(weights + c * n + i));                                                       \
                b = DOT(b, high, vld1q_s8(weights + c * n + i + 16));                                                 \
            }                                                                                                         \
            products[c] = (float)vaddvq_s32(vaddq_s32(a, b)) * scales[c];                                             \
        }                                                                                                             \
    }                                                                                                                 \
    TARGET static void search4_##NAME(const uint8_t *codes, size_t rows, size_t n, const int8_t *query,               \
                                      int32_t *dots) {                                                                \
        if (n % 16) {                                                                                                 \
            lg_scalar_kernels()->search4(codes, rows, n, query, dots);                                                \
            return;                                                                                                   \
        }                                                                                                             \
        for (size_t r = 0; r < rows; r++, codes += n) {                                                               \
            int32x4_t coarse = vdupq_n_s32(0), fine = coarse;                                                         \
            for (size_t i = 0; i < n; i += 16) {                                                                      \
                uint8x16_t bytes = vld1q_u8(codes + i);                                                               \
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15)));                                 \
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4));                                           \
                coarse = DOT(coarse, low, vld1q_s8(query + i));                                                       \
                fine = DOT(fine, low, vld1q_s8(query + n + i));                                                       \
                coarse = DOT(coarse, high, vld1q_s8(query + 2 * n + i));                                              \
                fine = DOT(fine, high, vld1q_s8(query + 3 * n + i));                                                  \
            }                                                                                                         \
            dots[r] = vaddvq_s32(vaddq_s32(vshlq_n_s32(coarse, 7), fine));                                            \
        }                                                                                                             \
    }                                                                                                                 \
    static const lg_kernels kernels_##NAME = {                                                                        \
        #NAME,         squares_neon,  round8_neon,       dot8_##NAME,                                                 \
        dotf_neon,     add_rows_neon, add_products_neon, add_bytes_neon,                                              \
        add_gate_neon, search8_neon,  search4_##NAME,    sift_neon,                                                   \
        window_errors_neon, trellis_step_neon};

#if defined(__ARM_FEATURE_DOTPROD)
LG_NEON_DOTS(neon_dot, , vdotq_s32)

const lg_kernels *lg_neon_kernels(void) { return &kernels_neon_dot; }
#elif defined(__linux__) && defined(__GNUC__)
#define LG_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
LG_NEON_DOTS(neon, , dot_plain)
LG_NEON_DOTS(neon_dot, LG_DOT, vdotq_s32)

const lg_kernels *lg_neon_kernels(void) {
    return getauxval(AT_HWCAP) >> 20 & 1 ? &kernels_neon_dot : &kernels_neon; /* HWCAP_ASIMDDP */
}
#else
LG_NEON_DOTS(neon, , dot_plain)

const lg_kernels *lg_neon_kernels(void) { return &kernels_neon; }
#endif
#else
typedef int lg_no_neon; /* a file must declare something */
#endif
