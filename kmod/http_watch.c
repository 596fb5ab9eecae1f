// SPDX-License-Identifier: GPL-2.0-only
/* What of a request has to be known while its body is read. */
#include "http_policy.h"
#include "http_watch.h"

bool http_watch_has(const struct http_watch *watch, u32 hash)
{
	u16 i;

	for (i = 0; i < watch->count; i++)
		if (watch->names[i] == hash)
			return true;
	return false;
}

static bool reads_trailer(const struct http_policy *policy, const struct http_head *head)
{
	return head->framing == HTTP_FRAMING_CHUNKED && !policy->trailer_split;
}

size_t http_watch_size(const struct http_policy *policy, const struct http_head *head,
		       const u8 *buf)
{
	const struct http_watch *watch = NULL;

	if (!reads_trailer(policy, head) && !http_policy_reads_form(policy, head, buf))
		return 0;
	return sizeof(*watch) + head->n_fields * sizeof(watch->names[0]);
}

void http_watch_init(struct http_watch *watch, const struct http_policy *policy,
		     const struct http_head *head, const u8 *buf)
{
	bool trailer = reads_trailer(policy, head);
	u16 i, at;

	watch->size = http_watch_size(policy, head, buf);
	watch->form = policy->form_bytes;
	watch->reads_form = http_policy_reads_form(policy, head, buf);
	watch->count = 0;
	for (i = 0; trailer && i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		u32 hash = HTTP_WATCH_HASH;

		/* Known ones are refused in any trailer. */
		if (field->id != HTTP_FIELD_OTHER)
			continue;
		for (at = 0; at < field->name.len; at++)
			hash = http_watch_hash(hash, buf[field->name.off + at]);
		watch->names[watch->count++] = hash;
	}
}
