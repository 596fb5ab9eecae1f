/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kmod/clients.c and spent.c take of the kernel, for user space: tests/test_clients.py
 * and tests/test_spent.py build them with this in the place of each of the
 * kernel's headers.  The clock stands still until it is set, and memory can be made
 * short.  With SHIM_THREADS locks are real ones, for a program of several threads.
 */
#ifndef WEIR_TESTS_CLIENTS_SHIM_H
#define WEIR_TESTS_CLIENTS_SHIM_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include "http_types.h"

#define s32 int32_t
#define s64 int64_t

#define __percpu
#define ____cacheline_aligned __attribute__((aligned(64)))
#define GFP_KERNEL 0
#define GFP_ATOMIC 0
#define __GFP_NOWARN 0
#define SLAB_HWCACHE_ALIGN 0
#define NSEC_PER_MSEC 1000000ULL
#define static_assert _Static_assert
#define module_param_named(name, value, type, perm) \
	_Static_assert(sizeof(value) && (perm), #name #type)
#define MODULE_PARM_DESC(name, text) _Static_assert(sizeof(text), #name)
#define max(a, b) ((a) > (b) ? (a) : (b))
#define clamp_t(type, value, low, high) \
	((type)(value) < (low) ? (type)(low) : \
	 (type)(value) > (high) ? (type)(high) : (type)(value))
#define DIV_ROUND_UP_ULL(a, b) (((a) + (b) - 1) / (b))
#define this_cpu_add(counter, by) __atomic_fetch_add(&(counter), by, __ATOMIC_RELAXED)

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u32 roundup_pow_of_two(u32 value)
{
	u32 power = 1;

	while (power < value)
		power *= 2;
	return power;
}

#ifdef SHIM_THREADS

#define spinlock_t pthread_mutex_t
#define spin_lock_init(lock) pthread_mutex_init(lock, NULL)
#define spin_lock(lock) pthread_mutex_lock(lock)
#define spin_unlock(lock) pthread_mutex_unlock(lock)

#else

/*
 * As large as a lock is without debugging; to take it twice, or to give back
 * what is free, aborts.
 */
#define spinlock_t u32

static inline void spin_lock_init(spinlock_t *lock)
{
	*lock = 0;
}

static inline void spin_lock(spinlock_t *lock)
{
	if (*lock)
		abort();
	*lock = 1;
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (!*lock)
		abort();
	*lock = 0;
}

#endif

#define spin_lock_bh spin_lock
#define spin_unlock_bh spin_unlock

extern u64 shim_clock;
extern bool shim_no_memory;
extern int shim_objects;

/* For the tests: the counters, and one of them. */
struct weir_stats;

struct weir_stats *shim_counters(void);
u64 shim_stat(int stat);

static inline u64 ktime_get_ns(void)
{
	return shim_clock;
}

struct kmem_cache {
	size_t size;
};

#define KMEM_CACHE(type, flags) shim_cache(sizeof(struct type), flags)

static inline struct kmem_cache *shim_cache(size_t size, int flags)
{
	struct kmem_cache *cache = malloc(sizeof(*cache));

	(void)flags;
	if (cache)
		cache->size = size;
	return cache;
}

static inline void kmem_cache_destroy(struct kmem_cache *cache)
{
	free(cache);
}

/* What was there before is not to be relied on. */
static inline void *kmem_cache_alloc(struct kmem_cache *cache, int flags)
{
	void *object = shim_no_memory ? NULL : malloc(cache->size);

	(void)flags;
	if (object) {
		memset(object, 0xa5, cache->size);
		__atomic_fetch_add(&shim_objects, 1, __ATOMIC_RELAXED);
	}
	return object;
}

static inline void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	memset(object, 0x5a, cache->size);
	free(object);
	__atomic_fetch_sub(&shim_objects, 1, __ATOMIC_RELAXED);
}

static inline void *kvzalloc(size_t size, int flags)
{
	void *memory = aligned_alloc(64, size);

	(void)flags;
	if (memory)
		memset(memory, 0, size);
	return memory;
}

static inline void kvfree(void *memory)
{
	free(memory);
}

#define siphash_key_t struct shim_key

struct shim_key {
	u64 key[2];
};

/* The same buckets in every run. */
static inline void get_random_bytes(void *to, size_t len)
{
	memset(to, 7, len);
}

static inline u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	const u8 *bytes = data;
	u64 hash = key->key[0];
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
	return hash ^ hash >> 32;
}

static inline u64 siphash_2u64(u64 first, u64 second, const siphash_key_t *key)
{
	u64 words[] = { first, second };
	const u8 *bytes = (const u8 *)words;
	u64 hash = key->key[0];
	size_t i;

	for (i = 0; i < sizeof(words); i++)
		hash = (hash ^ bytes[i]) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
	return hash ^ hash >> 32;
}

static inline bool ipv6_addr_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

#endif /* WEIR_TESTS_CLIENTS_SHIM_H */
