/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other engine: mbed TLS behind the functions of tls_server.h, which says what they do. It
 * is what Weir's own one is compared with, so it is thin rather than fast: a record is copied
 * twice, mbed TLS allocates what it needs, up to a bound, and whatever it does happens in the
 * softirq, RSA too.
 */
#ifndef WEIR_MBEDTLS_ENGINE_H
#define WEIR_MBEDTLS_ENGINE_H

struct weir_mbedtls;

/**
 * struct tls_arena - what a handshake needs, and nobody behind it
 * @job: never due
 */
struct tls_arena {
	struct tls_sign_job job;
};

/**
 * struct tls_server - a connection
 * @config: see there
 * @arena: until the handshake is over; then NULL
 * @record: where the data of the next one go: the caller's; NULL: not lent yet
 * @record_room: bytes of it
 * @resumed: a session went on
 * @stapled: never: it sends no staples
 * @state: an enum tls_state, as far as callers care
 * @cookie: asked for, but mbed TLS has none over TCP
 * @close_sent: nothing more may be written
 * @idle: records in a row that carried nothing
 * @in_header: bytes of the header there are
 * @header: of the record that is coming
 * @in_record: bytes of it that mbed TLS has
 * @held: bytes allocated for it, whoever asked: by what the allocator takes for them
 * @told: of these, what @config's charge() knows of
 * @mbedtls: the rest; NULL: there was no memory
 */
struct tls_server {
	const struct tls_config *config;
	struct tls_arena *arena;
	u8 *record;
	size_t record_room;
	bool resumed;
	bool stapled;
	u8 state;
	bool cookie;
	bool close_sent;
	u8 idle;
	u8 in_header;
	u8 header[TLS_RECORD_HEADER];
	u32 in_record;
	u32 held;
	u32 told;
	struct weir_mbedtls *mbedtls;
};

#endif /* WEIR_MBEDTLS_ENGINE_H */
