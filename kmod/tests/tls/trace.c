// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine with the ticket of RFC 8448, section 4, for tests/test_tls_rfc8448.py:
 * linked with --wrap=tls_ticket_open. What is in that ticket nobody knows; its
 * secret is the section's.
 */
#include "../../tls_ticket.h"
#include "../../tls_wire.h"

static const u8 secret[] = {
	0x4e, 0xcd, 0x0e, 0xb6, 0xec, 0x3b, 0x4d, 0x87, 0xf5, 0xd6, 0x02, 0x8f, 0x92, 0x2c, 0xa4,
	0xc5, 0x85, 0x1a, 0x27, 0x7f, 0xd4, 0x13, 0x11, 0xc9, 0xe6, 0x2d, 0x2c, 0x94, 0x92, 0xe1,
	0xc4, 0xf3,
};

bool __wrap_tls_ticket_open(const struct tls_ticket_keys *keys, const u8 *sealed, size_t len,
			    u64 now, struct tls_ticket *ticket)
{
	struct tls_hash hash;

	ticket->version = TLS_1_3;
	ticket->bound = TLS_SHA256;
	ticket->since = now;
	ticket->issued = now;
	memcpy(ticket->secret, secret, sizeof(secret));
	tls_hash_init(&hash, TLS_SHA256);
	tls_hash_update(&hash, "server", 6);
	tls_hash_final(&hash, ticket->name);
	return len == 178 && sealed[0] == 0x2c;
}
