// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: challenges put to clients, and what they bring back. */

#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "attack.h"
#include "client_leg.h"
#include "gather.h"
#include "limit.h"
#include "pages.h"
#include "rules.h"
#include "route.h"
#include "secrets.h"
#include "spent.h"

/**
 * struct weir_visit - a request while it is looked at
 * @config: that it is judged by
 * @head: its head
 * @buf: what that was parsed from
 * @mode: what its client has to do
 * @vhost: index of its virtual host, where that matters
 * @meter: that one's, in which the request is counted, or NULL
 * @key: what its client is known by
 * @bearer: whom tokens have to be for
 */
struct weir_visit {
	const struct weir_config	*config;
	const struct http_head		*head;
	const u8			*buf;
	enum weir_challenge_kind	mode;
	u32				vhost;
	struct weir_meter		*meter;
	struct in6_addr			key;
	struct http_bearer		bearer;
};

/* The cookie's Set-Cookie, and the one that removes an answer. */
struct weir_visit_fields {
	u8	text[2 * HTTP_SET_COOKIE_MAX + 2 * WEIR_COOKIE_NAME_MAX + WEIR_COOKIE_PATH_MAX];
};

/* Whether each virtual host is watched for attacks. */
static bool weir_visit_watched(const struct weir_config *config)
{
	return config->attack.on && config->attack.scope == WEIR_ATTACK_VHOSTS;
}

static void weir_visit_begin(struct weir_visit *visit, struct weir_client *client,
			     const struct weir_config *config)
{
	const struct http_head *head = &client->gather->head;
	const struct http_field *agent;

	*visit = (struct weir_visit){
		.config = config,
		.head = head,
		.buf = client->gather->bytes,
		.vhost = WEIR_PAGE_EVERYWHERE,
	};
	if (config->challenge.apart || weir_visit_watched(config))
		visit->vhost = weir_route_vhost(config, head, visit->buf);
	if (visit->vhost != WEIR_PAGE_EVERYWHERE)
		visit->meter = config->rules->vhosts[visit->vhost]->meter;
	visit->mode = weir_challenge_mode_of(config, visit->vhost);
	if (visit->mode == WEIR_CHALLENGE_OFF)
		return;
	visit->key = weir_limit_key(&config->limits, &client->address);
	visit->bearer.client = visit->key.s6_addr;
	if (config->challenge.per_vhost && visit->vhost != WEIR_PAGE_EVERYWHERE) {
		const char *name = config->rules->vhosts[visit->vhost]->name;

		visit->bearer.vhost = (struct http_text){ (const u8 *)name, strlen(name) };
	}
	agent = http_head_find(head, HTTP_FIELD_USER_AGENT);
	if (agent)
		visit->bearer.agent = (struct http_text){
			visit->buf + agent->value.off, agent->value.len
		};
}

static void weir_visit_count_fault(struct weir_net *wn, enum http_token_fault fault)
{
	static const enum weir_stat stats[] = {
		[HTTP_TOKEN_MALFORMED] = WEIR_STAT_tokens_malformed,
		[HTTP_TOKEN_FORGED] = WEIR_STAT_tokens_forged,
		[HTTP_TOKEN_EXPIRED] = WEIR_STAT_tokens_expired,
		[HTTP_TOKEN_EARLY] = WEIR_STAT_tokens_early,
		[HTTP_TOKEN_LAZY] = WEIR_STAT_tokens_lazy,
	};

	if (fault != HTTP_TOKEN_GOOD)
		weir_count(wn, stats[fault], 1);
}

static u64 weir_visit_now_ms(void)
{
	return div_u64(ktime_get_real_ns(), NSEC_PER_MSEC);
}

/* The client's account, in which misses are counted, or NULL: no memory. */
static struct weir_account *weir_visit_account(struct weir_client *client,
					       const struct weir_visit *visit)
{
	enum weir_limit over;

	if (!client->account)
		client->account = weir_limit_open(client->leg.wn, &visit->config->limits,
						  &client->address, false, &over);
	return client->account;
}

/* The client has met a challenge. */
static void weir_visit_forgive(struct weir_client *client, const struct weir_visit *visit)
{
	struct weir_account *account;

	if (!visit->config->limits.counts_misses)
		return;
	account = weir_visit_account(client, visit);
	if (account)
		weir_account_forgive(account);
}

/*
 * Of a session's text and of all else that the verdict hangs on but time and
 * secrets.  Keyed, so nobody finds another text with the hash of one that is good.
 */
static u64 weir_visit_hash(const struct weir_visit *visit, struct http_text session,
			   const siphash_key_t *key)
{
	const struct http_bearer *bearer = &visit->bearer;
	size_t agent = min_t(size_t, bearer->agent.len, HTTP_AGENT_MAX);

	return siphash_4u64(siphash(session.at, session.len, key),
			    siphash(bearer->agent.at, agent, key),
			    siphash(visit->key.s6_addr, sizeof(visit->key), key),
			    siphash(bearer->vhost.at, bearer->vhost.len, key) ^ visit->mode, key);
}

/*
 * Whether a session is good.  What was found good on this connection before is
 * known by its hash, which costs a fraction of an HMAC.
 */
static enum http_token_fault weir_visit_verify(struct weir_client *client,
					       const struct weir_visit *visit,
					       struct http_text session)
{
	u64 lifetime = div_u64(visit->config->challenge.lifetime, USEC_PER_SEC);
	u64 now = ktime_get_real_seconds(), generation, hash = 0, issued;
	const struct weir_secrets *secrets = client->leg.wn->secrets;
	struct weir_session *seen = &client->session;
	enum http_token_fault fault;

	generation = weir_secrets_generation(secrets);
	if (session.len == HTTP_SESSION_TEXT) {
		hash = weir_visit_hash(visit, session, &client->leg.wn->key);
		if (hash && hash == seen->hash && generation == seen->generation &&
		    seen->issued <= now && now - seen->issued < lifetime)
			return HTTP_TOKEN_GOOD;
	}
	fault = http_session_check(weir_secrets_get(secrets), session,
				   visit->mode == WEIR_CHALLENGE_JAVASCRIPT ?
				   HTTP_TOKEN_WORK : HTTP_TOKEN_COOKIE,
				   now, lifetime, &visit->bearer, &issued);
	if (fault == HTTP_TOKEN_GOOD)
		*seen = (struct weir_session){ hash, issued, generation };
	return fault;
}

/* Whether the request brings a session that is good, else why not: GOOD if it brings none. */
static bool weir_visit_session(struct weir_client *client, const struct weir_visit *visit,
			       enum http_token_fault *fault)
{
	const struct weir_challenge *challenge = &visit->config->challenge;
	struct http_text session;

	*fault = HTTP_TOKEN_GOOD;
	if (!http_cookie_find(visit->head, visit->buf, challenge->cookie_name, "", &session))
		return false;
	*fault = weir_visit_verify(client, visit, session);
	return *fault == HTTP_TOKEN_GOOD;
}

/* Whether the request brings the answer to a puzzle, a good one and the first. */
static bool weir_visit_answer(struct weir_client *client, const struct weir_visit *visit)
{
	const struct weir_challenge *challenge = &visit->config->challenge;
	u64 most = div_u64(challenge->max_time, USEC_PER_MSEC), now = weir_visit_now_ms();
	struct weir_net *wn = client->leg.wn;
	enum http_token_fault fault;
	struct http_answer answer;
	struct http_text text;

	if (!http_cookie_find(visit->head, visit->buf, challenge->cookie_name, HTTP_ANSWER_SUFFIX,
			      &text))
		return false;
	fault = http_answer_check(weir_secrets_get(wn->secrets), text, now,
				  DIV_ROUND_UP_ULL(challenge->min_time, USEC_PER_MSEC), most,
				  &visit->bearer, &answer);
	weir_visit_count_fault(wn, fault);
	if (fault != HTTP_TOKEN_GOOD)
		return false;
	switch (weir_spend(wn->spent, answer.nonce, sizeof(answer.nonce),
			   div_u64(now, MSEC_PER_SEC),
			   div_u64(answer.issued + most, MSEC_PER_SEC) + 1)) {
	case WEIR_SPENT_NOW:
		return true;
	case WEIR_SPENT_BEFORE:
		weir_count(wn, WEIR_STAT_tokens_replayed, 1);
		break;
	case WEIR_SPENT_NO_ROOM:
		weir_count(wn, WEIR_STAT_tokens_unrecorded, 1);
		break;
	}
	return false;
}

static void weir_visit_end(struct weir_client *client)
{
	weir_gather_free(client->gather);
	client->gather = NULL;
}

/* To the same place once more, with a session. */
static void weir_visit_admit(struct weir_client *client, const struct weir_visit *visit,
			     enum http_token_kind kind)
{
	const struct weir_challenge *challenge = &visit->config->challenge;
	const struct http_cookie_style style = {
		.name = challenge->cookie_name,
		.path = challenge->path,
		.lifetime = div_u64(challenge->lifetime, USEC_PER_SEC),
		.same_site = challenge->same_site,
		.secure = challenge->secure,
		.http_only = !challenge->script_access,
	};
	struct weir_redirect redirect = {
		.location = HTTP_TEXT("$uri"),
		.head = visit->head,
		.buf = visit->buf,
	};
	bool safe = visit->head->method == HTTP_METHOD_GET ||
		    visit->head->method == HTTP_METHOD_HEAD;
	char session[HTTP_SESSION_TEXT + 1];
	struct weir_visit_fields fields;
	size_t len;

	http_session_write(session, &weir_secrets_get(client->leg.wn->secrets)->newer, kind,
			   ktime_get_real_seconds(), &visit->bearer);
	len = http_session_cookie(fields.text, sizeof(fields.text), &style, session);
	if (kind == HTTP_TOKEN_WORK)
		len += http_no_answer(fields.text + len, sizeof(fields.text) - len,
				      challenge->cookie_name);
	redirect.fields = (struct http_text){ fields.text, len };
	weir_client_visits(client, visit->meter);
	/* Any other method is to be kept, with its body. */
	weir_client_redirect(client, &redirect, safe ? challenge->status : 307, true,
			     weir_client_is_last(client, visit->head));
	weir_visit_end(client);
}

/* What a program can read that cannot be challenged. */
static void weir_visit_refuse(struct weir_client *client, const struct weir_visit *visit)
{
	static const struct http_text bodies[] = {
		[WEIR_CHALLENGE_COOKIE] =
			HTTP_TEXT("{\"error\":\"challenge\",\"mode\":\"cookie\"}\n"),
		[WEIR_CHALLENGE_JAVASCRIPT] =
			HTTP_TEXT("{\"error\":\"challenge\",\"mode\":\"javascript\"}\n"),
	};
	const struct http_text *body = &bodies[visit->mode];
	struct http_own own = {
		.status = visit->config->challenge.refusal_status,
		.flags = HTTP_WRITE_NO_STORE,
		.content_type = "application/json",
		.content_length = body->len,
	};

	client->refused = true;
	weir_client_visits(client, visit->meter);
	weir_client_say(client, visit->head, &own, body, 1,
			weir_client_is_last(client, visit->head));
	weir_visit_end(client);
}

static void weir_visit_puzzle(struct weir_client *client, const struct weir_visit *visit)
{
	const struct weir_challenge *challenge = &visit->config->challenge;
	const struct http_page *page = &challenge->page;
	struct http_own own = {
		.status = challenge->page_status,
		.flags = HTTP_WRITE_NO_STORE,
		.content_type = "text/html; charset=utf-8",
		.content_length = page->len,
	};
	struct http_text parts[2 * HTTP_PAGE_TOKENS + 1];
	char token[HTTP_PUZZLE_TEXT + 1];
	u8 nonce[HTTP_NONCE_SIZE];
	unsigned int count = 0, i;
	size_t at = 0;

	get_random_bytes(nonce, sizeof(nonce));
	http_puzzle_write(token, &weir_secrets_get(client->leg.wn->secrets)->newer, nonce,
			  weir_visit_now_ms(), challenge->difficulty, &visit->bearer);
	for (i = 0; i < page->token_count; i++) {
		parts[count++] = (struct http_text){ page->text + at, page->tokens[i] - at };
		parts[count++] = (struct http_text){ (const u8 *)token, HTTP_PUZZLE_TEXT };
		at = page->tokens[i] + HTTP_PUZZLE_TEXT;
	}
	parts[count++] = (struct http_text){ page->text + at, page->len - at };
	client->refused = true;
	weir_client_visits(client, visit->meter);
	weir_client_say(client, visit->head, &own, parts, count,
			weir_client_is_last(client, visit->head));
	weir_visit_end(client);
}

static void weir_visit_challenge(struct weir_client *client, const struct weir_visit *visit)
{
	const struct http_head *head = visit->head;
	struct weir_net *wn = client->leg.wn;

	if (visit->mode == WEIR_CHALLENGE_COOKIE) {
		weir_count(wn, WEIR_STAT_challenges_cookie, 1);
		weir_visit_admit(client, visit, HTTP_TOKEN_COOKIE);
	} else if ((head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD) &&
		   http_accepts_html(head, visit->buf)) {
		weir_count(wn, WEIR_STAT_challenges_javascript, 1);
		weir_visit_puzzle(client, visit);
	} else {
		weir_count(wn, WEIR_STAT_challenges_refusal, 1);
		weir_visit_refuse(client, visit);
	}
}

/* Whether one more challenge may be put to the client.  False: the request is dealt with. */
static bool weir_visit_may_miss(struct weir_client *client, const struct weir_visit *visit)
{
	const struct weir_limits *limits = &visit->config->limits;
	struct weir_incident incident;
	struct weir_account *account;
	enum weir_limit over;

	if (!limits->counts_misses)
		return true;
	account = weir_visit_account(client, visit);
	if (!account) {
		weir_client_reset(client);
		return false;
	}
	over = weir_account_miss(account, limits->most);
	if (over == WEIR_LIMIT_NONE)
		return true;
	incident = weir_client_incident(client, visit->head, visit->buf);
	weir_limit_refused(client->leg.wn, limits, over, &incident);
	weir_visit_refuse(client, visit);
	return false;
}

bool weir_client_verified(struct weir_client *client, const struct weir_config *config,
			  enum weir_limit over)
{
	struct weir_net *wn = client->leg.wn;
	struct weir_incident incident;
	enum http_token_fault fault;
	struct weir_visit visit;

	if (over == WEIR_LIMIT_NONE && config->challenge.when == WEIR_CHALLENGE_LIMITS)
		return true;
	weir_visit_begin(&visit, client, config);
	if (over == WEIR_LIMIT_NONE && config->challenge.when == WEIR_CHALLENGE_ATTACK &&
	    !weir_attack_active(client->meter, visit.meter))
		return true;
	incident = weir_client_incident(client, visit.head, visit.buf);
	if (visit.mode == WEIR_CHALLENGE_OFF) {
		if (over == WEIR_LIMIT_NONE)
			return true;
		weir_limit_refused(wn, &config->limits, over, &incident);
		weir_client_limited(client, config, config->limits.answers[over].status);
		return false;
	}
	if (weir_visit_session(client, &visit, &fault)) {
		weir_count(wn, WEIR_STAT_sessions_verified, 1);
		weir_visit_forgive(client, &visit);
		return true;
	}
	if (over == WEIR_LIMIT_NONE &&
	    weir_challenge_spares(config, visit.head, visit.buf, &client->address,
				  client->mark ?: client->accepted_mark))
		return true;
	if (over != WEIR_LIMIT_NONE)
		weir_limit_refused(wn, &config->limits, over, &incident);
	weir_visit_count_fault(wn, fault);
	if (visit.mode == WEIR_CHALLENGE_JAVASCRIPT && weir_visit_answer(client, &visit)) {
		weir_count(wn, WEIR_STAT_puzzles_solved, 1);
		weir_meter_add(client->meter, WEIR_METER_solved, 1);
		if (visit.meter)
			weir_meter_add(visit.meter, WEIR_METER_solved, 1);
		weir_visit_forgive(client, &visit);
		weir_visit_admit(client, &visit, HTTP_TOKEN_WORK);
	} else if (weir_visit_may_miss(client, &visit)) {
		weir_visit_challenge(client, &visit);
	}
	return false;
}
