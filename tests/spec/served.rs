//! What the service says of itself: the contract, the documentation, the pages about problems.

use gpt_object_store::api::generated::types::ProblemCode;
use gpt_object_store::api::problem::entry;
use gpt_object_store_openapi::{Plane, lint, load};
use regex::Regex;
use reqwest::Method;
use serde_json::Value;

use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::conformance;

async fn get(app: &App, path: &str) -> Answer {
    app.call(Method::GET, path).await.expect(200)
}

/// What the outside calls the service, as problems say it.
async fn public_url(app: &App) -> String {
    let problem = app.call(Method::GET, "/nowhere").await.string("type");
    problem
        .strip_suffix("/problems/not-found")
        .unwrap()
        .to_owned()
}

on_both!(the_contracts_are_served_with_the_public_url);
async fn the_contracts_are_served_with_the_public_url(app: App) {
    let public_url = public_url(&app).await;
    for plane in Plane::ALL {
        let name = plane.name();
        let yaml = get(&app, &format!("/openapi/{name}.yaml")).await;
        let json = get(&app, &format!("/openapi/{name}.json")).await;
        for (document, media_type) in [(&yaml, "application/yaml"), (&json, "application/json")] {
            assert_eq!(document.header("content-type").as_deref(), Some(media_type));
        }
        let written: Vec<_> = plane.yaml().lines().collect();
        let lines = yaml.text().lines().zip(&written);
        for (served, written) in lines.filter(|(served, written)| served != *written) {
            assert_eq!(
                *served,
                written.replace("http://localhost:8000", &public_url)
            );
        }
        assert_eq!(yaml.text().lines().count(), written.len());
        let served = load(yaml.text()).unwrap();
        assert_eq!(json.json(), served.value());
        assert_eq!(json["openapi"], "3.1.0");
        assert_eq!(json["servers"], serde_json::json!([{ "url": public_url }]));
    }
}

#[test]
fn the_contracts_have_no_faults() {
    for plane in Plane::ALL {
        let findings = lint(&load(plane.yaml()).unwrap(), plane);
        let sentences: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(sentences.is_empty(), "{}", sentences.join("\n"));
    }
}

on_both!(the_documentation_loads_nothing_from_elsewhere);
async fn the_documentation_loads_nothing_from_elsewhere(app: App) {
    let loads = Regex::new(r#"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'> ]*"#).unwrap();
    for (path, operation) in [("/docs", "create_object"), ("/admin/docs", "create_gpt")] {
        let docs = get(&app, path).await;
        assert_eq!(
            docs.header("content-type").as_deref(),
            Some("text/html; charset=utf-8")
        );
        let policy = docs.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("http"),
            "{policy}"
        );
        assert!(
            docs.text().contains(operation),
            "the contract is in the page"
        );
        let outside: Vec<_> = loads
            .find_iter(docs.text())
            .map(|found| found.as_str())
            .collect();
        assert!(outside.is_empty(), "{outside:?}");
    }
    for path in ["/", "/problems"] {
        let page = get(&app, path).await;
        assert!(
            !page.text().contains("<script") && loads.find(page.text()).is_none(),
            "{path}"
        );
    }
}

on_both!(every_kind_of_problem_has_its_page);
async fn every_kind_of_problem_has_its_page(app: App) {
    let index = get(&app, "/problems").await;
    for code in ProblemCode::ALL {
        let page = get(&app, &format!("/problems/{}", code.as_str())).await;
        assert_eq!(
            page.header("content-type").as_deref(),
            Some("text/html; charset=utf-8")
        );
        assert!(page.header("content-security-policy").is_some());
        assert!(page.text().contains(entry(code).title), "{page}");
        assert!(
            page.text()
                .contains(&entry(code).status.as_u16().to_string()),
            "{page}"
        );
        assert!(
            index.text().contains(code.as_str()),
            "{code:?} is not in the index"
        );
    }
}

#[test]
fn the_catalogue_is_the_documents_enum() {
    let documented = conformance::schema("ProblemCode")["enum"]
        .as_array()
        .unwrap();
    let codes: Vec<_> = ProblemCode::ALL
        .into_iter()
        .map(|code| Value::from(code.as_str()))
        .collect();
    assert_eq!(*documented, codes);
    for code in ProblemCode::ALL {
        let entry = entry(code);
        assert!(entry.status.as_u16() >= 400, "{code:?}");
        assert!(
            !entry.title.is_empty() && entry.explanation.ends_with('.'),
            "{code:?}"
        );
    }
}

#[test]
fn every_failure_that_is_declared_is_a_problem() {
    for operation in conformance::operations() {
        let has_default = operation.statuses().any(|status| status == "default");
        assert!(
            has_default,
            "{} declares no default response",
            operation.operation_id
        );
        for (status, response) in &operation.responses {
            let fails = status == "default" || status.starts_with(['4', '5']);
            let media_types: Vec<_> = response["content"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.keys())
                .collect();
            let is_problem = media_types == ["application/problem+json"];
            assert_eq!(
                is_problem, fails,
                "{} {status}: {media_types:?}",
                operation.operation_id
            );
        }
    }
}
