/* The model: how likely each decision of the next token is.
 *
 * Base: tables made from the priming text and frozen afterwards. For each of CONTEXTS contexts an entry says what
 * followed it: one token and how often, or, once a second token followed, that cells hold a counter for each decision.
 * Message: what this message has shown so far. It begins as a copy of `fresh`, so messages know
 * nothing of each other. A mixer (Mahoney's PAQ: logistic mixing, online gradient steps) joins all opinions.
 *
 * While priming, the mixer and the maps from counts to opinions learn. Then `freeze` brings all of it into the form in
 * which messages read it fastest: opinions instead of probabilities, weights of 16 bits.
 */
#ifndef AURA_MODEL_C
#define AURA_MODEL_C
#include "base.h"
#include "numbers.c"
#include "vocabulary.c"

enum {
    CONTEXTS = 11, /* of which the base knows what followed ... */
    HASHES = 13,   /* ... and these with two that the message alone remembers */
    LOCALS = 9,
    COUNTERS = 3, /* contexts whose decisions the message counts */
    MATCHES = 3,  /* two in the priming text, one in the message */
    FIRST_LOCAL = CONTEXTS,
    FIRST_COUNTER = FIRST_LOCAL + LOCALS,
    FIRST_MATCH = FIRST_COUNTER + COUNTERS,
    UNIGRAM = FIRST_MATCH + MATCHES,
    OPINIONS = UNIGRAM + 1, /* inputs that come from a map ... */
    LENGTHS = OPINIONS,     /* ... and others: how long the matches are, the token's frequency, and a constant */
    ORDER_0 = LENGTHS + MATCHES,
    CONSTANT = ORDER_0 + 1,
    INPUTS = (CONSTANT + 1 + 7) / 8 * 8,
    SETS = 5,
    SET_0 = 6 * 6 * 4,
    SET_1 = 14 * 8,
    SET_2 = 7 * 5 * 6,
    SET_3 = VOCABULARY_MAX,
    SET_4 = VOCABULARY_MAX + 1,
    WEIGHTS = SET_0 + SET_1 + SET_2 + SET_3 + SET_4,
    JOINTS = VOCABULARY_MAX,
    SIDES = 14 * 6,
    HISTORY = 4096,    /* tokens of the message that are remembered */
    LOCAL_BITS = 13,
    COUNTER_BITS = 13,
    RECENT_BITS = 11,
    COUNT_LEVELS = 14,
    LOGIT_LEVELS = 49,
    RUN_LEVELS = 12,
    LATE = 8, /* decisions of a token that are told apart */
    MATCH_LEVELS = 32,
    LONG_MATCH = 5,    /* tokens that must agree before the priming text is followed */
    SHORT_MATCH = 2,
    LENGTH_MAX = 60,
    PREDICTED = 70,      /* percent of the priming text, the last, that teach the mixer */
    RATE_FIRST = 8000,   /* the mixer's steps fall from here ... */
    RATE_LAST = 150,     /* ... to here while priming; messages teach it nothing */
    STEP_MIN = 64,       /* smaller steps are not taken: they hardly change a weight */
    STEP_MAX = 128,      /* logit of a set that one decision moves at most, 256 is 1 */
    FROZEN_ONE = 12,     /* a frozen weight of 1, in bits */
};

/* An entry: check 11 bits, branching 1, count 7, token 13. A cell: probability 16 bits, check 10, count 6; frozen, its
 * place in the map of the context instead of the probability. */
enum { BRANCHING = 1 << 20, ONE = 1 << 13, TOKEN_BITS = ONE - 1 };

static struct {
    u32 *cells, *entries, *index[2];
    u16 *tokens;
    u32 cell_bits, entry_bits, index_bits, token_count;
    u32 order0[VOCABULARY_MAX];
    u16 branching[CONTEXTS][COUNT_LEVELS][LOGIT_LEVELS];
    u16 running[CONTEXTS][RUN_LEVELS][LATE];
    u16 local[LOCALS][16][LATE];
    u16 counter[COUNTERS + 1][COUNT_LEVELS][LOGIT_LEVELS]; /* the last for the unigrams */
    u16 match[MATCHES][MATCH_LEVELS][LATE];
    u8 count_level[64], run_level[128];
    i32 weight[WEIGHTS][INPUTS];
    i16 frozen[WEIGHTS][INPUTS];
    i32 joint[JOINTS][SETS], side[SIDES][SETS]; /* weights of the sets' opinions: the two means of these count alike */
    i32 rate;                                   /* how far the mixer moves a step */
} base;

enum { ABSENT, RUNNING, BROKEN, SPLIT }; /* what a context says of the next token */

typedef struct {
    u32 position; /* of the token it expects */
    u32 length;   /* tokens that agreed so far; 0: there is no match */
    u32 alive;
    u32 token;
} Match;

/* The token at hand: where each context looks, and what it said of the decision at hand. */
typedef struct {
    u32 context[HASHES], *entry[CONTEXTS], check[CONTEXTS], *line[CONTEXTS], line_check[CONTEXTS];
    u32 state[CONTEXTS], expected[CONTEXTS], count[CONTEXTS];
    u32 local_state[LOCALS], local_expected[LOCALS], local_count[LOCALS], *local[LOCALS], local_check[LOCALS];
    u32 *counter[COUNTERS], counter_check[COUNTERS];
    u32 bit[OPINIONS]; /* the decision that each one expects */
    u16 *map[OPINIONS];
    u32 place[MATCHES];
    u32 node, position, decision, touched;
    i16 input[INPUTS];
    u32 set[SETS];
    i32 *joint, *side, logit[SETS], total, side_total;
} Now;

typedef struct {
    /* the arithmetic coder (coder.c) */
    u32 low, high, value;
    u32 stops, stop_tail[32];
    u8 stop_size[32];
    u32 missing, within; /* of `value`: bytes that have not come; whether it stopped within a token */
    Now now;
    /* what was said */
    u16 token[HISTORY];
    u32 count;
    u64 bytes; /* the last eight */
    u32 word, words[2]; /* the word so far, and the two before it */
    u32 line, line_before, column;
    Match match[MATCHES];
    u16 recent[1 << RECENT_BITS];
    u32 local[1 << LOCAL_BITS];
    u32 counter[1 << COUNTER_BITS];
    u32 unigram[VOCABULARY_MAX];
} Message;

static Message message, fresh;
static Now *const now = &message.now;

static u32 level(u32 count, const u8 *floors, u32 levels) {
    u32 found = 0;
    while (found + 1 < levels && count >= floors[found + 1]) found++;
    return found;
}

static inline u32 said(u32 back) { return message.count >= back ? message.token[(message.count - back) % HISTORY] + 1u : 0; }

static inline u32 expected_bit(u32 token) {
    return vocabulary.code[token] >> (vocabulary.depth[token] - 1u - now->decision) & 1;
}

/* -- contexts -- */

static void say(u32 token) {
    message.token[message.count++ % HISTORY] = (u16)token;
    for (u32 i = 0; i < vocabulary.size[token]; i++) {
        u8 byte = vocabulary.text[token][i];
        message.bytes = message.bytes << 8 | byte;
        if (kind(byte) == LETTER) {
            message.word = hash(message.word, byte | 32u);
        } else {
            if (message.word) {
                message.words[1] = message.words[0];
                message.words[0] = message.word;
            }
            message.word = 0;
        }
        if (byte == '\n') {
            if (message.line) message.line_before = message.line;
            message.line = message.column = 0;
        } else {
            message.column++;
        }
    }
    if (!message.line && message.column) message.line = token + 1;
}

static void find_contexts(void) {
    u32 t1 = said(1), order1 = hash(1, t1), order2 = hash(order1, said(2)), order3 = hash(order2, said(3));
    u32 bytes3 = (u32)message.bytes & 0xFFFFFF;
    u32 *context = now->context;
    context[0] = order1;
    context[1] = order2;
    context[2] = order3;
    context[3] = hash(order3, said(4));
    context[4] = hash(5, bytes3);
    context[5] = hash(hash(6, message.word), message.words[0]);
    context[6] = hash(hash(8, t1), message.line);
    context[7] = hash(9, message.word);
    context[8] = hash(hash(12, message.words[0]), message.words[1]);
    context[9] = hash(hash(13, message.word), message.words[1]);
    context[10] = hash(hash(14, message.line_before), hash(message.line, t1));
    context[11] = hash(hash(10, (u32)message.bytes), (u32)(message.bytes >> 32) & 0xFF);
    context[12] = hash(11, (u32)message.bytes & 0xFFFF);
    static const u8 local_of[LOCALS] = {0, 1, 2, 5, 11, 6, 7, 4, 3};
    for (u32 i = 0; i < LOCALS; i++) {
        u32 h = hash(context[local_of[i]], 0x77 + i);
        u32 *local = &message.local[h >> (32 - LOCAL_BITS)];
        now->local[i] = local;
        now->local_check[i] = h & 0x3FF;
        now->local_state[i] = *local && *local >> 22 == now->local_check[i] ? RUNNING : ABSENT;
        now->local_expected[i] = *local & TOKEN_BITS;
        now->local_count[i] = *local >> 13 & 0x1FF;
    }
}

/* Tables are far larger than a processor's caches, and a branch on what was read waits for it. So all places are read
 * before the first of them is looked at: the reads then wait together. `touched` keeps them in the program. */

static inline u32 *cells_of(u32 i, u32 node, u32 *check) {
    u32 h = hash(now->context[i] + i * 0x1234567, node);
    *check = h & 0x3FF;
    return &base.cells[h >> (36 - base.cell_bits) << 4];
}

static void find_entries(int priming) {
    u32 *place[CONTEXTS], touched = 0;
    for (u32 i = 0; i < CONTEXTS; i++) {
        u32 h = hash(now->context[i] + i * 0x1234567, 0x55);
        now->check[i] = (h & 0x7FF) | 1;
        place[i] = &base.entries[h >> (33 - base.entry_bits) << 1];
        touched |= *place[i];
        if (priming) continue;
        now->line[i] = cells_of(i, 0, &now->line_check[i]); /* nearly always needed next */
        touched |= *now->line[i];
    }
    now->touched = touched;
    for (u32 i = 0; i < CONTEXTS; i++) {
        u32 *entry = place[i], check = now->check[i];
        now->state[i] = ABSENT;
        now->entry[i] = 0;
        if (entry[0] >> 21 != check) {
            if (entry[1] >> 21 == check) {
                entry++;
            } else {
                if (!priming) continue;
                /* The one that is used less makes room, after a while. */
                if ((entry[0] >> 13 & 0xFF) > (entry[1] >> 13 & 0xFF)) entry++;
                if ((*entry >> 13 & 0x7F) > 1) {
                    *entry -= ONE;
                    continue;
                }
                *entry = 0;
            }
        }
        now->entry[i] = entry;
        if (!*entry) continue;
        now->state[i] = *entry & BRANCHING ? SPLIT : RUNNING;
        now->expected[i] = *entry & TOKEN_BITS;
        now->count[i] = *entry >> 13 & 0x7F;
    }
}

static void find_cells(u32 node) {
    u32 touched = 0;
    for (u32 i = 0; i < CONTEXTS; i++) {
        if (now->state[i] != SPLIT) continue;
        now->line[i] = cells_of(i, node, &now->line_check[i]);
        touched |= *now->line[i];
    }
    now->touched = touched;
}

static inline u32 *find_counter(u32 i) {
    static const u8 counter_of[COUNTERS] = {0, 7, 12};
    u32 h = hash(now->context[counter_of[i]] + i * 0x1234567, now->node + VOCABULARY_MAX);
    now->counter_check[i] = h & 0x3FF;
    return now->counter[i] = &message.counter[h >> (32 - COUNTER_BITS)];
}

/* -- matches -- */

static inline u32 match_hash(const u16 *end, u32 length) {
    u32 h = length;
    for (u32 i = 1; i <= length; i++) h = hash(h, *(end - i));
    return h;
}

static const u8 match_least[MATCHES] = {LONG_MATCH, SHORT_MATCH, 2};

/* Finds where matches that ended may begin anew, and reads there ahead. */
static void find_places(void) {
    u16 last[LONG_MATCH];
    u32 touched = 0;
    for (u32 i = 1; i <= LONG_MATCH; i++) last[LONG_MATCH - i] = (u16)(said(i) - 1);
    for (u32 k = 0; k < MATCHES; k++) {
        if (message.match[k].alive) continue;
        u32 h = match_hash(last + LONG_MATCH, match_least[k]);
        now->place[k] = h >> (32 - (k < 2 ? base.index_bits : RECENT_BITS));
        if (k < 2) touched |= base.index[k][now->place[k]];
    }
    now->touched = touched;
}

static void find_matches(void) {
    for (u32 k = 0; k < MATCHES; k++) {
        Match *match = &message.match[k];
        u32 need = match_least[k];
        if (!match->alive) match->length = 0;
        if (!match->length && message.count >= need) {
            u32 found = 0, most = message.count < 32 ? message.count : 32;
            if (k < 2) {
                u32 at = base.index[k][now->place[k]];
                if (most > at) most = at;
                while (found < most && base.tokens[at - 1 - found] == message.token[(message.count - 1 - found) % HISTORY]) found++;
                match->position = at;
            } else {
                u32 back = (u16)(message.count - message.recent[now->place[k]]);
                if (back && back < HISTORY - 64 && back < message.count) {
                    u32 at = message.count - back;
                    if (most > at) most = at;
                    while (found < most && said(back + 1 + found) == said(1 + found)) found++;
                    match->position = at;
                }
            }
            if (found >= need) match->length = found;
        }
        match->alive = match->length != 0;
        if (match->alive) match->token = k < 2 ? base.tokens[match->position] : message.token[match->position % HISTORY];
    }
    if (message.match[0].alive && message.match[1].position == message.match[0].position) message.match[1].alive = 0;
}

static void follow_matches(u32 token) {
    for (u32 k = 0; k < MATCHES; k++) {
        Match *match = &message.match[k];
        if (!match->length) continue;
        match->alive = match->token == token;
        match->position++;
        if (match->length < LENGTH_MAX) match->length++;
        if (k < 2 && match->position >= base.token_count) match->alive = 0;
    }
    if (message.count >= 2) {
        u16 last[2] = {(u16)(said(2) - 1), (u16)(said(1) - 1)};
        message.recent[match_hash(last + 2, 2) >> (32 - RECENT_BITS)] = (u16)message.count;
    }
}

/* -- one decision -- */

static inline u32 logit_level(i32 logit) { return (u32)(logit + 2090) / 85; }

/* Returns the place of a counter in its map. */
static inline u32 place_of(u32 probability, u32 count) {
    return base.count_level[count < 63 ? count : 63] * LOGIT_LEVELS + logit_level(stretch(probability));
}

/* Sums of products of such weights, up to 5 for each input, fit into 32 bits; those of 16 bits behind the point would not. */
static inline i32 frozen_weight(i32 weight) { return (weight + (1 << (15 - FROZEN_ONE))) >> (16 - FROZEN_ONE); }

static inline i32 product(const i32 *weight) {
    u32 total = 0;
    for (u32 i = 0; i < INPUTS; i++) total += (u32)(frozen_weight(weight[i]) * now->input[i]);
    return (i32)total;
}

static inline i32 frozen_product(const i16 *weight) {
#ifdef __wasm_simd128__
    typedef i16 v8 __attribute__((vector_size(16)));
    typedef i32 v4 __attribute__((vector_size(16)));
    v4 sums = {0, 0, 0, 0};
    for (u32 i = 0; i < INPUTS; i += 8)
        sums += __builtin_wasm_dot_s_i32x4_i16x8(*(const v8 *)(weight + i), *(const v8 *)(now->input + i));
    return sums[0] + sums[1] + sums[2] + sums[3];
#else
    i32 total = 0;
    for (u32 i = 0; i < INPUTS; i++) total += weight[i] * now->input[i];
    return total;
#endif
}

static inline void opinion(u32 i, u16 *map, u32 bit, int priming) {
    i32 logit = priming ? stretch(*map) : (i16)*map;
    now->map[i] = map;
    now->bit[i] = bit;
    now->input[i] = (i16)(bit ? logit : -logit);
}

/* Returns the probability that the decision is 1, of 65536: 22 to 65514. */
static inline __attribute__((always_inline)) u32 predict_as(int priming) {
    u32 highest = 0, known = 0, local_order = 0, late = now->decision < LATE ? now->decision : LATE - 1;
    fill(now->input, 0, sizeof now->input);
    if (priming) fill(now->map, 0, sizeof now->map);
    for (u32 i = 0; i < CONTEXTS; i++) {
        if (now->state[i] == SPLIT) {
            u32 cell = now->line[i][now->position ^ (now->line_check[i] & 15)], count = cell & 63;
            if (!count || (cell >> 6 & 0x3FF) != now->line_check[i]) continue;
            opinion(i, &base.branching[i][0][0] + (priming ? place_of(cell >> 16, count) : cell >> 16), 1, priming);
        } else if (now->state[i] == RUNNING) {
            u32 bit = expected_bit(now->expected[i]), runs = base.run_level[now->count[i]];
            opinion(i, &base.running[i][runs][late], bit, priming);
        } else {
            continue;
        }
        if (i < 4) highest = i + 1;
        known++;
    }
    for (u32 i = 0; i < LOCALS; i++) {
        if (now->local_state[i] != RUNNING) continue;
        u32 count = now->local_count[i] < 15 ? now->local_count[i] : 15;
        opinion(FIRST_LOCAL + i, &base.local[i][count][late], expected_bit(now->local_expected[i]), priming);
        if (i < 3) local_order = i + 1;
    }
    for (u32 i = 0; i < COUNTERS; i++) {
        u32 cell = *find_counter(i), count = cell & 63;
        if (!count || (cell >> 6 & 0x3FF) != now->counter_check[i]) continue;
        opinion(FIRST_COUNTER + i, &base.counter[i][0][0] + place_of(cell >> 16, count), 1, priming);
    }
    for (u32 k = 0; k < MATCHES; k++) {
        Match *match = &message.match[k];
        if (!match->alive) continue;
        u32 length = match->length > 15 ? 12 + (match->length >> 4) : match->length, bit = expected_bit(match->token);
        opinion(FIRST_MATCH + k, &base.match[k][length][late], bit, priming);
        now->input[LENGTHS + k] = (i16)(bit ? length * 16 : -length * 16);
    }
    u32 unigram = message.unigram[now->node];
    if (unigram & 0xFF)
        opinion(UNIGRAM, &base.counter[COUNTERS][0][0] + place_of(unigram >> 16, unigram & 0xFF), 1, priming);
    now->input[ORDER_0] = (i16)stretch(base.order0[now->node] >> 16);
    now->input[CONSTANT] = 256;

    u32 length = message.match[0].length;
    u32 matched = message.match[0].alive ? length >= 24 ? 4 : length >= 12 ? 3 : length >= 7 ? 2 : 1
                  : message.match[1].alive ? 5 : 0;
    u32 last = said(1) ? (u32)kind((u8)message.bytes) : 6, decision = now->decision < 13 ? now->decision : 13;
    u32 knowing = known > 7 ? 3 : known > 4 ? 2 : known > 1;
    now->set[0] = (matched * 6 + highest) * 4 + local_order;
    now->set[1] = SET_0 + decision * 8 + (message.match[2].alive ? 4 : 0) + knowing;
    now->set[2] = SET_0 + SET_1 + (last * 5 + (decision < 4 ? decision : 4)) * 6 + highest;
    now->set[3] = SET_0 + SET_1 + SET_2 + now->node;
    now->set[4] = SET_0 + SET_1 + SET_2 + SET_3 + said(1);
    now->joint = base.joint[now->node];
    now->side = base.side[decision * 6 + matched];
    u32 total = 0, side = 0;
    for (u32 s = 0; s < SETS; s++) {
        i32 logit = (priming ? product(base.weight[now->set[s]]) : frozen_product(base.frozen[now->set[s]])) >> FROZEN_ONE;
        now->logit[s] = logit > LOGIT_MAX ? LOGIT_MAX : logit < -LOGIT_MAX ? -LOGIT_MAX : logit;
        total += (u32)(now->joint[s] * now->logit[s]);
        side += (u32)(now->side[s] * now->logit[s]);
    }
    now->total = (i32)total >> 16;
    now->side_total = (i32)side >> 16;
    return squash((now->total + now->side_total) >> 1);
}

static u32 predict(void) { return predict_as(0); }
static APART void predict_priming(void) { predict_as(1); }

static inline void learn(u16 *map, u32 right) { *map = (u16)(*map + (((right ? 65535 : 0) - (i32)*map) >> 8)); }

static inline u32 count_bit(u32 counter, u32 bit, u32 limit) {
    u32 count = counter & 0xFF;
    return towards(counter >> 16, bit, count) << 16 | (count < limit ? count + 1 : count);
}

/* Moves weights and maps towards what would have been right. A step moves the opinion of a set by STEP_MAX at most: where
 * all inputs are as sure as can be, one surprise would else turn the weights over, and text that is nearly always
 * foreseen has too few to put them right again. */
static APART void learn_decision(u32 bit) {
    u32 energy = 0;
    for (u32 i = 0; i < INPUTS; i++) energy += (u32)(now->input[i] * now->input[i]);
    i32 most = (i32)((STEP_MAX << 22) / ((energy >> 10) + 1));
    for (u32 s = 0; s < SETS; s++) {
        i32 step = ((i32)(bit << 16) - (i32)squash(now->logit[s])) * base.rate >> 10, *weight = base.weight[now->set[s]];
        step = step > most ? most : step < -most ? -most : step;
        if (step < STEP_MIN && step > -STEP_MIN) continue;
        for (u32 i = 0; i < INPUTS; i++) weight[i] += (now->input[i] * step + 0x8000) >> 16;
    }
    i32 step = ((i32)(bit << 16) - (i32)squash(now->total)) * (base.rate >> 1) >> 10;
    i32 side_step = ((i32)(bit << 16) - (i32)squash(now->side_total)) * (base.rate >> 1) >> 10;
    for (u32 s = 0; s < SETS; s++) {
        now->joint[s] += (now->logit[s] * step + 0x8000) >> 16;
        now->side[s] += (now->logit[s] * side_step + 0x8000) >> 16;
    }
    for (u32 i = 0; i < OPINIONS; i++)
        if (now->map[i]) learn(now->map[i], bit == now->bit[i]);
}

static void update(u32 bit) {
    for (u32 i = 0; i < CONTEXTS; i++)
        if (now->state[i] == RUNNING && now->bit[i] != bit) now->state[i] = BROKEN;
    for (u32 i = 0; i < LOCALS; i++)
        if (now->local_state[i] == RUNNING && now->bit[FIRST_LOCAL + i] != bit) now->local_state[i] = BROKEN;
    for (u32 k = 0; k < MATCHES; k++)
        if (message.match[k].alive && now->bit[FIRST_MATCH + k] != bit) message.match[k].alive = 0;
    message.unigram[now->node] = count_bit(message.unigram[now->node], bit, 30);
    for (u32 i = 0; i < COUNTERS; i++) {
        u32 cell = *now->counter[i], probability = cell >> 16, count = cell & 63, check = now->counter_check[i];
        if ((cell >> 6 & 0x3FF) != check) probability = 32768, count = 0;
        *now->counter[i] = towards(probability, bit, count) << 16 | check << 6 | (count < 30 ? count + 1 : count);
    }
}

/* -- one token -- */

static APART void token_begin(void) {
    find_contexts();
    find_places();
    find_entries(0);
    find_matches();
    now->node = now->decision = 0;
    now->position = 1;
}

/* Takes a decision; returns the token that it leads to, or -1 when there are more to take. */
static APART i32 token_step(u32 bit) {
    update(bit);
    u32 child = vocabulary.child[now->node][bit];
    if (child & LEAF) return (i32)(child & ~LEAF);
    now->node = child;
    now->position = now->position * 2 + bit;
    if (++now->decision % 4 == 0) {
        find_cells(child);
        now->position = 1;
    }
    return -1;
}

static APART void token_end(u32 token) {
    for (u32 i = 0; i < LOCALS; i++) {
        if (now->local_state[i] != ABSENT && now->local_expected[i] == token) {
            if (now->local_count[i] < 500) *now->local[i] += ONE;
        } else {
            *now->local[i] = now->local_check[i] << 22 | ONE | token;
        }
    }
    say(token);
    follow_matches(token);
}

/* -- priming -- */

static void learn_cell(u32 *cell, u32 check, u32 bit, u32 times) {
    for (u32 n = 0; n < times; n++) {
        u32 count = *cell & 63, probability = *cell >> 16;
        if ((*cell >> 6 & 0x3FF) != check) {
            if (count > 1) {
                --*cell;
                continue;
            }
            probability = 32768;
            count = 0;
        }
        *cell = towards(probability, bit, count) << 16 | check << 6 | (count < 62 ? count + 1 : count);
    }
}

/* Counts the decisions of `token` in the cells of `count` contexts. */
static APART void learn_cells(const u8 *contexts, u32 count, u32 token, u32 times) {
    u32 node = 0, depth = vocabulary.depth[token], code = vocabulary.code[token];
    for (u32 d = 0; d < depth; d += 4) {
        u32 *line[CONTEXTS], check[CONTEXTS], touched = 0, most = d + 4 < depth ? d + 4 : depth;
        for (u32 k = 0; k < count; k++) {
            line[k] = cells_of(contexts[k], node, &check[k]);
            touched |= *line[k];
        }
        now->touched = touched;
        for (u32 k = 0; k < count; k++)
            for (u32 position = 1, e = d; e < most; e++) {
                u32 bit = code >> (depth - 1 - e) & 1;
                learn_cell(&line[k][position ^ (check[k] & 15)], check[k], bit, times);
                position = position * 2 + bit;
            }
        for (u32 e = d; e < most; e++) node = vocabulary.child[node][code >> (depth - 1 - e) & 1];
    }
}

static APART void learn_token(u32 token) {
    u8 split[CONTEXTS];
    u32 count = 0;
    find_contexts();
    find_entries(1);
    for (u32 i = 0; i < CONTEXTS; i++) {
        u32 *entry = now->entry[i];
        if (!entry) continue;
        if (now->state[i] == ABSENT) {
            *entry = now->check[i] << 21 | ONE | token;
            continue;
        }
        if (now->state[i] == RUNNING && now->expected[i] != token) {
            u8 context = (u8)i;
            *entry |= BRANCHING;
            learn_cells(&context, 1, now->expected[i], now->count[i] < 20 ? now->count[i] : 20);
            split[count++] = context;
            continue;
        }
        if (now->state[i] == SPLIT) split[count++] = (u8)i;
        if (now->count[i] < 127) *entry += ONE;
    }
    learn_cells(split, count, token, 1);
    u32 node = 0;
    for (u32 d = 0; d < vocabulary.depth[token]; d++) {
        u32 bit = vocabulary.code[token] >> (vocabulary.depth[token] - 1 - d) & 1;
        base.order0[node] = count_bit(base.order0[node], bit, 250);
        node = vocabulary.child[node][bit];
    }
}

static APART void index_tokens(u32 from, u32 to) {
    for (u32 at = from; at < to; at++) {
        if (at >= LONG_MATCH) base.index[0][match_hash(base.tokens + at, LONG_MATCH) >> (32 - base.index_bits)] = at;
        if (at >= SHORT_MATCH) base.index[1][match_hash(base.tokens + at, SHORT_MATCH) >> (32 - base.index_bits)] = at;
    }
    base.token_count = to;
}

static void message_begin(void) { copy(&message, &fresh, sizeof message); }

static void maps_begin(void) {
    static const u8 counts[COUNT_LEVELS] = {0, 1, 2, 3, 4, 5, 6, 8, 11, 15, 21, 30, 42, 56};
    static const u8 runs[RUN_LEVELS] = {0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 45, 90};
    for (u32 i = 0; i < 64; i++) base.count_level[i] = (u8)level(i, counts, COUNT_LEVELS);
    for (u32 i = 0; i < 128; i++) base.run_level[i] = (u8)level(i, runs, RUN_LEVELS);
    for (u32 a = 0; a < COUNT_LEVELS; a++)
        for (u32 q = 0; q < LOGIT_LEVELS; q++) {
            u16 p = (u16)squash(((i32)q - 24) * 85);
            for (u32 i = 0; i < CONTEXTS; i++) base.branching[i][a][q] = p;
            for (u32 i = 0; i <= COUNTERS; i++) base.counter[i][a][q] = p;
        }
    for (u32 late = 0; late < LATE; late++) {
        for (u32 a = 0; a < RUN_LEVELS; a++)
            for (u32 i = 0; i < CONTEXTS; i++) base.running[i][a][late] = (u16)squash(300 + (i32)a * 100);
        for (u32 a = 0; a < 16; a++)
            for (u32 i = 0; i < LOCALS; i++) base.local[i][a][late] = (u16)squash(300 + (i32)a * 60);
        for (u32 a = 0; a < MATCH_LEVELS; a++)
            for (u32 k = 0; k < MATCHES; k++) base.match[k][a][late] = (u16)squash(400 + (i32)a * 32);
    }
    for (u32 i = 0; i < VOCABULARY_MAX; i++) base.order0[i] = fresh.unigram[i] = 32768u << 16;
    for (u32 s = 0; s < SETS; s++) {
        for (u32 i = 0; i < JOINTS; i++) base.joint[i][s] = 65536 / SETS;
        for (u32 i = 0; i < SIDES; i++) base.side[i][s] = 65536 / SETS;
    }
    for (u32 set = 0; set < WEIGHTS; set++)
        for (u32 i = 0; i < INPUTS; i++)
            base.weight[set][i] = i < FIRST_LOCAL ? 14000
                                  : i < FIRST_MATCH ? 8000
                                  : i < UNIGRAM ? 20000
                                  : i == UNIGRAM ? 8000 : 0;
}

static void freeze_map(u16 *map, u32 size) {
    for (u32 i = 0; i < size / sizeof *map; i++) map[i] = (u16)stretch(map[i]);
}

static void freeze(void) {
    for (u32 i = 0; i < 1u << base.cell_bits; i++) {
        u32 cell = base.cells[i];
        if (cell) base.cells[i] = place_of(cell >> 16, cell & 63) << 16 | (cell & 0xFFFF);
    }
    freeze_map(&base.branching[0][0][0], sizeof base.branching);
    freeze_map(&base.running[0][0][0], sizeof base.running);
    freeze_map(&base.local[0][0][0], sizeof base.local);
    freeze_map(&base.counter[0][0][0], sizeof base.counter);
    freeze_map(&base.match[0][0][0], sizeof base.match);
    for (u32 set = 0; set < WEIGHTS; set++)
        for (u32 i = 0; i < INPUTS; i++) {
            i32 weight = frozen_weight(base.weight[set][i]);
            base.frozen[set][i] = (i16)(weight > 32767 ? 32767 : weight < -32768 ? -32768 : weight);
        }
}

/* Makes the base from `text`. Each message of the last PREDICTED percent is first predicted, which teaches the mixer how far to
 * trust the tables on text they have not seen, and only then learnt. */
static void model_begin(const u8 *text, u32 size) {
    numbers_begin();
    fill(&fresh, 0, sizeof fresh);
    u32 count = vocabulary_begin(text, size, base.tokens), at = 0, half = count - count / 100 * PREDICTED;
    maps_begin();
    message_begin();
    while (at < count) {
        u32 end = at;
        while (end < count && base.tokens[end] != END) end++;
        if (end < count) end++;
        if (at >= half) {
            message_begin();
            base.rate = RATE_FIRST - (i32)((RATE_FIRST - RATE_LAST) * (u64)(at - half) / (count - half));
            for (u32 i = at; i < end; i++) {
                token_begin();
                for (u32 d = vocabulary.depth[base.tokens[i]]; d-- > 0;) {
                    u32 bit = vocabulary.code[base.tokens[i]] >> d & 1;
                    predict_priming();
                    learn_decision(bit);
                    token_step(bit);
                }
                token_end(base.tokens[i]);
            }
        }
        message_begin();
        for (u32 i = at; i < end; i++) {
            learn_token(base.tokens[i]);
            say(base.tokens[i]);
        }
        index_tokens(at, end);
        at = end;
    }
    freeze();
}
#endif
