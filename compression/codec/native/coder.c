/* The arithmetic coder (carryless, 32 bits, after Mahoney's PAQ), and texts as bytes: whole, or piece by piece.
 *
 * What ends where: a whole message ends with the token END and a check of CHECK_BITS, and its last zero bytes are left
 * out. A piece that is flushed has no end of its own: after each token there is exactly one string of bytes that ends
 * the piece there (`stop`), so the number of its bytes says how many tokens it has.
 */
#ifndef AURA_CODER_C
#define AURA_CODER_C
#include "base.h"
#include "model.c"

enum {
    CHECK_BITS = 8,
    STOPS = 32,
    /* what a call may return below 0 */
    BAD_SIZE = -1,  /* more bytes than one call takes, or an empty or unprimed one */
    BAD_TEXT = -2,  /* the text holds the byte NUL, which the model uses itself */
    BAD_CODE = -3,  /* not what this model's encoder makes */
    TOO_LARGE = -4, /* the text passes the limit */
    OVERFLOW = -5,  /* the code is larger than its buffer */
};

static u8 text_buffer[TEXT_MAX], code_buffer[CODED_MAX + 16];
static u8 cuts[TEXT_MAX]; /* the sizes of the tokens decoded in this call */
static u32 cut_count;
static u32 code_size, code_at, code_ended, primed;

static u32 split(u32 p) {
    u32 range = message.high - message.low;
    return message.low + (range >> 16) * p + ((range & 0xFFFF) * p >> 16);
}

static void forget_stops(u32 byte) {
    u32 kept = 0;
    for (u32 i = 0; i < message.stops; i++) {
        if (!message.stop_size[i] || message.stop_tail[i] >> 24 != byte) continue;
        message.stop_tail[kept] = message.stop_tail[i] << 8;
        message.stop_size[kept++] = (u8)(message.stop_size[i] - 1);
    }
    message.stops = kept;
}

static void narrow(u32 bit, u32 middle) {
    if (bit) message.high = middle;
    else message.low = middle + 1;
}

static void code_begin(void) {
    message.low = 0;
    message.high = 0xFFFFFFFF;
    message.stops = 0;
}

/* -- encoding -- */

static void settle(void) {
    while (!((message.low ^ message.high) >> 24)) {
        if (code_size < CODED_MAX) code_buffer[code_size++] = (u8)(message.high >> 24);
        forget_stops(message.high >> 24);
        message.low <<= 8;
        message.high = message.high << 8 | 255;
    }
}

static void put_bit(u32 bit, u32 p) {
    narrow(bit, split(p));
    settle();
}

static void put_token(u32 token) {
    token_begin();
    for (u32 d = vocabulary.depth[token]; d-- > 0;) {
        u32 bit = vocabulary.code[token] >> d & 1;
        put_bit(bit, predict());
        token_step(bit);
    }
    token_end(token);
}

/* -- ends -- */

/* Sets `tail` to the n-th smallest string of `size` bytes that, with zeros behind it, lies in the interval. */
static int tail_of(u32 size, u32 n, u32 *tail) {
    u64 unit = (u64)1 << (32 - 8 * size), value = ((u64)message.low + unit - 1) / unit * unit + n * unit;
    *tail = (u32)value;
    return value <= message.high;
}

/* Returns the size of the shortest such string, 0 to 4. */
static u32 shortest_tail(u32 *tail) {
    u32 size = 0;
    while (!tail_of(size, 0, tail)) size++;
    return size;
}

static int used_stop(u32 size, u32 tail) {
    for (u32 i = 0; i < message.stops; i++)
        if (message.stop_size[i] == size && message.stop_tail[i] == tail) return 1;
    return 0;
}

/* Finds the tail that ends a piece behind the token just coded: the shortest one that lies in the interval and ended it
 * behind no token before; of these the smallest. Returns 0 when there is none, or too many to tell apart. */
static int find_stop(u32 *size, u32 *tail) {
    u32 kept = 0;
    for (u32 i = 0; i < message.stops; i++) {
        if (message.stop_tail[i] < message.low || message.stop_tail[i] > message.high) continue;
        message.stop_tail[kept] = message.stop_tail[i];
        message.stop_size[kept++] = message.stop_size[i];
    }
    message.stops = kept;
    if (kept == STOPS) return 0;
    for (*size = 0; *size <= 4; ++*size)
        for (u32 n = 0; tail_of(*size, n, tail); n++) {
            if (used_stop(*size, *tail)) continue;
            message.stop_tail[kept] = *tail;
            message.stop_size[kept] = (u8)*size;
            message.stops++;
            return 1;
        }
    return 0;
}

static void put_tail(u32 size, u32 tail) {
    for (u32 i = 0; i < size; i++) code_buffer[code_size++] = (u8)(tail >> (24 - 8 * i));
}

/* -- decoding: `value` holds four bytes of the code, of which the last `missing` have not come yet -- */

static void next_byte(void) {
    message.value <<= 8;
    if (code_at < code_size) message.value |= code_buffer[code_at];
    else if (!code_ended) message.missing++;
    code_at++;
}

static void get_begin(u32 size) {
    code_begin();
    code_size = size;
    code_ended = 1;
    code_at = message.value = message.missing = cut_count = 0;
    for (int i = 0; i < 4; i++) next_byte();
}

/* Returns the bit, or -1 while the bytes that came do not settle it. */
static i32 get_bit(u32 p) {
    u32 middle = split(p), most = message.value | (u32)(((u64)1 << 8 * message.missing) - 1);
    if (message.value <= middle && most > middle) return -1;
    u32 bit = message.value <= middle;
    narrow(bit, middle);
    while (!((message.low ^ message.high) >> 24)) {
        forget_stops(message.high >> 24);
        message.low <<= 8;
        message.high = message.high << 8 | 255;
        next_byte();
    }
    return (i32)bit;
}

/* Returns the token, or -1 while the bytes that came do not settle it. */
static i32 get_token(void) {
    if (!message.within) token_begin();
    for (;;) {
        message.within = 1;
        i32 bit = get_bit(predict());
        if (bit < 0) return -1;
        i32 token = token_step((u32)bit);
        if (token < 0) continue;
        message.within = 0;
        token_end((u32)token);
        return token;
    }
}

/* Returns whether the code ends with `tail` behind the bytes that are settled. */
static int ends_with(u32 size, u32 tail) {
    u32 settled = code_at - 4;
    for (u32 i = 0; i < size; i++)
        if ((settled + i < code_size ? code_buffer[settled + i] : 0) != (u8)(tail >> (24 - 8 * i))) return 0;
    return code_size <= settled + size;
}

/* -- whole messages -- */

static u32 check_of(const u8 *text, u32 size) {
    u32 h = size;
    for (u32 i = 0; i < size; i++) h = (h ^ text[i]) * 16777619u; /* FNV-1a */
    return (h ^ h >> 16 ^ h >> 8) & ((1 << CHECK_BITS) - 1);
}

static void put_text(const u8 *at, const u8 *end) {
    while (at < end) {
        u32 token = longest_token(at, end);
        put_token(token);
        at += vocabulary.size[token];
    }
}

static i32 text_fault(u32 size) {
    if (!primed || size > TEXT_MAX) return BAD_SIZE;
    for (u32 i = 0; i < size; i++)
        if (text_buffer[i] == END) return BAD_TEXT;
    return 0;
}

static i32 put_message(u32 size) {
    u32 tail, tail_size, check;
    i32 fault = text_fault(size);
    if (fault) return fault;
    message_begin();
    code_begin();
    code_size = 0;
    put_text(text_buffer, text_buffer + size);
    put_token(END);
    check = check_of(text_buffer, size);
    for (u32 i = 0; i < CHECK_BITS; i++) put_bit(check >> i & 1, 32768);
    if (code_size >= CODED_MAX) return TOO_LARGE;
    tail_size = shortest_tail(&tail);
    put_tail(tail_size, tail);
    while (code_size && !code_buffer[code_size - 1]) code_size--;
    return (i32)code_size;
}

/* Adds a token's bytes behind the `made` ones. Returns how many there are then, or a fault. */
static i32 add_text(u32 made, i32 token, u32 limit) {
    if (token == END || made + vocabulary.size[token] > TEXT_MAX) return BAD_CODE;
    if (made + vocabulary.size[token] > limit) return TOO_LARGE;
    copy(text_buffer + made, vocabulary.text[token], vocabulary.size[token]);
    cuts[cut_count++] = vocabulary.size[token];
    return (i32)(made + vocabulary.size[token]);
}

/* Returns whether the encoder would have cut the text into these tokens: wrong codes seldom give such ones. */
static int well_cut(u32 size) {
    const u8 *at = text_buffer, *end = at + size;
    for (u32 i = 0; i < cut_count; at += cuts[i++])
        if (vocabulary.size[longest_token(at, end)] != cuts[i]) return 0;
    return 1;
}

static i32 get_message(u32 size, u32 limit) {
    u32 tail, tail_size, check = 0;
    i32 made = 0, token;
    if (!primed || size > CODED_MAX) return BAD_SIZE;
    message_begin();
    get_begin(size);
    while ((token = get_token()) != END) {
        made = add_text((u32)made, token, limit);
        if (made < 0) return made;
        if (code_at > code_size + 8) return BAD_CODE;
    }
    for (u32 i = 0; i < CHECK_BITS; i++) check |= (u32)get_bit(32768) << i;
    if (check != check_of(text_buffer, (u32)made)) return BAD_CODE;
    /* Only what the encoder would have sent is the end. */
    tail_size = shortest_tail(&tail);
    if (!ends_with(tail_size, tail) || (code_size && !code_buffer[code_size - 1])) return BAD_CODE;
    return well_cut((u32)made) ? made : BAD_CODE;
}

/* -- pieces of a text, each flushed: `message` goes on from one to the next -- */

static i32 put_piece(u32 size) {
    u32 tail = 0, tail_size = 0;
    i32 fault = size ? text_fault(size) : BAD_SIZE;
    if (fault) return fault;
    code_begin();
    code_size = 0;
    for (const u8 *at = text_buffer, *end = at + size; at < end;) {
        u32 token = longest_token(at, end);
        put_token(token);
        at += vocabulary.size[token];
        while (!find_stop(&tail_size, &tail)) put_bit(0, 32768);
    }
    if (code_size >= CODED_MAX) return TOO_LARGE;
    put_tail(tail_size, tail);
    return (i32)code_size;
}

static i32 get_piece(u32 size, u32 limit) {
    u32 tail, tail_size;
    i32 made = 0;
    if (!primed || size > CODED_MAX) return BAD_SIZE;
    get_begin(size);
    for (;;) {
        made = add_text((u32)made, get_token(), limit);
        if (made < 0) return made;
        while (!find_stop(&tail_size, &tail))
            if (get_bit(32768)) return BAD_CODE;
        if (code_at - 4 + tail_size == code_size && ends_with(tail_size, tail)) return well_cut((u32)made) ? made : BAD_CODE;
        if (code_at > code_size + 8) return BAD_CODE;
    }
}

/* -- pieces, none flushed but the last: a call returns what is settled; END and the zeros behind it end the text -- */

static i32 put_settled(u32 size, u32 last) {
    u32 tail, tail_size;
    i32 fault = text_fault(size);
    if (fault) return fault;
    if (!message.count && !message.low && !message.high) code_begin();
    code_size = 0;
    put_text(text_buffer, text_buffer + size);
    if (last) {
        put_token(END);
        tail_size = shortest_tail(&tail);
        put_tail(tail_size, tail);
    }
    if (code_size >= CODED_MAX) return TOO_LARGE;
    return (i32)code_size;
}

static i32 get_settled(u32 size, u32 last, u32 limit) {
    u32 tail, tail_size;
    i32 made = 0, token;
    if (!primed || size > CODED_MAX) return BAD_SIZE;
    code_at = cut_count = 0;
    code_size = size;
    code_ended = last;
    if (!message.count && !message.within && !message.low && !message.high) {
        code_begin();
        message.value = 0;
        message.missing = 4;
    }
    while (message.missing && (code_at < code_size || last)) {
        message.missing--;
        if (code_at < code_size) message.value |= (u32)code_buffer[code_at] << 8 * message.missing;
        code_at++;
    }
    while ((token = get_token()) > 0) {
        made = add_text((u32)made, token, limit);
        if (made < 0) return made;
        if (code_at > code_size + 8) return BAD_CODE;
    }
    if (last != (token == END)) return BAD_CODE;
    if (!last) return made;
    tail_size = shortest_tail(&tail);
    return ends_with(tail_size, tail) && code_at - 4 + tail_size == code_size ? made : BAD_CODE;
}
#endif
