/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tokens of challenges: what a client is given and has to bring back.
 *
 * A session is what a client has once it has passed a challenge, a puzzle is
 * what it has to solve to pass one.  Both say when they were issued, and under
 * which secret, and end in an HMAC over that and over whom they are for, so
 * nothing has to be remembered of them, and nobody else can use them:
 *
 *	session: version 1 | kind 1 | key 1 | seconds 8 | HMAC 32
 *	puzzle:  version 1 | kind 1 | key 1 | ms 8 | nonce 16 | difficulty 1 | HMAC 32
 *
 * (sizes in bytes, numbers big-endian, times since 1970), as base64url without
 * padding.  The HMAC is HMAC-SHA-256 over a label, what is before it, the
 * client's key, the length of the virtual host's name and that name, and the
 * User-Agent.  An answer is the puzzle's text, a dot, and a decimal number, such
 * that SHA-256 of the whole text begins with `difficulty` zero bits.
 *
 * Whether a token is good or not, and why, does not change the work of looking
 * at it, but for the length of what the client sent, which it knows.
 *
 * No lock, no allocation, no sleep; any context.
 */
#ifndef WEIR_HTTP_TOKEN_H
#define WEIR_HTTP_TOKEN_H

#include "http_hash.h"
#include "http_types.h"

enum {
	HTTP_SECRET_SIZE	= 32,
	HTTP_CLIENT_SIZE	= 16,
	HTTP_NONCE_SIZE		= 16,
	/* Characters of a token. */
	HTTP_SESSION_TEXT	= 58,
	HTTP_PUZZLE_TEXT	= 80,
	/* Digits of an answer's number. */
	HTTP_PROOF_DIGITS	= 20,
	HTTP_DIFFICULTY_MAX	= 32,
	/* Bytes of a User-Agent, and of a virtual host's name, that count. */
	HTTP_AGENT_MAX		= 256,
	HTTP_VHOST_NAME_MAX	= 31,
};

/* What a token is; of sessions, a greater one is also good where a lesser is wanted. */
enum http_token_kind {
	HTTP_TOKEN_PUZZLE	= 1,
	HTTP_TOKEN_COOKIE	= 2,	/* session of a client that keeps cookies */
	HTTP_TOKEN_WORK		= 3,	/* session of a client that has solved a puzzle */
};

/* Why a token is not good; of several reasons the first. */
enum http_token_fault {
	HTTP_TOKEN_GOOD,
	HTTP_TOKEN_MALFORMED,	/* none of ours, whatever the secret */
	HTTP_TOKEN_FORGED,	/* or somebody else's, or the secret is gone */
	HTTP_TOKEN_EXPIRED,	/* or issued in the future: the clock was set back */
	HTTP_TOKEN_EARLY,	/* solved sooner than may be */
	HTTP_TOKEN_LAZY,	/* not enough zero bits */
};

/**
 * struct http_secret - what tokens are made with
 * @inner: SHA-256 after the inner padding's block
 * @outer: after the outer padding's
 * @id: what tokens call it
 */
struct http_secret {
	struct sha256_state	inner;
	struct sha256_state	outer;
	u8			id;
};

/**
 * struct http_secrets - those in use
 * @newer: what tokens are made with, and checked
 * @older: what tokens are checked with that were made before the last change
 */
struct http_secrets {
	struct http_secret	newer;
	struct http_secret	older;
};

/**
 * struct http_bearer - whom a token is for
 * @client: HTTP_CLIENT_SIZE bytes that its client is known by
 * @vhost: name of the virtual host, empty if it is for all of them
 * @agent: the User-Agent, of which HTTP_AGENT_MAX bytes count; empty if there is none
 */
struct http_bearer {
	const u8		*client;
	struct http_text	vhost;
	struct http_text	agent;
};

/**
 * struct http_answer - what an answer says
 * @nonce: of the puzzle
 * @issued: when the puzzle was issued, milliseconds
 */
struct http_answer {
	u8	nonce[HTTP_NONCE_SIZE];
	u64	issued;
};

/* Make @secret of HTTP_SECRET_SIZE random bytes. */
void http_secret_set(struct http_secret *secret, u8 id, const u8 *bytes);

/* A session begun at @now, in seconds: HTTP_SESSION_TEXT characters and a NUL. */
void http_session_write(char *out, const struct http_secret *secret, enum http_token_kind kind,
			u64 now, const struct http_bearer *bearer);

/**
 * http_session_check - whether a session is good
 * @secrets: those in use
 * @text: what the client brought
 * @least: what kind it has to be at least
 * @now: seconds
 * @lifetime: of sessions, seconds
 * @bearer: who brought it
 * @issued: set to when it was begun, if it is good
 */
enum http_token_fault http_session_check(const struct http_secrets *secrets, struct http_text text,
					 enum http_token_kind least, u64 now, u64 lifetime,
					 const struct http_bearer *bearer, u64 *issued);

/* A puzzle issued at @now, in milliseconds: HTTP_PUZZLE_TEXT characters and a NUL. */
void http_puzzle_write(char *out, const struct http_secret *secret, const u8 *nonce, u64 now,
		       u8 difficulty, const struct http_bearer *bearer);

/**
 * http_answer_check - whether an answer is good, if it is the first one
 * @secrets: those in use
 * @text: what the client brought
 * @now: milliseconds
 * @least: that it has to have taken
 * @most: that it may have taken
 * @bearer: who brought it
 * @answer: set
 */
enum http_token_fault http_answer_check(const struct http_secrets *secrets, struct http_text text,
					u64 now, u64 least, u64 most,
					const struct http_bearer *bearer,
					struct http_answer *answer);

#endif /* WEIR_HTTP_TOKEN_H */
