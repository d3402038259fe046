/* What the module exports. A host writes into a buffer, calls, and reads a buffer; it may copy the state of a text that is
 * coded in pieces out and in again, so that any number of them go on in turn. One caller at a time. */
#include "base.h"
#include "coder.c"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
extern u8 __heap_base;
static u8 *arena(u32 size) {
    u32 have = __builtin_wasm_memory_size(0) * 65536u, need = (u32)&__heap_base + size + 64;
    if (need > have && __builtin_wasm_memory_grow(0, (need - have + 65535) / 65536) == (__SIZE_TYPE__)-1) return 0;
    return (u8 *)(((u32)&__heap_base + 63) & ~63u);
}
#else
#define EXPORT(name)
static u8 room[256 << 20] __attribute__((aligned(64)));
static u8 *arena(u32 size) { return size <= sizeof room ? room : 0; }
#endif

static u8 *dictionary;

/* Makes room for a priming text of `size` bytes; returns where it goes, or 0 when it is too large. */
EXPORT(reserve) u8 *reserve(u32 size) {
    if (primed || !size || size > DICTIONARY_MAX) return 0;
    u32 scale = bits_of(size - 1) < 16 ? 16 : bits_of(size - 1);
    base.cell_bits = scale < 21 ? scale + 3 : 24;
    base.entry_bits = scale + 1;
    base.index_bits = scale - 2;
    u32 cells = 4u << base.cell_bits, entries = 4u << base.entry_bits, index = 4u << base.index_bits;
    u32 tokens = (2 * size + 63) & ~63u;
    u8 *at = arena(cells + entries + 2 * index + tokens + size);
    if (!at) return 0;
    base.cells = (u32 *)at;
    base.entries = (u32 *)(at += cells);
    base.index[0] = (u32 *)(at += entries);
    base.index[1] = (u32 *)(at += index);
    base.tokens = (u16 *)(at += index);
    return dictionary = at + tokens;
}

/* Primes the model with the text of `size` bytes at the reserved place, once. Returns 0 or BAD_SIZE. */
EXPORT(prime) i32 prime(u32 size) {
    if (primed || !dictionary || !size) return BAD_SIZE;
    model_begin(dictionary, size);
    primed = 1;
    return 0;
}

EXPORT(text) u8 *text(void) { return text_buffer; }
EXPORT(code) u8 *code(void) { return code_buffer; }
EXPORT(state) void *state(void) { return &message; }
EXPORT(state_size) u32 state_size(void) { return sizeof message; }

/* Whole messages: text of `size` bytes to code and back. Each returns a size or a fault below 0. */
EXPORT(encode) i32 encode(u32 size) { return put_message(size); }
EXPORT(decode) i32 decode(u32 size, u32 limit) { return get_message(size, limit); }

/* A text in pieces: `open` begins, then `put` on one side and `get` on the other. `how` is 0 for a piece that is flushed,
 * 1 for one of which only what is settled comes out, 2 for the last of these. */
EXPORT(open) void open_text(void) { message_begin(); }
EXPORT(put) i32 put(u32 size, u32 how) { return how ? put_settled(size, how == 2) : put_piece(size); }
EXPORT(get) i32 get(u32 size, u32 how, u32 limit) { return how ? get_settled(size, how == 2, limit) : get_piece(size, limit); }
