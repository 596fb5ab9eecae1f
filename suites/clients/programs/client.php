<?php
// SPDX-License-Identifier: Apache-2.0
// PHP's three clients, to be recorded: `php client.php streams|curl|guzzle WHAT`, or `... version`.
const SHOP = 'http://shop.example';
const API = 'http://api.example';
const FORM = ['user' => 'Jürgen', 'password' => 'p&ss <w>', 'list' => ['a', 'b']];
const QUERY = ['q' => 'café & <crème> 50%', 'x' => ['1', '2'], 'y' => 'a,b;c|d'];
const CONDITIONS = ['If-None-Match: W/"1"', 'If-Modified-Since: Sun, 01 Nov 2026 10:00:00 GMT'];

function stream(string $url, array $options = []): void
{
    $options += ['ignore_errors' => true];
    file_get_contents($url, false, stream_context_create(['http' => $options]));
}

function curl(string $url, array $options = []): void
{
    $handle = curl_init($url);
    curl_setopt_array($handle, $options + [CURLOPT_RETURNTRANSFER => true]);
    curl_exec($handle);
}

function guzzle(string $method, string $url, array $options = []): void
{
    require_once 'GuzzleHttp/autoload.php';
    (new GuzzleHttp\Client(['http_errors' => false, 'cookies' => true]))->request($method, $url, $options);
}

function streams(string $what): void
{
    $form = ['method' => 'POST', 'header' => 'Content-type: application/x-www-form-urlencoded'];
    match ($what) {
        'version' => print('PHP ' . PHP_VERSION),
        'page' => stream(SHOP . '/'),
        'with an agent' => stream(SHOP . '/', ['user_agent' => 'Shop/1.0 (PHP; +http://shop.example/)',
            'protocol_version' => 1.1, 'header' => ['Connection: close', 'Accept: text/html']]),
        'query' => stream(SHOP . '/search?' . http_build_query(QUERY)),
        'form' => stream(SHOP . '/login', $form + ['content' => http_build_query(FORM)]),
        'untyped' => stream(SHOP . '/login', ['method' => 'POST', 'content' => 'a=b']),
        'json' => stream(API . '/api/items', ['method' => 'POST', 'header' => "Content-Type: application/json\r\n",
            'content' => json_encode(['a' => '<é>'])]),
        'redirect' => stream(SHOP . '/redirect'),
        'login' => stream('http://user:p%3Aw@shop.example/private'),
        'put' => stream(API . '/api/items/1', ['method' => 'PUT', 'header' => 'Content-Type: application/json',
            'content' => '{}']),
    };
}

function curls(string $what): void
{
    match ($what) {
        'version' => print('PHP ' . PHP_VERSION . ', libcurl ' . curl_version()['version']),
        'page' => curl(SHOP . '/', [CURLOPT_ENCODING => '', CURLOPT_REFERER => SHOP . '/a?b=c']),
        'head' => curl(SHOP . '/logo.png', [CURLOPT_NOBODY => true]),
        'form, as an array' => curl(SHOP . '/upload', [CURLOPT_POSTFIELDS => ['user' => 'Jürgen', 'text' => '<b>']]),
        'form' => curl(SHOP . '/login', [CURLOPT_POSTFIELDS => http_build_query(FORM)]),
        'json' => curl(API . '/api/items', [CURLOPT_POSTFIELDS => '{"a": "<b>"}',
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'SOAPAction: "http://shop.example/#do"']]),
        'upload' => curl(SHOP . '/upload', [CURLOPT_POSTFIELDS => ['file' => new CURLFile('/etc/hosts', 'text/plain',
            'ä "b".txt')]]),
        'redirect' => curl(SHOP . '/redirect', [CURLOPT_FOLLOWLOCATION => true, CURLOPT_COOKIEFILE => '']),
        'login' => curl(SHOP . '/private', [CURLOPT_USERPWD => 'user:p:w', CURLOPT_HTTPAUTH => CURLAUTH_ANY]),
        'conditional' => curl(SHOP . '/', [CURLOPT_HTTPHEADER => CONDITIONS]),
        'delete' => curl(API . '/api/items/1', [CURLOPT_CUSTOMREQUEST => 'DELETE']),
    };
}

function guzzles(string $what): void
{
    match ($what) {
        'version' => print(GuzzleHttp\ClientInterface::MAJOR_VERSION . ' with PHP ' . PHP_VERSION),
        'page' => guzzle('GET', SHOP . '/', ['query' => QUERY]),
        'head' => guzzle('HEAD', SHOP . '/logo.png'),
        'form' => guzzle('POST', SHOP . '/login', ['form_params' => FORM]),
        'json' => guzzle('POST', API . '/api/items', ['json' => ['a' => '<é>']]),
        'multipart' => guzzle('POST', SHOP . '/upload', ['multipart' => [['name' => 'file', 'contents' => "\0\1\xff",
            'filename' => 'ä b.png'], ['name' => 'title', 'contents' => 'Äpfel']]]),
        'chunked' => guzzle('POST', SHOP . '/upload', ['body' => popen('printf abc', 'r')]),
        'redirect' => guzzle('POST', SHOP . '/redirect', ['form_params' => FORM]),
        'login' => guzzle('GET', SHOP . '/private', ['auth' => ['user', 'p:w']]),
        'put' => guzzle('PUT', API . '/api/items/1', ['json' => ['a' => 1]]),
        'delete' => guzzle('DELETE', API . '/api/items/1'),
    };
}

if ($argv[1] === 'guzzle') {
    require_once 'GuzzleHttp/autoload.php';
}
match ($argv[1]) {
    'streams' => streams($argv[2]),
    'curl' => curls($argv[2]),
    'guzzle' => guzzles($argv[2]),
};
