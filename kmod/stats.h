/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of one network namespace, counted per CPU and summed on demand.
 */
#ifndef _WEIR_STATS_H
#define _WEIR_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

struct net;

/* What is counted; gauges go up and down, the rest only grows. */
enum weir_stat {
	WEIR_STAT_connections_accepted,	/* client connections */
	WEIR_STAT_connections_active,	/* gauge */
	WEIR_STAT_requests,	/* whole request heads */
	WEIR_STAT_requests_softirq,	/* of these, handled in a softirq */
	WEIR_STAT_requests_other,	/* and in any other context */
	WEIR_STAT_responses,	/* final replies sent, whoever made them */
	WEIR_STAT_responses_1xx,
	WEIR_STAT_responses_2xx,
	WEIR_STAT_responses_3xx,
	WEIR_STAT_responses_4xx,
	WEIR_STAT_responses_5xx,
	WEIR_STAT_upgrades,	/* 101 replies: exchanges that became tunnels */
	WEIR_STAT_tunnels_active,	/* gauge: of these, upstream connections still open */
	WEIR_STAT_bytes_client_in,
	WEIR_STAT_bytes_client_out,
	WEIR_STAT_bytes_upstream_in,
	WEIR_STAT_bytes_upstream_out,
	WEIR_STAT_rejected_bad_request,	/* 400, 413, 414, 431, 501, 505 */
	WEIR_STAT_rejected_rate,
	WEIR_STAT_rejected_burst,
	WEIR_STAT_rejected_rule,	/* blocked, reset or dropped by a rule */
	WEIR_STAT_timeouts_client,	/* head, body or reading too slow */
	WEIR_STAT_tls_handshakes,	/* done, full or resumed */
	WEIR_STAT_tls_resumptions,	/* of these, those that were resumed */
	WEIR_STAT_tls_staples,	/* of these, those with the certificate's status */
	WEIR_STAT_tls_handshake_failures,	/* ended by an alert, of either side */
	WEIR_STAT_tls_incomplete,	/* came to nothing, for whatever reason */
	WEIR_STAT_tls_signatures_refused,	/* too many waited to be made */
	WEIR_STAT_tls_cookies,	/* hellos that were answered with a cookie, under pressure */
	WEIR_STAT_upstream_connects,
	WEIR_STAT_upstream_failures,	/* refused, reset, timed out, garbage */
	WEIR_STAT_upstream_active,	/* gauge: connections established */
	WEIR_STAT_errors_502,
	WEIR_STAT_errors_503,
	WEIR_STAT_errors_504,
	WEIR_STAT_allocation_failures,
	WEIR_STAT_memory_bytes,	/* gauge: held for connections and messages */
	WEIR_STAT_packets_blocked,	/* of clients in the block table */
	WEIR_STAT_bytes_blocked,
	WEIR_STAT_packets_marked,	/* of such clients, instead of being dropped */
	WEIR_STAT_blocks_active,	/* gauge: entries of the block table */
	WEIR_STAT_blocks_refused,	/* it was full, or there was no memory */
	/* Refused for limits of connections: SYNs, and handshakes at their end. */
	WEIR_STAT_rejected_connection_burst,
	WEIR_STAT_rejected_connection_rate,
	WEIR_STAT_rejected_concurrent_connections,
	/* Refused for limits of TLS handshakes. */
	WEIR_STAT_rejected_tls_handshake_burst,
	WEIR_STAT_rejected_tls_handshake_rate,
	WEIR_STAT_rejected_tls_incomplete_rate,
	WEIR_STAT_rejected_tls_fingerprint_deny,
	/* Refused for limits of one connection: slow transfers, and those in small pieces. */
	WEIR_STAT_rejected_min_body_rate,
	WEIR_STAT_rejected_min_send_rate,
	WEIR_STAT_rejected_header_chunks,
	WEIR_STAT_rejected_body_chunks,
	/* Of all that is refused for a client's limits, what was done about it. */
	WEIR_STAT_limit_actions_reply,
	WEIR_STAT_limit_actions_reset,
	WEIR_STAT_limit_actions_drop,
	WEIR_STAT_clients_tracked,	/* gauge: clients that have an account */
	/* Requests that did not pass a check, by enum http_check. */
	WEIR_STAT_rejected_header_total,
	WEIR_STAT_rejected_header_count,
	WEIR_STAT_rejected_uri_length,
	WEIR_STAT_rejected_body_length,
	WEIR_STAT_rejected_header_length,
	WEIR_STAT_rejected_methods,
	WEIR_STAT_rejected_method_override,
	WEIR_STAT_rejected_host_strict,
	WEIR_STAT_rejected_content_type_required,
	WEIR_STAT_rejected_content_types,
	WEIR_STAT_rejected_uri_bytes,
	WEIR_STAT_rejected_header_name_bytes,
	WEIR_STAT_rejected_header_value_bytes,
	WEIR_STAT_rejected_form_bytes,
	WEIR_STAT_rejected_trailer_split,
	WEIR_STAT_rejected_response_code,
	WEIR_STAT_limit_actions_challenge,
	WEIR_STAT_rejected_challenge_misses,	/* more challenges than may be were not met */
	/* Put to clients: a cookie to bring back, a page with a puzzle, a reply that tells why. */
	WEIR_STAT_challenges_cookie,
	WEIR_STAT_challenges_javascript,
	WEIR_STAT_challenges_refusal,
	WEIR_STAT_sessions_verified,	/* requests with a session that is good */
	WEIR_STAT_puzzles_solved,
	/* Sessions and answers that were not good. */
	WEIR_STAT_tokens_malformed,
	WEIR_STAT_tokens_forged,
	WEIR_STAT_tokens_expired,
	WEIR_STAT_tokens_early,
	WEIR_STAT_tokens_lazy,
	WEIR_STAT_tokens_replayed,
	WEIR_STAT_tokens_unrecorded,	/* no room to remember that it was used */
	WEIR_STAT_rejected_client_memory,	/* connections reset for it */
	WEIR_STAT_rejected_total_memory,
	WEIR_STAT_client_memory_bytes,	/* gauge: held for all clients when last looked at */
	WEIR_STAT_connections_blocked,	/* closed since their client was blocked */
	WEIR_STAT_events_told,
	WEIR_STAT_events_lost,	/* over the rate, no memory, or no listener had room */
	WEIR_STAT_under_attack,		/* gauge: listeners or virtual hosts */
	WEIR_STAT_attack_switches,	/* how often one came to be, or ceased to */
	WEIR_STAT_COUNT,
};

/* One CPU's part. */
struct weir_stats {
	u64 counters[WEIR_STAT_COUNT];
};

/* Sums of all CPUs into @sums[WEIR_STAT_COUNT].  Process context. */
void weir_stats_sum(struct net *net, u64 *sums);
/* "requests" and so on; NULL when @stat is out of range. */
const char *weir_stats_name(unsigned int stat);
bool weir_stats_is_gauge(unsigned int stat);

/* Add @by, which may be negative for a gauge.  Any context. */
static inline void weir_stats_add(struct weir_stats __percpu *stats, enum weir_stat stat, s64 by)
{
	this_cpu_add(stats->counters[stat], by);
}

#endif /* _WEIR_STATS_H */
