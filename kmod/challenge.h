/* SPDX-License-Identifier: GPL-2.0-only */
/* What a configuration says of challenges.  client_challenge.c puts them to clients. */
#ifndef _WEIR_CHALLENGE_H
#define _WEIR_CHALLENGE_H

#include <linux/types.h>

#include "http_challenge.h"

struct in6_addr;
struct netlink_ext_ack;
struct weir_config;
struct weir_net;

enum weir_challenge_bounds {
	WEIR_EXEMPT_MAX		= 32,		/* paths without challenges */
	WEIR_COOKIE_PATH_MAX	= 128,		/* with the closing NUL */
	WEIR_COOKIE_NAME_MAX	= HTTP_CHALLENGE_NAME_MAX + 1,
	/* Of a path's normal form; a longer one is challenged. */
	WEIR_EXEMPT_ROOM	= 256,
};

#define WEIR_SESSION_MIN_US	1000000ULL			/* 1 s */
#define WEIR_SESSION_MAX_US	(365ULL * 86400 * 1000000)	/* a year */

/* What a client has to do to get a session. */
enum weir_challenge_kind {
	WEIR_CHALLENGE_OFF,
	WEIR_CHALLENGE_COOKIE,
	WEIR_CHALLENGE_JAVASCRIPT,
	/* Of a virtual host that does not say. */
	WEIR_CHALLENGE_AS_OTHERS,
};

enum weir_challenge_time {
	WEIR_CHALLENGE_ALWAYS,
	WEIR_CHALLENGE_LIMITS,	/* over a limit whose action is to challenge */
	WEIR_CHALLENGE_ATTACK,	/* where an attack is going on, attack.h */
};

/**
 * struct weir_challenge - a part of a configuration
 * @mode: of virtual hosts that do not say
 * @when: who is challenged
 * @cookie_name: of the session's cookie
 * @path: its Path
 * @lifetime: of a session, microseconds
 * @same_site: the cookie's
 * @secure: the cookie is for https only
 * @script_access: scripts may read it
 * @per_vhost: a session is good for one virtual host
 * @status: of the redirect that sets it
 * @page_status: of the page with a puzzle
 * @refusal_status: where nothing can be solved
 * @max_misses: challenges that a client may leave unmet in a minute; 0: any number
 * @key_rotation: secrets are replaced so often, microseconds
 * @difficulty: zero bits that an answer has to begin with
 * @min_time: that it has to take, microseconds
 * @max_time: that it may take
 * @exempt: what paths begin with that are not challenged
 * @exempt_count: how many
 * @template: the page with a puzzle as it was given, or NULL
 * @template_len: its length
 *
 * Set while the configuration is applied, and not changed afterwards:
 * @used: some virtual host has a mode that is not off
 * @apart: virtual hosts differ
 * @page: the page with all but tokens filled in
 */
struct weir_challenge {
	enum weir_challenge_kind	mode;
	enum weir_challenge_time	when;
	char				cookie_name[WEIR_COOKIE_NAME_MAX];
	char				path[WEIR_COOKIE_PATH_MAX];
	u64				lifetime;
	enum http_same_site		same_site;
	bool				secure;
	bool				script_access;
	bool				per_vhost;
	u16				status;
	u16				page_status;
	u16				refusal_status;
	u32				max_misses;
	u64				key_rotation;
	u32				difficulty;
	u64				min_time;
	u64				max_time;
	char				(*exempt)[WEIR_COOKIE_PATH_MAX];
	u32				exempt_count;
	u8				*template;
	u32				template_len;
	bool				used;
	bool				apart;
	struct http_page		page;
};

/* The defaults. */
void weir_challenge_setup(struct weir_challenge *challenge);
/* Any context but hard interrupts; no reader is left. */
void weir_challenge_release(struct weir_challenge *challenge);
/* Add a path that is not challenged: 0, -E2BIG and a message, -ENOMEM.  Process context. */
int weir_challenge_exempt(struct weir_challenge *challenge, const char *path,
			  struct netlink_ext_ack *extack);
/* Set the page: 0, -E2BIG and a message, -ENOMEM.  Process context. */
int weir_challenge_template(struct weir_challenge *challenge, const void *text, size_t len,
			    struct netlink_ext_ack *extack);

/*
 * Check a configuration's challenges, and fill in what follows from them: 0, -EINVAL
 * and a message, -ENOMEM.  Before weir_limits_finish(); sleeps.
 */
int weir_challenge_finish(struct weir_config *config, struct netlink_ext_ack *extack);
/*
 * Give the namespace what its challenges need, which it keeps until its end.  Before
 * the configuration is published, under the namespace's lock: 0 or -ENOMEM.  Sleeps.
 */
int weir_challenge_prepare(struct weir_net *wn, const struct weir_challenge *challenge);

/* What the clients of a virtual host, by its index, have to do. */
enum weir_challenge_kind weir_challenge_mode_of(const struct weir_config *config, u32 vhost);
/*
 * Whether a request, whose head is done, is not challenged for its path, its client or
 * the mark of its packet.  Any context.
 */
bool weir_challenge_spares(const struct weir_config *config, const struct http_head *head,
			   const u8 *buf, const struct in6_addr *address, u32 mark);

#endif /* _WEIR_CHALLENGE_H */
