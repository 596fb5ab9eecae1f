// SPDX-License-Identifier: Apache-2.0
// OkHttp, which programs for Android speak HTTP with, to be recorded: `OkHttp WHAT`, or `OkHttp version`.

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import okhttp3.Cookie;
import okhttp3.CookieJar;
import okhttp3.Credentials;
import okhttp3.FormBody;
import okhttp3.HttpUrl;
import okhttp3.MediaType;
import okhttp3.MultipartBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okio.BufferedSink;

class OkHttp {
    static final String SHOP = "http://shop.example";
    static final String API = "http://api.example";
    static final MediaType JSON = MediaType.get("application/json; charset=utf-8");

    /** Keeps what a server sets, as an app's does. */
    static class Jar implements CookieJar {
        private final Map<String, List<Cookie>> kept = new HashMap<>();

        @Override
        public void saveFromResponse(HttpUrl url, List<Cookie> cookies) {
            kept.put(url.host(), new ArrayList<>(cookies));
        }

        @Override
        public List<Cookie> loadForRequest(HttpUrl url) {
            return kept.getOrDefault(url.host(), List.of());
        }
    }

    /** A body whose length is not known before. */
    static class Streamed extends RequestBody {
        @Override
        public MediaType contentType() {
            return MediaType.get("application/octet-stream");
        }

        @Override
        public void writeTo(BufferedSink sink) throws IOException {
            sink.writeUtf8("abc");
        }
    }

    static Request.Builder to(String url) {
        return new Request.Builder().url(url);
    }

    static Request.Builder to(HttpUrl url) {
        return new Request.Builder().url(url);
    }

    static Request.Builder request(String what) {
        RequestBody json = RequestBody.create(JSON, "{\"a\": \"<b>\"}");
        return switch (what) {
            case "page" -> to(SHOP + "/");
            case "head" -> to(SHOP + "/logo.png").head();
            case "query" -> to(HttpUrl.get(SHOP + "/search").newBuilder()
                    .addPathSegment("a b|c").addQueryParameter("q", "café & <crème> 50%")
                    .addQueryParameter("x[]", "{1}").addQueryParameter("y", "a,b;c|d^e`f").build());
            case "form" -> to(SHOP + "/login").post(new FormBody.Builder()
                    .add("user", "Jürgen").add("password", "p&ss <w>").build());
            case "json" -> to(API + "/api/items").post(json).header("Authorization", "Bearer a.b-c_d~e+f/g==");
            case "multipart" -> to(SHOP + "/upload").post(new MultipartBody.Builder().setType(MultipartBody.FORM)
                    .addFormDataPart("title", "Äpfel").addFormDataPart("file", "ä \"b\".png",
                            RequestBody.create(MediaType.get("image/png"), new byte[] {0, 1, -1})).build());
            case "chunked" -> to(SHOP + "/upload").post(new Streamed());
            case "expect" -> to(SHOP + "/upload").post(json).header("Expect", "100-continue");
            case "empty post" -> to(API + "/api/items").post(RequestBody.create(null, new byte[0]));
            case "redirect" -> to(SHOP + "/redirect").post(json);
            case "login" -> to(SHOP + "/private").header("Authorization", Credentials.basic("user", "p:w"));
            case "range" -> to(SHOP + "/logo.png").header("Range", "bytes=0-99").header("If-Range", "\"1\"");
            case "conditional" -> to(SHOP + "/").header("If-None-Match", "W/\"1\"")
                    .header("If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT");
            case "put" -> to(API + "/api/items/1").put(json);
            case "patch" -> to(API + "/api/items/1").patch(json);
            case "delete" -> to(API + "/api/items/1").delete();
            default -> throw new IllegalArgumentException(what);
        };
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments[0].equals("version")) {
            System.out.println(okhttp3.internal.Version.userAgent());
            return;
        }
        OkHttpClient client = new OkHttpClient.Builder().cookieJar(new Jar()).build();
        try (Response reply = client.newCall(request(arguments[0]).build()).execute()) {
            reply.body().bytes();
        }
        System.exit(0);
    }
}
