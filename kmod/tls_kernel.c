// SPDX-License-Identifier: GPL-2.0-only
/*
 * tls_crypto.h by the kernel's crypto API.
 *
 * The AES-NI driver of GCM is asked for by its internal name: the outer one goes
 * to a thread when vector registers are in use, this one never does.  A cipher
 * is a CPU's, not a connection's, since making one sleeps; it is given the key of
 * whoever uses it, unless that was the last to do so.
 */

#include <crypto/aead.h>
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <linux/cpumask.h>
#include <linux/kmod.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "tls_crypto.h"
#include "tls_kernel.h"

enum {
	/* Of associated data; and of data that lie where no page is, on a stack. */
	WEIR_CRYPTO_HEADER	= 32,
	WEIR_CRYPTO_BOUNCE	= 256,
};

enum {
	WEIR_CIPHER_GCM,
	WEIR_CIPHER_CHACHA,
	WEIR_CIPHERS,
};

/* Of a struct tls_aead's room: of which key it is, of which cipher, and the key. */
enum {
	WEIR_ROOM_SERIAL,
	WEIR_ROOM_ID,
	WEIR_ROOM_KEY,
};

/**
 * struct weir_cipher - a cipher
 * @tfm: it
 * @req: for it
 * @serial: of the key that it has; 0: none
 */
struct weir_cipher {
	struct crypto_aead	*tfm;
	struct aead_request	*req;
	u64			serial;
};

/**
 * struct weir_crypto - one CPU's; softirq
 * @ciphers: by what they are, and whether they decrypt: who answers keeps both keys
 * @keys: so many were set
 * @sg: what is encrypted
 * @header: copied, ditto
 * @bounce: ditto, where it has no page
 */
struct weir_crypto {
	struct weir_cipher	ciphers[WEIR_CIPHERS][2];
	u64			keys;
	struct scatterlist	sg[2];
	u8			header[WEIR_CRYPTO_HEADER];
	u8			bounce[WEIR_CRYPTO_BOUNCE];
};

static_assert(WEIR_ROOM_KEY * sizeof(u64) + TLS_KEY_MAX <= sizeof(struct tls_aead));

/* Protects that all of it is got once. */
static DEFINE_MUTEX(weir_tls_lock);
static bool weir_tls_ready;
static DEFINE_PER_CPU(struct weir_crypto *, weir_cryptos);
/* By enum tls_hash_id.  They have no state of their own. */
static struct crypto_shash *weir_hashes[2];

/* Getting them. */

/* @name of this kernel's could not be got. */
static int weir_tls_lacks(const char *name, int err, struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG_FMT(extack, "TLS needs %s of the kernel: error %d%s", name, err,
			   err == -ENOENT ? " (not there)" : "");
	return err;
}

static int weir_cipher_get(struct weir_cipher *cipher, unsigned int which,
			   struct netlink_ext_ack *extack)
{
	struct crypto_aead *tfm;
	int err;

	if (which == WEIR_CIPHER_GCM) {
		tfm = crypto_alloc_aead("__gcm(aes)", CRYPTO_ALG_INTERNAL, CRYPTO_ALG_INTERNAL);
		if (IS_ERR(tfm))
			return weir_tls_lacks("gcm(aes) by AES-NI", PTR_ERR(tfm), extack);
	} else {
		tfm = crypto_alloc_aead("rfc7539(chacha20,poly1305)", 0, CRYPTO_ALG_ASYNC);
		if (IS_ERR(tfm))
			return weir_tls_lacks("rfc7539(chacha20,poly1305)", PTR_ERR(tfm), extack);
	}
	cipher->tfm = tfm;
	err = crypto_aead_setauthsize(tfm, TLS_TAG);
	if (err)
		return err;
	cipher->req = aead_request_alloc(tfm, GFP_KERNEL);
	if (!cipher->req)
		return -ENOMEM;
	aead_request_set_callback(cipher->req, 0, NULL, NULL);
	return 0;
}

static int weir_crypto_get(struct weir_crypto *crypto, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int err;

	for (i = 0; i < WEIR_CIPHERS * 2; i++) {
		err = weir_cipher_get(&crypto->ciphers[i / 2][i % 2], i / 2, extack);
		if (err)
			return err;
	}
	return 0;
}

static void weir_crypto_free(struct weir_crypto *crypto)
{
	unsigned int i;

	for (i = 0; i < WEIR_CIPHERS * 2; i++) {
		struct weir_cipher *cipher = &crypto->ciphers[i / 2][i % 2];

		aead_request_free(cipher->req);
		if (cipher->tfm)
			crypto_free_aead(cipher->tfm);
	}
	kfree_sensitive(crypto);
}

static void weir_tls_kernel_drop(void)
{
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		struct weir_crypto **crypto = per_cpu_ptr(&weir_cryptos, cpu);

		if (*crypto)
			weir_crypto_free(*crypto);
		*crypto = NULL;
	}
	for (i = 0; i < ARRAY_SIZE(weir_hashes); i++) {
		if (weir_hashes[i])
			crypto_free_shash(weir_hashes[i]);
		weir_hashes[i] = NULL;
	}
}

static int weir_hash_get(enum tls_hash_id id, struct netlink_ext_ack *extack)
{
	const char *name = id == TLS_SHA384 ? "sha384" : "sha256";
	struct crypto_shash *tfm = crypto_alloc_shash(name, 0, 0);

	if (IS_ERR(tfm))
		return weir_tls_lacks(name, PTR_ERR(tfm), extack);
	weir_hashes[id] = tfm;
	if (sizeof(struct shash_desc) + crypto_shash_descsize(tfm) <=
	    sizeof(((struct tls_hash *)0)->room))
		return 0;
	NL_SET_ERR_MSG_FMT(extack, "TLS: %s of this kernel is a driver with too large a state",
			   name);
	return -EOPNOTSUPP;
}

/*
 * The crypto API loads a module only for what nobody has, so where portable code is
 * built in the processor's own stays on disk unless something asks for it by name.
 */
static void weir_tls_load_modules(void)
{
	static const char * const names[] = {
		"aes", "sha256", "sha384", "chacha20", "poly1305",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		request_module("crypto-%s", names[i]);
}

static int weir_tls_kernel_make(struct netlink_ext_ack *extack)
{
	unsigned int cpu;
	int err;

	weir_tls_load_modules();
	err = weir_hash_get(TLS_SHA256, extack) ?: weir_hash_get(TLS_SHA384, extack);
	if (err)
		return err;
	for_each_possible_cpu(cpu) {
		struct weir_crypto *crypto = kzalloc_node(sizeof(*crypto), GFP_KERNEL,
							  cpu_to_node(cpu));

		if (!crypto)
			return -ENOMEM;
		*per_cpu_ptr(&weir_cryptos, cpu) = crypto;
		err = weir_crypto_get(crypto, extack);
		if (err)
			return err;
	}
	return 0;
}

int weir_tls_kernel_get(struct netlink_ext_ack *extack)
{
	int err = 0;

	mutex_lock(&weir_tls_lock);
	if (!weir_tls_ready) {
		err = weir_tls_kernel_make(extack);
		if (err)
			weir_tls_kernel_drop();
		else
			weir_tls_ready = true;
	}
	mutex_unlock(&weir_tls_lock);
	return err;
}

void weir_tls_kernel_exit(void)
{
	weir_tls_kernel_drop();
}

/* Hashes. */

static struct shash_desc *weir_hash(struct tls_hash *hash)
{
	return (struct shash_desc *)hash->room;
}

void tls_hash_init(struct tls_hash *hash, enum tls_hash_id id)
{
	hash->id = id;
	weir_hash(hash)->tfm = weir_hashes[id];
	crypto_shash_init(weir_hash(hash));
}

void tls_hash_update(struct tls_hash *hash, const void *data, size_t len)
{
	crypto_shash_update(weir_hash(hash), data, len);
}

void tls_hash_final(struct tls_hash *hash, u8 *digest)
{
	crypto_shash_final(weir_hash(hash), digest);
}

/* Ciphers. */

bool tls_aead_set(struct tls_aead *aead, enum tls_aead_id id, const u8 *key)
{
	struct weir_crypto *crypto = this_cpu_read(weir_cryptos);

	tls_aead_free(aead);
	/* No two CPUs give the same one out. */
	aead->room[WEIR_ROOM_SERIAL] = ++crypto->keys * nr_cpu_ids + smp_processor_id();
	aead->room[WEIR_ROOM_ID] = id;
	memcpy(&aead->room[WEIR_ROOM_KEY], key, tls_aead_key_size(id));
	return true;
}

void tls_aead_free(struct tls_aead *aead)
{
	memzero_explicit(aead, sizeof(*aead));
}

static struct weir_cipher *weir_cipher(const struct tls_aead *aead, bool open)
{
	struct weir_crypto *crypto = this_cpu_read(weir_cryptos);
	enum tls_aead_id id = aead->room[WEIR_ROOM_ID];
	struct weir_cipher *cipher;

	cipher = &crypto->ciphers[id == TLS_CHACHA20_POLY1305 ? WEIR_CIPHER_CHACHA :
				  WEIR_CIPHER_GCM][open];
	if (cipher->serial == aead->room[WEIR_ROOM_SERIAL])
		return cipher;
	cipher->serial = 0;
	if (crypto_aead_setkey(cipher->tfm, (const u8 *)&aead->room[WEIR_ROOM_KEY],
			       tls_aead_key_size(id)))
		return NULL;
	cipher->serial = aead->room[WEIR_ROOM_SERIAL];
	return cipher;
}

static bool weir_cipher_run(struct tls_aead *aead, const u8 *nonce, const u8 *header,
			    size_t header_len, u8 *data, size_t len, bool open)
{
	struct weir_crypto *crypto = this_cpu_read(weir_cryptos);
	struct scatterlist *sg = crypto->sg;
	struct weir_cipher *cipher;
	u8 *at = data;
	int err;

	/* No key, or no vector registers: whoever calls has looked before. */
	if (!aead->room[WEIR_ROOM_SERIAL] || !weir_tls_kernel_usable() ||
	    header_len > sizeof(crypto->header))
		return false;
	if (unlikely(!virt_addr_valid(data))) {
		at = crypto->bounce;
		if (len + TLS_TAG > sizeof(crypto->bounce))
			return false;
		memcpy(at, data, open ? len + TLS_TAG : len);
	}
	cipher = weir_cipher(aead, open);
	if (!cipher)
		return false;
	memcpy(crypto->header, header, header_len);
	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], crypto->header, header_len);
	sg_set_buf(&sg[1], at, len + TLS_TAG);
	aead_request_set_crypt(cipher->req, sg, sg, open ? len + TLS_TAG : len, (u8 *)nonce);
	aead_request_set_ad(cipher->req, header_len);
	err = open ? crypto_aead_decrypt(cipher->req) : crypto_aead_encrypt(cipher->req);
	if (unlikely(at != data)) {
		memcpy(data, at, open ? len : len + TLS_TAG);
		memzero_explicit(at, len + TLS_TAG);
	}
	return !err;
}

bool tls_aead_seal(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	return weir_cipher_run(aead, nonce, header, header_len, data, len, false);
}

bool tls_aead_open(struct tls_aead *aead, const u8 *nonce, const u8 *header, size_t header_len,
		   u8 *data, size_t len)
{
	return weir_cipher_run(aead, nonce, header, header_len, data, len, true);
}

void tls_random(void *at, size_t len)
{
	get_random_bytes(at, len);
}

bool tls_equal(const void *a, const void *b, size_t len)
{
	return !crypto_memneq(a, b, len);
}
