// SPDX-License-Identifier: GPL-2.0-only
#include "tls_fingerprint.h"
#include "tls_hello.h"

enum {
	/* Of a hash, in hexadecimal digits. */
	SHOWN = 12,
	/* A count has two digits. */
	COUNT_MAX = 99,
	/* Of a number and the character before it. */
	WORD = 5,
};

/**
 * struct sorted - numbers in their order
 * @codes: they
 * @room: how many there may be; more are left out
 * @count: how many there are
 */
struct sorted {
	u16 *codes;
	u16 room;
	u16 count;
};

/**
 * struct digest - a hash of numbers, on its way
 * @hash: of what has left @text
 * @text: what follows
 * @len: bytes of it
 * @any: there was a number
 */
struct digest {
	struct tls_hash hash;
	u8 text[12 * WORD];
	u8 len;
	bool any;
};

/**
 * struct traits - what a hello's extensions say
 * @codes: their numbers but those of the host and of protocols
 * @count: how many there are of all
 * @version: the best one
 * @named: a host was named
 * @schemes: the list of signature algorithms
 * @protocol: the first
 */
struct traits {
	struct sorted codes;
	u16 count;
	u16 version;
	bool named;
	struct tls_in schemes;
	struct tls_in protocol;
};

static const char digits[] = "0123456789abcdef";

/* RFC 8701. */
static bool is_grease(u32 code)
{
	return (code & 0x0f0f) == 0x0a0a && code >> 8 == (code & 0xff);
}

static void add(struct sorted *sorted, u16 code)
{
	u16 at = sorted->count;

	if (at == sorted->room)
		return;
	while (at && sorted->codes[at - 1] > code) {
		sorted->codes[at] = sorted->codes[at - 1];
		at--;
	}
	sorted->codes[at] = code;
	sorted->count++;
}

static void digest_put(struct digest *digest, char before, u16 code)
{
	if (digest->len + WORD > sizeof(digest->text)) {
		tls_hash_update(&digest->hash, digest->text, digest->len);
		digest->len = 0;
	}
	/* None before the very first. */
	if (digest->any)
		digest->text[digest->len++] = before;
	for (int shift = 12; shift >= 0; shift -= 4)
		digest->text[digest->len++] = digits[code >> shift & 0xf];
	digest->any = true;
}

static void digest_begin(struct digest *digest, const struct sorted *sorted)
{
	tls_hash_init(&digest->hash, TLS_SHA256);
	digest->len = 0;
	digest->any = false;
	for (u16 i = 0; i < sorted->count; i++)
		digest_put(digest, ',', sorted->codes[i]);
}

/* Of nothing at all it is zeros, so that this can be seen. */
static void digest_end(struct digest *digest, u8 *text)
{
	u8 hash[TLS_HASH_MAX];

	tls_hash_update(&digest->hash, digest->text, digest->len);
	tls_hash_final(&digest->hash, hash);
	for (int i = 0; i < SHOWN; i++)
		text[i] = digest->any ? digits[hash[i / 2] >> (i % 2 ? 0 : 4) & 0xf] : '0';
}

static u16 best_version(struct tls_in in)
{
	struct tls_in list = tls_read_vector(&in, 1, 0);
	u32 best = 0;

	while (list.left) {
		u32 version = tls_read(&list, 2);

		if (!is_grease(version) && version > best)
			best = version;
	}
	return (u16)best;
}

static void read_extensions(struct traits *traits, struct tls_in *in)
{
	while (in->left) {
		u32 type = tls_read(in, 2);
		struct tls_in body = tls_read_vector(in, 2, 0), list;

		if (is_grease(type))
			continue;
		traits->count++;
		switch (type) {
		case TLS_SERVER_NAME:
			traits->named = true;
			continue;
		case TLS_ALPN:
			list = tls_read_vector(&body, 2, 0);
			traits->protocol = tls_read_vector(&list, 1, 0);
			continue;
		case TLS_SIGNATURE_ALGORITHMS:
			traits->schemes = tls_read_vector(&body, 2, 0);
			break;
		case TLS_SUPPORTED_VERSIONS:
			traits->version = best_version(body);
			break;
		}
		add(&traits->codes, (u16)type);
	}
}

static const char *version_text(u16 version)
{
	switch (version) {
	case TLS_1_3:
		return "13";
	case TLS_1_2:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case TLS_SSL_3:
		return "s3";
	default:
		return "00";
	}
}

static bool is_alphanumeric(u8 byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

/* Its first and last character; if these are no letters and digits, of its hexadecimal form. */
static void put_protocol(u8 *text, struct tls_in protocol)
{
	u8 first, last;

	text[0] = '0';
	text[1] = '0';
	if (!protocol.left)
		return;
	first = protocol.at[0];
	last = protocol.at[protocol.left - 1];
	if (!is_alphanumeric(first) || !is_alphanumeric(last)) {
		first = digits[first >> 4];
		last = digits[last & 0xf];
	}
	text[0] = first;
	text[1] = last;
}

static void put_count(u8 *text, u16 count)
{
	if (count > COUNT_MAX)
		count = COUNT_MAX;
	text[0] = digits[count / 10];
	text[1] = digits[count % 10];
}

/* The second part, of the suites; returns how many there are. */
static u16 put_suites(u8 *text, struct tls_in in)
{
	u16 codes[TLS_FINGERPRINT_SUITES];
	struct sorted sorted = { .codes = codes, .room = ARRAY_SIZE(codes) };
	struct digest digest;
	u16 count = 0;

	while (in.left) {
		u32 code = tls_read(&in, 2);

		if (is_grease(code))
			continue;
		count++;
		add(&sorted, (u16)code);
	}
	digest_begin(&digest, &sorted);
	digest_end(&digest, text);
	return count;
}

/* The third one. */
static void put_extensions(u8 *text, const struct traits *traits)
{
	struct tls_in schemes = traits->schemes;
	struct digest digest;
	char before = '_';

	digest_begin(&digest, &traits->codes);
	while (schemes.left) {
		u32 scheme = tls_read(&schemes, 2);

		if (is_grease(scheme))
			continue;
		digest_put(&digest, before, (u16)scheme);
		before = ',';
	}
	digest_end(&digest, text);
}

void tls_fingerprint(u8 *text, const u8 *message, size_t len)
{
	struct tls_in in = { .at = message, .left = len };
	struct tls_in suites, extensions = {};
	u16 codes[TLS_EXTENSIONS_MAX];
	struct traits traits = { .codes = { .codes = codes, .room = ARRAY_SIZE(codes) } };

	memset(text, '0', TLS_FINGERPRINT);
	traits.version = (u16)tls_read(&in, 2);
	tls_take(&in, TLS_RANDOM);
	tls_read_vector(&in, 1, 0);
	suites = tls_read_vector(&in, 2, 0);
	tls_read_vector(&in, 1, 0);
	if (in.left)
		extensions = tls_read_vector(&in, 2, 0);
	put_count(text + 4, put_suites(text + 11, suites));
	read_extensions(&traits, &extensions);
	text[0] = 't';
	memcpy(text + 1, version_text(traits.version), 2);
	text[3] = traits.named ? 'd' : 'i';
	put_count(text + 6, traits.count);
	put_protocol(text + 8, traits.protocol);
	text[10] = '_';
	text[23] = '_';
	put_extensions(text + 24, &traits);
}
