# SPDX-License-Identifier: Apache-2.0
# Ruby's Net::HTTP and open-uri, to be recorded: `ruby client.rb WHAT`, or `ruby client.rb version`.
require "json"
require "net/http"
require "open-uri"
require "stringio"

SHOP = URI("http://shop.example/")
API = URI("http://api.example/")

def ask(request, body = nil, at: SHOP)
  Net::HTTP.start(at.host, at.port) do |http|
    yield request if block_given?
    http.request(request, body)
  end
end

def login
  ask(Net::HTTP::Get.new("/private")) { |request| request.basic_auth("user", "p:w") }
end

def upload
  request = Net::HTTP::Post.new("/upload")
  file = StringIO.new("\x00\x01\xff".b)
  request.set_form([["title", "Äpfel & <b>"], ["file", file, { filename: "ä b.png", content_type: "image/png" }]],
                   "multipart/form-data")
  ask(request)
end

def chunked
  request = Net::HTTP::Post.new("/upload", "Transfer-Encoding" => "chunked", "Content-Type" => "text/plain")
  request.body_stream = StringIO.new("abc")
  ask(request)
end

QUERY = URI.encode_www_form("q" => "café & <crème> 50%", "x[]" => "1", "y" => "a,b;c|d~*")
CONDITIONS = { "If-None-Match" => 'W/"1"', "If-Modified-Since" => "Sun, 01 Nov 2026 10:00:00 GMT" }.freeze
RUNS = {
  "page" => -> { Net::HTTP.get_response(SHOP) },
  "open-uri" => -> { URI.open("http://shop.example/redirect") },
  "head" => -> { ask(Net::HTTP::Head.new("/logo.png")) },
  "query" => -> { Net::HTTP.get_response(URI("http://shop.example/search?#{QUERY}")) },
  "form" => -> { Net::HTTP.post_form(SHOP + "/login", "user" => "Jürgen", "password" => "p&ss <w>") },
  "json" => -> { Net::HTTP.post(API + "/api/items", { a: "<b>" }.to_json, "Content-Type" => "application/json") },
  "untyped" => -> { ask(Net::HTTP::Post.new("/login"), "a=b&c=d") },
  "multipart" => -> { upload },
  "chunked" => -> { chunked },
  "login" => -> { login },
  "cookies" => -> { ask(Net::HTTP::Get.new("/", "Cookie" => "a=b; c=%7B%22d%22%3A1%7D")) },
  "range" => -> { ask(Net::HTTP::Get.new("/logo.png").tap { |request| request.set_range(0, 100) }) },
  "conditional" => -> { ask(Net::HTTP::Get.new("/", CONDITIONS)) },
  "put" => -> { ask(Net::HTTP::Put.new("/api/items/1", "Content-Type" => "application/json"), "{}", at: API) },
  "patch" => -> { ask(Net::HTTP::Patch.new("/api/items/1", "Content-Type" => "application/json"), "{}", at: API) },
  "delete" => -> { ask(Net::HTTP::Delete.new("/api/items/1"), at: API) },
  "options" => -> { ask(Net::HTTP::Options.new("/api/items"), at: API) },
  "version" => -> { puts "ruby #{RUBY_VERSION}" },
}.freeze

RUNS.fetch(ARGV[0]).call
