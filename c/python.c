/* The Python extension linguagen._c: the library on buffers. linguagen/_c.pyi says what each name does.
 *
 * It uses only the limited API of Python 3.11, so that one build serves all later versions. Arguments are checked for
 * their size in bytes here; the types of their elements are the caller's business. The GIL is released while the
 * library works. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <structmember.h>

#include "linguagen.h"

typedef struct {
    PyObject_HEAD
    Py_buffer table;
    lg_model model;
    const char *kernels;
} Model;

typedef struct {
    PyObject_HEAD
    Py_buffer mean, deviation; /* obj is NULL if there are none */
    lg_codec codec;
    Py_ssize_t bytes_per_row;
} Codec;

/* Raise ValueError for a status of the library, with the number of the row that it refuses, or -1. */
static PyObject *refuse(lg_status status, Py_ssize_t row) {
    if (row < 0) return PyErr_Format(PyExc_ValueError, "%s", lg_status_text(status));
    return PyErr_Format(PyExc_ValueError, "row %zd: %s", row, lg_status_text(status));
}

/* How many rows of some bytes a buffer holds, or -1 with an exception if it is no whole number of them. */
static Py_ssize_t rows_of(const Py_buffer *buffer, size_t bytes_per_row, const char *name) {
    if ((size_t)buffer->len % bytes_per_row == 0) return (Py_ssize_t)((size_t)buffer->len / bytes_per_row);
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, expected rows of %zu bytes", name, buffer->len, bytes_per_row);
    return -1;
}

/* Whether a buffer has the rows that others have; if not, there is an exception. */
static int has_rows(const Py_buffer *buffer, size_t bytes_per_row, Py_ssize_t rows, const char *name) {
    Py_ssize_t actual = rows_of(buffer, bytes_per_row, name);
    if (actual >= 0 && actual != rows)
        PyErr_Format(PyExc_ValueError, "%s has %zd rows, expected %zd", name, actual, rows);
    return actual == rows;
}

static void *new_scratch(size_t bytes) {
    void *scratch = malloc(bytes);
    if (!scratch) PyErr_NoMemory();
    return scratch;
}

/* What a function of the library returned as None or an exception; frees its scratch memory. */
static PyObject *finished(lg_status status, Py_ssize_t row, void *scratch) {
    free(scratch);
    if (status != LG_OK) return refuse(status, row);
    Py_RETURN_NONE;
}

static PyObject *allocate(PyTypeObject *type) {
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return alloc(type, 0);
}

static void release(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc free_self = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_self(self);
    Py_DECREF(type);
}

/* ---- Model ---- */

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"table", NULL};
    Py_buffer table;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "y*:Model", names, &table)) return NULL;
    Model *self = (Model *)allocate(type);
    if (!self) {
        PyBuffer_Release(&table);
        return NULL;
    }
    self->table = table; /* released with self from here on */
    lg_status status = lg_open(&self->model, table.buf, (size_t)table.len);
    if (status != LG_OK) {
        Py_DECREF(self);
        return refuse(status, -1);
    }
    self->kernels = lg_kernels_name(&self->model);
    return (PyObject *)self;
}

static void model_dealloc(PyObject *object) {
    PyBuffer_Release(&((Model *)object)->table);
    release(object);
}

static PyObject *encode_rows(const lg_model *model, const Py_buffer *vectors, const Py_buffer *embeddings) {
    size_t bad_row = 0;
    Py_ssize_t rows = rows_of(vectors, model->input_dim * sizeof(float), "vectors");
    if (rows < 0 || !has_rows(embeddings, model->output_dim * sizeof(float), rows, "embeddings")) return NULL;
    void *scratch = new_scratch(lg_encode_scratch(model, (size_t)rows));
    if (!scratch) return NULL;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = lg_encode(model, vectors->buf, (size_t)rows, embeddings->buf, scratch, &bad_row);
    Py_END_ALLOW_THREADS
    return finished(status, (Py_ssize_t)bad_row, scratch);
}

static PyObject *model_encode(PyObject *self, PyObject *args) {
    Py_buffer vectors, embeddings;
    if (!PyArg_ParseTuple(args, "y*w*:encode", &vectors, &embeddings)) return NULL;
    PyObject *result = encode_rows(&((Model *)self)->model, &vectors, &embeddings);
    PyBuffer_Release(&vectors);
    PyBuffer_Release(&embeddings);
    return result;
}

static PyMethodDef model_methods[] = {
    {"encode", model_encode, METH_VARARGS, "Compress vectors (rows, input_dim) to embeddings (rows, output_dim)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef model_members[] = {
    {"name", T_STRING_INPLACE, offsetof(Model, model.name), READONLY, "The model's name."},
    {"kernels", T_STRING, offsetof(Model, kernels), READONLY, "Name of the kernels in use."},
    {"input_dim", T_UINT, offsetof(Model, model.input_dim), READONLY, "Numbers in a vector."},
    {"output_dim", T_UINT, offsetof(Model, model.output_dim), READONLY, "Numbers in an embedding."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot model_slots[] = {
    {Py_tp_new, model_new},         {Py_tp_dealloc, model_dealloc}, {Py_tp_methods, model_methods},
    {Py_tp_members, model_members}, {Py_tp_doc, "A model from the bytes of its table."},
    {0, NULL},
};

static PyType_Spec model_spec = {"linguagen._c.Model", sizeof(Model), 0, Py_TPFLAGS_DEFAULT, model_slots};

/* ---- Codec ---- */

/* Make the codec of self from its numbers; 0 with an exception if they do not fit. */
static int make_codec(Codec *self, int kind, unsigned dim, unsigned output_dim) {
    const Py_buffer *numbers[] = {&self->mean, &self->deviation};
    for (int i = 0; i < 2; i++)
        if (!has_rows(numbers[i], sizeof(float), (Py_ssize_t)dim, i ? "deviation" : "mean")) return 0;
    lg_status status = lg_codec_make(&self->codec, (lg_kind)kind, dim, output_dim, self->mean.buf, self->deviation.buf);
    self->bytes_per_row = (Py_ssize_t)self->codec.bytes_per_row;
    if (status != LG_OK) refuse(status, -1);
    return status == LG_OK;
}

static PyObject *codec_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kind", "dim", "output_dim", "mean", "deviation", NULL};
    int kind;
    unsigned dim, output_dim;
    Py_buffer mean, deviation;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iIIy*y*:Codec", names, &kind, &dim, &output_dim, &mean,
                                     &deviation))
        return NULL;
    Codec *self = (Codec *)allocate(type);
    if (!self) {
        PyBuffer_Release(&mean);
        PyBuffer_Release(&deviation);
        return NULL;
    }
    self->mean = mean; /* both are released with self from here on */
    self->deviation = deviation;
    if (make_codec(self, kind, dim, output_dim)) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void codec_dealloc(PyObject *object) {
    PyBuffer_Release(&((Codec *)object)->mean);
    PyBuffer_Release(&((Codec *)object)->deviation);
    release(object);
}

/* What codec_encode, codec_decode and codec_lengths do with a buffer of codes and one of floats. */
typedef enum { ENCODE, DECODE, LENGTHS } Task;

static PyObject *work_on_rows(const lg_codec *codec, Task task, const Py_buffer *codes, const Py_buffer *floats) {
    static const char *const names[] = {"embeddings", "embeddings", "lengths"};
    const size_t widths[] = {codec->output_dim, codec->dim, 1};
    size_t bad_row = 0;
    Py_ssize_t count = rows_of(codes, codec->bytes_per_row, "codes");
    if (count < 0 || !has_rows(floats, widths[task] * sizeof(float), count, names[task])) return NULL;
    void *scratch = new_scratch(lg_codes_scratch(codec));
    if (!scratch) return NULL;
    size_t rows = (size_t)count;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = task == ENCODE   ? lg_codes_encode(codec, floats->buf, rows, codes->buf, scratch, &bad_row)
             : task == DECODE ? lg_codes_decode(codec, codes->buf, rows, floats->buf, scratch)
                              : lg_codes_lengths(codec, codes->buf, rows, floats->buf, scratch);
    Py_END_ALLOW_THREADS
    return finished(status, task == ENCODE ? (Py_ssize_t)bad_row : -1, scratch);
}

/* Call work_on_rows with two buffers, the second of them writable. */
static PyObject *call_on_rows(PyObject *self, PyObject *args, Task task) {
    Py_buffer input, output;
    if (!PyArg_ParseTuple(args, "y*w*", &input, &output)) return NULL;
    const Py_buffer *codes = task == ENCODE ? &output : &input, *floats = task == ENCODE ? &input : &output;
    PyObject *result = work_on_rows(&((Codec *)self)->codec, task, codes, floats);
    PyBuffer_Release(&input);
    PyBuffer_Release(&output);
    return result;
}

static PyObject *codec_encode(PyObject *self, PyObject *args) { return call_on_rows(self, args, ENCODE); }

static PyObject *codec_decode(PyObject *self, PyObject *args) { return call_on_rows(self, args, DECODE); }

static PyObject *codec_lengths(PyObject *self, PyObject *args) { return call_on_rows(self, args, LENGTHS); }

/* The buffers of a search: queries and codes, and room for k rows and cosines a query. */
typedef struct {
    Py_buffer queries, codes, rows, cosines;
} Search;

static void release_search(Search *search) {
    PyBuffer_Release(&search->queries);
    PyBuffer_Release(&search->codes);
    PyBuffer_Release(&search->rows);
    PyBuffer_Release(&search->cosines);
}

/* Write the hits (k) of query q into the results. */
static void put_hits(const Search *search, const lg_hit *hits, size_t q, size_t k) {
    for (size_t i = 0; i < k; i++) {
        ((int64_t *)search->rows.buf)[q * k + i] = (int64_t)hits[i].row;
        ((float *)search->cosines.buf)[q * k + i] = hits[i].cosine;
    }
}

/* How many hits each query gets, and the numbers of queries (queries, width) and codes (rows, bytes); -1 with an
 * exception if buffers do not fit each other. */
static Py_ssize_t sizes_of(const Search *search, size_t width, size_t bytes, Py_ssize_t *queries, Py_ssize_t *rows) {
    *queries = rows_of(&search->queries, width * sizeof(float), "queries");
    *rows = rows_of(&search->codes, bytes, "codes");
    if (*queries < 0 || *rows < 0) return -1;
    if (!*queries) return 0;
    Py_ssize_t k = rows_of(&search->rows, (size_t)*queries * sizeof(int64_t), "rows");
    if (k < 0 || !has_rows(&search->cosines, (size_t)*queries * sizeof(float), k, "cosines")) return -1;
    if (k <= *rows) return k;
    PyErr_Format(PyExc_ValueError, "k is %zd, expected at most the %zd rows of codes", k, *rows);
    return -1;
}

/* Search for each query in turn; hits (k) is room for the hits of one. */
static lg_status search_all(const lg_codec *codec, const Search *search, size_t queries, size_t rows, size_t k,
                            const float *lengths, lg_hit *hits, void *scratch, size_t *bad_row) {
    for (size_t q = 0; q < queries; q++) {
        const float *query = (const float *)search->queries.buf + q * codec->output_dim;
        lg_status status = lg_search(codec, query, search->codes.buf, lengths, rows, k, hits, scratch);
        *bad_row = q;
        if (status != LG_OK) return status;
        put_hits(search, hits, q, k);
    }
    return LG_OK;
}

static PyObject *search_codes(const lg_codec *codec, const Search *search, const Py_buffer *lengths) {
    Py_ssize_t queries, rows, k = sizes_of(search, codec->output_dim, codec->bytes_per_row, &queries, &rows);
    if (k < 0 || (lengths && !has_rows(lengths, sizeof(float), rows, "lengths"))) return NULL;
    if (!queries) Py_RETURN_NONE;
    size_t bad_row = 0, room = ((size_t)k * sizeof(lg_hit) + 7) / 8 * 8;
    char *scratch = new_scratch(room + lg_search_scratch(codec));
    if (!scratch) return NULL;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = search_all(codec, search, (size_t)queries, (size_t)rows, (size_t)k, lengths ? lengths->buf : NULL,
                        (lg_hit *)(void *)scratch, scratch + room, &bad_row);
    Py_END_ALLOW_THREADS
    return finished(status, (Py_ssize_t)bad_row, scratch);
}

/* The buffer of an argument that may be None, in which case *buffer becomes NULL; 0 with an exception if it is neither. */
static int optional_buffer(PyObject *argument, Py_buffer *room, Py_buffer **buffer) {
    *buffer = argument == Py_None ? NULL : room;
    return argument == Py_None || PyObject_GetBuffer(argument, room, PyBUF_SIMPLE) == 0;
}

static PyObject *codec_search(PyObject *self, PyObject *args) {
    Search search;
    Py_buffer room, *lengths;
    PyObject *argument, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*Ow*w*:search", &search.queries, &search.codes, &argument, &search.rows,
                          &search.cosines))
        return NULL;
    if (optional_buffer(argument, &room, &lengths)) {
        result = search_codes(&((Codec *)self)->codec, &search, lengths);
        if (lengths) PyBuffer_Release(lengths);
    }
    release_search(&search);
    return result;
}

static PyMethodDef codec_methods[] = {
    {"encode", codec_encode, METH_VARARGS, "Write embeddings (rows, output_dim) as codes (rows, bytes_per_row)."},
    {"decode", codec_decode, METH_VARARGS, "Read codes (rows, bytes_per_row) as embeddings (rows, dim)."},
    {"lengths", codec_lengths, METH_VARARGS, "Measure the lengths (rows,) of what codes stand for, for search."},
    {"search", codec_search, METH_VARARGS, "Find the codes nearest to each query (queries, output_dim)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef codec_members[] = {
    {"bytes_per_row", T_PYSSIZET, offsetof(Codec, bytes_per_row), READONLY, "Bytes that the code of a row takes."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot codec_slots[] = {
    {Py_tp_new, codec_new},         {Py_tp_dealloc, codec_dealloc}, {Py_tp_methods, codec_methods},
    {Py_tp_members, codec_members}, {Py_tp_doc, "A kind of code of one width."},
    {0, NULL},
};

static PyType_Spec codec_spec = {"linguagen._c.Codec", sizeof(Codec), 0, Py_TPFLAGS_DEFAULT, codec_slots};

/* ---- Trellis ---- */

typedef struct {
    PyObject_HEAD
    Py_buffer floats, order;
    lg_trellis trellis;
} Trellis;

enum { GAINS = 15 };

/* Point the trellis of self into its buffers, and check it; 0 with an exception if they do not fit. */
static int make_trellis(Trellis *self, unsigned dim) {
    Py_ssize_t steps = rows_of(&self->order, sizeof(uint16_t), "order");
    if (!dim || dim > 1 << 16 || steps < 0) {
        if (steps >= 0) refuse(LG_BAD_ARGUMENT, -1);
        return 0;
    }
    size_t floats = 3 * (size_t)dim + GAINS + lg_trellis_table_floats();
    if (!has_rows(&self->floats, floats * sizeof(float), 1, "floats")) return 0;
    const float *mean = self->floats.buf, *gains = mean + 3 * (size_t)dim;
    self->trellis = (lg_trellis){NULL,  mean,          mean + dim,           mean + 2 * (size_t)dim,
                                 gains, gains + GAINS, self->order.buf, dim, (uint32_t)steps};
    void *scratch = new_scratch(lg_trellis_scratch(&self->trellis));
    lg_status status = scratch ? lg_trellis_make(&self->trellis, scratch) : LG_OK;
    free(scratch);
    if (status != LG_OK) refuse(status, -1);
    return scratch && status == LG_OK;
}

static PyObject *trellis_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"dim", "floats", "order", NULL};
    unsigned dim;
    Py_buffer floats, order;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "Iy*y*:Trellis", names, &dim, &floats, &order)) return NULL;
    Trellis *self = (Trellis *)allocate(type);
    if (!self) {
        PyBuffer_Release(&floats);
        PyBuffer_Release(&order);
        return NULL;
    }
    self->floats = floats; /* both are released with self from here on */
    self->order = order;
    if (make_trellis(self, dim)) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void trellis_dealloc(PyObject *object) {
    PyBuffer_Release(&((Trellis *)object)->floats);
    PyBuffer_Release(&((Trellis *)object)->order);
    release(object);
}

/* Write embeddings as codes of `size` bytes, or read them, from one buffer into another. */
static PyObject *run_trellis(const lg_trellis *trellis, size_t size, const Py_buffer *input, const Py_buffer *output,
                             int writes) {
    const Py_buffer *codes = writes ? output : input, *embeddings = writes ? input : output;
    size_t bad_row = 0;
    Py_ssize_t count = rows_of(codes, size, "codes");
    if (count < 0 || !has_rows(embeddings, trellis->dim * sizeof(float), count, "embeddings")) return NULL;
    void *scratch = new_scratch(lg_trellis_scratch(trellis));
    if (!scratch) return NULL;
    size_t rows = (size_t)count;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = writes ? lg_trellis_encode(trellis, size, embeddings->buf, rows, codes->buf, scratch, &bad_row)
                    : lg_trellis_decode(trellis, size, codes->buf, rows, embeddings->buf, scratch);
    Py_END_ALLOW_THREADS
    return finished(status, writes ? (Py_ssize_t)bad_row : -1, scratch);
}

static PyObject *call_trellis(PyObject *self, PyObject *args, int writes) {
    unsigned size;
    Py_buffer input, output;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "Iy*w*", &size, &input, &output)) return NULL;
    if (size)
        result = run_trellis(&((Trellis *)self)->trellis, size, &input, &output, writes);
    else
        refuse(LG_BAD_ARGUMENT, -1);
    PyBuffer_Release(&input);
    PyBuffer_Release(&output);
    return result;
}

static PyObject *trellis_encode(PyObject *self, PyObject *args) { return call_trellis(self, args, 1); }

static PyObject *trellis_decode(PyObject *self, PyObject *args) { return call_trellis(self, args, 0); }

/* Search codes of `size` bytes for each query in turn; hits (k) is room for the hits of one. */
static lg_status search_trellis_all(const lg_trellis *trellis, size_t size, const Search *search, size_t queries,
                                    size_t rows, size_t k, lg_hit *hits, void *scratch, size_t *bad_row) {
    for (size_t q = 0; q < queries; q++) {
        const float *query = (const float *)search->queries.buf + q * trellis->dim;
        lg_status status = lg_trellis_search(trellis, size, query, search->codes.buf, rows, k, hits, scratch);
        *bad_row = q;
        if (status != LG_OK) return status;
        put_hits(search, hits, q, k);
    }
    return LG_OK;
}

static PyObject *search_trellis(const lg_trellis *trellis, size_t size, const Search *search) {
    Py_ssize_t queries, rows, k = sizes_of(search, trellis->dim, size, &queries, &rows);
    if (k < 0) return NULL;
    if (!queries || !k) Py_RETURN_NONE;
    size_t bad_row = 0, room = ((size_t)k * sizeof(lg_hit) + 7) / 8 * 8;
    char *scratch = new_scratch(room + lg_trellis_search_scratch(trellis, size));
    if (!scratch) return NULL;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = search_trellis_all(trellis, size, search, (size_t)queries, (size_t)rows, (size_t)k,
                                (lg_hit *)(void *)scratch, scratch + room, &bad_row);
    Py_END_ALLOW_THREADS
    return finished(status, (Py_ssize_t)bad_row, scratch);
}

static PyObject *trellis_search(PyObject *self, PyObject *args) {
    Search search;
    unsigned size;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "Iy*y*w*w*:search", &size, &search.queries, &search.codes, &search.rows,
                          &search.cosines))
        return NULL;
    if (size >= 8 && size <= ((Trellis *)self)->trellis.steps / 8)
        result = search_trellis(&((Trellis *)self)->trellis, size, &search);
    else
        refuse(LG_BAD_ARGUMENT, -1);
    release_search(&search);
    return result;
}

static PyMethodDef trellis_methods[] = {
    {"encode", trellis_encode, METH_VARARGS, "Write embeddings (rows, dim) as codes (rows, size)."},
    {"decode", trellis_decode, METH_VARARGS, "Read codes (rows, size) as embeddings (rows, dim)."},
    {"search", trellis_search, METH_VARARGS, "Find the codes (rows, size) nearest to each query (queries, dim)."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot trellis_slots[] = {
    {Py_tp_new, trellis_new},         {Py_tp_dealloc, trellis_dealloc},
    {Py_tp_methods, trellis_methods}, {Py_tp_doc, "How a model writes embeddings in any number of bytes."},
    {0, NULL},
};

static PyType_Spec trellis_spec = {"linguagen._c.Trellis", sizeof(Trellis), 0, Py_TPFLAGS_DEFAULT, trellis_slots};

/* ---- Text ---- */

typedef struct {
    PyObject_HEAD
    Py_buffer table;
    lg_text model;
} Text;

static PyObject *text_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"table", NULL};
    Py_buffer table;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "y*:Text", names, &table)) return NULL;
    Text *self = (Text *)allocate(type);
    if (!self) {
        PyBuffer_Release(&table);
        return NULL;
    }
    self->table = table; /* released with self from here on */
    lg_status status = lg_text_open(&self->model, table.buf, (size_t)table.len);
    if (status == LG_OK) return (PyObject *)self;
    Py_DECREF(self);
    return refuse(status, -1);
}

static void text_dealloc(PyObject *object) {
    PyBuffer_Release(&((Text *)object)->table);
    release(object);
}

/* Tokenize a text (bytes); *tokens is set to memory to free. */
static lg_status tokenize(const lg_text *model, const char *text, size_t bytes, uint32_t **tokens, size_t *count) {
    size_t most = lg_most_tokens(model, text, bytes), room = (most * sizeof(uint32_t) + 7) / 8 * 8;
    char *memory = malloc(room + lg_tokenize_scratch(most));
    *tokens = (uint32_t *)(void *)memory;
    return memory ? lg_tokenize(model, text, bytes, *tokens, count, memory + room) : LG_BAD_ARGUMENT;
}

/* Embed tokens (count). */
static lg_status embed_tokens(const lg_text *model, const uint32_t *tokens, size_t count, float *embedding,
                              const lg_cache *cache) {
    void *scratch = malloc(lg_embed_scratch(model, count));
    lg_status status = lg_embed(model, tokens, count, embedding, cache, scratch);
    free(scratch);
    return status;
}

/* Tokenize a text (bytes) and embed it. */
static lg_status embed(const lg_text *model, const char *text, size_t bytes, float *embedding, const lg_cache *cache) {
    uint32_t *tokens = NULL;
    size_t count = 0;
    lg_status status = tokenize(model, text, bytes, &tokens, &count);
    if (status == LG_OK) status = embed_tokens(model, tokens, count, embedding, cache);
    free(tokens);
    return status;
}

/* Embed a text of Python; its number goes into a list if it has no token. False with an exception if that fails. */
static int embed_one(const lg_text *model, PyObject *text, float *embedding, const lg_cache *cache, Py_ssize_t number,
                     PyObject *empty) {
    Py_ssize_t bytes;
    const char *letters = text ? PyUnicode_AsUTF8AndSize(text, &bytes) : NULL;
    if (!letters) return 0;
    lg_status status;
    Py_BEGIN_ALLOW_THREADS
    status = embed(model, letters, (size_t)bytes, embedding, cache);
    Py_END_ALLOW_THREADS
    if (status == LG_OK) return 1;
    if (status != LG_EMPTY_TEXT) return refuse(status, -1) != NULL;
    PyObject *place = PyLong_FromSsize_t(number);
    int added = place && PyList_Append(empty, place) == 0;
    Py_XDECREF(place);
    return added;
}

/* Embed a list of texts, whose tokens share a cache of some slots, or none; returns those that are empty. */
static PyObject *embed_list(const lg_text *model, PyObject *texts, float *embeddings, unsigned slots) {
    lg_cache cache;
    void *memory = slots ? malloc(lg_cache_bytes(model, slots)) : NULL;
    const lg_cache *used = memory && lg_cache_make(&cache, model, slots, memory) == LG_OK ? &cache : NULL;
    PyObject *empty = PyList_New(0);
    Py_ssize_t count = PyList_Size(texts);
    for (Py_ssize_t i = 0; empty && i < count; i++)
        if (!embed_one(model, PyList_GetItem(texts, i), embeddings + (size_t)i * model->output_dim, used, i, empty))
            Py_CLEAR(empty);
    free(memory);
    return empty;
}

static PyObject *text_embed(PyObject *self, PyObject *args) {
    const lg_text *model = &((Text *)self)->model;
    unsigned slots;
    PyObject *texts, *result = NULL;
    Py_buffer embeddings;
    if (!PyArg_ParseTuple(args, "O!w*I:embed", &PyList_Type, &texts, &embeddings, &slots)) return NULL;
    if (has_rows(&embeddings, model->output_dim * sizeof(float), PyList_Size(texts), "embeddings"))
        result = embed_list(model, texts, embeddings.buf, slots);
    PyBuffer_Release(&embeddings);
    return result;
}

static PyObject *text_embed_tokens(PyObject *self, PyObject *args) {
    const lg_text *model = &((Text *)self)->model;
    Py_buffer tokens, embedding;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*w*:embed_tokens", &tokens, &embedding)) return NULL;
    Py_ssize_t count = rows_of(&tokens, sizeof(uint32_t), "tokens");
    if (count >= 0 && has_rows(&embedding, model->output_dim * sizeof(float), 1, "embedding")) {
        lg_status status;
        Py_BEGIN_ALLOW_THREADS
        status = embed_tokens(model, tokens.buf, (size_t)count, embedding.buf, NULL);
        Py_END_ALLOW_THREADS
        result = finished(status, -1, NULL);
    }
    PyBuffer_Release(&tokens);
    PyBuffer_Release(&embedding);
    return result;
}

static PyObject *text_tokenize(PyObject *self, PyObject *args) {
    const char *text;
    Py_ssize_t bytes;
    uint32_t *tokens = NULL;
    size_t count = 0;
    if (!PyArg_ParseTuple(args, "s#:tokenize", &text, &bytes)) return NULL;
    lg_status status = tokenize(&((Text *)self)->model, text, (size_t)bytes, &tokens, &count);
    PyObject *list = status == LG_OK ? PyList_New((Py_ssize_t)count) : refuse(status, -1);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *token = PyLong_FromUnsignedLong(tokens[i]);
        if (!token || PyList_SetItem(list, (Py_ssize_t)i, token) < 0) Py_CLEAR(list);
    }
    free(tokens);
    return list;
}

static PyMethodDef text_methods[] = {
    {"tokenize", text_tokenize, METH_VARARGS, "The tokens of a text, as a list."},
    {"embed", text_embed, METH_VARARGS, "Embed a list of texts as embeddings (texts, output_dim)."},
    {"embed_tokens", text_embed_tokens, METH_VARARGS, "Embed tokens (count) as an embedding (output_dim)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef text_members[] = {
    {"name", T_STRING_INPLACE, offsetof(Text, model.name), READONLY, "The model's name."},
    {"output_dim", T_UINT, offsetof(Text, model.output_dim), READONLY, "Numbers in an embedding."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot text_slots[] = {
    {Py_tp_new, text_new},         {Py_tp_dealloc, text_dealloc}, {Py_tp_methods, text_methods},
    {Py_tp_members, text_members}, {Py_tp_doc, "A text model from the bytes of its table."},
    {0, NULL},
};

static PyType_Spec text_spec = {"linguagen._c.Text", sizeof(Text), 0, Py_TPFLAGS_DEFAULT, text_slots};

/* ---- The module ---- */

static int fill_module(PyObject *module) {
    PyType_Spec *specs[] = {&model_spec, &codec_spec, &trellis_spec, &text_spec};
    const char *names[] = {"Model", "Codec", "Trellis", "Text"};
    for (int i = 0; i < 4; i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, specs[i], NULL);
        if (!type || PyModule_AddObjectRef(module, names[i], type) < 0) {
            Py_XDECREF(type);
            return -1;
        }
        Py_DECREF(type);
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "linguagen._c",
    .m_doc = "The C library of LinguaGEN, on buffers.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__c(void) { return PyModuleDef_Init(&module_definition); }
