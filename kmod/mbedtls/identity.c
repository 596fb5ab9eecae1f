// SPDX-License-Identifier: GPL-2.0-only
/* Certificates and keys for mbed TLS, made anew for each handshake. */

#include <linux/unaligned.h>

#include "context.h"
#include "mbedtls/platform.h"

/* Of a number in limbs, the least first. */
static int weir_read_limbs(mbedtls_mpi *number, const u64 *limbs, size_t count)
{
	u8 bytes[RSA_BYTES_MAX];
	int err;
	size_t i;

	for (i = 0; i < count; i++)
		put_unaligned_be64(limbs[i], bytes + 8 * (count - 1 - i));
	err = mbedtls_mpi_read_binary(number, bytes, 8 * count);
	memzero_explicit(bytes, 8 * count);
	return err;
}

static int weir_read_rsa(mbedtls_pk_context *key, const struct rsa_key *ours)
{
	size_t limbs = ours->n.limbs, half = limbs / 2;
	mbedtls_rsa_context *rsa;
	int err;

	err = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA));
	if (err)
		return err;
	rsa = mbedtls_pk_rsa(*key);
	err = weir_read_limbs(&rsa->N, ours->n.value, limbs) ?:
	      weir_read_limbs(&rsa->E, &ours->e, 1) ?:
	      weir_read_limbs(&rsa->P, ours->p.value, half) ?:
	      weir_read_limbs(&rsa->Q, ours->q.value, half) ?:
	      weir_read_limbs(&rsa->DP, ours->dp, half) ?:
	      weir_read_limbs(&rsa->DQ, ours->dq, half) ?:
	      weir_read_limbs(&rsa->QP, ours->qinv, half);
	rsa->len = mbedtls_mpi_size(&rsa->N);
	return err;
}

static int weir_read_ecdsa(mbedtls_pk_context *key, const u8 *secret)
{
	int err;

	err = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	return err ?: mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), secret,
					   P256_BYTES);
}

/* The next of a chain, as a Certificate message of TLS 1.3 has it. */
static struct http_text weir_next_certificate(struct http_text *chain)
{
	struct http_text one = { .at = chain->at + 3, .len = get_unaligned_be24(chain->at) };

	/* Its extensions are empty: two bytes. */
	chain->at += 3 + one.len + 2;
	chain->len -= 3 + one.len + 2;
	return one;
}

/* Issuers' certificates are sent as they are: mbed TLS need not know their algorithms. */
static int weir_read_issuers(mbedtls_x509_crt *leaf, struct http_text chain)
{
	mbedtls_x509_crt *last = leaf;

	while (chain.len) {
		struct http_text one = weir_next_certificate(&chain);

		last->next = mbedtls_calloc(1, sizeof(*last));
		if (!last->next)
			return -ENOMEM;
		last = last->next;
		mbedtls_x509_crt_init(last);
		last->raw.p = (u8 *)one.at;
		last->raw.len = one.len;
	}
	return 0;
}

bool weir_mbedtls_identity_set(struct weir_mbedtls_identity *identity,
			       const struct tls_identity *ours)
{
	struct http_text chain = { .at = ours->chain, .len = ours->chain_len };
	struct http_text leaf = weir_next_certificate(&chain);

	mbedtls_x509_crt_init(&identity->leaf);
	mbedtls_pk_init(&identity->key);
	identity->set = true;
	return !mbedtls_x509_crt_parse_der_nocopy(&identity->leaf, leaf.at, leaf.len) &&
	       !weir_read_issuers(&identity->leaf, chain) &&
	       !(ours->rsa ? weir_read_rsa(&identity->key, ours->rsa) :
			     weir_read_ecdsa(&identity->key, ours->key));
}

void weir_mbedtls_identity_free(struct weir_mbedtls_identity *identity)
{
	if (!identity->set)
		return;
	identity->set = false;
	mbedtls_x509_crt_free(&identity->leaf);
	mbedtls_pk_free(&identity->key);
}
