// SPDX-License-Identifier: GPL-2.0-only
/* Limits of clients. */

#include <net/ipv6.h>

#include "block.h"
#include "limit.h"
#include "net.h"
#include "timer.h"

#define WEIR_CHECK_STAT(check, name) \
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_##check] = WEIR_STAT_rejected_##name

/* A row for each limit: how its refusals are counted. */
static const enum weir_stat weir_limit_stats[WEIR_LIMIT_COUNT] = {
	[WEIR_LIMIT_REQUEST_BURST] = WEIR_STAT_rejected_burst,
	[WEIR_LIMIT_REQUEST_RATE] = WEIR_STAT_rejected_rate,
	[WEIR_LIMIT_CONNECTION_BURST] = WEIR_STAT_rejected_connection_burst,
	[WEIR_LIMIT_CONNECTION_RATE] = WEIR_STAT_rejected_connection_rate,
	[WEIR_LIMIT_CONCURRENT_CONNECTIONS] = WEIR_STAT_rejected_concurrent_connections,
	WEIR_CHECK_STAT(HEADER_TOTAL, header_total),
	WEIR_CHECK_STAT(HEADER_COUNT, header_count),
	WEIR_CHECK_STAT(URI_LENGTH, uri_length),
	WEIR_CHECK_STAT(BODY_LENGTH, body_length),
	WEIR_CHECK_STAT(HEADER_LENGTH, header_length),
	WEIR_CHECK_STAT(METHODS, methods),
	WEIR_CHECK_STAT(METHOD_OVERRIDE, method_override),
	WEIR_CHECK_STAT(HOST_STRICT, host_strict),
	WEIR_CHECK_STAT(CONTENT_TYPE_REQUIRED, content_type_required),
	WEIR_CHECK_STAT(CONTENT_TYPES, content_types),
	WEIR_CHECK_STAT(URI_BYTES, uri_bytes),
	WEIR_CHECK_STAT(HEADER_NAME_BYTES, header_name_bytes),
	WEIR_CHECK_STAT(HEADER_VALUE_BYTES, header_value_bytes),
	WEIR_CHECK_STAT(FORM_BYTES, form_bytes),
	WEIR_CHECK_STAT(TRAILER_SPLIT, trailer_split),
	WEIR_CHECK_STAT(RESPONSE_CODE, response_code),
	[WEIR_LIMIT_CHALLENGE_MISSES] = WEIR_STAT_rejected_challenge_misses,
	[WEIR_LIMIT_TLS_HANDSHAKE_RATE] = WEIR_STAT_rejected_tls_handshake_rate,
	[WEIR_LIMIT_TLS_HANDSHAKE_BURST] = WEIR_STAT_rejected_tls_handshake_burst,
	[WEIR_LIMIT_TLS_INCOMPLETE_RATE] = WEIR_STAT_rejected_tls_incomplete_rate,
	[WEIR_LIMIT_MIN_BODY_RATE] = WEIR_STAT_rejected_min_body_rate,
	[WEIR_LIMIT_MIN_SEND_RATE] = WEIR_STAT_rejected_min_send_rate,
	[WEIR_LIMIT_HEADER_CHUNKS] = WEIR_STAT_rejected_header_chunks,
	[WEIR_LIMIT_BODY_CHUNKS] = WEIR_STAT_rejected_body_chunks,
	[WEIR_LIMIT_TLS_FINGERPRINT_DENY] = WEIR_STAT_rejected_tls_fingerprint_deny,
};

/* And what the event log calls it. */
static const enum weir_reason weir_limit_reasons[WEIR_LIMIT_COUNT] = {
	[WEIR_LIMIT_REQUEST_BURST] = WEIR_REASON_REQUEST_BURST,
	[WEIR_LIMIT_REQUEST_RATE] = WEIR_REASON_REQUEST_RATE,
	[WEIR_LIMIT_CONNECTION_BURST] = WEIR_REASON_CONNECTION_BURST,
	[WEIR_LIMIT_CONNECTION_RATE] = WEIR_REASON_CONNECTION_RATE,
	[WEIR_LIMIT_CONCURRENT_CONNECTIONS] = WEIR_REASON_CONCURRENT_CONNECTIONS,
	[WEIR_LIMIT_CHALLENGE_MISSES] = WEIR_REASON_CHALLENGE_MISSES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HEADER_TOTAL] = WEIR_REASON_HEADER_TOTAL,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HEADER_COUNT] = WEIR_REASON_HEADER_COUNT,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_URI_LENGTH] = WEIR_REASON_URI_LENGTH,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_BODY_LENGTH] = WEIR_REASON_BODY_LENGTH,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HEADER_LENGTH] = WEIR_REASON_HEADER_LENGTH,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_METHODS] = WEIR_REASON_METHODS,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_METHOD_OVERRIDE] = WEIR_REASON_METHOD_OVERRIDE,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HOST_STRICT] = WEIR_REASON_HOST_STRICT,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_CONTENT_TYPE_REQUIRED] = WEIR_REASON_CONTENT_TYPE_REQUIRED,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_CONTENT_TYPES] = WEIR_REASON_CONTENT_TYPES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_URI_BYTES] = WEIR_REASON_URI_BYTES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HEADER_NAME_BYTES] = WEIR_REASON_HEADER_NAME_BYTES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_HEADER_VALUE_BYTES] = WEIR_REASON_HEADER_VALUE_BYTES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_FORM_BYTES] = WEIR_REASON_FORM_BYTES,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_TRAILER_SPLIT] = WEIR_REASON_TRAILER_SPLIT,
	[WEIR_LIMIT_CHECKS + HTTP_CHECK_RESPONSE_CODE] = WEIR_REASON_RESPONSE_CODE,
	[WEIR_LIMIT_TLS_HANDSHAKE_RATE] = WEIR_REASON_TLS_HANDSHAKE_RATE,
	[WEIR_LIMIT_TLS_HANDSHAKE_BURST] = WEIR_REASON_TLS_HANDSHAKE_BURST,
	[WEIR_LIMIT_TLS_INCOMPLETE_RATE] = WEIR_REASON_TLS_INCOMPLETE_RATE,
	[WEIR_LIMIT_MIN_BODY_RATE] = WEIR_REASON_MIN_BODY_RATE,
	[WEIR_LIMIT_MIN_SEND_RATE] = WEIR_REASON_MIN_SEND_RATE,
	[WEIR_LIMIT_HEADER_CHUNKS] = WEIR_REASON_HEADER_CHUNKS,
	[WEIR_LIMIT_BODY_CHUNKS] = WEIR_REASON_BODY_CHUNKS,
	[WEIR_LIMIT_TLS_FINGERPRINT_DENY] = WEIR_REASON_TLS_FINGERPRINT_DENY,
};

static_assert((int)WEIR_EVENT_ACTION_REPLY == (int)WEIR_ACTION_REPLY);
static_assert((int)WEIR_EVENT_ACTION_RESET == (int)WEIR_ACTION_RESET);
static_assert((int)WEIR_EVENT_ACTION_DROP == (int)WEIR_ACTION_DROP);
static_assert((int)WEIR_EVENT_ACTION_CHALLENGE == (int)WEIR_ACTION_CHALLENGE);

static const enum weir_stat weir_action_stats[__WEIR_ACTION_COUNT] = {
	[WEIR_ACTION_REPLY] = WEIR_STAT_limit_actions_reply,
	[WEIR_ACTION_RESET] = WEIR_STAT_limit_actions_reset,
	[WEIR_ACTION_DROP] = WEIR_STAT_limit_actions_drop,
	[WEIR_ACTION_CHALLENGE] = WEIR_STAT_limit_actions_challenge,
};

bool weir_limit_can_reply(enum weir_limit limit)
{
	switch (weir_limit_event(limit)) {
	case WEIR_LIMIT_CONNECTION:
	case WEIR_LIMIT_HANDSHAKE:
	case WEIR_LIMIT_INCOMPLETE:
		return false;
	default:
		return limit != WEIR_LIMIT_MIN_SEND_RATE &&
		       limit != WEIR_LIMIT_TLS_FINGERPRINT_DENY;
	}
}

void weir_limits_finish(struct weir_limits *limits)
{
	unsigned int i;

	limits->counts_requests = false;
	limits->counts_connections = false;
	limits->counts_misses = false;
	limits->counts_handshakes = false;
	limits->blocks = false;
	for (i = 0; i < WEIR_LIMIT_COUNT; i++) {
		struct weir_limit_answer *answer = &limits->answers[i];

		if (!answer->own_action)
			answer->action = limits->action;
		/* What is wrong with a request no challenge can mend. */
		if (answer->action == WEIR_ACTION_CHALLENGE &&
		    (weir_limit_event(i) != WEIR_LIMIT_REQUEST || i >= WEIR_LIMIT_CHECKS))
			answer->action = WEIR_ACTION_REPLY;
		if (!weir_limit_can_reply(i) && answer->action == WEIR_ACTION_REPLY)
			answer->action = WEIR_ACTION_RESET;
		limits->blocks |= answer->blocks && (limits->most[i] || i >= WEIR_LIMIT_CHECKS);
		if (!limits->most[i])
			continue;
		if (weir_limit_event(i) == WEIR_LIMIT_REQUEST)
			limits->counts_requests = true;
		else if (weir_limit_event(i) == WEIR_LIMIT_CONNECTION)
			limits->counts_connections = true;
		else if (weir_limit_event(i) == WEIR_LIMIT_MISS)
			limits->counts_misses = true;
		else if (weir_limit_event(i) == WEIR_LIMIT_HANDSHAKE ||
			 weir_limit_event(i) == WEIR_LIMIT_INCOMPLETE)
			limits->counts_handshakes = true;
	}
	limits->body_pace.rate = limits->most[WEIR_LIMIT_MIN_BODY_RATE];
	limits->body_pace.grace = weir_timer_ticks(limits->min_body_grace);
	limits->send_pace.rate = limits->most[WEIR_LIMIT_MIN_SEND_RATE];
	limits->send_pace.grace = weir_timer_ticks(limits->min_send_grace);
}

/* Bits of a client's address that tell it from others. */
static u32 weir_limit_prefix(const struct weir_limits *limits, const struct in6_addr *address)
{
	return ipv6_addr_v4mapped(address) ? WEIR_PREFIX_MAX : limits->ipv6_prefix;
}

struct in6_addr weir_limit_key(const struct weir_limits *limits, const struct in6_addr *address)
{
	u32 prefix = weir_limit_prefix(limits, address);
	struct in6_addr key;

	if (likely(prefix == WEIR_PREFIX_MAX))
		return *address;
	ipv6_addr_prefix(&key, address, prefix);
	return key;
}

struct weir_account *weir_limit_open(struct weir_net *wn, const struct weir_limits *limits,
				     const struct in6_addr *address, bool bounded,
				     enum weir_limit *over)
{
	struct in6_addr key = weir_limit_key(limits, address);

	return weir_accounts_open(wn->accounts, &key, limits->most, bounded, over);
}

void weir_limit_close(struct weir_net *wn, struct weir_account *account)
{
	rcu_read_lock();
	weir_accounts_close(wn->accounts, account, rcu_dereference(wn->config)->limits.most);
	rcu_read_unlock();
}

bool weir_limit_spares_some(const struct weir_config *config, const struct in6_addr *address)
{
	struct weir_prefix client;

	if (weir_firewall_trusts(&config->firewall, address))
		return true;
	weir_prefix_set(&client, address, WEIR_PREFIX_MAX);
	return weir_firewall_allows(&config->firewall, &client);
}

enum weir_action weir_limit_refused(struct weir_net *wn, const struct weir_limits *limits,
				    enum weir_limit over, struct weir_incident *event)
{
	const struct weir_config *config = container_of(limits, struct weir_config, limits);
	const struct weir_limit_answer *answer = &limits->answers[over];

	weir_count(wn, weir_limit_stats[over], 1);
	weir_count(wn, weir_action_stats[answer->action], 1);
	if (!event)
		return answer->action;
	/*
	 * If there is no room for it, what is refused now is all that is refused.
	 * What nobody may send is also refused to those who are never blocked.
	 */
	if (answer->blocks && !weir_limit_spares(config, event->address))
		event->blocked = !weir_block_add(wn, event->address,
						 weir_limit_prefix(limits, event->address),
						 answer->block_time * NSEC_PER_USEC);
	event->reason = weir_limit_reasons[over];
	event->action = (enum weir_event_action)answer->action;
	event->status = answer->action == WEIR_ACTION_REPLY ? answer->status : 0;
	event->block_time = answer->block_time;
	weir_events_tell(wn, event);
	return answer->action;
}
