// SPDX-License-Identifier: GPL-2.0-only
#include "http_parser.h"
#include "http_write.h"

static const struct {
	u16 status;
	const char *text;
} errors[HTTP_ERR_COUNT] = {
	[HTTP_OK] = { 200, "no error" },
	[HTTP_ERR_METHOD] = { 400, "method is not a token" },
	[HTTP_ERR_METHOD_LENGTH] = { 501, "method too long" },
	[HTTP_ERR_CONNECT] = { 501, "CONNECT is not served" },
	[HTTP_ERR_TARGET] = { 400, "bad byte in request target" },
	[HTTP_ERR_TARGET_FORM] = { 400, "request target has the wrong form" },
	[HTTP_ERR_URI_LENGTH] = { 414, "request target too long" },
	[HTTP_ERR_VERSION] = { 400, "malformed HTTP version" },
	[HTTP_ERR_VERSION_UNSUPPORTED] = { 505, "HTTP version is neither 1.0 nor 1.1" },
	[HTTP_ERR_STATUS_LINE] = { 502, "malformed status line" },
	[HTTP_ERR_LEADING_LINES] = { 400, "too many empty lines before the request" },
	[HTTP_ERR_BARE_CR] = { 400, "CR without LF" },
	[HTTP_ERR_BARE_LF] = { 400, "LF without CR" },
	[HTTP_ERR_FIELD_NAME] = { 400, "bad byte in field name" },
	[HTTP_ERR_FIELD_VALUE] = { 400, "control byte in field value" },
	[HTTP_ERR_FOLD] = { 400, "folded field line" },
	[HTTP_ERR_HEADER_TOTAL] = { 431, "header too large" },
	[HTTP_ERR_HEADER_COUNT] = { 431, "too many fields" },
	[HTTP_ERR_HOST_MISSING] = { 400, "no Host" },
	[HTTP_ERR_HOST_REPEATED] = { 400, "more than one Host" },
	[HTTP_ERR_HOST] = { 400, "malformed Host or authority" },
	[HTTP_ERR_LENGTH] = { 400, "Content-Length is not a number that fits" },
	[HTTP_ERR_LENGTH_REPEATED] = { 400, "more than one Content-Length" },
	[HTTP_ERR_LENGTH_AND_CHUNKED] = { 400, "Content-Length beside Transfer-Encoding" },
	[HTTP_ERR_CODING] = { 400, "Transfer-Encoding does not end in one chunked" },
	[HTTP_ERR_CODING_UNSUPPORTED] = { 501, "transfer coding is not chunked" },
	[HTTP_ERR_CODING_VERSION] = { 400, "Transfer-Encoding in HTTP/1.0" },
	[HTTP_ERR_BODY_STATUS] = { 502, "body announced in a 1xx or 204 reply" },
	[HTTP_ERR_CONNECTION] = { 400, "malformed Connection, or too many options" },
	[HTTP_ERR_EXPECT] = { 417, "unknown expectation" },
	[HTTP_ERR_UPGRADE] = { 502, "switch of protocols that was not asked for" },
	[HTTP_ERR_MAX_FORWARDS] = { 400, "malformed Max-Forwards" },
	[HTTP_ERR_BODY_LENGTH] = { 413, "body too large" },
	[HTTP_ERR_CHUNK_SIZE] = { 400, "malformed chunk size" },
	[HTTP_ERR_CHUNK_EXTENSION] = { 400, "malformed or too long chunk extension" },
	[HTTP_ERR_CHUNK_END] = { 400, "chunk does not end where its size says" },
	[HTTP_ERR_TRAILER] = { 400, "malformed or forbidden trailer" },
	[HTTP_ERR_TRAILER_SPLIT] = { 400, "field both in header and trailer" },
	[HTTP_ERR_FORM_BYTES] = { 400, "byte that forms may not have" },
	[HTTP_ERR_TRUNCATED] = { 400, "connection ended inside a message" },
};

u16 http_status_of(enum http_error error)
{
	return (unsigned int)error < HTTP_ERR_COUNT ? errors[error].status : 400;
}

const char *http_text_of(enum http_error error)
{
	return (unsigned int)error < HTTP_ERR_COUNT ? errors[error].text : "unknown error";
}

const char *http_reason(u16 status)
{
	switch (status) {
	case 100: return "Continue";
	case 101: return "Switching Protocols";
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 421: return "Misdirected Request";
	case 426: return "Upgrade Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	default: return "Unknown";
	}
}
