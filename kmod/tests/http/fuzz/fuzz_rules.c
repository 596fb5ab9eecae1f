// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer harness of the rules: a request is judged by http_judge() and by a
 * second, slow reader (plain_rules.h), which must come to the same rule, mark
 * and count. No more rules are looked at than the chains have been measured
 * for; the parts stay in the room that they are given, and what is too small a
 * room is no reason to leave it.
 *
 * Input: one byte of options; one that the client's address, its mark, and a
 * too small room follow from; then rules (written.h), an empty line, and the
 * request, its lines ended by LF alone and its first line without a version.
 */
#include "check.h"
#include "plain_rules.h"

enum {
	OPTION_OLD = BIT(0),		/* HTTP/1.0 */
	OPTION_IPV4 = BIT(1),
	OPTION_NO_ROOM = BIT(2),	/* for path and query */
	OPTION_HOST_KNOWN = BIT(3),	/* as behind the choice of a virtual host */
};

/**
 * struct made - rules as the data path has them; allocated, each in memory of just its size
 * @rules: in the order of the lines
 * @chains: of pointers to these
 */
struct made {
	struct http_rule rules[WRITTEN_RULES];
	struct http_chain chains[WRITTEN_CHAINS];
};

static enum http_condition_kind kind_of(char letter)
{
	switch (letter) {
	case 'h':
		return HTTP_CONDITION_HOST;
	case 'p':
		return HTTP_CONDITION_PATH;
	case 'q':
		return HTTP_CONDITION_QUERY;
	case 'M':
		return HTTP_CONDITION_METHOD;
	case 'H':
		return HTTP_CONDITION_HEADER;
	case 'C':
		return HTTP_CONDITION_COOKIE;
	case 's':
		return HTTP_CONDITION_SOURCE;
	default:
		return HTTP_CONDITION_MARK;
	}
}

static enum http_rule_action action_of(char letter)
{
	switch (letter) {
	case 'u':
		return HTTP_RULE_UPSTREAM;
	case 'r':
		return HTTP_RULE_REDIRECT;
	case 'b':
		return HTTP_RULE_BLOCK;
	case 'x':
		return HTTP_RULE_RESET;
	case 'd':
		return HTTP_RULE_DROP;
	case 'm':
		return HTTP_RULE_SET_MARK;
	default:
		return HTTP_RULE_JUMP;
	}
}

static void make_condition(struct http_condition *condition, const struct written_condition *from)
{
	*condition = (struct http_condition){
		.kind = kind_of(from->kind), .negate = from->negate, .or_next = from->or_next,
		.prefix = from->prefix,
	};
	switch (condition->kind) {
	case HTTP_CONDITION_SOURCE:
		memcpy(condition->address, from->address, HTTP_ADDRESS_LEN);
		return;
	case HTTP_CONDITION_MARK:
		condition->mark = from->mark;
		condition->mask = from->mask;
		return;
	case HTTP_CONDITION_HEADER:
	case HTTP_CONDITION_COOKIE:
		condition->name.at = fuzz_copy(from->name.at, from->name.len);
		condition->name.len = from->name.len;
		condition->field = http_field_id(from->name.at, from->name.len);
		break;
	}
	http_pattern_compile(&condition->pattern, from->pattern.at, from->pattern.len,
			     condition->kind == HTTP_CONDITION_HOST ||
			     condition->kind == HTTP_CONDITION_HEADER,
			     fuzz_alloc(2 * from->pattern.len));
}

static void free_condition(const struct http_condition *condition)
{
	if (condition->kind == HTTP_CONDITION_SOURCE || condition->kind == HTTP_CONDITION_MARK)
		return;
	free((void *)condition->name.at);
	free((void *)condition->pattern.text);
}

static struct made *make(const struct written_rules *written)
{
	struct made *made = fuzz_alloc(sizeof(*made));

	for (size_t i = 0; i < written->count; i++) {
		const struct written_rule *from = &written->rules[i];
		struct http_condition *conditions = fuzz_alloc(from->count * sizeof(*conditions));

		for (size_t k = 0; k < from->count; k++)
			make_condition(&conditions[k], &from->conditions[k]);
		made->rules[i] = (struct http_rule){
			.conditions = conditions, .condition_count = from->count,
			.action = action_of(from->action), .mark = from->value,
			.upstream = from->value,
		};
		if (from->action == 'j')
			made->rules[i].jump = &made->chains[from->value];
	}
	for (unsigned int chain = 0; chain < WRITTEN_CHAINS; chain++) {
		const struct http_rule **rules = fuzz_alloc(written->count * sizeof(*rules));
		u32 count = 0;

		for (size_t i = 0; i < written->count; i++)
			if (written->rules[i].chain == chain)
				rules[count++] = &made->rules[i];
		made->chains[chain] = (struct http_chain){ .rules = rules, .count = count };
	}
	return made;
}

static void unmake(struct made *made, size_t count)
{
	for (unsigned int chain = 0; chain < WRITTEN_CHAINS; chain++)
		free((void *)made->chains[chain].rules);
	for (size_t i = 0; i < count; i++) {
		for (u16 k = 0; k < made->rules[i].condition_count; k++)
			free_condition(&made->rules[i].conditions[k]);
		free((void *)made->rules[i].conditions);
	}
	free(made);
}

/* The request's first line has no version in the input. */
static size_t write_request(u8 *out, u8 options, struct http_text text)
{
	struct http_text line = message_take(&text, '\n');
	char first[MESSAGE_MAX];

	if (line.len > MESSAGE_MAX / 2 || memchr(line.at, 0, line.len))
		return 0;
	snprintf(first, sizeof(first), "%.*s HTTP/1.%d\r\n", (int)line.len, line.at,
		 !(options & OPTION_OLD));
	return message_write(out, first, text);
}

static void check_same(const struct written_rules *written, const struct made *made,
		       const struct http_case *c, const struct http_rule *rule,
		       struct plain_case *plain)
{
	const struct written_rule *expect = plain_judge(written, plain);
	long got = rule ? rule - made->rules : -1;
	long wanted = expect ? expect - written->rules : -1;

	ENSURE(c->unclear == plain->unclear, "unclear %d, not %d", c->unclear, plain->unclear);
	ENSURE(got == wanted, "rule %ld, not %ld", got, wanted);
	ENSURE(c->private == plain->private, "private %d, not %d", c->private, plain->private);
	ENSURE(c->marked == plain->marked && c->new_mark == plain->new_mark,
	       "mark %d %x, not %d %x", c->marked, c->new_mark, plain->marked, plain->new_mark);
	ENSURE(c->looked_at == plain->looked_at, "%u rules looked at, not %u", c->looked_at,
	       plain->looked_at);
}

static void check(const struct written_rules *written, const struct made *made, u8 options, u8 seed,
		  const struct http_head *head, const u8 *buf)
{
	u8 address[HTTP_ADDRESS_LEN] = { 0x20, 0x01, 0x0d, 0xb8, [15] = seed };
	static const u8 mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10 };
	struct http_case c = {
		.head = head, .buf = buf, .address = address, .mark = seed | seed << 16,
		.room = options & OPTION_NO_ROOM ? seed : head->target.len,
	};
	struct message message;
	struct plain_case plain = { .message = &message, .address = address, .mark = c.mark };
	const struct http_rule *rule;

	if (options & OPTION_IPV4)
		memcpy(address, mapped, sizeof(mapped));
	if (options & OPTION_HOST_KNOWN && !http_host_of(head, buf, &c.host))
		return;
	c.scratch = fuzz_alloc(c.room);
	rule = http_judge(&made->chains[0], &c);
	ENSURE(c.looked_at <= written->work[0], "%u rules looked at, of %u", c.looked_at,
	       written->work[0]);
	message_read(&message, buf, head->length);
	if (c.room >= head->target.len)
		check_same(written, made, &c, rule, &plain);
	free(c.scratch);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct http_limits no_limits;
	static struct written_rules written;
	struct http_field fields[FUZZ_FIELDS];
	struct http_text text = { data + 2, size - 2 };
	static u8 request[MESSAGE_MAX];
	struct http_head head;
	size_t len;
	u8 *copy;

	if (size < 2 || size > FUZZ_INPUT_MAX || !written_read(&written, &text) || !text.len)
		return 0;
	len = write_request(request, data[0], text);
	http_request_init(&head, &no_limits, fields, FUZZ_FIELDS);
	copy = fuzz_copy(request, len);
	if (http_head_parse(&head, copy, len) == HTTP_DONE) {
		struct made *made = make(&written);

		check(&written, made, data[0], data[1], &head, copy);
		unmake(made, written.count);
	}
	free(copy);
	return 0;
}
