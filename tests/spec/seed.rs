//! What the requirements spell out: their paths exist, and their curl lines work as pasted.

use reqwest::Method;
use serde_json::Value;

use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::conformance;

/// The endpoints that the specification lists as the minimum, below `/v1`.
const ENDPOINTS: [(&str, &str); 8] = [
    ("POST", "/gpts/{gpt_id}/collections"),
    ("GET", "/gpts/{gpt_id}/collections"),
    ("GET", "/gpts/{gpt_id}/collections/{name}"),
    ("POST", "/gpts/{gpt_id}/collections/{name}/objects"),
    ("GET", "/gpts/{gpt_id}/collections/{name}/objects"),
    ("GET", "/objects/{id}"),
    ("PATCH", "/objects/{id}"),
    ("DELETE", "/objects/{id}"),
];

/// The lines under "API Usage".
const CURL_LINES: [&str; 3] = [
    r#"curl -X POST "http://localhost:8000/v1/gpts/my-gpt/collections" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"name": "notes"}'"#,
    r#"curl -X POST "http://localhost:8000/v1/gpts/my-gpt/collections/notes/objects" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"body": {"title": "My Note", "content": "Hello World"}}'"#,
    r#"curl "http://localhost:8000/v1/gpts/my-gpt/collections/notes/objects?limit=50" \
  -H "Authorization: Bearer YOUR_API_KEY""#,
];

#[test]
fn every_endpoint_of_the_minimum_set_is_there() {
    for (method, path) in ENDPOINTS {
        let path = format!("/v1{path}");
        let operation = conformance::operation(method, &path);
        assert_eq!(
            operation.map(|operation| operation.path.as_str()),
            Some(path.as_str()),
            "{method}"
        );
    }
}

#[test]
fn lists_take_limit_cursor_and_order() {
    for operation in conformance::operations()
        .iter()
        .filter(|operation| operation.operation_id.starts_with("list_"))
        // Operators read lists forwards, in one order.
        .filter(|operation| !conformance::is_operators(operation))
        // Files are listed as OpenAI lists them.
        .filter(|operation| operation.path != "/v1/files")
    {
        for name in ["limit", "cursor", "order"] {
            let parameter = operation
                .parameters
                .iter()
                .find(|parameter| parameter.name == name);
            let parameter =
                parameter.unwrap_or_else(|| panic!("{} has no {name}", operation.operation_id));
            let default = &parameter.schema["default"];
            match name {
                "limit" => assert_eq!(
                    (default, &parameter.schema["maximum"]),
                    (&Value::from(50), &Value::from(200))
                ),
                "order" => assert_eq!(default, "desc"),
                _ => {}
            }
        }
    }
}

on_both!(the_curl_lines_work_as_pasted);
async fn the_curl_lines_work_as_pasted(app: App) {
    let gpt = app.gpt().await;
    run(&app, &gpt, CURL_LINES[0]).await.expect(201);
    let created = run(&app, &gpt, CURL_LINES[1]).await.expect(201);
    let listed = run(&app, &gpt, CURL_LINES[2]).await.expect(200);
    assert_eq!(listed.items(), [created.json().clone()]);
    assert_eq!(created["body"]["title"], "My Note");
}

/// Does what curl would, for this GPT in place of `my-gpt`.
async fn run(app: &App, gpt: &Gpt, line: &str) -> Answer {
    let argument = |flag: &str| {
        let quoted = line.split_once(flag)?.1.trim_start();
        let quote = quoted.chars().next()?;
        quoted[1..].split_once(quote).map(|(text, _)| text)
    };
    let url = argument("-X POST").or_else(|| argument("curl")).unwrap();
    let path = url
        .strip_prefix("http://localhost:8000")
        .unwrap()
        .replace("my-gpt", gpt.id());
    let authorization = argument("-H").unwrap().replace("YOUR_API_KEY", gpt.key());
    let (name, value) = authorization.split_once(": ").unwrap();
    let method = if line.contains("-X POST") {
        Method::POST
    } else {
        Method::GET
    };
    let call = app.call(method, &path).header(name, value);
    match argument("-d") {
        Some(body) => {
            call.header("content-type", "application/json")
                .bytes(body)
                .await
        }
        None => call.await,
    }
}
