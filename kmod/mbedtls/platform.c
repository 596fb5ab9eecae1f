// SPDX-License-Identifier: GPL-2.0-only
/* What mbed TLS takes from its platform. All of it: any context but hard interrupts. */

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "context.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/threading.h"
#include "psa/crypto.h"

/*
 * Bytes for a connection; it may be changed at any time. A handshake was seen to need 94 KiB, and
 * 1 KiB more for each issuer's certificate, of which 15 KiB are some fifty at most, in two chains.
 */
static unsigned int weir_mbedtls_most = 256 << 10;
module_param_named(mbedtls_memory, weir_mbedtls_most, uint, 0644);
MODULE_PARM_DESC(mbedtls_memory, "bytes that mbed TLS may have for a connection");

/* What it has not given back. */
static atomic_long_t weir_allocations;

/**
 * struct weir_mbedtls_run - what the engine does on a CPU
 * @payer: the connection that it runs for, which pays for what is allocated; NULL: there is none
 * @shared: what is allocated is for all, so nobody pays: slots of keys, which outlive connections
 */
struct weir_mbedtls_run {
	struct tls_server *payer;
	bool shared;
};

/*
 * No lock: set for a time with softirqs off, in which the engine neither waits nor is called
 * again, so nobody comes in between. With softirqs on, when the module comes and goes, there is
 * no payer. What the payer holds is protected by what serializes the calls for it: the client's
 * socket lock.
 */
static DEFINE_PER_CPU(struct weir_mbedtls_run, weir_mbedtls_run);

void weir_mbedtls_enter(struct tls_server *server)
{
	lockdep_assert_in_softirq();
	WARN_ON_ONCE(this_cpu_read(weir_mbedtls_run.payer));
	this_cpu_write(weir_mbedtls_run.payer, server);
}

void weir_mbedtls_leave(struct tls_server *server)
{
	s64 more = (s64)server->held - server->told;

	this_cpu_write(weir_mbedtls_run.payer, NULL);
	server->told = server->held;
	if (more)
		server->config->charge(server, more);
}

static bool weir_affords(const struct tls_server *payer, size_t bytes)
{
	size_t most = READ_ONCE(weir_mbedtls_most);

	return !payer || (bytes <= most && payer->held <= most - bytes);
}

void *weir_mbedtls_calloc(size_t n, size_t size)
{
	struct tls_server *payer = this_cpu_read(weir_mbedtls_run.payer);
	void *at;

	if (this_cpu_read(weir_mbedtls_run.shared))
		payer = NULL;
	if (!weir_affords(payer, size_mul(n, size)))
		return NULL;
	at = kcalloc(n, size, GFP_ATOMIC | __GFP_NOWARN);
	if (!at)
		return NULL;
	/* More than was asked for, as a rule. */
	if (!weir_affords(payer, ksize(at))) {
		kfree(at);
		return NULL;
	}
	if (payer)
		payer->held += ksize(at);
	atomic_long_inc(&weir_allocations);
	return at;
}

/* What a connection paid for is freed while the engine runs for it, and nothing else is. */
void weir_mbedtls_free(void *at)
{
	struct tls_server *payer = this_cpu_read(weir_mbedtls_run.payer);

	if (!at)
		return;
	if (payer)
		payer->held -= ksize(at);
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
	/* All that is allocated under it. */
	if (mutex == &mbedtls_threading_key_slot_mutex)
		this_cpu_write(weir_mbedtls_run.shared, true);
	return 0;
}

static int weir_mutex_unlock(mbedtls_threading_mutex_t *mutex)
{
	if (mutex == &mbedtls_threading_key_slot_mutex)
		this_cpu_write(weir_mbedtls_run.shared, false);
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
