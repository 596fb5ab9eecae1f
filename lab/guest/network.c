// SPDX-License-Identifier: Apache-2.0
/*
 * Static addresses by rtnetlink(7): no DHCP, no duplicate address detection, and a permanent neighbour for the one
 * router, so that the first packet after boot or restore needs no ARP.
 *
 * Command line: lab.address=10.77.0.2/24 lab.address6=fd77::2/64 lab.gateway=... lab.gateway6=... lab.gateway_mac=...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"

struct request {
	struct nlmsghdr header;
	char body[256];
};

struct address {
	unsigned char bytes[16];
	unsigned char family, size, prefix;
};

static void *begin(struct request *request, int type, int flags, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_len = NLMSG_LENGTH(size);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return NLMSG_DATA(&request->header);
}

static void add(struct request *request, int type, const void *value, size_t size)
{
	struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/* Send and wait for the acknowledgement; an error is reported, not fatal: the agent works without a network. */
static void commit(int fd, struct request *request, const char *what)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer;
	ssize_t size = send(fd, request, request->header.nlmsg_len, 0);

	if (size < 0) {
		report(errno, "network: %s", what);
		return;
	}
	size = recv(fd, &answer, sizeof(answer), 0);
	if (size < (ssize_t)(sizeof(answer.header) + sizeof(answer.error)) || answer.header.nlmsg_type != NLMSG_ERROR)
		report(EPROTO, "network: %s", what);
	else if (answer.error.error && answer.error.error != -EEXIST)
		report(-answer.error.error, "network: %s", what);
}

static bool parse(const char *text, struct address *address)
{
	char copy[64], *slash;

	memset(address, 0, sizeof(*address));
	if (!text || strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, copy, address->bytes) == 1) {
		address->family = AF_INET;
		address->size = 4;
	} else if (inet_pton(AF_INET6, copy, address->bytes) == 1) {
		address->family = AF_INET6;
		address->size = 16;
	} else {
		return false;
	}
	address->prefix = slash ? atoi(slash + 1) : address->size * 8;
	return true;
}

static void link_up(int fd, int index)
{
	struct request request;
	struct ifinfomsg *link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = index;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	commit(fd, &request, "link up");
}

static void add_address(int fd, int index, const struct address *address)
{
	struct request request;
	struct ifaddrmsg *message = begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	message->ifa_family = address->family;
	message->ifa_prefixlen = address->prefix;
	message->ifa_index = index;
	message->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	add(&request, IFA_LOCAL, address->bytes, address->size);
	add(&request, IFA_ADDRESS, address->bytes, address->size);
	commit(fd, &request, "address");
}

static void add_neighbour(int fd, int index, const struct address *router, const unsigned char *mac)
{
	struct request request;
	struct ndmsg *message = begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	message->ndm_family = router->family;
	message->ndm_ifindex = index;
	message->ndm_state = NUD_PERMANENT;
	add(&request, NDA_DST, router->bytes, router->size);
	add(&request, NDA_LLADDR, mac, 6);
	commit(fd, &request, "neighbour");
}

static void add_default_route(int fd, int index, const struct address *router)
{
	struct request request;
	struct rtmsg *message = begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	message->rtm_family = router->family;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_BOOT;
	message->rtm_scope = RT_SCOPE_UNIVERSE;
	message->rtm_type = RTN_UNICAST;
	add(&request, RTA_GATEWAY, router->bytes, router->size);
	add(&request, RTA_OIF, &index, sizeof(index));
	commit(fd, &request, "default route");
}

static void configure_family(int fd, int index, const char *own, const char *gateway, const char *mac_text)
{
	struct address address, router;
	unsigned char mac[6];

	if (!parse(own, &address))
		return;
	add_address(fd, index, &address);
	if (!parse(gateway, &router))
		return;
	if (mac_text && sscanf(mac_text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
			       &mac[5]) == 6)
		add_neighbour(fd, index, &router, mac);
	add_default_route(fd, index, &router);
}

void configure_network(void)
{
	const char *device = parameter("lab.device", "eth0");
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int index;

	if (fd < 0) {
		report(errno, "network: rtnetlink");
		return;
	}
	link_up(fd, if_nametoindex("lo"));
	index = if_nametoindex(device);
	if (!index) {
		if (parameter("lab.address", NULL))
			report(0, "network: there is no %s", device);
	} else {
		link_up(fd, index);
		configure_family(fd, index, parameter("lab.address", NULL), parameter("lab.gateway", NULL),
				 parameter("lab.gateway_mac", NULL));
		configure_family(fd, index, parameter("lab.address6", NULL), parameter("lab.gateway6", NULL),
				 parameter("lab.gateway_mac", NULL));
	}
	close(fd);
}
