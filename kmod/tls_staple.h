/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A certificate's status as the server has it of who issued it (RFC 6066, section
 * 8; RFC 8446, section 4.4.2.1). For the handshake only.
 */
#ifndef WEIR_TLS_STAPLE_H
#define WEIR_TLS_STAPLE_H

#include "tls_server.h"

/* Whether to send it: an old one says less than none, of which the client may make something. */
static inline bool tls_staple_due(const struct tls_server *server, const struct tls_hello *hello,
				  const struct tls_identity *identity)
{
	return hello->status && identity->staple_len &&
	       server->config->now() < identity->staple_until;
}

/* A CertificateStatus without what is before it. */
static inline void tls_staple_put(struct tls_out *out, const struct tls_identity *identity)
{
	tls_put(out, TLS_OCSP, 1);
	tls_put(out, identity->staple_len, 3);
	tls_put_bytes(out, identity->staple, identity->staple_len);
}

#endif /* WEIR_TLS_STAPLE_H */
