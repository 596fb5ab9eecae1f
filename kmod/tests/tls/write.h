/* SPDX-License-Identifier: GPL-2.0-only */
/* A record of data in one call, for programs that have it at hand. */
#ifndef WEIR_TESTS_TLS_WRITE_H
#define WEIR_TESTS_TLS_WRITE_H

#include "../../tls_server.h"
#include "../../tls_wire.h"

/* At most TLS_PLAIN_MAX bytes. False: nothing of it was written. */
static inline bool tls_server_write(struct tls_server *server, const void *data, size_t len,
				    struct tls_out *out)
{
	size_t start;

	if (len > TLS_PLAIN_MAX || out->room - out->len < tls_server_cost(server, len) ||
	    !tls_server_begin(server, out, &start))
		return false;
	tls_put_bytes(out, data, len);
	return tls_server_finish(server, out, start);
}

#endif /* WEIR_TESTS_TLS_WRITE_H */
