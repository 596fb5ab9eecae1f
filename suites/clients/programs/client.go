// SPDX-License-Identifier: Apache-2.0
// Go's net/http, to be recorded: `client WHAT`, or `client version`.
package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"runtime"
	"strings"
)

const shop = "http://shop.example"
const api = "http://api.example"

var client = &http.Client{}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Sends a request, and reads the reply to its end, so that the connection is used again.
func do(method, target string, body io.Reader, fields ...string) {
	request, err := http.NewRequest(method, target, body)
	check(err)
	for at := 0; at < len(fields); at += 2 {
		request.Header.Set(fields[at], fields[at+1])
	}
	send(request)
}

func send(request *http.Request) {
	reply, err := client.Do(request)
	check(err)
	_, err = io.Copy(io.Discard, reply.Body)
	check(err)
	check(reply.Body.Close())
}

func upload() {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	check(form.WriteField("title", "Äpfel & <b>"))
	part, err := form.CreateFormFile("file", `ä "b".png`)
	check(err)
	_, err = part.Write([]byte{0, 1, 0xff})
	check(err)
	check(form.Close())
	do("POST", shop+"/upload", &body, "Content-Type", form.FormDataContentType())
}

func login() {
	request, err := http.NewRequest("GET", shop+"/private", nil)
	check(err)
	request.SetBasicAuth("Jürgen", "p:w")
	send(request)
}

func redirect() {
	jar, err := cookiejar.New(nil)
	check(err)
	client.Jar = jar
	reply, err := client.PostForm(shop+"/redirect", url.Values{"user": {"a b"}})
	check(err)
	check(reply.Body.Close())
	client.Jar = nil
}

func proxy() {
	through, err := url.Parse(shop)
	check(err)
	client.Transport = &http.Transport{Proxy: http.ProxyURL(through)}
	do("GET", shop+"/through?a=b", nil)
}

func run(what string) {
	switch what {
	case "page":
		do("GET", shop+"/", nil)
	case "head":
		do("HEAD", shop+"/logo.png", nil)
	case "query":
		query := url.Values{"q": {"café & <crème> 50%"}, "x[]": {"1", "2"}, "y": {"a,b;c|d"}}
		do("GET", shop+"/search?"+query.Encode(), nil)
	case "target":
		do("GET", shop+"/a b/{c}/é?x=[1]&y=\"z\"&w=a|b^c`d", nil)
	case "form":
		reply, err := client.PostForm(shop+"/login", url.Values{"user": {"Jürgen"}, "password": {"p&ss<w>"}})
		check(err)
		check(reply.Body.Close())
	case "json":
		do("POST", api+"/api/items", strings.NewReader(`{"name": "<b>"}`), "Content-Type", "application/json",
			"Accept", "application/json")
	case "multipart":
		upload()
	case "chunked":
		do("POST", shop+"/upload", io.MultiReader(strings.NewReader("a"), strings.NewReader("b")))
	case "expect":
		do("POST", shop+"/upload", strings.NewReader("a=b"), "Expect", "100-continue")
	case "empty post":
		do("POST", api+"/api/items", nil)
	case "redirect":
		redirect()
	case "login":
		login()
	case "range":
		do("GET", shop+"/logo.png", nil, "Range", "bytes=0-99,200-", "If-Range", `"1"`)
	case "conditional":
		do("GET", shop+"/", nil, "If-None-Match", `W/"1", "2"`, "If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT")
	case "proxy":
		proxy()
	case "put":
		do("PUT", api+"/api/items/1", strings.NewReader("{}"), "Content-Type", "application/json")
	case "delete":
		do("DELETE", api+"/api/items/1", nil)
	default:
		check(fmt.Errorf("no such thing: %s", what))
	}
}

func main() {
	if os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	run(os.Args[1])
}
