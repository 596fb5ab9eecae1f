// SPDX-License-Identifier: GPL-2.0-only
/* Arithmetic and keys for tests/test_tls_*.py. A number is 32 bytes, the highest first. */
#include "../../tls_hmac.h"
#include "../../tls_p256.h"
#include "../../tls_p256_scalar.h"
#include "../../tls_schedule.h"
#include "../../tls_wire.h"
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

/*
 * RFC 8448's checks of a key schedule: the exchange's secret, and all messages
 * from the ClientHello to the server's Finished. Behind the ServerHello: secret,
 * client's, server's; before the Finished: what it says; behind it: secret,
 * client's, server's, what the client's Finished says. 32 bytes each.
 */
static void schedule(const u8 *shared, const u8 *messages, size_t len)
{
	struct tls_schedule schedule;
	u8 results[8 * 32], handshake[TLS_HASH_MAX];

	tls_schedule_init(&schedule, TLS_SHA256);
	while (len >= TLS_MESSAGE_HEADER) {
		size_t size = TLS_MESSAGE_HEADER + (messages[2] << 8 | messages[3]);

		if (size > len)
			abort();
		if (messages[0] == TLS_FINISHED)
			tls_schedule_finished(&schedule, schedule.server, results + 3 * 32);
		tls_schedule_add(&schedule, messages, size);
		if (messages[0] == TLS_SERVER_HELLO) {
			tls_schedule_handshake(&schedule, shared, P256_BYTES);
			memcpy(results, schedule.secret, 32);
			memcpy(results + 32, schedule.client, 32);
			memcpy(results + 2 * 32, schedule.server, 32);
		}
		messages += size;
		len -= size;
	}
	memcpy(handshake, schedule.client, sizeof(handshake));
	tls_schedule_application(&schedule);
	memcpy(results + 4 * 32, schedule.secret, 32);
	memcpy(results + 5 * 32, schedule.client, 32);
	memcpy(results + 6 * 32, schedule.server, 32);
	tls_schedule_finished(&schedule, handshake, results + 7 * 32);
	answer(results, sizeof(results));
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
	case 't':
		schedule(first, second, second_len);
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
