/* What reading, writing and searching trellis codes share. */
#ifndef LINGUAGEN_TRELLIS_H
#define LINGUAGEN_TRELLIS_H

#include "internal.h"

/* A rung of the ladder of rates: a symbol has `dims` dimensions and `bits` bits; `span` dimensions step up together. */
typedef struct lg_rung {
    unsigned char dims, bits, span;
} lg_rung;

extern const lg_rung lg_ladder[LG_RUNGS];

/* What work on codes of one size needs. */
typedef struct lg_work {
    float *levels;          /* (dim) */
    float *costs, *errors;  /* (LG_STATES) of the best paths; (LG_WINDOWS) of a symbol */
    uint16_t *dims;         /* (symbols): the first dimension of each */
    uint16_t *windows;      /* (symbols) */
    unsigned char *rungs;   /* (symbols) */
    unsigned char *steps;   /* (dim): the rung of each dimension */
    unsigned char *older;   /* (symbols, LG_STATES): whether the best way to a state comes from the upper half */
    unsigned char *cosets;  /* (LG_WINDOWS) */
    const float *tables[LG_RUNGS]; /* the values of each rung */
    size_t symbols, bytes;  /* of a code */
} lg_work;

/* How far a code has been read. */
typedef struct lg_reader {
    const unsigned char *code;
    size_t place;   /* of the next bit */
    unsigned state; /* the first bits of the last eight symbols */
} lg_reader;

/* Values that a window lets the bits after the first choose among; columns of a rung's table; and the table. */
unsigned lg_picks_of(size_t rung);
size_t lg_columns_of(size_t rung);
const float *lg_table_of(const lg_trellis *trellis, size_t rung);

/* Lay out scratch memory, and find the symbols of a code of `bytes` bytes. */
lg_status lg_trellis_prepare(const lg_trellis *trellis, size_t bytes, void *scratch, lg_work *work);

/* Read the next symbol, which is on a rung: its first value; the others, one for each dimension, are lg_columns_of(rung)
 * further each. */
static inline const float *lg_read_symbol(const lg_work *work, size_t rung, lg_reader *reader) {
    unsigned bits = lg_ladder[rung].bits;
    size_t at = reader->place / 8, columns = bits > 3 ? 4 : LG_WINDOWS;
    uint32_t word = (uint32_t)reader->code[at] << 24;
    if (at + 1 < work->bytes) word |= (uint32_t)reader->code[at + 1] << 16;
    if (at + 2 < work->bytes) word |= (uint32_t)reader->code[at + 2] << 8;
    uint32_t value = word << reader->place % 8 >> (32 - bits), bit = value >> (bits - 1);
    size_t pick = value & ((1u << (bits - 1)) - 1), window = bit * LG_STATES + reader->state;
    reader->place += bits;
    reader->state = (reader->state << 1 | bit) & (LG_STATES - 1);
    return work->tables[rung] + pick * lg_ladder[rung].dims * columns +
           (columns == LG_WINDOWS ? window : work->cosets[window]);
}

#endif
