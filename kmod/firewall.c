// SPDX-License-Identifier: GPL-2.0-only
/* The allow-list: put together, and looked up in. */

#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "firewall.h"

void weir_firewall_setup(struct weir_firewall *firewall)
{
	memset(firewall, 0, sizeof(*firewall));
	firewall->block_max = WEIR_BLOCK_MAX_DEFAULT;
}

void weir_firewall_release(struct weir_firewall *firewall)
{
	kvfree(firewall->allow);
	kvfree(firewall->sorted);
	kvfree(firewall->proxies);
}

int weir_firewall_allow(struct weir_firewall *firewall, const struct weir_prefix *prefix,
			struct netlink_ext_ack *extack)
{
	if (firewall->allow_count == WEIR_ALLOW_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d prefixes in the allow-list",
				   WEIR_ALLOW_MAX);
		return -E2BIG;
	}
	if (!firewall->allow)
		firewall->allow = kvcalloc(WEIR_ALLOW_MAX, sizeof(*prefix), GFP_KERNEL_ACCOUNT);
	if (!firewall->allow)
		return -ENOMEM;
	firewall->allow[firewall->allow_count++] = *prefix;
	return 0;
}

int weir_firewall_trust(struct weir_firewall *firewall, const struct weir_prefix *prefix,
			struct netlink_ext_ack *extack)
{
	if (firewall->proxy_count == WEIR_PROXIES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "more than %d prefixes of proxies", WEIR_PROXIES_MAX);
		return -E2BIG;
	}
	if (!firewall->proxies)
		firewall->proxies = kvcalloc(WEIR_PROXIES_MAX, sizeof(*prefix),
					     GFP_KERNEL_ACCOUNT);
	if (!firewall->proxies)
		return -ENOMEM;
	firewall->proxies[firewall->proxy_count++] = *prefix;
	return 0;
}

bool weir_firewall_trusts(const struct weir_firewall *firewall, const struct in6_addr *address)
{
	struct weir_prefix whole;
	u32 i;

	if (!firewall->proxy_count)
		return false;
	weir_prefix_set(&whole, address, WEIR_PREFIX_MAX);
	for (i = 0; i < firewall->proxy_count; i++)
		if (weir_prefix_contains(&firewall->proxies[i], &whole))
			return true;
	return false;
}

/* By family, then by address; of two with one address the longer one is later. */
static int weir_prefix_compare(const void *a, const void *b)
{
	const struct weir_prefix *left = a, *right = b;
	int order = weir_prefix_is_v4(right) - weir_prefix_is_v4(left);

	if (!order)
		order = memcmp(&left->address, &right->address, sizeof(left->address));
	return order ?: (left->len > right->len) - (left->len < right->len);
}

int weir_firewall_finish(struct weir_firewall *firewall, struct netlink_ext_ack *extack)
{
	struct weir_prefix *sorted;
	u32 i, count = 0;

	if (!firewall->block_max || firewall->block_max > WEIR_BLOCK_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "block_max must be 1 to %d", WEIR_BLOCK_MAX);
		return -EINVAL;
	}
	if (firewall->allow_mark & ~firewall->allow_mask ||
	    firewall->block_mark & ~firewall->block_mask) {
		NL_SET_ERR_MSG(extack, "allow_mark or block_mark has bits beyond its mask");
		return -EINVAL;
	}
	if (!firewall->allow_count)
		return 0;
	sorted = kvmalloc_array(firewall->allow_count, sizeof(*sorted), GFP_KERNEL_ACCOUNT);
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, firewall->allow, array_size(firewall->allow_count, sizeof(*sorted)));
	sort(sorted, firewall->allow_count, sizeof(*sorted), weir_prefix_compare, NULL);
	for (i = 0; i < firewall->allow_count; i++)
		if (!count || !weir_prefix_contains(&sorted[count - 1], &sorted[i]))
			sorted[count++] = sorted[i];
	kvfree(firewall->sorted);
	firewall->sorted = sorted;
	firewall->sorted_count = count;
	return 0;
}

/* As none is within another, only the last one that is not behind @prefix can contain it. */
bool weir_firewall_allows(const struct weir_firewall *firewall, const struct weir_prefix *prefix)
{
	u32 from = 0, to = firewall->sorted_count, middle;

	while (from < to) {
		middle = (from + to) / 2;
		if (weir_prefix_compare(&firewall->sorted[middle], prefix) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from && weir_prefix_contains(&firewall->sorted[from - 1], prefix);
}
