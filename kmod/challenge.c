// SPDX-License-Identifier: GPL-2.0-only
/* What a configuration says of challenges: put together, checked, and asked. */

#include <linux/netlink.h>
#include <linux/slab.h>

#include "challenge.h"
#include "config.h"
#include "http_chars.h"
#include "http_parts.h"
#include "limit.h"
#include "net.h"
#include "pages.h"
#include "rules.h"
#include "secrets.h"
#include "spent.h"

void weir_challenge_setup(struct weir_challenge *challenge)
{
	strscpy(challenge->cookie_name, "__weir");
	strscpy(challenge->path, "/");
	challenge->lifetime = 86400ULL * USEC_PER_SEC;
	challenge->status = 302;
	challenge->page_status = 503;
	challenge->refusal_status = 403;
	challenge->key_rotation = 86400ULL * USEC_PER_SEC;
	challenge->difficulty = 16;
	challenge->min_time = 1ULL * USEC_PER_SEC;
	challenge->max_time = 120ULL * USEC_PER_SEC;
}

void weir_challenge_release(struct weir_challenge *challenge)
{
	kvfree(challenge->exempt);
	kvfree(challenge->template);
	kvfree(challenge->page.text);
}

int weir_challenge_exempt(struct weir_challenge *challenge, const char *path,
			  struct netlink_ext_ack *extack)
{
	if (path[0] != '/') {
		NL_SET_ERR_MSG(extack, "a path begins with a slash");
		return -EINVAL;
	}
	if (challenge->exempt_count == WEIR_EXEMPT_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d paths", WEIR_EXEMPT_MAX);
		return -E2BIG;
	}
	if (!challenge->exempt)
		challenge->exempt = kvcalloc(WEIR_EXEMPT_MAX, sizeof(*challenge->exempt),
					     GFP_KERNEL_ACCOUNT);
	if (!challenge->exempt)
		return -ENOMEM;
	strscpy(challenge->exempt[challenge->exempt_count++], path);
	return 0;
}

int weir_challenge_template(struct weir_challenge *challenge, const void *text, size_t len,
			    struct netlink_ext_ack *extack)
{
	if (len > WEIR_PAGE_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "the page has more than %d bytes", WEIR_PAGE_MAX);
		return -E2BIG;
	}
	kvfree(challenge->template);
	challenge->template = kvmalloc(len, GFP_KERNEL_ACCOUNT);
	if (!challenge->template)
		return -ENOMEM;
	memcpy(challenge->template, text, len);
	challenge->template_len = len;
	return 0;
}

/* Fill in all of the page but tokens. */
static int weir_challenge_fill(struct weir_challenge *challenge, struct netlink_ext_ack *extack)
{
	const struct http_text template = { challenge->template, challenge->template_len };
	const struct http_page_values values = {
		.cookie = challenge->cookie_name,
		.difficulty = challenge->difficulty,
		.min_time_ms = DIV_ROUND_UP_ULL(challenge->min_time, USEC_PER_MSEC),
	};
	size_t need;

	kvfree(challenge->page.text);
	challenge->page.text = NULL;
	need = http_page_fill(&challenge->page, 0, template, &values);
	if (!need || need > 2 * WEIR_PAGE_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "a page with one to %d {{token}} is needed",
				   HTTP_PAGE_TOKENS);
		return -EINVAL;
	}
	challenge->page.text = kvzalloc(need, GFP_KERNEL_ACCOUNT);
	if (!challenge->page.text)
		return -ENOMEM;
	http_page_fill(&challenge->page, need, template, &values);
	return 0;
}

static int weir_challenge_check(const struct weir_challenge *challenge,
				struct netlink_ext_ack *extack)
{
	const char *name = challenge->cookie_name, *path = challenge->path;
	size_t length = strlen(name);

	if (!length || http_skip_token((const u8 *)name, 0, length) != length) {
		NL_SET_ERR_MSG(extack, "cookie_name must be a token");
		return -EINVAL;
	}
	length = strlen(path);
	if (path[0] != '/' || strchr(path, ';') ||
	    http_skip_target((const u8 *)path, 0, length) != length) {
		NL_SET_ERR_MSG(extack, "path must be a path, without a semicolon");
		return -EINVAL;
	}
	if (challenge->status != 302 && challenge->status != 307) {
		NL_SET_ERR_MSG(extack, "status must be 302 or 307");
		return -EINVAL;
	}
	if (challenge->min_time >= challenge->max_time) {
		NL_SET_ERR_MSG(extack, "min_time must be less than max_time");
		return -EINVAL;
	}
	return 0;
}

/* Whether a limit's action is to challenge. */
static bool weir_challenge_by_limits(const struct weir_limits *limits)
{
	unsigned int i;

	if (limits->action == WEIR_ACTION_CHALLENGE)
		return true;
	for (i = 0; i < WEIR_LIMIT_COUNT; i++)
		if (limits->answers[i].own_action &&
		    limits->answers[i].action == WEIR_ACTION_CHALLENGE)
			return true;
	return false;
}

int weir_challenge_finish(struct weir_config *config, struct netlink_ext_ack *extack)
{
	struct weir_challenge *challenge = &config->challenge;
	bool scripts = challenge->mode == WEIR_CHALLENGE_JAVASCRIPT;
	u32 vhosts = config->rules ? config->rules->vhost_count : 0, i;
	int err = weir_challenge_check(challenge, extack);

	if (err)
		return err;
	challenge->used = challenge->mode != WEIR_CHALLENGE_OFF;
	challenge->apart = challenge->per_vhost;
	for (i = 0; i < vhosts; i++) {
		enum weir_challenge_kind mode = config->rules->vhosts[i]->challenge;

		if (mode == WEIR_CHALLENGE_AS_OTHERS)
			continue;
		challenge->apart = true;
		challenge->used |= mode != WEIR_CHALLENGE_OFF;
		scripts |= mode == WEIR_CHALLENGE_JAVASCRIPT;
	}
	if (!challenge->used && weir_challenge_by_limits(&config->limits)) {
		NL_SET_ERR_MSG(extack, "a limit's action is challenge, and there is no challenge");
		return -EINVAL;
	}
	if (challenge->used && challenge->when == WEIR_CHALLENGE_ATTACK && !config->attack.on) {
		NL_SET_ERR_MSG(extack, "challenges wait for an attack, which has no threshold");
		return -EINVAL;
	}
	config->limits.most[WEIR_LIMIT_CHALLENGE_MISSES] = challenge->used ?
							   challenge->max_misses : 0;
	return scripts ? weir_challenge_fill(challenge, extack) : 0;
}

int weir_challenge_prepare(struct weir_net *wn, const struct weir_challenge *challenge)
{
	if (!challenge->used)
		return 0;
	if (!wn->secrets)
		wn->secrets = weir_secrets_alloc();
	if (challenge->page.text && !wn->spent)
		wn->spent = weir_spent_alloc(wn->stats);
	if (!wn->secrets || (challenge->page.text && !wn->spent))
		return -ENOMEM;
	return 0;
}

enum weir_challenge_kind weir_challenge_mode_of(const struct weir_config *config, u32 vhost)
{
	enum weir_challenge_kind mode = WEIR_CHALLENGE_AS_OTHERS;

	if (vhost != WEIR_PAGE_EVERYWHERE)
		mode = config->rules->vhosts[vhost]->challenge;
	return mode == WEIR_CHALLENGE_AS_OTHERS ? config->challenge.mode : mode;
}

/* By the path's normal form: what servers do not agree about is not exempt. */
static bool weir_challenge_spares_path(const struct weir_challenge *challenge,
				       const struct http_head *head, const u8 *buf)
{
	u8 room[WEIR_EXEMPT_ROOM];
	struct http_text path;
	size_t length;
	u32 i;

	if (!challenge->exempt_count || !http_path_of(head, buf, room, sizeof(room), &path))
		return false;
	for (i = 0; i < challenge->exempt_count; i++) {
		length = strlen(challenge->exempt[i]);
		if (path.len >= length && !memcmp(path.at, challenge->exempt[i], length))
			return true;
	}
	return false;
}

bool weir_challenge_spares(const struct weir_config *config, const struct http_head *head,
			   const u8 *buf, const struct in6_addr *address, u32 mark)
{
	const struct weir_firewall *firewall = &config->firewall;

	return (firewall->allow_mask && (mark & firewall->allow_mask) == firewall->allow_mark) ||
	       weir_challenge_spares_path(&config->challenge, head, buf) ||
	       weir_limit_spares(config, address);
}
