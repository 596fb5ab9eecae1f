// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFC 8446, sections 4.1.2 and 4.2; RFC 5246, section 7.4.1.2; RFC 6066, sections 3 and 8; RFC
 * 7301, section 3.1; RFC 8422, section 5.1; RFC 5746, section 3.6; RFC 7627, section 5.1; RFC
 * 8449, section 4; RFC 5077, section 3.2.
 */
#include "tls_12_record.h"
#include "tls_hello.h"
#include "tls_p256.h"
#include "tls_x25519.h"

enum {
	HAS_VERSIONS = BIT(0),
	HAS_GROUPS = BIT(1),
	HAS_SHARES = BIT(2),
	HAS_PSK = BIT(3),
	HAS_PSK_MODES = BIT(4),
};

/**
 * struct reading - a hello that is being read
 * @hello: what is known of it
 * @message: its first byte
 * @has: extensions that there were
 * @types: of all extensions
 * @n_types: how many
 * @tls_1_3: among its versions
 * @tls_1_2: the same
 * @uncompressed: among its formats of points
 * @renegotiates: it is not a connection's first, it says
 * @renegotiation_bad: what it says there is malformed, which counts in TLS 1.2 alone
 */
struct reading {
	struct tls_hello *hello;
	const u8 *message;
	u8 has;
	u16 types[TLS_EXTENSIONS_MAX];
	u16 n_types;
	bool tls_1_3;
	bool tls_1_2;
	bool uncompressed;
	bool renegotiates;
	bool renegotiation_bad;
};

static u8 read_versions(struct reading *reading, struct tls_in *in)
{
	struct tls_in list = tls_read_vector(in, 1, 2);

	while (list.left) {
		u32 version = tls_read(&list, 2);

		if (version == TLS_1_3)
			reading->tls_1_3 = true;
		if (version == TLS_1_2)
			reading->tls_1_2 = true;
	}
	reading->has |= HAS_VERSIONS;
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

static int group_of(u32 code)
{
	if (code == TLS_X25519)
		return TLS_GROUP_X25519;
	return code == TLS_P256 ? TLS_GROUP_P256 : -1;
}

static u8 read_groups(struct reading *reading, struct tls_in *in)
{
	struct tls_in list = tls_read_vector(in, 2, 2);

	while (list.left) {
		int group = group_of(tls_read(&list, 2));

		if (group >= 0)
			reading->hello->groups |= BIT(group);
	}
	reading->has |= HAS_GROUPS;
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

static u8 read_schemes(struct reading *reading, struct tls_in *in)
{
	struct tls_in list = tls_read_vector(in, 2, 2);

	while (list.left) {
		u32 scheme = tls_read(&list, 2);

		if (scheme == TLS_ECDSA_P256_SHA256)
			reading->hello->ecdsa_p256 = true;
		if (scheme == TLS_RSA_PSS_RSAE_SHA256)
			reading->hello->rsa_pss = true;
		if (scheme == TLS_RSA_PKCS1_SHA256)
			reading->hello->rsa_pkcs1 = true;
	}
	reading->hello->schemes = true;
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

static u8 read_shares(struct reading *reading, struct tls_in *in)
{
	static const u16 sizes[] = {
		[TLS_GROUP_X25519] = X25519_BYTES, [TLS_GROUP_P256] = P256_PUBLIC,
	};
	struct tls_hello *hello = reading->hello;
	struct tls_in list = tls_read_vector(in, 2, 0);

	while (list.left) {
		int group = group_of(tls_read(&list, 2));
		struct tls_in share = tls_read_vector(&list, 2, 1);

		if (list.bad)
			break;
		hello->n_shares++;
		if (group < 0)
			continue;
		if (hello->shares[group] || share.left != sizes[group])
			return TLS_ILLEGAL_PARAMETER;
		hello->shares[group] = share.at;
	}
	reading->has |= HAS_SHARES;
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

static u8 read_name(struct reading *reading, struct tls_in *in)
{
	struct tls_in list = tls_read_vector(in, 2, 1);

	while (list.left) {
		u32 type = tls_read(&list, 1);
		struct tls_in name = tls_read_vector(&list, 2, 1);

		if (list.bad)
			break;
		/* There are host names only, and only one of a kind may be sent. */
		if (type || reading->hello->name.len)
			return TLS_ILLEGAL_PARAMETER;
		if (name.left > 255 || memchr(name.at, 0, name.left))
			return TLS_ILLEGAL_PARAMETER;
		reading->hello->name = (struct http_text){ .at = name.at, .len = name.left };
	}
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

/* Which responders the client trusts, and what to tell them, is not for who has one answer. */
static u8 read_status(struct reading *reading, struct tls_in *in)
{
	/* Other kinds may have any form. */
	if (tls_read(in, 1) != TLS_OCSP) {
		tls_take(in, in->left);
		return TLS_FINE;
	}
	tls_read_vector(in, 2, 0);
	tls_read_vector(in, 2, 0);
	reading->hello->status = true;
	return TLS_FINE;
}

static u8 read_alpn(struct reading *reading, struct tls_in *in)
{
	static const char http_1_1[] = "http/1.1";
	struct tls_in list = tls_read_vector(in, 2, 2);

	while (list.left) {
		struct tls_in name = tls_read_vector(&list, 1, 1);

		if (name.left == sizeof(http_1_1) - 1 && !memcmp(name.at, http_1_1, name.left))
			reading->hello->protocols |= BIT(TLS_HTTP_1_1);
	}
	reading->hello->alpn = true;
	return list.bad ? TLS_DECODE_ERROR : TLS_FINE;
}

static u8 read_cookie(struct reading *reading, struct tls_in *in)
{
	struct tls_in cookie = tls_read_vector(in, 2, 1);

	reading->hello->cookie = (struct http_text){ .at = cookie.at, .len = cookie.left };
	return TLS_FINE;
}

static u8 read_psk_modes(struct reading *reading, struct tls_in *in)
{
	struct tls_in modes = tls_read_vector(in, 1, 1);

	while (modes.left)
		if (tls_read(&modes, 1) == TLS_PSK_DHE)
			reading->hello->psk_dhe = true;
	reading->has |= HAS_PSK_MODES;
	return TLS_FINE;
}

static u8 read_psk(struct reading *reading, struct tls_in *in)
{
	struct tls_hello *hello = reading->hello;
	struct tls_in identities = tls_read_vector(in, 2, 7);
	const u8 *end = in->at;
	struct tls_in binders = tls_read_vector(in, 2, 33);
	int more = 0;

	hello->identities = identities;
	hello->binders = binders;
	while (identities.left) {
		tls_read_vector(&identities, 2, 1);
		tls_read(&identities, 4);
		more++;
	}
	while (binders.left) {
		if (tls_read_vector(&binders, 1, 32).left)
			more--;
	}
	reading->has |= HAS_PSK;
	if (identities.bad || binders.bad)
		return TLS_DECODE_ERROR;
	hello->partial = end - reading->message;
	return more ? TLS_ILLEGAL_PARAMETER : TLS_FINE;
}

static u8 read_point_formats(struct reading *reading, struct tls_in *in)
{
	struct tls_in formats = tls_read_vector(in, 1, 1);

	while (formats.left)
		if (!tls_read(&formats, 1))
			reading->uncompressed = true;
	reading->hello->point_formats = true;
	return TLS_FINE;
}

static u8 read_record_limit(struct reading *reading, struct tls_in *in)
{
	u32 limit = tls_read(in, 2);

	if (!in->bad && limit < TLS_RECORD_LIMIT_MIN)
		return TLS_ILLEGAL_PARAMETER;
	reading->hello->record_limit = (u16)limit;
	return TLS_FINE;
}

static u8 read_renegotiation(struct reading *reading, struct tls_in *in)
{
	struct tls_in body = tls_take(in, in->left);

	reading->renegotiates = tls_read_vector(&body, 1, 0).left;
	reading->renegotiation_bad = body.bad || body.left;
	reading->hello->renegotiation = true;
	return TLS_FINE;
}

static u8 read_extension(struct reading *reading, u32 type, struct tls_in *in)
{
	switch (type) {
	case TLS_SERVER_NAME:
		return read_name(reading, in);
	case TLS_STATUS_REQUEST:
		return read_status(reading, in);
	case TLS_SUPPORTED_GROUPS:
		return read_groups(reading, in);
	case TLS_POINT_FORMATS:
		return read_point_formats(reading, in);
	case TLS_SIGNATURE_ALGORITHMS:
		return read_schemes(reading, in);
	case TLS_ALPN:
		return read_alpn(reading, in);
	case TLS_EXTENDED_MASTER_SECRET:
		reading->hello->extended_master = true;
		return TLS_FINE;
	case TLS_RECORD_SIZE_LIMIT:
		return read_record_limit(reading, in);
	case TLS_SESSION_TICKET:
		reading->hello->takes_ticket = true;
		reading->hello->ticket = (struct http_text){ .at = in->at, .len = in->left };
		tls_take(in, in->left);
		return TLS_FINE;
	case TLS_PRE_SHARED_KEY:
		return read_psk(reading, in);
	case TLS_EARLY_DATA:
		reading->hello->early_data = true;
		return TLS_FINE;
	case TLS_SUPPORTED_VERSIONS:
		return read_versions(reading, in);
	case TLS_COOKIE:
		return read_cookie(reading, in);
	case TLS_PSK_MODES:
		return read_psk_modes(reading, in);
	case TLS_KEY_SHARE:
		return read_shares(reading, in);
	case TLS_RENEGOTIATION_INFO:
		return read_renegotiation(reading, in);
	default:
		tls_take(in, in->left);
		return TLS_FINE;
	}
}

static u8 read_extensions(struct reading *reading, struct tls_in *in)
{
	while (in->left) {
		u32 type = tls_read(in, 2);
		struct tls_in body = tls_read_vector(in, 2, 0);
		u8 alert;

		if (in->bad || reading->n_types == TLS_EXTENSIONS_MAX)
			return TLS_DECODE_ERROR;
		for (u16 i = 0; i < reading->n_types; i++)
			if (reading->types[i] == type)
				return TLS_ILLEGAL_PARAMETER;
		reading->types[reading->n_types++] = (u16)type;
		/* Its binders are made over all that is before them. */
		if (type == TLS_PRE_SHARED_KEY && in->left)
			return TLS_ILLEGAL_PARAMETER;
		alert = read_extension(reading, type, &body);
		if (alert != TLS_FINE)
			return alert;
		if (body.bad || body.left)
			return TLS_DECODE_ERROR;
	}
	return TLS_FINE;
}

/* Section 9.2, and what is said of the extensions that belong together. */
static u8 check_1_3(const struct reading *reading)
{
	const struct tls_hello *hello = reading->hello;

	if (reading->has & HAS_PSK && !(reading->has & HAS_PSK_MODES))
		return TLS_MISSING_EXTENSION;
	/* There is always an exchange of keys; for an old session no certificate may be needed. */
	if (!(hello->schemes || reading->has & HAS_PSK) || !(reading->has & HAS_GROUPS) ||
	    !(reading->has & HAS_SHARES))
		return TLS_MISSING_EXTENSION;
	for (int group = 0; group < TLS_GROUPS; group++)
		if (hello->shares[group] && !(hello->groups & BIT(group)))
			return TLS_ILLEGAL_PARAMETER;
	return TLS_FINE;
}

static u8 check_1_2(const struct reading *reading)
{
	struct tls_hello *hello = reading->hello;

	if (reading->renegotiation_bad)
		return TLS_DECODE_ERROR;
	if (reading->renegotiates)
		return TLS_HANDSHAKE_FAILURE;
	if (hello->point_formats && !reading->uncompressed)
		return TLS_ILLEGAL_PARAMETER;
	/* RFC 8422, section 4: then we may choose. */
	if (!(reading->has & HAS_GROUPS))
		hello->groups = BIT(TLS_GROUP_P256);
	return TLS_FINE;
}

static void read_suites(struct tls_hello *hello, struct tls_in *in)
{
	while (in->left) {
		u32 code = tls_read(in, 2);

		for (int i = 0; i < TLS_SUITES; i++)
			if (tls_suites[i].code == code)
				hello->suites |= BIT(i);
		for (int i = 0; i < TLS12_SUITES; i++)
			if (tls12_suites[i].code == code)
				hello->old_suites |= BIT(i);
		if (code == TLS_RENEGOTIATION_SCSV)
			hello->renegotiation = true;
		if (code == TLS_FALLBACK_SCSV)
			hello->fallback = true;
	}
}

u8 tls_hello_read(struct tls_hello *hello, const u8 *message, size_t len)
{
	struct tls_in in = { .at = message, .left = len };
	struct reading reading = { .hello = hello, .message = message };
	struct tls_in session, suites, methods, extensions;
	u32 version;
	u8 alert;

	memset(hello, 0, sizeof(*hello));
	hello->partial = len;
	version = tls_read(&in, 2);
	hello->random = tls_take(&in, TLS_RANDOM).at;
	session = tls_read_vector(&in, 1, 0);
	suites = tls_read_vector(&in, 2, 2);
	methods = tls_read_vector(&in, 1, 1);
	if (in.bad || session.left > TLS_SESSION_MAX || suites.left % 2)
		return TLS_DECODE_ERROR;
	hello->session = (struct http_text){ .at = session.at, .len = session.left };
	read_suites(hello, &suites);
	/* Before TLS 1.3 there need not be any. */
	if (in.left) {
		extensions = tls_read_vector(&in, 2, 0);
		if (in.bad || in.left)
			return TLS_DECODE_ERROR;
		alert = read_extensions(&reading, &extensions);
		if (alert != TLS_FINE)
			return alert;
	}
	if (!(reading.has & HAS_VERSIONS))
		reading.tls_1_2 = version >= TLS_1_2;
	if (!(reading.tls_1_3 || reading.tls_1_2) || version <= TLS_SSL_3)
		return TLS_PROTOCOL_VERSION;
	/* To compress nothing is the one method of TLS 1.3, and has to be among those of 1.2. */
	if (!memchr(methods.at, 0, methods.left) || (reading.tls_1_3 && methods.left != 1))
		return TLS_ILLEGAL_PARAMETER;
	hello->tls_1_3 = reading.tls_1_3;
	return reading.tls_1_3 ? check_1_3(&reading) : check_1_2(&reading);
}
