"""The control ABI's constants. Made by kmod/spec/generate.py from kmod/spec/weir.yaml: do not edit."""

FAMILY_NAME = "weir"
FAMILY_VERSION = 1

# Definitions
ABI_VERSION = 2
ABI_LISTENERS_MAX = 64
ABI_UPSTREAMS_MAX = 64
ABI_SERVERS_MAX = 64
ABI_QUEUE_MAX = 65536
ABI_NAME_MAX = 31
ABI_CONNECTIONS_MAX = 1024
ABI_RATE_MAX = 1073741824
ABI_HEADER_TOTAL_MIN = 256
ABI_HEADER_TOTAL_MAX = 32768
ABI_HEADER_COUNT_MAX = 256
ABI_TIMEOUT_MIN = 1000
ABI_TIMEOUT_MAX = 86400000000
PROTOCOL = ("http",)
LIMIT_ACTION = ("reply", "reset")

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
A_UPSTREAM_QUEUE = 2
A_UPSTREAM_QUEUE_TIMEOUT = 3

# Attributes of server
A_SERVER_UPSTREAM = 1
A_SERVER_ADDRESS4 = 2
A_SERVER_ADDRESS6 = 3
A_SERVER_PORT = 4
A_SERVER_CONNECTIONS = 5

# Attributes of limits
A_LIMITS_REQUEST_RATE = 1
A_LIMITS_REQUEST_BURST = 2
A_LIMITS_ACTION = 3
A_LIMITS_HEADER_TOTAL = 4
A_LIMITS_HEADER_COUNT = 5
A_LIMITS_BODY_LENGTH = 6

# Attributes of timeouts
A_TIMEOUTS_CLIENT_HEADER = 1
A_TIMEOUTS_CLIENT_BODY = 2
A_TIMEOUTS_KEEPALIVE = 3
A_TIMEOUTS_UPSTREAM_CONNECT = 4
A_TIMEOUTS_UPSTREAM_RESPONSE = 5

# Attributes of config
A_CONFIG_LISTENER = 1
A_CONFIG_UPSTREAM = 2
A_CONFIG_SERVER = 3
A_CONFIG_LIMITS = 4
A_CONFIG_TIMEOUTS = 5

# Attributes of counter
A_COUNTER_NAME = 1
A_COUNTER_VALUE = 2

# Attributes of stats
A_STATS_COUNTER = 1

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
        "protocol": (0, 0),
    },
    "upstream": {
        "queue": (0, 65536),
        "queue-timeout": (1000, 86400000000),
    },
    "server": {
        "address4": (0, 4294967295),
        "port": (1, 65535),
        "connections": (1, 1024),
    },
    "limits": {
        "request-rate": (0, 1073741824),
        "request-burst": (0, 1073741824),
        "action": (0, 1),
        "header-total": (256, 32768),
        "header-count": (1, 256),
        "body-length": (0, 18446744073709551615),
    },
    "timeouts": {
        "client-header": (1000, 86400000000),
        "client-body": (1000, 86400000000),
        "keepalive": (1000, 86400000000),
        "upstream-connect": (1000, 86400000000),
        "upstream-response": (1000, 86400000000),
    },
    "counter": {
        "value": (0, 18446744073709551615),
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
        "queue": "u32",
        "queue-timeout": "uint",
    },
    "server": {
        "upstream": "string",
        "address4": "u32",
        "address6": "binary",
        "port": "u16",
        "connections": "u32",
    },
    "limits": {
        "request-rate": "u32",
        "request-burst": "u32",
        "action": "u32",
        "header-total": "u32",
        "header-count": "u32",
        "body-length": "uint",
    },
    "timeouts": {
        "client-header": "uint",
        "client-body": "uint",
        "keepalive": "uint",
        "upstream-connect": "uint",
        "upstream-response": "uint",
    },
    "config": {
        "listener": "nest",
        "upstream": "nest",
        "server": "nest",
        "limits": "nest",
        "timeouts": "nest",
    },
    "counter": {
        "name": "string",
        "value": "uint",
    },
    "stats": {
        "counter": "nest",
    },
}

# Words for the values of integer attributes that have such
ENUMS: dict[str, dict[str, tuple[str, ...]]] = {
    "listener": {
        "protocol": PROTOCOL,
    },
    "limits": {
        "action": LIMIT_ACTION,
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
        2: "queue",
        3: "queue-timeout",
    },
    "server": {
        1: "upstream",
        2: "address4",
        3: "address6",
        4: "port",
        5: "connections",
    },
    "limits": {
        1: "request-rate",
        2: "request-burst",
        3: "action",
        4: "header-total",
        5: "header-count",
        6: "body-length",
    },
    "timeouts": {
        1: "client-header",
        2: "client-body",
        3: "keepalive",
        4: "upstream-connect",
        5: "upstream-response",
    },
    "config": {
        1: "listener",
        2: "upstream",
        3: "server",
        4: "limits",
        5: "timeouts",
    },
    "counter": {
        1: "name",
        2: "value",
    },
    "stats": {
        1: "counter",
    },
}
