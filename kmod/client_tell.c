// SPDX-License-Identifier: GPL-2.0-only
/* Client legs: what the event log is told of them. */

#include "client_tls.h"
#include "meter.h"

struct weir_incident weir_client_incident(const struct weir_client *client,
					  const struct http_head *head, const u8 *buf)
{
	return (struct weir_incident) {
		.address = &client->address,
		.port = ntohs(client->leg.sk->sk_dport),
		.listener = &client->meter->address,
		.head = head,
		.buf = buf,
		.fingerprint = weir_tls_fingerprint(client),
	};
}

static void weir_client_tell(const struct weir_client *client, struct weir_incident *event,
			     u16 status)
{
	event->action = status ? WEIR_EVENT_ACTION_REPLY : WEIR_EVENT_ACTION_RESET;
	event->status = status;
	weir_events_tell(client->leg.wn, event);
}

void weir_client_tell_bad(const struct weir_client *client, const struct http_head *head,
			  const u8 *buf, const char *detail, u16 status)
{
	struct weir_incident event = weir_client_incident(client, head, buf);

	event.reason = WEIR_REASON_BAD_REQUEST;
	event.detail = detail;
	weir_client_tell(client, &event, status);
}

void weir_client_tell_slow(const struct weir_client *client, u16 status)
{
	struct weir_incident event = weir_client_incident(client, NULL, NULL);

	event.reason = WEIR_REASON_TIMEOUT;
	weir_client_tell(client, &event, status);
}
