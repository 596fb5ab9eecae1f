// SPDX-License-Identifier: GPL-2.0-only
/* TLS fingerprints that are refused. */

#include <linux/netlink.h>
#include <linux/slab.h>

#include "fingerprints.h"

int weir_fingerprints_add(struct weir_fingerprints *fingerprints, struct http_text pattern,
			  struct netlink_ext_ack *extack)
{
	struct weir_fingerprint *member;

	if (fingerprints->count == WEIR_FINGERPRINTS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d fingerprints", WEIR_FINGERPRINTS_MAX);
		return -E2BIG;
	}
	/* They point into themselves: the array must not move. */
	if (!fingerprints->members)
		fingerprints->members = kvcalloc(WEIR_FINGERPRINTS_MAX, sizeof(*member),
						 GFP_KERNEL_ACCOUNT);
	if (!fingerprints->members)
		return -ENOMEM;
	member = &fingerprints->members[fingerprints->count++];
	http_pattern_compile(&member->pattern, pattern.at, pattern.len, false, member->store);
	return 0;
}

void weir_fingerprints_release(struct weir_fingerprints *fingerprints)
{
	kvfree(fingerprints->members);
}

bool weir_fingerprints_have(const struct weir_fingerprints *fingerprints,
			    struct http_text fingerprint)
{
	u32 i;

	for (i = 0; i < fingerprints->count; i++)
		if (http_pattern_matches(&fingerprints->members[i].pattern, fingerprint.at,
					 fingerprint.len))
			return true;
	return false;
}
