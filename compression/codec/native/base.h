/* Types, limits and small numbers that every part of the coder shares. See docs/explanation/codec.md. */
#ifndef AURA_BASE_H
#define AURA_BASE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed short i16;
typedef signed int i32;

enum {
    TEXT_MAX = 65536,            /* bytes of text in one call */
    CODED_MAX = 2 * TEXT_MAX,    /* bytes of code in one call */
    DICTIONARY_MAX = 4 << 20,    /* bytes of priming text */
    TOKEN_MAX = 16,              /* bytes of one token */
    VOCABULARY_MAX = 1536,       /* tokens; the first 256 are the single bytes */
    END = 0,                     /* token 0, the byte NUL: the end of a message */
};

/* Browsers compile a function anew, and well, once it has been called often; not the loop that it is called from. So what
 * priming calls over and over stays a function. */
#define APART __attribute__((noinline))

static void fill(void *to, u32 byte, u32 size) { __builtin_memset(to, (int)byte, size); }
static void copy(void *to, const void *from, u32 size) { __builtin_memcpy(to, from, size); }

static inline u32 hash(u32 a, u32 b) {
    u32 h = a * 0x9E3779B1u ^ (b + 0x7F4A7C15u) * 0x85EBCA6Bu;
    h ^= h >> 15;
    h *= 0x2C1B3C6Du;
    return h ^ h >> 13;
}

static inline u32 bits_of(u32 n) { return n ? 32 - (u32)__builtin_clz(n) : 0; }

/* Kinds of bytes. A token never reaches across a change of kind, but for what `mergeable` allows. */
enum { NOTHING, LETTER, DIGIT, SPACE, LINE, MARK };
static inline int kind(u8 c) {
    if (c >= 128 || ((c | 32) >= 'a' && (c | 32) <= 'z')) return LETTER;
    if (c >= '0' && c <= '9') return DIGIT;
    if (c == ' ') return SPACE;
    if (c == '\n' || c == '\t' || c == '\r') return LINE;
    return c ? MARK : NOTHING;
}
#endif
