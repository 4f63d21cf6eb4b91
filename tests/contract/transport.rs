//! HTTP that no generated client sends: other methods and media types, odd paths, bodies that stop.

use reqwest::Method;
use serde_json::json;

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(bodies_must_say_that_they_are_json);
async fn bodies_must_say_that_they_are_json(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = |media_type: &str| {
        gpt.create_object("notes", json!({}))
            .header("content-type", media_type)
    };
    for media_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=UTF-8",
    ] {
        create(media_type).await.expect(201);
    }
    for media_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonx",
        "application/merge-patch+json",
        "/",
        "é",
    ] {
        create(media_type)
            .await
            .expect(415)
            .problem("unsupported-media-type");
    }
    assert_problem("unsupported_media_type", &create("text/plain").await);
    // Authorisation comes before the body is looked at.
    create("text/plain").key("nonsense").await.expect(401);
    assert_eq!(gpt.list_objects("notes").await.items().len(), 3);
}

on_both!(other_methods_are_refused_with_those_allowed);
async fn other_methods_are_refused_with_those_allowed(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let allowed = async |method: Method, path: String| {
        let refused = gpt
            .call(method, path)
            .await
            .expect(405)
            .problem("method-not-allowed");
        let mut methods: Vec<_> = refused
            .header("allow")
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect();
        methods.sort_unstable();
        methods.join(" ")
    };
    let collections = format!("/v1/gpts/{}/collections", gpt.id());
    assert_eq!(allowed(Method::PUT, collections.clone()).await, "GET POST");
    assert_eq!(
        allowed(Method::PATCH, format!("{collections}/notes")).await,
        "DELETE GET"
    );
    assert_eq!(
        allowed(Method::GET, format!("{collections}/notes/objects/batch")).await,
        "POST"
    );
    assert_eq!(
        allowed(Method::POST, format!("/v1/objects/{id}")).await,
        "DELETE GET PATCH PUT"
    );
    assert_eq!(
        allowed(Method::DELETE, "/v1/limits".to_owned()).await,
        "GET"
    );
    assert_eq!(allowed(Method::POST, "/health".to_owned()).await, "GET");
    assert_eq!(allowed(Method::POST, "/docs".to_owned()).await, "GET");
    assert_eq!(
        allowed(Method::OPTIONS, format!("/v1/objects/{id}")).await,
        "DELETE GET PATCH PUT"
    );
    assert_eq!(
        allowed(Method::TRACE, format!("/v1/objects/{id}")).await,
        "DELETE GET PATCH PUT"
    );
    assert_eq!(
        allowed("BREW".parse().unwrap(), "/health".to_owned()).await,
        "GET"
    );
}

on_both!(head_is_answered_without_a_body);
async fn head_is_answered_without_a_body(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    for path in [
        format!("/v1/objects/{id}"),
        "/health".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let head = gpt.call(Method::HEAD, path).await;
        assert!([200, 404, 405].contains(&head.status()), "{head}");
        assert_eq!(head.text(), "");
    }
}

on_both!(unknown_paths_are_problems_too);
async fn unknown_paths_are_problems_too(app: App) {
    let gpt = app.gpt_with_notes().await;
    for path in [
        "/v1",
        "/v1/",
        "/v2/limits",
        "/v1/limits/",
        "/v1//limits",
        "/v1/objects",
        "/v1/objects/",
        "/V1/limits",
        "/favicon.ico",
        "/problems/no-such-problem",
        "/docs/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ] {
        gpt.call(Method::GET, path)
            .await
            .expect(404)
            .problem("not-found");
    }
    assert_problem("not_found", &gpt.call(Method::GET, "/v1/nowhere").await);
    // Paths are not secret, so a route that is not there needs no key.
    app.call(Method::GET, "/v1/nowhere").await.expect(404);
}

on_both!(odd_characters_in_paths_are_refused);
async fn odd_characters_in_paths_are_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    let collections = format!("/v1/gpts/{}/collections", gpt.id());
    for name in [
        "a%2Fb", "%00", "a%00", "%ff", "%", "%2", "%zz", "a%20b", "%C3%A9", "a+b", "..%2f..", "%2e",
    ] {
        let answer = gpt.call(Method::GET, format!("{collections}/{name}")).await;
        assert!([400, 404].contains(&answer.status()), "{name}\n{answer}");
        let answer = gpt
            .call(Method::GET, format!("{collections}/{name}/objects"))
            .await;
        assert!([400, 404].contains(&answer.status()), "{name}\n{answer}");
        let answer = gpt.call(Method::GET, format!("/v1/objects/{name}")).await;
        assert!([400, 404].contains(&answer.status()), "{name}\n{answer}");
        // Whose path it is cannot be told, so it is another's.
        let answer = gpt
            .call(Method::GET, format!("/v1/gpts/{name}/collections"))
            .await;
        assert!(
            [400, 403, 404].contains(&answer.status()),
            "{name}\n{answer}"
        );
    }
    // A letter may be encoded without need.
    gpt.call(Method::GET, format!("{collections}/n%6Ftes"))
        .await
        .expect(200);
}

on_both!(urls_have_a_bounded_length);
async fn urls_have_a_bounded_length(app: App) {
    let gpt = app.gpt_with_notes().await;
    let long = "x".repeat(40_000);
    let path = gpt
        .call(Method::GET, format!("/v1/objects/{long}"))
        .await
        .expect(414);
    assert_eq!(path["code"], "uri-too-long");
    gpt.list_objects("notes")
        .query("filter", &long)
        .await
        .expect(414)
        .problem("uri-too-long");
    app.call(Method::GET, &format!("/{long}")).await.expect(414);
}

on_both!(headers_that_are_no_ascii_are_refused);
async fn headers_that_are_no_ascii_are_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    gpt.get_object(&id)
        .header("If-None-Match", "\"é\"")
        .await
        .refuses("If-None-Match");
    gpt.delete_object(&id)
        .header("If-Match", b"\"\xff\"")
        .await
        .refuses("If-Match");
    let create = gpt
        .create_object("notes", json!({}))
        .header("Idempotency-Key", "schlüssel");
    create.await.refuses("Idempotency-Key");
    app.call(Method::GET, "/v1/limits")
        .header("authorization", b"Bearer \xff\xfe")
        .await
        .expect(401);
    // What no operation reads does no harm.
    gpt.get_object(&id)
        .header("x-anything", b"\xff")
        .header("cookie", "é")
        .await
        .expect(200);
}

on_both!(request_ids_come_back_if_they_are_fit);
async fn request_ids_come_back_if_they_are_fit(app: App) {
    let sent = async |id: &[u8]| {
        let answer = app
            .call(Method::GET, "/health")
            .header("x-request-id", id)
            .await
            .expect(200);
        answer.header("x-request-id").unwrap()
    };
    assert_eq!(sent(b"a-1_2.3:4/5").await, "a-1_2.3:4/5");
    for unfit in [
        &b"a b"[..],
        b"a\"b",
        b"a<b",
        b"\xff",
        "x".repeat(129).as_bytes(),
    ] {
        assert_ne!(sent(unfit).await.as_bytes(), unfit);
    }
    let problem = app
        .call(Method::GET, "/nowhere")
        .header("x-request-id", "mine")
        .await;
    assert_eq!(problem["request_id"], "mine");
}

on_both!(bodies_without_length_are_read_up_to_the_limit);
async fn bodies_without_length_are_read_up_to_the_limit(app: App) {
    let gpt = app.gpt_with_notes().await;
    let whole = br#"{"body":{"a":"0123456789"}}"#.to_vec();
    let chunks = whole.chunks(5).map(<[u8]>::to_vec).collect();
    let created = gpt
        .create_object("notes", json!({}))
        .chunks(chunks)
        .await
        .expect(201);
    assert_eq!(created["body"], json!({ "a": "0123456789" }));

    let limit = usize::try_from(gpt.get_limits().await.number("request_bytes")).unwrap();
    let head = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        head(&gpt),
        limit + 1
    );
    let over = [head.as_bytes(), &vec![b' '; limit + 1], b"\r\n0\r\n\r\n"].concat();
    let refused = app.raw(over).await.expect("an answer");
    assert_problem(
        "payload_too_large",
        &refused.expect(413).problem("payload-too-large"),
    );
}

/// The beginning of a raw request that would create an object.
fn head(gpt: &Gpt) -> String {
    format!(
        "POST /v1/gpts/{}/collections/notes/objects HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
        gpt.id(),
        gpt.key()
    )
}

on_both!(a_body_that_says_it_is_too_long_is_not_awaited);
async fn a_body_that_says_it_is_too_long_is_not_awaited(app: App) {
    let gpt = app.gpt_with_notes().await;
    let announced = format!("{}Content-Length: 99999999999\r\n\r\n", head(&gpt));
    let refused = app.raw(announced).await.expect("an answer");
    refused.expect(413).problem("payload-too-large");
}

on_both!(a_body_that_stops_half_way_is_refused);
async fn a_body_that_stops_half_way_is_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    let stopped = [
        format!(
            "{}Content-Length: 1000\r\n\r\n{{\"body\":{{}}}}",
            head(&gpt)
        ),
        format!("{}Content-Length: 1000\r\n\r\n", head(&gpt)),
        format!(
            "{}Transfer-Encoding: chunked\r\n\r\nb\r\n{{\"body\":{{}}}}",
            head(&gpt)
        ),
        format!(
            "{}Transfer-Encoding: chunked\r\n\r\n100\r\n{{\"body\":{{}}}}",
            head(&gpt)
        ),
        format!(
            "{}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{\"body\":{{}}}}\r\n0\r\n\r\n",
            head(&gpt)
        ),
    ];
    for request in stopped {
        // Whether there is anybody left to answer is not for the server to know.
        if let Some(answer) = app.raw(request.clone()).await {
            answer.expect(400).problem("malformed-json");
        }
    }
    assert_eq!(gpt.list_objects("notes").await.items().len(), 0);
    app.call(Method::GET, "/health").await.expect(200);
}
