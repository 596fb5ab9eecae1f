// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_token.h"

enum {
	TOKEN_VERSION	= 1,
	/* Where things are. */
	VERSION_AT	= 0,
	KIND_AT		= 1,
	KEY_AT		= 2,
	TIME_AT		= 3,
	NONCE_AT	= 11,
	DIFFICULTY_AT	= NONCE_AT + HTTP_NONCE_SIZE,
	TIME_SIZE	= 8,
	MAC_SIZE	= SHA256_DIGEST_SIZE,
	SESSION_MAC_AT	= NONCE_AT,
	PUZZLE_MAC_AT	= DIFFICULTY_AT + 1,
	SESSION_SIZE	= SESSION_MAC_AT + MAC_SIZE,
	PUZZLE_SIZE	= PUZZLE_MAC_AT + MAC_SIZE,
	/* Of all that a MAC is over but the User-Agent. */
	LABEL_SIZE	= 8,
	BOUND_MAX	= LABEL_SIZE + PUZZLE_MAC_AT + HTTP_CLIENT_SIZE + 1 + HTTP_VHOST_NAME_MAX,
	INNER_PAD	= 0x36,
	OUTER_PAD	= 0x5c,
	SEXTET_BITS	= 6,
	BYTE_BITS	= 8,
	NO_SEXTET	= 64,
};

static_assert((SESSION_SIZE * BYTE_BITS + SEXTET_BITS - 1) / SEXTET_BITS == HTTP_SESSION_TEXT,
	      "a session's text has room for it");
static_assert(PUZZLE_SIZE * BYTE_BITS / SEXTET_BITS == HTTP_PUZZLE_TEXT,
	      "and a puzzle's");

/* Base64url (RFC 4648 section 5), without padding. */

static u8 sextet_of(u8 byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	if (byte == '-')
		return 62;
	return byte == '_' ? 63 : NO_SEXTET;
}

/*
 * Decode @len characters into @size bytes, which are all that they make.  Returns
 * false for what no encoder writes; @out then holds something, but always all of it.
 */
static bool decode(u8 *out, size_t size, const u8 *text, size_t len)
{
	size_t at = 0, i;
	u32 bits = 0, held = 0;
	bool good = true;

	for (i = 0; i < len; i++) {
		u8 sextet = sextet_of(text[i]);

		good &= sextet != NO_SEXTET;
		bits = bits << SEXTET_BITS | (sextet & (NO_SEXTET - 1));
		held += SEXTET_BITS;
		if (held < BYTE_BITS || at == size)
			continue;
		held -= BYTE_BITS;
		out[at++] = bits >> held;
	}
	/* One text for each token: what is left over of the last character is zero. */
	return good && at == size && !(bits & ((1u << held) - 1));
}

static void encode(char *out, const u8 *bytes, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	u32 bits = 0, held = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		bits = bits << BYTE_BITS | bytes[i];
		held += BYTE_BITS;
		while (held >= SEXTET_BITS) {
			held -= SEXTET_BITS;
			*out++ = alphabet[bits >> held & (NO_SEXTET - 1)];
		}
	}
	if (held)
		*out++ = alphabet[bits << (SEXTET_BITS - held) & (NO_SEXTET - 1)];
	*out = '\0';
}

static void put_number(u8 *out, u64 number)
{
	size_t i;

	for (i = TIME_SIZE; i--; number >>= BYTE_BITS)
		out[i] = number;
}

static u64 get_number(const u8 *in)
{
	u64 number = 0;
	size_t i;

	for (i = 0; i < TIME_SIZE; i++)
		number = number << BYTE_BITS | in[i];
	return number;
}

/* Secrets. */

static void pad(struct sha256_state *state, const u8 *bytes, u8 with)
{
	u8 block[SHA256_BLOCK_SIZE];
	size_t i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = (i < HTTP_SECRET_SIZE ? bytes[i] : 0) ^ with;
	sha256_init(state);
	sha256_update(state, block, sizeof(block));
	http_forget(block, sizeof(block));
}

void http_secret_set(struct http_secret *secret, u8 id, const u8 *bytes)
{
	pad(&secret->inner, bytes, INNER_PAD);
	pad(&secret->outer, bytes, OUTER_PAD);
	secret->id = id;
}

/* That which a token was made with; any for one that is gone: its MAC will not be right. */
static const struct http_secret *secret_of(const struct http_secrets *secrets, u8 id)
{
	return id == secrets->older.id ? &secrets->older : &secrets->newer;
}

/*
 * The MAC of a token that has @size bytes before it.  Each part but the last has
 * a length that is fixed, or stands before it.
 */
static void authenticate(u8 mac[MAC_SIZE], const struct http_secret *secret, const u8 *token,
			 size_t size, const struct http_bearer *bearer)
{
	static const char label[LABEL_SIZE] = "weir-tok";
	size_t host = min_t(size_t, bearer->vhost.len, HTTP_VHOST_NAME_MAX), len = 0;
	struct sha256_state state = secret->inner;
	u8 bound[BOUND_MAX];

	memcpy(bound, label, sizeof(label));
	len += sizeof(label);
	memcpy(bound + len, token, size);
	len += size;
	memcpy(bound + len, bearer->client, HTTP_CLIENT_SIZE);
	len += HTTP_CLIENT_SIZE;
	bound[len++] = host;
	if (host)
		memcpy(bound + len, bearer->vhost.at, host);
	len += host;
	sha256_update(&state, bound, len);
	if (bearer->agent.len)
		sha256_update(&state, bearer->agent.at,
			      min_t(size_t, bearer->agent.len, HTTP_AGENT_MAX));
	sha256_final(&state, mac);
	state = secret->outer;
	sha256_update(&state, mac, MAC_SIZE);
	sha256_final(&state, mac);
}

/* Whether the token's MAC, behind @size bytes, is right. */
static bool is_authentic(const struct http_secrets *secrets, const u8 *token, size_t size,
			 const struct http_bearer *bearer)
{
	const struct http_secret *secret = secret_of(secrets, token[KEY_AT]);
	u8 mac[MAC_SIZE];

	authenticate(mac, secret, token, size, bearer);
	return !http_differs(mac, token + size, MAC_SIZE);
}

static void begin(u8 *token, enum http_token_kind kind, const struct http_secret *secret, u64 time)
{
	token[VERSION_AT] = TOKEN_VERSION;
	token[KIND_AT] = kind;
	token[KEY_AT] = secret->id;
	put_number(token + TIME_AT, time);
}

/* Sessions. */

void http_session_write(char *out, const struct http_secret *secret, enum http_token_kind kind,
			u64 now, const struct http_bearer *bearer)
{
	u8 token[SESSION_SIZE];

	begin(token, kind, secret, now);
	authenticate(token + SESSION_MAC_AT, secret, token, SESSION_MAC_AT, bearer);
	encode(out, token, sizeof(token));
}

enum http_token_fault http_session_check(const struct http_secrets *secrets, struct http_text text,
					 enum http_token_kind least, u64 now, u64 lifetime,
					 const struct http_bearer *bearer, u64 *issued)
{
	u8 token[SESSION_SIZE] = { 0 };
	bool formed, authentic;

	formed = text.len == HTTP_SESSION_TEXT && decode(token, sizeof(token), text.at, text.len);
	authentic = is_authentic(secrets, token, SESSION_MAC_AT, bearer);
	*issued = get_number(token + TIME_AT);
	if (!formed || token[VERSION_AT] != TOKEN_VERSION || token[KIND_AT] < HTTP_TOKEN_COOKIE ||
	    token[KIND_AT] > HTTP_TOKEN_WORK)
		return HTTP_TOKEN_MALFORMED;
	if (!authentic || token[KIND_AT] < least)
		return HTTP_TOKEN_FORGED;
	return *issued > now || now - *issued >= lifetime ? HTTP_TOKEN_EXPIRED : HTTP_TOKEN_GOOD;
}

/* Puzzles. */

void http_puzzle_write(char *out, const struct http_secret *secret, const u8 *nonce, u64 now,
		       u8 difficulty, const struct http_bearer *bearer)
{
	u8 token[PUZZLE_SIZE];

	begin(token, HTTP_TOKEN_PUZZLE, secret, now);
	memcpy(token + NONCE_AT, nonce, HTTP_NONCE_SIZE);
	token[DIFFICULTY_AT] = difficulty;
	authenticate(token + PUZZLE_MAC_AT, secret, token, PUZZLE_MAC_AT, bearer);
	encode(out, token, sizeof(token));
}

/* Whether an answer's text is one of ours, with its token decoded. */
static bool take_answer(u8 token[PUZZLE_SIZE], struct http_text text)
{
	size_t i;

	if (text.len < HTTP_PUZZLE_TEXT + 2 ||
	    text.len > HTTP_PUZZLE_TEXT + 1 + HTTP_PROOF_DIGITS ||
	    text.at[HTTP_PUZZLE_TEXT] != '.')
		return false;
	for (i = HTTP_PUZZLE_TEXT + 1; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return decode(token, PUZZLE_SIZE, text.at, HTTP_PUZZLE_TEXT);
}

static unsigned int zero_bits(const u8 digest[MAC_SIZE])
{
	unsigned int bits = 0;
	size_t i = 0;
	u8 byte;

	while (i < MAC_SIZE && !digest[i]) {
		bits += BYTE_BITS;
		i++;
	}
	if (i < MAC_SIZE)
		for (byte = digest[i]; !(byte & 0x80); byte <<= 1)
			bits++;
	return bits;
}

enum http_token_fault http_answer_check(const struct http_secrets *secrets, struct http_text text,
					u64 now, u64 least, u64 most,
					const struct http_bearer *bearer,
					struct http_answer *answer)
{
	u8 token[PUZZLE_SIZE] = { 0 }, digest[MAC_SIZE];
	bool formed, authentic;
	u64 age;

	formed = take_answer(token, text);
	authentic = is_authentic(secrets, token, PUZZLE_MAC_AT, bearer);
	/* A text that is too long is not worth more work than one that is not. */
	sha256(text.at, min_t(size_t, text.len, HTTP_PUZZLE_TEXT + 1 + HTTP_PROOF_DIGITS), digest);
	memcpy(answer->nonce, token + NONCE_AT, HTTP_NONCE_SIZE);
	answer->issued = get_number(token + TIME_AT);
	age = now - answer->issued;
	if (!formed || token[VERSION_AT] != TOKEN_VERSION || token[KIND_AT] != HTTP_TOKEN_PUZZLE)
		return HTTP_TOKEN_MALFORMED;
	if (!authentic)
		return HTTP_TOKEN_FORGED;
	if (answer->issued > now || age > most)
		return HTTP_TOKEN_EXPIRED;
	if (age < least)
		return HTTP_TOKEN_EARLY;
	return zero_bits(digest) < token[DIFFICULTY_AT] ? HTTP_TOKEN_LAZY : HTTP_TOKEN_GOOD;
}
