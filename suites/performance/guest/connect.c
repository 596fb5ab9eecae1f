// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "load.h"

int try_connect(const struct sockaddr_in *target, struct tally *tally)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct timeval patience = { .tv_sec = PATIENCE_S };

	if (fd < 0)
		problem(tally, "no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!connect(fd, (const struct sockaddr *)target, sizeof(*target))) {
		tally->connections++;
		return fd;
	}
	if (errno != ECONNREFUSED && errno != ECONNRESET)
		problem(tally, "cannot connect: %s", strerror(errno));
	close(fd);
	return -1;
}

int connect_to(const struct sockaddr_in *target, struct tally *tally)
{
	int fd = try_connect(target, tally);

	if (fd < 0)
		problem(tally, "cannot connect: %s", strerror(ECONNREFUSED));
	return fd;
}
