//! The document that the running service reports, against the one that was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use gpt_object_store::api::cursor::CursorCodec;
use gpt_object_store::api::{Handlers, openapi_service};
use gpt_object_store::config::{Config, Source};
use gpt_object_store::service::Service;
use gpt_object_store::store::{DatabaseSettings, Store};
use gpt_object_store_openapi::{GPT_OBJECT_STORE_YAML, diff, load, lower, normalize};

#[tokio::test]
async fn the_service_is_what_the_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("drift.db").display());
    let config = Config::read(Source::new(BTreeMap::from([(
        "DATABASE_URL".to_owned(),
        url,
    )])))
    .unwrap();
    let store = Store::connect(&DatabaseSettings::new(config.database.url))
        .await
        .unwrap();
    let handlers = Handlers {
        service: Service::new(store, config.limits),
        cursors: CursorCodec::new(b"of no importance").unwrap(),
        public_url: "http://localhost:8000".into(),
        storage_info: None,
    };
    let reported = openapi_service(Arc::new(handlers)).spec();
    let reported = serde_json::from_str(&reported).unwrap();
    let written = lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap();
    let differences = diff(&normalize(&written), &normalize(&reported));
    let sentences: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert!(
        sentences.is_empty(),
        "{} differences:\n{}",
        sentences.len(),
        sentences.join("\n")
    );
}
