/* Probabilities in 16 bits, their logits in steps of 1/256 between -2047 and 2047, and steps of counters. */
#ifndef AURA_NUMBERS_C
#define AURA_NUMBERS_C
#include "base.h"

enum { LOGIT_MAX = 2047 };

static u16 squash_table[4096];
static i16 stretch_table[4096];
static u16 reciprocal[256]; /* 65536 / (n + 1.5): the step of a counter that has seen n bits */

static inline u32 squash(i32 logit) {
    if (logit > LOGIT_MAX) logit = LOGIT_MAX;
    if (logit < -LOGIT_MAX) logit = -LOGIT_MAX;
    return squash_table[logit + 2048];
}

static inline i32 stretch(u32 probability) { return stretch_table[probability >> 4]; }

static void numbers_begin(void) {
    u64 power = 1 << 24;             /* e^(x/256), 24 bits behind the point */
    const u64 step = 269486083;      /* e^(1/256), 28 bits behind the point */
    for (i32 x = 0; x < 2048; x++) {
        u64 p = 65536 * power / (power + (1 << 24));
        squash_table[2048 + x] = (u16)p;
        squash_table[2048 - x] = (u16)(65536 - p);
        power = power * step >> 28;
    }
    squash_table[0] = squash_table[1];
    i32 x = 0;
    for (u32 p = 0; p < 4096; p++) {
        while (x < 4095 && squash_table[x] < p * 16 + 8) x++;
        stretch_table[p] = (i16)(x - 2048);
    }
    for (u32 n = 0; n < 256; n++) reciprocal[n] = (u16)(131072 / (2 * n + 3));
}

/* Moves a probability towards `bit` by 1/(n + 1.5). */
static inline u32 towards(u32 probability, u32 bit, u32 n) {
    i32 gap = bit ? 65535 - (i32)probability : -(i32)probability;
    return probability + (u32)(gap * (i32)reciprocal[n] >> 16);
}
#endif
