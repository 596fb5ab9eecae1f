// SPDX-License-Identifier: GPL-2.0-only
/* Meters: counting, finding and summing. */

#include <linux/slab.h>
#include <linux/string.h>

#include "meter.h"

static const char * const weir_meter_names[WEIR_METER_COUNT] = {
	[WEIR_METER_requests] = "requests",
	[WEIR_METER_responses_1xx] = "responses_1xx",
	[WEIR_METER_responses_2xx] = "responses_2xx",
	[WEIR_METER_responses_3xx] = "responses_3xx",
	[WEIR_METER_responses_4xx] = "responses_4xx",
	[WEIR_METER_responses_5xx] = "responses_5xx",
	[WEIR_METER_failures] = "failures",
	[WEIR_METER_aborted] = "aborted",
	[WEIR_METER_unserved] = "unserved",
	[WEIR_METER_solved] = "solved",
	[WEIR_METER_under_attack] = "under_attack",
	[WEIR_METER_retries] = "retries",
	[WEIR_METER_bytes_in] = "bytes_in",
	[WEIR_METER_bytes_out] = "bytes_out",
	[WEIR_METER_connects] = "connects",
	[WEIR_METER_connections] = "connections",
	[WEIR_METER_latency_us] = "latency_us",
};

const char *weir_meter_name(enum weir_meter_counter counter)
{
	return weir_meter_names[counter];
}

bool weir_meter_is_gauge(enum weir_meter_counter counter)
{
	return counter == WEIR_METER_connections || counter == WEIR_METER_under_attack;
}

struct weir_meters *weir_meters_alloc(void)
{
	struct weir_meters *meters = kzalloc(sizeof(*meters), GFP_KERNEL);

	if (!meters)
		return NULL;
	refcount_set(&meters->refs, 1);
	spin_lock_init(&meters->lock);
	INIT_LIST_HEAD(&meters->list);
	return meters;
}

void weir_meters_put(struct weir_meters *meters)
{
	if (refcount_dec_and_test(&meters->refs))
		kfree(meters);
}

static struct weir_meter *weir_meter_find(struct weir_meters *meters, enum weir_meter_kind kind,
					  const char *name, const union weir_address *address)
{
	struct weir_meter *meter;

	list_for_each_entry(meter, &meters->list, node)
		if (meter->kind == kind && !strcmp(meter->name, name) &&
		    !memcmp(&meter->address, address, sizeof(*address)))
			return meter;
	return NULL;
}

struct weir_meter *weir_meter_get(struct weir_meters *meters, enum weir_meter_kind kind,
				  const char *name, const union weir_address *address)
{
	static const union weir_address nowhere;
	struct weir_meter *meter;

	if (!address)
		address = &nowhere;
	spin_lock_bh(&meters->lock);
	meter = weir_meter_find(meters, kind, name, address);
	if (meter)
		refcount_inc(&meter->refs);
	spin_unlock_bh(&meters->lock);
	if (meter)
		return meter;
	meter = kzalloc(sizeof(*meter), GFP_KERNEL);
	if (!meter)
		return NULL;
	meter->counts = alloc_percpu(struct weir_meter_counts);
	if (!meter->counts) {
		kfree(meter);
		return NULL;
	}
	refcount_set(&meter->refs, 1);
	refcount_inc(&meters->refs);
	meter->meters = meters;
	meter->kind = kind;
	strscpy(meter->name, name);
	meter->address = *address;
	spin_lock_bh(&meters->lock);
	list_add_tail(&meter->node, &meters->list);
	meters->count++;
	spin_unlock_bh(&meters->lock);
	return meter;
}

void weir_meter_put(struct weir_meter *meter)
{
	struct weir_meters *meters;
	bool last;

	if (!meter || refcount_dec_not_one(&meter->refs))
		return;
	meters = meter->meters;
	/* Who finds it in the list takes a reference under the lock. */
	spin_lock_bh(&meters->lock);
	last = refcount_dec_and_test(&meter->refs);
	if (last) {
		list_del(&meter->node);
		meters->count--;
	}
	spin_unlock_bh(&meters->lock);
	if (!last)
		return;
	free_percpu(meter->counts);
	kfree(meter);
	weir_meters_put(meters);
}

void weir_meter_reply(struct weir_meter *meter, unsigned int class, u64 bytes_in, u64 bytes_out,
		      u64 us)
{
	/* Only softirqs get here, which do not interrupt one another. */
	struct weir_meter_counts *counts = this_cpu_ptr(meter->counts);

	counts->counters[WEIR_METER_requests]++;
	counts->counters[WEIR_METER_responses_1xx - 1 + class]++;
	counts->counters[WEIR_METER_bytes_in] += bytes_in;
	counts->counters[WEIR_METER_bytes_out] += bytes_out;
	counts->counters[WEIR_METER_latency_us] += us;
	counts->buckets[weir_meter_bucket(us)]++;
}

void weir_meter_loss(struct weir_meter *meter, enum weir_meter_counter end, u64 bytes_in,
		     u64 bytes_out)
{
	weir_meter_add(meter, WEIR_METER_requests, 1);
	weir_meter_add(meter, end, 1);
	weir_meter_add(meter, WEIR_METER_bytes_in, bytes_in);
	weir_meter_add(meter, WEIR_METER_bytes_out, bytes_out);
}

u64 weir_meter_bound(unsigned int bucket)
{
	if (!bucket)
		return 1 << WEIR_METER_OCTAVE_FIRST;
	if (bucket >= WEIR_METER_BUCKETS - 1)
		return 0;
	bucket--;
	return (u64)(5 + bucket % 4) << (WEIR_METER_OCTAVE_FIRST - 2 + bucket / 4);
}

u64 weir_meter_total(const struct weir_meter *meter, enum weir_meter_counter counter)
{
	u64 total = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		total += READ_ONCE(per_cpu_ptr(meter->counts, cpu)->counters[counter]);
	return total;
}

void weir_meter_sum(const struct weir_meter *meter, struct weir_meter_counts *sum)
{
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct weir_meter_counts *part = per_cpu_ptr(meter->counts, cpu);

		for (i = 0; i < WEIR_METER_COUNT; i++)
			sum->counters[i] += READ_ONCE(part->counters[i]);
		for (i = 0; i < WEIR_METER_BUCKETS; i++)
			sum->buckets[i] += READ_ONCE(part->buckets[i]);
	}
}

struct weir_meter **weir_meters_list(struct weir_meters *meters, unsigned int *count)
{
	struct weir_meter **list, *meter;
	unsigned int room = READ_ONCE(meters->count) + 16;

	for (;;) {
		list = kvmalloc_array(room, sizeof(*list), GFP_KERNEL);
		if (!list)
			return NULL;
		*count = 0;
		spin_lock_bh(&meters->lock);
		if (meters->count <= room) {
			list_for_each_entry(meter, &meters->list, node) {
				refcount_inc(&meter->refs);
				list[(*count)++] = meter;
			}
			spin_unlock_bh(&meters->lock);
			return list;
		}
		room = meters->count + 16;
		spin_unlock_bh(&meters->lock);
		kvfree(list);
	}
}
