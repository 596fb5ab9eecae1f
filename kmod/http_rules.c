// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_rules.h"

/* The parts, brought into their normal form when first asked for. */

static bool case_path(struct http_case *c)
{
	if (!c->path.at && !http_path_of(c->head, c->buf, c->scratch, c->room, &c->path)) {
		c->path.at = NULL;
		c->unclear = true;
		return false;
	}
	return true;
}

static void case_query(struct http_case *c)
{
	size_t used;

	if (c->query.at)
		return;
	/* Behind where the path goes: together they have no more bytes than the target. */
	used = min_t(size_t, http_path_len(c->head, c->buf), c->room);
	http_query_of(c->head, c->buf, c->scratch + used, c->room - used, &c->query);
}

static bool case_host(struct http_case *c)
{
	if (!c->host.at && !http_host_of(c->head, c->buf, &c->host)) {
		c->host.at = NULL;
		c->unclear = true;
		return false;
	}
	return true;
}

/* Conditions. */

static bool matches(const struct http_condition *condition, struct http_text text)
{
	return http_pattern_matches(&condition->pattern, text.at, text.len);
}

static bool has_name(const struct http_condition *condition, const u8 *buf,
		     const struct http_field *field)
{
	if (field->id != condition->field)
		return false;
	return field->id != HTTP_FIELD_OTHER ||
	       http_equal(buf + field->name.off, field->name.len, condition->name.at,
			  condition->name.len);
}

static struct http_text span_text(const u8 *buf, struct http_span span)
{
	return (struct http_text){ .at = buf + span.off, .len = span.len };
}

/* One of the fields of that name. */
static bool header_holds(const struct http_condition *condition, const struct http_case *c)
{
	u16 i;

	for (i = 0; i < c->head->n_fields; i++) {
		const struct http_field *field = &c->head->fields[i];

		if (has_name(condition, c->buf, field) &&
		    matches(condition, span_text(c->buf, field->value)))
			return true;
	}
	return false;
}

static bool cookie_in_field(const struct http_condition *condition, struct http_text value)
{
	struct http_text name, content;
	size_t at = 0;

	while (http_cookie_next(value, &at, &name, &content))
		if (name.len == condition->name.len &&
		    !memcmp(name.at, condition->name.at, name.len) && matches(condition, content))
			return true;
	return false;
}

/* One of the cookies of that name, in whichever Cookie field. */
static bool cookie_holds(const struct http_condition *condition, const struct http_case *c)
{
	u16 i;

	for (i = 0; i < c->head->n_fields; i++)
		if (c->head->fields[i].id == HTTP_FIELD_COOKIE &&
		    cookie_in_field(condition, span_text(c->buf, c->head->fields[i].value)))
			return true;
	return false;
}

static bool source_holds(const struct http_condition *condition, const u8 *address)
{
	size_t whole = condition->prefix / 8;
	u8 rest = 0xff00 >> condition->prefix % 8;

	return !memcmp(address, condition->address, whole) &&
	       (whole == HTTP_ADDRESS_LEN ||
		!((address[whole] ^ condition->address[whole]) & rest));
}

/* Whether one condition holds, whatever it says of negation.  False also if the case is unclear. */
static bool holds(const struct http_condition *condition, struct http_case *c)
{
	switch (condition->kind) {
	case HTTP_CONDITION_HOST:
		return case_host(c) && matches(condition, c->host);
	case HTTP_CONDITION_PATH:
		return case_path(c) && matches(condition, c->path);
	case HTTP_CONDITION_QUERY:
		case_query(c);
		return matches(condition, c->query);
	case HTTP_CONDITION_METHOD:
		return matches(condition, span_text(c->buf, c->head->method_text));
	case HTTP_CONDITION_HEADER:
		c->private = true;
		return header_holds(condition, c);
	case HTTP_CONDITION_COOKIE:
		c->private = true;
		return cookie_holds(condition, c);
	case HTTP_CONDITION_SOURCE:
		c->private = true;
		return source_holds(condition, c->address);
	case HTTP_CONDITION_MARK:
		c->private = true;
		return (c->mark & condition->mask) == condition->mark;
	case HTTP_CONDITION_FINGERPRINT:
		c->private = true;
		return matches(condition, c->fingerprint);
	default:
		return false;
	}
}

static bool rule_applies(const struct http_rule *rule, struct http_case *c)
{
	u16 i = 0;

	while (i < rule->condition_count) {
		bool negate = rule->conditions[i].negate;
		bool any = false;
		bool more;

		do {
			any = any || holds(&rule->conditions[i], c);
			more = rule->conditions[i++].or_next;
		} while (more);
		if (c->unclear || any == negate)
			return false;
	}
	return true;
}

/* Chains. */

/**
 * struct place - where a walk is, or goes on later
 * @chain: in which chain
 * @next: at which rule
 */
struct place {
	const struct http_chain *chain;
	u32 next;
};

const struct http_rule *http_judge(const struct http_chain *chain, struct http_case *c)
{
	struct place stack[HTTP_CHAIN_DEPTH];
	struct place at = { .chain = chain };
	unsigned int depth = 0;

	for (;;) {
		const struct http_rule *rule;

		if (at.next == at.chain->count) {
			if (!depth)
				return NULL;
			at = stack[--depth];
			continue;
		}
		rule = at.chain->rules[at.next++];
		c->looked_at++;
		if (!rule_applies(rule, c)) {
			if (c->unclear)
				return NULL;
			continue;
		}
		switch (rule->action) {
		case HTTP_RULE_SET_MARK:
			c->marked = true;
			c->new_mark = rule->mark;
			break;
		case HTTP_RULE_JUMP:
			/* Chains that lead deeper were not let in. */
			if (depth == HTTP_CHAIN_DEPTH)
				return NULL;
			stack[depth++] = at;
			at = (struct place){ .chain = rule->jump };
			break;
		default:
			return rule;
		}
	}
}

/* Virtual hosts. */

/* From the last byte to the first, so that the hash of each ending is met on the way. */
static u32 hash_more(u32 hash, u8 byte)
{
	return (hash ^ http_lower(byte)) * 0x9e3779b1U;
}

static u32 bucket_of(const struct http_hosts *hosts, u32 hash)
{
	return (hash ^ hash >> 16) & hosts->mask;
}

static const struct http_name *lookup(const struct http_hosts *hosts, u32 hash,
				      struct http_text text, bool wildcard)
{
	u32 i = hosts->buckets[bucket_of(hosts, hash)];

	while (i) {
		const struct http_name *name = &hosts->names[i - 1];

		if (name->hash == hash && name->wildcard == wildcard &&
		    http_equal(name->text.at, name->text.len, text.at, text.len))
			return name;
		i = name->next;
	}
	return NULL;
}

int http_hosts_add(struct http_hosts *hosts)
{
	struct http_name *name = &hosts->names[hosts->count];
	size_t i = name->text.len;
	u32 *bucket;

	name->hash = 0;
	while (i)
		name->hash = hash_more(name->hash, name->text.at[--i]);
	if (lookup(hosts, name->hash, name->text, name->wildcard))
		return -1;
	bucket = &hosts->buckets[bucket_of(hosts, name->hash)];
	name->next = *bucket;
	*bucket = ++hosts->count;
	return 0;
}

u32 http_hosts_find(const struct http_hosts *hosts, struct http_text host)
{
	const struct http_name *wild = NULL, *found;
	size_t i = host.len;
	u32 hash = 0;

	while (i) {
		struct http_text ending;

		hash = hash_more(hash, host.at[--i]);
		/* There is something before the dot that the star stands for. */
		if (host.at[i] != '.' || !i)
			continue;
		ending = (struct http_text){ .at = host.at + i, .len = host.len - i };
		found = lookup(hosts, hash, ending, true);
		if (found)
			wild = found;
	}
	found = lookup(hosts, hash, host, false);
	if (!found)
		found = wild;
	return found ? found->vhost : hosts->fallback;
}

/* Redirects. */

enum variable {
	VARIABLE_NONE,
	VARIABLE_HOST,
	VARIABLE_PATH,
	VARIABLE_URI,
};

static enum variable variable_at(struct http_text location, size_t at, size_t *len)
{
	static const struct {
		const char *name;
		u8 len;
		u8 variable;
	} variables[] = {
		{ "$host", 5, VARIABLE_HOST },
		{ "$path", 5, VARIABLE_PATH },
		{ "$uri", 4, VARIABLE_URI },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(variables); i++) {
		*len = variables[i].len;
		if (location.len - at >= *len && !memcmp(location.at + at, variables[i].name, *len))
			return variables[i].variable;
	}
	*len = 1;
	return VARIABLE_NONE;
}

/* Length of "http://" or "https://", or 0. */
static size_t scheme_len(struct http_text location)
{
	if (location.len >= 7 && http_is_word(location.at, 7, "http://"))
		return 7;
	if (location.len >= 8 && http_is_word(location.at, 8, "https://"))
		return 8;
	return 0;
}

const char *http_location_fault(struct http_text location)
{
	size_t scheme = scheme_len(location);
	enum variable variable;
	size_t i, len;

	for (i = 0; i < location.len; i++) {
		u8 byte = location.at[i];

		if (!http_is(byte, HTTP_CHAR_TARGET) && byte != '#')
			return "a byte that may not stand in a URI";
		if (byte == '$' && variable_at(location, i, &len) == VARIABLE_NONE)
			return "a $ that begins none of $host, $path and $uri";
	}
	if (!location.len)
		return "nothing";
	variable = variable_at(location, scheme, &len);
	if (scheme) {
		if (scheme == location.len || location.at[scheme] == '/' ||
		    location.at[scheme] == '?' || variable == VARIABLE_PATH ||
		    variable == VARIABLE_URI)
			return "no host behind the scheme";
		return NULL;
	}
	if (variable == VARIABLE_PATH || variable == VARIABLE_URI)
		return NULL;
	if (location.at[0] != '/')
		return "neither http://, https:// nor a slash in front";
	/* What follows would be read as a host. */
	if (location.len > 1) {
		variable = variable_at(location, 1, &len);
		if (location.at[1] == '/' || location.at[1] == '\\' || variable == VARIABLE_PATH ||
		    variable == VARIABLE_URI)
			return "two slashes in front";
	}
	return NULL;
}

/**
 * struct output - bytes that are counted on when there is no more room
 * @out: room
 * @size: its size
 * @len: bytes so far
 */
struct output {
	u8 *out;
	size_t size;
	size_t len;
};

static void put(struct output *o, const u8 *at, size_t len)
{
	if (o->len < o->size)
		memcpy(o->out + o->len, at, min_t(size_t, len, o->size - o->len));
	o->len += len;
}

/* Another host begins behind two of these. */
static bool is_slash(u8 byte)
{
	return byte == '/' || byte == '\\';
}

/* The path as sent, always with a slash in front; one alone where more would be read as a host. */
static void put_target(struct output *o, const struct http_head *head, const u8 *buf, bool query)
{
	struct http_text text = span_text(buf, head->path);

	if (!query)
		text.len = http_path_len(head, buf);
	if (o->len <= 1) {
		while (text.len && is_slash(text.at[0])) {
			text.at++;
			text.len--;
		}
		if (!o->len)
			put(o, (const u8 *)"/", 1);
	} else if (!text.len || text.at[0] != '/') {
		put(o, (const u8 *)"/", 1);
	}
	put(o, text.at, text.len);
}

size_t http_location(u8 *out, size_t size, struct http_text location,
		     const struct http_head *head, const u8 *buf)
{
	struct output o = { .out = out, .size = size };
	struct http_text host;
	size_t i = 0;

	while (i < location.len) {
		enum variable variable = VARIABLE_NONE;
		size_t len = 1;

		if (location.at[i] == '$')
			variable = variable_at(location, i, &len);
		switch (variable) {
		case VARIABLE_HOST:
			if (!http_host_of(head, buf, &host) || !host.len)
				return 0;
			put(&o, host.at, host.len);
			break;
		case VARIABLE_PATH:
		case VARIABLE_URI:
			put_target(&o, head, buf, variable == VARIABLE_URI);
			break;
		case VARIABLE_NONE:
			/* Behind a variable that was a slash alone. */
			if (o.len != 1 || !is_slash(location.at[i]))
				put(&o, location.at + i, 1);
			break;
		}
		i += len;
	}
	return o.len;
}
