/* The vocabulary: tokens of up to 16 bytes that are found in the priming text, and a code of bits for each.
 *
 * Rounds of: cut the text into the longest tokens known, count neighbours, make tokens of the most frequent pairs,
 * drop tokens that are hardly used (byte-pair encoding, many pairs at a time). Then a Huffman tree over the tokens' use:
 * a token is coded as the decisions on the way from its root.
 */
#ifndef AURA_VOCABULARY_C
#define AURA_VOCABULARY_C
#include "base.h"
#include "numbers.c"

enum {
    TRIE_BITS = 16,
    TRIE_SLOTS = 1 << TRIE_BITS,
    TRIE_NODES_MAX = TRIE_SLOTS * 3 / 4,
    PAIR_BITS = 17,
    PAIR_SLOTS = 1 << PAIR_BITS,
    PAIR_PROBES = 32,
    ROUNDS = 8,
    SAMPLE_MAX = 1 << 20, /* bytes of text that the vocabulary is made from: the last ones */
    LEAF = 0x8000,
};

static struct {
    u8 text[VOCABULARY_MAX][TOKEN_MAX];
    u8 size[VOCABULARY_MAX];
    u32 use[VOCABULARY_MAX];
    u32 count;
    u32 code[VOCABULARY_MAX];          /* its decisions, the last one lowest */
    u8 depth[VOCABULARY_MAX];          /* how many they are */
    u16 child[VOCABULARY_MAX][2];      /* the tree: a node's number, or LEAF and a token */
} vocabulary;

static struct {
    u32 key[TRIE_SLOTS];
    u16 next[TRIE_SLOTS];
    u16 token[TRIE_NODES_MAX + 1]; /* the token that ends at a node, plus one */
    u32 nodes;
} trie;

static struct {
    u32 key[PAIR_SLOTS];
    u32 count[PAIR_SLOTS];
    u32 histogram[4096];
} pairs;

static u32 trie_slot(u32 node, u8 byte) {
    u32 key = (node << 8 | byte) + 1;
    u32 slot = key * 2654435761u >> (32 - TRIE_BITS);
    while (trie.key[slot] && trie.key[slot] != key) slot = (slot + 1) % TRIE_SLOTS;
    return slot;
}

static void trie_add(u32 token) {
    u32 node = 0;
    for (u32 i = 0; i < vocabulary.size[token]; i++) {
        u8 byte = vocabulary.text[token][i];
        u32 slot = trie_slot(node, byte);
        if (!trie.key[slot]) {
            if (trie.nodes == TRIE_NODES_MAX) return;
            trie.key[slot] = (node << 8 | byte) + 1;
            trie.next[slot] = (u16)++trie.nodes;
        }
        node = trie.next[slot];
    }
    trie.token[node] = (u16)(token + 1);
}

static void trie_make(void) {
    fill(&trie, 0, sizeof trie);
    for (u32 token = 0; token < vocabulary.count; token++) trie_add(token);
}

/* Returns the longest token at `at`, which is before `end`. */
static APART u32 longest_token(const u8 *at, const u8 *end) {
    u32 node = 0, best = *at;
    for (u32 i = 0; i < TOKEN_MAX && at + i < end; i++) {
        u32 slot = trie_slot(node, at[i]);
        if (!trie.key[slot]) break;
        node = trie.next[slot];
        if (trie.token[node]) best = trie.token[node] - 1u;
    }
    return best;
}

static u32 tokenise(const u8 *text, u32 size, u16 *tokens) {
    u32 count = 0;
    for (const u8 *at = text, *end = text + size; at < end; at += vocabulary.size[tokens[count++]])
        tokens[count] = (u16)longest_token(at, end);
    return count;
}

static int mergeable(u32 a, u32 b) {
    if (vocabulary.size[a] + vocabulary.size[b] > TOKEN_MAX) return 0;
    int x = kind(vocabulary.text[a][vocabulary.size[a] - 1]), y = kind(vocabulary.text[b][0]);
    switch (x) {
    case LETTER: return y == LETTER;
    case DIGIT: return y == DIGIT && vocabulary.size[a] + vocabulary.size[b] <= 4;
    case SPACE: return y == LETTER || y == SPACE || y == MARK;
    case LINE: return y == LINE || y == SPACE || y == MARK;
    case MARK: return y == MARK || y == LINE;
    default: return 0;
    }
}

static void count_pairs(const u16 *tokens, u32 count) {
    fill(&pairs, 0, sizeof pairs);
    for (u32 i = 0; i + 1 < count; i++) {
        if (!mergeable(tokens[i], tokens[i + 1])) continue;
        u32 key = ((u32)tokens[i] << 12 | tokens[i + 1]) + 1;
        u32 slot = key * 2654435761u >> (32 - PAIR_BITS), probes = 0;
        while (pairs.key[slot] && pairs.key[slot] != key && ++probes < PAIR_PROBES) slot = (slot + 1) % PAIR_SLOTS;
        if (probes == PAIR_PROBES) continue;
        pairs.key[slot] = key;
        pairs.count[slot]++;
    }
    for (u32 slot = 0; slot < PAIR_SLOTS; slot++)
        if (pairs.key[slot]) pairs.histogram[pairs.count[slot] < 4095 ? pairs.count[slot] : 4095]++;
}

static void join_pairs(u32 wanted) {
    u32 least = 4095, seen = pairs.histogram[4095];
    while (least > 4 && seen < wanted) seen += pairs.histogram[--least];
    for (u32 slot = 0; slot < PAIR_SLOTS && wanted; slot++) {
        if (!pairs.key[slot] || pairs.count[slot] < least) continue;
        u32 a = (pairs.key[slot] - 1) >> 12, b = (pairs.key[slot] - 1) & 0xFFF, made = vocabulary.count;
        u32 size = vocabulary.size[a] + vocabulary.size[b];
        copy(vocabulary.text[made], vocabulary.text[a], vocabulary.size[a]);
        copy(vocabulary.text[made] + vocabulary.size[a], vocabulary.text[b], vocabulary.size[b]);
        const u8 *text = vocabulary.text[made];
        if (vocabulary.size[longest_token(text, text + size)] == size) continue; /* made from another pair before */
        vocabulary.size[made] = (u8)size;
        vocabulary.count++;
        trie_add(made);
        wanted--;
    }
}

static void count_use(const u16 *tokens, u32 count) {
    fill(vocabulary.use, 0, sizeof vocabulary.use);
    for (u32 i = 0; i < count; i++) vocabulary.use[tokens[i]]++;
}

static void drop_rare(void) {
    u32 kept = 256;
    for (u32 token = 256; token < vocabulary.count; token++) {
        if (vocabulary.use[token] < 3) continue;
        copy(vocabulary.text[kept], vocabulary.text[token], TOKEN_MAX);
        vocabulary.size[kept++] = vocabulary.size[token];
    }
    vocabulary.count = kept;
    trie_make();
}

/* Orders tokens before others: by depth, then those that begin alike in kind and end alike in letters together. */
static int before(u32 a, u32 b) {
    if (vocabulary.depth[a] != vocabulary.depth[b]) return vocabulary.depth[a] < vocabulary.depth[b];
    int x = kind(vocabulary.text[a][0]), y = kind(vocabulary.text[b][0]);
    if (x != y) return x < y;
    for (u32 i = 1; i <= vocabulary.size[a] && i <= vocabulary.size[b]; i++) {
        u8 p = vocabulary.text[a][vocabulary.size[a] - i], q = vocabulary.text[b][vocabulary.size[b] - i];
        if (p != q) return p < q;
    }
    return vocabulary.size[a] != vocabulary.size[b] ? vocabulary.size[a] < vocabulary.size[b] : a < b;
}

static void sort(u16 *order, u32 count, int (*less)(u32, u32)) {
    for (u32 gap = count / 2; gap; gap /= 2)
        for (u32 i = gap; i < count; i++) {
            u16 item = order[i];
            u32 j = i;
            for (; j >= gap && less(item, order[j - gap]); j -= gap) order[j] = order[j - gap];
            order[j] = item;
        }
}

static u32 weight_of[2 * VOCABULARY_MAX];
static int lighter(u32 a, u32 b) { return weight_of[a] != weight_of[b] ? weight_of[a] < weight_of[b] : a < b; }

/* Sets depths (Huffman 1952; weights are bounded from below, so no depth passes 24), codes and the tree. */
static void make_tree(void) {
    static u16 parent[2 * VOCABULARY_MAX], order[VOCABULARY_MAX];
    static u8 level[2 * VOCABULARY_MAX];
    u32 count = vocabulary.count, total = 0;
    for (u32 i = 0; i < count; i++) total += vocabulary.use[i];
    for (u32 i = 0; i < count; i++) {
        u32 least = (total >> 14) + 1;
        weight_of[i] = vocabulary.use[i] * 16 + 1;
        if (weight_of[i] < least) weight_of[i] = least;
        order[i] = (u16)i;
    }
    sort(order, count, lighter);
    u32 leaf = 0, inner = count;
    for (u32 node = count; node < 2 * count - 1; node++) {
        weight_of[node] = 0;
        for (int side = 0; side < 2; side++) {
            int from_leaves = leaf < count && (inner == node || weight_of[order[leaf]] <= weight_of[inner]);
            u32 least = from_leaves ? order[leaf++] : inner++;
            weight_of[node] += weight_of[least];
            parent[least] = (u16)node;
        }
    }
    level[2 * count - 2] = 0;
    for (u32 node = 2 * count - 2; node-- > count;) level[node] = (u8)(level[parent[node]] + 1);
    for (u32 i = 0; i < count; i++) vocabulary.depth[i] = (u8)(level[parent[i]] + 1);
    sort(order, count, before);
    fill(vocabulary.child, 0, sizeof vocabulary.child);
    u32 code = 0, nodes = 1, depth = vocabulary.depth[order[0]];
    for (u32 i = 0; i < count; i++) {
        u32 token = order[i], node = 0;
        code <<= vocabulary.depth[token] - depth;
        depth = vocabulary.depth[token];
        vocabulary.code[token] = code;
        for (u32 k = depth - 1; k > 0; k--) {
            u16 *child = &vocabulary.child[node][code >> k & 1];
            if (!*child) *child = (u16)nodes++;
            node = *child;
        }
        vocabulary.child[node][code & 1] = (u16)(LEAF | token);
        code++;
    }
}

/* Makes the vocabulary of `text` and cuts it into `tokens`, as many as bytes at most; returns their number. */
static u32 vocabulary_begin(const u8 *text, u32 size, u16 *tokens) {
    u32 sample = size < SAMPLE_MAX ? size : SAMPLE_MAX;
    fill(&vocabulary, 0, sizeof vocabulary);
    for (u32 i = 0; i < 256; i++) vocabulary.text[i][0] = (u8)i, vocabulary.size[i] = 1;
    vocabulary.count = 256;
    trie_make();
    for (u32 round = 1; round <= ROUNDS; round++) {
        u32 target = 256 + (VOCABULARY_MAX - 256) * round / ROUNDS;
        count_pairs(tokens, tokenise(text + size - sample, sample, tokens));
        join_pairs(target - vocabulary.count);
        count_use(tokens, tokenise(text + size - sample, sample, tokens));
        drop_rare();
    }
    u32 count = tokenise(text, size, tokens);
    count_use(tokens, count);
    make_tree();
    return count;
}
#endif
