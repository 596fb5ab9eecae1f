// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	kmod/spec/weir.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "nl_gen.h"

#include <uapi/weir.h>

/* Integer value ranges */
static const struct netlink_range_validation weir_a_upstream_queue_range = {
	.max	= WEIR_ABI_QUEUE_MAX,
};

static const struct netlink_range_validation weir_a_upstream_queue_timeout_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_upstream_fail_time_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_upstream_slow_start_range = {
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_health_period_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_health_timeout_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_server_connections_max_range = {
	.min	= 1ULL,
	.max	= WEIR_ABI_GROWN_MAX,
};

static const struct netlink_range_validation weir_a_limits_request_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_request_burst_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_total_range = {
	.min	= WEIR_ABI_HEADER_TOTAL_MIN,
	.max	= WEIR_ABI_HEADER_TOTAL_MAX,
};

static const struct netlink_range_validation weir_a_limits_uri_length_range = {
	.min	= WEIR_ABI_URI_LENGTH_MIN,
	.max	= WEIR_ABI_URI_LENGTH_MAX,
};

static const struct netlink_range_validation weir_a_limits_connection_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_connection_burst_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_concurrent_connections_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_request_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_request_burst_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_connection_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_connection_burst_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_concurrent_connections_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_length_range = {
	.max	= WEIR_ABI_HEADER_TOTAL_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_total_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_count_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_uri_length_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_body_length_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_length_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_methods_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_method_override_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_host_strict_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_content_type_required_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_content_types_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_uri_bytes_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_name_bytes_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_value_bytes_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_form_bytes_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_trailer_split_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_response_code_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_client_memory_range = {
	.max	= WEIR_ABI_MEMORY_MAX,
};

static const struct netlink_range_validation weir_a_limits_total_memory_range = {
	.max	= WEIR_ABI_MEMORY_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_body_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_body_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_body_grace_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_send_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_send_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_min_send_grace_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_chunks_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_header_chunks_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_body_chunks_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_body_chunks_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_body_ahead_range = {
	.max	= WEIR_ABI_BODY_AHEAD_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_handshake_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_handshake_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_handshake_burst_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_handshake_burst_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_incomplete_rate_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_incomplete_rate_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_limits_tls_fingerprint_deny_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_checks_uri_length_range = {
	.min	= WEIR_ABI_URI_LENGTH_MIN,
	.max	= WEIR_ABI_URI_LENGTH_MAX,
};

static const struct netlink_range_validation weir_a_checks_response_code_count_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_checks_response_code_time_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_client_header_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_client_body_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_keepalive_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_upstream_connect_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_upstream_response_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_timeouts_tunnel_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_attack_requests_on_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_attack_requests_off_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_attack_failures_min_range = {
	.min	= 1ULL,
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_attack_window_range = {
	.min	= WEIR_ABI_ATTACK_WINDOW_MIN,
	.max	= WEIR_ABI_ATTACK_WINDOW_MAX,
};

static const struct netlink_range_validation weir_a_attack_hold_range = {
	.min	= WEIR_ABI_TIMEOUT_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_firewall_block_max_range = {
	.min	= 1ULL,
	.max	= WEIR_ABI_BLOCK_MAX,
};

static const struct netlink_range_validation weir_a_challenge_lifetime_range = {
	.min	= WEIR_ABI_SESSION_MIN,
	.max	= WEIR_ABI_SESSION_MAX,
};

static const struct netlink_range_validation weir_a_challenge_max_misses_range = {
	.max	= WEIR_ABI_RATE_MAX,
};

static const struct netlink_range_validation weir_a_challenge_block_range = {
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_challenge_key_rotation_range = {
	.min	= WEIR_ABI_SESSION_MIN,
	.max	= WEIR_ABI_SESSION_MAX,
};

static const struct netlink_range_validation weir_a_challenge_min_time_range = {
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_challenge_max_time_range = {
	.min	= WEIR_ABI_SESSION_MIN,
	.max	= WEIR_ABI_TIMEOUT_MAX,
};

static const struct netlink_range_validation weir_a_block_time_range = {
	.min	= 1ULL,
	.max	= WEIR_ABI_BLOCK_TIME_MAX,
};

static const struct netlink_range_validation weir_a_log_rate_range = {
	.min	= 1ULL,
	.max	= WEIR_ABI_EVENTS_MAX,
};

/* Common nested types */
const struct nla_policy weir_attack_nl_policy[WEIR_A_ATTACK_HOLD + 1] = {
	[WEIR_A_ATTACK_SCOPE] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_ATTACK_REQUESTS_ON] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_attack_requests_on_range),
	[WEIR_A_ATTACK_REQUESTS_OFF] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_attack_requests_off_range),
	[WEIR_A_ATTACK_FAILURES_ON] = NLA_POLICY_MAX(NLA_U32, WEIR_ABI_PER_CENT),
	[WEIR_A_ATTACK_FAILURES_OFF] = NLA_POLICY_MAX(NLA_U32, WEIR_ABI_PER_CENT),
	[WEIR_A_ATTACK_FAILURES_MIN] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_attack_failures_min_range),
	[WEIR_A_ATTACK_WINDOW] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_attack_window_range),
	[WEIR_A_ATTACK_HOLD] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_attack_hold_range),
};

const struct nla_policy weir_block_nl_policy[WEIR_A_BLOCK_TIME + 1] = {
	[WEIR_A_BLOCK_ADDRESS4] = { .type = NLA_U32, },
	[WEIR_A_BLOCK_ADDRESS6] = NLA_POLICY_EXACT_LEN(16),
	[WEIR_A_BLOCK_PREFIX] = NLA_POLICY_MAX(NLA_U32, 128),
	[WEIR_A_BLOCK_TIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_block_time_range),
};

const struct nla_policy weir_certificate_nl_policy[WEIR_A_CERTIFICATE_STAPLE_FILE + 1] = {
	[WEIR_A_CERTIFICATE_CHAIN] = { .type = NLA_BINARY, },
	[WEIR_A_CERTIFICATE_KEY_KIND] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CERTIFICATE_KEY] = { .type = NLA_BINARY, },
	[WEIR_A_CERTIFICATE_SERVER_NAME] = { .type = NLA_STRING, .len = WEIR_ABI_SERVER_NAME_MAX, },
	[WEIR_A_CERTIFICATE_DEFAULT] = { .type = NLA_FLAG, },
	[WEIR_A_CERTIFICATE_CHAIN_FILE] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_FILE_NAME_MAX, },
	[WEIR_A_CERTIFICATE_KEY_FILE] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_FILE_NAME_MAX, },
	[WEIR_A_CERTIFICATE_STAPLE] = { .type = NLA_BINARY, },
	[WEIR_A_CERTIFICATE_STAPLE_UNTIL] = { .type = NLA_UINT, },
	[WEIR_A_CERTIFICATE_STAPLE_FILE] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_FILE_NAME_MAX, },
};

const struct nla_policy weir_challenge_nl_policy[WEIR_A_CHALLENGE_PER_VHOST + 1] = {
	[WEIR_A_CHALLENGE_MODE] = NLA_POLICY_MAX(NLA_U32, 2),
	[WEIR_A_CHALLENGE_WHEN] = NLA_POLICY_MAX(NLA_U32, 2),
	[WEIR_A_CHALLENGE_COOKIE_NAME] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_COOKIE_NAME_MAX, },
	[WEIR_A_CHALLENGE_LIFETIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_challenge_lifetime_range),
	[WEIR_A_CHALLENGE_SECURE] = { .type = NLA_FLAG, },
	[WEIR_A_CHALLENGE_SCRIPT_ACCESS] = { .type = NLA_FLAG, },
	[WEIR_A_CHALLENGE_SAME_SITE] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_CHALLENGE_PATH] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_COOKIE_PATH_MAX, },
	[WEIR_A_CHALLENGE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 302, 307),
	[WEIR_A_CHALLENGE_PAGE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 200, 599),
	[WEIR_A_CHALLENGE_REFUSAL_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_CHALLENGE_MAX_MISSES] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_challenge_max_misses_range),
	[WEIR_A_CHALLENGE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_challenge_block_range),
	[WEIR_A_CHALLENGE_KEY_ROTATION] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_challenge_key_rotation_range),
	[WEIR_A_CHALLENGE_DIFFICULTY] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_DIFFICULTY_MAX),
	[WEIR_A_CHALLENGE_MIN_TIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_challenge_min_time_range),
	[WEIR_A_CHALLENGE_MAX_TIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_challenge_max_time_range),
	[WEIR_A_CHALLENGE_PAGE] = { .type = NLA_BINARY, },
	[WEIR_A_CHALLENGE_EXEMPT_PATH] = { .type = NLA_STRING, .len = WEIR_ABI_COOKIE_PATH_MAX, },
	[WEIR_A_CHALLENGE_PER_VHOST] = { .type = NLA_FLAG, },
};

const struct nla_policy weir_checks_nl_policy[WEIR_A_CHECKS_RESPONSE_CODE_TIME + 1] = {
	[WEIR_A_CHECKS_URI_LENGTH] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_checks_uri_length_range),
	[WEIR_A_CHECKS_BODY_LENGTH] = { .type = NLA_UINT, },
	[WEIR_A_CHECKS_METHODS] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_METHODS_MAX, },
	[WEIR_A_CHECKS_METHOD_OVERRIDE] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CHECKS_HOST_STRICT] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CHECKS_HOST_ADDRESS] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CHECKS_CONTENT_TYPE_REQUIRED] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CHECKS_CONTENT_TYPES] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_CONTENT_TYPES_MAX, },
	[WEIR_A_CHECKS_TRAILER_SPLIT] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_CHECKS_URI_BYTES] = NLA_POLICY_EXACT_LEN(32),
	[WEIR_A_CHECKS_HEADER_NAME_BYTES] = NLA_POLICY_EXACT_LEN(32),
	[WEIR_A_CHECKS_HEADER_VALUE_BYTES] = NLA_POLICY_EXACT_LEN(32),
	[WEIR_A_CHECKS_FORM_BYTES] = NLA_POLICY_EXACT_LEN(32),
	[WEIR_A_CHECKS_RESPONSE_CODES] = NLA_POLICY_EXACT_LEN(64),
	[WEIR_A_CHECKS_RESPONSE_CODE_COUNT] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_checks_response_code_count_range),
	[WEIR_A_CHECKS_RESPONSE_CODE_TIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_checks_response_code_time_range),
};

const struct nla_policy weir_error_page_nl_policy[WEIR_A_ERROR_PAGE_BODY + 1] = {
	[WEIR_A_ERROR_PAGE_VHOST] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_ERROR_PAGE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_ERROR_PAGE_CONTENT_TYPE] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_CONTENT_TYPE_MAX, },
	[WEIR_A_ERROR_PAGE_BODY] = { .type = NLA_BINARY, },
};

const struct nla_policy weir_firewall_nl_policy[WEIR_A_FIREWALL_FORWARDED_FOR + 1] = {
	[WEIR_A_FIREWALL_ALLOW] = NLA_POLICY_NESTED(weir_network_nl_policy),
	[WEIR_A_FIREWALL_ALLOW_MARK] = { .type = NLA_U32, },
	[WEIR_A_FIREWALL_ALLOW_MASK] = { .type = NLA_U32, },
	[WEIR_A_FIREWALL_BLOCK_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_firewall_block_max_range),
	[WEIR_A_FIREWALL_BLOCK_MARK] = { .type = NLA_U32, },
	[WEIR_A_FIREWALL_BLOCK_MASK] = { .type = NLA_U32, },
	[WEIR_A_FIREWALL_PROXY] = NLA_POLICY_NESTED(weir_network_nl_policy),
	[WEIR_A_FIREWALL_PROXY_PROTOCOL] = { .type = NLA_FLAG, },
	[WEIR_A_FIREWALL_FORWARDED_FOR] = { .type = NLA_FLAG, },
};

const struct nla_policy weir_health_nl_policy[WEIR_A_HEALTH_FALL + 1] = {
	[WEIR_A_HEALTH_URI] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_TEXT_MAX, },
	[WEIR_A_HEALTH_HOST] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_TEXT_MAX, },
	[WEIR_A_HEALTH_PERIOD] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_health_period_range),
	[WEIR_A_HEALTH_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_health_timeout_range),
	[WEIR_A_HEALTH_STATUS] = NLA_POLICY_MAX(NLA_U32, 599),
	[WEIR_A_HEALTH_RISE] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_COUNT_MAX),
	[WEIR_A_HEALTH_FALL] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_COUNT_MAX),
};

const struct nla_policy weir_limits_nl_policy[WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_BLOCK + 1] = {
	[WEIR_A_LIMITS_REQUEST_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_request_rate_range),
	[WEIR_A_LIMITS_REQUEST_BURST] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_request_burst_range),
	[WEIR_A_LIMITS_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_TOTAL] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_header_total_range),
	[WEIR_A_LIMITS_HEADER_COUNT] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_HEADER_COUNT_MAX),
	[WEIR_A_LIMITS_BODY_LENGTH] = { .type = NLA_UINT, },
	[WEIR_A_LIMITS_URI_LENGTH] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_uri_length_range),
	[WEIR_A_LIMITS_REQUEST_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_REQUEST_RATE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_REQUEST_BURST_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_REQUEST_BURST_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_CONNECTION_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_connection_rate_range),
	[WEIR_A_LIMITS_CONNECTION_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_CONNECTION_BURST] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_connection_burst_range),
	[WEIR_A_LIMITS_CONNECTION_BURST_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_CONCURRENT_CONNECTIONS] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_concurrent_connections_range),
	[WEIR_A_LIMITS_CONCURRENT_CONNECTIONS_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_IPV6_PREFIX] = NLA_POLICY_RANGE(NLA_U32, 1, 128),
	[WEIR_A_LIMITS_REQUEST_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_request_rate_block_range),
	[WEIR_A_LIMITS_REQUEST_BURST_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_request_burst_block_range),
	[WEIR_A_LIMITS_CONNECTION_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_connection_rate_block_range),
	[WEIR_A_LIMITS_CONNECTION_BURST_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_connection_burst_block_range),
	[WEIR_A_LIMITS_CONCURRENT_CONNECTIONS_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_concurrent_connections_block_range),
	[WEIR_A_LIMITS_HEADER_LENGTH] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_header_length_range),
	[WEIR_A_LIMITS_CHECKS] = NLA_POLICY_NESTED(weir_checks_nl_policy),
	[WEIR_A_LIMITS_HEADER_TOTAL_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_TOTAL_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_TOTAL_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_total_block_range),
	[WEIR_A_LIMITS_HEADER_COUNT_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_COUNT_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_COUNT_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_count_block_range),
	[WEIR_A_LIMITS_URI_LENGTH_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_URI_LENGTH_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_URI_LENGTH_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_uri_length_block_range),
	[WEIR_A_LIMITS_BODY_LENGTH_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_BODY_LENGTH_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_BODY_LENGTH_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_body_length_block_range),
	[WEIR_A_LIMITS_HEADER_LENGTH_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_LENGTH_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_LENGTH_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_length_block_range),
	[WEIR_A_LIMITS_METHODS_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_METHODS_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_METHODS_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_methods_block_range),
	[WEIR_A_LIMITS_METHOD_OVERRIDE_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_METHOD_OVERRIDE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_METHOD_OVERRIDE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_method_override_block_range),
	[WEIR_A_LIMITS_HOST_STRICT_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HOST_STRICT_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HOST_STRICT_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_host_strict_block_range),
	[WEIR_A_LIMITS_CONTENT_TYPE_REQUIRED_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_CONTENT_TYPE_REQUIRED_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_CONTENT_TYPE_REQUIRED_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_content_type_required_block_range),
	[WEIR_A_LIMITS_CONTENT_TYPES_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_CONTENT_TYPES_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_CONTENT_TYPES_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_content_types_block_range),
	[WEIR_A_LIMITS_URI_BYTES_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_URI_BYTES_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_URI_BYTES_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_uri_bytes_block_range),
	[WEIR_A_LIMITS_HEADER_NAME_BYTES_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_NAME_BYTES_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_NAME_BYTES_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_name_bytes_block_range),
	[WEIR_A_LIMITS_HEADER_VALUE_BYTES_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_VALUE_BYTES_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_VALUE_BYTES_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_value_bytes_block_range),
	[WEIR_A_LIMITS_FORM_BYTES_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_FORM_BYTES_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_FORM_BYTES_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_form_bytes_block_range),
	[WEIR_A_LIMITS_TRAILER_SPLIT_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_TRAILER_SPLIT_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_TRAILER_SPLIT_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_trailer_split_block_range),
	[WEIR_A_LIMITS_RESPONSE_CODE_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_RESPONSE_CODE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_RESPONSE_CODE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_response_code_block_range),
	[WEIR_A_LIMITS_CLIENT_MEMORY] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_client_memory_range),
	[WEIR_A_LIMITS_TOTAL_MEMORY] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_total_memory_range),
	[WEIR_A_LIMITS_MIN_BODY_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_min_body_rate_range),
	[WEIR_A_LIMITS_MIN_BODY_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_MIN_BODY_RATE_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_MIN_BODY_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_min_body_rate_block_range),
	[WEIR_A_LIMITS_MIN_BODY_GRACE] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_min_body_grace_range),
	[WEIR_A_LIMITS_MIN_SEND_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_min_send_rate_range),
	[WEIR_A_LIMITS_MIN_SEND_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_MIN_SEND_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_min_send_rate_block_range),
	[WEIR_A_LIMITS_MIN_SEND_GRACE] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_min_send_grace_range),
	[WEIR_A_LIMITS_HEADER_CHUNKS] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_header_chunks_range),
	[WEIR_A_LIMITS_HEADER_CHUNKS_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_HEADER_CHUNKS_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_HEADER_CHUNKS_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_header_chunks_block_range),
	[WEIR_A_LIMITS_BODY_CHUNKS] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_body_chunks_range),
	[WEIR_A_LIMITS_BODY_CHUNKS_ACTION] = NLA_POLICY_MAX(NLA_U32, 3),
	[WEIR_A_LIMITS_BODY_CHUNKS_STATUS] = NLA_POLICY_RANGE(NLA_U32, 400, 599),
	[WEIR_A_LIMITS_BODY_CHUNKS_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_body_chunks_block_range),
	[WEIR_A_LIMITS_BODY_AHEAD] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_body_ahead_range),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_tls_handshake_rate_range),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_tls_handshake_rate_block_range),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_BURST] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_tls_handshake_burst_range),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_BURST_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_TLS_HANDSHAKE_BURST_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_tls_handshake_burst_block_range),
	[WEIR_A_LIMITS_TLS_INCOMPLETE_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_limits_tls_incomplete_rate_range),
	[WEIR_A_LIMITS_TLS_INCOMPLETE_RATE_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_TLS_INCOMPLETE_RATE_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_tls_incomplete_rate_block_range),
	[WEIR_A_LIMITS_TLS_FINGERPRINT_DENY] = { .type = NLA_STRING, .len = WEIR_ABI_FINGERPRINT_MAX, },
	[WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_ACTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_BLOCK] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_limits_tls_fingerprint_deny_block_range),
};

const struct nla_policy weir_listener_nl_policy[WEIR_A_LISTENER_PROTOCOL + 1] = {
	[WEIR_A_LISTENER_ADDRESS4] = { .type = NLA_U32, },
	[WEIR_A_LISTENER_ADDRESS6] = NLA_POLICY_EXACT_LEN(16),
	[WEIR_A_LISTENER_PORT] = NLA_POLICY_MIN(NLA_U16, 1),
	[WEIR_A_LISTENER_PROTOCOL] = NLA_POLICY_MAX(NLA_U32, 1),
};

const struct nla_policy weir_log_nl_policy[WEIR_A_LOG_RATE + 1] = {
	[WEIR_A_LOG_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_log_rate_range),
};

const struct nla_policy weir_match_nl_policy[WEIR_A_MATCH_MASK + 1] = {
	[WEIR_A_MATCH_KIND] = NLA_POLICY_MAX(NLA_U32, 8),
	[WEIR_A_MATCH_NEGATE] = { .type = NLA_FLAG, },
	[WEIR_A_MATCH_NAME] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_PATTERN_MAX, },
	[WEIR_A_MATCH_PATTERN] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_PATTERN_MAX, },
	[WEIR_A_MATCH_ADDRESS4] = { .type = NLA_U32, },
	[WEIR_A_MATCH_ADDRESS6] = NLA_POLICY_EXACT_LEN(16),
	[WEIR_A_MATCH_PREFIX] = NLA_POLICY_MAX(NLA_U32, 128),
	[WEIR_A_MATCH_MARK] = { .type = NLA_U32, },
	[WEIR_A_MATCH_MASK] = { .type = NLA_U32, },
};

const struct nla_policy weir_network_nl_policy[WEIR_A_NETWORK_PREFIX + 1] = {
	[WEIR_A_NETWORK_ADDRESS4] = { .type = NLA_U32, },
	[WEIR_A_NETWORK_ADDRESS6] = NLA_POLICY_EXACT_LEN(16),
	[WEIR_A_NETWORK_PREFIX] = NLA_POLICY_MAX(NLA_U32, 128),
};

const struct nla_policy weir_proxy_nl_policy[WEIR_A_PROXY_FORWARDED + 1] = {
	[WEIR_A_PROXY_X_FORWARDED] = NLA_POLICY_MAX(NLA_U32, 2),
	[WEIR_A_PROXY_FORWARDED] = NLA_POLICY_MAX(NLA_U32, 2),
};

const struct nla_policy weir_rule_nl_policy[WEIR_A_RULE_JUMP + 1] = {
	[WEIR_A_RULE_CHAIN] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_RULE_MATCH] = NLA_POLICY_NESTED(weir_match_nl_policy),
	[WEIR_A_RULE_ACTION] = NLA_POLICY_MAX(NLA_U32, 6),
	[WEIR_A_RULE_UPSTREAM] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_RULE_LOCATION] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_LOCATION_MAX, },
	[WEIR_A_RULE_STATUS] = NLA_POLICY_MAX(NLA_U32, 599),
	[WEIR_A_RULE_MARK] = { .type = NLA_U32, },
	[WEIR_A_RULE_JUMP] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
};

const struct nla_policy weir_server_nl_policy[WEIR_A_SERVER_BACKUP + 1] = {
	[WEIR_A_SERVER_UPSTREAM] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_SERVER_ADDRESS4] = { .type = NLA_U32, },
	[WEIR_A_SERVER_ADDRESS6] = NLA_POLICY_EXACT_LEN(16),
	[WEIR_A_SERVER_PORT] = NLA_POLICY_MIN(NLA_U16, 1),
	[WEIR_A_SERVER_CONNECTIONS] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_CONNECTIONS_MAX),
	[WEIR_A_SERVER_CONNECTIONS_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_server_connections_max_range),
	[WEIR_A_SERVER_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, 1, WEIR_ABI_WEIGHT_MAX),
	[WEIR_A_SERVER_BACKUP] = { .type = NLA_FLAG, },
};

const struct nla_policy weir_timeouts_nl_policy[WEIR_A_TIMEOUTS_TUNNEL + 1] = {
	[WEIR_A_TIMEOUTS_CLIENT_HEADER] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_client_header_range),
	[WEIR_A_TIMEOUTS_CLIENT_BODY] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_client_body_range),
	[WEIR_A_TIMEOUTS_KEEPALIVE] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_keepalive_range),
	[WEIR_A_TIMEOUTS_UPSTREAM_CONNECT] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_upstream_connect_range),
	[WEIR_A_TIMEOUTS_UPSTREAM_RESPONSE] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_upstream_response_range),
	[WEIR_A_TIMEOUTS_TUNNEL] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_timeouts_tunnel_range),
};

const struct nla_policy weir_tls_nl_policy[WEIR_A_TLS_MIN_VERSION + 1] = {
	[WEIR_A_TLS_UNKNOWN_NAME] = NLA_POLICY_MAX(NLA_U32, 1),
	[WEIR_A_TLS_MIN_VERSION] = NLA_POLICY_MAX(NLA_U32, 1),
};

const struct nla_policy weir_upstream_nl_policy[WEIR_A_UPSTREAM_HEALTH + 1] = {
	[WEIR_A_UPSTREAM_NAME] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_UPSTREAM_BALANCE] = NLA_POLICY_MAX(NLA_U32, 2),
	[WEIR_A_UPSTREAM_HASH_KEY] = NLA_POLICY_MAX(NLA_U32, 2),
	[WEIR_A_UPSTREAM_QUEUE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_upstream_queue_range),
	[WEIR_A_UPSTREAM_QUEUE_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_upstream_queue_timeout_range),
	[WEIR_A_UPSTREAM_STICKY_COOKIE] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_TEXT_MAX, },
	[WEIR_A_UPSTREAM_RETRIES] = NLA_POLICY_MAX(NLA_U32, WEIR_ABI_RETRIES_MAX),
	[WEIR_A_UPSTREAM_FAIL_COUNT] = NLA_POLICY_MAX(NLA_U32, WEIR_ABI_COUNT_MAX),
	[WEIR_A_UPSTREAM_FAIL_TIME] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_upstream_fail_time_range),
	[WEIR_A_UPSTREAM_SLOW_START] = NLA_POLICY_FULL_RANGE(NLA_UINT, &weir_a_upstream_slow_start_range),
	[WEIR_A_UPSTREAM_HEALTH] = NLA_POLICY_NESTED(weir_health_nl_policy),
};

const struct nla_policy weir_vhost_nl_policy[WEIR_A_VHOST_CHALLENGE + 1] = {
	[WEIR_A_VHOST_NAME] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_VHOST_HOST] = { .type = NLA_STRING, .len = WEIR_ABI_HOST_MAX, },
	[WEIR_A_VHOST_UPSTREAM] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_VHOST_CHAIN] = { .type = NLA_NUL_STRING, .len = WEIR_ABI_NAME_MAX, },
	[WEIR_A_VHOST_CHECKS] = NLA_POLICY_NESTED(weir_checks_nl_policy),
	[WEIR_A_VHOST_CHALLENGE] = NLA_POLICY_MAX(NLA_U32, 2),
};

/* WEIR_CMD_BEGIN - do */
static const struct nla_policy weir_begin_nl_policy[WEIR_A_INFO_ABI + 1] = {
	[WEIR_A_INFO_ABI] = { .type = NLA_U32, },
};

/* WEIR_CMD_STAGE_LISTENER - do */
static const struct nla_policy weir_stage_listener_nl_policy[WEIR_A_CONFIG_LISTENER + 1] = {
	[WEIR_A_CONFIG_LISTENER] = NLA_POLICY_NESTED(weir_listener_nl_policy),
};

/* WEIR_CMD_STAGE_UPSTREAM - do */
static const struct nla_policy weir_stage_upstream_nl_policy[WEIR_A_CONFIG_UPSTREAM + 1] = {
	[WEIR_A_CONFIG_UPSTREAM] = NLA_POLICY_NESTED(weir_upstream_nl_policy),
};

/* WEIR_CMD_STAGE_SERVER - do */
static const struct nla_policy weir_stage_server_nl_policy[WEIR_A_CONFIG_SERVER + 1] = {
	[WEIR_A_CONFIG_SERVER] = NLA_POLICY_NESTED(weir_server_nl_policy),
};

/* WEIR_CMD_STAGE_LIMITS - do */
static const struct nla_policy weir_stage_limits_nl_policy[WEIR_A_CONFIG_LIMITS + 1] = {
	[WEIR_A_CONFIG_LIMITS] = NLA_POLICY_NESTED(weir_limits_nl_policy),
};

/* WEIR_CMD_STAGE_TIMEOUTS - do */
static const struct nla_policy weir_stage_timeouts_nl_policy[WEIR_A_CONFIG_TIMEOUTS + 1] = {
	[WEIR_A_CONFIG_TIMEOUTS] = NLA_POLICY_NESTED(weir_timeouts_nl_policy),
};

/* WEIR_CMD_COMMIT - do */
static const struct nla_policy weir_commit_nl_policy[WEIR_A_COMMIT_STAGED + 1] = {
	[WEIR_A_COMMIT_STAGED] = { .type = NLA_U32, },
};

/* WEIR_CMD_STAGE_VHOST - do */
static const struct nla_policy weir_stage_vhost_nl_policy[WEIR_A_CONFIG_VHOST + 1] = {
	[WEIR_A_CONFIG_VHOST] = NLA_POLICY_NESTED(weir_vhost_nl_policy),
};

/* WEIR_CMD_STAGE_RULE - do */
static const struct nla_policy weir_stage_rule_nl_policy[WEIR_A_CONFIG_RULE + 1] = {
	[WEIR_A_CONFIG_RULE] = NLA_POLICY_NESTED(weir_rule_nl_policy),
};

/* WEIR_CMD_STAGE_ERROR_PAGE - do */
static const struct nla_policy weir_stage_error_page_nl_policy[WEIR_A_CONFIG_ERROR_PAGE + 1] = {
	[WEIR_A_CONFIG_ERROR_PAGE] = NLA_POLICY_NESTED(weir_error_page_nl_policy),
};

/* WEIR_CMD_STAGE_PROXY - do */
static const struct nla_policy weir_stage_proxy_nl_policy[WEIR_A_CONFIG_PROXY + 1] = {
	[WEIR_A_CONFIG_PROXY] = NLA_POLICY_NESTED(weir_proxy_nl_policy),
};

/* WEIR_CMD_STAGE_FIREWALL - do */
static const struct nla_policy weir_stage_firewall_nl_policy[WEIR_A_CONFIG_FIREWALL + 1] = {
	[WEIR_A_CONFIG_FIREWALL] = NLA_POLICY_NESTED(weir_firewall_nl_policy),
};

/* WEIR_CMD_STAGE_ATTACK - do */
static const struct nla_policy weir_stage_attack_nl_policy[WEIR_A_CONFIG_ATTACK + 1] = {
	[WEIR_A_CONFIG_ATTACK] = NLA_POLICY_NESTED(weir_attack_nl_policy),
};

/* WEIR_CMD_BLOCK_ADD - do */
static const struct nla_policy weir_block_add_nl_policy[WEIR_A_BLOCKS_BLOCK + 1] = {
	[WEIR_A_BLOCKS_BLOCK] = NLA_POLICY_NESTED(weir_block_nl_policy),
};

/* WEIR_CMD_BLOCK_DEL - do */
static const struct nla_policy weir_block_del_nl_policy[WEIR_A_BLOCKS_BLOCK + 1] = {
	[WEIR_A_BLOCKS_BLOCK] = NLA_POLICY_NESTED(weir_block_nl_policy),
};

/* WEIR_CMD_STAGE_CHALLENGE - do */
static const struct nla_policy weir_stage_challenge_nl_policy[WEIR_A_CONFIG_CHALLENGE + 1] = {
	[WEIR_A_CONFIG_CHALLENGE] = NLA_POLICY_NESTED(weir_challenge_nl_policy),
};

/* WEIR_CMD_STAGE_LOG - do */
static const struct nla_policy weir_stage_log_nl_policy[WEIR_A_CONFIG_LOG + 1] = {
	[WEIR_A_CONFIG_LOG] = NLA_POLICY_NESTED(weir_log_nl_policy),
};

/* WEIR_CMD_STAGE_CERTIFICATE - do */
static const struct nla_policy weir_stage_certificate_nl_policy[WEIR_A_CONFIG_CERTIFICATE + 1] = {
	[WEIR_A_CONFIG_CERTIFICATE] = NLA_POLICY_NESTED(weir_certificate_nl_policy),
};

/* WEIR_CMD_STAGE_TLS - do */
static const struct nla_policy weir_stage_tls_nl_policy[WEIR_A_CONFIG_TLS + 1] = {
	[WEIR_A_CONFIG_TLS] = NLA_POLICY_NESTED(weir_tls_nl_policy),
};

/* Ops table for weir */
const struct genl_split_ops weir_nl_ops[25] = {
	{
		.cmd	= WEIR_CMD_GET_INFO,
		.doit	= weir_nl_get_info_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_BEGIN,
		.doit		= weir_nl_begin_doit,
		.policy		= weir_begin_nl_policy,
		.maxattr	= WEIR_A_INFO_ABI,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_LISTENER,
		.doit		= weir_nl_stage_listener_doit,
		.policy		= weir_stage_listener_nl_policy,
		.maxattr	= WEIR_A_CONFIG_LISTENER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_UPSTREAM,
		.doit		= weir_nl_stage_upstream_doit,
		.policy		= weir_stage_upstream_nl_policy,
		.maxattr	= WEIR_A_CONFIG_UPSTREAM,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_SERVER,
		.doit		= weir_nl_stage_server_doit,
		.policy		= weir_stage_server_nl_policy,
		.maxattr	= WEIR_A_CONFIG_SERVER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_LIMITS,
		.doit		= weir_nl_stage_limits_doit,
		.policy		= weir_stage_limits_nl_policy,
		.maxattr	= WEIR_A_CONFIG_LIMITS,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_TIMEOUTS,
		.doit		= weir_nl_stage_timeouts_doit,
		.policy		= weir_stage_timeouts_nl_policy,
		.maxattr	= WEIR_A_CONFIG_TIMEOUTS,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_COMMIT,
		.doit		= weir_nl_commit_doit,
		.policy		= weir_commit_nl_policy,
		.maxattr	= WEIR_A_COMMIT_STAGED,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_ABORT,
		.doit	= weir_nl_abort_doit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_GET_CONFIG,
		.start	= weir_nl_get_config_start,
		.dumpit	= weir_nl_get_config_dumpit,
		.done	= weir_nl_get_config_done,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd	= WEIR_CMD_GET_STATS,
		.start	= weir_nl_get_stats_start,
		.dumpit	= weir_nl_get_stats_dumpit,
		.done	= weir_nl_get_stats_done,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_STAGE_VHOST,
		.doit		= weir_nl_stage_vhost_doit,
		.policy		= weir_stage_vhost_nl_policy,
		.maxattr	= WEIR_A_CONFIG_VHOST,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_RULE,
		.doit		= weir_nl_stage_rule_doit,
		.policy		= weir_stage_rule_nl_policy,
		.maxattr	= WEIR_A_CONFIG_RULE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_ERROR_PAGE,
		.doit		= weir_nl_stage_error_page_doit,
		.policy		= weir_stage_error_page_nl_policy,
		.maxattr	= WEIR_A_CONFIG_ERROR_PAGE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_PROXY,
		.doit		= weir_nl_stage_proxy_doit,
		.policy		= weir_stage_proxy_nl_policy,
		.maxattr	= WEIR_A_CONFIG_PROXY,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_FIREWALL,
		.doit		= weir_nl_stage_firewall_doit,
		.policy		= weir_stage_firewall_nl_policy,
		.maxattr	= WEIR_A_CONFIG_FIREWALL,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_ATTACK,
		.doit		= weir_nl_stage_attack_doit,
		.policy		= weir_stage_attack_nl_policy,
		.maxattr	= WEIR_A_CONFIG_ATTACK,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_BLOCK_ADD,
		.doit		= weir_nl_block_add_doit,
		.policy		= weir_block_add_nl_policy,
		.maxattr	= WEIR_A_BLOCKS_BLOCK,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_BLOCK_DEL,
		.doit		= weir_nl_block_del_doit,
		.policy		= weir_block_del_nl_policy,
		.maxattr	= WEIR_A_BLOCKS_BLOCK,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_BLOCK_LIST,
		.start	= weir_nl_block_list_start,
		.dumpit	= weir_nl_block_list_dumpit,
		.done	= weir_nl_block_list_done,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd	= WEIR_CMD_BLOCK_FLUSH,
		.doit	= weir_nl_block_flush_doit,
		.flags	= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_CHALLENGE,
		.doit		= weir_nl_stage_challenge_doit,
		.policy		= weir_stage_challenge_nl_policy,
		.maxattr	= WEIR_A_CONFIG_CHALLENGE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_LOG,
		.doit		= weir_nl_stage_log_doit,
		.policy		= weir_stage_log_nl_policy,
		.maxattr	= WEIR_A_CONFIG_LOG,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_CERTIFICATE,
		.doit		= weir_nl_stage_certificate_doit,
		.policy		= weir_stage_certificate_nl_policy,
		.maxattr	= WEIR_A_CONFIG_CERTIFICATE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STAGE_TLS,
		.doit		= weir_nl_stage_tls_doit,
		.policy		= weir_stage_tls_nl_policy,
		.maxattr	= WEIR_A_CONFIG_TLS,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

