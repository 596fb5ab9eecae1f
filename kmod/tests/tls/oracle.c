// SPDX-License-Identifier: GPL-2.0-only
/* Arithmetic and keys for tests/test_tls_*.py. A number is 32 bytes, the highest first. */
#include "../../tls_12_schedule.h"
#include "../../tls_hmac.h"
#include "../../tls_p256.h"
#include "../../tls_p256_scalar.h"
#include "../../tls_schedule.h"
#include "../../tls_wire.h"
#include "../../tls_x25519.h"
#include "ask.h"

static struct p256_scratch scratch;

/* Nothing of a secret may be left behind. */
static void check_wiped(void)
{
	static const struct p256_scratch wiped;

	if (memcmp(&scratch, &wiped, sizeof(wiped)))
		abort();
}

/* Sum, difference, product, square and inverse modulo p. */
static void field(const u8 *first, const u8 *second)
{
	u64 a[P256_LIMBS], b[P256_LIMBS], r[P256_LIMBS];
	u8 results[5 * P256_BYTES];

	if (!p256_from_bytes(a, first) || !p256_from_bytes(b, second)) {
		answer("", 0);
		return;
	}
	p256_add(r, a, b);
	p256_to_bytes(results, r);
	p256_sub(r, a, b);
	p256_to_bytes(results + P256_BYTES, r);
	p256_mul(r, a, b);
	p256_to_bytes(results + 2 * P256_BYTES, r);
	p256_sqr(r, a);
	p256_to_bytes(results + 3 * P256_BYTES, r);
	p256_inv(a, a);
	p256_to_bytes(results + 4 * P256_BYTES, a);
	answer(results, sizeof(results));
}

/* Of X25519, as they are there: sums, differences, products, by both kinds of code; inverse. */
static void field_of_x25519(const u8 *first, const u8 *second)
{
	u64 a[X25519_LIMBS], b[X25519_LIMBS], r[8][X25519_LIMBS];

	x25519_from_bytes(a, first);
	x25519_from_bytes(b, second);
	x25519_add(r[0], a, b);
	x25519_sub(r[1], a, b);
	x25519_mul_plain(r[2], a, b);
	x25519_sqr_plain(r[3], a);
	x25519_mul(r[4], a, b, tls_adx_usable());
	x25519_sqr(r[5], a, tls_adx_usable());
	memcpy(r[6], b, sizeof(b));
	x25519_add_times(r[6], a, 121666);
	x25519_inverse(r[7], a);
	answer(r, sizeof(r));
}

/* Both modulo n, and then sum, product and the first one's inverse unless one is 0 or too large. */
static void scalars(const u8 *first, const u8 *second)
{
	u64 a[P256_LIMBS], b[P256_LIMBS], r[P256_LIMBS];
	u8 results[5 * P256_BYTES];

	p256_scalar_reduce_bytes(r, first);
	p256_scalar_to_bytes(results, r);
	p256_scalar_reduce_bytes(r, second);
	p256_scalar_to_bytes(results + P256_BYTES, r);
	if (!(p256_scalar_from_bytes(a, first) & p256_scalar_from_bytes(b, second))) {
		answer(results, 2 * P256_BYTES);
		return;
	}
	p256_scalar_add(r, a, b);
	p256_scalar_to_bytes(results + 2 * P256_BYTES, r);
	p256_scalar_to_montgomery(a, a);
	p256_scalar_mul(r, a, b);
	p256_scalar_to_bytes(results + 3 * P256_BYTES, r);
	p256_scalar_inv(a, a);
	memset(b, 0, sizeof(b));
	b[0] = 1;
	p256_scalar_mul(a, a, b);
	p256_scalar_to_bytes(results + 4 * P256_BYTES, a);
	answer(results, sizeof(results));
}

static void hmac(enum tls_hash_id id, const u8 *key, size_t key_len, const u8 *text, size_t len)
{
	struct tls_hmac state;
	u8 mac[TLS_HASH_MAX];

	tls_hmac_init(&state, id, key, key_len);
	tls_hmac_update(&state, text, len);
	tls_hmac_final(&state, mac);
	answer(mac, tls_hash_size(id));
}

/* The salt has the hash's length. */
static void extract(enum tls_hash_id id, const u8 *salt, const u8 *secret, size_t len)
{
	u8 result[TLS_HASH_MAX];

	tls_hkdf_extract(id, result, salt, secret, len);
	answer(result, tls_hash_size(id));
}

/*
 * RFC 8448's checks of a key schedule: the exchange's secret and a pre-shared
 * key if there is one, and all messages from the ClientHello to the client's
 * Finished. Behind the ServerHello: secret, client's, server's; before the
 * Finished: what it says; behind it: secret, client's, server's; what the
 * client's Finished says; the key of a ticket with two zeros for a nonce. 32
 * bytes each.
 */
static void schedule(const u8 *shared, size_t shared_len, const u8 *messages, size_t len)
{
	static const u8 nonce[2];
	struct tls_schedule schedule;
	u8 results[9 * 32], hash[TLS_HASH_MAX];
	struct tls_hmac handshake;
	bool done = false;

	tls_schedule_init(&schedule, TLS_SHA256);
	tls_schedule_early(&schedule, shared_len > P256_BYTES ? shared + P256_BYTES : NULL);
	while (len >= TLS_MESSAGE_HEADER) {
		size_t size = TLS_MESSAGE_HEADER + (messages[2] << 8 | messages[3]);
		bool finished = messages[0] == TLS_FINISHED;

		if (size > len)
			abort();
		tls_schedule_hash(&schedule, hash);
		if (finished)
			tls_schedule_finished(done ? &handshake : &schedule.server.key, hash,
					      results + (done ? 7 : 3) * 32);
		tls_schedule_add(&schedule, messages, size);
		if (messages[0] == TLS_SERVER_HELLO) {
			tls_schedule_handshake(&schedule, shared, P256_BYTES);
			memcpy(results, schedule.secret, 32);
			memcpy(results + 32, schedule.client.secret, 32);
			memcpy(results + 2 * 32, schedule.server.secret, 32);
			handshake = schedule.client.key;
		}
		if (finished && !done) {
			tls_schedule_hash(&schedule, hash);
			tls_schedule_application(&schedule, hash);
			memcpy(results + 4 * 32, schedule.secret, 32);
			memcpy(results + 5 * 32, schedule.client.secret, 32);
			memcpy(results + 6 * 32, schedule.server.secret, 32);
			done = true;
		}
		messages += size;
		len -= size;
	}
	tls_schedule_resumption(&schedule, nonce, sizeof(nonce), results + 8 * 32);
	answer(results, sizeof(results));
}

/* With one label, 128 bytes; the seed is in two parts. */
static void prf(enum tls_hash_id id, const u8 *secret, size_t secret_len, const u8 *seed,
		size_t len)
{
	static const struct tls12_prf wiped;
	struct tls12_prf state;
	u8 result[128];

	tls12_prf(&state, id, result, sizeof(result), secret, secret_len, "test label",
		  seed, len / 3, seed + len / 3, len - len / 3);
	if (memcmp(&state, &wiped, sizeof(wiped)))
		abort();
	answer(result, sizeof(result));
}

void ask(u8 letter, const u8 *first, size_t first_len, const u8 *second, size_t second_len)
{
	u8 bytes[P256_PUBLIC + P256_SIGNATURE_MAX];
	size_t len;

	switch (letter) {
	case 'f':
		field(first, second);
		return;
	case 'n':
		scalars(first, second);
		return;
	case 'h':
	case 'H':
		hmac(letter == 'h' ? TLS_SHA256 : TLS_SHA384, first, first_len, second, second_len);
		return;
	case 'e':
	case 'E':
		extract(letter == 'e' ? TLS_SHA256 : TLS_SHA384, first, second, second_len);
		return;
	case 'q':
	case 'Q':
		prf(letter == 'q' ? TLS_SHA256 : TLS_SHA384, first, first_len, second, second_len);
		return;
	case 't':
		schedule(first, first_len, second, second_len);
		return;
	case 'x':
		x25519_public(bytes, first);
		len = X25519_BYTES;
		break;
	case 'X':
		len = x25519_shared(bytes, first, second) ? X25519_BYTES : 0;
		break;
	case 'b':
		len = x25519_exchange(bytes, bytes + X25519_BYTES, first, second) ?
		      2 * X25519_BYTES : 0;
		break;
	case 'F':
		field_of_x25519(first, second);
		return;
	case 'p':
		len = p256_public(&scratch, bytes, first) ? P256_PUBLIC : 0;
		break;
	case 'd':
		len = p256_shared(&scratch, bytes, first, second) ? P256_BYTES : 0;
		break;
	case 's':
		/* The hash, and if there is more, what is random. */
		len = p256_sign(&scratch, bytes, first, second,
				second_len > P256_BYTES ? second + P256_BYTES : NULL);
		break;
	default:
		abort();
	}
	check_wiped();
	answer(bytes, len);
}

int main(void)
{
	return answer_all();
}
