// SPDX-License-Identifier: Apache-2.0
// Apache's HttpClient 4, to be recorded: `ApacheHttp WHAT`, or `ApacheHttp version`.

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.http.auth.AuthScope;
import org.apache.http.auth.UsernamePasswordCredentials;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.entity.UrlEncodedFormEntity;
import org.apache.http.client.methods.HttpDelete;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.client.methods.HttpHead;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.client.methods.HttpPut;
import org.apache.http.client.methods.HttpRequestBase;
import org.apache.http.client.utils.URIBuilder;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.entity.ContentType;
import org.apache.http.entity.InputStreamEntity;
import org.apache.http.entity.StringEntity;
import org.apache.http.impl.client.BasicCredentialsProvider;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.impl.client.LaxRedirectStrategy;
import org.apache.http.message.BasicNameValuePair;
import org.apache.http.util.EntityUtils;
import org.apache.http.util.VersionInfo;

class ApacheHttp {
    static final String SHOP = "http://shop.example";
    static final String API = "http://api.example";
    static final String PARTS = "--=_x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ä.png\"\r\n\r\n"
            + "x\r\n--=_x--\r\n";

    static HttpPost post(String url, org.apache.http.HttpEntity entity) {
        HttpPost request = new HttpPost(url);
        request.setEntity(entity);
        return request;
    }

    static HttpPut put(String url, org.apache.http.HttpEntity entity) {
        HttpPut request = new HttpPut(url);
        request.setEntity(entity);
        return request;
    }

    static <T extends HttpRequestBase> T with(T request, String name, String value) {
        request.addHeader(name, value);
        return request;
    }

    static HttpRequestBase request(String what) throws URISyntaxException {
        URI query = new URIBuilder(SHOP + "/search").addParameter("q", "café & <crème> 50%")
                .addParameter("x[]", "{1}").addParameter("y", "a,b;c|d").build();
        StringEntity json = new StringEntity("{\"a\": \"<b>\"}", ContentType.APPLICATION_JSON);
        return switch (what) {
            case "page" -> new HttpGet(SHOP + "/");
            case "head" -> new HttpHead(SHOP + "/logo.png");
            case "query" -> new HttpGet(query);
            case "form" -> post(SHOP + "/login", new UrlEncodedFormEntity(List.of(
                    new BasicNameValuePair("user", "Jürgen"), new BasicNameValuePair("password", "p&ss <w>")),
                    StandardCharsets.UTF_8));
            case "json", "expect" -> post(API + "/api/items", json);
            case "multipart" -> post(SHOP + "/upload", new ByteArrayEntity(PARTS.getBytes(StandardCharsets.UTF_8),
                    ContentType.parse("multipart/form-data; boundary=\"=_x\"")));
            case "chunked" -> post(SHOP + "/upload", new InputStreamEntity(new ByteArrayInputStream(new byte[] {65})));
            case "redirect" -> post(SHOP + "/redirect", json);
            case "login" -> new HttpGet(SHOP + "/private");
            case "digest" -> new HttpGet(SHOP + "/digest?a=b");
            case "range" -> with(new HttpGet(SHOP + "/logo.png"), "Range", "bytes=0-99");
            case "conditional" -> with(new HttpGet(SHOP + "/"), "If-None-Match", "W/\"1\", \"2\"");
            case "put" -> put(API + "/api/items/1", json);
            case "delete" -> new HttpDelete(API + "/api/items/1");
            default -> throw new IllegalArgumentException(what);
        };
    }

    public static void main(String[] arguments) throws IOException, URISyntaxException {
        String what = arguments[0];
        if (what.equals("version")) {
            VersionInfo found = VersionInfo.loadVersionInfo("org.apache.http.client", null);
            System.out.println("Apache-HttpClient " + found.getRelease());
            return;
        }
        BasicCredentialsProvider login = new BasicCredentialsProvider();
        login.setCredentials(AuthScope.ANY, new UsernamePasswordCredentials("user", "p:w"));
        RequestConfig config = RequestConfig.custom().setExpectContinueEnabled(what.equals("expect")).build();
        try (CloseableHttpClient client = HttpClients.custom().setDefaultRequestConfig(config)
                .setDefaultCredentialsProvider(login).setRedirectStrategy(new LaxRedirectStrategy()).build()) {
            EntityUtils.consume(client.execute(request(what)).getEntity());
        }
    }
}
