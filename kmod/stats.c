// SPDX-License-Identifier: GPL-2.0-only
/* Statistics: summing and naming them. */

#include <linux/array_size.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "net.h"
#include "stats.h"

static const char * const weir_stats_names[WEIR_STAT_COUNT] = {
	[WEIR_STAT_connections_accepted] = "connections_accepted",
	[WEIR_STAT_connections_active] = "connections_active",
	[WEIR_STAT_requests] = "requests",
	[WEIR_STAT_requests_softirq] = "requests_softirq",
	[WEIR_STAT_requests_other] = "requests_other",
	[WEIR_STAT_responses] = "responses",
	[WEIR_STAT_responses_1xx] = "responses_1xx",
	[WEIR_STAT_responses_2xx] = "responses_2xx",
	[WEIR_STAT_responses_3xx] = "responses_3xx",
	[WEIR_STAT_responses_4xx] = "responses_4xx",
	[WEIR_STAT_responses_5xx] = "responses_5xx",
	[WEIR_STAT_upgrades] = "upgrades",
	[WEIR_STAT_tunnels_active] = "tunnels_active",
	[WEIR_STAT_bytes_client_in] = "bytes_client_in",
	[WEIR_STAT_bytes_client_out] = "bytes_client_out",
	[WEIR_STAT_bytes_upstream_in] = "bytes_upstream_in",
	[WEIR_STAT_bytes_upstream_out] = "bytes_upstream_out",
	[WEIR_STAT_rejected_bad_request] = "rejected_bad_request",
	[WEIR_STAT_rejected_rate] = "rejected_rate",
	[WEIR_STAT_rejected_burst] = "rejected_burst",
	[WEIR_STAT_rejected_rule] = "rejected_rule",
	[WEIR_STAT_timeouts_client] = "timeouts_client",
	[WEIR_STAT_tls_handshakes] = "tls_handshakes",
	[WEIR_STAT_tls_resumptions] = "tls_resumptions",
	[WEIR_STAT_tls_staples] = "tls_staples",
	[WEIR_STAT_tls_incomplete] = "tls_incomplete",
	[WEIR_STAT_tls_signatures_refused] = "tls_signatures_refused",
	[WEIR_STAT_tls_cookies] = "tls_cookies",
	[WEIR_STAT_tls_handshake_failures] = "tls_handshake_failures",
	[WEIR_STAT_upstream_connects] = "upstream_connects",
	[WEIR_STAT_upstream_failures] = "upstream_failures",
	[WEIR_STAT_upstream_active] = "upstream_active",
	[WEIR_STAT_errors_502] = "errors_502",
	[WEIR_STAT_errors_503] = "errors_503",
	[WEIR_STAT_errors_504] = "errors_504",
	[WEIR_STAT_allocation_failures] = "allocation_failures",
	[WEIR_STAT_memory_bytes] = "memory_bytes",
	[WEIR_STAT_packets_blocked] = "packets_blocked",
	[WEIR_STAT_bytes_blocked] = "bytes_blocked",
	[WEIR_STAT_packets_marked] = "packets_marked",
	[WEIR_STAT_blocks_active] = "blocks_active",
	[WEIR_STAT_blocks_refused] = "blocks_refused",
	[WEIR_STAT_rejected_connection_burst] = "rejected_connection_burst",
	[WEIR_STAT_rejected_connection_rate] = "rejected_connection_rate",
	[WEIR_STAT_rejected_concurrent_connections] = "rejected_concurrent_connections",
	[WEIR_STAT_rejected_tls_handshake_burst] = "rejected_tls_handshake_burst",
	[WEIR_STAT_rejected_tls_handshake_rate] = "rejected_tls_handshake_rate",
	[WEIR_STAT_rejected_tls_incomplete_rate] = "rejected_tls_incomplete_rate",
	[WEIR_STAT_rejected_tls_fingerprint_deny] = "rejected_tls_fingerprint_deny",
	[WEIR_STAT_rejected_min_body_rate] = "rejected_min_body_rate",
	[WEIR_STAT_rejected_min_send_rate] = "rejected_min_send_rate",
	[WEIR_STAT_rejected_header_chunks] = "rejected_header_chunks",
	[WEIR_STAT_rejected_body_chunks] = "rejected_body_chunks",
	[WEIR_STAT_limit_actions_reply] = "limit_actions_reply",
	[WEIR_STAT_limit_actions_reset] = "limit_actions_reset",
	[WEIR_STAT_limit_actions_drop] = "limit_actions_drop",
	[WEIR_STAT_clients_tracked] = "clients_tracked",
	[WEIR_STAT_rejected_header_total] = "rejected_header_total",
	[WEIR_STAT_rejected_header_count] = "rejected_header_count",
	[WEIR_STAT_rejected_uri_length] = "rejected_uri_length",
	[WEIR_STAT_rejected_body_length] = "rejected_body_length",
	[WEIR_STAT_rejected_header_length] = "rejected_header_length",
	[WEIR_STAT_rejected_methods] = "rejected_methods",
	[WEIR_STAT_rejected_method_override] = "rejected_method_override",
	[WEIR_STAT_rejected_host_strict] = "rejected_host_strict",
	[WEIR_STAT_rejected_content_type_required] = "rejected_content_type_required",
	[WEIR_STAT_rejected_content_types] = "rejected_content_types",
	[WEIR_STAT_rejected_uri_bytes] = "rejected_uri_bytes",
	[WEIR_STAT_rejected_header_name_bytes] = "rejected_header_name_bytes",
	[WEIR_STAT_rejected_header_value_bytes] = "rejected_header_value_bytes",
	[WEIR_STAT_rejected_form_bytes] = "rejected_form_bytes",
	[WEIR_STAT_rejected_trailer_split] = "rejected_trailer_split",
	[WEIR_STAT_rejected_response_code] = "rejected_response_code",
	[WEIR_STAT_limit_actions_challenge] = "limit_actions_challenge",
	[WEIR_STAT_rejected_challenge_misses] = "rejected_challenge_misses",
	[WEIR_STAT_challenges_cookie] = "challenges_cookie",
	[WEIR_STAT_challenges_javascript] = "challenges_javascript",
	[WEIR_STAT_challenges_refusal] = "challenges_refusal",
	[WEIR_STAT_sessions_verified] = "sessions_verified",
	[WEIR_STAT_puzzles_solved] = "puzzles_solved",
	[WEIR_STAT_tokens_malformed] = "tokens_malformed",
	[WEIR_STAT_tokens_forged] = "tokens_forged",
	[WEIR_STAT_tokens_expired] = "tokens_expired",
	[WEIR_STAT_tokens_early] = "tokens_early",
	[WEIR_STAT_tokens_lazy] = "tokens_lazy",
	[WEIR_STAT_tokens_replayed] = "tokens_replayed",
	[WEIR_STAT_tokens_unrecorded] = "tokens_unrecorded",
	[WEIR_STAT_rejected_client_memory] = "rejected_client_memory",
	[WEIR_STAT_rejected_total_memory] = "rejected_total_memory",
	[WEIR_STAT_client_memory_bytes] = "client_memory_bytes",
	[WEIR_STAT_connections_blocked] = "connections_blocked",
	[WEIR_STAT_events_told] = "events_told",
	[WEIR_STAT_events_lost] = "events_lost",
	[WEIR_STAT_under_attack] = "under_attack",
	[WEIR_STAT_attack_switches] = "attack_switches",
};

const char *weir_stats_name(unsigned int stat)
{
	return stat < ARRAY_SIZE(weir_stats_names) ? weir_stats_names[stat] : NULL;
}

bool weir_stats_is_gauge(unsigned int stat)
{
	return stat == WEIR_STAT_connections_active || stat == WEIR_STAT_upstream_active ||
	       stat == WEIR_STAT_tunnels_active || stat == WEIR_STAT_memory_bytes ||
	       stat == WEIR_STAT_blocks_active || stat == WEIR_STAT_clients_tracked ||
	       stat == WEIR_STAT_client_memory_bytes ||
	       stat == WEIR_STAT_under_attack;
}

/* A sum is not a snapshot: other CPUs go on counting meanwhile. */
void weir_stats_sum(struct net *net, u64 *sums)
{
	struct weir_net *wn = weir_net(net);
	unsigned int stat;
	int cpu;

	memset(sums, 0, WEIR_STAT_COUNT * sizeof(*sums));
	for_each_possible_cpu(cpu) {
		const struct weir_stats *part = per_cpu_ptr(wn->stats, cpu);

		for (stat = 0; stat < WEIR_STAT_COUNT; stat++)
			sums[stat] += READ_ONCE(part->counters[stat]);
	}
}
