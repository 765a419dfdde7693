/* The two loops of the trellis, which each kernel file compiles for its own instruction set. */
#ifndef LINGUAGEN_TRELLIS_LOOPS_H
#define LINGUAGEN_TRELLIS_LOOPS_H

#include "internal.h"

#if defined(__GNUC__)
#define LG_LOOP static inline __attribute__((always_inline))
#else
#define LG_LOOP static inline
#endif

#define LG_HALF (LG_STATES / 2)

/* See lg_kernels.window_errors. */
LG_LOOP void window_errors_loop(const float *table, size_t picks, size_t dims, const float *values, float *errors) {
    for (size_t pick = 0; pick < picks; pick++) {
        float total[LG_WINDOWS];
        for (size_t i = 0; i < dims; i++, table += LG_WINDOWS) {
            float value = values[i];
            if (i == 0)
                for (size_t w = 0; w < LG_WINDOWS; w++) {
                    float difference = value - table[w];
                    total[w] = difference * difference;
                }
            else
                for (size_t w = 0; w < LG_WINDOWS; w++) {
                    float difference = value - table[w];
                    difference *= difference;
                    total[w] += difference;
                }
        }
        if (pick == 0)
            for (size_t w = 0; w < LG_WINDOWS; w++) errors[w] = total[w];
        else
            for (size_t w = 0; w < LG_WINDOWS; w++) errors[w] = total[w] < errors[w] ? total[w] : errors[w];
    }
}

/* See lg_kernels.trellis_step. */
LG_LOOP void trellis_step_loop(float *costs, float factor, const float *errors, unsigned char *older) {
    float scaled[LG_STATES], new[2][LG_HALF];
    for (size_t s = 0; s < LG_STATES; s++) scaled[s] = costs[s] * factor;
    for (size_t bit = 0; bit < 2; bit++) {
        const float *lower = errors + bit * LG_STATES, *upper = lower + LG_HALF;
        for (size_t h = 0; h < LG_HALF; h++) {
            float first = scaled[h] + lower[h], second = scaled[LG_HALF + h] + upper[h];
            new[bit][h] = second < first ? second : first;
            older[bit * LG_HALF + h] = second < first;
        }
    }
    for (size_t h = 0; h < LG_HALF; h++) {
        costs[2 * h] = new[0][h];
        costs[2 * h + 1] = new[1][h];
    }
}

#endif
