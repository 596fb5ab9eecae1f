// SPDX-License-Identifier: GPL-2.0-only
/* What mbed TLS takes from its platform. All of it: any context but hard interrupts. */

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "../tls_server.h"

#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/threading.h"
#include "psa/crypto.h"

/* What it has not given back. */
static atomic_long_t weir_allocations;

void *weir_mbedtls_calloc(size_t n, size_t size)
{
	void *at = kcalloc(n, size, GFP_ATOMIC | __GFP_NOWARN);

	if (at)
		atomic_long_inc(&weir_allocations);
	return at;
}

void weir_mbedtls_free(void *at)
{
	if (at)
		atomic_long_dec(&weir_allocations);
	kfree(at);
}

s64 weir_mbedtls_time(s64 *time)
{
	s64 now = ktime_get_real_seconds();

	if (time)
		*time = now;
	return now;
}

/* Ages of tickets, which may go on in another boot or machine. */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
	return ktime_to_ms(ktime_get_real());
}

void mbedtls_platform_zeroize(void *at, size_t len)
{
	if (len)
		memzero_explicit(at, len);
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
					     u8 *output, size_t size, size_t *length)
{
	get_random_bytes(output, size);
	*length = size;
	return PSA_SUCCESS;
}

static void weir_mutex_init(mbedtls_threading_mutex_t *mutex)
{
	spin_lock_init(&mutex->lock);
}

static void weir_mutex_free(mbedtls_threading_mutex_t *mutex)
{
}

static int weir_mutex_lock(mbedtls_threading_mutex_t *mutex)
{
	spin_lock_bh(&mutex->lock);
	return 0;
}

static int weir_mutex_unlock(mbedtls_threading_mutex_t *mutex)
{
	spin_unlock_bh(&mutex->lock);
	return 0;
}

/* Those that all share nest, in one order, and are not a connection's: lockdep has to know. */
static void weir_tell_shared_locks(void)
{
	static struct lock_class_key slots, globals;

	lockdep_set_class(&mbedtls_threading_key_slot_mutex.lock, &slots);
	lockdep_set_class(&mbedtls_threading_psa_globaldata_mutex.lock, &globals);
}

int tls_engine_init(void)
{
	mbedtls_threading_set_alt(weir_mutex_init, weir_mutex_free, weir_mutex_lock,
				  weir_mutex_unlock);
	weir_tell_shared_locks();
	if (psa_crypto_init() == PSA_SUCCESS)
		return 0;
	mbedtls_threading_free_alt();
	return -ENOMEM;
}

void tls_engine_exit(void)
{
	long left;

	mbedtls_psa_crypto_free();
	mbedtls_threading_free_alt();
	left = atomic_long_read(&weir_allocations);
	WARN(left, "weir: mbed TLS has not given back %ld allocations\n", left);
}
