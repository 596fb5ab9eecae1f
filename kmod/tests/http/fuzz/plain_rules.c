// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "plain.h"
#include "plain_rules.h"

/**
 * struct parts - of a request's target
 * @authority: of an absolute form
 * @path: up to the query
 * @query: behind the first question mark
 */
struct parts {
	struct http_text authority;
	struct http_text path;
	struct http_text query;
};

static struct http_text method_of(const struct message *message)
{
	struct http_text line = message->first;

	return message_take(&line, ' ');
}

static struct parts parts_of(const struct message *message)
{
	struct http_text line = message->first, target;
	struct parts parts = { 0 };

	message_take(&line, ' ');
	target = message_take(&line, ' ');
	if (target.len && target.at[0] != '/' && target.at[0] != '*') {
		size_t end = 0;

		/* http:// or https:// */
		message_take(&target, '/');
		message_take(&target, '/');
		while (end < target.len && target.at[end] != '/' && target.at[end] != '?')
			end++;
		parts.authority = (struct http_text){ target.at, end };
		target.at += end;
		target.len -= end;
	}
	parts.path = message_take(&target, '?');
	parts.query = target;
	return parts;
}

static bool fits(const struct written_condition *condition, struct http_text text)
{
	return plain_matches(condition->pattern, text,
			     condition->kind == 'h' || condition->kind == 'H');
}

static bool host_holds(const struct written_condition *condition, struct plain_case *c)
{
	struct http_text host = parts_of(c->message).authority;
	size_t at = 0, end = 0;

	if (!host.len && !message_find(c->message, "Host", &at, &host))
		host = (struct http_text){ c->message->first.at, 0 };
	if (host.len && host.at[0] == '[') {
		end = (const u8 *)memchr(host.at, ']', host.len) - host.at + 1;
	} else {
		host = message_take(&host, ':');
		end = host.len;
		if (end && memchr(host.at, '%', end))
			c->unclear = true;
		if (end > 1 && host.at[end - 1] == '.')
			end--;
	}
	if (end > 255)
		c->unclear = true;
	return !c->unclear && fits(condition, (struct http_text){ host.at, end });
}

static bool path_holds(const struct written_condition *condition, struct plain_case *c)
{
	struct http_text path = parts_of(c->message).path;
	u8 *out = malloc(path.len + 2);
	bool result = false;
	size_t len = 1;

	if (!out)
		abort();
	if (path.len && path.at[0] == '*')
		*out = '*';
	else if (!plain_path(path, out, &len))
		c->unclear = true;
	if (!c->unclear)
		result = fits(condition, (struct http_text){ out, len });
	free(out);
	return result;
}

static bool query_holds(const struct written_condition *condition, const struct plain_case *c)
{
	struct http_text query = parts_of(c->message).query;
	u8 *out = malloc(query.len + 1);
	bool result;

	if (!out)
		abort();
	result = fits(condition, (struct http_text){ out, plain_unescape(query, out) });
	free(out);
	return result;
}

static bool header_holds(const struct written_condition *condition, const struct plain_case *c)
{
	for (size_t i = 0; i < c->message->count; i++)
		if (plain_equal(c->message->names[i], condition->name) &&
		    fits(condition, c->message->values[i]))
			return true;
	return false;
}

static bool cookie_holds(const struct written_condition *condition, const struct plain_case *c)
{
	struct http_text value, content;
	size_t at = 0;

	while (message_find(c->message, "Cookie", &at, &value))
		for (size_t nth = 0; plain_cookie(value, condition->name, nth, &content); nth++)
			if (fits(condition, content))
				return true;
	return false;
}

/* Bit by bit. */
static bool source_holds(const struct written_condition *condition, const u8 *address)
{
	for (unsigned int bit = 0; bit < condition->prefix; bit++)
		if ((address[bit / 8] ^ condition->address[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool holds(const struct written_condition *condition, struct plain_case *c)
{
	c->private |= !!strchr("HCsk", condition->kind);
	switch (condition->kind) {
	case 'h':
		return host_holds(condition, c);
	case 'p':
		return path_holds(condition, c);
	case 'q':
		return query_holds(condition, c);
	case 'M':
		return fits(condition, method_of(c->message));
	case 'H':
		return header_holds(condition, c);
	case 'C':
		return cookie_holds(condition, c);
	case 's':
		return source_holds(condition, c->address);
	default:
		return !((c->mark ^ condition->mark) & condition->mask);
	}
}

/* What is not needed is not asked for: it might be unclear, or make the verdict private. */
static bool applies(const struct written_rule *rule, struct plain_case *c)
{
	size_t next;

	for (size_t i = 0; i < rule->count; i = next) {
		bool any = false;

		for (next = i + 1; rule->conditions[next - 1].or_next; next++)
			;
		for (size_t k = i; k < next && !any && !c->unclear; k++)
			any = holds(&rule->conditions[k], c);
		if (c->unclear || any == rule->conditions[i].negate)
			return false;
	}
	return true;
}

/* Whether the matter is ended in this chain, by @end if not NULL. */
static bool chain_ends(const struct written_rules *rules, unsigned int chain, unsigned int depth,
		       struct plain_case *c, const struct written_rule **end)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct written_rule *rule = &rules->rules[i];

		if (rule->chain != chain)
			continue;
		c->looked_at++;
		if (!applies(rule, c)) {
			if (c->unclear)
				return true;
			continue;
		}
		if (rule->action == 'm') {
			c->marked = true;
			c->new_mark = rule->value;
		} else if (rule->action != 'j') {
			*end = rule;
			return true;
		} else if (depth == HTTP_CHAIN_DEPTH ||
			   chain_ends(rules, rule->value, depth + 1, c, end)) {
			return true;
		}
	}
	return false;
}

const struct written_rule *plain_judge(const struct written_rules *rules, struct plain_case *c)
{
	const struct written_rule *end = NULL;

	chain_ends(rules, 0, 0, c, &end);
	return end;
}
