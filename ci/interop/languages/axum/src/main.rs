//! A web service as one writes it with axum: it knows nothing of Kubernetes.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode, Uri},
    response::{Html, Redirect, Response, Sse, sse::Event},
    routing::{any, get, post},
};
use tokio_stream::{Stream, StreamExt};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new()
        .route("/headers", any(headers))
        .route("/hello/{name}", get(hello))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/events", get(events))
        .route(
            "/chat",
            get(async |upgrade: WebSocketUpgrade| -> Response { upgrade.on_upgrade(chat) }),
        )
        .route("/old", get(async || Redirect::permanent("/hello/new")))
        .route(
            "/broken",
            get(async || (StatusCode::IM_A_TEAPOT, Html("<h1>I'm a teapot</h1>"))),
        )
        .layer(DefaultBodyLimit::max(16 << 20));
    let address = std::env::args()
        .nth(1)
        .expect("where to listen, such as 127.0.0.1:8000");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .expect("a free address");
    axum::serve(listener, app).await.expect("to serve");
}

/// One line for each header, as it came.
async fn headers(headers: HeaderMap) -> String {
    headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")))
        .collect()
}

async fn hello(
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    uri: Uri,
) -> String {
    format!("{name} {query:?} {uri}")
}

/// Three events, a tenth of a second apart.
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let numbers = tokio_stream::iter(0..3).throttle(Duration::from_millis(100));
    Sse::new(numbers.map(|number| Ok(Event::default().data(number.to_string()))))
}

async fn chat(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
