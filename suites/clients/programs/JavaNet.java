// SPDX-License-Identifier: Apache-2.0
// Java's own two clients, to be recorded: `JavaNet new WHAT` is java.net.http, `JavaNet old WHAT` HttpURLConnection.

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.CookieManager;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;

class JavaNet {
    static final String SHOP = "http://shop.example";
    static final String API = "http://api.example";
    static final String QUERY = "/search?q=" + encode("café & <crème> 50%") + "&" + encode("x[]") + "=1&y=a,b;c";
    static final String FORM = "user=" + encode("Jürgen") + "&password=" + encode("p&ss <w>");
    static final String FORM_TYPE = "application/x-www-form-urlencoded";
    static final String PARTS = "--=_x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ä.png\"\r\n"
            + "Content-Type: image/png\r\n\r\nx\r\n--=_x--\r\n";
    static final String PARTS_TYPE = "multipart/form-data; boundary=\"=_x\"";

    static final Authenticator LOGIN = new Authenticator() {
        @Override
        protected PasswordAuthentication getPasswordAuthentication() {
            return new PasswordAuthentication("user", "p:w".toCharArray());
        }
    };

    static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    static HttpRequest.Builder to(String url) {
        return HttpRequest.newBuilder(URI.create(url));
    }

    static HttpRequest.Builder post(String url, String type, String body) {
        return to(url).header("Content-Type", type).POST(BodyPublishers.ofString(body));
    }

    static void newer(String what) throws IOException, InterruptedException {
        HttpClient.Builder client = HttpClient.newBuilder().cookieHandler(new CookieManager());
        client.followRedirects(HttpClient.Redirect.NORMAL);
        HttpRequest.Builder request = switch (what) {
            case "page" -> to(SHOP + "/");
            case "page, 1.1" -> to(SHOP + "/").version(HttpClient.Version.HTTP_1_1);
            case "head" -> to(SHOP + "/logo.png").method("HEAD", BodyPublishers.noBody());
            case "query" -> to(SHOP + QUERY);
            case "form" -> post(SHOP + "/login", FORM_TYPE, FORM);
            case "json" -> post(API + "/api/items", "application/json; charset=utf-8", "{\"a\": \"<b>\"}");
            case "multipart" -> post(SHOP + "/upload", PARTS_TYPE, PARTS);
            case "chunked" -> to(SHOP + "/upload").version(HttpClient.Version.HTTP_1_1).POST(
                    BodyPublishers.ofInputStream(() -> new ByteArrayInputStream("ab".getBytes())));
            case "expect" -> post(SHOP + "/upload", FORM_TYPE, "a=b").expectContinue(true);
            case "empty post" -> to(API + "/api/items").POST(BodyPublishers.noBody());
            case "redirect" -> post(SHOP + "/redirect", FORM_TYPE, "a=b");
            case "login" -> to(SHOP + "/private");
            case "range" -> to(SHOP + "/logo.png").header("Range", "bytes=0-99").header("If-Range", "\"1\"");
            case "conditional" -> to(SHOP + "/").header("If-None-Match", "W/\"1\", \"2\"");
            case "put" -> to(API + "/api/items/1").PUT(BodyPublishers.ofString("{}"));
            case "delete" -> to(API + "/api/items/1").DELETE();
            default -> throw new IllegalArgumentException(what);
        };
        if (what.equals("login")) {
            client.authenticator(LOGIN);
        }
        client.build().send(request.build(), BodyHandlers.discarding());
    }

    static HttpURLConnection open(String url) throws IOException {
        return (HttpURLConnection) URI.create(url).toURL().openConnection();
    }

    static HttpURLConnection open(String url, String method, String type, String body) throws IOException {
        HttpURLConnection connection = open(url);
        connection.setRequestMethod(method);
        connection.setRequestProperty("Content-Type", type);
        connection.setDoOutput(true);
        if (type.equals("application/octet-stream")) {
            connection.setChunkedStreamingMode(16);
        }
        try (OutputStream stream = connection.getOutputStream()) {
            stream.write(body.getBytes(StandardCharsets.UTF_8));
        }
        return connection;
    }

    static HttpURLConnection with(HttpURLConnection connection, String name, String value) {
        connection.setRequestProperty(name, value);
        return connection;
    }

    static HttpURLConnection method(HttpURLConnection connection, String method) throws IOException {
        connection.setRequestMethod(method);
        return connection;
    }

    static void older(String what) throws IOException {
        CookieHandler.setDefault(new CookieManager());
        if (what.equals("login")) {
            Authenticator.setDefault(LOGIN);
        }
        HttpURLConnection connection = switch (what) {
            case "page" -> open(SHOP + "/");
            case "head" -> method(open(SHOP + "/logo.png"), "HEAD");
            case "query" -> open(SHOP + QUERY);
            case "form" -> open(SHOP + "/login", "POST", FORM_TYPE, FORM);
            case "json" -> open(API + "/api/items", "POST", "application/json; charset=utf-8", "{\"a\": \"<b>\"}");
            case "multipart" -> open(SHOP + "/upload", "POST", PARTS_TYPE, PARTS);
            case "chunked" -> open(SHOP + "/upload", "POST", "application/octet-stream", "abc");
            case "redirect" -> open(SHOP + "/redirect");
            case "login" -> open(SHOP + "/private");
            case "range" -> with(open(SHOP + "/logo.png"), "Range", "bytes=0-99");
            case "conditional" -> with(open(SHOP + "/"), "If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT");
            case "put" -> open(API + "/api/items/1", "PUT", "application/json", "{}");
            case "delete" -> method(open(API + "/api/items/1"), "DELETE");
            default -> throw new IllegalArgumentException(what);
        };
        connection.getResponseCode();
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments[1].equals("version")) {
            System.out.println("OpenJDK " + Runtime.version());
        } else if (arguments[0].equals("new")) {
            newer(arguments[1]);
        } else {
            older(arguments[1]);
        }
    }
}
