"""The control ABI's constants. Made by kmod/spec/generate.py from kmod/spec/weir.yaml: do not edit."""

FAMILY_NAME = "weir"
FAMILY_VERSION = 1

# Definitions
ABI_VERSION = 2
ABI_LISTENERS_MAX = 64
ABI_UPSTREAMS_MAX = 64
ABI_SERVERS_MAX = 64
ABI_GROWN_MAX = 32768
ABI_GROWN_DEFAULT = 1024
ABI_WEIGHT_MAX = 1000
ABI_QUEUE_MAX = 65536
ABI_NAME_MAX = 31
ABI_CONNECTIONS_MAX = 1024
ABI_RATE_MAX = 1073741824
ABI_HEADER_TOTAL_MIN = 256
ABI_HEADER_TOTAL_MAX = 32768
ABI_HEADER_COUNT_MAX = 256
ABI_URI_LENGTH_MIN = 64
ABI_URI_LENGTH_MAX = 32768
ABI_VHOSTS_MAX = 256
ABI_HOSTS_MAX = 64
ABI_HOST_MAX = 255
ABI_RULES_MAX = 1024
ABI_MATCHES_MAX = 64
ABI_PATTERN_MAX = 255
ABI_LOCATION_MAX = 1024
ABI_CHAIN_DEPTH_MAX = 8
ABI_CHAIN_WORK_MAX = 4096
ABI_ERROR_PAGES_MAX = 64
ABI_PAGE_MAX = 16384
ABI_CONTENT_TYPE_MAX = 127
ABI_TIMEOUT_MIN = 1000
ABI_TIMEOUT_MAX = 86400000000
ABI_RETRIES_MAX = 8
ABI_COUNT_MAX = 1000
ABI_TEXT_MAX = 127
ABI_ALLOW_MAX = 512
ABI_PROXIES_MAX = 64
ABI_MEMORY_MAX = 1099511627776
ABI_EVENTS_MAX = 1000000
ABI_EVENT_URI_MAX = 256
ABI_BLOCK_MAX = 16777216
ABI_BLOCK_TIME_MAX = 31536000000000
ABI_METHODS_MAX = 255
ABI_CONTENT_TYPES_MAX = 511
ABI_COOKIE_NAME_MAX = 64
ABI_COOKIE_PATH_MAX = 127
ABI_CERTIFICATES_MAX = 256
ABI_CHAIN_MAX = 15360
ABI_STAPLE_MAX = 8192
ABI_SERVER_NAMES_MAX = 100
ABI_SERVER_NAME_MAX = 253
ABI_FILE_NAME_MAX = 1023
ABI_EXEMPT_MAX = 32
ABI_DIFFICULTY_MAX = 32
ABI_SESSION_MIN = 1000000
ABI_SESSION_MAX = 31536000000000
ABI_PER_CENT = 100
ABI_ATTACK_WINDOW_MIN = 100000
ABI_ATTACK_WINDOW_MAX = 60000000
ABI_FINGERPRINTS_MAX = 128
ABI_FINGERPRINT_MAX = 64
ABI_BODY_AHEAD_MAX = 65536
PROTOCOL = ("http", "https")
KEY_KIND = ("ecdsa-p256", "rsa")
UNKNOWN_NAME = ("default", "refuse")
TLS_VERSION = ("tls-1-2", "tls-1-3")
UPSTREAM_BALANCE = ("round-robin", "least-connections", "hash")
UPSTREAM_HASH_KEY = ("address", "uri", "host")
LIMIT_ACTION = ("reply", "reset", "drop", "challenge")
CONNECTION_ACTION = ("reset", "drop")
ATTACK_SCOPE = ("listener", "vhost")
FORWARDING = ("append", "replace", "off")
CHALLENGE_MODE = ("off", "cookie", "javascript")
CHALLENGE_WHEN = ("always", "limits", "attack")
SAME_SITE = ("lax", "strict", "none", "unsaid")
SCOPE_KIND = ("listener", "vhost", "upstream", "server")
MATCH_KIND = ("host", "path", "query", "method", "header", "cookie", "source", "mark", "tls-fingerprint")
RULE_ACTION = ("upstream", "redirect", "block", "reset", "drop", "set-mark", "jump")
REASON = (
    "request-burst",
    "request-rate",
    "connection-burst",
    "connection-rate",
    "concurrent-connections",
    "challenge-misses",
    "rule",
    "no-route",
    "bad-request",
    "timeout",
    "client-memory",
    "total-memory",
    "header-total",
    "header-count",
    "uri-length",
    "body-length",
    "header-length",
    "methods",
    "method-override",
    "host-strict",
    "content-type-required",
    "content-types",
    "uri-bytes",
    "header-name-bytes",
    "header-value-bytes",
    "form-bytes",
    "trailer-split",
    "response-code",
    "min-body-rate",
    "min-send-rate",
    "header-chunks",
    "body-chunks",
    "tls-handshake-rate",
    "tls-handshake-burst",
    "tls-incomplete-rate",
    "tls-fingerprint-deny",
)
EVENT_ACTION = ("reply", "reset", "drop", "challenge", "close")

# Operations
CMD_GET_INFO = 1
CMD_BEGIN = 2
CMD_STAGE_LISTENER = 3
CMD_STAGE_UPSTREAM = 4
CMD_STAGE_SERVER = 5
CMD_STAGE_LIMITS = 6
CMD_STAGE_TIMEOUTS = 7
CMD_COMMIT = 8
CMD_ABORT = 9
CMD_GET_CONFIG = 10
CMD_GET_STATS = 11
CMD_STAGE_VHOST = 12
CMD_STAGE_RULE = 13
CMD_STAGE_ERROR_PAGE = 14
CMD_STAGE_PROXY = 15
CMD_STAGE_FIREWALL = 16
CMD_STAGE_ATTACK = 17
CMD_BLOCK_ADD = 18
CMD_BLOCK_DEL = 19
CMD_BLOCK_LIST = 20
CMD_BLOCK_FLUSH = 21
CMD_STAGE_CHALLENGE = 22
CMD_STAGE_LOG = 23
CMD_EVENT = 24
CMD_STAGE_CERTIFICATE = 25
CMD_STAGE_TLS = 26

# Multicast groups
GROUP_EVENTS = "events"

# Attributes of info
A_INFO_ABI = 1
A_INFO_VERSION = 2
A_INFO_GENERATION = 3

# Attributes of commit
A_COMMIT_STAGED = 1
A_COMMIT_GENERATION = 2

# Attributes of listener
A_LISTENER_ADDRESS4 = 1
A_LISTENER_ADDRESS6 = 2
A_LISTENER_PORT = 3
A_LISTENER_PROTOCOL = 4

# Attributes of upstream
A_UPSTREAM_NAME = 1
A_UPSTREAM_BALANCE = 2
A_UPSTREAM_HASH_KEY = 3
A_UPSTREAM_QUEUE = 4
A_UPSTREAM_QUEUE_TIMEOUT = 5
A_UPSTREAM_STICKY_COOKIE = 6
A_UPSTREAM_RETRIES = 7
A_UPSTREAM_FAIL_COUNT = 8
A_UPSTREAM_FAIL_TIME = 9
A_UPSTREAM_SLOW_START = 10
A_UPSTREAM_HEALTH = 11

# Attributes of health
A_HEALTH_URI = 1
A_HEALTH_HOST = 2
A_HEALTH_PERIOD = 3
A_HEALTH_TIMEOUT = 4
A_HEALTH_STATUS = 5
A_HEALTH_RISE = 6
A_HEALTH_FALL = 7

# Attributes of server
A_SERVER_UPSTREAM = 1
A_SERVER_ADDRESS4 = 2
A_SERVER_ADDRESS6 = 3
A_SERVER_PORT = 4
A_SERVER_CONNECTIONS = 5
A_SERVER_CONNECTIONS_MAX = 6
A_SERVER_WEIGHT = 7
A_SERVER_BACKUP = 8

# Attributes of limits
A_LIMITS_REQUEST_RATE = 1
A_LIMITS_REQUEST_BURST = 2
A_LIMITS_ACTION = 3
A_LIMITS_HEADER_TOTAL = 4
A_LIMITS_HEADER_COUNT = 5
A_LIMITS_BODY_LENGTH = 6
A_LIMITS_URI_LENGTH = 7
A_LIMITS_REQUEST_RATE_ACTION = 8
A_LIMITS_REQUEST_RATE_STATUS = 9
A_LIMITS_REQUEST_BURST_ACTION = 10
A_LIMITS_REQUEST_BURST_STATUS = 11
A_LIMITS_CONNECTION_RATE = 12
A_LIMITS_CONNECTION_RATE_ACTION = 13
A_LIMITS_CONNECTION_BURST = 14
A_LIMITS_CONNECTION_BURST_ACTION = 15
A_LIMITS_CONCURRENT_CONNECTIONS = 16
A_LIMITS_CONCURRENT_CONNECTIONS_ACTION = 17
A_LIMITS_IPV6_PREFIX = 18
A_LIMITS_REQUEST_RATE_BLOCK = 19
A_LIMITS_REQUEST_BURST_BLOCK = 20
A_LIMITS_CONNECTION_RATE_BLOCK = 21
A_LIMITS_CONNECTION_BURST_BLOCK = 22
A_LIMITS_CONCURRENT_CONNECTIONS_BLOCK = 23
A_LIMITS_HEADER_LENGTH = 24
A_LIMITS_CHECKS = 25
A_LIMITS_HEADER_TOTAL_ACTION = 26
A_LIMITS_HEADER_TOTAL_STATUS = 27
A_LIMITS_HEADER_TOTAL_BLOCK = 28
A_LIMITS_HEADER_COUNT_ACTION = 29
A_LIMITS_HEADER_COUNT_STATUS = 30
A_LIMITS_HEADER_COUNT_BLOCK = 31
A_LIMITS_URI_LENGTH_ACTION = 32
A_LIMITS_URI_LENGTH_STATUS = 33
A_LIMITS_URI_LENGTH_BLOCK = 34
A_LIMITS_BODY_LENGTH_ACTION = 35
A_LIMITS_BODY_LENGTH_STATUS = 36
A_LIMITS_BODY_LENGTH_BLOCK = 37
A_LIMITS_HEADER_LENGTH_ACTION = 38
A_LIMITS_HEADER_LENGTH_STATUS = 39
A_LIMITS_HEADER_LENGTH_BLOCK = 40
A_LIMITS_METHODS_ACTION = 41
A_LIMITS_METHODS_STATUS = 42
A_LIMITS_METHODS_BLOCK = 43
A_LIMITS_METHOD_OVERRIDE_ACTION = 44
A_LIMITS_METHOD_OVERRIDE_STATUS = 45
A_LIMITS_METHOD_OVERRIDE_BLOCK = 46
A_LIMITS_HOST_STRICT_ACTION = 47
A_LIMITS_HOST_STRICT_STATUS = 48
A_LIMITS_HOST_STRICT_BLOCK = 49
A_LIMITS_CONTENT_TYPE_REQUIRED_ACTION = 50
A_LIMITS_CONTENT_TYPE_REQUIRED_STATUS = 51
A_LIMITS_CONTENT_TYPE_REQUIRED_BLOCK = 52
A_LIMITS_CONTENT_TYPES_ACTION = 53
A_LIMITS_CONTENT_TYPES_STATUS = 54
A_LIMITS_CONTENT_TYPES_BLOCK = 55
A_LIMITS_URI_BYTES_ACTION = 56
A_LIMITS_URI_BYTES_STATUS = 57
A_LIMITS_URI_BYTES_BLOCK = 58
A_LIMITS_HEADER_NAME_BYTES_ACTION = 59
A_LIMITS_HEADER_NAME_BYTES_STATUS = 60
A_LIMITS_HEADER_NAME_BYTES_BLOCK = 61
A_LIMITS_HEADER_VALUE_BYTES_ACTION = 62
A_LIMITS_HEADER_VALUE_BYTES_STATUS = 63
A_LIMITS_HEADER_VALUE_BYTES_BLOCK = 64
A_LIMITS_FORM_BYTES_ACTION = 65
A_LIMITS_FORM_BYTES_STATUS = 66
A_LIMITS_FORM_BYTES_BLOCK = 67
A_LIMITS_TRAILER_SPLIT_ACTION = 68
A_LIMITS_TRAILER_SPLIT_STATUS = 69
A_LIMITS_TRAILER_SPLIT_BLOCK = 70
A_LIMITS_RESPONSE_CODE_ACTION = 71
A_LIMITS_RESPONSE_CODE_STATUS = 72
A_LIMITS_RESPONSE_CODE_BLOCK = 73
A_LIMITS_CLIENT_MEMORY = 74
A_LIMITS_TOTAL_MEMORY = 75
A_LIMITS_MIN_BODY_RATE = 76
A_LIMITS_MIN_BODY_RATE_ACTION = 77
A_LIMITS_MIN_BODY_RATE_STATUS = 78
A_LIMITS_MIN_BODY_RATE_BLOCK = 79
A_LIMITS_MIN_BODY_GRACE = 80
A_LIMITS_MIN_SEND_RATE = 81
A_LIMITS_MIN_SEND_RATE_ACTION = 82
A_LIMITS_MIN_SEND_RATE_BLOCK = 83
A_LIMITS_MIN_SEND_GRACE = 84
A_LIMITS_HEADER_CHUNKS = 85
A_LIMITS_HEADER_CHUNKS_ACTION = 86
A_LIMITS_HEADER_CHUNKS_STATUS = 87
A_LIMITS_HEADER_CHUNKS_BLOCK = 88
A_LIMITS_BODY_CHUNKS = 89
A_LIMITS_BODY_CHUNKS_ACTION = 90
A_LIMITS_BODY_CHUNKS_STATUS = 91
A_LIMITS_BODY_CHUNKS_BLOCK = 92
A_LIMITS_BODY_AHEAD = 93
A_LIMITS_TLS_HANDSHAKE_RATE = 94
A_LIMITS_TLS_HANDSHAKE_RATE_ACTION = 95
A_LIMITS_TLS_HANDSHAKE_RATE_BLOCK = 96
A_LIMITS_TLS_HANDSHAKE_BURST = 97
A_LIMITS_TLS_HANDSHAKE_BURST_ACTION = 98
A_LIMITS_TLS_HANDSHAKE_BURST_BLOCK = 99
A_LIMITS_TLS_INCOMPLETE_RATE = 100
A_LIMITS_TLS_INCOMPLETE_RATE_ACTION = 101
A_LIMITS_TLS_INCOMPLETE_RATE_BLOCK = 102
A_LIMITS_TLS_FINGERPRINT_DENY = 103
A_LIMITS_TLS_FINGERPRINT_DENY_ACTION = 104
A_LIMITS_TLS_FINGERPRINT_DENY_BLOCK = 105

# Attributes of checks
A_CHECKS_URI_LENGTH = 1
A_CHECKS_BODY_LENGTH = 2
A_CHECKS_METHODS = 3
A_CHECKS_METHOD_OVERRIDE = 4
A_CHECKS_HOST_STRICT = 5
A_CHECKS_HOST_ADDRESS = 6
A_CHECKS_CONTENT_TYPE_REQUIRED = 7
A_CHECKS_CONTENT_TYPES = 8
A_CHECKS_TRAILER_SPLIT = 9
A_CHECKS_URI_BYTES = 10
A_CHECKS_HEADER_NAME_BYTES = 11
A_CHECKS_HEADER_VALUE_BYTES = 12
A_CHECKS_FORM_BYTES = 13
A_CHECKS_RESPONSE_CODES = 14
A_CHECKS_RESPONSE_CODE_COUNT = 15
A_CHECKS_RESPONSE_CODE_TIME = 16

# Attributes of timeouts
A_TIMEOUTS_CLIENT_HEADER = 1
A_TIMEOUTS_CLIENT_BODY = 2
A_TIMEOUTS_KEEPALIVE = 3
A_TIMEOUTS_UPSTREAM_CONNECT = 4
A_TIMEOUTS_UPSTREAM_RESPONSE = 5
A_TIMEOUTS_TUNNEL = 6

# Attributes of vhost
A_VHOST_NAME = 1
A_VHOST_HOST = 2
A_VHOST_UPSTREAM = 3
A_VHOST_CHAIN = 4
A_VHOST_CHECKS = 5
A_VHOST_CHALLENGE = 6

# Attributes of match
A_MATCH_KIND = 1
A_MATCH_NEGATE = 2
A_MATCH_NAME = 3
A_MATCH_PATTERN = 4
A_MATCH_ADDRESS4 = 5
A_MATCH_ADDRESS6 = 6
A_MATCH_PREFIX = 7
A_MATCH_MARK = 8
A_MATCH_MASK = 9

# Attributes of rule
A_RULE_CHAIN = 1
A_RULE_MATCH = 2
A_RULE_ACTION = 3
A_RULE_UPSTREAM = 4
A_RULE_LOCATION = 5
A_RULE_STATUS = 6
A_RULE_MARK = 7
A_RULE_JUMP = 8

# Attributes of error-page
A_ERROR_PAGE_VHOST = 1
A_ERROR_PAGE_STATUS = 2
A_ERROR_PAGE_CONTENT_TYPE = 3
A_ERROR_PAGE_BODY = 4

# Attributes of proxy
A_PROXY_X_FORWARDED = 1
A_PROXY_FORWARDED = 2

# Attributes of attack
A_ATTACK_SCOPE = 1
A_ATTACK_REQUESTS_ON = 2
A_ATTACK_REQUESTS_OFF = 3
A_ATTACK_FAILURES_ON = 4
A_ATTACK_FAILURES_OFF = 5
A_ATTACK_FAILURES_MIN = 6
A_ATTACK_WINDOW = 7
A_ATTACK_HOLD = 8

# Attributes of config
A_CONFIG_LISTENER = 1
A_CONFIG_UPSTREAM = 2
A_CONFIG_SERVER = 3
A_CONFIG_LIMITS = 4
A_CONFIG_TIMEOUTS = 5
A_CONFIG_VHOST = 6
A_CONFIG_RULE = 7
A_CONFIG_ERROR_PAGE = 8
A_CONFIG_PROXY = 9
A_CONFIG_FIREWALL = 10
A_CONFIG_CHALLENGE = 11
A_CONFIG_LOG = 12
A_CONFIG_ATTACK = 13
A_CONFIG_CERTIFICATE = 14
A_CONFIG_TLS = 15

# Attributes of counter
A_COUNTER_NAME = 1
A_COUNTER_VALUE = 2
A_COUNTER_GAUGE = 3

# Attributes of bucket
A_BUCKET_BELOW = 1
A_BUCKET_COUNT = 2

# Attributes of latency
A_LATENCY_SUM = 1
A_LATENCY_BUCKET = 2

# Attributes of scope
A_SCOPE_KIND = 1
A_SCOPE_NAME = 2
A_SCOPE_ADDRESS4 = 3
A_SCOPE_ADDRESS6 = 4
A_SCOPE_PORT = 5
A_SCOPE_COUNTER = 6
A_SCOPE_LATENCY = 7

# Attributes of stats
A_STATS_COUNTER = 1
A_STATS_SCOPE = 2

# Attributes of network
A_NETWORK_ADDRESS4 = 1
A_NETWORK_ADDRESS6 = 2
A_NETWORK_PREFIX = 3

# Attributes of firewall
A_FIREWALL_ALLOW = 1
A_FIREWALL_ALLOW_MARK = 2
A_FIREWALL_ALLOW_MASK = 3
A_FIREWALL_BLOCK_MAX = 4
A_FIREWALL_BLOCK_MARK = 5
A_FIREWALL_BLOCK_MASK = 6
A_FIREWALL_PROXY = 7
A_FIREWALL_PROXY_PROTOCOL = 8
A_FIREWALL_FORWARDED_FOR = 9

# Attributes of challenge
A_CHALLENGE_MODE = 1
A_CHALLENGE_WHEN = 2
A_CHALLENGE_COOKIE_NAME = 3
A_CHALLENGE_LIFETIME = 4
A_CHALLENGE_SECURE = 5
A_CHALLENGE_SCRIPT_ACCESS = 6
A_CHALLENGE_SAME_SITE = 7
A_CHALLENGE_PATH = 8
A_CHALLENGE_STATUS = 9
A_CHALLENGE_PAGE_STATUS = 10
A_CHALLENGE_REFUSAL_STATUS = 11
A_CHALLENGE_MAX_MISSES = 12
A_CHALLENGE_BLOCK = 13
A_CHALLENGE_KEY_ROTATION = 14
A_CHALLENGE_DIFFICULTY = 15
A_CHALLENGE_MIN_TIME = 16
A_CHALLENGE_MAX_TIME = 17
A_CHALLENGE_PAGE = 18
A_CHALLENGE_EXEMPT_PATH = 19
A_CHALLENGE_PER_VHOST = 20

# Attributes of block
A_BLOCK_ADDRESS4 = 1
A_BLOCK_ADDRESS6 = 2
A_BLOCK_PREFIX = 3
A_BLOCK_TIME = 4

# Attributes of blocks
A_BLOCKS_BLOCK = 1

# Attributes of certificate
A_CERTIFICATE_CHAIN = 1
A_CERTIFICATE_KEY_KIND = 2
A_CERTIFICATE_KEY = 3
A_CERTIFICATE_SERVER_NAME = 4
A_CERTIFICATE_DEFAULT = 5
A_CERTIFICATE_CHAIN_FILE = 6
A_CERTIFICATE_KEY_FILE = 7
A_CERTIFICATE_STAPLE = 8
A_CERTIFICATE_STAPLE_UNTIL = 9
A_CERTIFICATE_STAPLE_FILE = 10

# Attributes of tls
A_TLS_UNKNOWN_NAME = 1
A_TLS_MIN_VERSION = 2

# Attributes of log
A_LOG_RATE = 1

# Attributes of event
A_EVENT_TIME = 1
A_EVENT_REASON = 2
A_EVENT_ACTION = 3
A_EVENT_STATUS = 4
A_EVENT_ADDRESS4 = 5
A_EVENT_ADDRESS6 = 6
A_EVENT_PORT = 7
A_EVENT_LISTENER4 = 8
A_EVENT_LISTENER6 = 9
A_EVENT_LISTENER_PORT = 10
A_EVENT_VHOST = 11
A_EVENT_METHOD = 12
A_EVENT_URI = 13
A_EVENT_URI_LENGTH = 14
A_EVENT_DETAIL = 15
A_EVENT_BLOCK_TIME = 16
A_EVENT_TLS_FINGERPRINT = 17

# Bounds of integer attributes, both included
RANGES: dict[str, dict[str, tuple[int, int]]] = {
    "info": {
        "abi": (0, 4294967295),
        "generation": (0, 18446744073709551615),
    },
    "commit": {
        "staged": (0, 4294967295),
        "generation": (0, 18446744073709551615),
    },
    "listener": {
        "address4": (0, 4294967295),
        "port": (1, 65535),
        "protocol": (0, 1),
    },
    "upstream": {
        "balance": (0, 2),
        "hash-key": (0, 2),
        "queue": (0, 65536),
        "queue-timeout": (1000, 86400000000),
        "retries": (0, 8),
        "fail-count": (0, 1000),
        "fail-time": (1000, 86400000000),
        "slow-start": (0, 86400000000),
    },
    "health": {
        "period": (1000, 86400000000),
        "timeout": (1000, 86400000000),
        "status": (0, 599),
        "rise": (1, 1000),
        "fall": (1, 1000),
    },
    "server": {
        "address4": (0, 4294967295),
        "port": (1, 65535),
        "connections": (1, 1024),
        "connections-max": (1, 32768),
        "weight": (1, 1000),
    },
    "limits": {
        "request-rate": (0, 1073741824),
        "request-burst": (0, 1073741824),
        "action": (0, 3),
        "header-total": (256, 32768),
        "header-count": (1, 256),
        "body-length": (0, 18446744073709551615),
        "uri-length": (64, 32768),
        "request-rate-action": (0, 3),
        "request-rate-status": (400, 599),
        "request-burst-action": (0, 3),
        "request-burst-status": (400, 599),
        "connection-rate": (0, 1073741824),
        "connection-rate-action": (0, 1),
        "connection-burst": (0, 1073741824),
        "connection-burst-action": (0, 1),
        "concurrent-connections": (0, 1073741824),
        "concurrent-connections-action": (0, 1),
        "ipv6-prefix": (1, 128),
        "request-rate-block": (0, 31536000000000),
        "request-burst-block": (0, 31536000000000),
        "connection-rate-block": (0, 31536000000000),
        "connection-burst-block": (0, 31536000000000),
        "concurrent-connections-block": (0, 31536000000000),
        "header-length": (0, 32768),
        "header-total-action": (0, 3),
        "header-total-status": (400, 599),
        "header-total-block": (0, 31536000000000),
        "header-count-action": (0, 3),
        "header-count-status": (400, 599),
        "header-count-block": (0, 31536000000000),
        "uri-length-action": (0, 3),
        "uri-length-status": (400, 599),
        "uri-length-block": (0, 31536000000000),
        "body-length-action": (0, 3),
        "body-length-status": (400, 599),
        "body-length-block": (0, 31536000000000),
        "header-length-action": (0, 3),
        "header-length-status": (400, 599),
        "header-length-block": (0, 31536000000000),
        "methods-action": (0, 3),
        "methods-status": (400, 599),
        "methods-block": (0, 31536000000000),
        "method-override-action": (0, 3),
        "method-override-status": (400, 599),
        "method-override-block": (0, 31536000000000),
        "host-strict-action": (0, 3),
        "host-strict-status": (400, 599),
        "host-strict-block": (0, 31536000000000),
        "content-type-required-action": (0, 3),
        "content-type-required-status": (400, 599),
        "content-type-required-block": (0, 31536000000000),
        "content-types-action": (0, 3),
        "content-types-status": (400, 599),
        "content-types-block": (0, 31536000000000),
        "uri-bytes-action": (0, 3),
        "uri-bytes-status": (400, 599),
        "uri-bytes-block": (0, 31536000000000),
        "header-name-bytes-action": (0, 3),
        "header-name-bytes-status": (400, 599),
        "header-name-bytes-block": (0, 31536000000000),
        "header-value-bytes-action": (0, 3),
        "header-value-bytes-status": (400, 599),
        "header-value-bytes-block": (0, 31536000000000),
        "form-bytes-action": (0, 3),
        "form-bytes-status": (400, 599),
        "form-bytes-block": (0, 31536000000000),
        "trailer-split-action": (0, 3),
        "trailer-split-status": (400, 599),
        "trailer-split-block": (0, 31536000000000),
        "response-code-action": (0, 3),
        "response-code-status": (400, 599),
        "response-code-block": (0, 31536000000000),
        "client-memory": (0, 1099511627776),
        "total-memory": (0, 1099511627776),
        "min-body-rate": (0, 1073741824),
        "min-body-rate-action": (0, 3),
        "min-body-rate-status": (400, 599),
        "min-body-rate-block": (0, 31536000000000),
        "min-body-grace": (1000, 86400000000),
        "min-send-rate": (0, 1073741824),
        "min-send-rate-action": (0, 1),
        "min-send-rate-block": (0, 31536000000000),
        "min-send-grace": (1000, 86400000000),
        "header-chunks": (0, 1073741824),
        "header-chunks-action": (0, 3),
        "header-chunks-status": (400, 599),
        "header-chunks-block": (0, 31536000000000),
        "body-chunks": (0, 1073741824),
        "body-chunks-action": (0, 3),
        "body-chunks-status": (400, 599),
        "body-chunks-block": (0, 31536000000000),
        "body-ahead": (0, 65536),
        "tls-handshake-rate": (0, 1073741824),
        "tls-handshake-rate-action": (0, 1),
        "tls-handshake-rate-block": (0, 31536000000000),
        "tls-handshake-burst": (0, 1073741824),
        "tls-handshake-burst-action": (0, 1),
        "tls-handshake-burst-block": (0, 31536000000000),
        "tls-incomplete-rate": (0, 1073741824),
        "tls-incomplete-rate-action": (0, 1),
        "tls-incomplete-rate-block": (0, 31536000000000),
        "tls-fingerprint-deny-action": (0, 1),
        "tls-fingerprint-deny-block": (0, 31536000000000),
    },
    "checks": {
        "uri-length": (64, 32768),
        "body-length": (0, 18446744073709551615),
        "method-override": (0, 1),
        "host-strict": (0, 1),
        "host-address": (0, 1),
        "content-type-required": (0, 1),
        "trailer-split": (0, 1),
        "response-code-count": (0, 1073741824),
        "response-code-time": (1000, 86400000000),
    },
    "timeouts": {
        "client-header": (1000, 86400000000),
        "client-body": (1000, 86400000000),
        "keepalive": (1000, 86400000000),
        "upstream-connect": (1000, 86400000000),
        "upstream-response": (1000, 86400000000),
        "tunnel": (1000, 86400000000),
    },
    "vhost": {
        "challenge": (0, 2),
    },
    "match": {
        "kind": (0, 8),
        "address4": (0, 4294967295),
        "prefix": (0, 128),
        "mark": (0, 4294967295),
        "mask": (0, 4294967295),
    },
    "rule": {
        "action": (0, 6),
        "status": (0, 599),
        "mark": (0, 4294967295),
    },
    "error-page": {
        "status": (400, 599),
    },
    "proxy": {
        "x-forwarded": (0, 2),
        "forwarded": (0, 2),
    },
    "attack": {
        "scope": (0, 1),
        "requests-on": (0, 1073741824),
        "requests-off": (0, 1073741824),
        "failures-on": (0, 100),
        "failures-off": (0, 100),
        "failures-min": (1, 1073741824),
        "window": (100000, 60000000),
        "hold": (1000, 86400000000),
    },
    "counter": {
        "value": (0, 18446744073709551615),
    },
    "bucket": {
        "below": (0, 18446744073709551615),
        "count": (0, 18446744073709551615),
    },
    "latency": {
        "sum": (0, 18446744073709551615),
    },
    "scope": {
        "kind": (0, 3),
        "address4": (0, 4294967295),
        "port": (0, 65535),
    },
    "network": {
        "address4": (0, 4294967295),
        "prefix": (0, 128),
    },
    "firewall": {
        "allow-mark": (0, 4294967295),
        "allow-mask": (0, 4294967295),
        "block-max": (1, 16777216),
        "block-mark": (0, 4294967295),
        "block-mask": (0, 4294967295),
    },
    "challenge": {
        "mode": (0, 2),
        "when": (0, 2),
        "lifetime": (1000000, 31536000000000),
        "same-site": (0, 3),
        "status": (302, 307),
        "page-status": (200, 599),
        "refusal-status": (400, 599),
        "max-misses": (0, 1073741824),
        "block": (0, 31536000000000),
        "key-rotation": (1000000, 31536000000000),
        "difficulty": (1, 32),
        "min-time": (0, 86400000000),
        "max-time": (1000000, 86400000000),
    },
    "block": {
        "address4": (0, 4294967295),
        "prefix": (0, 128),
        "time": (1, 31536000000000),
    },
    "certificate": {
        "key-kind": (0, 1),
        "staple-until": (0, 18446744073709551615),
    },
    "tls": {
        "unknown-name": (0, 1),
        "min-version": (0, 1),
    },
    "log": {
        "rate": (1, 1000000),
    },
    "event": {
        "time": (0, 18446744073709551615),
        "reason": (0, 35),
        "action": (0, 4),
        "status": (0, 4294967295),
        "address4": (0, 4294967295),
        "port": (0, 65535),
        "listener4": (0, 4294967295),
        "listener-port": (0, 65535),
        "uri-length": (0, 4294967295),
        "block-time": (0, 18446744073709551615),
    },
}

# Types of attributes
TYPES: dict[str, dict[str, str]] = {
    "info": {
        "abi": "u32",
        "version": "string",
        "generation": "uint",
    },
    "commit": {
        "staged": "u32",
        "generation": "uint",
    },
    "listener": {
        "address4": "u32",
        "address6": "binary",
        "port": "u16",
        "protocol": "u32",
    },
    "upstream": {
        "name": "string",
        "balance": "u32",
        "hash-key": "u32",
        "queue": "u32",
        "queue-timeout": "uint",
        "sticky-cookie": "string",
        "retries": "u32",
        "fail-count": "u32",
        "fail-time": "uint",
        "slow-start": "uint",
        "health": "nest",
    },
    "health": {
        "uri": "string",
        "host": "string",
        "period": "uint",
        "timeout": "uint",
        "status": "u32",
        "rise": "u32",
        "fall": "u32",
    },
    "server": {
        "upstream": "string",
        "address4": "u32",
        "address6": "binary",
        "port": "u16",
        "connections": "u32",
        "connections-max": "u32",
        "weight": "u32",
        "backup": "flag",
    },
    "limits": {
        "request-rate": "u32",
        "request-burst": "u32",
        "action": "u32",
        "header-total": "u32",
        "header-count": "u32",
        "body-length": "uint",
        "uri-length": "u32",
        "request-rate-action": "u32",
        "request-rate-status": "u32",
        "request-burst-action": "u32",
        "request-burst-status": "u32",
        "connection-rate": "u32",
        "connection-rate-action": "u32",
        "connection-burst": "u32",
        "connection-burst-action": "u32",
        "concurrent-connections": "u32",
        "concurrent-connections-action": "u32",
        "ipv6-prefix": "u32",
        "request-rate-block": "uint",
        "request-burst-block": "uint",
        "connection-rate-block": "uint",
        "connection-burst-block": "uint",
        "concurrent-connections-block": "uint",
        "header-length": "u32",
        "checks": "nest",
        "header-total-action": "u32",
        "header-total-status": "u32",
        "header-total-block": "uint",
        "header-count-action": "u32",
        "header-count-status": "u32",
        "header-count-block": "uint",
        "uri-length-action": "u32",
        "uri-length-status": "u32",
        "uri-length-block": "uint",
        "body-length-action": "u32",
        "body-length-status": "u32",
        "body-length-block": "uint",
        "header-length-action": "u32",
        "header-length-status": "u32",
        "header-length-block": "uint",
        "methods-action": "u32",
        "methods-status": "u32",
        "methods-block": "uint",
        "method-override-action": "u32",
        "method-override-status": "u32",
        "method-override-block": "uint",
        "host-strict-action": "u32",
        "host-strict-status": "u32",
        "host-strict-block": "uint",
        "content-type-required-action": "u32",
        "content-type-required-status": "u32",
        "content-type-required-block": "uint",
        "content-types-action": "u32",
        "content-types-status": "u32",
        "content-types-block": "uint",
        "uri-bytes-action": "u32",
        "uri-bytes-status": "u32",
        "uri-bytes-block": "uint",
        "header-name-bytes-action": "u32",
        "header-name-bytes-status": "u32",
        "header-name-bytes-block": "uint",
        "header-value-bytes-action": "u32",
        "header-value-bytes-status": "u32",
        "header-value-bytes-block": "uint",
        "form-bytes-action": "u32",
        "form-bytes-status": "u32",
        "form-bytes-block": "uint",
        "trailer-split-action": "u32",
        "trailer-split-status": "u32",
        "trailer-split-block": "uint",
        "response-code-action": "u32",
        "response-code-status": "u32",
        "response-code-block": "uint",
        "client-memory": "uint",
        "total-memory": "uint",
        "min-body-rate": "u32",
        "min-body-rate-action": "u32",
        "min-body-rate-status": "u32",
        "min-body-rate-block": "uint",
        "min-body-grace": "uint",
        "min-send-rate": "u32",
        "min-send-rate-action": "u32",
        "min-send-rate-block": "uint",
        "min-send-grace": "uint",
        "header-chunks": "u32",
        "header-chunks-action": "u32",
        "header-chunks-status": "u32",
        "header-chunks-block": "uint",
        "body-chunks": "u32",
        "body-chunks-action": "u32",
        "body-chunks-status": "u32",
        "body-chunks-block": "uint",
        "body-ahead": "u32",
        "tls-handshake-rate": "u32",
        "tls-handshake-rate-action": "u32",
        "tls-handshake-rate-block": "uint",
        "tls-handshake-burst": "u32",
        "tls-handshake-burst-action": "u32",
        "tls-handshake-burst-block": "uint",
        "tls-incomplete-rate": "u32",
        "tls-incomplete-rate-action": "u32",
        "tls-incomplete-rate-block": "uint",
        "tls-fingerprint-deny": "string",
        "tls-fingerprint-deny-action": "u32",
        "tls-fingerprint-deny-block": "uint",
    },
    "checks": {
        "uri-length": "u32",
        "body-length": "uint",
        "methods": "string",
        "method-override": "u32",
        "host-strict": "u32",
        "host-address": "u32",
        "content-type-required": "u32",
        "content-types": "string",
        "trailer-split": "u32",
        "uri-bytes": "binary",
        "header-name-bytes": "binary",
        "header-value-bytes": "binary",
        "form-bytes": "binary",
        "response-codes": "binary",
        "response-code-count": "u32",
        "response-code-time": "uint",
    },
    "timeouts": {
        "client-header": "uint",
        "client-body": "uint",
        "keepalive": "uint",
        "upstream-connect": "uint",
        "upstream-response": "uint",
        "tunnel": "uint",
    },
    "vhost": {
        "name": "string",
        "host": "string",
        "upstream": "string",
        "chain": "string",
        "checks": "nest",
        "challenge": "u32",
    },
    "match": {
        "kind": "u32",
        "negate": "flag",
        "name": "string",
        "pattern": "string",
        "address4": "u32",
        "address6": "binary",
        "prefix": "u32",
        "mark": "u32",
        "mask": "u32",
    },
    "rule": {
        "chain": "string",
        "match": "nest",
        "action": "u32",
        "upstream": "string",
        "location": "string",
        "status": "u32",
        "mark": "u32",
        "jump": "string",
    },
    "error-page": {
        "vhost": "string",
        "status": "u32",
        "content-type": "string",
        "body": "binary",
    },
    "proxy": {
        "x-forwarded": "u32",
        "forwarded": "u32",
    },
    "attack": {
        "scope": "u32",
        "requests-on": "u32",
        "requests-off": "u32",
        "failures-on": "u32",
        "failures-off": "u32",
        "failures-min": "u32",
        "window": "uint",
        "hold": "uint",
    },
    "config": {
        "listener": "nest",
        "upstream": "nest",
        "server": "nest",
        "limits": "nest",
        "timeouts": "nest",
        "vhost": "nest",
        "rule": "nest",
        "error-page": "nest",
        "proxy": "nest",
        "firewall": "nest",
        "challenge": "nest",
        "log": "nest",
        "attack": "nest",
        "certificate": "nest",
        "tls": "nest",
    },
    "counter": {
        "name": "string",
        "value": "uint",
        "gauge": "flag",
    },
    "bucket": {
        "below": "uint",
        "count": "uint",
    },
    "latency": {
        "sum": "uint",
        "bucket": "nest",
    },
    "scope": {
        "kind": "u32",
        "name": "string",
        "address4": "u32",
        "address6": "binary",
        "port": "u16",
        "counter": "nest",
        "latency": "nest",
    },
    "stats": {
        "counter": "nest",
        "scope": "nest",
    },
    "network": {
        "address4": "u32",
        "address6": "binary",
        "prefix": "u32",
    },
    "firewall": {
        "allow": "nest",
        "allow-mark": "u32",
        "allow-mask": "u32",
        "block-max": "u32",
        "block-mark": "u32",
        "block-mask": "u32",
        "proxy": "nest",
        "proxy-protocol": "flag",
        "forwarded-for": "flag",
    },
    "challenge": {
        "mode": "u32",
        "when": "u32",
        "cookie-name": "string",
        "lifetime": "uint",
        "secure": "flag",
        "script-access": "flag",
        "same-site": "u32",
        "path": "string",
        "status": "u32",
        "page-status": "u32",
        "refusal-status": "u32",
        "max-misses": "u32",
        "block": "uint",
        "key-rotation": "uint",
        "difficulty": "u32",
        "min-time": "uint",
        "max-time": "uint",
        "page": "binary",
        "exempt-path": "string",
        "per-vhost": "flag",
    },
    "block": {
        "address4": "u32",
        "address6": "binary",
        "prefix": "u32",
        "time": "uint",
    },
    "blocks": {
        "block": "nest",
    },
    "certificate": {
        "chain": "binary",
        "key-kind": "u32",
        "key": "binary",
        "server-name": "string",
        "default": "flag",
        "chain-file": "string",
        "key-file": "string",
        "staple": "binary",
        "staple-until": "uint",
        "staple-file": "string",
    },
    "tls": {
        "unknown-name": "u32",
        "min-version": "u32",
    },
    "log": {
        "rate": "u32",
    },
    "event": {
        "time": "uint",
        "reason": "u32",
        "action": "u32",
        "status": "u32",
        "address4": "u32",
        "address6": "binary",
        "port": "u16",
        "listener4": "u32",
        "listener6": "binary",
        "listener-port": "u16",
        "vhost": "string",
        "method": "binary",
        "uri": "binary",
        "uri-length": "u32",
        "detail": "string",
        "block-time": "uint",
        "tls-fingerprint": "string",
    },
}

# Words for the values of integer attributes that have such
ENUMS: dict[str, dict[str, tuple[str, ...]]] = {
    "listener": {
        "protocol": PROTOCOL,
    },
    "upstream": {
        "balance": UPSTREAM_BALANCE,
        "hash-key": UPSTREAM_HASH_KEY,
    },
    "limits": {
        "action": LIMIT_ACTION,
        "request-rate-action": LIMIT_ACTION,
        "request-burst-action": LIMIT_ACTION,
        "connection-rate-action": CONNECTION_ACTION,
        "connection-burst-action": CONNECTION_ACTION,
        "concurrent-connections-action": CONNECTION_ACTION,
        "header-total-action": LIMIT_ACTION,
        "header-count-action": LIMIT_ACTION,
        "uri-length-action": LIMIT_ACTION,
        "body-length-action": LIMIT_ACTION,
        "header-length-action": LIMIT_ACTION,
        "methods-action": LIMIT_ACTION,
        "method-override-action": LIMIT_ACTION,
        "host-strict-action": LIMIT_ACTION,
        "content-type-required-action": LIMIT_ACTION,
        "content-types-action": LIMIT_ACTION,
        "uri-bytes-action": LIMIT_ACTION,
        "header-name-bytes-action": LIMIT_ACTION,
        "header-value-bytes-action": LIMIT_ACTION,
        "form-bytes-action": LIMIT_ACTION,
        "trailer-split-action": LIMIT_ACTION,
        "response-code-action": LIMIT_ACTION,
        "min-body-rate-action": LIMIT_ACTION,
        "min-send-rate-action": CONNECTION_ACTION,
        "header-chunks-action": LIMIT_ACTION,
        "body-chunks-action": LIMIT_ACTION,
        "tls-handshake-rate-action": CONNECTION_ACTION,
        "tls-handshake-burst-action": CONNECTION_ACTION,
        "tls-incomplete-rate-action": CONNECTION_ACTION,
        "tls-fingerprint-deny-action": CONNECTION_ACTION,
    },
    "vhost": {
        "challenge": CHALLENGE_MODE,
    },
    "match": {
        "kind": MATCH_KIND,
    },
    "rule": {
        "action": RULE_ACTION,
    },
    "proxy": {
        "x-forwarded": FORWARDING,
        "forwarded": FORWARDING,
    },
    "attack": {
        "scope": ATTACK_SCOPE,
    },
    "scope": {
        "kind": SCOPE_KIND,
    },
    "challenge": {
        "mode": CHALLENGE_MODE,
        "when": CHALLENGE_WHEN,
        "same-site": SAME_SITE,
    },
    "certificate": {
        "key-kind": KEY_KIND,
    },
    "tls": {
        "unknown-name": UNKNOWN_NAME,
        "min-version": TLS_VERSION,
    },
    "event": {
        "reason": REASON,
        "action": EVENT_ACTION,
    },
}

# Names of nested attributes, for messages about refused ones
NAMES: dict[str, dict[int, str]] = {
    "info": {
        1: "abi",
        2: "version",
        3: "generation",
    },
    "commit": {
        1: "staged",
        2: "generation",
    },
    "listener": {
        1: "address4",
        2: "address6",
        3: "port",
        4: "protocol",
    },
    "upstream": {
        1: "name",
        2: "balance",
        3: "hash-key",
        4: "queue",
        5: "queue-timeout",
        6: "sticky-cookie",
        7: "retries",
        8: "fail-count",
        9: "fail-time",
        10: "slow-start",
        11: "health",
    },
    "health": {
        1: "uri",
        2: "host",
        3: "period",
        4: "timeout",
        5: "status",
        6: "rise",
        7: "fall",
    },
    "server": {
        1: "upstream",
        2: "address4",
        3: "address6",
        4: "port",
        5: "connections",
        6: "connections-max",
        7: "weight",
        8: "backup",
    },
    "limits": {
        1: "request-rate",
        2: "request-burst",
        3: "action",
        4: "header-total",
        5: "header-count",
        6: "body-length",
        7: "uri-length",
        8: "request-rate-action",
        9: "request-rate-status",
        10: "request-burst-action",
        11: "request-burst-status",
        12: "connection-rate",
        13: "connection-rate-action",
        14: "connection-burst",
        15: "connection-burst-action",
        16: "concurrent-connections",
        17: "concurrent-connections-action",
        18: "ipv6-prefix",
        19: "request-rate-block",
        20: "request-burst-block",
        21: "connection-rate-block",
        22: "connection-burst-block",
        23: "concurrent-connections-block",
        24: "header-length",
        25: "checks",
        26: "header-total-action",
        27: "header-total-status",
        28: "header-total-block",
        29: "header-count-action",
        30: "header-count-status",
        31: "header-count-block",
        32: "uri-length-action",
        33: "uri-length-status",
        34: "uri-length-block",
        35: "body-length-action",
        36: "body-length-status",
        37: "body-length-block",
        38: "header-length-action",
        39: "header-length-status",
        40: "header-length-block",
        41: "methods-action",
        42: "methods-status",
        43: "methods-block",
        44: "method-override-action",
        45: "method-override-status",
        46: "method-override-block",
        47: "host-strict-action",
        48: "host-strict-status",
        49: "host-strict-block",
        50: "content-type-required-action",
        51: "content-type-required-status",
        52: "content-type-required-block",
        53: "content-types-action",
        54: "content-types-status",
        55: "content-types-block",
        56: "uri-bytes-action",
        57: "uri-bytes-status",
        58: "uri-bytes-block",
        59: "header-name-bytes-action",
        60: "header-name-bytes-status",
        61: "header-name-bytes-block",
        62: "header-value-bytes-action",
        63: "header-value-bytes-status",
        64: "header-value-bytes-block",
        65: "form-bytes-action",
        66: "form-bytes-status",
        67: "form-bytes-block",
        68: "trailer-split-action",
        69: "trailer-split-status",
        70: "trailer-split-block",
        71: "response-code-action",
        72: "response-code-status",
        73: "response-code-block",
        74: "client-memory",
        75: "total-memory",
        76: "min-body-rate",
        77: "min-body-rate-action",
        78: "min-body-rate-status",
        79: "min-body-rate-block",
        80: "min-body-grace",
        81: "min-send-rate",
        82: "min-send-rate-action",
        83: "min-send-rate-block",
        84: "min-send-grace",
        85: "header-chunks",
        86: "header-chunks-action",
        87: "header-chunks-status",
        88: "header-chunks-block",
        89: "body-chunks",
        90: "body-chunks-action",
        91: "body-chunks-status",
        92: "body-chunks-block",
        93: "body-ahead",
        94: "tls-handshake-rate",
        95: "tls-handshake-rate-action",
        96: "tls-handshake-rate-block",
        97: "tls-handshake-burst",
        98: "tls-handshake-burst-action",
        99: "tls-handshake-burst-block",
        100: "tls-incomplete-rate",
        101: "tls-incomplete-rate-action",
        102: "tls-incomplete-rate-block",
        103: "tls-fingerprint-deny",
        104: "tls-fingerprint-deny-action",
        105: "tls-fingerprint-deny-block",
    },
    "checks": {
        1: "uri-length",
        2: "body-length",
        3: "methods",
        4: "method-override",
        5: "host-strict",
        6: "host-address",
        7: "content-type-required",
        8: "content-types",
        9: "trailer-split",
        10: "uri-bytes",
        11: "header-name-bytes",
        12: "header-value-bytes",
        13: "form-bytes",
        14: "response-codes",
        15: "response-code-count",
        16: "response-code-time",
    },
    "timeouts": {
        1: "client-header",
        2: "client-body",
        3: "keepalive",
        4: "upstream-connect",
        5: "upstream-response",
        6: "tunnel",
    },
    "vhost": {
        1: "name",
        2: "host",
        3: "upstream",
        4: "chain",
        5: "checks",
        6: "challenge",
    },
    "match": {
        1: "kind",
        2: "negate",
        3: "name",
        4: "pattern",
        5: "address4",
        6: "address6",
        7: "prefix",
        8: "mark",
        9: "mask",
    },
    "rule": {
        1: "chain",
        2: "match",
        3: "action",
        4: "upstream",
        5: "location",
        6: "status",
        7: "mark",
        8: "jump",
    },
    "error-page": {
        1: "vhost",
        2: "status",
        3: "content-type",
        4: "body",
    },
    "proxy": {
        1: "x-forwarded",
        2: "forwarded",
    },
    "attack": {
        1: "scope",
        2: "requests-on",
        3: "requests-off",
        4: "failures-on",
        5: "failures-off",
        6: "failures-min",
        7: "window",
        8: "hold",
    },
    "config": {
        1: "listener",
        2: "upstream",
        3: "server",
        4: "limits",
        5: "timeouts",
        6: "vhost",
        7: "rule",
        8: "error-page",
        9: "proxy",
        10: "firewall",
        11: "challenge",
        12: "log",
        13: "attack",
        14: "certificate",
        15: "tls",
    },
    "counter": {
        1: "name",
        2: "value",
        3: "gauge",
    },
    "bucket": {
        1: "below",
        2: "count",
    },
    "latency": {
        1: "sum",
        2: "bucket",
    },
    "scope": {
        1: "kind",
        2: "name",
        3: "address4",
        4: "address6",
        5: "port",
        6: "counter",
        7: "latency",
    },
    "stats": {
        1: "counter",
        2: "scope",
    },
    "network": {
        1: "address4",
        2: "address6",
        3: "prefix",
    },
    "firewall": {
        1: "allow",
        2: "allow-mark",
        3: "allow-mask",
        4: "block-max",
        5: "block-mark",
        6: "block-mask",
        7: "proxy",
        8: "proxy-protocol",
        9: "forwarded-for",
    },
    "challenge": {
        1: "mode",
        2: "when",
        3: "cookie-name",
        4: "lifetime",
        5: "secure",
        6: "script-access",
        7: "same-site",
        8: "path",
        9: "status",
        10: "page-status",
        11: "refusal-status",
        12: "max-misses",
        13: "block",
        14: "key-rotation",
        15: "difficulty",
        16: "min-time",
        17: "max-time",
        18: "page",
        19: "exempt-path",
        20: "per-vhost",
    },
    "block": {
        1: "address4",
        2: "address6",
        3: "prefix",
        4: "time",
    },
    "blocks": {
        1: "block",
    },
    "certificate": {
        1: "chain",
        2: "key-kind",
        3: "key",
        4: "server-name",
        5: "default",
        6: "chain-file",
        7: "key-file",
        8: "staple",
        9: "staple-until",
        10: "staple-file",
    },
    "tls": {
        1: "unknown-name",
        2: "min-version",
    },
    "log": {
        1: "rate",
    },
    "event": {
        1: "time",
        2: "reason",
        3: "action",
        4: "status",
        5: "address4",
        6: "address6",
        7: "port",
        8: "listener4",
        9: "listener6",
        10: "listener-port",
        11: "vhost",
        12: "method",
        13: "uri",
        14: "uri-length",
        15: "detail",
        16: "block-time",
        17: "tls-fingerprint",
    },
}
