/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	kmod/spec/weir.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_WEIR_GEN_H
#define _LINUX_WEIR_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/weir.h>

/* Common nested types */
extern const struct nla_policy weir_attack_nl_policy[WEIR_A_ATTACK_HOLD + 1];
extern const struct nla_policy weir_block_nl_policy[WEIR_A_BLOCK_TIME + 1];
extern const struct nla_policy weir_certificate_nl_policy[WEIR_A_CERTIFICATE_STAPLE_FILE + 1];
extern const struct nla_policy weir_challenge_nl_policy[WEIR_A_CHALLENGE_PER_VHOST + 1];
extern const struct nla_policy weir_checks_nl_policy[WEIR_A_CHECKS_RESPONSE_CODE_TIME + 1];
extern const struct nla_policy weir_error_page_nl_policy[WEIR_A_ERROR_PAGE_BODY + 1];
extern const struct nla_policy weir_firewall_nl_policy[WEIR_A_FIREWALL_FORWARDED_FOR + 1];
extern const struct nla_policy weir_health_nl_policy[WEIR_A_HEALTH_FALL + 1];
extern const struct nla_policy weir_limits_nl_policy[WEIR_A_LIMITS_TLS_FINGERPRINT_DENY_BLOCK + 1];
extern const struct nla_policy weir_listener_nl_policy[WEIR_A_LISTENER_PROTOCOL + 1];
extern const struct nla_policy weir_log_nl_policy[WEIR_A_LOG_RATE + 1];
extern const struct nla_policy weir_match_nl_policy[WEIR_A_MATCH_MASK + 1];
extern const struct nla_policy weir_network_nl_policy[WEIR_A_NETWORK_PREFIX + 1];
extern const struct nla_policy weir_proxy_nl_policy[WEIR_A_PROXY_FORWARDED + 1];
extern const struct nla_policy weir_rule_nl_policy[WEIR_A_RULE_JUMP + 1];
extern const struct nla_policy weir_server_nl_policy[WEIR_A_SERVER_BACKUP + 1];
extern const struct nla_policy weir_timeouts_nl_policy[WEIR_A_TIMEOUTS_TUNNEL + 1];
extern const struct nla_policy weir_tls_nl_policy[WEIR_A_TLS_MIN_VERSION + 1];
extern const struct nla_policy weir_upstream_nl_policy[WEIR_A_UPSTREAM_HEALTH + 1];
extern const struct nla_policy weir_vhost_nl_policy[WEIR_A_VHOST_CHALLENGE + 1];

/* Ops table for weir */
extern const struct genl_split_ops weir_nl_ops[25];

int weir_nl_get_config_start(struct netlink_callback *cb);
int weir_nl_get_stats_start(struct netlink_callback *cb);
int weir_nl_block_list_start(struct netlink_callback *cb);
int weir_nl_get_config_done(struct netlink_callback *cb);
int weir_nl_get_stats_done(struct netlink_callback *cb);
int weir_nl_block_list_done(struct netlink_callback *cb);

int weir_nl_get_info_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_begin_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_listener_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_upstream_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_server_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_limits_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_timeouts_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_commit_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_abort_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_get_config_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_get_stats_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_stage_vhost_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_rule_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_error_page_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_proxy_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_firewall_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_attack_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_block_add_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_block_del_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_block_list_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_block_flush_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_challenge_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_log_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_certificate_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stage_tls_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	WEIR_NLGRP_EVENTS,
};

#endif /* _LINUX_WEIR_GEN_H */
