/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of requests (http_policy.h) as parts of a configuration: those of all
 * virtual hosts, and what each has of its own.
 */
#ifndef _WEIR_CHECKS_H
#define _WEIR_CHECKS_H

#include "config.h"

/* How a member of a policy is written on netlink. */
enum weir_check_kind {
	WEIR_CHECK_NONE,
	WEIR_CHECK_U32,
	WEIR_CHECK_U64,
	WEIR_CHECK_BOOL,
	WEIR_CHECK_BITS,	/* bit by bit, from the first byte's lowest on */
	WEIR_CHECK_TEXT,
};

/**
 * struct weir_check_member - a member of struct http_policy that can be configured
 * @kind: its type; WEIR_CHECK_NONE: there is none
 * @offset: where it is
 * @size: its size
 */
struct weir_check_member {
	enum weir_check_kind	kind;
	size_t			offset;
	size_t			size;
};

/* By attribute, WEIR_A_CHECKS_*. */
extern const struct weir_check_member weir_check_members[];
extern const unsigned int weir_check_member_count;

/*
 * Once all is staged: give virtual hosts what they have not of their own, and
 * say in the limits how much the parser has to let through.  Process context.
 */
void weir_checks_finish(struct weir_config *config);

/* What is checked for a virtual host, by its index, or WEIR_PAGE_EVERYWHERE.  RCU. */
const struct http_policy *weir_checks_of(const struct weir_config *config, u32 vhost);

#endif /* _WEIR_CHECKS_H */
