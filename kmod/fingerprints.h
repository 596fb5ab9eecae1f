/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS fingerprints (tls_fingerprint.h) that a configuration refuses: patterns, as
 * those of rules.  Written while nobody else sees the configuration.
 */
#ifndef _WEIR_FINGERPRINTS_H
#define _WEIR_FINGERPRINTS_H

#include "http_match.h"

struct netlink_ext_ack;

enum weir_fingerprints_bounds {
	WEIR_FINGERPRINTS_MAX	= 128,
	WEIR_FINGERPRINT_MAX	= 64,	/* bytes of a pattern */
};

/**
 * struct weir_fingerprint - a pattern
 * @pattern: it
 * @store: its bytes
 */
struct weir_fingerprint {
	struct http_pattern	pattern;
	u8			store[2 * WEIR_FINGERPRINT_MAX];
};

/**
 * struct weir_fingerprints - a part of a configuration
 * @members: the patterns; NULL: none
 * @count: how many
 */
struct weir_fingerprints {
	struct weir_fingerprint	*members;
	u32			count;
};

/* One of at most WEIR_FINGERPRINT_MAX bytes: 0, -E2BIG and a message, -ENOMEM.  Sleeps. */
int weir_fingerprints_add(struct weir_fingerprints *fingerprints, struct http_text pattern,
			  struct netlink_ext_ack *extack);
/* Any context but hard interrupts; no reader is left. */
void weir_fingerprints_release(struct weir_fingerprints *fingerprints);

/* Whether one of them is that of a fingerprint.  Any context. */
bool weir_fingerprints_have(const struct weir_fingerprints *fingerprints,
			    struct http_text fingerprint);

#endif /* _WEIR_FINGERPRINTS_H */
