/* SPDX-License-Identifier: GPL-2.0-only */
/* Address prefixes of both families: 192.0.2.0/24, 2001:db8::/32. */
#ifndef _WEIR_PREFIX_H
#define _WEIR_PREFIX_H

#include <linux/array_size.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <net/ipv6.h>

enum {
	WEIR_PREFIX_MAX		= 128,	/* bits */
	WEIR_PREFIX_MAPPED	= 96,	/* bits before the IPv4 address in a mapped one */
};

/**
 * struct weir_prefix - the addresses whose leading bits are these
 * @address: the bits, then zeros; an IPv4 prefix as a mapped address
 * @len: how many of the 128 count
 *
 * IPv4 prefixes are those of mapped addresses with at least 96 bits.  IPv6
 * prefixes never contain them, not even ::/0.
 */
struct weir_prefix {
	struct in6_addr	address;
	u32		len;
};

/* @len is at most WEIR_PREFIX_MAX; what is beyond it in @address is cut off. */
static inline void weir_prefix_set(struct weir_prefix *prefix, const struct in6_addr *address,
				   u32 len)
{
	int bits = len;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(address->s6_addr32); i++, bits -= 32)
		prefix->address.s6_addr32[i] = address->s6_addr32[i] &
					       inet_make_mask(clamp(bits, 0, 32));
	prefix->len = len;
}

static inline bool weir_prefix_is_v4(const struct weir_prefix *prefix)
{
	return prefix->len >= WEIR_PREFIX_MAPPED && ipv6_addr_v4mapped(&prefix->address);
}

static inline bool weir_prefix_contains(const struct weir_prefix *outer,
					const struct weir_prefix *inner)
{
	return outer->len <= inner->len &&
	       weir_prefix_is_v4(outer) == weir_prefix_is_v4(inner) &&
	       ipv6_prefix_equal(&outer->address, &inner->address, outer->len);
}

#endif /* _WEIR_PREFIX_H */
