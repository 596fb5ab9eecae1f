/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration of one network namespace: what control.c fills in and the
 * data path reads.  A configuration is written while nobody else can see it;
 * once applied it is never changed, only replaced, and its readers hold the
 * RCU read lock or a reference.
 */
#ifndef _WEIR_CONFIG_H
#define _WEIR_CONFIG_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/refcount.h>
#include <linux/socket.h>
#include <linux/types.h>

#include "attack.h"
#include "challenge.h"
#include "clients.h"
#include "fingerprints.h"
#include "firewall.h"
#include "pace.h"

struct net;
struct netlink_ext_ack;
struct weir_group;
struct weir_identities;
struct weir_pages;
struct weir_rules;
struct weir_servers;

enum weir_config_bounds {
	WEIR_LISTENERS_MAX	= 64,
	WEIR_UPSTREAMS_MAX	= 64,
	WEIR_SERVERS_MAX	= 64,		/* of one upstream group */
	WEIR_CONNECTIONS_MAX	= 1024,		/* held open to one server */
	WEIR_GROWN_MAX		= 32768,	/* to one server when they are needed */
	WEIR_GROWN_DEFAULT	= 1024,
	WEIR_WEIGHT_MAX		= 1000,
	WEIR_NAME_MAX		= 32,		/* with the closing NUL */
	WEIR_QUEUE_MAX		= 65536,	/* requests that wait in one group */
	WEIR_RETRIES_MAX	= 8,
	WEIR_COUNT_MAX		= 1000,		/* failures or checks in a row */
	WEIR_TEXT_MAX		= 128,		/* a URI, a host, a cookie's name; with the NUL */
	WEIR_HEADER_TOTAL_MIN	= 256,		/* bytes */
	WEIR_HEADER_TOTAL_MAX	= 32768,	/* bytes */
	WEIR_HEADER_COUNT_MAX	= 256,
	WEIR_URI_LENGTH_MIN	= 64,		/* bytes */
	WEIR_URI_LENGTH_MAX	= 32768,	/* bytes */
	WEIR_RATE_MAX		= 1 << 30,
	WEIR_BODY_AHEAD_MAX	= 65536,	/* bytes; a pipe holds more */
	WEIR_STATUS_MIN		= 400,
	WEIR_STATUS_MAX		= 599,
};

#define WEIR_TIMEOUT_MIN_US	1000ULL			/* 1 ms */
#define WEIR_TIMEOUT_MAX_US	(86400ULL * 1000000)	/* a day */

/* What is done with a request, or a connection, over its client's limit. */
enum weir_action {
	WEIR_ACTION_REPLY,	/* an error reply, the connection stays open; requests only */
	WEIR_ACTION_RESET,	/* RST */
	WEIR_ACTION_DROP,	/* the connection is gone, and nothing says so */
	WEIR_ACTION_CHALLENGE,	/* who has a session passes, who has none is challenged; ditto */
	__WEIR_ACTION_COUNT,
};

/* An address and a port; the family says which member is meant. */
union weir_address {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

/**
 * struct weir_listener_config - where clients are listened to
 * @address: the address
 * @tls: they speak https there
 */
struct weir_listener_config {
	union weir_address	address;
	bool			tls;
};

/* How a server is chosen. */
enum weir_balance {
	WEIR_BALANCE_ROUND_ROBIN,
	WEIR_BALANCE_LEAST_CONNECTIONS,
	WEIR_BALANCE_HASH,
	__WEIR_BALANCE_COUNT,
};

/* What of a request is hashed. */
enum weir_hash_key {
	WEIR_HASH_KEY_ADDRESS,	/* the client's */
	WEIR_HASH_KEY_URI,	/* path and query as sent */
	WEIR_HASH_KEY_HOST,
	__WEIR_HASH_KEY_COUNT,
};

/**
 * struct weir_server_config - one server of an upstream group
 * @address: where it listens
 * @connections: how many connections are held open, spread over the CPUs
 * @connections_max: how many there may be when requests wait for one
 * @weight: its share of requests, in proportion to the others'
 * @backup: used only while no other server of the group can be
 */
struct weir_server_config {
	union weir_address	address;
	u32			connections;
	u32			connections_max;
	u32			weight;
	bool			backup;
};

/**
 * struct weir_health_settings - how servers are asked whether they are well
 * @period: microseconds from one check of a server to the next; 0: none is checked
 * @timeout: how long a check may take, microseconds
 * @uri: what is asked for
 * @host: the Host field; empty: the server's address
 * @status: what a server that is well answers; 0: any 2xx or 3xx
 * @rise: checks in a row that a sick server has to pass
 * @fall: checks in a row that a well one has to fail
 */
struct weir_health_settings {
	u64	period;
	u64	timeout;
	char	uri[WEIR_TEXT_MAX];
	char	host[WEIR_TEXT_MAX];
	u32	status;
	u32	rise;
	u32	fall;
};

/**
 * struct weir_group_settings - how an upstream group treats requests
 * @balance: how a server is chosen
 * @hash_key: for WEIR_BALANCE_HASH
 * @queue: requests that may wait for a connection; more are answered with 503
 * @queue_timeout: how long one may wait, microseconds
 * @sticky_cookie: name of the cookie that keeps a client at its server, or empty
 * @retries: how often a request that may be repeated is sent again
 * @fail_count: requests in a row that a server fails until it is left out; 0: any number
 * @fail_time: how long it is left out, microseconds
 * @slow_start: until a server that came back has its full weight, microseconds
 * @health: how servers are checked
 */
struct weir_group_settings {
	enum weir_balance	balance;
	enum weir_hash_key	hash_key;
	u32			queue;
	u64			queue_timeout;
	char			sticky_cookie[WEIR_TEXT_MAX];
	u32			retries;
	u32			fail_count;
	u64			fail_time;
	u64			slow_start;
	struct weir_health_settings health;
};

/**
 * struct weir_upstream_config - one upstream group
 * @name: its name
 * @settings: how it treats requests
 * @server_count: used entries of @servers
 * @servers: its servers
 *
 * Set while the configuration is applied, and not changed afterwards:
 * @group: what serves it, with a reference
 * @made: its servers on their way into @group
 */
struct weir_upstream_config {
	char				name[WEIR_NAME_MAX];
	struct weir_group_settings	settings;
	u32				server_count;
	struct weir_server_config	*servers;
	struct weir_group		*group;
	struct weir_servers		*made;
};

/* What becomes of a field that tells servers of the client. */
enum weir_forward {
	WEIR_FORWARD_APPEND,	/* to what the client sent */
	WEIR_FORWARD_REPLACE,	/* what the client sent */
	WEIR_FORWARD_OFF,	/* as the client sent it */
};

/**
 * struct weir_proxy - what servers are told of a request's client
 * @differs: any of the others from its default: they have to be looked at
 * @x_forwarded: in X-Forwarded-For, and unless off in X-Forwarded-Proto
 * @forwarded: in Forwarded
 */
struct weir_proxy {
	bool			differs;
	enum weir_forward	x_forwarded;
	enum weir_forward	forwarded;
};

/**
 * struct weir_limit_answer - what is done about what passes a limit
 * @action: what; without @own_action, that of the limits
 * @own_action: the limit has an action of its own
 * @status: of a reply
 * @blocks: the client is blocked besides
 * @block_time: for how long, microseconds; 0: until it is unblocked
 */
struct weir_limit_answer {
	enum weir_action	action;
	bool			own_action;
	bool			blocks;
	u16			status;
	u64			block_time;
};

/**
 * struct weir_limits - what a client may do; 0 = no limit where said
 * @most: by enum weir_limit, how many of a client's are allowed, or how few
 *	bytes in a second, or how many fingerprints are not; 0 = off
 * @answers: by the same, what is done with what passes it
 * @action: what is done where a limit does not say
 * @ipv6_prefix: addresses with as many bits in common are one client
 * @header_total: bytes of a request's head, start line included
 * @header_count: fields of a request's head
 * @body_length: bytes of a request's body; 0 = off
 * @uri_length: bytes of a request's target
 * @client_memory: bytes held for one client; 0 = off
 * @total_memory: bytes held for all clients; 0 = off
 * @body_ahead: bytes of a request's body, or all of it, before a server is asked
 * @min_body_grace: microseconds that a body may be behind its least rate
 * @min_send_grace: ditto, a client that takes a reply
 *
 * Set while the configuration is applied, and not changed afterwards:
 * @counts_requests: one of the limits of requests is set
 * @counts_connections: ditto, of connections
 * @counts_codes: replies with certain codes are counted
 * @uri_most: the longest target that any virtual host allows
 * @body_most: ditto, body; 0 = off
 * @counts_misses: that of challenges is set
 * @counts_handshakes: one of those of TLS handshakes is
 * @blocks: one of them blocks its client
 * @body_pace: the least rate of bodies, in ticks
 * @send_pace: ditto, of replies
 */
struct weir_limits {
	u32			most[WEIR_LIMIT_COUNT];
	struct weir_limit_answer answers[WEIR_LIMIT_COUNT];
	enum weir_action	action;
	u32			ipv6_prefix;
	u32			header_total;
	u32			header_count;
	u64			body_length;
	u32			uri_length;
	u64			client_memory;
	u64			total_memory;
	u32			body_ahead;
	u64			min_body_grace;
	u64			min_send_grace;
	bool			counts_requests;
	bool			counts_connections;
	bool			blocks;
	bool			counts_codes;
	u32			uri_most;
	u64			body_most;
	bool			counts_misses;
	bool			counts_handshakes;
	struct weir_pace_rule	body_pace;
	struct weir_pace_rule	send_pace;
};

/**
 * struct weir_log - what is told as events
 * @rate: how many of each CPU in a second
 */
struct weir_log {
	u32	rate;
};

/* All in microseconds, WEIR_TIMEOUT_MIN_US to WEIR_TIMEOUT_MAX_US. */
struct weir_timeouts {
	u64 client_header;	/* first byte of a head to its end */
	u64 client_body;	/* gap between pieces, either direction */
	u64 keepalive;		/* idle between requests */
	u64 upstream_connect;	/* SYN to ESTABLISHED */
	u64 upstream_response;	/* request sent to reply head; gap between pieces of its body */
	u64 tunnel;		/* gap between bytes of either direction after a 101 */
};

/**
 * struct weir_config - one whole configuration
 * @refs: one of the namespace that it is applied to, one of each holder
 * @rcu: frees it
 * @limits: what a client may do
 * @policy: what requests are to be like, unless a virtual host has its own
 * @proxy: what servers are told of it
 * @timeouts: how long anybody may take
 * @listener_count: used entries of @listeners
 * @upstream_count: used entries of @upstreams
 * @listeners: where clients are listened to
 * @upstreams: upstream groups; the first is where requests go unless @rules say otherwise
 * @rules: virtual hosts and rules, or NULL
 * @pages: bodies of error replies, or NULL
 * @identities: certificates, or NULL
 * @firewall: whom the block table may not block, and how many it may
 * @fingerprints: of TLS, that are refused
 * @challenge: what clients have to do before they are served
 * @log: what is told as events
 * @attack: when a listener or a virtual host is under attack
 */
struct weir_config {
	refcount_t			refs;
	struct rcu_head			rcu;
	struct weir_limits		limits;
	struct http_policy		policy;
	struct weir_proxy		proxy;
	struct weir_timeouts		timeouts;
	u32				listener_count;
	u32				upstream_count;
	struct weir_listener_config	*listeners;
	struct weir_upstream_config	*upstreams;
	struct weir_rules		*rules;
	struct weir_pages		*pages;
	struct weir_identities		*identities;
	struct weir_firewall		firewall;
	struct weir_fingerprints	fingerprints;
	struct weir_challenge		challenge;
	struct weir_log			log;
	struct weir_attack_settings	attack;
};

/*
 * An empty configuration with one reference and the documented defaults of
 * limits and timeouts, or NULL.  Process context.
 */
struct weir_config *weir_config_alloc(void);
/* Drop a reference.  Any context. */
void weir_config_put(struct weir_config *config);

/*
 * Add to a configuration that is not applied yet.  -EEXIST for a duplicate,
 * -E2BIG for one too many, -EINVAL for anything out of bounds, all with a
 * message in @extack (which may be NULL); -ENOMEM without.  What
 * weir_config_add_upstream() returns has the default settings; it may move
 * when the next one is added.
 */
int weir_config_add_listener(struct weir_config *config,
			     const struct weir_listener_config *listener,
			     struct netlink_ext_ack *extack);
struct weir_upstream_config *weir_config_add_upstream(struct weir_config *config, const char *name,
						      struct netlink_ext_ack *extack);
int weir_config_add_server(struct weir_upstream_config *upstream,
			   const struct weir_server_config *server, struct netlink_ext_ack *extack);
/* The upstream group of this name, or NULL. */
struct weir_upstream_config *weir_config_find_upstream(const struct weir_config *config,
						       const char *name);
/* Whether the whole is consistent and in bounds: 0, or -EINVAL and a message. */
int weir_config_check(const struct weir_config *config, struct netlink_ext_ack *extack);

/*
 * Replace the namespace's configuration as one: checks, opens new listeners,
 * and only then publishes and closes what is no longer named.  On failure
 * nothing has changed.  Takes a reference of its own on success; the caller
 * keeps, and puts, his.  Connections in progress are not cut.  Process context,
 * sleeps.  An empty configuration (no listeners, no servers) stops serving.
 */
int weir_config_apply(struct net *net, struct weir_config *config, struct netlink_ext_ack *extack);
/* The applied configuration with a reference for the caller; never NULL.  Process context. */
struct weir_config *weir_config_current(struct net *net);

#endif /* _WEIR_CONFIG_H */
