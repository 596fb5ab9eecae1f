// SPDX-License-Identifier: Apache-2.0
/*
 * What a run says at its end: one line, `load: ` or `origin: ` and a JSON object, on
 * standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

static void print_tally(const struct tally *tally, unsigned int errors)
{
	const char *comma = "";

	printf("%s: {\"requests\": %lu, \"status\": {", tally->who, tally->requests);
	for (unsigned int status = 0; status <= STATUS_MAX; status++) {
		if (tally->status[status]) {
			printf("%s\"%u\": %lu", comma, status, tally->status[status]);
			comma = ", ";
		}
	}
	printf("}, \"packets\": %lu, \"refused\": %lu, \"left\": %lu, \"handshakes\": %lu, \"connections\": %lu",
	       tally->packets, tally->refused, tally->left, tally->handshakes, tally->connections);
	printf(", \"bytes\": %llu, \"errors\": %u", (unsigned long long)tally->bytes, errors);
}

void problem(const struct tally *tally, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *at = text; *at; at++)
		if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = '?';
	print_tally(tally, 1);
	printf(", \"problem\": \"%s\"}\n", text);
	fflush(stdout);
	exit(1);
}

void report(const struct tally *tally)
{
	print_tally(tally, 0);
	printf("}\n");
	fflush(stdout);
	exit(0);
}

void usage(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *data;

	if (fd < 0 || fstat(fd, &status))
		usage("cannot read %s: %s", path, strerror(errno));
	*len = (size_t)status.st_size;
	data = malloc(*len + 1);
	if (!data || read(fd, data, *len) != status.st_size)
		usage("cannot read %s", path);
	close(fd);
	return data;
}

unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end)
		usage("not a number: %s", text);
	return value;
}

/* ADDRESS:PORT */
struct sockaddr_in endpoint(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN] = "";

	if (colon && colon - text < (long)sizeof(host))
		memcpy(host, text, (size_t)(colon - text));
	if (!colon || inet_pton(AF_INET, host, &address.sin_addr) != 1)
		usage("not an address and a port: %s", text);
	address.sin_port = htons((uint16_t)number(colon + 1));
	return address;
}
