/* Embeddings in any number of bytes: the trellis of the Python runtime, with the same float32 operations in the same
 * order (runtime/codes/trellis.py, viterbi.py), so that both write the same bytes. docs/model-file.md has every step. */
#include "trellis.h"

#include <math.h>
#include <string.h>

const lg_rung lg_ladder[LG_RUNGS] = {{4, 0, 4}, {4, 1, 4}, {2, 1, 2}, {1, 1, 2}, {2, 3, 2}, {1, 2, 1}, {1, 3, 1},
                                         {1, 4, 1}, {1, 5, 1}, {1, 6, 1}, {1, 7, 1}, {1, 8, 1}, {1, 9, 1}, {1, 10, 1},
                                         {1, 11, 1}};

unsigned lg_picks_of(size_t rung) { return 1u << (lg_ladder[rung].bits - 1); }

size_t lg_columns_of(size_t rung) { return lg_ladder[rung].bits > 3 ? 4 : LG_WINDOWS; }

static size_t table_floats(size_t rung) { return lg_picks_of(rung) * lg_ladder[rung].dims * lg_columns_of(rung); }

size_t lg_trellis_table_floats(void) {
    size_t total = 0;
    for (size_t rung = 1; rung < LG_RUNGS; rung++) total += table_floats(rung);
    return total;
}

const float *lg_table_of(const lg_trellis *trellis, size_t rung) {
    const float *table = trellis->tables;
    for (size_t each = 1; each < rung; each++) table += table_floats(each);
    return table;
}

size_t lg_trellis_scratch(const lg_trellis *trellis) {
    return (size_t)trellis->dim * (sizeof(float) + 2 * sizeof(uint16_t) + 2 + LG_STATES) +
           (LG_STATES + LG_WINDOWS) * sizeof(float) + LG_WINDOWS + 8;
}

/* The coset of a window: parities of two of its parts. */
static unsigned char coset_of(unsigned window) {
    unsigned first = window & 0165u, second = window & 0656u;
    for (unsigned shift = 8; shift; shift /= 2) {
        first ^= first >> shift;
        second ^= second >> shift;
    }
    return (unsigned char)((first & 1u) | (second & 1u) << 1);
}

lg_status lg_trellis_prepare(const lg_trellis *trellis, size_t bytes, void *scratch, lg_work *work) {
    size_t dim = trellis->dim;
    work->levels = scratch;
    work->costs = work->levels + dim;
    work->errors = work->costs + LG_STATES;
    work->dims = (uint16_t *)(void *)(work->errors + LG_WINDOWS);
    work->windows = work->dims + dim;
    work->rungs = (unsigned char *)(work->windows + dim);
    work->steps = work->rungs + dim;
    work->cosets = work->steps + dim;
    work->older = work->cosets + LG_WINDOWS;
    work->symbols = 0;
    work->bytes = bytes;
    for (size_t rung = 1; rung < LG_RUNGS; rung++) work->tables[rung] = lg_table_of(trellis, rung);
    for (unsigned window = 0; window < LG_WINDOWS; window++) work->cosets[window] = coset_of(window);
    memset(work->steps, 0, dim);
    for (size_t step = 0; step < 8 * bytes; step++) {
        size_t at = trellis->order[step], rung = at < dim ? work->steps[at] : LG_RUNGS;
        if (rung + 1 >= LG_RUNGS || at % lg_ladder[rung].span || at + lg_ladder[rung].span > dim) return LG_BAD_ARGUMENT;
        for (size_t i = 0; i < lg_ladder[rung].span; i++) work->steps[at + i]++;
    }
    for (size_t at = 0; at < dim; at += lg_ladder[work->steps[at]].dims)
        if (work->steps[at]) {
            work->dims[work->symbols] = (uint16_t)at;
            work->rungs[work->symbols++] = work->steps[at];
        }
    return LG_OK;
}

lg_status lg_trellis_make(lg_trellis *trellis, void *scratch) {
    lg_work work;
    if (!trellis || !trellis->mean || !trellis->deviation || !trellis->weights || !trellis->gains || !trellis->tables ||
        !trellis->order || !trellis->dim || trellis->dim > 1 << 16 || trellis->steps % 8)
        return LG_BAD_ARGUMENT;
    if (!scratch || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    trellis->kernels = lg_best_kernels();
    return lg_trellis_prepare(trellis, trellis->steps / 8, scratch, &work);
}

/* ---- Writing ---- */

/* How many of a rising column's midpoints between neighbouring values (picks, 4) lie below a value. */
static unsigned pick_of_coset(const float *table, unsigned picks, unsigned coset, float value) {
    unsigned low = 0, high = picks - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        float sum = table[4 * middle + 4 + coset] + table[4 * middle + coset];
        if (sum * 0.5f < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* errors (LG_WINDOWS): the squared error of a symbol's values with every window's best pick. */
static void window_errors(const lg_trellis *trellis, size_t rung, const float *values, const lg_work *work) {
    const float *table = lg_table_of(trellis, rung);
    unsigned picks = lg_picks_of(rung);
    if (lg_columns_of(rung) == LG_WINDOWS) {
        trellis->kernels->window_errors(table, picks, lg_ladder[rung].dims, values, work->errors);
        return;
    }
    float errors[4];
    for (unsigned coset = 0; coset < 4; coset++) {
        float difference = values[0] - table[4 * pick_of_coset(table, picks, coset, values[0]) + coset];
        errors[coset] = difference * difference;
    }
    for (size_t window = 0; window < LG_WINDOWS; window++) work->errors[window] = errors[work->cosets[window]];
}

/* The pick with the least error for a symbol whose window is known. */
static unsigned best_pick(const lg_trellis *trellis, size_t rung, unsigned window, const float *values,
                          const lg_work *work) {
    const float *table = lg_table_of(trellis, rung);
    unsigned picks = lg_picks_of(rung), dims = lg_ladder[rung].dims, best = 0;
    if (lg_columns_of(rung) != LG_WINDOWS) return pick_of_coset(table, picks, work->cosets[window], values[0]);
    float least = INFINITY;
    for (unsigned pick = 0; pick < picks; pick++) {
        float error = 0;
        for (unsigned i = 0; i < dims; i++) {
            float difference = values[i] - table[(pick * dims + i) * LG_WINDOWS + window];
            difference *= difference;
            error = i ? error + difference : difference;
        }
        if (error < least) {
            least = error;
            best = pick;
        }
    }
    return best;
}

/* windows (symbols): the path with the least weighted squared error (Viterbi, 1967). */
static void find_path(const lg_trellis *trellis, const lg_work *work) {
    float before = work->symbols ? trellis->weights[work->dims[0]] : 1;
    unsigned state = 0;
    for (size_t i = 0; i < LG_STATES; i++) work->costs[i] = i ? INFINITY : 0;
    for (size_t t = 0; t < work->symbols; t++) {
        float weight = trellis->weights[work->dims[t]];
        window_errors(trellis, work->rungs[t], work->levels + work->dims[t], work);
        trellis->kernels->trellis_step(work->costs, before / weight, work->errors, work->older + t * LG_STATES);
        before = weight;
    }
    for (unsigned i = 1; i < LG_STATES; i++)
        if (work->costs[i] < work->costs[state]) state = i;
    for (size_t t = work->symbols; t-- > 0;) {
        unsigned half = state >> 1, bit = state & 1;
        state = half + (work->older[t * LG_STATES + bit * LG_STATES / 2 + half] ? LG_STATES / 2 : 0);
        work->windows[t] = (uint16_t)(bit * LG_STATES + state);
    }
}

/* Put the lowest bits of a value into a code from a place on, the highest of them first. */
static void put_bits(unsigned char *code, size_t *place, unsigned value, unsigned bits) {
    for (unsigned i = bits; i-- > 0; (*place)++)
        code[*place / 8] |= (unsigned char)((value >> i & 1u) << (7 - *place % 8));
}

static int is_usable(const lg_trellis *trellis, size_t bytes, const void *scratch) {
    return trellis && scratch && (uintptr_t)scratch % 8 == 0 && bytes >= 8 && bytes <= trellis->steps / 8;
}

lg_status lg_trellis_encode(const lg_trellis *trellis, size_t bytes, const float *embeddings, size_t rows, void *codes,
                            void *scratch, size_t *bad_row) {
    lg_work work;
    if (!is_usable(trellis, bytes, scratch) || (rows && (!embeddings || !codes))) return LG_BAD_ARGUMENT;
    lg_status status = lg_trellis_prepare(trellis, bytes, scratch, &work);
    if (status != LG_OK) return status;
    for (size_t r = 0; r < rows; r++) {
        const float *row = embeddings + r * trellis->dim;
        unsigned char *code = (unsigned char *)codes + r * bytes;
        size_t place = 0;
        if (!lg_all_finite(row, trellis->dim)) {
            if (bad_row) *bad_row = r;
            return LG_NOT_FINITE;
        }
        for (size_t i = 0; i < trellis->dim; i++) {
            float centred = row[i] - trellis->mean[i];
            work.levels[i] = centred / trellis->deviation[i];
        }
        find_path(trellis, &work);
        memset(code, 0, bytes);
        for (size_t t = 0; t < work.symbols; t++) {
            size_t rung = work.rungs[t];
            unsigned pick = best_pick(trellis, rung, work.windows[t], work.levels + work.dims[t], &work);
            put_bits(code, &place, (unsigned)work.windows[t] >> 8, 1);
            put_bits(code, &place, pick, lg_ladder[rung].bits - 1u);
        }
    }
    return LG_OK;
}

/* ---- Reading ---- */

/* What a code stands for (dim), not yet of length 1. */
static void unpack(const lg_trellis *trellis, const lg_work *work, const unsigned char *code, float *row) {
    lg_reader reader = {code, 0, 0};
    memcpy(row, trellis->mean, trellis->dim * sizeof *row);
    for (size_t t = 0; t < work->symbols; t++) {
        size_t rung = work->rungs[t], columns = lg_columns_of(rung), dims = lg_ladder[rung].dims;
        const float *values = lg_read_symbol(work, rung, &reader);
        for (size_t i = 0; i < dims; i++) {
            size_t dim = work->dims[t] + i;
            float level = values[i * columns] * trellis->gains[rung];
            level *= trellis->deviation[dim];
            row[dim] += level;
        }
    }
}

lg_status lg_trellis_decode(const lg_trellis *trellis, size_t bytes, const void *codes, size_t rows, float *embeddings,
                            void *scratch) {
    lg_work work;
    if (!is_usable(trellis, bytes, scratch) || (rows && (!embeddings || !codes))) return LG_BAD_ARGUMENT;
    lg_status status = lg_trellis_prepare(trellis, bytes, scratch, &work);
    if (status != LG_OK) return status;
    for (size_t r = 0; r < rows; r++) {
        float *row = embeddings + r * trellis->dim;
        double sum = 0;
        unpack(trellis, &work, (const unsigned char *)codes + r * bytes, row);
        for (size_t i = 0; i < trellis->dim; i++) sum += (double)row[i] * row[i];
        float length = sum > 1e-24 ? (float)sqrt(sum) : 1e-12f;
        for (size_t i = 0; i < trellis->dim; i++) row[i] /= length;
    }
    return LG_OK;
}
