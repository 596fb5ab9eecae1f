// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>

#include "message.h"
#include "written.h"

static bool read_number(struct http_text text, unsigned int base, u32 *number)
{
	u64 value = 0;

	if (!text.len || text.len > 8)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned int digit = isdigit(text.at[i]) ? text.at[i] - '0' :
				     isxdigit(text.at[i]) ? tolower(text.at[i]) - 'a' + 10 : 16;

		if (digit >= base)
			return false;
		value = value * base + digit;
	}
	*number = value;
	return value <= U32_MAX;
}

/* A word of RFC 9110 section 5.6.2. */
static bool is_token(struct http_text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!text.at[i] || text.at[i] >= 0x80 ||
		    (!isalnum(text.at[i]) && !strchr("!#$%&'*+-.^_`|~", text.at[i])))
			return false;
	return text.len;
}

static bool read_address(struct written_condition *condition, struct http_text text)
{
	struct http_text digits = message_take(&text, '/');

	if (digits.len % 2 || digits.len > 2 * HTTP_ADDRESS_LEN)
		return false;
	for (size_t i = 0; i < digits.len; i += 2) {
		u32 byte;

		if (!read_number((struct http_text){ digits.at + i, 2 }, 16, &byte))
			return false;
		condition->address[i / 2] = byte;
	}
	return read_number(text, 10, &condition->prefix) && condition->prefix <= 128;
}

static bool read_mark(struct written_condition *condition, struct http_text text)
{
	struct http_text mark = message_take(&text, '/');

	return read_number(mark, 16, &condition->mark) && read_number(text, 16, &condition->mask) &&
	       !(condition->mark & ~condition->mask);
}

static bool read_condition(struct written_condition *condition, struct http_text word)
{
	condition->kind = word.at[0];
	word.at++;
	word.len--;
	switch (condition->kind) {
	case 's':
		return read_address(condition, word);
	case 'k':
		return read_mark(condition, word);
	case 'H':
	case 'C':
		condition->name = message_take(&word, condition->kind == 'H' ? ':' : '=');
		if (!is_token(condition->name))
			return false;
		fallthrough;
	case 'h':
	case 'p':
	case 'q':
	case 'M':
		condition->pattern = word;
		return word.len <= HTTP_PATTERN_MAX;
	default:
		return false;
	}
}

static bool add_condition(struct written_rule *rule, struct http_text word)
{
	struct written_condition *condition = &rule->conditions[rule->count];
	bool alternative = false;

	if (rule->count == WRITTEN_CONDITIONS)
		return false;
	*condition = (struct written_condition){ 0 };
	while (word.len && (word.at[0] == '!' || word.at[0] == '|')) {
		condition->negate |= word.at[0] == '!';
		alternative |= word.at[0] == '|';
		word.at++;
		word.len--;
	}
	if (!word.len || !read_condition(condition, word))
		return false;
	if (alternative) {
		if (!rule->count || condition[-1].kind != condition->kind)
			return false;
		condition[-1].or_next = true;
		condition->negate = condition[-1].negate;
	}
	rule->count++;
	return true;
}

static bool read_action(struct written_rule *rule, struct http_text word)
{
	struct http_text value = { word.at + 1, word.len - 1 };

	rule->action = word.at[0];
	rule->value = 0;
	switch (rule->action) {
	case 'r':
	case 'b':
	case 'x':
	case 'd':
		return !value.len;
	case 'm':
		return read_number(value, 16, &rule->value);
	case 'u':
		rule->value = value.len ? value.at[0] : 0;
		return value.len == 1;
	case 'j':
		rule->value = value.len ? value.at[0] % WRITTEN_CHAINS : 0;
		/* None leads back. */
		return value.len == 1 && rule->value > rule->chain;
	default:
		return false;
	}
}

static bool read_rule(struct written_rule *rule, struct http_text line)
{
	struct http_text chain = message_take(&line, ' ');
	struct http_text action = message_take(&line, ' ');

	if (chain.len != 1 || !action.len)
		return false;
	rule->chain = chain.at[0] % WRITTEN_CHAINS;
	rule->count = 0;
	if (!read_action(rule, action))
		return false;
	while (line.len)
		if (!add_condition(rule, message_take(&line, ' ')))
			return false;
	return true;
}

/* Chains lead to later ones alone: from the last to the first, all is known. */
static bool measure(struct written_rules *rules)
{
	for (unsigned int chain = WRITTEN_CHAINS; chain--;) {
		rules->work[chain] = 0;
		for (size_t i = 0; i < rules->count; i++) {
			const struct written_rule *rule = &rules->rules[i];

			if (rule->chain != chain)
				continue;
			rules->work[chain] += 1;
			if (rule->action == 'j')
				rules->work[chain] += rules->work[rule->value];
			if (rules->work[chain] > WRITTEN_WORK_MAX)
				return false;
		}
	}
	return true;
}

bool written_read(struct written_rules *rules, struct http_text *text)
{
	rules->count = 0;
	for (;;) {
		struct http_text line = message_take(text, '\n');

		if (!line.len)
			return measure(rules);
		if (rules->count == WRITTEN_RULES ||
		    !read_rule(&rules->rules[rules->count++], line))
			return false;
	}
}
