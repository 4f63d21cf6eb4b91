//! `get_readiness`: whether requests can be sent here, and what they would find.

use reqwest::Method;

use crate::support::app::App;

on_both!(names_what_it_stands_on);
async fn names_what_it_stands_on(app: App) {
    let ready = app.call(Method::GET, "/health/ready").await.expect(200);
    assert_eq!(ready["status"], "ready");
    let components = ready["components"].as_array().unwrap();
    let state = |name: &str| {
        let component = components.iter().find(|one| one["name"] == name).unwrap();
        let latency = component["latency_ms"].as_f64();
        let status = component["status"].as_str().unwrap().to_owned();
        (status, component["required"] == true, latency.is_some())
    };
    assert_eq!(state("database"), ("ok".to_owned(), true, true));
    assert_eq!(state("queue"), ("ok".to_owned(), false, true));
    assert_eq!(state("storage"), ("ok".to_owned(), false, true));
    assert_eq!(state("redis"), ("off".to_owned(), false, false));
}
