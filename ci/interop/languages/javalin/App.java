import io.javalin.Javalin;
import io.javalin.http.TooManyRequestsResponse;
import java.util.Collections;
import java.util.stream.Collectors;

/** A web service as one writes it with Javalin: it knows nothing of Kubernetes. */
class App {
    public static void main(String[] arguments) {
        Javalin.create(config -> {
            config.http.maxRequestSize = 16L << 20;
            config.http.generateEtags = true;
            config.routes.get("/headers", context -> context.result(
                Collections.list(context.req().getHeaderNames()).stream()
                    .flatMap(name -> Collections.list(context.req().getHeaders(name)).stream().map(value -> name + ": " + value))
                    .collect(Collectors.joining("\n"))));
            config.routes.get("/hello/{name}", context ->
                context.result(context.pathParam("name") + " " + context.queryParamMap() + " " + context.req().getRequestURI()));
            config.routes.post("/length", context -> context.result("" + context.bodyAsBytes().length));
            config.routes.get("/basket", context -> {
                context.cookie("basket", "full");
                context.result("" + context.cookie("basket"));
            });
            config.routes.get("/old", context -> context.redirect("/hello/new"));
            config.routes.get("/broken", context -> context.status(503).html("<h1>The <b>stock</b> is counted</h1>"));
            config.routes.get("/busy", context -> { throw new TooManyRequestsResponse("later"); });
            config.routes.sse("/events", client -> {
                for (int number = 0; number < 3; number++) {
                    client.sendEvent("number", "" + number);
                }
                client.close();
            });
            config.routes.ws("/chat", chat -> chat.onMessage(context -> context.send(context.message())));
        }).start("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
